// SPDX-License-Identifier: Apache-2.0
#include "slotseal/secure_boot_v2.h"

#include "support/alloc_fault.h"
#include "support/keys.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"

#define SECTOR SS_SBV2_SECTOR_SIZE
#define BLOCK  SS_SBV2_BLOCK_SIZE

static const struct {
    const char *key, *public;
    enum ss_key_type type;
    const char *digest; // espsecure digest-sbv2-public-key
} keys[] = {
    {"p256.pem", "p256.pub.pem", SS_KEY_P256, "daf119a3752df40c1f4c1793e503c24be92c94e667b7c5ccc6b11890796bb92c"},
    {"rsa3072.pem", "rsa3072.pub.pem", SS_KEY_RSA3072,
     "dc37156e15c47c0a093644d42c45106207c0d2b8bddbb8f9852c9150bb6fb93e"},
    {"p192.pem", "p192.pub.pem", SS_KEY_P192, "64e4c16291789eca471c9fed7d67c8e5747f263857c33d8b3e24c5f7d1e5f821"},
    {"p384.pem", "p384.pub.pem", SS_KEY_P384, "ce6ab61696c92d21bb3fc352f6ad4bba715a6fb49a46a5dbf8832a19a079cba3"},
};
#define KEY_COUNT (sizeof keys / sizeof *keys)

// The image that the sectors of tests/data/v2 sign, and room for a sector behind it.
static size_t text_image(uint8_t file[2 * SECTOR])
{
    memset(file, 0xFF, 2 * SECTOR);
    memcpy(file, "slotseal", 8);
    return SECTOR;
}

// … with the sector of a file of tests/data/v2.
static void signed_text(uint8_t file[2 * SECTOR], const char *name)
{
    char path[64];
    size_t len = 0;
    snprintf(path, sizeof path, "v2/%s", name);
    uint8_t *sector = test_data_read(path, &len);
    assert_int_equal(len, SECTOR);
    text_image(file);
    memcpy(file + SECTOR, sector, SECTOR);
    free(sector);
}

static void fix_crc(uint8_t *block)
{
    ss_put_le32(block + 1196, ss_crc32(0, block, 1196));
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    char text[2 * 64 + 1] = "";
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(text, hex);
}

static void key_digests_of_espsecure(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        struct ss_error err = {0};
        uint8_t digest[32];
        ss_signing_key_t *key = test_key(keys[i].key), *public = test_key(keys[i].public);
        assert_ok(ss_secure_boot_v2_key_digest(key, digest, &err), err);
        assert_hex(digest, 32, keys[i].digest);
        assert_ok(ss_secure_boot_v2_key_digest(public, digest, &err), err);
        assert_hex(digest, 32, keys[i].digest);
        ss_signing_key_free(key);
        ss_signing_key_free(public);
    }
}

