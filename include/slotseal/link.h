// SPDX-License-Identifier: Apache-2.0
// A client of the serial loader in the ESP32's mask ROM, on any port (link_port.h), without a stub: nothing is loaded
// into the chip, every answer comes from its ROM. Flash is written, read, erased and compared, registers are read and
// written, eFuses are read and burned, and the boot log is collected.
//
// One link is used by one thread at a time; different links are independent. Nothing is printed, nothing waits without
// end, and no memory is allocated but by ss_link_new() and while ss_link_flash_write() compresses.
//
// The ROM's answers carry no checksum. What an irreversible step rests on is therefore read twice, and bytes that are
// to be burned are read back from the controller before it is told to burn them.
//
// Statuses that every function with a link can return, all with area SS_AREA_LINK:
//   SS_ERROR_BAD_STATE      not connected: ss_link_connect() has not been called, has failed, or the chip was reset
//   SS_ERROR_TIMEOUT        no answer; the link was synchronised again and the command repeated where that is harmless
//   SS_ERROR_DATA_INVALID   an answer that is none
//   SS_ERROR_NOT_SUPPORTED  the ROM does not know the command
//   SS_ERROR_IO             the ROM says that it failed, or the port is gone
//   SS_ERROR_NOT_PERMITTED  after a failure on the line another chip answers than the one that was connected
//
// Sources: esptool's documentation, "Serial Protocol", "Boot Mode Selection" and "Advanced Options"; ESP32 Technical
// Reference Manual, chapters "eFuse Controller" and "SPI"; behaviour of esptool and espefuse 4.12 and 5.3.
#ifndef SLOTSEAL_LINK_H
#define SLOTSEAL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/chip_info.h"
#include "slotseal/efuse.h"
#include "slotseal/error.h"
#include "slotseal/link_port.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ss_link;

/// What a reset is to end in.
enum ss_link_boot {
    SS_LINK_BOOT_DOWNLOAD, ///< GPIO0 low: the serial loader
    SS_LINK_BOOT_RUN,      ///< GPIO0 high: what is in flash
};

/// Resets the chip by other means than DTR and RTS: a relay, a person, a simulation. Returns when the reset is done.
typedef ss_status_t (*ss_link_reset_fn)(void *context, enum ss_link_boot boot, struct ss_error *err);

enum ss_link_work { SS_LINK_READING, SS_LINK_WRITING, SS_LINK_ERASING, SS_LINK_COMPARING };

/// Told now and then, at least at the beginning (@p done 0) and the end (@p done = @p total) of a region.
typedef void (*ss_link_progress_fn)(void *context, enum ss_link_work work, size_t done, size_t total);

/// All zero is a good default.
struct ss_link_options {
    uint32_t baud;          ///< rate to change to once connected, up to SS_LINK_BAUD_MAX; 0: 115200
    unsigned attempts;      ///< resets tried before giving up; 0: 7, or 2 where nothing resets the chip
    bool no_reset;          ///< the chip is in download mode already and is left there
    ss_link_reset_fn reset; ///< NULL: by DTR and RTS; ports without these are used as with no_reset
    void *reset_context;
    ss_link_progress_fn progress; ///< NULL: none
    void *progress_context;
};

/// A client on @p port, which from now on belongs to it; on error it stays with the caller. Does not talk to the chip.
/// SS_ERROR_INVALID_ARGUMENT: the rate. SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_link_new(struct ss_link_port *port, const struct ss_link_options *options,
                                    struct ss_link **link, struct ss_error *err);

/// Closes the port, too. The chip is left as it is; its rate goes back to 115200 where nothing can reset it. NULL is
/// allowed.
void ss_link_free(struct ss_link *link);

/// What to try, as one lower-case phrase, after a failure with area SS_AREA_LINK: cable, boot pin, permissions, rate.
/// NULL if there is nothing to say.
const char *ss_link_hint(const struct ss_error *err);

// ---- connecting

/// Bits of ss_link_chip.features.
#define SS_LINK_BLUETOOTH      (1u << 0)
#define SS_LINK_SINGLE_CORE    (1u << 1)
#define SS_LINK_240MHZ         (1u << 2)
#define SS_LINK_160MHZ         (1u << 3)
#define SS_LINK_EMBEDDED_FLASH (1u << 4)
#define SS_LINK_EMBEDDED_PSRAM (1u << 5)
#define SS_LINK_VREF           (1u << 6) ///< ADC reference voltage in eFuse
#define SS_LINK_BLOCK3_USED    (1u << 7) ///< part of BLOCK3 was burned in the factory

