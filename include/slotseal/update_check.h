// SPDX-License-Identifier: Apache-2.0
// Whether a device takes an update: the one decision that device and sealer share. Pure: statements and what is known
// of the device in, a verdict out. A device asks before it erases anything; a sealer asks about its record of the device
// before it seals.
#ifndef SLOTSEAL_UPDATE_CHECK_H
#define SLOTSEAL_UPDATE_CHECK_H

#include "slotseal/delivery.h"
#include "slotseal/key_set.h"
#include "slotseal/release.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A device, as far as it decides what updates it takes.
struct ss_device_view {
    struct ss_span product;      ///< its name
    struct ss_span device;       ///< its id
    const uint8_t *table_digest; ///< SHA-256 of its partition table; NULL: not known, so no release may need one
    const uint8_t *accepted; ///< ss_statement_reference() of the last delivery accepted, which may come again; or NULL
    uint64_t sequence;       ///< last accepted in `epoch`; 0: none
    uint64_t now;            ///< seconds since 1970; 0: not known, so nothing is expired
    uint32_t epoch;          ///< highest from which a delivery was accepted; 0: none
    uint32_t slot_address;   ///< of the slot that would be written, bytes
    uint32_t slot_size;      ///< bytes
    uint32_t secure_version; ///< lowest that it takes
    uint32_t bootloader;     ///< SS_BOOTLOADER_* bits that its bootloader has, SS_NEEDS_NVS_KEYS if its table does
    uint16_t chip;           ///< chip_id of image headers
    uint8_t scheme;          ///< enum ss_release_scheme that its images are signed with
};

/// Whether @p release is for this device at all: product, chip, secure boot scheme, secure_version, table, bootloader,
/// and whether its file fits the slot.
/// SS_ERROR_NOT_PERMITTED: SS_REASON_PRODUCT, _CHIP, _SECURE_BOOT, _SECURE_VERSION, _TABLE, _BOOTLOADER, _SLOT_SIZE.
SS_MUST_USE ss_status_t ss_release_check(const struct ss_release *release, const struct ss_device_view *device,
                                         struct ss_refusal *why);

/// Whether @p delivery is of @p release (@p reference is its ss_statement_reference()), for this device, slot and
/// moment. @p key_epoch is the epoch of the key that signed it. Nothing of ss_release_check() is repeated.
/// The sequence must be above the last accepted one of its epoch, by at most SS_SEQUENCE_JUMP_MAX; a higher epoch starts
/// from 0. The delivery that was accepted last may come again, so that an update can be continued; @p again is the
/// reference of this one.
/// SS_ERROR_NOT_PERMITTED: SS_REASON_DEVICE, _RELEASE, _SLOT_ADDRESS, _SLOT_SIZE, _LENGTH, _EPOCH_KEY, _EPOCH,
/// _SEQUENCE, _SEQUENCE_JUMP, _EXPIRED.
SS_MUST_USE ss_status_t ss_delivery_check(const struct ss_delivery *delivery,
                                          const uint8_t again[SS_STATEMENT_DIGEST_SIZE],
                                          const struct ss_release *release,
                                          const uint8_t reference[SS_STATEMENT_DIGEST_SIZE], uint32_t key_epoch,
                                          const struct ss_device_view *device, struct ss_refusal *why);

/// The two statements of an update, read and checked. Everything points into the buffers that they came in.
struct ss_update {
    struct ss_statement release_statement, delivery_statement;
    struct ss_release release;
    struct ss_delivery delivery;
    uint8_t release_reference[SS_STATEMENT_DIGEST_SIZE];
    uint8_t delivery_reference[SS_STATEMENT_DIGEST_SIZE]; ///< to be kept as ss_device_view.accepted
};

/// The whole decision: reads both statements, finds who signed them in @p ring, and checks them for the device.
/// SS_OK means: take it. Anything else means: do not; @p update is all zero then, and @p why (may be NULL) says which of
/// all the reasons above. @p which (may be NULL) says which statement is at fault.
SS_MUST_USE ss_status_t ss_update_check(const struct ss_key_ring *ring, const uint8_t *release, size_t release_len,
                                        const uint8_t *delivery, size_t delivery_len,
                                        const struct ss_device_view *device, struct ss_update *update,
                                        enum ss_statement_kind *which, struct ss_refusal *why);

#ifdef __cplusplus
}
#endif
#endif
