// SPDX-License-Identifier: Apache-2.0
// What the flasher stub adds to the ROM's commands: erasing, fast reading, encrypting writes.
#include <string.h>

#include "chip/loader_parts.h"
#include "core/bytes.h"

enum {
    MAX_IN_FLIGHT = 64, ///< packets; tools ask for 64
    MD5_SIZE = 16,
};

static enum failure do_erase_flash(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    (void)rq, (void)reply;
    ss_flash_erase(&l->chip->flash, 0, l->chip->flash.size);
    return GOOD;
}

static enum failure do_erase_region(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    uint32_t address = loader_word(rq, 0), size = loader_word(rq, 1);
    (void)reply;
    if (address % SS_FLASH_SECTOR || size % SS_FLASH_SECTOR || !loader_in_flash(l, address, size))
        return FAILED_OPERATION;
    ss_flash_erase(&l->chip->flash, address, size);
    return GOOD;
}

void stub_stop_reading(struct ss_loader *l)
{
    ss_hash_abort(&l->reading.md5);
    memset(&l->reading, 0, sizeof l->reading);
}

static enum failure do_read_flash(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    struct reading *r = &l->reading;
    uint32_t address = loader_word(rq, 0), size = loader_word(rq, 1);
    uint32_t packet = loader_word(rq, 2), in_flight = loader_word(rq, 3);
    (void)reply;
    if (packet == 0 || packet > BLOCK_MAX || in_flight == 0)
        return BAD_BLOCK_SIZE;
    if (!loader_in_flash(l, address, size) || ss_hash_init(&r->md5, SS_HASH_MD5) != SS_OK)
        return FAILED_OPERATION;
    r->active = true;
    r->address = address;
    r->size = size;
    r->packet = packet;
    r->window = packet * (in_flight < MAX_IN_FLIGHT ? in_flight : MAX_IN_FLIGHT);
    return GOOD;
}

static void send_packet(struct ss_loader *l)
{
    struct reading *r = &l->reading;
    uint8_t packet[BLOCK_MAX];
    uint32_t left = r->size - r->sent, n = left < r->packet ? left : r->packet;
    if (l->registers.flash_attached)
        ss_flash_read(&l->chip->flash, r->address + r->sent, packet, n);
    else
        memset(packet, 0xFF, n);
    if (ss_hash_update(&r->md5, packet, n) != SS_OK) {
        stub_stop_reading(l);
        return;
    }
    loader_send(l, packet, n);
    r->sent += n;
}

/// The MD5 comes when the host has acknowledged everything.
static void end_reading(struct ss_loader *l)
{
    uint8_t md5[MD5_SIZE];
    if (ss_hash_finish(&l->reading.md5, md5) == SS_OK)
        loader_send(l, md5, sizeof md5);
    stub_stop_reading(l);
}

void stub_continue_reading(struct ss_loader *l)
{
    struct reading *r = &l->reading;
    while (r->active && r->sent < r->size && r->sent - r->acknowledged < r->window)
        send_packet(l);
    if (r->active && r->acknowledged == r->size)
        end_reading(l);
}

bool stub_take_acknowledgement(struct ss_loader *l, const uint8_t *frame, size_t len)
{
    struct reading *r = &l->reading;
    if (!r->active)
        return false;
    // Anything else, and a number that cannot be, means that the host has given up and starts anew.
    if (len != 4 || ss_get_le32(frame) > r->sent || ss_get_le32(frame) < r->acknowledged) {
        stub_stop_reading(l);
        return false;
    }
    r->acknowledged = ss_get_le32(frame);
    stub_continue_reading(l);
    return true;
}

static enum failure do_run_user_code(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    (void)rq, (void)reply;
    l->next = SS_LOADER_FLASH;
    return GOOD;
}

const struct command stub_commands[] = {
    {SS_OP_FLASH_BEGIN, 16, 20, loader_begin},
    {SS_OP_DEFLATE_BEGIN, 16, 20, loader_begin},
    {SS_OP_SPI_ATTACH, 4, 8, loader_attach},
    {SS_OP_ERASE_FLASH, 0, 0, do_erase_flash},
    {SS_OP_ERASE_REGION, 8, 8, do_erase_region},
    {SS_OP_READ_FLASH, 16, 16, do_read_flash},
    {SS_OP_RUN_USER_CODE, 0, 0, do_run_user_code},
    {SS_OP_FLASH_ENCRYPT_DATA, SS_ROM_DATA_HEADER, UINT16_MAX, loader_data},
    {0},
};
