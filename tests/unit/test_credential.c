// SPDX-License-Identifier: Apache-2.0
// Tokens of devices: new, found again on a chip after an interruption, and never kept in the vault. Certificates.
#include "provision/credential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/hex.h"
#include "provision/virtual_port.h"
#include "support/unit.h"
#include "support/vault_bench.h"

static const uint8_t mac[6] = {0x24, 0x0A, 0xC4, 9, 9, 9};
static struct ss_error err;
static struct ss_partition_table table;
static struct ss_device_config config = {.servers = {"https://a.example"}, .server_count = 1};
static struct ss_vault *vault;
static const char *url;

static int set_up(void **state)
{
    if (vault_bench_start(state) != 0)
        return -1;
    table.count = 1;
    table.rows[0] = (struct ss_partition){
        .label = "nvs", .type = SS_PARTITION_DATA, .subtype = SS_PARTITION_DATA_NVS, .offset = 0x9000, .size = 0x4000};
    vault = vault_bench_create(&url);
    vault_bench_fill(vault, 1);
    return 0;
}

static int tear_down(void **state)
{
    ss_vault_close(vault);
    return vault_bench_stop(state);
}

/// Prepares the nvs of the chip; its image, or NULL.
static uint8_t *prepare(const char *found, bool dry)
{
    uint8_t *image;
    size_t len;
    struct ss_credential_request request = {
        .product = "lamp", .mac = mac, .config = &config, .found = found, .table = &table, .dry = dry};
    assert_ok(ss_credential_prepare(vault, &request, &image, &len, &err), err);
    assert_true(!image || len == 0x4000);
    return image;
}

/// What a chip with this nvs says.
static void read_from_chip(const uint8_t *nvs, char token[SS_DEVICE_TOKEN_SIZE])
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *chip;
    struct ss_link_port *port;
    struct ss_link *link;
    options.flash_size = 1 << 20;
    assert_ok(ss_chip_new(&options, &chip, &err), err);
    if (nvs)
        memcpy(chip->flash.data + 0x9000, nvs, 0x4000);
    assert_ok(ss_virtual_port_new(chip, NULL, true, &port, &err), err);
    assert_ok(ss_link_new(port, &(struct ss_link_options){0}, &link, &err), err);
    assert_ok(ss_link_connect(link, &err), err);
    assert_ok(ss_credential_read(link, &table, token, &err), err);
    ss_link_free(link);
    ss_chip_free(chip);
}

static void assert_fact(const char *want)
{
    char fact[128];
    assert_ok(ss_vault_device_fact(vault, "240ac4090909", SS_CREDENTIAL_FACT, fact, sizeof fact, &err), err);
    assert_string_equal(fact, want);
}

static void assert_known(const char *token)
{
    char want[96] = "token sha256:";
    uint8_t digest[32];
    assert_ok(ss_device_token_hash(token, digest, &err), err);
    ss_put_hex(digest, sizeof digest, want + strlen(want));
    assert_fact(want);
}

static void a_token_survives_an_interruption(void **state)
{
    (void)state;
    char first[SS_DEVICE_TOKEN_SIZE], again[SS_DEVICE_TOKEN_SIZE], blank[SS_DEVICE_TOKEN_SIZE];
    read_from_chip(NULL, blank);
    assert_string_equal(blank, "");
    uint8_t *image = prepare(blank, false);
    assert_non_null(image);
    read_from_chip(image, first);
    assert_true(ss_device_token_valid(first));
    assert_known(first);
    // The same chip again: the same token, the same image.
    uint8_t *second = prepare(first, false);
    assert_memory_equal(image, second, 0x4000);
    assert_known(first);
    // A rehearsal changes nothing in the vault.
    free(prepare(blank, true));
    assert_known(first);
    // A token that the vault does not know is not taken, nor is one that never got to the chip missed.
    free(second);
    second = prepare("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false);
    read_from_chip(second, again);
    assert_string_not_equal(again, first);
    assert_string_not_equal(again, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_known(again);
    free(image);
    free(second);
}

static void one_life_one_credential(void **state)
{
    (void)state;
    char fact[128];
    free(prepare("", false));
    assert_ok(ss_vault_device_set_state(vault, "240ac4090909", SS_VAULT_DEVICE_PROVISIONED, NULL, "", &err), err);
    assert_null(prepare("", false));
    assert_ok(ss_vault_device_set_state(vault, "240ac4090909", SS_VAULT_DEVICE_REVOKED, NULL, "", &err), err);
    assert_ok(ss_vault_device_set_fact(vault, "240ac4090909", SS_CREDENTIAL_FACT, NULL, &err), err);
    assert_null(prepare("", false));
    assert_int_equal(ss_vault_device_fact(vault, "240ac4090909", SS_CREDENTIAL_FACT, fact, sizeof fact, &err),
                     SS_ERROR_DOES_NOT_EXIST);
}

/// A certificate of device "240ac4090909", and what it is to be known by.
static X509 *make_certificate(EVP_PKEY *key, char known[96])
{
    uint8_t digest[32];
    X509 *x = X509_new();
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"240ac4090909", -1, -1,
                               0);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    assert_int_equal(X509_digest(x, EVP_sha256(), digest, NULL), 1);
    strcpy(known, "certificate sha256:");
    ss_put_hex(digest, sizeof digest, known + strlen(known));
    return x;
}

static struct ss_device_file file_of(BIO *bio)
{
    char *p;
    long len = BIO_get_mem_data(bio, &p);
    return (struct ss_device_file){p, (size_t)len};
}

static void a_certificate_is_known_by_its_der(void **state)
{
    (void)state;
    char known[96];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = make_certificate(key, known);
    BIO *pem = BIO_new(BIO_s_mem()), *der = BIO_new(BIO_s_mem()), *private = BIO_new(BIO_s_mem());
    BIO_puts(pem, "What people write above it.\n");
    assert_int_equal(PEM_write_bio_X509(pem, x), 1);
    assert_int_equal(i2d_X509_bio(der, x), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(private, key, NULL, NULL, 0, NULL, NULL), 1);
    config.client_key = file_of(private);
    BIO *const forms[] = {pem, der};
    for (unsigned i = 0; i < 2; i++) {
        config.client_certificate = file_of(forms[i]);
        uint8_t *image = prepare("", false);
        assert_non_null(image);
        free(image);
        assert_fact(known);
        assert_ok(ss_credential_note(vault, "240ac4090909", NULL, NULL, &err), err);
        assert_ok(ss_credential_note(vault, "240ac4090909", NULL, &config.client_certificate, &err), err);
        assert_fact(known);
    }
    const struct ss_device_file none = {"none", 4};
    assert_int_equal(ss_credential_note(vault, "240ac4090909", NULL, &none, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "device configuration: the client certificate is none");
    assert_fact(known);
    config.client_key = config.client_certificate = (struct ss_device_file){0};
    BIO_free(pem);
    BIO_free(der);
    BIO_free(private);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void a_table_without_nvs(void **state)
{
    (void)state;
    uint8_t *image;
    size_t len;
    static struct ss_partition_table empty;
    struct ss_credential_request request = {
        .product = "lamp", .mac = mac, .config = &config, .found = "", .table = &empty};
    assert_int_equal(ss_credential_prepare(vault, &request, &image, &len, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "the table has no nvs partition");
    assert_null(image);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_survives_an_interruption),
        cmocka_unit_test(a_certificate_is_known_by_its_der),
        cmocka_unit_test(one_life_one_credential),
        cmocka_unit_test(a_table_without_nvs),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
