// SPDX-License-Identifier: Apache-2.0
// Keys whose private half is elsewhere: all that signs takes them, nothing gets at the private key.
#include "slotseal/sign.h"

#include "support/alloc_fault.h"
#include "support/keys.h"
#include "support/sample_image.h"
#include "support/unit.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"

#define SECTOR SS_SBV2_SECTOR_SIZE

static uint8_t in[0x4000], out[0x4000];

/// The other place: signs with a key in memory, through the blocks that are tested against espsecure.
struct elsewhere {
    const ss_signing_key_t *key;
    unsigned signed_count, closed;
    bool wrong; ///< returns a signature of another digest
    ss_status_t fails;
};

// What a block has little endian, operations return big endian.
static void turn(uint8_t *signature, const uint8_t *in_block, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step)
        for (size_t i = 0; i < step; i++)
            signature[at + i] = in_block[at + step - 1 - i];
}

static ss_status_t sign_there(void *context, const uint8_t *digest, size_t digest_len, uint8_t *signature,
                              struct ss_error *err)
{
    struct elsewhere *there = context;
    uint8_t changed[48], block[SS_SBV2_BLOCK_SIZE];
    struct ss_sbv2_block info;
    enum ss_key_type type = ss_signing_key_type(there->key);
    size_t size = ss_signature_size(type);

    assert_int_equal(digest_len, ss_secure_boot_v2_digest_size(type));
    there->signed_count++;
    if (there->fails != SS_OK)
        return ss_error_set(err, there->fails, SS_AREA_KEY, "the other place is closed");
    memcpy(changed, digest, digest_len);
    changed[0] ^= there->wrong;
    ss_status_t status = ss_secure_boot_v2_sign_digest(there->key, changed, block, err);
    if (status == SS_OK)
        status = ss_secure_boot_v2_parse_block(block, &info, err);
    if (status == SS_OK)
        turn(signature, block + info.signature_at, size, type == SS_KEY_RSA3072 ? size : size / 2);
    return status;
}

static void close_there(void *context)
{
    ((struct elsewhere *)context)->closed++;
}

static const struct ss_signing_ops ops = {sign_there, close_there};

static ss_signing_key_t *remote(struct elsewhere *there, const char *file, ss_signing_key_t **here)
{
    struct ss_error err = {0};
    ss_signing_key_t *key = NULL;
    *here = test_key(file);
    *there = (struct elsewhere){.key = *here};
    assert_ok(ss_signing_key_remote(*here, &ops, there, &key, &err), err);
    return key;
}

static void signs_every_scheme(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum ss_sign_scheme scheme;
    } cases[] = {{"p256.pem", SS_SIGN_V1},
                 {"p256.pem", SS_SIGN_V2},
                 {"rsa3072.pem", SS_SIGN_V2},
                 {"p192.pem", SS_SIGN_V2},
                 {"p384.pem", SS_SIGN_V2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct elsewhere there;
        struct ss_error err = {0};
        size_t len = sample_app(in, sizeof in), out_len = 0;
        ss_signing_key_t *here, *key = remote(&there, cases[i].file, &here);
        assert_ok(ss_sign_image(cases[i].scheme, key, false, in, len, out, sizeof out, &out_len, NULL, &err), err);
        assert_int_equal(there.signed_count, 1);
        assert_ok(ss_sign_verify(cases[i].scheme, here, out, out_len, NULL, &err), err);
        // The public key outlives the one that it was made from.
        ss_signing_key_free(here);
        assert_ok(ss_sign_verify(cases[i].scheme, key, out, out_len, NULL, &err), err);
        assert_int_equal(there.closed, 0);
        ss_signing_key_free(key);
        assert_int_equal(there.closed, 1);
    }
}

