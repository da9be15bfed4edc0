// SPDX-License-Identifier: Apache-2.0
// kill -9 at every fault point of the vault, and several processes at once.
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/crypto.h"
#include "vault/audit.h"
#include "vault/backup.h"
#include "vault/check.h"
#include "vault/delivery.h"
#include "vault/fault.h"
#include "vault/flash_key.h"
#include "vault/floor.h"
#include "vault/journal.h"
#include "vault/personal.h"
#include "vault/quota.h"
#include "vault/release.h"
#include "vault/rewrap.h"
#include "vault/signing.h"
#include "vault/sql.h"

static char fatal[80]; // the point to die at
static unsigned countdown;
static const char *slow; // the point to dawdle at

void ss_fault_point(const char *name)
{
    if (slow && !strcmp(name, slow))
        usleep(30000);
    if (!strcmp(name, fatal) && --countdown == 0)
        kill(getpid(), SIGKILL);
}

static char new_key[160];

static struct ss_vault_options full_options(void)
{
    struct ss_vault_options options = vault_bench_options();
    options.signing_key = options.key;
    return options;
}

// The things a vault does, each one transaction.

typedef ss_status_t (*act_fn)(struct ss_vault *vault, struct ss_error *err);

static ss_status_t add_product(struct ss_vault *vault, struct ss_error *err)
{
    struct ss_vault_product product;
    ss_status_t status = ss_vault_product_get(vault, "lamp", &product, err);
    strcpy(product.name, "second");
    return status == SS_OK ? ss_vault_product_add(vault, &product, err) : status;
}

static ss_status_t add_device(struct ss_vault *vault, struct ss_error *err)
{
    struct ss_vault_device device = {.id = "new", .product = "lamp", .mac = {2, 9, 9, 9, 9, 9}};
    return ss_vault_device_add(vault, &device, err);
}

static ss_status_t update_device(struct ss_vault *vault, struct ss_error *err)
{
    struct ss_vault_device device = {.id = "d1", .chip_revision = 101};
    return ss_vault_device_update(vault, &device, err);
}

static ss_status_t set_state(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_device_set_state(vault, "d2", SS_VAULT_DEVICE_LOST, NULL, NULL, err);
}

static ss_status_t set_fact(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_device_set_fact(vault, "d1", "label", "7", err);
}

static ss_status_t new_flash_key(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_flash_key_generate(vault, "d1", 32, err);
}

static ss_status_t import_key(struct ss_vault *vault, struct ss_error *err)
{
    static const uint8_t key[32] = "an example of 32 bytes in a row";
    return ss_vault_flash_key_import(vault, "d2", key, sizeof key, NULL, err);
}

static ss_status_t use_key(struct ss_vault *vault, struct ss_error *err)
{
    struct ss_vault_flash_key key;
    return ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_SEAL, NULL, &key, err);
}

static ss_status_t export_key(struct ss_vault *vault, struct ss_error *err)
{
    struct ss_vault_flash_key key;
    return ss_vault_flash_key_export(vault, "d1", "d1", NULL, &key, err);
}

static ss_status_t forget_key(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_flash_key_forget(vault, "d2", "d2", NULL, err);
}

static ss_status_t write_journal(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_journal_append(vault, "d1", "r", "s", SS_VAULT_PHASE_DONE, "", err);
}

static ss_status_t audit(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_audit(vault, SS_AUDIT_BURN, "d1", NULL, err);
}

static ss_status_t set_quota(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_quota_set(vault, "s1", 5, err);
}

static ss_status_t take_quota(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_quota_take(vault, "s1", "d1", err);
}

static ss_status_t first_article(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_first_article_set(vault, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "d1",
                                      err);
}

static ss_status_t new_signing_key(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_signing_key_generate(vault, "k1", SS_KEY_P256, err);
}

