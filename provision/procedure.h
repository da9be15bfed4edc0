// SPDX-License-Identifier: Apache-2.0
// A procedure: the steps that turn a blank ESP32 into a member of a fleet, as data. Nothing here touches a chip; the
// engine (provision/engine.h) carries the steps out on any link, a real one or a virtual one. (A *plan*, plan.h, is
// something else: a user's own commands of the real tools, for the doctor.)
//
// Two orders, both from ESP-IDF's documentation ("Flash Encryption", "Secure Boot", "Security Features Enablement
// Workflows"):
//
//   host-sealed       plaintext is never on the flash: key, read back, protect; FLASH_CRYPT_CONFIG; locks of download
//                     mode, JTAG and console; sealed images written and read back while FLASH_CRYPT_CNT is even; then
//                     the switch; boot; read everything again.
//   device-encrypts   the vendor's way: key, read back, protect; plaintext written and read back, the bootloader last;
//                     the first boot encrypts and burns the rest; read everything again, ciphertext included.
//
// Rules that every procedure keeps: whatever cannot be undone comes after what it rests on was read back; the key is
// read-protected before anything could write-protect RD_DIS; the switches (FLASH_CRYPT_CNT, ABS_DONE_0) are last.
#ifndef SS_PROVISION_PROCEDURE_H
#define SS_PROVISION_PROCEDURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chip/profile.h"
#include "provision/parts.h"
#include "slotseal/efuse.h"
#include "slotseal/error.h"

enum ss_procedure_kind {
    SS_PROCEDURE_HOST_SEALED,
    SS_PROCEDURE_DEVICE_ENCRYPTS,
};

/// How much is closed. Both close decryption and cache in download mode, JTAG and the ROM's console.
enum ss_procedure_level {
    SS_LEVEL_DEVELOPMENT, ///< DISABLE_DL_ENCRYPT and FLASH_CRYPT_CNT stay open: plaintext can be flashed again
    SS_LEVEL_RELEASE,     ///< both are closed; sealed images can still be written over serial
};

/// What is to be done, and to what kind of chip.
struct ss_procedure_options {
    enum ss_procedure_kind kind;
    enum ss_procedure_level level;
    enum ss_secure_boot_scheme secure_boot;
    bool count_max;              ///< opt-in: FLASH_CRYPT_CNT to 0x7F, so that it can never be turned off
    bool uart_disable;           ///< opt-in: UART_DOWNLOAD_DIS, which ends every repair over serial; revision 3
    enum ss_efuse_coding coding; ///< of the chip
    unsigned revision;           ///< of the chip, major × 100 + minor
    const struct ss_boot_profile *profile; ///< of the bootloader, borrowed; given or of the build, never guessed
};

enum ss_step_kind {
    SS_STEP_KEY,    ///< burns a key block
    SS_STEP_BURN,   ///< burns bits of BLOCK0
    SS_STEP_COUNT,  ///< burns the next bit of FLASH_CRYPT_CNT, so that encryption is on
    SS_STEP_WRITE,  ///< writes or erases one part of the flash
    SS_STEP_VERIFY, ///< compares every part with what lies in the flash
    SS_STEP_BOOT,   ///< resets the chip, lets it run and reads its log
    SS_STEP_CHECK,  ///< reads eFuses and flash again: all that the procedure promises
};

/// What a key block is burned with.
enum ss_step_secret {
    SS_SECRET_NONE,
    SS_SECRET_FLASH_KEY,       ///< BLOCK1
    SS_SECRET_SECURE_BOOT_KEY, ///< BLOCK2, V1 reflashable: derived from the signing key
    SS_SECRET_PUBLIC_DIGEST,   ///< BLOCK2, V2: SHA-256 of the public key; no secret, software has to read it
};

