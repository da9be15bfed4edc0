// SPDX-License-Identifier: Apache-2.0
#include "vault/gcm.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "core/crypto.h"
#include "core/openssl.h"

static ss_status_t library_failed(struct ss_error *err)
{
    return ss_error_set(err, ss_openssl_status(SS_ERROR_GENERIC), SS_AREA_CRYPTO, "AES-256-GCM failed");
}

static bool start(EVP_CIPHER_CTX *ctx, int encrypt, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad,
                  size_t aad_len)
{
    int n;
    return ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, encrypt) > 0 &&
           (!aad_len || EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len) > 0);
}

ss_status_t ss_gcm_seal(const uint8_t key[32], const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
                        uint8_t *out, struct ss_error *err)
{
    uint8_t *text = out + SS_GCM_NONCE_SIZE;
    int n = 0;
    if (len > INT_MAX || aad_len > INT_MAX)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_CRYPTO, "%zu bytes are too many for one record",
                            len);
    ss_status_t status = ss_random(out, SS_GCM_NONCE_SIZE);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "no random bytes");
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!start(ctx, 1, key, out, aad, aad_len) || (len && EVP_CipherUpdate(ctx, text, &n, in, (int)len) <= 0) ||
        EVP_CipherFinal_ex(ctx, text + n, &n) <= 0 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SS_GCM_TAG_SIZE, text + len) <= 0)
        status = library_failed(err);
    EVP_CIPHER_CTX_free(ctx);
    return status;
}

ss_status_t ss_gcm_open(const uint8_t key[32], const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
                        uint8_t *out, struct ss_error *err)
{
    if (len < SS_GCM_OVERHEAD || len > INT_MAX || aad_len > INT_MAX)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_CRYPTO, "an encrypted record of %zu bytes", len);
    size_t text_len = len - SS_GCM_OVERHEAD;
    const uint8_t *text = in + SS_GCM_NONCE_SIZE;
    uint8_t tag[SS_GCM_TAG_SIZE], end[16];
    ss_status_t status = SS_OK;
    int n;

    for (int i = 0; i < SS_GCM_TAG_SIZE; i++)
        tag[i] = text[text_len + (size_t)i];
    ERR_clear_error();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!start(ctx, 0, key, in, aad, aad_len) ||
        (text_len && EVP_CipherUpdate(ctx, out, &n, text, (int)text_len) <= 0) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SS_GCM_TAG_SIZE, tag) <= 0)
        status = library_failed(err);
    else if (EVP_CipherFinal_ex(ctx, end, &n) <= 0) // a wrong tag leaves nothing in the queue
        status = ERR_peek_error() ? library_failed(err)
                                  : ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_CRYPTO,
                                                 "a record does not belong to its key and name");
    EVP_CIPHER_CTX_free(ctx);
    if (status != SS_OK)
        ss_wipe(out, text_len);
    return status;
}
