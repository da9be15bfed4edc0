// SPDX-License-Identifier: Apache-2.0
// Secure boot V2 at first boot: ESP-IDF secure_boot_v2/secure_boot.c, esp32/secure_boot_secure_features.c (v5.2).
#include <string.h>

#include "chip/boot_parts.h"
#include "core/bytes.h"
#include "slotseal/secure_boot_v2.h"

#define TAG           "secure_boot_v2"
#define FEATURES_TAG  "secure_boot"
#define WR_DIS_RD_DIS (1u << 0)
#define WR_DIS_BLK2   (1u << 8)
#define RD_DIS_BLK2   (1u << 17)
#define ABS_DONE_1    (1u << 5)

/// Digest of the key that signed an image which has been verified: its signature sector is its last.
static bool key_digest(struct ss_boot *b, const struct ss_boot_image *image, const char *what, uint8_t digest[32])
{
    struct ss_sbv2_block info;
    const uint8_t *p = ss_boot_map(b, image->address + image->len - SS_SBV2_SECTOR_SIZE, SS_SBV2_SECTOR_SIZE);
    if (!p)
        return false;
    b->status = ss_secure_boot_v2_parse_block(p, &info, b->err);
    if (b->status != SS_OK)
        return false;
    memcpy(digest, info.key_digest, sizeof info.key_digest);
    ss_boot_log(b, 'I', TAG, "Digests successfully calculated, 1 valid signatures (image offset 0x%x)",
                (unsigned)image->address);
    ss_boot_log(b, 'I', TAG, "1 signature block(s) found appended to the %s.", what);
    return true;
}

/// A digest that is in BLOCK2 already.
static int take_digest(struct ss_boot *b, uint8_t digest[32], struct ss_efuse *bits)
{
    if (ss_boot_efuse_bit(b, RD_DIS_BLK2)) {
        ss_boot_log(b, 'E', TAG, "Key digest (BLK2) read protected, aborting...");
        ss_boot_stage(b, SS_RULE_SECURE_BOOT_V2_ENABLE, false,
                      "BLOCK2 is read-protected: the digest has to be readable");
        return SS_ESP_FAIL;
    }
    if (!ss_boot_trusted_digest(b, digest)) {
        ss_boot_log(b, 'E', TAG, "2 eFuse block is empty, aborting...");
        ss_boot_stage(b, SS_RULE_SECURE_BOOT_V2_ENABLE, false, "BLOCK2 is write-protected and empty");
        return SS_ESP_FAIL;
    }
    bits->words[0] |= WR_DIS_BLK2;
    ss_boot_log(b, 'W', TAG, "Using pre-loaded public key digest in eFuse");
    return SS_ESP_OK;
}

static int make_digest(struct ss_boot *b, const struct ss_boot_image *bootloader, uint8_t digest[32],
                       struct ss_efuse *bits)
{
    if (!key_digest(b, bootloader, "bootloader", digest))
        return SS_ESP_FAIL;
    ss_boot_log(b, 'I', TAG, "Burning public key hash to eFuse");
    ss_boot_log(b, 'I', "efuse", "Writing EFUSE_BLK_KEY1 with purpose 3");
    for (unsigned i = 0; i < 8; i++)
        bits->words[ss_efuse_block_start(2) + i] = ss_get_le32(digest + 4 * i);
    bits->words[0] |= WR_DIS_BLK2;
    return SS_ESP_OK;
}

