// SPDX-License-Identifier: Apache-2.0
// A server dies at every named point of its writes, with several threads at work; its database dies.
// What was acknowledged is there afterwards, and nothing is there twice.
#include "support/store_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <fcntl.h>
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
#include "vault/fault.h"

enum { THREADS = 4, DEVICES = 8, ROUNDS = 8, PART = 65536, ACTIONS = 8 * DEVICES * ROUNDS };

// The point of death; only in the process that is to die.
static const char *point;
static atomic_uint arrivals;
static unsigned deadly;
static bool slow; // dawdles where the tables are made

void ss_fault_point(const char *name)
{
    if (slow && !strcmp(name, "store-schema:begin"))
        usleep(30000);
    if (point && !strcmp(point, name) && atomic_fetch_add(&arrivals, 1) + 1 == deadly)
        kill(getpid(), SIGKILL);
}

/// What was acknowledged.
struct ack {
    enum { ASSIGNED, REPORTED, TOLD, CLOSED, CANCELLED, UPLOADED, DELIVERED } what;
    unsigned device;
    int64_t action;
    int64_t value;
};

/// What is known of the work of one process, by those who asked for it.
struct load {
    struct ss_store *store;
    int64_t releases[2];
    int acks; ///< pipe
    unsigned thread;
};

static void tell(const struct load *l, struct ack ack)
{
    assert_int_equal(write(l->acks, &ack, sizeof ack), sizeof ack);
}

static bool report(const struct load *l, const char *id, int64_t action, enum ss_store_execution execution)
{
    struct ss_error err = {0};
    return store_bench_report(l->store, id, action, SS_STORE_TO_DEPLOYMENT, execution, SS_STORE_FINISHED_SUCCESS,
                              &err) == SS_OK;
}

/// The life of one update.
static void update_device(const struct load *l, unsigned device, unsigned round)
{
    char id[16], number[16];
    int64_t action;
    bool created;
    struct ss_error err = {0};
    snprintf(id, sizeof id, "d%u", device);
    snprintf(number, sizeof number, "%u", round + 1);
    const struct ss_store_assignment a = {.device = id, .release = l->releases[round % 2], .operator_name = "ann"};
    const struct ss_store_attribute told = {"slotseal.sequence", number};
    if (ss_store_assign(l->store, &a, &action, &created, &err) != SS_OK)
        return;
    tell(l, (struct ack){ASSIGNED, device, action, created});
    ss_store_action_retrieved(l->store, id, action);
    if (report(l, id, action, SS_STORE_EXECUTION_PROCEEDING))
        tell(l, (struct ack){REPORTED, device, action, 0});
    if (ss_store_attributes_put(l->store, id, SS_STORE_MERGE, &told, 1, &err) == SS_OK)
        tell(l, (struct ack){TOLD, device, action, round + 1});
    if (round % 4 == 3 && ss_store_cancel(l->store, action, true, "ann", &err) == SS_OK)
        tell(l, (struct ack){CANCELLED, device, action, 0});
    else if (report(l, id, action, SS_STORE_EXECUTION_CLOSED))
        tell(l, (struct ack){CLOSED, device, action, 0});
}

/// Uploads and deliveries, beside.
static void upload(const struct load *l, unsigned round)
{
    uint8_t bytes[2 * PART] = {(uint8_t)round, (uint8_t)l->thread}, digest[32];
    struct ss_store_upload u;
    struct ss_store_delivery d = {.device = "d1", .release = l->releases[0], .slot = "ota_0", .statement_len = 9}, kept;
    struct ss_error err = {0};
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, bytes, sizeof bytes, digest), SS_OK);
    if (ss_store_upload_begin(l->store, SS_STORE_OPAQUE, sizeof bytes, digest, "ann", &u, &err) != SS_OK)
        return;
    for (unsigned part = 0; part < 2; part++)
        if (ss_store_upload_append(l->store, u.id, part * PART, bytes + part * PART, PART, &u, &err) == SS_OK)
            tell(l, (struct ack){UPLOADED, 0, u.id, (int64_t)u.received});
    snprintf(d.etag, sizeof d.etag, "\"%u-%u\"", round, l->thread);
    if (ss_store_delivery_put(l->store, &d, NULL, &kept, &err) == SS_OK)
        tell(l, (struct ack){DELIVERED, (unsigned)kept.etag[1] - '0', 0, kept.etag[3] - '0'});
}

