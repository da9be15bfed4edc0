// SPDX-License-Identifier: Apache-2.0
// Answers of a server to a device in pull mode: each exchange takes a few bytes that say what is wrong with it. Whatever
// comes, nothing but the other slot is written, it is selected only when it holds a release, the credential goes to the
// server alone, and the device neither spins nor hangs (tests/support/pull_bench.h looks after all that). Once the
// answers are right again, it polls.
#include <stdlib.h>
#include <string.h>

#include "support/pull_bench.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct {
    const uint8_t *p;
    size_t len;
    uint8_t body[PULL_IMAGE + 64];
    char texts[4][160];
} in;

static struct pull_statement newer, freshness;

static uint8_t next(void)
{
    if (in.len == 0)
        return 0;
    in.len--;
    return *in.p++;
}

static const char *text(unsigned n)
{
    size_t len = next() % (sizeof in.texts[n] - 1), used = len < in.len ? len : in.len;
    memcpy(in.texts[n], in.p, used);
    in.texts[n][used] = 0;
    in.p += used;
    in.len -= used;
    return in.texts[n];
}

static void fail_transport(struct pull_answer *a)
{
    static const ss_status_t statuses[] = {SS_ERROR_IO, SS_ERROR_TIMEOUT, SS_ERROR_INVALID_SIGNATURE, SS_ERROR_GENERIC};
    uint8_t how = next();
    a->status = statuses[how & 3];
    a->silent = (how & 4) || a->status == SS_ERROR_INVALID_SIGNATURE;
}

static void other_status(struct pull_answer *a)
{
    static const uint16_t statuses[] = {200, 206, 204, 301, 302, 307, 400, 401, 403, 404, 410, 416, 429, 500, 503, 999};
    a->head.status = statuses[next() & 15];
}

static void other_headers(struct pull_answer *a)
{
    uint8_t which = next();
    if (which & 1)
        a->head.etag = text(0);
    if (which & 2)
        a->head.content_range = text(1);
    if (which & 4)
        a->head.location = text(2);
    if (which & 8)
        a->head.retry_after = text(3);
    if (which & 16)
        a->head.length = SS_HTTP_LENGTH_UNKNOWN;
    if (which & 32)
        a->head.length = next() * 101u;
    if (which & 64)
        other_status(a);
}

static void own_body(struct pull_answer *a)
{
    size_t len = next() * 8u, used = len < in.len ? len : in.len;
    memcpy(in.body, in.p, used);
    in.p += used;
    in.len -= used;
    a->head.status = 200;
    a->body = in.body;
    a->len = used;
    a->head.length = next() & 1 ? used : SS_HTTP_LENGTH_UNKNOWN;
}

static void spoil_body(struct pull_answer *a)
{
    uint8_t how = next();
    size_t at = (next() | (size_t)next() << 8) % (a->len + 1);
    if (a->len > sizeof in.body || a->len == 0)
        return;
    memcpy(in.body, a->body, a->len);
    a->body = in.body;
    if (how & 1)
        in.body[at % a->len] ^= (uint8_t)(how | 2);
    if (how & 4)
        a->cut = at + 1;
    if (how & 8)
        a->len = at;
    a->endless = how & 16;
}

static void hook(struct pull_bench *b, unsigned n, const struct ss_http_request *request, const char *path,
                 struct pull_answer *a)
{
    (void)n, (void)request, (void)path;
    uint8_t kind = next();
    b->chunk = (size_t)16 << (kind >> 5);
    switch (kind & 7) {
    case 1:
        b->update = kind & 8 ? "skip" : NULL;
        b->window = kind & 16 ? "unavailable" : NULL;
        break;
    case 2:
        b->cancel = kind & 8 ? PULL_ACTION : 0;
        break;
    case 3:
        fail_transport(a);
        break;
    case 4:
        other_status(a);
        break;
    case 5:
        own_body(a);
        break;
    case 6:
        other_headers(a);
        break;
    case 7:
        spoil_body(a);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len > 4000)
        return 0;
    if (newer.len == 0) {
        pull_sign_key_set(2, NULL, NULL, 0, &newer);
        pull_sign_freshness(1700000000, 2, &freshness);
    }
    in.p = data;
    in.len = len;
    struct pull_bench *b = pull_bench_new();
    uint8_t how = next();
    b->at_once = how & 1;
    b->key_set_link = how & 2;
    b->freshness_link = how & 4;
    b->self_test = how & 8 ? SS_SELF_TEST_FAILED : SS_SELF_TEST_PASSED;
    b->config.plain_http = how & 16;
    b->sleep = "00:30:00";
    b->newer[1] = newer;
    b->freshness = freshness;
    pull_offer(b, 2, PULL_ACTION);
    b->hook = hook;
    pull_run_for(b, 40000);
    b->hook = NULL;
    unsigned before = b->exchanges;
    pull_run_for(b, 90000);
    must(b->exchanges > before && b->pull.failures == 0);
    pull_bench_free(b);
    return 0;
}
