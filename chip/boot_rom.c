// SPDX-License-Identifier: Apache-2.0
// The mask ROM: from reset to the entry of the second stage.
#include <string.h>

#include "chip/boot_parts.h"
#include "core/bytes.h"
#include "core/image_parts.h"
#include "core/memory_map.h"
#include "slotseal/secure_boot_v1.h"

#define CHIP_ID 0
/// The ROM says so this often before the watchdog bites.
#define INVALID_HEADERS 4

static bool is_rev3(const struct ss_boot *b)
{
    return b->chip->apb_date_bit31;
}

static void say_reset(struct ss_boot *b)
{
    static const char *const reasons[] = {"0x1 (POWERON_RESET)", "0x3 (SW_RESET)", "0x10 (RTCWDT_RTC_RESET)"};
    ss_boot_say(b, "%s", is_rev3(b) ? "ets Jul 29 2019 12:21:46" : "ets Jun  8 2016 00:22:57");
    ss_boot_say(b, "rst:%s,boot:%s", reasons[b->reset],
                b->chip->in_download ? "0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))"
                                     : "0x13 (SPI_FAST_FLASH_BOOT)");
}

/// BASIC, while it is not disabled; else the watchdog.
static enum ss_cycle_end give_up(struct ss_boot *b)
{
    if (ss_efuse_get_name(b->chip->silicon, "CONSOLE_DEBUG_DISABLE")) {
        ss_boot_say(b, "ets_main.c %d ", is_rev3(b) ? 384 : 371);
        return SS_CYCLE_WATCHDOG;
    }
    ss_boot_say(b, "Falling back to built-in command interpreter.");
    ss_boot_say(b, "OK");
    ss_boot_say(b, ">");
    return SS_CYCLE_HANG;
}

static enum ss_cycle_end bad_header(struct ss_boot *b, const uint8_t *header)
{
    uint32_t word = ss_get_le32(header);
    ss_boot_stage(b, is_rev3(b) ? SS_RULE_ROM_HEADER : SS_RULE_ROM_HEADER_OLD, false,
                  "0x1000 reads as %02x %02x %02x %02x%s, not as e9 …", header[0], header[1], header[2], header[3],
                  ss_chip_encrypts(b->chip) ? " through decryption" : "");
    if (!is_rev3(b)) {
        ss_boot_say(b, "flash read err, 1000");
        return give_up(b);
    }
    for (unsigned i = 0; i < INVALID_HEADERS; i++)
        ss_boot_say(b, "invalid header: 0x%08x", (unsigned)word);
    return SS_CYCLE_WATCHDOG;
}

static void say_header(struct ss_boot *b, const struct ss_image_header *h, bool secure_boot_v2)
{
    static const unsigned dividers[] = {2, 3, 4};
    unsigned divider = h->spi_speed == 15 ? 1 : h->spi_speed < 3 ? dividers[h->spi_speed] : 2;
    const uint8_t *drv = h->spi_pin_drv;
    const char *mode = ss_image_spi_mode_name(h->spi_mode);
    ss_boot_say(b, "configsip: 0, SPIWP:0x%02x", h->wp_pin);
    ss_boot_say(b, "clk_drv:0x%02x,q_drv:0x%02x,d_drv:0x%02x,cs0_drv:0x%02x,hd_drv:0x%02x,wp_drv:0x%02x", drv[0] & 15,
                drv[0] >> 4, drv[1] & 15, drv[1] >> 4, drv[2] & 15, drv[2] >> 4);
    if (secure_boot_v2 || !mode)
        ss_boot_say(b, "mode:%u, clock div:%u", h->spi_mode, divider);
    else
        ss_boot_say(b, "mode:%s, clock div:%u", mode, divider);
}

static bool loadable(uint32_t load, uint32_t len)
{
    enum ss_segment_kind kind = ss_memory_kind(CHIP_ID, load);
    bool memory = kind == SS_SEGMENT_DRAM || kind == SS_SEGMENT_IRAM || kind == SS_SEGMENT_RTC_FAST ||
                  kind == SS_SEGMENT_RTC_SLOW;
    return len == 0 || (memory && len < SS_IMAGE_MAX_SIZE && ss_memory_kind(CHIP_ID, load + len - 1) == kind);
}

