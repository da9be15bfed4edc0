// SPDX-License-Identifier: Apache-2.0
#include "device/agent_record.h"

#include <stddef.h>
#include <string.h>

#define FORMAT    1u
#define AT_FORMAT 0
#define AT_PHASE  1
#define AT_SLOT   2

#define FIELD(at, member)                                                                                              \
    {                                                                                                                  \
        at, offsetof(struct ss_agent_record, member), sizeof((struct ss_agent_record *)0)->member                      \
    }

// Where each field is: in storage, and in memory. Integers are stored little endian; what is not named is 0.
static const struct field {
    uint8_t at, member, size;
} fields[] = {
    FIELD(AT_PHASE, phase), FIELD(AT_SLOT, slot), FIELD(3, failures), FIELD(4, trial_boots),
    FIELD(5, cause),        FIELD(6, unreported), FIELD(7, lacks),    FIELD(8, epoch),
    FIELD(12, stale_hours), FIELD(16, sequence),  FIELD(24, action),  FIELD(32, fresh),
    FIELD(40, withheld),    FIELD(48, accepted),  FIELD(80, release), FIELD(112, running),
};

// Position in memory of byte @p i in storage. Digests are bytes in either.
static size_t in_memory(const struct field *f, size_t i)
{
    bool swapped = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ && f->size <= sizeof(uint64_t);
    return f->member + (swapped ? f->size - 1 - i : i);
}

void ss_agent_record_write(const struct ss_agent_record *r, uint8_t out[SS_AGENT_RECORD_SIZE])
{
    memset(out, 0, SS_AGENT_RECORD_SIZE);
    out[AT_FORMAT] = FORMAT;
    for (const struct field *f = fields; f < fields + sizeof fields / sizeof *fields; f++)
        for (size_t i = 0; i < f->size; i++)
            out[f->at + i] = ((const uint8_t *)r)[in_memory(f, i)];
}

void ss_agent_record_read(const uint8_t *in, size_t len, struct ss_agent_record *r)
{
    *r = (struct ss_agent_record){0};
    if (len != SS_AGENT_RECORD_SIZE || in[AT_FORMAT] != FORMAT || in[AT_PHASE] > SS_AGENT_ROLLED_BACK ||
        in[AT_SLOT] > 1)
        return;
    for (const struct field *f = fields; f < fields + sizeof fields / sizeof *fields; f++)
        for (size_t i = 0; i < f->size; i++)
            ((uint8_t *)r)[in_memory(f, i)] = in[f->at + i];
}
