// SPDX-License-Identifier: Apache-2.0
// Backups: whole, restored on either back end, and every damage found.
#include "support/unit.h"
#include "support/vault_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/backup.h"
#include "vault/backup_format.h"
#include "vault/flash_key.h"
#include "vault/journal.h"
#include "vault/release.h"
#include "vault/signing.h"

static struct ss_vault_options full_options(void)
{
    struct ss_vault_options options = vault_bench_options();
    options.signing_key = options.key;
    return options;
}

/// A vault with something in every table.
static struct ss_vault *make(char url[256])
{
    struct ss_vault_options options = full_options();
    struct ss_vault *vault;
    struct ss_error err = {0};
    strcpy(url, vault_bench_new_url());
    assert_ok(ss_vault_create(url, &options, &vault, &err), err);
    vault_bench_fill(vault, 130); // three pages
    for (int i = 1; i < 6; i++) {
        char id[16];
        snprintf(id, sizeof id, "d%d", i);
        assert_ok(ss_vault_flash_key_generate(vault, id, 32, &err), err);
    }
    assert_ok(ss_vault_flash_key_forget(vault, "d5", "d5", NULL, &err), err);
    assert_ok(ss_vault_device_set_fact(vault, "d1", "label", "N° 1", &err), err);
    assert_ok(ss_vault_signing_key_generate(vault, "k1", SS_KEY_P256, &err), err);
    static uint8_t image[200000];
    const struct ss_vault_release release = {.product = "lamp", .version = "1.0", .length = sizeof image};
    assert_ok(ss_vault_release_add(vault, &release, image, &err), err);
    for (int i = 0; i < 70; i++)
        assert_ok(ss_vault_journal_append(vault, "d1", "r", "s", SS_VAULT_PHASE_NOTE, "x", &err), err);
    return vault;
}

/// Path of a new file of the bench; its own string.
static const char *new_path(void)
{
    static char paths[16][160];
    static unsigned next;
    char name[32];
    snprintf(name, sizeof name, "%u.backup", next);
    return strcpy(paths[next++ % 16], vault_bench_path(name));
}

static void flash_key_of(struct ss_vault *vault, const char *device, struct ss_vault_flash_key *key)
{
    struct ss_error err = {0};
    assert_ok(ss_vault_flash_key(vault, device, SS_VAULT_FOR_UNSEAL, NULL, key, &err), err);
}

static ss_status_t count_entry(void *context, const struct ss_vault_journal_entry *entry, struct ss_error *err)
{
    (void)entry, (void)err;
    ++*(int *)context;
    return SS_OK;
}

/// Restores @p path at @p url and compares with what make() made.
static void assert_restores(const char *path, const char *url, const struct ss_vault_flash_key *d1)
{
    struct ss_vault_options options = full_options();
    struct ss_vault_report report;
    struct ss_vault *vault;
    struct ss_vault_flash_key key;
    struct ss_vault_device device;
    ss_signing_key_t *signing;
    struct ss_error err = {0};
    char value[16];
    int entries = 0;
    assert_ok(ss_vault_restore(url, &options, path, &report, &err), err);
    assert_int_equal(report.devices, 130);
    assert_int_equal(report.releases, 1);
    assert_int_equal(report.locked, 0);
    assert_ok(ss_vault_open(url, &options, &vault, &err), err);
    flash_key_of(vault, "d1", &key);
    assert_memory_equal(&key, d1, sizeof key);
    assert_ok(ss_vault_device_get(vault, "d5", &device, &err), err);
    assert_int_equal(device.flash_key, SS_VAULT_FLASH_KEY_FORGOTTEN);
    assert_ok(ss_vault_device_fact(vault, "d1", "label", value, sizeof value, &err), err);
    assert_string_equal(value, "N° 1");
    assert_ok(ss_vault_signing_key_open(vault, "k1", NULL, NULL, NULL, &signing, &err), err);
    ss_signing_key_free(signing);
    // It goes on: new entries behind the old ones.
    assert_ok(ss_vault_journal_append(vault, "d1", "r", "s", SS_VAULT_PHASE_NOTE, "x", &err), err);
    assert_ok(ss_vault_journal_read(vault, "d1", NULL, count_entry, &entries, &err), err);
    assert_int_equal(entries, 71);
    assert_ok(ss_vault_check(vault, &report, &err), err);
    assert_refused(ss_vault_restore(url, &options, path, NULL, &err), SS_ERROR_ALREADY_EXISTS, &err, "not overwritten");
    ss_vault_close(vault);
}

