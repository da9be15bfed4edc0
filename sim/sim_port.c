// SPDX-License-Identifier: Apache-2.0
#include "sim/sim_port.h"

#include "chip/flash.h"
#include "sim/identity.h"
#include "slotseal/otadata.h"

#define SLOTS 2u

static ss_status_t read_raw(void *context, uint32_t address, void *out, size_t len)
{
    const struct ss_sim_port *p = context;
    ss_flash_read(&p->chip->flash, address, out, len);
    return SS_OK;
}

static ss_status_t read_plain(void *context, uint32_t address, void *out, size_t len)
{
    const struct ss_sim_port *p = context;
    return ss_chip_cache_read(p->chip, address, out, len, NULL);
}

static ss_status_t write_raw(void *context, uint32_t address, const void *in, size_t len)
{
    const struct ss_sim_port *p = context;
    if (address % 16 != 0 || len % 16 != 0)
        return SS_ERROR_INVALID_ARGUMENT;
    ss_flash_program(&p->chip->flash, address, in, len);
    return SS_OK;
}

static ss_status_t erase(void *context, uint32_t address)
{
    const struct ss_sim_port *p = context;
    if (address % SS_FLASH_SECTOR != 0)
        return SS_ERROR_INVALID_ARGUMENT;
    ss_flash_erase(&p->chip->flash, address, SS_FLASH_SECTOR);
    return SS_OK;
}

static ss_status_t load(void *context, struct ss_agent_record *record)
{
    const struct ss_sim_port *p = context;
    return ss_sim_keep_load(&p->self->keep, record);
}

static ss_status_t store(void *context, const struct ss_agent_record *record)
{
    const struct ss_sim_port *p = context;
    return ss_sim_keep_store(&p->self->keep, record);
}

static ss_status_t store_key_set(void *context, const uint8_t *key_set, size_t len)
{
    const struct ss_sim_port *p = context;
    return ss_sim_identity_take_key_set(p->self, key_set, len);
}

static ss_status_t verify(void *context, unsigned slot)
{
    const struct ss_sim_port *p = context;
    return ss_chip_app_check(p->chip, p->profile, p->identity->slots[slot].address, p->identity->slots[slot].size,
                             NULL);
}

static ss_status_t read_otadata(const struct ss_sim_port *p, struct ss_otadata *otadata)
{
    uint8_t raw[SS_OTADATA_SIZE];
    ss_status_t status = ss_chip_cache_read(p->chip, p->otadata, raw, sizeof raw, NULL);
    return status == SS_OK ? ss_otadata_from_partition(raw, sizeof raw, otadata, NULL) : status;
}

static ss_status_t write_copy(const struct ss_sim_port *p, int copy, const struct ss_otadata_record *record)
{
    uint8_t raw[SS_OTADATA_RECORD_SIZE];
    uint32_t address = p->otadata + (uint32_t)copy * SS_OTADATA_SECTOR_SIZE;
    ss_otadata_record_write(record, raw);
    ss_flash_erase(&p->chip->flash, address, SS_OTADATA_SECTOR_SIZE);
    if (ss_chip_encrypts(p->chip))
        return ss_chip_encrypted_write(p->chip, address, raw, sizeof raw, NULL);
    ss_flash_program(&p->chip->flash, address, raw, sizeof raw);
    return SS_OK;
}

static ss_status_t choose(const struct ss_sim_port *p, unsigned slot, bool on_trial)
{
    struct ss_otadata otadata;
    struct ss_otadata_update update;
    ss_status_t status = read_otadata(p, &otadata);
    if (status == SS_OK)
        status = ss_otadata_next_write(&otadata, (int)slot, SLOTS, on_trial, &update, NULL);
    return status == SS_OK ? write_copy(p, update.copy, &update.record) : status;
}

static ss_status_t select_slot(void *context, unsigned slot)
{
    const struct ss_sim_port *p = context;
    struct ss_otadata otadata;
    struct ss_otadata_update update;
    ss_status_t status = read_otadata(p, &otadata);
    if (status == SS_OK && ss_otadata_settle(&otadata, p->identity->running, SLOTS, &update))
        status = write_copy(p, update.copy, &update.record);
    return status == SS_OK ? choose(p, slot, p->profile->rollback) : status;
}

ss_status_t ss_sim_set_state(const struct ss_sim_port *p, uint32_t state)
{
    struct ss_otadata otadata;
    ss_status_t status = read_otadata(p, &otadata);
    if (status != SS_OK)
        return status;
    int active = ss_otadata_active(&otadata);
    if (active < 0)
        return SS_ERROR_IO;
    otadata.copies[active].state = state;
    return write_copy(p, active, &otadata.copies[active]);
}

static ss_status_t confirm(void *context)
{
    const struct ss_sim_port *p = context;
    return p->profile->rollback ? ss_sim_set_state(p, SS_OTA_VALID) : SS_OK;
}

static ss_status_t reject(void *context)
{
    const struct ss_sim_port *p = context;
    return p->profile->rollback ? ss_sim_set_state(p, SS_OTA_INVALID) : choose(p, p->identity->running ^ 1u, false);
}

static ss_status_t slot_state(void *context, unsigned slot, uint32_t *state)
{
    struct ss_otadata otadata;
    ss_status_t status = read_otadata(context, &otadata);
    *state = status == SS_OK ? ss_otadata_slot_state(&otadata, slot, SLOTS) : SS_OTA_UNDEFINED;
    return status;
}

static bool willing(void *context)
{
    return !((const struct ss_sim_port *)context)->unwilling;
}

static uint64_t now(void *context)
{
    const struct ss_sim_port *p = context;
    return p->clock ? p->clock(p->clock_context) : 0;
}

const struct ss_agent_port ss_sim_agent_port = {.read_raw = read_raw,
                                                .read_plain = read_plain,
                                                .write_raw = write_raw,
                                                .erase = erase,
                                                .load = load,
                                                .store = store,
                                                .store_key_set = store_key_set,
                                                .verify = verify,
                                                .select = select_slot,
                                                .confirm = confirm,
                                                .reject = reject,
                                                .state = slot_state,
                                                .willing = willing,
                                                .now = now};
