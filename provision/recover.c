// SPDX-License-Identifier: Apache-2.0
#include "provision/recover.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/device_name.h"
#include "slotseal/seal.h"

#define SECTOR        4096u
#define CONFIG_SEALED 0xFu ///< what ss_parts_make() seals for

static ss_status_t refuse(struct ss_error *err, const char *text)
{
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "%s", text);
}

static const struct ss_partition *row_of(const struct ss_partition_table *table, const struct ss_part *part)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].offset == part->address)
            return &table->rows[i];
    return NULL;
}

/// Bootloader, digest, table, otadata and app. Other encrypted partitions hold the device's own data: the keys of NVS
/// encryption among them, which nobody else has.
static bool is_repaired(const struct ss_partition_table *table, const struct ss_part *part)
{
    const struct ss_partition *row = row_of(table, part);
    if (!part->sealed)
        return false;
    return !row || row->type == SS_PARTITION_APP ||
           (row->type == SS_PARTITION_DATA && row->subtype == SS_PARTITION_DATA_OTA);
}

static void choose(const struct ss_recover_job *job, struct ss_recovery *r)
{
    for (size_t i = 0; i < job->parts->count; i++)
        if (is_repaired(job->table, &job->parts->parts[i]))
            r->items[r->count++].part = &job->parts->parts[i];
}

static ss_status_t check_chip(const struct ss_recover_job *job, struct ss_link *link, struct ss_error *err)
{
    const struct ss_link_chip *chip = ss_link_chip(link);
    char found[SS_DEVICE_MAC_SIZE], wanted[SS_DEVICE_MAC_SIZE];
    if (!memcmp(chip->mac, job->mac, 6))
        return SS_OK;
    ss_device_mac_text(chip->mac, found);
    ss_device_mac_text(job->mac, wanted);
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "this is the chip %s, the device is %s", found,
                        wanted);
}

static ss_status_t check_efuses(const struct ss_efuse *window, struct ss_error *err)
{
    struct ss_crypt_count count;
    ss_efuse_crypt_count(window, &count);
    if (!count.enabled)
        return refuse(err, "flash encryption is not on (FLASH_CRYPT_CNT is even): there is nothing sealed to recover");
    const struct ss_efuse_field *field = ss_efuse_field_find("FLASH_CRYPT_CONFIG");
    unsigned config = ss_efuse_get(window, field);
    // Read-protected together with CODING_SCHEME, it reads as 0: then the doctor judges by what lies in the flash.
    if (config != CONFIG_SEALED && !ss_efuse_read_protected(window, field))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                            "FLASH_CRYPT_CONFIG is 0x%X: what is sealed for 0x%X would be noise", config,
                            CONFIG_SEALED);
    return SS_OK;
}

/// True if what lies at the part's address unseals to what such a part is, whatever its version.
static bool unseals(const struct ss_recover_job *job, const struct ss_part *part, uint8_t *flash, size_t len)
{
    size_t out;
    struct ss_seal_params params = {.kind = SS_SEAL_BOOTLOADER,
                                    .address = part->address,
                                    .key = job->flash_key,
                                    .key_len = job->flash_key_len,
                                    .crypt_config = CONFIG_SEALED};
    if (!strcmp(part->name, "table"))
        params.kind = SS_SEAL_TABLE;
    bool good = ss_unseal(&params, flash, len, flash, len, &out, NULL, NULL) == SS_OK;
    ss_wipe(flash, len);
    return good;
}

static bool is_proof(const struct ss_part *part)
{
    return !strcmp(part->name, "bootloader") || !strcmp(part->name, "table");
}

static ss_status_t compare(const struct ss_recover_job *job, struct ss_link *link, struct ss_recovery *r,
                           struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < r->count; i++) {
        const struct ss_part *part = r->items[i].part;
        size_t differs;
        status = ss_link_flash_compare(link, part->address, part->sealed, part->len, &differs, err);
        r->items[i].differs = status == SS_OK && differs != part->len;
        r->differing += r->items[i].differs;
        r->key_seen |= status == SS_OK && !r->items[i].differs;
    }
    // Nothing is as it should be: perhaps it is of another version.
    for (unsigned i = 0; status == SS_OK && !r->key_seen && i < r->count; i++) {
        const struct ss_part *part = r->items[i].part;
        if (!is_proof(part))
            continue;
        uint8_t *flash = malloc(part->len);
        if (!flash)
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory");
        status = ss_link_flash_read(link, part->address, flash, part->len, err);
        r->key_seen = status == SS_OK && unseals(job, part, flash, part->len);
        free(flash);
    }
    return status;
}

