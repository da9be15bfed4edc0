// SPDX-License-Identifier: Apache-2.0
// The boot chain: mask ROM, second-stage bootloader, start of an app. It says on the UART what the originals say, does
// to flash and eFuses what they do (so that power can fail at every step), and records each thing it checked.
//
// Sources: the bootloader of ESP-IDF v4.0.1 (components/bootloader_support), v3.2 and v5.2 where they differ; for the
// mask ROM ESP-IDF's docs ("Secure Boot", "Flash Encryption", "Fatal Errors") and recorded logs. What each rule rests
// on stands with the rule: ss_boot_rule_at().
#ifndef SS_CHIP_BOOT_H
#define SS_CHIP_BOOT_H

#include "chip/chip.h"
#include "chip/profile.h"

/// Where a boot ended.
enum ss_boot_outcome {
    SS_OUTCOME_APP,        ///< an app was started
    SS_OUTCOME_BOOTLOADER, ///< the second stage gave up; it resets for ever, or hangs
    SS_OUTCOME_ROM,        ///< the mask ROM did not start the second stage
    SS_OUTCOME_DOWNLOAD,   ///< the mask ROM's loader waits on the UART
    SS_OUTCOME_UNKNOWN,    ///< depends on an eFuse block that is not known: see ss_chip.unknown_blocks
    SS_OUTCOME_POWER_LOST, ///< the power failed: see ss_power.cut_at
};

/// What a verdict rests on.
enum ss_boot_basis {
    SS_BASIS_OBSERVED,      ///< seen on the real ROM or bootloader
    SS_BASIS_SOURCE,        ///< read in published source or documentation
    SS_BASIS_INFERRED,      ///< follows from the two, but nobody was seen doing it
    SS_BASIS_NOT_CHECKABLE, ///< needs an eFuse block that is not known: neither passed nor failed
};

/// A rule of the model.
struct ss_boot_rule {
    const char *id;   ///< lower case with dashes, names the stage: "rom-header"
    const char *text; ///< one sentence
    enum ss_boot_basis basis;
    const char *source; ///< document or file it comes from
};

/// Something that was checked or done, and what came of it.
struct ss_boot_stage {
    const struct ss_boot_rule *rule;
    enum ss_boot_basis basis; ///< the rule's, or NOT_CHECKABLE
    bool ok;                  ///< false for what failed and for what could not be checked
    unsigned cycle;           ///< 0 from power-on to the first reset, and so on
    char reason[160];         ///< one line, lower case, no full stop: what was found, with address and value
};
#define SS_BOOT_MAX_STAGES 160

/// What a boot came to. Plain data, nothing to free.
struct ss_boot_result {
    enum ss_boot_outcome outcome;
    bool loops;       ///< the chip resets itself for ever and nothing changes any more
    unsigned resets;  ///< resets that the chip made by itself
    int slot;         ///< of the app: 0…15, SS_BOOT_FACTORY, SS_BOOT_TEST (slotseal/otadata.h); valid if `address`
    uint32_t address; ///< flash address of the app; 0 if none was started
    uint32_t length;  ///< of its image, bytes: through checksum and hash, with V2 through the signature sector
    bool has_app;     ///< its descriptor could be read:
    char project[33];
    char version[33];
    struct ss_boot_profile profile; ///< that was used: the caller's, or a guess
    unsigned stage_count;
    bool stages_cut; ///< there were more than SS_BOOT_MAX_STAGES; the first ones are kept
    struct ss_boot_stage stages[SS_BOOT_MAX_STAGES];
};

/// Takes a line of the UART log, without line end; times are written as "(T)". @p line is valid during the call.
typedef void (*ss_boot_line_fn)(void *context, const char *line);

/// What ends an app's run.
enum ss_app_end {
    SS_APP_STAYS, ///< it runs on: ss_chip_boot() returns
    SS_APP_RESET, ///< it restarts the chip by software
};

/// An app that the chip runs once its bootloader has started it. All it has is the chip: flash raw (ss_flash_read(),
/// _program(), _erase()) or through the cache (ss_chip_cache_read(), ss_chip_encrypted_write()), eFuses by their
/// controller, and the time chip->power.time_us, which it adds to when it waits. RAM is lost at a reset: whatever run()
/// keeps beside flash and eFuses from one call to the next is a mistake. A power cut leaves run() by longjmp.
struct ss_chip_app {
    enum ss_app_end (*run)(void *context, struct ss_vchip *chip, const struct ss_boot_result *started);
    void *context;
};

/// All zero: the defaults.
struct ss_boot_options {
    unsigned max_resets;           ///< stop after so many resets by itself; 0: 10
    const struct ss_chip_app *app; ///< NULL: starting the app is the end
};

/// Switches the chip on and follows it until an app runs, it waits in download mode, hangs, has lost its power, has
/// reset options->max_resets times, or resets in a circle (a reset after which nothing in flash or eFuses changed up to
/// the next one).
///
/// @p profile NULL: guessed from what lies at 0x1000. @p options and @p line may be NULL.
///
/// SS_OK: @p result tells; also when power was lost, after which the chip can be used (booted) again.
/// SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC: from the cryptographic library.
/// SS_ERROR_NOT_SUPPORTED: this CPU has no kernel for the flash cipher.
SS_MUST_USE ss_status_t ss_chip_boot(struct ss_vchip *chip, const struct ss_boot_profile *profile,
                                     const struct ss_boot_options *options, ss_boot_line_fn line, void *context,
                                     struct ss_boot_result *result, struct ss_error *err);

/// Whether the second stage would take the app in the @p size bytes from @p address: image, signature as @p profile wants
/// it. Nothing is loaded and nothing changes: what esp_image_verify() tells a running app of ESP-IDF.
/// SS_ERROR_INVALID_SIGNATURE for a signature that does not hold or cannot be checked, SS_ERROR_DATA_INVALID for
/// anything else that is wrong with it, with the reason; statuses of ss_chip_boot().
SS_MUST_USE ss_status_t ss_chip_app_check(struct ss_vchip *chip, const struct ss_boot_profile *profile,
                                          uint32_t address, uint32_t size, struct ss_error *err);

/// "app", "bootloader", "rom", "download", "unknown", "power-lost"; "observed", "source", "inferred", "not-checkable".
const char *ss_boot_outcome_name(enum ss_boot_outcome outcome);
const char *ss_boot_basis_name(enum ss_boot_basis basis);

/// The rules of the model in the order of the boot; NULL from the first index that has none.
const struct ss_boot_rule *ss_boot_rule_at(size_t index);

/// First stage that failed or could not be checked in the last cycle; NULL if all is well. It need not be what stopped
/// the boot: an app also starts with otadata that cannot be used, or from the other slot.
const struct ss_boot_stage *ss_boot_first_failure(const struct ss_boot_result *result);

#endif
