// SPDX-License-Identifier: Apache-2.0
// How many devices a station may provision, and whether a recipe has proved itself on a first one.
#ifndef SS_VAULT_QUOTA_H
#define SS_VAULT_QUOTA_H

#include "vault/vault.h"

/// A station's production quota.
struct ss_vault_quota {
    bool limited;   ///< false: nobody has set one, and the station may provision as many as it likes
    uint64_t limit; ///< devices in all, since the vault was made
    uint64_t used;  ///< of them
};

/// Allows @p station to provision @p limit devices in all, those that it has done included. Recorded in the audit log.
/// SS_ERROR_INVALID_ARGUMENT: the name, or a limit above 2^62.
SS_MUST_USE ss_status_t ss_vault_quota_set(struct ss_vault *vault, const char *station, uint64_t limit,
                                           struct ss_error *err);
/// Reads it; all zero for a station without. SS_ERROR_INVALID_ARGUMENT: the name.
SS_MUST_USE ss_status_t ss_vault_quota_get(struct ss_vault *vault, const char *station, struct ss_vault_quota *quota,
                                           struct ss_error *err);
/// Counts @p device for @p station, before the first step that cannot be undone. A device counts once, however often it
/// is tried, and wherever: one transaction, so that no number of stations, and no crash, overruns a limit.
/// SS_ERROR_NOT_PERMITTED: the quota is spent, and the device is not among those counted. SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_vault_quota_take(struct ss_vault *vault, const char *station, const char *device,
                                            struct ss_error *err);

#define SS_VAULT_RECIPE_SIZE 65 ///< SHA-256 as hex, with its NUL

/// Remembers that @p device was provisioned by @p recipe, a digest of all that a batch has in common, and boots. The
/// first one stays. SS_ERROR_INVALID_ARGUMENT: the device's name, or a recipe that is not 64 lower-case hex digits.
SS_MUST_USE ss_status_t ss_vault_first_article_set(struct ss_vault *vault, const char *recipe, const char *device,
                                                   struct ss_error *err);
/// The device that was first. SS_ERROR_DOES_NOT_EXIST: none yet.
SS_MUST_USE ss_status_t ss_vault_first_article_get(struct ss_vault *vault, const char *recipe,
                                                   char device[SS_VAULT_NAME_SIZE], struct ss_error *err);

#endif
