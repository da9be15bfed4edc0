// SPDX-License-Identifier: Apache-2.0
#include "provision/kit.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/build_dir.h"
#include "provision/kit_internal.h"
#include "provision/kit_store.h"
#include "slotseal/seal.h"
#include "support/keys.h"
#include "support/sample_image.h"
#include "support/unit.h"

#define NVS_LEN 0x4000

static char base[] = "/tmp/slotseal-kit-XXXXXX";
static char folder[64];

/// A station: key and certificate.
struct station {
    char key[4096], certificate[4096];
    struct ss_kit_station use;
};
static struct station ec_station, rsa_station, stranger;
static ss_signing_key_t *signer;
static struct ss_partition_table table;
static struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
static uint8_t bootloader[4096], app[4096], nvs[NVS_LEN];
static size_t bootloader_len, app_len;
static const uint8_t macs[2][6] = {{0x24, 0x0A, 0xC4, 0, 0, 1}, {0x24, 0x0A, 0xC4, 0, 0, 2}};
static uint8_t keys[2][32];

static void pem(BIO *bio, char *out, size_t size)
{
    int len = BIO_read(bio, out, (int)size - 1);
    assert_true(len > 0);
    out[len] = '\0';
    BIO_free(bio);
}

static void make_station(struct station *s, EVP_PKEY *key, long seconds)
{
    X509 *x = X509_new();
    BIO *k = BIO_new(BIO_s_mem()), *c = BIO_new(BIO_s_mem());
    assert_non_null(key);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), seconds);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"line 1", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL);
    PEM_write_bio_X509(c, x);
    pem(k, s->key, sizeof s->key);
    pem(c, s->certificate, sizeof s->certificate);
    s->use = (struct ss_kit_station){s->certificate, strlen(s->certificate), s->key, strlen(s->key)};
    X509_free(x);
    EVP_PKEY_free(key);
}

static int set_up(void **state)
{
    (void)state;
    struct ss_table_options options = {0};
    uint8_t *csv;
    size_t len;
    struct ss_error err = {0};
    assert_non_null(mkdtemp(base));
    snprintf(folder, sizeof folder, "%s/kit", base);
    make_station(&ec_station, EVP_EC_gen("P-256"), 3600);
    make_station(&rsa_station, EVP_RSA_gen(2048), 3600);
    make_station(&stranger, EVP_EC_gen("P-256"), 3600);
    assert_ok(ss_signing_key_generate(SS_KEY_P256, &signer, &err), err);
    assert_ok(ss_provision_read_file(SS_SOURCE_DIR "/examples/forum/partitions.csv", 1 << 16, &csv, &len, &err), err);
    assert_ok(ss_table_from_csv((const char *)csv, len, &options, &table, &err), err);
    free(csv);
    bootloader_len = sample_bootloader(bootloader, sizeof bootloader);
    app_len = sample_app(app, sizeof app);
    for (size_t i = 0; i < sizeof nvs; i++)
        nvs[i] = (uint8_t)(i * 31 >> 3);
    assert_int_equal(ss_random(keys[0], sizeof keys), SS_OK);
    return 0;
}

