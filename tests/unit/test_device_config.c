// SPDX-License-Identifier: Apache-2.0
#include "provision/device_config.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "support/nvs_sample.h"
#include "support/unit.h"

#define NVS_SIZE 0x4000 ///< of the table in examples/forum

static uint8_t image[NVS_SIZE];
static struct ss_nvs_reader reader;

/// A key and a certificate of its own for "d7", made once.
static struct {
    char key[1024], certificate[2048], other_key[1024];
    uint8_t der[1024];
    int der_len;
} pki;

static EVP_PKEY *make_key(char *pem, size_t size)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    int len = BIO_read(bio, pem, (int)size - 1);
    assert_true(len > 0);
    pem[len] = '\0';
    BIO_free(bio);
    return key;
}

static int make_pki(void **state)
{
    (void)state;
    EVP_PKEY *other = make_key(pki.other_key, sizeof pki.other_key);
    EVP_PKEY *key = make_key(pki.key, sizeof pki.key);
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"d7", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    int len = BIO_read(bio, pki.certificate, sizeof pki.certificate - 1);
    assert_true(len > 0);
    uint8_t *p = pki.der;
    assert_true(i2d_X509(x, NULL) <= (int)sizeof pki.der);
    pki.der_len = i2d_X509(x, &p);
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return 0;
}

static struct ss_device_file text_file(const char *text)
{
    return (struct ss_device_file){text, strlen(text)};
}

static struct ss_device_config with_client_key(void)
{
    return (struct ss_device_config){.id = "d7",
                                     .client_key = text_file(pki.key),
                                     .client_certificate = text_file(pki.certificate),
                                     .servers = {"https://updates.example/"},
                                     .server_count = 1,
                                     .ca = text_file(pki.certificate)};
}

static void build(const struct ss_device_config *config)
{
    struct ss_error err = {0};
    assert_ok(ss_device_config_build(config, image, sizeof image, &err), err);
    nvs_assert_sound(image, sizeof image);
    assert_ok(ss_nvs_reader_open(&reader, image, sizeof image, &err), err);
}

static void assert_value(const char *key, enum ss_nvs_type type, const void *data, size_t len)
{
    uint8_t out[4096];
    size_t got;
    struct ss_nvs_entry entry;
    struct ss_error err = {0};
    assert_ok(ss_nvs_find(&reader, "slotseal", key, type, &entry, &err), err);
    assert_ok(ss_nvs_read(&reader, &entry, out, sizeof out, &got, &err), err);
    assert_int_equal(got, len);
    assert_memory_equal(out, data, len);
}

static void assert_absent(const char *key)
{
    struct ss_nvs_entry entry;
    assert_int_equal(ss_nvs_find(&reader, "slotseal", key, SS_NVS_ANY, &entry, NULL), SS_ERROR_DOES_NOT_EXIST);
}

static void refuse(const struct ss_device_config *config, size_t size, ss_status_t status, const char *message)
{
    struct ss_error err = {0};
    assert_int_equal(ss_device_config_build(config, image, size, &err), status);
    assert_string_equal(err.message, message);
}

static void token_and_everything_public(void **state)
{
    (void)state;
    static const uint8_t key_set[300] = {0xD2, 0x84};
    char token[SS_DEVICE_TOKEN_SIZE];
    struct ss_error err = {0};
    assert_ok(ss_device_token_new(token, &err), err);
    struct ss_device_config config = {.id = "240ac412345e",
                                      .token = token,
                                      .servers = {"https://a.example", "HTTPS://b.example:8443/tenant"},
                                      .server_count = 2,
                                      .ca = {pki.der, (size_t)pki.der_len},
                                      .key_set = {key_set, sizeof key_set}};
    build(&config);
    struct ss_nvs_entry entry;
    assert_ok(ss_nvs_find(&reader, "slotseal", "format", SS_NVS_U8, &entry, &err), err);
    assert_int_equal(entry.number, 1);
    assert_value("id", SS_NVS_STRING, "240ac412345e", 12);
    assert_value("token", SS_NVS_STRING, token, SS_DEVICE_TOKEN_LEN);
    assert_value("server0", SS_NVS_STRING, "https://a.example", 17);
    assert_value("server1", SS_NVS_STRING, "HTTPS://b.example:8443/tenant", 29);
    assert_value("ca", SS_NVS_BLOB, pki.der, (size_t)pki.der_len);
    assert_value("key_set", SS_NVS_BLOB, key_set, sizeof key_set);
    assert_absent("client_key");
    assert_absent("server2");
}

