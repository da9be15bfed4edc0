// SPDX-License-Identifier: Apache-2.0
// Reading: 64 bytes a command is what the ROM has.
#include <string.h>

#include "link/link_parts.h"

static ss_status_t read_piece(struct ss_link *l, uint32_t address, uint8_t *out, size_t len, struct ss_error *err)
{
    uint8_t body[8];
    struct link_answer answer;
    ss_put_le32(body, address);
    ss_put_le32(body + 4, (uint32_t)len);
    const struct link_request rq = {
        .op = SS_OP_READ_FLASH_SLOW, .body = body, .len = sizeof body, .answer_len = SS_ROM_SLOW_READ, .repeat = true};
    ss_status_t status = ss_link_command(l, &rq, &answer, err);
    if (status == SS_OK)
        memcpy(out, answer.data, len);
    return status;
}

/// A region, or its part from @p done on, and what it belongs to.
struct part {
    uint32_t address;
    uint8_t *out;
    size_t len;
    size_t before, total; ///< for progress
};

static ss_status_t read_bytes(struct ss_link *l, const struct part *p, struct ss_error *err)
{
    enum { PROGRESS_STEP = 4096 };
    ss_status_t status = SS_OK;
    for (size_t done = 0; status == SS_OK && done < p->len; done += SS_ROM_SLOW_READ) {
        if (done % PROGRESS_STEP == 0)
            link_progress(l, SS_LINK_READING, p->before + done, p->total);
        size_t n = p->len - done < SS_ROM_SLOW_READ ? p->len - done : SS_ROM_SLOW_READ;
        status = read_piece(l, p->address + (uint32_t)done, p->out + done, n, err);
    }
    return status;
}

/// Answers carry no checksum, so what came is compared with the chip's own digest; which also tells, much quicker than
/// reading does, that a region is erased.
static ss_status_t try_region(struct ss_link *l, const struct part *p, struct ss_error *err)
{
    uint8_t ours[16], theirs[16], erased[16];
    ss_status_t status = ss_link_flash_range(l, p->address, p->len, err);
    if (status == SS_OK)
        status = ss_link_region_md5(l, p->address, p->len, theirs, err);
    if (status == SS_OK)
        status = ss_link_erased_md5(p->len, erased, err);
    if (status != SS_OK)
        return status;
    if (memcmp(theirs, erased, sizeof erased) == 0) {
        memset(p->out, 0xFF, p->len);
        return SS_OK;
    }
    status = read_bytes(l, p, err);
    if (status == SS_OK)
        status = ss_link_md5(p->out, p->len, ours, err);
    if (status == SS_OK && memcmp(ours, theirs, sizeof ours) != 0)
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_LINK,
                              "what was read at 0x%x has another MD5 than the chip calculates", (unsigned)p->address);
    return status;
}

ss_status_t ss_link_flash_read(struct ss_link *l, uint32_t address, uint8_t *out, size_t len, struct ss_error *err)
{
    ss_status_t status = ss_link_flash_range(l, address, len, err);
    for (size_t done = 0, n; status == SS_OK && done < len; done += n) {
        n = ss_link_region_len(address + (uint32_t)done, len - done);
        const struct part p = {address + (uint32_t)done, out + done, n, done, len};
        for (unsigned i = 0; i < LINK_TRIES; i++) {
            status = try_region(l, &p, err);
            if (status == SS_OK || !ss_link_may_retry(l, status))
                break;
        }
    }
    if (status == SS_OK)
        link_progress(l, SS_LINK_READING, len, len);
    else
        ss_wipe(out, len);
    return status;
}
