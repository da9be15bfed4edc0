// SPDX-License-Identifier: Apache-2.0
// Asks what there is to do: the poll, and what is cancelled.
#include "device/pull_parts.h"

#include <string.h>

enum { LINK_CONFIG = 1, LINK_KEYS = 2, LINK_FRESHNESS = 4, LINK_OFFER = 8, LINK_CANCEL = 16 };

#define TOKEN_TOO_LONG UINT8_MAX

bool ss_pull_token(struct ss_pull *p, enum ss_json_event event, const char *bytes, size_t len)
{
    if (event == SS_JSON_BEGIN || event == SS_JSON_WORD)
        p->token_len = 0;
    if (len > sizeof p->token - (p->token_len < sizeof p->token ? p->token_len : sizeof p->token))
        p->token_len = TOKEN_TOO_LONG;
    if (p->token_len != TOKEN_TOO_LONG && len > 0) {
        memcpy(p->token + p->token_len, bytes, len);
        p->token_len = (uint8_t)(p->token_len + len);
    }
    if (event == SS_JSON_BEGIN || event == SS_JSON_TEXT)
        return false;
    if (p->token_len == TOKEN_TOO_LONG)
        p->token_len = 0;
    return true;
}

bool ss_pull_token_is(const struct ss_pull *p, const char *text)
{
    return p->token_len == strlen(text) && memcmp(p->token, text, p->token_len) == 0;
}

static uint64_t read_number(const char *digits, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9' || value > SS_STATEMENT_INT_MAX / 10)
            return 0;
        value = value * 10 + (unsigned)(digits[i] - '0');
    }
    return value;
}

uint64_t ss_pull_token_number(const struct ss_pull *p)
{
    return read_number(p->token, p->token_len);
}

bool ss_pull_link(struct ss_pull *p, uint8_t rank, enum ss_json_event event, const char *bytes, size_t len)
{
    if (rank < p->url_rank || event == SS_JSON_WORD)
        return true;
    if (event == SS_JSON_BEGIN) {
        p->url_rank = rank;
        p->url_len = 0;
    }
    if (len > SS_HTTP_URL_MAX - p->url_len || memchr(bytes ? bytes : "", 0, len))
        return false;
    if (len > 0)
        memcpy(p->url + p->url_len, bytes, len);
    p->url_len = (uint16_t)(p->url_len + len);
    p->url[p->url_len] = 0;
    return event != SS_JSON_END || ss_pull_url_ok(p);
}

// -- The poll ---------------------------------------------------------------------------------------------------------

enum { POLL_SLEEP, POLL_CANCEL, POLL_OFFER, POLL_CONFIG, POLL_KEYS, POLL_FRESHNESS, POLL_WANTED };
enum { IN_CONFIG = POLL_WANTED, IN_POLLING, IN_LINKS, IN_CANCEL, IN_OFFER };
static const struct ss_json_place poll_places[] = {
    [POLL_SLEEP] = {"sleep", IN_POLLING},      [POLL_CANCEL] = {"href", IN_CANCEL},
    [POLL_OFFER] = {"href", IN_OFFER},         [POLL_CONFIG] = {"configData", IN_LINKS},
    [POLL_KEYS] = {"keySet", IN_LINKS},        [POLL_FRESHNESS] = {"freshness", IN_LINKS},
    [IN_CONFIG] = {"config", SS_JSON_TOP},     [IN_POLLING] = {"polling", IN_CONFIG},
    [IN_LINKS] = {"_links", SS_JSON_TOP},      [IN_CANCEL] = {"cancelAction", IN_LINKS},
    [IN_OFFER] = {"deploymentBase", IN_LINKS},
};

// HH:MM:SS. Anything else leaves things as they are.
static void read_sleep(struct ss_pull *p)
{
    const char *t = p->token;
    if (p->token_len != 8 || t[2] != ':' || t[5] != ':')
        return;
    uint32_t parts[3];
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned j = 0; j < 2; j++)
            if (t[3 * i + j] < '0' || t[3 * i + j] > '9')
                return;
        parts[i] = (uint32_t)read_number(t + 3 * i, 2);
    }
    uint32_t seconds = parts[0] * 3600 + parts[1] * 60 + parts[2];
    if (seconds < SS_PULL_SLEEP_MIN)
        seconds = SS_PULL_SLEEP_MIN;
    p->sleep = seconds < SS_PULL_SLEEP_MAX ? seconds : SS_PULL_SLEEP_MAX;
}

// The action is the number at the end of the path: …/deploymentBase/{action}?c=…
static void read_offered(struct ss_pull *p)
{
    size_t end = strcspn(p->url, "?"), at = end;
    while (at > 0 && p->url[at - 1] != '/')
        at--;
    p->offered = read_number(p->url + at, end - at);
}

static bool poll_value(void *context, unsigned place, enum ss_json_event event, const char *bytes, size_t len)
{
    static const uint8_t links[] = {0, LINK_CANCEL, LINK_OFFER, LINK_CONFIG, LINK_KEYS, LINK_FRESHNESS};
    struct ss_pull *p = context;
    if (event != SS_JSON_WORD)
        p->links |= links[place];
    if (place == POLL_SLEEP && ss_pull_token(p, event, bytes, len))
        read_sleep(p);
    if (place != POLL_CANCEL && place != POLL_OFFER)
        return true;
    uint8_t rank = place == POLL_CANCEL ? 2 : 1;
    bool ok = ss_pull_link(p, rank, event, bytes, len);
    if (ok && event == SS_JSON_END && place == POLL_OFFER && p->url_rank == rank)
        read_offered(p);
    return ok;
}