static void client_key_with_its_nul(void **state)
{
    (void)state;
    struct ss_device_config config = with_client_key();
    build(&config);
    assert_value("client_key", SS_NVS_BLOB, pki.key, strlen(pki.key) + 1);
    assert_value("client_cert", SS_NVS_BLOB, pki.certificate, strlen(pki.certificate) + 1);
    assert_value("ca", SS_NVS_BLOB, pki.certificate, strlen(pki.certificate) + 1);
    assert_absent("token");
    // A NUL that is there already is not doubled; version 1 holds the same.
    config.client_key.len++;
    config.version = SS_NVS_V1;
    build(&config);
    assert_value("client_key", SS_NVS_BLOB, pki.key, strlen(pki.key) + 1);
}

static void encrypted_for_firmware_that_wants_it(void **state)
{
    (void)state;
    uint8_t keys[SS_NVS_KEYS_SIZE];
    struct ss_error err = {0};
    for (unsigned i = 0; i < sizeof keys; i++)
        keys[i] = (uint8_t)i;
    struct ss_device_config config = with_client_key();
    config.nvs_keys = keys;
    assert_ok(ss_device_config_build(&config, image, sizeof image, &err), err);
    assert_null(memmem(image, sizeof image, "PRIVATE KEY", 11));
    assert_ok(ss_nvs_decrypt(image, sizeof image, keys, &err), err);
    assert_ok(ss_nvs_reader_open(&reader, image, sizeof image, &err), err);
    assert_value("id", SS_NVS_STRING, "d7", 2);
}

static void ids_and_tokens_of_another_form(void **state)
{
    (void)state;
    struct ss_device_config config = {.id = "a/b"};
    refuse(&config, NVS_SIZE, SS_ERROR_INVALID_ARGUMENT,
           "device configuration: the device id is not 1 to 64 of A-Z a-z 0-9 . _ -");
    config.id = NULL;
    refuse(&config, NVS_SIZE, SS_ERROR_INVALID_ARGUMENT,
           "device configuration: the device id is not 1 to 64 of A-Z a-z 0-9 . _ -");
    config.id = "d7";
    config.token = "secret";
    refuse(&config, NVS_SIZE, SS_ERROR_INVALID_ARGUMENT,
           "device configuration: the token is not 43 characters of base64url");
    config = with_client_key();
    config.token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    refuse(&config, NVS_SIZE, SS_ERROR_INVALID_ARGUMENT,
           "device configuration: a device has a token or a client key, not both");
}

