// SPDX-License-Identifier: Apache-2.0
// Bootloader, partition table and otadata.
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "provision/doctor_internal.h"
#include "slotseal/otadata.h"

#define FLASH_SIZE_MAX             (16u << 20) ///< what the ESP32 addresses with 24 bits
#define ADD(id, severity, certain) finding_add(d->out, SS_DOCTOR_##id, SS_DOCTOR_##severity, certain)

static void first_bytes(const struct place *place, char out[36])
{
    for (unsigned i = 0; i < 8; i++)
        snprintf(out + 3 * i, 4, "%02x ", place->raw[i]);
    out[23] = 0;
}

/// What is the same for every place: erased, plaintext, sealed for something else, noise. Returns the finding, NULL if
/// the content is there in the right form.
static struct ss_doctor_finding *form(struct doctor *d, const struct place *place, const enum ss_doctor_id ids[5],
                                      enum ss_doctor_severity severity)
{
    enum { MISSING, PLAINTEXT, WRONG, UNREADABLE, UNKNOWN };
    char bytes[36], seal[200];
    struct ss_doctor_finding *f = NULL;
    if (place->state == PLACE_OUTSIDE) {
        f = finding_add(d->out, ids[UNKNOWN], SS_DOCTOR_UNKNOWN, true);
        finding_seen(f, "the dump ends at 0x%zx, before %s at 0x%x", d->in->flash_len, place->name,
                     (unsigned)place->address);
        return f;
    }
    first_bytes(place, bytes);
    switch (place->state) {
    case PLACE_ERASED:
        f = finding_add(d->out, ids[MISSING], severity, true);
        finding_seen(f, "%s at 0x%x is erased: %s", place->name, (unsigned)place->address, bytes);
        break;
    case PLACE_PLAIN:
        if (!d->expects)
            return NULL;
        f = finding_add(d->out, ids[PLAINTEXT], severity, true);
        finding_seen(f, "%s at 0x%x is plaintext: %s; FLASH_CRYPT_CNT 0x%02x", place->name, (unsigned)place->address,
                     bytes, d->count.value);
        d->flash_plain_at_risk = true;
        break;
    case PLACE_SEALED_WRONG:
        place_describe_seal(d, place, seal, sizeof seal);
        f = finding_add(d->out, ids[WRONG], severity, true);
        finding_seen(f, "%s at 0x%x is sealed %s", place->name, (unsigned)place->address, seal);
        d->flash_plain_at_risk = true;
        break;
    case PLACE_NOISE:
        if (!d->has_key[KEY_CHIP] && d->expects) {
            f = finding_add(d->out, ids[UNKNOWN], SS_DOCTOR_UNKNOWN, true);
            finding_seen(f, "%s at 0x%x looks like ciphertext: %s", place->name, (unsigned)place->address, bytes);
            finding_repair(f, SS_REPAIR_NONE, "--flash-key FILE checks it");
            return f;
        }
        f = finding_add(d->out, ids[UNREADABLE], severity, true);
        finding_seen(f, "%s at 0x%x is noise under the key: %s; sealed with another key, or damaged", place->name,
                     (unsigned)place->address, bytes);
        d->flash_plain_at_risk = d->flash_plain_at_risk || d->expects;
        break;
    case PLACE_OTHER:
        f = finding_add(d->out, ids[UNREADABLE], severity, true);
        finding_seen(f, "%s at 0x%x is something else: %s", place->name, (unsigned)place->address, bytes);
        break;
    default:
        return NULL;
    }
    finding_repair(f, SS_REPAIR_FLASH, d->expects ? "seal it for its place and write that" : "write it");
    finding_rewrite(d, f, place);
    return f;
}

// Bootloader

/// A bootloader elsewhere: at 0 as later chips have it, or at the table's or the first app's address.
static bool misplaced(struct doctor *d)
{
    static const uint32_t at[] = {0, 0x2000, 0x8000, 0x10000};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct ss_image image;
        struct ss_image_context context = SS_IMAGE_CONTEXT_DEFAULT;
        const uint8_t *p = d->in->flash + at[i];
        if (!ss_range_ok(at[i], 0x8000, d->in->flash_len) || !place_fits(PLACE_BOOTLOADER, p))
            continue;
        context.flash_address = at[i];
        if (ss_image_describe(p, 0x8000, &context, &image, NULL) != SS_OK || image.kind != SS_IMAGE_KIND_BOOTLOADER)
            continue;
        struct ss_doctor_finding *f = ADD(BOOTLOADER_ADDRESS, STOPS, true);
        finding_seen(f, "0x1000 is erased, and a bootloader lies at 0x%x", (unsigned)at[i]);
        finding_repair(f, SS_REPAIR_FLASH, "write it to 0x1000");
        finding_rewrite(d, f, &d->bootloader);
        return true;
    }
    return false;
}

