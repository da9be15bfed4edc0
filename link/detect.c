// SPDX-License-Identifier: Apache-2.0
// Registers, and what they say about the chip.
#include <stdio.h>
#include <string.h>

#include "link/link_parts.h"

/// What other chips have at SS_REG_CHIP_MAGIC, as esptool knows them; those that are not here count as unknown.
static const struct {
    uint32_t magic;
    const char *name;
} families[] = {
    {0xFFF0C101, "ESP8266"},  {0x000007C6, "ESP32-S2"}, {0x00000009, "ESP32-S3"}, {0x6921506F, "ESP32-C3"},
    {0x1B31506F, "ESP32-C3"}, {0x4881606F, "ESP32-C3"}, {0x4361606F, "ESP32-C3"}, {0x6F51306F, "ESP32-C2"},
    {0x7C41A06F, "ESP32-C2"}, {0x2CE0806F, "ESP32-C6"}, {0xD7B73E80, "ESP32-H2"},
};

ss_status_t ss_link_read_reg(struct ss_link *l, uint32_t address, uint32_t *value, struct ss_error *err)
{
    uint8_t body[4];
    struct link_answer answer;
    ss_put_le32(body, address);
    const struct link_request rq = {.op = SS_OP_READ_REG, .body = body, .len = sizeof body, .repeat = true};
    *value = 0;
    ss_status_t status = ss_link_need_connection(l, err);
    if (status == SS_OK)
        status = ss_link_command(l, &rq, &answer, err);
    if (status == SS_OK)
        *value = answer.value;
    ss_wipe(&answer, sizeof answer);
    return status;
}

static ss_status_t write_reg(struct ss_link *l, uint32_t address, uint32_t value, uint32_t mask, bool repeat,
                             struct ss_error *err)
{
    uint8_t body[16] = {0}; // the fourth word is a delay
    ss_put_le32(body, address);
    ss_put_le32(body + 4, value);
    ss_put_le32(body + 8, mask);
    const struct link_request rq = {.op = SS_OP_WRITE_REG, .body = body, .len = sizeof body, .repeat = repeat};
    ss_status_t status = ss_link_need_connection(l, err);
    if (status == SS_OK)
        status = ss_link_command(l, &rq, NULL, err);
    ss_wipe(body, sizeof body);
    return status;
}

ss_status_t ss_link_write_reg(struct ss_link *l, uint32_t address, uint32_t value, uint32_t mask, struct ss_error *err)
{
    return write_reg(l, address, value, mask, false, err);
}

ss_status_t ss_link_put_reg(struct ss_link *l, uint32_t address, uint32_t value, uint32_t mask, struct ss_error *err)
{
    return write_reg(l, address, value, mask, true, err);
}

ss_status_t ss_link_read_efuse_word(struct ss_link *l, unsigned block, unsigned word, uint32_t *value,
                                    struct ss_error *err)
{
    return ss_link_read_reg(l, SS_EFUSE_BASE + ss_efuse_read_windows[block] + 4 * word, value, err);
}

static ss_status_t check_family(struct ss_link *l, struct ss_error *err)
{
    uint32_t magic;
    const char *name = "an unknown chip";
    ss_status_t status = ss_link_read_reg(l, SS_REG_CHIP_MAGIC, &magic, err);
    if (status != SS_OK || magic == SS_CHIP_MAGIC)
        return status;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (families[i].magic == magic)
            name = families[i].name;
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_LINK, "%s answers (0x%08x), not an ESP32", name,
                        (unsigned)magic);
}

/// Names by CHIP_PACKAGE, as esptool gives them.
static const char *package_name(unsigned package, bool single, bool revision3)
{
    switch (package) {
    case 0:
        return single ? "ESP32-S0WDQ6" : revision3 ? "ESP32-D0WDQ6-V3" : "ESP32-D0WDQ6";
    case 1:
        return single ? "ESP32-S0WD" : revision3 ? "ESP32-D0WD-V3" : "ESP32-D0WD";
    case 2:
        return "ESP32-D2WD";
    case 4:
        return "ESP32-U4WDH";
    case 5:
        return revision3 ? "ESP32-PICO-V3" : "ESP32-PICO-D4";
    case 6:
        return "ESP32-PICO-V3-02";
    case 7:
        return "ESP32-D0WDR2-V3";
    default:
        return "ESP32 in an unknown package";
    }
}

