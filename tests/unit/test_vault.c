// SPDX-License-Identifier: Apache-2.0
// Making and opening vaults, products, devices and facts, on either back end.
#include "support/sample_table.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/internal.h"

static void test_create_and_open(void **state)
{
    (void)state;
    const char *url;
    struct ss_vault_options options = vault_bench_options();
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url), *second;
    vault_bench_fill(vault, 1);
    ss_vault_close(vault);

    assert_refused(ss_vault_create(url, &options, &second, &err), SS_ERROR_ALREADY_EXISTS, &err, "not overwritten");
    assert_null(second);
    vault = vault_bench_open(url);
    struct ss_vault_device device;
    assert_ok(ss_vault_device_get(vault, "d1", &device, &err), err);
    ss_vault_close(vault);
    ss_vault_close(NULL);
}

static void test_open_refusals(void **state)
{
    (void)state;
    const char *url;
    char other[160];
    struct ss_vault_options options = vault_bench_options();
    struct ss_error err = {0};
    struct ss_vault *vault;
    ss_vault_close(vault_bench_create(&url));

    assert_refused(ss_vault_open("mysql://x", &options, &vault, &err), SS_ERROR_INVALID_ARGUMENT, &err, "sqlite:PATH");
    assert_refused(ss_vault_open("sqlite:", &options, &vault, &err), SS_ERROR_INVALID_ARGUMENT, &err, "path");
    assert_refused(ss_vault_open("sqlite:/nowhere/v.db", &options, &vault, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "/nowhere/v.db: No such file");
    assert_refused(ss_vault_open(vault_bench_new_url(), &options, &vault, &err), SS_ERROR_DOES_NOT_EXIST, &err, "");
    snprintf(other, sizeof other, "file:%s", vault_bench_path("other.key"));
    options.key = other;
    assert_refused(ss_vault_open(url, &options, &vault, &err), SS_ERROR_DOES_NOT_EXIST, &err, "other.key: No such");
    struct ss_vault *made;
    assert_ok(ss_vault_create(vault_bench_new_url(), &options, &made, &err), err); // makes other.key
    ss_vault_close(made);
    assert_refused(ss_vault_open(url, &options, &vault, &err), SS_ERROR_NOT_PERMITTED, &err, "not the vault's key");
    options.key = "passphrase";
    assert_refused(ss_vault_open(url, &options, &vault, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "not the vault's key (version 1, from a file)");
    options.key = "hunter2";
    assert_refused(ss_vault_open(url, &options, &vault, &err), SS_ERROR_INVALID_ARGUMENT, &err, "a key source is");
    assert_null(strstr(err.message, "hunter2"));
    options.key = NULL;
    assert_refused(ss_vault_open(url, &options, &vault, &err), SS_ERROR_INVALID_ARGUMENT, &err, "no source");
    assert_null(vault);
}

static void test_signing_ring_is_separate(void **state)
{
    (void)state;
    const char *url;
    struct ss_vault_options options = vault_bench_options();
    struct ss_error err = {0};
    struct ss_vault *vault;
    ss_vault_close(vault_bench_create(&url));
    options.signing_key = options.key;
    assert_refused(ss_vault_open(url, &options, &vault, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "made without a key for signing keys");
}

static void test_foreign_database(void **state)
{
    (void)state;
    char url[256];
    struct ss_vault_options options = vault_bench_options();
    struct ss_error err = {0};
    struct ss_vault *vault;
    struct ss_sql *db;
    strcpy(url, vault_bench_new_url());
    assert_ok(ss_sql_open(url, &ss_sql_vault, true, 0, &db, &err), err);
    assert_ok(ss_sql_script(db, "CREATE TABLE songs (name {text})", &err), err);
    ss_sql_close(db);
    assert_refused(ss_vault_open(url, &options, &vault, &err), SS_ERROR_DATA_INVALID, &err, "something else");
    assert_refused(ss_vault_create(url, &options, &vault, &err), SS_ERROR_ALREADY_EXISTS, &err, "another database");
}

static void test_not_a_database(void **state)
{
    (void)state;
    char url[192];
    struct ss_vault_options options = vault_bench_options();
    struct ss_error err = {0};
    struct ss_vault *vault;
    FILE *f = fopen(vault_bench_path("text.db"), "w");
    assert_non_null(f);
    for (int i = 0; i < 100; i++)
        fputs("this is no database at all\n", f);
    fclose(f);
    snprintf(url, sizeof url, "sqlite:%s", vault_bench_path("text.db"));
    assert_refused(ss_vault_open(url, &options, &vault, &err), SS_ERROR_DATA_INVALID, &err, "not an SQLite database");
    assert_refused(ss_vault_create(url, &options, &vault, &err), SS_ERROR_DATA_INVALID, &err, "not an SQLite database");
}

static void test_password_in_url(void **state)
{
    (void)state;
    static const char *const urls[] = {"postgresql://me:hunter2@localhost/vault", "postgres://me:hunter2@localhost/v",
                                       "postgresql:///vault?password=hunter2",
                                       "postgresql:///vault?sslpassword=hunter2"};
    struct ss_vault_options options = vault_bench_options();
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct ss_error err = {0};
        struct ss_vault *vault;
        ss_status_t status = ss_vault_open(urls[i], &options, &vault, &err);
        if (status == SS_ERROR_NOT_SUPPORTED)
            skip(); // a build without PostgreSQL
        assert_refused(status, SS_ERROR_NOT_PERMITTED, &err, "PGPASSFILE");
        assert_null(strstr(err.message, "hunter2"));
    }
}

static void test_newer_layout(void **state)
{
    (void)state;
    const char *url;
    struct ss_vault_options options = vault_bench_options();
    struct ss_error err = {0};
    struct ss_vault *vault;
    ss_vault_close(vault_bench_create(&url));
    vault_bench_tamper(url, "INSERT INTO migrations (version, applied) VALUES (99, 0)");
    assert_refused(ss_vault_open(url, &options, &vault, &err), SS_ERROR_NOT_SUPPORTED, &err, "layout 99");
}

// What else runs on the same database, a web server for instance, has a role of its own and sees nothing of the vault.
static void test_other_roles_see_nothing(void **state)
{
    (void)state;
    const char *url;
    char other[300];
    struct ss_vault_options options = vault_bench_options();
    struct ss_error err = {0};
    struct ss_vault *vault;
    struct ss_sql *db;
    struct ss_sql_rows *rows;
    if (vault_bench_is_sqlite())
        skip();
    ss_vault_close(vault_bench_create(&url));
    vault_bench_tamper(url, "CREATE ROLE front LOGIN");
    snprintf(other, sizeof other, "%.*sfront", (int)(strstr(url, "user=") + 5 - url), url);
    assert_ok(ss_sql_open(other, &ss_sql_vault, false, 0, &db, &err), err);
    assert_refused(ss_sql_query(db, "SELECT owner FROM slotseal_vault.secrets", NULL, 0, &rows, &err), SS_ERROR_IO,
                   &err, "permission denied");
    ss_sql_close(db);
    assert_int_equal(ss_vault_open(other, &options, &vault, &err), SS_ERROR_IO);
}

static void test_sqlite_file_mode(void **state)
{
    (void)state;
    const char *url;
    struct stat st;
    if (!vault_bench_is_sqlite())
        skip();
    struct ss_vault *vault = vault_bench_create(&url);
    assert_int_equal(stat(url + strlen("sqlite:"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    char log[256];
    snprintf(log, sizeof log, "%s-wal", url + strlen("sqlite:"));
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    ss_vault_close(vault);
}

/// As a backup that is put back under a running program.
static void test_sqlite_file_that_is_replaced(void **state)
{
    (void)state;
    const char *url;
    char moved[256];
    struct ss_error err = {0};
    if (!vault_bench_is_sqlite())
        skip();
    struct ss_vault *vault = vault_bench_create(&url);
    const char *path = url + strlen("sqlite:");
    struct ss_vault_product p = {.name = "lamp", .chip = "esp32", .table = {.address = 0x9000, .flash_size = 4 << 20}};
    p.table.len = sample_table(p.table.bytes);
    snprintf(moved, sizeof moved, "%s.moved", path);
    assert_int_equal(rename(path, moved), 0);
    assert_refused(ss_vault_product_add(vault, &p, &err), SS_ERROR_IO, &err, "removed or replaced while it was open");
    assert_int_equal(rename(moved, path), 0);
    assert_ok(ss_vault_product_add(vault, &p, &err), err);
    ss_vault_close(vault);
}

// Products

static ss_status_t collect_product(void *context, const struct ss_vault_product *product, struct ss_error *err)
{
    (void)err;
    strcat(strcat(context, product->name), " ");
    return SS_OK;
}

static void test_products(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    struct ss_vault_product p = {.name = "lamp",
                                 .chip = "esp32",
                                 .secure_boot = SS_SECURE_BOOT_V1_ONE_TIME,
                                 .per_device_sign_keys = true,
                                 .table = {.address = 0x9000, .flash_size = 4 << 20},
                                 .public_keys = {"one", "", "three"}};
    struct ss_vault_product back;
    char names[64] = "";
    p.table.len = sample_table(p.table.bytes);
    assert_ok(ss_vault_product_add(vault, &p, &err), err);
    assert_ok(ss_vault_product_get(vault, "lamp", &back, &err), err);
    assert_true(back.created > 1700000000);
    back.created = 0;
    assert_memory_equal(&back, &p, sizeof p);

    assert_refused(ss_vault_product_add(vault, &p, &err), SS_ERROR_ALREADY_EXISTS, &err, "product lamp already");
    strcpy(p.name, "Heater");
    p.per_device_sign_keys = false;
    strcpy(p.sign_key, "main");
    assert_ok(ss_vault_product_add(vault, &p, &err), err);
    strcpy(p.name, "a_door");
    assert_ok(ss_vault_product_add(vault, &p, &err), err);
    assert_ok(ss_vault_product_list(vault, collect_product, names, &err), err);
    assert_string_equal(names, "Heater a_door lamp "); // by their bytes on both back ends
    assert_refused(ss_vault_product_get(vault, "Lamp", &back, &err), SS_ERROR_DOES_NOT_EXIST, &err, "product Lamp");
    ss_vault_close(vault);
}

static void test_product_refusals(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    struct ss_vault_product good = {.name = "lamp", .chip = "esp32s2"}, p;
    good.table.len = sample_table(good.table.bytes);
    const ss_status_t bad = SS_ERROR_INVALID_ARGUMENT;

    strcpy((p = good).name, "");
    assert_refused(ss_vault_product_add(vault, &p, &err), bad, &err, "name of the product");
    p = good, strcpy(p.name, "a b");
    assert_refused(ss_vault_product_add(vault, &p, &err), bad, &err, "name of the product");
    p = good, strcpy(p.chip, "esp99");
    assert_refused(ss_vault_product_add(vault, &p, &err), bad, &err, "no chip called esp99");
    p = good, p.secure_boot = SS_SECURE_BOOT_V1_REFLASHABLE;
    assert_refused(ss_vault_product_add(vault, &p, &err), bad, &err, "ESP32-S2 has no secure boot v1-reflashable");
    p = good, p.table.len = 0;
    assert_refused(ss_vault_product_add(vault, &p, &err), bad, &err, "partition table has 0 bytes");
    p = good, memset(p.table.bytes, 0x55, 64);
    assert_refused(ss_vault_product_add(vault, &p, &err), bad, &err, "partition table: ");
    p = good, p.per_device_sign_keys = true, strcpy(p.sign_key, "main");
    assert_refused(ss_vault_product_add(vault, &p, &err), bad, &err, "not both");
    p = good, strcpy(p.sign_key, "ma in");
    assert_refused(ss_vault_product_add(vault, &p, &err), bad, &err, "name of the signing key");
    ss_vault_close(vault);
}

// Devices

static void test_devices(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    struct ss_vault_device d = {.id = "x-1",
                                .product = "lamp",
                                .mac = {0x24, 1, 2, 3, 4, 0xff},
                                .chip_revision = 301,
                                .crypt_config = 15,
                                .coding_scheme = SS_VAULT_CODING_3_4,
                                .sign_key = "x-1"};
    struct ss_vault_device back;
    char id[SS_VAULT_MAC_ID_SIZE];
    vault_bench_fill(vault, 1);
    assert_ok(ss_vault_device_add(vault, &d, &err), err);
    assert_ok(ss_vault_device_get(vault, "x-1", &back, &err), err);
    assert_string_equal(back.chip, "esp32"); // the product's
    assert_true(back.created > 1700000000 && back.created == back.changed);
    assert_int_equal(back.flash_key, SS_VAULT_FLASH_KEY_NONE);
    strcpy(d.chip, "esp32");
    back.created = back.changed = 0;
    assert_memory_equal(&back, &d, sizeof d);

    d.chip_revision = 103;
    d.crypt_config = 0;
    d.table.len = sample_table(d.table.bytes);
    d.table.address = 0xA000;
    strcpy(d.sign_key, "other");
    strcpy(d.product, "nothing"); // not changed by an update
    assert_ok(ss_vault_device_update(vault, &d, &err), err);
    assert_ok(ss_vault_device_find_mac(vault, d.mac, &back, &err), err);
    back.created = back.changed = 0;
    memset(d.product, 0, sizeof d.product);
    strcpy(d.product, "lamp");
    assert_memory_equal(&back, &d, sizeof d);

    ss_vault_mac_id(d.mac, id);
    assert_string_equal(id, "2401020304ff");
    strcpy(d.id, "x-2");
    assert_refused(ss_vault_device_update(vault, &d, &err), SS_ERROR_DOES_NOT_EXIST, &err, "no device x-2");
    ss_vault_close(vault);
}

static void test_device_refusals(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    const struct ss_vault_device good = {.id = "x", .product = "lamp", .mac = {2, 1, 1, 1, 1, 1}};
    struct ss_vault_device d;
    const ss_status_t bad = SS_ERROR_INVALID_ARGUMENT;
    vault_bench_fill(vault, 2);

    d = good, strcpy(d.id, "a/b");
    assert_refused(ss_vault_device_add(vault, &d, &err), bad, &err, "id of the device");
    d = good, memset(d.id, 'a', 64);
    assert_ok(ss_vault_device_add(vault, &d, &err), err); // 64 is the longest
    d = good, memset(d.mac, 0, 6);
    assert_refused(ss_vault_device_add(vault, &d, &err), bad, &err, "MAC of device x is none");
    d = good, d.mac[0] = 1;
    assert_refused(ss_vault_device_add(vault, &d, &err), bad, &err, "MAC of device x is none");
    d = good, d.crypt_config = 16;
    assert_refused(ss_vault_device_add(vault, &d, &err), bad, &err, "FLASH_CRYPT_CONFIG 16");
    d = good, d.coding_scheme = 3;
    assert_refused(ss_vault_device_add(vault, &d, &err), bad, &err, "coding scheme 3");
    d = good, d.state = SS_VAULT_DEVICE_LOST;
    assert_refused(ss_vault_device_add(vault, &d, &err), bad, &err, "cannot be lost");
    d = good, strcpy(d.chip, "esp32s3");
    assert_refused(ss_vault_device_add(vault, &d, &err), bad, &err, "made with esp32, not with esp32s3");
    d = good, strcpy(d.product, "sofa");
    assert_refused(ss_vault_device_add(vault, &d, &err), SS_ERROR_DOES_NOT_EXIST, &err, "no product sofa");
    d = good, strcpy(d.id, "d1");
    assert_refused(ss_vault_device_add(vault, &d, &err), SS_ERROR_ALREADY_EXISTS, &err, "a device d1 already");
    d = good, memcpy(d.mac, (uint8_t[]){0x24, 0x0a, 0xc4, 0, 0, 2}, 6);
    assert_refused(ss_vault_device_add(vault, &d, &err), SS_ERROR_ALREADY_EXISTS, &err,
                   "MAC 240ac4000002 is that of device d2");
    ss_vault_close(vault);
}

struct count {
    unsigned all;
    char last[SS_VAULT_NAME_SIZE];
    struct ss_vault *vault;
};

static ss_status_t count_device(void *context, const struct ss_vault_device *device, struct ss_error *err)
{
    struct count *c = context;
    struct ss_vault_product product;
    assert_true(strcmp(device->id, c->last) > 0);
    strcpy(c->last, device->id);
    c->all++;
    return ss_vault_product_get(c->vault, device->product, &product, err); // the vault may be called
}

static ss_status_t stop_at_once(void *context, const struct ss_vault_device *device, struct ss_error *err)
{
    (void)device, (void)err;
    ++*(int *)context;
    return SS_ERROR_BAD_STATE;
}

static void test_list(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    struct count c = {.vault = vault};
    int calls = 0;
    vault_bench_fill(vault, 64); // two whole pages, and an empty one
    assert_ok(ss_vault_device_list(vault, NULL, count_device, &c, &err), err);
    assert_int_equal(c.all, 64);

    assert_ok(ss_vault_device_set_state(vault, "d7", SS_VAULT_DEVICE_LOST, NULL, "in the lake", &err), err);
    struct ss_vault_device_filter lost = {.by_state = true, .state = SS_VAULT_DEVICE_LOST};
    c = (struct count){.vault = vault};
    assert_ok(ss_vault_device_list(vault, &lost, count_device, &c, &err), err);
    assert_int_equal(c.all, 1);
    struct ss_vault_device_filter other = {.product = "sofa"};
    c = (struct count){.vault = vault};
    assert_ok(ss_vault_device_list(vault, &other, count_device, &c, &err), err);
    assert_int_equal(c.all, 0);
    assert_int_equal(ss_vault_device_list(vault, NULL, stop_at_once, &calls, &err), SS_ERROR_BAD_STATE);
    assert_int_equal(calls, 1);
    ss_vault_close(vault);
}

static void test_states(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    struct ss_vault_device d;
    vault_bench_fill(vault, 2);
    assert_ok(ss_vault_device_set_state(vault, "d1", SS_VAULT_DEVICE_REPLACED, "d2", "", &err), err);
    assert_ok(ss_vault_device_get(vault, "d1", &d, &err), err);
    assert_int_equal(d.state, SS_VAULT_DEVICE_REPLACED);
    assert_string_equal(d.replaced_by, "d2");
    assert_ok(ss_vault_device_set_state(vault, "d1", SS_VAULT_DEVICE_PROVISIONED, NULL, NULL, &err), err);
    assert_ok(ss_vault_device_get(vault, "d1", &d, &err), err);
    assert_string_equal(d.replaced_by, "");

    assert_refused(ss_vault_device_set_state(vault, "d1", SS_VAULT_DEVICE_REPLACED, NULL, NULL, &err),
                   SS_ERROR_INVALID_ARGUMENT, &err, "needs another");
    assert_refused(ss_vault_device_set_state(vault, "d1", SS_VAULT_DEVICE_LOST, "d2", NULL, &err),
                   SS_ERROR_INVALID_ARGUMENT, &err, "only that one");
    assert_refused(ss_vault_device_set_state(vault, "d1", SS_VAULT_DEVICE_REPLACED, "d1", NULL, &err),
                   SS_ERROR_INVALID_ARGUMENT, &err, "needs another");
    assert_refused(ss_vault_device_set_state(vault, "d1", SS_VAULT_DEVICE_REPLACED, "d9", NULL, &err),
                   SS_ERROR_DOES_NOT_EXIST, &err, "no device d9");
    assert_refused(ss_vault_device_set_state(vault, "d8", SS_VAULT_DEVICE_LOST, NULL, NULL, &err),
                   SS_ERROR_DOES_NOT_EXIST, &err, "no device d8");
    ss_vault_close(vault);
}

static void test_facts(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    char value[32];
    vault_bench_fill(vault, 1);
    assert_ok(ss_vault_device_set_fact(vault, "d1", "label", "Nr. 7 – grün", &err), err);
    assert_ok(ss_vault_device_set_fact(vault, "d1", "label", "Nr. 8 – grün", &err), err);
    assert_ok(ss_vault_device_fact(vault, "d1", "label", value, sizeof value, &err), err);
    assert_string_equal(value, "Nr. 8 – grün");
    assert_refused(ss_vault_device_fact(vault, "d1", "label", value, 8, &err), SS_ERROR_BUFFER_TOO_SMALL, &err,
                   "bytes");
    assert_ok(ss_vault_device_set_fact(vault, "d1", "label", NULL, &err), err);
    assert_refused(ss_vault_device_fact(vault, "d1", "label", value, sizeof value, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "label");
    assert_refused(ss_vault_device_set_fact(vault, "d9", "label", "x", &err), SS_ERROR_DOES_NOT_EXIST, &err, "d9");
    assert_refused(ss_vault_device_set_fact(vault, "d1", "la bel", "x", &err), SS_ERROR_INVALID_ARGUMENT, &err, "name");
    assert_refused(ss_vault_device_set_fact(vault, "d1", "label", "\xc3", &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "not UTF-8");
    ss_vault_close(vault);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(ss_vault_name_ok("a"));
    assert_true(ss_vault_name_ok("Ab.9_-"));
    assert_false(ss_vault_name_ok(""));
    assert_false(ss_vault_name_ok(NULL));
    assert_false(ss_vault_name_ok("a b"));
    assert_false(ss_vault_name_ok("\xc3\xa4"));
    assert_false(ss_vault_name_ok("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_open),
        cmocka_unit_test(test_open_refusals),
        cmocka_unit_test(test_signing_ring_is_separate),
        cmocka_unit_test(test_foreign_database),
        cmocka_unit_test(test_not_a_database),
        cmocka_unit_test(test_password_in_url),
        cmocka_unit_test(test_newer_layout),
        cmocka_unit_test(test_other_roles_see_nothing),
        cmocka_unit_test(test_sqlite_file_mode),
        cmocka_unit_test(test_sqlite_file_that_is_replaced),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_product_refusals),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_device_refusals),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_names),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
