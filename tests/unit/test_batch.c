// SPDX-License-Identifier: Apache-2.0
// Batches in one process: threads, one vault, virtual chips. The factory by the command line is in tests/interop.
#include "provision/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/provision_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

enum { CHIPS = 5, DEAD = 4 };

static struct ss_error err;
static struct pb *bench; ///< images, table and profile
static struct ss_vchip *chips[CHIPS];
static struct ss_vault *vault;
static const char *url;
static unsigned steps;

static const char *const ports[CHIPS] = {"0", "1", "2", "3", "4"};

static ss_status_t connect_chip(void *context, const char *port, struct ss_link **link, struct ss_error *e)
{
    struct ss_link_port *p;
    unsigned n = (unsigned)(*port - '0');
    (void)context;
    if (n == DEAD)
        return ss_error_set(e, SS_ERROR_TIMEOUT, SS_AREA_LINK, "nobody answers");
    ss_status_t status = ss_virtual_port_new(chips[n], &bench->profile, true, &p, e);
    if (status == SS_OK)
        status = ss_link_new(p, &(struct ss_link_options){0}, link, e);
    return status == SS_OK ? ss_link_connect(*link, e) : status;
}

static void count_step(void *context, unsigned index, const struct ss_step *step, enum ss_journal_phase phase)
{
    (void)context;
    assert_true(index < CHIPS && step->id[0]);
    steps += phase == SS_JOURNAL_AFTER;
}

static struct ss_batch make_batch(void)
{
    static struct ss_device_config config = {.servers = {"https://a.example"}, .server_count = 1};
    struct ss_batch batch = {.vault = vault,
                             .product = "lamp",
                             .station = "line-1",
                             .config = &config,
                             .job = bench->job,
                             .connect = connect_chip,
                             .step = count_step};
    batch.job.store = NULL;
    return batch;
}

static int set_up(void **state)
{
    struct pb_options o = {.kind = SS_PROCEDURE_HOST_SEALED, .level = SS_LEVEL_RELEASE, .release_profile = true};
    if (vault_bench_start(state) != 0)
        return -1;
    vault = vault_bench_create(&url);
    vault_bench_fill(vault, 1);
    bench = pb_new(&o);
    for (unsigned i = 0; i < CHIPS; i++) {
        struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
        options.flash_size = 1 << 20;
        options.seed = 100 + i;
        memcpy(options.mac, (uint8_t[]){0x24, 0x0A, 0xC4, 7, 7, (uint8_t)i}, 6);
        assert_ok(ss_chip_new(&options, &chips[i], &err), err);
    }
    return 0;
}

static int tear_down(void **state)
{
    for (unsigned i = 0; i < CHIPS; i++)
        ss_chip_free(chips[i]);
    pb_free(bench);
    ss_vault_close(vault);
    return vault_bench_stop(state);
}

static void a_batch_begins_with_one(void **state)
{
    (void)state;
    struct ss_batch_result results[CHIPS];
    struct ss_batch batch = make_batch();
    assert_int_equal(ss_batch_run(&batch, ports, CHIPS, results, &err), SS_ERROR_NOT_PERMITTED);
    assert_non_null(strstr(err.message, "provision a first one alone"));
    assert_ok(ss_batch_run(&batch, ports, 1, results, &err), err);
    assert_int_equal(results[0].result, SS_RECORD_DONE);
    assert_string_equal(results[0].device, "240ac4070700");
    assert_true(steps > 5);
    // Another level is another recipe.
    batch.job.options.count_max = true;
    assert_int_equal(ss_batch_run(&batch, ports, CHIPS, results, &err), SS_ERROR_NOT_PERMITTED);
}

static void threads_share_a_quota(void **state)
{
    (void)state;
    struct ss_batch_result results[CHIPS];
    struct ss_batch batch = make_batch();
    unsigned done = 0, spent = 0;
    assert_ok(ss_vault_quota_set(vault, "line-1", 3, &err), err);
    assert_ok(ss_batch_run(&batch, ports, CHIPS, results, &err), err);
    for (unsigned i = 0; i < CHIPS; i++) {
        done += results[i].result == SS_RECORD_DONE;
        spent += strstr(results[i].message, "is spent: 3 of 3 devices") != NULL;
        assert_int_equal(results[i].record_status, SS_OK);
        assert_int_not_equal(results[i].result, SS_RECORD_FAILED);
    }
    assert_int_equal(done, 3);
    assert_int_equal(spent, 1);
    assert_string_equal(results[DEAD].step, "connect");
    assert_string_equal(results[DEAD].message, "nobody answers");
    assert_string_equal(results[DEAD].device, "");
    assert_ok(ss_vault_quota_set(vault, "line-1", 4, &err), err);
    assert_ok(ss_batch_run(&batch, ports, CHIPS - 1, results, &err), err);
    for (unsigned i = 0; i < CHIPS - 1; i++)
        assert_int_equal(results[i].result, SS_RECORD_DONE);
    struct ss_vault_quota quota;
    assert_ok(ss_vault_quota_get(vault, "line-1", &quota, &err), err);
    assert_int_equal(quota.used, 4);
}

static void a_record_that_cannot_be_written(void **state)
{
    (void)state;
    static const char *const records[] = {"/nowhere/record.csv", NULL};
    struct ss_batch_result results[1];
    struct ss_batch batch = make_batch();
    batch.records = records;
    assert_ok(ss_batch_run(&batch, ports, 1, results, &err), err);
    assert_int_equal(results[0].result, SS_RECORD_DONE);
    assert_int_equal(results[0].record_status, SS_ERROR_IO);
    assert_string_equal(results[0].record_message, "/nowhere/record.csv: No such file or directory");
}

static void what_is_no_batch(void **state)
{
    (void)state;
    static const char *const twice[] = {"1", "1"};
    struct ss_batch_result results[2];
    struct ss_batch batch = make_batch();
    assert_int_equal(ss_batch_run(&batch, ports, 0, results, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_batch_run(&batch, twice, 2, results, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "port 1 is named twice");
    batch.product = "sofa";
    assert_ok(ss_batch_run(&batch, ports, 1, results, &err), err);
    assert_int_equal(results[0].status, SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(results[0].result, SS_RECORD_REFUSED);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_begins_with_one),
        cmocka_unit_test(threads_share_a_quota),
        cmocka_unit_test(a_record_that_cannot_be_written),
        cmocka_unit_test(what_is_no_batch),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
