// SPDX-License-Identifier: Apache-2.0
#include "support/alloc_fault.h"
#include "support/mutate.h"
#include "support/statement_again.h"
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"

static const unsigned signers[SS_STATEMENT_KIND_COUNT] = {4, 5, 1, 6, 5};

static void every_kind_reads_back(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < SS_STATEMENT_KIND_COUNT; kind++) {
        struct sample_statement made;
        struct ss_statement s;
        struct ss_refusal why = {SS_REASON_NONE, 0};
        uint8_t again[SS_STATEMENT_MAX];
        size_t len;
        sample_statement(kind, &made);
        assert_int_equal(ss_statement_parse(made.bytes, made.len, &s, &why), SS_OK);
        assert_int_equal(s.kind, kind);
        assert_true(made.len <= ss_statement_max(kind));
        assert_int_equal(statement_again(&s, again, &len, &why), SS_OK);
        assert_int_equal(len, made.len);
        assert_memory_equal(again, made.bytes, len);
        if (kind == SS_STATEMENT_KEY_SET)
            assert_int_equal(ss_statement_verify(&s, sample_public_key(signers[kind]), &why),
                             SS_ERROR_INVALID_ARGUMENT);
        else
            assert_int_equal(ss_statement_verify(&s, sample_public_key(signers[kind]), &why), SS_OK);
    }
}

static void another_key_does_not_verify(void **state)
{
    (void)state;
    struct sample_statement made;
    struct ss_statement s;
    struct ss_refusal why;
    uint8_t no_point[SS_STATEMENT_KEY_SIZE] = {1};
    sample_statement(SS_STATEMENT_RELEASE, &made);
    assert_int_equal(ss_statement_parse(made.bytes, made.len, &s, &why), SS_OK);
    assert_int_equal(ss_statement_verify(&s, sample_public_key(5), &why), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(why.reason, SS_REASON_SIGNER_UNKNOWN);
    // The key that it names, but not the one that signed: the id is in the signed header.
    uint8_t id[SS_KEY_ID_SIZE];
    assert_int_equal(ss_key_id(sample_public_key(5), id), SS_OK);
    memcpy(made.bytes + (s.key_id - made.bytes), id, sizeof id);
    assert_int_equal(ss_statement_verify(&s, sample_public_key(5), &why), SS_ERROR_INVALID_SIGNATURE);
    assert_int_equal(why.reason, SS_REASON_SIGNATURE);
    assert_int_equal(ss_key_id(no_point, id), SS_OK);
    memcpy(made.bytes + (s.key_id - made.bytes), id, sizeof id);
    assert_int_equal(ss_statement_verify(&s, no_point, &why), SS_ERROR_DATA_INVALID);
    assert_int_equal(why.reason, SS_REASON_NONE);
}

static void fields_of_another_kind_are_refused(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < SS_STATEMENT_KIND_COUNT; kind++) {
        struct sample_statement made;
        struct ss_statement s;
        struct ss_release release;
        struct ss_delivery delivery;
        struct ss_key_set set;
        struct ss_rollout rollout;
        struct ss_freshness freshness;
        sample_statement(kind, &made);
        assert_int_equal(ss_statement_parse(made.bytes, made.len, &s, NULL), SS_OK);
        for (unsigned as = 0; as < SS_STATEMENT_KIND_COUNT; as++) {
            struct ss_refusal why = {SS_REASON_NONE, 0};
            ss_status_t status = as == SS_STATEMENT_RELEASE    ? ss_release_parse(&s, &release, &why)
                                 : as == SS_STATEMENT_DELIVERY ? ss_delivery_parse(&s, &delivery, &why)
                                 : as == SS_STATEMENT_KEY_SET  ? ss_key_set_parse(&s, &set, &why)
                                 : as == SS_STATEMENT_ROLLOUT  ? ss_rollout_parse(&s, &rollout, &why)
                                                               : ss_freshness_parse(&s, &freshness, &why);
            assert_int_equal(status, as == kind ? SS_OK : SS_ERROR_DATA_INVALID);
            assert_int_equal(why.reason, as == kind ? SS_REASON_NONE : SS_REASON_KIND);
        }
    }
}

// -- Every small damage -----------------------------------------------------------------------------------------------

static struct sample_statement original;
static struct ss_key_set trusted;
static unsigned parsed_mutants;

