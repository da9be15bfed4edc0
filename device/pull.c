// SPDX-License-Identifier: Apache-2.0
// What comes next, and when.
#include "device/pull.h"

#include "device/pull_parts.h"

/// Delay after the first failure, seconds; it doubles with each, up to the longest.
#define DELAY_FIRST 10u
#define DELAY_MAX   3600u
/// How often a new app is asked about itself, and how long a caller may sleep at most: ss_agent_tick() wants to be called.
#define TRIAL_PACE 2u
#define PACE_MAX   60u

void ss_pull_go(struct ss_pull *p, enum ss_pull_job_id job)
{
    p->job = (uint8_t)job;
    p->due = ss_pull_uptime(p);
}

// Uniform between @p least and @p least + @p spread.
static uint32_t later(struct ss_pull *p, uint32_t least, uint32_t spread)
{
    return ss_pull_uptime(p) + least + p->port->random(p->context) % (spread + 1);
}

void ss_pull_rest(struct ss_pull *p)
{
    p->job = SS_JOB_HOME;
    p->done = 0;
    p->acknowledged = 0;
    p->due = later(p, p->sleep - p->sleep / 8, p->sleep / 4);
}

// Jobs whose address is a link of one server do not go on at another.
static bool starts_over(const struct ss_pull *p)
{
    unsigned job = p->job;
    return (job == SS_JOB_SELECTED && p->offer.hold) || job == SS_JOB_CONFIG || job == SS_JOB_POLL ||
           job == SS_JOB_CANCEL || job == SS_JOB_OFFER || job == SS_JOB_ACCEPTED || job == SS_JOB_DOWNLOAD;
}

void ss_pull_failed(struct ss_pull *p)
{
    uint32_t delay = DELAY_FIRST << (p->failures < 9 ? p->failures : 9);
    if (delay > DELAY_MAX)
        delay = DELAY_MAX;
    p->due = p->retry_after ? later(p, p->retry_after, p->retry_after / 8 + 1) : later(p, delay / 2, delay / 2);
    if (p->failures < UINT8_MAX)
        p->failures++;
    if (p->failures % SS_PULL_FAILURES_MAX != 0)
        return;
    p->server++;
    p->done = 0;
    if (starts_over(p))
        p->job = SS_JOB_HOME;
}

void ss_pull_withdrawn(struct ss_pull *p)
{
    ss_agent_abandon(p->agent);
    if (p->done & SS_DONE_GONE) {
        ss_pull_rest(p);
        return;
    }
    p->done |= SS_DONE_GONE;
    ss_pull_go(p, SS_JOB_HOME); // perhaps there is another one already
}

void ss_pull_end(struct ss_pull *p, bool success, const char *a, const char *b)
{
    ss_agent_abandon(p->agent);
    p->succeeded = success;
    ss_pull_say(p, a, b, NULL);
    ss_pull_go(p, SS_JOB_CLOSE);
}

static const char *past_cause(const struct ss_pull *p)
{
    return ss_agent_cause_name((enum ss_agent_cause)p->agent->record.cause);
}

void ss_pull_end_by_cause(struct ss_pull *p)
{
    const struct ss_agent *a = p->agent;
    const char *cause = ss_agent_cause_name(a->cause);
    ss_pull_end(p, false, cause, a->cause == SS_CAUSE_GIVEN_UP ? past_cause(p) : NULL);
    if (a->cause == SS_CAUSE_STATEMENT)
        ss_pull_say(p, cause, ss_reason_name(a->refusal.reason), ss_statement_kind_name(a->refused));
}

// Whether the action that the record speaks of has ended, by what the record says; then, that the server has to know.
static bool has_ended(struct ss_pull *p)
{
    const struct ss_agent_record *r = &p->agent->record;
    p->action = r->action;
    p->succeeded = r->phase == SS_AGENT_IDLE && r->slot == p->agent->identity->running;
    if (p->succeeded)
        ss_pull_say(p, "confirmed", NULL, NULL);
    else if (r->phase == SS_AGENT_ROLLED_BACK)
        ss_pull_say(p, past_cause(p), NULL, NULL);
    else if (r->failures >= SS_AGENT_FAILURES_MAX)
        ss_pull_say(p, ss_agent_cause_name(SS_CAUSE_GIVEN_UP), past_cause(p), NULL);
    else
        return false;
    return true;
}

