// SPDX-License-Identifier: Apache-2.0
// Signing a release for each device, where each device has a signing key of its own. It happens where the vault's signing
// keys are open; what serves updates composes each device's image of the release and what is kept here.
#ifndef SS_PROVISION_PERSONALIZE_H
#define SS_PROVISION_PERSONALIZE_H

#include "vault/vault.h"

struct ss_personalizer;

/// Reads a release of the vault into locked memory. The vault must have been opened with its signing keys. *@p out is
/// NULL on error: SS_ERROR_DOES_NOT_EXIST: product or release; SS_ERROR_INVALID_ARGUMENT: the product's devices share a
/// key, or the release has no statement; statuses of the vault.
SS_MUST_USE ss_status_t ss_personalizer_open(struct ss_vault *vault, const char *product, const char *version,
                                             ss_vault_ask_fn ask, struct ss_personalizer **out, struct ss_error *err);
/// Signs it for one device. *@p made is false where the vault had the signature, by the key that the device has.
///   SS_ERROR_INVALID_ARGUMENT   the device is of another product, or has no signing key of its own
///   SS_ERROR_NOT_PERMITTED      its life in the fleet has ended
///   those of ss_vault_signing_key_open(), ss_vk_replace() and ss_sign_image()
SS_MUST_USE ss_status_t ss_personalize(struct ss_personalizer *p, const char *device, bool *made, struct ss_error *err);
/// Wipes and frees; NULL is allowed.
void ss_personalizer_close(struct ss_personalizer *p);

#endif
