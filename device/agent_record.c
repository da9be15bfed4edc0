// SPDX-License-Identifier: Apache-2.0
#include "device/agent_record.h"

#include <string.h>

#include "core/bytes.h"

#define FORMAT 1u

// Integers are little endian; what is not named is 0.
enum {
    AT_FORMAT = 0, // u8
    AT_PHASE = 1,  // from here on one byte each
    AT_SLOT,
    AT_FAILURES,
    AT_TRIAL_BOOTS,
    AT_CAUSE,
    AT_UNREPORTED,
    AT_LACKS,
    AT_EPOCH = 8,        // u32
    AT_STALE_HOURS = 12, // u16
    AT_SEQUENCE = 16,    // u64 each
    AT_ACTION = 24,
    AT_FRESH = 32,
    AT_WITHHELD = 40,
    AT_ACCEPTED = 48,
    AT_RELEASE = 80,
    AT_RUNNING = 112,
};

void ss_agent_record_write(const struct ss_agent_record *r, uint8_t out[SS_AGENT_RECORD_SIZE])
{
    memset(out, 0, SS_AGENT_RECORD_SIZE);
    out[AT_FORMAT] = FORMAT;
    out[AT_PHASE] = r->phase;
    out[AT_SLOT] = r->slot;
    out[AT_FAILURES] = r->failures;
    out[AT_TRIAL_BOOTS] = r->trial_boots;
    out[AT_CAUSE] = r->cause;
    out[AT_UNREPORTED] = r->unreported;
    out[AT_LACKS] = r->lacks;
    ss_put_le32(out + AT_EPOCH, r->epoch);
    ss_put_le16(out + AT_STALE_HOURS, r->stale_hours);
    ss_put_le64(out + AT_SEQUENCE, r->sequence);
    ss_put_le64(out + AT_ACTION, r->action);
    ss_put_le64(out + AT_FRESH, r->fresh);
    ss_put_le64(out + AT_WITHHELD, r->withheld);
    memcpy(out + AT_ACCEPTED, r->accepted, sizeof r->accepted);
    memcpy(out + AT_RELEASE, r->release, sizeof r->release);
    memcpy(out + AT_RUNNING, r->running, sizeof r->running);
}

void ss_agent_record_read(const uint8_t *in, size_t len, struct ss_agent_record *r)
{
    *r = (struct ss_agent_record){0};
    if (len != SS_AGENT_RECORD_SIZE || in[AT_FORMAT] != FORMAT || in[AT_PHASE] > SS_AGENT_ROLLED_BACK ||
        in[AT_SLOT] > 1)
        return;
    r->phase = in[AT_PHASE];
    r->slot = in[AT_SLOT];
    r->failures = in[AT_FAILURES];
    r->trial_boots = in[AT_TRIAL_BOOTS];
    r->cause = in[AT_CAUSE];
    r->unreported = in[AT_UNREPORTED];
    r->lacks = in[AT_LACKS];
    r->epoch = ss_get_le32(in + AT_EPOCH);
    r->stale_hours = ss_get_le16(in + AT_STALE_HOURS);
    r->sequence = ss_get_le64(in + AT_SEQUENCE);
    r->action = ss_get_le64(in + AT_ACTION);
    r->fresh = ss_get_le64(in + AT_FRESH);
    r->withheld = ss_get_le64(in + AT_WITHHELD);
    memcpy(r->accepted, in + AT_ACCEPTED, sizeof r->accepted);
    memcpy(r->release, in + AT_RELEASE, sizeof r->release);
    memcpy(r->running, in + AT_RUNNING, sizeof r->running);
}
