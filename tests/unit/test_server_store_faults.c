// SPDX-License-Identifier: Apache-2.0
// A server dies at every named point of its writes, with several threads at work; its database dies.
// What was acknowledged is there afterwards, and nothing is there twice.
#include "support/statement_sample.h"
#include "support/store_load.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/crypto.h"
#include "server/store_internal.h"
#include "vault/fault.h"

// The point of death; only in the process that is to die, or in ours for that of its database.
static const char *point;
static atomic_uint arrivals;
static unsigned deadly;
static bool kills_database;
static atomic_bool database_is_dead;
static bool slow; // dawdles where the tables are made

void ss_fault_point(const char *name)
{
    if (slow && !strcmp(name, "store-schema:begin"))
        usleep(30000);
    if (!point || strcmp(point, name) != 0 || atomic_fetch_add(&arrivals, 1) + 1 != deadly)
        return;
    if (!kills_database)
        kill(getpid(), SIGKILL);
    vault_bench_kill_server();
    atomic_store(&database_is_dead, true);
}

// Writes that the load does not make. Each is made for a number that was not there before, and judged by it.

struct act {
    const struct store_load *load;
    unsigned number;
    char name[SS_STORE_NAME_SIZE]; ///< unlike any other
    struct store_ack ack;
};

/// What the process that is to die asks for has to succeed.
static void must(ss_status_t status, const struct ss_error *err)
{
    if (status == SS_OK)
        return;
    fprintf(stderr, "%s: %s\n", ss_status_name(status), err->message);
    _exit(3);
}

static void name_of(char name[SS_STORE_NAME_SIZE], unsigned number)
{
    snprintf(name, SS_STORE_NAME_SIZE, "x%u", number);
}

static void do_devices(struct act *a)
{
    struct ss_error err = {0};
    struct ss_store_registration r = store_bench_device(a->name);
    must(ss_store_devices_put(a->load->store, &r, 1, &err), &err);
}

static void judge_devices(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    const struct ss_store_registration r = store_bench_device(name);
    (void)ack;
    assert_true(store_bench_get(store, name).registration.active);
    assert_memory_equal(store_bench_get(store, name).registration.credential_hash, r.credential_hash, 32);
}

static void do_ask(struct act *a)
{
    const struct ss_store_attribute told = {"slotseal.sequence", "1"};
    struct ss_error err = {0};
    do_devices(a);
    must(ss_store_attributes_put(a->load->store, a->name, SS_STORE_MERGE, &told, 1, &err), &err);
    must(ss_store_attributes_ask(a->load->store, a->name, &err), &err);
}

static void judge_ask(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    (void)ack;
    assert_true(store_bench_get(store, name).wants_attributes);
    assert_int_equal(store_bench_get(store, name).told.sequence, 1);
}

static void do_auto_confirm(struct act *a)
{
    struct ss_error err = {0};
    do_devices(a);
    must(ss_store_auto_confirm(a->load->store, a->name, true, "", "", &err), &err);
}

static void judge_auto_confirm(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    (void)ack;
    assert_true(store_bench_get(store, name).auto_confirm);
}

static void do_ca(struct act *a)
{
    const uint8_t der[] = {0x30, 0x04, 0x02, 0x02, (uint8_t)(a->number >> 8), (uint8_t)a->number};
    struct ss_error err = {0};
    uint8_t digest[32];
    must(ss_store_ca_put(a->load->store, der, sizeof der, digest, &err), &err);
    memcpy(a->ack.text, digest, sizeof digest);
}

static void judge_ca(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    struct ss_error err = {0};
    uint8_t digest[32], der[16];
    size_t len;
    (void)name;
    memcpy(digest, ack->text, sizeof digest);
    assert_ok(ss_store_ca_get(store, digest, der, sizeof der, &len, &err), err);
    assert_int_equal(der[5], ack->device & 0xff);
}

/// That a download began is nothing that anybody waits for; what the device tells behind it is.
static void do_download(struct act *a)
{
    const struct ss_store_assignment assignment = {
        .device = a->name, .release = a->load->releases[0], .operator_name = "ann"};
    struct ss_error err = {0};
    do_devices(a);
    must(ss_store_assign(a->load->store, &assignment, &a->ack.action, NULL, &err), &err);
    ss_store_action_downloading(a->load->store, a->name, a->ack.action, "ota_0.bin");
    must(store_bench_report(a->load->store, a->name, a->ack.action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                            SS_STORE_FINISHED_SUCCESS, &err),
         &err);
}