static ss_status_t refer_signing_key(struct ss_vault *vault, struct ss_error *err)
{
    ss_signing_key_t *key = NULL;
    ss_status_t status = ss_signing_key_generate(SS_KEY_P256, &key, err);
    if (status == SS_OK)
        status = ss_vault_signing_key_refer(vault, "k2", key, NULL, err);
    ss_signing_key_free(key);
    return status;
}

static ss_status_t use_signing_key(struct ss_vault *vault, struct ss_error *err)
{
    ss_signing_key_t *key;
    ss_status_t status = ss_vault_signing_key_open(vault, "k1", NULL, NULL, NULL, &key, err);
    ss_signing_key_free(key);
    return status;
}

static ss_status_t backup(struct ss_vault *vault, struct ss_error *err)
{
    static unsigned n;
    char name[32];
    snprintf(name, sizeof name, "%d-%u.backup", (int)getpid(), n++);
    return ss_vault_backup(vault, vault_bench_path(name), err);
}

static ss_status_t add_release(struct ss_vault *vault, struct ss_error *err)
{
    static uint8_t image[70000];
    struct ss_vault_release release = {.product = "lamp", .version = "1.0", .length = sizeof image};
    struct sample_statement statement;
    sample_statement(SS_STATEMENT_RELEASE, &statement);
    memcpy(release.statement, statement.bytes, statement.len);
    release.statement_len = statement.len;
    return ss_vault_release_add(vault, &release, image, err);
}

static ss_status_t use_release(struct ss_vault *vault, struct ss_error *err)
{
    struct ss_vault_image *image;
    ss_status_t status = ss_vault_image_open(vault, "lamp", "1.0", NULL, &image, err);
    ss_vault_image_close(image);
    return status;
}

static ss_status_t begin_delivery(struct ss_vault *vault, struct ss_error *err)
{
    struct ss_vault_sealing item = {.id = {"d1", "1.0", 0x160000}, .epoch = 1, .with_key = true};
    ss_status_t status = ss_vault_delivery_begin(vault, &item, 1, err);
    return status == SS_OK ? item.status : status;
}

static ss_status_t put_delivery(struct ss_vault *vault, struct ss_error *err)
{
    const struct ss_vault_accepted none = {0};
    struct ss_vault_delivery delivery = {.id = {"d1", "1.0", 0x160000},
                                         .length = 16,
                                         .window = 4096,
                                         .windows = 1,
                                         .epoch = 1,
                                         .sequence = 1,
                                         .statement = "signed",
                                         .statement_len = 6};
    return ss_vault_delivery_put(vault, &delivery, &none, 1, err);
}

static ss_status_t personalize(struct ss_vault *vault, struct ss_error *err)
{
    const struct ss_vault_signature signature = {
        .product = "lamp", .version = "1.0", .device = "d1", .trailer = "signature", .trailer_len = 9};
    return ss_vault_signature_put(vault, &signature, err);
}

static ss_status_t set_floor(struct ss_vault *vault, struct ss_error *err)
{
    return ss_vault_floor_set(vault, "lamp", "1.0", err);
}

static const struct {
    const char *name;
    act_fn act;
} acts[] = {
    {"product-add", add_product},
    {"device-add", add_device},
    {"device-update", update_device},
    {"device-fact", set_fact},
    {"flash-key-new", new_flash_key},
    {"flash-key-import", import_key},
    {"flash-key-use", use_key},
    {"flash-key-export", export_key},
    {"flash-key-forget", forget_key},
    {"device-state", set_state},
    {"journal", write_journal},
    {"audit", audit},
    {"quota-set", set_quota},
    {"quota-take", take_quota},
    {"first-article", first_article},
    {"signing-key-new", new_signing_key},
    {"signing-key-refer", refer_signing_key},
    {"signing-key-use", use_signing_key},
    {"release-add", add_release},
    {"release-use", use_release},
    {"delivery-begin", begin_delivery},
    {"delivery-put", put_delivery},
    {"release-personal", personalize},
    {"release-floor", set_floor},
    {"backup", backup},
};
enum { ACTS = sizeof acts / sizeof *acts };

