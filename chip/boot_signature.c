// SPDX-License-Identifier: Apache-2.0
// Signatures of apps: ESP-IDF verify_secure_boot_signature() and what it calls.
#include <string.h>

#include "chip/boot_parts.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"

/// The tag of the files on V1 signatures and on V2.
#define TAG_V1 "secure_boot"
#define TAG_V2 "secure_boot_v2"

static const char *tag_v1(const struct ss_boot *b)
{
    return ss_boot_is_modern(b) ? "secure_boot_v1" : TAG_V1;
}

/// True for what says nothing about the signature: the boot cannot be followed then.
static bool library_failed(struct ss_boot *b, ss_status_t status)
{
    if (status == SS_ERROR_INSUFFICIENT_MEMORY || status == SS_ERROR_GENERIC)
        b->status = ss_error_set(b->err, status, SS_AREA_CHIP, "cannot verify a signature");
    return b->status != SS_OK;
}

/// What the bootloader says once a signature did not hold: whether the image itself is whole.
static void explain(struct ss_boot *b, const struct ss_boot_image *image, uint32_t len)
{
    uint8_t hash[SS_IMAGE_HASH_SIZE];
    ss_boot_log(b, 'E', "esp_image", "Secure boot signature verification failed");
    ss_boot_log(b, 'I', "esp_image", "Calculating simple hash to check for corruption...");
    const uint8_t *p = ss_boot_map(b, image->address, len);
    if (!p || !ss_boot_hash(b, SS_HASH_SHA256, p, len - SS_IMAGE_HASH_SIZE, hash))
        return;
    if (memcmp(hash, p + len - SS_IMAGE_HASH_SIZE, sizeof hash)) {
        ss_boot_log(b, 'E', "esp_image", "Image hash failed - image is corrupt");
        ss_boot_log(b, 'W', "esp_image", "image corrupted on flash");
    } else {
        ss_boot_log(b, 'W', "esp_image", "image valid, signature bad");
    }
}

/// Verifies the block behind the image. Records why it does not hold.
static bool verify_v1(struct ss_boot *b, const struct ss_boot_image *image, const uint8_t *p)
{
    const uint8_t *block = p + image->len;
    const struct ss_boot_profile *profile = b->profile;
    uint32_t version = ss_get_le32(block);
    unsigned at = image->address;
    if (!profile->has_public_key) {
        ss_boot_unknown(b, SS_RULE_SIGNATURE, "0x%x: the key in the bootloader is not known", at);
        return version == 0;
    }
    if (profile->public_key_len != SS_PROFILE_KEY_SIZE) {
        ss_boot_log(b, 'E', tag_v1(b), "Embedded public verification key has wrong length %zu",
                    profile->public_key_len);
        ss_boot_stage(b, SS_RULE_SIGNATURE, false, "the key in the bootloader has %zu bytes, must have %u",
                      profile->public_key_len, SS_PROFILE_KEY_SIZE);
        return false;
    }
    if (version != 0) {
        ss_boot_log(b, 'E', tag_v1(b), "image has invalid signature version field 0x%08x%s", (unsigned)version,
                    ss_boot_is_modern(b) ? " (image without a signature?)" : "");
        ss_boot_stage(b, SS_RULE_SIGNATURE, false, "0x%x: signature version is 0x%08x, must be 0",
                      at + (unsigned)image->len, (unsigned)version);
        return false;
    }
    ss_status_t status = ss_secure_boot_v1_verify(profile->public_key, p, image->len, block, NULL);
    if (library_failed(b, status))
        return false;
    ss_boot_stage(b, SS_RULE_SIGNATURE, status == SS_OK,
                  status == SS_OK ? "0x%x: signed by the key in the bootloader"
                                  : "0x%x: the signature is not by the key in the bootloader over this image",
                  at);
    return status == SS_OK;
}

static bool check_v1(struct ss_boot *b, struct ss_boot_image *image)
{
    const uint8_t *p = ss_boot_map(b, image->address, image->len + SS_SBV1_BLOCK_SIZE);
    if (!p)
        return false;
    if (verify_v1(b, image, p))
        return true;
    if (b->status == SS_OK)
        explain(b, image, image->len);
    return false;
}

static enum ss_boot_v2 judge_block(struct ss_boot *b, const uint8_t *block, const uint8_t digest[32],
                                   const uint8_t *trusted)
{
    ss_signing_key_t *key = NULL;
    struct ss_sbv2_block info;
    if (block[0] != 0xE7)
        return SS_BOOT_V2_NO_BLOCK;
    ss_status_t status = ss_secure_boot_v2_parse_block(block, &info, NULL);
    if (library_failed(b, status) || status != SS_OK || info.type != SS_KEY_RSA3072)
        return SS_BOOT_V2_DAMAGED;
    if (memcmp(info.image_digest, digest, 32))
        return SS_BOOT_V2_OTHER_IMAGE;
    if (trusted && memcmp(info.key_digest, trusted, 32))
        return SS_BOOT_V2_OTHER_KEY;
    status = ss_secure_boot_v2_block_key(block, &key, NULL);
    if (status == SS_OK)
        status = ss_secure_boot_v2_verify_block(key, digest, block, NULL);
    ss_signing_key_free(key);
    return !library_failed(b, status) && status == SS_OK ? SS_BOOT_V2_OK : SS_BOOT_V2_INVALID;
}

