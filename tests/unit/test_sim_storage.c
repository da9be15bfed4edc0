// SPDX-License-Identifier: Apache-2.0
// What a simulated device keeps through resets: in a file, in memory, in its flash.
#include "support/boot_bench.h"
#include "support/statement_sample.h"
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/keep.h"

static struct ss_error err;
static char folder[] = "/tmp/test_sim_storage.XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    strcpy(strrchr(folder, '.') + 1, "XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/%s", folder, SS_SIM_STORAGE_FILE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void assert_text(const struct ss_sim_storage *s, const char *name, const char *text)
{
    const struct ss_sim_value *v = ss_sim_storage_get(s, name);
    assert_non_null(v);
    assert_int_equal(v->len, strlen(text));
    assert_memory_equal(v->bytes, text, v->len);
}

static void values_outlive_the_process(void **state)
{
    (void)state;
    struct ss_sim_storage s;
    assert_ok(ss_sim_storage_open(folder, NULL, &s, &err), err);
    assert_null(ss_sim_storage_get(&s, "a"));
    assert_int_equal(ss_sim_storage_set(&s, "a", "one", 3), SS_OK);
    assert_int_equal(ss_sim_storage_set(&s, "b", "two", 3), SS_OK);
    assert_int_equal(ss_sim_storage_set(&s, "a", "three", 5), SS_OK);
    ss_sim_storage_close(&s);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(ss_sim_storage_open(folder, NULL, &s, &err), err);
    assert_text(&s, "a", "three");
    assert_text(&s, "b", "two");
    ss_sim_storage_close(&s);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(ss_sim_storage_open(folder, NULL, &s, &err), SS_ERROR_DATA_INVALID);
    assert_non_null(strstr(err.message, "is 100 bytes, must be"));
    ss_sim_storage_close(&s);
}

static void there_is_an_end_of_room(void **state)
{
    (void)state;
    struct ss_sim_storage s;
    assert_ok(ss_sim_storage_open(NULL, NULL, &s, &err), err);
    for (unsigned i = 0; i < SS_SIM_VALUES_MAX; i++) {
        char name[8];
        snprintf(name, sizeof name, "v%u", i);
        assert_int_equal(ss_sim_storage_set(&s, name, name, 2), SS_OK);
    }
    assert_int_equal(ss_sim_storage_set(&s, "more", "", 0), SS_ERROR_INSUFFICIENT_SPACE);
    assert_int_equal(ss_sim_storage_set(&s, "v3", "new", 3), SS_OK);
    s.forgets = true;
    assert_int_equal(ss_sim_storage_set(&s, "v4", "new", 3), SS_OK);
    assert_null(ss_sim_storage_get(&s, "v4"));
    ss_sim_storage_close(&s);
}

// The old value or the new one, and nothing is counted twice.
static void power_fails_while_a_value_is_set(void **state)
{
    (void)state;
    struct ss_power power = {0};
    struct ss_sim_storage s;
    unsigned olds = 0, news = 0;
    jmp_buf off;
    assert_ok(ss_sim_storage_open(NULL, &power, &s, &err), err);
    for (volatile unsigned i = 0; i < 30; i++) {
        assert_int_equal(ss_sim_storage_set(&s, "v", "old", 3), SS_OK);
        power.off = &off;
        power.seed = i;
        ss_power_plan(&power, 1, SS_CUT_BEFORE + i % 3);
        if (setjmp(off) == 0) {
            ss_status_t status = ss_sim_storage_set(&s, "v", "new", 3);
            fail_msg("the power did not go, status %d", (int)status);
        }
        bool is_new = memcmp(ss_sim_storage_get(&s, "v")->bytes, "new", 3) == 0;
        if (i % 3 != 1)
            assert_int_equal(is_new, i % 3 == 2);
        else
            *(is_new ? &news : &olds) += 1;
        power.off = NULL;
        ss_power_plan(&power, 0, SS_CUT_NONE);
    }
    assert_true(olds > 0 && news > 0);
    ss_sim_storage_close(&s);
}

