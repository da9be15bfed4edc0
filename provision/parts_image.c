// SPDX-License-Identifier: Apache-2.0
// Bootloader and app as this device needs them: its verification key inside, its signature behind.
#include "provision/parts_image.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "slotseal/canonical.h"
#include "slotseal/image.h"

static ss_status_t fail(struct ss_error *err, ss_status_t status, const char *text)
{
    return ss_error_set(err, status, SS_AREA_PROVISION, "%s", text);
}

void image_free(struct image_bytes *image)
{
    ss_wipe(image->data, image->capacity);
    free(image->data);
    *image = (struct image_bytes){0};
}

static ss_status_t copy(const uint8_t *in, size_t len, struct image_bytes *out, struct ss_error *err)
{
    *out = (struct image_bytes){.data = malloc(SS_SIGN_MAX_OUT(len)), .len = len, .capacity = SS_SIGN_MAX_OUT(len)};
    if (!out->data) {
        *out = (struct image_bytes){0};
        return fail(err, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory for an image");
    }
    memcpy(out->data, in, len);
    return SS_OK;
}

/// The image suits the chip; sealing looks at the rest.
static ss_status_t check_chip(const struct image_bytes *image, const struct image_wanted *wanted, struct ss_error *err)
{
    struct ss_image_context context = SS_IMAGE_CONTEXT_DEFAULT;
    struct ss_image parsed;
    context.kind = wanted->is_bootloader ? SS_IMAGE_KIND_BOOTLOADER : SS_IMAGE_KIND_APP;
    context.chip_id = 0;
    context.chip_rev = (int32_t)wanted->revision;
    context.flash_address = wanted->address;
    return ss_image_parse(image->data, image->len, &context, &parsed, err);
}

/// V1: the key that this device's apps are verified with has to be in its bootloader; an app may have it, too.
static ss_status_t place_key(struct image_bytes *image, const struct image_wanted *wanted, struct ss_error *err)
{
    uint8_t key[SS_VK_SIZE];
    enum ss_vk_state state;
    uint32_t offset;
    ss_status_t status = ss_signing_key_raw_public(wanted->key, key, err);
    if (status == SS_OK)
        status = ss_vk_compare(image->data, image->len, key, wanted->embedded_key, SS_VK_NONE, &state, err);
    if (status != SS_OK)
        return status;
    if (state == SS_VK_DIFFERENT)
        return ss_vk_replace(image->data, image->len, wanted->embedded_key, key, image->data, image->capacity,
                             &image->len, &offset, NULL, err);
    if (state == SS_VK_SAME || !wanted->is_bootloader)
        return SS_OK;
    return fail(err, SS_ERROR_INVALID_SIGNATURE,
                state == SS_VK_AMBIGUOUS ? "the verification key is there more than once"
                                         : "the key that verifies this device's apps is not in it, nor the one to be "
                                           "replaced");
}

static ss_status_t sign(struct image_bytes *image, const struct image_wanted *wanted, struct ss_error *err)
{
    struct image_bytes out = {0};
    // Only such a signature comes out the same when an interrupted run is continued.
    if (wanted->scheme != SS_SIGN_V1 || !ss_signing_key_is_private(wanted->key))
        return fail(err, SS_ERROR_INVALID_SIGNATURE,
                    "it is not signed, and the key signs differently each time: sign it before (slotseal sign)");
    ss_status_t status = copy(image->data, image->len, &out, err);
    if (status == SS_OK)
        status = ss_sign_image(wanted->scheme, wanted->key, false, image->data, image->len, out.data, out.capacity,
                               &out.len, NULL, err);
    if (status != SS_OK) {
        image_free(&out);
        return status;
    }
    image_free(image);
    *image = out;
    return SS_OK;
}

static ss_status_t sign_or_verify(struct image_bytes *image, const struct image_wanted *wanted, bool *made,
                                  struct ss_error *err)
{
    ss_status_t status = ss_sign_verify(wanted->scheme, wanted->key, image->data, image->len, NULL, err);
    if (status != SS_ERROR_DOES_NOT_EXIST)
        return status;
    *made = true;
    return sign(image, wanted, err);
}

ss_status_t image_prepare(const uint8_t *in, size_t len, const struct image_wanted *wanted, struct image_bytes *out,
                          bool *signature_made, struct ss_error *err)
{
    const char *name = wanted->is_bootloader ? "bootloader" : "app";
    ss_status_t status = copy(in, len, out, err);
    if (status == SS_OK)
        status = check_chip(out, wanted, err);
    if (status == SS_OK && wanted->scheme == SS_SIGN_V1)
        status = place_key(out, wanted, err);
    // A V1 bootloader has a digest instead.
    if (status == SS_OK && wanted->scheme != SS_SIGN_ANY && !(wanted->scheme == SS_SIGN_V1 && wanted->is_bootloader))
        status = sign_or_verify(out, wanted, signature_made, err);
    if (status == SS_OK)
        return SS_OK;
    image_free(out);
    return ss_error_prefix(err, status, "%s", name);
}