struct ss_step {
    const char *id;    ///< lower case with dashes, "flash-key"; the journal's name for it. Static storage
    const char *title; ///< one phrase. Static storage
    const char *undo;  ///< what can be undone; NULL for what changes nothing
    enum ss_step_kind kind;
    bool irreversible;
    enum ss_step_secret secret; ///< KEY
    unsigned block;             ///< KEY: 1 or 2
    struct ss_efuse bits;       ///< BURN: bits of BLOCK0 to be set; CHECK: those that have to be set in the end
    bool completes;             ///< BURN: only if one of the bits is set already: the rest of a step cut short
    size_t part;                ///< WRITE: index of the part
    char name[32];              ///< WRITE: "write-" and the part's name, which `id` points to
};

#define SS_PROCEDURE_MAX_STEPS (SS_MAX_PARTS + 20)

/// Plain data, about 30 KiB; steps point into it, so do not copy it.
struct ss_procedure {
    struct ss_procedure_options options;
    size_t count;
    struct ss_step steps[SS_PROCEDURE_MAX_STEPS];
};

/// What a user should know before; refusals are errors of ss_procedure_check().
#define SS_PROCEDURE_MAX_WARNINGS 6
struct ss_procedure_warnings {
    unsigned count;
    char text[SS_PROCEDURE_MAX_WARNINGS][200];
};

/// Whether these options make sense together: with the chip, and with what is compiled into the bootloader.
/// SS_ERROR_NOT_SUPPORTED: the chip cannot (V2 below revision 3 or with 3/4 coding, UART_DOWNLOAD_DIS below revision 3,
/// coding scheme "repeat"). SS_ERROR_NOT_PERMITTED: a guessed profile; a bootloader that is built for something else;
/// an opt-in step that the first boot would make impossible. @p warnings may be NULL.
SS_MUST_USE ss_status_t ss_procedure_check(const struct ss_procedure_options *options,
                                           struct ss_procedure_warnings *warnings, struct ss_error *err);

/// The steps for these options and parts. Runs ss_procedure_check() first; its statuses.
SS_MUST_USE ss_status_t ss_procedure_build(const struct ss_procedure_options *options, const struct ss_parts *parts,
                                           struct ss_procedure *procedure, struct ss_error *err);

/// What step @p index is as commands of the real tools, one a line, terminated; "" for steps that have none. File
/// names are those that `slotseal` writes for the same data (bootloader.sealed.bin, flash-key.bin, …).
void ss_step_commands(const struct ss_procedure *procedure, const struct ss_parts *parts, size_t index, char *out,
                      size_t size);

/// Where a step stands, by the chip's own account.
enum ss_step_state {
    SS_STEP_PENDING,
    SS_STEP_DONE,
    SS_STEP_REFUSED, ///< it can neither be done nor taken for done: the chip is left alone
};

/// What the eFuses can be judged with.
struct ss_step_evidence {
    const uint32_t *words[3]; ///< words to burn into BLOCK1 and BLOCK2 (indices 1, 2); NULL: not known
    uint32_t dec_status;      ///< 3/4 coding errors, as the register: a burn that was cut short
    bool read_back[3];        ///< the journal says that exactly these words were read back there
};

/// Judges a step of kind KEY, BURN, COUNT or CHECK by what software reads of the eFuses (3/4 coding decoded). Other
/// kinds are PENDING. @p why (may be NULL) says why it is refused.
enum ss_step_state ss_step_judge(const struct ss_procedure *procedure, size_t index, const struct ss_efuse *window,
                                 const struct ss_step_evidence *evidence, struct ss_error *why);

/// Judges the chip as a whole: REFUSED if a step is, or if the chip is in a state that this procedure must not touch
/// (secure boot of another kind is on, FLASH_CRYPT_CNT is used up); PENDING if something is left to do.
enum ss_step_state ss_procedure_judge(const struct ss_procedure *procedure, const struct ss_efuse *window,
                                      const struct ss_step_evidence *evidence, struct ss_error *why);

/// "host-sealed", "device-encrypts"; "development", "release".
const char *ss_procedure_kind_name(enum ss_procedure_kind kind);
const char *ss_procedure_level_name(enum ss_procedure_level level);

#endif
