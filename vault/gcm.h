// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM (NIST SP 800-38D) as the vault uses it. Internal to vault/.
#ifndef SS_VAULT_GCM_H
#define SS_VAULT_GCM_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

#define SS_GCM_NONCE_SIZE 12
#define SS_GCM_TAG_SIZE   16
/// What encryption adds: nonce in front, tag behind.
#define SS_GCM_OVERHEAD (SS_GCM_NONCE_SIZE + SS_GCM_TAG_SIZE)

/// Encrypts @p len bytes to @p out: nonce | ciphertext | tag, @p len + SS_GCM_OVERHEAD bytes. The nonce is random: fit
/// for 2^32 calls with one key.
SS_MUST_USE ss_status_t ss_gcm_seal(const uint8_t key[32], const uint8_t *aad, size_t aad_len, const uint8_t *in,
                                    size_t len, uint8_t *out, struct ss_error *err);
/// The reverse: @p len bytes as written by ss_gcm_seal(), to @p len - SS_GCM_OVERHEAD bytes. SS_ERROR_DATA_CORRUPT,
/// with @p out wiped, if they do not belong to @p key and @p aad, or are too few.
SS_MUST_USE ss_status_t ss_gcm_open(const uint8_t key[32], const uint8_t *aad, size_t aad_len, const uint8_t *in,
                                    size_t len, uint8_t *out, struct ss_error *err);

#endif