/// What is connected, from its registers and eFuses.
struct ss_link_chip {
    const struct ss_chip *chip; ///< row of the table of chips
    const char *name;           ///< with package, such as "ESP32-D0WD-V3"; static
    unsigned package;           ///< CHIP_PACKAGE, 4 bits
    unsigned revision;          ///< major * 100 + minor
    uint32_t features;          ///< SS_LINK_… bits
    unsigned crystal_mhz;       ///< 40 or 26; 0: the rate of the line fits neither, or is not known
    enum ss_efuse_coding coding;
    bool mac_valid; ///< MAC_CRC agrees
    uint8_t mac[6]; ///< factory MAC in the usual order
};

/// Resets the chip into download mode (a tight sequence of DTR and RTS first where both switch at once, then slower
/// ones for other USB bridges, in turn), synchronises, finds out what chip it is, and changes the rate. May be called
/// again at any time to begin anew.
///   SS_ERROR_TIMEOUT         nobody answers; the message says what the boot log showed, if there was one
///   SS_ERROR_NOT_SUPPORTED   another family of chips answers, or a flasher stub is running
SS_MUST_USE ss_status_t ss_link_connect(struct ss_link *link, struct ss_error *err);

/// The connected chip. NULL when not connected; else valid until the next ss_link_connect() or ss_link_free().
const struct ss_link_chip *ss_link_chip(const struct ss_link *link);

/// One 32-bit register. A masked write changes the bits of @p mask only.
SS_MUST_USE ss_status_t ss_link_read_reg(struct ss_link *link, uint32_t address, uint32_t *value, struct ss_error *err);
SS_MUST_USE ss_status_t ss_link_write_reg(struct ss_link *link, uint32_t address, uint32_t value, uint32_t mask,
                                          struct ss_error *err);

// ---- flash

#define SS_LINK_SECTOR 4096u ///< bytes that are erased at least

struct ss_link_flash {
    uint32_t id;        ///< JEDEC id: manufacturer << 16 | type << 8 | capacity, such as 0xEF4016
    uint32_t size;      ///< bytes; by the capacity byte, or else by SFDP
    uint32_t sfdp_size; ///< bytes, by the part's own table (JESD216); 0: it has none
};

/// Asks the flash what it is. All functions for flash do so by themselves the first time.
/// SS_ERROR_IO: no flash answers on the pins that eFuses name (or the usual ones), or its size is not known.
SS_MUST_USE ss_status_t ss_link_flash_identify(struct ss_link *link, struct ss_link_flash *out, struct ss_error *err);

/// Flags of ss_link_flash_write().
#define SS_LINK_WRITE_RAW    (1u << 0) ///< uncompressed
#define SS_LINK_WRITE_RESUME (1u << 1) ///< regions that hold the right bytes already are left alone

struct ss_link_written {
    size_t written, skipped; ///< bytes of data; with SS_LINK_WRITE_RESUME some may have been there
    size_t sent;             ///< bytes of blocks on the line: fewer than written where compressed
};

/// Writes @p len bytes to @p address, region by region of 64 KiB: erase, write, compare by MD5. A region in which the
/// line fails is begun again up to three times. The rest of the last sector is erased. Stopped anywhere, the same call
/// with SS_LINK_WRITE_RESUME goes on where it was. @p written (may be NULL) is filled in any case.
///   SS_ERROR_INVALID_ARGUMENT     @p address is no multiple of 4096
///   SS_ERROR_INSUFFICIENT_SPACE   beyond the end of the flash
///   SS_ERROR_DATA_CORRUPT         the flash does not hold what was written
///   SS_ERROR_INSUFFICIENT_MEMORY
SS_MUST_USE ss_status_t ss_link_flash_write(struct ss_link *link, uint32_t address, const uint8_t *data, size_t len,
                                            unsigned flags, struct ss_link_written *written, struct ss_error *err);

/// Reads @p len bytes, 64 a command, and compares them by MD5; erased regions are told by theirs and not read. @p out is
/// wiped on error.
/// SS_ERROR_INSUFFICIENT_SPACE; SS_ERROR_DATA_CORRUPT: what came is not what the chip reads, several times.
SS_MUST_USE ss_status_t ss_link_flash_read(struct ss_link *link, uint32_t address, uint8_t *out, size_t len,
                                           struct ss_error *err);

/// Erases @p len bytes from @p address, both multiples of 4096, by the ROM's FLASH_BEGIN.
/// SS_ERROR_INVALID_ARGUMENT, SS_ERROR_INSUFFICIENT_SPACE.
SS_MUST_USE ss_status_t ss_link_flash_erase(struct ss_link *link, uint32_t address, size_t len, struct ss_error *err);

/// MD5 of @p len bytes of flash, by the chip. SS_ERROR_INSUFFICIENT_SPACE.
SS_MUST_USE ss_status_t ss_link_flash_md5(struct ss_link *link, uint32_t address, size_t len, uint8_t md5[16],
                                          struct ss_error *err);

