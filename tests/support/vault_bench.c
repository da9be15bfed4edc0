// SPDX-License-Identifier: Apache-2.0
#include "support/vault_bench.h"
#include "support/postgres_server.h"
#include "support/sample_table.h"
#include "support/unit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vault/sql.h"

#define SKIPPED 77

static char folder[64];
static struct postgres_server server;
static char key_spec[96];
static unsigned databases;

bool vault_bench_is_sqlite(void)
{
    const char *back_end = getenv("SS_TEST_DB");
    return !back_end || strcmp(back_end, "postgres") != 0;
}

int vault_bench_start(void **state)
{
    (void)state;
    // What dies here are processes, not the machine: a disk would only make it slow. A server's files are too big.
    bool memory = vault_bench_is_sqlite() && access("/dev/shm", W_OK) == 0;
    strcpy(folder, memory ? "/dev/shm/slotseal-test-XXXXXX" : "/tmp/slotseal-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(key_spec, sizeof key_spec, "file:%s/vault.key", folder);
    if (vault_bench_is_sqlite() || postgres_server_start(&server, folder))
        return 0;
    rmdir(folder);
    puts("PostgreSQL is not installed");
    exit(SKIPPED);
}

void vault_bench_kill_server(void)
{
    postgres_server_kill(&server);
}

void vault_bench_crash_server(void)
{
    postgres_server_crash(&server);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int vault_bench_stop(void **state)
{
    (void)state;
    postgres_server_stop(&server);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

const char *vault_bench_path(const char *name)
{
    static char paths[2][160];
    static unsigned next;
    char *path = paths[next++ % 2];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void postgres_url(const char *database, char *url, size_t size)
{
    snprintf(url, size, "postgresql:///%s?host=%s&user=%s", database, server.socket, server.user);
}

/// The server may still be starting when its socket is there.
static struct ss_sql *connect_patiently(const char *url)
{
    struct ss_sql *db = NULL;
    struct ss_error err = {0};
    for (int i = 0; i < 100 && ss_sql_open(url, &ss_sql_vault, true, 0, &db, &err) != SS_OK; i++)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    if (!db)
        fail_msg("%s", err.message);
    return db;
}

const char *vault_bench_new_url(void)
{
    static char url[256];
    char statement[64];
    struct ss_error err = {0};
    unsigned number = ++databases;
    if (vault_bench_is_sqlite()) {
        snprintf(url, sizeof url, "sqlite:%s/vault%u.db", folder, number);
        return url;
    }
    postgres_url("postgres", url, sizeof url);
    struct ss_sql *db = connect_patiently(url);
    snprintf(statement, sizeof statement, "CREATE DATABASE vault%u", number);
    assert_ok(ss_sql_script(db, statement, &err), err);
    ss_sql_close(db);
    snprintf(statement, sizeof statement, "vault%u", number);
    postgres_url(statement, url, sizeof url);
    return url;
}

struct ss_vault_options vault_bench_options(void)
{
    return (struct ss_vault_options){.key = key_spec, .actor = "tester"};
}

struct ss_vault *vault_bench_create(const char **url)
{
    static char urls[96][256];
    static unsigned next;
    struct ss_vault_options options = vault_bench_options();
    struct ss_vault *vault = NULL;
    struct ss_error err = {0};
    assert_true(next < sizeof urls / sizeof *urls);
    strcpy(urls[next], vault_bench_new_url());
    assert_ok(ss_vault_create(urls[next], &options, &vault, &err), err);
    if (url)
        *url = urls[next];
    next++;
    return vault;
}

struct ss_vault *vault_bench_open(const char *url)
{
    struct ss_vault_options options = vault_bench_options();
    struct ss_vault *vault = NULL;
    struct ss_error err = {0};
    assert_ok(ss_vault_open(url, &options, &vault, &err), err);
    return vault;
}

void vault_bench_fill(struct ss_vault *vault, unsigned devices)
{
    struct ss_vault_product product = {.name = "lamp", .chip = "esp32", .table = {.address = 0x8000}};
    struct ss_error err = {0};
    product.table.len = sample_table(product.table.bytes);
    assert_ok(ss_vault_product_add(vault, &product, &err), err);
    for (unsigned i = 1; i <= devices; i++) {
        struct ss_vault_device device = {.product = "lamp",
                                         .mac = {0x24, 0x0a, 0xc4, 0, (uint8_t)(i >> 8), (uint8_t)i},
                                         .chip_revision = 300,
                                         .crypt_config = SS_VAULT_CRYPT_CONFIG};
        snprintf(device.id, sizeof device.id, "d%u", i);
        assert_ok(ss_vault_device_add(vault, &device, &err), err);
    }
}

void vault_bench_tamper(const char *url, const char *statement)
{
    struct ss_sql *db = NULL;
    struct ss_error err = {0};
    assert_ok(ss_sql_open(url, &ss_sql_vault, false, 0, &db, &err), err);
    assert_ok(ss_sql_script(db, statement, &err), err);
    ss_sql_close(db);
}

long long vault_bench_number(const char *url, const char *query)
{
    struct ss_sql *db = NULL;
    struct ss_sql_rows *rows;
    struct ss_error err = {0};
    bool row;
    assert_ok(ss_sql_open(url, &ss_sql_vault, false, 0, &db, &err), err);
    assert_ok(ss_sql_query(db, query, NULL, 0, &rows, &err), err);
    assert_ok(ss_sql_next(rows, &row, &err), err);
    assert_true(row);
    long long number = ss_sql_column_int(rows, 0);
    ss_sql_end(rows);
    ss_sql_close(db);
    return number;
}

void assert_refused(ss_status_t status, ss_status_t expected, const struct ss_error *err, const char *part)
{
    if (status != expected || !strstr(err->message, part))
        fail_msg("%s (%s), expected %s (… %s …)", ss_status_name(status), err->message, ss_status_name(expected), part);
}
