// SPDX-License-Identifier: Apache-2.0
// Application and bootloader images: what they hold, and why one would not boot.
//
// The format is that of ESP-IDF's docs, "App Image Format", and of esptool's docs, "Firmware Image Format". Checks,
// their order and the words of their findings are those of ESP-IDF's second-stage bootloader (v4.0.1,
// components/bootloader_support/src/esp_image_format.c) and, for bootloader images, of the ESP32's mask ROM.
//
//      0        24       32                                        checksum_offset     image_len
//      +--------+--------+----------+--------+----------+   +------+----+-----------+  +-----------------------------+
//      | header | seg. 0 | data     | seg. 1 | data     |   | zero |XOR | SHA-256   |  | V1: 68 bytes at image_len   |
//      |        | header | 4n bytes | header |          | … | pad  |    | optional  |  | V2: 4096 at the next 4 KiB  |
//      +--------+--------+----------+--------+----------+   +------+----+-----------+  +-----------------------------+
//                                                           up to a multiple of 16
#ifndef SLOTSEAL_IMAGE_H
#define SLOTSEAL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/app_desc.h"
#include "slotseal/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SS_IMAGE_MAGIC               0xE9
#define SS_IMAGE_HEADER_SIZE         24
#define SS_IMAGE_SEGMENT_HEADER_SIZE 8
#define SS_IMAGE_HASH_SIZE           32
#define SS_IMAGE_MAX_SEGMENTS        16
/// The bootloader refuses partitions, and segments, of more than 16 MiB.
#define SS_IMAGE_MAX_SIZE 0x1000000u
/// Unit of the flash cache's memory management unit: app partitions are aligned to it.
#define SS_IMAGE_MMU_PAGE 0x10000u
/// Secure boot V1: u32 version 0, then r‖s of ECDSA P-256. ESP-IDF docs, "Secure Boot".
#define SS_IMAGE_V1_SIGNATURE_SIZE 68
/// What a V1 signature leaves free at the end of the last MMU page of a secure-padded image (elf2image --secure-pad).
#define SS_IMAGE_V1_FILLER 12
/// Secure boot V2: a sector of up to three blocks. ESP-IDF docs, "Secure Boot V2".
#define SS_IMAGE_V2_SECTOR_SIZE 4096
#define SS_IMAGE_V2_BLOCK_SIZE  1216
#define SS_IMAGE_V2_MAX_BLOCKS  3

/// The 24 bytes at the start of an image (esp_image_header_t), little endian:
///
///      0     1     2     3          4           8      9          12        14       15       17       19       23 24
///      +-----+-----+-----+----------+-----------+------+----------+---------+--------+--------+--------+--------+----+
///      | E9  |seg- |SPI  |size |speed| entry    | WP   | SPI pin  | chip id | min rev| min rev| max rev|reserved|hash|
///      |     |ments|mode |7..4 |3..0 | address  | pin  | drive    |  u16    | old, u8| full   | full   |        |0/1 |
///      +-----+-----+-----+----------+-----------+------+----------+---------+--------+--------+--------+--------+----+
struct ss_image_header {
    uint8_t magic;         ///< SS_IMAGE_MAGIC
    uint8_t segment_count; ///< 0–16, padding segments included
    uint8_t spi_mode;      ///< 0 QIO, 1 QOUT, 2 DIO, 3 DOUT, 4 FAST_READ, 5 SLOW_READ
    uint8_t spi_speed;     ///< code, 4 bits: ss_image_flash_mhz()
    uint8_t spi_size;      ///< code, 4 bits: ss_image_flash_size()
    uint32_t entry;        ///< address of the first instruction
    uint8_t wp_pin;        ///< 0xEE = not used
    uint8_t spi_pin_drv[3];
    uint16_t chip_id;           ///< 0 ESP32, 2 ESP32-S2, 5 ESP32-C3, 9 ESP32-S3, …
    uint8_t min_chip_rev;       ///< old form: ESP32 revision 0–3
    uint16_t min_chip_rev_full; ///< major × 100 + minor; 0 before ESP-IDF v4.3
    uint16_t max_chip_rev_full; ///< as above; 0 and 65535 = no limit
    uint8_t hash_appended;      ///< not 0: a SHA-256 follows the checksum
};

