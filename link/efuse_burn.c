// SPDX-License-Identifier: Apache-2.0
// Burning, in the order and with the settings of espefuse: ESP32 Technical Reference Manual, chapter "eFuse Controller".
#include <string.h>

#include "link/link_parts.h"

enum {
    ROUNDS = 3,
    RELOADS = 5, ///< further readings after which decoding must still be good
};

/// Times of the burning pulse for a clock, which in download mode is the crystal's.
struct timing {
    unsigned crystal_mhz;
    uint32_t dac, clk_sel0, clk_sel1;
};
static const struct timing timings[] = {{40, 80, 160, 255}, {26, 52, 250, 255}};

/// One burn operation: bits of one block.
struct part {
    unsigned block;
    struct ss_efuse bits;   ///< to be burned, zero in other blocks
    struct ss_efuse before; ///< silicon
};

struct burning {
    struct ss_link *link;
    const struct timing *timing;
    struct ss_efuse silicon; ///< as it is by now
    struct ss_link_burned *burned;
};

static ss_status_t put(struct ss_link *l, uint32_t offset, uint32_t value, uint32_t mask, ss_status_t status,
                       struct ss_error *err)
{
    return status == SS_OK ? ss_link_put_reg(l, SS_EFUSE_BASE + offset, value, mask, err) : status;
}

static uint32_t staging_register(unsigned block, unsigned word)
{
    return SS_EFUSE_BASE + ss_efuse_write_windows[block] + 4 * word;
}

/// The controller burns the write windows of all blocks at once, so what is not wanted there has to be zero.
static ss_status_t stage(struct ss_link *l, const struct ss_efuse *bits, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (unsigned block = 0; block < SS_EFUSE_BLOCKS; block++)
        for (unsigned i = 0; status == SS_OK && i < ss_efuse_block_words(block); i++)
            status = ss_link_put_reg(l, staging_register(block, i), bits->words[ss_efuse_block_start(block) + i],
                                     UINT32_MAX, err);
    return status;
}

/// What stands there now is what would be burned: a bit that fell over on the line must be found before.
static ss_status_t check_staged(struct ss_link *l, const struct ss_efuse *bits, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    uint32_t difference = 0, value = 0;
    for (unsigned block = 0; block < SS_EFUSE_BLOCKS; block++)
        for (unsigned i = 0; status == SS_OK && i < ss_efuse_block_words(block); i++) {
            status = ss_link_read_reg(l, staging_register(block, i), &value, err);
            difference |= value ^ bits->words[ss_efuse_block_start(block) + i];
        }
    if (status == SS_OK && difference)
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_LINK,
                              "the eFuse controller does not hold what is to be burned; nothing was burned with it");
    return status;
}

/// Writes and checks until it holds, so that one bit lost on the line is no failure.
static ss_status_t stage_surely(struct ss_link *l, const struct ss_efuse *bits, struct ss_error *err)
{
    ss_status_t status = SS_ERROR_DATA_CORRUPT;
    for (unsigned i = 0; status == SS_ERROR_DATA_CORRUPT && i < LINK_TRIES; i++) {
        status = stage(l, bits, err);
        if (status == SS_OK)
            status = check_staged(l, bits, err);
    }
    return status;
}

static ss_status_t set_clock(struct burning *b, struct ss_error *err)
{
    const struct timing *t = b->timing;
    ss_status_t status = put(b->link, SS_EFUSE_DAC_CONF, t->dac, 0xFF, SS_OK, err);
    status = put(b->link, SS_EFUSE_CLK, t->clk_sel0, 0xFF, status, err);
    return put(b->link, SS_EFUSE_CLK, t->clk_sel1 << 8, 0xFF00, status, err);
}