static void run_damaged(const uint8_t *in, size_t len)
{
    struct ss_statement s;
    struct ss_refusal why = {SS_REASON_NONE, 0};
    struct ss_key_ring ring = {&trusted, NULL};
    uint8_t again[SS_STATEMENT_MAX];
    size_t again_len;
    bool same = len == original.len && memcmp(in, original.bytes, len) == 0;
    ss_status_t status = ss_statement_parse(in, len, &s, &why);
    mutant_status("ss_statement_parse", status, ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID));
    if (status == SS_OK)
        status = statement_again(&s, again, &again_len, &why);
    if (status != SS_OK) {
        mutant_assert(!same && why.reason != SS_REASON_NONE && why.reason <= SS_REASON_SHARED_KEY && why.offset <= len);
        return;
    }
    parsed_mutants += !same;
    mutant_assert(again_len == len && memcmp(again, in, len) == 0);
    if (s.kind == SS_STATEMENT_KEY_SET) {
        struct ss_key_set set;
        unsigned count = 0;
        mutant_assert(ss_key_set_parse(&s, &set, NULL) == SS_OK);
        status = ss_key_set_check_roots(&s, &set, &why);
        mutant_assert((status == SS_OK) == same);
        // Of the trusted roots, no more than the one whose signature was not touched.
        (void)!ss_key_set_count_roots(&s, &trusted, &count, NULL, NULL);
        mutant_assert(count <= (same ? 2u : 1u));
        return;
    }
    status = ss_key_ring_verify(&ring, &s, 0, NULL, &why);
    if (s.kind == SS_STATEMENT_FRESHNESS && status == SS_OK) {
        // The proof is not signed; it has to lead to the root that is.
        struct ss_freshness f;
        mutant_assert(ss_freshness_parse(&s, &f, NULL) == SS_OK);
        status = ss_freshness_check(&f, f.product, f.device, 0, 0, 0, &why);
    }
    mutant_assert((status == SS_OK) == same);
}

static void no_damaged_statement_passes(void **state)
{
    (void)state;
    trusted = sample_key_set();
    for (unsigned kind = 0; kind < SS_STATEMENT_KIND_COUNT; kind++) {
        sample_statement(kind, &original);
        parsed_mutants = 0;
        assert_true(mutate(original.bytes, original.len, NULL, run_damaged) > 4000);
        assert_true(parsed_mutants > 500); // so that signatures were asked, too
    }
}

// -- Limits -----------------------------------------------------------------------------------------------------------

static char long_text[SS_SERVER_MAX + 2];

static struct ss_span text_of(size_t len)
{
    memset(long_text, 'x', sizeof long_text);
    return (struct ss_span){(const uint8_t *)long_text, (uint16_t)len};
}

static void the_largest_of_each_kind_fits(void **state)
{
    (void)state;
    struct sample_statement made;
    uint8_t reference[32] = {0};
    struct ss_release release = sample_release();
    release.product = text_of(SS_PRODUCT_NAME_MAX);
    release.version = text_of(SS_VERSION_MAX);
    release.secure_version = UINT32_MAX;
    release.image_len = 0x1000000;
    release.vk_offset = 0x1000000 - 64;
    release.chip = UINT16_MAX;
    release.timestamp = SS_STATEMENT_INT_MAX;
    sample_sign_release(&release, 4, &made);
    assert_int_equal(made.len, 301);

    struct ss_delivery delivery = sample_delivery(reference);
    delivery.device = text_of(SS_DEVICE_ID_MAX);
    delivery.expiry = delivery.sequence = SS_STATEMENT_INT_MAX;
    delivery.epoch = UINT32_MAX;
    delivery.slot_address = delivery.slot_size = 0xFFFFF000;
    delivery.length = 0xFFFFF000;
    delivery.window = ss_window_size(delivery.slot_size);
    delivery.windows = 32;
    sample_sign_delivery(&delivery, 5, &made);
    assert_int_equal(made.len, 1307);
}