/// Reads the fields of a header; checks nothing.
void ss_image_header_parse(const uint8_t in[SS_IMAGE_HEADER_SIZE], struct ss_image_header *out);

/// Where a segment goes. Decided by its load address and the chip id; an unknown chip has only PADDING and OTHER.
enum ss_segment_kind {
    SS_SEGMENT_PADDING,  ///< address 0: fills the file, not loaded
    SS_SEGMENT_RESERVED, ///< address below 0x10000000: not loaded either
    SS_SEGMENT_DROM,     ///< read-only data, mapped from flash
    SS_SEGMENT_IROM,     ///< code, mapped from flash
    SS_SEGMENT_FLASH,    ///< mapped from flash, on chips with one address range for code and data
    SS_SEGMENT_DRAM,
    SS_SEGMENT_IRAM,
    SS_SEGMENT_RAM,      ///< on chips with one address range for code and data
    SS_SEGMENT_RTC_FAST, ///< skipped when waking from deep sleep, as is the next
    SS_SEGMENT_RTC_SLOW,
    SS_SEGMENT_OTHER, ///< not an address that anything can be loaded to
};

struct ss_image_segment {
    uint32_t load_addr;
    uint32_t length; ///< bytes of data
    uint32_t offset; ///< of the data (not its header) in the image
    enum ss_segment_kind kind;
    bool mapped; ///< read through the cache: flash address and load address must agree modulo the MMU page
};

enum ss_image_kind {
    SS_IMAGE_KIND_AUTO, ///< for the context: bootloader if nothing is mapped and there is no application descriptor
    SS_IMAGE_KIND_APP,
    SS_IMAGE_KIND_BOOTLOADER,
};

/// Where the image is meant to run. Start from SS_IMAGE_CONTEXT_DEFAULT.
struct ss_image_context {
    enum ss_image_kind kind;
    uint32_t flash_address; ///< of the first byte of the image; default 0x10000
    uint32_t space;         ///< bytes from there to the end of the partition; default 0 = the 16 MiB of any partition
    int32_t chip_id;        ///< as in the header; default −1 = not checked
    int32_t chip_rev;       ///< revision of the chip, major × 100 + minor (300 = v3.0); default −1 = not checked
};
#define SS_IMAGE_CONTEXT_DEFAULT                                                                                       \
    {                                                                                                                  \
        .kind = SS_IMAGE_KIND_AUTO, .flash_address = 0x10000, .space = 0, .chip_id = -1, .chip_rev = -1                \
    }

/// One thing that is wrong with an image. What the bootloader prints about it: ss_image_finding_tag() and _text().
enum ss_image_finding_code {
    // The bootloader says these, in this order.
    SS_IMAGE_BAD_MAGIC,         ///< fatal
    SS_IMAGE_WRONG_CHIP,        ///< fatal; found = chip id in the header, limit = the chip's
    SS_IMAGE_CHIP_TOO_OLD,      ///< fatal; found = revision wanted, limit = the chip's, old form (0–3)
    SS_IMAGE_CHIP_TOO_OLD_FULL, ///< fatal; same in the full form, ESP-IDF ≥ v4.4
    SS_IMAGE_CHIP_TOO_NEW_FULL, ///< fatal; found = highest revision allowed, ESP-IDF ≥ v4.4
    SS_IMAGE_SPI_MODE,          ///< warning; found = code
    SS_IMAGE_SPI_SIZE,          ///< warning; found = code
    SS_IMAGE_TOO_MANY_SEGMENTS, ///< fatal; found = count
    SS_IMAGE_SEGMENT_LENGTH,    ///< fatal; found = length: not a multiple of 4, or 16 MiB or more
    SS_IMAGE_SEGMENT_MAPPING,   ///< fatal; found = load address, limit = flash address of the data
    SS_IMAGE_SEGMENT_TOO_HIGH,  ///< fatal; found = end address, limit = where the bootloader's stack room begins
    SS_IMAGE_SEGMENT_ON_LOADER, ///< fatal; found = load address, limit = end address; on the bootloader's own code
    SS_IMAGE_SEGMENT_ADDRESS,   ///< fatal; found = load address, limit = end address; no memory there (ESP32 only)
    SS_IMAGE_CHECKSUM,          ///< fatal; found = computed, limit = stored
    SS_IMAGE_TOO_BIG,           ///< fatal; found = length with signature, limit = space
    SS_IMAGE_HASH,              ///< fatal for an app; a warning for a bootloader, whose hash ESP32's ROM does not check
    // The bootloader has no words for these: it never sees the end of the file.
    SS_IMAGE_TRUNCATED,         ///< fatal; found = length of the file, limit = length needed at least
    SS_IMAGE_NO_SEGMENTS,       ///< fatal; the bootloader would jump to what it has not loaded
    SS_IMAGE_HASH_FLAG,         ///< warning; found = hash_appended, neither 0 nor 1
    SS_IMAGE_NOT_SECURE_PADDED, ///< warning; V1-signed app that does not fill its last MMU page (--secure-pad)
    SS_IMAGE_V2_BLOCK,          ///< warning; segment = block, found: 1 CRC wrong, 2 digest is not of this image
    SS_IMAGE_TRAILING,          ///< warning; found = bytes after image, signature and filler, limit = their offset
    SS_IMAGE_FINDING_CODES,
};