/// Those that have a test of their own below.
static const char *const others[] = {"create", "migrate", "rewrap-begin", "rewrap-batch", "rewrap-end", "restore"};

/// Everything that the database holds, as one hash.
static void digest_of(const char *url, uint8_t out[32])
{
    static const char *const queries[] = {"SELECT * FROM products ORDER BY name",
                                          "SELECT * FROM devices ORDER BY id",
                                          "SELECT * FROM facts ORDER BY device",
                                          "SELECT * FROM secrets ORDER BY kind, owner",
                                          "SELECT * FROM journal ORDER BY number",
                                          "SELECT * FROM audit ORDER BY number",
                                          "SELECT * FROM audit_head",
                                          "SELECT * FROM wrapping_keys ORDER BY ring, version",
                                          "SELECT * FROM signing_keys ORDER BY name",
                                          "SELECT * FROM quotas ORDER BY station",
                                          "SELECT * FROM quota_uses ORDER BY device",
                                          "SELECT * FROM first_articles ORDER BY recipe",
                                          "SELECT * FROM releases ORDER BY id",
                                          "SELECT * FROM release_chunks ORDER BY release, number",
                                          "SELECT * FROM deliveries ORDER BY device",
                                          "SELECT * FROM device_sequences ORDER BY device",
                                          "SELECT * FROM release_signatures ORDER BY device",
                                          "SELECT * FROM release_floors ORDER BY product",
                                          "SELECT * FROM device_changes ORDER BY number"};
    struct ss_sql *db;
    struct ss_error err = {0};
    struct ss_hash hash = {0};
    assert_int_equal(ss_hash_init(&hash, SS_HASH_SHA256), SS_OK);
    assert_ok(ss_sql_open(url, &ss_sql_vault, false, 0, &db, &err), err);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        static const unsigned columns[] = {12, 17, 3, 7, 8, 7, 4, 7, 6, 2, 3, 3, 8, 3, 11, 3, 5, 3, 2};
        struct ss_sql_rows *rows;
        bool row = true;
        assert_ok(ss_sql_query(db, queries[i], NULL, 0, &rows, &err), err);
        while (row) {
            assert_ok(ss_sql_next(rows, &row, &err), err);
            for (unsigned column = 0; row && column < columns[i]; column++) {
                struct ss_sql_value v = ss_sql_column(rows, column);
                assert_int_equal(ss_hash_update(&hash, &v.number, sizeof v.number), SS_OK);
                assert_int_equal(ss_hash_update(&hash, v.bytes ? v.bytes : "", v.len), SS_OK);
            }
        }
        ss_sql_end(rows);
    }
    ss_sql_close(db);
    assert_int_equal(ss_hash_finish(&hash, out), SS_OK);
}

