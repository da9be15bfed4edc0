// SPDX-License-Identifier: Apache-2.0
// Flash keys, the journal and the audit log.
#include "support/unit.h"
#include "support/vault_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/audit.h"
#include "vault/flash_key.h"
#include "vault/journal.h"
#include "vault/sql.h"

static const uint8_t sample_key[32] = {0x8b, 0x13, 0x44, 0x07, 0xc9, 0x5e, 0x21, 0xfa, 0x02, 0x9d, 0x6b,
                                       0xe0, 0x35, 0x78, 0xd1, 0x4c, 0xaf, 0x66, 0x10, 0xb7, 0x3a, 0xee,
                                       0x59, 0x84, 0x2f, 0xc3, 0x90, 0x7d, 0x18, 0xe4, 0x51, 0xbd};

struct audit_text {
    char text[4096];
};

static ss_status_t collect(void *context, const struct ss_vault_audit_record *r, struct ss_error *err)
{
    struct audit_text *t = context;
    size_t len = strlen(t->text);
    (void)err;
    assert_string_equal(r->actor, "tester");
    snprintf(t->text + len, sizeof t->text - len, "%lld %s %s (%s)\n", (long long)r->number, r->action, r->subject,
             r->detail);
    return SS_OK;
}

static void assert_audit(struct ss_vault *vault, int64_t from, const char *expected)
{
    struct audit_text t = {""};
    struct ss_error err = {0};
    assert_ok(ss_vault_audit_read(vault, from, collect, &t, &err), err);
    assert_string_equal(t.text, expected);
    assert_ok(ss_vault_audit_verify(vault, NULL, NULL, &err), err);
}

static void test_generate_and_use(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    struct ss_vault_flash_key key, again, other;
    struct ss_vault_device device;
    vault_bench_fill(vault, 2);
    assert_ok(ss_vault_flash_key_generate(vault, "d1", 32, &err), err);
    assert_ok(ss_vault_flash_key_generate(vault, "d2", 24, &err), err);
    assert_ok(ss_vault_device_get(vault, "d1", &device, &err), err);
    assert_int_equal(device.flash_key, SS_VAULT_FLASH_KEY_PRESENT);
    assert_ok(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_SEAL, "v1.2 for ota_1", &key, &err), err);
    assert_int_equal(key.len, 32);
    ss_vault_close(vault);

    vault = vault_bench_open(url);
    assert_ok(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_BURN, NULL, &again, &err), err);
    assert_memory_equal(&key, &again, sizeof key);
    assert_ok(ss_vault_flash_key(vault, "d2", SS_VAULT_FOR_REHEARSE, NULL, &other, &err), err);
    assert_int_equal(other.len, 24);
    assert_memory_not_equal(key.bytes, other.bytes, 24);
    assert_audit(vault, 1,
                 "1 create vault ()\n2 generate d1 (flash key)\n3 generate d2 (flash key)\n"
                 "4 unwrap d1 (for seal: v1.2 for ota_1)\n5 unwrap d1 (for burn)\n6 unwrap d2 (for rehearse)\n");
    assert_ok(ss_vault_flash_key_matches(vault, "d1", key.bytes, key.len, &err), err);
    assert_refused(ss_vault_flash_key_matches(vault, "d2", key.bytes, key.len, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "not the flash key that the vault has of device d2");
    ss_vault_flash_key_wipe(&key);
    assert_int_equal(key.len, 0);
    ss_vault_close(vault);
}

