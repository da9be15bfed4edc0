// SPDX-License-Identifier: Apache-2.0
// What the files of the boot chain share.
#ifndef SS_CHIP_BOOT_PARTS_H
#define SS_CHIP_BOOT_PARTS_H

#include "chip/boot.h"
#include "core/crypto.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/image.h"
#include "slotseal/otadata.h"
#include "slotseal/partition_table.h"

#define SS_BOOTLOADER_ADDRESS 0x1000u
/// The bootloader maps up to 50 pages of 64 KiB at once.
#define SS_BOOT_MAP_MAX 0x320000u

/// Error numbers that ESP-IDF prints (esp_err.h, esp_image_format.h).
enum {
    SS_ESP_OK = 0,
    SS_ESP_FAIL = -1,
    SS_ESP_INVALID_STATE = 0x103,
    SS_ESP_NOT_FOUND = 0x105,
    SS_ESP_NOT_SUPPORTED = 0x106,
    SS_ESP_IMAGE_INVALID = 0x2002,
};

/// Rules in the order of the table in boot_rules.c.
enum ss_boot_rule_id {
    SS_RULE_STRAP,
    SS_RULE_FLASH_KEY,
    SS_RULE_ROM_HEADER,
    SS_RULE_ROM_HEADER_OLD,
    SS_RULE_ROM_LOAD,
    SS_RULE_ROM_CHECKSUM,
    SS_RULE_ROM_SECURE_BOOT_V1,
    SS_RULE_ROM_SECURE_BOOT_V2,
    SS_RULE_ROM_SECURE_BOOT_V2_BLOCK, ///< the ways to be refused that were not seen of a bootloader
    SS_RULE_BOOTLOADER_CHIP,
    SS_RULE_TABLE,
    SS_RULE_OTADATA,
    SS_RULE_ROLLBACK,
    SS_RULE_SECURE_VERSION,
    SS_RULE_IMAGE,
    SS_RULE_LOAD_ADDRESS,
    SS_RULE_SIGNATURE,
    SS_RULE_SIGNATURE_V2,
    SS_RULE_OTADATA_REPAIR,
    SS_RULE_DIGEST,
    SS_RULE_ENCRYPTION,
    SS_RULE_ENCRYPT_INIT,
    SS_RULE_ENCRYPT_CONTENTS,
    SS_RULE_ENCRYPT_ENABLE,
    SS_RULE_SECURE_BOOT_ENABLE,
    SS_RULE_SECURE_BOOT_V2_ENABLE,
    SS_RULE_NO_APP,
    SS_RULE_APP,
    SS_RULES,
};

/// How a cycle from reset to reset ended.
enum ss_cycle_end {
    SS_CYCLE_APP,
    SS_CYCLE_RESET,    ///< by software
    SS_CYCLE_WATCHDOG, ///< by the RTC watchdog
    SS_CYCLE_HANG,     ///< it stays as it is
    SS_CYCLE_DOWNLOAD,
    SS_CYCLE_UNKNOWN, ///< nothing can be said from here on
    SS_CYCLE_FAILED,  ///< ss_boot.status says why
};

enum ss_reset {
    SS_RESET_POWER_ON,
    SS_RESET_SOFTWARE,
    SS_RESET_WATCHDOG,
};

struct ss_boot {
    struct ss_vchip *chip;
    const struct ss_boot_profile *profile;
    struct ss_boot_result *result;
    ss_boot_line_fn line;
    void *context;
    struct ss_error *err;
    ss_status_t status; ///< a library below failed: the boot cannot be followed any further
    enum ss_reset reset;
    unsigned cycle;
    bool unchecked;     ///< something could not be checked and was taken as passed
    uint8_t *view;      ///< the beginning of the address space as the cache shows it, as far as it was looked at
    uint32_t view_size; ///< bytes
    uint8_t filled[SS_FLASH_CIPHER_SIZE / SS_FLASH_SECTOR]; ///< which sectors of it are valid
    struct ss_image bootloader;                             ///< as the mask ROM loaded it
    uint32_t flash_size;                                    ///< by the bootloader's header
    struct ss_partition_table table;
};

/// An app or bootloader image as the second stage finds it.
struct ss_boot_image {
    uint32_t address;
    uint32_t len; ///< through checksum and hash; with V2 signatures checked through the signature sector
    struct ss_image_header header;
};

// boot_log.c
/// A line of the mask ROM.
void ss_boot_say(struct ss_boot *b, const char *format, ...) SS_PRINTF(2, 3);
/// A line of ESP-IDF's log: level E, W or I, and tag.
void ss_boot_log(struct ss_boot *b, char level, const char *tag, const char *format, ...) SS_PRINTF(4, 5);
void ss_boot_stage(struct ss_boot *b, enum ss_boot_rule_id rule, bool ok, const char *format, ...) SS_PRINTF(4, 5);
/// A stage that cannot be checked.
void ss_boot_unknown(struct ss_boot *b, enum ss_boot_rule_id rule, const char *format, ...) SS_PRINTF(3, 4);