static int remove_kit(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static int tear_down(void **state)
{
    (void)state;
    ss_signing_key_free(signer);
    return rmdir(base);
}

static struct ss_kit_header header(void)
{
    struct ss_kit_header h = {.kit = "lot-7",
                              .product = "meter",
                              .level = SS_LEVEL_RELEASE,
                              .table_offset = 0x8000,
                              .flash_size = 4 << 20,
                              .min_revision = 100,
                              .app_version = "1.4"};
    struct ss_error err = {0};
    assert_ok(ss_table_to_binary(&table, h.table, &err), err);
    assert_ok(ss_kit_profile_text(&profile, h.profile, sizeof h.profile, &err), err);
    return h;
}

static void make_parts(const uint8_t key[32], struct ss_parts *parts)
{
    struct ss_part_data data = {.partition = "nvs", .data = nvs, .len = sizeof nvs};
    struct ss_parts_input in = {.table = &table,
                                .table_offset = 0x8000,
                                .flash_size = 4 << 20,
                                .revision = 300,
                                .idf = 40001,
                                .bootloader = bootloader,
                                .bootloader_len = bootloader_len,
                                .app = app,
                                .app_len = app_len,
                                .data = &data,
                                .data_count = 1,
                                .flash_key = key,
                                .flash_key_len = 32};
    struct ss_provision_store none = {0};
    struct ss_error err = {0};
    assert_ok(ss_parts_make(&in, &none, parts, &err), err);
}

static void make_kit(const struct station *station)
{
    static struct ss_parts parts;
    struct ss_kit_header h = header();
    struct ss_kit_writer *w;
    struct ss_error err = {0};
    assert_ok(ss_kit_writer_new(folder, &h, signer, station->certificate, strlen(station->certificate), &w, &err), err);
    for (unsigned i = 0; i < 2; i++) {
        char id[SS_DEVICE_NAME_SIZE];
        ss_device_name_from_mac(macs[i], id);
        make_parts(keys[i], &parts);
        assert_ok(ss_kit_writer_add(w, id, macs[i], keys[i], 32, &parts, &err), err);
        assert_int_equal(ss_kit_writer_add(w, id, macs[i], keys[i], 32, &parts, &err), SS_ERROR_ALREADY_EXISTS);
        ss_parts_free(&parts);
    }
    assert_ok(ss_kit_writer_finish(w, &err), err);
    ss_kit_writer_free(w);
}

static struct ss_kit *open_kit(void)
{
    struct ss_kit *kit;
    struct ss_error err = {0};
    assert_ok(ss_kit_open(folder, signer, &kit, &err), err);
    return kit;
}

static void comes_back(const struct station *station)
{
    static struct ss_parts parts, expected;
    struct ss_error err = {0};
    make_kit(station);
    struct ss_kit *kit = open_kit();
    struct ss_kit_header h = header();
    assert_int_equal(kit->count, 2);
    assert_memory_equal(&kit->header.table, h.table, sizeof h.table);
    assert_string_equal(kit->header.profile, h.profile);
    assert_string_equal(kit->header.kit, "lot-7");
    assert_int_equal(kit->header.level, SS_LEVEL_RELEASE);
    assert_ok(ss_kit_check_files(kit, &err), err);
    for (unsigned d = 0; d < 2; d++) {
        uint8_t key[64];
        size_t len;
        const struct ss_kit_device *device = ss_kit_find_mac(kit, macs[d]);
        assert_non_null(device);
        assert_ok(ss_kit_read_key(kit, device, &station->use, key, sizeof key, &len, &err), err);
        assert_int_equal(len, 32);
        assert_memory_equal(key, keys[d], 32);
        make_parts(keys[d], &expected);
        assert_ok(ss_kit_read_parts(kit, device, &station->use, &parts, &err), err);
        assert_int_equal(parts.count, expected.count);
        for (size_t i = 0; i < parts.count; i++) {
            const struct ss_part *a = &parts.parts[i], *b = &expected.parts[i];
            assert_string_equal(a->name, b->name);
            assert_int_equal(a->address, b->address);
            assert_int_equal(a->len, b->len);
            assert_int_equal(a->lasts, b->lasts);
            assert_true(!a->sealed == !b->sealed && !a->plain == (b->sealed || !b->plain));
            if (b->sealed)
                assert_memory_equal(a->sealed, b->sealed, b->len);
            else if (b->plain)
                assert_memory_equal(a->plain, b->plain, b->len);
        }
        ss_parts_free(&parts);
        ss_parts_free(&expected);
    }
    assert_null(ss_kit_find_mac(kit, (const uint8_t[6]){0}));
    ss_kit_free(kit);
}

static void a_kit_for_an_ec_station(void **state)
{
    (void)state;
    comes_back(&ec_station);
}

static void a_kit_for_an_rsa_station(void **state)
{
    (void)state;
    comes_back(&rsa_station);
}

/// Fails if one of the 16-byte blocks of @p secret stands anywhere in a file of the kit.
static void search(const char *path, const char *what, const uint8_t *secret, size_t len)
{
    uint8_t *data;
    size_t n;
    struct ss_error err = {0};
    assert_ok(ss_provision_read_file(path, 64 << 20, &data, &n, &err), err);
    for (size_t i = 0; i + 16 <= len; i += 16)
        if (!ss_all_bytes(secret + i, 16, secret[i]) && memmem(data, n, secret + i, 16))
            fail_msg("%s holds block %zu of the %s", path, i / 16, what);
    free(data);
}

static void search_all(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char name[512];
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (e->d_type == DT_DIR) {
            search_all(name);
            continue;
        }
        search(name, "bootloader", bootloader, bootloader_len);
        search(name, "app", app, app_len);
        search(name, "credential", nvs, sizeof nvs);
        search(name, "first key", keys[0], 32);
        search(name, "second key", keys[1], 32);
    }
    closedir(dir);
}

