// SPDX-License-Identifier: Apache-2.0
// What a simulated device does between two resets, and what it is at.
#include <string.h>

#include "sim/device_parts.h"

// Runs @p work of the device; false if the power went in it, and everything in RAM with it.
static bool powered(struct ss_sim_device *d, void (*work)(struct ss_sim_device *d))
{
    jmp_buf off;
    struct ss_power *power = &d->chip->power;
    if (setjmp(off) == 0) {
        power->off = &off;
        work(d);
        power->off = NULL;
        return true;
    }
    power->off = NULL;
    ss_sim_lose_ram(d);
    ss_chip_reset(d->chip);
    ss_sim_tell(d, &(struct ss_sim_event){.kind = SS_SIM_POWER_LOST});
    return false;
}

static void tell_cause(struct ss_sim_device *d)
{
    const struct ss_agent *a = &d->ram.agent;
    if (a->cause == SS_CAUSE_NONE)
        return;
    bool statement = a->cause == SS_CAUSE_STATEMENT;
    ss_sim_tell(d, &(struct ss_sim_event){.kind = SS_SIM_REFUSED,
                                          .text = ss_agent_cause_name(a->cause),
                                          .detail = statement ? ss_reason_name(a->refusal.reason) : ""});
}

static void pull(struct ss_sim_device *d)
{
    d->ram.agent.cause = SS_CAUSE_NONE;
    d->next = ss_pull_step(&d->ram.pull, &d->seconds);
    tell_cause(d);
}

static bool has_selected(const struct ss_sim_device *d)
{
    const struct ss_agent_record *r = &d->ram.agent.record;
    return r->phase == SS_AGENT_SWITCHING && r->slot != d->identity.agent.running;
}

static ss_status_t leave(struct ss_sim_device *d, struct ss_error *err)
{
    bool update = has_selected(d);
    d->updates += update;
    (void)ss_sim_restart(d, update ? "update" : "the app asks for it");
    return ss_sim_boot(d, err);
}

ss_status_t ss_sim_step(struct ss_sim_device *device, uint32_t *seconds, struct ss_error *err)
{
    *seconds = 0;
    if (!device->runs)
        return ss_sim_boot(device, err);
    if (!powered(device, pull))
        return SS_OK;
    if (device->next == SS_PULL_RESET)
        return leave(device, err);
    *seconds = device->seconds;
    if (*seconds)
        ss_curl_rest(device->curl);
    return SS_OK;
}

bool ss_sim_idle(const struct ss_sim_device *device)
{
    const struct ss_agent *a = &device->ram.agent;
    bool told = !a->record.unreported || ss_pull_holds(&device->ram.pull);
    return device->runs && device->answered && !ss_agent_receiving(a) && told && a->record.phase != SS_AGENT_SWITCHING;
}

static void push(struct ss_sim_device *d)
{
    const struct ss_sim_parcel *p = d->parcel;
    struct ss_agent *a = &d->ram.agent;
    uint32_t from;
    d->status = ss_agent_begin(a, p->release, p->release_len, p->delivery, p->delivery_len, &from);
    while (d->status == SS_OK && from < p->sealed_len) {
        size_t n = p->sealed_len - from < d->chunk ? p->sealed_len - from : d->chunk;
        d->status = ss_agent_write(a, p->sealed + from, n);
        from += (uint32_t)n;
    }
    if (d->status == SS_OK)
        d->status = ss_agent_finish(a);
    tell_cause(d);
}

ss_status_t ss_sim_push(struct ss_sim_device *device, const struct ss_sim_parcel *parcel, uint32_t chunk,
                        enum ss_agent_cause *cause, struct ss_error *err)
{
    ss_status_t status = device->runs ? SS_OK : ss_sim_boot(device, err);
    *cause = SS_CAUSE_NONE;
    if (status != SS_OK || !device->runs)
        return status;
    device->parcel = parcel;
    device->chunk = chunk;
    if (!powered(device, push))
        return SS_OK;
    *cause = device->ram.agent.cause;
    if (device->status != SS_OK)
        return ss_error_set(err, device->status, SS_AREA_CHIP, "the agent does not take it: %s",
                            ss_agent_cause_name(*cause));
    return leave(device, err);
}

// -- What it is at ----------------------------------------------------------------------------------------------------

struct ss_sim_state ss_sim_state(const struct ss_sim_device *device)
{
    struct ss_sim_state s = {.runs = device->runs,
                             .net = device->net,
                             .flash_us = device->chip->power.time_us - device->opened_us,
                             .updates = device->updates,
                             .resets = device->resets};
    if (device->curl) {
        struct ss_curl_count n = ss_curl_count(device->curl);
        s.net.requests += n.requests;
        s.net.bodies += n.bodies;
        s.net.received += n.received;
        s.net.sent += n.sent;
    }
    if (!device->runs)
        return s;
    s.slot = device->identity.agent.running;
    memcpy(s.version, device->identity.app.version, sizeof s.version);
    s.state = ss_agent_state(&device->ram.agent);
    s.record = device->ram.agent.record;
    s.key_set = device->identity.agent.ring.current->version;
    s.alarm = ss_agent_alarm(&device->ram.agent);
    return s;
}

struct ss_vchip *ss_sim_chip(struct ss_sim_device *device)
{
    return device->chip;
}

const struct ss_sim_identity *ss_sim_who(const struct ss_sim_device *device)
{
    return &device->identity;
}