static void judge_download(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    (void)name;
    assert_string_equal(store_bench_history(store, ack->action), "running download finished");
}

static void do_freshness(struct act *a)
{
    const struct ss_store_freshness record = {a->name, a->number + 1, (const uint8_t *)"record", 6};
    struct ss_error err = {0};
    do_devices(a);
    must(ss_store_freshness_put(a->load->store, &record, 1, &err), &err);
}

static void judge_freshness(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    assert_int_equal(store_bench_get(store, name).freshness, ack->device + 1);
}

static void do_key_set(struct act *a)
{
    static const unsigned roots[] = {1, 2, 0};
    struct ss_key_set set = sample_key_set();
    struct sample_statement statement;
    struct ss_error err = {0};
    set.product = ss_span_of(a->name);
    sample_sign_key_set(&set, roots, &statement);
    must(ss_store_key_set_trust(a->load->store, statement.bytes, statement.len, NULL, &err), &err);
    set.version++;
    sample_sign_key_set(&set, roots, &statement);
    must(ss_store_key_set_put(a->load->store, statement.bytes, statement.len, NULL, &err), &err);
}

static void judge_key_set(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    struct ss_error err = {0};
    struct ss_store_product product;
    uint8_t statement[SS_KEY_SET_MAX];
    size_t len;
    (void)ack;
    assert_ok(ss_store_product_get(store, name, &product, &err), err);
    assert_int_equal(product.key_set, 2);
    assert_ok(ss_store_key_set_after(store, name, 1, statement, sizeof statement, &len, &err), err);
    assert_non_null(memmem(statement, len, name, strlen(name)));
}

static void do_operator(struct act *a)
{
    struct ss_error err = {0};
    must(ss_store_operator_add(a->load->store, a->name, a->ack.text, &err), &err);
}

static void judge_operator(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    char found[SS_STORE_NAME_SIZE];
    struct ss_error err = {0};
    assert_ok(ss_store_operator_find(store, ack->text, strlen(ack->text), found, &err), err);
    assert_string_equal(found, name);
}

static void do_product(struct act *a)
{
    struct ss_error err = {0};
    must(ss_store_product_add_opaque(a->load->store, a->name, &err), &err);
}

static void judge_product(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    struct ss_error err = {0};
    struct ss_store_product product;
    (void)ack;
    assert_ok(ss_store_product_get(store, name, &product, &err), err);
    assert_int_equal(product.kind, SS_STORE_OPAQUE);
}

static void do_register(struct act *a)
{
    struct ss_error err = {0};
    struct ss_store_registration r = store_bench_device(a->name);
    do_product(a);
    strcpy(r.product, a->name);
    must(ss_store_device_register(a->load->store, &r, &err), &err);
}

static void do_join(struct act *a)
{
    struct ss_error err = {0};
    struct ss_store_registration r = store_bench_device(a->name);
    bool joined;
    do_product(a);
    strcpy(r.product, a->name);
    must(ss_store_device_join(a->load->store, &r, &joined, &err), &err);
}

static int64_t do_upload(struct act *a, enum ss_store_kind kind)
{
    struct ss_store_upload u;
    struct ss_error err = {0};
    uint8_t digest[32];
    size_t len = strlen(a->name);
    must(ss_hash_once(SS_HASH_SHA256, a->name, len, digest), &err);
    must(ss_store_upload_begin(a->load->store, kind, len, digest, "ann", &u, &err), &err);
    must(ss_store_upload_append(a->load->store, u.id, 0, (const uint8_t *)a->name, len, &u, &err), &err);
    return u.id;
}

static void do_release_opaque(struct act *a)
{
    struct ss_error err = {0};
    struct ss_store_file file = {"a.bin", 0};
    do_product(a);
    file.upload = do_upload(a, SS_STORE_OPAQUE);
    must(ss_store_release_add_opaque(a->load->store, a->name, "1", &file, 1, "ann", &a->ack.value, &err), &err);
}

static void judge_release_opaque(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    struct ss_error err = {0};
    struct ss_store_artifact artifact;
    uint8_t bytes[SS_STORE_NAME_SIZE];
    size_t len;
    assert_ok(ss_store_artifact_get(store, ack->value, "a.bin", &artifact, &err), err);
    assert_ok(ss_store_blob_read(store, artifact.blob, 0, bytes, sizeof bytes, &len, &err), err);
    assert_int_equal(len, strlen(name));
    assert_memory_equal(bytes, name, len);
}

