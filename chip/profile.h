// SPDX-License-Identifier: Apache-2.0
// The bootloader profile: what is compiled into a second-stage bootloader and cannot be read from its eFuses. It is
// given by the user, read from a build, or guessed from the bootloader's bytes.
#ifndef SS_CHIP_PROFILE_H
#define SS_CHIP_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

/// Where a profile comes from. A guess explains what happens; it never authorises an irreversible step.
enum ss_profile_source {
    SS_PROFILE_GIVEN,   ///< by the user
    SS_PROFILE_BUILD,   ///< sdkconfig (and flasher_args.json) of the build
    SS_PROFILE_GUESSED, ///< strings and bytes of the bootloader image
};

enum ss_profile_secure_boot {
    SS_PROFILE_SECURE_BOOT_NONE,
    SS_PROFILE_SECURE_BOOT_V1,
    SS_PROFILE_SECURE_BOOT_V2,
};

enum ss_profile_log {
    SS_PROFILE_LOG_NONE,
    SS_PROFILE_LOG_ERROR,
    SS_PROFILE_LOG_WARN,
    SS_PROFILE_LOG_INFO,
};

/// ESP-IDF releases at which the second stage changes its ways, as major × 10000 + minor × 100 + patch.
#define SS_IDF_3_3 30300u
#define SS_IDF_4_0 40000u
#define SS_IDF_4_4 40400u

/// Length of the public key of secure boot V1. The field takes any other length, too: ESP-IDF links it unseen, and the
/// bootloader then refuses every app.
#define SS_PROFILE_KEY_SIZE 64u
#define SS_PROFILE_KEY_MAX  512u

/// Plain data. Start from SS_BOOT_PROFILE_DEFAULT: ESP-IDF v4.0.1 with its default configuration.
struct ss_boot_profile {
    enum ss_profile_source source;
    char idf_version[33];  ///< as the banner prints it, "v4.0.1"
    unsigned idf;          ///< the same as a number, 40001; a development version counts as the release before it
    char compile_time[33]; ///< as the banner prints it
    enum ss_profile_secure_boot secure_boot;
    bool signed_on_boot;          ///< apps need a signature; always true with secure_boot, possible without
    bool flash_encryption;        ///< encrypts flash at first boot: CONFIG_SECURE_FLASH_ENC_ENABLED
    bool release;                 ///< flash encryption mode is release, not development
    bool require_encrypted;       ///< refuses to encrypt: CONFIG_SECURE_FLASH_REQUIRE_ALREADY_ENABLED
    bool rollback;                ///< CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
    bool anti_rollback;           ///< CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK, implies rollback
    unsigned secure_version_bits; ///< CONFIG_BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD, 1–32; default 32
    bool allow_jtag, allow_basic; ///< not disabled with secure boot or flash encryption
    bool allow_dl_encrypt;        ///< as the next two: download mode keeps it; development mode of v4.0.1 does
    bool allow_dl_decrypt;        ///< …
    bool allow_dl_cache;          ///< …
    bool has_public_key;          ///< secure boot V1 or signed_on_boot without V2
    uint8_t public_key[SS_PROFILE_KEY_MAX]; ///< X‖Y, big endian
    size_t public_key_len;                  ///< bytes; anything but 64 makes every app fail
    uint32_t table_offset;                  ///< flash address of the partition table; default 0x8000
    enum ss_profile_log log;                ///< default info
    bool unicore;                           ///< v5.x says so in its banner
};
#define SS_BOOT_PROFILE_DEFAULT                                                                                        \
    {                                                                                                                  \
        .source = SS_PROFILE_GIVEN, .idf_version = "v4.0.1", .idf = 40001, .compile_time = "00:00:00",                 \
        .secure_version_bits = 32, .table_offset = 0x8000, .log = SS_PROFILE_LOG_INFO, .allow_dl_encrypt = true        \
    }

/// Reads `key = value` lines; `#` begins a comment, blank lines are allowed, each key at most once. Starts from the
/// default profile. Keys, with yes/no for switches:
///
///     idf_version, compile_time, secure_boot (none, v1, v2), signed_on_boot, flash_encryption, mode (development,
///     release), require_encrypted, rollback, anti_rollback, secure_version_bits, allow_jtag, allow_rom_basic,
///     allow_dl_encrypt, allow_dl_decrypt, allow_dl_cache, public_key (hex), table_offset (0x…),
///     log (none, error, warn, info), unicore
///
/// Mode release means allow_dl_encrypt = no unless that is given, too.
/// SS_ERROR_DATA_INVALID names line and value: an unknown key, a value that is none of its key, a key twice.
SS_MUST_USE ss_status_t ss_profile_parse(const char *text, size_t len, struct ss_boot_profile *profile,
                                         struct ss_error *err);

/// What a build knows beside its sdkconfig. All zero: nothing.
struct ss_profile_build {
    const char *idf_version;   ///< of project_description.json or the bootloader; NULL: v4.0.1, or what sdkconfig says
    const uint8_t *public_key; ///< signature_verification_key.bin of the build, any length; NULL: none
    size_t public_key_len;
    uint32_t table_offset; ///< of flasher_args.json; 0: what sdkconfig says
};

/// Reads an sdkconfig of ESP-IDF v3.2 to v5.x (old names of options as well). Lines that are no options the bootloader
/// heeds are passed over. @p build may be NULL.
/// SS_ERROR_DATA_INVALID: not an sdkconfig (no CONFIG_ line), or a number that does not fit.
SS_MUST_USE ss_status_t ss_profile_from_sdkconfig(const char *text, size_t len, const struct ss_profile_build *build,
                                                  struct ss_boot_profile *profile, struct ss_error *err);

/// Guesses from a bootloader image in plaintext, which need not be complete: version and compile time from its
/// strings, options from the messages that only they compile in, the public key from the one point of P-256 in it.
/// Rollback leaves no message behind and is guessed to be off. Never fails; without any string it is the default
/// profile, marked as guessed.
void ss_profile_guess(const uint8_t *image, size_t len, struct ss_boot_profile *profile);

/// "given", "build", "guessed"; "none", "v1", "v2".
const char *ss_profile_source_name(enum ss_profile_source source);
const char *ss_profile_secure_boot_name(enum ss_profile_secure_boot secure_boot);

/// "v5.2-dev-254-g1950b15" to 50200 and so on: a development version is taken for the release it leads to, except that
/// "vX.Y-dev" of the 3.x line keeps the ways of the release before. False if it begins with no version.
bool ss_profile_idf_number(const char *version, unsigned *idf);

#endif
