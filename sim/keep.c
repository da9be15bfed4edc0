// SPDX-License-Identifier: Apache-2.0
#include "sim/keep.h"

#include <string.h>

/// Names in the storage, by their numbers in the journal.
static const char *const names[] = {[SS_JOURNAL_RECORD] = "record",
                                    [SS_JOURNAL_KEY_SET_A] = "key_set",
                                    [SS_JOURNAL_KEY_SET_B] = "key_set_old",
                                    [SS_JOURNAL_CA] = "ca0",
                                    "ca1",
                                    "ca2",
                                    "ca3"};

// -- The journal's flash: as programs of the device reach it ----------------------------------------------------------

static ss_status_t read_raw(void *context, uint32_t address, void *out, size_t len)
{
    const struct ss_sim_keep *k = context;
    ss_flash_read(&k->chip->flash, address, out, len);
    return SS_OK;
}

static ss_status_t read_partition(void *context, uint32_t address, void *out, size_t len)
{
    const struct ss_sim_keep *k = context;
    return k->encrypted ? ss_chip_cache_read(k->chip, address, out, len, NULL) : read_raw(context, address, out, len);
}

static ss_status_t write_partition(void *context, uint32_t address, const void *in, size_t len)
{
    const struct ss_sim_keep *k = context;
    if (k->encrypted)
        return ss_chip_encrypted_write(k->chip, address, in, len, NULL);
    ss_flash_program(&k->chip->flash, address, in, len);
    return SS_OK;
}

static ss_status_t erase(void *context, uint32_t address)
{
    const struct ss_sim_keep *k = context;
    ss_flash_erase(&k->chip->flash, address, SS_JOURNAL_SECTOR);
    return SS_OK;
}

static const struct ss_journal_flash journal_flash = {
    .read = read_partition, .read_raw = read_raw, .write = write_partition, .erase = erase};

ss_status_t ss_sim_keep_mount(struct ss_sim_keep *keep, struct ss_vchip *chip, const struct ss_partition_table *table,
                              struct ss_sim_storage *storage)
{
    *keep = (struct ss_sim_keep){.chip = chip, .storage = storage};
    const struct ss_partition *row = ss_table_find(table, SS_SIM_JOURNAL_LABEL);
    if (!row || row->type != SS_PARTITION_DATA)
        return SS_OK;
    keep->in_flash = true;
    keep->encrypted = ss_partition_is_encrypted(row) && ss_chip_encrypts(chip);
    return ss_journal_mount(&keep->journal, &journal_flash, keep, row->offset, row->size);
}

// -- Values -----------------------------------------------------------------------------------------------------------

static ss_status_t get(const struct ss_sim_keep *k, unsigned id, void *out, size_t size, size_t *len)
{
    *len = 0;
    if (k->in_flash) {
        ss_status_t status = ss_journal_get(&k->journal, id, out, size, len);
        return status == SS_ERROR_DOES_NOT_EXIST ? SS_OK : status;
    }
    const struct ss_sim_value *v = ss_sim_storage_get(k->storage, names[id]);
    if (!v)
        return SS_OK;
    if (v->len > size)
        return SS_ERROR_BUFFER_TOO_SMALL;
    memcpy(out, v->bytes, v->len);
    *len = v->len;
    return SS_OK;
}

static ss_status_t put(struct ss_sim_keep *k, unsigned id, const void *in, size_t len)
{
    return k->in_flash ? ss_journal_put(&k->journal, id, in, len) : ss_sim_storage_set(k->storage, names[id], in, len);
}

ss_status_t ss_sim_keep_load(const struct ss_sim_keep *keep, struct ss_agent_record *record)
{
    uint8_t bytes[SS_AGENT_RECORD_SIZE];
    size_t len;
    *record = (struct ss_agent_record){0};
    ss_status_t status = get(keep, SS_JOURNAL_RECORD, bytes, sizeof bytes, &len);
    if (status == SS_OK && len)
        ss_agent_record_read(bytes, len, record);
    return status;
}

ss_status_t ss_sim_keep_store(struct ss_sim_keep *keep, const struct ss_agent_record *record)
{
    uint8_t bytes[SS_AGENT_RECORD_SIZE];
    ss_agent_record_write(record, bytes);
    return put(keep, SS_JOURNAL_RECORD, bytes, sizeof bytes);
}

ss_status_t ss_sim_keep_key_set(const struct ss_sim_keep *keep, bool previous, uint8_t out[SS_KEY_SET_MAX], size_t *len)
{
    if (!keep->in_flash)
        return get(keep, previous ? SS_JOURNAL_KEY_SET_B : SS_JOURNAL_KEY_SET_A, out, SS_KEY_SET_MAX, len);
    ss_status_t status = ss_journal_get_key_set(&keep->journal, previous, out, SS_KEY_SET_MAX, len);
    return status == SS_ERROR_DOES_NOT_EXIST ? SS_OK : status;
}

// The older one first: if the power goes between the two, the one in force is there twice, which does no harm.
ss_status_t ss_sim_keep_put_key_set(struct ss_sim_keep *keep, const uint8_t *next, size_t len, struct ss_span before)
{
    uint8_t stored[SS_KEY_SET_MAX];
    size_t stored_len;
    ss_status_t status = ss_sim_keep_key_set(keep, false, stored, &stored_len);
    bool kept = status == SS_OK && stored_len == before.len && memcmp(stored, before.p, before.len) == 0;
    if (keep->in_flash) {
        if (!kept)
            status = ss_journal_put_key_set(&keep->journal, before.p, before.len);
        return status == SS_OK ? ss_journal_put_key_set(&keep->journal, next, len) : status;
    }
    status = put(keep, SS_JOURNAL_KEY_SET_B, before.p, before.len);
    return status == SS_OK ? put(keep, SS_JOURNAL_KEY_SET_A, next, len) : status;
}

ss_status_t ss_sim_keep_ca(const struct ss_sim_keep *keep, unsigned n, uint8_t out[SS_SIM_CA_MAX], size_t *len)
{
    return get(keep, SS_JOURNAL_CA + n, out, SS_SIM_CA_MAX, len);
}

ss_status_t ss_sim_keep_put_ca(struct ss_sim_keep *keep, unsigned n, const uint8_t *der, size_t len)
{
    return put(keep, SS_JOURNAL_CA + n, der, len);
}
