// SPDX-License-Identifier: Apache-2.0
// A vault's wrapping key in the token: AES-256-GCM there, over 32-byte data keys.
//
//     wrapped data key       0          12                         44          60
//                            +----------+--------------------------+-----------+
//                            | nonce    | ciphertext               | tag       |
//                            +----------+--------------------------+-----------+
//
//     stored parameters      0          1                1 + n
//                            +----------+----------------+
//                            | 1        | CKA_ID, n >= 0 |
//                            +----------+----------------+
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "vault/pkcs11/internal.h"

#define NONCE_SIZE     12
#define TAG_SIZE       16
#define SEALED_SIZE    (SS_VAULT_DATA_KEY_SIZE + TAG_SIZE)
#define PARAMS_VERSION 1

struct wrapping_key {
    struct pkcs11_token *token;
    struct pkcs11_key key;
};

static void close_key(void *context)
{
    struct wrapping_key *key = context;
    if (!key)
        return;
    pkcs11_token_close(key->token);
    free(key);
}

// A key that can be read out of its token is a key file with extra steps.
static ss_status_t check_key(const struct wrapping_key *key, struct ss_error *err)
{
    const struct pkcs11_token *token = key->token;
    CK_OBJECT_HANDLE handle = key->key.handle;
    const char *why = NULL;
    ss_status_t status = SS_ERROR_NOT_PERMITTED;
    if (pkcs11_number(token, handle, CKA_VALUE_LEN, 0) != SS_VAULT_DATA_KEY_SIZE) {
        why = "is not an AES-256 key";
        status = SS_ERROR_NOT_SUPPORTED;
    } else if (pkcs11_flag(token, handle, CKA_EXTRACTABLE, true) || !pkcs11_flag(token, handle, CKA_SENSITIVE, false)) {
        why = "can be read out of its token; make one that cannot: slotseal vault init --generate-key";
    } else if (!pkcs11_flag(token, handle, CKA_ENCRYPT, false) || !pkcs11_flag(token, handle, CKA_DECRYPT, false)) {
        why = "must not encrypt and decrypt";
    }
    return why ? ss_error_set(err, status, SS_AREA_VAULT, "token '%s': key '%s' %s", token->label, key->key.label, why)
               : SS_OK;
}

static ss_status_t open_key(const struct ss_vault_key_request *request, const uint8_t *id, size_t id_len, void **out,
                            struct ss_error *err)
{
    *out = NULL;
    struct wrapping_key *key = calloc(1, sizeof *key);
    if (!key)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    ss_status_t status = pkcs11_token_open(request, false, &key->token, err);
    if (status == SS_OK)
        status = pkcs11_find_key(key->token, CKO_SECRET_KEY, CKK_AES, id_len ? id : NULL, id_len, &key->key, err);
    if (status == SS_OK)
        status = check_key(key, err);
    if (status != SS_OK) {
        close_key(key);
        return status;
    }
    ss_wipe(&key->token->pin, sizeof key->token->pin);
    *out = key;
    return SS_OK;
}

static ss_status_t create(const struct ss_vault_key_request *request, uint8_t *params, size_t size, size_t *len,
                          void **key, struct ss_error *err)
{
    *len = 0;
    ss_status_t status = open_key(request, NULL, 0, key, err);
    if (status != SS_OK)
        return status;
    const struct pkcs11_key *found = &((struct wrapping_key *)*key)->key;
    size_t needed = 1 + found->id_len;
    if (size < needed) {
        close_key(*key);
        *key = NULL;
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_VAULT,
                            "parameters of the key are %zu bytes, there is room for %zu", needed, size);
    }
    params[0] = PARAMS_VERSION;
    memcpy(params + 1, found->id, found->id_len);
    *len = needed;
    return SS_OK;
}

static ss_status_t open_stored(const struct ss_vault_key_request *request, const uint8_t *params, size_t len,
                               void **key, struct ss_error *err)
{
    *key = NULL;
    if (len < 1 || len > 1 + PKCS11_ID_MAX || params[0] != PARAMS_VERSION)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_VAULT,
                            "stored parameters of the token key (%zu bytes) are of no known form", len);
    return open_key(request, params + 1, len - 1, key, err);
}

