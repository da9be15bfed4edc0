// SPDX-License-Identifier: Apache-2.0
// What the device tells: its attributes, and how an action goes.
#include "device/pull_parts.h"

#include <string.h>

/// Longest value that hawkBit takes, characters.
#define VALUE_MAX 128u

void ss_pull_say(struct ss_pull *p, const char *a, const char *b, const char *c)
{
    p->details[0] = a;
    p->details[1] = b;
    p->details[2] = c;
}

// -- Attributes -------------------------------------------------------------------------------------------------------

static void attribute(struct ss_text *t, const char *name)
{
    ss_text_add(t, t->p[t->len - 1] == '{' ? "\"slotseal." : ",\"slotseal.");
    ss_text_add(t, name);
    ss_text_add(t, "\":\"");
}

static void text_attribute(struct ss_text *t, const char *name, const char *value)
{
    size_t len = strlen(value);
    attribute(t, name);
    ss_text_json(t, value, len < VALUE_MAX ? len : VALUE_MAX);
    ss_text_add(t, "\"");
}

static void number_attribute(struct ss_text *t, const char *name, uint64_t value)
{
    attribute(t, name);
    ss_text_number(t, value);
    ss_text_add(t, "\"");
}

static void digest_attribute(struct ss_text *t, const char *name, const uint8_t *digest)
{
    if (!digest)
        return;
    attribute(t, name);
    ss_text_hex(t, digest, SS_STATEMENT_DIGEST_SIZE);
    ss_text_add(t, "\"");
}

static void put_attributes(const struct ss_pull *p, struct ss_text *t)
{
    const struct ss_agent *a = p->agent;
    const struct ss_agent_identity *id = a->identity;
    text_attribute(t, "slot", id->running ? "ota_1" : "ota_0");
    if (p->config->version)
        text_attribute(t, "version", p->config->version);
    digest_attribute(t, "digest", p->digest_known ? p->digest : NULL);
    text_attribute(t, "state", ss_agent_state_name(ss_agent_state(a)));
    text_attribute(t, "cause", ss_agent_cause_name((enum ss_agent_cause)a->record.cause));
    text_attribute(t, "alarm", ss_agent_alarm_name(ss_agent_alarm(a)));
    number_attribute(t, "epoch", a->record.epoch);
    number_attribute(t, "sequence", a->record.sequence);
    number_attribute(t, "key_set", id->ring.current->version);
    number_attribute(t, "secure_version", id->secure_version);
    digest_attribute(t, "table", id->table_digest);
    number_attribute(t, "bootloader", ss_agent_bootloader(a));
    text_attribute(t, "agent", SS_PULL_AGENT);
}

uint8_t ss_pull_condition(const struct ss_pull *p)
{
    return (uint8_t)(1 + ss_agent_state(p->agent) + 4 * ss_agent_alarm(p->agent));
}

static bool ask_config(struct ss_pull *p, struct ss_ask *ask)
{
    ss_agent_abandon(p->agent); // the body goes where it would write
    p->telling = ss_pull_condition(p);
    // Before the body is made: it is where the digest reads.
    p->digest_known = p->digest_known || ss_agent_running_digest(p->agent, p->digest) == SS_OK;
    struct ss_text body = ss_text_in((char *)p->agent->room.scratch, sizeof p->agent->room.scratch);
    ss_text_add(&body, "{\"mode\":\"merge\",\"data\":{");
    put_attributes(p, &body);
    ss_text_add(&body, "}}");
    ask->request.method = SS_HTTP_PUT;
    ask->request.body = body.p;
    ask->request.body_len = body.len;
    return !body.full && ss_pull_ask_device(p, ask, "/configData");
}

static void config_done(struct ss_pull *p, enum ss_answer answer)
{
    if (answer == SS_ANSWER_FAILED) {
        ss_pull_failed(p);
        return;
    }
    // A server that refuses is not asked again. To some a device is not known before its first poll: they say what they
    // lack by a link then.
    p->failures = 0;
    p->told = p->telling;
    ss_pull_go(p, SS_JOB_HOME);
}

const struct ss_job ss_job_config = {.ask = ask_config, .done = config_done};

// -- Feedback ---------------------------------------------------------------------------------------------------------

