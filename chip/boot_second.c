// SPDX-License-Identifier: Apache-2.0
// The second stage from its entry to the start of an app: ESP-IDF bootloader_init.c, bootloader_start.c,
// bootloader_utility.c.
#include <string.h>

#include "chip/boot_parts.h"

#define CHIP_ID 0
#define MIB     (1u << 20)

enum attempt {
    ATTEMPT_FAILED, ///< the next slot is tried
    ATTEMPT_STARTED,
    ATTEMPT_RESETS,
    ATTEMPT_ABORTS,
    ATTEMPT_UNKNOWN,
};

static unsigned revision(const struct ss_boot *b)
{
    return ss_efuse_revision(&b->chip->efuse.window, b->chip->apb_date_bit31);
}

/// What the header's size code means to the bootloader: 2 MB for codes that it does not know.
static uint32_t flash_size(const struct ss_image_header *h)
{
    return h->spi_size <= 4 ? MIB << h->spi_size : 2 * MIB;
}

static const char *tag_of_flash(const struct ss_boot *b)
{
    return ss_boot_is_modern(b) ? "boot.esp32" : "boot";
}

static void say_flash(struct ss_boot *b, const struct ss_image_header *h)
{
    static const char *const modes[] = {"QIO", "QOUT", "DIO", "DOUT", "FAST READ", "SLOW READ"};
    const char *speed = h->spi_speed == 15  ? "80MHz"
                        : h->spi_speed == 0 ? "40MHz"
                        : h->spi_speed == 1 ? "26.7MHz"
                                            : "20MHz";
    ss_boot_log(b, 'I', tag_of_flash(b), "SPI Speed      : %s", speed);
    ss_boot_log(b, 'I', tag_of_flash(b), "SPI Mode       : %s", modes[h->spi_mode < 6 ? h->spi_mode : 5]);
    ss_boot_log(b, 'I', tag_of_flash(b), "SPI Flash Size : %uMB", (unsigned)(flash_size(h) / MIB));
}

static void say_banner(struct ss_boot *b)
{
    ss_boot_log(b, 'I', "boot", "ESP-IDF %s 2nd stage bootloader", b->profile->idf_version);
    ss_boot_log(b, 'I', "boot", "compile time %s", b->profile->compile_time);
}

static void say_watchdog(struct ss_boot *b)
{
    static const char *const cpus[] = {"PRO", "APP"};
    if (b->reset != SS_RESET_WATCHDOG)
        return;
    for (unsigned i = 0; i < 2; i++)
        ss_boot_log(b, 'W', "boot", "%s CPU has been reset by WDT.", cpus[i]);
    for (unsigned i = 0; i < 2; i++)
        ss_boot_log(b, 'W', "boot", "WDT reset info: %s CPU PC=0x(PC)", cpus[i]);
}

bool ss_boot_chip_ok(struct ss_boot *b, const struct ss_image_header *h, const char *kind)
{
    unsigned rev = revision(b);
    bool ok = true;
    if (b->profile->idf < SS_IDF_4_0)
        return true;
    if (h->chip_id != CHIP_ID) {
        ss_boot_log(b, 'E', "boot_comm", "mismatch chip ID, expected %u, found %u", CHIP_ID, h->chip_id);
        ok = false;
    }
    if (!ss_boot_is_modern(b)) {
        if (rev / 100 < h->min_chip_rev) {
            ss_boot_log(b, 'E', "boot_comm", "can't run on lower chip revision, expected %u, found %u", rev / 100,
                        h->min_chip_rev);
            ok = false;
        } else if (rev / 100 != h->min_chip_rev) {
            ss_boot_log(b, 'I', "boot_comm", "chip revision: %u, min. %s chip revision: %u", rev / 100, kind,
                        h->min_chip_rev);
        }
        return ok;
    }
    unsigned min = h->min_chip_rev_full, max = h->max_chip_rev_full;
    if (rev < min) {
        ss_boot_log(b, 'E', "boot_comm", "Image requires chip rev >= v%u.%u, but chip is v%u.%u", min / 100, min % 100,
                    rev / 100, rev % 100);
        ok = false;
    }
    // Only for images, and only where a limit is set: 0 and 65535 are none.
    if (*kind == 'a' && max != 0 && max != 65535 && rev > max) {
        ss_boot_log(b, 'E', "boot_comm", "Image requires chip rev <= v%u.%u, but chip is v%u.%u", max / 100, max % 100,
                    rev / 100, rev % 100);
        ok = false;
    }
    return ok;
}

