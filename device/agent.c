// SPDX-License-Identifier: Apache-2.0
// Decisions: what a start finds, what is accepted, when to switch and when to go back.
#include "device/agent.h"

#include <string.h>

#include "device/agent_parts.h"

// What a device has to spare: write buffer, window digests and hash included.
_Static_assert(sizeof(void *) > 4 || sizeof(struct ss_agent) <= 6144, "the agent takes at most 6 KiB");

ss_status_t ss_agent_ended(struct ss_agent *a, ss_status_t status, enum ss_agent_cause cause)
{
    a->cause = cause;
    return status;
}

// What the port says is handed on; it is always the hardware's fault.
ss_status_t ss_agent_from_port(struct ss_agent *a, ss_status_t status)
{
    return status == SS_OK ? SS_OK : ss_agent_ended(a, status, SS_CAUSE_FLASH);
}

ss_status_t ss_agent_store(struct ss_agent *a)
{
    return ss_agent_from_port(a, a->port->store(a->context, &a->record));
}

// A failed attempt counts before anything else happens, so that resets cannot hide it.
ss_status_t ss_agent_failed(struct ss_agent *a, ss_status_t status, enum ss_agent_cause cause)
{
    if (a->record.failures < SS_AGENT_FAILURES_MAX)
        a->record.failures++;
    a->record.cause = (uint8_t)cause;
    ss_status_t stored = ss_agent_store(a);
    if (stored != SS_OK || a->record.failures == SS_AGENT_FAILURES_MAX)
        a->receiving = false;
    if (stored != SS_OK)
        return stored;
    return ss_agent_ended(a, status, a->record.failures == SS_AGENT_FAILURES_MAX ? SS_CAUSE_GIVEN_UP : cause);
}

static ss_status_t note_confirmed(struct ss_agent *a)
{
    a->record.phase = SS_AGENT_IDLE;
    a->record.cause = SS_CAUSE_NONE;
    a->record.trial_boots = 0;
    memcpy(a->record.running, a->record.release, sizeof a->record.running);
    return ss_agent_store(a);
}

// The app itself has said that it is unfit: this delivery is never tried again.
static ss_status_t note_rejected(struct ss_agent *a)
{
    a->record.phase = SS_AGENT_ROLLED_BACK;
    a->record.failures = SS_AGENT_FAILURES_MAX;
    a->record.cause = SS_CAUSE_REJECTED;
    return ss_agent_store(a);
}

// The new app was not confirmed. It may have crashed, or the power went at a bad moment: the delivery is tried again,
// but not for ever.
static ss_status_t note_failed_trial(struct ss_agent *a)
{
    a->record.phase = SS_AGENT_WRITING;
    return ss_agent_failed(a, SS_OK, SS_CAUSE_UNCONFIRMED);
}

ss_status_t ss_agent_take_back(struct ss_agent *a)
{
    a->leaving = true;
    ss_status_t status = ss_agent_from_port(a, a->port->reject(a->context));
    return status == SS_OK ? note_failed_trial(a) : status;
}

// The new app is not running: the bootloader took it back, or could not start it, or the power went before the switch.
// What otadata says may then be of the update before: only an app that has begun its trial can have rejected itself.
static ss_status_t find_old_app(struct ss_agent *a, enum ss_agent_found *found)
{
    uint32_t state;
    ss_status_t status = ss_agent_from_port(a, a->port->state(a->context, a->record.slot, &state));
    if (status != SS_OK)
        return status;
    if (state == SS_OTA_INVALID || state == SS_OTA_ABORTED)
        *found = SS_FOUND_ROLLED_BACK;
    return state == SS_OTA_INVALID && a->record.trial_boots > 0 ? note_rejected(a) : note_failed_trial(a);
}

// The new app runs. A bootloader with rollback has made it pending, and does not start it again unless it is confirmed;
// one that left it new cannot do that, whatever the app was built for.
static ss_status_t find_new_app(struct ss_agent *a, enum ss_agent_found *found)
{
    uint32_t state;
    ss_status_t status = ss_agent_from_port(a, a->port->state(a->context, a->record.slot, &state));
    if (status != SS_OK)
        return status;
    if (state == SS_OTA_VALID)
        return note_confirmed(a); // the power went before that was noted
    if (state == SS_OTA_NEW)
        a->record.lacks = SS_BOOTLOADER_ALL;
    if (state != SS_OTA_PENDING_VERIFY && a->record.trial_boots >= SS_AGENT_TRIAL_BOOTS_MAX) {
        *found = SS_FOUND_TAKE_BACK;
        return ss_agent_take_back(a);
    }
    if (a->record.trial_boots < UINT8_MAX)
        a->record.trial_boots++;
    *found = SS_FOUND_TRIAL;
    return ss_agent_store(a);
}

bool ss_agent_on_trial(const struct ss_agent *a)
{
    return a->record.phase == SS_AGENT_SWITCHING && a->record.slot == a->identity->running;
}

