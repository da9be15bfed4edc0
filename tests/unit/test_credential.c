// SPDX-License-Identifier: Apache-2.0
// Tokens of devices: new, found again on a chip after an interruption, and never kept in the vault.
#include "provision/credential.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void assert_known(const char *token)
{
    char fact[128], hex[65];
    uint8_t digest[32];
    assert_ok(ss_vault_device_fact(vault, "240ac4090909", SS_CREDENTIAL_FACT, fact, sizeof fact, &err), err);
    assert_ok(ss_device_token_hash(token, digest, &err), err);
    for (unsigned i = 0; i < 32; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
    assert_memory_equal(fact, "token sha256:", 13);
    assert_string_equal(fact + 13, hex);
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
        cmocka_unit_test(one_life_one_credential),
        cmocka_unit_test(a_table_without_nvs),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
