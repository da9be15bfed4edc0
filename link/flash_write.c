// SPDX-License-Identifier: Apache-2.0
// Writing and erasing, region by region: what goes wrong on the way costs one region, and what is interrupted can be
// resumed at one.
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "link/link_parts.h"

/// A write in progress.
struct writing {
    struct ss_link *link;
    unsigned flags;
    uint8_t *packed; ///< room for a compressed region
    size_t packed_size;
    struct ss_link_written *written;
};

/// FLASH_BEGIN and FLASH_DEFL_BEGIN: the ROM erases at once, which is what takes the time.
static ss_status_t begin(struct ss_link *l, uint8_t op, uint32_t address, size_t erase, size_t blocks,
                         struct ss_error *err)
{
    uint8_t body[16];
    ss_put_le32(body, (uint32_t)erase);
    ss_put_le32(body + 4, (uint32_t)blocks);
    ss_put_le32(body + 8, LINK_BLOCK);
    ss_put_le32(body + 12, address);
    const struct link_request rq = {
        .op = op, .body = body, .len = sizeof body, .timeout_ms = LINK_REGION_TIMEOUT_MS, .repeat = true};
    return ss_link_command(l, &rq, NULL, err);
}

/// Without an answer nobody knows if the block was taken, so that only the whole region can be repeated.
static ss_status_t send_block(struct ss_link *l, uint8_t op, size_t number, const uint8_t *data, size_t len,
                              struct ss_error *err)
{
    uint8_t body[SS_ROM_DATA_HEADER + LINK_BLOCK] = {0};
    size_t sent = op == SS_OP_FLASH_DATA ? LINK_BLOCK : len; // bare blocks are filled up, compressed ones are not
    ss_put_le32(body, (uint32_t)sent);
    ss_put_le32(body + 4, (uint32_t)number);
    memcpy(body + SS_ROM_DATA_HEADER, data, len);
    memset(body + SS_ROM_DATA_HEADER + len, 0xFF, LINK_BLOCK - len);
    const struct link_request rq = {.op = op,
                                    .body = body,
                                    .len = SS_ROM_DATA_HEADER + sent,
                                    .checksum = ss_rom_checksum(body + SS_ROM_DATA_HEADER, sent),
                                    .timeout_ms = LINK_BLOCK_TIMEOUT_MS};
    return ss_link_command(l, &rq, NULL, err);
}

static ss_status_t send_region(struct writing *w, uint32_t address, const uint8_t *data, size_t len,
                               struct ss_error *err)
{
    struct ss_link *l = w->link;
    uLongf packed_len = w->packed_size;
    bool packed = w->packed && compress2(w->packed, &packed_len, data, len, Z_BEST_COMPRESSION) == Z_OK;
    size_t rounded = (len + LINK_BLOCK - 1) / LINK_BLOCK * LINK_BLOCK;
    // Ciphertext does not get smaller, and inflating it costs the chip time.
    packed = packed && packed_len < len;
    uint8_t op = packed ? SS_OP_DEFLATE_DATA : SS_OP_FLASH_DATA;
    const uint8_t *in = packed ? w->packed : data;
    size_t in_len = packed ? packed_len : len, blocks = (in_len + LINK_BLOCK - 1) / LINK_BLOCK;
    ss_status_t status =
        begin(l, packed ? SS_OP_DEFLATE_BEGIN : SS_OP_FLASH_BEGIN, address, packed ? rounded : len, blocks, err);
    for (size_t i = 0; status == SS_OK && i < blocks; i++) {
        size_t at = i * LINK_BLOCK, n = in_len - at < LINK_BLOCK ? in_len - at : LINK_BLOCK;
        status = send_block(l, op, i, in + at, n, err);
        w->written->sent += n;
    }
    return status;
}

static ss_status_t holds(struct ss_link *l, uint32_t address, const uint8_t md5[16], size_t len, bool *equal,
                         struct ss_error *err)
{
    uint8_t now[16];
    *equal = false;
    ss_status_t status = ss_link_region_md5(l, address, len, now, err);
    if (status == SS_OK)
        *equal = memcmp(now, md5, sizeof now) == 0;
    return status;
}

