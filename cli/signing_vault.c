// SPDX-License-Identifier: Apache-2.0
// Signing keys that the vault knows: kept in it, or in a token.
#include <string.h>

#include "ask.h"
#include "core/hex.h"
#include "signing.h"
#include "vault/signing.h"
#include "vault_option.h"

const char *signing_vault_name(const char *path)
{
    static const char scheme[] = "vault:";
    return strncmp(path, scheme, sizeof scheme - 1) == 0 ? path + sizeof scheme - 1 : NULL;
}

static ss_status_t get_public(struct ss_vault *vault, const char *name, ss_signing_key_t **key, struct ss_error *err)
{
    struct ss_vault_signing_key record;
    *key = NULL;
    ss_status_t status = ss_vault_signing_key_get(vault, name, &record, err);
    return status == SS_OK
               ? ss_signing_key_load((const uint8_t *)record.public_key, strlen(record.public_key), key, err)
               : status;
}

ss_status_t signing_vault_public(const struct cli_args *args, const char *name, ss_signing_key_t **key,
                                 struct ss_error *err)
{
    struct ss_vault *vault;
    *key = NULL;
    ss_status_t status = vault_option_connect(args, false, &vault, err);
    if (status == SS_OK)
        status = get_public(vault, name, key, err);
    ss_vault_close(vault);
    return status;
}

/// Half of the digest is enough to tell keys apart, and leaves room for names.
enum { FINGERPRINT = 16 };

static ss_status_t fingerprint(const ss_signing_key_t *key, char text[2 * FINGERPRINT + 1], struct ss_error *err)
{
    uint8_t digest[32];
    ss_status_t status = ss_signing_key_fingerprint(key, digest, err);
    ss_put_hex(digest, FINGERPRINT, text);
    return status;
}

ss_status_t signing_vault_is(struct ss_vault *vault, const char *name, const ss_signing_key_t *key, const char *path,
                             struct ss_error *err)
{
    ss_signing_key_t *kept;
    char ours[2 * FINGERPRINT + 1], theirs[2 * FINGERPRINT + 1];
    ss_status_t status = get_public(vault, name, &kept, err);
    if (status == SS_OK && !ss_signing_key_same_public(kept, key)) {
        status = fingerprint(kept, ours, err);
        if (status == SS_OK)
            status = fingerprint(key, theirs, err);
        if (status == SS_OK)
            status =
                ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_KEY,
                             "signing key %s of the vault has fingerprint %s, not %s as %s", name, ours, theirs, path);
    }
    ss_signing_key_free(kept);
    return status;
}

/// Only a key that is in the vault needs what wraps signing keys.
static ss_status_t connect_for(const struct cli_args *args, struct ss_vault **vault, struct ss_error *err)
{
    bool signing = vault_option_options(args).signing_key != NULL;
    return vault_option_connect(args, signing, vault, err);
}

ss_status_t signing_vault_open(const struct cli_args *args, const char *name, const char *what, ss_signing_key_t **key,
                               struct ss_error *err)
{
    struct ss_vault *vault;
    *key = NULL;
    ss_status_t status = connect_for(args, &vault, err);
    if (status == SS_OK)
        status = ss_vault_signing_key_open(vault, name, what, ask_secret, NULL, key, err);
    ss_vault_close(vault);
    return status;
}

/// Its own key, or that of its product.
static ss_status_t key_name(const struct cli_args *args, struct ss_vault *vault, char name[SS_VAULT_NAME_SIZE],
                            struct ss_error *err)
{
    const char *device = args->options[OPT_DEVICE];
    struct ss_vault_device d = {0};
    struct ss_vault_product p;
    ss_status_t status = device ? ss_vault_device_get(vault, device, &d, err) : SS_OK;
    if (status == SS_OK)
        status = ss_vault_product_get(vault, device ? d.product : args->options[OPT_PRODUCT], &p, err);
    if (status != SS_OK)
        return status;
    memcpy(name, d.sign_key[0] ? d.sign_key : p.sign_key, SS_VAULT_NAME_SIZE);
    if (name[0])
        return SS_OK;
    if (p.per_device_sign_keys)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT,
                            device ? "device %s has no signing key in the vault"
                                   : "each device of product %s has a signing key of its own: --device ID",
                            device ? device : p.name);
    return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT,
                        "images of product %s are signed by a key that is not in the vault: --key KEY", p.name);
}

ss_status_t signing_vault_for(const struct cli_args *args, const char *what, ss_signing_key_t **key,
                              struct ss_error *err)
{
    char name[SS_VAULT_NAME_SIZE];
    struct ss_vault *vault;
    *key = NULL;
    ss_status_t status = connect_for(args, &vault, err);
    if (status == SS_OK)
        status = key_name(args, vault, name, err);
    if (status == SS_OK)
        status = ss_vault_signing_key_open(vault, name, what, ask_secret, NULL, key, err);
    ss_vault_close(vault);
    return status;
}