enum ss_boot_v2 ss_boot_verify_v2(struct ss_boot *b, const uint8_t *image, uint32_t padded, const uint8_t *trusted)
{
    uint8_t digest[32];
    const uint8_t *block = image + padded;
    if (!ss_boot_hash(b, SS_HASH_SHA256, image, padded, digest))
        return SS_BOOT_V2_NO_BLOCK;
    enum ss_boot_v2 verdict = judge_block(b, block, digest, trusted);
    if (b->status != SS_OK)
        return verdict;
    // The mask ROM's function is used by the bootloader, too, and says this.
    if (verdict == SS_BOOT_V2_NO_BLOCK)
        ss_boot_say(
            b, "No signature block magic byte found at signature sector (found 0x%x not 0xe7). Image not V2 signed?",
            block[0]);
    else if (verdict == SS_BOOT_V2_OTHER_IMAGE)
        ss_boot_say(b, "Sig block 0 invalid: Image digest does not match");
    else if (verdict == SS_BOOT_V2_OTHER_KEY)
        ss_boot_say(b, "Sig block 0 signed with untrusted key");
    return verdict;
}

const char *ss_boot_v2_reason(enum ss_boot_v2 verdict)
{
    static const char *const reasons[] = {
        [SS_BOOT_V2_OK] = "signed by the key whose digest is in BLOCK2",
        [SS_BOOT_V2_NO_BLOCK] = "there is no signature block",
        [SS_BOOT_V2_DAMAGED] = "the signature block is damaged, or not RSA-3072",
        [SS_BOOT_V2_OTHER_IMAGE] = "the signature is for another image",
        [SS_BOOT_V2_OTHER_KEY] = "the digest of the signing key is not the one in BLOCK2",
        [SS_BOOT_V2_INVALID] = "the signature is not valid",
    };
    return reasons[verdict];
}

bool ss_boot_trusted_digest(const struct ss_boot *b, uint8_t digest[32])
{
    const uint32_t *words = &b->chip->efuse.window.words[ss_efuse_block_start(2)];
    for (unsigned i = 0; i < 8; i++)
        ss_put_le32(digest + 4 * i, words[i]);
    return !ss_all_bytes(digest, 32, 0);
}

static bool check_v2(struct ss_boot *b, struct ss_boot_image *image)
{
    uint8_t trusted[32];
    uint32_t padded = (image->len + SS_SBV2_SECTOR_SIZE - 1) / SS_SBV2_SECTOR_SIZE * SS_SBV2_SECTOR_SIZE;
    const uint8_t *p = ss_boot_map(b, image->address, padded + SS_SBV2_SECTOR_SIZE);
    if (!p)
        return false;
    bool known = ss_boot_trusted_digest(b, trusted), enabled = ss_boot_efuse(b, "ABS_DONE_1");
    if (!known && enabled) {
        ss_boot_log(b, 'E', TAG_V2, "Could not read eFuse secure boot digests!");
        ss_boot_stage(b, SS_RULE_SIGNATURE_V2, false, "secure boot V2 is on, and BLOCK2 reads as empty");
        explain(b, image, image->len);
        return false;
    }
    if (!known)
        ss_boot_log(b, 'I', TAG_V2, "Secure boot V2 is not enabled yet and eFuse digest keys are not set");
    ss_boot_log(b, 'I', TAG_V2, "Verifying with RSA-PSS...");
    enum ss_boot_v2 verdict = ss_boot_verify_v2(b, p, padded, known ? trusted : NULL);
    if (b->status != SS_OK)
        return false;
    ss_boot_stage(b, SS_RULE_SIGNATURE_V2, verdict == SS_BOOT_V2_OK, "0x%x: %s", (unsigned)image->address,
                  verdict == SS_BOOT_V2_OK && !known ? "signed by the key that it names" : ss_boot_v2_reason(verdict));
    if (verdict != SS_BOOT_V2_OK) {
        ss_boot_log(b, 'E', TAG_V2, "Secure Boot V2 verification failed.");
        explain(b, image, image->len);
        return false;
    }
    ss_boot_log(b, 'I', TAG_V2, "Signature verified successfully!");
    image->len = padded + SS_SBV2_SECTOR_SIZE;
    return true;
}

bool ss_boot_signature_ok(struct ss_boot *b, struct ss_boot_image *image)
{
    ss_boot_log(b, 'I', "esp_image", "Verifying image signature...");
    return b->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V2 ? check_v2(b, image) : check_v1(b, image);
}
