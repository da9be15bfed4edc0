// SPDX-License-Identifier: Apache-2.0
// The flash encryption of the ESP32: AES-256 with one key per 32-byte line, derived from the flash key and the address.
// Source: ESP-IDF Programming Guide, "Flash Encryption" (ESP32), section "Flash Encryption Algorithm"; esptool's
// espsecure gives the same bytes.
#ifndef SLOTSEAL_FLASH_CIPHER_H
#define SLOTSEAL_FLASH_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Unit of the cipher, bytes: addresses and lengths are multiples of it.
#define SS_FLASH_CIPHER_BLOCK 16
/// Bytes that share one AES key: two blocks, at an address that is a multiple of 32.
#define SS_FLASH_CIPHER_LINE 32
/// The flash that addresses can name, bytes: address bits above 23 take no part in the tweak.
#define SS_FLASH_CIPHER_SIZE 0x1000000u
/// Address bits that change the key: 5 (the line number's lowest) to 23.
#define SS_FLASH_CIPHER_TWEAK_BITS 19

/// Every form of a 256-bit value that the kernels start from; all are linear in it. Words are little-endian loads of
/// its bytes in file order. Round keys 0 and 1 of AES-256 begin two families: 0 with words 0..3, 1 with words 4..7.
///
///      0..7   the words
///      8..15  InvMixColumns of the words
///     16..19  the last word of family 0, taken i = 0, 1, 2, 3 steps before the schedule begins, by RotWord i times
///     20..23  the same of family 1
///     24..27  the last two words of each family one step before the schedule begins
///     28..31  InvMixColumns of 24..27
struct ss_flash_cipher_row {
    uint32_t word[32];
};

/// A flash key ready for use. Caller-allocated, no resources behind it, read-only after ss_flash_cipher_init() (several
/// threads may use one). It is as secret as the key: end it with ss_flash_cipher_wipe().
struct ss_flash_cipher {
    struct ss_flash_cipher_row key; ///< the flash key, key of line 0
    /// [k]: what is XORed to the key from one line to the next when the line number's bits 0..k change: the tweaks of
    /// address bits 5..5+k together. Not secret.
    struct ss_flash_cipher_row carry[SS_FLASH_CIPHER_TWEAK_BITS];
    uint8_t key_bit_tweak[256]; ///< [n]: address bit (5..23) XORed with key bit n (0 = top bit of byte 0), 0 for none
};

/// Prepares @p c for a flash key and a value of eFuse FLASH_CRYPT_CONFIG.
///
/// @param key           in file order, as espsecure reads it: 32 bytes, or 24 for a chip with 3/4 coding, whose bytes
///                      8..15 are appended again to make 32, as espsecure does.
/// @param crypt_config  0..15; bit i switches the tweak of key bits 0..66, 67..131, 132..194, 195..255 for i = 0..3.
///                      15 on every chip that ESP-IDF set up; 0 gives all lines the same key.
///
/// Returns SS_OK; SS_ERROR_INVALID_ARGUMENT: key length or crypt_config out of range; SS_ERROR_NOT_SUPPORTED: no kernel
/// passed its self-check on this CPU. On error @p c holds no key.
SS_MUST_USE ss_status_t ss_flash_cipher_init(struct ss_flash_cipher *c, const uint8_t *key, size_t key_len,
                                             unsigned crypt_config, struct ss_error *err);

/// Encrypts @p len bytes for absolute flash address @p address, as the chip does on an encrypted write.
///
/// @p address and @p len are multiples of 16 (a range may begin or end in the middle of a line) and end within
/// SS_FLASH_CIPHER_SIZE; any sub-range gives the same bytes as that part of the whole. @p len may be 0. @p in and
/// @p out may be the same buffer; any other overlap is not allowed. Constant-time in key and data.
///
/// SS_ERROR_INVALID_ARGUMENT: address, length or their sum out of range, buffers overlap in part. Nothing is written
/// on error.
SS_MUST_USE ss_status_t ss_flash_cipher_seal(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in,
                                             uint8_t *out, size_t len, struct ss_error *err);

/// Decrypts, as the flash cache does on a read; otherwise like ss_flash_cipher_seal().
SS_MUST_USE ss_status_t ss_flash_cipher_unseal(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in,
                                               uint8_t *out, size_t len, struct ss_error *err);

/// Overwrites the key material. @p c may be all zero or wiped already.
void ss_flash_cipher_wipe(struct ss_flash_cipher *c);

/// Name of the kernel that this CPU runs: "portable", "aesni", "vaes256", "vaes512", …; "none" if none passed its
/// self-check. Never NULL.
const char *ss_flash_cipher_kernel(void);

#ifdef __cplusplus
}
#endif
#endif
