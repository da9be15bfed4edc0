// SPDX-License-Identifier: Apache-2.0
#include "support/store_load.h"
#include "support/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/crypto.h"

enum { THREADS = 4, PART = 65536, ACTIONS = 4096 };

struct worker {
    const struct store_load *load;
    unsigned thread;
};

void store_load_tell(const struct store_load *l, const struct store_ack *ack)
{
    assert_int_equal(write(l->acks, ack, sizeof *ack), sizeof *ack);
}

static void tell(const struct store_load *l, struct store_ack ack)
{
    store_load_tell(l, &ack);
}

static bool report(const struct store_load *l, const char *id, int64_t action, enum ss_store_execution execution)
{
    struct ss_error err = {0};
    return store_bench_report(l->store, id, action, SS_STORE_TO_DEPLOYMENT, execution, SS_STORE_FINISHED_SUCCESS,
                              &err) == SS_OK;
}

/// The life of one update.
static void update_device(const struct store_load *l, unsigned device, unsigned round)
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
    tell(l, (struct store_ack){.what = ACK_ASSIGNED, .device = device, .action = action, .value = created});
    ss_store_action_retrieved(l->store, id, action);
    if (report(l, id, action, SS_STORE_EXECUTION_PROCEEDING))
        tell(l, (struct store_ack){.what = ACK_REPORTED, .device = device, .action = action});
    if (ss_store_attributes_put(l->store, id, SS_STORE_MERGE, &told, 1, &err) == SS_OK)
        tell(l, (struct store_ack){.what = ACK_TOLD, .device = device, .action = action, .value = round + 1});
    if (round % 4 == 3 && ss_store_cancel(l->store, action, true, "ann", &err) == SS_OK)
        tell(l, (struct store_ack){.what = ACK_CANCELLED, .device = device, .action = action});
    else if (report(l, id, action, SS_STORE_EXECUTION_CLOSED))
        tell(l, (struct store_ack){.what = ACK_CLOSED, .device = device, .action = action});
}

/// Uploads and deliveries, beside.
static void upload(const struct store_load *l, unsigned thread, unsigned round)
{
    uint8_t bytes[2 * PART] = {(uint8_t)round, (uint8_t)thread}, digest[32];
    struct ss_store_upload u;
    struct ss_store_delivery d = {.device = "d1", .release = l->releases[0], .slot = "ota_0", .statement_len = 9}, kept;
    struct ss_error err = {0};
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, bytes, sizeof bytes, digest), SS_OK);
    if (ss_store_upload_begin(l->store, SS_STORE_OPAQUE, sizeof bytes, digest, "ann", &u, &err) != SS_OK)
        return;
    for (unsigned part = 0; part < 2; part++)
        if (ss_store_upload_append(l->store, u.id, part * PART, bytes + part * PART, PART, &u, &err) == SS_OK)
            tell(l, (struct store_ack){.what = ACK_UPLOADED, .action = u.id, .value = (int64_t)u.received});
    snprintf(d.etag, sizeof d.etag, "\"%u-%u\"", round, thread);
    if (ss_store_delivery_put(l->store, &d, NULL, &kept, &err) == SS_OK)
        tell(l, (struct store_ack){
                    .what = ACK_DELIVERED, .device = (unsigned)kept.etag[1] - '0', .value = kept.etag[3] - '0'});
}

static void *work(void *context)
{
    const struct worker *w = context;
    for (unsigned round = 0; round < STORE_LOAD_ROUNDS; round++) {
        for (unsigned device = 1 + w->thread; device <= STORE_LOAD_DEVICES; device += THREADS)
            update_device(w->load, device, round);
        if (round % 4 == 0)
            upload(w->load, w->thread, round);
    }
    return NULL;
}

void store_load_run(const struct store_load *load)
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){load, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
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

static void judge_one(struct ss_store *store, const struct store_ack *ack)
{
    char id[16];
    struct ss_store_upload u;
    struct ss_store_delivery d;
    struct ss_error err = {0};
    snprintf(id, sizeof id, "d%u", ack->device);
    switch (ack->what) {
    case ACK_ASSIGNED:
        assert_string_equal(store_bench_action(store, ack->action).device, id);
        break;
    case ACK_REPORTED:
        assert_non_null(strstr(store_bench_history(store, ack->action), "running")); // the entry of the assignment …
        assert_true(strlen(store_bench_history(store, ack->action)) > strlen("running")); // … and one behind it
        break;
    case ACK_TOLD:
        assert_true((int64_t)store_bench_get(store, id).told.sequence >= ack->value);
        break;
    case ACK_CLOSED:
        assert_int_equal(store_bench_action(store, ack->action).state, SS_STORE_FINISHED);
        break;
    case ACK_CANCELLED:
        assert_int_equal(store_bench_action(store, ack->action).state, SS_STORE_CANCELED);
        break;
    case ACK_UPLOADED:
        assert_ok(ss_store_upload_get(store, ack->action, &u, &err), err);
        assert_true((int64_t)u.received >= ack->value);
        break;
    case ACK_DELIVERED: // whoever was told which delivery counts was told the same
        assert_ok(ss_store_delivery_get(store, "d1", 1, "ota_0", &d, &err), err);
        assert_int_equal(d.etag[1] - '0', ack->device);
        assert_int_equal(d.etag[3] - '0', ack->value);
        break;
    case ACK_OTHER:
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
    for (unsigned device = 1; device <= STORE_LOAD_DEVICES; device++) {
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

unsigned store_load_judge(struct ss_store *store, int acks,
                          void (*other)(struct ss_store *store, const struct store_ack *ack))
{
    struct store_ack ack;
    unsigned count = 0;
    for (; read(acks, &ack, sizeof ack) == sizeof ack; count++)
        if (ack.what == ACK_OTHER)
            other(store, &ack);
        else
            judge_one(store, &ack);
    judge_all(store);
    return count;
}

void store_load_prepare(const char **url, int64_t releases[2])
{
    struct ss_store *store = store_bench_create(url);
    store_bench_devices(store, STORE_LOAD_DEVICES);
    releases[0] = store_bench_release(store, "1.0");
    releases[1] = store_bench_release(store, "2.0");
    ss_store_close(store);
}
