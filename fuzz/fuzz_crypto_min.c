// SPDX-License-Identifier: Apache-2.0
// The smallest crypto provider against OpenSSL's. The first byte says what the rest is:
//   0  pieces of a message to hash: each a length byte and its bytes
//   1  key (64), digest (32), signature (64), as they are
//   2  private key, nonce and digest (32 each), of which a signature is made that holds; a byte and a bit to change in it
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "tests/support/crypto_min.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(int condition)
{
    if (!condition)
        abort();
}

static void hash(const uint8_t *data, size_t len)
{
    struct ss_hash a, b;
    uint8_t got[32], want[32];
    must(min_hash_init(&a, SS_HASH_SHA256) == SS_OK && ss_hash_init(&b, SS_HASH_SHA256) == SS_OK);
    while (len > 0) {
        size_t n = data[0] < len ? data[0] : len - 1;
        must(min_hash_update(&a, data + 1, n) == SS_OK && ss_hash_update(&b, data + 1, n) == SS_OK);
        data += 1 + n;
        len -= 1 + n;
    }
    must(min_hash_finish(&a, got) == SS_OK && ss_hash_finish(&b, want) == SS_OK);
    must(memcmp(got, want, 32) == 0);
}

static void verify(const uint8_t in[160])
{
    must(min_p256_verify(in, in + 64, in + 96) == ss_p256_verify(in, in + 64, in + 96));
}

// r = x(k G), s = (e + r d) / k; zero for numbers that cannot be one's.
static int sign(const uint8_t in[96], uint8_t out[160])
{
    BN_CTX *ctx = BN_CTX_new();
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = EC_POINT_new(group);
    BIGNUM *d = BN_bin2bn(in, 32, NULL), *k = BN_bin2bn(in + 32, 32, NULL), *e = BN_bin2bn(in + 64, 32, NULL);
    BIGNUM *x = BN_new(), *y = BN_new(), *r = BN_new();
    const BIGNUM *n = EC_GROUP_get0_order(group);
    must(BN_nnmod(d, d, n, ctx) && BN_nnmod(k, k, n, ctx));
    int made = !BN_is_zero(d) && !BN_is_zero(k);
    if (made) {
        must(EC_POINT_mul(group, point, k, NULL, NULL, ctx));
        must(EC_POINT_get_affine_coordinates(group, point, x, y, ctx) && BN_nnmod(r, x, n, ctx));
        must(EC_POINT_mul(group, point, d, NULL, NULL, ctx));
        must(EC_POINT_get_affine_coordinates(group, point, x, y, ctx));
        must(BN_mod_mul(d, d, r, n, ctx) && BN_mod_add(d, d, e, n, ctx) && BN_mod_inverse(k, k, n, ctx));
        must(BN_mod_mul(d, d, k, n, ctx));
        made = !BN_is_zero(d) && !BN_is_zero(r);
        must(BN_bn2binpad(x, out, 32) == 32 && BN_bn2binpad(y, out + 32, 32) == 32);
        must(BN_bn2binpad(r, out + 96, 32) == 32 && BN_bn2binpad(d, out + 128, 32) == 32);
        memcpy(out + 64, in + 64, 32);
    }
    BN_free(d), BN_free(k), BN_free(e), BN_free(x), BN_free(y), BN_free(r);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    BN_CTX_free(ctx);
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t made[160];
    if (len > 0 && data[0] == 0)
        hash(data + 1, len - 1);
    if (len == 161 && data[0] == 1)
        verify(data + 1);
    if (len == 99 && data[0] == 2 && sign(data + 1, made)) {
        must(min_p256_verify(made, made + 64, made + 96) == SS_OK);
        made[data[97] % 160] ^= data[98];
        verify(made);
    }
    return 0;
}
