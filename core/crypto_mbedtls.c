// SPDX-License-Identifier: Apache-2.0
// The crypto port by mbedTLS' own functions: 2.16 (ESP-IDF v4.0) to 3.x (v5.x). From 4.0 on there is only PSA:
// crypto_psa.c. What devices need and no more: SHA-256, P-256 verification, random bytes. Numbers and points of a
// verification are on mbedTLS' heap, hashes are in the caller's memory.
#include "core/crypto.h"

#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/platform.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#include <string.h>

// Until 3.0 the names without _ret are of functions that cannot report a failure, such as a busy SHA engine.
#if MBEDTLS_VERSION_NUMBER < 0x03000000
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#endif

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof((struct ss_hash *)0)->state, "room for a running SHA-256");

static ss_status_t status_of(int result)
{
    if (result == 0)
        return SS_OK;
    return result == MBEDTLS_ERR_MPI_ALLOC_FAILED || result == MBEDTLS_ERR_ECP_ALLOC_FAILED
               ? SS_ERROR_INSUFFICIENT_MEMORY
               : SS_ERROR_GENERIC;
}

static mbedtls_sha256_context *context_of(struct ss_hash *h)
{
    return (mbedtls_sha256_context *)(void *)h->state;
}

ss_status_t ss_hash_init(struct ss_hash *h, enum ss_hash_alg alg)
{
    *h = (struct ss_hash){.alg = alg};
    if (alg != SS_HASH_SHA256)
        return SS_ERROR_NOT_SUPPORTED;
    mbedtls_sha256_init(context_of(h));
    h->provider = h; // a mark: nobody follows it
    ss_status_t status = status_of(mbedtls_sha256_starts(context_of(h), 0));
    if (status != SS_OK)
        ss_hash_abort(h);
    return status;
}

ss_status_t ss_hash_update(struct ss_hash *h, const void *in, size_t len)
{
    if (!h->provider)
        return SS_ERROR_BAD_STATE;
    return len ? status_of(mbedtls_sha256_update(context_of(h), in, len)) : SS_OK;
}

ss_status_t ss_hash_finish(struct ss_hash *h, uint8_t *out)
{
    if (!h->provider)
        return SS_ERROR_BAD_STATE;
    ss_status_t status = status_of(mbedtls_sha256_finish(context_of(h), out));
    ss_hash_abort(h);
    return status;
}

// Gives back the chip's SHA engine too, if this hash has it: ESP-IDF lets the first one have it.
void ss_hash_abort(struct ss_hash *h)
{
    if (h->provider)
        mbedtls_sha256_free(context_of(h));
    h->provider = NULL;
}

// SS_ERROR_DATA_INVALID: no point of the curve.
static ss_status_t read_public(const mbedtls_ecp_group *group, const uint8_t public_key[64], mbedtls_ecp_point *point)
{
    uint8_t encoded[65] = {0x04}; // uncompressed, SEC 1 section 2.3.3
    memcpy(encoded + 1, public_key, 64);
    int result = mbedtls_ecp_point_read_binary(group, point, encoded, sizeof encoded);
    if (result == 0)
        result = mbedtls_ecp_check_pubkey(group, point);
    return result == MBEDTLS_ERR_ECP_INVALID_KEY || result == MBEDTLS_ERR_ECP_BAD_INPUT_DATA ? SS_ERROR_DATA_INVALID
                                                                                             : status_of(result);
}

static ss_status_t verify(mbedtls_ecp_group *group, const mbedtls_ecp_point *point, const uint8_t digest[32],
                          const uint8_t signature[64])
{
    mbedtls_mpi r, s;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    int result = mbedtls_mpi_read_binary(&r, signature, 32);
    if (result == 0)
        result = mbedtls_mpi_read_binary(&s, signature + 32, 32);
    if (result == 0)
        result = mbedtls_ecdsa_verify(group, digest, 32, point, &r, &s);
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&s);
    return result == MBEDTLS_ERR_ECP_VERIFY_FAILED ? SS_ERROR_INVALID_SIGNATURE : status_of(result);
}

ss_status_t ss_p256_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t signature[64])
{
    mbedtls_ecp_group group;
    mbedtls_ecp_point point;
    mbedtls_ecp_group_init(&group);
    mbedtls_ecp_point_init(&point);
    ss_status_t status = status_of(mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1));
    if (status == SS_OK)
        status = read_public(&group, public_key, &point);
    if (status == SS_OK)
        status = verify(&group, &point, digest, signature);
    mbedtls_ecp_point_free(&point);
    mbedtls_ecp_group_free(&group);
    return status;
}

// The pool itself: a hash over what the hardware gives. A generator on top of it would want to live as long as the app.
ss_status_t ss_random(uint8_t *out, size_t len)
{
    mbedtls_entropy_context *pool = mbedtls_calloc(1, sizeof *pool);
    if (!pool)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    mbedtls_entropy_init(pool);
    int result = 0;
    while (result == 0 && len > 0) {
        size_t n = len < MBEDTLS_ENTROPY_BLOCK_SIZE ? len : MBEDTLS_ENTROPY_BLOCK_SIZE;
        result = mbedtls_entropy_func(pool, out, n);
        out += n;
        len -= n;
    }
    mbedtls_entropy_free(pool);
    mbedtls_free(pool);
    return status_of(result);
}

void ss_wipe(void *p, size_t len)
{
    if (len)
        mbedtls_platform_zeroize(p, len);
}
