// SPDX-License-Identifier: Apache-2.0
// Signing in the token. Digests only: the token never gets the image.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "vault/pkcs11/internal.h"

/// Context of a remote key.
struct signer {
    struct pkcs11_token *token;
    struct pkcs11_key key;
    enum ss_key_type type;
    bool ask_each_time; ///< CKA_ALWAYS_AUTHENTICATE
};

static ss_status_t sign(void *context, const uint8_t *digest, size_t digest_len, uint8_t *signature,
                        struct ss_error *err)
{
    struct signer *signer = context;
    const struct pkcs11_token *token = signer->token;
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
    CK_ULONG len = ss_signature_size(signer->type);
    if (signer->type == SS_KEY_RSA3072)
        mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &pss, sizeof pss};
    ss_status_t status = pkcs11_check_process(token, err);
    if (status != SS_OK)
        return status;
    CK_RV rv = token->module->C_SignInit(token->session, &mechanism, signer->key.handle);
    if (rv == CKR_OK && signer->ask_each_time) {
        status = pkcs11_login_again(signer->token, err);
        if (status != SS_OK)
            return status;
    }
    if (rv == CKR_OK)
        rv = token->module->C_Sign(token->session, (unsigned char *)(uintptr_t)digest, digest_len, signature, &len);
    if (rv != CKR_OK)
        return pkcs11_fail(token, rv, "cannot sign", err);
    if (len != ss_signature_size(signer->type))
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "token '%s': signature has %lu bytes instead of %zu",
                            token->label, len, ss_signature_size(signer->type));
    return SS_OK;
}

static void close_signer(void *context)
{
    struct signer *signer = context;
    pkcs11_token_close(signer->token);
    free(signer);
}

static const struct ss_signing_ops ops = {sign, close_signer};

static ss_status_t check_key(const struct pkcs11_token *token, const struct pkcs11_key *key, CK_KEY_TYPE *type,
                             struct ss_error *err)
{
    *type = pkcs11_number(token, key->handle, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    if (*type != CKK_EC && *type != CKK_RSA)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_VAULT, "token '%s': key '%s' is neither RSA nor EC",
                            token->label, key->label);
    if (!pkcs11_flag(token, key->handle, CKA_SIGN, true))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "token '%s': key '%s' must not sign",
                            token->label, key->label);
    return SS_OK;
}

static ss_status_t wrap_up(struct signer *signer, CK_KEY_TYPE type, ss_signing_key_t **out, struct ss_error *err)
{
    struct pkcs11_token *token = signer->token;
    ss_signing_key_t *public_key;
    ss_status_t status = pkcs11_public_key(token, &signer->key, type, &public_key, err);
    if (status != SS_OK)
        return status;
    signer->type = ss_signing_key_type(public_key);
    signer->ask_each_time = pkcs11_flag(token, signer->key.handle, CKA_ALWAYS_AUTHENTICATE, false);
    if (!signer->ask_each_time)
        ss_wipe(&token->pin, sizeof token->pin);
    status = ss_signing_key_remote(public_key, &ops, signer, out, err);
    ss_signing_key_free(public_key);
    return status;
}

ss_status_t pkcs11_signing_key(struct pkcs11_token *token, const uint8_t *id, size_t id_len, ss_signing_key_t **out,
                               struct ss_error *err)
{
    CK_KEY_TYPE type;
    struct signer *signer = calloc(1, sizeof *signer);
    if (!signer)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    signer->token = token;
    ss_status_t status =
        pkcs11_find_key(token, CKO_PRIVATE_KEY, CK_UNAVAILABLE_INFORMATION, id, id_len, &signer->key, err);
    if (status == SS_OK)
        status = check_key(token, &signer->key, &type, err);
    if (status == SS_OK)
        status = wrap_up(signer, type, out, err);
    if (status != SS_OK)
        free(signer);
    return status;
}

ss_status_t ss_pkcs11_signing_key_open(const struct ss_vault_key_request *request, ss_signing_key_t **key,
                                       struct ss_error *err)
{
    struct pkcs11_token *token;
    *key = NULL;
    ss_status_t status = pkcs11_token_open(request, false, &token, err);
    if (status != SS_OK)
        return status;
    status = pkcs11_signing_key(token, NULL, 0, key, err);
    if (status != SS_OK)
        pkcs11_token_close(token);
    return status;
}
