// SPDX-License-Identifier: Apache-2.0
#include "slotseal/otadata.h"

#include <string.h>

#include "core/bytes.h"

uint32_t ss_otadata_crc(uint32_t seq)
{
    uint8_t bytes[4];
    ss_put_le32(bytes, seq);
    return ss_crc32(0xFFFFFFFF, bytes, sizeof bytes);
}

void ss_otadata_record_read(const uint8_t in[SS_OTADATA_RECORD_SIZE], struct ss_otadata_record *out)
{
    out->seq = ss_get_le32(in);
    memcpy(out->label, in + 4, SS_OTADATA_LABEL_SIZE);
    out->state = ss_get_le32(in + 24);
    out->crc = ss_get_le32(in + 28);
}

void ss_otadata_record_write(const struct ss_otadata_record *record, uint8_t out[SS_OTADATA_RECORD_SIZE])
{
    ss_put_le32(out, record->seq);
    memcpy(out + 4, record->label, SS_OTADATA_LABEL_SIZE);
    ss_put_le32(out + 24, record->state);
    ss_put_le32(out + 28, record->crc);
}

ss_status_t ss_otadata_from_partition(const uint8_t *in, size_t len, struct ss_otadata *out, struct ss_error *err)
{
    memset(out, 0xFF, sizeof *out);
    if (len < SS_OTADATA_SIZE)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_OTADATA,
                            "otadata partition is %zu bytes, the bootloader needs %u", len, SS_OTADATA_SIZE);
    for (int i = 0; i < 2; i++)
        ss_otadata_record_read(in + i * SS_OTADATA_SECTOR_SIZE, &out->copies[i]);
    return SS_OK;
}

bool ss_otadata_record_is_invalid(const struct ss_otadata_record *r)
{
    return r->seq == SS_OTADATA_ERASED_SEQ || r->state == SS_OTA_INVALID || r->state == SS_OTA_ABORTED;
}

bool ss_otadata_record_is_valid(const struct ss_otadata_record *r)
{
    return !ss_otadata_record_is_invalid(r) && r->crc == ss_otadata_crc(r->seq);
}

int ss_otadata_active(const struct ss_otadata *otadata)
{
    const struct ss_otadata_record *c = otadata->copies;
    bool valid[2] = {ss_otadata_record_is_valid(&c[0]), ss_otadata_record_is_valid(&c[1])};
    if (valid[0] && valid[1])
        return c[1].seq > c[0].seq;
    return valid[0] ? 0 : valid[1] ? 1 : -1;
}

static const char *const state_names[] = {"new", "pending-verify", "valid", "invalid", "aborted"};
#define STATES (sizeof state_names / sizeof *state_names)

const char *ss_ota_state_name(uint32_t state)
{
    if (state == SS_OTA_UNDEFINED)
        return "undefined";
    return state < STATES ? state_names[state] : "unknown";
}

bool ss_ota_state_from_name(const char *name, uint32_t *state)
{
    for (uint32_t i = 0; i < STATES; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *state = i;
            return true;
        }
    }
    *state = SS_OTA_UNDEFINED;
    return strcmp(name, "undefined") == 0;
}

static void fill_record(struct ss_otadata_record *r, uint32_t seq, uint32_t state)
{
    r->seq = seq;
    r->state = state;
    r->crc = ss_otadata_crc(seq);
}

ss_status_t ss_otadata_next_write(const struct ss_otadata *otadata, int slot, unsigned slots, bool rollback,
                                  struct ss_otadata_update *out, struct ss_error *err)
{
    *out = (struct ss_otadata_update){.erase_all = slot == SS_BOOT_FACTORY, .copy = -1};
    if (out->erase_all)
        return SS_OK;
    if (slot < 0 || (unsigned)slot >= slots)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_OTADATA, "slot %d, the table has %u", slot, slots);
    int active = ss_otadata_active(otadata);
    uint64_t seq = (uint64_t)slot + 1;
    if (active >= 0) {
        uint64_t current = otadata->copies[active].seq;
        uint64_t first = seq % slots;
        seq = current <= first ? first : first + (current - first + slots - 1) / slots * slots;
    }
    if (seq >= SS_OTADATA_ERASED_SEQ)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_OTADATA,
                            "sequence %llu does not fit below 0xffffffff, otadata has to be erased first",
                            (unsigned long long)seq);
    out->copy = active == 0 ? 1 : 0;
    out->record = otadata->copies[out->copy];
    fill_record(&out->record, (uint32_t)seq, rollback ? SS_OTA_NEW : SS_OTA_UNDEFINED);
    return SS_OK;
}

bool ss_otadata_record_names(const struct ss_otadata_record *record, unsigned slot, unsigned slots)
{
    return record->seq != SS_OTADATA_ERASED_SEQ && record->crc == ss_otadata_crc(record->seq) &&
           (record->seq - 1) % slots == slot;
}

uint32_t ss_otadata_slot_state(const struct ss_otadata *otadata, unsigned slot, unsigned slots)
{
    uint32_t state = SS_OTA_UNDEFINED, newest = 0;
    for (unsigned i = 0; i < 2; i++) {
        const struct ss_otadata_record *copy = &otadata->copies[i];
        if (ss_otadata_record_names(copy, slot, slots) && copy->seq > newest) {
            newest = copy->seq;
            state = copy->state;
        }
    }
    return state;
}

struct ss_otadata_record ss_otadata_confirmed(unsigned slot, unsigned slots, uint32_t from)
{
    struct ss_otadata_record record;
    uint32_t seq = slot + 1;
    if (seq < from)
        seq += (from - seq + slots - 1) / slots * slots;
    memset(&record, 0xFF, sizeof record);
    fill_record(&record, seq, SS_OTA_VALID);
    return record;
}

bool ss_otadata_settle(const struct ss_otadata *otadata, unsigned running, unsigned slots,
                       struct ss_otadata_update *out)
{
    int active = ss_otadata_active(otadata);
    uint32_t seq = active < 0 ? 0 : otadata->copies[active].seq;
    if (active >= 0 && ss_otadata_record_names(&otadata->copies[active], running, slots))
        return false;
    *out = (struct ss_otadata_update){.copy = active == 0 ? 1 : 0, .record = ss_otadata_confirmed(running, slots, seq)};
    return true;
}

void ss_boot_repair_record(unsigned slot, struct ss_otadata_record *out)
{
    memset(out, 0xFF, sizeof *out);
    fill_record(out, slot + 1, SS_OTA_VALID);
}

ss_status_t ss_otadata_build(int slot, unsigned slots, uint32_t state, uint8_t out[SS_OTADATA_SIZE],
                             struct ss_error *err)
{
    memset(out, 0xFF, SS_OTADATA_SIZE);
    if (slot == SS_BOOT_FACTORY)
        return SS_OK;
    if (slot < 0 || (unsigned)slot >= slots)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_OTADATA, "slot %d, the table has %u", slot, slots);
    if (state == SS_OTA_INVALID || state == SS_OTA_ABORTED)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_OTADATA,
                            "state %s keeps slot %d from being started", ss_ota_state_name(state), slot);
    struct ss_otadata_record record;
    memset(&record, 0xFF, sizeof record);
    fill_record(&record, (uint32_t)slot + 1, state);
    ss_otadata_record_write(&record, out);
    return SS_OK;
}
