// SPDX-License-Identifier: Apache-2.0
// Which app is to start: otadata, rollback, anti-rollback. The decision itself is core's ss_otadata_boot_choice().
#include <string.h>

#include "chip/boot_parts.h"
#include "core/bytes.h"

static const struct ss_partition *otadata_row(const struct ss_boot *b)
{
    const struct ss_partition *row, *found = NULL;
    for (size_t i = 0; (row = ss_table_find_type(&b->table, SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, i));
         i = (size_t)(row - b->table.rows) + 1)
        found = row;
    return found;
}

bool ss_boot_write_otadata(struct ss_boot *b, unsigned copy, const struct ss_otadata_record *record)
{
    uint8_t out[SS_OTADATA_RECORD_SIZE];
    ss_otadata_record_write(record, out);
    return ss_boot_rewrite(b, otadata_row(b)->offset + copy * SS_OTADATA_SECTOR_SIZE, out, sizeof out,
                           ss_chip_encrypts(b->chip));
}

static unsigned secure_version_of_chip(const struct ss_boot *b)
{
    unsigned bits = b->profile->secure_version_bits, count = 0;
    uint32_t word = b->chip->efuse.window.words[ss_efuse_block_start(3) + 4];
    for (unsigned i = 0; i < bits; i++)
        count += word >> i & 1;
    return count;
}

static bool app_desc(struct ss_boot *b, const struct ss_partition *row, struct ss_app_desc *desc)
{
    const uint8_t *p = ss_boot_map(b, row->offset + SS_DESC_OFFSET, SS_APP_DESC_SIZE);
    if (p && ss_app_desc_parse(p, SS_APP_DESC_SIZE, desc) == SS_OK)
        return true;
    if (b->status == SS_OK && ss_boot_is_modern(b))
        ss_boot_log(b, 'E', "boot", "Failed to get partition description %d", SS_ESP_NOT_FOUND);
    return false;
}

bool ss_boot_secure_version_ok(struct ss_boot *b, const struct ss_partition *row)
{
    struct ss_app_desc desc;
    if (!b->profile->anti_rollback)
        return true;
    if (!app_desc(b, row, &desc)) {
        ss_boot_stage(b, SS_RULE_SECURE_VERSION, false, "0x%x: no app descriptor", (unsigned)row->offset);
        return false;
    }
    bool ok = desc.secure_version >= secure_version_of_chip(b);
    ss_boot_stage(b, SS_RULE_SECURE_VERSION, ok, "0x%x: secure version %u, the chip's is %u", (unsigned)row->offset,
                  (unsigned)desc.secure_version, secure_version_of_chip(b));
    return ok;
}

static void burn_secure_version(struct ss_boot *b, unsigned from, unsigned to)
{
    struct ss_efuse bits = {0};
    uint64_t mask = (1ull << to) - (1ull << from);
    bits.words[ss_efuse_block_start(3) + 4] = (uint32_t)mask;
    ss_boot_burn(b, &bits);
    ss_boot_log(b, 'I', "efuse", "Anti-rollback is set. eFuse field is updated(%u).", to);
}

void ss_boot_raise_secure_version(struct ss_boot *b, const struct ss_partition *row)
{
    struct ss_app_desc desc;
    if (!row || !app_desc(b, row, &desc))
        return;
    unsigned chip = secure_version_of_chip(b), app = desc.secure_version, max = b->profile->secure_version_bits;
    if (app > max)
        ss_boot_log(b, 'E', "efuse", "Max secure version is %u. Given %u version can not be written.", max, app);
    else if (ss_boot_efuse(b, "CODING_SCHEME") != SS_EFUSE_CODING_NONE)
        ss_boot_log(b, 'E', "efuse", "Anti rollback is not supported with %s coding scheme.",
                    ss_boot_is_modern(b) ? "any" : "a 3/4");
    else if (app > chip)
        burn_secure_version(b, chip, app); // it was not started if it were lower
}

/// Up to v3.2 nothing but sequence number and CRC counts.
static void forget_states(struct ss_otadata *otadata)
{
    for (unsigned i = 0; i < 2; i++)
        otadata->copies[i].state = SS_OTA_UNDEFINED;
}

/// With anti-rollback a record whose app is too old is passed over: told to the choice as a state that is not valid,
/// and the true state put back afterwards.
static void pass_over_old(struct ss_boot *b, const struct ss_boot_context *context, struct ss_otadata *otadata)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ss_otadata_record *r = &otadata->copies[i];
        if (!ss_otadata_record_is_valid(r) || r->state == SS_OTA_PENDING_VERIFY || context->slots == 0)
            continue;
        const struct ss_partition *row = ss_table_ota_slot(&b->table, (r->seq - 1) % context->slots);
        if (!row || !ss_boot_secure_version_ok(b, row))
            r->state = SS_OTA_INVALID;
    }
}

