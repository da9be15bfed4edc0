// SPDX-License-Identifier: Apache-2.0
#include "support/crypto_cases.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <string.h>

#include "core/crypto.h"

// RFC 6979 A.2.5: the key, and the signature of SHA-256("sample").
static const uint8_t p256_key[64] = {
    0x60, 0xFE, 0xD4, 0xBA, 0x25, 0x5A, 0x9D, 0x31, 0xC9, 0x61, 0xEB, 0x74, 0xC6, 0x35, 0x6D, 0x68,
    0xC0, 0x49, 0xB8, 0x92, 0x3B, 0x61, 0xFA, 0x6C, 0xE6, 0x69, 0x62, 0x2E, 0x60, 0xF2, 0x9F, 0xB6,
    0x79, 0x03, 0xFE, 0x10, 0x08, 0xB8, 0xBC, 0x99, 0xA4, 0x1A, 0xE9, 0xE9, 0x56, 0x28, 0xBC, 0x64,
    0xF2, 0xF1, 0xB2, 0x0C, 0x2D, 0x7E, 0x9F, 0x51, 0x77, 0xA3, 0xC2, 0x94, 0xD4, 0x46, 0x22, 0x99,
};
static const uint8_t p256_signature[64] = {
    0xEF, 0xD4, 0x8B, 0x2A, 0xAC, 0xB6, 0xA8, 0xFD, 0x11, 0x40, 0xDD, 0x9C, 0xD4, 0x5E, 0x81, 0xD6,
    0x9D, 0x2C, 0x87, 0x7B, 0x56, 0xAA, 0xF9, 0x91, 0xC3, 0x4D, 0x0E, 0xA8, 0x4E, 0xAF, 0x37, 0x16,
    0xF7, 0xCB, 0x1C, 0x94, 0x2D, 0x65, 0x7C, 0x41, 0xD4, 0x36, 0xC7, 0xA1, 0xB6, 0xE2, 0x9F, 0x65,
    0xF3, 0xE9, 0x00, 0xDB, 0xB9, 0xAF, 0xF4, 0x06, 0x4D, 0xC4, 0xAB, 0x2F, 0x84, 0x3A, 0xCD, 0xA8,
};
// SEC 2 section 2.4.2: the order of the group, and the prime of its field.
static const uint8_t p256_order[32] = {
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
};
static const uint8_t p256_prime[32] = {
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
};
static const uint8_t zero[64];
static unsigned of_this_kind; // vectors that a provider of SHA-256 alone can run

static void run_sha256(const struct vector *v)
{
    uint8_t key[256], want[SS_HASH_MAX_SIZE], got[32];
    const char *text = vector_text(v, "text");
    size_t len = strlen(text), key_len = vector_has(v, "key") ? vector_bytes(v, "key", key, sizeof key) : 0;
    size_t size = vector_bytes(v, "digest", want, sizeof want);
    if (vector_has(v, "alg") && strcmp(vector_text(v, "alg"), "sha256") != 0)
        return;
    of_this_kind++;
    assert_int_equal(size, 32);
    if (vector_has(v, "key")) {
        assert_int_equal(ss_hmac_sha256(key_len ? key : NULL, key_len, len ? text : NULL, len, got), SS_OK);
        assert_memory_equal(got, want, 32);
        return;
    }
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, text, len, got), SS_OK);
    assert_memory_equal(got, want, 32);
}

void sha256_vectors(void **state)
{
    (void)state;
    of_this_kind = 0;
    assert_int_equal(vectors_run("hash.data", run_sha256), 11);
    assert_int_equal(of_this_kind, 7);
}

// All lengths around the block's, in pieces of one and of seven bytes; the digest of all digests is Python hashlib's.
void sha256_of_every_length(void **state)
{
    (void)state;
    static const uint8_t want[32] = {0x32, 0x75, 0xFE, 0xBB, 0x46, 0x12, 0xD8, 0x6D, 0x58, 0x6E, 0xB9,
                                     0xF1, 0x1C, 0xD2, 0x1E, 0x64, 0x8A, 0x9F, 0xC7, 0xD9, 0x5E, 0x0F,
                                     0x6B, 0x8D, 0x36, 0x27, 0x86, 0xE2, 0x8C, 0x9C, 0x5B, 0x79};
    uint8_t data[200], once[32], pieces[32];
    struct ss_hash all, h;
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(7 * i + 3);
    assert_int_equal(ss_hash_init(&all, SS_HASH_SHA256), SS_OK);
    for (size_t len = 0; len <= sizeof data; len++) {
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, data, len, once), SS_OK);
        for (size_t piece = 1; piece <= 7; piece += 6) {
            assert_int_equal(ss_hash_init(&h, SS_HASH_SHA256), SS_OK);
            for (size_t at = 0; at < len; at += piece)
                assert_int_equal(ss_hash_update(&h, data + at, len - at < piece ? len - at : piece), SS_OK);
            assert_int_equal(ss_hash_finish(&h, pieces), SS_OK);
            assert_memory_equal(pieces, once, 32);
        }
        assert_int_equal(ss_hash_update(&all, once, 32), SS_OK);
    }
    assert_int_equal(ss_hash_finish(&all, once), SS_OK);
    assert_memory_equal(once, want, 32);
}

static void abc_digest(uint8_t digest[32])
{
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, "abc", 3, digest), SS_OK);
}