static void *work(void *context)
{
    const struct load *l = context;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned device = 1 + l->thread; device <= DEVICES; device += THREADS)
            update_device(l, device, round);
        if (round % 4 == 0)
            upload(l, round);
    }
    return NULL;
}

static void run_load(struct ss_store *store, const int64_t releases[2], int acks)
{
    pthread_t threads[THREADS];
    struct load loads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        loads[i] = (struct load){store, {releases[0], releases[1]}, acks, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &loads[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

// Judging

static ss_status_t count_finished(void *context, const struct ss_store_status *s, struct ss_error *err)
{
    (void)err;
    *(unsigned *)context += s->state == SS_STORE_FINISHED || s->state == SS_STORE_CANCELED;
    return SS_OK;
}

static unsigned endings(struct ss_store *store, int64_t action)
{
    unsigned count = 0;
    struct ss_error err = {0};
    assert_ok(ss_store_status_list(store, action, 0, count_finished, &count, &err), err);
    return count;
}

static void judge_one(struct ss_store *store, const struct ack *ack)
{
    char id[16];
    struct ss_store_upload u;
    struct ss_store_delivery d;
    struct ss_error err = {0};
    snprintf(id, sizeof id, "d%u", ack->device);
    switch (ack->what) {
    case ASSIGNED:
        assert_string_equal(store_bench_action(store, ack->action).device, id);
        break;
    case REPORTED:
        assert_non_null(strstr(store_bench_history(store, ack->action), "running")); // the entry of the assignment …
        assert_true(strlen(store_bench_history(store, ack->action)) > strlen("running")); // … and one behind it
        break;
    case TOLD:
        assert_true((int64_t)store_bench_get(store, id).told.sequence >= ack->value);
        break;
    case CLOSED:
        assert_int_equal(store_bench_action(store, ack->action).state, SS_STORE_FINISHED);
        break;
    case CANCELLED:
        assert_int_equal(store_bench_action(store, ack->action).state, SS_STORE_CANCELED);
        break;
    case UPLOADED:
        assert_ok(ss_store_upload_get(store, ack->action, &u, &err), err);
        assert_true((int64_t)u.received >= ack->value);
        break;
    case DELIVERED: // whoever was told which delivery counts was told the same
        assert_ok(ss_store_delivery_get(store, "d1", 1, "ota_0", &d, &err), err);
        assert_int_equal(d.etag[1] - '0', ack->device);
        assert_int_equal(d.etag[3] - '0', ack->value);
        break;
    }
}

static ss_status_t judge_action(void *context, const struct ss_store_action *a, struct ss_error *err)
{
    int *actions = context;
    (void)err;
    assert_in_range(a->id, 1, ACTIONS - 1);
    actions[a->id] = !a->active ? 1 : a->state == SS_STORE_CANCELING ? 3 : 2;
    return SS_OK;
}

/// No action has ended twice, and a device has at most one that it is not to stop.
static void judge_all(struct ss_store *store)
{
    int actions[ACTIONS];
    struct ss_error err = {0};
    for (unsigned device = 1; device <= DEVICES; device++) {
        char id[16];
        unsigned open = 0;
        snprintf(id, sizeof id, "d%u", device);
        memset(actions, 0, sizeof actions);
        assert_ok(ss_store_action_list(store, id, 0, 1000, judge_action, actions, &err), err);
        for (unsigned i = 0; i < ACTIONS; i++) {
            if (!actions[i])
                continue;
            assert_int_equal(endings(store, i), actions[i] == 1);
            open += actions[i] == 2;
        }
        assert_true(open <= 1);
    }
}

static unsigned judge(struct ss_store *store, int acks)
{
    struct ack ack;
    unsigned count = 0;
    for (; read(acks, &ack, sizeof ack) == sizeof ack; count++)
        judge_one(store, &ack);
    judge_all(store);
    return count;
}

// Dying

static void prepare(const char **url, int64_t releases[2])
{
    struct ss_store *store = store_bench_create(url);
    store_bench_devices(store, DEVICES);
    releases[0] = store_bench_release(store, "1.0");
    releases[1] = store_bench_release(store, "2.0");
    ss_store_close(store);
}

/// The load in a process of its own, which dies at the @p at th arrival at @p name. True if it did.
static bool die_at(const char *url, const int64_t releases[2], const char *name, unsigned at, int acks[2])
{
    int status;
    assert_int_equal(pipe2(acks, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(acks[0]);
        point = name;
        deadly = at;
        struct ss_store *store = store_bench_open(url);
        run_load(store, releases, acks[1]);
        ss_store_close(store);
        _exit(0);
    }
    close(acks[1]);
    // More acknowledgements than a pipe holds would stop the child: their number is bounded by the rounds.
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
                (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    return WIFSIGNALED(status);
}

static void test_killed_everywhere(void **state)
{
    (void)state;
    static const char *const names[] = {"store-assign",    "store-feedback",     "store-attributes",  "store-cancel",
                                        "store-retrieved", "store-upload-begin", "store-upload-part", "store-delivery"};
    static const char *const moments[] = {"begin", "commit", "done"};
    static const unsigned at[] = {1, 9};
    unsigned deaths = 0;
    // Where a commit takes its time, the two that matter most.
    size_t kinds = vault_bench_is_sqlite() ? sizeof names / sizeof *names : 2;
    for (size_t n = 0; n < kinds; n++) {
        int64_t releases[2];
        const char *url;
        prepare(&url, releases);
        // One database for all deaths at one kind of write: the next process goes on where the last one died.
        for (size_t m = 0; m < 3; m++)
            for (size_t i = vault_bench_is_sqlite() ? 0 : 1; i < 2; i++) {
                char name[80];
                int acks[2];
                snprintf(name, sizeof name, "%s:%s", names[n], moments[m]);
                deaths += die_at(url, releases, name, at[i], acks);
                struct ss_store *store = store_bench_open(url);
                (void)judge(store, acks[0]);
                close(acks[0]);
                ss_store_close(store);
            }
    }
    // Rare writes do not come nine times in every run.
    assert_true(deaths >= (vault_bench_is_sqlite() ? 36 : 5));
}

struct under_way {
    struct ss_store *store;
    const int64_t *releases;
    int acks;
};

static void *load_later(void *context)
{
    const struct under_way *u = context;
    run_load(u->store, u->releases, u->acks);
    return NULL;
}

static void test_database_killed(void **state)
{
    (void)state;
    const char *url;
    int64_t releases[2];
    int acks[2];
    pthread_t loader;
    struct ss_error err = {0};
    if (vault_bench_is_sqlite())
        skip();
    prepare(&url, releases);
    struct ss_store *store = store_bench_open(url);
    assert_int_equal(pipe2(acks, O_CLOEXEC), 0);
    // A server ends with the thread that started it, so the load is the one that gets another thread.
    struct under_way u = {store, releases, acks[1]};
    assert_int_equal(pthread_create(&loader, NULL, load_later, &u), 0);
    nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL);
    vault_bench_crash_server();
    pthread_join(loader, NULL);
    // It comes back by itself.
    for (int i = 0; i < 100 && ss_store_ping(store, &err) != SS_OK; i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    run_load(store, releases, acks[1]);
    close(acks[1]);
    assert_true(judge(store, acks[0]) > DEVICES * ROUNDS);
    close(acks[0]);
    ss_store_close(store);
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
        cmocka_unit_test(test_killed_everywhere),
        cmocka_unit_test(test_database_killed),
        cmocka_unit_test(test_first_starts_at_once),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