static bool check_own_header(struct ss_boot *b)
{
    const struct ss_image_header *h = &b->bootloader.header;
    bool ok = ss_boot_chip_ok(b, h, "bootloader");
    ss_boot_stage(b, SS_RULE_BOOTLOADER_CHIP, ok,
                  ok ? "the bootloader suits chip and revision v%u.%u"
                     : "the bootloader is not for this chip, revision v%u.%u",
                  revision(b) / 100, revision(b) % 100);
    return ok;
}

static bool start_modern(struct ss_boot *b)
{
    say_banner(b);
    ss_boot_log(b, b->profile->unicore ? 'W' : 'I', "boot", "%s bootloader",
                b->profile->unicore ? "Unicore" : "Multicore");
    ss_boot_log(b, 'I', "boot", "chip revision: v%u.%u", revision(b) / 100, revision(b) % 100);
    if (!check_own_header(b))
        return false;
    say_flash(b, &b->bootloader.header);
    say_watchdog(b);
    ss_boot_log(b, 'I', "boot", "Enabling RNG early entropy source...");
    return true;
}

static bool start(struct ss_boot *b)
{
    b->flash_size = flash_size(&b->bootloader.header);
    if (ss_boot_is_modern(b))
        return start_modern(b);
    if (b->profile->idf >= SS_IDF_4_0) {
        ss_boot_log(b, 'I', "boot", "Chip Revision: %u", revision(b) / 100);
        if (!check_own_header(b))
            return false;
    }
    say_watchdog(b);
    say_banner(b);
    ss_boot_log(b, 'I', "boot", "Enabling RNG early entropy source...");
    say_flash(b, &b->bootloader.header);
    return true;
}

static const struct ss_partition *target_row(const struct ss_boot *b, int target)
{
    const struct ss_partition *row = NULL, *found = NULL;
    uint8_t subtype = target == SS_BOOT_FACTORY ? SS_PARTITION_APP_FACTORY
                      : target == SS_BOOT_TEST  ? SS_PARTITION_APP_TEST
                                                : (uint8_t)(SS_PARTITION_APP_OTA_0 + target);
    // Of rows that say the same the bootloader keeps the last.
    for (size_t i = 0; (row = ss_table_find_type(&b->table, SS_PARTITION_APP, subtype, i));
         i = (size_t)(row - b->table.rows) + 1)
        found = row;
    return found && found->size ? found : NULL;
}

static void note_app(struct ss_boot *b, int target, const struct ss_boot_image *image)
{
    struct ss_boot_result *r = b->result;
    struct ss_app_desc desc;
    r->slot = target;
    r->address = image->address;
    r->length = image->len;
    const uint8_t *p = ss_boot_map(b, image->address + SS_DESC_OFFSET, SS_APP_DESC_SIZE);
    if (!p || ss_app_desc_parse(p, SS_APP_DESC_SIZE, &desc) != SS_OK)
        return;
    r->has_app = true;
    memcpy(r->project, desc.project_name, sizeof r->project);
    memcpy(r->version, desc.version, sizeof r->version);
}

static enum attempt refused(int err)
{
    return err == SS_BOOT_NOT_KNOWN ? ATTEMPT_UNKNOWN : ATTEMPT_FAILED;
}