/// The one command that cannot be taken back is sent once. Without an answer, reading tells if it was carried out.
static ss_status_t program(struct burning *b, struct ss_error *err)
{
    struct ss_link *l = b->link;
    ss_status_t status = set_clock(b, err);
    status = put(l, SS_EFUSE_CONF, SS_EFUSE_CONF_PROGRAM, UINT32_MAX, status, err);
    if (status != SS_OK)
        return status;
    b->burned->started = true;
    b->burned->rounds++;
    status = ss_link_write_reg(l, SS_EFUSE_BASE + SS_EFUSE_CMD, SS_EFUSE_CMD_PROGRAM, UINT32_MAX, err);
    bool unanswered = status == SS_ERROR_TIMEOUT || status == SS_ERROR_DATA_INVALID;
    if (unanswered && l->connected)
        status = SS_OK;
    return status == SS_OK ? ss_link_efuse_wait(l, err) : status;
}

static ss_status_t read_block(struct ss_link *l, unsigned block, uint32_t words[8], struct ss_error *err)
{
    ss_status_t status = SS_OK;
    memset(words, 0, 8 * sizeof *words);
    for (unsigned i = 0; status == SS_OK && i < ss_efuse_block_words(block); i++)
        status = ss_link_read_efuse_word(l, block, i, &words[i], err);
    return status;
}

/// False once the controller finds that check bytes disagree. DEC_STATUS means nothing without coding.
static ss_status_t decodes(struct burning *b, unsigned block, bool *good, struct ss_error *err)
{
    struct ss_link *l = b->link;
    bool coded = block != 0 && ss_efuse_coding(&b->silicon) == SS_EFUSE_CODING_34;
    uint32_t dec_status = 0;
    ss_status_t status = SS_OK;
    *good = true;
    for (unsigned i = 0; status == SS_OK && *good && i <= RELOADS; i++) {
        status = ss_link_efuse_reload(l, err);
        if (status == SS_OK)
            status = ss_link_read_reg(l, SS_EFUSE_BASE + SS_EFUSE_DEC_STATUS, &dec_status, err);
        *good = !coded || (dec_status >> 4 * (block - 1) & 0xF) == 0;
    }
    return status;
}

/// Compares the block with what software should see of it, which is nothing once it hides itself.
static ss_status_t check_burned(struct burning *b, const struct part *p, bool *done, struct ss_error *err)
{
    struct ss_efuse expected = p->before, window;
    uint32_t words[8], missing = 0, extra = 0;
    const uint32_t *should = window.words + ss_efuse_block_start(p->block);
    for (size_t i = 0; i < SS_EFUSE_WORDS; i++)
        expected.words[i] |= p->bits.words[i];
    ss_efuse_read_window(&expected, &window, NULL);
    bool good;
    ss_status_t status = decodes(b, p->block, &good, err);
    if (status == SS_OK)
        status = read_block(b->link, p->block, words, err);
    for (size_t i = 0; status == SS_OK && i < ss_efuse_block_words(p->block); i++) {
        missing |= should[i] & ~words[i];
        extra |= words[i] & ~should[i];
    }
    *done = status == SS_OK && good && !missing;
    if (*done)
        b->silicon = expected;
    ss_wipe(words, sizeof words);
    ss_wipe(&expected, sizeof expected);
    ss_wipe(&window, sizeof window);
    if (status == SS_OK && good && extra)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_EFUSE,
                            "BLOCK%u has bits set that nobody wanted to be burned", p->block);
    return status;
}

static ss_status_t burn_part(struct burning *b, struct part *p, struct ss_error *err)
{
    bool done = false;
    ss_status_t status = SS_OK;
    p->before = b->silicon;
    for (unsigned round = 0; status == SS_OK && !done && round < ROUNDS; round++) {
        status = stage_surely(b->link, &p->bits, err);
        if (status == SS_OK)
            status = program(b, err);
        if (status == SS_OK)
            status = check_burned(b, p, &done, err);
    }
    if (status == SS_OK && !done)
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_EFUSE,
                              "BLOCK%u is not as it should be after %u rounds of burning", p->block, ROUNDS);
    ss_wipe(p, sizeof *p);
    return status;
}

