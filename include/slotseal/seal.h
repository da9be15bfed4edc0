// SPDX-License-Identifier: Apache-2.0
// Sealing: what may be encrypted for one device at one flash address, and the encryption itself by the chip's scheme.
//
// Order is part of correctness: sign the plaintext, pad with 0xFF, then seal. So sealing takes only what it recognises
// as plaintext that would work at that address, or what the caller declares to be data.
//
//     plaintext   | image | signature | 0xFF … |        length: a multiple of 16
//                 ^ address                             fits `capacity`
//     sealed      | ciphertext, same length    |
//
// Sources: ESP-IDF Programming Guide, "Flash Encryption", "Secure Boot", "Partition Tables", "Bootloader".
#ifndef SLOTSEAL_SEAL_H
#define SLOTSEAL_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/chip_info.h"
#include "slotseal/error.h"
#include "slotseal/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Flash encryption works on blocks of this many bytes, on every chip.
#define SS_SEAL_BLOCK 16u
/// Largest unit that plaintext is padded to: a flash sector.
#define SS_SEAL_MAX_PAD 4096u
/// FLASH_CRYPT_CONFIG as ESP-IDF burns it.
#define SS_SEAL_CRYPT_CONFIG_DEFAULT 0xFu

/// What is sealed; decides what is checked.
enum ss_seal_kind {
    SS_SEAL_APP,        ///< an application image; the address is a multiple of 64 KiB
    SS_SEAL_BOOTLOADER, ///< the second-stage bootloader; at flash address 0 of an ESP32 also the file of
                        ///< digest_secure_bootloader: secure boot V1 digest, 0xFF, bootloader at 0x1000
    SS_SEAL_TABLE,      ///< a binary partition table, with or without V1 signature
    SS_SEAL_OTADATA,    ///< both records; erased ones (all 0xFF) are good
    SS_SEAL_DATA,       ///< anything: declared by the caller, not checked
};

/// One place in the flash of one device. All zero beside kind, address and key is a sensible start, except
/// crypt_config.
struct ss_seal_params {
    const struct ss_chip *chip; ///< NULL: ESP32
    enum ss_seal_kind kind;
    uint32_t address;      ///< absolute flash address of the first byte, a multiple of 16
    uint32_t capacity;     ///< bytes from there to the end of the slot or region; 0: not checked
    const char *place;     ///< its name for messages, "slot ota_1"; NULL: "the space"
    uint32_t flash_needed; ///< bootloader only: end of the last partition, which the flash size in the header must
                           ///< reach; 0: not checked
    const uint8_t *key;    ///< flash key as in its file
    size_t key_len;        ///< bytes; which ones a chip takes: ss_chip_takes_flash_key()
    unsigned crypt_config; ///< eFuse FLASH_CRYPT_CONFIG, 0–15; ESP32 only, ignored on other chips
    uint32_t pad_unit;     ///< plaintext is padded with 0xFF to a multiple: a power of two, 16–4096; 0: 16
};

/// What was found on the way. Plain data, nothing to free.
struct ss_seal_report {
    size_t plaintext_len;              ///< as given, or as unsealed
    size_t padded_len;                 ///< = length of the sealed image
    enum ss_image_signature signature; ///< of an image or (V1 only) a table; not verified
    uint32_t signature_offset;         ///< in the plaintext, where there is one
    struct ss_image image;             ///< app and bootloader: its description; image.file_len 0 otherwise
};

/// Checks the flash key of @p params alone: its length and crypt_config. ss_seal_check() and ss_unseal() do it, too.
/// Statuses: SS_ERROR_INVALID_ARGUMENT: the chip takes no key of that length, or crypt_config is out of range.
SS_MUST_USE ss_status_t ss_seal_check_key(const struct ss_seal_params *params, struct ss_error *err);

/// Checks everything that ss_seal() checks, without sealing. @p report (may be NULL) is filled as far as the checks
/// got.
///
/// Statuses, with the reason in @p err:
///   SS_ERROR_INVALID_ARGUMENT     @p len is 0; address not a multiple of 16, or of 64 KiB for an app; key length that
///                                 the chip does not take; crypt_config or pad_unit out of range; the range passes the
///                                 end of the address space
///   SS_ERROR_INSUFFICIENT_SPACE   padded length above the capacity (signature included), or flash size in the
///                                 bootloader's header below flash_needed, or an app beyond what the chip can map
///   SS_ERROR_NOT_PERMITTED        not plaintext: sealed already, or signed after sealing
///   SS_ERROR_NOT_SUPPORTED        image for another chip, or for a later chip revision than exists
///   SS_ERROR_DATA_INVALID         not what its kind says, or something that would not boot
///   SS_ERROR_DATA_CORRUPT         checksum, hash, MD5 or CRC disagrees
///   what the crypto provider reports
SS_MUST_USE ss_status_t ss_seal_check(const struct ss_seal_params *params, const uint8_t *in, size_t len,
                                      struct ss_seal_report *report, struct ss_error *err);

/// Checks @p in, pads it with 0xFF and encrypts it for params->address.
///
/// @p out has @p size bytes; *out_len is the padded length. out == in is allowed, other overlap is not. @p report may
/// be NULL. Nothing is written to @p out on error; *out_len is 0 then, or the length needed.
/// Statuses: those of ss_seal_check(); SS_ERROR_BUFFER_TOO_SMALL; those of the chip's cipher.
SS_MUST_USE ss_status_t ss_seal(const struct ss_seal_params *params, const uint8_t *in, size_t len, uint8_t *out,
                                size_t size, size_t *out_len, struct ss_seal_report *report, struct ss_error *err);

/// Decrypts @p len bytes (a multiple of 16) and checks that the result is what params->kind says; a wrong key, address
/// or crypt_config gives noise, which is refused. Padding stays: *out_len = @p len. What follows an image is not looked
/// at, so a whole slot read from flash is welcome. pad_unit is ignored.
///
/// @p out has @p size bytes; out == in is allowed, other overlap is not. On error *out_len is 0, or the length
/// needed, and @p out either untouched or, when the result was refused, wiped.
/// Statuses: SS_ERROR_INVALID_ARGUMENT and SS_ERROR_INSUFFICIENT_SPACE as above for the parameters;
/// SS_ERROR_BUFFER_TOO_SMALL; those of the chip's cipher; and for a refused result SS_ERROR_DATA_INVALID,
/// SS_ERROR_DATA_CORRUPT or SS_ERROR_NOT_SUPPORTED.
SS_MUST_USE ss_status_t ss_unseal(const struct ss_seal_params *params, const uint8_t *in, size_t len, uint8_t *out,
                                  size_t size, size_t *out_len, struct ss_seal_report *report, struct ss_error *err);

/// "app", "bootloader", "table", "otadata", "data". Never NULL.
const char *ss_seal_kind_name(enum ss_seal_kind kind);

/// What @p in is when nobody said: bootloader if it is an image and @p address is where the chip's ROM looks for one,
/// app for other images, table, otadata (an all-erased file only if it has the length of one); data for all else, which
/// then needs the caller's word. @p chip NULL: ESP32.
enum ss_seal_kind ss_seal_guess_kind(const struct ss_chip *chip, uint32_t address, const uint8_t *in, size_t len);

#ifdef __cplusplus
}
#endif
#endif
