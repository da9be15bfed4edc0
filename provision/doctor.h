// SPDX-License-Identifier: Apache-2.0
// The doctor: everything that keeps an ESP32 from booting, or will bite later, from its eFuses and its flash, from a
// UART log, or from a plan that nobody has carried out yet. It takes each finding for repaired and goes on, so that one
// run names all causes.
//
// What it never does: pass what it cannot see. A key block that reads as zero because it is protected is unknown, and
// what depends on it is a finding of severity UNKNOWN.
//
// Sources: ESP-IDF docs, "Flash Encryption", "Secure Boot" (V1), "Secure Boot V2", "Bootloader", "Partition Tables",
// "Over The Air Updates"; the bootloader of ESP-IDF v4.0.1 (components/bootloader_support).
#ifndef SS_PROVISION_DOCTOR_H
#define SS_PROVISION_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chip/profile.h"
#include "slotseal/efuse.h"
#include "slotseal/error.h"

/// What can be found. The text id, doctor_rules.c, is what scripts see.
enum ss_doctor_id {
    SS_DOCTOR_NONE,
    // eFuses
    SS_DOCTOR_CODING_UNSUPPORTED,
    SS_DOCTOR_CODING_MISMATCH,
    SS_DOCTOR_KEY_MISSING,
    SS_DOCTOR_KEY_READABLE,
    SS_DOCTOR_KEY_WRITABLE,
    SS_DOCTOR_KEY_REVERSED,
    SS_DOCTOR_KEY_DIFFERS,
    SS_DOCTOR_RD_DIS_LOCKED,
    SS_DOCTOR_CONFIG_MISSING,
    SS_DOCTOR_CONFIG_WEAK,
    SS_DOCTOR_DECRYPTION_OFF,
    SS_DOCTOR_COUNT_USED_UP,
    SS_DOCTOR_DOWNLOAD_OPEN,
    SS_DOCTOR_DEBUG_OPEN,
    SS_DOCTOR_UART_DISABLED,
    // bootloader
    SS_DOCTOR_BOOTLOADER_MISSING,
    SS_DOCTOR_BOOTLOADER_PLAINTEXT,
    SS_DOCTOR_BOOTLOADER_SEALED_WRONG,
    SS_DOCTOR_BOOTLOADER_UNREADABLE,
    SS_DOCTOR_BOOTLOADER_DAMAGED,
    SS_DOCTOR_BOOTLOADER_ADDRESS,
    SS_DOCTOR_BOOTLOADER_OVERLAP,
    SS_DOCTOR_BOOTLOADER_FLASH_SIZE,
    SS_DOCTOR_BOOTLOADER_UNKNOWN,
    // partition table
    SS_DOCTOR_TABLE_MISSING,
    SS_DOCTOR_TABLE_PLAINTEXT,
    SS_DOCTOR_TABLE_SEALED_WRONG,
    SS_DOCTOR_TABLE_UNREADABLE,
    SS_DOCTOR_TABLE_DAMAGED,
    SS_DOCTOR_TABLE_ADDRESS,
    SS_DOCTOR_TABLE_INVALID,
    SS_DOCTOR_TABLE_UNKNOWN,
    // otadata
    SS_DOCTOR_OTADATA_ERASED,
    SS_DOCTOR_OTADATA_PLAINTEXT,
    SS_DOCTOR_OTADATA_SEALED_WRONG,
    SS_DOCTOR_OTADATA_UNREADABLE,
    SS_DOCTOR_OTADATA_SELECTS_BAD,
    SS_DOCTOR_OTADATA_UNKNOWN,
    // apps
    SS_DOCTOR_APP_MISSING,
    SS_DOCTOR_APP_PLAINTEXT,
    SS_DOCTOR_APP_SEALED_WRONG,
    SS_DOCTOR_APP_UNREADABLE,
    SS_DOCTOR_APP_DAMAGED,
    SS_DOCTOR_APP_SEALED_THEN_SIGNED,
    SS_DOCTOR_APP_UNSIGNED,
    SS_DOCTOR_APP_SIGNATURE_WRONG,
    SS_DOCTOR_APP_UNKNOWN,
    SS_DOCTOR_PARTITION_PLAINTEXT,
    // secure boot
    SS_DOCTOR_PUBLIC_KEY_LENGTH,
    SS_DOCTOR_SECURE_BOOT_NOT_ARMED,
    SS_DOCTOR_SECURE_BOOT_DIGEST,
    SS_DOCTOR_SECURE_BOOT_KEY_MISSING,
    SS_DOCTOR_SECURE_BOOT_KEY_OPEN,
    SS_DOCTOR_SECURE_BOOT_UNKNOWN,
    SS_DOCTOR_SECURE_BOOT_V2_REVISION,
    SS_DOCTOR_SECURE_BOOT_V2_HIDDEN,
    SS_DOCTOR_SECURE_BOOT_V2_UNSIGNED,
    SS_DOCTOR_SECURE_BOOT_V2_KEY,
    SS_DOCTOR_ENCRYPTION_NOT_BUILT,
    // seen in logs only
    SS_DOCTOR_LOG_DOWNLOAD,
    SS_DOCTOR_LOG_SILENT,
    SS_DOCTOR_LOG_CHIP,
    SS_DOCTOR_LOG_REFUSED_ENCRYPTION,
    SS_DOCTOR_LOG_REFUSED_SECURE_BOOT,
    SS_DOCTOR_LOG_INTERRUPTED,
    SS_DOCTOR_LOG_FLASH_VOLTAGE,
    SS_DOCTOR_LOG_FLASH_UNSTABLE,
    SS_DOCTOR_LOG_BROWNOUT,
    SS_DOCTOR_LOG_OTHER_CHIP,
    // seen in plans only
    SS_DOCTOR_PLAN_REFUSED,
    SS_DOCTOR_PLAN_SEALED_THEN_SIGNED,
    SS_DOCTOR_PLAN_ADDRESS,
    SS_DOCTOR_PLAN_UNUSED,
    SS_DOCTOR_PLAN_TABLE_UNSIGNED,
    SS_DOCTOR_PLAN_HEADER,
    SS_DOCTOR_PLAN_KEY_REPLACED,
    SS_DOCTOR_PLAN_KEY_FORMAT,
    SS_DOCTOR_PLAN_LOCKED_OUT,
    SS_DOCTOR_PLAN_NOT_MODELLED,
    SS_DOCTOR_PLAN_STAND_IN,
    SS_DOCTOR_IDS,
};

