// SPDX-License-Identifier: Apache-2.0
#include "support/patient.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/image.h"
#include "slotseal/otadata.h"
#include "slotseal/partition_table.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"
#include "support/sample_image.h"
#include "support/vectors.h"

enum { PROTECTED_KEY = 1u << 7, PROTECTED_BLOCK2 = 1u << 8, WORD6_CLOSED = 0x3C4, WORD6_DEVELOPMENT = 0x344 };

const struct patient patient_plain = {.flash_code = 1, .otadata_record = true, .public_key_len = 64};
const struct patient patient_development = {.encrypt = true,
                                            .count = 1,
                                            .config = 0xF,
                                            .wr_dis = PROTECTED_KEY,
                                            .rd_dis = 1,
                                            .dl_bits = WORD6_DEVELOPMENT,
                                            .flash_code = 1,
                                            .otadata_record = true,
                                            .public_key_len = 64,
                                            .profile_encrypts = true};
const struct patient patient_release = {.encrypt = true,
                                        .sign_v1 = true,
                                        .armed = true,
                                        .count = 1,
                                        .config = 0xF,
                                        .wr_dis = PROTECTED_KEY | PROTECTED_BLOCK2 | 4,
                                        .rd_dis = 3,
                                        .dl_bits = WORD6_CLOSED | 0x10,
                                        .flash_code = 1,
                                        .otadata_record = true,
                                        .public_key_len = 64,
                                        .profile_encrypts = true};
const struct patient patient_secure = {.sign_v1 = true,
                                       .armed = true,
                                       .wr_dis = PROTECTED_BLOCK2,
                                       .rd_dis = 2,
                                       .dl_bits = 0x54,
                                       .flash_code = 1,
                                       .otadata_record = true,
                                       .public_key_len = 64};
const struct patient patient_v2 = {
    .v2 = true, .wr_dis = PROTECTED_BLOCK2, .dl_bits = 0x64, .flash_code = 1, .otadata_record = true};

static const char csv[] = "nvs, data, nvs, 0x9000, 0x3000\n"
                          "otadata, data, ota, 0xe000, 0x2000\n"
                          "ota_0, app, ota_0, 0x10000, 0x10000\n"
                          "ota_1, app, ota_1, 0x100000, 0x10000\n";

static struct ss_error err;

static ss_signing_key_t *signing_key(const char *name)
{
    ss_signing_key_t *key = NULL;
    size_t len;
    uint8_t *file = test_data_read(name, &len);
    assert_ok(ss_signing_key_load(file, len, &key, &err), err);
    free(file);
    return key;
}

static size_t sign_v2(uint8_t *image, size_t len, size_t size)
{
    static uint8_t out[0x4000];
    ss_signing_key_t *key = signing_key("keys/rsa3072.pem");
    struct ss_sbv2_signer signer = {.key = key};
    size_t signed_len;
    assert_ok(ss_secure_boot_v2_sign_file(&signer, 1, NULL, image, len, out, sizeof out, &signed_len, &err), err);
    assert_true(signed_len <= size);
    memcpy(image, out, signed_len);
    ss_signing_key_free(key);
    return signed_len;
}

/// Writes @p len bytes for @p address in the given form; bytes beyond a multiple of 16 are filled with 0xFF.
static void put(const struct patient *p, struct patient_chip *chip, const struct patient_form *form, uint32_t address,
                const uint8_t *data, size_t len)
{
    struct ss_flash_cipher cipher;
    uint8_t *out = chip->flash + address;
    size_t padded = (len + 15) / 16 * 16;
    if (form->missing)
        return;
    memset(out, 0xFF, padded);
    memcpy(out, data, len);
    if (form->damaged)
        out[len / 2] ^= 1;
    if (!p->encrypt || form->plain)
        return;
    // A chip on which FLASH_CRYPT_CONFIG was forgotten still gets files for 0xF.
    assert_ok(ss_flash_cipher_init(&cipher, chip->key, 32, form->other_config ? 0 : 0xF, &err), err);
    assert_ok(ss_flash_cipher_seal(&cipher, form->sealed_for ? form->sealed_for : address, out, out, padded, &err),
              err);
    ss_flash_cipher_wipe(&cipher);
}

static size_t bootloader(const struct patient *p, uint8_t *out, size_t size)
{
    const struct sample_segment segments[] = {{0x40080400, 400}, {0x3FFF0018, p->big ? p->big : 400}};
    size_t len = sample_image(out, size, segments, 2, true);
    out[3] = (uint8_t)(p->flash_code << 4);
    sample_refresh(out, len);
    return p->v2 ? sign_v2(out, len, size) : len;
}

static size_t app(const struct patient *p, struct patient_chip *chip, uint8_t *out, size_t size)
{
    size_t len = sample_app(out, size);
    ss_signing_key_t *key = signing_key("keys/p256.pem"), *other = NULL;
    assert_ok(ss_signing_key_raw_public(key, chip->profile.public_key, &err), err);
    if (p->sign_v1 && !p->unsigned_app && !p->sealed_then_signed) {
        if (p->wrong_signature)
            assert_ok(ss_signing_key_generate(SS_KEY_P256, &other, &err), err);
        assert_ok(ss_secure_boot_v1_sign(other ? other : key, out, len, out + len, &err), err);
        len += SS_SBV1_BLOCK_SIZE;
    }
    ss_signing_key_free(key);
    ss_signing_key_free(other);
    return p->v2 ? sign_v2(out, len, size) : len;
}

