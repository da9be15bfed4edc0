// SPDX-License-Identifier: Apache-2.0
// The delivery statement: this ciphertext is that release, sealed for one slot of one device. Signed by the sealer with
// a delivery key. It carries a digest of each window of the ciphertext, so that what was damaged on the way is found
// when the window's last byte is written.
#ifndef SLOTSEAL_DELIVERY_H
#define SLOTSEAL_DELIVERY_H

#include "slotseal/statement.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Most windows of a ciphertext.
#define SS_WINDOWS_MAX 32u
/// Windows are multiples of a flash sector, bytes.
#define SS_WINDOW_UNIT 4096u
/// How far a sequence may be above the last accepted one. A stolen delivery key cannot use the numbers up.
#define SS_SEQUENCE_JUMP_MAX (1u << 20)

struct ss_delivery {
    struct ss_span device;  ///< id, 1 to SS_DEVICE_ID_MAX bytes
    const uint8_t *release; ///< ss_statement_reference() of the release statement
    const uint8_t *digests; ///< SHA-256 of each window's ciphertext, one after the other; the last may be short
    uint64_t sequence;      ///< from 1, counted per device and epoch
    uint64_t expiry;        ///< seconds since 1970, 0: none
    uint32_t epoch;         ///< of the delivery key that signs; a new epoch restarts the sequence
    uint32_t slot_address;  ///< flash address it is sealed for, bytes; a multiple of 4 KiB
    uint32_t slot_size;     ///< bytes; a multiple of 4 KiB
    uint32_t length;        ///< of the ciphertext, bytes; a multiple of 16, at most slot_size
    uint32_t window;        ///< bytes a window; a multiple of SS_WINDOW_UNIT
    uint8_t windows;        ///< how many: length / window, rounded up; 1 to SS_WINDOWS_MAX
};

/// Reads the fields of @p statement, into whose buffer @p delivery points. Nothing is verified.
/// SS_ERROR_DATA_INVALID with @p why (may be NULL), SS_REASON_KIND for a statement of another kind.
SS_MUST_USE ss_status_t ss_delivery_parse(const struct ss_statement *statement, struct ss_delivery *delivery,
                                          struct ss_refusal *why);

/// The window size for a slot: the smallest multiple of 4 KiB that gives at most 32 windows; 44 KiB for 0x150000 bytes.
uint32_t ss_window_size(uint32_t slot_size);

/// SHA-256 of each window of @p len bytes of ciphertext to @p digests (room for SS_WINDOWS_MAX · 32 bytes), their number
/// to *@p windows. SS_ERROR_INVALID_ARGUMENT if @p window is no multiple of 4 KiB, @p len is 0 or there would be more
/// than SS_WINDOWS_MAX; statuses of the hash provider.
SS_MUST_USE ss_status_t ss_window_digests(const uint8_t *ciphertext, size_t len, uint32_t window, uint8_t *digests,
                                          uint8_t *windows);

#ifdef __cplusplus
}
#endif
#endif
