// SPDX-License-Identifier: Apache-2.0
// The store of one provisioning run over the vault: one device of one product.
#ifndef SS_PROVISION_VAULT_STORE_H
#define SS_PROVISION_VAULT_STORE_H

#include "provision/parts.h"
#include "provision/store.h"
#include "slotseal/signing_key.h"
#include "vault/vault.h"

struct ss_vault_store;

/// All borrowed for the life of the store; all zero is a good default.
struct ss_vault_store_options {
    const char *device;               ///< id; NULL: what the chip's MAC says
    const char *station;              ///< whose quota counts; NULL: none
    const ss_signing_key_t *sign_key; ///< the product's, where it is not in the vault
    ss_vault_ask_fn ask;              ///< asks for a token's PIN; NULL: nobody is there
    void *ask_context;
    bool dry; ///< nothing is written: what the vault does not have is made up for the occasion
};

/// A store for a device of @p product: its record, or a new one. @p vault is borrowed. The caller ends *@p store by
/// _close(); NULL on error. SS_ERROR_DOES_NOT_EXIST: no such product. SS_ERROR_INVALID_ARGUMENT: not an id.
/// SS_ERROR_INSUFFICIENT_MEMORY; what the vault says.
SS_MUST_USE ss_status_t ss_vault_store_open(struct ss_vault *vault, const char *product,
                                            const struct ss_vault_store_options *options, struct ss_vault_store **store,
                                            struct ss_error *err);
/// NULL is allowed.
void ss_vault_store_close(struct ss_vault_store *store);

/// For ss_provision_job.store; valid until _close().
const struct ss_provision_store *ss_vault_store_functions(const struct ss_vault_store *store);
const struct ss_vault_product *ss_vault_store_product(const struct ss_vault_store *store);
/// Names this run in the journal: "20260131T101500-1a2b3c4d".
const char *ss_vault_store_run(const struct ss_vault_store *store);

#endif
