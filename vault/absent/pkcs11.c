// SPDX-License-Identifier: Apache-2.0
// Stands in for the tokens in a build without them (SS_WITH_PKCS11=OFF).
#include "vault/pkcs11.h"

static ss_status_t not_built(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_VAULT, "this build has no PKCS#11 support");
}

static ss_status_t create(const struct ss_vault_key_request *request, uint8_t *params, size_t size, size_t *len,
                          void **key, struct ss_error *err)
{
    (void)request, (void)params, (void)size;
    *len = 0;
    *key = NULL;
    return not_built(err);
}

static ss_status_t open_key(const struct ss_vault_key_request *request, const uint8_t *params, size_t len, void **key,
                            struct ss_error *err)
{
    (void)request, (void)params, (void)len;
    *key = NULL;
    return not_built(err);
}

void ss_pkcs11_files(const char *uri, void (*each)(void *context, const char *path, bool written), void *context)
{
    (void)uri, (void)each, (void)context;
}

// Without an open key the other functions are never called.
const struct ss_vault_key_ops ss_vault_key_pkcs11 = {.scheme = "pkcs11", .create = create, .open = open_key};

ss_status_t ss_pkcs11_signing_key_open(const struct ss_vault_key_request *request, ss_signing_key_t **key,
                                       struct ss_error *err)
{
    (void)request;
    *key = NULL;
    return not_built(err);
}

ss_status_t ss_pkcs11_signing_key_generate(const struct ss_vault_key_request *request, enum ss_key_type type,
                                           ss_signing_key_t **key, struct ss_error *err)
{
    (void)type;
    return ss_pkcs11_signing_key_open(request, key, err);
}

ss_status_t ss_pkcs11_wrapping_key_generate(const struct ss_vault_key_request *request, struct ss_error *err)
{
    (void)request;
    return not_built(err);
}
