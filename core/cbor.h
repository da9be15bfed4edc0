// SPDX-License-Identifier: Apache-2.0
// CBOR (RFC 8949) as far as statements need it: deterministic encoding (§4.2) and nothing else. No floats, no indefinite
// lengths, no nesting beyond what the caller asks for, no integer above 2^53 - 1. Internal.
#ifndef SS_CORE_CBOR_H
#define SS_CORE_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/statement.h"

/// Reads from a buffer that stays where it is: strings come back as pointers into it. The first thing that is wrong
/// stays in `reason` and `fault`; every later call does nothing and gives 0, so that a parser looks once, at its end.
struct ss_cbor_reader {
    const uint8_t *p, *end;
    const uint8_t *fault;  ///< where `reason` was found
    enum ss_reason reason; ///< SS_REASON_NONE while all is well
    uint8_t left;          ///< pairs of the current map that were not read
};

void ss_cbor_reader_init(struct ss_cbor_reader *r, const uint8_t *in, size_t len);
/// Records @p reason at the current position, unless there is one.
void ss_cbor_fail(struct ss_cbor_reader *r, enum ss_reason reason);
/// The same for what was read before, at @p at.
void ss_cbor_fail_at(struct ss_cbor_reader *r, const uint8_t *at, enum ss_reason reason);

/// An unsigned integer from @p min to @p max, else SS_REASON_RANGE.
uint64_t ss_cbor_uint(struct ss_cbor_reader *r, uint64_t min, uint64_t max);
/// The same of 32 bits, which is what devices have registers for.
uint32_t ss_cbor_u32(struct ss_cbor_reader *r, uint32_t min, uint32_t max);
/// An integer from 1 to SS_STATEMENT_INT_MAX.
uint64_t ss_cbor_positive(struct ss_cbor_reader *r);
/// An unsigned integer from @p min to @p max that is a multiple of @p unit, else SS_REASON_RANGE.
uint32_t ss_cbor_multiple(struct ss_cbor_reader *r, uint32_t unit, uint32_t min, uint32_t max);
/// The integer -1 - @p n, and no other: SS_REASON_RANGE.
void ss_cbor_negative(struct ss_cbor_reader *r, uint32_t n);
/// A byte string of @p min to @p max bytes.
struct ss_span ss_cbor_bytes(struct ss_cbor_reader *r, size_t min, size_t max);
/// A byte string of exactly @p len bytes; NULL after a fault.
const uint8_t *ss_cbor_fixed(struct ss_cbor_reader *r, size_t len);
/// A text string of @p min to @p max bytes, all of them from space to `~`.
struct ss_span ss_cbor_text(struct ss_cbor_reader *r, size_t min, size_t max);
/// A text string of letters, digits, `.`, `_` and `-`: names and ids.
struct ss_span ss_cbor_name(struct ss_cbor_reader *r, size_t max);
/// The head of an array of @p min to @p max items; their number.
unsigned ss_cbor_array(struct ss_cbor_reader *r, unsigned min, unsigned max);
/// The tag @p tag, and no other.
void ss_cbor_tag(struct ss_cbor_reader *r, uint32_t tag);

/// The head of a map. Its keys are small unsigned integers; asking for them in ascending order is what enforces the
/// order of deterministic encoding, and leaves no room for a key that comes twice.
void ss_cbor_map(struct ss_cbor_reader *r);
/// Reads the key if it is the next one.
bool ss_cbor_has(struct ss_cbor_reader *r, unsigned key);
/// Reads the key, which must be the next one.
void ss_cbor_need(struct ss_cbor_reader *r, unsigned key);
/// No pair may be left.
void ss_cbor_map_end(struct ss_cbor_reader *r);
/// No byte may be left.
void ss_cbor_end(struct ss_cbor_reader *r);

/// The verdict of a whole parse: SS_OK, or SS_ERROR_DATA_INVALID with @p why (may be NULL), whose offset counts from
/// @p base.
ss_status_t ss_cbor_status(const struct ss_cbor_reader *r, const uint8_t *base, struct ss_refusal *why);

/// Writes to a buffer; what does not fit is only counted. NULL with size 0 measures.
struct ss_cbor_writer {
    uint8_t *out;
    size_t size;
    size_t len; ///< bytes needed so far; > size means that the output is not complete
};

void ss_cbor_put_uint(struct ss_cbor_writer *w, uint64_t v);
/// The integer -1 - @p n.
void ss_cbor_put_negative(struct ss_cbor_writer *w, uint64_t n);
void ss_cbor_put_bytes(struct ss_cbor_writer *w, const void *p, size_t len);
void ss_cbor_put_text(struct ss_cbor_writer *w, struct ss_span text);
void ss_cbor_put_array(struct ss_cbor_writer *w, size_t count);
void ss_cbor_put_map(struct ss_cbor_writer *w, size_t pairs);
void ss_cbor_put_tag(struct ss_cbor_writer *w, uint64_t tag);
/// Bytes as they are, without a head.
void ss_cbor_put_raw(struct ss_cbor_writer *w, const void *p, size_t len);
/// The head of a byte string of @p len bytes that follow by ss_cbor_put_raw().
void ss_cbor_put_bytes_head(struct ss_cbor_writer *w, size_t len);

#endif
