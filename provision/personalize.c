// SPDX-License-Identifier: Apache-2.0
#include "provision/personalize.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "slotseal/canonical.h"
#include "slotseal/release.h"
#include "slotseal/sign.h"
#include "vault/locked.h"
#include "vault/personal.h"
#include "vault/signing.h"

struct ss_personalizer {
    struct ss_vault *vault;
    ss_vault_ask_fn ask;
    struct ss_vault_product product;
    struct ss_vault_release release;
    struct ss_release fields; ///< points into `release`
    uint8_t *image;           ///< locked: the template
    uint8_t *own, *out;       ///< locked: the device's, without and with its signature
    size_t size;              ///< of each of the three
};

static ss_status_t fail(struct ss_error *err, ss_status_t status, const char *what, const char *text)
{
    return ss_error_set(err, status, SS_AREA_PROVISION, "%.64s %s", what, text);
}

static ss_status_t look_up(struct ss_personalizer *p, const char *product, const char *version, struct ss_error *err)
{
    struct ss_statement statement;
    ss_status_t status = ss_vault_product_get(p->vault, product, &p->product, err);
    if (status == SS_OK && !p->product.per_device_sign_keys)
        return fail(err, SS_ERROR_INVALID_ARGUMENT, product, "signs all devices' apps with one key");
    if (status == SS_OK)
        status = ss_vault_release_get(p->vault, product, version, &p->release, err);
    if (status != SS_OK)
        return status;
    if (ss_statement_parse(p->release.statement, p->release.statement_len, &statement, NULL) != SS_OK ||
        ss_release_parse(&statement, &p->fields, NULL) != SS_OK || p->fields.image_len > p->release.length)
        return fail(err, SS_ERROR_INVALID_ARGUMENT, version, "has no release statement of its image");
    return SS_OK;
}