static uint32_t walk_end(const struct ss_image *image)
{
    if (image->complete)
        return image->end;
    if (image->segment_count == 0)
        return 0;
    const struct ss_image_segment *last = &image->segments[image->segment_count - 1];
    return last->offset + last->length;
}

static void bootloader_image(struct doctor *d, struct ss_image *image)
{
    uint32_t space = d->table_at - BOOTLOADER_ADDRESS, end = walk_end(image);
    char text[160];
    struct ss_doctor_finding *f;
    if (end > space) {
        f = ADD(BOOTLOADER_OVERLAP, STOPS, true);
        finding_seen(f, "the bootloader ends at 0x%x, the table begins at 0x%x", (unsigned)(BOOTLOADER_ADDRESS + end),
                     (unsigned)d->table_at);
        finding_repair(f, SS_REPAIR_BUILD,
                       "move the table (CONFIG_PARTITION_TABLE_OFFSET, and offsets in the CSV), or lower the "
                       "bootloader's log level");
        d->bootloader.damaged = true;
        return; // its tail is the table's: what else seems wrong with it follows from that
    }
    const struct ss_image_finding *fatal = ss_image_first_fatal(image);
    if (!fatal)
        return;
    ss_image_finding_text(image, fatal, text, sizeof text);
    f = ADD(BOOTLOADER_DAMAGED, STOPS, true);
    finding_seen(f, "bootloader at 0x1000: %s", text);
    finding_repair(f, fatal->code == SS_IMAGE_WRONG_CHIP ? SS_REPAIR_BUILD : SS_REPAIR_FLASH, "%s",
                   ss_image_finding_advice(fatal->code));
    finding_rewrite(d, f, &d->bootloader);
    d->bootloader.damaged = true;
}

static void decryption_off(struct doctor *d)
{
    struct ss_doctor_finding *f = ADD(DECRYPTION_OFF, STOPS, d->bootloader.state != PLACE_NOISE);
    finding_seen(f, "FLASH_CRYPT_CNT is 0x%02x (even number of bits), and what lies at 0x1000 is ciphertext",
                 d->count.value);
    if (d->count.write_protected || d->count.next == d->count.value) {
        finding_repair(f, SS_REPAIR_NO, "FLASH_CRYPT_CNT cannot be raised: only plaintext boots on this chip");
        return;
    }
    finding_repair(f, SS_REPAIR_BURN, "when all else is repaired and read back, burn the next bit as the last step");
    char what[48];
    snprintf(what, sizeof what, "burn_efuse FLASH_CRYPT_CNT 0x%x", d->count.next);
    finding_burn(d, f, false, what);
}

ss_status_t doctor_bootloader(struct doctor *d, struct ss_error *err)
{
    static const enum ss_doctor_id ids[] = {SS_DOCTOR_BOOTLOADER_MISSING, SS_DOCTOR_BOOTLOADER_PLAINTEXT,
                                            SS_DOCTOR_BOOTLOADER_SEALED_WRONG, SS_DOCTOR_BOOTLOADER_UNREADABLE,
                                            SS_DOCTOR_BOOTLOADER_UNKNOWN};
    struct place *b = &d->bootloader;
    struct ss_image image;
    struct ss_image_context context = {
        .kind = SS_IMAGE_KIND_BOOTLOADER, .flash_address = BOOTLOADER_ADDRESS, .chip_id = 0, .chip_rev = -1};
    if (!d->in->flash)
        return SS_OK;
    if (d->in->efuse && d->expects && !d->encrypts)
        decryption_off(d);
    if (b->state == PLACE_ERASED && misplaced(d))
        return SS_OK;
    b->good = form(d, b, ids, SS_DOCTOR_STOPS) == NULL;
    if (!b->data)
        return SS_OK;
    ss_status_t status = ss_image_describe(b->data, b->size, &context, &image, err);
    if (status == SS_OK)
        bootloader_image(d, &image);
    return status;
}

