// SPDX-License-Identifier: Apache-2.0
// What chip is there, and what flash it has.
#include <stdio.h>

#include "commands.h"
#include "json.h"
#include "port_option.h"

static const char *manufacturer(uint32_t id)
{
    // JEDEC JEP106, those that are met beside ESP32s.
    static const struct {
        uint8_t id;
        const char *name;
    } names[] = {{0x0B, "XTX"},      {0x20, "XMC or Micron"}, {0x5E, "Zbit"},   {0x68, "Boya"},
                 {0x85, "Puya"},     {0x9D, "ISSI"},          {0xA1, "Fudan"},  {0xBF, "SST"},
                 {0xC2, "Macronix"}, {0xC8, "GigaDevice"},    {0xEF, "Winbond"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].id == id >> 16)
            return names[i].name;
    return "unknown";
}

/// Names of the bits of ss_link_chip.features that are set; ends with NULL.
static void feature_names(const struct ss_link_chip *c, const char *names[10])
{
    static const struct {
        uint32_t bit;
        const char *name;
    } known[] = {
        {SS_LINK_BLUETOOTH, "bluetooth"},
        {SS_LINK_SINGLE_CORE, "single-core"},
        {SS_LINK_240MHZ, "240mhz"},
        {SS_LINK_160MHZ, "160mhz"},
        {SS_LINK_EMBEDDED_FLASH, "embedded-flash"},
        {SS_LINK_EMBEDDED_PSRAM, "embedded-psram"},
        {SS_LINK_VREF, "adc-vref"},
        {SS_LINK_BLOCK3_USED, "block3-used"},
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (c->features & known[i].bit)
            names[n++] = known[i].name;
    names[n] = NULL;
}

static const char *coding_name(enum ss_efuse_coding coding)
{
    return coding == SS_EFUSE_CODING_34 ? "3/4" : coding == SS_EFUSE_CODING_REPEAT ? "repeat" : "none";
}

static int print_id_json(const struct ss_link_chip *c, const struct ss_link_flash *f, const char *id)
{
    const char *names[10];
    char revision[16], flash[8];
    feature_names(c, names);
    json_t *features = json_array();
    for (size_t i = 0; names[i]; i++)
        json_array_append_new(features, json_string(names[i]));
    snprintf(revision, sizeof revision, "%u.%u", c->revision / 100, c->revision % 100);
    snprintf(flash, sizeof flash, "%06x", (unsigned)f->id);
    return json_print(json_pack("{s:s, s:b, s:s, s:s, s:s, s:o, s:i, s:s, s:{s:s, s:s, s:I, s:I}}", "device", id,
                                "mac_valid", c->mac_valid, "chip", c->chip->name, "name", c->name, "revision", revision,
                                "features", features, "crystal_mhz", (int)c->crystal_mhz, "coding",
                                coding_name(c->coding), "flash", "id", flash, "manufacturer", manufacturer(f->id),
                                "size", (json_int_t)f->size, "sfdp_size", (json_int_t)f->sfdp_size),
                      CLI_OK);
}

static int print_id(const struct ss_link_chip *c, const struct ss_link_flash *f)
{
    const char *names[10];
    feature_names(c, names);
    printf("chip      %s, revision %u.%u\nfeatures ", c->name, c->revision / 100, c->revision % 100);
    for (size_t i = 0; names[i]; i++)
        printf(" %s", names[i]);
    printf("\ncrystal   %u MHz\ncoding    %s\nMAC       ", c->crystal_mhz, coding_name(c->coding));
    for (size_t i = 0; i < sizeof c->mac; i++)
        printf("%02x%s", c->mac[i], i + 1 < sizeof c->mac ? ":" : "");
    printf("%s\nflash     %06x (%s), %u KiB\n", c->mac_valid ? "" : " (its CRC disagrees)", (unsigned)f->id,
           manufacturer(f->id), (unsigned)(f->size >> 10));
    return CLI_OK;
}

static const struct cli_option id_options[] = {OPTION_PORT(true), OPTIONS_PORT, OPTION_JSON, OPTION_END};

static int run_id(const struct cli_args *args)
{
    struct port_session s = {0};
    struct ss_error err = {0};
    struct ss_link_flash flash;
    struct ss_link_chip chip = {0};
    int code = port_check(args);
    if (code != CLI_OK)
        return code;
    ss_status_t status = port_connect(args, &s, &err);
    if (status == SS_OK) {
        chip = *s.chip;
        status = ss_link_flash_identify(s.link, &flash, &err);
    }
    code = port_end(args, &s, status, &err);
    if (code != CLI_OK)
        return code;
    return args->options[OPT_JSON] ? print_id_json(&chip, &flash, s.id) : print_id(&chip, &flash);
}

const struct cli_command command_flash_id = {
    .path = "flash id",
    .summary = "say what chip and what flash are on a port",
    .description = "Connects to the chip's serial loader and prints chip, revision, MAC and flash.",
    .options = id_options,
    .example = "slotseal flash id --port /dev/ttyUSB0\n"
               "slotseal flash id --port rfc2217://bench:2217 --json\n",
    .run = run_id,
};