static ss_status_t wrap(void *context, const uint8_t data_key[SS_VAULT_DATA_KEY_SIZE], const uint8_t *aad,
                        size_t aad_len, uint8_t wrapped[SS_VAULT_WRAPPED_MAX], size_t *len, struct ss_error *err)
{
    const struct wrapping_key *key = context;
    const struct pkcs11_token *token = key->token;
    CK_GCM_PARAMS gcm = {wrapped, NONCE_SIZE, 8 * NONCE_SIZE, (unsigned char *)(uintptr_t)aad, aad_len, 8 * TAG_SIZE};
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
    CK_ULONG sealed = SEALED_SIZE;
    *len = 0;
    ss_status_t status = pkcs11_check_process(token, err);
    if (status != SS_OK)
        return status;
    // Tokens that insist on a nonce of their own write it over this one.
    status = ss_random(wrapped, NONCE_SIZE);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_VAULT, "no random bytes");
    CK_RV rv = token->module->C_EncryptInit(token->session, &mechanism, key->key.handle);
    if (rv == CKR_OK)
        rv = token->module->C_Encrypt(token->session, (unsigned char *)(uintptr_t)data_key, SS_VAULT_DATA_KEY_SIZE,
                                      wrapped + NONCE_SIZE, &sealed);
    if (rv != CKR_OK)
        return pkcs11_fail(token, rv, "cannot wrap", err);
    if (sealed != SEALED_SIZE)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "token '%s': wrapped key has %lu bytes instead of %d",
                            token->label, sealed, SEALED_SIZE);
    *len = NONCE_SIZE + SEALED_SIZE;
    return SS_OK;
}

static CK_RV decrypt(const struct wrapping_key *key, const uint8_t *wrapped, const uint8_t *aad, size_t aad_len,
                     uint8_t data_key[SS_VAULT_DATA_KEY_SIZE])
{
    const struct pkcs11_token *token = key->token;
    // Some tokens want room for the tag as well.
    uint8_t nonce[NONCE_SIZE], plain[SEALED_SIZE];
    CK_GCM_PARAMS gcm = {nonce, NONCE_SIZE, 8 * NONCE_SIZE, (unsigned char *)(uintptr_t)aad, aad_len, 8 * TAG_SIZE};
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
    CK_ULONG len = sizeof plain;
    memcpy(nonce, wrapped, sizeof nonce);
    CK_RV rv = token->module->C_DecryptInit(token->session, &mechanism, key->key.handle);
    if (rv == CKR_OK)
        rv = token->module->C_Decrypt(token->session, (unsigned char *)(uintptr_t)(wrapped + NONCE_SIZE), SEALED_SIZE,
                                      plain, &len);
    if (rv == CKR_OK && len != SS_VAULT_DATA_KEY_SIZE)
        rv = CKR_GENERAL_ERROR;
    if (rv == CKR_OK)
        memcpy(data_key, plain, SS_VAULT_DATA_KEY_SIZE);
    ss_wipe(plain, sizeof plain);
    return rv;
}

// Tokens do not agree on what they say of a wrong tag; some call it a general error. If what was wrapped just now can
// be unwrapped, the token is well and the record is to blame.
static bool is_well(struct wrapping_key *key)
{
    uint8_t data_key[SS_VAULT_DATA_KEY_SIZE] = {0}, wrapped[SS_VAULT_WRAPPED_MAX];
    size_t len;
    return wrap(key, data_key, NULL, 0, wrapped, &len, NULL) == SS_OK &&
           decrypt(key, wrapped, NULL, 0, data_key) == CKR_OK;
}

static ss_status_t unwrap(void *context, const uint8_t *wrapped, size_t len, const uint8_t *aad, size_t aad_len,
                          uint8_t data_key[SS_VAULT_DATA_KEY_SIZE], struct ss_error *err)
{
    struct wrapping_key *key = context;
    ss_wipe(data_key, SS_VAULT_DATA_KEY_SIZE);
    ss_status_t status = pkcs11_check_process(key->token, err);
    if (status != SS_OK)
        return status;
    if (len != NONCE_SIZE + SEALED_SIZE)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "wrapped key is %zu bytes, must be %d", len,
                            NONCE_SIZE + SEALED_SIZE);
    CK_RV rv = decrypt(key, wrapped, aad, aad_len, data_key);
    if (rv == CKR_OK)
        return SS_OK;
    return pkcs11_fail(key->token, is_well(key) ? CKR_ENCRYPTED_DATA_INVALID : rv, "cannot unwrap", err);
}

const struct ss_vault_key_ops ss_vault_key_pkcs11 = {
    .scheme = "pkcs11",
    .create = create,
    .open = open_stored,
    .wrap = wrap,
    .unwrap = unwrap,
    .close = close_key,
};