// boot_view.c
/// @p len bytes from @p address as the cache shows them; valid until the next call or until something is written. NULL
/// beyond the 16 MiB, or with b->status set.
const uint8_t *ss_boot_map(struct ss_boot *b, uint32_t address, uint32_t len);
/// After a reset: nothing is cached. At the end: wiped and freed.
void ss_boot_forget_all(struct ss_boot *b);
void ss_boot_end_view(struct ss_boot *b);
/// Erases the sector of @p address and writes @p len bytes there, encrypting if @p encrypted. False with b->status set.
bool ss_boot_rewrite(struct ss_boot *b, uint32_t address, const uint8_t *data, uint32_t len, bool encrypted);
void ss_boot_erase(struct ss_boot *b, uint32_t address);
bool ss_boot_write(struct ss_boot *b, uint32_t address, const uint8_t *data, uint32_t len, bool encrypted);
/// False with b->status set.
bool ss_boot_hash(struct ss_boot *b, enum ss_hash_alg alg, const uint8_t *p, size_t len, uint8_t *out);
/// False if the key in @p block is not known, or its check bytes disagree: recorded as not checkable under @p rule.
bool ss_boot_key_known(struct ss_boot *b, unsigned block, enum ss_boot_rule_id rule);
/// Secure boot V1's digest of the bootloader in flash, whose checksum is at @p checksum_offset, with the key of BLOCK2,
/// which has to be known. False with b->status set, or with an image that no rule covers: recorded under @p rule.
bool ss_boot_bootloader_digest(struct ss_boot *b, enum ss_boot_rule_id rule, uint32_t checksum_offset,
                               const uint8_t iv[128], uint8_t digest[64]);

// boot_rom.c
enum ss_cycle_end ss_boot_rom(struct ss_boot *b);

// boot_second.c, boot_table.c, boot_select.c, boot_image.c, boot_signature.c
enum ss_cycle_end ss_boot_second_stage(struct ss_boot *b);
bool ss_boot_table_load(struct ss_boot *b);
/// False: the bootloader resets. Performs what is written back before loading.
bool ss_boot_select(struct ss_boot *b, struct ss_boot_choice *choice);
/// True if the secure version of the app at @p row may be started.
bool ss_boot_secure_version_ok(struct ss_boot *b, const struct ss_partition *row);
void ss_boot_raise_secure_version(struct ss_boot *b, const struct ss_partition *row);
bool ss_boot_write_otadata(struct ss_boot *b, unsigned copy, const struct ss_otadata_record *record);
/// Loads (@p load) or only verifies an image of at most @p space bytes, with all that is logged on the way.
bool ss_boot_image_check(struct ss_boot *b, uint32_t address, uint32_t space, bool load, struct ss_boot_image *image);
/// The bootloader's own image, as far as it checks it. For V1 and without secure boot: no hash, no signature.
bool ss_boot_bootloader_check(struct ss_boot *b, struct ss_boot_image *image);
/// Chip id and revision of a header, as far as the release checks them; @p kind "bootloader" or "application".
bool ss_boot_chip_ok(struct ss_boot *b, const struct ss_image_header *header, const char *kind);
bool ss_boot_signature_ok(struct ss_boot *b, struct ss_boot_image *image);

/// What came of verifying a V2 signature.
enum ss_boot_v2 {
    SS_BOOT_V2_OK,
    SS_BOOT_V2_NO_BLOCK,
    SS_BOOT_V2_DAMAGED,
    SS_BOOT_V2_OTHER_IMAGE,
    SS_BOOT_V2_OTHER_KEY,
    SS_BOOT_V2_INVALID,
};
/// Verifies the sector behind @p padded bytes of @p image with the key that it names, whose digest has to be @p trusted
/// (NULL: any). Says what the mask ROM's function says.
enum ss_boot_v2 ss_boot_verify_v2(struct ss_boot *b, const uint8_t *image, uint32_t padded, const uint8_t *trusted);
const char *ss_boot_v2_reason(enum ss_boot_v2 verdict);
/// BLOCK2 as software reads it; false if it is empty.
bool ss_boot_trusted_digest(const struct ss_boot *b, uint8_t digest[32]);

// boot_burn.c
/// A field as software reads it; any bit of a mask of BLOCK0's first word; whether all of a block reads as zero.
uint32_t ss_boot_efuse(const struct ss_boot *b, const char *name);
bool ss_boot_efuse_bit(const struct ss_boot *b, uint32_t mask);
bool ss_boot_block_reads_empty(const struct ss_boot *b, unsigned block);
/// Burns @p bits and reads the eFuses again.
void ss_boot_burn(struct ss_boot *b, const struct ss_efuse *bits);
/// The same as v4.4 and later do it: block by block, verified, up to three times each. False if bits are missing.
bool ss_boot_burn_checked(struct ss_boot *b, const struct ss_efuse *bits);
/// A random key for @p block, coded, to be burned. False with b->status set.
bool ss_boot_random_key(struct ss_boot *b, unsigned block, struct ss_efuse *bits);
/// Adds the bits that disable JTAG and BASIC, or those of download mode, unless the profile allows them.
void ss_boot_disable_debug(struct ss_boot *b, struct ss_efuse *bits, const char *tag);
void ss_boot_disable_download(struct ss_boot *b, struct ss_efuse *bits, const char *tag);

// boot_secure_v1.c, boot_encrypt.c: what ESP-IDF's functions return, SS_ESP_…, or that the model cannot say.
#define SS_BOOT_NOT_KNOWN 1
int ss_boot_generate_digest(struct ss_boot *b);
int ss_boot_secure_v1_enable(struct ss_boot *b);
/// Both in one, as v3.2 does it.
int ss_boot_secure_v1_old(struct ss_boot *b);
int ss_boot_secure_v2_enable(struct ss_boot *b, const struct ss_boot_image *app);
/// Encrypts flash if that is still to be done.
int ss_boot_encrypt_if_needed(struct ss_boot *b);

/// The second stage as of v4.4 and later.
static inline bool ss_boot_is_modern(const struct ss_boot *b)
{
    return b->profile->idf >= SS_IDF_4_4;
}

#endif
