// SPDX-License-Identifier: Apache-2.0
// Making a pre-sealed folder (server/presealed.h), where the vault and the delivery key are. The sealer's own code
// decides and seals; what a sealer would refuse is refused here.
#ifndef SS_SERVER_PRESEAL_H
#define SS_SERVER_PRESEAL_H

#include "server/sealer_keys.h"
#include "vault/vault.h"

struct ss_preseal_options {
    const char *vault; ///< URL
    struct ss_vault_options vault_options;
    const struct ss_sealer_keys *keys;
    const uint8_t *key_set; ///< the file, for the folder
    size_t key_set_len;
    const char *product, *version; ///< a release in the vault
    uint64_t expiry;               ///< of the statements, seconds since 1970; not 0: nobody can take them back
    bool again;                    ///< new sequences: devices take the same release once more
    const char *folder;            ///< made if it is not there
    /// How far it is; NULL: not wanted.
    void (*progress)(void *context, size_t done, size_t devices);
    void *context;
};

struct ss_preseal_report {
    size_t devices;    ///< listed
    size_t gone;       ///< of these, no members of the fleet any more
    size_t deliveries; ///< a slot of a device each
    uint64_t bytes;    ///< of ciphertext, all together
};

/// Seals @p options->version for every OTA slot of every device of the product. The index appears when everything else
/// is there and durable, so it can be interrupted and repeated.
///   SS_ERROR_IO                files, database
///   SS_ERROR_DOES_NOT_EXIST    product without devices, release
///   SS_ERROR_NOT_PERMITTED, SS_ERROR_BAD_STATE and others, with the device's id: what a sealer refuses
SS_MUST_USE ss_status_t ss_preseal(const struct ss_preseal_options *options, struct ss_preseal_report *report,
                                   struct ss_error *err);

#endif
