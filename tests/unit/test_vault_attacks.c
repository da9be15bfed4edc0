// SPDX-License-Identifier: Apache-2.0
// What others do to a vault: those who can write its database but lack its keys, those who have one key of two, and
// programs that work on it at the same time.
#include "support/unit.h"
#include "support/vault_bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault/check.h"
#include "vault/flash_key.h"
#include "vault/internal.h"
#include "vault/rewrap.h"
#include "vault/signing.h"

/// "file:" and the path of a key file of this bench.
static const char *key_spec(const char *name)
{
    static char specs[8][192];
    static unsigned next;
    char *spec = specs[next++ % 8];
    snprintf(spec, sizeof specs[0], "file:%s", vault_bench_path(name));
    return spec;
}

static ss_status_t rewrap(const char *url, const char *old_key, const char *new_key, struct ss_error *err)
{
    struct ss_vault_options options = vault_bench_options();
    const struct ss_vault_rewrap to = {.new_key = new_key};
    if (old_key)
        options.key = old_key;
    return ss_vault_rewrap(url, &options, &to, err);
}

static struct ss_vault *open_with(const char *url, const char *key)
{
    struct ss_vault_options options = vault_bench_options();
    struct ss_vault *vault;
    struct ss_error err = {0};
    options.key = key;
    assert_ok(ss_vault_open(url, &options, &vault, &err), err);
    return vault;
}

static void assert_whole(struct ss_vault *vault, long long secrets)
{
    struct ss_vault_report report;
    struct ss_error err = {0};
    assert_ok(ss_vault_check(vault, &report, &err), err);
    assert_int_equal(report.secrets, secrets);
}

// A batch that runs for hours, and somebody rewraps meanwhile: what it adds must not go under a key that is thrown away.
static void nothing_new_goes_under_an_old_key(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    struct ss_vault_flash_key key;
    struct ss_vault *batch = vault_bench_create(&url);
    vault_bench_fill(batch, 2);
    assert_ok(ss_vault_flash_key_generate(batch, "d1", 32, &err), err);
    const char *new_key = key_spec("after.key");
    assert_ok(rewrap(url, NULL, new_key, &err), err);

    assert_refused(ss_vault_flash_key_generate(batch, "d2", 32, &err), SS_ERROR_BAD_STATE, &err,
                   "the vault's key was replaced while the vault was open; open it again with the new one");
    assert_refused(ss_vault_flash_key(batch, "d1", SS_VAULT_FOR_BURN, NULL, &key, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "wrapped by version 2");
    ss_vault_close(batch);
    batch = open_with(url, new_key);
    assert_ok(ss_vault_flash_key_generate(batch, "d2", 32, &err), err);
    assert_whole(batch, 5); // two flash keys, the audit key, the key that finds duplicates, the product
    assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM secrets WHERE key_version <> 2"), 0);
    ss_vault_close(batch);
}

// Both start from the same key. One wins; the other changes nothing.
static void two_rewraps_at_once(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        const char *url, *keys[2];
        char names[2][32];
        struct ss_error err = {0};
        pid_t children[2];
        int winner = -1;
        struct ss_vault *vault = vault_bench_create(&url);
        vault_bench_fill(vault, 3);
        for (int i = 1; i <= 3; i++) {
            char id[] = {'d', (char)('0' + i), 0};
            assert_ok(ss_vault_flash_key_generate(vault, id, 32, &err), err);
        }
        ss_vault_close(vault);
        fflush(NULL);
        for (int i = 0; i < 2; i++) {
            snprintf(names[i], sizeof names[i], "round%d-%d.key", round, i);
            keys[i] = key_spec(names[i]);
            children[i] = fork();
            if (!children[i])
                _exit(rewrap(url, NULL, keys[i], NULL) == SS_OK ? 0 : 1);
        }
        for (int i = 0; i < 2; i++) {
            int result;
            assert_int_equal(waitpid(children[i], &result, 0), children[i]);
            assert_true(WIFEXITED(result));
            if (WEXITSTATUS(result) == 0) {
                assert_int_equal(winner, -1);
                winner = i;
            }
        }
        assert_int_not_equal(winner, -1);
        vault = open_with(url, keys[winner]);
        assert_whole(vault, 6);
        assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM wrapping_keys WHERE state <> 'retired'"), 1);
        ss_vault_close(vault);
    }
}