/// In a child: opens the vault and acts. Returns how the child ended.
static int in_child(const char *url, act_fn act, const char *name, const char *when, unsigned n)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct ss_vault_options options = full_options();
        struct ss_vault *vault;
        struct ss_error err = {0};
        snprintf(fatal, sizeof fatal, "%s:%s", name, when);
        countdown = n;
        if (ss_vault_open(url, &options, &vault, &err) != SS_OK || act(vault, &err) != SS_OK) {
            fprintf(stderr, "%s: %s\n", name, err.message);
            _exit(1);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void assert_whole(const char *url)
{
    struct ss_vault_options options = full_options();
    struct ss_vault *vault;
    struct ss_vault_report report;
    struct ss_error err = {0};
    assert_ok(ss_vault_open(url, &options, &vault, &err), err);
    assert_ok(ss_vault_check(vault, &report, &err), err);
    assert_int_equal(report.locked, 0);
    ss_vault_close(vault);
}

static bool was_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static const char *make(void)
{
    static char url[256];
    struct ss_vault_options options = full_options();
    struct ss_vault *vault;
    struct ss_error err = {0};
    strcpy(url, vault_bench_new_url());
    assert_ok(ss_vault_create(url, &options, &vault, &err), err);
    vault_bench_fill(vault, 2);
    ss_vault_close(vault);
    return url;
}

// Before the commit nothing has happened, behind it everything.
static void test_killed_at_every_point(void **state)
{
    (void)state;
    const char *url = make();
    for (size_t i = 0; i < ACTS; i++) {
        static const char *const points[] = {"begin", "commit", "done"};
        uint8_t before[32], after[32];
        digest_of(url, before);
        for (int p = 0; p < 3; p++) {
            if (!was_killed(in_child(url, acts[i].act, acts[i].name, points[p], 1)))
                fail_msg("%s:%s is not reached", acts[i].name, points[p]);
            digest_of(url, after);
            if ((memcmp(before, after, sizeof after) == 0) != (p < 2))
                fail_msg("killed at %s:%s the vault is %s", acts[i].name, points[p], p < 2 ? "changed" : "unchanged");
        }
    }
    assert_whole(url);
}

static void test_killed_while_created(void **state)
{
    (void)state;
    static const char *const points[] = {"create:begin", "create:commit", "create:done"};
    for (int p = 0; p < 3; p++) {
        char url[256];
        int status;
        struct ss_vault_options options = full_options();
        struct ss_vault *vault;
        struct ss_error err = {0};
        strcpy(url, vault_bench_new_url());
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            strcpy(fatal, points[p]);
            countdown = 1;
            _exit(ss_vault_create(url, &options, &vault, &err) != SS_OK);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(was_killed(status));
        ss_status_t found = ss_vault_open(url, &options, &vault, &err);
        if (p < 2) {
            assert_int_equal(found, SS_ERROR_DOES_NOT_EXIST);
            assert_ok(ss_vault_create(url, &options, &vault, &err), err);
        } else {
            assert_ok(found, err);
        }
        ss_vault_close(vault);
        assert_whole(url);
    }
}

static void test_killed_while_restored(void **state)
{
    (void)state;
    static const char *const points[] = {"restore:begin", "restore:commit", "restore:done"};
    struct ss_vault_options options = full_options();
    struct ss_vault *vault;
    struct ss_error err = {0};
    char path[160], url[256];
    strcpy(path, vault_bench_path("kill.backup"));
    assert_ok(ss_vault_open(make(), &options, &vault, &err), err);
    assert_ok(ss_vault_backup(vault, path, &err), err);
    ss_vault_close(vault);
    strcpy(url, vault_bench_new_url());
    for (int p = 0; p < 3; p++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            strcpy(fatal, points[p]);
            countdown = 1;
            _exit(ss_vault_restore(url, &options, path, NULL, &err) != SS_OK);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(was_killed(status));
        if (p < 2)
            assert_int_equal(ss_vault_open(url, &options, &vault, &err), SS_ERROR_DOES_NOT_EXIST);
    }
    assert_whole(url);
}

/// A vault as version 1 of the layout left it.
static const char *make_old(void)
{
    const char *url = make();
    vault_bench_tamper(url, "DROP TABLE deliveries; DROP TABLE device_sequences; DROP TABLE release_signatures;"
                            "DROP TABLE release_floors; DROP TABLE device_changes;"
                            "DROP TABLE release_chunks; DROP TABLE releases; DROP TABLE quotas;"
                            "DROP TABLE quota_uses; DROP TABLE first_articles;"
                            "DROP TABLE signing_keys; DELETE FROM migrations WHERE version > 1");
    return url;
}

static ss_status_t nothing(struct ss_vault *vault, struct ss_error *err)
{
    (void)vault, (void)err;
    return SS_OK;
}

static void test_migration(void **state)
{
    (void)state;
    static const char *const points[] = {"begin", "commit", "done"};
    const char *url = make_old();
    for (int p = 0; p < 3; p++) {
        assert_true(was_killed(in_child(url, nothing, "migrate", points[p], 1)));
        assert_int_equal(vault_bench_number(url, "SELECT max(version) FROM migrations"),
                         p < 2 ? 1 : vault_bench_number(url, "SELECT count(*) FROM migrations"));
    }
    assert_true(vault_bench_number(url, "SELECT max(version) FROM migrations") >= 3);
    assert_whole(url);
    assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM devices"), 2);
}

// Rewrapping

static int rewrap_in_child(const char *url, const char *point, unsigned n)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct ss_vault_options options = full_options();
        struct ss_vault_rewrap rewrap = {.new_key = new_key, .new_signing_key = new_key};
        struct ss_error err = {0};
        strcpy(fatal, point);
        countdown = n;
        if (ss_vault_rewrap(url, &options, &rewrap, &err) != SS_OK) {
            fprintf(stderr, "%s\n", err.message);
            _exit(1);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void assert_rewrapped(const char *url)
{
    struct ss_vault_options options = full_options();
    struct ss_vault *vault;
    struct ss_vault_report report;
    struct ss_error err = {0};
    assert_refused(ss_vault_open(url, &options, &vault, &err), SS_ERROR_NOT_PERMITTED, &err, "version 2");
    options.key = options.signing_key = new_key;
    assert_ok(ss_vault_open(url, &options, &vault, &err), err);
    assert_ok(ss_vault_check(vault, &report, &err), err);
    assert_false(report.rewrap_unfinished);
    assert_int_equal(report.key_version, 2);
    ss_vault_close(vault);
    assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM secrets WHERE key_version <> 2"), 0);
    assert_int_equal(
        vault_bench_number(url, "SELECT count(*) FROM wrapping_keys WHERE state = 'retired' AND length(proof) = 0"), 2);
}

static void fill_more(const char *url)
{
    struct ss_vault_options options = full_options();
    struct ss_vault *vault;
    struct ss_error err = {0};
    assert_ok(ss_vault_open(url, &options, &vault, &err), err);
    for (unsigned i = 0; i < 100; i++) { // two batches
        struct ss_vault_device device = {.product = "lamp", .mac = {2, 0, 0, 0, 1, (uint8_t)i}};
        snprintf(device.id, sizeof device.id, "m%u", i);
        assert_ok(ss_vault_device_add(vault, &device, &err), err);
        assert_ok(ss_vault_flash_key_generate(vault, device.id, 32, &err), err);
    }
    assert_ok(ss_vault_signing_key_generate(vault, "k1", SS_KEY_P256, &err), err);
    ss_vault_close(vault);
}

static void test_rewrap_is_resumed(void **state)
{
    (void)state;
    static const struct {
        const char *point;
        unsigned n;
    } cases[] = {
        {"rewrap-begin:begin", 1},  {"rewrap-begin:commit", 1}, {"rewrap-begin:done", 1}, {"rewrap-batch:begin", 1},
        {"rewrap-batch:commit", 2}, {"rewrap-batch:done", 1},   {"rewrap-end:begin", 1},  {"rewrap-end:commit", 1},
    };
    snprintf(new_key, sizeof new_key, "file:%s", vault_bench_path("new.key"));
    // One rewrap that is cut again and again, each time a little later.
    const char *url = make();
    fill_more(url);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!was_killed(rewrap_in_child(url, cases[i].point, cases[i].n)) && cases[i].n == 1)
            fail_msg("%s is not reached", cases[i].point);
    int status = rewrap_in_child(url, "", 1);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_rewrapped(url);
}

static void test_rewrap_refusals(void **state)
{
    (void)state;
    const char *url = make();
    struct ss_vault_options options = full_options(), wrong = options;
    struct ss_vault_rewrap rewrap = {.new_key = options.key};
    struct ss_error err = {0};
    char other[160];
    assert_refused(ss_vault_rewrap(url, &options, &rewrap, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "the new key is the old one");
    snprintf(other, sizeof other, "file:%s", vault_bench_path("third.key"));
    wrong.key = other;
    FILE *f = fopen(other + 5, "w");
    assert_non_null(f);
    fputs("0123456789abcdef0123456789abcdef", f);
    fclose(f);
    assert_refused(ss_vault_rewrap(url, &wrong, &rewrap, &err), SS_ERROR_NOT_PERMITTED, &err, "mode 0");
    rewrap.new_key = NULL;
    rewrap.new_signing_key = other;
    options.signing_key = NULL;
    assert_refused(ss_vault_rewrap(url, &options, &rewrap, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "the old signing key is needed");
    assert_whole(url);
}

// A vault without a ring for signing keys can be given one.
static void test_rewrap_adds_signing_ring(void **state)
{
    (void)state;
    const char *url;
    struct ss_vault_options options = vault_bench_options();
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    struct ss_vault_rewrap rewrap = {.new_signing_key = options.key};
    assert_refused(ss_vault_signing_key_generate(vault, "k1", SS_KEY_P256, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "--signing-key");
    ss_vault_close(vault);
    assert_ok(ss_vault_rewrap(url, &options, &rewrap, &err), err);
    options.signing_key = options.key;
    assert_ok(ss_vault_open(url, &options, &vault, &err), err);
    assert_ok(ss_vault_signing_key_generate(vault, "k1", SS_KEY_P256, &err), err);
    ss_vault_close(vault);
    vault = vault_bench_open(url);
    ss_signing_key_t *key;
    assert_refused(ss_vault_signing_key_open(vault, "k1", NULL, NULL, NULL, &key, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "not open");
    assert_null(key);
    ss_vault_close(vault);
}

// Processes at once

enum { WRITERS = 4, ROUNDS = 12 };

static ss_status_t work(struct ss_vault *vault, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (int i = 0; i < ROUNDS && status == SS_OK; i++) {
        struct ss_vault_device device;
        status = ss_vault_journal_append(vault, "d1", "r", "s", SS_VAULT_PHASE_NOTE, NULL, err);
        if (status == SS_OK)
            status = ss_vault_audit(vault, SS_AUDIT_SEAL, "d1", NULL, err);
        if (status == SS_OK)
            status = ss_vault_quota_take(vault, "s1", i % 2 ? "even" : "odd", err);
        if (status == SS_OK)
            status = ss_vault_device_get(vault, "d1", &device, err);
        if (status == SS_OK)
            status = ss_vault_audit_verify(vault, NULL, NULL, err); // one picture, whatever the others do
    }
    return status;
}

static void test_processes_at_once(void **state)
{
    (void)state;
    const char *url = make();
    pid_t children[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            int status = in_child(url, work, "none", "none", 1);
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM journal"), WRITERS * ROUNDS);
    assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM audit WHERE action = 'seal'"), WRITERS * ROUNDS);
    assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM quota_uses"), 2);
    assert_whole(url);
}

/// Creates the vault at @p url, or opens it to write, once @p go is closed. Exits with the status.
static _Noreturn void create_in_child(const char *url, int go)
{
    struct ss_vault_options options = full_options();
    struct ss_vault *vault;
    struct ss_error err = {0};
    char byte;
    slow = "create:begin";
    (void)!read(go, &byte, 1);
    ss_status_t status = ss_vault_create(url, &options, &vault, &err);
    if (status != SS_OK && status != SS_ERROR_ALREADY_EXISTS)
        fprintf(stderr, "created at once: %s\n", err.message);
    _exit(-status);
}

/// On an empty database, all at once: one makes the vault, the others find it there and leave it as it is.
static void test_created_at_once(void **state)
{
    (void)state;
    (void)make(); // the key file is not what they quarrel about
    for (int round = 0; round < 3; round++) {
        char url[256];
        pid_t children[WRITERS];
        int go[2], made = 0;
        strcpy(url, vault_bench_new_url());
        assert_int_equal(pipe(go), 0);
        for (int i = 0; i < WRITERS; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0) {
                close(go[1]);
                create_in_child(url, go[0]);
            }
        }
        close(go[0]);
        close(go[1]);
        for (int i = 0; i < WRITERS; i++) {
            int status;
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_true(WIFEXITED(status));
            made += WEXITSTATUS(status) == 0;
            assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == -SS_ERROR_ALREADY_EXISTS);
        }
        assert_int_equal(made, 1);
        assert_whole(url);
    }
}

// A writer that holds the vault too long is reported, not waited for until doomsday.
static void test_busy(void **state)
{
    (void)state;
    const char *url = make();
    struct ss_vault_options options = full_options();
    struct ss_vault *vault;
    struct ss_sql *other;
    struct ss_error err = {0};
    options.busy_ms = 50;
    assert_ok(ss_vault_open(url, &options, &vault, &err), err);
    assert_ok(ss_sql_open(url, &ss_sql_vault, false, 0, &other, &err), err);
    assert_ok(ss_sql_begin(other, SS_SQL_WRITE, &err), err);
    assert_refused(audit(vault, &err), SS_ERROR_IO, &err, "another program has been writing to the vault for 50 ms");
    struct ss_vault_device device;
    assert_ok(ss_vault_device_get(vault, "d1", &device, &err), err); // readers never wait
    ss_sql_close(other);
    assert_ok(audit(vault, &err), err);
    ss_vault_close(vault);
}

// Every transaction is one of those above

static char *read_source(const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *text = calloc(1, 1 << 18);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 18) - 1, f) < (1 << 18) - 1);
    fclose(f);
    return text;
}

static bool is_known(const char *name, size_t len)
{
    for (size_t i = 0; i < ACTS; i++)
        if (strlen(acts[i].name) == len && !memcmp(acts[i].name, name, len))
            return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i]) == len && !memcmp(others[i], name, len))
            return true;
    return false;
}