/// Compares by MD5, 64 KiB a command: *differs is the offset of the first region that is different, @p len if none is.
/// SS_ERROR_INSUFFICIENT_SPACE.
SS_MUST_USE ss_status_t ss_link_flash_compare(struct ss_link *link, uint32_t address, const uint8_t *data, size_t len,
                                              size_t *differs, struct ss_error *err);

// ---- eFuses

struct ss_link_efuses {
    struct ss_efuse window; ///< as software reads it: decoded, zero where RD_DIS hides
    /// As burned, as far as it can be told: the window with 3/4 coding put back. Blocks that are hidden, or have decoding
    /// errors, are zero.
    struct ss_efuse silicon;
    uint32_t dec_status; ///< DEC_STATUS, bits as ss_efuse_read_window() gives them
    bool apb_date_bit31; ///< third bit of the revision, for ss_efuse_revision()
};

/// Reads all eFuses, twice; @p out may hold keys, so wipe it. SS_ERROR_DATA_CORRUPT: two readings disagree.
SS_MUST_USE ss_status_t ss_link_efuse_read(struct ss_link *link, struct ss_link_efuses *out, struct ss_error *err);

/// What burning would have to do to get from @p now to @p wanted: the bits to be set, in @p missing. @p wanted is the
/// whole silicon as it is to be: begin with a copy of now->silicon and change it with the functions of efuse.h. Blocks
/// that are hidden stay zero in it. A block with decoding errors is taken for one whose burning was cut short if all that
/// reads as set there is wanted; its words are burned once more then. Talks to nobody. On error @p missing is zero.
///   SS_ERROR_NOT_PERMITTED      a bit is set that @p wanted has clear; a write-protected bit is missing; bits are
///                               wanted in what software cannot read, so that nobody knows what is there; a chunk
///                               under 3/4 coding would be burned a second time; read protection is wanted where
///                               WR_DIS forbids it
///   SS_ERROR_INVALID_ARGUMENT   a block is not 3/4 coded on a chip that has this coding
///   SS_ERROR_NOT_SUPPORTED      repeat coding and bits in BLOCK1 … BLOCK3
SS_MUST_USE ss_status_t ss_link_efuse_plan(const struct ss_link_efuses *now, const struct ss_efuse *wanted,
                                           struct ss_efuse *missing, struct ss_error *err);

struct ss_link_burned {
    bool started;    ///< the controller was, or may have been, told to burn
    unsigned rounds; ///< of burning, all blocks together; 0: everything was there
};

/// Burns what @p wanted (as for ss_link_efuse_plan(), whose statuses it has) lacks. The order is espefuse's: BLOCK3,
/// 2, 1, then BLOCK0 without, then with WR_DIS, RD_DIS, UART_DOWNLOAD_DIS, ABS_DONE_1 and FLASH_CRYPT_CNT. Each part is
/// written to the controller, read back from there, burned, read again and compared, in up to three rounds, before the
/// next one is begun. @p burned (may be NULL) is filled in any case.
///   SS_ERROR_NOT_SUPPORTED   the crystal's frequency is not known, on which the burning time depends; nothing burned
///   SS_ERROR_DATA_CORRUPT    bits are not there after three rounds, or a decoding error stays
///   SS_ERROR_TIMEOUT, SS_ERROR_IO, … with burned->started: it is not known what was burned; connect and read
SS_MUST_USE ss_status_t ss_link_efuse_burn(struct ss_link *link, const struct ss_efuse *wanted,
                                           struct ss_link_burned *burned, struct ss_error *err);

// ---- running

/// True if ss_link_run() has a way to reset the chip: DTR and RTS, or a function that resets.
bool ss_link_can_run(const struct ss_link *link);

/// Resets the chip so that it runs what is in flash; the port goes back to 115200 and the link is no longer connected.
/// SS_ERROR_NOT_SUPPORTED: ss_link_can_run() is false.
SS_MUST_USE ss_status_t ss_link_run(struct ss_link *link, struct ss_error *err);

/// Why collecting the log ended.
enum ss_link_log_end { SS_LINK_LOG_QUIET, SS_LINK_LOG_MARKER, SS_LINK_LOG_TIME, SS_LINK_LOG_FULL };

struct ss_link_log_options {
    unsigned quiet_ms;  ///< ends when nothing came for so long; 0: 2000
    unsigned limit_ms;  ///< ends after so long in any case; 0: 15000
    const char *marker; ///< ends with the line that contains this; NULL: none
};

/// Collects what the chip says, after ss_link_run(), as it comes, into @p out, which ends with a zero byte (size ≥ 1).
/// @p options may be NULL. SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_link_boot_log(struct ss_link *link, const struct ss_link_log_options *options, char *out,
                                         size_t size, size_t *len, enum ss_link_log_end *end, struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