static void no_plaintext_and_no_key_in_it(void **state)
{
    (void)state;
    make_kit(&ec_station);
    search_all(folder);
}

static void refuse_open(const ss_signing_key_t *key, ss_status_t status, const char *message)
{
    struct ss_kit *kit;
    struct ss_error err = {0};
    assert_int_equal(ss_kit_open(folder, key, &kit, &err), status);
    assert_non_null(strstr(err.message, message));
    assert_null(kit);
}

static void flip(const char *name, long offset)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, offset, SEEK_SET), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, offset, SEEK_SET), 0);
    assert_true(fputc(c ^ 1, f) != EOF);
    fclose(f);
}

static void another_signature(void **state)
{
    (void)state;
    ss_signing_key_t *other;
    struct ss_error err = {0};
    make_kit(&ec_station);
    assert_ok(ss_signing_key_generate(SS_KEY_P256, &other, &err), err);
    refuse_open(other, SS_ERROR_INVALID_SIGNATURE, "the kit's manifest is not signed by this key");
    ss_signing_key_free(other);
    flip("manifest.json", 40);
    refuse_open(signer, SS_ERROR_INVALID_SIGNATURE, "the kit's manifest is not signed by this key");
    flip("manifest.json", 40);
    flip("manifest.sig", 0);
    refuse_open(signer, SS_ERROR_INVALID_SIGNATURE, "the kit's manifest is not signed by this key");
    flip("manifest.sig", 0);
    ss_kit_free(open_kit());
}

static void changed_files(void **state)
{
    (void)state;
    static struct ss_parts parts;
    struct ss_error err = {0};
    uint8_t key[64];
    size_t len;
    make_kit(&ec_station);
    struct ss_kit *kit = open_kit();
    const struct ss_kit_device *device = ss_kit_find_mac(kit, macs[0]);
    flip("240ac4000001/flash-key.cms", 100);
    assert_int_equal(ss_kit_read_key(kit, device, &ec_station.use, key, sizeof key, &len, &err), SS_ERROR_DATA_CORRUPT);
    assert_int_equal(ss_kit_check_files(kit, &err), SS_ERROR_DATA_CORRUPT);
    flip("240ac4000001/flash-key.cms", 100);
    for (unsigned i = 0; i < device->part_count; i++) {
        char name[64];
        if (device->parts[i].form == SS_KIT_ERASED)
            continue;
        snprintf(name, sizeof name, "240ac4000001/%02u.%s", i,
                 device->parts[i].form == SS_KIT_SEALED ? "sealed" : "cms");
        flip(name, 77);
        assert_int_equal(ss_kit_read_parts(kit, device, &ec_station.use, &parts, &err), SS_ERROR_DATA_CORRUPT);
        assert_non_null(strstr(err.message, "not the file that the manifest means"));
        assert_int_equal(parts.count, 0);
        assert_int_equal(ss_kit_check_files(kit, &err), SS_ERROR_DATA_CORRUPT);
        flip(name, 77);
    }
    assert_ok(ss_kit_check_files(kit, &err), err);
    ss_kit_free(kit);
}