static enum ss_pull_job_id next_job(struct ss_pull *p)
{
    if (p->job != SS_JOB_HOME)
        return (enum ss_pull_job_id)p->job;
    if (p->told != ss_pull_condition(p))
        return SS_JOB_CONFIG;
    return p->agent->record.unreported == SS_PULL_OPEN && has_ended(p) ? SS_JOB_CLOSE : SS_JOB_POLL;
}

void ss_pull_start(struct ss_pull *pull, struct ss_agent *agent, const struct ss_pull_port *port, void *context,
                   const struct ss_pull_config *config)
{
    *pull = (struct ss_pull){.agent = agent, .port = port, .context = context, .config = config};
    pull->sleep = SS_PULL_SLEEP_DEFAULT;
    // Who has something to tell does not wait, and is alone with that.
    bool pending = agent->record.unreported || ss_agent_state(agent) == SS_STATE_TRIAL;
    pull->due = later(pull, 0, pending ? 0 : config->spread_seconds);
}

bool ss_pull_reached(const struct ss_pull *pull)
{
    return pull->reached;
}

bool ss_pull_holds(const struct ss_pull *pull)
{
    return pull->held != 0;
}

void ss_pull_now(struct ss_pull *pull)
{
    pull->due = 0;
}

static bool on_trial(const struct ss_pull *p)
{
    return ss_agent_state(p->agent) == SS_STATE_TRIAL;
}

// The other slot is selected, or will be by the next boot; or a key set waits for a start, which must not end a trial.
static bool is_leaving(const struct ss_pull *p)
{
    const struct ss_agent *a = p->agent;
    bool selected = a->record.phase == SS_AGENT_SWITCHING && a->record.slot != a->identity->running;
    bool renews = a->key_set > a->identity->ring.current->version && !on_trial(p);
    return p->leaving || a->leaving || renews || (selected && p->job != SS_JOB_SELECTED);
}

// A confirmation that cannot be stored is tried again at the next step, until the trial's time is over.
static void judge(struct ss_pull *p)
{
    enum ss_self_test found = p->port->self_test ? p->port->self_test(p->context) : SS_SELF_TEST_PENDING;
    if (found == SS_SELF_TEST_PASSED && ss_agent_confirm(p->agent) == SS_OK && p->told)
        ss_pull_go(p, SS_JOB_HOME);
    if (found == SS_SELF_TEST_FAILED && ss_agent_reject(p->agent) == SS_OK)
        p->leaving = true;
}

// True: a reset is due.
static bool tick(struct ss_pull *p)
{
    enum ss_agent_found found;
    if (ss_agent_tick(p->agent, ss_pull_uptime(p), &found) == SS_OK && found == SS_FOUND_TAKE_BACK)
        p->leaving = true;
    if (!is_leaving(p) && on_trial(p))
        judge(p);
    return is_leaving(p);
}

enum ss_pull_next ss_pull_step(struct ss_pull *pull, uint32_t *seconds)
{
    *seconds = 0;
    if (tick(pull))
        return SS_PULL_RESET;
    // Until a new app is confirmed it only shows that it can reach the server.
    bool waits = on_trial(pull) && pull->told;
    if (!waits && ss_pull_uptime(pull) >= pull->due)
        ss_pull_run(pull, next_job(pull));
    if (is_leaving(pull))
        return SS_PULL_RESET;
    uint32_t now = ss_pull_uptime(pull), most = on_trial(pull) ? TRIAL_PACE : PACE_MAX;
    uint32_t rest = waits ? most : pull->due > now ? pull->due - now : 0;
    *seconds = rest < most ? rest : most;
    return SS_PULL_WAIT;
}
