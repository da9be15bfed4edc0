// SPDX-License-Identifier: Apache-2.0
#include "chip/efuse_controller.h"

#include <string.h>

void ss_efuse_controller_reset(struct ss_efuse_controller *c)
{
    memset(&c->program, 0, sizeof c->program);
    c->conf = 0;
    ss_efuse_read_window(c->silicon, &c->window, &c->dec_status);
}

static uint32_t *find(struct ss_efuse *efuse, const uint16_t *windows, uint32_t offset)
{
    for (unsigned block = 0; block < SS_EFUSE_BLOCKS; block++) {
        uint32_t word = (offset - windows[block]) / 4;
        if (offset >= windows[block] && word < ss_efuse_block_words(block))
            return &efuse->words[ss_efuse_block_start(block) + word];
    }
    return NULL;
}

uint32_t ss_efuse_controller_read(const struct ss_efuse_controller *c, uint32_t address)
{
    uint32_t offset = address - SS_EFUSE_BASE;
    struct ss_efuse window = c->window, program = c->program;
    const uint32_t *word = find(&window, ss_efuse_read_windows, offset);
    if (!word)
        word = find(&program, ss_efuse_write_windows, offset);
    if (word)
        return *word;
    switch (offset) {
    case SS_EFUSE_CLK:
        return c->clk;
    case SS_EFUSE_CONF:
        return c->conf;
    case SS_EFUSE_DAC_CONF:
        return c->dac;
    case SS_EFUSE_DEC_STATUS:
        return c->dec_status;
    default:
        return 0; // SS_EFUSE_CMD too: commands are done at once
    }
}

void ss_efuse_controller_write(struct ss_efuse_controller *c, uint32_t address, uint32_t value)
{
    uint32_t offset = address - SS_EFUSE_BASE;
    uint32_t *word = find(&c->program, ss_efuse_write_windows, offset);
    if (word)
        *word = value;
    else if (offset == SS_EFUSE_CLK)
        c->clk = value;
    else if (offset == SS_EFUSE_CONF)
        c->conf = value;
    else if (offset == SS_EFUSE_DAC_CONF)
        c->dac = value;
    else if (offset == SS_EFUSE_CMD && value == SS_EFUSE_CMD_PROGRAM && c->conf == SS_EFUSE_CONF_PROGRAM) {
        struct ss_efuse bits = c->program;
        memset(&c->program, 0, sizeof c->program);
        ss_efuse_controller_burn(c, &bits);
    } else if (offset == SS_EFUSE_CMD && value == SS_EFUSE_CMD_READ && c->conf == SS_EFUSE_CONF_READ)
        ss_efuse_read_window(c->silicon, &c->window, &c->dec_status);
}

/// Bits of BLOCK0 that WR_DIS, as it is now, keeps from being burned.
static void protected_bits(const struct ss_efuse *silicon, uint32_t mask[7])
{
    const struct ss_efuse_field *field;
    memset(mask, 0, 7 * sizeof *mask);
    for (size_t i = 0; (field = ss_efuse_field_at(i)); i++) {
        if (field->block != 0 || !ss_efuse_write_protected(silicon, field))
            continue;
        for (unsigned bit = 0; bit < field->length; bit++) {
            unsigned at = field->word * 32u + field->bit + bit;
            mask[at / 32] |= 1u << at % 32;
        }
    }
}

static void burn_block(struct ss_efuse_controller *c, unsigned block, const struct ss_efuse *bits)
{
    size_t start = ss_efuse_block_start(block), words = ss_efuse_block_words(block);
    uint32_t mask[8] = {0}, new_bits[8], any = 0;
    if (block == 0)
        protected_bits(c->silicon, mask);
    else if (ss_efuse_block_write_protected(c->silicon, block))
        return;
    for (size_t i = 0; i < words; i++)
        any |= new_bits[i] = bits->words[start + i] & ~mask[i] & ~c->silicon->words[start + i];
    if (!any)
        return;
    bool half = ss_power_begin(c->power, SS_EFUSE_BURN_US);
    for (size_t i = 0; i < words; i++)
        c->silicon->words[start + i] |= half ? new_bits[i] & (uint32_t)ss_power_random(c->power) : new_bits[i];
    if (half)
        ss_power_fail(c->power);
    c->burns++;
    ss_power_end(c->power);
}

void ss_efuse_controller_burn(struct ss_efuse_controller *c, const struct ss_efuse *bits)
{
    for (unsigned block = SS_EFUSE_BLOCKS; block-- > 0;)
        burn_block(c, block, bits);
}