/// The flash as it will be, as far as a boot looks at it. Sector 0, where secure boot V1 keeps its digest, is the chip's
/// own unless it is among the parts.
static ss_status_t compose(struct ss_link *link, const struct ss_recovery *r, uint8_t *flash, struct ss_error *err)
{
    memset(flash, 0xFF, r->flash_size);
    ss_status_t status = ss_link_flash_read(link, 0, flash, SECTOR, err);
    for (unsigned i = 0; status == SS_OK && i < r->count; i++)
        memcpy(flash + r->items[i].part->address, r->items[i].part->sealed, r->items[i].part->len);
    return status;
}

static ss_status_t judge(const struct ss_recovery *r, struct ss_error *err)
{
    for (unsigned i = 0; i < r->report->count; i++) {
        const struct ss_doctor_finding *finding = &r->report->findings[i];
        if (finding->severity == SS_DOCTOR_STOPS)
            return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                                "it would not boot afterwards: %s: %.140s", ss_doctor_rule(finding->id)->title,
                                finding->seen);
    }
    return SS_OK;
}

static ss_status_t ask_doctor(const struct ss_recover_job *job, struct ss_link *link, const struct ss_efuse *window,
                              struct ss_recovery *r, struct ss_error *err)
{
    uint8_t *flash = malloc(r->flash_size);
    r->report = calloc(1, sizeof *r->report);
    if (!flash || !r->report) {
        free(flash);
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory");
    }
    struct ss_doctor_input input = {.flash = flash,
                                    .flash_len = r->flash_size,
                                    .flash_whole = true,
                                    .efuse = window,
                                    .key = job->flash_key,
                                    .key_len = job->flash_key_len,
                                    .profile = job->profile};
    ss_status_t status = compose(link, r, flash, err);
    if (status == SS_OK)
        status = ss_doctor_examine(&input, r->report, err);
    free(flash);
    return status == SS_OK ? judge(r, err) : status;
}

static ss_status_t examine(const struct ss_recover_job *job, struct ss_link *link, struct ss_link_efuses *efuses,
                           struct ss_recovery *r, struct ss_error *err)
{
    struct ss_link_flash flash;
    ss_status_t status = SS_OK;
    if (!ss_link_chip(link))
        status = ss_link_connect(link, err);
    if (status == SS_OK)
        status = check_chip(job, link, err);
    if (status == SS_OK)
        status = ss_link_efuse_read(link, efuses, err);
    if (status == SS_OK)
        status = check_efuses(&efuses->window, err);
    if (status == SS_OK)
        status = ss_link_flash_identify(link, &flash, err);
    if (status != SS_OK)
        return status;
    r->flash_size = flash.size;
    for (unsigned i = 0; i < r->count; i++)
        if (!ss_range_ok(r->items[i].part->address, r->items[i].part->len, flash.size))
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_PROVISION,
                                "%s ends beyond the flash of 0x%x bytes", r->items[i].part->name, (unsigned)flash.size);
    status = compare(job, link, r, err);
    return status == SS_OK ? ask_doctor(job, link, &efuses->window, r, err) : status;
}

ss_status_t ss_recover_examine(const struct ss_recover_job *job, struct ss_link *link, struct ss_recovery *recovery,
                               struct ss_error *err)
{
    struct ss_link_efuses efuses = {0};
    *recovery = (struct ss_recovery){0};
    choose(job, recovery);
    ss_status_t status = examine(job, link, &efuses, recovery, err);
    ss_wipe(&efuses, sizeof efuses);
    recovery->examined = status == SS_OK;
    return status;
}

ss_status_t ss_recover_write(const struct ss_recover_job *job, struct ss_link *link, struct ss_recovery *recovery,
                             void (*each)(void *context, const struct ss_part *part), void *context,
                             struct ss_error *err)
{
    if (!recovery->examined)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_PROVISION, "nothing is written that was not examined");
    ss_status_t status = check_chip(job, link, err);
    for (unsigned i = 0; status == SS_OK && i < recovery->count; i++) {
        const struct ss_part *part = recovery->items[i].part;
        if (!recovery->items[i].differs)
            continue;
        if (each)
            each(context, part);
        status = ss_link_flash_write(link, part->address, part->sealed, part->len, SS_LINK_WRITE_RESUME, NULL, err);
        recovery->items[i].differs = status != SS_OK;
    }
    return status;
}

void ss_recovery_free(struct ss_recovery *recovery)
{
    free(recovery->report);
    *recovery = (struct ss_recovery){0};
}