/// Fields of BLOCK0 that take away means to repair or check what comes before them.
static void late_bits(struct ss_efuse *mask)
{
    static const char *const names[] = {"WR_DIS", "RD_DIS", "UART_DOWNLOAD_DIS", "ABS_DONE_1", "FLASH_CRYPT_CNT"};
    memset(mask, 0, sizeof *mask);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct ss_efuse_field *f = ss_efuse_field_find(names[i]);
        mask->words[f->word] |= (((uint32_t)1 << f->length) - 1) << f->bit;
    }
}

/// The words of @p missing in one block, of BLOCK0 those bits that are (not) late. False if there are none.
static bool select_part(const struct ss_efuse *missing, unsigned block, bool late, struct part *p)
{
    struct ss_efuse mask;
    uint32_t any = 0;
    late_bits(&mask);
    memset(p, 0, sizeof *p);
    p->block = block;
    for (size_t i = 0; i < ss_efuse_block_words(block); i++) {
        size_t at = ss_efuse_block_start(block) + i;
        uint32_t keep = block ? UINT32_MAX : late ? mask.words[i] : ~mask.words[i];
        any |= p->bits.words[at] = missing->words[at] & keep;
    }
    return any != 0;
}

static ss_status_t burn_parts(struct burning *b, const struct ss_efuse *missing, struct ss_error *err)
{
    static const struct {
        unsigned block;
        bool late;
    } order[] = {{3, false}, {2, false}, {1, false}, {0, false}, {0, true}};
    struct part p;
    ss_status_t status = SS_OK;
    for (size_t i = 0; status == SS_OK && i < sizeof order / sizeof *order; i++)
        if (select_part(missing, order[i].block, order[i].late, &p))
            status = burn_part(b, &p, err);
    // Nothing is to be left that a later command could burn, and no key.
    memset(&p, 0, sizeof p);
    ss_status_t cleared = b->link->connected ? stage(b->link, &p.bits, NULL) : SS_OK;
    if (status == SS_OK && cleared != SS_OK)
        status = ss_error_set(err, cleared, SS_AREA_LINK, "the eFuse controller could not be cleared after burning");
    return status;
}

static const struct timing *find_timing(unsigned crystal_mhz)
{
    for (size_t i = 0; i < sizeof timings / sizeof *timings; i++)
        if (timings[i].crystal_mhz == crystal_mhz)
            return &timings[i];
    return NULL;
}

ss_status_t ss_link_efuse_burn(struct ss_link *l, const struct ss_efuse *wanted, struct ss_link_burned *burned,
                               struct ss_error *err)
{
    struct ss_link_burned ignored;
    struct ss_link_efuses now;
    struct ss_efuse missing;
    struct burning b = {.link = l, .burned = burned ? burned : &ignored};
    memset(b.burned, 0, sizeof *b.burned);
    memset(&missing, 0, sizeof missing);
    ss_status_t status = ss_link_efuse_read(l, &now, err);
    if (status == SS_OK)
        status = ss_link_same_chip(l, now.window.words + 1, err);
    if (status == SS_OK)
        status = ss_link_efuse_plan(&now, wanted, &missing, err);
    if (status == SS_OK && memcmp(now.silicon.words, wanted->words, sizeof wanted->words) != 0) {
        b.silicon = now.silicon;
        b.timing = find_timing(l->chip.crystal_mhz);
        if (b.timing)
            status = burn_parts(&b, &missing, err);
        else
            status = ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_LINK,
                                  "the crystal's frequency is not known, so that burning could not be timed");
    }
    ss_wipe(&now, sizeof now);
    ss_wipe(&missing, sizeof missing);
    ss_wipe(&b.silicon, sizeof b.silicon);
    ss_link_forget(l);
    return status;
}