struct ss_image_finding {
    enum ss_image_finding_code code;
    bool fatal;      ///< the image does not boot
    uint8_t segment; ///< index, where it is about a segment
    uint32_t found;
    uint32_t limit;
};
#define SS_IMAGE_MAX_FINDINGS 32

enum ss_image_signature {
    SS_IMAGE_UNSIGNED,
    SS_IMAGE_SIGNED_V1, ///< 68 bytes with version 0; not verified here, see slotseal/secure_boot_v1.h
    SS_IMAGE_SIGNED_V2, ///< a signature sector; not verified here, see slotseal/secure_boot_v2.h
};

/// One of the three places of a V2 signature sector.
struct ss_image_v2_block {
    bool present; ///< magic 0xE7 and a version of 2 (RSA-3072) or 3 (ECDSA)
    uint8_t version;
    bool crc_ok;
    bool digest_ok; ///< the digest in the block is that of everything before the sector
};

/// What an image holds. Plain data: no pointers, nothing to free.
struct ss_image {
    uint32_t file_len;
    uint32_t flash_address;  ///< from the context
    enum ss_image_kind kind; ///< never AUTO
    struct ss_image_header header;
    unsigned segment_count; ///< segments that could be read; the header's count if `complete`
    struct ss_image_segment segments[SS_IMAGE_MAX_SEGMENTS];

    bool complete; ///< header, segments, checksum and hash lie within the file: what follows is valid
    uint32_t checksum_offset;
    uint8_t checksum_stored;
    uint8_t checksum_computed;
    bool has_hash;
    uint8_t hash_stored[SS_IMAGE_HASH_SIZE];
    uint8_t hash_computed[SS_IMAGE_HASH_SIZE]; ///< of byte 0 through the checksum
    uint32_t image_len;                        ///< through checksum and hash: what a V1 signature covers

    bool has_app_desc;
    struct ss_app_desc app_desc;
    bool has_bootloader_desc;
    struct ss_bootloader_desc bootloader_desc;

    enum ss_image_signature signature;
    uint32_t signature_offset;
    uint32_t signature_len; ///< 68, 4096 or 0
    struct ss_image_v2_block v2_blocks[SS_IMAGE_V2_MAX_BLOCKS];
    bool secure_padded_v1; ///< image + V1 signature + 12 bytes fill whole MMU pages, as elf2image --secure-pad makes it
    bool secure_padded_v2; ///< image_len fills whole MMU pages, as elf2image --secure-pad-v2 makes it
    uint32_t end;          ///< first byte after image and signature: what must fit the partition
    uint32_t trailing_len; ///< bytes of the file from `end`
    bool trailing_erased;  ///< all of them are 0xFF (true for none)

    unsigned finding_count;
    struct ss_image_finding findings[SS_IMAGE_MAX_FINDINGS];
    unsigned boot_findings; ///< so many of them the boot stage reaches before it gives up; it prints those with a tag
};

