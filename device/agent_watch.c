// SPDX-License-Identifier: Apache-2.0
// What takes time: trials that do not end, and servers that have gone quiet.
#include <string.h>

#include "device/agent_parts.h"
#include "slotseal/freshness.h"

/// By how much a clock may be behind the server's, seconds.
#define TOLERANCE 86400u
#define HOUR      3600u

enum ss_agent_state ss_agent_state(const struct ss_agent *agent)
{
    const struct ss_agent_record *r = &agent->record;
    if (ss_agent_on_trial(agent))
        return SS_STATE_TRIAL;
    bool tried = r->phase == SS_AGENT_WRITING && r->cause == SS_CAUSE_UNCONFIRMED;
    return tried || r->phase == SS_AGENT_ROLLED_BACK ? SS_STATE_ROLLED_BACK : SS_STATE_CONFIRMED;
}

uint32_t ss_agent_bootloader(const struct ss_agent *agent)
{
    return agent->identity->bootloader & ~(uint32_t)agent->record.lacks;
}

ss_status_t ss_agent_note_action(struct ss_agent *agent, uint64_t action, uint8_t unreported)
{
    agent->cause = SS_CAUSE_NONE;
    agent->record.action = action;
    agent->record.unreported = unreported;
    return ss_agent_store(agent);
}

// A bootloader with rollback takes the app back at the next reset; where it does not, the agent does it now.
static ss_status_t end_trial(struct ss_agent *a)
{
    uint32_t state;
    ss_status_t status = ss_agent_from_port(a, a->port->state(a->context, a->record.slot, &state));
    return status == SS_OK && state != SS_OTA_PENDING_VERIFY ? ss_agent_take_back(a) : status;
}

// Time of the newest record; 0: none. One that came while the time was not known, and turns out to be from the future,
// says nothing.
static uint64_t newest(const struct ss_agent *a)
{
    uint64_t now = ss_agent_now(a);
    return now != 0 && a->record.fresh > now + TOLERANCE ? 0 : a->record.fresh;
}

// Without a clock, or before the first record, hours of running are what there is. They are stored one by one, so that
// resets cannot hide them.
static ss_status_t count_hours(struct ss_agent *a)
{
    if (a->identity->alarm_seconds == 0 || (ss_agent_now(a) != 0 && newest(a) != 0)) {
        a->hour = a->uptime;
        return SS_OK;
    }
    uint32_t hours = (a->uptime - a->hour) / HOUR;
    if (hours == 0 || a->record.stale_hours == UINT16_MAX)
        return SS_OK;
    a->hour += hours * HOUR;
    uint32_t room = UINT16_MAX - a->record.stale_hours;
    a->record.stale_hours = (uint16_t)(a->record.stale_hours + (hours < room ? hours : room));
    return ss_agent_store(a);
}

ss_status_t ss_agent_tick(struct ss_agent *agent, uint32_t uptime, enum ss_agent_found *found)
{
    agent->uptime = uptime;
    *found = SS_FOUND_NOTHING;
    if (ss_agent_on_trial(agent) && agent->identity->trial_seconds && uptime >= agent->identity->trial_seconds) {
        *found = SS_FOUND_TAKE_BACK;
        return end_trial(agent);
    }
    return count_hours(agent);
}

static ss_status_t check_record(struct ss_agent *a, const uint8_t *in, size_t len, struct ss_freshness *fresh)
{
    struct ss_statement statement;
    uint64_t now = ss_agent_now(a);
    ss_status_t status = ss_statement_parse(in, len, &statement, &a->refusal);
    if (status == SS_OK)
        status = ss_freshness_parse(&statement, fresh, &a->refusal);
    if (status == SS_OK)
        status = ss_key_ring_verify(&a->identity->ring, &statement, now, NULL, &a->refusal);
    return status == SS_OK ? ss_freshness_check(fresh, a->identity->product, a->identity->device, newest(a), now,
                                                TOLERANCE, &a->refusal)
                           : status;
}

// It names a release or a key set that has not been offered. The release that runs is not, if a later one has failed.
static bool lacks(const struct ss_agent *a, const struct ss_freshness *fresh)
{
    uint32_t newest = a->identity->ring.current->version;
    if (a->key_set > newest)
        newest = a->key_set;
    return fresh->key_set > newest ||
           (fresh->release && memcmp(fresh->release, a->record.release, sizeof a->record.release) != 0 &&
            memcmp(fresh->release, a->record.running, sizeof a->record.running) != 0);
}

ss_status_t ss_agent_freshness(struct ss_agent *agent, const uint8_t *record, size_t len)
{
    struct ss_freshness fresh;
    agent->cause = SS_CAUSE_NONE;
    if (agent->receiving)
        return ss_agent_ended(agent, SS_ERROR_BAD_STATE, SS_CAUSE_ORDER);
    agent->refused = SS_STATEMENT_FRESHNESS;
    ss_status_t status = check_record(agent, record, len, &fresh);
    if (status != SS_OK)
        return ss_agent_ended(agent, status, SS_CAUSE_STATEMENT);
    struct ss_agent_record before = agent->record;
    if (!lacks(agent, &fresh))
        agent->record.withheld = 0;
    else if (agent->record.withheld == 0 || agent->record.withheld > fresh.time)
        agent->record.withheld = fresh.time;
    agent->record.fresh = fresh.time;
    agent->record.stale_hours = 0;
    agent->hour = agent->uptime;
    bool same =
        before.fresh == agent->record.fresh && before.withheld == agent->record.withheld && before.stale_hours == 0;
    return same ? SS_OK : ss_agent_store(agent);
}

enum ss_agent_alarm ss_agent_alarm(const struct ss_agent *agent)
{
    const struct ss_agent_record *r = &agent->record;
    uint32_t limit = agent->identity->alarm_seconds;
    uint64_t now = ss_agent_now(agent);
    if (limit == 0)
        return SS_ALARM_NONE;
    bool dated = now != 0 && newest(agent) != 0;
    if (dated ? now > r->fresh && now - r->fresh > limit : r->stale_hours > limit / HOUR)
        return SS_ALARM_STALE;
    return r->withheld && r->fresh - r->withheld > limit ? SS_ALARM_WITHHELD : SS_ALARM_NONE;
}