/// Digest of the bootloader's key, and that the app is signed by the same.
static int prepare_keys(struct ss_boot *b, const struct ss_boot_image *app, struct ss_efuse *bits)
{
    struct ss_boot_image bootloader;
    uint8_t trusted[32], of_app[32];
    uint32_t coding = ss_boot_efuse(b, "CODING_SCHEME");
    if (coding != SS_EFUSE_CODING_NONE) {
        ss_boot_log(b, 'E', TAG, "No coding schemes are supported in secure boot v2.(Detected scheme: 0x%x)",
                    (unsigned)coding);
        ss_boot_stage(b, SS_RULE_SECURE_BOOT_V2_ENABLE, false, "coding scheme %u is not supported", (unsigned)coding);
        return SS_ESP_NOT_SUPPORTED;
    }
    if (!ss_boot_bootloader_check(b, &bootloader)) {
        ss_boot_log(b, 'E', TAG, "bootloader image appears invalid! error %d", SS_ESP_IMAGE_INVALID);
        ss_boot_stage(b, SS_RULE_SECURE_BOOT_V2_ENABLE, false, "the bootloader at 0x1000 does not verify");
        return SS_ESP_IMAGE_INVALID;
    }
    bool present = ss_boot_efuse_bit(b, WR_DIS_BLK2 | RD_DIS_BLK2) || !ss_boot_block_reads_empty(b, 2);
    ss_boot_log(b, 'I', TAG, "Secure boot digests %s", present ? "already present" : "absent, generating..");
    int err = present ? take_digest(b, trusted, bits) : make_digest(b, &bootloader, trusted, bits);
    if (err != SS_ESP_OK)
        return err;
    if (!key_digest(b, app, "app", of_app))
        return SS_ESP_FAIL;
    if (!memcmp(trusted, of_app, sizeof trusted)) {
        ss_boot_log(b, 'I', TAG, "Application key(0) matches with bootloader key(0).");
        return SS_ESP_OK;
    }
    ss_boot_log(b, 'E', TAG, "No application key digest matches the bootloader key digest.");
    ss_boot_stage(b, SS_RULE_SECURE_BOOT_V2_ENABLE, false, "app and bootloader are signed by different keys");
    return SS_ESP_FAIL;
}

static void prepare_features(struct ss_boot *b, struct ss_efuse *bits)
{
    bits->words[6] |= ABS_DONE_1;
    ss_boot_disable_debug(b, bits, FEATURES_TAG);
    ss_boot_log(b, 'W', FEATURES_TAG, "UART ROM Download mode kept enabled - SECURITY COMPROMISED");
    // The flash key is still to be read-protected when flash encryption comes next; then this is done there.
    if (!b->profile->flash_encryption || ss_chip_encrypts(b->chip)) {
        ss_boot_log(b, 'I', FEATURES_TAG, "Prevent read disabling of additional efuses...");
        bits->words[0] |= WR_DIS_RD_DIS;
    }
}

static int enable(struct ss_boot *b, const struct ss_boot_image *app)
{
    struct ss_efuse bits = {0};
    ss_boot_log(b, 'I', "efuse", "Batch mode of writing fields is enabled");
    int err = prepare_keys(b, app, &bits);
    if (err != SS_ESP_OK) {
        if (b->status == SS_OK)
            ss_boot_log(b, 'I', "efuse", "Batch mode of writing fields is cancelled");
        return err;
    }
    ss_boot_log(b, 'I', TAG, "blowing secure boot efuse...");
    prepare_features(b, &bits);
    bool burned = ss_boot_burn_checked(b, &bits);
    ss_boot_log(b, 'I', "efuse", "Batch mode. Prepared fields are committed");
    ss_boot_stage(b, SS_RULE_SECURE_BOOT_V2_ENABLE, burned,
                  burned ? "ABS_DONE_1 is burned: secure boot V2 is on" : "not all bits could be burned");
    if (burned)
        ss_boot_log(b, 'I', TAG, "Secure boot permanently enabled");
    else
        ss_boot_log(b, 'E', TAG, "Error programming security eFuses (err=0x%x).", (unsigned)SS_ESP_FAIL);
    return burned ? SS_ESP_OK : SS_ESP_FAIL;
}

int ss_boot_secure_v2_enable(struct ss_boot *b, const struct ss_boot_image *app)
{
    ss_boot_log(b, 'I', TAG, "enabling secure boot v2...");
    if (!ss_boot_efuse(b, "ABS_DONE_1"))
        return enable(b, app);
    ss_boot_log(b, 'I', TAG, "secure boot v2 is already enabled, continuing..");
    return SS_ESP_OK;
}
