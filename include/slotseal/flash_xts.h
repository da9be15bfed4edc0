// SPDX-License-Identifier: Apache-2.0
// Flash encryption of the chips after the ESP32 (S2, S3, C2, C3, C5, C6, C61, H2, P4): AES-XTS bound to the flash
// address. Bytes are those of the chips and of esptool's `espsecure encrypt-flash-data --aes-xts`.
//
// Flash is divided into data units of 128 bytes. A unit is reversed as a whole, byte by byte, before and after
// AES-XTS; its tweak is its address:
//
//     flash        a = 128·n                                  a + 127
//                 |  b0  |  b1  |  b2  |  b3  |  b4  |  b5  |  b6  |  b7  |   16-byte blocks
//     XTS block      7      6      5      4      3      2      1      0
//
//     T    = AES-encrypt(tweak key, a as 32 bits little endian and 12 zero bytes)
//     C_j  = reverse(AES(data key, reverse(P_j) ^ T·α^(7-j)) ^ T·α^(7-j))
//
// A block depends on its own 16 bytes and its address only. So any range of whole blocks can be sealed alone, equals
// the slice of the whole, and nothing has to be padded to a unit.
#ifndef SLOTSEAL_FLASH_XTS_H
#define SLOTSEAL_FLASH_XTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Granularity of addresses and lengths, bytes.
#define SS_FLASH_XTS_BLOCK 16
/// XTS data unit, bytes.
#define SS_FLASH_XTS_UNIT 128
/// Where flash addresses end.
#define SS_FLASH_XTS_SIZE UINT64_C(0x100000000)

/// An expanded key. Caller-allocated, holds secrets: end with ss_flash_xts_wipe(). May be copied, and used from
/// several threads at once. The fields are private.
struct ss_flash_xts {
    unsigned rounds;              ///< of AES: 10 for XTS-128, 14 for XTS-256; 0 before init and after wipe
    bool equal_halves;            ///< data key = tweak key
    uint8_t encrypt_keys[15][16]; ///< data key: round keys of the cipher
    uint8_t decrypt_keys[15][16]; ///< data key: round keys of the equivalent inverse cipher, in order of use
    uint8_t tweak_keys[15][16];   ///< tweak key: round keys of the cipher
};

/// Prepares @p c for a key as it stands in a key file (the byte order of espsecure; eFuses hold it reversed).
/// On error @p c holds no key.
///
/// @param key      64 bytes: XTS-256, data key then tweak key. 32 bytes: XTS-128. 16 bytes: XTS-128 with the SHA-256
///                 of those bytes, as chips do that burn half a key block (ESP-IDF, "Flash Encryption", ESP32-C2).
/// @param key_len  16, 32 or 64
///
///   SS_ERROR_INVALID_ARGUMENT   another length
///   SS_ERROR_NOT_SUPPORTED      no kernel passed its self-check on this CPU
///   what the crypto provider reports for the SHA-256
SS_MUST_USE ss_status_t ss_flash_xts_init(struct ss_flash_xts *c, const uint8_t *key, size_t key_len,
                                          struct ss_error *err);

/// Encrypts @p len bytes that will lie at flash address @p address.
///
/// @param address  absolute flash address, a multiple of 16
/// @param len      a multiple of 16; 0 is allowed
/// @param out      @p len bytes; may be @p in itself, must not overlap it otherwise
///
/// On error nothing is written.
///   SS_ERROR_INVALID_ARGUMENT   address or length not a multiple of 16; the range passes SS_FLASH_XTS_SIZE; buffers
///                               overlap in part; both halves of the key are equal (XTS loses its security then;
///                               espsecure refuses it too)
///   SS_ERROR_BAD_STATE          @p c is not initialised
SS_MUST_USE ss_status_t ss_flash_xts_seal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in,
                                          uint8_t *out, size_t len, struct ss_error *err);

/// Decrypts: the inverse of ss_flash_xts_seal(), same parameters and results, except that it takes a key with equal
/// halves, so that what such a chip holds can still be read.
SS_MUST_USE ss_status_t ss_flash_xts_unseal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in,
                                            uint8_t *out, size_t len, struct ss_error *err);

/// Overwrites the keys. Allowed on an all-zero or already wiped @p c.
void ss_flash_xts_wipe(struct ss_flash_xts *c);

/// Name of the kernel that this CPU runs: "portable", "aesni", "vaes256", "vaes512", "armv8"; "none" if none passed its
/// self-check. Never NULL.
const char *ss_flash_xts_kernel(void);

#ifdef __cplusplus
}
#endif
#endif
