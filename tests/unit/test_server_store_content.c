// SPDX-License-Identifier: Apache-2.0
// The store: uploads, releases, artifacts, deliveries, key sets, certificates, freshness records, operators.
#include "support/alloc_fault.h"
#include "support/sealer_bench.h"
#include "support/statement_sample.h"
#include "support/store_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/crypto.h"
#include "server/upload.h"

enum { BIG = 3 * 65536 + 1000 };

static uint8_t *made_up(size_t len, uint8_t digest[32])
{
    uint8_t *bytes = malloc(len);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, bytes, len, digest), SS_OK);
    return bytes;
}

static void test_upload_in_parts(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    struct ss_store_upload u, again;
    struct ss_error err = {0};
    uint8_t digest[32], read[BIG];
    uint8_t *bytes = made_up(BIG, digest);
    size_t len;
    assert_refused(ss_store_upload_begin(store, SS_STORE_SEALED, 0, digest, "ann", &u, &err), SS_ERROR_INVALID_ARGUMENT,
                   &err, "0 bytes");
    assert_refused(ss_store_upload_begin(store, SS_STORE_SEALED, SS_STORE_BLOB_MAX + 1, digest, "ann", &u, &err),
                   SS_ERROR_INSUFFICIENT_SPACE, &err, "the limit is 1073741824");
    assert_ok(ss_store_upload_begin(store, SS_STORE_SEALED, BIG, digest, "ann", &u, &err), err);
    assert_int_equal(u.state, SS_STORE_UPLOAD_OPEN);
    assert_refused(ss_store_upload_append(store, u.id, 0, bytes, 1000, NULL, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "multiples of 64 KiB");
    assert_ok(ss_store_upload_append(store, u.id, 0, bytes, 65536, &u, &err), err);
    assert_int_equal(u.received, 65536);
    // The answer was lost: the same part again, and the server says where it goes on.
    assert_refused(ss_store_upload_append(store, u.id, 0, bytes, 65536, &again, &err), SS_ERROR_BAD_STATE, &err,
                   "goes on at 65536");
    assert_int_equal(again.received, 65536);
    assert_int_equal(ss_store_upload_next(store, 0, &again, &err), SS_ERROR_DOES_NOT_EXIST);
    ss_store_close(store);
    // Another node takes the rest.
    store = store_bench_open(url);
    assert_ok(ss_store_upload_begin(store, SS_STORE_SEALED, BIG, digest, "bob", &again, &err), err);
    assert_int_equal(again.id, u.id);
    assert_int_equal(again.received, 65536);
    assert_ok(ss_store_upload_append(store, u.id, 65536, bytes + 65536, BIG - 65536, &u, &err), err);
    assert_int_equal(u.state, SS_STORE_UPLOAD_COMPLETE);
    assert_string_equal(u.operator_name, "ann");
    assert_ok(ss_store_upload_next(store, 0, &again, &err), err);
    assert_int_equal(again.id, u.id);
    assert_refused(ss_store_upload_append(store, u.id, BIG, bytes, 1, NULL, &err), SS_ERROR_BAD_STATE, &err,
                   "is complete");
    for (size_t at = 0; at < BIG; at += len) {
        size_t want = at % 3 ? 70001 : 30000;
        assert_ok(ss_store_blob_read(store, u.blob, at, read + at, want < BIG - at ? want : BIG - at, &len, &err), err);
        assert_true(len > 0);
    }
    assert_memory_equal(read, bytes, BIG);
    assert_ok(ss_store_blob_read(store, u.blob, BIG, read, 10, &len, &err), err);
    assert_int_equal(len, 0);
    assert_int_equal(ss_store_blob_read(store, 999, 0, read, 10, &len, &err), SS_ERROR_DOES_NOT_EXIST);

    assert_ok(ss_store_upload_refuse(store, u.id, "no such product", &err), err);
    assert_ok(ss_store_upload_get(store, u.id, &u, &err), err);
    assert_int_equal(u.state, SS_STORE_UPLOAD_REFUSED);
    assert_string_equal(u.reason, "no such product");
    assert_refused(ss_store_upload_refuse(store, u.id, "", &err), SS_ERROR_BAD_STATE, &err, "refused already");
    assert_ok(ss_store_blob_read(store, u.blob, 0, read, 10, &len, &err), err);
    assert_int_equal(len, 0); // its bytes are gone

    assert_ok(ss_store_upload_begin(store, SS_STORE_SEALED, 10, digest, "ann", &u, &err), err);
    assert_refused(ss_store_upload_append(store, u.id, 0, bytes, 10, &u, &err), SS_ERROR_DATA_CORRUPT, &err,
                   "SHA-256 differs");
    assert_int_equal(u.state, SS_STORE_UPLOAD_REFUSED);
    free(bytes);
    ss_store_close(store);
}

static void test_sealed_release(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_store_release r, found;
    struct ss_store_upload u;
    struct ss_error err = {0};
    int64_t again;
    uint8_t byte;
    size_t len;
    int64_t id = store_bench_release(store, "1.0");
    assert_ok(ss_store_release_get(store, id, &r, &err), err);
    assert_string_equal(r.product, "lamp");
    assert_int_equal(r.kind, SS_STORE_SEALED);
    assert_string_equal(r.operator_name, "ann");
    assert_int_equal(r.length, 1000);
    assert_memory_equal(r.statement, "statement of 1.0", r.statement_len);
    assert_ok(ss_store_release_find(store, "lamp", "1.0", &found, &err), err);
    assert_int_equal(found.id, id);
    assert_int_equal(ss_store_release_find(store, "lamp", "2.0", &found, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_ok(ss_store_upload_get(store, 1, &u, &err), err);
    assert_int_equal(u.state, SS_STORE_UPLOAD_ACCEPTED);
    assert_int_equal(u.release, id);
    assert_ok(ss_store_blob_read(store, u.blob, 0, &byte, 1, &len, &err), err);
    assert_int_equal(len, 0);

    // The sealer says it twice; the same release comes again; another one has its version.
    assert_ok(ss_store_upload_accept(store, 1, &r, &again, &err), err);
    assert_int_equal(again, id);
    int64_t second = store_bench_upload(store, SS_STORE_SEALED, "other bytes", 11);
    assert_ok(ss_store_upload_accept(store, second, &r, &again, &err), err);
    assert_int_equal(again, id);
    r.statement[0] ^= 1;
    int64_t third = store_bench_upload(store, SS_STORE_SEALED, "third bytes", 11);
    assert_refused(ss_store_upload_accept(store, third, &r, &again, &err), SS_ERROR_ALREADY_EXISTS, &err,
                   "has another release 1.0");
    assert_ok(ss_store_upload_get(store, third, &u, &err), err);
    assert_int_equal(u.state, SS_STORE_UPLOAD_REFUSED);
    assert_refused(ss_store_upload_accept(store, third, &r, &again, &err), SS_ERROR_BAD_STATE, &err, "refused");

    assert_ok(ss_store_product_add_opaque(store, "pi", &err), err);
    strcpy(r.product, "pi");
    int64_t fourth = store_bench_upload(store, SS_STORE_SEALED, "fourth bytes", 12);
    assert_refused(ss_store_upload_accept(store, fourth, &r, &again, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "product pi is opaque");
    ss_store_close(store);
}

struct names {
    char text[256];
    int64_t time; ///< of the last one
};

static ss_status_t add_artifact(void *context, const struct ss_store_artifact *a, struct ss_error *err)
{
    struct names *n = context;
    (void)err;
    strcat(strcat(n->text, a->file), " ");
    return SS_OK;
}

static void test_opaque_release(void **state)
{
    (void)state;
    // Of "abc": RFC 1321 A.5, RFC 3174 7.3.
    static const uint8_t md5[] = {0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0,
                                  0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72};
    static const uint8_t sha1[] = {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
                                   0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d};
    struct ss_store *store = store_bench_create(NULL);
    struct ss_store_artifact a;
    struct names names = {.text = ""};
    struct ss_error err = {0};
    uint8_t read[8];
    int64_t id, again;
    size_t len;
    assert_ok(ss_store_product_add_opaque(store, "pi", &err), err);
    const int64_t abc = store_bench_upload(store, SS_STORE_OPAQUE, "abc", 3);
    struct ss_store_file files[] = {{"fw.swu", abc}, {"app.cfg", store_bench_upload(store, SS_STORE_OPAQUE, "x=1", 3)}};
    struct ss_store_file bad = {"../etc", abc};
    assert_refused(ss_store_release_add_opaque(store, "pi", "1", &bad, 1, "ann", &id, &err), SS_ERROR_INVALID_ARGUMENT,
                   &err, "name of file 1");
    bad.file = ".hidden";
    assert_int_equal(ss_store_release_add_opaque(store, "pi", "1", &bad, 1, "ann", &id, &err),
                     SS_ERROR_INVALID_ARGUMENT);
    bad = (struct ss_store_file){"a", 77};
    assert_refused(ss_store_release_add_opaque(store, "pi", "1", &bad, 1, "ann", &id, &err), SS_ERROR_DOES_NOT_EXIST,
                   &err, "no upload 77");
    bad.upload = store_bench_upload(store, SS_STORE_SEALED, "sealed", 6);
    assert_refused(ss_store_release_add_opaque(store, "pi", "1", &bad, 1, "ann", &id, &err), SS_ERROR_NOT_PERMITTED,
                   &err, "is sealed to a sealer");
    struct ss_store_file twice[] = {{"a", abc}, {"a", abc}};
    assert_refused(ss_store_release_add_opaque(store, "pi", "1", twice, 2, "ann", &id, &err), SS_ERROR_INVALID_ARGUMENT,
                   &err, "two files are called a");
    assert_int_equal(ss_store_release_find(store, "pi", "1", &(struct ss_store_release){0}, &err),
                     SS_ERROR_DOES_NOT_EXIST); // none of these has left anything
    assert_ok(ss_store_release_add_opaque(store, "pi", "1", files, 2, "ann", &id, &err), err);
    assert_ok(ss_store_release_add_opaque(store, "pi", "1", files, 2, "ann", &again, &err), err);
    assert_int_equal(again, id);
    assert_refused(ss_store_release_add_opaque(store, "pi", "1", files, 1, "ann", &again, &err),
                   SS_ERROR_ALREADY_EXISTS, &err, "there is a release 1 of pi already");
    assert_ok(ss_store_artifact_list(store, id, add_artifact, &names, &err), err);
    assert_string_equal(names.text, "app.cfg fw.swu ");
    assert_ok(ss_store_artifact_get(store, id, "fw.swu", &a, &err), err);
    assert_memory_equal(a.md5, md5, sizeof md5);
    assert_memory_equal(a.sha1, sha1, sizeof sha1);
    assert_ok(ss_store_blob_read(store, a.blob, 0, read, sizeof read, &len, &err), err);
    assert_int_equal(len, 3);
    assert_memory_equal(read, "abc", 3);
    assert_int_equal(ss_store_artifact_get(store, id, "fw", &a, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(ss_store_artifact_get(store, id, "", &a, &err), SS_ERROR_DOES_NOT_EXIST);
    ss_store_close(store);
}

static void test_deliveries(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *a = store_bench_create(&url), *b = store_bench_open(url);
    struct ss_store_delivery d = {.device = "d1",
                                  .slot = "ota_1",
                                  .etag = "\"one\"",
                                  .statement_len = 5,
                                  .sequence = 3,
                                  .address = 0x160000,
                                  .length = 4096,
                                  .epoch = 1},
                             kept, got;
    struct ss_error err = {0};
    store_bench_devices(a, 2);
    d.release = store_bench_release(a, "1.0");
    assert_int_equal(ss_store_delivery_get(a, "d1", d.release, "ota_1", &got, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_ok(ss_store_delivery_put(a, &d, NULL, &kept, &err), err);
    assert_string_equal(kept.etag, "\"one\"");
    // Another node was slower: what the first has made counts.
    strcpy(d.etag, "\"two\"");
    d.sequence = 4;
    assert_ok(ss_store_delivery_put(b, &d, NULL, &kept, &err), err);
    assert_string_equal(kept.etag, "\"one\"");
    assert_int_equal(kept.sequence, 3);
    for (int i = 0; i < 3; i++) { // from the database, then from memory
        assert_ok(ss_store_delivery_get(b, "d1", d.release, "ota_1", &got, &err), err);
        assert_string_equal(got.etag, "\"one\"");
        (void)store_bench_get(b, "d1");
    }
    assert_int_equal(ss_store_delivery_get(b, "d2", d.release, "ota_1", &got, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(ss_store_delivery_get(b, "d1", d.release, "ota_0", &got, &err), SS_ERROR_DOES_NOT_EXIST);
    // The device has taken it, so it is replaced by whoever knows which one that is.
    assert_ok(ss_store_delivery_put(b, &d, "\"none\"", &kept, &err), err);
    assert_string_equal(kept.etag, "\"one\"");
    assert_ok(ss_store_delivery_put(b, &d, "\"one\"", &kept, &err), err);
    assert_string_equal(kept.etag, "\"two\"");
    assert_ok(ss_store_delivery_get(b, "d1", d.release, "ota_1", &got, &err), err);
    assert_int_equal(got.sequence, 4);
    // What is kept may be read to where the new one is.
    strcpy(d.etag, "\"three\"");
    d.sequence = 5;
    assert_ok(ss_store_delivery_put(b, &d, "\"two\"", &d, &err), err);
    assert_string_equal(d.etag, "\"three\"");
    assert_ok(ss_store_delivery_get(a, "d1", d.release, "ota_1", &got, &err), err);
    assert_string_equal(got.etag, "\"three\"");
    assert_int_equal(got.sequence, 5);
    d.release = 99;
    assert_int_equal(ss_store_delivery_put(a, &d, NULL, NULL, &err), SS_ERROR_DOES_NOT_EXIST);
    d.statement_len = 0;
    assert_int_equal(ss_store_delivery_put(a, &d, NULL, NULL, &err), SS_ERROR_INVALID_ARGUMENT);
    ss_store_close(a);
    ss_store_close(b);
}

static void sign_version(uint32_t version, const unsigned *roots, struct sample_statement *out)
{
    struct ss_key_set set = sample_key_set();
    set.version = version;
    sample_sign_key_set(&set, roots, out);
}

static void test_key_sets(void **state)
{
    (void)state;
    static const unsigned enough[] = {1, 2, 0}, few[] = {1, 0};
    struct ss_store *store = store_bench_create(NULL);
    struct sample_statement one, two, weak;
    struct ss_store_product product;
    struct ss_error err = {0};
    uint8_t got[SS_KEY_SET_MAX];
    uint32_t version;
    size_t len;
    char name[SS_STORE_NAME_SIZE];
    struct ss_key_set set = sample_key_set();
    snprintf(name, sizeof name, "%.*s", (int)set.product.len, (const char *)set.product.p);
    sign_version(1, enough, &one);
    sign_version(2, enough, &two);
    sign_version(3, few, &weak);
    assert_int_equal(ss_store_key_set_put(store, weak.bytes, weak.len, NULL, &err), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(ss_store_key_set_put(store, weak.bytes, 10, NULL, &err), SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_store_key_set_after(store, name, 0, got, sizeof got, &len, &err), SS_ERROR_DOES_NOT_EXIST);
    // The first one is nobody's to bring, however well it is signed.
    assert_refused(ss_store_key_set_put(store, one.bytes, one.len, NULL, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "is pinned: the first one comes from key_set =");
    assert_int_equal(ss_store_product_get(store, name, &product, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_ok(ss_store_key_set_trust(store, one.bytes, one.len, NULL, &err), err);
    assert_ok(ss_store_key_set_put(store, one.bytes, one.len, &version, &err), err); // again
    assert_ok(ss_store_key_set_put(store, two.bytes, two.len, &version, &err), err);
    assert_int_equal(version, 2);
    assert_int_equal(ss_store_key_set_put(store, weak.bytes, weak.len, NULL, &err), SS_ERROR_NOT_PERMITTED);
    sign_version(2, (const unsigned[]){2, 3, 0}, &weak); // the same version, signed by others
    assert_int_equal(ss_store_key_set_put(store, weak.bytes, weak.len, NULL, &err), SS_ERROR_NOT_PERMITTED);
    assert_ok(ss_store_product_get(store, name, &product, &err), err);
    assert_int_equal(product.key_set, 2);
    assert_ok(ss_store_key_set_after(store, name, 0, got, sizeof got, &len, &err), err);
    assert_int_equal(len, one.len);
    assert_memory_equal(got, one.bytes, len);
    assert_ok(ss_store_key_set_after(store, name, 1, got, sizeof got, &len, &err), err);
    assert_memory_equal(got, two.bytes, len);
    assert_int_equal(ss_store_key_set_after(store, name, 2, got, sizeof got, &len, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(ss_store_key_set_after(store, name, 1, got, 10, &len, &err), SS_ERROR_BUFFER_TOO_SMALL);
    ss_store_close(store);
}

/// Puts a set of @p version for the sample product into the store, as something that is trusted.
static struct ss_store_trusted trust(struct ss_store *store, const struct sample_statement *s)
{
    struct ss_store_trusted done;
    struct ss_error err = {0};
    assert_ok(ss_store_key_set_trust(store, s->bytes, s->len, &done, &err), err);
    return done;
}

/// The versions in the store, as "1 2 ".
static void check_versions(struct ss_store *store, const char *product, const char *expected)
{
    uint8_t got[SS_KEY_SET_MAX];
    struct ss_statement statement;
    struct ss_key_set set = {.version = 0};
    struct ss_store_product row;
    struct ss_error err = {0};
    char text[64] = "";
    size_t len;
    while (ss_store_key_set_after(store, product, set.version, got, sizeof got, &len, &err) == SS_OK) {
        assert_int_equal(ss_statement_parse(got, len, &statement, NULL), SS_OK);
        assert_int_equal(ss_key_set_parse(&statement, &set, NULL), SS_OK);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%u ", (unsigned)set.version);
    }
    assert_string_equal(text, expected);
    assert_ok(ss_store_product_get(store, product, &row, &err), err);
    assert_int_equal(row.key_set, set.version);
}

static void test_pinned_key_sets(void **state)
{
    (void)state;
    static const unsigned roots[] = {1, 2, 0}, others[] = {2, 3, 0};
    struct ss_store *store = store_bench_create(NULL);
    struct sample_statement real[7], wrong[7];
    struct ss_store_trusted done;
    struct ss_error err = {0};
    struct ss_key_set set = sample_key_set();
    char name[SS_STORE_NAME_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)set.product.len, (const char *)set.product.p);
    for (uint32_t v = 1; v < 7; v++) {
        sign_version(v, roots, &real[v]);
        // What a thief of an operator's token could have made: with roots of his own.
        set = sample_key_set();
        set.version = v;
        set.roles[SS_ROLE_ROOT] =
            (struct ss_role_keys){.keys = {sample_public_key(7), sample_public_key(8)}, .count = 2};
        sample_sign_key_set(&set, (const unsigned[]){7, 8, 0}, &wrong[v]);
    }
    done = trust(store, &real[2]);
    assert_true(done.added && !done.removed && done.version == 2);
    assert_string_equal(done.product, name);
    assert_false(trust(store, &real[2]).added);
    done = trust(store, &real[1]); // told later, it lies before
    assert_true(done.added && !done.removed);
    check_versions(store, name, "1 2 ");
    assert_ok(ss_store_key_set_put(store, real[3].bytes, real[3].len, NULL, &err), err);
    assert_int_equal(trust(store, &real[1]).removed, 0); // what followed stays
    done = trust(store, &real[5]);                       // ahead of what was published
    assert_true(done.added && !done.removed);
    check_versions(store, name, "1 2 3 5 ");
    assert_int_equal(ss_store_key_set_put(store, real[4].bytes, real[4].len, NULL, &err), SS_ERROR_NOT_PERMITTED);
    assert_true(trust(store, &real[4]).added);
    check_versions(store, name, "1 2 3 4 5 ");
    // Wrong ones, as an earlier version of this program could have taken them: they give way, and rotation goes on.
    assert_ok(ss_store_key_set_trust(store, wrong[3].bytes, wrong[3].len, &done, &err), err);
    assert_int_equal(done.removed, 3); // its own version, those above, the one below
    check_versions(store, name, "1 3 ");
    assert_int_equal(ss_store_key_set_put(store, real[4].bytes, real[4].len, NULL, &err), SS_ERROR_NOT_PERMITTED);
    done = trust(store, &real[2]);
    assert_int_equal(done.removed, 1);
    check_versions(store, name, "1 2 ");
    assert_ok(ss_store_key_set_put(store, real[3].bytes, real[3].len, NULL, &err), err);
    assert_int_equal(ss_store_key_set_put(store, wrong[4].bytes, wrong[4].len, NULL, &err), SS_ERROR_NOT_PERMITTED);
    check_versions(store, name, "1 2 3 ");
    // What its own roots have not signed is none to trust; nor for a product that has no devices of ours.
    struct sample_statement weak;
    sign_version(4, (const unsigned[]){1, 0}, &weak);
    assert_int_equal(ss_store_key_set_trust(store, weak.bytes, weak.len, &done, &err), SS_ERROR_NOT_PERMITTED);
    assert_false(done.added);
    assert_ok(ss_store_product_add_opaque(store, "gateway", &err), err);
    set = sample_key_set();
    set.product = ss_span_of("gateway");
    sample_sign_key_set(&set, others, &weak);
    assert_refused(ss_store_key_set_trust(store, weak.bytes, weak.len, &done, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "product gateway is opaque");
    ss_store_close(store);
}

static void test_certificates(void **state)
{
    (void)state;
    static const uint8_t der[] = {0x30, 0x03, 0x02, 0x01, 0x05};
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    uint8_t digest[32], expected[32], got[64];
    size_t len;
    assert_ok(ss_store_ca_put(store, der, sizeof der, digest, &err), err);
    assert_ok(ss_store_ca_put(store, der, sizeof der, digest, &err), err);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, der, sizeof der, expected), SS_OK);
    assert_memory_equal(digest, expected, 32);
    assert_ok(ss_store_ca_get(store, digest, got, sizeof got, &len, &err), err);
    assert_int_equal(len, sizeof der);
    digest[0] ^= 1;
    assert_int_equal(ss_store_ca_get(store, digest, got, sizeof got, &len, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(ss_store_ca_put(store, der, sizeof der - 1, digest, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_store_ca_put(store, (const uint8_t *)"-----BEGIN", 10, digest, &err),
                     SS_ERROR_INVALID_ARGUMENT);
    ss_store_close(store);
}

static ss_status_t add_name(void *context, const char *device, int64_t time, struct ss_error *err)
{
    struct names *n = context;
    (void)err;
    n->time = time;
    strcat(strcat(n->text, device), " ");
    return SS_OK;
}

static void test_freshness(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    struct names names = {.text = ""};
    struct ss_error err = {0};
    uint8_t got[SS_FRESHNESS_MAX];
    size_t len;
    const struct ss_store_freshness records[] = {{"d1", 1000, (const uint8_t *)"one", 3},
                                                 {"ghost", 1000, (const uint8_t *)"x", 1},
                                                 {"d2", 2000, (const uint8_t *)"two", 3}},
                                    older = {"d2", 1500, (const uint8_t *)"old", 3};
    store_bench_devices(store, 3);
    assert_ok(ss_store_freshness_put(store, records, 3, &err), err);
    assert_ok(ss_store_freshness_put(store, &older, 1, &err), err);
    assert_int_equal(store_bench_get(store, "d2").freshness, 2000);
    assert_int_equal(store_bench_get(store, "d2").freshness_fetched, 0);
    assert_ok(ss_store_freshness_fetch(store, "d2", got, sizeof got, &len, &err), err);
    assert_int_equal(len, 3);
    assert_memory_equal(got, "two", 3);
    assert_int_equal(store_bench_get(store, "d2").freshness_fetched, 2000);
    assert_int_equal(ss_store_freshness_fetch(store, "d3", got, sizeof got, &len, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_ok(ss_store_freshness_due(store, "lamp", 1500 + SS_STORE_FRESHNESS_AGE, NULL, 0, add_name, &names, &err),
              err);
    assert_string_equal(names.text, "d1 d3 ");
    *names.text = '\0';
    assert_ok(ss_store_freshness_due(store, "lamp", 1500 + SS_STORE_FRESHNESS_AGE, "d1", 1, add_name, &names, &err),
              err);
    assert_string_equal(names.text, "d3 ");
    ss_store_close(store);
    store = store_bench_open(url);
    assert_int_equal(store_bench_get(store, "d2").freshness_fetched, 2000);
    ss_store_close(store);
}

/// What was dated while a clock was ahead gives way to what comes after, also where devices have fetched it.
static void test_freshness_of_a_clock_that_was_ahead(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    struct names names = {.text = ""};
    struct ss_error err = {0};
    uint8_t got[SS_FRESHNESS_MAX];
    size_t len;
    const int64_t now = time(NULL), day = SS_STORE_FRESHNESS_AGE;
    const struct ss_store_freshness ahead[] = {{"d1", now + 9 * day, (const uint8_t *)"far", 3},
                                               {"d2", now + day / 2, (const uint8_t *)"near", 4}},
                                    right[] = {{"d1", now, (const uint8_t *)"now", 3},
                                               {"d2", now, (const uint8_t *)"now", 3}},
                                    older = {"d1", now - 1, (const uint8_t *)"old", 3};
    store_bench_devices(store, 2);
    assert_ok(ss_store_freshness_put(store, ahead, 2, &err), err);
    assert_int_equal(store_bench_get(store, "d1").freshness, now + 9 * day);
    assert_ok(ss_store_freshness_fetch(store, "d1", got, sizeof got, &len, &err), err);
    ss_store_close(store);
    store = store_bench_open(url);
    assert_int_equal(store_bench_get(store, "d1").freshness_fetched, now + 9 * day);
    assert_ok(ss_store_freshness_due(store, "lamp", now, NULL, 0, add_name, &names, &err), err);
    assert_string_equal(names.text, "d1 ");
    assert_int_equal(names.time, now + 9 * day);
    assert_ok(ss_store_freshness_put(store, right, 2, &err), err);
    assert_ok(ss_store_freshness_put(store, &older, 1, &err), err);
    assert_int_equal(store_bench_get(store, "d1").freshness, now);
    assert_int_equal(store_bench_get(store, "d2").freshness, now + day / 2); // devices take that one
    assert_ok(ss_store_freshness_fetch(store, "d1", got, sizeof got, &len, &err), err);
    assert_int_equal(len, 3);
    assert_memory_equal(got, "now", 3);
    assert_int_equal(store_bench_get(store, "d1").freshness_fetched, now);
    ss_store_close(store);
    store = store_bench_open(url);
    assert_int_equal(store_bench_get(store, "d1").freshness_fetched, now);
    assert_true(ss_store_device_saw(store, "d1"));
    ss_store_close(store);
    store = store_bench_open(url);
    assert_int_equal(store_bench_get(store, "d1").freshness_fetched, now); // being seen does not change it
    ss_store_close(store);
}

static void test_operators(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    struct ss_error err = {0};
    char token[SS_STORE_TOKEN_SIZE], other[SS_STORE_TOKEN_SIZE], name[SS_STORE_NAME_SIZE];
    assert_ok(ss_store_operator_add(store, "ann", token, &err), err);
    assert_int_equal(strlen(token), 43);
    assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    assert_refused(ss_store_operator_add(store, "ann", other, &err), SS_ERROR_ALREADY_EXISTS, &err, "operator ann");
    assert_string_equal(other, "");
    assert_ok(ss_store_operator_add(store, "bob", other, &err), err);
    assert_string_not_equal(token, other);
    assert_ok(ss_store_operator_find(store, token, 43, name, &err), err);
    assert_string_equal(name, "ann");
    assert_int_equal(ss_store_operator_find(store, token, 42, name, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(name, "");
    assert_int_equal(ss_store_operator_find(store, "", 0, name, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_ok(ss_store_operator_remove(store, "ann", &err), err);
    assert_int_equal(ss_store_operator_find(store, token, 43, name, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(ss_store_operator_remove(store, "ann", &err), SS_ERROR_DOES_NOT_EXIST);
    ss_store_close(store);
}

/// What the command line encrypts, the sealer opens; what was changed on the way, it does not.
static void test_encrypted_upload(void **state)
{
    (void)state;
    struct sealer_fleet fleet;
    struct ss_sealer_opened opened;
    struct ss_error err = {0};
    uint8_t digest[32], *out, *image = made_up(BIG, digest);
    size_t len, certificate_len;
    uint8_t *certificate = sealer_upload_certificate(&certificate_len);
    sealer_fleet_make(&fleet, 1, 0);
    assert_ok(
        ss_upload_encrypt(certificate, certificate_len, (const uint8_t *)"statement", 9, image, BIG, &out, &len, &err),
        err);
    assert_true(len > BIG && len < BIG + SS_UPLOAD_OVERHEAD_MAX);
    assert_null(memmem(out, len, image + 100, 16));
    assert_ok(ss_sealer_keys_open(fleet.keys, out, len, &opened, &err), err);
    assert_int_equal(opened.statement_len, 9);
    assert_memory_equal(opened.statement, "statement", 9);
    assert_int_equal(opened.image_len, BIG);
    assert_memory_equal(opened.image, image, BIG);
    ss_sealer_opened_free(&opened);
    for (size_t at = 5; at < len; at += len / 23) {
        out[at] ^= 0x10;
        assert_int_not_equal(ss_sealer_keys_open(fleet.keys, out, len, &opened, &err), SS_OK);
        out[at] ^= 0x10;
    }
    free(out);
    assert_refused(
        ss_upload_encrypt(certificate, certificate_len, (const uint8_t *)"s", 0, image, BIG, &out, &len, &err),
        SS_ERROR_INVALID_ARGUMENT, &err, "a statement of 0 bytes");
    assert_null(out);
    assert_refused(ss_upload_encrypt(image, 100, (const uint8_t *)"s", 1, image, BIG, &out, &len, &err),
                   SS_ERROR_DATA_INVALID, &err, "no certificate");
    free(certificate);
    free(image);
    sealer_fleet_free(&fleet);
}

struct encrypting {
    uint8_t *certificate;
    size_t len;
};

static ss_status_t encrypt_once(void *context)
{
    const struct encrypting *e = context;
    uint8_t *out;
    size_t len;
    ss_status_t status = ss_upload_encrypt(e->certificate, e->len, (const uint8_t *)"s", 1, (const uint8_t *)"image", 5,
                                           &out, &len, NULL);
    free(out);
    return status;
}

static void test_encrypting_without_memory(void **state)
{
    (void)state;
    struct encrypting e;
    e.certificate = sealer_upload_certificate(&e.len);
    assert_true(alloc_fault_some(encrypt_once, &e) > 20);
    free(e.certificate);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upload_in_parts),
        cmocka_unit_test(test_sealed_release),
        cmocka_unit_test(test_opaque_release),
        cmocka_unit_test(test_deliveries),
        cmocka_unit_test(test_key_sets),
        cmocka_unit_test(test_pinned_key_sets),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_freshness),
        cmocka_unit_test(test_freshness_of_a_clock_that_was_ahead),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_encrypted_upload),
        cmocka_unit_test(test_encrypting_without_memory),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
