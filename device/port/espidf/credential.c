// SPDX-License-Identifier: Apache-2.0
// Who the device is to a server, which servers there are, and which certificates they may show.
#include <mbedtls/x509_crt.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "device/port/espidf/idf.h"

#define AUTHORIZATION "TargetToken "

static ss_status_t get(const struct ss_idf *idf, const char *key, bool text, struct ss_idf_blob *blob)
{
    ss_idf_blob_free(blob);
    ss_status_t status = ss_idf_get(idf, key, text, blob);
    return status == SS_ERROR_DOES_NOT_EXIST ? SS_OK : status;
}

static ss_status_t load_token(struct ss_idf *idf)
{
    struct ss_idf_blob token = {0};
    ss_status_t status = get(idf, SS_IDF_KEY_TOKEN, true, &token);
    ss_idf_blob_free(&idf->authorization);
    if (status != SS_OK || !token.p)
        return status;
    size_t len = sizeof AUTHORIZATION - 1 + token.len;
    idf->authorization = (struct ss_idf_blob){malloc(len), len};
    if (idf->authorization.p) {
        memcpy(idf->authorization.p, AUTHORIZATION, sizeof AUTHORIZATION - 1);
        memcpy(idf->authorization.p + sizeof AUTHORIZATION - 1, token.p, token.len);
    }
    ss_idf_blob_free(&token);
    return idf->authorization.p ? SS_OK : SS_ERROR_INSUFFICIENT_MEMORY;
}

static ss_status_t load_client(struct ss_idf *idf)
{
    ss_status_t status = get(idf, SS_IDF_KEY_CLIENT_KEY, false, &idf->client_key);
    if (status == SS_OK && idf->client_key.p)
        status = ss_idf_key_to_pem(&idf->client_key);
    if (status == SS_OK)
        status = get(idf, SS_IDF_KEY_CLIENT_CERT, false, &idf->client_cert);
    if (status == SS_OK && idf->client_cert.p)
        status = ss_idf_certificate_to_pem(&idf->client_cert);
    return status;
}

static ss_status_t load_servers(struct ss_idf *idf)
{
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < SS_IDF_SERVERS; i++) {
        const char key[] = {'s', 'e', 'r', 'v', 'e', 'r', (char)('0' + i), '\0'};
        status = get(idf, key, true, &idf->servers[i]);
    }
    return status;
}

static bool named_by(const struct ss_key_set *set, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE])
{
    for (unsigned i = 0; set && i < set->ca_count; i++)
        if (memcmp(set->cas[i], sha256, SS_STATEMENT_DIGEST_SIZE) == 0)
            return true;
    return false;
}

static bool named(const struct ss_idf *idf, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE])
{
    return named_by(idf->identity.ring.current, sha256) || named_by(idf->identity.ring.previous, sha256);
}

static ss_status_t digest(const mbedtls_x509_crt *certificate, uint8_t sha256[SS_STATEMENT_DIGEST_SIZE])
{
    return ss_hash_once(SS_HASH_SHA256, certificate->raw.p, certificate->raw.len, sha256);
}

// All certificates that are stored, the provisioned ones and those that were fetched since. What does not parse is left
// out: others may do.
static ss_status_t read_stored(const struct ss_idf *idf, mbedtls_x509_crt *chain)
{
    struct ss_idf_blob blob = {0};
    ss_status_t status = get(idf, SS_IDF_KEY_CA, false, &blob);
    for (unsigned i = 0; status == SS_OK; i++) {
        if (blob.p && mbedtls_x509_crt_parse(chain, blob.p, blob.len) != 0)
            ESP_LOGW(SS_IDF_TAG, "a stored CA certificate is none");
        if (i == SS_CAS_MAX)
            break;
        const char key[] = {'c', 'a', '_', (char)('0' + i), '\0'};
        status = get(idf, key, false, &blob);
    }
    ss_idf_blob_free(&blob);
    return status;
}

