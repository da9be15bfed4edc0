// SPDX-License-Identifier: Apache-2.0
// The devices as those see them who let them in: what changed since one last looked.
#ifndef SS_VAULT_REGISTRY_H
#define SS_VAULT_REGISTRY_H

#include "vault/vault.h"

/// Room for the fact that is read along, terminated.
#define SS_VAULT_REGISTRY_FACT_SIZE 128

struct ss_vault_member {
    char id[SS_VAULT_NAME_SIZE];
    char product[SS_VAULT_NAME_SIZE];
    enum ss_vault_device_state state;
    char fact[SS_VAULT_REGISTRY_FACT_SIZE]; ///< the fact that was asked for; "": none
    int64_t change;                         ///< number of the change that made it so
};

/// Up to @p size devices that were added or changed (state, record or facts) after change @p after (0: all), in the order
/// of their changes, with their fact @p fact. Cheap when there are none. *@p count: how many; fewer than @p size: that
/// was all.
SS_MUST_USE ss_status_t ss_vault_registry_read(struct ss_vault *vault, int64_t after, const char *fact,
                                               struct ss_vault_member *members, size_t size, size_t *count,
                                               struct ss_error *err);

#endif
