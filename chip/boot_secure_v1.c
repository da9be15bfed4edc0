// SPDX-License-Identifier: Apache-2.0
// Secure boot V1 at first boot: ESP-IDF esp32/secure_boot.c (v4.0.1), secure_boot.c (v3.2), secure_boot_v1 (v5.2).
#include <string.h>

#include "chip/boot_parts.h"
#include "core/bytes.h"
#include "slotseal/secure_boot_v1.h"

#define WR_DIS_BLK2 (1u << 8)
#define RD_DIS_BLK2 (1u << 17)
#define ABS_DONE_0  (1u << 4)

static const char *tag(const struct ss_boot *b)
{
    return ss_boot_is_modern(b) ? "secure_boot_v1" : "secure_boot";
}

static bool enabled(const struct ss_boot *b)
{
    return ss_boot_efuse(b, "ABS_DONE_0");
}

/// A key that is there is used; none is made up.
static bool make_key(struct ss_boot *b)
{
    struct ss_efuse bits = {0};
    if (ss_boot_efuse_bit(b, WR_DIS_BLK2 | RD_DIS_BLK2) || !ss_boot_block_reads_empty(b, 2)) {
        ss_boot_log(b, 'W', tag(b), "Using pre-loaded secure boot key in EFUSE block 2");
        return true;
    }
    ss_boot_log(b, 'I', tag(b), "Generating new secure boot key...");
    if (!ss_boot_random_key(b, 2, &bits))
        return false;
    if (ss_boot_is_modern(b))
        ss_boot_burn_checked(b, &bits);
    else
        ss_boot_burn(b, &bits);
    return true;
}

static bool write_digest(struct ss_boot *b, uint32_t checksum_offset)
{
    uint8_t file[SS_SBV1_IV_SIZE + SS_SBV1_DIGEST_SIZE];
    for (size_t i = 0; i < SS_SBV1_IV_SIZE; i += 8)
        ss_put_le64(file + i, ss_power_random(&b->chip->power));
    ss_boot_erase(b, 0);
    return ss_boot_bootloader_digest(b, SS_RULE_DIGEST, checksum_offset, file, file + SS_SBV1_IV_SIZE) &&
           ss_boot_write(b, 0, file, sizeof file, ss_chip_encrypts(b->chip));
}

/// From the check of the bootloader to its digest at address 0.
static int generate(struct ss_boot *b)
{
    struct ss_boot_image image;
    uint32_t coding = ss_boot_efuse(b, "CODING_SCHEME");
    if (coding != SS_EFUSE_CODING_NONE && coding != SS_EFUSE_CODING_34) {
        ss_boot_log(b, 'E', tag(b), "Unknown/unsupported CODING_SCHEME value 0x%x", (unsigned)coding);
        ss_boot_stage(b, SS_RULE_DIGEST, false, "coding scheme %u is not supported", (unsigned)coding);
        return SS_ESP_NOT_SUPPORTED;
    }
    if (!ss_boot_bootloader_check(b, &image)) {
        ss_boot_log(b, 'E', tag(b), "bootloader image appears invalid! error %d", SS_ESP_IMAGE_INVALID);
        ss_boot_stage(b, SS_RULE_DIGEST, false, "the bootloader at 0x1000 does not verify");
        return SS_ESP_IMAGE_INVALID;
    }
    if (!make_key(b))
        return SS_ESP_FAIL;
    if (!ss_boot_key_known(b, 2, SS_RULE_DIGEST))
        return SS_BOOT_NOT_KNOWN;
    ss_boot_log(b, 'I', tag(b), "Generating secure boot digest...");
    uint32_t hash = image.header.hash_appended ? SS_IMAGE_HASH_SIZE : 0;
    if (!write_digest(b, image.len - hash - 1))
        return b->status == SS_OK ? SS_BOOT_NOT_KNOWN : SS_ESP_FAIL;
    ss_boot_log(b, 'I', tag(b), "Digest generation complete.");
    ss_boot_stage(b, SS_RULE_DIGEST, true, "IV and digest of the bootloader are at address 0");
    return SS_ESP_OK;
}

int ss_boot_generate_digest(struct ss_boot *b)
{
    if (!enabled(b))
        return generate(b);
    ss_boot_log(b, 'I', tag(b), "bootloader secure boot is already enabled. No need to generate digest. continuing..");
    return SS_ESP_OK;
}

static void protect_key(struct ss_boot *b)
{
    struct ss_efuse bits = {.words[0] = WR_DIS_BLK2 | RD_DIS_BLK2};
    ss_boot_log(b, 'I', tag(b), "Read & write protecting new key...");
    ss_boot_burn(b, &bits);
}

