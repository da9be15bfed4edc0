// SPDX-License-Identifier: Apache-2.0
// otadata records. The first byte is the number of slots and of the slot wanted next, the second the context: bit 0
// factory, 1 test, 2 rollback, 3 anti-rollback; bits 4 and 5 put a right CRC into copy 0 and 1. Then two records.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "slotseal/otadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check_choice(const struct ss_otadata *o, const struct ss_boot_context *context)
{
    struct ss_boot_choice c;
    struct ss_error err;
    unsigned seen = 0;
    if (ss_otadata_boot_choice(o, context, &c, &err) != SS_OK)
        return;
    must(c.order_count == context->slots + context->has_factory + context->has_test);
    for (size_t i = 0; i < c.order_count; i++) {
        must(c.order[i] >= SS_BOOT_TEST && c.order[i] < (int)context->slots);
        must(!(seen >> (c.order[i] + 2) & 1));
        seen |= 1u << (c.order[i] + 2);
    }
    for (int i = 0; i < 2; i++)
        must(c.written[i] == (memcmp(&c.after.copies[i], &o->copies[i], sizeof o->copies[i]) != 0));
}

static void check_next_write(const struct ss_otadata *o, unsigned slot, unsigned slots)
{
    struct ss_otadata after = *o;
    struct ss_otadata_update u;
    struct ss_boot_choice c;
    struct ss_error err;
    struct ss_boot_context context = {.slots = slots, .has_otadata = true, .otadata_size = SS_OTADATA_SIZE};
    if (ss_otadata_next_write(o, (int)slot, slots, false, &u, &err) != SS_OK || u.record.seq == 0)
        return;
    after.copies[u.copy] = u.record;
    must(ss_otadata_boot_choice(&after, &context, &c, &err) == SS_OK);
    must(c.reason == SS_BOOT_ACTIVE && c.start == (int)slot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_otadata o;
    if (len < 2 + 2 * SS_OTADATA_RECORD_SIZE)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        uint8_t again[SS_OTADATA_RECORD_SIZE];
        const uint8_t *record = data + 2 + i * SS_OTADATA_RECORD_SIZE;
        ss_otadata_record_read(record, &o.copies[i]);
        ss_otadata_record_write(&o.copies[i], again);
        must(memcmp(again, record, sizeof again) == 0);
        if (data[1] >> (4 + i) & 1)
            o.copies[i].crc = ss_otadata_crc(o.copies[i].seq);
        (void)ss_ota_state_name(o.copies[i].state);
    }
    struct ss_boot_context context = {
        .slots = data[0] % 17,
        .has_otadata = true,
        .otadata_size = SS_OTADATA_SIZE,
        .has_factory = data[1] & 1,
        .has_test = data[1] & 2,
        .rollback = data[1] & 4,
        .anti_rollback = data[1] & 8,
    };
    check_choice(&o, &context);
    check_next_write(&o, data[0] / 17, context.slots);
    return 0;
}