static void the_largest_key_set_fits(void **state)
{
    (void)state;
    static uint8_t cas[SS_CAS_MAX][SS_STATEMENT_DIGEST_SIZE], keys[17][SS_STATEMENT_KEY_SIZE];
    struct sample_statement made;
    struct ss_key_set set = {.product = text_of(SS_PRODUCT_NAME_MAX),
                             .version = UINT32_MAX,
                             .threshold = SS_ROOT_KEYS_MAX,
                             .not_before = SS_STATEMENT_INT_MAX,
                             .not_after = SS_STATEMENT_INT_MAX,
                             .previous_until = SS_STATEMENT_INT_MAX,
                             .ca_count = SS_CAS_MAX,
                             .server_count = SS_SERVERS_MAX};
    static const uint8_t most[SS_ROLE_COUNT] = {SS_ROOT_KEYS_MAX, SS_RELEASE_KEYS_MAX, SS_DELIVERY_KEYS_MAX,
                                                SS_OPERATOR_KEYS_MAX};
    for (unsigned role = 0, n = 0; role < SS_ROLE_COUNT; role++)
        for (unsigned i = 0; i < most[role]; i++, n++) {
            keys[n][0] = (uint8_t)(100 - n); // in descending order: sorted when encoded
            set.roles[role].keys[set.roles[role].count++] = keys[n];
        }
    for (unsigned i = 0; i < 4; i++) {
        cas[i][0] = (uint8_t)(100 - i);
        set.cas[i] = cas[i];
        set.servers[i] = text_of(SS_SERVER_MAX);
        set.epochs[i] = UINT32_MAX - i;
    }
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0}, &made);
    assert_int_equal(made.len, 2629);
    assert_true(made.len <= SS_KEY_SET_MAX);

    // Delivery keys took their epochs along.
    struct ss_statement s;
    struct ss_key_set parsed;
    assert_int_equal(ss_statement_parse(made.bytes, made.len, &s, NULL), SS_OK);
    assert_int_equal(ss_key_set_parse(&s, &parsed, NULL), SS_OK);
    assert_int_equal(s.signatures, 10);
    for (unsigned i = 0; i < 4; i++) {
        assert_memory_equal(parsed.roles[SS_ROLE_DELIVERY].keys[i], set.roles[SS_ROLE_DELIVERY].keys[3 - i], 64);
        assert_int_equal(parsed.epochs[i], set.epochs[3 - i]);
    }

    // One signature more is one too many; one of those that are there is replaced.
    struct ss_error err = {0};
    const ss_signing_key_t *key = sample_signing_key(11);
    size_t len, before = made.len;
    assert_int_equal(ss_key_set_sign(made.bytes, made.len, key, made.bytes, sizeof made.bytes, &len, &err),
                     SS_ERROR_INSUFFICIENT_SPACE);
    assert_string_equal(err.message, "the key set has 10 signatures, the limit");
    key = sample_signing_key(7);
    assert_ok(ss_key_set_sign(made.bytes, made.len, key, made.bytes, sizeof made.bytes, &len, &err), err);
    assert_int_equal(len, before);
}

static void too_long_is_refused(void **state)
{
    (void)state;
    struct ss_statement s;
    struct ss_refusal why;
    static uint8_t long_one[SS_STATEMENT_MAX + 1];
    struct sample_statement made;
    sample_statement(SS_STATEMENT_ROLLOUT, &made);
    memcpy(long_one, made.bytes, made.len);
    assert_int_equal(ss_statement_parse(long_one, sizeof long_one, &s, &why), SS_ERROR_DATA_INVALID);
    assert_int_equal(why.reason, SS_REASON_TOO_LONG);
    assert_int_equal(why.offset, SS_STATEMENT_MAX);
    // A release of 513 bytes and more, as it would be if its payload were allowed to be what it likes.
    uint8_t payload[400] = {0xA0}, id[SS_KEY_ID_SIZE] = {0}, signature[64] = {0};
    struct ss_cose_parts parts = {SS_STATEMENT_RELEASE, id, signature, payload, 388, NULL, 0};
    struct ss_cbor_writer w = {long_one, sizeof long_one, 0};
    ss_cose_put_sign1(&w, &parts);
    assert_int_equal(w.len, SS_RELEASE_MAX + 1);
    assert_int_equal(ss_statement_parse(long_one, w.len, &s, &why), SS_ERROR_DATA_INVALID);
    assert_int_equal(why.reason, SS_REASON_TOO_LONG);
    assert_int_equal(why.offset, SS_RELEASE_MAX);
}

// -- Making -----------------------------------------------------------------------------------------------------------