static void test_backup_and_restore(void **state)
{
    (void)state;
    char url[256], file_url[192];
    struct ss_error err = {0};
    struct stat st;
    struct ss_vault_flash_key d1;
    struct ss_vault *vault = make(url);
    const char *path = new_path(), *second = new_path();
    flash_key_of(vault, "d1", &d1);
    assert_ok(ss_vault_backup(vault, path, &err), err);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_refused(ss_vault_backup(vault, path, &err), SS_ERROR_ALREADY_EXISTS, &err, "is not overwritten");
    assert_refused(ss_vault_backup(vault, "/nowhere/x", &err), SS_ERROR_IO, &err, "/nowhere/x");
    ss_vault_close(vault);

    assert_restores(path, vault_bench_new_url(), &d1);
    // Across the back ends, there and back: a backup of what was restored is as good.
    snprintf(file_url, sizeof file_url, "sqlite:%s.db", path);
    assert_restores(path, file_url, &d1);
    struct ss_vault_options options = full_options();
    assert_ok(ss_vault_open(file_url, &options, &vault, &err), err);
    assert_ok(ss_vault_backup(vault, second, &err), err);
    ss_vault_close(vault);
    strcpy(url, vault_bench_new_url());
    assert_ok(ss_vault_restore(url, &options, second, NULL, &err), err);
}