// The canonical digest of an image with an embedded key runs two.
void two_hashes_run_at_once(void **state)
{
    (void)state;
    struct ss_hash first, second;
    uint8_t want[32], got[32];
    abc_digest(want);
    assert_int_equal(ss_hash_init(&first, SS_HASH_SHA256), SS_OK);
    assert_int_equal(ss_hash_init(&second, SS_HASH_SHA256), SS_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ss_hash_update(&first, &"abc"[i], 1), SS_OK);
        assert_int_equal(ss_hash_update(&second, &"cba"[i], 1), SS_OK);
    }
    assert_int_equal(ss_hash_finish(&second, got), SS_OK);
    assert_memory_not_equal(got, want, 32);
    assert_int_equal(ss_hash_finish(&first, got), SS_OK);
    assert_memory_equal(got, want, 32);
}

void a_running_hash_may_move(void **state)
{
    (void)state;
    struct ss_hash from, to;
    uint8_t want[32], got[32];
    abc_digest(want);
    assert_int_equal(ss_hash_init(&from, SS_HASH_SHA256), SS_OK);
    assert_int_equal(ss_hash_update(&from, "ab", 2), SS_OK);
    to = from;
    memset(&from, 0xA5, sizeof from);
    assert_int_equal(ss_hash_update(&to, "c", 1), SS_OK);
    assert_int_equal(ss_hash_finish(&to, got), SS_OK);
    assert_memory_equal(got, want, 32);
}

void hash_only_works_while_it_runs(void **state)
{
    (void)state;
    uint8_t out[32];
    struct ss_hash h = {0};
    ss_hash_abort(&h);
    assert_int_equal(ss_hash_update(&h, "a", 1), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_hash_finish(&h, out), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_hash_init(&h, SS_HASH_SHA256), SS_OK);
    assert_int_equal(ss_hash_update(&h, NULL, 0), SS_OK);
    ss_hash_abort(&h);
    assert_int_equal(ss_hash_finish(&h, out), SS_ERROR_BAD_STATE);
}

static void sample_digest(uint8_t digest[32])
{
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, "sample", 6, digest), SS_OK);
}

void p256_accepts_the_signature_of_rfc_6979(void **state)
{
    (void)state;
    uint8_t digest[32];
    sample_digest(digest);
    assert_int_equal(ss_p256_verify(p256_key, digest, p256_signature), SS_OK);
}

void p256_refuses_every_changed_bit(void **state)
{
    (void)state;
    uint8_t digest[32], signature[64];
    sample_digest(digest);
    for (unsigned bit = 0; bit < 512; bit += 7) {
        memcpy(signature, p256_signature, 64);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(ss_p256_verify(p256_key, digest, signature), SS_ERROR_INVALID_SIGNATURE);
    }
    for (unsigned bit = 0; bit < 256; bit += 7) {
        digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(ss_p256_verify(p256_key, digest, p256_signature), SS_ERROR_INVALID_SIGNATURE);
        digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void refuse(const uint8_t r[32], const uint8_t s[32])
{
    uint8_t digest[32], signature[64];
    sample_digest(digest);
    memcpy(signature, r, 32);
    memcpy(signature + 32, s, 32);
    assert_int_equal(ss_p256_verify(p256_key, digest, signature), SS_ERROR_INVALID_SIGNATURE);
}

void p256_refuses_numbers_out_of_range(void **state)
{
    (void)state;
    const uint8_t *r = p256_signature, *s = p256_signature + 32;
    uint8_t most[32];
    memset(most, 0xFF, sizeof most);
    const uint8_t *wrong[] = {zero, p256_order, p256_prime, most};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refuse(wrong[i], s);
        refuse(r, wrong[i]);
        refuse(wrong[i], wrong[i]);
    }
}

void p256_refuses_a_point_off_the_curve(void **state)
{
    (void)state;
    uint8_t digest[32], key[64];
    sample_digest(digest);
    assert_int_equal(ss_p256_verify(zero, digest, p256_signature), SS_ERROR_DATA_INVALID);
    for (unsigned bit = 0; bit < 512; bit += 37) {
        memcpy(key, p256_key, 64);
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(ss_p256_verify(key, digest, p256_signature), SS_ERROR_DATA_INVALID);
    }
    for (unsigned half = 0; half < 64; half += 32) {
        memcpy(key, p256_key, 64);
        memcpy(key + half, p256_prime, 32); // a coordinate that is no number of the field
        assert_int_equal(ss_p256_verify(key, digest, p256_signature), SS_ERROR_DATA_INVALID);
    }
}

void random_differs(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    assert_int_equal(ss_random(a, sizeof a), SS_OK);
    assert_int_equal(ss_random(b, sizeof b), SS_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(ss_random(NULL, 0), SS_OK);
}

void wipe_overwrites(void **state)
{
    (void)state;
    uint8_t a[40];
    memset(a, 7, sizeof a);
    ss_wipe(a, sizeof a);
    for (unsigned i = 0; i < sizeof a; i++)
        assert_int_equal(a[i], 0);
    ss_wipe(NULL, 0);
}

ss_status_t hash_twice(void *context)
{
    (void)context;
    uint8_t out[32];
    struct ss_hash h;
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, "abc", 3, out);
    if (status == SS_OK)
        status = ss_hash_init(&h, SS_HASH_SHA256);
    if (status != SS_OK)
        return status;
    status = ss_hash_update(&h, "abc", 3);
    if (status == SS_OK)
        return ss_hash_finish(&h, out);
    ss_hash_abort(&h);
    return status;
}

ss_status_t verify_sample(void *context)
{
    (void)context;
    uint8_t digest[32];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, "sample", 6, digest);
    return status == SS_OK ? ss_p256_verify(p256_key, digest, p256_signature) : status;
}

ss_status_t draw_random(void *context)
{
    (void)context;
    uint8_t out[32];
    return ss_random(out, sizeof out);
}