enum ss_doctor_severity {
    SS_DOCTOR_STOPS,   ///< the chip does not start an app, or the next step cannot be done
    SS_DOCTOR_RISK,    ///< it starts, but not as it was meant to, or it is not protected
    SS_DOCTOR_UNKNOWN, ///< could not be checked; the text says what it would need
};

enum ss_doctor_repair {
    SS_REPAIR_FLASH, ///< yes: writing flash is enough
    SS_REPAIR_BURN,  ///< yes, by burning an eFuse, which cannot be undone
    SS_REPAIR_BUILD, ///< yes, with another build
    SS_REPAIR_NO,    ///< not with the eFuses as they are
    SS_REPAIR_NONE,  ///< nothing to repair
};

/// What is known about a kind of finding. Static storage.
struct ss_doctor_rule {
    const char *id;    ///< lower case with dashes: "bootloader-plaintext"
    const char *title; ///< one phrase
    const char *why;   ///< why the chip does not boot, or what the risk is; one or two sentences
    const char *basis; ///< "observed", "source" or "inferred": what the verdict rests on
};

#define SS_DOCTOR_TEXT         320
#define SS_DOCTOR_COMMAND      160
#define SS_DOCTOR_MAX_COMMANDS 6
#define SS_DOCTOR_MAX_FINDINGS 64

