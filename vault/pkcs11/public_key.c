// SPDX-License-Identifier: Apache-2.0
// Public keys from a token's attributes: CKA_EC_PARAMS and CKA_EC_POINT, CKA_MODULUS and CKA_PUBLIC_EXPONENT.
#include <string.h>

#include "core/signing_key_internal.h"
#include "vault/pkcs11/internal.h"

#define RSA_MAX 1024

// CKA_EC_PARAMS: the DER of a curve's name.
static const struct curve {
    uint8_t len, der[12];
    enum ss_key_type type;
} curves[] = {
    {10, {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07}, SS_KEY_P256},
    {10, {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x01}, SS_KEY_P192},
    {7, {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22}, SS_KEY_P384},
};

const void *pkcs11_curve(enum ss_key_type type, size_t *len)
{
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (curves[i].type == type) {
            *len = curves[i].len;
            return curves[i].der;
        }
    return NULL;
}

static bool find_curve(const uint8_t *der, size_t len, enum ss_key_type *type)
{
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (curves[i].len == len && memcmp(curves[i].der, der, len) == 0) {
            *type = curves[i].type;
            return true;
        }
    return false;
}

static ss_status_t missing(const struct pkcs11_token *token, struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_VAULT,
                        "token '%s' has no public key with the id of the private one; store it beside it: pkcs11-tool "
                        "--write-object PUB.der --type pubkey --id ID",
                        token->label);
}

static ss_status_t from_ec(const struct pkcs11_token *token, CK_OBJECT_HANDLE object, ss_signing_key_t **out,
                           struct ss_error *err)
{
    uint8_t params[64], octets[2 + 1 + 2 * SS_EC_SIZE_MAX + 1];
    enum ss_key_type type;
    size_t len;
    if (!pkcs11_bytes(token, object, CKA_EC_PARAMS, params, sizeof params, &len) || !find_curve(params, len, &type))
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_VAULT,
                            "token '%s': the key is on another curve than P-256, P-192 and P-384", token->label);
    if (!pkcs11_bytes(token, object, CKA_EC_POINT, octets, sizeof octets, &len) || !len)
        return missing(token, err);
    // An OCTET STRING around the point (PKCS#11 v3.0 §2.3.3); some tokens leave it out. Both begin with 0x04: only the
    // length tells.
    size_t size = ss_key_type_ec_size(type);
    struct ss_der in = {octets, len}, point;
    if (!ss_der_take(&in, SS_DER_OCTET_STRING, &point) || in.len ||
        (point.len != 1 + 2 * size && point.len != 1 + size))
        point = (struct ss_der){octets, len};
    return ss_signing_key_from_ec(type, (struct ss_der){0}, point, out, err);
}

static ss_status_t from_rsa(const struct pkcs11_token *token, CK_OBJECT_HANDLE object, ss_signing_key_t **out,
                            struct ss_error *err)
{
    uint8_t n[RSA_MAX], e[RSA_MAX];
    size_t n_len, e_len;
    if (!pkcs11_bytes(token, object, CKA_MODULUS, n, sizeof n, &n_len) || !n_len ||
        !pkcs11_bytes(token, object, CKA_PUBLIC_EXPONENT, e, sizeof e, &e_len) || !e_len)
        return missing(token, err);
    const struct ss_der numbers[] = {ss_der_strip(n, n_len), ss_der_strip(e, e_len)};
    return ss_signing_key_from_rsa(numbers, SS_RSA_PUBLIC_NUMBERS, out, err);
}

ss_status_t pkcs11_public_key(const struct pkcs11_token *token, const struct pkcs11_key *key, CK_KEY_TYPE type,
                              ss_signing_key_t **out, struct ss_error *err)
{
    CK_OBJECT_HANDLE object = key->handle;
    ss_status_t status = SS_OK;
    *out = NULL;
    // RSA private keys carry both numbers; those of curves seldom carry their point.
    if (type == CKK_EC && key->id_len) {
        status = pkcs11_find_by_id(token, CKO_PUBLIC_KEY, key->id, key->id_len, &object, err);
        if (status == SS_ERROR_DOES_NOT_EXIST)
            status = SS_OK;
    }
    if (status == SS_OK)
        status = type == CKK_EC ? from_ec(token, object, out, err) : from_rsa(token, object, out, err);
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "key '%s'", key->label);
}
