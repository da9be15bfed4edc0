// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/otadata.h"
#include "support/vectors.h"

static struct ss_error err;

static void erase(struct ss_otadata_record *r)
{
    memset(r, 0xFF, sizeof *r);
}

static struct ss_otadata_record record(uint32_t seq, uint32_t state)
{
    struct ss_otadata_record r;
    erase(&r);
    r.seq = seq;
    r.state = state;
    r.crc = ss_otadata_crc(seq);
    return r;
}

static struct ss_otadata_record copy_of(const struct vector *v, const char *name)
{
    struct ss_otadata_record r;
    erase(&r);
    if (!vector_has(v, name) || strcmp(vector_text(v, name), "erased") == 0)
        return r;
    // What the second record of erased flash decrypts to is like this: nothing matches.
    if (strcmp(vector_text(v, name), "noise") == 0)
        return (struct ss_otadata_record){.seq = 0x3067F09A, .state = 0x63EFA163, .crc = 0x12345678};
    unsigned seq;
    char state[32], bad[32] = "";
    assert_in_range(sscanf(vector_text(v, name), "%i %31s %31s", (int *)&seq, state, bad), 2, 3);
    r = record(seq, 0);
    if (!ss_ota_state_from_name(state, &r.state))
        r.state = (uint32_t)strtoul(state, NULL, 0);
    r.crc ^= *bad ? 1 : 0;
    return r;
}

static bool flag(const struct vector *v, const char *name)
{
    return vector_has(v, name) && vector_number(v, name);
}

static const char *reason_name(enum ss_boot_reason reason)
{
    static const char *const names[] = {
        [SS_BOOT_NO_OTADATA] = "no-otadata",
        [SS_BOOT_OTADATA_TOO_SMALL] = "too-small",
        [SS_BOOT_INITIAL_FACTORY] = "initial-factory",
        [SS_BOOT_INITIAL_OTA_0] = "initial-ota-0",
        [SS_BOOT_INITIAL_ANTI_ROLLBACK] = "initial-anti-rollback",
        [SS_BOOT_ACTIVE] = "active",
        [SS_BOOT_NOISE_FACTORY] = "noise-factory",
        [SS_BOOT_NOISE_TRY_ALL] = "noise-try-all",
    };
    return names[reason];
}

static void check_choice(const struct vector *v, const struct ss_otadata *before, const struct ss_boot_choice *c)
{
    char text[128] = "";
    for (size_t i = 0; i < c->order_count; i++) {
        char item[8];
        snprintf(item, sizeof item, "%d", c->order[i]);
        const char *word = c->order[i] == SS_BOOT_FACTORY ? "F" : c->order[i] == SS_BOOT_TEST ? "T" : item;
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", word);
    }
    assert_string_equal(text, vector_text(v, "order"));
    assert_string_equal(reason_name(c->reason), vector_text(v, "reason"));
    assert_int_equal(c->boots, c->reason != SS_BOOT_OTADATA_TOO_SMALL);
    assert_int_equal(c->active, vector_has(v, "active") ? (int)vector_number(v, "active") : -1);
    assert_int_equal(c->repairs, flag(v, "repairs"));
    assert_int_equal(c->raises_secure_version, flag(v, "raises"));

    text[0] = 0;
    for (int i = 0; i < 2; i++) {
        const struct ss_otadata_record *r = &c->after.copies[i];
        if (!c->written[i]) {
            assert_memory_equal(r, &before->copies[i], sizeof *r);
            continue;
        }
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d: %u %s%s", *text ? " " : "", i, r->seq,
                 ss_ota_state_name(r->state), r->crc == ss_otadata_crc(r->seq) ? "" : " bad-crc");
    }
    assert_string_equal(text, vector_has(v, "after") ? vector_text(v, "after") : "");
}

