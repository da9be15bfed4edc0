// SPDX-License-Identifier: Apache-2.0
// Takes the ciphertext from where it is wanted on. What is written is only what the agent checks by itself; all that is
// decided here is whether it is worth while.
#include "device/pull_parts.h"

#include <string.h>

/// What the beginning of an answer says.
enum verdict {
    REFUSED,    ///< not the bytes that were asked for
    TAKEN,      ///< they come
    REDIRECTED, ///< they are elsewhere
    SWAPPED,    ///< other bytes than before, or nowhere: the deployment has to be read again
};

// Digits to *value; false if there are none, or too many.
static bool digits(const char **text, uint32_t *value)
{
    const char *p = *text;
    for (*value = 0; *p >= '0' && *p <= '9'; p++) {
        if (*value > UINT32_MAX / 10 - 1)
            return false;
        *value = *value * 10 + (uint32_t)(*p - '0');
    }
    bool any = p > *text;
    *text = p;
    return any;
}

static bool skip(const char **text, char c)
{
    return *(*text)++ == c;
}

// `bytes first-last/total` (RFC 9110 §14.4); a total of `*` is 0.
static bool read_range(const char *text, uint32_t *first, uint32_t *last, uint32_t *total)
{
    if (!text || strncmp(text, "bytes ", 6) != 0)
        return false;
    text += 6;
    *total = 0;
    if (!digits(&text, first) || !skip(&text, '-') || !digits(&text, last) || !skip(&text, '/'))
        return false;
    if (text[0] == '*')
        return text[1] == 0;
    return digits(&text, total) && *text == 0 && *total > *last;
}

// 206 to a request that began at @p from.
static enum verdict look_at_part(const struct ss_pull *p, const struct ss_http_head *head, uint32_t from)
{
    uint32_t first, last, total;
    if (from == 0 || !read_range(head->content_range, &first, &last, &total) || first != from || last < first)
        return REFUSED;
    if (head->length != SS_HTTP_LENGTH_UNKNOWN && head->length != last - first + 1u)
        return REFUSED;
    return total == 0 || total == p->agent->length ? TAKEN : SWAPPED;
}

static enum verdict look_at(struct ss_pull *p, const struct ss_http_head *head)
{
    uint32_t from = ss_agent_wanted(p->agent);
    unsigned status = head->status;
    bool moved = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (moved)
        return head->location && ss_pull_redirect(p, head->location) ? REDIRECTED : SWAPPED;
    if (status == 416)
        return SWAPPED;
    if (status != 200 && status != 206)
        return REFUSED;
    if (p->etag[0] && head->etag && strcmp(p->etag, head->etag) != 0)
        return SWAPPED;
    if (status == 206)
        return look_at_part(p, head, from);
    p->ignored = from; // the server does not know ranges, or the ETag has gone
    return head->length == SS_HTTP_LENGTH_UNKNOWN || head->length == p->agent->length ? TAKEN : SWAPPED;
}

// Only a strong one may be sent in If-Range (RFC 9110 §13.1.5), and nothing that could end the header there.
static void keep_etag(struct ss_pull *p, const char *etag)
{
    size_t len = 0;
    while (etag && etag[len] > ' ' && etag[len] <= '~')
        len++;
    if (len > 0 && len < sizeof p->etag && etag[0] == '"' && etag[len] == 0)
        memcpy(p->etag, etag, len + 1);
}

static bool ask(struct ss_pull *p, struct ss_ask *out)
{
    out->request.from = ss_agent_wanted(p->agent);
    if (out->request.from && p->etag[0])
        out->request.if_range = p->etag;
    p->ignored = 0;
    p->verdict = REFUSED;
    p->spoiled = false;
    return ss_pull_ask_link(p, out);
}

static bool on_head(struct ss_pull *p, const struct ss_http_head *head)
{
    p->verdict = (uint8_t)look_at(p, head);
    if (p->verdict == TAKEN)
        keep_etag(p, head->etag);
    return p->verdict == TAKEN;
}

static uint32_t missing(const struct ss_pull *p)
{
    return p->agent->length - ss_agent_wanted(p->agent);
}

// More than the ciphertext is never taken: the connection ends with its last byte.
static bool on_body(struct ss_pull *p, const uint8_t *bytes, size_t len)
{
    size_t n = len < p->ignored ? len : p->ignored;
    p->ignored -= (uint32_t)n;
    bytes += n;
    len -= n;
    if (len == 0)
        return true;
    if (len > missing(p))
        len = missing(p);
    p->failures = 0;
    p->spoiled = ss_agent_write(p->agent, bytes, len) != SS_OK;
    return !p->spoiled && missing(p) > 0;
}

void ss_pull_download(struct ss_pull *p)
{
    ss_pull_go(p, missing(p) ? SS_JOB_DOWNLOAD : p->offer.hold ? SS_JOB_SELECTED : SS_JOB_ASK_AGAIN);
}

static void done(struct ss_pull *p, enum ss_answer answer)
{
    enum ss_agent_cause cause = p->agent->cause;
    if (p->spoiled && (cause == SS_CAUSE_GIVEN_UP || cause == SS_CAUSE_FLASH)) {
        ss_pull_end_by_cause(p);
    } else if (p->spoiled && cause == SS_CAUSE_WINDOW) {
        ss_pull_go(p, SS_JOB_DOWNLOAD); // from the start of the window
    } else if (p->spoiled || p->verdict == SWAPPED) {
        p->job = SS_JOB_HOME;
        ss_pull_failed(p);
    } else if (missing(p) == 0 && p->offer.window) {
        ss_pull_go(p, SS_JOB_HOME); // while it came the window may have closed: the deployment is read again
    } else if (missing(p) == 0) {
        ss_pull_download(p);
    } else if (p->verdict == REDIRECTED) {
        ss_pull_go(p, SS_JOB_DOWNLOAD);
    } else if (answer == SS_ANSWER_GONE) {
        ss_pull_withdrawn(p);
    } else {
        ss_pull_failed(p);
    }
}

const struct ss_job ss_job_download = {.ask = ask, .head = on_head, .body = on_body, .done = done};
