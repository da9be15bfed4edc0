// SPDX-License-Identifier: Apache-2.0
#include "chip/loader.h"

#include <stdlib.h>
#include <string.h>

#include "chip/loader_parts.h"
#include "core/bytes.h"

enum {
    ROM_SYNC_VALUE = 0x20120707,
    STUB_STATUS = 2,
    MD5_SIZE = 16,
};

void loader_send(struct ss_loader *l, const uint8_t *content, size_t len)
{
    uint8_t line[SS_SLIP_ENCODED_MAX(BLOCK_MAX)];
    l->write(l->context, line, ss_slip_encode(content, len, line));
}

uint32_t loader_word(const struct request *rq, unsigned index)
{
    return ss_get_le32(rq->body + 4 * (size_t)index);
}

bool loader_in_flash(const struct ss_loader *l, uint32_t address, uint32_t size)
{
    return ss_range_ok(address, size, l->flash_size);
}

static enum failure do_sync(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    static const uint8_t start[] = {0x07, 0x07, 0x12, 0x20};
    if (memcmp(rq->body, start, sizeof start) != 0)
        return BAD_LENGTH;
    // By this value hosts tell a running stub from the ROM.
    reply->value = l->mode == SS_LOADER_STUB ? 0 : ROM_SYNC_VALUE;
    return GOOD;
}

static void write_masked(struct ss_loader *l, const uint8_t *set)
{
    uint32_t address = ss_get_le32(set), value = ss_get_le32(set + 4), mask = ss_get_le32(set + 8);
    if (mask != UINT32_MAX)
        value = (ss_registers_read(&l->registers, address) & ~mask) | (value & mask);
    ss_registers_write(&l->registers, address, value);
    l->chip->power.time_us += ss_get_le32(set + 12);
}

/// One or more sets of address, value, mask and delay.
static enum failure do_write_reg(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    (void)reply;
    if (rq->len % 16)
        return BAD_LENGTH;
    for (size_t at = 0; at < rq->len; at += 16)
        write_masked(l, rq->body + at);
    return GOOD;
}

static enum failure do_read_reg(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    reply->value = ss_registers_read(&l->registers, loader_word(rq, 0));
    return GOOD;
}

static enum failure do_set_params(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    (void)reply;
    // The controller sends addresses of 24 bits.
    l->flash_size = loader_word(rq, 1) < FLASH_SIZE_MAX ? loader_word(rq, 1) : FLASH_SIZE_MAX;
    return GOOD;
}

/// On the pins that eFuses name, or else on the usual ones, there is a flash; on others (HSPI is 1) there is nothing.
enum failure loader_attach(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    (void)reply;
    const struct ss_efuse *e = &l->chip->efuse.window;
    uint32_t wanted = loader_word(rq, 0);
    uint32_t burned =
        ss_rom_flash_pins(ss_efuse_get_name(e, "SPI_PAD_CONFIG_CLK"), ss_efuse_get_name(e, "SPI_PAD_CONFIG_Q"),
                          ss_efuse_get_name(e, "SPI_PAD_CONFIG_D"), ss_efuse_get_name(e, "SPI_PAD_CONFIG_CS0"),
                          ss_efuse_get_name(e, "SPI_PAD_CONFIG_HD"));
    l->registers.flash_attached = wanted == 0 || wanted == (burned ? burned : ss_rom_flash_pins(6, 7, 8, 11, 9));
    return GOOD;
}

static void read_flash(struct ss_loader *l, uint32_t address, uint8_t *out, size_t len)
{
    if (l->registers.flash_attached)
        ss_flash_read(&l->chip->flash, address, out, len);
    else
        memset(out, 0xFF, len);
}

static enum failure do_read_slow(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    uint32_t address = loader_word(rq, 0), len = loader_word(rq, 1);
    if (len > SS_ROM_SLOW_READ || !loader_in_flash(l, address, len))
        return FAILED_OPERATION;
    // Always that many bytes come back.
    reply->len = SS_ROM_SLOW_READ;
    read_flash(l, address, reply->data, len);
    return GOOD;
}

static enum failure do_change_baud(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    (void)reply;
    l->next_baud = loader_word(rq, 0);
    return GOOD;
}

