// SPDX-License-Identifier: Apache-2.0
// What provisioning needs of a vault: one device's keys, signatures, and a journal. A table of functions, so that the
// engine does not know where they come from; vault_store.h is the one over the vault.
#ifndef SS_PROVISION_STORE_H
#define SS_PROVISION_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "provision/device_name.h"
#include "slotseal/error.h"
#include "slotseal/link.h"
#include "slotseal/signing_key.h"

/// A chip by its own account.
struct ss_provision_chip {
    uint8_t mac[6];
    unsigned revision;            ///< major × 100 + minor
    uint32_t flash_size;          ///< bytes
    struct ss_link_efuses efuses; ///< key blocks too, while software can read them: wipe it
};

enum ss_journal_phase {
    SS_JOURNAL_BEFORE, ///< about to be done
    SS_JOURNAL_AFTER,  ///< done and read back
    SS_JOURNAL_NOTE,   ///< something to remember
};

struct ss_journal_entry {
    const char *step; ///< id of the step
    enum ss_journal_phase phase;
    const char *detail; ///< one line without secrets; ""
};

/// One device of one product. Every function is called from the thread that runs the engine, and returns what
/// happened; what it made is durable when it returns. `context` goes to each as first argument.
struct ss_provision_store {
    void *context;

    /// The chip is to become (or is) this device: finds its record or makes it, and writes the id to @p device.
    /// SS_ERROR_NOT_PERMITTED: the record is bound to another MAC, the device was revoked or lost.
    ss_status_t (*begin)(void *context, const struct ss_provision_chip *chip, char device[SS_DEVICE_NAME_SIZE],
                         struct ss_error *err);

    /// The flash key in file order, @p len bytes (32, or 24 with 3/4 coding); made at random by the first call.
    /// SS_ERROR_BAD_STATE: there is one of another length.
    ss_status_t (*flash_key)(void *context, uint8_t *key, size_t len, struct ss_error *err);

    /// The key that signs this device's images, or its public half alone if images come signed; it stays the store's.
    /// Called only where the product has secure boot. SS_ERROR_DOES_NOT_EXIST: there is none.
    ss_status_t (*signing_key)(void *context, const ss_signing_key_t **key, struct ss_error *err);

    /// ss_secure_boot_v1_reflash_key() of the signing key, 32 or 24 bytes. SS_ERROR_DOES_NOT_EXIST: the private key is
    /// not kept, or never leaves its token.
    ss_status_t (*secure_boot_key)(void *context, uint8_t *key, size_t len, struct ss_error *err);

    /// The next step cannot be undone: counts the device. SS_ERROR_NOT_PERMITTED: the quota is spent. NULL is allowed.
    ss_status_t (*commit)(void *context, struct ss_error *err);

    ss_status_t (*journal_append)(void *context, const struct ss_journal_entry *entry, struct ss_error *err);
    /// Calls @p each for every entry of this device, oldest first.
    ss_status_t (*journal_read)(void *context, void (*each)(void *, const struct ss_journal_entry *),
                                void *each_context, struct ss_error *err);

    /// The chip is provisioned: @p chip is what it says now. NULL is allowed.
    ss_status_t (*finish)(void *context, const struct ss_provision_chip *chip, struct ss_error *err);
};

#endif