static void verifies_what_espsecure_signed(void **state)
{
    (void)state;
    const struct {
        const char *file, *key;
        unsigned index;
    } cases[] = {
        {"three.sector", "p256.pub.pem", 0},
        {"three.sector", "rsa3072.pub.pem", 1},
        {"three.sector", "p384.pub.pem", 2},
        {"p192.sector", "p192.pub.pem", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_error err = {0};
        uint8_t file[2 * SECTOR];
        unsigned index = 9;
        signed_text(file, cases[i].file);
        ss_signing_key_t *key = test_key(cases[i].key);
        assert_ok(ss_secure_boot_v2_verify_file(key, file, sizeof file, &index, &err), err);
        assert_int_equal(index, cases[i].index);
        assert_ok(ss_secure_boot_v2_verify_file(key, file, sizeof file, NULL, &err), err);
        ss_signing_key_free(key);
    }
}

static void reads_the_blocks_of_espsecure(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t file[2 * SECTOR];
    struct ss_sbv2_block infos[3];
    ss_status_t statuses[3];
    const size_t order[] = {0, 1, 3};
    signed_text(file, "three.sector");
    assert_ok(ss_secure_boot_v2_inspect(file, SECTOR, file + SECTOR, infos, statuses, &err), err);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(statuses[i], SS_OK);
        assert_int_equal(infos[i].type, keys[order[i]].type);
        assert_int_equal(infos[i].image_digest_len, i == 2 ? 48 : 32);
        assert_hex(infos[i].key_digest, 32, keys[order[i]].digest);
    }
    signed_text(file, "p192.sector");
    assert_ok(ss_secure_boot_v2_inspect(file, SECTOR, file + SECTOR, infos, statuses, &err), err);
    assert_int_equal(statuses[0], SS_OK);
    assert_int_equal(infos[0].type, SS_KEY_P192);
    assert_int_equal(statuses[1], SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(statuses[2], SS_ERROR_DOES_NOT_EXIST);
}

static void inspect_judges_each_block(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t file[2 * SECTOR];
    struct ss_sbv2_block infos[3];
    ss_status_t statuses[3];
    signed_text(file, "three.sector");
    uint8_t *blocks = file + SECTOR;
    blocks[110] ^= 1; // signature of P-256
    fix_crc(blocks);
    blocks[BLOCK + 900] ^= 1; // CRC of RSA
    blocks[2 * BLOCK + 4] ^= 1;
    fix_crc(blocks + 2 * BLOCK); // image digest of P-384
    assert_ok(ss_secure_boot_v2_inspect(file, SECTOR, file + SECTOR, infos, statuses, &err), err);
    assert_int_equal(statuses[0], SS_ERROR_INVALID_SIGNATURE);
    assert_int_equal(statuses[1], SS_ERROR_DATA_CORRUPT);
    assert_int_equal(statuses[2], SS_ERROR_DATA_CORRUPT);
    blocks[BLOCK + 900] ^= 1;
    blocks[BLOCK + 500] ^= 1; // 2^6144 mod n
    fix_crc(blocks + BLOCK);
    blocks[60] ^= 1; // X of P-256
    fix_crc(blocks);
    assert_ok(ss_secure_boot_v2_inspect(file, SECTOR, file + SECTOR, infos, statuses, &err), err);
    assert_int_equal(statuses[0], SS_ERROR_DATA_INVALID);
    assert_int_equal(statuses[1], SS_ERROR_DATA_INVALID);
}

static void block_key_is_the_key(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t file[2 * SECTOR];
    const char *names[] = {"p256.pem", "rsa3072.pem", "p384.pem"};
    signed_text(file, "three.sector");
    for (int i = 0; i < 3; i++) {
        ss_signing_key_t *key = test_key(names[i]), *found = NULL;
        assert_ok(ss_secure_boot_v2_block_key(file + SECTOR + i * BLOCK, &found, &err), err);
        assert_true(ss_signing_key_same_public(key, found));
        assert_false(ss_signing_key_is_private(found));
        ss_signing_key_free(key);
        ss_signing_key_free(found);
    }
}

static void block_key_refuses(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t file[2 * SECTOR];
    ss_signing_key_t *key = (void *)&err;
    signed_text(file, "three.sector");
    uint8_t *ec = file + SECTOR, *rsa = ec + BLOCK;
    ec[40] ^= 1;
    assert_int_equal(ss_secure_boot_v2_block_key(ec, &key, &err), SS_ERROR_DATA_CORRUPT);
    assert_null(key);
    fix_crc(ec);
    assert_int_equal(ss_secure_boot_v2_block_key(ec, &key, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "key in the signature block: public key is not a point of its curve");
    rsa[808] ^= 1; // -1/n
    fix_crc(rsa);
    assert_int_equal(ss_secure_boot_v2_block_key(rsa, &key, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "helper numbers in the signature block do not fit its key");
    memset(rsa + 36, 0, 384);
    fix_crc(rsa);
    assert_int_equal(ss_secure_boot_v2_block_key(rsa, &key, &err), SS_ERROR_NOT_SUPPORTED);
    assert_string_equal(err.message, "key in the signature block: RSA key has 0 bits, secure boot V2 takes 3072");
    assert_null(key);
}

static void parse_refuses(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_sbv2_block info;
    uint8_t file[2 * SECTOR];
    signed_text(file, "three.sector");
    uint8_t *block = file + SECTOR;
    const struct {
        size_t at;
        uint8_t value;
        const char *message;
    } cases[] = {
        {0, 0xE8, "signature block starts with 0xe8, V2 with 0xe7"},
        {1, 4, "signature block has version 4, hash 0: no known combination with its curve"},
        {2, 1, "signature block has version 3, hash 1: no known combination with its curve"},
        {36, 3, "signature block has version 3, hash 0: no known combination with its curve"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t before = block[cases[i].at];
        block[cases[i].at] = cases[i].value;
        fix_crc(block);
        assert_int_equal(ss_secure_boot_v2_parse_block(block, &info, &err), SS_ERROR_DATA_INVALID);
        assert_string_equal(err.message, cases[i].message);
        block[cases[i].at] = before;
    }
    fix_crc(block);
    assert_ok(ss_secure_boot_v2_parse_block(block, &info, &err), err);
    block[1195] ^= 1;
    assert_int_equal(ss_secure_boot_v2_parse_block(block, &info, &err), SS_ERROR_DATA_CORRUPT);
    memset(block, 0xFF, BLOCK);
    assert_int_equal(ss_secure_boot_v2_parse_block(block, &info, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "no signature block here");
}

static void verify_refuses(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t file[2 * SECTOR];
    ss_signing_key_t *key = test_key("p256.pem"), *other = NULL, *p192 = test_key("p192.pem");
    assert_ok(ss_signing_key_generate(SS_KEY_P256, &other, &err), err);
    signed_text(file, "three.sector");
    assert_int_equal(ss_secure_boot_v2_verify_file(key, file, sizeof file - 1, NULL, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "file is 8191 bytes, a V2-signed one has a multiple of 4096, and more than one");
    assert_int_equal(ss_secure_boot_v2_verify_file(key, file, SECTOR, NULL, &err), SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_secure_boot_v2_verify_file(key, file, 0, NULL, &err), SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_secure_boot_v2_verify_file(other, file, sizeof file, NULL, &err), SS_ERROR_INVALID_SIGNATURE);
    assert_string_equal(err.message, "none of the 3 signature blocks is valid for this key");
    assert_int_equal(ss_secure_boot_v2_verify_file(p192, file, sizeof file, NULL, &err), SS_ERROR_INVALID_SIGNATURE);
    file[100] ^= 1;
    assert_int_equal(ss_secure_boot_v2_verify_file(key, file, sizeof file, NULL, &err), SS_ERROR_DATA_CORRUPT);
    assert_string_equal(err.message, "signature block 0 is for other image bytes");
    text_image(file);
    assert_int_equal(ss_secure_boot_v2_verify_file(key, file, sizeof file, NULL, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "there is no readable signature block");
    ss_signing_key_free(key);
    ss_signing_key_free(other);
    ss_signing_key_free(p192);
}

static void verify_block_says_why(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t file[2 * SECTOR], digest[32];
    ss_signing_key_t *key = test_key("p256.pem"), *rsa = test_key("rsa3072.pem");
    signed_text(file, "three.sector");
    uint8_t *block = file + SECTOR;
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, file, SECTOR, digest), SS_OK);
    assert_ok(ss_secure_boot_v2_verify_block(key, digest, block, &err), err);
    assert_int_equal(ss_secure_boot_v2_verify_block(rsa, digest, block, &err), SS_ERROR_INVALID_SIGNATURE);
    assert_string_equal(err.message, "signature is by another key");
    for (int at = 101; at < 165; at += 9) {
        block[at] ^= 0x10;
        fix_crc(block);
        assert_int_equal(ss_secure_boot_v2_verify_block(key, digest, block, &err), SS_ERROR_INVALID_SIGNATURE);
        assert_string_equal(err.message, "signature is not valid");
        block[at] ^= 0x10;
    }
    memset(block + 101, 0, 64); // r = s = 0
    fix_crc(block);
    assert_int_equal(ss_secure_boot_v2_verify_block(key, digest, block, &err), SS_ERROR_INVALID_SIGNATURE);
    memset(block + BLOCK + 812, 0xFF, 384); // above n
    fix_crc(block + BLOCK);
    assert_int_equal(ss_secure_boot_v2_verify_block(rsa, digest, block + BLOCK, &err), SS_ERROR_INVALID_SIGNATURE);
    digest[0] ^= 1;
    assert_int_equal(ss_secure_boot_v2_verify_block(key, digest, block, &err), SS_ERROR_DATA_CORRUPT);
    assert_string_equal(err.message, "signature is for other image bytes");
    ss_signing_key_free(key);
    ss_signing_key_free(rsa);
}

static void signs_and_verifies_with_every_key(void **state)
{
    (void)state;
    const size_t lengths[] = {1, 4095, 4096, 4097};
    for (size_t k = 0; k < KEY_COUNT; k++) {
        ss_signing_key_t *key = test_key(keys[k].key), *public = test_key(keys[k].public);
        struct ss_sbv2_signer signer = {.key = key};
        for (size_t i = 0; i < 4; i++) {
            struct ss_error err = {0};
            static uint8_t in[4097], out[SS_SBV2_MAX_OUT(sizeof in)];
            size_t len = 0, padded = lengths[i] <= SECTOR ? SECTOR : 2 * SECTOR;
            memset(in, 0x42, sizeof in);
            assert_ok(ss_secure_boot_v2_sign_file(&signer, 1, NULL, in, lengths[i], out, sizeof out, &len, &err), err);
            assert_int_equal(len, padded + SECTOR);
            assert_memory_equal(out, in, lengths[i]);
            assert_true(ss_all_bytes(out + lengths[i], padded - lengths[i], 0xFF));
            assert_true(ss_all_bytes(out + padded + BLOCK, SECTOR - BLOCK, 0xFF));
            assert_true(ss_all_bytes(out + padded + 1200, 16, 0));
            assert_ok(ss_secure_boot_v2_verify_file(public, out, len, NULL, &err), err);
        }
        ss_signing_key_free(key);
        ss_signing_key_free(public);
    }
}

static void appends_up_to_three_blocks(void **state)
{
    (void)state;
    struct ss_error err = {0};
    const struct ss_sbv2_options append = {.append = true};
    static uint8_t files[4][2 * SECTOR];
    ss_signing_key_t *loaded[4];
    size_t len = 0;
    text_image(files[0]);
    for (unsigned i = 0; i < 3; i++) {
        struct ss_sbv2_signer signer = {.key = loaded[i] = test_key(keys[i].key)};
        // The first time there is nothing to append to: the file is signed afresh.
        assert_ok(ss_secure_boot_v2_sign_file(&signer, 1, &append, files[i], i ? 2 * SECTOR : SECTOR, files[i + 1],
                                              2 * SECTOR, &len, &err),
                  err);
        assert_int_equal(len, 2 * SECTOR);
        assert_memory_equal(files[i + 1], files[i], SECTOR + i * BLOCK);
    }
    for (unsigned i = 0; i < 3; i++) {
        unsigned index = 9;
        assert_ok(ss_secure_boot_v2_verify_file(loaded[i], files[3], 2 * SECTOR, &index, &err), err);
        assert_int_equal(index, i);
    }
    struct ss_sbv2_signer signer = {.key = loaded[0]};
    assert_int_equal(
        ss_secure_boot_v2_sign_file(&signer, 1, &append, files[3], 2 * SECTOR, files[0], 2 * SECTOR, &len, &err),
        SS_ERROR_INSUFFICIENT_SPACE);
    assert_string_equal(err.message, "1 signatures to add to 3, a sector holds 3");
    assert_int_equal(len, 0);
    files[1][0] ^= 1;
    assert_int_equal(
        ss_secure_boot_v2_sign_file(&signer, 1, &append, files[1], 2 * SECTOR, files[0], 2 * SECTOR, &len, &err),
        SS_ERROR_DATA_CORRUPT);
    assert_string_equal(err.message, "cannot append: signature block 0 is for other image bytes");
    for (int i = 0; i < 3; i++)
        ss_signing_key_free(loaded[i]);
}

static void signing_refuses(void **state)
{
    (void)state;
    struct ss_error err = {0};
    static uint8_t in[SECTOR], out[2 * SECTOR], zero[2 * SECTOR];
    ss_signing_key_t *key = test_key("p256.pem"), *public = test_key("p256.pub.pem");
    struct ss_sbv2_signer signers[] = {{.key = key}, {.key = public}, {.key = key}, {.key = key}};
    size_t len = 1;
    assert_int_equal(ss_secure_boot_v2_sign_file(signers, 0, NULL, in, 1, out, sizeof out, &len, &err),
                     SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "no key to sign with");
    assert_int_equal(ss_secure_boot_v2_sign_file(signers, 4, NULL, in, 1, out, sizeof out, &len, &err),
                     SS_ERROR_INSUFFICIENT_SPACE);
    assert_int_equal(ss_secure_boot_v2_sign_file(signers, 1, NULL, in, 1, out, sizeof out - 1, &len, &err),
                     SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(len, 2 * SECTOR);
    // The second signer fails: nothing of the first is left.
    assert_int_equal(ss_secure_boot_v2_sign_file(signers, 2, NULL, in, 1, out, sizeof out, &len, &err),
                     SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "this is a public key, signing needs the private one");
    assert_int_equal(len, 0);
    assert_memory_equal(out, zero, sizeof out);
    ss_signing_key_free(key);
    ss_signing_key_free(public);
}

static void skip_padding_puts_the_sector_right_behind(void **state)
{
    (void)state;
    struct ss_error err = {0};
    static uint8_t in[100], out[2 * SECTOR];
    const struct ss_sbv2_options skip = {.skip_padding = true};
    ss_signing_key_t *key = test_key("p256.pem");
    struct ss_sbv2_signer signer = {.key = key};
    size_t len = 0;
    assert_ok(ss_secure_boot_v2_sign_file(&signer, 1, &skip, in, sizeof in, out, sizeof out, &len, &err), err);
    assert_int_equal(len, sizeof in + SECTOR);
    assert_ok(ss_secure_boot_v2_verify(key, out, sizeof in, out + sizeof in, NULL, &err), err);
    ss_signing_key_free(key);
}

// A signature as it comes from elsewhere, taken out of a block: RSA big endian, ECDSA in DER.
static size_t foreign_signature(const uint8_t *block, uint8_t *out)
{
    if (block[1] == 2) {
        for (int i = 0; i < 384; i++)
            out[i] = block[812 + 383 - i];
        return 384;
    }
    size_t at = 2;
    for (int number = 0; number < 2; number++) { // r and s of P-256
        const uint8_t *le = block + 101 + 32 * number;
        size_t n = 32;
        while (le[n - 1] == 0)
            n--;
        bool pad = le[n - 1] >= 0x80;
        out[at++] = 0x02;
        out[at++] = (uint8_t)(n + pad);
        if (pad)
            out[at++] = 0;
        while (n)
            out[at++] = le[--n];
    }
    out[0] = 0x30;
    out[1] = (uint8_t)(at - 2);
    return at;
}

static void attaches_signatures_made_elsewhere(void **state)
{
    (void)state;
    const char *names[] = {"p256.pub.pem", "rsa3072.pub.pem"};
    struct ss_error err = {0};
    uint8_t file[2 * SECTOR], out[2 * SECTOR], signature[384];
    size_t len = 0;
    signed_text(file, "three.sector");
    for (int i = 0; i < 2; i++) {
        ss_signing_key_t *key = test_key(names[i]);
        struct ss_sbv2_signer signer = {key, signature, foreign_signature(file + SECTOR + i * BLOCK, signature)};
        assert_ok(ss_secure_boot_v2_sign_file(&signer, 1, NULL, file, SECTOR, out, sizeof out, &len, &err), err);
        assert_memory_equal(out + SECTOR, file + SECTOR + i * BLOCK, BLOCK);
        assert_int_equal(ss_secure_boot_v2_sign_file(&signer, 1, NULL, file, 8, out, sizeof out, &len, &err),
                         SS_ERROR_INVALID_ARGUMENT);
        assert_string_equal(err.message,
                            "file is 8 bytes: pad it with 0xff to a multiple of 4096 before it is signed elsewhere");
        signer.signature_len--;
        assert_int_equal(ss_secure_boot_v2_sign_file(&signer, 1, NULL, file, SECTOR, out, sizeof out, &len, &err),
                         SS_ERROR_DATA_INVALID);
        signer.signature_len++;
        signature[signer.signature_len - 1] ^= 1;
        assert_int_equal(ss_secure_boot_v2_sign_file(&signer, 1, NULL, file, SECTOR, out, sizeof out, &len, &err),
                         SS_ERROR_INVALID_SIGNATURE);
        assert_string_equal(err.message, "signature was not made by this key for this image");
        ss_signing_key_free(key);
    }
}

static ss_status_t sign_twice_and_verify(void *context)
{
    static uint8_t in[8], once[2 * SECTOR], twice[2 * SECTOR];
    const ss_signing_key_t *key = context;
    struct ss_sbv2_signer signer = {.key = key};
    const struct ss_sbv2_options append = {.append = true};
    struct ss_sbv2_block infos[3];
    ss_status_t statuses[3];
    size_t len;
    ss_status_t status = ss_secure_boot_v2_sign_file(&signer, 1, NULL, in, sizeof in, once, sizeof once, &len, NULL);
    if (status == SS_OK)
        status = ss_secure_boot_v2_sign_file(&signer, 1, &append, once, len, twice, sizeof twice, &len, NULL);
    if (status == SS_OK)
        status = ss_secure_boot_v2_verify_file(key, twice, len, NULL, NULL);
    if (status == SS_OK)
        status = ss_secure_boot_v2_inspect(twice, SECTOR, twice + SECTOR, infos, statuses, NULL);
    return status == SS_OK ? statuses[1] : status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        ss_signing_key_t *key = test_key(keys[i].key);
        assert_true(alloc_fault_each(sign_twice_and_verify, key) > 50);
        ss_signing_key_free(key);
    }
}

static void secrets_are_wiped_before_memory_is_freed(void **state)
{
    (void)state;
    // In the middle of the private scalar of p256.pem and of the first prime of rsa3072.pem.
    const uint8_t secrets[2][12] = {{0x11, 0xEE, 0xF8, 0x5C, 0x6D, 0x38, 0x5C, 0xC3, 0xF6, 0x30, 0x75, 0x66},
                                    {0x90, 0xCF, 0x39, 0x41, 0xCE, 0xE9, 0x97, 0xB9, 0x3B, 0x90, 0x0B, 0x36}};
    for (int i = 0; i < 2; i++) {
        uint8_t limbs[12];
        for (int j = 0; j < 12; j++)
            limbs[j] = secrets[i][11 - j];
        const uint8_t *forms[] = {secrets[i], limbs};
        for (int f = 0; f < 2; f++) {
            alloc_watch_secret(forms[f], 12);
            ss_signing_key_t *key = test_key(keys[i].key);
            ss_status_t status = sign_twice_and_verify(key);
            ss_signing_key_free(key);
            unsigned hits = alloc_secrets_freed();
            alloc_watch_secret(NULL, 0);
            assert_int_equal(status, SS_OK);
            assert_int_equal(hits, 0);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_digests_of_espsecure),
        cmocka_unit_test(verifies_what_espsecure_signed),
        cmocka_unit_test(reads_the_blocks_of_espsecure),
        cmocka_unit_test(inspect_judges_each_block),
        cmocka_unit_test(block_key_is_the_key),
        cmocka_unit_test(block_key_refuses),
        cmocka_unit_test(parse_refuses),
        cmocka_unit_test(verify_refuses),
        cmocka_unit_test(verify_block_says_why),
        cmocka_unit_test(signs_and_verifies_with_every_key),
        cmocka_unit_test(appends_up_to_three_blocks),
        cmocka_unit_test(signing_refuses),
        cmocka_unit_test(skip_padding_puts_the_sector_right_behind),
        cmocka_unit_test(attaches_signatures_made_elsewhere),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(secrets_are_wiped_before_memory_is_freed),
    };
    return ss_test_main(argc, argv, tests);
}
