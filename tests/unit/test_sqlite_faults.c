// SPDX-License-Identifier: Apache-2.0
// The n-th allocation fails, n = 1, 2, …: the vault says so, changes nothing, leaks nothing, and leaves no key in memory.
#include "support/alloc_fault.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "vault/check.h"
#include "vault/flash_key.h"

// SQLite's memory comes from the allocator that can fail, too.

static void *sqlite_malloc(int size)
{
    return malloc((size_t)size);
}

static void *sqlite_realloc(void *p, int size)
{
    return realloc(p, (size_t)size);
}

static int sqlite_size(void *p)
{
    return p ? (int)malloc_usable_size(p) : 0;
}

static int sqlite_roundup(int size)
{
    return (size + 7) & ~7;
}

static int sqlite_init(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void sqlite_shutdown(void *context)
{
    (void)context;
}

static int start(void **state)
{
    static const sqlite3_mem_methods methods = {.xMalloc = sqlite_malloc,
                                                .xFree = free,
                                                .xRealloc = sqlite_realloc,
                                                .xSize = sqlite_size,
                                                .xRoundup = sqlite_roundup,
                                                .xInit = sqlite_init,
                                                .xShutdown = sqlite_shutdown};
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
    return vault_bench_start(state);
}

static const uint8_t sample_key[32] = "thirty-two bytes that are secret";
static const char *url;

static ss_status_t with_vault(ss_status_t (*act)(struct ss_vault *vault, struct ss_error *err))
{
    struct ss_vault_options options = vault_bench_options();
    struct ss_vault *vault;
    struct ss_error err = {0};
    ss_status_t status = ss_vault_open(url, &options, &vault, &err);
    if (status == SS_OK)
        status = act(vault, &err);
    ss_vault_close(vault);
    return status;
}

static ss_status_t take_key(struct ss_vault *vault, struct ss_error *err)
{
    struct ss_vault_flash_key key;
    static const struct ss_vault_flash_key nothing;
    ss_status_t status = ss_vault_flash_key(vault, "d1", SS_VAULT_FOR_SEAL, NULL, &key, err);
    assert_memory_equal(status == SS_OK ? key.bytes : nothing.bytes, status == SS_OK ? sample_key : key.bytes, 32);
    ss_vault_flash_key_wipe(&key);
    return status;
}

static ss_status_t run_take_key(void *context)
{
    (void)context;
    return with_vault(take_key);
}

static ss_status_t check(struct ss_vault *vault, struct ss_error *err)
{
    struct ss_vault_report report;
    return ss_vault_check(vault, &report, err);
}

static ss_status_t run_check(void *context)
{
    (void)context;
    return with_vault(check);
}

static void test_allocations_fail(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault_report report;
    struct ss_vault *vault = vault_bench_create(&url);
    vault_bench_fill(vault, 2);
    assert_ok(ss_vault_flash_key_import(vault, "d1", sample_key, sizeof sample_key, NULL, &err), err);
    ss_vault_close(vault);
    alloc_watch_secret(sample_key, sizeof sample_key);
    assert_true(alloc_fault_each(run_take_key, NULL) > 100);
    assert_int_equal(alloc_secrets_freed(), 0);
    alloc_watch_secret(NULL, 0);
    assert_true(alloc_fault_each(run_check, NULL) > 100);
    vault = vault_bench_open(url);
    assert_ok(ss_vault_check(vault, &report, &err), err);
    ss_vault_close(vault);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocations_fail)};
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, start, vault_bench_stop);
}
