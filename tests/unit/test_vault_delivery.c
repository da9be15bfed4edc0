// SPDX-License-Identifier: Apache-2.0
// Deliveries, sequences, signatures per device, floors and the registry in the vault.
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <stdio.h>
#include <string.h>

#include "vault/audit.h"
#include "vault/backup.h"
#include "vault/check.h"
#include "vault/delivery.h"
#include "vault/floor.h"
#include "vault/personal.h"
#include "vault/registry.h"

#define ADDRESS 0x160000u

static void add_release(struct ss_vault *vault, const char *version, uint64_t timestamp)
{
    static uint8_t image[1000];
    struct ss_vault_release r = {.product = "lamp", .length = sizeof image};
    struct ss_release fields = sample_release();
    struct sample_statement statement;
    struct ss_error err = {0};
    fields.timestamp = timestamp;
    sample_sign_release(&fields, 4, &statement);
    strcpy(r.version, version);
    memcpy(r.statement, statement.bytes, statement.len);
    r.statement_len = statement.len;
    assert_ok(ss_vault_release_add(vault, &r, image, &err), err);
}

static struct ss_vault *make(const char **url)
{
    struct ss_vault *vault = vault_bench_create(url);
    struct ss_error err = {0};
    vault_bench_fill(vault, 3);
    for (unsigned i = 1; i <= 2; i++) {
        char id[8];
        snprintf(id, sizeof id, "d%u", i);
        assert_ok(ss_vault_flash_key_generate(vault, id, 32, &err), err);
        assert_ok(ss_vault_device_set_state(vault, id, SS_VAULT_DEVICE_PROVISIONED, NULL, NULL, &err), err);
    }
    add_release(vault, "1.0", 100);
    add_release(vault, "2.0", 200);
    return vault;
}

static struct ss_vault_sealing sealing(const char *device, const char *version, uint32_t epoch, uint64_t told)
{
    struct ss_vault_sealing s = {
        .id = {.address = ADDRESS}, .accepted = {epoch, told}, .epoch = epoch, .with_key = true};
    strcpy(s.id.device, device);
    strcpy(s.id.version, version);
    return s;
}

/// The sequence that a device gets, or 0 with the reason in @p part.
static uint64_t next(struct ss_vault *vault, struct ss_vault_sealing s, ss_status_t expected, const char *part)
{
    struct ss_error err = {0};
    assert_ok(ss_vault_delivery_begin(vault, &s, 1, &err), err);
    assert_int_equal(s.status, expected);
    if (expected != SS_OK)
        assert_non_null(strstr(s.message, part));
    ss_vault_flash_key_wipe(&s.key);
    return expected == SS_OK ? s.sequence : 0;
}