static void test_key_refusals(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    struct ss_vault_flash_key key;
    uint8_t weak[32];
    vault_bench_fill(vault, 2);
    assert_refused(ss_vault_flash_key_generate(vault, "d1", 64, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "ESP32 takes no flash key of 64 bytes");
    assert_refused(ss_vault_flash_key_generate(vault, "d1", 65, &err), SS_ERROR_INVALID_ARGUMENT, &err, "65 bytes");
    assert_refused(ss_vault_flash_key_generate(vault, "d9", 32, &err), SS_ERROR_DOES_NOT_EXIST, &err, "no device d9");
    assert_refused(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_SEAL, NULL, &key, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "no flash key of device d1");
    assert_refused(ss_vault_flash_key_matches(vault, "d1", sample_key, 32, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "no flash key of device d1");
    assert_ok(ss_vault_flash_key_import(vault, "d1", sample_key, 32, "d1.bin", &err), err);
    assert_refused(ss_vault_flash_key_import(vault, "d1", sample_key, 32, NULL, &err), SS_ERROR_ALREADY_EXISTS, &err,
                   "never replaced");
    assert_refused(ss_vault_flash_key_import(vault, "d2", sample_key, 32, NULL, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "the flash key of device d1");
    for (unsigned i = 0; i < 32; i++)
        weak[i] = (uint8_t)(i % 16);
    assert_refused(ss_vault_flash_key_import(vault, "d2", weak, 32, NULL, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "repeats or counts");
    assert_audit(vault, 2, "2 import d1 (d1.bin)\n");
    ss_vault_close(vault);
}

static void test_weak_keys(void **state)
{
    (void)state;
    uint8_t key[64];
    for (unsigned step = 0; step < 256; step++) {
        for (unsigned i = 0; i < 32; i++)
            key[i] = (uint8_t)(7 + step * i);
        assert_true(ss_vault_flash_key_is_weak(key, 32));
    }
    for (size_t period = 1; period <= 32; period *= 2) {
        for (size_t i = 0; i < 64; i++)
            key[i] = sample_key[i % period];
        assert_true(ss_vault_flash_key_is_weak(key, 64));
        assert_true(ss_vault_flash_key_is_weak(key, 32) == (period < 32));
        key[63] ^= 1;
        assert_false(period > 1 && ss_vault_flash_key_is_weak(key, 64));
    }
    assert_false(ss_vault_flash_key_is_weak(sample_key, 32));
    assert_false(ss_vault_flash_key_is_weak(sample_key, 24));
    assert_false(ss_vault_flash_key_is_weak(sample_key, 16));
}

static void test_states_forbid_sealing(void **state)
{
    (void)state;
    static const enum ss_vault_device_state gone[] = {SS_VAULT_DEVICE_REPLACED, SS_VAULT_DEVICE_REVOKED,
                                                      SS_VAULT_DEVICE_LOST, SS_VAULT_DEVICE_RETURNED};
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    struct ss_vault_flash_key key;
    static const struct ss_vault_flash_key nothing;
    vault_bench_fill(vault, 2);
    assert_ok(ss_vault_flash_key_import(vault, "d1", sample_key, 32, NULL, &err), err);
    for (size_t i = 0; i < 4; i++) {
        assert_ok(ss_vault_device_set_state(vault, "d1", gone[i], gone[i] == SS_VAULT_DEVICE_REPLACED ? "d2" : NULL,
                                            NULL, &err),
                  err);
        assert_refused(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_SEAL, NULL, &key, &err), SS_ERROR_NOT_PERMITTED,
                       &err, "nothing is sealed for it any more");
        assert_memory_equal(&key, &nothing, sizeof key);
        assert_ok(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_UNSEAL, NULL, &key, &err), err);
    }
    assert_ok(ss_vault_device_set_state(vault, "d1", SS_VAULT_DEVICE_PROVISIONED, NULL, "found again", &err), err);
    assert_ok(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_SEAL, NULL, &key, &err), err);
    ss_vault_close(vault);
}

static void test_export_and_forget(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    struct ss_vault_flash_key key;
    vault_bench_fill(vault, 2);
    assert_ok(ss_vault_flash_key_import(vault, "d1", sample_key, 32, NULL, &err), err);
    assert_refused(ss_vault_flash_key_export(vault, "d1", NULL, NULL, &key, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "not confirmed with the id of device d1");
    assert_refused(ss_vault_flash_key_export(vault, "d1", "d2", NULL, &key, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "not confirmed");
    assert_ok(ss_vault_flash_key_export(vault, "d1", "d1", "to d1.key", &key, &err), err);
    assert_memory_equal(key.bytes, sample_key, 32);
    assert_refused(ss_vault_flash_key_forget(vault, "d1", "d", NULL, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "not confirmed");
    assert_ok(ss_vault_flash_key_forget(vault, "d1", "d1", "scrapped", &err), err);
    assert_refused(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_UNSEAL, NULL, &key, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "was forgotten");
    assert_refused(ss_vault_flash_key_import(vault, "d1", sample_key, 32, NULL, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "was forgotten");
    assert_refused(ss_vault_flash_key_import(vault, "d2", sample_key, 32, NULL, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "device d1");
    assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM secrets WHERE kind = 'flash-key'"), 0);
    assert_audit(vault, 2, "2 import d1 (flash key)\n3 export d1 (to d1.key)\n4 forget d1 (scrapped)\n");
    ss_vault_close(vault);
}

// What was forgotten must not be in the file any more: neither the wrapped key nor what was encrypted under it.
static void test_forgotten_is_gone_from_the_file(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    uint8_t wrapped[60];
    if (!vault_bench_is_sqlite())
        skip();
    struct ss_vault *vault = vault_bench_create(&url);
    vault_bench_fill(vault, 1);
    assert_ok(ss_vault_flash_key_import(vault, "d1", sample_key, 32, NULL, &err), err);
    for (unsigned i = 0; i < sizeof wrapped; i++) {
        char query[128];
        snprintf(query, sizeof query, "SELECT unicode(substr(hex(wrapped), %u, 1)) FROM secrets WHERE owner = 'd1'",
                 2 * i + 1);
        long long high = vault_bench_number(url, query);
        snprintf(query, sizeof query, "SELECT unicode(substr(hex(wrapped), %u, 1)) FROM secrets WHERE owner = 'd1'",
                 2 * i + 2);
        long long low = vault_bench_number(url, query);
        wrapped[i] =
            (uint8_t)((high > '9' ? high - 'A' + 10 : high - '0') << 4 | (low > '9' ? low - 'A' + 10 : low - '0'));
    }
    for (int forgotten = 0; forgotten < 2; forgotten++) {
        static uint8_t content[1 << 20];
        size_t len = 0;
        const char *suffixes[] = {"", "-wal"};
        for (int i = 0; i < 2; i++) {
            char path[256];
            snprintf(path, sizeof path, "%s%s", url + strlen("sqlite:"), suffixes[i]);
            FILE *f = fopen(path, "rb");
            assert_non_null(f);
            len += fread(content + len, 1, sizeof content - len, f);
            fclose(f);
        }
        assert_true(len < sizeof content);
        assert_true((memmem(content, len, wrapped, sizeof wrapped) == NULL) == forgotten);
        if (!forgotten)
            assert_ok(ss_vault_flash_key_forget(vault, "d1", "d1", NULL, &err), err);
    }
    ss_vault_close(vault);
}

// Somebody is reading meanwhile: the key is forgotten, and that its old bytes are not gone yet is said.
static void test_forgotten_while_others_read(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    struct ss_vault_options options = vault_bench_options();
    struct ss_vault *vault;
    struct ss_vault_device device;
    struct ss_sql *reader;
    struct ss_sql_rows *rows;
    bool row;
    if (!vault_bench_is_sqlite())
        skip();
    ss_vault_close(vault_bench_create(&url));
    options.busy_ms = 20;
    assert_ok(ss_vault_open(url, &options, &vault, &err), err);
    vault_bench_fill(vault, 1);
    assert_ok(ss_vault_flash_key_generate(vault, "d1", 32, &err), err);
    assert_ok(ss_sql_open(url, &ss_sql_vault, false, 0, &reader, &err), err);
    assert_ok(ss_sql_begin(reader, SS_SQL_READ, &err), err);
    assert_ok(ss_sql_query(reader, "SELECT id FROM devices", NULL, 0, &rows, &err), err);
    assert_ok(ss_sql_next(rows, &row, &err), err);
    assert_refused(ss_vault_flash_key_forget(vault, "d1", "d1", NULL, &err), SS_ERROR_IO, &err,
                   "another program is reading");
    assert_ok(ss_vault_device_get(vault, "d1", &device, &err), err);
    assert_int_equal(device.flash_key, SS_VAULT_FLASH_KEY_FORGOTTEN);
    ss_sql_end(rows);
    ss_sql_close(reader);
    ss_vault_close(vault);
}

// One who can write the database, but has no key: every mix-up of records is found when it is used.
static void test_tampered_secrets(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "UPDATE secrets SET wrapped = (SELECT wrapped FROM secrets WHERE owner = 'd2'), content = (SELECT content "
        "FROM "
        "secrets WHERE owner = 'd2') WHERE owner = 'd1'",
        "UPDATE secrets SET content = (SELECT content FROM secrets WHERE owner = 'd2') WHERE owner = 'd1'",
        "UPDATE secrets SET wrapped = (SELECT wrapped FROM secrets WHERE owner = 'd2') WHERE owner = 'd1'",
        "UPDATE secrets SET bound = 'esp32s3' WHERE owner = 'd1'; UPDATE devices SET chip = 'esp32s3' WHERE id = 'd1'",
        "UPDATE secrets SET content = '' WHERE owner = 'd1'",
        "UPDATE secrets SET wrapped = '' WHERE owner = 'd1'",
    };
    const char *url;
    struct ss_error err = {0};
    struct ss_vault_flash_key key;
    struct ss_vault *vault = vault_bench_create(&url);
    vault_bench_fill(vault, 2);
    assert_ok(ss_vault_flash_key_generate(vault, "d1", 32, &err), err);
    assert_ok(ss_vault_flash_key_generate(vault, "d2", 32, &err), err);
    vault_bench_tamper(url, "CREATE TABLE kept AS SELECT * FROM secrets");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vault_bench_tamper(url, cases[i]);
        assert_int_equal(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_SEAL, NULL, &key, &err), SS_ERROR_DATA_CORRUPT);
        assert_ok(ss_vault_flash_key(vault, "d2", SS_VAULT_FOR_SEAL, NULL, &key, &err), err);
        vault_bench_tamper(url, "DELETE FROM secrets; INSERT INTO secrets SELECT * FROM kept;"
                                "UPDATE devices SET chip = 'esp32'");
        assert_ok(ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_SEAL, NULL, &key, &err), err);
    }
    ss_vault_close(vault);
}

// The journal

static ss_status_t collect_entry(void *context, const struct ss_vault_journal_entry *e, struct ss_error *err)
{
    char *text = context;
    (void)err;
    assert_true(e->time > 1700000000);
    assert_string_equal(e->actor, "tester");
    sprintf(text + strlen(text), "%s/%s/%s/%s/%s\n", e->device, e->run, e->step, ss_vault_phase_name(e->phase),
            e->detail);
    return SS_OK;
}

static void test_journal(void **state)
{
    (void)state;
    const char *url;
    char text[1024] = "";
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    assert_ok(ss_vault_journal_append(vault, "d1", "r1", "key", SS_VAULT_PHASE_BEGIN, NULL, &err), err);
    assert_ok(ss_vault_journal_append(vault, "d2", "r1", "key", SS_VAULT_PHASE_BEGIN, "other", &err), err);
    assert_ok(ss_vault_journal_append(vault, "d1", "r1", "key", SS_VAULT_PHASE_FAILED, "cable, \"pulled\"", &err), err);
    assert_ok(ss_vault_journal_append(vault, "d1", "r2", "key", SS_VAULT_PHASE_DONE, "ok", &err), err);
    assert_ok(ss_vault_journal_append(vault, "d1", "r2", "crypt-cnt", SS_VAULT_PHASE_NOTE, "1", &err), err);
    ss_vault_close(vault);
    vault = vault_bench_open(url);
    assert_ok(ss_vault_journal_read(vault, "d1", NULL, collect_entry, text, &err), err);
    assert_string_equal(text, "d1/r1/key/begin/\nd1/r1/key/failed/cable, \"pulled\"\nd1/r2/key/done/ok\n"
                              "d1/r2/crypt-cnt/note/1\n");
    *text = '\0';
    assert_ok(ss_vault_journal_read(vault, "d1", "r2", collect_entry, text, &err), err);
    assert_string_equal(text, "d1/r2/key/done/ok\nd1/r2/crypt-cnt/note/1\n");
    *text = '\0';
    assert_ok(ss_vault_journal_read(vault, "d3", NULL, collect_entry, text, &err), err);
    assert_string_equal(text, "");

    assert_refused(ss_vault_journal_append(vault, "d 1", "r", "s", SS_VAULT_PHASE_DONE, NULL, &err),
                   SS_ERROR_INVALID_ARGUMENT, &err, "id of the device");
    assert_refused(ss_vault_journal_append(vault, "d1", "", "s", SS_VAULT_PHASE_DONE, NULL, &err),
                   SS_ERROR_INVALID_ARGUMENT, &err, "name of the run");
    assert_refused(ss_vault_journal_append(vault, "d1", "r", "s/", SS_VAULT_PHASE_DONE, NULL, &err),
                   SS_ERROR_INVALID_ARGUMENT, &err, "id of the step");
    char *big = malloc(SS_VAULT_DETAIL_MAX + 2);
    memset(big, 'x', SS_VAULT_DETAIL_MAX + 1);
    big[SS_VAULT_DETAIL_MAX + 1] = '\0';
    assert_refused(ss_vault_journal_append(vault, "d1", "r", "s", SS_VAULT_PHASE_DONE, big, &err),
                   SS_ERROR_INVALID_ARGUMENT, &err, "detail has 4097 bytes, at most 4096");
    big[SS_VAULT_DETAIL_MAX] = '\0';
    assert_ok(ss_vault_journal_append(vault, "d1", "r", "s", SS_VAULT_PHASE_DONE, big, &err), err);
    free(big);
    ss_vault_close(vault);
}

// The audit log

static void audit_some(struct ss_vault *vault)
{
    struct ss_error err = {0};
    for (int i = 2; i <= 70; i++) { // more than two pages, with the first record
        char subject[16];
        snprintf(subject, sizeof subject, "d%d", i);
        assert_ok(ss_vault_audit(vault, SS_AUDIT_SEAL, subject, "v1 for ota_0", &err), err);
    }
}

static void test_audit_finds_changes(void **state)
{
    (void)state;
    static const struct {
        const char *statement, *message;
        ss_status_t status;
    } cases[] = {
        {"UPDATE audit SET subject = 'd3' WHERE number = 40", "record 40 of the audit log was changed",
         SS_ERROR_DATA_CORRUPT},
        {"UPDATE audit SET time = time + 1 WHERE number = 1", "record 1 of the audit log was changed",
         SS_ERROR_DATA_CORRUPT},
        {"DELETE FROM audit WHERE number = 33", "record 33 of the audit log is missing", SS_ERROR_DATA_CORRUPT},
        {"DELETE FROM audit WHERE number = 1", "record 1 of the audit log is missing", SS_ERROR_DATA_CORRUPT},
        {"DELETE FROM audit WHERE number > 60", "record 61 of the audit log is missing, and all behind it",
         SS_ERROR_DATA_CORRUPT},
        {"DELETE FROM audit", "record 1 of the audit log is missing", SS_ERROR_DATA_CORRUPT},
        {"UPDATE audit SET number = -1 WHERE number = 20; UPDATE audit SET number = 20 WHERE number = 21;"
         "UPDATE audit SET number = 21 WHERE number = -1",
         "record 20 of the audit log was changed", SS_ERROR_DATA_CORRUPT},
        {"INSERT INTO audit SELECT 71, time, actor, action, subject, detail, hash FROM audit WHERE number = 70",
         "record 71 of the audit log was changed", SS_ERROR_DATA_CORRUPT},
        {"UPDATE audit_head SET number = 69, hash = (SELECT hash FROM audit WHERE number = 69)",
         "record 70 of the audit log is not the one that the head names", SS_ERROR_DATA_CORRUPT},
        {"DELETE FROM audit WHERE number = 70;"
         "UPDATE audit_head SET number = 69, hash = (SELECT hash FROM audit WHERE number = 69)",
         "not signed", SS_ERROR_INVALID_SIGNATURE},
        {"DELETE FROM audit_head", "record 70 of the audit log is not the one", SS_ERROR_DATA_CORRUPT},
        {"DELETE FROM audit; DELETE FROM audit_head", "not signed", SS_ERROR_INVALID_SIGNATURE},
    };
    const char *url;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    audit_some(vault);
    vault_bench_tamper(url, "CREATE TABLE log AS SELECT * FROM audit; CREATE TABLE kept AS SELECT * FROM audit_head");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(ss_vault_audit_verify(vault, NULL, NULL, &err), err);
        vault_bench_tamper(url, cases[i].statement);
        assert_refused(ss_vault_audit_verify(vault, NULL, NULL, &err), cases[i].status, &err, cases[i].message);
        vault_bench_tamper(url, "DELETE FROM audit; INSERT INTO audit SELECT * FROM log;"
                                "DELETE FROM audit_head; INSERT INTO audit_head SELECT * FROM kept");
    }
    ss_vault_close(vault);
}

// Cut back to an older state with its own, genuine head: only a head that was kept elsewhere tells.
static void test_audit_known_head(void **state)
{
    (void)state;
    const char *url, *other_url;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url), *other = vault_bench_create(&other_url);
    struct ss_vault_audit_head early, late, head, foreign;
    char pem[SS_VAULT_PUBLIC_KEY_SIZE];
    audit_some(vault);
    assert_ok(ss_vault_audit_verify(vault, NULL, &early, &err), err);
    vault_bench_tamper(url, "CREATE TABLE kept AS SELECT * FROM audit_head");
    assert_ok(ss_vault_audit(vault, SS_AUDIT_BURN, "d1", NULL, &err), err);
    assert_ok(ss_vault_audit_verify(vault, &early, &late, &err), err);
    assert_int_equal(late.number, early.number + 1);

    assert_ok(ss_vault_audit_public_key(vault, pem, &err), err);
    assert_ok(ss_vault_audit_head_verify(&late, pem, &err), err);
    head = late;
    head.number--;
    assert_refused(ss_vault_audit_head_verify(&head, pem, &err), SS_ERROR_INVALID_SIGNATURE, &err, "not signed");
    assert_int_equal(ss_vault_audit_head_verify(&late, "no key", &err), SS_ERROR_DATA_INVALID);
    head = early;
    head.signature[5] ^= 1;
    assert_refused(ss_vault_audit_verify(vault, &head, NULL, &err), SS_ERROR_INVALID_SIGNATURE, &err, "not signed");
    assert_ok(ss_vault_audit_verify(other, NULL, &foreign, &err), err);
    assert_refused(ss_vault_audit_verify(vault, &foreign, NULL, &err), SS_ERROR_INVALID_ARGUMENT, &err, "another");

    vault_bench_tamper(url, "DELETE FROM audit WHERE number > 70; DELETE FROM audit_head;"
                            "INSERT INTO audit_head SELECT * FROM kept");
    assert_ok(ss_vault_audit_verify(vault, NULL, NULL, &err), err);
    assert_refused(ss_vault_audit_verify(vault, &late, NULL, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "ends at record 70, before the head that was kept (71)");
    // And grown again, along another branch.
    assert_ok(ss_vault_audit(vault, SS_AUDIT_BURN, "d2", NULL, &err), err);
    assert_ok(ss_vault_audit_verify(vault, NULL, NULL, &err), err);
    assert_refused(ss_vault_audit_verify(vault, &late, NULL, &err), SS_ERROR_DATA_CORRUPT, &err,
                   "record 71 of the audit log is not the one of the head that was kept");
    ss_vault_close(vault);
    ss_vault_close(other);
}

static void test_audit_refusals(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    char big[SS_VAULT_AUDIT_DETAIL_MAX + 2];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_refused(ss_vault_audit(vault, SS_AUDIT_SEAL, "d1", big, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "detail has 1025 bytes");
    assert_refused(ss_vault_audit(vault, SS_AUDIT_SEAL, big, NULL, &err), SS_ERROR_INVALID_ARGUMENT, &err, "subject");
    assert_refused(ss_vault_audit(vault, SS_AUDIT_SEAL, "d\xff", NULL, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "not UTF-8");
    assert_audit(vault, 2, "");
    ss_vault_close(vault);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate_and_use),
        cmocka_unit_test(test_key_refusals),
        cmocka_unit_test(test_weak_keys),
        cmocka_unit_test(test_states_forbid_sealing),
        cmocka_unit_test(test_export_and_forget),
        cmocka_unit_test(test_forgotten_is_gone_from_the_file),
        cmocka_unit_test(test_forgotten_while_others_read),
        cmocka_unit_test(test_tampered_secrets),
        cmocka_unit_test(test_journal),
        cmocka_unit_test(test_audit_finds_changes),
        cmocka_unit_test(test_audit_known_head),
        cmocka_unit_test(test_audit_refusals),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
