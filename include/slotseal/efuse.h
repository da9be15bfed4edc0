// SPDX-License-Identifier: Apache-2.0
// The ESP32's eFuses: one-time bits that only go from 0 to 1. Fields by espefuse's names, protection, key blocks with
// their byte order and 3/4 coding, the MAC, and what software can read of what was burned.
//
// Sources: ESP32 Technical Reference Manual, chapter eFuse Controller; ESP-IDF, components/efuse/esp32/
// esp_efuse_table.csv and docs/en/security/flash-encryption.rst; field names as in esptool's espefuse 5.3.1.
#ifndef SLOTSEAL_EFUSE_H
#define SLOTSEAL_EFUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SS_EFUSE_BLOCKS     4u
#define SS_EFUSE_WORDS      31u  ///< BLOCK0: 7, BLOCK1 … BLOCK3: 8 each
#define SS_EFUSE_IMAGE_SIZE 124u ///< bytes of the words in little endian, as espefuse's `dump --format joint` writes

/// Either the silicon (the bits as burned) or the read window (what software sees): ss_efuse_read_window() makes the
/// second from the first. Plain data: zero is a blank chip, copies are allowed; it may hold keys, so wipe it.
///
///     word  0      7       15      23      31
///          +------+-------+-------+-------+
///          |BLOCK0|BLOCK1 |BLOCK2 |BLOCK3 |
///          +------+-------+-------+-------+
struct ss_efuse {
    uint32_t words[SS_EFUSE_WORDS];
};

enum ss_efuse_type {
    SS_EFUSE_BOOL,
    SS_EFUSE_UINT,     ///< up to 32 bits
    SS_EFUSE_BITCOUNT, ///< the number of set bits counts; raised by setting the lowest clear bit
    SS_EFUSE_BYTES,    ///< MAC or key block
};

struct ss_efuse_field {
    const char *name;        ///< espefuse's name
    const char *alias;       ///< ESP-IDF's or an older name, NULL if there is none
    const char *description; ///< one line
    enum ss_efuse_type type;
    uint8_t block;   ///< 0 … 3
    uint8_t word;    ///< word in the block
    uint8_t bit;     ///< lowest bit in the word
    uint16_t length; ///< bits; fields may cross words
    int8_t wr_dis;   ///< bit of WR_DIS that write-protects it; -1 if none does
    int8_t rd_dis;   ///< bit of RD_DIS that hides it from software; -1 if none does
};

/// Values of CODING_SCHEME.
enum ss_efuse_coding {
    SS_EFUSE_CODING_NONE = 0,   ///< 256 bits a block; the value 3 means the same
    SS_EFUSE_CODING_34 = 1,     ///< 192 bits and check bytes a block
    SS_EFUSE_CODING_REPEAT = 2, ///< 128 bits twice; not supported by ESP-IDF
};

/// Number of BLOCK @p block's first word in ss_efuse.words, and its count of words (7 or 8).
size_t ss_efuse_block_start(unsigned block);
size_t ss_efuse_block_words(unsigned block);

/// Reads and writes the 124 bytes of an image.
void ss_efuse_from_bytes(const uint8_t in[SS_EFUSE_IMAGE_SIZE], struct ss_efuse *out);
void ss_efuse_to_bytes(const struct ss_efuse *efuse, uint8_t out[SS_EFUSE_IMAGE_SIZE]);

/// The field with this name or alias, any case; NULL if there is none.
const struct ss_efuse_field *ss_efuse_field_find(const char *name);
/// The fields in the order of their position: index 0, 1, … until NULL.
const struct ss_efuse_field *ss_efuse_field_at(size_t index);

/// Value of a field of at most 32 bits, the low 32 of a longer one. Under 3/4 coding the fields of BLOCK3 have their
/// place in the read window, not in the silicon.
uint32_t ss_efuse_get(const struct ss_efuse *efuse, const struct ss_efuse_field *field);
/// The same by name. The name must exist: a wrong one is a programming error.
uint32_t ss_efuse_get_name(const struct ss_efuse *efuse, const char *name);
/// The bits of any field as bytes, lowest bits first; @p out holds field->length / 8 rounded up.
void ss_efuse_get_bytes(const struct ss_efuse *efuse, const struct ss_efuse_field *field, uint8_t *out);

/// True if WR_DIS keeps the field (or all of block 1 … 3) from being burned.
bool ss_efuse_write_protected(const struct ss_efuse *efuse, const struct ss_efuse_field *field);
bool ss_efuse_block_write_protected(const struct ss_efuse *efuse, unsigned block);
/// True if RD_DIS hides the field (or all of block 1 … 3) from software.
bool ss_efuse_read_protected(const struct ss_efuse *efuse, const struct ss_efuse_field *field);
bool ss_efuse_block_read_protected(const struct ss_efuse *efuse, unsigned block);

/// Burns @p value into a field of at most 32 bits. Burning what is there already is allowed. On error nothing changes.
///   SS_ERROR_INVALID_ARGUMENT   the value does not fit the field, or the field is longer
///   SS_ERROR_NOT_PERMITTED      a set bit would have to be cleared; the field is write-protected and would change; or
///                               it lies in BLOCK1 … BLOCK3 under 3/4 coding, where whole chunks have to be burned
SS_MUST_USE ss_status_t ss_efuse_burn(struct ss_efuse *silicon, const struct ss_efuse_field *field, uint32_t value,
                                      struct ss_error *err);