static void test_sequences(void **state)
{
    (void)state;
    struct ss_vault *vault = make(NULL);
    assert_int_equal(next(vault, sealing("d1", "1.0", 1, 0), SS_OK, ""), 1);
    assert_int_equal(next(vault, sealing("d1", "2.0", 1, 0), SS_OK, ""), 2);
    assert_int_equal(next(vault, sealing("d2", "2.0", 1, 0), SS_OK, ""), 1); // each device counts for itself
    // Above the device's word: a vault that was put back does not issue again what the device has had.
    assert_int_equal(next(vault, sealing("d1", "1.0", 1, 500), SS_OK, ""), 501);
    assert_int_equal(next(vault, sealing("d1", "1.0", 1, 3), SS_OK, ""), 502);
    // A word that nobody can have earned is refused.
    next(vault, sealing("d1", "1.0", 1, 502 + SS_SEQUENCE_JUMP_MAX + 1), SS_ERROR_NOT_PERMITTED,
         "more than 1048576 above");
    assert_int_equal(next(vault, sealing("d1", "1.0", 1, 502 + SS_SEQUENCE_JUMP_MAX), SS_OK, ""),
                     503 + SS_SEQUENCE_JUMP_MAX);
    // That was a lie: what the device takes is counted from its true word again, so it is not stranded.
    assert_int_equal(next(vault, sealing("d1", "1.0", 1, 502), SS_OK, ""), 503);
    // A new epoch starts from 0, and there is no way back.
    struct ss_vault_sealing s = sealing("d1", "1.0", 2, 0);
    s.accepted = (struct ss_vault_accepted){1, 502};
    assert_int_equal(next(vault, s, SS_OK, ""), 1);
    next(vault, sealing("d1", "1.0", 1, 502), SS_ERROR_BAD_STATE, "deliveries of epoch 2");
    s.accepted = (struct ss_vault_accepted){3, 0};
    next(vault, s, SS_ERROR_BAD_STATE, "deliveries of epoch 3");
    // Nor does the old key keep the others of a batch from theirs; and with the right one it goes on.
    struct ss_error err = {0};
    struct ss_vault_sealing batch[] = {sealing("d1", "1.0", 1, 502), sealing("d2", "1.0", 1, 1)};
    assert_ok(ss_vault_delivery_begin(vault, batch, 2, &err), err);
    assert_int_equal(batch[0].status, SS_ERROR_BAD_STATE);
    assert_int_equal(batch[0].key.len, 0);
    assert_int_equal(batch[1].sequence, 2);
    ss_vault_flash_key_wipe(&batch[1].key);
    assert_int_equal(next(vault, sealing("d1", "1.0", 2, 1), SS_OK, ""), 2);
    ss_vault_close(vault);
}