static bool key_is_protected(struct ss_boot *b)
{
    const char *missing = !ss_boot_efuse_bit(b, RD_DIS_BLK2)   ? "read"
                          : !ss_boot_efuse_bit(b, WR_DIS_BLK2) ? "write"
                                                               : NULL;
    if (!missing)
        return true;
    ss_boot_log(b, 'E', tag(b), "Pre-loaded key is not %s protected. Refusing to blow secure boot efuse.", missing);
    ss_boot_stage(b, SS_RULE_SECURE_BOOT_ENABLE, false, "BLOCK2 is protected half: not against %sing",
                  missing[0] == 'r' ? "read" : "writ");
    return false;
}

static int burn_abs_done(struct ss_boot *b)
{
    struct ss_efuse bits = {.words[6] = ABS_DONE_0};
    ss_boot_log(b, 'I', tag(b), "blowing secure boot efuse...");
    ss_boot_disable_debug(b, &bits, tag(b));
    ss_boot_burn(b, &bits);
    if (enabled(b)) {
        ss_boot_log(b, 'I', tag(b), "secure boot is now enabled for bootloader image");
        ss_boot_stage(b, SS_RULE_SECURE_BOOT_ENABLE, true, "ABS_DONE_0 is burned: secure boot V1 is on");
        return SS_ESP_OK;
    }
    ss_boot_log(b, 'E', tag(b),
                "secure boot not enabled for bootloader image, EFUSE_RD_ABS_DONE_0 is probably write protected!");
    ss_boot_stage(b, SS_RULE_SECURE_BOOT_ENABLE, false, "ABS_DONE_0 is write-protected");
    return SS_ESP_INVALID_STATE;
}

/// v4.4 and later burn protection and ABS_DONE_0 in one go.
static int enable_modern(struct ss_boot *b)
{
    struct ss_efuse bits = {.words[0] = WR_DIS_BLK2 | RD_DIS_BLK2, .words[6] = ABS_DONE_0};
    bool read = ss_boot_efuse_bit(b, RD_DIS_BLK2);
    if (read != ss_boot_efuse_bit(b, WR_DIS_BLK2)) {
        ss_boot_log(b, 'E', tag(b), "Pre-loaded key is not %s %s protected. Refusing to blow secure boot efuse.",
                    read ? " " : "read,", read ? " " : "write");
        ss_boot_stage(b, SS_RULE_SECURE_BOOT_ENABLE, false, "BLOCK2 is protected half");
        return SS_ESP_INVALID_STATE;
    }
    ss_boot_log(b, 'I', "efuse", "Batch mode of writing fields is enabled");
    ss_boot_log(b, 'I', tag(b), "blowing secure boot efuse...");
    ss_boot_log(b, 'I', "secure_boot", "Read & write protecting new key...");
    ss_boot_disable_debug(b, &bits, "secure_boot");
    bool burned = ss_boot_burn_checked(b, &bits);
    ss_boot_log(b, 'I', "efuse", "Batch mode. Prepared fields are committed");
    if (!burned) {
        ss_boot_log(b, 'E', tag(b), "Error programming security eFuses (err=0x%x).", (unsigned)SS_ESP_FAIL);
        ss_boot_stage(b, SS_RULE_SECURE_BOOT_ENABLE, false, "bits of BLOCK0 are write-protected");
        return SS_ESP_FAIL;
    }
    ss_boot_log(b, 'I', tag(b), "secure boot is now enabled for bootloader image");
    ss_boot_stage(b, SS_RULE_SECURE_BOOT_ENABLE, true, "ABS_DONE_0 is burned: secure boot V1 is on");
    return SS_ESP_OK;
}

int ss_boot_secure_v1_enable(struct ss_boot *b)
{
    if (enabled(b)) {
        ss_boot_log(b, 'I', tag(b), "bootloader secure boot is already enabled, continuing..");
        return SS_ESP_OK;
    }
    if (ss_boot_is_modern(b))
        return enable_modern(b);
    if (!ss_boot_efuse_bit(b, WR_DIS_BLK2 | RD_DIS_BLK2))
        protect_key(b);
    return key_is_protected(b) ? burn_abs_done(b) : SS_ESP_INVALID_STATE;
}

int ss_boot_secure_v1_old(struct ss_boot *b)
{
    if (enabled(b)) {
        ss_boot_log(b, 'I', tag(b), "bootloader secure boot is already enabled, continuing..");
        return SS_ESP_OK;
    }
    bool fresh = !ss_boot_efuse_bit(b, WR_DIS_BLK2 | RD_DIS_BLK2) && ss_boot_block_reads_empty(b, 2);
    int err = generate(b);
    if (err != SS_ESP_OK)
        return err;
    if (fresh)
        protect_key(b);
    return key_is_protected(b) ? burn_abs_done(b) : SS_ESP_INVALID_STATE;
}
