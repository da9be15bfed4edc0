// SPDX-License-Identifier: Apache-2.0
#include "bench/chip_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/app_desc.h"
#include "slotseal/otadata.h"
#include "slotseal/partition_table.h"

#define BOOTLOADER      0x1000u
#define BOOTLOADER_SIZE 0x6000u
#define TABLE           0x8000u
#define OTADATA         0xD000u
#define SLOT_SIZE       0x150000u
#define HEADER          24u
#define SEGMENT_HEADER  8u

static struct ss_error err;

struct segment {
    uint32_t load_addr, length;
};

void device_check(ss_status_t status, const struct ss_error *error)
{
    if (status == SS_OK)
        return;
    fprintf(stderr, "bench_chip: error: %s\n", error->message);
    exit(1);
}

/// An image of exactly @p size bytes with an appended SHA-256: the last segment takes what the others leave.
static void make_image(uint8_t *out, size_t size, const struct segment *segments, unsigned count, const uint8_t *desc)
{
    const uint8_t header[HEADER] = {0xE9, (uint8_t)count, 2, 0x20, 0, 4, 8, 0x40, 0xEE, [23] = 1};
    uint8_t sum = 0xEF;
    size_t at = HEADER, body = size - 32;
    memcpy(out, header, sizeof header);
    for (unsigned i = 0; i < count; i++) {
        size_t length = segments[i].length ? segments[i].length : body - 16 - at - SEGMENT_HEADER;
        ss_put_le32(out + at, segments[i].load_addr);
        ss_put_le32(out + at + 4, (uint32_t)length);
        at += SEGMENT_HEADER;
        for (size_t n = 0; n < length; n++)
            out[at + n] = (uint8_t)(7 * n + n / 251);
        if (i == 0 && desc)
            memcpy(out + at, desc, SS_APP_DESC_SIZE);
        for (size_t n = 0; n < length; n++)
            sum ^= out[at + n];
        at += length;
    }
    memset(out + at, 0, body - at);
    out[body - 1] = sum;
    device_check(ss_hash_once(SS_HASH_SHA256, out, body, out + body), &err);
}

void device_app(uint8_t out[DEVICE_APP_SIZE])
{
    // As linked for the ESP32: what is mapped has the same offset within 64 KiB in flash and in memory.
    static const struct segment segments[] = {
        {0x3F400020, 0x40000}, {0x3FFB0000, 0x2000}, {0x40080000, 0x8000 - 0x38}, {0x400DA000, 0}};
    uint8_t desc[SS_APP_DESC_SIZE] = {0};
    ss_put_le32(desc, SS_APP_DESC_MAGIC);
    memcpy(desc + 0x10, "1.0.0", 5);
    memcpy(desc + 0x30, "bench", 5);
    memcpy(desc + 0x70, "v4.0.1", 6);
    make_image(out, DEVICE_APP_SIZE, segments, sizeof segments / sizeof *segments, desc);
}

void device_table(uint8_t out[SS_TABLE_BINARY_SIZE])
{
    static struct ss_partition_table table;
    table.count = 3;
    table.md5 = true;
    table.rows[0] = (struct ss_partition){
        .type = SS_PARTITION_DATA, .subtype = SS_PARTITION_DATA_OTA, .offset = OTADATA, .size = SS_OTADATA_SIZE};
    table.rows[1] = (struct ss_partition){
        .type = SS_PARTITION_APP, .subtype = SS_PARTITION_APP_OTA_0, .offset = DEVICE_SLOT, .size = SLOT_SIZE};
    table.rows[2] = table.rows[1];
    table.rows[2].subtype++;
    table.rows[2].offset += SLOT_SIZE;
    memcpy(table.rows[0].label, "otadata", 7);
    memcpy(table.rows[1].label, "ota_0", 5);
    memcpy(table.rows[2].label, "ota_1", 5);
    device_check(ss_table_to_binary(&table, out, &err), &err);
}

static void make_otadata(uint8_t out[SS_OTADATA_SIZE])
{
    struct ss_otadata_record record = {.seq = 1, .state = SS_OTA_UNDEFINED, .crc = ss_otadata_crc(1)};
    memset(out, 0xFF, SS_OTADATA_SIZE);
    memset(record.label, 0xFF, sizeof record.label);
    ss_otadata_record_write(&record, out);
}

static void burn(struct ss_vchip *chip, const char *field, uint32_t value)
{
    device_check(ss_efuse_burn(chip->silicon, ss_efuse_field_find(field), value, &err), &err);
}

static void burn_key(struct ss_vchip *chip, uint64_t seed)
{
    uint8_t key[32];
    uint32_t words[8];
    device_check(ss_hash_once(SS_HASH_SHA256, &seed, sizeof seed, key), &err);
    device_check(ss_efuse_key_to_words(key, sizeof key, SS_EFUSE_CODING_NONE, words, &err), &err);
    device_check(ss_efuse_burn_block(chip->silicon, 1, words, &err), &err);
    burn(chip, "FLASH_CRYPT_CONFIG", 0xF);
    burn(chip, "FLASH_CRYPT_CNT", 1);
}

static void lay(struct ss_vchip *chip, uint32_t address, const uint8_t *data, size_t len, bool sealed)
{
    if (sealed)
        device_check(ss_chip_encrypted_write(chip, address, data, len, &err), &err);
    else
        ss_flash_program(&chip->flash, address, data, len);
}

struct ss_chip_options device_options(uint64_t seed)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    options.flash_size = DEVICE_FLASH;
    options.seed = seed;
    return options;
}

void device_lay(struct ss_vchip *chip, uint64_t seed, bool sealed)
{
    static uint8_t bootloader[BOOTLOADER_SIZE], table[SS_TABLE_BINARY_SIZE], otadata[SS_OTADATA_SIZE];
    static uint8_t app[DEVICE_APP_SIZE];
    if (app[0] == 0) {
        make_image(bootloader, sizeof bootloader, &(struct segment){0x40080400, 0}, 1, NULL);
        device_table(table);
        make_otadata(otadata);
        device_app(app);
    }
    if (sealed)
        burn_key(chip, seed);
    lay(chip, BOOTLOADER, bootloader, sizeof bootloader, sealed);
    lay(chip, TABLE, table, sizeof table, sealed);
    lay(chip, OTADATA, otadata, sizeof otadata, sealed);
    lay(chip, DEVICE_SLOT, app, sizeof app, sealed);
}

struct ss_vchip *device_new(uint64_t seed, bool sealed)
{
    struct ss_chip_options options = device_options(seed);
    struct ss_vchip *chip;
    device_check(ss_chip_new(&options, &chip, &err), &err);
    device_lay(chip, seed, sealed);
    return chip;
}

void device_boot(struct ss_vchip *chip)
{
    static const struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
    static struct ss_boot_result result;
    device_check(ss_chip_boot(chip, &profile, NULL, NULL, NULL, &result, &err), &err);
    if (result.outcome == SS_OUTCOME_APP && result.address == DEVICE_SLOT)
        return;
    const struct ss_boot_stage *stage = ss_boot_first_failure(&result);
    fprintf(stderr, "bench_chip: error: the device does not boot: %s\n",
            stage ? stage->reason : ss_boot_outcome_name(result.outcome));
    exit(1);
}
