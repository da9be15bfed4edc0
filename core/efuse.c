// SPDX-License-Identifier: Apache-2.0
// Reading, burning, and what protection does to both.
#include "slotseal/efuse.h"

#include <assert.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"

// Bits of WR_DIS and RD_DIS, both in word 0.
#define RD_DIS_AT      16
#define WR_DIS_BLOCK1  7
#define RD_DIS_BLOCK0  3
#define KEY_BLOCKS     3u
#define WORDS_IN_BLOCK 8u

size_t ss_efuse_block_start(unsigned block)
{
    assert(block < SS_EFUSE_BLOCKS);
    return block == 0 ? 0 : block * WORDS_IN_BLOCK - 1;
}

size_t ss_efuse_block_words(unsigned block)
{
    assert(block < SS_EFUSE_BLOCKS);
    return block == 0 ? WORDS_IN_BLOCK - 1 : WORDS_IN_BLOCK;
}

void ss_efuse_from_bytes(const uint8_t in[SS_EFUSE_IMAGE_SIZE], struct ss_efuse *out)
{
    for (size_t i = 0; i < SS_EFUSE_WORDS; i++)
        out->words[i] = ss_get_le32(in + 4 * i);
}

void ss_efuse_to_bytes(const struct ss_efuse *efuse, uint8_t out[SS_EFUSE_IMAGE_SIZE])
{
    for (size_t i = 0; i < SS_EFUSE_WORDS; i++)
        ss_put_le32(out + 4 * i, efuse->words[i]);
}

// Position of the field's bit i among all the bits of an image.
static size_t bit_of(const struct ss_efuse_field *field, size_t i)
{
    return (ss_efuse_block_start(field->block) + field->word) * 32 + field->bit + i;
}

void ss_efuse_get_bytes(const struct ss_efuse *efuse, const struct ss_efuse_field *field, uint8_t *out)
{
    memset(out, 0, (field->length + 7u) / 8);
    for (size_t i = 0; i < field->length; i++) {
        size_t bit = bit_of(field, i);
        out[i / 8] |= (uint8_t)((efuse->words[bit / 32] >> bit % 32 & 1) << i % 8);
    }
}

uint32_t ss_efuse_get(const struct ss_efuse *efuse, const struct ss_efuse_field *field)
{
    uint32_t value = 0;
    for (size_t i = 0; i < field->length && i < 32; i++) {
        size_t bit = bit_of(field, i);
        value |= (efuse->words[bit / 32] >> bit % 32 & 1) << i;
    }
    return value;
}

uint32_t ss_efuse_get_name(const struct ss_efuse *efuse, const char *name)
{
    const struct ss_efuse_field *field = ss_efuse_field_find(name);
    assert(field);
    return ss_efuse_get(efuse, field);
}

static bool wr_dis(const struct ss_efuse *efuse, int bit)
{
    return bit >= 0 && efuse->words[0] >> bit & 1;
}

static bool rd_dis(const struct ss_efuse *efuse, int bit)
{
    return bit >= 0 && efuse->words[0] >> (RD_DIS_AT + bit) & 1;
}

bool ss_efuse_write_protected(const struct ss_efuse *efuse, const struct ss_efuse_field *field)
{
    return wr_dis(efuse, field->wr_dis);
}

bool ss_efuse_read_protected(const struct ss_efuse *efuse, const struct ss_efuse_field *field)
{
    return rd_dis(efuse, field->rd_dis);
}

bool ss_efuse_block_write_protected(const struct ss_efuse *efuse, unsigned block)
{
    assert(block >= 1 && block < SS_EFUSE_BLOCKS);
    return wr_dis(efuse, WR_DIS_BLOCK1 + (int)block - 1);
}

bool ss_efuse_block_read_protected(const struct ss_efuse *efuse, unsigned block)
{
    assert(block >= 1 && block < SS_EFUSE_BLOCKS);
    return rd_dis(efuse, (int)block - 1);
}

enum ss_efuse_coding ss_efuse_coding(const struct ss_efuse *efuse)
{
    uint32_t scheme = ss_efuse_get_name(efuse, "CODING_SCHEME");
    return scheme == 3 ? SS_EFUSE_CODING_NONE : (enum ss_efuse_coding)scheme;
}

static ss_status_t refuse(struct ss_error *err, const struct ss_efuse_field *field, const char *why)
{
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_EFUSE, "%s %s", field->name, why);
}