static void another_station(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t key[64];
    size_t len;
    make_kit(&ec_station);
    struct ss_kit *kit = open_kit();
    const struct ss_kit_device *device = ss_kit_find_mac(kit, macs[0]);
    assert_int_equal(ss_kit_read_key(kit, device, &stranger.use, key, sizeof key, &len, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "the kit is not for this station's key");
    struct ss_kit_station mixed = ec_station.use;
    mixed.key = stranger.key;
    mixed.key_len = strlen(stranger.key);
    assert_int_equal(ss_kit_read_key(kit, device, &mixed, key, sizeof key, &len, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "the station's key is not its certificate's");
    assert_int_equal(ss_kit_read_key(kit, device, &ec_station.use, key, 31, &len, &err), SS_ERROR_BUFFER_TOO_SMALL);
    ss_kit_free(kit);
}

static void what_is_no_kit(void **state)
{
    (void)state;
    struct station old;
    struct ss_kit_header h = header();
    struct ss_kit_writer *w;
    struct ss_error err = {0};
    refuse_open(signer, SS_ERROR_DOES_NOT_EXIST, "No such file");
    h.secure_boot = SS_SECURE_BOOT_V1_REFLASHABLE;
    assert_int_equal(
        ss_kit_writer_new(folder, &h, signer, ec_station.certificate, strlen(ec_station.certificate), &w, &err),
        SS_ERROR_NOT_SUPPORTED);
    h.secure_boot = SS_SECURE_BOOT_NONE;
    assert_int_equal(ss_kit_writer_new(folder, &h, signer, "x", 1, &w, &err), SS_ERROR_DATA_INVALID);
    make_station(&old, EVP_EC_gen("P-256"), -60);
    assert_int_equal(ss_kit_writer_new(folder, &h, signer, old.certificate, strlen(old.certificate), &w, &err),
                     SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "the station's certificate has expired");
    assert_ok(ss_kit_writer_new(folder, &h, signer, ec_station.certificate, strlen(ec_station.certificate), &w, &err),
              err);
    assert_int_equal(ss_kit_writer_finish(w, &err), SS_ERROR_DOES_NOT_EXIST);
    ss_kit_writer_free(w);
    assert_int_equal(
        ss_kit_writer_new(folder, &h, signer, ec_station.certificate, strlen(ec_station.certificate), &w, &err),
        SS_ERROR_ALREADY_EXISTS);
    refuse_open(signer, SS_ERROR_DOES_NOT_EXIST, "No such file");
}

/// A manifest that differs from a good one in one place.
static void refuse_manifest(const char *good, const char *from, const char *to, const char *message)
{
    char text[32768];
    struct ss_kit *kit = calloc(1, sizeof *kit);
    struct ss_error err = {0};
    const char *at = strstr(good, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    assert_int_equal(kit_manifest_read(text, strlen(text), kit, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, message);
    ss_kit_free(kit);
}

static void manifests_are_read_strictly(void **state)
{
    (void)state;
    uint8_t *data;
    size_t len;
    char path[128];
    struct ss_error err = {0};
    make_kit(&ec_station);
    snprintf(path, sizeof path, "%s/manifest.json", folder);
    assert_ok(ss_provision_read_file(path, 1 << 20, &data, &len, &err), err);
    const char *good = (const char *)data;
    refuse_manifest(good, "slotseal-kit-1", "slotseal-kit-2", "manifest: not of format slotseal-kit-1");
    refuse_manifest(good, "\"level\": \"release\"", "\"level\": \"open\"",
                    "manifest: kit: level is missing or not as it should be");
    refuse_manifest(good, "\"count_max\": false,", "", "manifest: kit: count_max is missing or not as it should be");
    refuse_manifest(good, "\"kit\": \"lot-7\"", "\"kit\": \"lot-7\", \"more\": 1",
                    "manifest: kit has members that this version does not know");
    refuse_manifest(good, "\"id\": \"240ac4000001\"", "\"id\": \"../up\"",
                    "manifest: device: id is missing or not as it should be");
    refuse_manifest(good, "\"mac\": \"240ac4000001\"", "\"mac\": \"240AC4000001\"",
                    "manifest: device: mac is missing or not as it should be");
    refuse_manifest(good, "\"key_length\": 32", "\"key_length\": 31",
                    "manifest: device: key_length is missing or not as it should be");
    refuse_manifest(good, "\"address\": 36864", "\"address\": 36865",
                    "manifest: part: length is missing or not as it should be");
    refuse_manifest(good, "\"form\": \"enveloped\"", "\"form\": \"erased\"",
                    "manifest: part: sha256 is missing or not as it should be");
    refuse_manifest(good, "\"flash_size\": 4194304", "\"flash_size\": -1",
                    "manifest: kit: flash_size is missing or not as it should be");
    refuse_manifest(good, "{", "", "manifest: line 2: '[' or '{' expected near '\"format\"'");
    free(data);
}

struct heard {
    unsigned count;
    char last[64];
};

static void hear(void *context, const struct ss_journal_entry *entry)
{
    struct heard *h = context;
    h->count++;
    snprintf(h->last, sizeof h->last, "%s %d %s", entry->step, entry->phase, entry->detail);
}

static void a_station_keeps_its_journal_in_the_kit(void **state)
{
    (void)state;
    struct ss_kit_store *store;
    struct heard heard = {0};
    struct ss_error err = {0};
    char path[128], device[SS_DEVICE_NAME_SIZE];
    uint8_t key[32];
    make_kit(&ec_station);
    struct ss_kit *kit = open_kit();
    assert_int_equal(ss_kit_store_open(kit, &ec_station.use, (const uint8_t[6]){2}, &store, &err),
                     SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "kit lot-7 is not for the chip 02:00:00:00:00:00");
    assert_ok(ss_kit_store_open(kit, &ec_station.use, macs[1], &store, &err), err);
    const struct ss_provision_store *f = ss_kit_store_functions(store);
    assert_ok(f->journal_read(f->context, hear, &heard, &err), err);
    assert_int_equal(heard.count, 0);
    assert_ok(f->journal_append(f->context, &(struct ss_journal_entry){"flash-key", SS_JOURNAL_BEFORE, ""}, &err), err);
    assert_ok(f->journal_append(f->context, &(struct ss_journal_entry){"flash-key", SS_JOURNAL_AFTER, "ab\"c"}, &err),
              err);
    // The power fails while a third entry is written: it was never acknowledged.
    snprintf(path, sizeof path, "%s/journal/240ac4000002.jsonl", folder);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs("{\"time\":1,\"st", file);
    fclose(file);
    assert_ok(f->journal_read(f->context, hear, &heard, &err), err);
    assert_int_equal(heard.count, 2);
    assert_string_equal(heard.last, "flash-key 1 ab\"c");
    assert_ok(f->journal_append(f->context, &(struct ss_journal_entry){"locks", SS_JOURNAL_BEFORE, ""}, &err), err);
    heard.count = 0;
    assert_ok(f->journal_read(f->context, hear, &heard, &err), err);
    assert_int_equal(heard.count, 3);
    // Chips that the kit is not for, and keys that it does not hold.
    struct ss_provision_chip chip = {.revision = 0};
    memcpy(chip.mac, macs[1], sizeof chip.mac);
    assert_int_equal(f->begin(f->context, &chip, device, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "the kit is for chips of revision 1.0 and later, this is 0.0");
    chip.revision = 300;
    assert_ok(f->begin(f->context, &chip, device, &err), err);
    assert_string_equal(device, "240ac4000002");
    assert_int_equal(f->flash_key(f->context, key, 24, &err), SS_ERROR_BAD_STATE);
    assert_ok(f->flash_key(f->context, key, 32, &err), err);
    assert_memory_equal(key, keys[1], 32);
    const ss_signing_key_t *sign;
    assert_int_equal(f->signing_key(f->context, &sign, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(f->secure_boot_key(f->context, key, 32, &err), SS_ERROR_DOES_NOT_EXIST);
    ss_kit_store_close(store);
    ss_kit_free(kit);
}

static void profiles_as_text(void **state)
{
    (void)state;
    struct ss_boot_profile p = SS_BOOT_PROFILE_DEFAULT, back;
    char text[SS_KIT_PROFILE];
    struct ss_error err = {0};
    strcpy(p.compile_time, "12:34:56");
    p.secure_boot = SS_PROFILE_SECURE_BOOT_V1;
    p.signed_on_boot = p.flash_encryption = p.release = p.rollback = p.allow_jtag = true;
    p.allow_dl_encrypt = false;
    p.has_public_key = true;
    p.public_key_len = SS_PROFILE_KEY_MAX;
    memset(p.public_key, 0xA5, sizeof p.public_key);
    p.table_offset = 0x9000;
    p.log = SS_PROFILE_LOG_ERROR;
    assert_ok(ss_kit_profile_text(&p, text, sizeof text, &err), err);
    assert_ok(ss_profile_parse(text, strlen(text), &back, &err), err);
    assert_string_equal(back.compile_time, "12:34:56");
    assert_true(back.secure_boot == p.secure_boot && back.release && back.rollback && back.allow_jtag &&
                !back.allow_dl_encrypt && !back.unicore && back.flash_encryption && back.signed_on_boot);
    assert_int_equal(back.public_key_len, SS_PROFILE_KEY_MAX);
    assert_memory_equal(back.public_key, p.public_key, SS_PROFILE_KEY_MAX);
    assert_int_equal(back.table_offset, 0x9000);
    assert_int_equal(back.log, SS_PROFILE_LOG_ERROR);
    assert_int_equal(back.idf, p.idf);
    assert_int_equal(ss_kit_profile_text(&p, text, 1000, &err), SS_ERROR_BUFFER_TOO_SMALL);
}

#define kit_test(f) cmocka_unit_test_teardown(f, remove_kit)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        kit_test(a_kit_for_an_ec_station),
        kit_test(a_kit_for_an_rsa_station),
        kit_test(no_plaintext_and_no_key_in_it),
        kit_test(another_signature),
        kit_test(changed_files),
        kit_test(another_station),
        kit_test(what_is_no_kit),
        kit_test(manifests_are_read_strictly),
        cmocka_unit_test(profiles_as_text),
        kit_test(a_station_keeps_its_journal_in_the_kit),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