static void addresses_that_do_not_work_or_tell(void **state)
{
    (void)state;
    static char long_url[300] = "https://";
    memset(long_url + 8, 'x', 280);
    const struct {
        const char *url;
        ss_status_t status;
        const char *message;
    } cases[] = {
        {"updates.example", SS_ERROR_DATA_INVALID, "updates.example is no https:// address"},
        {"https:///path", SS_ERROR_DATA_INVALID, "https:///path names no server"},
        {"https://a b.example", SS_ERROR_DATA_INVALID,
         "device configuration: a server address holds a blank or a character beyond ASCII"},
        {long_url, SS_ERROR_DATA_INVALID, "a server address has 288 characters, the limit is 96"},
        {"https://user:word@a.example", SS_ERROR_NOT_PERMITTED,
         "device configuration: a server address holds a user name: credentials have their own place"},
        {"http://a.example", SS_ERROR_NOT_PERMITTED,
         "http://a.example: everyone on the way would read the device's token; use https://"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_device_config config = {.id = "d7", .servers = {cases[i].url}, .server_count = 1};
        refuse(&config, NVS_SIZE, cases[i].status, cases[i].message);
    }
    struct ss_device_config lab = {.id = "d7", .servers = {"http://a.example"}, .server_count = 1, .plain_http = true};
    build(&lab);
    lab.server_count = 5;
    refuse(&lab, NVS_SIZE, SS_ERROR_INVALID_ARGUMENT, "5 server addresses, the limit is 4");
}

static void keys_and_certificates_mixed_up(void **state)
{
    (void)state;
    static char both[4096];
    snprintf(both, sizeof both, "%s%s", pki.certificate, pki.key);
    struct ss_device_config config = with_client_key();
    config.ca = text_file(both);
    refuse(&config, NVS_SIZE, SS_ERROR_NOT_PERMITTED, "device configuration: the CA file holds a private key");
    config.ca = text_file("-----BEGIN CERTIFICATE-----\n");
    refuse(&config, NVS_SIZE, SS_ERROR_DATA_INVALID, "device configuration: the CA file holds no certificate");
    config = with_client_key();
    config.client_certificate = text_file(both);
    refuse(&config, NVS_SIZE, SS_ERROR_NOT_PERMITTED,
           "device configuration: the client certificate's file holds a private key");
    config.client_certificate = (struct ss_device_file){0};
    refuse(&config, NVS_SIZE, SS_ERROR_INVALID_ARGUMENT,
           "device configuration: a client key and its certificate go together");
    config = with_client_key();
    config.client_key = text_file(pki.other_key);
    refuse(&config, NVS_SIZE, SS_ERROR_DATA_INVALID,
           "device configuration: the client key is not the key of the client certificate");
    config.client_key = config.client_certificate;
    refuse(&config, NVS_SIZE, SS_ERROR_DATA_INVALID,
           "device configuration: the client key is no unencrypted private key");
    config = with_client_key();
    config.client_certificate = text_file("x");
    refuse(&config, NVS_SIZE, SS_ERROR_DATA_INVALID, "device configuration: the client certificate is none");
    config = with_client_key();
    config.id = "d8";
    refuse(&config, NVS_SIZE, SS_ERROR_DATA_INVALID,
           "device configuration: the client certificate's common name is not d8");
}

static void what_does_not_fit(void **state)
{
    (void)state;
    static uint8_t big[20000];
    struct ss_device_config config = {.id = "d7", .key_set = {big, 1985}, .version = SS_NVS_V1};
    refuse(&config, NVS_SIZE, SS_ERROR_INVALID_ARGUMENT,
           "device configuration: key_set: 'key_set' is 1985 bytes, a blob in NVS version 1 holds at most 1984");
    assert_true(ss_all_bytes(image, sizeof image, 0));
    config.version = 0;
    build(&config);
    config.key_set.len = sizeof big;
    struct ss_error err = {0};
    assert_int_equal(ss_device_config_build(&config, image, NVS_SIZE, &err), SS_ERROR_INSUFFICIENT_SPACE);
    refuse(&config, 0x2000, SS_ERROR_INVALID_ARGUMENT,
           "partition is 8192 bytes, it must be a multiple of 4096 from 12288 to 2097152");
}

static void tokens_are_random_and_recognised_by_hash(void **state)
{
    (void)state;
    char a[SS_DEVICE_TOKEN_SIZE], b[SS_DEVICE_TOKEN_SIZE];
    uint8_t hash[32], expected[32];
    struct ss_error err = {0};
    assert_ok(ss_device_token_new(a, &err), err);
    assert_ok(ss_device_token_new(b, &err), err);
    assert_true(ss_device_token_valid(a) && ss_device_token_valid(b));
    assert_string_not_equal(a, b);
    // 258 bits are written, the last two are 0: the last character is one of 16.
    assert_non_null(strchr("AEIMQUYcgkosw048", a[SS_DEVICE_TOKEN_LEN - 1]));
    assert_ok(ss_device_token_hash(a, hash, &err), err);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, a, SS_DEVICE_TOKEN_LEN, expected), SS_OK);
    assert_memory_equal(hash, expected, 32);
    assert_false(ss_device_token_valid("short"));
    a[7] = '+';
    assert_false(ss_device_token_valid(a));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_and_everything_public),
        cmocka_unit_test(client_key_with_its_nul),
        cmocka_unit_test(encrypted_for_firmware_that_wants_it),
        cmocka_unit_test(ids_and_tokens_of_another_form),
        cmocka_unit_test(addresses_that_do_not_work_or_tell),
        cmocka_unit_test(keys_and_certificates_mixed_up),
        cmocka_unit_test(what_does_not_fit),
        cmocka_unit_test(tokens_are_random_and_recognised_by_hash),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_pki, NULL);
}