static void boot_case(const struct vector *v)
{
    struct ss_otadata otadata = {{copy_of(v, "a"), copy_of(v, "b")}};
    struct ss_boot_context context = {
        .slots = (unsigned)vector_number(v, "slots"),
        .has_factory = flag(v, "factory"),
        .has_test = flag(v, "test"),
        .has_otadata = vector_has(v, "a"),
        .otadata_size = vector_has(v, "size") ? (uint32_t)vector_number(v, "size") : SS_OTADATA_SIZE,
        .rollback = flag(v, "rollback"),
        .anti_rollback = flag(v, "anti"),
    };
    struct ss_boot_choice choice;
    ss_status_t status = ss_otadata_boot_choice(&otadata, &context, &choice, &err);
    if (!vector_has(v, "error")) {
        assert_ok(status, err);
        check_choice(v, &otadata, &choice);
        return;
    }
    char text[300];
    snprintf(text, sizeof text, "%s: %s", ss_status_name(status), err.message);
    assert_string_equal(text, vector_text(v, "error"));
    assert_int_equal(err.area, SS_AREA_OTADATA);
    assert_false(choice.boots);
    assert_int_equal(choice.order_count, 0);
}

static void boot_vectors(void **state)
{
    (void)state;
    assert_true(vectors_run("otadata_boot.data", boot_case) > 35);
}

static void crc_known_answers(void **state)
{
    (void)state;
    assert_int_equal(ss_otadata_crc(1), 0x4743989A);
    assert_int_equal(ss_otadata_crc(2), 0x55F63774);
    assert_int_equal(ss_otadata_crc(3), 0xED4A5011);
    assert_int_equal(ss_otadata_crc(4), 0x709D68A8);
}

static void partition_is_read(void **state)
{
    (void)state;
    uint8_t image[SS_OTADATA_SIZE + 32], again[SS_OTADATA_RECORD_SIZE];
    struct ss_otadata o;
    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i * 7 + i / 256);
    assert_ok(ss_otadata_from_partition(image, sizeof image, &o, &err), err);
    for (int i = 0; i < 2; i++) {
        const uint8_t *at = image + i * 0x1000;
        assert_int_equal(o.copies[i].seq, ss_get_le32(at));
        assert_memory_equal(o.copies[i].label, at + 4, 20);
        assert_int_equal(o.copies[i].state, ss_get_le32(at + 24));
        assert_int_equal(o.copies[i].crc, ss_get_le32(at + 28));
        ss_otadata_record_write(&o.copies[i], again);
        assert_memory_equal(again, at, sizeof again);
    }
    assert_int_equal(ss_otadata_from_partition(image, 0x1FFF, &o, &err), SS_ERROR_INSUFFICIENT_SPACE);
    assert_string_equal(err.message, "otadata partition is 8191 bytes, the bootloader needs 8192");
    assert_int_equal(o.copies[0].seq, SS_OTADATA_ERASED_SEQ);
    assert_int_equal(o.copies[1].state, SS_OTA_UNDEFINED);
}