static void fields_out_of_range_are_not_signed(void **state)
{
    (void)state;
    uint8_t out[SS_STATEMENT_MAX];
    size_t len;
    struct ss_error err = {0};
    const ss_signing_key_t *key = sample_signing_key(4);
    struct ss_release release = sample_release();
    release.product = ss_span_of("two words");
    assert_int_equal(ss_release_sign(&release, key, out, sizeof out, &len, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "release statement has a character that may not be there, at byte 64");
    assert_int_equal(len, 0);
    release = sample_release();
    release.image_len++;
    assert_int_equal(ss_release_sign(&release, key, out, sizeof out, &len, &err), SS_ERROR_DATA_INVALID);
    release = sample_release();
    release.version = text_of(60000);
    release.version.len = 33;
    assert_int_equal(ss_release_sign(&release, key, out, sizeof out, &len, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "release statement has a value outside its range, at byte 74");
    uint8_t reference[32] = {0};
    struct ss_rollout rollout = sample_rollout(reference);
    rollout.stage_count = SS_ROLLOUT_STAGES_MAX + 1;
    assert_int_equal(ss_rollout_sign(&rollout, key, out, sizeof out, &len, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "too many stages or devices");
    struct ss_key_set set = sample_key_set();
    set.roles[SS_ROLE_ROOT].count = SS_ROOT_KEYS_MAX + 1;
    assert_int_equal(ss_key_set_encode(&set, out, sizeof out, &len, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "too many keys, CAs or servers");
}

static void outputs_that_do_not_fit(void **state)
{
    (void)state;
    uint8_t out[SS_STATEMENT_MAX];
    size_t len;
    struct ss_error err = {0};
    const ss_signing_key_t *key = sample_signing_key(4);
    struct ss_release release = sample_release();
    memset(out, 0xA5, sizeof out);
    assert_int_equal(ss_release_sign(&release, key, out, 100, &len, &err), SS_ERROR_BUFFER_TOO_SMALL);
    assert_string_equal(err.message, "release statement is 238 bytes, there is room for 100");
    assert_int_equal(len, 238);
    assert_int_equal(out[0], 0xA5);
    assert_int_equal(ss_release_sign(&release, key, out, len, &len, &err), SS_OK);
}

static void only_private_p256_keys_sign(void **state)
{
    (void)state;
    uint8_t out[SS_STATEMENT_MAX];
    size_t len;
    struct ss_error err = {0};
    struct ss_release release = sample_release();
    ss_signing_key_t *key = NULL;
    assert_ok(ss_signing_key_load_raw(sample_public_key(1), &key, &err), err);
    assert_int_equal(ss_release_sign(&release, key, out, sizeof out, &len, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "this is a public key, signing needs the private one");
    ss_signing_key_free(key);
    assert_ok(ss_signing_key_generate(SS_KEY_P384, &key, &err), err);
    assert_int_equal(ss_release_sign(&release, key, out, sizeof out, &len, &err), SS_ERROR_NOT_SUPPORTED);
    assert_string_equal(err.message, "key is P-384, statements are signed with P-256");
    ss_signing_key_free(key);
}

static ss_status_t lie(void *context, const uint8_t *digest, size_t digest_len, uint8_t *signature,
                       struct ss_error *err)
{
    (void)err;
    memset(signature, *(const int *)context, 64);
    memcpy(signature, digest, digest_len);
    return SS_OK;
}

static ss_status_t broken(void *context, const uint8_t *digest, size_t digest_len, uint8_t *signature,
                          struct ss_error *err)
{
    (void)context, (void)digest, (void)digest_len, (void)signature;
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_KEY, "the token was pulled out");
}

static void tokens_that_fail_or_lie(void **state)
{
    (void)state;
    static const struct ss_signing_ops liar = {lie, NULL}, pulled = {broken, NULL};
    uint8_t out[SS_STATEMENT_MAX];
    size_t len;
    int fill = 7;
    struct ss_error err = {0};
    struct ss_release release = sample_release();
    ss_signing_key_t *key = NULL;
    assert_ok(ss_signing_key_remote(sample_signing_key(4), &liar, &fill, &key, &err), err);
    assert_int_equal(ss_release_sign(&release, key, out, sizeof out, &len, &err), SS_ERROR_GENERIC);
    assert_string_equal(err.message, "signature just made is not valid");
    assert_int_equal(len, 0);
    ss_signing_key_free(key);
    assert_ok(ss_signing_key_remote(sample_signing_key(4), &pulled, NULL, &key, &err), err);
    assert_int_equal(ss_release_sign(&release, key, out, sizeof out, &len, &err), SS_ERROR_IO);
    assert_string_equal(err.message, "the token was pulled out");
    ss_signing_key_free(key);
}

static ss_status_t make_and_check(void *context)
{
    uint8_t out[SS_STATEMENT_MAX], set_bytes[SS_STATEMENT_MAX];
    size_t len, set_len;
    struct ss_statement s;
    struct ss_key_set set = sample_key_set();
    struct ss_release release = sample_release();
    const ss_signing_key_t *key = sample_signing_key(4), *root = sample_signing_key(1);
    struct ss_key_ring ring = {&set, NULL};
    (void)context;
    ss_status_t status = ss_release_sign(&release, key, out, sizeof out, &len, NULL);
    if (status == SS_OK)
        status = ss_statement_parse(out, len, &s, NULL);
    if (status == SS_OK)
        status = ss_key_ring_verify(&ring, &s, 0, NULL, NULL);
    if (status == SS_OK)
        status = ss_key_set_encode(&set, set_bytes, sizeof set_bytes, &set_len, NULL);
    if (status == SS_OK)
        status = ss_key_set_sign(set_bytes, set_len, root, set_bytes, sizeof set_bytes, &set_len, NULL);
    unsigned count;
    if (status == SS_OK)
        status = ss_statement_parse(set_bytes, set_len, &s, NULL);
    return status == SS_OK ? ss_key_set_count_roots(&s, &set, &count, NULL, NULL) : status;
}

static void allocation_failures(void **state)
{
    (void)state;
    assert_true(alloc_fault_each(make_and_check, NULL) > 0);
}

// -- Words ------------------------------------------------------------------------------------------------------------

static void every_reason_has_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SS_REASON_COUNT; i++) {
        assert_true(strlen(ss_reason_name(i)) > 0 && strlen(ss_reason_text(i)) > 0);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(ss_reason_name(i), ss_reason_name(k));
    }
    assert_string_equal(ss_reason_name(SS_REASON_COUNT), "unknown");
    assert_string_equal(ss_reason_text(SS_REASON_COUNT), "is refused");
    assert_string_equal(ss_statement_kind_name(SS_STATEMENT_KEY_SET), "key set");
    assert_string_equal(ss_statement_kind_name(SS_STATEMENT_KIND_COUNT), "unknown");
    assert_string_equal(ss_key_role_name(SS_ROLE_OPERATOR), "operator");
    assert_string_equal(ss_key_role_name(SS_ROLE_COUNT), "unknown");
    assert_string_equal(ss_release_scheme_name(SS_RELEASE_V2), "v2");
    assert_string_equal(ss_release_scheme_name(3), "unknown");
}

static void names_and_spans(void **state)
{
    (void)state;
    assert_int_equal(ss_name_prefix((const uint8_t *)"aZ09._-", 7), 7);
    assert_int_equal(ss_name_prefix((const uint8_t *)"a/b", 3), 1);
    assert_int_equal(ss_name_prefix(NULL, 0), 0);
    assert_true(ss_span_equal(ss_span_of("ab"), ss_span_of("ab")));
    assert_false(ss_span_equal(ss_span_of("ab"), ss_span_of("a")));
    assert_false(ss_span_equal(ss_span_of("ab"), ss_span_of("ac")));
    assert_true(ss_span_equal((struct ss_span){NULL, 0}, ss_span_of("")));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_reads_back),
        cmocka_unit_test(another_key_does_not_verify),
        cmocka_unit_test(fields_of_another_kind_are_refused),
        cmocka_unit_test(no_damaged_statement_passes),
        cmocka_unit_test(the_largest_of_each_kind_fits),
        cmocka_unit_test(the_largest_key_set_fits),
        cmocka_unit_test(too_long_is_refused),
        cmocka_unit_test(fields_out_of_range_are_not_signed),
        cmocka_unit_test(outputs_that_do_not_fit),
        cmocka_unit_test(only_private_p256_keys_sign),
        cmocka_unit_test(tokens_that_fail_or_lie),
        cmocka_unit_test(allocation_failures),
        cmocka_unit_test(every_reason_has_words),
        cmocka_unit_test(names_and_spans),
    };
    return ss_test_main(argc, argv, tests);
}