// Partition table

static uint64_t last_end(const struct ss_partition_table *table)
{
    uint64_t end = 0;
    for (size_t i = 0; i < table->count; i++)
        if ((uint64_t)table->rows[i].offset + table->rows[i].size > end)
            end = (uint64_t)table->rows[i].offset + table->rows[i].size;
    return end;
}

static void flash_size(struct doctor *d)
{
    uint64_t end = last_end(&d->table);
    if (!d->bootloader.data)
        return;
    uint32_t size = ss_image_flash_size(d->bootloader.data[3] >> 4), need = 1u << 20;
    if (size >= end)
        return;
    while (need < end && need < FLASH_SIZE_MAX)
        need *= 2;
    struct ss_doctor_finding *f = ADD(BOOTLOADER_FLASH_SIZE, STOPS, true);
    finding_seen(f, "the bootloader's header (byte 3 of 0x1000) says %u MB, the last partition ends at 0x%llx",
                 (unsigned)(size >> 20), (unsigned long long)end);
    if (end > FLASH_SIZE_MAX) {
        finding_repair(f, SS_REPAIR_BUILD, "correct the CSV: the chip reaches %u MB of flash", FLASH_SIZE_MAX >> 20);
        finding_rewrite(d, f, &d->table_place);
    } else if (d->expects || d->profile->secure_boot != SS_PROFILE_SECURE_BOOT_NONE) {
        finding_repair(f, SS_REPAIR_BUILD, "build with CONFIG_ESPTOOLPY_FLASHSIZE_%uMB, then %s",
                       (unsigned)(need >> 20),
                       d->expects ? "seal and write the bootloader" : "sign and write the bootloader");
        finding_rewrite(d, f, &d->bootloader);
    } else {
        finding_repair(f, SS_REPAIR_FLASH, "let esptool set it while writing");
        finding_command(f, "esptool.py --port PORT write_flash --flash_size %uMB 0x1000 bootloader.bin",
                        (unsigned)(need >> 20));
    }
}

static bool stops_boot(enum ss_table_problem problem)
{
    return problem == SS_TABLE_EMPTY || problem == SS_TABLE_BEYOND_FLASH || problem == SS_TABLE_NO_APP;
}

static void table_findings(struct doctor *d)
{
    struct ss_table_finding found[16];
    struct ss_table_options options = {.table_address = d->table_at,
                                       .flash_size = d->in->flash_whole ? (uint32_t)d->in->flash_len : 0};
    if (d->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V1)
        options.secure = SS_TABLE_SECURE_V1;
    size_t count = ss_table_check(&d->table, &options, found, 16);
    for (size_t i = 0; i < count && i < 16; i++) {
        if (found[i].severity != SS_TABLE_ERROR)
            continue;
        struct ss_doctor_finding *f = finding_add(
            d->out, SS_DOCTOR_TABLE_INVALID, stops_boot(found[i].problem) ? SS_DOCTOR_STOPS : SS_DOCTOR_RISK, true);
        finding_seen(f, "%s", found[i].text);
        finding_repair(f, SS_REPAIR_BUILD, "correct the CSV");
        finding_command(f, "slotseal table build partitions.csv -o partitions.bin");
        finding_rewrite(d, f, &d->table_place);
    }
}

/// Looks for a table in every sector before and behind where it should be.
static ss_status_t misplaced_table(struct doctor *d, bool *found, struct ss_error *err)
{
    *found = false;
    for (uint32_t at = 0x2000; at < 0x40000 && at < d->in->flash_len; at += SS_TABLE_SECTOR_SIZE) {
        struct place p = {.kind = PLACE_TABLE, .address = at, .size = SS_TABLE_BINARY_SIZE, .name = "table"};
        if (at == d->table_at)
            continue;
        ss_status_t status = place_look(d, &p, err);
        if (status == SS_OK && p.data && ss_table_from_binary(p.data, p.size, &d->table, NULL) == SS_OK) {
            struct ss_doctor_finding *f = ADD(TABLE_ADDRESS, STOPS, true);
            finding_seen(f, "no table at 0x%x, but there is one at 0x%x", (unsigned)d->table_at, (unsigned)at);
            finding_repair(f, SS_REPAIR_FLASH, "write it to 0x%x, or build the bootloader for table offset 0x%x",
                           (unsigned)d->table_at, (unsigned)at);
            finding_rewrite(d, f, &d->table_place);
            *found = d->has_table = true;
        }
        place_free(&p);
        if (status != SS_OK || *found)
            return status;
    }
    return SS_OK;
}

