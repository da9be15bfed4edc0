// SPDX-License-Identifier: Apache-2.0
// The crypto port by PSA's functions: mbedTLS 4 (ESP-IDF v6.x), where nothing else is left, and every other library that
// has them. What devices need and no more: SHA-256, P-256 verification, random bytes.
#include "core/crypto.h"

#include <psa/crypto.h>

#include <string.h>

#include "core/kernels/wipe.h"

_Static_assert(sizeof(psa_hash_operation_t) <= sizeof((struct ss_hash *)0)->state, "room for a running hash");

static ss_status_t status_of(psa_status_t status)
{
    switch (status) {
    case PSA_SUCCESS:
        return SS_OK;
    case PSA_ERROR_INSUFFICIENT_MEMORY:
        return SS_ERROR_INSUFFICIENT_MEMORY;
    case PSA_ERROR_INVALID_SIGNATURE:
        return SS_ERROR_INVALID_SIGNATURE;
    default:
        return SS_ERROR_GENERIC;
    }
}

static psa_hash_operation_t *operation_of(struct ss_hash *h)
{
    return (psa_hash_operation_t *)(void *)h->state;
}

// ESP-IDF has called psa_crypto_init() before the app starts; once more costs a comparison.
ss_status_t ss_hash_init(struct ss_hash *h, enum ss_hash_alg alg)
{
    *h = (struct ss_hash){.alg = alg};
    if (alg != SS_HASH_SHA256)
        return SS_ERROR_NOT_SUPPORTED;
    *operation_of(h) = psa_hash_operation_init();
    psa_status_t status = psa_crypto_init();
    if (status == PSA_SUCCESS)
        status = psa_hash_setup(operation_of(h), PSA_ALG_SHA_256);
    if (status == PSA_SUCCESS)
        h->provider = h; // a mark: nobody follows it
    return status_of(status);
}

ss_status_t ss_hash_update(struct ss_hash *h, const void *in, size_t len)
{
    if (!h->provider)
        return SS_ERROR_BAD_STATE;
    return len ? status_of(psa_hash_update(operation_of(h), in, len)) : SS_OK;
}

ss_status_t ss_hash_finish(struct ss_hash *h, uint8_t *out)
{
    size_t len;
    if (!h->provider)
        return SS_ERROR_BAD_STATE;
    psa_status_t status = psa_hash_finish(operation_of(h), out, PSA_HASH_LENGTH(PSA_ALG_SHA_256), &len);
    ss_hash_abort(h);
    return status_of(status);
}

void ss_hash_abort(struct ss_hash *h)
{
    // What it returns says only that the operation was not one, which init has made sure of.
    if (h->provider)
        (void)psa_hash_abort(operation_of(h));
    h->provider = NULL;
}

// A volatile key, in the form of SEC 1 section 2.3.3, uncompressed. The import checks that it is a point of the curve.
static psa_status_t import_public(const uint8_t public_key[64], psa_key_id_t *key)
{
    uint8_t encoded[65] = {0x04};
    psa_key_attributes_t attributes = psa_key_attributes_init();
    memcpy(encoded + 1, public_key, 64);
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&attributes, 256);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_VERIFY_HASH);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
    return psa_import_key(&attributes, encoded, sizeof encoded, key);
}

ss_status_t ss_p256_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t signature[64])
{
    psa_key_id_t key = 0;
    psa_status_t status = psa_crypto_init();
    if (status != PSA_SUCCESS)
        return status_of(status);
    status = import_public(public_key, &key);
    if (status != PSA_SUCCESS)
        return status == PSA_ERROR_INVALID_ARGUMENT ? SS_ERROR_DATA_INVALID : status_of(status);
    status = psa_verify_hash(key, PSA_ALG_ECDSA(PSA_ALG_SHA_256), digest, 32, signature, 64);
    psa_status_t destroyed = psa_destroy_key(key);
    return status_of(status == PSA_SUCCESS ? destroyed : status);
}

ss_status_t ss_random(uint8_t *out, size_t len)
{
    psa_status_t status = psa_crypto_init();
    if (status == PSA_SUCCESS && len > 0)
        status = psa_generate_random(out, len);
    return status_of(status);
}

// PSA has no function for it.
void ss_wipe(void *p, size_t len)
{
    if (len)
        ss_kernel_wipe(p, len);
}
