// SPDX-License-Identifier: Apache-2.0
// Releases: what goes in comes out, in any slices; nothing of it is in the database in the clear; every change is found.
#include "support/unit.h"
#include "support/vault_bench.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/check.h"
#include "vault/release.h"

static uint8_t image[3 * 65536 + 1234];

static void fill_image(uint64_t seed)
{
    test_random_bytes(&seed, image, sizeof image);
}

static struct ss_vault_release describe(const char *version, uint32_t length)
{
    struct ss_vault_release r = {.product = "lamp",
                                 .length = length,
                                 .secure_version = 3,
                                 .digest = {1, 2, 3},
                                 .statement = "a statement",
                                 .statement_len = 11};
    strcpy(r.version, version);
    return r;
}

static ss_status_t collect(void *context, const struct ss_vault_release *r, struct ss_error *err)
{
    (void)err;
    strcat(strcat(strcat(strcat(context, r->product), " "), r->version), "\n");
    return SS_OK;
}

static void test_store_and_read(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    struct ss_vault_release r = describe("v1.2 rc", sizeof image), back;
    struct ss_vault_image *reader;
    static uint8_t out[sizeof image];
    char names[256] = "";
    vault_bench_fill(vault, 0);
    fill_image(7);
    assert_ok(ss_vault_release_add(vault, &r, image, &err), err);
    ss_vault_close(vault);

    vault = vault_bench_open(url);
    assert_ok(ss_vault_release_get(vault, "lamp", "v1.2 rc", &back, &err), err);
    back.created = 0;
    assert_memory_equal(&back, &r, sizeof r);
    assert_ok(ss_vault_image_open(vault, "lamp", "v1.2 rc", "for d1", &reader, &err), err);
    assert_int_equal(ss_vault_image_len(reader), sizeof image);
    assert_ok(ss_vault_image_read(reader, 0, out, sizeof out, &err), err);
    assert_memory_equal(out, image, sizeof out);
    static const uint32_t slices[][2] = {
        {0, 0}, {0, 1}, {65535, 2}, {65536, 65536}, {131000, 60000}, {sizeof image - 1, 1}, {sizeof image, 0}};
    for (size_t i = 0; i < sizeof slices / sizeof *slices; i++) {
        memset(out, 0xA5, sizeof out);
        assert_ok(ss_vault_image_read(reader, slices[i][0], out, slices[i][1], &err), err);
        assert_memory_equal(out, image + slices[i][0], slices[i][1]);
        assert_int_equal(out[slices[i][1]], 0xA5);
    }
    assert_refused(ss_vault_image_read(reader, sizeof image, out, 1, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "image has");
    assert_refused(ss_vault_image_read(reader, UINT32_MAX, out, 1, &err), SS_ERROR_INVALID_ARGUMENT, &err, "image has");
    ss_vault_image_close(reader);
    r = describe("v1.3", 16);
    assert_ok(ss_vault_release_add(vault, &r, image, &err), err);
    assert_ok(ss_vault_release_list(vault, "lamp", collect, names, &err), err);
    assert_true(!strcmp(names, "lamp v1.2 rc\nlamp v1.3\n") || !strcmp(names, "lamp v1.3\nlamp v1.2 rc\n"));
    *names = '\0';
    assert_ok(ss_vault_release_list(vault, "sofa", collect, names, &err), err);
    assert_string_equal(names, "");
    ss_vault_close(vault);
}

static void test_refusals(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(NULL);
    struct ss_vault_release r = describe("1", 16);
    struct ss_vault_image *reader;
    vault_bench_fill(vault, 0);
    assert_ok(ss_vault_release_add(vault, &r, image, &err), err);
    assert_refused(ss_vault_release_add(vault, &r, image, &err), SS_ERROR_ALREADY_EXISTS, &err,
                   "a release 1 of product lamp already");
    strcpy(r.product, "sofa");
    assert_refused(ss_vault_release_add(vault, &r, image, &err), SS_ERROR_DOES_NOT_EXIST, &err, "no product sofa");
    r = describe("", 16);
    assert_refused(ss_vault_release_add(vault, &r, image, &err), SS_ERROR_INVALID_ARGUMENT, &err, "version");
    r = describe("1\n2", 16);
    assert_refused(ss_vault_release_add(vault, &r, image, &err), SS_ERROR_INVALID_ARGUMENT, &err, "version");
    r = describe("2", 0);
    assert_refused(ss_vault_release_add(vault, &r, image, &err), SS_ERROR_INVALID_ARGUMENT, &err, "0 bytes");
    r = describe("2", SS_VAULT_RELEASE_MAX + 1);
    assert_refused(ss_vault_release_add(vault, &r, image, &err), SS_ERROR_INVALID_ARGUMENT, &err, "at most 16777216");
    r = describe("2", 16);
    r.statement_len = SS_VAULT_STATEMENT_MAX + 1;
    assert_refused(ss_vault_release_add(vault, &r, image, &err), SS_ERROR_INVALID_ARGUMENT, &err, "1025 bytes");
    assert_refused(ss_vault_image_open(vault, "lamp", "9", NULL, &reader, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "no release 9 of product lamp");
    assert_null(reader);
    ss_vault_close(vault);
}

static void test_changes_are_found(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "DELETE FROM release_chunks WHERE number = 2",
        "UPDATE release_chunks SET number = 99 - number WHERE number IN (0, 1)",
        "UPDATE release_chunks SET content = (SELECT content FROM release_chunks WHERE number = 0) WHERE number = 1",
        "UPDATE releases SET length = 65536", // cut at a chunk
        "UPDATE releases SET length = 65000",
        "UPDATE release_chunks SET content = '' WHERE number = 0",
        "UPDATE releases SET product = 'other'",
    };
    const char *url;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    struct ss_vault_release r = describe("1", sizeof image);
    struct ss_vault_report report;
    struct ss_vault_product other;
    vault_bench_fill(vault, 0);
    fill_image(9);
    assert_ok(ss_vault_release_add(vault, &r, image, &err), err);
    assert_ok(ss_vault_product_get(vault, "lamp", &other, &err), err);
    strcpy(other.name, "other");
    assert_ok(ss_vault_product_add(vault, &other, &err), err);
    vault_bench_tamper(url, "CREATE TABLE kept AS SELECT * FROM release_chunks");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(ss_vault_check(vault, &report, &err), err);
        assert_int_equal(report.releases, 1);
        vault_bench_tamper(url, cases[i]);
        if (ss_vault_check(vault, &report, &err) != SS_ERROR_DATA_CORRUPT)
            fail_msg("not found: %s", cases[i]);
        char restore[256];
        snprintf(restore, sizeof restore,
                 "DELETE FROM release_chunks; INSERT INTO release_chunks SELECT * FROM kept;"
                 "UPDATE releases SET length = %zu, product = 'lamp'",
                 sizeof image);
        vault_bench_tamper(url, restore);
    }
    ss_vault_close(vault);
}

static void test_not_in_the_clear(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    if (!vault_bench_is_sqlite())
        skip();
    struct ss_vault *vault = vault_bench_create(&url);
    struct ss_vault_release r = describe("1", sizeof image);
    vault_bench_fill(vault, 0);
    fill_image(11);
    assert_ok(ss_vault_release_add(vault, &r, image, &err), err);
    ss_vault_close(vault);
    static uint8_t content[2 << 20];
    FILE *f = fopen(url + strlen("sqlite:"), "rb");
    assert_non_null(f);
    size_t len = fread(content, 1, sizeof content, f);
    fclose(f);
    assert_true(len > sizeof image && len < sizeof content);
    for (size_t at = 0; at < sizeof image; at += 4096)
        assert_null(memmem(content, len, image + at, 16));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_and_read),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_changes_are_found),
        cmocka_unit_test(test_not_in_the_clear),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