/// Finds the parts of the bootloader. Returns the number of segments that can be loaded, all of them if it is complete.
static unsigned lay_out(struct ss_boot *b)
{
    struct ss_image *image = &b->bootloader;
    uint32_t at = SS_IMAGE_HEADER_SIZE;
    unsigned count = image->header.segment_count, i = 0;
    for (; i < count && i < SS_IMAGE_MAX_SEGMENTS; i++) {
        const uint8_t *p = ss_boot_map(b, SS_BOOTLOADER_ADDRESS + at, SS_IMAGE_SEGMENT_HEADER_SIZE);
        if (!p)
            return i;
        image->segments[i].load_addr = ss_get_le32(p);
        image->segments[i].length = ss_get_le32(p + 4);
        image->segments[i].offset = at + SS_IMAGE_SEGMENT_HEADER_SIZE;
        if (!loadable(image->segments[i].load_addr, image->segments[i].length))
            return i;
        at += SS_IMAGE_SEGMENT_HEADER_SIZE + image->segments[i].length;
    }
    uint32_t len = at + 16 + SS_IMAGE_HASH_SIZE;
    const uint8_t *p = ss_boot_map(b, SS_BOOTLOADER_ADDRESS, len);
    if (p && count <= SS_IMAGE_MAX_SEGMENTS)
        ss_image_walk(p, len, image);
    return i;
}

/// Copies the segments. False if the ROM crashes on one.
static bool load(struct ss_boot *b, unsigned can, bool secure_boot_v2)
{
    const struct ss_image *image = &b->bootloader;
    for (unsigned i = 0; i < image->header.segment_count && i < SS_IMAGE_MAX_SEGMENTS && i <= can; i++) {
        const struct ss_image_segment *s = &image->segments[i];
        // The ROM reads 16 bytes at a time, and says so where they cut the header of a segment in two.
        if ((s->offset - SS_IMAGE_SEGMENT_HEADER_SIZE) % 16 == 12 && !secure_boot_v2)
            ss_boot_say(b, "ho 0 tail 12 room 4");
        if (secure_boot_v2)
            ss_boot_say(b, "load:0x%08x len:0x%x", (unsigned)s->load_addr, (unsigned)s->length);
        else
            ss_boot_say(b, "load:0x%08x,len:%u", (unsigned)s->load_addr, (unsigned)s->length);
        if (i == can) {
            ss_boot_stage(b, SS_RULE_ROM_LOAD, false, "segment %u of the bootloader: %u bytes to 0x%08x, no memory", i,
                          (unsigned)s->length, (unsigned)s->load_addr);
            return false;
        }
    }
    if (image->complete)
        return true;
    ss_boot_stage(b, SS_RULE_ROM_LOAD, false, "a bootloader of %u segments that does not end: noise",
                  image->header.segment_count);
    return false;
}

static bool checksum(struct ss_boot *b)
{
    const struct ss_image *image = &b->bootloader;
    const uint8_t *p = ss_boot_map(b, SS_BOOTLOADER_ADDRESS, image->image_len);
    if (!p)
        return false;
    uint8_t computed = ss_image_checksum(p, image), stored = p[image->checksum_offset];
    if (computed != stored)
        ss_boot_say(b, "csum err:0x%02x!=0x%02x", computed, stored);
    ss_boot_stage(b, SS_RULE_ROM_CHECKSUM, computed == stored,
                  "checksum of the bootloader is 0x%02x, stored at 0x%x is 0x%02x", computed,
                  SS_BOOTLOADER_ADDRESS + (unsigned)image->checksum_offset, stored);
    return computed == stored;
}