static ss_status_t table_content(struct doctor *d)
{
    struct ss_error why = {0};
    struct place *t = &d->table_place;
    if (ss_table_from_binary(t->data, t->size, &d->table, &why) == SS_OK) {
        d->has_table = true;
        return SS_OK;
    }
    struct ss_doctor_finding *f = ADD(TABLE_DAMAGED, STOPS, true);
    finding_seen(f, "table at 0x%x: %s", (unsigned)t->address, why.message);
    finding_repair(f, SS_REPAIR_FLASH, "write it again");
    finding_rewrite(d, f, t);
    // A wrong MD5 leaves rows to go on with.
    uint8_t rows[SS_TABLE_BINARY_SIZE];
    memset(rows, 0xFF, sizeof rows);
    for (size_t at = 0; at + SS_TABLE_ROW_SIZE <= sizeof rows && ss_get_le16(t->data + at) == 0x50AA;
         at += SS_TABLE_ROW_SIZE)
        memcpy(rows + at, t->data + at, SS_TABLE_ROW_SIZE);
    d->has_table = ss_table_from_binary(rows, sizeof rows, &d->table, NULL) == SS_OK && d->table.count > 0;
    return SS_OK;
}

ss_status_t doctor_table(struct doctor *d, struct ss_error *err)
{
    static const enum ss_doctor_id ids[] = {SS_DOCTOR_TABLE_MISSING, SS_DOCTOR_TABLE_PLAINTEXT,
                                            SS_DOCTOR_TABLE_SEALED_WRONG, SS_DOCTOR_TABLE_UNREADABLE,
                                            SS_DOCTOR_TABLE_UNKNOWN};
    struct place *t = &d->table_place;
    bool elsewhere = false;
    if (!d->in->flash)
        return SS_OK;
    *t = (struct place){.kind = PLACE_TABLE, .address = d->table_at, .size = SS_TABLE_BINARY_SIZE, .name = "table"};
    ss_status_t status = place_look(d, t, err);
    if (status == SS_OK && !t->data && t->state != PLACE_OUTSIDE && (t->state != PLACE_NOISE || d->has_key[KEY_CHIP]))
        status = misplaced_table(d, &elsewhere, err);
    if (status != SS_OK)
        return status;
    if (!elsewhere)
        form(d, t, ids, SS_DOCTOR_STOPS);
    if (!elsewhere && t->data)
        status = table_content(d);
    if (!d->has_table && d->in->table)
        d->has_table = ss_table_from_binary(d->in->table, d->in->table_len, &d->table, NULL) == SS_OK;
    if (d->has_table) {
        flash_size(d);
        table_findings(d);
    }
    return status;
}

// otadata

ss_status_t doctor_otadata(struct doctor *d, struct ss_error *err)
{
    // Left erased it is as it should be without encryption, and a trap with it.
    static const enum ss_doctor_id ids[] = {SS_DOCTOR_OTADATA_ERASED, SS_DOCTOR_OTADATA_PLAINTEXT,
                                            SS_DOCTOR_OTADATA_SEALED_WRONG, SS_DOCTOR_OTADATA_UNREADABLE,
                                            SS_DOCTOR_OTADATA_UNKNOWN};
    const struct ss_partition *row =
        d->has_table ? ss_table_find_type(&d->table, SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, 0) : NULL;
    struct place *o = &d->otadata;
    if (!row)
        return SS_OK;
    *o = (struct place){.kind = PLACE_OTADATA, .address = row->offset, .size = row->size};
    snprintf(o->name, sizeof o->name, "%s", row->label);
    ss_status_t status = place_look(d, o, err);
    if (status != SS_OK || (o->state == PLACE_ERASED && !d->expects))
        return status;
    form(d, o, ids, SS_DOCTOR_RISK);
    return SS_OK;
}
