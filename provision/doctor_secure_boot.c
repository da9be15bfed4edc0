// SPDX-License-Identifier: Apache-2.0
// Secure boot: armed or not, digest, keys.
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/doctor_internal.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"

#define ADD(id, severity, certain) finding_add(d->out, SS_DOCTOR_##id, SS_DOCTOR_##severity, certain)

enum { DIGEST_UNIT = 128 };

static void unknown(struct doctor *d, const char *what, const char *needs)
{
    struct ss_doctor_finding *f = ADD(SECURE_BOOT_UNKNOWN, UNKNOWN, true);
    finding_seen(f, "%s", what);
    finding_repair(f, SS_REPAIR_NONE, "%s", needs);
}

static void public_key(struct doctor *d)
{
    const struct ss_boot_profile *p = d->profile;
    bool v1 = p->secure_boot == SS_PROFILE_SECURE_BOOT_V1 || (p->signed_on_boot && !p->secure_boot);
    if (!v1 || p->public_key_len == SS_PROFILE_KEY_SIZE)
        return;
    if (!p->has_public_key) {
        unknown(d, "the bootloader verifies signatures, with a key that is not known here",
                "give public_key in --profile, or --build-dir");
        return;
    }
    struct ss_doctor_finding *f = ADD(PUBLIC_KEY_LENGTH, STOPS, true);
    finding_seen(f, "the public key in the bootloader has %zu bytes, not 64", p->public_key_len);
    finding_repair(f, SS_REPAIR_BUILD, "extract it again, build the bootloader anew and write it");
    finding_command(f, "espsecure.py extract_public_key --version 1 --keyfile signing-key.pem verification-key.bin");
}

/// Sector 0 as the ROM reads it; false if that cannot be known. Statuses in *status.
static bool read_digest(struct doctor *d, uint8_t out[192], struct ss_error *err, ss_status_t *status)
{
    struct ss_flash_cipher cipher;
    if (!d->in->flash || d->in->flash_len < 192 || (d->expects && !d->has_key[d->settled_key]))
        return false;
    memcpy(out, d->in->flash, 192);
    if (!d->expects)
        return true;
    *status =
        ss_flash_cipher_init(&cipher, d->keys[d->settled_key], d->key_len[d->settled_key], d->settled_config, err);
    if (*status == SS_OK)
        *status = ss_flash_cipher_unseal(&cipher, 0, out, out, 192, err);
    ss_flash_cipher_wipe(&cipher);
    return *status == SS_OK;
}

/// What the ROM reads for the digest: up to the checksum, in units of 128 bytes, so that bytes behind the image count.
static bool digest_length(const struct doctor *d, size_t *len)
{
    struct ss_image image;
    struct ss_image_context context = {
        .kind = SS_IMAGE_KIND_BOOTLOADER, .flash_address = BOOTLOADER_ADDRESS, .chip_id = -1, .chip_rev = -1};
    const struct place *b = &d->bootloader;
    return b->data && !b->damaged && ss_image_describe(b->data, b->size, &context, &image, NULL) == SS_OK &&
           image.complete && ss_round_up(image.checksum_offset + 1, DIGEST_UNIT, len) && *len <= b->size;
}

static void digest_wrong(struct doctor *d, const char *seen)
{
    bool expects = d->expects;
    struct ss_doctor_finding *f = ADD(SECURE_BOOT_DIGEST, STOPS, true);
    finding_seen(f, "%s", seen);
    finding_repair(f, SS_REPAIR_FLASH,
                   "possible only where the key of BLOCK2 is known: make digest and bootloader anew and "
                   "write both%s",
                   expects ? ", sealed as one file for address 0: bytes behind the image count, too" : "");
    finding_command(f,
                    "espsecure.py digest_secure_bootloader --keyfile secure-boot-key.bin -o boot0.bin bootloader.bin");
    if (expects)
        finding_command(f, "slotseal seal boot0.bin --address 0 --flash-key flash-key.bin -o boot0.sealed");
    finding_command(f, "esptool.py --port PORT write_flash --force --flash_size keep 0x0 %s",
                    expects ? "boot0.sealed" : "boot0.bin");
}

