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

/// Answers carry no checksum, so what came is compared with the chip's own digest.
static ss_status_t try_region(struct ss_link *l, uint32_t address, uint8_t *out, size_t len, size_t before,
                              size_t total, struct ss_error *err)
{
    enum { PROGRESS_STEP = 4096 };
    uint8_t ours[16], theirs[16];
    ss_status_t status = ss_link_flash_range(l, address, len, err);
    for (size_t done = 0; status == SS_OK && done < len; done += SS_ROM_SLOW_READ) {
        if (done % PROGRESS_STEP == 0)
            link_progress(l, SS_LINK_READING, before + done, total);
        size_t n = len - done < SS_ROM_SLOW_READ ? len - done : SS_ROM_SLOW_READ;
        status = read_piece(l, address + (uint32_t)done, out + done, n, err);
    }
    if (status == SS_OK)
        status = ss_link_md5(out, len, ours, err);
    if (status == SS_OK)
        status = ss_link_region_md5(l, address, len, theirs, err);
    if (status == SS_OK && memcmp(ours, theirs, sizeof ours) != 0)
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_LINK,
                              "what was read at 0x%x has another MD5 than the chip calculates", (unsigned)address);
    return status;
}

ss_status_t ss_link_flash_read(struct ss_link *l, uint32_t address, uint8_t *out, size_t len, struct ss_error *err)
{
    ss_status_t status = ss_link_flash_range(l, address, len, err);
    for (size_t done = 0, n; status == SS_OK && done < len; done += n) {
        n = ss_link_region_len(address + (uint32_t)done, len - done);
        for (unsigned i = 0; i < LINK_TRIES; i++) {
            status = try_region(l, address + (uint32_t)done, out + done, n, done, len, err);
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
