// SPDX-License-Identifier: Apache-2.0
// Deliveries: what was sealed for whom. A delivery is made once for a device, a release and a slot, and kept, so that every
// node that serves the vault hands out the same statement. Sealing for it is one audit record; taking the flash key again
// for the same delivery is none.
#ifndef SS_VAULT_DELIVERY_H
#define SS_VAULT_DELIVERY_H

#include "slotseal/delivery.h"
#include "vault/flash_key.h"
#include "vault/release.h"

/// What a delivery is of. The release is one of the device's product.
struct ss_vault_delivery_id {
    char device[SS_VAULT_NAME_SIZE];
    char version[SS_VAULT_VERSION_SIZE];
    uint32_t address; ///< of the slot, bytes
};

struct ss_vault_delivery {
    struct ss_vault_delivery_id id;
    uint32_t length;                      ///< of the ciphertext, bytes
    uint32_t window;                      ///< bytes a window
    uint8_t windows;                      ///< how many
    uint8_t digests[SS_WINDOWS_MAX * 32]; ///< SHA-256 of each window
    uint8_t sha256[32];                   ///< of the whole ciphertext
    uint32_t epoch;                       ///< of the statement
    uint64_t sequence;                    ///< of the statement
    uint8_t statement[SS_DELIVERY_MAX];   ///< signed
    size_t statement_len;
};

/// What a device told of the last delivery that it accepted; zero: nothing.
struct ss_vault_accepted {
    uint32_t epoch;
    uint64_t sequence;
};

/// True if a device that accepted @p accepted can take @p delivery, from a server whose key is of @p epoch: the epoch is
/// that of the key, and the sequence not below the accepted one. The same sequence is the same delivery, which may come
/// again.
bool ss_vault_delivery_usable(const struct ss_vault_delivery *delivery, uint32_t epoch,
                              const struct ss_vault_accepted *accepted);

/// Reads a delivery. SS_ERROR_DOES_NOT_EXIST, with @p delivery all zero but its id.
SS_MUST_USE ss_status_t ss_vault_delivery_get(struct ss_vault *vault, const struct ss_vault_delivery_id *id,
                                              struct ss_vault_delivery *delivery, struct ss_error *err);

/// One delivery that is to be made.
struct ss_vault_sealing {
    struct ss_vault_delivery_id id;
    struct ss_vault_accepted accepted;
    uint32_t epoch;     ///< of the key that will sign
    bool with_key;      ///< it is to be sealed: the flash key is wanted. False: a new statement for what was sealed
    ss_status_t status; ///< out
    char message[SS_ERROR_MESSAGE_SIZE]; ///< out: why not
    uint64_t sequence;                   ///< out: taken from the device's numbers, used up whatever happens next
    struct ss_vault_flash_key key;       ///< out: the caller wipes it
};

/// Begins @p count deliveries in one transaction: each gets the next sequence of its device, and its flash key, once
/// the audit record (SS_AUDIT_SEAL) is durable. Sequences are above the device's word and above what was issued before;
/// but never more than SS_SEQUENCE_JUMP_MAX above the device's word, which would strand it: then they follow that.
/// SS_OK: see each item's status:
///   SS_ERROR_NOT_PERMITTED    the device's state, or its key was forgotten; it told a sequence more than
///                             SS_SEQUENCE_JUMP_MAX above all that this vault knows of
///   SS_ERROR_BAD_STATE        it told an epoch above ours, or was issued one: an older delivery key is back. No verdict
///                             on device or release: with the right key it goes on
///   SS_ERROR_DOES_NOT_EXIST   device, release or key
SS_MUST_USE ss_status_t ss_vault_delivery_begin(struct ss_vault *vault, struct ss_vault_sealing *items, size_t count,
                                                struct ss_error *err);

/// Stores what was made. Where another node has stored the same delivery meanwhile, and it is usable, that one stays and
/// is what the delivery is afterwards. Written in transactions of up to 16.
SS_MUST_USE ss_status_t ss_vault_delivery_put(struct ss_vault *vault, struct ss_vault_delivery *deliveries,
                                              const struct ss_vault_accepted *accepted, size_t count,
                                              struct ss_error *err);

/// The flash key again, to seal parts of a delivery that is kept. SS_ERROR_DOES_NOT_EXIST: no such delivery; others as
/// ss_vault_flash_key() for SS_VAULT_FOR_SEAL. @p key is all zero on error.
SS_MUST_USE ss_status_t ss_vault_delivery_key(struct ss_vault *vault, const struct ss_vault_delivery_id *id,
                                              struct ss_vault_flash_key *key, struct ss_error *err);

#endif