static void an_old_record_does_not_come_back(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    struct ss_vault_flash_key key;
    struct ss_vault *vault = vault_bench_create(&url);
    vault_bench_fill(vault, 1);
    assert_ok(ss_vault_flash_key_generate(vault, "d1", 32, &err), err);
    ss_vault_close(vault);
    vault_bench_tamper(url, "CREATE TABLE saved AS SELECT * FROM secrets WHERE kind = 'flash-key'");
    const char *new_key = key_spec("next.key");
    assert_ok(rewrap(url, NULL, new_key, &err), err);
    vault_bench_tamper(url, "DELETE FROM secrets WHERE kind = 'flash-key'");
    vault_bench_tamper(url, "INSERT INTO secrets SELECT * FROM saved");
    vault = open_with(url, new_key);
    // It was under a key that the vault has forgotten; also under another version's name it is not taken.
    assert_refused(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_BURN, NULL, &key, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "version 1");
    vault_bench_tamper(url, "UPDATE secrets SET key_version = 2 WHERE kind = 'flash-key'");
    assert_refused(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_BURN, NULL, &key, &err), SS_ERROR_DATA_CORRUPT, &err,
                   "the flash-key of d1 was changed outside of the vault");
    ss_vault_close(vault);
}

// Sealing has the vault key and not the other one. It must not be able to say what signs.
static void the_vault_key_makes_no_signing_keys(void **state)
{
    (void)state;
    char url[256];
    uint8_t pem[SS_SIGNING_KEY_PEM_MAX];
    size_t len;
    struct ss_error err = {0};
    struct ss_vault *vault;
    struct ss_vault_options options = vault_bench_options();
    ss_signing_key_t *key, *forged;
    const struct ss_secret_id id = {"signing-key", "lamp", ss_key_type_name(SS_KEY_P256)};

    options.signing_key = key_spec("signing.key");
    strcpy(url, vault_bench_new_url());
    assert_ok(ss_vault_create(url, &options, &vault, &err), err);
    assert_ok(ss_vault_signing_key_generate(vault, "lamp", SS_KEY_P256, &err), err);
    assert_ok(ss_signing_key_generate(SS_KEY_P256, &forged, &err), err);
    assert_ok(ss_signing_key_write_private(forged, pem, sizeof pem, &len, &err), err);

    vault_bench_tamper(url, "DELETE FROM secrets WHERE kind = 'signing-key'");
    assert_ok(ss_secret_put(vault, SS_RING_VAULT, &id, pem, len, &err), err);
    assert_refused(ss_vault_signing_key_open(vault, "lamp", NULL, NULL, NULL, &key, &err), SS_ERROR_DATA_CORRUPT, &err,
                   "the signing-key of lamp was changed outside of the vault");
    assert_null(key);
    ss_signing_key_free(forged);
    ss_vault_close(vault);
}

