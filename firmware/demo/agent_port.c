// SPDX-License-Identifier: Apache-2.0
#include "agent_port.h"

#include <string.h>

#include "core/bytes.h"
#include "rt/rt.h"
#include "rt/spi1_flash.h"
#include "slotseal/image.h"
#include "slotseal/secure_boot_v1.h"

#define SLOTS 2u

static ss_status_t read_raw(void *context, uint32_t address, void *out, size_t len)
{
    (void)context;
    return spi1_flash_read(address, out, len);
}

static ss_status_t read_plain(void *context, uint32_t address, void *out, size_t len)
{
    (void)context;
    rt_flash_read_mapped(address, out, len);
    return SS_OK;
}

static ss_status_t write_raw(void *context, uint32_t address, const void *in, size_t len)
{
    (void)context;
    return spi1_flash_program(address, in, len);
}

static ss_status_t erase(void *context, uint32_t address)
{
    (void)context;
    return spi1_flash_erase(address);
}

static const struct ss_journal_flash journal_flash = {
    .read = read_raw, .read_raw = read_raw, .write = write_raw, .erase = erase};

// -- Storage -----------------------------------------------------------------------------------------------------------

static ss_status_t load(void *context, struct ss_agent_record *record)
{
    const struct demo_agent *d = context;
    return ss_journal_load(&d->journal, record);
}

static ss_status_t store(void *context, const struct ss_agent_record *record)
{
    struct demo_agent *d = context;
    return ss_journal_store(&d->journal, record);
}

// The set in force has to become the one before: it is stored first, unless it is the newest that is stored.
static ss_status_t store_key_set(void *context, const uint8_t *key_set, size_t len)
{
    struct demo_agent *d = context;
    struct ss_span in_force = d->trust.chosen.current;
    ss_status_t status = ss_trust_would_keep(&d->trust, (struct ss_span){key_set, (uint16_t)len});
    if (status == SS_OK && !d->newest_in_force)
        status = ss_journal_put_key_set(&d->journal, in_force.p, in_force.len);
    if (status == SS_OK)
        status = ss_journal_put_key_set(&d->journal, key_set, len);
    d->newest_in_force = false;
    return status;
}

// A key set that is not there, or does not read, is one that was lost.
static struct ss_span stored_key_set(struct demo_agent *d, bool previous)
{
    size_t len;
    uint8_t *out = d->key_sets[previous];
    if (ss_journal_get_key_set(&d->journal, previous, out, sizeof d->key_sets[previous], &len) != SS_OK)
        return (struct ss_span){NULL, 0};
    return (struct ss_span){out, (uint16_t)len};
}

// -- What the bootloader checks ------------------------------------------------------------------------------------------

/// @p len bytes from @p offset of the app in @p slot, up to 16 and any; reading is by 16.
static void peek(const struct demo_agent *d, unsigned slot, uint32_t offset, uint8_t *out, uint32_t len)
{
    uint8_t lines[32];
    rt_flash_read_mapped(d->device->slots[slot] + (offset & ~15u), lines, sizeof lines);
    memcpy(out, lines + offset % 16, len);
}

/// The image's length, as its headers say; 0 if they lead out of the slot.
static uint32_t image_length(const struct demo_agent *d, unsigned slot)
{
    uint8_t header[8];
    uint32_t at = SS_IMAGE_HEADER_SIZE;
    peek(d, slot, 0, header, sizeof header);
    for (unsigned left = header[1]; left > 0; left--) {
        peek(d, slot, at, header, sizeof header);
        uint32_t len = ss_get_le32(header + 4);
        at += SS_IMAGE_SEGMENT_HEADER_SIZE;
        if (!ss_range_ok(at, len, d->device->slot_size - 1024))
            return 0;
        at += len;
    }
    peek(d, slot, 16, header, sizeof header);
    return (at + 16) / 16 * 16 + (header[7] ? SS_IMAGE_HASH_SIZE : 0); // byte 23: a hash is appended
}

static ss_status_t hash_app(const struct demo_agent *d, unsigned slot, uint32_t len, uint8_t digest[32])
{
    uint8_t piece[64];
    struct ss_hash h;
    ss_status_t status = ss_hash_init(&h, SS_HASH_SHA256);
    for (uint32_t at = 0; status == SS_OK && at < len; at += sizeof piece) {
        rt_flash_read_mapped(d->device->slots[slot] + at, piece, sizeof piece);
        status = ss_hash_update(&h, piece, len - at < sizeof piece ? len - at : sizeof piece);
    }
    return status == SS_OK ? ss_hash_finish(&h, digest) : status;
}

// The agent has compared the image with its release. What is left is the signature, where the bootloader wants one.
static ss_status_t verify(void *context, unsigned slot)
{
    const struct demo_agent *d = context;
    uint8_t digest[32], block[80];
    if (!d->device->verification_key)
        return SS_OK;
    uint32_t len = image_length(d, slot);
    if (len == 0)
        return SS_ERROR_DATA_INVALID;
    ss_status_t status = hash_app(d, slot, len, digest);
    if (status != SS_OK)
        return status;
    rt_flash_read_mapped(d->device->slots[slot] + len, block, sizeof block);
    if (ss_get_le32(block) != 0)
        return SS_ERROR_DATA_INVALID;
    return ss_p256_verify(d->device->verification_key, digest, block + 4);
}