static uint32_t features(const struct ss_efuse *e, unsigned package)
{
    bool flash = package == 2 || package == 4 || package == 5 || package == 6;
    uint32_t speed = !ss_efuse_get_name(e, "CHIP_CPU_FREQ_RATED") ? 0
                     : ss_efuse_get_name(e, "CHIP_CPU_FREQ_LOW")  ? SS_LINK_160MHZ
                                                                  : SS_LINK_240MHZ;
    return speed | (ss_efuse_get_name(e, "DISABLE_BT") ? 0 : SS_LINK_BLUETOOTH) |
           (ss_efuse_get_name(e, "DISABLE_APP_CPU") ? SS_LINK_SINGLE_CORE : 0) | (flash ? SS_LINK_EMBEDDED_FLASH : 0) |
           (package == 6 ? SS_LINK_EMBEDDED_PSRAM : 0) | (ss_efuse_get_name(e, "ADC_VREF") ? SS_LINK_VREF : 0) |
           (ss_efuse_get_name(e, "BLK3_PART_RESERVE") ? SS_LINK_BLOCK3_USED : 0);
}

/// The divider of the ROM's UART times the rate of the line is the crystal's frequency. An oscillator is off by less
/// than a tenth of a percent and the ROM's measurement of the rate by a few; what is further off is no known crystal,
/// or the line runs at another rate than this end knows.
static unsigned crystal(uint32_t baud, uint32_t divider)
{
    uint64_t hz = (uint64_t)baud * (divider & 0xFFFFF);
    if (hz > 36000000 && hz < 44000000)
        return 40;
    return hz > 23400000 && hz < 28600000 ? 26 : 0;
}

static void describe(struct ss_link *l, const struct ss_efuse *e, uint32_t apb_date, uint32_t divider)
{
    struct ss_link_chip *c = &l->chip;
    c->chip = ss_chip_find("esp32");
    c->package = (unsigned)(ss_efuse_get_name(e, "CHIP_PACKAGE") | ss_efuse_get_name(e, "CHIP_PACKAGE_4BIT") << 3);
    c->revision = ss_efuse_revision(e, apb_date >> 31);
    c->name = package_name(c->package, ss_efuse_get_name(e, "DISABLE_APP_CPU"), c->revision / 100 == 3);
    c->features = features(e, c->package);
    c->crystal_mhz = crystal(l->baud, divider);
    c->coding = ss_efuse_coding(e);
    c->mac_valid = ss_efuse_get_mac(e, c->mac, NULL) == SS_OK;
    memcpy(l->identity, e->words + 1, sizeof l->identity);
    l->identified = true;
    l->flash_pins =
        ss_rom_flash_pins(ss_efuse_get_name(e, "SPI_PAD_CONFIG_CLK"), ss_efuse_get_name(e, "SPI_PAD_CONFIG_Q"),
                          ss_efuse_get_name(e, "SPI_PAD_CONFIG_D"), ss_efuse_get_name(e, "SPI_PAD_CONFIG_CS0"),
                          ss_efuse_get_name(e, "SPI_PAD_CONFIG_HD"));
}

ss_status_t ss_link_detect(struct ss_link *l, struct ss_error *err)
{
    struct ss_efuse e;
    uint32_t apb_date = 0, divider = 0;
    memset(&e, 0, sizeof e);
    ss_status_t status = check_family(l, err);
    for (unsigned i = 0; status == SS_OK && i < ss_efuse_block_words(0); i++)
        status = ss_link_read_efuse_word(l, 0, i, &e.words[i], err);
    if (status == SS_OK)
        status = ss_link_read_reg(l, SS_REG_APB_DATE, &apb_date, err);
    if (status == SS_OK)
        status = ss_link_read_reg(l, SS_REG_UART_CLOCK, &divider, err);
    if (status == SS_OK)
        describe(l, &e, apb_date, divider);
    return status;
}