static void do_installed(struct act *a)
{
    struct ss_error err = {0};
    do_register(a);
    do_release_opaque(a);
    must(ss_store_installed_put(a->load->store, a->name, a->name, "1", NULL, &err), &err);
}

static void judge_installed(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    assert_int_equal(store_bench_get(store, name).installed.release, ack->value);
}

static struct ss_store_release release_of(const char *name)
{
    struct ss_store_release r = {.product = "lamp", .length = 1000, .digest = {1, 2, 3}};
    snprintf(r.version, sizeof r.version, "%s", name);
    r.statement_len = (size_t)snprintf((char *)r.statement, sizeof r.statement, "statement of %s", name);
    return r;
}

static void do_presealed_release(struct act *a)
{
    const struct ss_store_release fields = release_of(a->name);
    struct ss_error err = {0};
    must(ss_store_release_add_presealed(a->load->store, &fields, &a->ack.value, &err), &err);
}

static void judge_release(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    const struct ss_store_release fields = release_of(name);
    struct ss_error err = {0};
    struct ss_store_release r;
    assert_ok(ss_store_release_find(store, "lamp", name, &r, &err), err);
    assert_int_equal(r.id, ack->value);
    assert_memory_equal(r.statement, fields.statement, fields.statement_len);
}

static void do_revoke(struct act *a)
{
    struct ss_error err = {0};
    do_presealed_release(a);
    must(ss_store_release_revoke(a->load->store, a->ack.value, &err), &err);
}

static void judge_revoke(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    struct ss_error err = {0};
    struct ss_store_release r;
    (void)name;
    assert_ok(ss_store_release_get(store, ack->value, &r, &err), err);
    assert_int_equal(r.state, SS_STORE_RELEASE_REVOKED);
}

static void do_upload_accept(struct act *a)
{
    const struct ss_store_release fields = release_of(a->name);
    struct ss_error err = {0};
    a->ack.action = do_upload(a, SS_STORE_SEALED);
    must(ss_store_upload_accept(a->load->store, a->ack.action, &fields, &a->ack.value, &err), &err);
}

static void judge_upload_accept(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    struct ss_error err = {0};
    struct ss_store_upload u;
    judge_release(store, name, ack);
    assert_ok(ss_store_upload_get(store, ack->action, &u, &err), err);
    assert_int_equal(u.state, SS_STORE_UPLOAD_ACCEPTED);
    assert_int_equal(u.release, ack->value);
}

static void do_upload_refuse(struct act *a)
{
    struct ss_error err = {0};
    a->ack.action = do_upload(a, SS_STORE_SEALED);
    must(ss_store_upload_refuse(a->load->store, a->ack.action, a->name, &err), &err);
}

static void judge_upload_refuse(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    struct ss_error err = {0};
    struct ss_store_upload u;
    assert_ok(ss_store_upload_get(store, ack->action, &u, &err), err);
    assert_int_equal(u.state, SS_STORE_UPLOAD_REFUSED);
    assert_string_equal(u.reason, name);
}

enum { CIPHERTEXT = 70000 }; // more than a chunk

static void do_presealed(struct act *a)
{
    uint8_t ciphertext[CIPHERTEXT];
    struct ss_store_delivery d = {
        .release = a->load->releases[0], .slot = "ota_1", .statement_len = 9, .length = sizeof ciphertext};
    struct ss_error err = {0};
    do_devices(a);
    memset(ciphertext, (uint8_t)a->number, sizeof ciphertext);
    strcpy(d.device, a->name);
    strcpy(d.etag, "\"e\"");
    a->ack.value = d.release;
    must(ss_store_delivery_put_presealed(a->load->store, &d, ciphertext, &err), &err);
}

static void judge_presealed(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    struct ss_error err = {0};
    struct ss_store_delivery d;
    uint8_t last[2];
    size_t len;
    assert_ok(ss_store_delivery_get(store, name, ack->value, "ota_1", &d, &err), err);
    assert_int_equal(d.length, CIPHERTEXT);
    assert_ok(ss_store_blob_read(store, d.blob, CIPHERTEXT - 1, last, sizeof last, &len, &err), err);
    assert_int_equal(len, 1);
    assert_int_equal(last[0], ack->device & 0xff);
}

