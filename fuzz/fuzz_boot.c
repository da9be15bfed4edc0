// SPDX-License-Identifier: Apache-2.0
// Whole boots of whatever is in flash and eFuses. Eight bytes say what is booted how; then pieces of flash: u8 sector,
// u8 offset / 16 in it, u16 length, bytes. Images at 0x1000 and 0x10000 get checksum and hash that are right if the
// input says so. Each chip is booted twice, the first time perhaps with a power cut.
#include <stdlib.h>
#include <string.h>

#include "chip/boot.h"
#include "core/bytes.h"
#include "core/image_parts.h"
#include "slotseal/flash_cipher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FLASH  (1u << 20)
#define HEADER 8

static struct ss_vchip *chip;

static void must(int condition)
{
    if (!condition)
        abort();
}

static void lay_pieces(const uint8_t *data, size_t len)
{
    while (len >= 4) {
        size_t n = ss_get_le16(data + 2), at = data[0] * 4096u + data[1] * 16u;
        n = n < len - 4 ? n : len - 4;
        if (ss_range_ok(at, n, FLASH))
            memcpy(chip->flash.data + at, data + 4, n);
        data += 4 + n;
        len -= 4 + n;
    }
}

static void make_right(uint32_t address)
{
    struct ss_image image;
    if (ss_image_walk(chip->flash.data + address, 0x10000, &image))
        must(ss_image_refresh(chip->flash.data + address, &image) == SS_OK);
}

static void seal(uint32_t address, size_t n)
{
    struct ss_flash_cipher cipher;
    uint8_t key[32];
    size_t key_len;
    const uint32_t *words = &chip->silicon->words[ss_efuse_block_start(1)];
    if (ss_efuse_key_from_words(words, ss_efuse_coding(chip->silicon), key, &key_len, NULL) != SS_OK)
        return;
    must(ss_flash_cipher_init(&cipher, key, key_len, 15, NULL) == SS_OK);
    uint8_t *p = chip->flash.data + address;
    must(ss_flash_cipher_seal(&cipher, address, p, p, n, NULL) == SS_OK);
}

/// data[0]: release and secure boot; [1], [2] options; [3] FLASH_CRYPT_CNT; [4] other eFuses; [5] … [7] power cut.
static void prepare(const uint8_t *data, struct ss_boot_profile *p)
{
    static const unsigned releases[] = {30200, 30300, 40001, 50200};
    uint32_t *words = chip->silicon->words;
    p->idf = releases[data[0] & 3];
    p->secure_boot = (enum ss_profile_secure_boot)((data[0] >> 2) % 3);
    p->signed_on_boot = data[0] & 0x80 || p->secure_boot != SS_PROFILE_SECURE_BOOT_NONE;
    p->flash_encryption = data[1] & 1;
    p->rollback = data[1] & 2;
    p->anti_rollback = data[1] & 4;
    p->release = data[1] & 8;
    p->has_public_key = data[1] & 16;
    p->public_key_len = data[1] & 32 ? 63 : 64;
    p->unicore = data[1] & 64;
    words[0] = (data[3] & 0x7Fu) << 20 | (data[2] & 1 ? 0x10080u : 0) | (data[2] & 2 ? 0x20100u : 0);
    words[5] |= (data[2] & 4 ? 15u : 0) << 28;
    words[6] = (data[4] & 0x3Fu) | (data[2] & 8 ? SS_EFUSE_CODING_34 : 0u);
    words[ss_efuse_block_start(1)] = data[2] & 16 ? 1 : 0;
    words[ss_efuse_block_start(3) + 4] = data[2] & 32 ? 0xFF : 0;
    chip->unknown_blocks = (uint8_t)(data[2] >> 6 << 1);
    chip->apb_date_bit31 = !(data[4] & 0x80);
    chip->strap_download = data[4] & 0x40;
}

static void keep_line(void *context, const char *line)
{
    (void)context;
    must(strlen(line) < 320);
}

static void check(const struct ss_boot_result *r, bool cut)
{
    must(cut || r->outcome != SS_OUTCOME_POWER_LOST);
    must(r->stage_count <= SS_BOOT_MAX_STAGES);
    must(r->outcome != SS_OUTCOME_APP || (r->address != 0 && !r->loops));
    must(r->address == 0 || r->outcome == SS_OUTCOME_APP || r->outcome == SS_OUTCOME_UNKNOWN);
    // A boot that ends badly says why.
    if (r->outcome == SS_OUTCOME_BOOTLOADER || r->outcome == SS_OUTCOME_ROM || r->outcome == SS_OUTCOME_UNKNOWN)
        must(r->stages_cut || ss_boot_first_failure(r) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct ss_boot_result result;
    static struct ss_efuse factory;
    struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    const struct ss_boot_options few = {.max_resets = 3};
    options.flash_size = FLASH;
    if (!chip) {
        must(ss_chip_new(&options, &chip, NULL) == SS_OK);
        factory = *chip->silicon;
    }
    if (len < HEADER)
        return 0;
    memset(chip->flash.data, 0xFF, FLASH);
    *chip->silicon = factory;
    chip->power = (struct ss_power){.seed = 1};
    lay_pieces(data + HEADER, len - HEADER);
    prepare(data, &profile);
    if (data[7] & 1) {
        make_right(0x1000);
        make_right(0x10000);
    }
    if (data[7] & 2) {
        seal(0x1000, 0x8000);
        seal(0xD000, 0x13000);
    }
    if (data[7] & 0x0C) {
        chip->power.cut_at = ss_get_le16(data + 5);
        chip->power.cut = (enum ss_cut)(data[7] >> 2 & 3);
    }
    must(ss_chip_boot(chip, &profile, &few, keep_line, NULL, &result, NULL) == SS_OK);
    check(&result, data[7] & 0x0C);
    chip->power.cut_at = 0;
    must(ss_chip_boot(chip, &profile, &few, keep_line, NULL, &result, NULL) == SS_OK);
    check(&result, false);
    return 0;
}