/// Describes @p data (@p len bytes) as an image that is to run as @p context says (NULL: SS_IMAGE_CONTEXT_DEFAULT).
/// Everything that is wrong becomes a finding: SS_OK does not mean that the image is good. *out is all zero on error.
/// Statuses: SS_OK; SS_ERROR_INVALID_ARGUMENT if @p len is above 2^31 or flash_address + SS_IMAGE_MAX_SIZE overflows;
/// what the hash provider returns.
SS_MUST_USE ss_status_t ss_image_describe(const uint8_t *data, size_t len, const struct ss_image_context *context,
                                          struct ss_image *out, struct ss_error *err);

/// As ss_image_describe(), and refuses an image that would not boot: SS_OK means that no finding is fatal.
/// *out keeps the description then, so that the caller can show the findings; the first fatal one is the message:
///   SS_ERROR_DATA_CORRUPT         checksum or hash
///   SS_ERROR_NOT_SUPPORTED        the chip or its revision
///   SS_ERROR_INSUFFICIENT_SPACE   too big
///   SS_ERROR_DATA_INVALID         any other
///   and those of ss_image_describe()
SS_MUST_USE ss_status_t ss_image_parse(const uint8_t *data, size_t len, const struct ss_image_context *context,
                                       struct ss_image *out, struct ss_error *err);

/// First fatal finding of @p image, NULL if it boots.
const struct ss_image_finding *ss_image_first_fatal(const struct ss_image *image);

/// Who prints the finding: "esp_image" or "boot_comm" (the tags of ESP-IDF's log), "rom" for the mask ROM, or NULL for
/// what no boot stage reports. The level is E if finding->fatal, else W.
const char *ss_image_finding_tag(const struct ss_image *image, const struct ss_image_finding *finding);

/// Writes the finding as one line to @p out (@p size bytes, always terminated, cut if longer; 160 are enough): the very
/// words of the boot stage where ss_image_finding_tag() names one, without level, time and tag.
void ss_image_finding_text(const struct ss_image *image, const struct ss_image_finding *finding, char *out,
                           size_t size);

/// What the finding means and what to do, one or two sentences, static storage. Never NULL.
const char *ss_image_finding_advice(enum ss_image_finding_code code);

/// "DROM", "IRAM", "padding", …; never NULL.
const char *ss_segment_kind_name(enum ss_segment_kind kind);

/// Flash size in bytes of a header's spi_size code: 1 MiB << code for 0–7 (esptool's table up to 128 MB), else 0.
uint32_t ss_image_flash_size(uint8_t spi_size);
/// Code for a flash size in bytes. SS_ERROR_INVALID_ARGUMENT unless it is 1, 2, 4, … 128 MiB.
SS_MUST_USE ss_status_t ss_image_flash_size_code(uint32_t bytes, uint8_t *code);
/// "QIO", "QOUT", "DIO", "DOUT", "FAST_READ", "SLOW_READ"; NULL for other codes.
const char *ss_image_spi_mode_name(uint8_t spi_mode);
/// Flash clock in MHz of a header's spi_speed code on the chip; 0 for an unknown chip or code.
/// The ESP32-C6's code 0 means 40 or 80 MHz: reported as 40.
unsigned ss_image_flash_mhz(uint16_t chip_id, uint8_t spi_speed);
/// Code for a flash clock. SS_ERROR_INVALID_ARGUMENT if the chip has none for it.
SS_MUST_USE ss_status_t ss_image_flash_mhz_code(uint16_t chip_id, unsigned mhz, uint8_t *code);

/// Flash parameters to write into a header; −1 keeps what is there.
struct ss_image_flash_params {
    int spi_mode;  ///< 0–5
    int spi_speed; ///< code 0–15
    int spi_size;  ///< code 0–15
};

/// Changes flash mode, clock and size in the header of the image in @p data and recomputes the appended hash, as
/// esptool's write-flash does. In place; nothing is changed on error.
///   SS_ERROR_DATA_INVALID       not a complete image
///   SS_ERROR_DATA_CORRUPT       its checksum or hash was wrong already
///   SS_ERROR_NOT_PERMITTED      it is signed: the change would break the signature, so it has to come first
///   SS_ERROR_INVALID_ARGUMENT   a parameter out of range
///   what the hash provider returns
SS_MUST_USE ss_status_t ss_image_set_flash_params(uint8_t *data, size_t len, const struct ss_image_flash_params *params,
                                                  struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