/// ABS_DONE_0: the digest at address 0.
static bool secure_boot_v1(struct ss_boot *b)
{
    uint8_t digest[SS_SBV1_DIGEST_SIZE], stored[SS_SBV1_IV_SIZE + SS_SBV1_DIGEST_SIZE];
    if (!ss_efuse_get_name(b->chip->silicon, "ABS_DONE_0") || !ss_boot_key_known(b, 2, SS_RULE_ROM_SECURE_BOOT_V1))
        return true;
    const uint8_t *p = ss_boot_map(b, 0, sizeof stored);
    if (!p)
        return false;
    memcpy(stored, p, sizeof stored);
    if (!ss_boot_bootloader_digest(b, SS_RULE_ROM_SECURE_BOOT_V1, b->bootloader.checksum_offset, stored, digest))
        return b->status == SS_OK;
    bool same = !memcmp(digest, stored + SS_SBV1_IV_SIZE, sizeof digest);
    if (!same)
        ss_boot_say(b, "secure boot check fail");
    ss_boot_stage(b, SS_RULE_ROM_SECURE_BOOT_V1, same,
                  same ? "the digest at 0x80 is that of the bootloader"
                       : "the digest at 0x80 is not that of IV, bootloader and the key in BLOCK2");
    return same;
}

/// ABS_DONE_1, from revision 3 on: the signature behind the bootloader, checked before anything is loaded.
static bool secure_boot_v2(struct ss_boot *b)
{
    uint8_t trusted[32];
    uint32_t padded =
        (b->bootloader.image_len + SS_IMAGE_V2_SECTOR_SIZE - 1) / SS_IMAGE_V2_SECTOR_SIZE * SS_IMAGE_V2_SECTOR_SIZE;
    ss_boot_say(b, "secure boot v2 enabled");
    // An image that does not end has no signature either: what is hashed then does not matter.
    const uint8_t *p = ss_boot_map(b, SS_BOOTLOADER_ADDRESS, padded + SS_IMAGE_V2_SECTOR_SIZE);
    if (!p)
        return false;
    ss_boot_trusted_digest(b, trusted);
    enum ss_boot_v2 verdict = ss_boot_verify_v2(b, p, padded, trusted);
    if (b->status != SS_OK)
        return false;
    bool ok = verdict == SS_BOOT_V2_OK;
    ss_boot_say(b, "secure boot verification %s", ok ? "succeeded" : "failed");
    bool seen = ok || verdict == SS_BOOT_V2_OTHER_KEY;
    ss_boot_stage(b, seen ? SS_RULE_ROM_SECURE_BOOT_V2 : SS_RULE_ROM_SECURE_BOOT_V2_BLOCK, ok, "bootloader: %s",
                  ss_boot_v2_reason(verdict));
    return ok;
}

static enum ss_cycle_end load_and_enter(struct ss_boot *b)
{
    bool v2 = is_rev3(b) && ss_efuse_get_name(b->chip->silicon, "ABS_DONE_1");
    unsigned can = lay_out(b);
    say_header(b, &b->bootloader.header, v2);
    if ((v2 && !secure_boot_v2(b)) || !load(b, can, v2))
        return SS_CYCLE_WATCHDOG;
    if (!checksum(b) || !secure_boot_v1(b))
        return b->status == SS_OK ? give_up(b) : SS_CYCLE_FAILED;
    ss_boot_say(b, "entry 0x%08x", (unsigned)b->bootloader.header.entry);
    b->result->outcome = SS_OUTCOME_BOOTLOADER;
    return ss_boot_second_stage(b);
}

enum ss_cycle_end ss_boot_rom(struct ss_boot *b)
{
    say_reset(b);
    if (b->chip->in_download) {
        ss_boot_say(b, "waiting for download");
        ss_boot_stage(b, SS_RULE_STRAP, true, "GPIO0 is low: the mask ROM's loader waits");
        return SS_CYCLE_DOWNLOAD;
    }
    if (ss_chip_encrypts(b->chip) && !ss_boot_key_known(b, 1, SS_RULE_FLASH_KEY))
        return SS_CYCLE_UNKNOWN;
    const uint8_t *header = ss_boot_map(b, SS_BOOTLOADER_ADDRESS, SS_IMAGE_HEADER_SIZE);
    if (!header)
        return SS_CYCLE_FAILED;
    memset(&b->bootloader, 0, sizeof b->bootloader);
    ss_image_header_parse(header, &b->bootloader.header);
    if (b->bootloader.header.magic != SS_IMAGE_MAGIC)
        return bad_header(b, header);
    ss_boot_stage(b, is_rev3(b) ? SS_RULE_ROM_HEADER : SS_RULE_ROM_HEADER_OLD, true, "an image begins at 0x1000");
    return load_and_enter(b);
}
