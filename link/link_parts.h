// SPDX-License-Identifier: Apache-2.0
// Inside of the client: what its files share.
#ifndef SS_LINK_LINK_PARTS_H
#define SS_LINK_LINK_PARTS_H

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/rom_loader.h"
#include "core/slip.h"
#include "slotseal/link.h"

enum {
    LINK_BLOCK = 0x400,    ///< bytes of data in a block: what tools send to the ROM
    LINK_REGION = 0x10000, ///< bytes of flash that are erased, written and compared at once
    LINK_TRIES = 3,        ///< of a command or a region, where trying again is harmless
    LINK_TIMEOUT_MS = 3000,
    LINK_BLOCK_TIMEOUT_MS = 5000,   ///< a block, of which inflating may make a region
    LINK_REGION_TIMEOUT_MS = 15000, ///< erasing or hashing a region or less
    LINK_ANSWER_MAX = 256,          ///< longer frames are no answers of the ROM
    LINK_REQUEST_MAX = SS_ROM_HEADER + SS_ROM_DATA_HEADER + LINK_BLOCK,
};

struct ss_link {
    struct ss_link_port *port;
    struct ss_link_options options;
    uint32_t baud; ///< of the line
    bool connected;
    bool stub;     ///< what answered the last SYNC is a flasher stub
    bool attached; ///< the flash's pins are routed and its size is told to the ROM
    struct ss_link_chip chip;
    bool identified;      ///< `identity` is known
    uint32_t identity[2]; ///< words of BLOCK0 that hold MAC and CRC, by which the same chip is known again
    struct ss_link_flash flash;
    uint32_t flash_pins; ///< SPI_ATTACH's word
    struct ss_slip slip;
    uint8_t frame[LINK_ANSWER_MAX];
    uint8_t in[512]; ///< bytes from the port: in[in_at … in_len) are not looked at yet
    size_t in_at, in_len;
    uint8_t line[SS_SLIP_ENCODED_MAX(LINK_REQUEST_MAX)];
};

struct link_request {
    uint8_t op;
    const uint8_t *body;
    size_t len;
    uint32_t checksum;
    size_t answer_len;   ///< bytes of data that a good answer has before its status
    unsigned timeout_ms; ///< 0: LINK_TIMEOUT_MS
    bool repeat;         ///< harmless to send again when no answer came
};

struct link_answer {
    uint32_t value;
    uint8_t data[SS_ROM_SLOW_READ];
};

// command.c

/// Sends a request and takes its answer, trying again where that is allowed. After a failure on the line the two sides
/// are synchronised again; if that fails, too, the link is no longer connected. SS_ERROR_DATA_CORRUPT: the ROM says
/// that what arrived is damaged, also when repeated.
SS_MUST_USE ss_status_t ss_link_command(struct ss_link *link, const struct link_request *request,
                                        struct link_answer *answer, struct ss_error *err);
/// Gets both sides to agree where a frame begins. SS_ERROR_TIMEOUT after @p tries.
SS_MUST_USE ss_status_t ss_link_synchronise(struct ss_link *link, unsigned tries, struct ss_error *err);
/// Forgets input, also half a frame.
SS_MUST_USE ss_status_t ss_link_discard(struct ss_link *link, struct ss_error *err);
/// Wipes what passed through the link's buffers.
void ss_link_forget(struct ss_link *link);
/// SS_ERROR_BAD_STATE unless connected.
SS_MUST_USE ss_status_t ss_link_need_connection(const struct ss_link *link, struct ss_error *err);

static inline uint64_t link_now(const struct ss_link *link)
{
    return link->port->ops->now_ms(link->port);
}

static inline void link_sleep(const struct ss_link *link, unsigned ms)
{
    link->port->ops->sleep_ms(link->port, ms);
}

static inline void link_progress(const struct ss_link *link, enum ss_link_work work, size_t done, size_t total)
{
    if (link->options.progress)
        link->options.progress(link->options.progress_context, work, done, total);
}

/// SS_ERROR_NOT_PERMITTED, and no longer connected, unless these are the words of the connected chip.
SS_MUST_USE ss_status_t ss_link_same_chip(struct ss_link *link, const uint32_t words[2], struct ss_error *err);

// connect.c

SS_MUST_USE ss_status_t ss_link_set_baud(struct ss_link *link, uint32_t baud, struct ss_error *err);

// detect.c

/// Finds out what is connected; fills `chip` and `flash_pins`.
SS_MUST_USE ss_status_t ss_link_detect(struct ss_link *link, struct ss_error *err);
/// Word @p word of a block's read window.
SS_MUST_USE ss_status_t ss_link_read_efuse_word(struct ss_link *link, unsigned block, unsigned word, uint32_t *value,
                                                struct ss_error *err);
/// A write that may be sent again.
SS_MUST_USE ss_status_t ss_link_put_reg(struct ss_link *link, uint32_t address, uint32_t value, uint32_t mask,
                                        struct ss_error *err);

// flash.c

/// Attaches and identifies the flash once, and checks that the range lies in it.
SS_MUST_USE ss_status_t ss_link_flash_range(struct ss_link *link, uint32_t address, size_t len, struct ss_error *err);
/// True if trying the region again may help: the link is there, and the line or the flash failed.
bool ss_link_may_retry(const struct ss_link *link, ss_status_t status);
/// MD5 of @p len bytes in memory.
SS_MUST_USE ss_status_t ss_link_md5(const uint8_t *data, size_t len, uint8_t md5[16], struct ss_error *err);
/// MD5 of @p len bytes of erased flash.
SS_MUST_USE ss_status_t ss_link_erased_md5(size_t len, uint8_t md5[16], struct ss_error *err);
/// MD5 of at most a region of flash, whose range was checked.
SS_MUST_USE ss_status_t ss_link_region_md5(struct ss_link *link, uint32_t address, size_t len, uint8_t md5[16],
                                           struct ss_error *err);
/// Bytes from @p address to the next boundary of a region, at most @p len.
size_t ss_link_region_len(uint32_t address, size_t len);

// efuse_read.c

/// Tells the controller to read the eFuses anew, and waits for it.
SS_MUST_USE ss_status_t ss_link_efuse_reload(struct ss_link *link, struct ss_error *err);
SS_MUST_USE ss_status_t ss_link_efuse_wait(struct ss_link *link, struct ss_error *err);

#endif