static ss_status_t flash_md5(struct ss_loader *l, uint32_t address, uint32_t size, uint8_t out[MD5_SIZE])
{
    struct ss_hash hash = {0};
    uint8_t chunk[SS_FLASH_SECTOR];
    ss_status_t status = ss_hash_init(&hash, SS_HASH_MD5);
    for (uint32_t done = 0; status == SS_OK && done < size;) {
        uint32_t n = size - done < sizeof chunk ? size - done : (uint32_t)sizeof chunk;
        read_flash(l, address + done, chunk, n);
        status = ss_hash_update(&hash, chunk, n);
        done += n;
    }
    if (status == SS_OK)
        return ss_hash_finish(&hash, out);
    ss_hash_abort(&hash);
    return status;
}

/// The ROM answers in hexadecimal, the stub with the bytes.
static enum failure do_md5(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t md5[MD5_SIZE];
    if (!loader_in_flash(l, loader_word(rq, 0), loader_word(rq, 1)) ||
        flash_md5(l, loader_word(rq, 0), loader_word(rq, 1), md5) != SS_OK)
        return FAILED_OPERATION;
    if (l->mode == SS_LOADER_STUB) {
        memcpy(reply->data, md5, MD5_SIZE);
        reply->len = MD5_SIZE;
        return GOOD;
    }
    for (unsigned i = 0; i < 2 * MD5_SIZE; i++)
        reply->data[i] = (uint8_t)digits[i % 2 ? md5[i / 2] & 15 : md5[i / 2] >> 4];
    reply->len = 2 * MD5_SIZE;
    return GOOD;
}

static const struct command common[] = {
    {SS_OP_FLASH_END, 4, 4, loader_end},
    {SS_OP_MEM_BEGIN, 16, 16, loader_begin},
    {SS_OP_MEM_END, 8, 8, loader_end},
    {SS_OP_MEM_DATA, SS_ROM_DATA_HEADER, UINT16_MAX, loader_data},
    {SS_OP_FLASH_DATA, SS_ROM_DATA_HEADER, UINT16_MAX, loader_data},
    {SS_OP_DEFLATE_DATA, SS_ROM_DATA_HEADER, UINT16_MAX, loader_data},
    {SS_OP_DEFLATE_END, 4, 4, loader_end},
    {SS_OP_SYNC, SS_ROM_SYNC, SS_ROM_SYNC, do_sync},
    {SS_OP_WRITE_REG, 16, UINT16_MAX, do_write_reg},
    {SS_OP_READ_REG, 4, 4, do_read_reg},
    {SS_OP_SPI_SET_PARAMS, 24, 24, do_set_params},
    {SS_OP_CHANGE_BAUDRATE, 8, 8, do_change_baud},
    {SS_OP_FLASH_MD5, 16, 16, do_md5},
    {0},
};

/// What only the ROM takes, or takes in this length.
static const struct command rom_commands[] = {
    {SS_OP_FLASH_BEGIN, 16, 16, loader_begin},
    {SS_OP_DEFLATE_BEGIN, 16, 16, loader_begin},
    {SS_OP_SPI_ATTACH, 8, 8, loader_attach},
    {SS_OP_READ_FLASH_SLOW, 8, 8, do_read_slow},
    {0},
};

static const struct command *find(const struct command *table, uint8_t op)
{
    while (table->op && table->op != op)
        table++;
    return table->op ? table : NULL;
}

static const struct command *find_command(const struct ss_loader *l, uint8_t op)
{
    const struct command *c = find(common, op);
    return c ? c : find(l->mode == SS_LOADER_STUB ? stub_commands : rom_commands, op);
}

/// The number that ROM and stub have for a failure: tables in esptool's documentation, "Serial Protocol".
static uint8_t failure_number(const struct ss_loader *l, enum failure failure)
{
    static const uint8_t numbers[][2] = {
        [GOOD] = {0, 0},
        [BAD_LENGTH] = {0x05, 0xC0},
        [BAD_CHECKSUM] = {0x07, 0xC1},
        [BAD_BLOCK_SIZE] = {0x05, 0xC2},
        [BAD_COMMAND] = {0x05, 0xFF},
        [FAILED_OPERATION] = {0x06, 0xC4},
        [NOT_WRITTEN] = {0x08, 0xC4},
        [NOT_BEGUN] = {0x06, 0xC6},
        [BAD_DEFLATE] = {0x0B, 0xC7},
        [NOT_ENOUGH_DATA] = {0x06, 0xC8},
        [TOO_MUCH_DATA] = {0x0B, 0xC9},
    };
    return numbers[failure][l->mode == SS_LOADER_STUB];
}