static bool ask_feedback(struct ss_pull *p, struct ss_ask *ask, const char *kind, const char *execution,
                         const char *finished)
{
    char path_room[64];
    struct ss_text path = ss_text_in(path_room, sizeof path_room);
    struct ss_text body = ss_text_in(ask->body, sizeof ask->body);
    ss_text_add(&path, kind);
    ss_text_number(&path, p->action);
    ss_text_add(&path, "/feedback");
    ss_text_add(&body, "{\"status\":{\"execution\":\"");
    ss_text_add(&body, execution);
    ss_text_add(&body, "\",\"result\":{\"finished\":\"");
    ss_text_add(&body, finished);
    ss_text_add(&body, "\"},\"details\":[");
    for (unsigned i = 0; i < 3 && p->details[i]; i++) {
        ss_text_add(&body, i ? ",\"" : "\"");
        ss_text_add(&body, p->details[i]);
        ss_text_add(&body, "\"");
    }
    ss_text_add(&body, "]}}");
    ask->request.method = SS_HTTP_POST;
    ask->request.body = body.p;
    ask->request.body_len = body.len;
    return !body.full && ss_pull_ask_device(p, ask, path.p);
}

static bool ask_accepted(struct ss_pull *p, struct ss_ask *ask)
{
    ss_pull_say(p, "accepted", NULL, NULL);
    return ask_feedback(p, ask, "/deploymentBase/", "proceeding", "none");
}

static void accepted_done(struct ss_pull *p, enum ss_answer answer)
{
    if (answer == SS_ANSWER_GONE) {
        ss_pull_withdrawn(p);
    } else if (answer == SS_ANSWER_FAILED) {
        ss_pull_failed(p);
    } else {
        // Who was told late may be outside the window by now.
        bool late = p->failures && p->offer.window;
        p->failures = 0;
        if (late)
            ss_pull_go(p, SS_JOB_HOME);
        else
            ss_pull_download(p);
    }
}

const struct ss_job ss_job_accepted = {.ask = ask_accepted, .done = accepted_done};

static bool ask_selected(struct ss_pull *p, struct ss_ask *ask)
{
    ss_pull_say(p, p->offer.hold ? "downloaded" : "selected", NULL, NULL);
    return ask_feedback(p, ask, "/deploymentBase/", "downloaded", "none");
}

// A server that cannot be told now learns it from the new app; what waits has time.
static void selected_done(struct ss_pull *p, enum ss_answer answer)
{
    bool failed = answer == SS_ANSWER_FAILED;
    if (failed) {
        ss_pull_failed(p);
    } else if (p->offer.hold) {
        p->failures = 0;
        p->held = p->action;
        ss_pull_rest(p);
    }
    p->leaving = !p->offer.hold && (!failed || p->failures >= SS_PULL_FAILURES_MAX);
}

const struct ss_job ss_job_selected = {.ask = ask_selected, .done = selected_done};

static bool ask_close(struct ss_pull *p, struct ss_ask *ask)
{
    return ask_feedback(p, ask, "/deploymentBase/", "closed", p->succeeded ? "success" : "failure");
}

// Told, or there is nobody who wants to know: either way not to be told again. Should that not reach storage, it is told
// once more after a reset, and answered with 410.
static void settle(struct ss_pull *p, uint64_t action)
{
    p->failures = 0;
    p->acknowledged = p->action;
    if (p->agent->record.action == action && p->agent->record.unreported)
        p->agent->cause = ss_agent_note_action(p->agent, action, 0) == SS_OK ? SS_CAUSE_NONE : SS_CAUSE_FLASH;
    ss_pull_go(p, SS_JOB_HOME);
}

static void close_done(struct ss_pull *p, enum ss_answer answer)
{
    if (answer == SS_ANSWER_FAILED)
        ss_pull_failed(p);
    else
        settle(p, p->action);
}

const struct ss_job ss_job_close = {.ask = ask_close, .done = close_done};

// -- Cancellation -----------------------------------------------------------------------------------------------------

// The new app runs already.
static bool too_late(const struct ss_pull *p)
{
    const struct ss_agent_record *r = &p->agent->record;
    return p->canceled == r->action && r->phase == SS_AGENT_IDLE && r->slot == p->agent->identity->running;
}

static bool ask_canceled(struct ss_pull *p, struct ss_ask *ask)
{
    bool late = too_late(p);
    ss_pull_say(p, late ? "selected" : "canceled", NULL, NULL);
    return ask_feedback(p, ask, "/cancelAction/", late ? "rejected" : "closed", late ? "none" : "success");
}

static void canceled_done(struct ss_pull *p, enum ss_answer answer)
{
    if (answer == SS_ANSWER_FAILED)
        ss_pull_failed(p);
    else
        settle(p, p->canceled);
}

const struct ss_job ss_job_canceled = {.ask = ask_canceled, .done = canceled_done};
