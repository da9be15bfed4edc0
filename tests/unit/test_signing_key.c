// SPDX-License-Identifier: Apache-2.0
#include "slotseal/signing_key.h"

#include "support/alloc_fault.h"
#include "support/keys.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ss_status_t load_file(const char *name, ss_signing_key_t **key, struct ss_error *err)
{
    char path[64];
    size_t len = 0;
    snprintf(path, sizeof path, "keys/%s", name);
    uint8_t *file = test_data_read(path, &len);
    ss_status_t status = ss_signing_key_load(file, len, key, err);
    free(file);
    return status;
}

static void loads_every_form_of_a_key(void **state)
{
    (void)state;
    const struct {
        const char *file, *same_as;
        enum ss_key_type type;
        bool is_private;
    } cases[] = {
        {"p256.pem", "p256.pem", SS_KEY_P256, true},
        {"p256.pkcs8.pem", "p256.pem", SS_KEY_P256, true},
        {"p256.params.pem", "p256.pem", SS_KEY_P256, true},
        {"p256.compressed.pem", "p256.pem", SS_KEY_P256, true},
        {"p256.nopub.pem", "p256.pem", SS_KEY_P256, true},
        {"p256.pub.pem", "p256.pem", SS_KEY_P256, false},
        {"p256.raw", "p256.pem", SS_KEY_P256, false},
        {"p192.pem", "p192.pem", SS_KEY_P192, true},
        {"p192.pkcs8.pem", "p192.pem", SS_KEY_P192, true},
        {"p192.pub.pem", "p192.pem", SS_KEY_P192, false},
        {"p384.pem", "p384.pem", SS_KEY_P384, true},
        {"p384.pkcs8.pem", "p384.pem", SS_KEY_P384, true},
        {"p384.pub.pem", "p384.pem", SS_KEY_P384, false},
        {"rsa3072.pem", "rsa3072.pem", SS_KEY_RSA3072, true},
        {"rsa3072.pkcs8.pem", "rsa3072.pem", SS_KEY_RSA3072, true},
        {"rsa3072.pub.pem", "rsa3072.pem", SS_KEY_RSA3072, false},
        {"rsa3072.pkcs1pub.pem", "rsa3072.pem", SS_KEY_RSA3072, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ss_signing_key_t *key = test_key(cases[i].file), *same = test_key(cases[i].same_as);
        assert_int_equal(ss_signing_key_type(key), cases[i].type);
        assert_int_equal(ss_signing_key_is_private(key), cases[i].is_private);
        assert_true(ss_signing_key_same_public(key, same));
        ss_signing_key_free(key);
        ss_signing_key_free(same);
    }
}

static void different_keys_differ(void **state)
{
    (void)state;
    ss_signing_key_t *a = test_key("p256.pem"), *b = test_key("p384.pem"), *c = NULL;
    assert_int_equal(ss_signing_key_generate(SS_KEY_P256, &c, NULL), SS_OK);
    assert_false(ss_signing_key_same_public(a, b));
    assert_false(ss_signing_key_same_public(a, c));
    ss_signing_key_free(a);
    ss_signing_key_free(b);
    ss_signing_key_free(c);
}

static void refuses_with_the_reason(void **state)
{
    (void)state;
    const struct {
        const char *file;
        ss_status_t status;
        const char *message;
    } cases[] = {
        {"encrypted-sec1.pem", SS_ERROR_NOT_SUPPORTED,
         "key is encrypted; decrypt it first: openssl pkey -in KEY -out NEW"},
        {"encrypted-pkcs8.pem", SS_ERROR_NOT_SUPPORTED,
         "key is encrypted; decrypt it first: openssl pkey -in KEY -out NEW"},
        {"p256.der", SS_ERROR_NOT_SUPPORTED,
         "key is DER; convert it to PEM: openssl pkey -inform DER -in KEY -out NEW (with -pubin for a public key)"},
        {"rsa3072.pub.der", SS_ERROR_NOT_SUPPORTED,
         "key is DER; convert it to PEM: openssl pkey -inform DER -in KEY -out NEW (with -pubin for a public key)"},
        {"secp256k1.pem", SS_ERROR_NOT_SUPPORTED,
         "key is on curve secp256k1, secure boot takes P-256 (V1, V2), P-192 and P-384 (V2)"},
        {"secp521r1.pem", SS_ERROR_NOT_SUPPORTED,
         "key is on curve secp521r1, secure boot takes P-256 (V1, V2), P-192 and P-384 (V2)"},
        {"p256.explicit.pem", SS_ERROR_NOT_SUPPORTED,
         "key has its curve written out; name it: openssl ec -param_enc named_curve -in KEY -out NEW"},
        {"rsa2048.pem", SS_ERROR_NOT_SUPPORTED, "RSA key has 2048 bits, secure boot V2 takes 3072"},
        {"rsa4096.pub.pem", SS_ERROR_NOT_SUPPORTED, "RSA key has 4096 bits, secure boot V2 takes 3072"},
        {"ed25519.pem", SS_ERROR_NOT_SUPPORTED, "key is for ED25519, secure boot takes ECDSA and RSA"},
        {"certificate.pem", SS_ERROR_NOT_SUPPORTED,
         "this is a certificate; extract its key: openssl x509 -in CERT -noout -pubkey"},
        {"openssh.pem", SS_ERROR_NOT_SUPPORTED, "this is an OpenSSH key; convert it: ssh-keygen -p -m PEM -f KEY"},
        {"mismatch.pem", SS_ERROR_DATA_INVALID, "private and public key do not belong together"},
        {"README.md", SS_ERROR_DATA_INVALID, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_error err = {0};
        ss_signing_key_t *key = (void *)&err;
        ss_status_t status = load_file(cases[i].file, &key, &err);
        if (status != cases[i].status)
            fail_msg("%s: %s (%s)", cases[i].file, ss_status_name(status), err.message);
        assert_null(key);
        assert_int_equal(err.area, SS_AREA_KEY);
        if (cases[i].message)
            assert_string_equal(err.message, cases[i].message);
    }
}

static void check_text(const char *text, ss_status_t status, const char *message)
{
    struct ss_error err = {0};
    ss_signing_key_t *key = (void *)&err;
    assert_int_equal(ss_signing_key_load((const uint8_t *)text, strlen(text), &key, &err), status);
    assert_null(key);
    assert_string_equal(err.message, message);
}

static void refuses_damaged_pem(void **state)
{
    (void)state;
    check_text("", SS_ERROR_DATA_INVALID, "key file of 0 bytes is neither PEM nor a raw public key of 64 bytes");
    check_text("-----BEGIN EC PRIVATE KEY-----\n", SS_ERROR_DATA_INVALID, "PEM text is damaged or holds no key");
    check_text("-----BEGIN EC PRIVATE KEY-----\n????\n-----END EC PRIVATE KEY-----\n", SS_ERROR_DATA_INVALID,
               "PEM text is damaged or holds no key");
    check_text("-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n", SS_ERROR_DATA_INVALID,
               "PEM block holds no sound key");
    check_text("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", SS_ERROR_DATA_INVALID,
               "PEM block holds no sound key");
    check_text("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", SS_ERROR_DATA_INVALID,
               "PEM block holds no sound key");
    check_text("-----BEGIN DH PARAMETERS-----\nMAA=\n-----END DH PARAMETERS-----\n", SS_ERROR_NOT_SUPPORTED,
               "PEM block \"DH PARAMETERS\" is not a key");
    check_text("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", SS_ERROR_DATA_INVALID,
               "PEM text is damaged or holds no key");
}

static void refuses_what_is_left_after_the_key(void **state)
{
    (void)state;
    // The SubjectPublicKeyInfo of p256.pem and one byte.
    char text[] = "-----BEGIN PUBLIC KEY-----\n"
                  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEyeI35jE5Vlq8ad9qIh15iH/ppoK+\n"
                  "wtLQHrfnYsEOxvgYHTSWSNOAobTudQlNsSqn//BZKD0/5Kou8MsfWlh+CQA=\n"
                  "-----END PUBLIC KEY-----\n";
    check_text(text, SS_ERROR_DATA_INVALID, "PEM block holds no sound key");
}

static void refuses_odd_sizes(void **state)
{
    (void)state;
    struct ss_error err = {0};
    ss_signing_key_t *key = NULL;
    uint8_t point[65] = {4};
    assert_int_equal(ss_signing_key_load(point, 65, &key, &err), SS_ERROR_NOT_SUPPORTED);
    assert_string_equal(err.message,
                        "key is a point with its leading byte 04; a raw public key is the 64 bytes after it");
    assert_int_equal(ss_signing_key_load(point, 63, &key, &err), SS_ERROR_DATA_INVALID);
    uint8_t *big = calloc(1, SS_SIGNING_KEY_FILE_MAX + 1);
    assert_non_null(big);
    assert_int_equal(ss_signing_key_load(big, SS_SIGNING_KEY_FILE_MAX + 1, &key, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "key file is 65537 bytes, at most 65536 are read");
    free(big);
}

static void raw_key_must_be_on_the_curve(void **state)
{
    (void)state;
    struct ss_error err = {0};
    ss_signing_key_t *key = NULL, *good = test_key("p256.raw");
    uint8_t raw[SS_RAW_PUBLIC_KEY_SIZE];
    assert_ok(ss_signing_key_raw_public(good, raw, &err), err);
    ss_signing_key_free(good);
    raw[63] ^= 1;
    assert_int_equal(ss_signing_key_load_raw(raw, &key, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "public key is not a point of its curve");
    memset(raw, 0, sizeof raw);
    assert_int_equal(ss_signing_key_load_raw(raw, &key, &err), SS_ERROR_DATA_INVALID);
    memset(raw, 0xFF, sizeof raw);
    assert_int_equal(ss_signing_key_load_raw(raw, &key, &err), SS_ERROR_DATA_INVALID);
    assert_null(key);
}

// A private scalar of 0, or of the order of the curve, in SEC1 without public key.
static void private_scalar_must_be_in_range(void **state)
{
    (void)state;
    const char *scalars[] = {
        "MDECAQEEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAoAoGCCqGSM49AwEH",
        "MDECAQEEIP////8AAAAA//////////+85vqtpxeehPO5ysL8YyVRoAoGCCqGSM49AwEH",
    };
    for (int i = 0; i < 2; i++) {
        char text[256];
        ss_signing_key_t *key = NULL;
        snprintf(text, sizeof text, "-----BEGIN EC PRIVATE KEY-----\n%.64s\n%s\n-----END EC PRIVATE KEY-----\n",
                 scalars[i], scalars[i] + 64);
        assert_int_equal(ss_signing_key_load((uint8_t *)text, strlen(text), &key, NULL), SS_ERROR_DATA_INVALID);
    }
}

static void assert_same_text(const char *file, const uint8_t *text, size_t len)
{
    char path[64];
    size_t want_len = 0;
    snprintf(path, sizeof path, "keys/%s", file);
    uint8_t *want = test_data_read(path, &want_len);
    assert_int_equal(len, want_len);
    assert_memory_equal(text, want, len);
    free(want);
}

static void writes_what_espsecure_writes(void **state)
{
    (void)state;
    const char *names[] = {"p256", "rsa3072", "p192", "p384"};
    for (int i = 0; i < 4; i++) {
        char file[32];
        uint8_t text[SS_SIGNING_KEY_PEM_MAX];
        size_t len = 0;
        struct ss_error err = {0};
        // Not only for its own form: what other tools wrote comes out in the one form, too.
        snprintf(file, sizeof file, "%s.pkcs8.pem", names[i]);
        ss_signing_key_t *key = test_key(file);
        assert_ok(ss_signing_key_write_private(key, text, sizeof text, &len, &err), err);
        snprintf(file, sizeof file, "%s.pem", names[i]);
        assert_same_text(file, text, len);
        assert_ok(ss_signing_key_write_public(key, text, sizeof text, &len, &err), err);
        snprintf(file, sizeof file, "%s.pub.pem", names[i]);
        assert_same_text(file, text, len);
        ss_signing_key_free(key);
    }
}

static void other_forms_are_written_alike(void **state)
{
    (void)state;
    const char *files[] = {"p256.compressed.pem", "p256.nopub.pem", "p256.params.pem"};
    for (int i = 0; i < 3; i++) {
        uint8_t text[SS_SIGNING_KEY_PEM_MAX];
        size_t len = 0;
        struct ss_error err = {0};
        ss_signing_key_t *key = test_key(files[i]);
        assert_ok(ss_signing_key_write_private(key, text, sizeof text, &len, &err), err);
        assert_same_text("p256.pem", text, len);
        ss_signing_key_free(key);
    }
}

static void raw_public_key_of_espsecure(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t raw[SS_RAW_PUBLIC_KEY_SIZE];
    ss_signing_key_t *key = test_key("p256.pem"), *rsa = test_key("rsa3072.pem");
    assert_ok(ss_signing_key_raw_public(key, raw, &err), err);
    assert_same_text("p256.raw", raw, sizeof raw);
    assert_int_equal(ss_signing_key_raw_public(rsa, raw, &err), SS_ERROR_NOT_SUPPORTED);
    assert_string_equal(err.message, "key is RSA-3072, a raw public key is P-256");
    ss_signing_key_free(key);
    ss_signing_key_free(rsa);
}

static void writing_refuses(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t text[SS_SIGNING_KEY_PEM_MAX];
    size_t len = 1;
    ss_signing_key_t *key = test_key("p256.pub.pem"), *secret = test_key("p256.pem");
    assert_int_equal(ss_signing_key_write_private(key, text, sizeof text, &len, &err), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(len, 0);
    assert_int_equal(ss_signing_key_write_public(key, text, 177, &len, &err), SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(len, 178);
    assert_string_equal(err.message, "PEM text is 178 bytes, there is room for 177");
    assert_int_equal(ss_signing_key_write_public(key, text, 178, &len, &err), SS_OK);
    assert_int_equal(ss_signing_key_write_private(secret, NULL, 0, &len, &err), SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(len, 227);
    ss_signing_key_free(key);
    ss_signing_key_free(secret);
}

static void generated_keys_load_again(void **state)
{
    (void)state;
    for (enum ss_key_type type = SS_KEY_P256; type <= SS_KEY_P384; type++) {
        struct ss_error err = {0};
        uint8_t text[SS_SIGNING_KEY_PEM_MAX];
        size_t len = 0;
        ss_signing_key_t *key = NULL, *again = NULL;
        assert_ok(ss_signing_key_generate(type, &key, &err), err);
        assert_int_equal(ss_signing_key_type(key), type);
        assert_true(ss_signing_key_is_private(key));
        assert_ok(ss_signing_key_write_private(key, text, sizeof text, &len, &err), err);
        assert_ok(ss_signing_key_load(text, len, &again, &err), err);
        assert_true(ss_signing_key_same_public(key, again));
        ss_signing_key_free(key);
        ss_signing_key_free(again);
    }
}

/// Of the private key and the public one alone; `openssl pkey -pubin -outform DER | sha256sum` says the same.
static void fingerprints(void **state)
{
    (void)state;
    static const uint8_t pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZ1buuDRTMbUHBnAbrdHhR+2/wRlv\n"
                                 "k2VNGq8bmhkqO+IK+XlxhV6Aguu9Bj01ZQ5y3z6F2OXo9fQaUKcCvsV2dQ==\n"
                                 "-----END PUBLIC KEY-----\n";
    static const uint8_t expected[32] = {0x93, 0x50, 0x08, 0xab, 0xbd, 0xe5, 0xf0, 0x49, 0x40, 0x00, 0xd3,
                                         0x47, 0x6b, 0x77, 0x6d, 0xd8, 0x41, 0x1b, 0xcb, 0xf8, 0x09, 0x27,
                                         0x48, 0x29, 0x82, 0x96, 0xa2, 0xc9, 0x64, 0x9f, 0x28, 0x37};
    struct ss_error err = {0};
    uint8_t text[SS_SIGNING_KEY_PEM_MAX], digests[2][32];
    size_t len;
    ss_signing_key_t *key, *public_key;
    assert_ok(ss_signing_key_load(pem, sizeof pem - 1, &key, &err), err);
    assert_ok(ss_signing_key_fingerprint(key, digests[0], &err), err);
    assert_memory_equal(digests[0], expected, sizeof expected);
    ss_signing_key_free(key);
    for (enum ss_key_type type = SS_KEY_P256; type <= SS_KEY_P384; type++) {
        assert_ok(ss_signing_key_generate(type, &key, &err), err);
        assert_ok(ss_signing_key_write_public(key, text, sizeof text, &len, &err), err);
        assert_ok(ss_signing_key_load(text, len, &public_key, &err), err);
        assert_ok(ss_signing_key_fingerprint(key, digests[0], &err), err);
        assert_ok(ss_signing_key_fingerprint(public_key, digests[1], &err), err);
        assert_memory_equal(digests[0], digests[1], 32);
        assert_memory_not_equal(digests[0], expected, 32);
        ss_signing_key_free(key);
        ss_signing_key_free(public_key);
    }
}

static void type_names(void **state)
{
    (void)state;
    assert_string_equal(ss_key_type_name(SS_KEY_P256), "P-256");
    assert_string_equal(ss_key_type_name(SS_KEY_RSA3072), "RSA-3072");
    assert_string_equal(ss_key_type_name(SS_KEY_P192), "P-192");
    assert_string_equal(ss_key_type_name(SS_KEY_P384), "P-384");
    ss_signing_key_free(NULL);
}

struct file {
    uint8_t *data;
    size_t len;
};

static ss_status_t load_and_write(void *context)
{
    const struct file *file = context;
    uint8_t text[SS_SIGNING_KEY_PEM_MAX];
    size_t len;
    ss_signing_key_t *key = NULL;
    ss_status_t status = ss_signing_key_load(file->data, file->len, &key, NULL);
    if (status == SS_OK && ss_signing_key_is_private(key))
        status = ss_signing_key_write_private(key, text, sizeof text, &len, NULL);
    if (status == SS_OK)
        status = ss_signing_key_write_public(key, text, sizeof text, &len, NULL);
    ss_signing_key_free(key);
    return status;
}

static ss_status_t generate(void *context)
{
    ss_signing_key_t *key = NULL;
    ss_status_t status = ss_signing_key_generate(*(enum ss_key_type *)context, &key, NULL);
    ss_signing_key_free(key);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *names[] = {"p256.pem", "p256.raw", "p384.pkcs8.pem", "p192.pub.pem", "rsa3072.pem"};
    for (int i = 0; i < 5; i++) {
        char path[64];
        struct file file;
        snprintf(path, sizeof path, "keys/%s", names[i]);
        file.data = test_data_read(path, &file.len);
        assert_true(alloc_fault_each(load_and_write, &file) > 20);
        free(file.data);
    }
    enum ss_key_type types[] = {SS_KEY_P256, SS_KEY_P192, SS_KEY_P384}, rsa = SS_KEY_RSA3072;
    for (int i = 0; i < 3; i++)
        assert_true(alloc_fault_each(generate, &types[i]) > 20);
    // RSA takes long, and draws another number of candidates each time.
    assert_true(alloc_fault_some(generate, &rsa) > 20);
}

static void secrets_are_wiped_before_memory_is_freed(void **state)
{
    (void)state;
    // The middle of the private scalar of p256.pem, as DER has it, as a number on a little endian machine, as base64.
    const uint8_t scalar[] = {0x11, 0xEE, 0xF8, 0x5C, 0x6D, 0x38, 0x5C, 0xC3, 0xF6, 0x30, 0x75, 0x66};
    uint8_t limbs[12];
    for (int i = 0; i < 12; i++)
        limbs[i] = scalar[11 - i];
    // 12 bytes in the middle of the first prime of rsa3072.pem, and a line of its second.
    const uint8_t prime[] = {0x90, 0xCF, 0x39, 0x41, 0xCE, 0xE9, 0x97, 0xB9, 0x3B, 0x90, 0x0B, 0x36};
    uint8_t prime_limbs[12];
    for (int i = 0; i < 12; i++)
        prime_limbs[i] = prime[11 - i];
    const struct {
        const void *bytes;
        size_t len;
        const char *file;
    } cases[] = {
        {scalar, 12, "keys/p256.pem"},
        {limbs, 12, "keys/p256.pem"},
        {scalar, 12, "keys/p256.pkcs8.pem"},
        {limbs, 12, "keys/p256.pkcs8.pem"},
        {scalar, 12, "keys/p256.nopub.pem"},
        {limbs, 12, "keys/p256.nopub.pem"},
        {prime, 12, "keys/rsa3072.pem"},
        {prime_limbs, 12, "keys/rsa3072.pem"},
        {prime, 12, "keys/rsa3072.pkcs8.pem"},
        {prime_limbs, 12, "keys/rsa3072.pkcs8.pem"},
        {"hu+FxtOFzD9jB1Zv", 16, "keys/p256.pem"},
        {"ySuYchn3cAVIktjoGAc52", 21, "keys/rsa3072.pem"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct file file;
        file.data = test_data_read(cases[i].file, &file.len);
        alloc_watch_secret(cases[i].bytes, cases[i].len);
        assert_int_equal(load_and_write(&file), SS_OK);
        unsigned hits = alloc_secrets_freed();
        alloc_watch_secret(NULL, 0);
        if (hits)
            fail_msg("case %zu: %u freed blocks still held the secret", i, hits);
        free(file.data);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_every_form_of_a_key),
        cmocka_unit_test(different_keys_differ),
        cmocka_unit_test(refuses_with_the_reason),
        cmocka_unit_test(refuses_damaged_pem),
        cmocka_unit_test(refuses_what_is_left_after_the_key),
        cmocka_unit_test(refuses_odd_sizes),
        cmocka_unit_test(raw_key_must_be_on_the_curve),
        cmocka_unit_test(private_scalar_must_be_in_range),
        cmocka_unit_test(writes_what_espsecure_writes),
        cmocka_unit_test(other_forms_are_written_alike),
        cmocka_unit_test(raw_public_key_of_espsecure),
        cmocka_unit_test(writing_refuses),
        cmocka_unit_test(generated_keys_load_again),
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(type_names),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(secrets_are_wiped_before_memory_is_freed),
    };
    return ss_test_main(argc, argv, tests);
}
