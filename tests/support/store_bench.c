// SPDX-License-Identifier: Apache-2.0
#include "support/store_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/crypto.h"

enum { HISTORY = 4096 };

struct ss_store *store_bench_create(const char **url)
{
    static char urls[96][256];
    static unsigned next;
    struct ss_store *store = NULL;
    struct ss_error err = {0};
    assert_true(next < sizeof urls / sizeof *urls);
    char *mine = urls[next++];
    strcpy(mine, vault_bench_new_url());
    // A server that is just starting takes its time.
    for (int i = 0; i < 100 && ss_store_open(mine, true, NULL, &store, &err) != SS_OK; i++)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    if (!store)
        fail_msg("%s", err.message);
    if (url)
        *url = mine;
    return store;
}

struct ss_store *store_bench_open(const char *url)
{
    struct ss_store *store = NULL;
    struct ss_error err = {0};
    assert_ok(ss_store_open(url, false, NULL, &store, &err), err);
    return store;
}

struct ss_store_registration store_bench_device(const char *id)
{
    struct ss_store_registration r = {.product = "lamp", .active = true, .credential = SS_STORE_TOKEN};
    char token[SS_STORE_NAME_SIZE + 8];
    snprintf(r.id, sizeof r.id, "%s", id);
    snprintf(token, sizeof token, "token-%s", id);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, token, strlen(token), r.credential_hash), SS_OK);
    return r;
}

void store_bench_devices(struct ss_store *store, unsigned count)
{
    struct ss_error err = {0};
    for (unsigned i = 1; i <= count; i++) {
        char id[16];
        snprintf(id, sizeof id, "d%u", i);
        struct ss_store_registration r = store_bench_device(id);
        assert_ok(ss_store_devices_put(store, &r, 1, &err), err);
    }
}

int64_t store_bench_upload(struct ss_store *store, enum ss_store_kind kind, const void *bytes, size_t len)
{
    struct ss_store_upload u;
    struct ss_error err = {0};
    uint8_t digest[32];
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, bytes, len, digest), SS_OK);
    assert_ok(ss_store_upload_begin(store, kind, len, digest, "ann", &u, &err), err);
    assert_ok(ss_store_upload_append(store, u.id, 0, bytes, len, &u, &err), err);
    assert_int_equal(u.state, SS_STORE_UPLOAD_COMPLETE);
    return u.id;
}

int64_t store_bench_release(struct ss_store *store, const char *version)
{
    struct ss_store_release r = {.product = "lamp", .length = 1000, .secure_version = 1, .digest = {1, 2, 3}};
    struct ss_error err = {0};
    char bytes[64];
    int64_t id;
    snprintf(r.version, sizeof r.version, "%s", version);
    r.statement_len = (size_t)snprintf((char *)r.statement, sizeof r.statement, "statement of %s", version);
    snprintf(bytes, sizeof bytes, "encrypted %s", version);
    int64_t upload = store_bench_upload(store, SS_STORE_SEALED, bytes, strlen(bytes));
    assert_ok(ss_store_upload_accept(store, upload, &r, &id, &err), err);
    return id;
}

int64_t store_bench_assign(struct ss_store *store, const char *device, int64_t release)
{
    const struct ss_store_assignment a = {.device = device, .release = release, .forced = true, .operator_name = "ann"};
    struct ss_error err = {0};
    int64_t action;
    bool created;
    assert_ok(ss_store_assign(store, &a, &action, &created, &err), err);
    assert_true(created);
    return action;
}

ss_status_t store_bench_report(struct ss_store *store, const char *device, int64_t action, enum ss_store_feedback_to to,
                               enum ss_store_execution execution, enum ss_store_finished finished, struct ss_error *err)
{
    const char *message = "a word";
    const struct ss_store_feedback f = {.device = device,
                                        .action = action,
                                        .to = to,
                                        .execution = execution,
                                        .finished = finished,
                                        .messages = &message,
                                        .message_count = 1};
    return ss_store_feedback(store, &f, err);
}

struct ss_store_device store_bench_get(struct ss_store *store, const char *id)
{
    struct ss_store_device d;
    struct ss_error err = {0};
    assert_ok(ss_store_device_get(store, id, &d, &err), err);
    return d;
}

struct ss_store_action store_bench_action(struct ss_store *store, int64_t action)
{
    struct ss_store_action a;
    struct ss_error err = {0};
    assert_ok(ss_store_action_get(store, NULL, action, &a, &err), err);
    return a;
}

static ss_status_t add_state(void *context, const struct ss_store_status *s, struct ss_error *err)
{
    char *history = context;
    const char *name = ss_store_state_name(s->state);
    size_t len = strlen(name), old = strlen(history);
    (void)err;
    assert_true(len + 1 + old < HISTORY);
    memmove(history + len + (old != 0), history, old + 1);
    memcpy(history, name, len);
    if (old)
        history[len] = ' ';
    return SS_OK;
}

const char *store_bench_history(struct ss_store *store, int64_t action)
{
    static char history[HISTORY];
    struct ss_error err = {0};
    *history = '\0';
    assert_ok(ss_store_status_list(store, action, 0, add_state, history, &err), err);
    return history;
}