ss_status_t ss_agent_start(struct ss_agent *agent, const struct ss_agent_port *port, void *context,
                           const struct ss_agent_identity *identity, enum ss_agent_found *found)
{
    *agent = (struct ss_agent){.port = port, .context = context, .identity = identity};
    *found = SS_FOUND_NOTHING;
    ss_status_t status = ss_agent_from_port(agent, port->load(context, &agent->record));
    if (status != SS_OK)
        return status;
    uint32_t state;
    status = ss_agent_from_port(agent, port->state(context, identity->running, &state));
    if (status != SS_OK)
        return status;
    // A lost or rewound record cannot hide a trial that the bootloader knows of.
    if (state == SS_OTA_PENDING_VERIFY && !ss_agent_on_trial(agent)) {
        agent->record.phase = SS_AGENT_SWITCHING;
        agent->record.slot = identity->running;
        agent->record.trial_boots = 0;
    }
    if (agent->record.phase != SS_AGENT_SWITCHING)
        return SS_OK;
    return agent->record.slot == identity->running ? find_new_app(agent, found) : find_old_app(agent, found);
}

ss_status_t ss_agent_confirm(struct ss_agent *agent)
{
    agent->cause = SS_CAUSE_NONE;
    if (!ss_agent_on_trial(agent))
        return ss_agent_ended(agent, SS_ERROR_BAD_STATE, SS_CAUSE_ORDER);
    ss_status_t status = ss_agent_from_port(agent, agent->port->confirm(agent->context));
    return status == SS_OK ? note_confirmed(agent) : status;
}

ss_status_t ss_agent_reject(struct ss_agent *agent)
{
    agent->cause = SS_CAUSE_NONE;
    if (!ss_agent_on_trial(agent))
        return ss_agent_ended(agent, SS_ERROR_BAD_STATE, SS_CAUSE_ORDER);
    agent->leaving = true;
    // The switch first: should the power go in between, the new app is taken back all the same.
    ss_status_t status = ss_agent_from_port(agent, agent->port->reject(agent->context));
    return status == SS_OK ? note_rejected(agent) : status;
}

static struct ss_device_view view_of(const struct ss_agent *a)
{
    const struct ss_agent_identity *id = a->identity;
    unsigned slot = id->running ^ 1u;
    return (struct ss_device_view){.product = id->product,
                                   .device = id->device,
                                   .table_digest = id->table_digest,
                                   .accepted = a->record.epoch ? a->record.accepted : NULL,
                                   .sequence = a->record.sequence,
                                   .now = ss_agent_now(a),
                                   .epoch = a->record.epoch,
                                   .slot_address = id->slots[slot].address,
                                   .slot_size = id->slots[slot].size,
                                   .secure_version = id->secure_version,
                                   .bootloader = ss_agent_bootloader(a),
                                   .chip = id->chip,
                                   .scheme = id->scheme};
}

uint64_t ss_agent_now(const struct ss_agent *a)
{
    return a->port->now ? a->port->now(a->context) : 0;
}

// The window digests come last: the statements may lie where they go.
static void keep(struct ss_agent *a, const struct ss_update *u)
{
    const struct ss_delivery *d = &u->delivery;
    a->address = d->slot_address;
    a->slot_size = d->slot_size;
    a->length = d->length;
    a->window = d->window;
    a->image_len = u->release.image_len;
    a->vk_offset = u->release.vk_offset;
    memcpy(a->digest, u->release.digest, sizeof a->digest);
    memmove(a->room.in.digests, d->digests, (size_t)d->windows * SS_STATEMENT_DIGEST_SIZE);
}

// Keeps what is needed of the statements, and notes that the delivery was accepted before anything is erased for it.
static ss_status_t accept(struct ss_agent *a, const struct ss_update *u)
{
    const struct ss_delivery *d = &u->delivery;
    bool again = a->record.epoch && memcmp(a->record.accepted, u->delivery_reference, sizeof a->record.accepted) == 0;
    if (again && a->record.failures >= SS_AGENT_FAILURES_MAX)
        return ss_agent_ended(a, SS_ERROR_NOT_PERMITTED, SS_CAUSE_GIVEN_UP);
    keep(a, u);
    if (again && a->record.phase == SS_AGENT_WRITING)
        return SS_OK;
    a->record.epoch = d->epoch;
    a->record.sequence = d->sequence;
    memcpy(a->record.accepted, u->delivery_reference, sizeof a->record.accepted);
    memcpy(a->record.release, u->release_reference, sizeof a->record.release);
    a->record.withheld = 0;
    a->record.phase = SS_AGENT_WRITING;
    a->record.slot = a->identity->running ^ 1u;
    a->record.trial_boots = 0;
    if (!again) {
        a->record.failures = 0;
        a->record.cause = SS_CAUSE_NONE;
    }
    return ss_agent_store(a);
}