// Whether the field can be made equal to the bytes.
static ss_status_t may_burn(const struct ss_efuse *silicon, const struct ss_efuse_field *field, const uint8_t *bytes,
                            struct ss_error *err)
{
    bool changes = false;
    for (size_t i = 0; i < field->length; i++) {
        size_t bit = bit_of(field, i);
        bool now = silicon->words[bit / 32] >> bit % 32 & 1, wanted = bytes[i / 8] >> i % 8 & 1;
        if (now && !wanted)
            return refuse(err, field, "has bits set that cannot be cleared");
        changes |= now != wanted;
    }
    if (changes && ss_efuse_write_protected(silicon, field))
        return refuse(err, field, "is write-protected");
    if (changes && field->block != 0 && ss_efuse_coding(silicon) != SS_EFUSE_CODING_NONE)
        return refuse(err, field, "lies in a coded block, which is burned in whole chunks");
    return SS_OK;
}

static void set_bits(struct ss_efuse *silicon, const struct ss_efuse_field *field, const uint8_t *bytes)
{
    for (size_t i = 0; i < field->length; i++) {
        size_t bit = bit_of(field, i);
        silicon->words[bit / 32] |= (uint32_t)(bytes[i / 8] >> i % 8 & 1) << bit % 32;
    }
}

ss_status_t ss_efuse_burn(struct ss_efuse *silicon, const struct ss_efuse_field *field, uint32_t value,
                          struct ss_error *err)
{
    uint8_t bytes[4];
    if (field->length > 32)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_EFUSE, "%s has %u bits and is no number",
                            field->name, field->length);
    if (field->length < 32 && value >> field->length != 0)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_EFUSE, "0x%x does not fit the %u bits of %s",
                            (unsigned)value, field->length, field->name);
    ss_put_le32(bytes, value);
    ss_status_t status = may_burn(silicon, field, bytes, err);
    if (status == SS_OK)
        set_bits(silicon, field, bytes);
    return status;
}

static ss_status_t check_chunks(const uint32_t *now, const uint32_t words[WORDS_IN_BLOCK], unsigned block,
                                struct ss_error *err)
{
    for (size_t i = 0; i < WORDS_IN_BLOCK; i += 2)
        if ((now[i] || now[i + 1]) && (now[i] != words[i] || now[i + 1] != words[i + 1]))
            return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_EFUSE,
                                "chunk %zu of BLOCK%u is burned, 3/4 coding allows that once", i / 2, block);
    return SS_OK;
}

ss_status_t ss_efuse_burn_block(struct ss_efuse *silicon, unsigned block, const uint32_t words[WORDS_IN_BLOCK],
                                struct ss_error *err)
{
    if (block < 1 || block >= SS_EFUSE_BLOCKS)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_EFUSE, "BLOCK%u is none of BLOCK1 to BLOCK3",
                            block);
    uint32_t *now = silicon->words + ss_efuse_block_start(block);
    uint32_t missing = 0, cleared = 0;
    for (size_t i = 0; i < WORDS_IN_BLOCK; i++) {
        missing |= words[i] & ~now[i];
        cleared |= now[i] & ~words[i];
    }
    if (ss_efuse_coding(silicon) == SS_EFUSE_CODING_34) {
        ss_status_t status = check_chunks(now, words, block, err);
        if (status != SS_OK)
            return status;
    }
    if (cleared)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_EFUSE, "BLOCK%u has bits set that cannot be cleared",
                            block);
    if (missing && ss_efuse_block_write_protected(silicon, block))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_EFUSE, "BLOCK%u is write-protected", block);
    for (size_t i = 0; i < WORDS_IN_BLOCK; i++)
        now[i] |= words[i];
    return SS_OK;
}

uint8_t ss_efuse_mac_crc(const uint8_t mac[6])
{
    uint8_t crc = 0;
    for (int i = 0; i < 6; i++) {
        crc ^= mac[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (uint8_t)(crc >> 1 ^ (crc & 1 ? 0x8C : 0));
    }
    return crc;
}

static ss_status_t check_mac(const struct ss_efuse *efuse, const uint8_t mac[6], const char *crc_field,
                             struct ss_error *err)
{
    uint32_t stored = ss_efuse_get_name(efuse, crc_field);
    if (stored == ss_efuse_mac_crc(mac))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_EFUSE, "%s is 0x%02x, the address has 0x%02x", crc_field,
                        (unsigned)stored, ss_efuse_mac_crc(mac));
}