// Where the key sets in force name certificates, those and no others; else the provisioned ones.
static ss_status_t choose_trusted(const struct ss_idf *idf, const mbedtls_x509_crt *chain, struct ss_idf_blob *pem)
{
    const struct ss_key_set *current = idf->identity.ring.current;
    bool all = !current || current->ca_count == 0;
    ss_status_t status = SS_OK;
    for (const mbedtls_x509_crt *c = chain; status == SS_OK && c && c->raw.p; c = c->next) {
        uint8_t sha256[SS_STATEMENT_DIGEST_SIZE];
        status = digest(c, sha256);
        if (status == SS_OK && (all || named(idf, sha256)))
            status = ss_idf_pem_append(pem, c->raw.p, c->raw.len);
    }
    return status;
}

static ss_status_t load_trusted(struct ss_idf *idf)
{
    mbedtls_x509_crt chain;
    struct ss_idf_blob pem = {0};
    mbedtls_x509_crt_init(&chain);
    ss_status_t status = read_stored(idf, &chain);
    if (status == SS_OK)
        status = choose_trusted(idf, &chain, &pem);
    mbedtls_x509_crt_free(&chain);
    if (status != SS_OK) {
        ss_idf_blob_free(&pem);
        return status;
    }
    ss_idf_blob_free(&idf->trusted);
    idf->trusted = pem;
    return SS_OK;
}

ss_status_t ss_idf_load_credential(struct ss_idf *idf)
{
    ss_status_t status = load_token(idf);
    if (status == SS_OK)
        status = load_client(idf);
    if (status == SS_OK)
        status = load_servers(idf);
    if (status == SS_OK)
        status = load_trusted(idf);
    if (status != SS_OK)
        ESP_LOGE(SS_IDF_TAG, "what was provisioned for servers cannot be used (%d)", (int)status);
    else if (!idf->authorization.p && !(idf->client_key.p && idf->client_cert.p))
        ESP_LOGW(SS_IDF_TAG, "no token and no client certificate: servers will not know this device");
    return status;
}

bool ss_idf_has_ca(void *context, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE])
{
    const struct ss_idf *idf = context;
    mbedtls_x509_crt chain;
    bool found = false;
    mbedtls_x509_crt_init(&chain);
    if (read_stored(idf, &chain) == SS_OK) {
        for (const mbedtls_x509_crt *c = &chain; !found && c && c->raw.p; c = c->next) {
            uint8_t have[SS_STATEMENT_DIGEST_SIZE];
            found = digest(c, have) == SS_OK && memcmp(have, sha256, sizeof have) == 0;
        }
    }
    mbedtls_x509_crt_free(&chain);
    return found;
}

// A place that holds nothing that is still needed. The key sets in force name eight certificates at most, of which the
// provisioned ones need no place; should all four be needed, the first is given up: it is fetched again when it is asked
// for.
static ss_status_t find_place(const struct ss_idf *idf, unsigned *place)
{
    struct ss_idf_blob blob = {0};
    ss_status_t status = SS_OK;
    *place = 0;
    for (unsigned i = 0; status == SS_OK && i < SS_CAS_MAX; i++) {
        const char key[] = {'c', 'a', '_', (char)('0' + i), '\0'};
        uint8_t sha256[SS_STATEMENT_DIGEST_SIZE];
        status = get(idf, key, false, &blob);
        if (status == SS_OK && blob.p)
            status = ss_hash_once(SS_HASH_SHA256, blob.p, blob.len, sha256);
        if (status == SS_OK && (!blob.p || !named(idf, sha256))) {
            *place = i;
            break;
        }
    }
    ss_idf_blob_free(&blob);
    return status;
}

ss_status_t ss_idf_store_ca(void *context, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE], const uint8_t *der,
                            size_t len)
{
    struct ss_idf *idf = context;
    unsigned place;
    (void)sha256; // whoever calls has compared it
    ss_status_t status = find_place(idf, &place);
    if (status == SS_OK) {
        const char key[] = {'c', 'a', '_', (char)('0' + place), '\0'};
        status = ss_idf_set(idf, key, der, len);
    }
    return status == SS_OK ? load_trusted(idf) : status;
}