static void signing_keys_are_what_they_were(void **state)
{
    (void)state;
    char url[256];
    struct ss_error err = {0};
    struct ss_vault *vault;
    struct ss_vault_options options = vault_bench_options();
    ss_signing_key_t *key;

    options.signing_key = key_spec("signing-2.key");
    strcpy(url, vault_bench_new_url());
    assert_ok(ss_vault_create(url, &options, &vault, &err), err);
    assert_ok(ss_vault_signing_key_generate(vault, "lamp", SS_KEY_P256, &err), err);
    assert_ok(ss_vault_signing_key_generate(vault, "other", SS_KEY_P256, &err), err);
    vault_bench_tamper(url, "UPDATE signing_keys SET public_key = (SELECT public_key FROM signing_keys WHERE name = "
                            "'other') WHERE name = 'lamp'");
    assert_refused(ss_vault_signing_key_open(vault, "lamp", NULL, NULL, NULL, &key, &err), SS_ERROR_DATA_CORRUPT, &err,
                   "signing key lamp is not the one it was");
    vault_bench_tamper(url, "UPDATE secrets SET owner = 'x' WHERE kind = 'signing-key' AND owner = 'lamp'");
    vault_bench_tamper(url, "UPDATE secrets SET owner = 'lamp' WHERE kind = 'signing-key' AND owner = 'other'");
    assert_refused(ss_vault_signing_key_open(vault, "lamp", NULL, NULL, NULL, &key, &err), SS_ERROR_DATA_CORRUPT, &err,
                   "the signing-key of lamp was changed outside of the vault");
    // Where a program is loaded from and a PIN read, the database must not say.
    vault_bench_tamper(url, "UPDATE signing_keys SET place = 'token', uri = 'pkcs11:object=x?module-path=/tmp/x.so' "
                            "WHERE name = 'lamp'");
    assert_refused(ss_vault_signing_key_open(vault, "lamp", NULL, NULL, NULL, &key, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "kept without module and PIN");
    ss_vault_close(vault);
}

// What a product says is burned into chips.
static void a_product_is_what_it_was(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE products SET public_key_1 = 'another key'",
        "UPDATE products SET public_key_2 = 'one more'",
        "UPDATE products SET secure_boot = 'v2'",
        "UPDATE products SET sign_key = 'mine'",
        "UPDATE products SET table_address = 36864",
        "UPDATE products SET per_device_keys = 1",
        "UPDATE products SET flash_size = 1",
        "UPDATE products SET chip = 'esp32s3'",
        "DELETE FROM secrets WHERE kind = 'product'",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const char *url;
        struct ss_error err = {0};
        struct ss_vault_product product;
        struct ss_vault_report report;
        struct ss_vault *vault = vault_bench_create(&url);
        struct ss_vault_device device = {.id = "d2", .product = "lamp", .mac = {2, 0, 0, 0, 9, 9}, .crypt_config = 15};
        vault_bench_fill(vault, 1);
        assert_ok(ss_vault_product_get(vault, "lamp", &product, &err), err);
        vault_bench_tamper(url, changes[i]);
        assert_refused(ss_vault_product_get(vault, "lamp", &product, &err), SS_ERROR_DATA_CORRUPT, &err,
                       "product lamp was changed outside of the vault");
        assert_string_equal(product.name, "");
        assert_refused(ss_vault_check(vault, &report, &err), SS_ERROR_DATA_CORRUPT, &err, "product lamp");
        assert_refused(ss_vault_device_add(vault, &device, &err), SS_ERROR_DATA_CORRUPT, &err, "product lamp");
        ss_vault_close(vault);
    }
}

static void text_is_never_part_of_a_statement(void **state)
{
    (void)state;
    static const char evil[] = "'; DELETE FROM devices; --";
    const char *url;
    char value[64];
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    struct ss_vault_device device;
    vault_bench_fill(vault, 1);
    assert_ok(ss_vault_device_set_fact(vault, "d1", "note", evil, &err), err);
    assert_ok(ss_vault_device_fact(vault, "d1", "note", value, sizeof value, &err), err);
    assert_string_equal(value, evil);
    assert_ok(ss_vault_device_set_state(vault, "d1", SS_VAULT_DEVICE_LOST, NULL, evil, &err), err);
    assert_refused(ss_vault_device_get(vault, evil, &device, &err), SS_ERROR_DOES_NOT_EXIST, &err, "");
    assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM devices"), 1);
    ss_vault_close(vault);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_new_goes_under_an_old_key), cmocka_unit_test(two_rewraps_at_once),
        cmocka_unit_test(an_old_record_does_not_come_back),  cmocka_unit_test(the_vault_key_makes_no_signing_keys),
        cmocka_unit_test(signing_keys_are_what_they_were),   cmocka_unit_test(a_product_is_what_it_was),
        cmocka_unit_test(text_is_never_part_of_a_statement),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
