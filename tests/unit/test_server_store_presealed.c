// SPDX-License-Identifier: Apache-2.0
// What was sealed ahead: from the vault to a folder, from the folder to a server's store, and nothing else on the way.
#include "support/sealer_bench.h"
#include "support/statement_sample.h"
#include "support/store_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server/preseal.h"
#include "server/presealed.h"
#include "slotseal/chip_info.h"
#include "slotseal/seal.h"
#include "slotseal/update_check.h"
#include "vault/flash_key.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// The index

static ss_status_t count_entry(void *context, const struct ss_presealed_entry *e, struct ss_error *err)
{
    (void)err, (void)e;
    ++*(unsigned *)context;
    return SS_OK;
}

static void test_index(void **state)
{
    (void)state;
    static const char good[] = "slotseal-presealed 1\nproduct lamp\nkey-set " HASH "\nrelease " HASH "\n"
                               "device d1 active token:" HASH "\ndevice d2 gone none\n"
                               "sealed d1 ota_0 " HASH " " HASH "\nend 7\n";
    static const struct {
        const char *text, *part;
        ss_status_t status;
    } bad[] = {
        {"", "line 1 should end the index", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\n", "line 2 should end", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nend 1\n", "line 2 ends the index too early", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 2\nproduct lamp\nend 2\n", "newer program", SS_ERROR_NOT_SUPPORTED},
        {"presealed 1\nproduct lamp\nend 2\n", "line 1 does not begin", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\nend 3\n", "line 3 is none", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\nend 2\n\n", "line 3 ends the index too early", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\nend 2", "line 3 has no end", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\nproduct lamp\nend 3\n", "line 3 is out of order", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nkey-set " HASH "\nend 2\n", "line 2 is out of order", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\nrelease " HASH "\nkey-set " HASH "\nend 4\n", "line 4 is out of order",
         SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct la/mp\nend 2\n", "line 2 is none", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\n\nend 3\n", "line 3 is empty", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct  lamp\nend 2\n", "line 2 has too many words, or blanks", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\nkey-set 0123\nend 3\n", "line 3 is none", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\ndevice ../d1 active none\nend 3\n", "line 3 is none",
         SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\ndevice d1 alive none\nend 3\n", "line 3 is none", SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\ndevice d1 active token:12\nend 3\n", "line 3 is none",
         SS_ERROR_DATA_INVALID},
        {"slotseal-presealed 1\nproduct lamp\nsealed d1 ota_0 " HASH " x\nend 3\n", "line 3 is none",
         SS_ERROR_DATA_INVALID},
    };
    unsigned count = 0;
    struct ss_error err = {0};
    assert_ok(ss_presealed_parse(good, sizeof good - 1, count_entry, &count, &err), err);
    assert_int_equal(count, 6);
    for (size_t len = 0; len < sizeof good - 1; len++) {
        count = 0;
        assert_int_equal(ss_presealed_parse(good, len, count_entry, &count, &err), SS_ERROR_DATA_INVALID);
        assert_int_equal(count, 0); // nothing is done of an index that is not whole
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(ss_presealed_parse(bad[i].text, strlen(bad[i].text), count_entry, &count, &err), bad[i].status,
                       &err, bad[i].part);
}

// Folders

struct world {
    struct sealer_fleet fleet;
    struct sealer_release release;
    struct ss_store *store;
    char folder[160];
    struct sample_statement key_set;
    struct ss_preseal_options options;
};

static void world_make_untrusted(struct world *w, const char *name)
{
    static const unsigned roots[] = {1, 2, 0};
    struct ss_key_set set = sample_key_set();
    sealer_fleet_make(&w->fleet, 2, 0);
    sealer_release_make(BENCH_PRODUCT, "1.0", 90000, 1700000000, 4, false, &w->release);
    sealer_release_add(w->fleet.vault, BENCH_PRODUCT, "1.0", &w->release);
    w->store = store_bench_create(NULL);
    snprintf(w->folder, sizeof w->folder, "%s", vault_bench_path(name));
    set.product = ss_span_of(BENCH_PRODUCT);
    sample_sign_key_set(&set, roots, &w->key_set);
    w->options = (struct ss_preseal_options){.vault = w->fleet.url,
                                             .vault_options = vault_bench_options(),
                                             .keys = w->fleet.keys,
                                             .key_set = w->key_set.bytes,
                                             .key_set_len = w->key_set.len,
                                             .product = BENCH_PRODUCT,
                                             .version = "1.0",
                                             .expiry = (uint64_t)time(NULL) + 86400,
                                             .folder = w->folder};
}

/// What the configuration of the server names.
static void world_make(struct world *w, const char *name)
{
    struct ss_error err = {0};
    world_make_untrusted(w, name);
    assert_ok(ss_store_key_set_trust(w->store, w->key_set.bytes, w->key_set.len, NULL, &err), err);
}

static void world_free(struct world *w)
{
    ss_store_close(w->store);
    sealer_release_free(&w->release);
    sealer_fleet_free(&w->fleet);
}

static struct ss_preseal_report preseal(struct world *w)
{
    struct ss_preseal_report report;
    struct ss_error err = {0};
    assert_ok(ss_preseal(&w->options, &report, &err), err);
    return report;
}

static struct ss_presealed_report load(struct world *w)
{
    struct ss_presealed_report report;
    struct ss_error err = {0};
    assert_ok(ss_presealed_load(w->store, w->folder, &report, &err), err);
    return report;
}

static void refused(struct world *w, ss_status_t status, const char *part)
{
    struct ss_presealed_report report;
    struct ss_error err = {0};
    assert_refused(ss_presealed_load(w->store, w->folder, &report, &err), status, &err, part);
}

/// What the store has for a slot is the release, sealed for that device and address, and the device takes it.
static void check_delivery(struct world *w, const char *device, const char *slot, uint32_t address, uint32_t size)
{
    struct ss_store_release release;
    struct ss_store_delivery d;
    struct ss_error err = {0};
    struct ss_key_set set;
    struct ss_statement statement;
    struct ss_update update;
    uint8_t key[32], *ciphertext, *plain;
    size_t len = 0;
    assert_ok(ss_store_release_find(w->store, BENCH_PRODUCT, "1.0", &release, &err), err);
    assert_ok(ss_store_delivery_get(w->store, device, release.id, slot, &d, &err), err);
    assert_int_equal(d.address, address);
    assert_int_equal(d.expiry, w->options.expiry);
    ciphertext = malloc(d.length);
    plain = malloc(d.length);
    for (size_t at = 0, n; at < d.length; at += n, len += n) {
        assert_ok(ss_store_blob_read(w->store, d.blob, at, ciphertext + at, 5000, &n, &err), err);
        assert_true(n > 0);
    }
    assert_int_equal(len, d.length);
    sealer_fleet_key(device, key);
    const struct ss_seal_params params = {.chip = ss_chip_find("esp32"),
                                          .kind = SS_SEAL_APP,
                                          .address = address,
                                          .capacity = size,
                                          .place = slot,
                                          .key = key,
                                          .key_len = sizeof key,
                                          .crypt_config = SS_VAULT_CRYPT_CONFIG};
    assert_ok(ss_unseal(&params, ciphertext, d.length, plain, d.length, &len, NULL, &err), err);
    assert_memory_equal(plain, w->release.image, w->release.len);

    assert_int_equal(ss_statement_parse(w->key_set.bytes, w->key_set.len, &statement, NULL), SS_OK);
    assert_int_equal(ss_key_set_parse(&statement, &set, NULL), SS_OK);
    const struct ss_key_ring ring = {.current = &set};
    struct ss_device_view view = sample_device();
    view.product = ss_span_of(BENCH_PRODUCT);
    view.device = ss_span_of(device);
    view.scheme = SS_RELEASE_UNSIGNED;
    view.slot_address = address;
    view.slot_size = size;
    view.sequence = 0;
    view.epoch = 0;
    view.secure_version = 0;
    view.now = (uint64_t)time(NULL);
    enum ss_statement_kind which;
    struct ss_refusal why = {0};
    if (ss_update_check(&ring, release.statement, release.statement_len, d.statement, d.statement_len, &view, &update,
                        &which, &why) != SS_OK)
        fail_msg("%s: %s", ss_statement_kind_name(which), ss_reason_text(why.reason));
    view.now = w->options.expiry + 1;
    assert_int_equal(ss_update_check(&ring, release.statement, release.statement_len, d.statement, d.statement_len,
                                     &view, &update, &which, &why),
                     SS_ERROR_NOT_PERMITTED);
    assert_int_equal(why.reason, SS_REASON_EXPIRED);
    free(ciphertext);
    free(plain);
}

static void test_from_the_vault_to_the_store(void **state)
{
    (void)state;
    struct world w;
    world_make(&w, "round");
    struct ss_preseal_report made = preseal(&w);
    assert_int_equal(made.devices, 2);
    assert_int_equal(made.deliveries, 4);
    struct ss_presealed_report got = load(&w);
    assert_int_equal(got.products, 1);
    assert_int_equal(got.devices, 2);
    assert_int_equal(got.releases, 1);
    assert_int_equal(got.key_sets, 1);
    assert_int_equal(got.deliveries, 4);
    assert_int_equal(got.taken, 4);
    for (unsigned i = 1; i <= 2; i++) {
        char id[8];
        snprintf(id, sizeof id, "d%u", i);
        check_delivery(&w, id, "ota_0", BENCH_OTA_0, 0x150000);
        check_delivery(&w, id, "ota_1", BENCH_OTA_1, 0x150000);
        struct ss_store_device d = store_bench_get(w.store, id);
        assert_int_equal(d.registration.credential, SS_STORE_TOKEN);
        assert_true(d.registration.active);
    }
    // Again: nothing is new. With a later expiry: the same ciphertext, another statement.
    assert_int_equal(load(&w).taken, 0);
    w.options.expiry += 100;
    assert_int_equal(preseal(&w).deliveries, 4);
    assert_int_equal(load(&w).taken, 4);
    check_delivery(&w, "d2", "ota_1", BENCH_OTA_1, 0x150000);
    world_free(&w);
}

static void test_devices_come_and_go(void **state)
{
    (void)state;
    struct world w;
    struct ss_error err = {0};
    struct ss_store_delivery before, after;
    world_make(&w, "life");
    (void)preseal(&w);
    (void)load(&w);
    assert_ok(ss_store_delivery_get(w.store, "d2", 1, "ota_1", &before, &err), err);
    assert_ok(ss_vault_device_set_state(w.fleet.vault, "d1", SS_VAULT_DEVICE_LOST, NULL, "", &err), err);
    w.options.again = true;
    struct ss_preseal_report made = preseal(&w);
    assert_int_equal(made.gone, 1);
    assert_int_equal(made.deliveries, 2);
    (void)load(&w);
    assert_false(store_bench_get(w.store, "d1").registration.active);
    assert_true(store_bench_get(w.store, "d2").registration.active);
    // Devices that have taken it take it once more.
    assert_ok(ss_store_delivery_get(w.store, "d2", 1, "ota_1", &after, &err), err);
    assert_true(after.sequence > before.sequence);
    world_free(&w);
}

static void test_what_a_sealer_refuses(void **state)
{
    (void)state;
    struct world w;
    struct ss_preseal_report report;
    struct ss_error err = {0};
    world_make(&w, "refused");
    w.options.version = "9.9";
    assert_int_equal(ss_preseal(&w.options, &report, &err), SS_ERROR_DOES_NOT_EXIST);
    w.options.version = "1.0";
    w.options.product = "nothing";
    assert_refused(ss_preseal(&w.options, &report, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "no devices of product nothing");
    w.options.product = BENCH_PRODUCT;
    w.options.expiry = 0;
    assert_refused(ss_preseal(&w.options, &report, &err), SS_ERROR_INVALID_ARGUMENT, &err, "needs an expiry");
    assert_int_equal(load(&w).products, 0); // there is a folder, and no index in it
    strcat(w.folder, "-none");
    refused(&w, SS_ERROR_IO, "refused-none");
    world_free(&w);
}

// What somebody has changed

/// The largest object, or the largest below @p below bytes: ciphertext, or a statement.
static void find_object(const char *folder, off_t below, char path[512])
{
    char objects[200];
    off_t best = 0;
    const struct dirent *entry;
    snprintf(objects, sizeof objects, "%s/objects", folder);
    DIR *dir = opendir(objects);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;
        if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, 0) != 0 || st.st_size <= best ||
            st.st_size >= below)
            continue;
        best = st.st_size;
        snprintf(path, 512, "%s/%s", objects, entry->d_name);
    }
    closedir(dir);
    assert_true(best > 0);
}

