// SPDX-License-Identifier: Apache-2.0
// The certificates of a simulated device: which it has, and which of them count.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "device/port/posix/pem.h"
#include "sim/identity.h"

/// Certificates within what provisioning wrote; more are not looked at.
#define PROVISIONED_MAX 4u

static bool is_digest(const uint8_t *der, size_t len, const uint8_t *sha256)
{
    uint8_t digest[SS_STATEMENT_DIGEST_SIZE];
    return ss_hash_once(SS_HASH_SHA256, der, len, digest) == SS_OK && memcmp(digest, sha256, sizeof digest) == 0;
}

static bool names(const struct ss_key_set *set, const uint8_t *der, size_t len)
{
    for (unsigned i = 0; set && i < set->ca_count; i++)
        if (is_digest(der, len, set->cas[i]))
            return true;
    return false;
}

static bool named(const struct ss_key_ring *ring, const uint8_t *der, size_t len)
{
    return names(ring->current, der, len) || names(ring->previous, der, len);
}

static bool add(struct ss_sim_blob *list, unsigned *count, const uint8_t *der, size_t len)
{
    uint8_t *copy = malloc(len);
    if (!copy)
        return false;
    memcpy(copy, der, len);
    list[(*count)++] = (struct ss_sim_blob){copy, len};
    return true;
}

static bool add_certificate(struct ss_sim_blob *list, unsigned *count, X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    bool added = len > 0 && add(list, count, der, (size_t)len);
    OPENSSL_free(der);
    return added;
}

// What provisioning wrote, one by one, as DER.
static bool provisioned(const struct ss_sim_blob *ca, struct ss_sim_blob list[PROVISIONED_MAX], unsigned *count)
{
    X509 *certificate;
    bool added = true;
    *count = 0;
    if (!ca->data)
        return true;
    if (!ss_pem_is(ca->data, ca->len))
        return add(list, count, ca->data, ca->len);
    BIO *bio = BIO_new_mem_buf(ca->data, (int)ca->len);
    while (added && bio && *count < PROVISIONED_MAX && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        added = add_certificate(list, count, certificate);
        X509_free(certificate);
    }
    BIO_free(bio);
    ERR_clear_error(); // the end of the text is one
    return added && bio;
}

static void free_list(struct ss_sim_blob *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        free(list[i].data);
}

static bool any_named(const struct ss_key_ring *ring)
{
    return ring->current->ca_count > 0 || (ring->previous && ring->previous->ca_count > 0);
}

static ss_status_t add_stored(const struct ss_sim_identity *id, struct ss_sim_blob *list, unsigned *count)
{
    uint8_t der[SS_SIM_CA_MAX];
    size_t len;
    ss_status_t status = SS_OK;
    for (unsigned n = 0; status == SS_OK && n < SS_CAS_MAX && *count < SS_SIM_TRUSTED_MAX; n++) {
        status = ss_sim_keep_ca(&id->keep, n, der, &len);
        if (status == SS_OK && len && named(&id->agent.ring, der, len) && !add(list, count, der, len))
            status = SS_ERROR_INSUFFICIENT_MEMORY;
    }
    return status;
}

ss_status_t ss_sim_trusted(const struct ss_sim_identity *identity, struct ss_sim_blob trusted[SS_SIM_TRUSTED_MAX],
                           unsigned *count)
{
    struct ss_sim_blob first[PROVISIONED_MAX];
    unsigned first_count;
    const struct ss_key_ring *ring = &identity->agent.ring;
    *count = 0;
    bool read = provisioned(&identity->ca, first, &first_count);
    ss_status_t status = read ? add_stored(identity, trusted, count) : SS_ERROR_INSUFFICIENT_MEMORY;
    for (unsigned i = 0; status == SS_OK && i < first_count && *count < SS_SIM_TRUSTED_MAX; i++)
        if ((!any_named(ring) || named(ring, first[i].data, first[i].len)) &&
            !add(trusted, count, first[i].data, first[i].len))
            status = SS_ERROR_INSUFFICIENT_MEMORY;
    free_list(first, first_count);
    if (status != SS_OK) {
        free_list(trusted, *count);
        *count = 0;
    }
    return status;
}

bool ss_sim_has_ca(const struct ss_sim_identity *identity, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE])
{
    struct ss_sim_blob first[PROVISIONED_MAX];
    uint8_t der[SS_SIM_CA_MAX];
    size_t len;
    unsigned count;
    bool has = false;
    (void)provisioned(&identity->ca, first, &count);
    for (unsigned i = 0; i < count; i++)
        has |= is_digest(first[i].data, first[i].len, sha256);
    free_list(first, count);
    for (unsigned n = 0; !has && n < SS_CAS_MAX; n++)
        has = ss_sim_keep_ca(&identity->keep, n, der, &len) == SS_OK && len && is_digest(der, len, sha256);
    return has;
}

ss_status_t ss_sim_store_ca(struct ss_sim_identity *identity, const uint8_t *der, size_t len)
{
    uint8_t old[SS_SIM_CA_MAX];
    size_t old_len;
    if (len > SS_SIM_CA_MAX)
        return SS_ERROR_INSUFFICIENT_SPACE;
    for (unsigned n = 0; n < SS_CAS_MAX; n++) {
        ss_status_t status = ss_sim_keep_ca(&identity->keep, n, old, &old_len);
        if (status != SS_OK)
            return status;
        if (old_len == 0 || !named(&identity->agent.ring, old, old_len))
            return ss_sim_keep_put_ca(&identity->keep, n, der, len);
    }
    return SS_ERROR_INSUFFICIENT_SPACE;
}
