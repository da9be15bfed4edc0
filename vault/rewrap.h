// SPDX-License-Identifier: Apache-2.0
// A new wrapping key for all records. Devices notice nothing: only the wrapped data keys are written anew.
#ifndef SS_VAULT_REWRAP_H
#define SS_VAULT_REWRAP_H

#include "vault/vault.h"

struct ss_vault_rewrap {
    const char *new_key;         ///< source of the new vault key; NULL: that one stays
    const char *new_signing_key; ///< of the new key that wraps signing keys; NULL: that one stays. Where the vault has
                                 ///< none yet it gets one.
    void (*progress)(void *context, uint64_t done); ///< records so far; NULL: not wanted
    void *context;
};

/// Wraps everything under new keys, in small transactions: others go on meanwhile with what is still under a key that they
/// have; a program that was opened before stores no new secret (SS_ERROR_BAD_STATE) until it is opened anew with the new
/// key. @p options name the old keys.
/// Interrupted, the same call goes on where it was. When it returns SS_OK no record is left under the old key, and the
/// vault has forgotten what belonged to it; backups from before still open with it.
///   SS_ERROR_NOT_PERMITTED   one of the keys is wrong; the new one must not be the old one
///   SS_ERROR_INVALID_ARGUMENT, SS_ERROR_DOES_NOT_EXIST   as ss_vault_open()
SS_MUST_USE ss_status_t ss_vault_rewrap(const char *url, const struct ss_vault_options *options,
                                        const struct ss_vault_rewrap *rewrap, struct ss_error *err);

#endif
