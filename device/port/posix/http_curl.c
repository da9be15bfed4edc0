// SPDX-License-Identifier: Apache-2.0
#include "device/port/posix/http_curl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "device/port/posix/http_curl_parts.h"
#include "device/port/posix/pem.h"

#define CONNECT_SECONDS 20u
#define STALL_SECONDS   30u
#define LEAST_PER_S     64u

static void forget(struct ss_curl_text *t)
{
    ss_wipe(t->bytes, t->len);
    free(t->bytes);
    *t = (struct ss_curl_text){0};
}

static bool keep(struct ss_curl_text *t, const void *in, size_t len)
{
    char *bytes = malloc(len + 1);
    if (!bytes)
        return false;
    memcpy(bytes, in, len);
    bytes[len] = 0;
    forget(t);
    *t = (struct ss_curl_text){bytes, len};
    return true;
}

static void init_library(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static CURLM *new_multi(void)
{
    CURLM *multi = curl_multi_init();
    if (multi)
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1L);
    return multi;
}

void ss_curl_free_headers(struct ss_curl *c)
{
    curl_slist_free_all(c->headers);
    c->headers = NULL;
}

struct ss_curl *ss_curl_new(const struct ss_curl_limits *limits)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    struct ss_curl *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    if (limits)
        c->limits = *limits;
    c->limits.connect = c->limits.connect ? c->limits.connect : CONNECT_SECONDS;
    c->limits.stall = c->limits.stall ? c->limits.stall : STALL_SECONDS;
    c->limits.least = c->limits.least ? c->limits.least : LEAST_PER_S;
    c->multi = new_multi();
    c->easy = curl_easy_init();
    if (c->multi && c->easy)
        return c;
    ss_curl_free(c);
    return NULL;
}

void ss_curl_free(struct ss_curl *c)
{
    if (!c)
        return;
    if (c->multi && c->easy)
        curl_multi_remove_handle(c->multi, c->easy);
    curl_easy_cleanup(c->easy);
    curl_multi_cleanup(c->multi);
    ss_curl_free_headers(c);
    forget(&c->trust);
    forget(&c->token);
    forget(&c->key);
    forget(&c->certificate);
    free(c);
}

ss_status_t ss_curl_trust(struct ss_curl *c, const struct ss_curl_blob *certificates, unsigned count)
{
    char *pem = NULL;
    size_t len = 0;
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < count; i++)
        status = ss_pem_append(&pem, &len, certificates[i].data, certificates[i].len);
    if (status != SS_OK) {
        free(pem);
        return status;
    }
    forget(&c->trust);
    c->trust = (struct ss_curl_text){pem, len};
    return SS_OK;
}

ss_status_t ss_curl_credential(struct ss_curl *c, const char *token, struct ss_curl_blob key,
                               struct ss_curl_blob certificate)
{
    if (!key.data != !certificate.data || !token == !key.data)
        return SS_ERROR_INVALID_ARGUMENT;
    bool kept = token ? keep(&c->token, token, strlen(token))
                      : keep(&c->key, key.data, key.len) && keep(&c->certificate, certificate.data, certificate.len);
    if (!kept)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    c->key_type = ss_pem_is(key.data, key.len) ? "PEM" : "DER";
    c->certificate_type = ss_pem_is(certificate.data, certificate.len) ? "PEM" : "DER";
    return SS_OK;
}

void ss_curl_stop_on(struct ss_curl *c, const atomic_bool *stop)
{
    c->stop = stop;
}

struct ss_curl_count ss_curl_count(const struct ss_curl *c)
{
    return c->count;
}

void ss_curl_rest(struct ss_curl *c)
{
    CURLM *fresh = new_multi();
    if (!fresh)
        return;
    curl_multi_cleanup(c->multi);
    c->multi = fresh;
}
