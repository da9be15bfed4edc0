// SPDX-License-Identifier: Apache-2.0
// Stores to test with, on the back end that SS_TEST_DB names; the group fixtures are vault_bench's.
#ifndef SS_TESTS_STORE_BENCH_H
#define SS_TESTS_STORE_BENCH_H

#include "server/store.h"
#include "server/store_content.h"

/// A new store, and where it is (a string that lasts).
struct ss_store *store_bench_create(const char **url);
/// Another node on the same database.
struct ss_store *store_bench_open(const char *url);
/// Devices "d1" … of the sealed product "lamp", each with token "token-ID".
void store_bench_devices(struct ss_store *store, unsigned count);
/// The registration of one of them.
struct ss_store_registration store_bench_device(const char *id);
/// A sealed release of "lamp"; its id. Its statement is made up.
int64_t store_bench_release(struct ss_store *store, const char *version);
/// Uploads @p len bytes in one part; the upload's id.
int64_t store_bench_upload(struct ss_store *store, enum ss_store_kind kind, const void *bytes, size_t len);
/// Assigns, and must succeed; the action's id.
int64_t store_bench_assign(struct ss_store *store, const char *device, int64_t release);
/// A report with one message.
ss_status_t store_bench_report(struct ss_store *store, const char *device, int64_t action, enum ss_store_feedback_to to,
                               enum ss_store_execution execution, enum ss_store_finished finished,
                               struct ss_error *err);
/// What the store says of a device.
struct ss_store_device store_bench_get(struct ss_store *store, const char *id);
struct ss_store_action store_bench_action(struct ss_store *store, int64_t action);
/// The states of an action's history, oldest first, as "running canceling …"; good until the next call.
const char *store_bench_history(struct ss_store *store, int64_t action);

#endif