static void test_who_gets_a_key(void **state)
{
    (void)state;
    const char *url;
    struct ss_vault *vault = make(&url);
    struct ss_error err = {0};
    next(vault, sealing("d3", "1.0", 1, 0), SS_ERROR_DOES_NOT_EXIST, "no flash key");
    next(vault, sealing("d9", "1.0", 1, 0), SS_ERROR_DOES_NOT_EXIST, "no device d9");
    next(vault, sealing("d1", "3.0", 1, 0), SS_ERROR_DOES_NOT_EXIST, "no release 3.0");
    // One of a batch that is refused does not keep the others from theirs.
    struct ss_vault_sealing batch[] = {sealing("d3", "1.0", 1, 0), sealing("d1", "1.0", 1, 0)};
    assert_ok(ss_vault_delivery_begin(vault, batch, 2, &err), err);
    assert_int_equal(batch[0].status, SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(batch[0].key.len, 0);
    assert_int_equal(batch[1].status, SS_OK);
    assert_int_equal(batch[1].key.len, 32);
    assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM audit WHERE action = 'seal'"), 1);
    assert_ok(ss_vault_device_set_state(vault, "d1", SS_VAULT_DEVICE_LOST, NULL, NULL, &err), err);
    next(vault, sealing("d1", "1.0", 1, 0), SS_ERROR_NOT_PERMITTED, "is lost");
    ss_vault_close(vault);
}

static struct ss_vault_delivery delivery(const char *device, uint64_t sequence, uint8_t mark)
{
    struct ss_vault_delivery d = {.id = {.address = ADDRESS},
                                  .length = 8192,
                                  .window = 4096,
                                  .windows = 2,
                                  .epoch = 1,
                                  .sequence = sequence,
                                  .statement_len = 100};
    strcpy(d.id.device, device);
    strcpy(d.id.version, "1.0");
    memset(d.digests, mark, 64);
    memset(d.sha256, mark, sizeof d.sha256);
    memset(d.statement, mark, d.statement_len);
    return d;
}

static void test_first_one_stays(void **state)
{
    (void)state;
    const char *url;
    struct ss_vault *vault = make(&url), *other = vault_bench_open(url);
    struct ss_vault_accepted none = {0}, later = {1, 5};
    struct ss_vault_delivery first = delivery("d1", 1, 'a'), second = delivery("d1", 2, 'b'), back;
    struct ss_vault_flash_key key;
    struct ss_error err = {0};
    assert_int_equal(ss_vault_delivery_get(vault, &first.id, &back, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(ss_vault_delivery_key(vault, &first.id, &key, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_ok(ss_vault_delivery_put(vault, &first, &none, 1, &err), err);
    // Another node made one at the same time: it takes over what is there.
    assert_ok(ss_vault_delivery_put(other, &second, &none, 1, &err), err);
    assert_memory_equal(&second, &first, sizeof first);
    assert_ok(ss_vault_delivery_get(other, &first.id, &back, &err), err);
    assert_memory_equal(&back, &first, sizeof first);
    // Once the device has gone on, a new statement takes its place.
    second = delivery("d1", 6, 'c');
    assert_false(ss_vault_delivery_usable(&first, 1, &later));
    assert_ok(ss_vault_delivery_put(other, &second, &later, 1, &err), err);
    assert_ok(ss_vault_delivery_get(vault, &first.id, &back, &err), err);
    assert_int_equal(back.sequence, 6);
    // The key for parts of it, without another record.
    long long records = vault_bench_number(url, "SELECT count(*) FROM audit");
    assert_ok(ss_vault_delivery_key(vault, &first.id, &key, &err), err);
    assert_int_equal(key.len, 32);
    ss_vault_flash_key_wipe(&key);
    assert_int_equal(vault_bench_number(url, "SELECT count(*) FROM audit"), records);
    ss_vault_close(other);
    ss_vault_close(vault);
}

static void test_usable(void **state)
{
    (void)state;
    const struct {
        uint32_t key_epoch;
        struct ss_vault_accepted accepted;
        bool usable;
    } cases[] = {
        {1, {0, 0}, true},  {1, {1, 4}, true},  {1, {1, 5}, true}, // the accepted one may come again
        {1, {1, 6}, false}, {2, {1, 5}, false}, {1, {2, 1}, false},
    };
    struct ss_vault_delivery d = delivery("d1", 5, 'x');
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(ss_vault_delivery_usable(&d, cases[i].key_epoch, &cases[i].accepted), cases[i].usable);
    d.statement_len = 0;
    assert_false(ss_vault_delivery_usable(&d, 1, &cases[0].accepted));
}

static void test_signatures(void **state)
{
    (void)state;
    struct ss_vault *vault = make(NULL);
    struct ss_vault_signature s = {
        .product = "lamp", .version = "1.0", .device = "d1", .has_key = true, .trailer_len = 68};
    struct ss_vault_signature back;
    struct ss_error err = {0};
    memset(s.verification_key, 0x11, sizeof s.verification_key);
    memset(s.trailer, 0x22, 68);
    assert_int_equal(ss_vault_signature_get(vault, "lamp", "1.0", "d1", &back, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_ok(ss_vault_signature_put(vault, &s, &err), err);
    assert_ok(ss_vault_signature_get(vault, "lamp", "1.0", "d1", &back, &err), err);
    assert_memory_equal(&back, &s, sizeof s);
    s.trailer[5] = 0x33; // made again
    assert_ok(ss_vault_signature_put(vault, &s, &err), err);
    assert_ok(ss_vault_signature_get(vault, "lamp", "1.0", "d1", &back, &err), err);
    assert_int_equal(back.trailer[5], 0x33);
    assert_int_equal(ss_vault_signature_get(vault, "lamp", "2.0", "d1", &back, &err), SS_ERROR_DOES_NOT_EXIST);
    strcpy(s.product, "sofa");
    assert_refused(ss_vault_signature_put(vault, &s, &err), SS_ERROR_INVALID_ARGUMENT, &err, "is of product lamp");
    s.trailer_len = 0;
    assert_refused(ss_vault_signature_put(vault, &s, &err), SS_ERROR_INVALID_ARGUMENT, &err, "0 bytes");
    ss_vault_close(vault);
}

static void test_floor(void **state)
{
    (void)state;
    struct ss_vault *vault = make(NULL);
    char version[SS_VAULT_VERSION_SIZE];
    uint64_t when;
    struct ss_error err = {0};
    assert_ok(ss_vault_floor_get(vault, "lamp", version, &when, &err), err);
    assert_string_equal(version, "");
    assert_int_equal(when, 0);
    assert_ok(ss_vault_floor_set(vault, "lamp", "2.0", &err), err);
    assert_ok(ss_vault_floor_get(vault, "lamp", version, &when, &err), err);
    assert_string_equal(version, "2.0");
    assert_int_equal(when, 200);
    assert_refused(ss_vault_floor_set(vault, "lamp", "1.0", &err), SS_ERROR_NOT_PERMITTED, &err, "signed later");
    assert_int_equal(ss_vault_floor_set(vault, "lamp", "9", &err), SS_ERROR_DOES_NOT_EXIST);
    ss_vault_close(vault);
}

static void test_registry(void **state)
{
    (void)state;
    const char *url;
    struct ss_vault *vault = make(&url), *other = vault_bench_open(url);
    struct ss_vault_member members[8];
    size_t count;
    struct ss_error err = {0};
    assert_ok(ss_vault_registry_read(other, 0, "credential", members, 8, &count, &err), err);
    assert_int_equal(count, 3);
    int64_t last = members[2].change;
    assert_ok(ss_vault_registry_read(other, last, "credential", members, 8, &count, &err), err);
    assert_int_equal(count, 0);
    assert_ok(ss_vault_device_set_fact(vault, "d2", "credential", "token sha256:ab", &err), err);
    assert_ok(ss_vault_device_set_state(vault, "d1", SS_VAULT_DEVICE_REVOKED, NULL, NULL, &err), err);
    assert_ok(ss_vault_registry_read(other, last, "credential", members, 1, &count, &err), err); // page by page
    assert_int_equal(count, 1);
    assert_string_equal(members[0].id, "d2");
    assert_string_equal(members[0].product, "lamp");
    assert_string_equal(members[0].fact, "token sha256:ab");
    assert_int_equal(members[0].state, SS_VAULT_DEVICE_PROVISIONED);
    assert_ok(ss_vault_registry_read(other, members[0].change, "credential", members, 8, &count, &err), err);
    assert_int_equal(count, 1);
    assert_string_equal(members[0].id, "d1");
    assert_string_equal(members[0].fact, "");
    assert_int_equal(members[0].state, SS_VAULT_DEVICE_REVOKED);
    ss_vault_close(other);
    ss_vault_close(vault);
}

/// All of it survives a backup: sequences above all, or a restored vault would issue old numbers.
static void test_backup(void **state)
{
    (void)state;
    const char *url;
    char path[160], restored[256];
    struct ss_vault *vault = make(&url);
    struct ss_vault_accepted none = {0};
    struct ss_vault_delivery d = delivery("d1", 1, 'a'), back;
    struct ss_vault_options options = vault_bench_options();
    struct ss_vault_report report;
    struct ss_error err = {0};
    assert_int_equal(next(vault, sealing("d1", "1.0", 1, 0), SS_OK, ""), 1);
    assert_ok(ss_vault_delivery_put(vault, &d, &none, 1, &err), err);
    assert_ok(ss_vault_floor_set(vault, "lamp", "2.0", &err), err);
    strcpy(path, vault_bench_path("deliveries.backup"));
    assert_ok(ss_vault_backup(vault, path, &err), err);
    ss_vault_close(vault);
    strcpy(restored, vault_bench_new_url());
    assert_ok(ss_vault_restore(restored, &options, path, &report, &err), err);
    vault = vault_bench_open(restored);
    assert_ok(ss_vault_delivery_get(vault, &d.id, &back, &err), err);
    assert_memory_equal(&back, &d, sizeof d);
    assert_int_equal(next(vault, sealing("d1", "1.0", 1, 0), SS_OK, ""), 2);
    ss_vault_close(vault);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences), cmocka_unit_test(test_who_gets_a_key), cmocka_unit_test(test_first_one_stays),
        cmocka_unit_test(test_usable),    cmocka_unit_test(test_signatures),     cmocka_unit_test(test_floor),
        cmocka_unit_test(test_registry),  cmocka_unit_test(test_backup),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