// -- otadata -----------------------------------------------------------------------------------------------------------

static ss_status_t read_otadata(const struct demo_agent *d, struct ss_otadata *otadata)
{
    uint8_t raw[SS_OTADATA_RECORD_SIZE];
    for (unsigned i = 0; i < 2; i++) {
        ss_status_t status = spi1_flash_read(d->device->otadata + i * SS_OTADATA_SECTOR_SIZE, raw, sizeof raw);
        if (status != SS_OK)
            return status;
        ss_otadata_record_read(raw, &otadata->copies[i]);
    }
    return SS_OK;
}

static ss_status_t write_copy(const struct demo_agent *d, int copy, const struct ss_otadata_record *record)
{
    uint8_t raw[SS_OTADATA_RECORD_SIZE];
    uint32_t address = d->device->otadata + (uint32_t)copy * SS_OTADATA_SECTOR_SIZE;
    ss_otadata_record_write(record, raw);
    ss_status_t status = spi1_flash_erase(address);
    return status == SS_OK ? spi1_flash_program(address, raw, sizeof raw) : status;
}

static ss_status_t choose(const struct demo_agent *d, unsigned slot, bool on_trial)
{
    struct ss_otadata otadata;
    struct ss_otadata_update update;
    ss_status_t status = read_otadata(d, &otadata);
    if (status == SS_OK)
        status = ss_otadata_next_write(&otadata, (int)slot, SLOTS, on_trial, &update, NULL);
    return status == SS_OK ? write_copy(d, update.copy, &update.record) : status;
}

static ss_status_t set_state(const struct demo_agent *d, uint32_t state)
{
    struct ss_otadata otadata;
    ss_status_t status = read_otadata(d, &otadata);
    if (status != SS_OK)
        return status;
    int active = ss_otadata_active(&otadata);
    if (active < 0)
        return SS_ERROR_IO;
    otadata.copies[active].state = state;
    return write_copy(d, active, &otadata.copies[active]);
}

static bool rolls_back(const struct demo_agent *d)
{
    return d->device->bootloader & SS_BOOTLOADER_ROLLBACK;
}

static ss_status_t select_slot(void *context, unsigned slot)
{
    const struct demo_agent *d = context;
    struct ss_otadata otadata;
    struct ss_otadata_update update;
    ss_status_t status = read_otadata(d, &otadata);
    if (status == SS_OK && ss_otadata_settle(&otadata, d->device->running, SLOTS, &update))
        status = write_copy(d, update.copy, &update.record);
    return status == SS_OK ? choose(d, slot, rolls_back(d)) : status;
}

static ss_status_t confirm(void *context)
{
    return rolls_back(context) ? set_state(context, SS_OTA_VALID) : SS_OK;
}

static ss_status_t reject(void *context)
{
    const struct demo_agent *d = context;
    return rolls_back(d) ? set_state(d, SS_OTA_INVALID) : choose(d, d->device->running ^ 1u, false);
}

static ss_status_t slot_state(void *context, unsigned slot, uint32_t *state)
{
    struct ss_otadata otadata;
    ss_status_t status = read_otadata(context, &otadata);
    *state = status == SS_OK ? ss_otadata_slot_state(&otadata, slot, SLOTS) : SS_OTA_UNDEFINED;
    return status;
}

static const struct ss_agent_port port = {
    .read_raw = read_raw,
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
};

// -- Start -------------------------------------------------------------------------------------------------------------

static ss_status_t find_identity(struct demo_agent *d)
{
    const struct demo_device *device = d->device;
    struct ss_agent_identity *id = &d->identity;
    const uint8_t *pinned;
    size_t len;
    ss_status_t status = ss_pins_own(device->pins, &pinned, &len);
    if (status != SS_OK)
        return status;
    struct ss_trust_sets sets = {
        .pinned = {pinned, (uint16_t)len}, .current = stored_key_set(d, false), .previous = stored_key_set(d, true)};
    status = ss_trust_choose(&sets, &d->trust, &id->ring);
    if (status != SS_OK)
        return status;
    d->newest_in_force = d->trust.chosen.current.p == d->key_sets[0];
    id->product = id->ring.current->product;
    id->device = device->id;
    id->bootloader = device->bootloader;
    id->scheme = device->verification_key ? SS_RELEASE_V1 : SS_RELEASE_UNSIGNED;
    id->running = device->running;
    id->vk_offset = SS_VK_NONE;
    for (unsigned i = 0; i < SLOTS; i++) {
        id->slots[i].address = device->slots[i];
        id->slots[i].size = device->slot_size;
    }
    return SS_OK;
}

ss_status_t demo_agent_start(struct demo_agent *d, const struct demo_device *device, enum ss_agent_found *found)
{
    *d = (struct demo_agent){.device = device};
    *found = SS_FOUND_NOTHING;
    if (rt_flash_is_encrypted())
        return SS_ERROR_NOT_SUPPORTED;
    ss_status_t status = ss_journal_mount(&d->journal, &journal_flash, d, device->journal, device->journal_size);
    if (status == SS_OK)
        status = find_identity(d);
    return status == SS_OK ? ss_agent_start(&d->agent, &port, d, &d->identity, found) : status;
}