ss_status_t ss_agent_begin(struct ss_agent *agent, const uint8_t *release, size_t release_len, const uint8_t *delivery,
                           size_t delivery_len, uint32_t *wanted)
{
    struct ss_update update;
    *wanted = 0;
    ss_agent_abandon(agent);
    agent->cause = SS_CAUSE_NONE;
    // On trial, or another slot selected and not yet started: the one may be needed, the other is the way back.
    if (agent->record.phase == SS_AGENT_SWITCHING || agent->leaving)
        return ss_agent_ended(agent, SS_ERROR_BAD_STATE, SS_CAUSE_TRIAL);
    struct ss_device_view view = view_of(agent);
    ss_status_t status = ss_update_check(&agent->identity->ring, release, release_len, delivery, delivery_len, &view,
                                         &update, &agent->refused, &agent->refusal);
    if (status != SS_OK)
        return ss_agent_ended(agent, status, SS_CAUSE_STATEMENT);
    if (agent->port->willing && !agent->port->willing(agent->context))
        return ss_agent_ended(agent, SS_ERROR_NOT_PERMITTED, SS_CAUSE_UNWILLING);
    status = accept(agent, &update);
    if (status == SS_OK)
        status = ss_agent_resume(agent);
    *wanted = agent->position;
    agent->receiving = status == SS_OK;
    return status;
}

static ss_status_t check_key_set(struct ss_agent *a, const uint8_t *in, size_t len, uint32_t *version, uint32_t *epoch)
{
    struct ss_statement statement;
    struct ss_key_set next;
    ss_status_t status = ss_statement_parse(in, len, &statement, &a->refusal);
    if (status == SS_OK)
        status = ss_key_set_parse(&statement, &next, &a->refusal);
    if (status == SS_OK)
        status = ss_key_set_check_next(&statement, &next, a->identity->ring.current, &a->refusal);
    if (status == SS_OK) {
        *version = next.version;
        *epoch = ss_key_set_highest_epoch(&next);
    }
    return status;
}

// A new epoch forgets the time of the last freshness record: whoever had stolen the delivery key may have made one from
// the future.
static ss_status_t follow_epoch(struct ss_agent *a, uint32_t before, uint32_t epoch)
{
    if (epoch == before || (a->record.fresh == 0 && a->record.withheld == 0))
        return SS_OK;
    a->record.fresh = a->record.withheld = 0;
    return ss_agent_store(a);
}

ss_status_t ss_agent_key_set(struct ss_agent *agent, const uint8_t *key_set, size_t len)
{
    uint32_t version, epoch, before = ss_key_set_highest_epoch(agent->identity->ring.current);
    ss_agent_abandon(agent);
    agent->cause = SS_CAUSE_NONE;
    agent->refused = SS_STATEMENT_KEY_SET;
    ss_status_t status = check_key_set(agent, key_set, len, &version, &epoch);
    if (status != SS_OK)
        return ss_agent_ended(agent, status, SS_CAUSE_STATEMENT);
    status = agent->port->store_key_set(agent->context, key_set, len);
    if (status == SS_ERROR_NOT_PERMITTED) {
        agent->refusal = (struct ss_refusal){SS_REASON_OLD_ROOTS, 0};
        return ss_agent_ended(agent, status, SS_CAUSE_STATEMENT);
    }
    if (status != SS_OK)
        return ss_agent_from_port(agent, status);
    agent->key_set = version;
    return follow_epoch(agent, before, epoch);
}

bool ss_agent_receiving(const struct ss_agent *agent)
{
    return agent->receiving;
}

uint32_t ss_agent_wanted(const struct ss_agent *agent)
{
    return agent->position;
}

ss_status_t ss_agent_finish(struct ss_agent *agent)
{
    agent->cause = SS_CAUSE_NONE;
    if (!agent->receiving)
        return ss_agent_ended(agent, SS_ERROR_BAD_STATE, SS_CAUSE_ORDER);
    if (agent->position < agent->length)
        return ss_agent_ended(agent, SS_ERROR_BAD_STATE, SS_CAUSE_TOO_LITTLE);
    agent->receiving = false;
    unsigned slot = agent->record.slot;
    ss_status_t status = ss_agent_erase_rest(agent);
    if (status == SS_OK)
        status = ss_agent_check_image(agent);
    if (status != SS_OK)
        return status;
    status = agent->port->verify(agent->context, slot);
    if (status == SS_ERROR_IO)
        return ss_agent_ended(agent, status, SS_CAUSE_FLASH);
    if (status != SS_OK)
        return ss_agent_failed(agent, status, SS_CAUSE_IMAGE);
    agent->record.phase = SS_AGENT_SWITCHING;
    agent->record.trial_boots = 0;
    status = ss_agent_store(agent);
    return status == SS_OK ? ss_agent_from_port(agent, agent->port->select(agent->context, slot)) : status;
}