/// What the watcher does once a minute. Nobody is promised that it is written: only that all else is.
static void do_seen(struct act *a)
{
    struct ss_store_device d;
    struct ss_error err = {0};
    do_devices(a);
    must(ss_store_device_touch(a->load->store, a->name, &d, &err), &err);
    for (unsigned shard = 0; shard < SS_STORE_SHARDS;)
        must(ss_store_cache_write_seen(a->load->store, &shard, &err), &err);
}

static void judge_seen(struct ss_store *store, const char *name, const struct store_ack *ack)
{
    struct ss_error err = {0};
    int64_t seen;
    (void)ack;
    assert_ok(ss_store_device_seen(store, name, &seen, &err), err);
    assert_in_range(ss_store_now() - seen, 0, 300);
}

/// Writes nothing that anybody wants to keep.
static void do_probe(struct act *a)
{
    struct ss_store *store = a->load->store;
    struct ss_error err = {0};
    do_devices(a);
    pthread_mutex_lock(&store->probe.lock);
    store->probe.until = 0;
    pthread_mutex_unlock(&store->probe.lock);
    must(ss_store_writable(store, &err), &err);
}

static const struct write {
    const char *name;
    void (*act)(struct act *a); ///< NULL: the load makes it
    void (*judge)(struct ss_store *store, const char *name, const struct store_ack *ack);
} writes[] = {
    {"store-assign", NULL, NULL},
    {"store-feedback", NULL, NULL},
    {"store-attributes", NULL, NULL},
    {"store-cancel", NULL, NULL},
    {"store-retrieved", NULL, NULL},
    {"store-upload-begin", NULL, NULL},
    {"store-upload-part", NULL, NULL},
    {"store-delivery", NULL, NULL},
    {"store-ask", do_ask, judge_ask},
    {"store-auto-confirm", do_auto_confirm, judge_auto_confirm},
    {"store-ca", do_ca, judge_ca},
    {"store-devices", do_devices, judge_devices},
    {"store-download", do_download, judge_download},
    {"store-freshness", do_freshness, judge_freshness},
    {"store-installed", do_installed, judge_installed},
    {"store-join", do_join, judge_devices},
    {"store-keyset", do_key_set, judge_key_set},
    {"store-operator", do_operator, judge_operator},
    {"store-presealed", do_presealed, judge_presealed},
    {"store-presealed-release", do_presealed_release, judge_release},
    {"store-probe", do_probe, judge_devices},
    {"store-product", do_product, judge_product},
    {"store-register", do_register, judge_devices},
    {"store-release-opaque", do_release_opaque, judge_release_opaque},
    {"store-revoke", do_revoke, judge_revoke},
    {"store-seen", do_seen, judge_seen},
    {"store-upload-accept", do_upload_accept, judge_upload_accept},
    {"store-upload-refuse", do_upload_refuse, judge_upload_refuse},
};
enum { WRITES = sizeof writes / sizeof *writes, REPEATED = 4 };

static const struct write *judged;

static void judge_other(struct ss_store *store, const struct store_ack *ack)
{
    char name[SS_STORE_NAME_SIZE];
    name_of(name, ack->device);
    judged->judge(store, name, ack);
}

struct beside {
    const struct store_load *load;
    const struct write *write;
    unsigned first; ///< number
};

static void *make_beside(void *context)
{
    const struct beside *b = context;
    for (unsigned i = 0; i < REPEATED; i++) {
        struct act a = {.load = b->load, .number = b->first + i, .ack = {.what = ACK_OTHER, .device = b->first + i}};
        name_of(a.name, a.number);
        b->write->act(&a);
        store_load_tell(b->load, &a.ack);
    }
    return NULL;
}

// Dying

/// In the process that is to die: the load, and the writes that it does not make beside.
static void run(const struct store_load *load, const struct write *write, unsigned first)
{
    struct beside beside = {load, write, first};
    pthread_t thread;
    if (write->act && pthread_create(&thread, NULL, make_beside, &beside) != 0)
        _exit(3);
    store_load_run(load);
    if (write->act)
        pthread_join(thread, NULL);
}

struct death {
    const struct write *write;
    const char *moment; ///< "begin", "commit", "done"
    unsigned at;        ///< which arrival
};