/// The transactions in @p text, all of which must be known; returns their number.
static unsigned check_source(const char *path, const char *text)
{
    unsigned found = 0;
    bool own = strstr(path, "/transaction.c") || strstr(path, "/sql.c");
    if (!own && (strstr(text, "ss_sql_begin(") || strstr(text, "ss_sql_commit(")))
        fail_msg("%s has a transaction without a fault point", path);
    for (const char *p = text; !own && (p = strstr(p, "ss_vault_write")); p++) {
        const char *name = strchr(p, '"');
        size_t len = name ? strcspn(name + 1, "\"") : 0;
        if (!name || name - p > 80 || !is_known(name + 1, len))
            fail_msg("%s: no test kills at %.40s", path, name ? name : p);
        found++;
    }
    return found;
}

static void test_every_transaction_is_killed(void **state)
{
    (void)state;
    glob_t files;
    unsigned found = 0;
    assert_int_equal(glob(SS_SOURCE_DIR "/vault/*.c", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char *text = read_source(files.gl_pathv[i]);
        found += check_source(files.gl_pathv[i], text);
        free(text);
    }
    globfree(&files);
    assert_int_equal(found, ACTS + sizeof others / sizeof *others);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_every_point),
        cmocka_unit_test(test_killed_while_created),
        cmocka_unit_test(test_killed_while_restored),
        cmocka_unit_test(test_migration),
        cmocka_unit_test(test_rewrap_is_resumed),
        cmocka_unit_test(test_rewrap_refusals),
        cmocka_unit_test(test_rewrap_adds_signing_ring),
        cmocka_unit_test(test_processes_at_once),
        cmocka_unit_test(test_created_at_once),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_every_transaction_is_killed),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
