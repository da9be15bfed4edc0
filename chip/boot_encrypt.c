// SPDX-License-Identifier: Apache-2.0
// Flash encryption at first boot: ESP-IDF esp32/flash_encrypt.c (v4.0.1), flash_encryption/flash_encrypt.c (v5.2).
#include "chip/boot_parts.h"

#define TAG              "flash_encrypt"
#define WR_DIS_RD_DIS    (1u << 0)
#define WR_DIS_CNT       (1u << 2)
#define WR_DIS_BLK1      (1u << 7)
#define RD_DIS_BLK1      (1u << 16)
#define CNT_SHIFT        20
#define CNT_ALL          0x7Fu
#define CRYPT_CONFIG_ALL (15u << 28)
#define SECTOR           SS_FLASH_SECTOR

/// A new key goes to @p bits, protection with it. False unless what is there is a protected key.
static bool prepare_key(struct ss_boot *b, struct ss_efuse *bits, bool *made)
{
    bool modern = ss_boot_is_modern(b);
    *made = !ss_boot_efuse_bit(b, WR_DIS_BLK1 | RD_DIS_BLK1) && ss_boot_block_reads_empty(b, 1);
    if (*made) {
        ss_boot_log(b, 'I', TAG, "Generating new flash encryption key...");
        if (modern)
            ss_boot_log(b, 'I', "efuse", "Writing EFUSE_BLK_KEY0 with purpose 2");
        return ss_boot_random_key(b, 1, bits);
    }
    if (!ss_boot_efuse_bit(b, WR_DIS_BLK1) || !ss_boot_efuse_bit(b, RD_DIS_BLK1)) {
        ss_boot_log(b, 'E', TAG, "%s",
                    modern ? "Invalid key state, check read&write protection for key and keypurpose(if exists)"
                           : "Flash encryption key has to be either unset or both read and write protected");
        ss_boot_stage(b, SS_RULE_ENCRYPT_INIT, false, "BLOCK1 is neither empty nor both read- and write-protected");
        return false;
    }
    ss_boot_log(b, modern ? 'I' : 'W', TAG, "Using pre-loaded flash encryption key in %s",
                modern ? "efuse" : "EFUSE block 1");
    return true;
}

static bool coding_ok(struct ss_boot *b)
{
    uint32_t coding = ss_boot_efuse(b, "CODING_SCHEME");
    if (coding == SS_EFUSE_CODING_NONE || coding == SS_EFUSE_CODING_34)
        return true;
    ss_boot_log(b, 'E', TAG, "Unknown/unsupported CODING_SCHEME value 0x%x", (unsigned)coding);
    ss_boot_stage(b, SS_RULE_ENCRYPT_INIT, false, "coding scheme %u is not supported", (unsigned)coding);
    return false;
}

/// v4.0.1 burns step by step: the key, its protection, the configuration, the rest.
static int init_old(struct ss_boot *b)
{
    struct ss_efuse key = {0}, protect = {.words[0] = WR_DIS_BLK1 | RD_DIS_BLK1};
    struct ss_efuse config = {.words[5] = CRYPT_CONFIG_ALL}, disable = {0};
    bool made;
    if (!coding_ok(b))
        return SS_ESP_NOT_SUPPORTED;
    if (!prepare_key(b, &key, &made))
        return SS_ESP_INVALID_STATE;
    if (made) {
        ss_boot_burn(b, &key);
        ss_boot_log(b, 'I', TAG, "Read & write protecting new key...");
        ss_boot_burn(b, &protect);
    }
    ss_boot_log(b, 'I', TAG, "Setting CRYPT_CONFIG efuse to 0xF");
    ss_boot_burn(b, &config);
    ss_boot_disable_download(b, &disable, TAG);
    ss_boot_disable_debug(b, &disable, TAG);
    ss_boot_burn(b, &disable);
    ss_boot_stage(b, SS_RULE_ENCRYPT_INIT, true, "key %s, FLASH_CRYPT_CONFIG is 0x%x",
                  made ? "made and protected" : "as it was", (unsigned)ss_boot_efuse(b, "FLASH_CRYPT_CONFIG"));
    return SS_ESP_OK;
}