// -- The same in flash ------------------------------------------------------------------------------------------------

static struct ss_span span(const struct sample_statement *s)
{
    return (struct ss_span){s->bytes, (uint16_t)s->len};
}

static void expect_set(const struct ss_sim_keep *k, bool previous, const struct sample_statement *set)
{
    uint8_t out[SS_KEY_SET_MAX];
    size_t len;
    assert_int_equal(ss_sim_keep_key_set(k, previous, out, &len), SS_OK);
    assert_int_equal(len, set ? set->len : 0);
    if (set)
        assert_memory_equal(out, set->bytes, len);
}

static void keeps(struct ss_sim_keep *k)
{
    struct sample_statement sets[3];
    struct ss_key_set set = sample_key_set();
    struct ss_agent_record record = {.sequence = 5, .epoch = 2, .phase = SS_AGENT_WRITING}, back;
    uint8_t ca[SS_SIM_CA_MAX];
    size_t len;
    for (unsigned i = 0; i < 3; i++) {
        set.version = i + 1;
        sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &sets[i]);
    }
    assert_int_equal(ss_sim_keep_load(k, &back), SS_OK);
    assert_int_equal(back.epoch, 0);
    assert_int_equal(ss_sim_keep_store(k, &record), SS_OK);
    assert_int_equal(ss_sim_keep_load(k, &back), SS_OK);
    assert_int_equal(back.sequence, 5);
    expect_set(k, false, NULL);
    assert_int_equal(ss_sim_keep_put_key_set(k, sets[1].bytes, sets[1].len, span(&sets[0])), SS_OK);
    expect_set(k, false, &sets[1]);
    expect_set(k, true, &sets[0]);
    assert_int_equal(ss_sim_keep_put_key_set(k, sets[2].bytes, sets[2].len, span(&sets[1])), SS_OK);
    expect_set(k, false, &sets[2]);
    expect_set(k, true, &sets[1]);
    assert_int_equal(ss_sim_keep_ca(k, 3, ca, &len), SS_OK);
    assert_int_equal(len, 0);
    assert_int_equal(ss_sim_keep_put_ca(k, 3, (const uint8_t *)"certificate", 11), SS_OK);
    assert_int_equal(ss_sim_keep_ca(k, 3, ca, &len), SS_OK);
    assert_int_equal(len, 11);
}

static void kept_where_the_table_says(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct ss_sim_storage s;
        struct ss_sim_keep keep;
        struct bench *b = bench_bootable(300);
        bench_set_key(b, 1, 0x40, true);
        bench_set(b, "FLASH_CRYPT_CONFIG", 15);
        bench_set(b, "FLASH_CRYPT_CNT", 1);
        if (kind > 0) {
            bench_add_row(b, SS_SIM_JOURNAL_LABEL, SS_PARTITION_DATA, 0x40, 0x30000, 0x8000);
            b->table->rows[b->table->count - 1].flags = kind == 2 ? SS_PARTITION_ENCRYPTED : 0;
        }
        assert_ok(ss_sim_storage_open(NULL, &b->chip->power, &s, &err), err);
        assert_int_equal(ss_sim_keep_mount(&keep, b->chip, b->table, &s), SS_OK);
        assert_int_equal(keep.in_flash, kind > 0);
        keeps(&keep);
        // In flash it says so, in the clear or not.
        assert_int_equal(memcmp(b->chip->flash.data + 0x30000, "ssjrnl1", 8) == 0 ||
                             memcmp(b->chip->flash.data + 0x34000, "ssjrnl1", 8) == 0,
                         kind == 1);
        assert_int_equal(ss_sim_storage_get(&s, "record") != NULL, kind == 0);
        ss_sim_storage_close(&s);
        bench_free(b);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_outlive_the_process, setup, teardown),
        cmocka_unit_test(there_is_an_end_of_room),
        cmocka_unit_test(power_fails_while_a_value_is_set),
        cmocka_unit_test(kept_where_the_table_says),
    };
    return ss_test_main(argc, argv, tests);
}