static void flip(const char *path)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 40), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, 40), 1);
    close(fd);
}

/// Replaces the first @p from in the index by @p to, which is as long.
static void edit_index(const struct world *w, const char *from, const char *to)
{
    char path[200], *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/" BENCH_PRODUCT ".index", w->folder);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_true(getdelim(&text, &size, '\0', f) > 0);
    char *at = strstr(text, from);
    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    rewind(f);
    assert_int_equal(fputs(text, f) < 0, 0);
    fclose(f);
    free(text);
}

static void test_changed_files(void **state)
{
    (void)state;
    struct world w;
    char path[512], object[512], hidden[600];
    world_make(&w, "changed");
    (void)preseal(&w);
    edit_index(&w, "device d1", "device d3");
    refused(&w, SS_ERROR_DOES_NOT_EXIST, "no device d1");
    edit_index(&w, "device d3", "device d1");
    find_object(w.folder, 1 << 30, path);
    flip(path);
    refused(&w, SS_ERROR_DATA_CORRUPT, "not what its name says");
    flip(path);
    find_object(w.folder, 4096, path);
    flip(path);
    refused(&w, SS_ERROR_DATA_CORRUPT, "not what its name says");
    flip(path);
    // What is listed for another device or slot than it was signed for.
    edit_index(&w, "sealed d1 ota_1", "sealed d2 ota_1");
    refused(&w, SS_ERROR_NOT_PERMITTED, "listed for device d2 is another one's");
    edit_index(&w, "sealed d2 ota_1", "sealed d1 ota_1");
    // A bad index keeps no other one from being loaded, whichever comes first.
    for (const char *const *name = (const char *const[]){"/0.index", "/~.index", NULL}; *name; name++) {
        struct ss_presealed_report report;
        struct ss_error err = {0};
        snprintf(path, sizeof path, "%s%s", w.folder, *name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs("nothing\n", f);
        fclose(f);
        assert_int_equal(ss_presealed_load(w.store, w.folder, &report, &err), SS_ERROR_DATA_INVALID);
        assert_non_null(strstr(err.message, *name + 1));
        assert_int_equal(report.deliveries, 4);
        assert_false(report.again);
        // Nor does it hide that the other one is worth another try.
        find_object(w.folder, 4096, object);
        snprintf(hidden, sizeof hidden, "%s.hidden", object);
        assert_int_equal(rename(object, hidden), 0);
        assert_int_not_equal(ss_presealed_load(w.store, w.folder, &report, &err), SS_OK);
        assert_true(report.again);
        assert_int_equal(rename(hidden, object), 0);
        assert_int_equal(unlink(path), 0);
    }
    world_free(&w);
}

/// Whoever can write the folder can sign a key set of his own: it is not believed for being the first, and does not stand
/// in the way of the right one.
static void test_a_folder_with_keys_of_its_own(void **state)
{
    (void)state;
    struct world w;
    struct ss_store_product product;
    struct ss_error err = {0};
    uint8_t got[SS_KEY_SET_MAX];
    size_t len;
    world_make_untrusted(&w, "own-keys");
    (void)preseal(&w);
    refused(&w, SS_ERROR_NOT_PERMITTED, "no key set of product " BENCH_PRODUCT " is pinned");
    assert_int_equal(ss_store_product_get(w.store, BENCH_PRODUCT, &product, &err), SS_ERROR_DOES_NOT_EXIST);
    struct ss_key_set set = sample_key_set();
    struct sample_statement other;
    set.product = ss_span_of(BENCH_PRODUCT);
    set.not_after = 4000000000; // the same roots, but not the set that was pinned
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &other);
    assert_ok(ss_store_key_set_trust(w.store, other.bytes, other.len, NULL, &err), err);
    refused(&w, SS_ERROR_NOT_PERMITTED, "key set");
    assert_ok(ss_store_key_set_after(w.store, BENCH_PRODUCT, 0, got, sizeof got, &len, &err), err);
    assert_int_equal(len, other.len);
    assert_ok(ss_store_key_set_trust(w.store, w.key_set.bytes, w.key_set.len, NULL, &err), err);
    assert_int_equal(load(&w).taken, 4);
    world_free(&w);
}

static void test_a_folder_that_is_followed(void **state)
{
    (void)state;
    struct world w;
    struct ss_presealed *followed;
    struct ss_store_delivery d;
    struct ss_error err = {0};
    world_make(&w, "followed");
    (void)preseal(&w);
    assert_ok(ss_presealed_start(w.store, w.folder, NULL, NULL, &followed, &err), err);
    for (int i = 0; i < 250 && ss_store_delivery_get(w.store, "d2", 1, "ota_1", &d, &err) != SS_OK; i++)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    check_delivery(&w, "d1", "ota_0", BENCH_OTA_0, 0x150000);
    ss_presealed_stop(followed);
    world_free(&w);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_from_the_vault_to_the_store),
        cmocka_unit_test(test_devices_come_and_go),
        cmocka_unit_test(test_what_a_sealer_refuses),
        cmocka_unit_test(test_changed_files),
        cmocka_unit_test(test_a_folder_with_keys_of_its_own),
        cmocka_unit_test(test_a_folder_that_is_followed),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