/// The load in a process of its own, which dies as @p death says. True if it did.
static bool die(const char *url, const int64_t releases[2], const struct death *death, int acks[2])
{
    static unsigned deaths;
    char name[80];
    int status;
    snprintf(name, sizeof name, "%s:%s", death->write->name, death->moment);
    assert_int_equal(pipe2(acks, O_CLOEXEC), 0);
    unsigned first = ++deaths * REPEATED;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(acks[0]);
        point = name;
        deadly = death->at;
        const struct store_load load = {store_bench_open(url), {releases[0], releases[1]}, acks[1]};
        run(&load, death->write, first);
        ss_store_close(load.store);
        _exit(0);
    }
    close(acks[1]);
    // More acknowledgements than a pipe holds would stop the child: their number is bounded by the rounds.
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
                (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    return WIFSIGNALED(status);
}

/// Dies, and judges what is left.
static bool die_and_judge(const char *url, const int64_t releases[2], const struct death *death)
{
    int acks[2];
    bool died = die(url, releases, death, acks);
    struct ss_store *store = store_bench_open(url);
    judged = death->write;
    (void)store_load_judge(store, acks[0], judge_other);
    close(acks[0]);
    ss_store_close(store);
    return died;
}

static void test_killed_at_every_write(void **state)
{
    (void)state;
    const char *url;
    int64_t releases[2];
    for (size_t i = 0; i < WRITES; i++) {
        // The next process goes on where the last one died, on the same database, unless its uploads would be there.
        if (i == 0 || !writes[i - 1].act)
            store_load_prepare(&url, releases);
        const struct death deaths[] = {{&writes[i], "commit", 3}, {&writes[i], "done", 2}, {&writes[i], "begin", 1}};
        // Every process costs PostgreSQL some more: there, death at the beginning of the common writes has to do.
        for (size_t d = 0; d < (vault_bench_is_sqlite() || i < 2 ? 3 : 2); d++)
            if (!die_and_judge(url, releases, &deaths[d]))
                fail_msg("%s:%s is not reached", writes[i].name, deaths[d].moment);
    }
}

/// Those that matter most, with many writes behind them.
static void test_killed_in_the_middle(void **state)
{
    (void)state;
    static const char *const moments[] = {"begin", "commit", "done"};
    const char *url;
    int64_t releases[2];
    store_load_prepare(&url, releases);
    for (size_t i = 0; i < 2; i++)
        for (size_t m = 0; m < 3; m++)
            for (unsigned at = 9; at <= 30; at += 21)
                assert_true(die_and_judge(url, releases, &(struct death){&writes[i], moments[m], at}));
}

static void test_killed_while_created(void **state)
{
    (void)state;
    static const char *const points[] = {"store-schema:begin", "store-schema:commit", "store-schema:done"};
    for (int p = 0; p < 3; p++) {
        char url[256];
        int status;
        struct ss_store *store;
        struct ss_error err = {0};
        strcpy(url, vault_bench_new_url());
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            point = points[p];
            deadly = 1;
            _exit(ss_store_open(url, true, NULL, &store, &err) != SS_OK);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        ss_status_t found = ss_store_open(url, false, NULL, &store, &err);
        assert_int_equal(found, p < 2 ? SS_ERROR_DOES_NOT_EXIST : SS_OK);
        if (p < 2)
            assert_ok(ss_store_open(url, true, NULL, &store, &err), err);
        store_bench_devices(store, 1);
        ss_store_close(store);
    }
}

// Every write is one of those above

static char *read_source(const char *path)
{
    enum { SIZE = 1 << 18 };
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *text = calloc(1, SIZE);
    assert_non_null(text);
    assert_true(fread(text, 1, SIZE - 1, f) < SIZE - 1);
    fclose(f);
    return text;
}

static size_t known(const char *name, size_t len)
{
    size_t i = 0;
    while (i < WRITES && (strlen(writes[i].name) != len || memcmp(writes[i].name, name, len) != 0))
        i++;
    return i;
}

static void check_source(const char *path, const char *text, bool found[WRITES])
{
    bool schema = strstr(path, "/store_schema.c");
    if (!schema && !strstr(path, "/store_writer.c") && strstr(text, "ss_sql_commit("))
        fail_msg("%s has a transaction without a fault point", path);
    if (!strstr(path, "/store_writer.c") && !schema && strstr(text, "ss_fault_point("))
        fail_msg("%s has a fault point of its own", path);
    for (const char *p = text; !schema && (p = strstr(p, "\"store-")); p++) {
        size_t len = strcspn(p + 1, "\""), i = known(p + 1, len);
        if (i == WRITES)
            fail_msg("%s: no test kills at %.*s", path, (int)len, p + 1);
        found[i] = true;
    }
}