static enum attempt encrypt(struct ss_boot *b)
{
    if (!b->profile->flash_encryption)
        return ATTEMPT_STARTED;
    ss_boot_log(b, 'I', "boot", "Checking flash encryption...");
    int err = ss_boot_encrypt_if_needed(b);
    if (err == SS_ESP_OK)
        return ATTEMPT_STARTED;
    // v4.4 and later have said it with what failed.
    if (b->status == SS_OK && err != SS_BOOT_NOT_KNOWN && !ss_boot_is_modern(b))
        ss_boot_log(b, 'E', "boot", "Flash encryption check failed (%d).", err);
    return refused(err);
}

static enum attempt abort_boot(struct ss_boot *b)
{
    ss_boot_say(b, "abort() was called at PC 0x(PC)");
    return ATTEMPT_ABORTS;
}

static enum attempt secure_v1_before(struct ss_boot *b)
{
    int err;
    if (b->profile->idf < SS_IDF_4_0) {
        ss_boot_log(b, 'I', "boot", "Checking secure boot...");
        err = ss_boot_secure_v1_old(b);
        // It goes on all the same.
        if (err != SS_ESP_OK && err != SS_BOOT_NOT_KNOWN && b->status == SS_OK)
            ss_boot_log(b, 'E', "boot", "Bootloader digest generation failed (%d). SECURE BOOT IS NOT ENABLED.", err);
        return err == SS_BOOT_NOT_KNOWN ? ATTEMPT_UNKNOWN : ATTEMPT_STARTED;
    }
    err = ss_boot_generate_digest(b);
    if (err == SS_ESP_OK)
        return ATTEMPT_STARTED;
    if (err != SS_BOOT_NOT_KNOWN && b->status == SS_OK)
        ss_boot_log(b, 'E', "boot", "Bootloader digest generation for secure boot failed (%d).", err);
    return refused(err);
}

static enum attempt secure_v2(struct ss_boot *b, const struct ss_boot_image *image)
{
    int err = ss_boot_secure_v2_enable(b, image);
    if (err == SS_ESP_OK)
        return ATTEMPT_STARTED;
    if (b->status == SS_OK)
        ss_boot_log(b, 'E', "boot", "Secure Boot v2 failed (%d)", err);
    return ATTEMPT_FAILED;
}

static enum attempt secure_v1_after(struct ss_boot *b)
{
    ss_boot_log(b, 'I', "boot", "Checking secure boot...");
    int err = ss_boot_secure_v1_enable(b);
    if (err == SS_ESP_OK)
        return ATTEMPT_STARTED;
    ss_boot_log(b, 'E', "boot", "FAILED TO ENABLE SECURE BOOT (%d).", err);
    return abort_boot(b);
}

/// What comes between a loaded app and its start: load_image() of ESP-IDF. Nothing here is done twice; each step sees
/// in the eFuses how far an earlier boot has come.
static enum attempt start_app(struct ss_boot *b, int target, const struct ss_boot_image *image)
{
    bool v1 = b->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V1, was_encrypted = ss_chip_encrypts(b->chip);
    enum attempt attempt = v1 ? secure_v1_before(b) : ATTEMPT_STARTED;
    if (b->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V2)
        attempt = secure_v2(b, image);
    if (attempt == ATTEMPT_STARTED && b->status == SS_OK)
        attempt = encrypt(b);
    if (attempt == ATTEMPT_STARTED && b->status == SS_OK && v1 && b->profile->idf >= SS_IDF_4_0)
        attempt = secure_v1_after(b);
    if (attempt != ATTEMPT_STARTED || b->status != SS_OK)
        return attempt;
    if (!was_encrypted && ss_chip_encrypts(b->chip)) {
        ss_boot_log(b, 'I', "boot", "Resetting with flash encryption enabled...");
        return ATTEMPT_RESETS;
    }
    ss_boot_log(b, 'I', "boot", "Disabling RNG early entropy source...");
    note_app(b, target, image);
    ss_boot_stage(b, SS_RULE_APP, true, "the app at 0x%x is started", (unsigned)image->address);
    return ATTEMPT_STARTED;
}

