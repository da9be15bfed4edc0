// SPDX-License-Identifier: Apache-2.0
// Vaults to test with, on the back end that SS_TEST_DB names: sqlite (default) or postgres. For PostgreSQL a server of our
// own is started in a private folder, listening on a Unix socket only; it ends with the test, however that ends.
#ifndef SS_TESTS_VAULT_BENCH_H
#define SS_TESTS_VAULT_BENCH_H

#include <stdbool.h>

#include "vault/vault.h"

/// Group fixtures of cmocka. Without an installed PostgreSQL the program exits with 77, which CTest counts as skipped.
int vault_bench_start(void **state);
int vault_bench_stop(void **state);

bool vault_bench_is_sqlite(void);
/// PostgreSQL: its server dies, here and now, on whatever thread; vault_bench_crash_server() brings it back.
void vault_bench_kill_server(void);
/// PostgreSQL: its server dies and comes back.
void vault_bench_crash_server(void);
/// The URL of a database that holds nothing yet; good until the next call.
const char *vault_bench_new_url(void);
/// Path of a file in the private folder; good until the next call but one.
const char *vault_bench_path(const char *name);
/// Options with a key file of this bench.
struct ss_vault_options vault_bench_options(void);
/// A new vault at *@p url (its own string, good until the end of the bench).
struct ss_vault *vault_bench_create(const char **url);
struct ss_vault *vault_bench_open(const char *url);
/// A product "lamp" of ESP32s with the table of sample_table.h and devices "d1" … "d@p devices" with MACs ending so.
void vault_bench_fill(struct ss_vault *vault, unsigned devices);
/// Runs a statement on the database as one who can write it but has no key.
void vault_bench_tamper(const char *url, const char *statement);
/// A number from it.
long long vault_bench_number(const char *url, const char *query);

/// Fails the test unless @p status is @p expected and @p err's message holds @p part.
void assert_refused(ss_status_t status, ss_status_t expected, const struct ss_error *err, const char *part);

#endif