/// v4.4 and later collect everything and burn it in one go.
static int init_modern(struct ss_boot *b)
{
    struct ss_efuse bits = {0};
    bool made;
    unsigned config = (unsigned)ss_boot_efuse(b, "FLASH_CRYPT_CONFIG");
    ss_boot_log(b, 'I', "efuse", "Batch mode of writing fields is enabled");
    bool supported = coding_ok(b);
    if (!supported || !prepare_key(b, &bits, &made)) {
        ss_boot_log(b, 'I', "efuse", "Batch mode of writing fields is cancelled");
        return supported ? SS_ESP_INVALID_STATE : SS_ESP_NOT_SUPPORTED;
    }
    if (made)
        bits.words[0] |= WR_DIS_BLK1 | RD_DIS_BLK1;
    ss_boot_log(b, 'I', TAG, "Setting CRYPT_CONFIG efuse to 0xF");
    if (config == 0)
        bits.words[5] |= CRYPT_CONFIG_ALL;
    else if (config != 15)
        ss_boot_log(b, 'E', TAG, "EFUSE_ENCRYPT_CONFIG should be set 0xF but it is 0x%x", config);
    ss_boot_disable_download(b, &bits, TAG);
    ss_boot_disable_debug(b, &bits, TAG);
    if (b->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V2)
        bits.words[0] |= WR_DIS_RD_DIS;
    bool burned = ss_boot_burn_checked(b, &bits);
    ss_boot_log(b, 'I', "efuse", "Batch mode. Prepared fields are committed");
    if (!burned)
        ss_boot_log(b, 'E', TAG, "Error programming security eFuses (err=0x%x).", (unsigned)SS_ESP_FAIL);
    ss_boot_stage(b, SS_RULE_ENCRYPT_INIT, burned, "%s, key %s, FLASH_CRYPT_CONFIG is 0x%x",
                  burned ? "burned" : "not all could be burned", made ? "made and protected" : "as it was",
                  (unsigned)ss_boot_efuse(b, "FLASH_CRYPT_CONFIG"));
    return burned ? SS_ESP_OK : SS_ESP_FAIL;
}

static int encrypt_region(struct ss_boot *b, uint32_t address, uint32_t len)
{
    uint8_t sector[SECTOR];
    if (address % SECTOR) {
        ss_boot_log(b, 'E', TAG, "esp_flash_encrypt_region bad src_addr 0x%x", (unsigned)address);
        return SS_ESP_FAIL;
    }
    for (uint32_t done = 0; done < len; done += SECTOR) {
        ss_flash_read(&b->chip->flash, address + done, sector, sizeof sector);
        if (!ss_boot_rewrite(b, address + done, sector, sizeof sector, true))
            return SS_ESP_FAIL;
    }
    return SS_ESP_OK;
}

/// v4.0.1 goes on without a bootloader in plaintext, v4.4 and later do not.
static int encrypt_bootloader(struct ss_boot *b)
{
    struct ss_boot_image image;
    if (!ss_boot_bootloader_check(b, &image)) {
        if (b->status != SS_OK)
            return SS_ESP_FAIL;
        ss_boot_log(b, 'W', TAG, "no valid bootloader was found");
        ss_boot_stage(b, SS_RULE_ENCRYPT_CONTENTS, false, "the bootloader does not verify and is not encrypted");
        return ss_boot_is_modern(b) ? SS_ESP_NOT_FOUND : SS_ESP_OK;
    }
    int err = encrypt_region(b, SS_BOOTLOADER_ADDRESS, image.len);
    // v3.2 asks the eFuse, later releases how they were built.
    bool digest = b->profile->idf < SS_IDF_4_0 ? ss_boot_efuse(b, "ABS_DONE_0") != 0
                                               : b->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V1;
    if (err == SS_ESP_OK && digest)
        err = encrypt_region(b, 0, SECTOR);
    if (err == SS_ESP_OK && ss_boot_is_modern(b))
        ss_boot_log(b, 'I', TAG, "bootloader encrypted successfully");
    return err;
}

static bool to_be_encrypted(struct ss_boot *b, const struct ss_partition *row)
{
    struct ss_boot_image image;
    if (row->type == SS_PARTITION_APP)
        return ss_boot_image_check(b, row->offset, row->size, false, &image);
    return (row->flags & SS_PARTITION_ENCRYPTED) ||
           (row->type == SS_PARTITION_DATA &&
            (row->subtype == SS_PARTITION_DATA_OTA || row->subtype == SS_PARTITION_DATA_NVS_KEYS));
}

static int encrypt_partition(struct ss_boot *b, unsigned i)
{
    const struct ss_partition *row = &b->table.rows[i];
    if (!to_be_encrypted(b, row))
        return b->status == SS_OK ? SS_ESP_OK : SS_ESP_FAIL;
    if (ss_boot_is_modern(b))
        ss_boot_log(b, 'I', TAG, "Encrypting partition %u at offset 0x%x (length 0x%x)...", i, (unsigned)row->offset,
                    (unsigned)row->size);
    else
        ss_boot_log(b, 'I', TAG, "Encrypting partition %u at offset 0x%x...", i, (unsigned)row->offset);
    int err = encrypt_region(b, row->offset, row->size);
    if (b->status != SS_OK)
        return err;
    if (ss_boot_is_modern(b))
        ss_boot_log(b, 'I', TAG, "Done encrypting");
    if (err == SS_ESP_OK)
        return err;
    ss_boot_log(b, 'E', TAG, "Failed to encrypt partition %u", i);
    ss_boot_stage(b, SS_RULE_ENCRYPT_CONTENTS, false, "partition %s at 0x%x does not begin at a sector", row->label,
                  (unsigned)row->offset);
    return err;
}