/// Burns a whole block of 1 … 3: ORs @p words (already coded) in. Statuses as ss_efuse_burn(), and
///   SS_ERROR_INVALID_ARGUMENT   another block
///   SS_ERROR_NOT_PERMITTED      under 3/4 coding: a chunk of 8 bytes that is not blank and has other content
SS_MUST_USE ss_status_t ss_efuse_burn_block(struct ss_efuse *silicon, unsigned block, const uint32_t words[8],
                                            struct ss_error *err);

/// The chip's coding scheme with 3 read as none.
enum ss_efuse_coding ss_efuse_coding(const struct ss_efuse *efuse);

/// 3/4 coding of 24 bytes: each 6 become 8 by appending their XOR and the sum of (i + 1) times the number of set bits
/// of byte i, modulo 256.
void ss_efuse_encode_34(const uint8_t data[24], uint32_t words[8]);
/// Decodes 24 bytes without correcting them. Returns a bit for each of the 4 chunks whose check bytes disagree.
unsigned ss_efuse_decode_34(const uint32_t words[8], uint8_t data[24]);

/// Words to burn for a flash encryption or secure boot V1 key in file order: reversed, and 3/4 coded if @p len is 24.
/// On error @p words are zero.
///   SS_ERROR_INVALID_ARGUMENT   @p len is not 32, or 24 with 3/4 coding
///   SS_ERROR_NOT_SUPPORTED      repeat coding
SS_MUST_USE ss_status_t ss_efuse_key_to_words(const uint8_t *key, size_t len, enum ss_efuse_coding coding,
                                              uint32_t words[8], struct ss_error *err);
/// The key in file order from a block of the silicon: 32 bytes, or 24 with 3/4 coding. On error @p key is zero.
///   SS_ERROR_DATA_CORRUPT    3/4 check bytes disagree
///   SS_ERROR_NOT_SUPPORTED   repeat coding
SS_MUST_USE ss_status_t ss_efuse_key_from_words(const uint32_t words[8], enum ss_efuse_coding coding, uint8_t key[32],
                                                size_t *len, struct ss_error *err);
/// The 32 bytes with which the ESP32 uses a 24-byte flash key: bytes 8 … 15 follow again at the end.
void ss_efuse_extend_192(const uint8_t key[24], uint8_t out[32]);

/// CRC-8 of a MAC (reflected polynomial 0x8C, start 0), as MAC_CRC holds it.
uint8_t ss_efuse_mac_crc(const uint8_t mac[6]);
/// The factory MAC in the usual order. SS_ERROR_DATA_CORRUPT: the CRC disagrees; @p mac is filled all the same.
SS_MUST_USE ss_status_t ss_efuse_get_mac(const struct ss_efuse *efuse, uint8_t mac[6], struct ss_error *err);
/// Burns the factory MAC and its CRC into a blank place. Statuses as ss_efuse_burn().
SS_MUST_USE ss_status_t ss_efuse_burn_mac(struct ss_efuse *silicon, const uint8_t mac[6], struct ss_error *err);
/// The custom MAC of BLOCK3. SS_ERROR_DOES_NOT_EXIST: MAC_VERSION is not 1. SS_ERROR_DATA_CORRUPT as above.
SS_MUST_USE ss_status_t ss_efuse_get_custom_mac(const struct ss_efuse *efuse, uint8_t mac[6], struct ss_error *err);

/// Chip revision, major * 100 + minor. @p apb_ctl_date_bit31 is the third revision bit, which is not an eFuse
/// (register APB_CTRL_DATE, bit 31): set on revision 3. Combinations that were never made count as 0.
unsigned ss_efuse_revision(const struct ss_efuse *efuse, bool apb_ctl_date_bit31);

/// What FLASH_CRYPT_CNT says.
struct ss_crypt_count {
    uint8_t value;              ///< 0 … 0x7F
    bool enabled;               ///< an odd number of bits is set: flash is read through decryption
    bool write_protected;       ///< the state is final
    unsigned plaintext_flashes; ///< how often plaintext can still be flashed over serial, as the bootloader counts
    uint8_t next;               ///< value after burning the lowest clear bit; equal to value if there is none
};
void ss_efuse_crypt_count(const struct ss_efuse *efuse, struct ss_crypt_count *out);

/// What software reads of the silicon: BLOCK1 … BLOCK3 are zero where RD_DIS hides them, RD_DIS bit 3 hides
/// BLK3_PART_RESERVE, FLASH_CRYPT_CONFIG, CODING_SCHEME and KEY_STATUS; under 3/4 coding the 24 decoded bytes stand in
/// words 0 … 5 of a block. @p dec_status (may be NULL) gets the controller's DEC_STATUS: bits 0 … 3 for BLOCK1's
/// chunks, 4 … 7 for BLOCK2, 8 … 11 for BLOCK3.
void ss_efuse_read_window(const struct ss_efuse *silicon, struct ss_efuse *window, uint32_t *dec_status);

#ifdef __cplusplus
}
#endif
#endif