/// Data, then the status: {1, error, 0, 0} from the ROM, {error, 0} from the stub.
static void answer(struct ss_loader *l, const struct request *rq, const struct reply *reply, enum failure failure)
{
    bool stub = l->mode == SS_LOADER_STUB;
    uint8_t frame[SS_ROM_HEADER + sizeof reply->data + SS_ROM_STATUS] = {1, (uint8_t)rq->op};
    size_t data_len = failure ? 0 : reply->len, status_len = stub ? STUB_STATUS : SS_ROM_STATUS;
    ss_put_le16(frame + 2, (uint16_t)(data_len + status_len));
    ss_put_le32(frame + 4, failure ? 0 : reply->value);
    memcpy(frame + SS_ROM_HEADER, reply->data, data_len);
    uint8_t *status = frame + SS_ROM_HEADER + data_len;
    status[stub ? 0 : 1] = failure_number(l, failure);
    if (!stub)
        status[0] = failure != GOOD;
    for (unsigned i = 0; i < (rq->op == SS_OP_SYNC && !failure ? SS_ROM_SYNC_ANSWERS : 1u); i++)
        loader_send(l, frame, SS_ROM_HEADER + data_len + status_len);
}

static void start_stub(struct ss_loader *l)
{
    l->starting = false;
    l->mode = SS_LOADER_STUB;
    l->flash_size = FLASH_SIZE_MAX;
    l->registers.flash_attached = true;
    loader_send(l, (const uint8_t *)"OHAI", 4);
}

/// What a command wanted to happen once its answer is out.
static void after_answer(struct ss_loader *l)
{
    if (l->next_baud)
        ss_loader_set_baud(l, l->next_baud);
    l->next_baud = 0;
    if (l->starting)
        start_stub(l);
    else if (l->next == SS_LOADER_ROM && l->mode == SS_LOADER_STUB)
        ss_loader_reset(l);
    l->mode = l->next;
    stub_continue_reading(l);
}

static void take_frame(struct ss_loader *l)
{
    const uint8_t *f = l->frame;
    size_t len = l->slip.len;
    if (stub_take_acknowledgement(l, f, len) || len < SS_ROM_HEADER || f[0] != 0)
        return;
    struct request rq = {f[1], f + SS_ROM_HEADER, len - SS_ROM_HEADER, ss_get_le32(f + 4)};
    struct reply reply = {0};
    const struct command *c = find_command(l, f[1]);
    enum failure failure = BAD_COMMAND;
    if (c && (rq.len != ss_get_le16(f + 2) || rq.len < c->shortest || rq.len > c->longest))
        failure = BAD_LENGTH;
    else if (c)
        failure = c->run(l, &rq, &reply);
    // Started from the stub, user code leaves no time for an answer.
    if (rq.op != SS_OP_RUN_USER_CODE || failure)
        answer(l, &rq, &reply, failure);
    after_answer(l);
}

void ss_loader_take(struct ss_loader *l, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len && (l->mode == SS_LOADER_ROM || l->mode == SS_LOADER_STUB); i++)
        if (ss_slip_take(&l->slip, bytes[i]))
            take_frame(l);
}

ss_status_t ss_loader_new(struct ss_vchip *chip, ss_loader_write_fn write, void *context, struct ss_loader **loader,
                          struct ss_error *err)
{
    struct ss_loader *l = *loader = calloc(1, sizeof *l);
    if (!l)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a serial loader");
    l->chip = l->registers.chip = chip;
    l->write = write;
    l->context = context;
    l->slip.frame = l->frame;
    l->slip.size = sizeof l->frame;
    ss_loader_reset(l);
    l->registers.baud = SS_LOADER_BAUD;
    return SS_OK;
}

void ss_loader_free(struct ss_loader *l)
{
    if (!l)
        return;
    ss_loader_reset(l);
    ss_wipe(l, sizeof *l);
    free(l);
}

void ss_loader_reset(struct ss_loader *l)
{
    loader_abort(l);
    stub_stop_reading(l);
    ss_registers_reset(&l->registers);
    ss_slip_reset(&l->slip);
    l->mode = l->next = SS_LOADER_ROM;
    l->starting = false;
    l->next_baud = 0;
    l->flash_size = ROM_FLASH_SIZE;
    l->greeting = 0;
}

enum ss_loader_mode ss_loader_mode(const struct ss_loader *l)
{
    return l->mode;
}

uint32_t ss_loader_baud(const struct ss_loader *l)
{
    return l->registers.baud;
}

void ss_loader_set_baud(struct ss_loader *l, uint32_t baud)
{
    if (baud)
        l->registers.baud = baud;
}
