// SPDX-License-Identifier: Apache-2.0
// Keys on a token, and what they say of themselves.
#include <string.h>

#include "vault/pkcs11/internal.h"

#define TEMPLATE_MAX 5

static void add(CK_ATTRIBUTE *template, CK_ULONG *count, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    template[(*count)++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, len};
}

// The first two objects that fit; *count is 2 if there are more.
static ss_status_t find(const struct pkcs11_token *token, CK_ATTRIBUTE *template, CK_ULONG template_len,
                        CK_OBJECT_HANDLE found[2], CK_ULONG *count, struct ss_error *err)
{
    *count = 0;
    CK_RV rv = token->module->C_FindObjectsInit(token->session, template, template_len);
    if (rv != CKR_OK)
        return pkcs11_fail(token, rv, "cannot look for the key", err);
    while (*count < 2) {
        CK_ULONG n = 0;
        rv = token->module->C_FindObjects(token->session, found + *count, 2 - *count, &n);
        if (rv != CKR_OK || n == 0)
            break;
        *count += n;
    }
    token->module->C_FindObjectsFinal(token->session);
    return rv == CKR_OK ? SS_OK : pkcs11_fail(token, rv, "cannot look for the key", err);
}

static const char *kind(CK_OBJECT_CLASS class)
{
    return class == CKO_SECRET_KEY ? "AES key" : "private key";
}

static ss_status_t describe(const struct pkcs11_token *token, CK_OBJECT_HANDLE handle, struct pkcs11_key *key,
                            struct ss_error *err)
{
    unsigned char label[PKCS11_LABEL_SIZE];
    size_t len = 0;
    CK_ATTRIBUTE id = {CKA_ID, NULL, 0};
    *key = (struct pkcs11_key){.handle = handle};
    if (pkcs11_bytes(token, handle, CKA_LABEL, label, sizeof label, &len))
        pkcs11_text(label, len, key->label, sizeof key->label);
    CK_RV rv = token->module->C_GetAttributeValue(token->session, handle, &id, 1);
    if (rv == CKR_OK && id.ulValueLen != CK_UNAVAILABLE_INFORMATION && id.ulValueLen > sizeof key->id)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_VAULT,
                            "token '%s': key '%s' has an id of %lu bytes, at most %d are supported", token->label,
                            key->label, id.ulValueLen, PKCS11_ID_MAX);
    if (!pkcs11_bytes(token, handle, CKA_ID, key->id, sizeof key->id, &key->id_len))
        key->id_len = 0;
    return SS_OK;
}

ss_status_t pkcs11_find_key(const struct pkcs11_token *token, CK_OBJECT_CLASS class, CK_KEY_TYPE type,
                            const uint8_t *id, size_t id_len, struct pkcs11_key *key, struct ss_error *err)
{
    CK_ATTRIBUTE template[TEMPLATE_MAX], *label = p11_kit_uri_get_attribute(token->uri, CKA_LABEL),
                                         *uri_id = p11_kit_uri_get_attribute(token->uri, CKA_ID);
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;

    add(template, &count, CKA_CLASS, &class, sizeof class);
    if (type != CK_UNAVAILABLE_INFORMATION)
        add(template, &count, CKA_KEY_TYPE, &type, sizeof type);
    if (label)
        template[count++] = *label;
    if (uri_id)
        template[count++] = *uri_id;
    if (id)
        add(template, &count, CKA_ID, id, id_len);
    ss_status_t status = find(token, template, count, found, &count, err);
    if (status != SS_OK)
        return status;
    if (count == 1)
        return describe(token, found[0], key, err);
    return count ? ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                                "token '%s' has several %ss that fit; say which by object= or id=", token->label,
                                kind(class))
                 : ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "token '%s' has no %s %s", token->label,
                                kind(class), id ? "that is the vault's" : "that fits the pkcs11 URI");
}

ss_status_t pkcs11_key_exists(const struct pkcs11_token *token, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE attribute,
                              const void *value, size_t len, bool *exists, struct ss_error *err)
{
    CK_ATTRIBUTE template[2];
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;
    add(template, &count, CKA_CLASS, &class, sizeof class);
    add(template, &count, attribute, value, len);
    ss_status_t status = find(token, template, count, found, &count, err);
    *exists = count > 0;
    return status;
}

ss_status_t pkcs11_find_by_id(const struct pkcs11_token *token, CK_OBJECT_CLASS class, const uint8_t *id, size_t id_len,
                              CK_OBJECT_HANDLE *handle, struct ss_error *err)
{
    CK_ATTRIBUTE template[2];
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;
    add(template, &count, CKA_CLASS, &class, sizeof class);
    add(template, &count, CKA_ID, id, id_len);
    ss_status_t status = find(token, template, count, found, &count, err);
    if (status == SS_OK && !count)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "token '%s' has no such object", token->label);
    *handle = found[0];
    return status;
}

bool pkcs11_bytes(const struct pkcs11_token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out,
                  size_t size, size_t *len)
{
    CK_ATTRIBUTE attribute = {type, out, size};
    *len = 0;
    if (token->module->C_GetAttributeValue(token->session, object, &attribute, 1) != CKR_OK ||
        attribute.ulValueLen > size)
        return false;
    *len = attribute.ulValueLen;
    return true;
}

bool pkcs11_flag(const struct pkcs11_token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool fallback)
{
    CK_BBOOL value;
    size_t len;
    return pkcs11_bytes(token, object, type, &value, sizeof value, &len) && len == sizeof value ? value != CK_FALSE
                                                                                                : fallback;
}

CK_ULONG pkcs11_number(const struct pkcs11_token *token, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                       CK_ULONG fallback)
{
    CK_ULONG value;
    size_t len;
    return pkcs11_bytes(token, object, type, &value, sizeof value, &len) && len == sizeof value ? value : fallback;
}
