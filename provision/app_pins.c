// SPDX-License-Identifier: Apache-2.0
#include "provision/app_pins.h"

#include <string.h>

#include "core/bytes.h"
#include "core/image_parts.h"
#include "device/pins.h"
#include "slotseal/content.h"

static ss_status_t refuse(struct ss_error *err, ss_status_t status, const char *what)
{
    return ss_error_set(err, status, SS_AREA_IMAGE, "%s", what);
}

// The end of an image is one of a read, too: it is a multiple of 16.
static ss_status_t read_memory(void *context, uint32_t address, void *out, size_t len)
{
    memcpy(out, (const uint8_t *)context + address, len);
    return SS_OK;
}

static ss_status_t find(const uint8_t *image, const struct ss_image *parsed, struct ss_pins_place *place,
                        struct ss_error *err)
{
    union {
        const void *in;
        void *context;
    } memory = {.in = image};
    ss_status_t status = ss_pins_find(read_memory, memory.context, 0, parsed->image_len, place);
    if (status == SS_ERROR_DOES_NOT_EXIST)
        return refuse(err, status, "the app has no block for a key set: SS_PINS_DEFINE() of device/pins.h links one");
    if (status != SS_OK)
        return refuse(err, status, "the app has more than one block for a key set, or a damaged one");
    return SS_OK;
}

static ss_status_t parse(const uint8_t *image, size_t len, struct ss_image *parsed, struct ss_error *err)
{
    const char *advice = ss_content_sign_advice(ss_content_classify(image, len));
    if (advice)
        return refuse(err, SS_ERROR_NOT_PERMITTED, advice);
    ss_status_t status = ss_image_parse(image, len, NULL, parsed, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "image would not boot");
    if (parsed->kind == SS_IMAGE_KIND_BOOTLOADER)
        return refuse(err, SS_ERROR_NOT_PERMITTED, "a bootloader has no key set: the app has it");
    return SS_OK;
}

ss_status_t ss_app_pins_get(const uint8_t *image, size_t len, const uint8_t **key_set, size_t *key_set_len,
                            struct ss_error *err)
{
    struct ss_image parsed;
    struct ss_pins_place place = {0};
    *key_set = NULL;
    *key_set_len = 0;
    ss_status_t status = parse(image, len, &parsed, err);
    if (status == SS_OK)
        status = find(image, &parsed, &place, err);
    if (status != SS_OK)
        return status;
    *key_set = image + place.offset;
    *key_set_len = place.length;
    return SS_OK;
}

static ss_status_t check_key_set(const uint8_t *in, size_t len, struct ss_error *err)
{
    struct ss_statement statement;
    struct ss_key_set set;
    struct ss_refusal why = {0};
    ss_status_t status = ss_statement_parse(in, len, &statement, &why);
    if (status == SS_OK)
        status = ss_key_set_parse(&statement, &set, &why);
    if (status == SS_OK)
        status = ss_key_set_check_roots(&statement, &set, &why);
    if (status == SS_OK)
        return SS_OK;
    return ss_error_set(err, status, SS_AREA_STATEMENT, "the key set %s", ss_reason_text(why.reason));
}

static void put(uint8_t *image, const struct ss_pins_place *place, const uint8_t *in, uint32_t len)
{
    uint8_t *to = image + place->offset;
    ss_put_le32(to - 4, len);
    memcpy(to, in, len);
    memset(to + len, 0, place->capacity - len);
}

ss_status_t ss_app_pins_embed(uint8_t *image, size_t len, const uint8_t *key_set, size_t key_set_len,
                              struct ss_error *err)
{
    struct ss_image parsed;
    struct ss_pins_place place = {0};
    ss_status_t status = check_key_set(key_set, key_set_len, err);
    if (status == SS_OK)
        status = parse(image, len, &parsed, err);
    if (status == SS_OK && parsed.signature != SS_IMAGE_UNSIGNED)
        return refuse(err, SS_ERROR_NOT_PERMITTED, "the app is signed: embed the key set first, then sign");
    if (status == SS_OK)
        status = find(image, &parsed, &place, err);
    if (status != SS_OK)
        return status;
    if (key_set_len > place.capacity)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_IMAGE,
                            "key set is %zu bytes, the app's block holds %u", key_set_len, (unsigned)place.capacity);
    put(image, &place, key_set, (uint32_t)key_set_len);
    status = ss_image_refresh(image, &parsed);
    return status == SS_OK
               ? SS_OK
               : ss_error_set(err, status, SS_AREA_CRYPTO, "cannot hash the image: %s", ss_status_name(status));
}