static void valid_and_invalid(void **state)
{
    (void)state;
    const struct {
        uint32_t seq, state;
        bool invalid;
    } cases[] = {
        {1, SS_OTA_NEW, false},
        {1, SS_OTA_PENDING_VERIFY, false},
        {1, SS_OTA_VALID, false},
        {1, SS_OTA_INVALID, true},
        {1, SS_OTA_ABORTED, true},
        {1, SS_OTA_UNDEFINED, false},
        {1, 5, false},
        {0, SS_OTA_VALID, false},
        {0xFFFFFFFF, SS_OTA_VALID, true},
        {0xFFFFFFFE, 0xFFu, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_otadata_record r = record(cases[i].seq, cases[i].state);
        assert_int_equal(ss_otadata_record_is_invalid(&r), cases[i].invalid);
        assert_int_equal(ss_otadata_record_is_valid(&r), !cases[i].invalid);
        r.crc ^= 0x80000000;
        assert_int_equal(ss_otadata_record_is_invalid(&r), cases[i].invalid);
        assert_false(ss_otadata_record_is_valid(&r));
    }
}

static void state_names(void **state)
{
    (void)state;
    const char *names[] = {"new", "pending-verify", "valid", "invalid", "aborted"};
    uint32_t s;
    for (uint32_t i = 0; i < 5; i++) {
        assert_string_equal(ss_ota_state_name(i), names[i]);
        assert_true(ss_ota_state_from_name(names[i], &s));
        assert_int_equal(s, i);
    }
    assert_true(ss_ota_state_from_name("undefined", &s));
    assert_int_equal(s, SS_OTA_UNDEFINED);
    assert_string_equal(ss_ota_state_name(SS_OTA_UNDEFINED), "undefined");
    assert_string_equal(ss_ota_state_name(5), "unknown");
    assert_false(ss_ota_state_from_name("unknown", &s));
    assert_false(ss_ota_state_from_name("Valid", &s));
    assert_false(ss_ota_state_from_name("", &s));
}

// The search loop of esp_ota_ops.c, slow and literal.
static uint32_t literal_next(uint32_t seq, unsigned slot, unsigned slots)
{
    uint32_t i = 0;
    while (seq > (slot + 1) % slots + i * slots)
        i++;
    return (slot + 1) % slots + i * slots;
}

static void next_write_follows_the_app(void **state)
{
    (void)state;
    struct ss_otadata_update u;
    for (unsigned slots = 1; slots <= 16; slots++) {
        for (unsigned slot = 0; slot < slots; slot++) {
            for (uint32_t seq = 0; seq < 60; seq++) {
                struct ss_otadata o = {{record(seq, SS_OTA_VALID), record(0xFFFFFFFF, 0)}};
                o.copies[1].label[3] = 0x42;
                assert_ok(ss_otadata_next_write(&o, (int)slot, slots, false, &u, &err), err);
                assert_false(u.erase_all);
                assert_int_equal(u.copy, 1);
                assert_int_equal(u.record.seq, literal_next(seq, slot, slots));
                assert_int_equal(u.record.crc, ss_otadata_crc(u.record.seq));
                assert_int_equal(u.record.state, SS_OTA_UNDEFINED);
                assert_int_equal(u.record.label[3], 0x42);
                // What was asked for is what starts, unless a tie keeps copy 0, which leads to the same slot.
                o.copies[1] = u.record;
                struct ss_boot_context context = {.slots = slots, .has_otadata = true, .otadata_size = 0x2000};
                struct ss_boot_choice c;
                assert_ok(ss_otadata_boot_choice(&o, &context, &c, &err), err);
                if (u.record.seq > 0) // sequence 0 counts as 2^32, as in ESP-IDF
                    assert_int_equal(c.start, slot);
            }
        }
    }
}

static void next_write_cases(void **state)
{
    (void)state;
    struct ss_otadata_update u;
    struct ss_otadata o;
    erase(&o.copies[0]);
    erase(&o.copies[1]);
    assert_ok(ss_otadata_next_write(&o, 1, 2, true, &u, &err), err);
    assert_int_equal(u.copy, 0);
    assert_int_equal(u.record.seq, 2);
    assert_int_equal(u.record.state, SS_OTA_NEW);
    o.copies[1] = record(2, SS_OTA_VALID);
    assert_ok(ss_otadata_next_write(&o, 0, 2, true, &u, &err), err);
    assert_int_equal(u.copy, 0);
    assert_int_equal(u.record.seq, 3);
    assert_ok(ss_otadata_next_write(&o, SS_BOOT_FACTORY, 2, true, &u, &err), err);
    assert_true(u.erase_all);
    assert_int_equal(u.copy, -1);
    assert_int_equal(ss_otadata_next_write(&o, 2, 2, true, &u, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "slot 2, the table has 2");
    assert_int_equal(u.copy, -1);
    assert_int_equal(ss_otadata_next_write(&o, SS_BOOT_TEST, 2, true, &u, NULL), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_otadata_next_write(&o, 0, 0, true, &u, NULL), SS_ERROR_INVALID_ARGUMENT);
}

static void next_write_at_the_end_of_sequences(void **state)
{
    (void)state;
    struct ss_otadata_update u;
    struct ss_otadata o = {{record(0xFFFFFFFD, SS_OTA_VALID), record(1, SS_OTA_VALID)}};
    assert_ok(ss_otadata_next_write(&o, 1, 2, false, &u, &err), err);
    assert_int_equal(u.record.seq, 0xFFFFFFFE);
    o.copies[0] = record(0xFFFFFFFE, SS_OTA_VALID);
    assert_int_equal(ss_otadata_next_write(&o, 0, 2, false, &u, &err), SS_ERROR_NOT_SUPPORTED);
    assert_string_equal(err.message,
                        "sequence 4294967295 does not fit below 0xffffffff, otadata has to be erased first");
    assert_int_equal(u.copy, -1);
}

static void repair_record(void **state)
{
    (void)state;
    struct ss_otadata_record r;
    uint8_t bytes[32];
    static const uint8_t expected[32] = {1,    0,    0,    0,    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                         0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                         0xFF, 0xFF, 2,    0,    0,    0,    0x9A, 0x98, 0x43, 0x47};
    ss_boot_repair_record(0, &r);
    ss_otadata_record_write(&r, bytes);
    assert_memory_equal(bytes, expected, 32);
}

static void fresh_images(void **state)
{
    (void)state;
    uint8_t image[SS_OTADATA_SIZE];
    struct ss_otadata o;
    assert_ok(ss_otadata_build(1, 2, SS_OTA_VALID, image, &err), err);
    assert_true(ss_all_bytes(image + 32, sizeof image - 32, 0xFF));
    assert_ok(ss_otadata_from_partition(image, sizeof image, &o, &err), err);
    assert_int_equal(ss_otadata_active(&o), 0);
    assert_int_equal(o.copies[0].seq, 2);
    assert_int_equal(o.copies[0].crc, 0x55F63774);
    assert_int_equal(o.copies[0].state, SS_OTA_VALID);
    assert_ok(ss_otadata_build(SS_BOOT_FACTORY, 2, SS_OTA_VALID, image, &err), err);
    assert_true(ss_all_bytes(image, sizeof image, 0xFF));

    memset(image, 0, sizeof image);
    assert_int_equal(ss_otadata_build(2, 2, SS_OTA_VALID, image, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "slot 2, the table has 2");
    assert_true(ss_all_bytes(image, sizeof image, 0xFF));
    assert_int_equal(ss_otadata_build(0, 2, SS_OTA_ABORTED, image, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "state aborted keeps slot 0 from being started");
    assert_int_equal(ss_otadata_build(0, 2, SS_OTA_INVALID, image, NULL), SS_ERROR_INVALID_ARGUMENT);
}

static void context_from_a_table(void **state)
{
    (void)state;
    static struct ss_partition_table table;
    const char csv[] = "o,data,ota,0x9000,0x2000\nf,app,factory,,64K\na,app,ota_0,,64K\nb,app,ota_1,,64K\n"
                       "t,app,test,,64K\np,data,ota,,0x1000";
    struct ss_boot_context c = {.rollback = true};
    assert_ok(ss_table_from_csv(csv, strlen(csv), NULL, &table, &err), err);
    ss_boot_context_from_table(&table, &c);
    assert_true(c.rollback && c.has_factory && c.has_test && c.has_otadata);
    assert_int_equal(c.slots, 2);
    assert_int_equal(c.otadata_size, 0x1000); // of two otadata rows the bootloader uses the last
    table.count = 0;
    ss_boot_context_from_table(&table, &c);
    assert_false(c.has_factory || c.has_test || c.has_otadata);
    assert_int_equal(c.slots, 0);
    assert_int_equal(c.otadata_size, 0);
}

static void a_running_app_is_settled(void **state)
{
    (void)state;
    const struct ss_otadata_record noise = {.seq = 0x3067F09A, .state = 0x63EFA163, .crc = 0x12345678};
    struct ss_otadata_record erased, bad = record(5, SS_OTA_VALID);
    erase(&erased);
    bad.crc ^= 1;
    const struct {
        struct ss_otadata_record copies[2];
        unsigned running;
        int copy; // that is to be written; -1: none
        uint32_t seq;
    } cases[] = {
        {{record(1, SS_OTA_VALID), erased}, 0, -1, 0},
        {{record(1, SS_OTA_UNDEFINED), record(2, SS_OTA_UNDEFINED)}, 1, -1, 0},
        {{erased, erased}, 0, 0, 1},
        {{noise, noise}, 0, 0, 1},
        {{noise, noise}, 1, 0, 2},
        {{bad, noise}, 0, 0, 1},
        {{record(2, SS_OTA_VALID), noise}, 0, 1, 3}, // the slot that it names did not start
        {{record(2, SS_OTA_INVALID), record(7, SS_OTA_VALID)}, 1, 0, 8},
        {{record(4, SS_OTA_VALID), record(3, SS_OTA_VALID)}, 0, 1, 5},
        {{record(3, SS_OTA_ABORTED), record(2, SS_OTA_INVALID)}, 0, 0, 1},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct ss_otadata otadata = {{cases[i].copies[0], cases[i].copies[1]}};
        struct ss_otadata_update update;
        bool due = ss_otadata_settle(&otadata, cases[i].running, 2, &update);
        assert_int_equal(due, cases[i].copy >= 0);
        if (!due)
            continue;
        assert_int_equal(update.copy, cases[i].copy);
        assert_int_equal(update.record.seq, cases[i].seq);
        assert_int_equal(update.record.state, SS_OTA_VALID);
        assert_false(update.erase_all);
        struct ss_otadata then = otadata;
        then.copies[update.copy] = update.record;
        assert_int_equal(ss_otadata_active(&then), update.copy);
        assert_true(ss_otadata_record_names(&update.record, cases[i].running, 2));
        assert_false(ss_otadata_record_names(&update.record, cases[i].running ^ 1u, 2));
    }
    assert_false(ss_otadata_record_names(&erased, 0, 2));
    assert_int_equal(ss_otadata_confirmed(2, 3, 7).seq, 9);
}

static void states_of_slots(void **state)
{
    (void)state;
    struct ss_otadata_record erased, bad = record(5, SS_OTA_VALID);
    erase(&erased);
    bad.crc ^= 1;
    const struct {
        struct ss_otadata_record copies[2];
        uint32_t states[2];
    } cases[] = {
        {{erased, erased}, {SS_OTA_UNDEFINED, SS_OTA_UNDEFINED}},
        {{record(1, SS_OTA_VALID), erased}, {SS_OTA_VALID, SS_OTA_UNDEFINED}},
        {{record(3, SS_OTA_VALID), record(4, SS_OTA_PENDING_VERIFY)}, {SS_OTA_VALID, SS_OTA_PENDING_VERIFY}},
        {{record(6, SS_OTA_ABORTED), record(5, SS_OTA_NEW)}, {SS_OTA_NEW, SS_OTA_ABORTED}},
        {{record(3, SS_OTA_INVALID), record(5, SS_OTA_VALID)},
         {SS_OTA_VALID, SS_OTA_UNDEFINED}}, // the newer one counts
        {{record(5, SS_OTA_INVALID), record(3, SS_OTA_VALID)}, {SS_OTA_INVALID, SS_OTA_UNDEFINED}},
        {{bad, record(2, 7)}, {SS_OTA_UNDEFINED, 7}},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct ss_otadata otadata = {{cases[i].copies[0], cases[i].copies[1]}};
        for (unsigned slot = 0; slot < 2; slot++)
            assert_int_equal(ss_otadata_slot_state(&otadata, slot, 2), cases[i].states[slot]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boot_vectors),      cmocka_unit_test(crc_known_answers),
        cmocka_unit_test(partition_is_read), cmocka_unit_test(valid_and_invalid),
        cmocka_unit_test(state_names),       cmocka_unit_test(next_write_follows_the_app),
        cmocka_unit_test(next_write_cases),  cmocka_unit_test(next_write_at_the_end_of_sequences),
        cmocka_unit_test(repair_record),     cmocka_unit_test(a_running_app_is_settled),
        cmocka_unit_test(fresh_images),      cmocka_unit_test(context_from_a_table),
        cmocka_unit_test(states_of_slots),
    };
    return ss_test_main(argc, argv, tests);
}
