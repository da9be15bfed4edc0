// SPDX-License-Identifier: Apache-2.0
// How images lie in the vault. Internal to vault/.
#ifndef SS_VAULT_IMAGE_CHUNK_H
#define SS_VAULT_IMAGE_CHUNK_H

#include "vault/release.h"

#define SS_IMAGE_CHUNK   65536u ///< plaintext bytes of all chunks but the last
#define SS_IMAGE_ID_SIZE 33     ///< 32 hex digits and a terminator

/// ss_vault_image_open() within a transaction, without a record. *@p image is to be ended whatever comes back.
SS_MUST_USE ss_status_t ss_image_open_within(struct ss_vault *vault, const char *product, const char *version,
                                             struct ss_vault_image **image, struct ss_error *err);

/// ss_vault_release_get(), and the id that chunks and other tables know the release by.
SS_MUST_USE ss_status_t ss_release_find_within(struct ss_vault *vault, const char *product, const char *version,
                                               struct ss_vault_release *release, char id[SS_IMAGE_ID_SIZE],
                                               struct ss_error *err);

#endif
