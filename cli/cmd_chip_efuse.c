// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "chip/chip.h"
#include "commands.h"
#include "core/bytes.h"
#include "json.h"

static const struct cli_option options[] = {OPTION_JSON, OPTION_END};

/// As it is written on the box: the factory's MAC lies with its last byte first, a custom one with its first.
static void mac_text(const uint8_t *bytes, size_t len, bool reversed, char *out)
{
    for (size_t i = 0; i < len; i++)
        snprintf(out + 3 * i, 4, "%02x%s", bytes[reversed ? len - 1 - i : i], i + 1 < len ? ":" : "");
}

/// What software could read of a field, in words; key blocks are told by what they are, not by what they hold.
static void value_text(const struct ss_vchip *chip, const struct ss_efuse_field *field, char *out, size_t size)
{
    uint8_t bytes[32];
    bool key = field->block > 0 && field->length > 48;
    ss_efuse_get_bytes(&chip->efuse.window, field, bytes);
    size_t len = (field->length + 7u) / 8;
    if (ss_efuse_read_protected(chip->silicon, field))
        snprintf(out, size, "(read-protected)");
    else if (key)
        snprintf(out, size, "%s", ss_all_bytes(bytes, len, 0) ? "blank" : "(hidden)");
    else if (field->type == SS_EFUSE_BYTES)
        mac_text(bytes, len, field->block == 0, out);
    else
        snprintf(out, size, "0x%" PRIx32, ss_efuse_get(&chip->efuse.window, field));
}

static json_t *json_field(const struct ss_vchip *chip, const struct ss_efuse_field *field)
{
    char text[80];
    value_text(chip, field, text, sizeof text);
    json_t *value = field->type == SS_EFUSE_BYTES || ss_efuse_read_protected(chip->silicon, field)
                        ? json_string(text)
                        : json_integer((json_int_t)ss_efuse_get(&chip->efuse.window, field));
    return json_pack("{s:s, s:s, s:i, s:i, s:b, s:b, s:o}", "name", field->name, "description", field->description,
                     "block", field->block, "bits", field->length, "readable",
                     !ss_efuse_read_protected(chip->silicon, field), "writeable",
                     !ss_efuse_write_protected(chip->silicon, field), "value", value);
}

static int print_json(const struct ss_vchip *chip)
{
    const struct ss_efuse_field *field;
    json_t *fields = json_array();
    for (size_t i = 0; (field = ss_efuse_field_at(i)); i++)
        json_array_append_new(fields, json_field(chip, field));
    unsigned revision = ss_efuse_revision(chip->silicon, chip->apb_date_bit31);
    return json_print(json_pack("{s:i, s:b, s:o}", "revision", (int)revision, "flash_encryption",
                                ss_chip_encrypts(chip), "fields", fields),
                      CLI_OK);
}

static int print_text(const struct ss_vchip *chip)
{
    const struct ss_efuse_field *field;
    char text[80];
    for (size_t i = 0; (field = ss_efuse_field_at(i)); i++) {
        value_text(chip, field, text, sizeof text);
        printf("%-22s BLOCK%u  %c/%c  %-16s  %s\n", field->name, field->block,
               ss_efuse_read_protected(chip->silicon, field) ? '-' : 'R',
               ss_efuse_write_protected(chip->silicon, field) ? '-' : 'W', text, field->description);
    }
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    struct ss_vchip *chip = NULL;
    struct ss_error err = {0};
    if (ss_chip_open(args->operands[0], &chip, &err) != SS_OK)
        return cli_fail(&err);
    int result = args->options[OPT_JSON] ? print_json(chip) : print_text(chip);
    ss_chip_free(chip);
    return result;
}

const struct cli_command command_chip_efuse = {
    .path = "chip efuse",
    .summary = "show a virtual ESP32's eFuses",
    .description = "Prints each field with its block, whether software can still read (R) and write (W) it, and its "
                   "value. The content of key blocks is not printed.",
    .operands = "DIR",
    .options = options,
    .example = "slotseal chip efuse device1\n",
    .run = run,
};