static ss_status_t read_image(struct ss_personalizer *p, struct ss_error *err)
{
    struct ss_vault_image *reader;
    p->size = SS_SIGN_MAX_OUT((size_t)p->fields.image_len);
    p->image = ss_locked_new(p->size);
    p->own = ss_locked_new(p->size);
    p->out = ss_locked_new(p->size);
    if (!p->image || !p->own || !p->out)
        return fail(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory", "for an image");
    ss_status_t status =
        ss_vault_image_open(p->vault, p->release.product, p->release.version, "to sign it for devices", &reader, err);
    if (status == SS_OK)
        status = ss_vault_image_read(reader, 0, p->image, p->fields.image_len, err);
    ss_vault_image_close(reader);
    return status;
}

ss_status_t ss_personalizer_open(struct ss_vault *vault, const char *product, const char *version, ss_vault_ask_fn ask,
                                 struct ss_personalizer **out, struct ss_error *err)
{
    struct ss_personalizer *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return fail(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory", "for an image");
    p->vault = vault;
    p->ask = ask;
    ss_status_t status = look_up(p, product, version, err);
    if (status == SS_OK)
        status = read_image(p, err);
    if (status == SS_OK)
        *out = p;
    else
        ss_personalizer_close(p);
    return status;
}

void ss_personalizer_close(struct ss_personalizer *p)
{
    if (!p)
        return;
    ss_locked_free(p->image, p->size);
    ss_locked_free(p->own, p->size);
    ss_locked_free(p->out, p->size);
    free(p);
}

static ss_status_t check_device(const struct ss_personalizer *p, const struct ss_vault_device *d, struct ss_error *err)
{
    if (strcmp(d->product, p->product.name) != 0)
        return fail(err, SS_ERROR_INVALID_ARGUMENT, d->id, "is a device of another product");
    if (!*d->sign_key)
        return fail(err, SS_ERROR_INVALID_ARGUMENT, d->id, "has no signing key of its own yet: provision it first");
    if (d->state != SS_VAULT_DEVICE_REGISTERED && d->state != SS_VAULT_DEVICE_PROVISIONING &&
        d->state != SS_VAULT_DEVICE_PROVISIONED)
        return fail(err, SS_ERROR_NOT_PERMITTED, d->id, "has left the fleet");
    return SS_OK;
}

/// The public half of the device's key, as its images hold it.
static ss_status_t public_half(const struct ss_personalizer *p, const struct ss_vault_device *d,
                               uint8_t raw[SS_RAW_PUBLIC_KEY_SIZE], struct ss_error *err)
{
    struct ss_vault_signing_key known;
    ss_signing_key_t *key = NULL;
    ss_status_t status = ss_vault_signing_key_get(p->vault, d->sign_key, &known, err);
    if (status == SS_OK)
        status = ss_signing_key_load((const uint8_t *)known.public_key, strlen(known.public_key), &key, err);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(key, raw, err);
    ss_signing_key_free(key);
    return status;
}

static bool is_there(const struct ss_personalizer *p, const struct ss_vault_device *d, const uint8_t *raw)
{
    struct ss_vault_signature there;
    return ss_vault_signature_get(p->vault, p->product.name, p->release.version, d->id, &there, NULL) == SS_OK &&
           (!there.has_key || !memcmp(there.verification_key, raw, sizeof there.verification_key));
}

static ss_status_t place_key(struct ss_personalizer *p, const uint8_t *raw, struct ss_error *err)
{
    const uint8_t *old = p->image + p->fields.vk_offset;
    uint32_t offset;
    size_t len;
    if (p->fields.vk_offset == SS_VK_NONE || !memcmp(old, raw, SS_VK_SIZE)) {
        memcpy(p->own, p->image, p->fields.image_len);
        return SS_OK;
    }
    ss_status_t status =
        ss_vk_replace(p->image, p->fields.image_len, old, raw, p->own, p->size, &len, &offset, NULL, err);
    if (status == SS_OK && (offset != p->fields.vk_offset || len != p->fields.image_len))
        status = fail(err, SS_ERROR_DATA_CORRUPT, p->release.version, "has its key elsewhere than its statement says");
    return status;
}

static ss_status_t sign(struct ss_personalizer *p, const struct ss_vault_device *d, struct ss_vault_signature *s,
                        struct ss_error *err)
{
    ss_signing_key_t *key = NULL;
    size_t len = 0;
    ss_status_t status = ss_vault_signing_key_open(p->vault, d->sign_key, p->release.version, p->ask, NULL, &key, err);
    if (status == SS_OK)
        status = ss_sign_image(p->fields.scheme == SS_RELEASE_V2 ? SS_SIGN_V2 : SS_SIGN_V1, key, false, p->own,
                               p->fields.image_len, p->out, p->size, &len, NULL, err);
    ss_signing_key_free(key);
    if (status != SS_OK)
        return status;
    s->trailer_len = len - p->fields.image_len;
    if (s->trailer_len > sizeof s->trailer)
        return fail(err, SS_ERROR_NOT_SUPPORTED, p->release.version, "has a signature that is too long");
    memcpy(s->trailer, p->out + p->fields.image_len, s->trailer_len);
    return ss_vault_signature_put(p->vault, s, err);
}

ss_status_t ss_personalize(struct ss_personalizer *p, const char *id, bool *made, struct ss_error *err)
{
    struct ss_vault_device device;
    struct ss_vault_signature signature = {.has_key = p->fields.vk_offset != SS_VK_NONE};
    uint8_t raw[SS_RAW_PUBLIC_KEY_SIZE] = {0};
    *made = false;
    ss_status_t status = ss_vault_device_get(p->vault, id, &device, err);
    if (status == SS_OK)
        status = check_device(p, &device, err);
    if (status == SS_OK && signature.has_key)
        status = public_half(p, &device, raw, err);
    if (status != SS_OK || is_there(p, &device, raw))
        return status;
    strcpy(signature.product, p->product.name);
    strcpy(signature.version, p->release.version);
    strcpy(signature.device, device.id);
    memcpy(signature.verification_key, raw, sizeof raw);
    status = place_key(p, raw, err);
    if (status == SS_OK)
        status = sign(p, &device, &signature, err);
    *made = status == SS_OK;
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "device %s", device.id);
}
