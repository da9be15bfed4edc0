// SPDX-License-Identifier: Apache-2.0
#include "efuse_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "file.h"
#include "provision/doctor.h"

/// As it is written on the box: the factory's MAC lies with its last byte first, a custom one with its first.
static void mac_text(const uint8_t *bytes, size_t len, bool reversed, char *out)
{
    for (size_t i = 0; i < len; i++)
        snprintf(out + 3 * i, 4, "%02x%s", bytes[reversed ? len - 1 - i : i], i + 1 < len ? ":" : "");
}

/// What software could read of a field, in words; key blocks are told by what they are, not by what they hold.
static void value_text(const struct ss_efuse *window, const struct ss_efuse_field *field, char *out, size_t size)
{
    uint8_t bytes[32];
    bool key = field->block > 0 && field->length > 48;
    ss_efuse_get_bytes(window, field, bytes);
    size_t len = (field->length + 7u) / 8;
    if (ss_efuse_read_protected(window, field))
        snprintf(out, size, "(read-protected)");
    else if (key)
        snprintf(out, size, "%s", ss_all_bytes(bytes, len, 0) ? "blank" : "(hidden)");
    else if (field->type == SS_EFUSE_BYTES)
        mac_text(bytes, len, field->block == 0, out);
    else
        snprintf(out, size, "0x%" PRIx32, ss_efuse_get(window, field));
}

static json_t *json_field(const struct ss_efuse *window, const struct ss_efuse_field *field)
{
    char text[80];
    value_text(window, field, text, sizeof text);
    json_t *value = field->type == SS_EFUSE_BYTES || ss_efuse_read_protected(window, field)
                        ? json_string(text)
                        : json_integer((json_int_t)ss_efuse_get(window, field));
    return json_pack("{s:s, s:s, s:i, s:i, s:b, s:b, s:o}", "name", field->name, "description", field->description,
                     "block", field->block, "bits", field->length, "readable", !ss_efuse_read_protected(window, field),
                     "writeable", !ss_efuse_write_protected(window, field), "value", value);
}

json_t *efuse_json(const struct ss_efuse *window)
{
    const struct ss_efuse_field *field;
    json_t *fields = json_array();
    for (size_t i = 0; fields && (field = ss_efuse_field_at(i)); i++)
        json_array_append_new(fields, json_field(window, field));
    return fields;
}

void efuse_print(const struct ss_efuse *window)
{
    const struct ss_efuse_field *field;
    char text[80];
    for (size_t i = 0; (field = ss_efuse_field_at(i)); i++) {
        value_text(window, field, text, sizeof text);
        printf("%-22s BLOCK%u  %c/%c  %-16s  %s\n", field->name, field->block,
               ss_efuse_read_protected(window, field) ? '-' : 'R', ss_efuse_write_protected(window, field) ? '-' : 'W',
               text, field->description);
    }
}

ss_status_t efuse_dump(const struct ss_efuse *window, const char *path, struct ss_error *err)
{
    uint8_t bytes[SS_EFUSE_IMAGE_SIZE];
    size_t len = sizeof bytes;
    ss_efuse_to_bytes(window, bytes);
    if (ss_efuse_coding(window) == SS_EFUSE_CODING_34) {
        // What is left of each key block after decoding: 24 bytes of 32.
        for (size_t block = 1; block < 3; block++)
            memmove(bytes + 28 + 24 * block, bytes + 28 + 32 * block, 24);
        len = SS_EFUSE_DUMP_34_SIZE;
    }
    ss_status_t status = file_write(path, OUTPUT_PLAINTEXT, bytes, len, NULL, err);
    ss_wipe(bytes, sizeof bytes);
    return status;
}
