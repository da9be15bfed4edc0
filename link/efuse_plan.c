// SPDX-License-Identifier: Apache-2.0
// What may be burned: everything that cannot take, would damage what is there, or cannot be known, is refused before
// anything is burned.
#include <string.h>

#include "core/bytes.h"
#include "link/link_parts.h"

static ss_status_t refuse(struct ss_error *err, const char *what, const char *why)
{
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_EFUSE, "%s %s", what, why);
}

/// The field of BLOCK0 that has this bit, NULL if none does.
static const struct ss_efuse_field *field_of(size_t bit)
{
    const struct ss_efuse_field *f;
    for (size_t i = 0; (f = ss_efuse_field_at(i)) && f->block == 0; i++) {
        size_t start = f->word * 32u + f->bit;
        if (bit >= start && bit < start + f->length)
            return f;
    }
    return NULL;
}

static ss_status_t check_bit(const struct ss_efuse *now, const struct ss_efuse *wanted, size_t bit,
                             struct ss_error *err)
{
    bool is = now->words[bit / 32] >> bit % 32 & 1, want = wanted->words[bit / 32] >> bit % 32 & 1;
    if (is == want)
        return SS_OK;
    const struct ss_efuse_field *f = field_of(bit);
    if (!f)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_EFUSE, "bit %zu of BLOCK0 belongs to no field", bit);
    if (is)
        return refuse(err, f->name, "has bits set that cannot be cleared");
    if (ss_efuse_write_protected(now, f))
        return refuse(err, f->name, "is write-protected");
    if (ss_efuse_read_protected(now, f))
        return refuse(err, f->name, "is read-protected: what is there cannot be told");
    return SS_OK;
}

static ss_status_t check_block0(const struct ss_efuse *now, const struct ss_efuse *wanted, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (size_t bit = 0; status == SS_OK && bit < 32 * ss_efuse_block_words(0); bit++)
        status = check_bit(now, wanted, bit, err);
    return status;
}

/// CODING_SCHEME itself can be read-protected, and reads as none then.
static bool coding_hidden(const struct ss_efuse *now)
{
    return ss_efuse_read_protected(now, ss_efuse_field_find("CODING_SCHEME"));
}

/// True if all that reads as set in a block is in @p data, too: a burn of it that was cut short leaves such a block, and
/// burning the same words again completes it.
static bool begun(const struct ss_efuse *window, unsigned block, const uint8_t data[24])
{
    uint32_t other = 0;
    for (unsigned i = 0; i < 6; i++)
        other |= window->words[ss_efuse_block_start(block) + i] & ~ss_get_le32(data + 4 * (size_t)i);
    return !other;
}

/// A key block that would change. ss_efuse_burn_block() knows about set bits, chunks and write protection.
static ss_status_t check_block(const struct ss_link_efuses *now, const uint32_t words[8], unsigned block,
                               struct ss_error *err)
{
    static const char *const names[] = {"BLOCK0", "BLOCK1", "BLOCK2", "BLOCK3"};
    enum ss_efuse_coding coding = ss_efuse_coding(&now->window);
    uint8_t data[24];
    if (ss_efuse_block_read_protected(&now->window, block))
        return refuse(err, names[block], "is read-protected: what is there cannot be told");
    if (coding_hidden(&now->window))
        return refuse(err, names[block], "cannot be burned: the chip hides its coding scheme");
    if (coding == SS_EFUSE_CODING_REPEAT)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_EFUSE,
                            "repeat coding of eFuse blocks is not supported");
    if (coding == SS_EFUSE_CODING_34) {
        bool bad = ss_efuse_decode_34(words, data) != 0;
        bool other = now->dec_status >> 4 * (block - 1) & 0xF && !begun(&now->window, block, data);
        ss_wipe(data, sizeof data);
        if (other)
            return refuse(err, names[block], "has decoding errors: what is there cannot be told");
        if (bad)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_EFUSE, "%s is not 3/4 coded", names[block]);
    }
    struct ss_efuse copy = now->silicon;
    ss_status_t status = ss_efuse_burn_block(&copy, block, words, err);
    ss_wipe(&copy, sizeof copy);
    return status;
}

ss_status_t ss_link_efuse_plan(const struct ss_link_efuses *now, const struct ss_efuse *wanted,
                               struct ss_efuse *missing, struct ss_error *err)
{
    memset(missing, 0, sizeof *missing);
    ss_status_t status = check_block0(&now->silicon, wanted, err);
    for (unsigned block = 1; status == SS_OK && block < SS_EFUSE_BLOCKS; block++) {
        size_t start = ss_efuse_block_start(block);
        if (memcmp(now->silicon.words + start, wanted->words + start, 32) != 0)
            status = check_block(now, wanted->words + start, block, err);
    }
    for (size_t i = 0; status == SS_OK && i < SS_EFUSE_WORDS; i++)
        missing->words[i] = wanted->words[i] & ~now->silicon.words[i];
    return status;
}