static ss_status_t digest_v1(struct doctor *d, struct ss_error *err)
{
    uint8_t stored[192], digest[SS_SBV1_DIGEST_SIZE], key[32];
    size_t len, key_len;
    ss_status_t status = SS_OK;
    if (!d->in->flash)
        return SS_OK;
    if (ss_all_bytes(d->in->flash, d->in->flash_len < 192 ? d->in->flash_len : 192, 0xFF)) {
        digest_wrong(d, "ABS_DONE_0 is burned and flash address 0 is erased: there is no digest");
        return SS_OK;
    }
    if (!doctor_block_known(d, 2)) {
        unknown(d, "ABS_DONE_0 is burned; the key of BLOCK2 cannot be read, so the digest at 0x0 cannot be compared",
                "nothing: only the chip itself can");
        return SS_OK;
    }
    if (!digest_length(d, &len))
        return SS_OK; // said already
    if (!read_digest(d, stored, err, &status)) {
        if (status == SS_OK)
            unknown(d, "the digest at 0x0 is ciphertext, and the flash key is not known", "--flash-key FILE");
        return status;
    }
    status = ss_efuse_key_from_words(&d->in->efuse->words[ss_efuse_block_start(2)], ss_efuse_coding(d->in->efuse), key,
                                     &key_len, NULL);
    if (status == SS_OK) {
        struct ss_sbv1_digest_params params = {.key = key, .key_len = key_len, .iv = stored, .iv_len = SS_SBV1_IV_SIZE};
        status = ss_secure_boot_v1_bootloader_digest(&params, d->bootloader.data, len, digest, err);
    } else {
        memset(digest, 0, sizeof digest);
        status = SS_OK;
    }
    ss_wipe(key, sizeof key);
    if (status == SS_OK && memcmp(digest, stored + SS_SBV1_IV_SIZE, sizeof digest) != 0)
        digest_wrong(d, "ABS_DONE_0 is burned, and the digest at 0x80 is not that of the bootloader at 0x1000");
    return status;
}

static void open_key(struct doctor *d)
{
    bool readable = !ss_efuse_block_read_protected(d->in->efuse, 2);
    bool writable = !ss_efuse_block_write_protected(d->in->efuse, 2);
    if (!readable && !writable)
        return;
    struct ss_doctor_finding *f = ADD(SECURE_BOOT_KEY_OPEN, RISK, true);
    finding_seen(f, "BLOCK2 is not%s%s%s protected", readable ? " read-" : "", readable && writable ? " or" : "",
                 writable ? " write-" : "");
    if (readable && (doctor_get(d, "WR_DIS") & 1)) {
        finding_repair(f, SS_REPAIR_NO, "WR_DIS bit 0 is burned: nothing can be read-protected any more");
        return;
    }
    finding_repair(f, SS_REPAIR_BURN, "protect it");
    if (readable)
        finding_burn(d, f, false, "read_protect_efuse BLOCK2");
    if (writable)
        finding_burn(d, f, false, "write_protect_efuse BLOCK2");
}

static ss_status_t armed_v1(struct doctor *d, struct ss_error *err)
{
    if (doctor_block_known(d, 2) && doctor_block_blank(d, 2)) {
        struct ss_doctor_finding *f = ADD(SECURE_BOOT_KEY_MISSING, STOPS, true);
        finding_seen(f, "ABS_DONE_0 is burned and BLOCK2 is zero");
        finding_repair(f, SS_REPAIR_BURN, "burn a key, then make the digest with it");
        finding_burn(d, f, false, "burn_key secure_boot_v1 secure-boot-key.bin");
        return SS_OK;
    }
    open_key(d);
    return digest_v1(d, err);
}

static void trusted_digest(const struct doctor *d, uint8_t out[32])
{
    for (size_t i = 0; i < 8; i++)
        ss_put_le32(out + 4 * i, d->in->efuse->words[ss_efuse_block_start(2) + i]);
}

enum v2_signature doctor_v2_signature(const struct doctor *d, const struct place *place, const struct ss_image *image,
                                      uint8_t key_digest[32])
{
    struct ss_sbv2_block infos[SS_SBV2_BLOCK_COUNT];
    ss_status_t statuses[SS_SBV2_BLOCK_COUNT];
    uint8_t trusted[32];
    size_t at = image->signature_offset;
    if (image->signature != SS_IMAGE_SIGNED_V2 || !ss_range_ok(at, SS_SBV2_SECTOR_SIZE, place->size))
        return V2_ABSENT;
    if (ss_secure_boot_v2_inspect(place->data, at, place->data + at, infos, statuses, NULL) != SS_OK ||
        statuses[0] != SS_OK)
        return V2_WRONG;
    memcpy(key_digest, infos[0].key_digest, 32);
    if (!d->in->efuse || !doctor_block_known(d, 2) || doctor_block_blank(d, 2))
        return V2_GOOD; // whom the chip trusts is not known, or not settled yet
    trusted_digest(d, trusted);
    return memcmp(key_digest, trusted, sizeof trusted) ? V2_UNTRUSTED : V2_GOOD;
}