/// One try.
static ss_status_t try_region(struct writing *w, uint32_t address, const uint8_t *data, size_t len,
                              const uint8_t md5[16], struct ss_error *err)
{
    bool equal;
    ss_status_t status = ss_link_flash_range(w->link, address, len, err); // attaches again after a failure
    if (status == SS_OK)
        status = send_region(w, address, data, len, err);
    if (status == SS_OK)
        status = holds(w->link, address, md5, len, &equal, err);
    if (status == SS_OK && !equal)
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_LINK,
                              "the flash does not hold what was written at 0x%x", (unsigned)address);
    return status;
}

static ss_status_t write_region(struct writing *w, uint32_t address, const uint8_t *data, size_t len,
                                struct ss_error *err)
{
    uint8_t md5[16];
    bool equal = false;
    ss_status_t status = ss_link_md5(data, len, md5, err);
    if (status == SS_OK && (w->flags & SS_LINK_WRITE_RESUME))
        status = holds(w->link, address, md5, len, &equal, err);
    if (status != SS_OK)
        return status;
    if (equal) {
        w->written->skipped += len;
        return SS_OK;
    }
    for (unsigned i = 0; i < LINK_TRIES; i++) {
        status = try_region(w, address, data, len, md5, err);
        if (status == SS_OK || !ss_link_may_retry(w->link, status))
            break;
    }
    w->written->written += status == SS_OK ? len : 0;
    return status;
}

ss_status_t ss_link_flash_write(struct ss_link *l, uint32_t address, const uint8_t *data, size_t len, unsigned flags,
                                struct ss_link_written *written, struct ss_error *err)
{
    struct ss_link_written ignored;
    struct writing w = {.link = l, .flags = flags, .written = written ? written : &ignored};
    memset(w.written, 0, sizeof *w.written);
    if (address % SS_LINK_SECTOR)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_LINK,
                            "address 0x%x is no multiple of 4096: erasing would take the bytes before it",
                            (unsigned)address);
    ss_status_t status = ss_link_flash_range(l, address, len, err);
    if (status != SS_OK)
        return status;
    if (!(flags & SS_LINK_WRITE_RAW)) {
        w.packed_size = compressBound(LINK_REGION);
        w.packed = malloc(w.packed_size);
        if (!w.packed)
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_LINK, "out of memory for writing flash");
    }
    for (size_t done = 0, n; status == SS_OK && done < len; done += n) {
        n = ss_link_region_len(address + (uint32_t)done, len - done);
        link_progress(l, SS_LINK_WRITING, done, len);
        status = write_region(&w, address + (uint32_t)done, data + done, n, err);
    }
    if (status == SS_OK)
        link_progress(l, SS_LINK_WRITING, len, len);
    if (w.packed)
        ss_wipe(w.packed, w.packed_size);
    free(w.packed);
    return status;
}

/// As a write begins, which is what every ROM erases for; the blocks that it announces never come.
static ss_status_t erase_region(struct ss_link *l, uint32_t address, size_t len, struct ss_error *err)
{
    uint8_t md5[16];
    bool equal = false;
    ss_status_t status = ss_link_erased_md5(len, md5, err);
    for (unsigned i = 0; status == SS_OK && !equal && i < LINK_TRIES; i++) {
        status = ss_link_flash_range(l, address, len, err);
        if (status == SS_OK)
            status = begin(l, SS_OP_FLASH_BEGIN, address, len, len / LINK_BLOCK, err);
        if (status == SS_OK)
            status = holds(l, address, md5, len, &equal, err);
    }
    if (status == SS_OK && !equal)
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_LINK, "the flash at 0x%x is not erased",
                              (unsigned)address);
    return status;
}

ss_status_t ss_link_flash_erase(struct ss_link *l, uint32_t address, size_t len, struct ss_error *err)
{
    if (address % SS_LINK_SECTOR || len % SS_LINK_SECTOR)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_LINK,
                            "0x%zx bytes at 0x%x: flash is erased in sectors of 4096", len, (unsigned)address);
    ss_status_t status = ss_link_flash_range(l, address, len, err);
    for (size_t done = 0, n; status == SS_OK && done < len; done += n) {
        n = ss_link_region_len(address + (uint32_t)done, len - done);
        link_progress(l, SS_LINK_ERASING, done, len);
        status = erase_region(l, address + (uint32_t)done, n, err);
    }
    if (status == SS_OK)
        link_progress(l, SS_LINK_ERASING, len, len);
    return status;
}
