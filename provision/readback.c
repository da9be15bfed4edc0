// SPDX-License-Identifier: Apache-2.0
#include "provision/readback.h"

#include <string.h>

#include "core/bytes.h"
#include "slotseal/app_desc.h"
#include "slotseal/image.h"

#define SECTOR 4096u

struct readback {
    const struct ss_seal_params *params;
    uint8_t *flash;
    size_t len;
    void (*each)(void *context, const struct ss_readback_region *region);
    void *context;
    struct ss_error *err;
};

static ss_status_t unseal_sectors(const struct readback *r, uint32_t address, uint32_t len, bool *erased)
{
    struct ss_seal_params p = *r->params;
    p.kind = SS_SEAL_DATA;
    p.capacity = 0;
    *erased = true;
    for (uint32_t at = 0; at < len; at += SECTOR) {
        size_t out, n = len - at < SECTOR ? len - at : SECTOR;
        uint8_t *sector = r->flash + address + at;
        if (ss_all_bytes(sector, n, 0xFF))
            continue;
        *erased = false;
        p.address = address + at;
        ss_status_t status = ss_unseal(&p, sector, n, sector, n, &out, NULL, r->err);
        if (status != SS_OK)
            return status;
    }
    return SS_OK;
}

static void read_version(const uint8_t *image, size_t len, char version[33])
{
    struct ss_app_desc desc;
    if (len > SS_DESC_OFFSET && ss_app_desc_parse(image + SS_DESC_OFFSET, len - SS_DESC_OFFSET, &desc) == SS_OK)
        memcpy(version, desc.version, sizeof desc.version);
}

static ss_status_t region(const struct readback *r, const char *name, uint32_t address, uint32_t len)
{
    struct ss_readback_region found = {.name = name, .address = address};
    if (address >= r->len)
        return SS_OK;
    found.len = r->len - address < len ? (uint32_t)(r->len - address) : len;
    found.len -= found.len % SS_SEAL_BLOCK;
    ss_status_t status = unseal_sectors(r, address, found.len, &found.erased);
    if (status != SS_OK || !r->each)
        return status;
    found.content = ss_content_classify(r->flash + address, found.len);
    if (found.content == SS_CONTENT_IMAGE || found.content == SS_CONTENT_IMAGE_V1 ||
        found.content == SS_CONTENT_IMAGE_V2)
        read_version(r->flash + address, found.len, found.version);
    r->each(r->context, &found);
    return SS_OK;
}

static bool is_encrypted(const struct ss_partition *row)
{
    bool nvs = row->type == SS_PARTITION_DATA && row->subtype == SS_PARTITION_DATA_NVS;
    return ss_partition_is_encrypted(row) && !nvs; // NVS reads its flash raw, whatever the flag says
}

ss_status_t ss_readback_unseal(const struct ss_seal_params *params, const struct ss_partition_table *table,
                               uint32_t table_address, uint8_t *flash, size_t len,
                               void (*each)(void *context, const struct ss_readback_region *region), void *context,
                               struct ss_error *err)
{
    struct readback r = {params, flash, len, each, context, err};
    const struct ss_chip *chip = params->chip ? params->chip : ss_chip_find("esp32");
    uint32_t bootloader = chip->bootloader_address;

    ss_status_t status = ss_seal_check_key(params, err);
    if (status == SS_OK && bootloader >= SECTOR)
        status = region(&r, "digest", 0, SECTOR);
    if (status == SS_OK)
        status = region(&r, "bootloader", bootloader, table_address - bootloader);
    if (status == SS_OK)
        status = region(&r, "table", table_address, SECTOR);
    for (size_t i = 0; status == SS_OK && i < table->count; i++)
        if (is_encrypted(&table->rows[i]))
            status = region(&r, table->rows[i].label, table->rows[i].offset, table->rows[i].size);
    return status;
}