/// The signature over what lies in flash already.
static void sign_ciphertext(struct patient_chip *chip, size_t len)
{
    ss_signing_key_t *key = signing_key("keys/p256.pem");
    assert_int_equal(len % 16, 0);
    assert_ok(ss_secure_boot_v1_sign(key, chip->flash + 0x10000, len, chip->flash + 0x10000 + len, &err), err);
    ss_signing_key_free(key);
}

static void make_table(const struct patient *p, struct patient_chip *chip)
{
    struct ss_partition_table table;
    uint8_t binary[SS_TABLE_BINARY_SIZE];
    assert_ok(ss_table_from_csv(csv, strlen(csv), NULL, &table, &err), err);
    assert_ok(ss_table_to_binary(&table, binary, &err), err);
    struct patient_form form = p->table;
    form.damaged = false;
    if (p->table.damaged)
        binary[0x4C + 8] ^= 1; // in a label, so that only the MD5 notices
    put(p, chip, &form, p->table_at ? p->table_at : 0x8000, binary, sizeof binary);
}

static void make_otadata(const struct patient *p, struct patient_chip *chip)
{
    uint8_t image[SS_OTADATA_SIZE];
    assert_ok(ss_otadata_build(p->otadata_record ? p->selects_empty : SS_BOOT_FACTORY, 2, SS_OTA_VALID, image, &err),
              err);
    struct patient_form form = p->otadata;
    form.missing = form.missing || p->otadata_unsealed;
    put(p, chip, &form, 0xE000, image, sizeof image);
}

static void make_digest(const struct patient *p, struct patient_chip *chip, const uint8_t *image, size_t len)
{
    uint8_t sector[192], key[32];
    struct ss_sbv1_digest_params params = {.key = key, .key_len = 32, .iv = sector, .iv_len = 128};
    for (unsigned i = 0; i < 32; i++)
        key[i] = (uint8_t)(3 * i + 1);
    memset(sector, 0x5A, 128);
    assert_ok(ss_secure_boot_v1_bootloader_digest(&params, image, len, sector + 128, &err), err);
    sector[128] ^= p->wrong_digest;
    put(p, chip, &(struct patient_form){0}, 0, sector, sizeof sector);
    assert_ok(ss_efuse_key_to_words(key, 32, SS_EFUSE_CODING_NONE, &chip->silicon.words[15], &err), err);
}

static void make_efuses(const struct patient *p, struct patient_chip *chip)
{
    uint32_t *w = chip->silicon.words;
    w[0] = p->wr_dis | p->rd_dis << 16 | p->count << 20 | (uint32_t)p->uart_disabled << 27;
    w[3] = 1u << 15;
    w[5] = 1u << 20 | p->config << 28;
    w[6] = p->dl_bits | p->coding;
    if (p->encrypt && !p->reversed_key)
        assert_ok(ss_efuse_key_to_words(chip->key, 32, SS_EFUSE_CODING_NONE, &w[7], &err), err);
    for (unsigned i = 0; p->reversed_key && i < 8; i++)
        w[7 + i] = ss_get_le32(chip->key + 4 * i);
}

void patient_make(const struct patient *p, struct patient_chip *chip)
{
    static uint8_t file[PATIENT_FLASH];
    uint8_t *flash = chip->flash;
    memset(chip, 0, sizeof *chip);
    chip->flash = flash;
    memset(flash, 0xFF, PATIENT_FLASH);
    for (unsigned i = 0; i < 32; i++)
        chip->key[i] = (uint8_t)(i * 7 + 5);
    chip->profile = (struct ss_boot_profile)SS_BOOT_PROFILE_DEFAULT;
    chip->profile.secure_boot = p->v2        ? SS_PROFILE_SECURE_BOOT_V2
                                : p->sign_v1 ? SS_PROFILE_SECURE_BOOT_V1
                                             : SS_PROFILE_SECURE_BOOT_NONE;
    chip->profile.signed_on_boot = p->sign_v1 || p->v2;
    chip->profile.has_public_key = p->sign_v1;
    chip->profile.public_key_len = p->public_key_len;
    chip->profile.flash_encryption = p->profile_encrypts;
    make_efuses(p, chip);

    size_t len = bootloader(p, file, sizeof file);
    // The secure boot digest covers whole units of 128 bytes: erased flash behind the image would read as noise.
    size_t padded = (len + 127) / 128 * 128;
    memset(file + len, 0xFF, padded - len);
    put(p, chip, &p->bootloader, 0x1000, file, padded);
    if (p->armed)
        make_digest(p, chip, file, len);
    if (p->v2) {
        uint8_t digest[32];
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, file + len - 4096 + 36, 776, digest), SS_OK);
        for (unsigned i = 0; i < 8; i++)
            chip->silicon.words[15 + i] = ss_get_le32(digest + 4 * i) ^ p->block2_wrong;
    }
    make_table(p, chip);
    make_otadata(p, chip);
    len = app(p, chip, file, sizeof file);
    put(p, chip, &p->app, 0x10000, file, len);
    if (p->sealed_then_signed)
        sign_ciphertext(chip, len);
}