static bool read_otadata(struct ss_boot *b, const struct ss_partition *row, struct ss_otadata *otadata)
{
    if (row->size < SS_OTADATA_SIZE) {
        ss_boot_log(b, 'E', "boot", "ota_info partition size %u is too small (minimum %u bytes)", (unsigned)row->size,
                    SS_OTADATA_RECORD_SIZE);
        ss_boot_stage(b, SS_RULE_OTADATA, false, "the otadata partition has %u bytes, needs %u", (unsigned)row->size,
                      SS_OTADATA_SIZE);
        return false;
    }
    const uint8_t *p = row->size > SS_BOOT_MAP_MAX ? NULL : ss_boot_map(b, row->offset, SS_OTADATA_SIZE);
    if (p)
        return ss_otadata_from_partition(p, SS_OTADATA_SIZE, otadata, NULL) == SS_OK;
    if (b->status != SS_OK)
        return false;
    ss_boot_log(b, 'E', "bootloader_flash", "bootloader_mmap excess size %x", (unsigned)row->size);
    ss_boot_log(b, 'E', "boot", "bootloader_mmap(0x%x, 0x%x) failed", (unsigned)row->offset, (unsigned)row->size);
    ss_boot_stage(b, SS_RULE_OTADATA, false, "the otadata partition of 0x%x bytes cannot be mapped",
                  (unsigned)row->size);
    return false;
}

static void say_choice(struct ss_boot *b, const struct ss_boot_choice *choice)
{
    static const struct {
        char level;
        const char *text;
        bool ok;
        const char *reason;
    } words[] = {
        [SS_BOOT_NO_OTADATA] = {0, "", true, "there is no otadata partition: factory first"},
        [SS_BOOT_OTADATA_TOO_SMALL] = {0, "", false, "the otadata partition is too small"},
        [SS_BOOT_INITIAL_FACTORY] = {'I', "Defaulting to factory image", true, "otadata is blank: factory"},
        [SS_BOOT_INITIAL_OTA_0] = {'I', "No factory image, trying OTA 0", true, "otadata is blank: slot 0"},
        [SS_BOOT_INITIAL_ANTI_ROLLBACK] = {'I', "otadata[0..1] in initial state", true,
                                           "otadata is blank: slots upwards from 0"},
        [SS_BOOT_ACTIVE] = {0, "", true, "otadata selects a slot"},
        [SS_BOOT_NOISE_FACTORY] = {'E', "ota data partition invalid, falling back to factory", false,
                                   "otadata is neither blank nor valid: factory"},
        [SS_BOOT_NOISE_TRY_ALL] = {'E', "ota data partition invalid and no factory, will try all partitions", false,
                                   "otadata is neither blank nor valid: slots upwards from 0"},
    };
    unsigned i = choice->reason;
    if (words[i].level)
        ss_boot_log(b, words[i].level, "boot", "%s", words[i].text);
    if (choice->reason == SS_BOOT_ACTIVE)
        ss_boot_stage(b, SS_RULE_OTADATA, true, "otadata copy %d, sequence %u, selects slot %d", choice->active,
                      (unsigned)choice->after.copies[choice->active].seq, choice->start);
    else
        ss_boot_stage(b, SS_RULE_OTADATA, words[i].ok, "%s", words[i].reason);
}

static bool write_states(struct ss_boot *b, const struct ss_boot_choice *choice)
{
    for (unsigned i = 0; i < 2; i++) {
        if (!choice->written[i])
            continue;
        if (!ss_boot_write_otadata(b, i, &choice->after.copies[i]))
            return false;
        ss_boot_stage(b, SS_RULE_ROLLBACK, true, "otadata copy %u is now %s", i,
                      ss_ota_state_name(choice->after.copies[i].state));
    }
    return true;
}

bool ss_boot_select(struct ss_boot *b, struct ss_boot_choice *choice)
{
    const struct ss_partition *row = otadata_row(b);
    struct ss_otadata otadata;
    struct ss_boot_context context;
    memset(&otadata, 0xFF, sizeof otadata);
    ss_boot_context_from_table(&b->table, &context);
    context.rollback = b->profile->rollback && b->profile->idf >= SS_IDF_3_3;
    context.anti_rollback = b->profile->anti_rollback && b->profile->idf >= SS_IDF_3_3;
    if (row && !read_otadata(b, row, &otadata))
        return false;
    if (context.anti_rollback && row) {
        ss_boot_log(b, 'I', "boot", "Enabled a check secure version of app for anti rollback");
        ss_boot_log(b, 'I', "boot", "Secure version (from eFuse) = %u", secure_version_of_chip(b));
        pass_over_old(b, &context, &otadata);
    } else if (b->profile->idf < SS_IDF_3_3) {
        forget_states(&otadata);
    }
    // The one error that is left: anti-rollback without slots, where the bootloader divides by zero.
    if (ss_otadata_boot_choice(&otadata, &context, choice, NULL) != SS_OK) {
        ss_boot_stage(b, SS_RULE_OTADATA, false, "anti-rollback needs OTA slots, the table has none");
        return false;
    }
    say_choice(b, choice);
    if (!write_states(b, choice))
        return false;
    if (choice->raises_secure_version)
        ss_boot_raise_secure_version(b, ss_table_ota_slot(&b->table, (unsigned)choice->start));
    return b->status == SS_OK;
}
