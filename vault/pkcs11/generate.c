// SPDX-License-Identifier: Apache-2.0
// New keys, made in the token so that they were never anywhere else.
#include <string.h>

#include "core/crypto.h"
#include "vault/pkcs11/internal.h"

#define RANDOM_ID_SIZE 16

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

/// Name and id of a key to be made.
struct identity {
    CK_ATTRIBUTE label, id;
    uint8_t random[RANDOM_ID_SIZE];
};

static ss_status_t check_free(const struct pkcs11_token *token, CK_OBJECT_CLASS class, const struct identity *who,
                              struct ss_error *err)
{
    bool exists = false;
    ss_status_t status =
        pkcs11_key_exists(token, class, CKA_LABEL, who->label.pValue, who->label.ulValueLen, &exists, err);
    if (status == SS_OK && !exists)
        status = pkcs11_key_exists(token, class, CKA_ID, who->id.pValue, who->id.ulValueLen, &exists, err);
    if (status == SS_OK && exists)
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_VAULT,
                            "token '%s' has a key with this label or id already; keys are never replaced",
                            token->label);
    return status;
}

static ss_status_t identify(const struct pkcs11_token *token, CK_OBJECT_CLASS class, struct identity *who,
                            struct ss_error *err)
{
    CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(token->uri, CKA_LABEL),
                 *id = p11_kit_uri_get_attribute(token->uri, CKA_ID);
    if (!label || !label->ulValueLen)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "pkcs11 URI does not name the key to be made: object=NAME");
    who->label = *label;
    who->id = (CK_ATTRIBUTE){CKA_ID, who->random, sizeof who->random};
    if (id && id->ulValueLen && id->ulValueLen <= PKCS11_ID_MAX)
        who->id = *id;
    else if (id)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "pkcs11 URI has an id of %lu bytes, 1 to %d "
                            "are possible",
                            id->ulValueLen, PKCS11_ID_MAX);
    ss_status_t status = ss_random(who->random, sizeof who->random);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_VAULT, "no random bytes");
    return check_free(token, class, who, err);
}

static ss_status_t make_aes(const struct pkcs11_token *token, const struct identity *who, struct ss_error *err)
{
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ULONG size = SS_VAULT_DATA_KEY_SIZE;
    CK_OBJECT_HANDLE made;
    CK_ATTRIBUTE template[] = {
        who->label,
        who->id,
        {CKA_VALUE_LEN, &size, sizeof size},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_ENCRYPT, &yes, sizeof yes},
        {CKA_DECRYPT, &yes, sizeof yes},
        {CKA_WRAP, &no, sizeof no},
        {CKA_UNWRAP, &no, sizeof no},
    };
    CK_RV rv =
        token->module->C_GenerateKey(token->session, &mechanism, template, sizeof template / sizeof *template, &made);
    return rv == CKR_OK ? SS_OK : pkcs11_fail(token, rv, "cannot make an AES-256 key", err);
}

static ss_status_t make_pair(const struct pkcs11_token *token, const struct identity *who, enum ss_key_type type,
                             struct ss_error *err)
{
    CK_ULONG bits = 3072;
    size_t curve_len = 0;
    const void *curve = pkcs11_curve(type, &curve_len);
    uint8_t exponent[] = {1, 0, 1};
    CK_MECHANISM mechanism = {curve ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    CK_OBJECT_HANDLE public_made, private_made;
    CK_ATTRIBUTE public[] = {
        who->label,
        who->id,
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_VERIFY, &yes, sizeof yes},
        curve ? (CK_ATTRIBUTE){CKA_EC_PARAMS, (void *)(uintptr_t)curve, curve_len}
              : (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits},
        {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent},
    };
    CK_ATTRIBUTE private[] = {
        who->label,
        who->id,
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_SIGN, &yes, sizeof yes},
    };
    // The exponent is the last one: no part of a curve's template.
    CK_ULONG public_len = sizeof public / sizeof *public - (curve != NULL);
    CK_RV rv = token->module->C_GenerateKeyPair(token->session, &mechanism, public, public_len, private,
                                                sizeof private / sizeof *private, &public_made, &private_made);
    return rv == CKR_OK ? SS_OK : pkcs11_fail(token, rv, "cannot make the key pair", err);
}

ss_status_t ss_pkcs11_signing_key_generate(const struct ss_vault_key_request *request, enum ss_key_type type,
                                           ss_signing_key_t **key, struct ss_error *err)
{
    struct pkcs11_token *token;
    struct identity who;
    *key = NULL;
    ss_status_t status = pkcs11_token_open(request, true, &token, err);
    if (status != SS_OK)
        return status;
    status = identify(token, CKO_PRIVATE_KEY, &who, err);
    if (status == SS_OK)
        status = make_pair(token, &who, type, err);
    if (status == SS_OK)
        status = pkcs11_signing_key(token, who.id.pValue, who.id.ulValueLen, key, err);
    if (status != SS_OK)
        pkcs11_token_close(token);
    return status;
}

ss_status_t ss_pkcs11_wrapping_key_generate(const struct ss_vault_key_request *request, struct ss_error *err)
{
    struct pkcs11_token *token;
    struct identity who;
    ss_status_t status = pkcs11_token_open(request, true, &token, err);
    if (status != SS_OK)
        return status;
    status = identify(token, CKO_SECRET_KEY, &who, err);
    if (status == SS_OK)
        status = make_aes(token, &who, err);
    pkcs11_token_close(token);
    return status;
}