// Without the signing keys' wrapping key, and with wrong ones.
static void test_restore_keys(void **state)
{
    (void)state;
    char url[256], other[160];
    struct ss_error err = {0};
    struct ss_vault *vault = make(url);
    struct ss_vault_options options = vault_bench_options();
    struct ss_vault_report report;
    const char *path = new_path();
    assert_ok(ss_vault_backup(vault, path, &err), err);
    ss_vault_close(vault);
    assert_ok(ss_vault_restore(vault_bench_new_url(), &options, path, &report, &err), err);
    assert_int_equal(report.locked, 1);
    strcpy(url, vault_bench_new_url());
    snprintf(other, sizeof other, "file:%s", vault_bench_path("other.key"));
    options.key = other;
    assert_refused(ss_vault_restore(url, &options, path, NULL, &err), SS_ERROR_DOES_NOT_EXIST, &err, "other.key");
    struct ss_vault *made;
    assert_ok(ss_vault_create(vault_bench_new_url(), &options, &made, &err), err); // makes other.key
    ss_vault_close(made);
    strcpy(url, vault_bench_new_url());
    assert_refused(ss_vault_restore(url, &options, path, NULL, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "not the vault's key");
    // Nothing is left of what was refused.
    options = full_options();
    assert_ok(ss_vault_restore(url, &options, path, NULL, &err), err);
    assert_refused(ss_vault_restore(url, &options, "/nowhere/x", NULL, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "/nowhere");
}

static uint8_t *load(const char *path, size_t *len)
{
    uint8_t *content = malloc(1 << 20);
    FILE *f = fopen(path, "rb");
    assert_true(content && f);
    *len = fread(content, 1, 1 << 20, f);
    fclose(f);
    return content;
}

static void save(const char *path, const uint8_t *content, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

// Any bit: found before anything is stored. Any cut, too.
static void test_damage_is_found(void **state)
{
    (void)state;
    char url[256];
    size_t len;
    struct ss_error err = {0};
    struct ss_vault_options options = full_options();
    struct ss_vault *vault = make(url);
    const char *path = new_path(), *bad = new_path();
    assert_ok(ss_vault_backup(vault, path, &err), err);
    ss_vault_close(vault);
    strcpy(url, vault_bench_new_url());
    uint8_t *content = load(path, &len);
    for (size_t at = 0; at < len; at += at < 300 ? 7 : len / 40) {
        content[at] ^= 0x10;
        save(bad, content, len);
        content[at] ^= 0x10;
        ss_status_t status = ss_vault_restore(url, &options, bad, NULL, &err);
        if (status != SS_ERROR_DATA_CORRUPT && status != SS_ERROR_DATA_INVALID && status != SS_ERROR_NOT_SUPPORTED &&
            !(status == SS_ERROR_INVALID_SIGNATURE && at >= len - 64))
            fail_msg("byte %zu: %s (%s)", at, ss_status_name(status), err.message);
    }
    for (size_t cut = 0; cut < len; cut += cut < 100 ? 9 : len / 20) {
        save(bad, content, cut);
        assert_refused(ss_vault_restore(url, &options, bad, NULL, &err), SS_ERROR_DATA_CORRUPT, &err, "cut short");
    }
    save(bad, content, len + 1); // one byte that nobody wrote
    assert_refused(ss_vault_restore(url, &options, bad, NULL, &err), SS_ERROR_DATA_INVALID, &err, "follows its end");
    free(content);
    assert_ok(ss_vault_restore(url, &options, path, NULL, &err), err); // and still nothing is in the way
}

// Changed by one who can write the database and makes the backup look right: the vault's signature is missing. A record that
// was changed before the backup is found by decrypting it.
static void test_changed_before_backup(void **state)
{
    (void)state;
    char url[256];
    struct ss_error err = {0};
    struct ss_vault_options options = full_options();
    struct ss_vault *vault = make(url);
    const char *path = new_path();
    vault_bench_tamper(url, "UPDATE secrets SET content = (SELECT content FROM secrets WHERE owner = 'd1') "
                            "WHERE owner = 'd2'");
    assert_ok(ss_vault_backup(vault, path, &err), err);
    ss_vault_close(vault);
    assert_refused(ss_vault_restore(vault_bench_new_url(), &options, path, NULL, &err), SS_ERROR_DATA_CORRUPT, &err,
                   "the flash-key of d2 was changed outside of the vault");

    vault = make(url);
    path = new_path();
    vault_bench_tamper(url, "DELETE FROM audit WHERE number = 4");
    assert_ok(ss_vault_backup(vault, path, &err), err);
    ss_vault_close(vault);
    assert_refused(ss_vault_restore(vault_bench_new_url(), &options, path, NULL, &err), SS_ERROR_DATA_CORRUPT, &err,
                   "record 4 of the audit log is missing");

    vault = make(url);
    path = new_path();
    vault_bench_tamper(url, "DELETE FROM secrets WHERE owner = 'd3'");
    assert_ok(ss_vault_backup(vault, path, &err), err);
    ss_vault_close(vault);
    assert_refused(ss_vault_restore(vault_bench_new_url(), &options, path, NULL, &err), SS_ERROR_DATA_CORRUPT, &err,
                   "1 flash keys of devices are missing");
}

// A table that is added to the layout and forgotten here would be lost with the first restore.
static void test_every_table_is_in_it(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    struct ss_sql *db;
    struct ss_sql_rows *rows;
    bool row = true;
    ss_vault_close(vault_bench_create(&url));
    assert_ok(ss_sql_open(url, &ss_sql_vault, false, 0, &db, &err), err);
    assert_ok(ss_sql_query(db, db->driver->tables, NULL, 0, &rows, &err), err);
    while (row) {
        char name[64];
        const struct ss_backup_table *t = ss_backup_tables;
        assert_ok(ss_sql_next(rows, &row, &err), err);
        if (!row)
            break;
        ss_sql_column_text(rows, 0, name, sizeof name);
        while (t->name && strcmp(t->name, name) != 0)
            t++;
        if (!t->name && strcmp(name, "migrations") != 0)
            fail_msg("table %s is not in backups", name);
    }
    ss_sql_end(rows);
    ss_sql_close(db);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backup_and_restore),   cmocka_unit_test(test_restore_keys),
        cmocka_unit_test(test_damage_is_found),      cmocka_unit_test(test_changed_before_backup),
        cmocka_unit_test(test_every_table_is_in_it),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
