// SPDX-License-Identifier: Apache-2.0
// The little DER (X.690) that keys and ECDSA signatures need, read strictly. Allocates nothing and the reader copies
// nothing: secrets stay where the caller can wipe them. Internal.
#ifndef SS_CORE_DER_H
#define SS_CORE_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SS_DER_INTEGER = 0x02,
    SS_DER_BIT_STRING = 0x03,
    SS_DER_OCTET_STRING = 0x04,
    SS_DER_NULL = 0x05,
    SS_DER_OID = 0x06,
    SS_DER_SEQUENCE = 0x30,
    SS_DER_CONTEXT_0 = 0xA0, ///< [0], constructed
    SS_DER_CONTEXT_1 = 0xA1,
};

/// A range of bytes: what is still to be read, or the contents of an element.
struct ss_der {
    const uint8_t *p;
    size_t len;
};

/// Moves @p in past its first element, which must have @p tag and fit, and gives its contents. False: not so, and
/// @p in stays. Lengths must be minimal and below 64 KiB.
bool ss_der_take(struct ss_der *in, uint8_t tag, struct ss_der *contents);

/// An INTEGER that is not negative, big endian without leading zeros (zero is empty). It must be minimally encoded.
bool ss_der_take_unsigned(struct ss_der *in, struct ss_der *number);

/// A small INTEGER, 0–127.
bool ss_der_take_small(struct ss_der *in, uint8_t *number);

/// A BIT STRING of whole bytes.
bool ss_der_take_bits(struct ss_der *in, struct ss_der *bytes);

/// A big endian number of fixed width without its leading zeros.
struct ss_der ss_der_strip(const uint8_t *number, size_t len);

/// A buffer that is written from the front; len is used. What does not fit sets failed, once and for all.
struct ss_der_writer {
    uint8_t *p;
    size_t size, len;
    bool failed;
};

/// Appends tag and length of an element; its contents (below 64 KiB) follow by ss_der_put().
void ss_der_put_header(struct ss_der_writer *out, uint8_t tag, size_t contents_len);
void ss_der_put(struct ss_der_writer *out, const void *contents, size_t len);
/// Appends an INTEGER: @p number is big endian, not negative, without leading zeros.
void ss_der_put_unsigned(struct ss_der_writer *out, const uint8_t *number, size_t len);

#endif