static struct ss_doctor_finding *bad_signer(struct doctor *d, enum ss_doctor_id id, const char *how)
{
    struct ss_doctor_finding *f = finding_add(d->out, id, SS_DOCTOR_STOPS, true);
    finding_repair(f, SS_REPAIR_FLASH, "%s", how);
    finding_command(f, "espsecure.py sign_data --keyfile signing-key.pem --version 2 bootloader.bin");
    finding_rewrite(d, f, &d->bootloader);
    return f;
}

static ss_status_t signer_v2(struct doctor *d, struct ss_error *err)
{
    struct ss_image image;
    struct ss_image_context context = {
        .kind = SS_IMAGE_KIND_BOOTLOADER, .flash_address = BOOTLOADER_ADDRESS, .chip_id = -1, .chip_rev = -1};
    const struct place *b = &d->bootloader;
    uint8_t key[32], trusted[32];
    if (!b->data || b->damaged)
        return SS_OK;
    ss_status_t status = ss_image_describe(b->data, b->size, &context, &image, err);
    if (status != SS_OK || !image.complete)
        return status;
    enum v2_signature signature = doctor_v2_signature(d, b, &image, key);
    unsigned at = (unsigned)(BOOTLOADER_ADDRESS + (image.image_len + 4095) / 4096 * 4096);
    if (signature == V2_ABSENT)
        finding_seen(bad_signer(d, SS_DOCTOR_SECURE_BOOT_V2_UNSIGNED, "sign the bootloader and write it"),
                     "no signature sector behind the bootloader, at 0x%x", at);
    else if (signature == V2_WRONG)
        finding_seen(bad_signer(d, SS_DOCTOR_SECURE_BOOT_V2_UNSIGNED, "sign the bootloader again and write it"),
                     "the signature block at 0x%x does not verify", at);
    if (signature != V2_UNTRUSTED)
        return SS_OK;
    trusted_digest(d, trusted);
    finding_seen(
        bad_signer(d, SS_DOCTOR_SECURE_BOOT_V2_KEY, "sign bootloader and app with the key whose digest was burned"),
        "signed by key %02x%02x%02x%02x…, BLOCK2 trusts %02x%02x%02x%02x…", key[0], key[1], key[2], key[3], trusted[0],
        trusted[1], trusted[2], trusted[3]);
    return SS_OK;
}

static ss_status_t armed_v2(struct doctor *d, struct ss_error *err)
{
    // Bit 31 of APB_CTRL_DATE is not in the eFuses: REV1 and REV2 both set can be revision 3, fewer cannot.
    if (ss_efuse_revision(d->in->efuse, true) < 300) {
        struct ss_doctor_finding *f = ADD(SECURE_BOOT_V2_REVISION, RISK, false);
        finding_seen(f, "ABS_DONE_1 is burned; CHIP_VER_REV1 %u, CHIP_VER_REV2 %u", doctor_get(d, "CHIP_VER_REV1"),
                     doctor_get(d, "CHIP_VER_REV2"));
        finding_repair(f, SS_REPAIR_NO, "use secure boot V1 on this chip");
        return SS_OK;
    }
    if (ss_efuse_block_read_protected(d->in->efuse, 2)) {
        struct ss_doctor_finding *f = ADD(SECURE_BOOT_V2_HIDDEN, STOPS, true);
        finding_seen(f, "ABS_DONE_1 is burned and RD_DIS hides BLOCK2");
        finding_repair(f, SS_REPAIR_NO, "burn digests with espefuse burn_key_digest, which leaves them readable");
        if (!d->in->silicon)
            return SS_OK;
    }
    if (doctor_block_blank(d, 2)) {
        struct ss_doctor_finding *f = ADD(SECURE_BOOT_KEY_MISSING, STOPS, true);
        finding_seen(f, "ABS_DONE_1 is burned and BLOCK2 is zero");
        finding_repair(f, SS_REPAIR_BURN, "burn the digest of the signing key");
        finding_burn(d, f, false, "burn_key_digest signing-key.pem");
        return SS_OK;
    }
    return signer_v2(d, err);
}

ss_status_t doctor_secure_boot(struct doctor *d, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    public_key(d);
    if (!d->in->efuse)
        return SS_OK;
    bool v1 = doctor_get(d, "ABS_DONE_0"), v2 = doctor_get(d, "ABS_DONE_1");
    if (v1)
        status = armed_v1(d, err);
    if (status == SS_OK && v2)
        status = armed_v2(d, err);
    if (status == SS_OK && ((!v1 && d->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V1) ||
                            (!v2 && d->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V2))) {
        struct ss_doctor_finding *f = ADD(SECURE_BOOT_NOT_ARMED, RISK, true);
        finding_seen(f, "ABS_DONE_%d is not burned", d->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V1 ? 0 : 1);
        finding_repair(f, SS_REPAIR_BURN, "the first start in which an app verifies burns it: watch the log");
    }
    return status;
}