static void repair_otadata(struct ss_boot *b, const struct ss_boot_choice *choice, int target)
{
    struct ss_otadata_record record;
    if (!choice->repairs || target < 0 || b->profile->idf < SS_IDF_3_3)
        return;
    ss_boot_repair_record((unsigned)target, &record);
    if (!ss_boot_write_otadata(b, 0, &record))
        return;
    ss_boot_log(b, 'I', "boot", "Set actual ota_seq=%u in otadata[0]", (unsigned)record.seq);
    ss_boot_stage(b, SS_RULE_OTADATA_REPAIR, true, "otadata was blank and now selects slot %d", target);
    if (b->profile->anti_rollback)
        ss_boot_raise_secure_version(b, target_row(b, target));
}

static enum attempt try_target(struct ss_boot *b, const struct ss_boot_choice *choice, int target)
{
    struct ss_boot_image image;
    const struct ss_partition *row = target_row(b, target);
    if (!row)
        return ATTEMPT_FAILED;
    // The first releases look at the secure version of OTA slots and factory only.
    bool loaded = (target == SS_BOOT_TEST && !ss_boot_is_modern(b)) || ss_boot_secure_version_ok(b, row);
    loaded = loaded && b->status == SS_OK && ss_boot_image_check(b, row->offset, row->size, true, &image);
    if (loaded) {
        ss_boot_log(b, 'I', "boot", "Loaded app from partition at offset 0x%x", (unsigned)row->offset);
        if (target == SS_BOOT_TEST)
            ss_boot_log(b, 'W', "boot", "Falling back to test app as only bootable partition");
        repair_otadata(b, choice, target);
        enum attempt attempt = b->status == SS_OK ? start_app(b, target, &image) : ATTEMPT_FAILED;
        if (attempt != ATTEMPT_FAILED)
            return attempt;
    }
    if (b->status == SS_OK && target == SS_BOOT_FACTORY)
        ss_boot_log(b, 'E', "boot", "Factory app partition is not bootable");
    else if (b->status == SS_OK && target >= 0)
        ss_boot_log(b, 'E', "boot", "OTA app partition slot %d is not bootable", target);
    return ATTEMPT_FAILED;
}

enum ss_cycle_end ss_boot_second_stage(struct ss_boot *b)
{
    struct ss_boot_choice choice;
    if (!start(b))
        return SS_CYCLE_RESET;
    if (!ss_boot_table_load(b)) {
        if (b->status == SS_OK)
            ss_boot_log(b, 'E', "boot", "load partition table error!");
        return SS_CYCLE_RESET;
    }
    if (!ss_boot_select(b, &choice))
        return SS_CYCLE_RESET;
    for (size_t i = 0; i < choice.order_count && b->status == SS_OK; i++) {
        enum attempt attempt = try_target(b, &choice, choice.order[i]);
        static const enum ss_cycle_end ends[] = {[ATTEMPT_STARTED] = SS_CYCLE_APP,
                                                 [ATTEMPT_RESETS] = SS_CYCLE_RESET,
                                                 [ATTEMPT_ABORTS] = SS_CYCLE_WATCHDOG,
                                                 [ATTEMPT_UNKNOWN] = SS_CYCLE_UNKNOWN};
        if (attempt != ATTEMPT_FAILED)
            return ends[attempt];
    }
    if (b->status != SS_OK)
        return SS_CYCLE_FAILED;
    ss_boot_log(b, 'E', "boot", "No bootable app partitions in the partition table");
    ss_boot_stage(b, SS_RULE_NO_APP, false, "no partition holds an app that can be started");
    return SS_CYCLE_RESET;
}