static void signs_es256(void **state)
{
    (void)state;
    static const uint8_t digest[32] = {1, 2, 3};
    uint8_t signature[SS_ES256_SIZE], again[SS_ES256_SIZE], xy[SS_RAW_PUBLIC_KEY_SIZE];
    struct elsewhere there;
    struct ss_error err = {0};
    ss_signing_key_t *here, *key = remote(&there, "p256.pem", &here);

    assert_ok(ss_signing_key_raw_public(key, xy, &err), err);
    assert_ok(ss_signing_key_sign_es256(key, digest, signature, &err), err);
    assert_int_equal(ss_p256_verify(xy, digest, signature), SS_OK);
    // In memory it is deterministic: V1 signs with the same function.
    assert_ok(ss_signing_key_sign_es256(here, digest, signature, &err), err);
    assert_ok(ss_signing_key_sign_es256(here, digest, again, &err), err);
    assert_memory_equal(signature, again, sizeof again);
    ss_signing_key_free(key);
    ss_signing_key_free(here);

    key = test_key("p384.pem");
    assert_int_equal(ss_signing_key_sign_es256(key, digest, signature, &err), SS_ERROR_NOT_SUPPORTED);
    assert_string_equal(err.message, "key is P-384, ES256 takes P-256");
    ss_signing_key_free(key);
    key = test_key("p256.pub.pem");
    assert_false(ss_signing_key_can_sign(key));
    assert_int_equal(ss_signing_key_sign_es256(key, digest, signature, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "this is a public key, signing needs the private one");
    ss_signing_key_free(key);
}

static void the_private_key_is_not_here(void **state)
{
    (void)state;
    struct elsewhere there;
    struct ss_error err = {0};
    uint8_t pem[SS_SIGNING_KEY_PEM_MAX], secret[32];
    size_t len = 1;
    ss_signing_key_t *here, *key = remote(&there, "p256.pem", &here);

    assert_true(ss_signing_key_can_sign(key));
    assert_false(ss_signing_key_is_private(key));
    assert_true(ss_signing_key_same_public(key, here));
    assert_ok(ss_signing_key_write_public(key, pem, sizeof pem, &len, &err), err);
    assert_int_equal(ss_signing_key_write_private(key, pem, sizeof pem, &len, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "the private key stays where it is kept");
    assert_int_equal(len, 0);
    assert_int_equal(ss_secure_boot_v1_reflash_key(key, secret, 32, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message,
                        "the secure boot key is derived from the private key, which stays where it is kept");
    ss_signing_key_free(key);
    ss_signing_key_free(here);
}

static void refuses_what_it_gets_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum ss_sign_scheme scheme;
    } cases[] = {{"p256.pem", SS_SIGN_V1}, {"p256.pem", SS_SIGN_V2}, {"rsa3072.pem", SS_SIGN_V2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct elsewhere there;
        struct ss_error err = {0};
        size_t len = sample_app(in, sizeof in), out_len = 1;
        ss_signing_key_t *here, *key = remote(&there, cases[i].file, &here);
        there.wrong = true;
        assert_int_equal(ss_sign_image(cases[i].scheme, key, false, in, len, out, sizeof out, &out_len, NULL, &err),
                         SS_ERROR_GENERIC);
        assert_string_equal(err.message, "signature just made is not valid");
        there.fails = SS_ERROR_NOT_PERMITTED;
        assert_int_equal(ss_sign_image(cases[i].scheme, key, false, in, len, out, sizeof out, &out_len, NULL, &err),
                         SS_ERROR_NOT_PERMITTED);
        assert_string_equal(err.message, "the other place is closed");
        assert_int_equal(out_len, 0);
        ss_signing_key_free(key);
        ss_signing_key_free(here);
    }
}

static ss_status_t sign_and_free(void *context)
{
    struct elsewhere there = {.key = context};
    ss_signing_key_t *key;
    struct ss_error err = {0};
    static const uint8_t digest[32] = {7};
    uint8_t block[SS_SBV2_BLOCK_SIZE];
    ss_status_t status = ss_signing_key_remote(context, &ops, &there, &key, &err);
    assert_int_equal(status == SS_OK, key != NULL);
    if (status == SS_OK)
        status = ss_secure_boot_v2_sign_digest(key, digest, block, &err);
    ss_signing_key_free(key);
    assert_int_equal(there.closed, key != NULL);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    ss_signing_key_t *here = test_key("p256.pem");
    assert_true(alloc_fault_each(sign_and_free, here) > 0);
    ss_signing_key_free(here);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_every_scheme),          cmocka_unit_test(signs_es256),
        cmocka_unit_test(the_private_key_is_not_here), cmocka_unit_test(refuses_what_it_gets_wrong),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return ss_test_main(argc, argv, tests);
}
