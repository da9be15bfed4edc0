// SPDX-License-Identifier: Apache-2.0
// What software can read of the eFuses, and what that tells about the silicon.
#include <string.h>

#include "link/link_parts.h"

enum { IDLE_MS = 1000, DEC_STATUS_MASK = 0xFFF };

ss_status_t ss_link_efuse_wait(struct ss_link *l, struct ss_error *err)
{
    uint64_t deadline = link_now(l) + IDLE_MS;
    uint32_t command = 0;
    ss_status_t status;
    do
        status = ss_link_read_reg(l, SS_EFUSE_BASE + SS_EFUSE_CMD, &command, err);
    while (status == SS_OK && command && link_now(l) < deadline);
    if (status == SS_OK && command)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_LINK, "the eFuse controller does not finish within %u ms",
                            IDLE_MS);
    return status;
}

ss_status_t ss_link_efuse_reload(struct ss_link *l, struct ss_error *err)
{
    ss_status_t status = ss_link_put_reg(l, SS_EFUSE_BASE + SS_EFUSE_CONF, SS_EFUSE_CONF_READ, UINT32_MAX, err);
    if (status == SS_OK)
        status = ss_link_put_reg(l, SS_EFUSE_BASE + SS_EFUSE_CMD, SS_EFUSE_CMD_READ, UINT32_MAX, err);
    return status == SS_OK ? ss_link_efuse_wait(l, err) : status;
}

/// Registers as one reading finds them.
struct reading {
    struct ss_efuse window;
    uint32_t dec_status, apb_date;
};

static ss_status_t read_once(struct ss_link *l, struct reading *r, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    memset(r, 0, sizeof *r);
    for (unsigned block = 0; block < SS_EFUSE_BLOCKS; block++)
        for (unsigned i = 0; status == SS_OK && i < ss_efuse_block_words(block); i++)
            status = ss_link_read_efuse_word(l, block, i, &r->window.words[ss_efuse_block_start(block) + i], err);
    if (status == SS_OK)
        status = ss_link_read_reg(l, SS_EFUSE_BASE + SS_EFUSE_DEC_STATUS, &r->dec_status, err);
    r->dec_status &= DEC_STATUS_MASK;
    return status == SS_OK ? ss_link_read_reg(l, SS_REG_APB_DATE, &r->apb_date, err) : status;
}

/// Words 0 … 5 of a block's window are its 24 bytes of data; what they were coded to follows from them.
static void encode_block(struct ss_efuse *e, unsigned block)
{
    uint8_t data[24];
    uint32_t *words = e->words + ss_efuse_block_start(block);
    for (unsigned i = 0; i < 6; i++)
        ss_put_le32(data + 4 * (size_t)i, words[i]);
    ss_efuse_encode_34(data, words);
    ss_wipe(data, sizeof data);
}

static void deduce_silicon(struct ss_link_efuses *e)
{
    e->silicon = e->window;
    for (unsigned block = 1; ss_efuse_coding(&e->window) == SS_EFUSE_CODING_34 && block < SS_EFUSE_BLOCKS; block++)
        if (e->dec_status >> 4 * (block - 1) & 0xF)
            memset(e->silicon.words + ss_efuse_block_start(block), 0, 32);
        else
            encode_block(&e->silicon, block);
}

ss_status_t ss_link_efuse_read(struct ss_link *l, struct ss_link_efuses *out, struct ss_error *err)
{
    struct reading first, second;
    memset(out, 0, sizeof *out);
    memset(&second, 0, sizeof second);
    memset(&first, 0, sizeof first);
    // What somebody burned and did not reload does not show otherwise.
    ss_status_t status = ss_link_efuse_reload(l, err);
    if (status == SS_OK)
        status = read_once(l, &first, err);
    if (status == SS_OK)
        status = read_once(l, &second, err);
    if (status == SS_OK && memcmp(&first, &second, sizeof first) != 0)
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_LINK, "two readings of the eFuses disagree");
    if (status == SS_OK) {
        out->window = first.window;
        out->dec_status = first.dec_status;
        out->apb_date_bit31 = first.apb_date >> 31;
        deduce_silicon(out);
    }
    ss_wipe(&first, sizeof first);
    ss_wipe(&second, sizeof second);
    ss_link_forget(l);
    return status;
}