// Stored with its last byte in the lowest bits.
ss_status_t ss_efuse_get_mac(const struct ss_efuse *efuse, uint8_t mac[6], struct ss_error *err)
{
    uint8_t stored[6];
    ss_efuse_get_bytes(efuse, ss_efuse_field_find("MAC"), stored);
    for (int i = 0; i < 6; i++)
        mac[i] = stored[5 - i];
    return check_mac(efuse, mac, "MAC_CRC", err);
}

ss_status_t ss_efuse_burn_mac(struct ss_efuse *silicon, const uint8_t mac[6], struct ss_error *err)
{
    const struct ss_efuse_field *field = ss_efuse_field_find("MAC"), *crc_field = ss_efuse_field_find("MAC_CRC");
    uint8_t stored[6], crc = ss_efuse_mac_crc(mac);
    for (int i = 0; i < 6; i++)
        stored[i] = mac[5 - i];
    ss_status_t status = may_burn(silicon, field, stored, err);
    if (status == SS_OK)
        status = may_burn(silicon, crc_field, &crc, err);
    if (status != SS_OK)
        return status;
    set_bits(silicon, field, stored);
    set_bits(silicon, crc_field, &crc);
    return SS_OK;
}

ss_status_t ss_efuse_get_custom_mac(const struct ss_efuse *efuse, uint8_t mac[6], struct ss_error *err)
{
    memset(mac, 0, 6);
    uint32_t version = ss_efuse_get_name(efuse, "MAC_VERSION");
    if (version != 1)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_EFUSE,
                            "no custom address: MAC_VERSION is %u and not 1", (unsigned)version);
    ss_efuse_get_bytes(efuse, ss_efuse_field_find("CUSTOM_MAC"), mac);
    return check_mac(efuse, mac, "CUSTOM_MAC_CRC", err);
}

unsigned ss_efuse_revision(const struct ss_efuse *efuse, bool apb_ctl_date_bit31)
{
    static const uint8_t major[8] = {[1] = 1, [3] = 2, [7] = 3};
    unsigned bits = (unsigned)(ss_efuse_get_name(efuse, "CHIP_VER_REV1") |
                               ss_efuse_get_name(efuse, "CHIP_VER_REV2") << 1 | (apb_ctl_date_bit31 ? 4u : 0));
    return major[bits] * 100u + ss_efuse_get_name(efuse, "WAFER_VERSION_MINOR");
}

void ss_efuse_crypt_count(const struct ss_efuse *efuse, struct ss_crypt_count *out)
{
    const struct ss_efuse_field *field = ss_efuse_field_find("FLASH_CRYPT_CNT");
    unsigned value = ss_efuse_get(efuse, field), bits = 0;
    for (unsigned v = value; v; v >>= 1)
        bits += v & 1;
    *out = (struct ss_crypt_count){
        .value = (uint8_t)value,
        .enabled = bits % 2 == 1,
        .write_protected = ss_efuse_write_protected(efuse, field),
        .next = (uint8_t)((value | (value + 1)) & 0x7F),
    };
    out->plaintext_flashes = out->write_protected ? 0 : (field->length - bits) / 2;
}

static unsigned decode_block(struct ss_efuse *window, size_t start)
{
    uint8_t data[24];
    uint32_t *words = window->words + start;
    unsigned bad = ss_efuse_decode_34(words, data);
    for (size_t i = 0; i < 6; i++)
        words[i] = ss_get_le32(data + 4 * i);
    words[6] = words[7] = 0;
    ss_wipe(data, sizeof data);
    return bad;
}

void ss_efuse_read_window(const struct ss_efuse *silicon, struct ss_efuse *window, uint32_t *dec_status)
{
    uint32_t status = 0;
    *window = *silicon;
    for (unsigned block = 1; block <= KEY_BLOCKS; block++) {
        size_t start = ss_efuse_block_start(block);
        if (ss_efuse_coding(silicon) == SS_EFUSE_CODING_34)
            status |= decode_block(window, start) << 4 * (block - 1);
        if (ss_efuse_block_read_protected(silicon, block))
            memset(window->words + start, 0, WORDS_IN_BLOCK * sizeof *window->words);
    }
    const struct ss_efuse_field *field;
    for (size_t i = 0; (field = ss_efuse_field_at(i)); i++)
        if (field->rd_dis == RD_DIS_BLOCK0 && rd_dis(silicon, RD_DIS_BLOCK0))
            window->words[field->word] &= ~((((uint32_t)1 << field->length) - 1) << field->bit);
    if (dec_status)
        *dec_status = status;
}
