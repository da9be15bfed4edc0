// SPDX-License-Identifier: Apache-2.0
// eFuses as espefuse writes them down: raw words, or the summary in JSON.
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/doctor.h"

enum { BLOCK0_SIZE = 28, KEY_SIZE = 32, KEY_34_SIZE = 24 };

static void set_bits(struct ss_efuse *efuse, const struct ss_efuse_field *field, const uint8_t *bits)
{
    for (unsigned i = 0; i < field->length; i++) {
        unsigned at = field->bit + i;
        uint32_t *word = &efuse->words[ss_efuse_block_start(field->block) + field->word + at / 32];
        if (bits[i / 8] >> (i % 8) & 1)
            *word |= 1u << (at % 32);
        else
            *word &= ~(1u << (at % 32));
    }
}

static bool set_number(struct ss_efuse *efuse, const struct ss_efuse_field *field, json_int_t value)
{
    uint8_t bits[4];
    if (field->length > 32 || value < 0 || value >> field->length)
        return false;
    for (unsigned i = 0; i < 4; i++)
        bits[i] = (uint8_t)(value >> 8 * i);
    set_bits(efuse, field, bits);
    return true;
}

/// "00 1f …", lowest byte first; "??" where software cannot read. False if it is something else.
static bool set_bytes(struct ss_efuse *efuse, const struct ss_efuse_field *field, const char *text)
{
    uint8_t bits[32] = {0};
    size_t n = 0;
    for (const char *p = text; *p; p += *p == ' ') {
        char *end;
        if (n == sizeof bits)
            return false;
        if (!strncmp(p, "??", 2)) {
            bits[n++] = 0;
            p += 2;
            continue;
        }
        if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]))
            return false;
        bits[n++] = (uint8_t)strtoul((char[]){p[0], p[1], 0}, &end, 16);
        p += 2;
    }
    if (n * 8 != field->length && n * 8 != 192) // 3/4 coding: 24 bytes are shown
        return false;
    set_bits(efuse, field, bits);
    return true;
}

/// Older tools show CODING_SCHEME by its meaning only.
static bool set_text(struct ss_efuse *efuse, const struct ss_efuse_field *field, const char *text)
{
    static const char *const codings[] = {"NONE", "3/4", "REPEAT"};
    char *end;
    if (field->type == SS_EFUSE_BYTES)
        return field->block == 0 || set_bytes(efuse, field, text); // a MAC: of no interest here
    if (!strcmp(field->name, "CODING_SCHEME"))
        for (unsigned i = 0; i < 3; i++)
            if (!strncmp(text, codings[i], strlen(codings[i])))
                return set_number(efuse, field, i);
    unsigned long value = strtoul(text, &end, 0);
    return end == text || *end || set_number(efuse, field, (json_int_t)value); // the name of a pin, a voltage, …
}

static bool set_field(struct ss_efuse *efuse, const struct ss_efuse_field *field, const json_t *entry)
{
    const json_t *raw = json_object_get(entry, "raw_value"), *value = json_object_get(entry, "value");
    if (json_is_string(raw) && field->type != SS_EFUSE_BYTES && field->length <= 32)
        value = raw;
    if (json_is_boolean(value))
        return set_number(efuse, field, json_is_true(value));
    if (json_is_integer(value))
        return set_number(efuse, field, json_integer_value(value));
    if (json_is_string(value))
        return set_text(efuse, field, json_string_value(value));
    return true;
}

static ss_status_t read_json(const json_t *root, struct ss_efuse *window, struct ss_error *err)
{
    static const char *const needed[] = {"WR_DIS", "RD_DIS", "FLASH_CRYPT_CNT", "FLASH_CRYPT_CONFIG", "ABS_DONE_0"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!json_is_object(json_object_get(root, needed[i])))
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_EFUSE,
                                "eFuse summary of an ESP32 without %s: it takes all fields", needed[i]);
    const struct ss_efuse_field *field;
    for (size_t i = 0; (field = ss_efuse_field_at(i)); i++) {
        const json_t *entry = json_object_get(root, field->name);
        // Fields of BLOCK3 come with the block itself.
        bool whole = field->block > 0 && field->length == 8 * KEY_SIZE;
        if (entry && (field->block == 0 || whole) && !set_field(window, field, entry))
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_EFUSE, "eFuse summary: no such value of %s",
                                field->name);
    }
    return SS_OK;
}

/// With 3/4 coding espefuse dumps the six words of each key block that are left after decoding.
static ss_status_t read_dump(const uint8_t *data, size_t len, struct ss_efuse *window, struct ss_error *err)
{
    uint8_t bytes[SS_EFUSE_IMAGE_SIZE] = {0};
    bool coded = len == SS_EFUSE_DUMP_34_SIZE;
    memcpy(bytes, data, BLOCK0_SIZE);
    for (size_t block = 0; block < 3; block++)
        memcpy(bytes + BLOCK0_SIZE + KEY_SIZE * block, data + BLOCK0_SIZE + (coded ? KEY_34_SIZE : KEY_SIZE) * block,
               coded ? KEY_34_SIZE : KEY_SIZE);
    ss_efuse_from_bytes(bytes, window);
    if (!coded || ss_efuse_coding(window) == SS_EFUSE_CODING_34)
        return SS_OK;
    memset(window, 0, sizeof *window);
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_EFUSE,
                        "eFuses are %zu bytes, as with 3/4 coding, but CODING_SCHEME is not 3/4", len);
}

ss_status_t ss_doctor_read_efuses(const uint8_t *data, size_t len, struct ss_efuse *window, struct ss_error *err)
{
    memset(window, 0, sizeof *window);
    if (len == SS_EFUSE_IMAGE_SIZE || len == SS_EFUSE_DUMP_34_SIZE)
        return read_dump(data, len, window, err);
    // espefuse prints its own name and the port before the object.
    const uint8_t *start = memchr(data, '{', len);
    json_t *root =
        start ? json_loadb((const char *)start, len - (size_t)(start - data), JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    ss_status_t status;
    if (json_is_object(root))
        status = read_json(root, window, err);
    else
        status =
            ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_EFUSE,
                         "eFuses are %zu bytes: neither the %u of a joint dump (%u with 3/4 coding) nor a JSON summary",
                         len, SS_EFUSE_IMAGE_SIZE, SS_EFUSE_DUMP_34_SIZE);
    json_decref(root);
    if (status != SS_OK)
        memset(window, 0, sizeof *window);
    return status;
}