static void test_every_write_is_killed(void **state)
{
    (void)state;
    glob_t files;
    bool found[WRITES] = {0};
    assert_int_equal(glob(SS_SOURCE_DIR "/server/*.c", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char *text = read_source(files.gl_pathv[i]);
        check_source(files.gl_pathv[i], text, found);
        free(text);
    }
    globfree(&files);
    for (size_t i = 0; i < WRITES; i++)
        if (!found[i])
            fail_msg("%s is in no source", writes[i].name);
}

// The database

static void *load_later(void *context)
{
    store_load_run(context);
    return NULL;
}

/// The database dies where the writer comes to @p at the @p nth time, in the middle of its work; and comes back.
static void kill_database_at(const char *at, unsigned nth)
{
    const char *url;
    struct store_load load;
    int acks[2];
    pthread_t loader;
    struct ss_error err = {0};
    store_load_prepare(&url, load.releases);
    load.store = store_bench_open(url);
    assert_int_equal(pipe2(acks, O_CLOEXEC), 0);
    load.acks = acks[1];
    atomic_store(&arrivals, 0);
    atomic_store(&database_is_dead, false);
    deadly = nth;
    kills_database = true;
    point = at;
    // A server ends with the thread that started it, so the load is the one that gets another thread.
    assert_int_equal(pthread_create(&loader, NULL, load_later, &load), 0);
    for (int i = 0; i < 3000 && !atomic_load(&database_is_dead); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    if (!atomic_load(&database_is_dead))
        fail_msg("%s is not reached", at);
    vault_bench_crash_server();
    pthread_join(loader, NULL);
    point = NULL;
    // It comes back by itself.
    for (int i = 0; i < 100 && ss_store_ping(load.store, &err) != SS_OK; i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    store_load_run(&load);
    close(acks[1]);
    assert_true(store_load_judge(load.store, acks[0], NULL) > STORE_LOAD_DEVICES * STORE_LOAD_ROUNDS);
    close(acks[0]);
    ss_store_close(load.store);
}

static void test_database_killed(void **state)
{
    (void)state;
    static const char *const moments[] = {"commit", "begin", "done"};
    if (vault_bench_is_sqlite())
        skip();
    // Every death costs seconds: all three for those that matter most. `./dev database-deaths` has all of all.
    bool all = getenv("SS_DATABASE_DEATHS") != NULL;
    for (size_t i = 0; i < WRITES && !writes[i].act; i++)
        for (size_t m = 0; m < (all || i < 2 ? 3 : 1); m++) {
            char at[80];
            snprintf(at, sizeof at, "%s:%s", writes[i].name, moments[m]);
            kill_database_at(at, 5);
        }
}

// First starts at once

/// Opens the store at @p url once @p go is closed.
static _Noreturn void open_in_child(const char *url, int go)
{
    struct ss_store *store;
    struct ss_error err = {0};
    char byte;
    slow = true;
    (void)!read(go, &byte, 1);
    ss_status_t status = ss_store_open(url, true, NULL, &store, &err);
    if (status == SS_OK)
        status = ss_store_product_add_opaque(store, "gateway", &err);
    if (status != SS_OK)
        fprintf(stderr, "opened at once: %s\n", err.message);
    _exit(-status);
}

/// Several nodes on an empty database: each of them starts, and there is one store.
static void test_first_starts_at_once(void **state)
{
    (void)state;
    enum { NODES = 4 };
    for (int round = 0; round < 3; round++) {
        char url[256];
        pid_t children[NODES];
        int go[2];
        snprintf(url, sizeof url, "%s", vault_bench_new_url());
        assert_int_equal(pipe(go), 0);
        for (int i = 0; i < NODES; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0) {
                close(go[1]);
                open_in_child(url, go[0]);
            }
        }
        close(go[0]);
        close(go[1]);
        for (int i = 0; i < NODES; i++) {
            int status;
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), 0);
        }
        ss_store_close(store_bench_open(url));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_every_write), cmocka_unit_test(test_killed_in_the_middle),
        cmocka_unit_test(test_killed_while_created),  cmocka_unit_test(test_every_write_is_killed),
        cmocka_unit_test(test_database_killed),       cmocka_unit_test(test_first_starts_at_once),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