static bool ask_again(struct ss_pull *p, struct ss_ask *ask)
{
    p->url_rank = 0;
    p->links = 0;
    p->offered = 0;
    return ss_pull_ask_device(p, ask, "");
}

// Whoever polls starts over: what was received so far is found again in flash.
static bool ask_poll(struct ss_pull *p, struct ss_ask *ask)
{
    ss_agent_abandon(p->agent);
    return ask_again(p, ask);
}

// Whether to do @p what, which is done once in a cycle.
static bool once(struct ss_pull *p, bool wanted, uint8_t what)
{
    if (!wanted || p->done & what)
        return false;
    p->done |= what;
    return true;
}

static void poll_done(struct ss_pull *p, enum ss_answer answer)
{
    if (answer != SS_ANSWER_YES) {
        ss_pull_failed(p);
        return;
    }
    p->failures = 0;
    if (once(p, p->links & LINK_CONFIG, SS_DONE_CONFIG)) {
        p->told = 0;
        ss_pull_go(p, SS_JOB_HOME);
    } else if (once(p, p->links & LINK_KEYS || ss_pull_lacks_ca(p), SS_DONE_KEYS)) {
        ss_pull_walk(p, false);
    } else if (once(p, p->links & LINK_FRESHNESS, SS_DONE_FRESHNESS)) {
        ss_pull_go(p, SS_JOB_FRESHNESS);
    } else if (p->links & LINK_CANCEL) {
        ss_pull_go(p, SS_JOB_CANCEL);
    } else if (p->links & LINK_OFFER) {
        ss_pull_go(p, SS_JOB_OFFER);
    } else {
        ss_pull_rest(p);
    }
}

static const struct ss_json_form poll_form = {.places = poll_places,
                                              .value = poll_value,
                                              .place_count = sizeof poll_places / sizeof *poll_places,
                                              .wanted = POLL_WANTED};
const struct ss_job ss_job_poll = {.ask = ask_poll, .done = poll_done, .json = &poll_form};

// -- The poll before the switch ---------------------------------------------------------------------------------------

// A switch fails for good only if the agent says so; otherwise the same is offered and found complete once more.
static void finish(struct ss_pull *p)
{
    ss_status_t status = ss_agent_finish(p->agent);
    p->failures = 0;
    if (status == SS_OK) {
        ss_pull_go(p, SS_JOB_SELECTED);
    } else if (p->agent->cause == SS_CAUSE_GIVEN_UP || p->agent->cause == SS_CAUSE_FLASH) {
        ss_pull_end_by_cause(p);
    } else {
        p->job = SS_JOB_HOME;
        ss_pull_failed(p);
    }
}

static void again_done(struct ss_pull *p, enum ss_answer answer)
{
    if (answer != SS_ANSWER_YES)
        finish(p); // nobody says no
    else if (p->links & LINK_CANCEL)
        ss_pull_go(p, SS_JOB_CANCEL);
    else if (p->links & LINK_OFFER && (p->offered == p->action || p->offered == 0))
        finish(p);
    else
        ss_pull_withdrawn(p);
}

const struct ss_job ss_job_ask_again = {.ask = ask_again, .done = again_done, .json = &poll_form};

// -- A cancellation ---------------------------------------------------------------------------------------------------

enum { CANCEL_ID, CANCEL_STOP_ID, CANCEL_WANTED, IN_ACTION = CANCEL_WANTED };
static const struct ss_json_place cancel_places[] = {
    [CANCEL_ID] = {"id", SS_JSON_TOP},
    [CANCEL_STOP_ID] = {"stopId", IN_ACTION},
    [IN_ACTION] = {"cancelAction", SS_JSON_TOP},
};

static bool cancel_value(void *context, unsigned place, enum ss_json_event event, const char *bytes, size_t len)
{
    struct ss_pull *p = context;
    if (!ss_pull_token(p, event, bytes, len))
        return true;
    uint64_t *number = place == CANCEL_ID ? &p->action : &p->canceled;
    *number = ss_pull_token_number(p);
    return *number != 0;
}

static bool ask_cancel(struct ss_pull *p, struct ss_ask *ask)
{
    ss_agent_abandon(p->agent);
    p->action = p->canceled = 0;
    return ss_pull_ask_link(p, ask);
}

static void cancel_done(struct ss_pull *p, enum ss_answer answer)
{
    if (answer == SS_ANSWER_GONE)
        ss_pull_withdrawn(p);
    else if (answer != SS_ANSWER_YES || !p->action || !p->canceled)
        ss_pull_failed(p);
    else if (p->action == p->acknowledged)
        ss_pull_rest(p);
    else
        ss_pull_go(p, SS_JOB_CANCELED);
}

static const struct ss_json_form cancel_form = {.places = cancel_places,
                                                .value = cancel_value,
                                                .place_count = sizeof cancel_places / sizeof *cancel_places,
                                                .wanted = CANCEL_WANTED};
const struct ss_job ss_job_cancel = {.ask = ask_cancel, .done = cancel_done, .json = &cancel_form};