struct ss_doctor_finding {
    enum ss_doctor_id id;
    enum ss_doctor_severity severity;
    bool certain;  ///< false: likely
    unsigned line; ///< of the log or plan, from 1; 0 for a chip
    enum ss_doctor_repair repair;
    char seen[SS_DOCTOR_TEXT]; ///< address, bytes, eFuse
    char how[SS_DOCTOR_TEXT];  ///< the repair in words
    unsigned command_count;
    char commands[SS_DOCTOR_MAX_COMMANDS][SS_DOCTOR_COMMAND]; ///< exact; a line that begins with # is not to be run yet
};

/// Plain data, about 100 KiB: not for the stack. Nothing to free.
struct ss_doctor_report {
    struct ss_boot_profile profile; ///< that was used; not set for a log
    unsigned count;
    bool cut; ///< there were more than SS_DOCTOR_MAX_FINDINGS
    struct ss_doctor_finding findings[SS_DOCTOR_MAX_FINDINGS];
};

/// A chip's state, all borrowed. All zero is "nothing known".
struct ss_doctor_input {
    const uint8_t *flash; ///< from address 0, as it lies in the flash; NULL: not known
    size_t flash_len;
    bool flash_whole;             ///< flash_len is the size of the part, not just of a dump
    const struct ss_efuse *efuse; ///< NULL: not known
    bool silicon;                 ///< efuse holds the bits as burned: what software cannot read is known, too
    const uint8_t *key;           ///< flash key as in its file; NULL: not known, but from the silicon
    size_t key_len;
    const struct ss_boot_profile *profile; ///< NULL: guessed from the bootloader
    uint32_t table_offset;                 ///< 0: the profile's
    const uint8_t *table; ///< binary table of the build, for dumps whose own cannot be read; NULL: none
    size_t table_len;
};

/// Examines a chip. SS_OK: the report tells, healthy or not.
/// SS_ERROR_INVALID_ARGUMENT: key length. SS_ERROR_INSUFFICIENT_MEMORY; failures of the cryptographic library.
SS_MUST_USE ss_status_t ss_doctor_examine(const struct ss_doctor_input *input, struct ss_doctor_report *report,
                                          struct ss_error *err);

/// Reads a UART log of @p len bytes: any bytes, line ends and ANSI colours as terminals record them. Never fails.
void ss_doctor_read_log(const char *text, size_t len, struct ss_doctor_report *report);

/// True if a finding stops the boot.
bool ss_doctor_stops(const struct ss_doctor_report *report);
/// The first finding of this kind, NULL if there is none.
const struct ss_doctor_finding *ss_doctor_find(const struct ss_doctor_report *report, enum ss_doctor_id id);
/// Never NULL for an id below SS_DOCTOR_IDS.
const struct ss_doctor_rule *ss_doctor_rule(enum ss_doctor_id id);
/// "stops", "risk", "unknown"; "flash", "burn", "build", "no", "none".
const char *ss_doctor_severity_name(enum ss_doctor_severity severity);
const char *ss_doctor_repair_name(enum ss_doctor_repair repair);

/// Bytes of `espefuse dump --format joint` with 3/4 coding: BLOCK0, and 24 decoded bytes of each key block.
#define SS_EFUSE_DUMP_34_SIZE 100u

/// eFuses from a file: the 124 bytes of `espefuse dump --format joint` (also efuse.bin of a virtual chip), the 100 that
/// it has with 3/4 coding, or the JSON of `espefuse summary --format json`. A key block that the JSON does not show is zero, as in the read window.
/// SS_ERROR_DATA_INVALID: neither of the two, or a value that is none of its field.
SS_MUST_USE ss_status_t ss_doctor_read_efuses(const uint8_t *data, size_t len, struct ss_efuse *window,
                                              struct ss_error *err);

#endif
