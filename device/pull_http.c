// SPDX-License-Identifier: Apache-2.0
// One exchange: from a job to a request, and from what comes back to one of four answers.
#include "device/pull_parts.h"

#include <string.h>

/// Longest JSON that is read, and longest error page that is let pass, bytes.
#define ANSWER_MAX 65536u

static const struct ss_job *const jobs[SS_JOB_COUNT] = {
    [SS_JOB_CONFIG] = &ss_job_config,       [SS_JOB_CLOSE] = &ss_job_close,
    [SS_JOB_POLL] = &ss_job_poll,           [SS_JOB_CANCEL] = &ss_job_cancel,
    [SS_JOB_CANCELED] = &ss_job_canceled,   [SS_JOB_OFFER] = &ss_job_offer,
    [SS_JOB_ACCEPTED] = &ss_job_accepted,   [SS_JOB_DOWNLOAD] = &ss_job_download,
    [SS_JOB_ASK_AGAIN] = &ss_job_ask_again, [SS_JOB_SELECTED] = &ss_job_selected,
    [SS_JOB_KEY_SET] = &ss_job_key_set,     [SS_JOB_CA] = &ss_job_ca,
    [SS_JOB_FRESHNESS] = &ss_job_freshness,
};

// `Retry-After` in seconds; its other form, a date, means nothing to a device without a clock.
static uint32_t read_retry_after(const char *text)
{
    uint32_t value = 0;
    for (; text && *text >= '0' && *text <= '9'; text++)
        value = value < SS_PULL_SLEEP_MAX ? value * 10 + (uint32_t)(*text - '0') : value;
    return value < SS_PULL_SLEEP_MAX ? value : SS_PULL_SLEEP_MAX;
}

static bool on_head(void *context, const struct ss_http_head *head)
{
    struct ss_pull *p = context;
    p->status = head->status;
    if (head->status == 429 || head->status == 503)
        p->retry_after = read_retry_after(head->retry_after);
    p->broken = jobs[p->job]->head && !jobs[p->job]->head(p, head);
    return !p->broken;
}

static bool take(struct ss_pull *p, const struct ss_job *job, const uint8_t *bytes, size_t len)
{
    bool wanted = p->status == 200 || (p->status == 206 && job->head);
    if (wanted && job->body)
        return job->body(p, bytes, len);
    p->received = len < ANSWER_MAX - p->received ? p->received + (uint32_t)len : ANSWER_MAX;
    if (p->received == ANSWER_MAX)
        return false;
    return !wanted || !job->json || ss_json_read(&p->json, bytes, len) == SS_OK;
}

static bool on_body(void *context, const uint8_t *bytes, size_t len)
{
    struct ss_pull *p = context;
    p->broken = !take(p, jobs[p->job], bytes, len);
    return !p->broken;
}

static bool is_final(unsigned status)
{
    static const uint16_t passing[] = {401, 403, 407, 408, 421, 425, 429};
    for (unsigned i = 0; i < sizeof passing / sizeof *passing; i++)
        if (status == passing[i])
            return false;
    return status >= 400 && status < 500;
}

static enum ss_answer read_answer(struct ss_pull *p, const struct ss_http_request *request, ss_status_t status)
{
    const struct ss_job *job = jobs[p->job];
    bool whole = p->status == 200 || (p->status == 206 && job->head);
    if (p->status == 404 || p->status == 410)
        return SS_ANSWER_GONE;
    if (is_final(p->status))
        return SS_ANSWER_NO;
    if (status != SS_OK || p->broken)
        return SS_ANSWER_FAILED;
    if (job->json && ss_json_finish(&p->json) != SS_OK)
        return SS_ANSWER_FAILED;
    if (request->method != SS_HTTP_GET)
        whole = p->status >= 200 && p->status < 300;
    return whole ? SS_ANSWER_YES : SS_ANSWER_FAILED;
}

// The server's certificate does not verify. A newer key set may name other CAs; but once is enough, and not when bytes
// are half way, or nothing but a reset can follow.
static void distrust(struct ss_pull *p)
{
    if (p->done & SS_DONE_KEYS || ss_agent_receiving(p->agent) || p->job == SS_JOB_SELECTED)
        jobs[p->job]->done(p, SS_ANSWER_FAILED);
    else
        ss_pull_walk(p, true);
}

void ss_pull_run(struct ss_pull *p, enum ss_pull_job_id id)
{
    const struct ss_job *job = jobs[id];
    struct ss_ask ask = {.request = {.method = SS_HTTP_GET, .accept = "*/*"}};
    struct ss_http_sink sink = {.head = on_head, .body = on_body, .context = p};
    p->job = (uint8_t)id;
    p->status = 0;
    p->retry_after = p->received = 0;
    p->broken = false;
    if (!job->ask(p, &ask)) {
        ss_pull_failed(p);
        return;
    }
    if (job->json) {
        ask.request.accept = "application/hal+json, application/json";
        ss_json_start(&p->json, job->json, p);
    }
    ss_status_t status = p->port->http.exchange(p->context, &ask.request, &sink);
    if (status == SS_ERROR_INVALID_SIGNATURE) {
        distrust(p);
        return;
    }
    enum ss_answer answer = read_answer(p, &ask.request, status);
    p->reached = p->reached || (ask.request.credential && answer == SS_ANSWER_YES);
    job->done(p, answer);
}