static int encrypt_contents(struct ss_boot *b)
{
    if (!ss_boot_key_known(b, 1, SS_RULE_ENCRYPT_CONTENTS))
        return SS_BOOT_NOT_KNOWN;
    int err = encrypt_bootloader(b);
    if (err == SS_ESP_OK)
        err = encrypt_region(b, b->profile->table_offset, SECTOR);
    if (err == SS_ESP_OK && ss_boot_is_modern(b))
        ss_boot_log(b, 'I', TAG, "partition table encrypted and loaded successfully");
    for (unsigned i = 0; err == SS_ESP_OK && i < b->table.count; i++)
        err = encrypt_partition(b, i);
    if (err == SS_ESP_OK)
        ss_boot_stage(b, SS_RULE_ENCRYPT_CONTENTS, true, "everything that is to be encrypted is");
    return err;
}

/// The lowest bit that is not burned; all of them in release mode from v4.4 on.
static int enable(struct ss_boot *b)
{
    struct ss_efuse bits = {0};
    struct ss_crypt_count count;
    bool modern = ss_boot_is_modern(b);
    ss_efuse_crypt_count(&b->chip->efuse.window, &count);
    uint32_t value = modern && b->profile->release ? CNT_ALL : count.next;
    bits.words[0] = (value & ~count.value) << CNT_SHIFT;
    if (b->profile->release && modern) {
        ss_boot_log(b, 'I', TAG, "Setting CRYPT_CNT for permanent encryption");
    } else if (b->profile->release) {
        ss_boot_log(b, 'I', TAG, "Write protecting FLASH_CRYPT_CNT eFuse");
        bits.words[0] |= WR_DIS_CNT;
    }
    if (modern)
        ss_boot_burn_checked(b, &bits);
    else
        ss_boot_burn(b, &bits);
    ss_efuse_crypt_count(&b->chip->efuse.window, &count);
    ss_boot_log(b, 'I', TAG, "Flash encryption completed");
    ss_boot_stage(b, SS_RULE_ENCRYPT_ENABLE, count.value == value, "FLASH_CRYPT_CNT is 0x%02x", count.value);
    return SS_ESP_OK;
}

static int encrypt_old(struct ss_boot *b, const struct ss_crypt_count *count)
{
    if (count->write_protected) {
        ss_boot_log(b, 'E', TAG, "Cannot re-encrypt data (FLASH_CRYPT_CNT 0x%02x write disabled %d", count->value, 1);
        ss_boot_stage(b, SS_RULE_ENCRYPTION, false, "FLASH_CRYPT_CNT is 0x%02x and write-protected", count->value);
        return SS_ESP_FAIL;
    }
    int err = count->value == 0 ? init_old(b) : SS_ESP_OK;
    if (err == SS_ESP_OK)
        err = encrypt_contents(b);
    return err == SS_ESP_OK ? enable(b) : err;
}

static int encrypt_modern(struct ss_boot *b, const struct ss_crypt_count *count)
{
    if (count->write_protected) {
        ss_boot_log(b, 'E', TAG, "Flash Encryption cannot be enabled (CRYPT_CNT (%d) is write protected)",
                    __builtin_popcount(count->value));
        ss_boot_stage(b, SS_RULE_ENCRYPTION, false, "FLASH_CRYPT_CNT is 0x%02x and write-protected", count->value);
        return SS_ESP_FAIL;
    }
    int err = count->value == 0 ? init_modern(b) : SS_ESP_OK;
    if (err != SS_ESP_OK) {
        if (b->status == SS_OK)
            ss_boot_log(b, 'E', "boot", "Initialization of Flash Encryption key failed (%d)", err);
        return err;
    }
    err = encrypt_contents(b);
    if (err != SS_ESP_OK && err != SS_BOOT_NOT_KNOWN && b->status == SS_OK)
        ss_boot_log(b, 'E', "boot", "Encryption flash contents failed (%d)", err);
    return err == SS_ESP_OK ? enable(b) : err;
}

int ss_boot_encrypt_if_needed(struct ss_boot *b)
{
    struct ss_crypt_count count;
    ss_efuse_crypt_count(&b->chip->efuse.window, &count);
    if (count.enabled) {
        ss_boot_log(b, 'I', TAG, "flash encryption is enabled (%u plaintext flashes left)", count.plaintext_flashes);
        ss_boot_stage(b, SS_RULE_ENCRYPTION, true, "FLASH_CRYPT_CNT is 0x%02x: flash is encrypted", count.value);
        return SS_ESP_OK;
    }
    if (b->profile->require_encrypted && b->profile->idf >= SS_IDF_4_0) {
        ss_boot_log(
            b, 'E', ss_boot_is_modern(b) ? "boot" : TAG,
            "flash encryption is not enabled, and SECURE_FLASH_REQUIRE_ALREADY_ENABLED is set, refusing to boot.");
        ss_boot_stage(b, SS_RULE_ENCRYPTION, false, "FLASH_CRYPT_CNT is 0x%02x, and encrypting is not allowed",
                      count.value);
        return SS_ESP_INVALID_STATE;
    }
    return ss_boot_is_modern(b) ? encrypt_modern(b, &count) : encrypt_old(b, &count);
}
