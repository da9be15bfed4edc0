// SPDX-License-Identifier: Apache-2.0
#include "chip/flash.h"

#include <string.h>

enum {
    OP_WRITE_STATUS_1 = 0x01,
    OP_PAGE_PROGRAM = 0x02,
    OP_READ = 0x03,
    OP_WRITE_DISABLE = 0x04,
    OP_READ_STATUS_1 = 0x05,
    OP_WRITE_ENABLE = 0x06,
    OP_FAST_READ = 0x0B,
    OP_WRITE_STATUS_3 = 0x11,
    OP_READ_STATUS_3 = 0x15,
    OP_SECTOR_ERASE = 0x20,
    OP_WRITE_STATUS_2 = 0x31,
    OP_READ_STATUS_2 = 0x35,
    OP_WRITE_ENABLE_VOLATILE = 0x50,
    OP_READ_SFDP = 0x5A,
    OP_CHIP_ERASE_2 = 0x60,
    OP_RESET_ENABLE = 0x66,
    OP_RESET = 0x99,
    OP_READ_ID = 0x9F,
    OP_CHIP_ERASE = 0xC7,
    OP_BLOCK_ERASE = 0xD8,
};

#define STATUS_BUSY 0x01
#define STATUS_WEL  0x02
#define BLOCK_SIZE  0x10000u
#define MIB         0x100000u

ss_status_t ss_flash_init(struct ss_flash *flash, uint8_t *data, uint32_t size, uint32_t *wear, struct ss_power *power,
                          struct ss_error *err)
{
    *flash = (struct ss_flash){.data = data, .size = size, .wear = wear, .power = power};
    unsigned log2_size = 20;
    while (log2_size < 24 && size != 1u << log2_size)
        log2_size++;
    if (size != 1u << log2_size)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FILE,
                            "flash of %u bytes: it has to be 1, 2, 4, 8 or 16 MiB", (unsigned)size);
    flash->jedec = log2_size << 16 | 0x40EF;
    return SS_OK;
}

void ss_flash_power_on(struct ss_flash *flash)
{
    memcpy(flash->status, flash->stored_status, sizeof flash->status);
    flash->write_enabled = flash->volatile_enabled = flash->reset_armed = false;
}

void ss_flash_read(struct ss_flash *flash, uint32_t address, uint8_t *out, size_t len)
{
    flash->reads++;
    for (size_t done = 0; done < len;) {
        uint32_t at = (uint32_t)(address + done) & (flash->size - 1);
        size_t n = flash->size - at < len - done ? flash->size - at : len - done;
        memcpy(out + done, flash->data + at, n);
        done += n;
    }
    if (flash->faults.flips)
        for (size_t i = ss_power_random(flash->power) % flash->faults.flips; i < len; i += flash->faults.flips)
            out[i] ^= (uint8_t)(1u << (ss_power_random(flash->power) & 7));
}

static uint8_t keep_stuck(const struct ss_flash *flash, uint32_t at)
{
    return flash->faults.stuck && at == flash->faults.stuck_at ? flash->faults.stuck : 0;
}

/// Programs up to a page; bits of bytes whose turn had not come when the power failed stay as they were.
static void program_page(struct ss_flash *flash, uint32_t page, uint32_t offset, const uint8_t *in, size_t len)
{
    bool half = ss_power_begin(flash->power, SS_FLASH_PROGRAM_US);
    flash->programs++;
    for (size_t i = 0; i < len; i++) {
        uint32_t at = page + ((offset + (uint32_t)i) & (SS_FLASH_PAGE - 1));
        uint8_t keep = keep_stuck(flash, at) | (half ? (uint8_t)ss_power_random(flash->power) : 0);
        flash->data[at] &= in[i] | keep;
    }
    if (half)
        ss_power_fail(flash->power);
    ss_power_end(flash->power);
}

void ss_flash_program(struct ss_flash *flash, uint32_t address, const uint8_t *in, size_t len)
{
    while (len > 0) {
        uint32_t at = address & (flash->size - 1);
        uint32_t offset = at & (SS_FLASH_PAGE - 1);
        size_t n = SS_FLASH_PAGE - offset < len ? SS_FLASH_PAGE - offset : len;
        program_page(flash, at - offset, offset, in, n);
        in += n;
        len -= n;
        address += (uint32_t)n;
    }
}

static void erase_sector(struct ss_flash *flash, uint32_t sector)
{
    uint8_t *data = flash->data + (size_t)sector * SS_FLASH_SECTOR;
    bool half = ss_power_begin(flash->power, SS_FLASH_ERASE_US);
    flash->erases++;
    if (flash->wear)
        flash->wear[sector]++;
    if (half) {
        for (size_t i = 0; i < SS_FLASH_SECTOR; i++)
            data[i] |= (uint8_t)ss_power_random(flash->power);
        ss_power_fail(flash->power);
    }
    if (flash->faults.worn != sector + 1)
        memset(data, 0xFF, SS_FLASH_SECTOR);
    ss_power_end(flash->power);
}

void ss_flash_erase(struct ss_flash *flash, uint32_t address, uint32_t len)
{
    if (len == 0)
        return;
    uint32_t sectors = flash->size / SS_FLASH_SECTOR;
    uint32_t first = address / SS_FLASH_SECTOR, last = (uint32_t)(((uint64_t)address + len - 1) / SS_FLASH_SECTOR);
    for (uint32_t sector = first; sector <= last; sector++)
        erase_sector(flash, sector & (sectors - 1));
}

static void write_status(struct ss_flash *flash, unsigned index, const uint8_t *out, size_t len)
{
    bool half = ss_power_begin(flash->power, SS_FLASH_STATUS_US);
    for (size_t i = 0; !half && i < len && index + i < sizeof flash->status; i++)
        flash->status[index + i] = out[i];
    flash->status[0] &= (uint8_t) ~(STATUS_WEL | STATUS_BUSY);
    if (!flash->volatile_enabled)
        memcpy(flash->stored_status, flash->status, sizeof flash->status);
    if (half)
        ss_power_fail(flash->power);
    ss_power_end(flash->power);
}

/// The first 16 bytes of SFDP and a basic parameter table that gives the density: JESD216.
static void read_sfdp(const struct ss_flash *flash, uint32_t address, uint8_t *in, size_t len)
{
    static const uint8_t header[] = {'S', 'F', 'D', 'P', 6, 1, 0, 0xFF, 0, 6, 1, 16, 0x30, 0, 0, 0xFF};
    uint32_t bits = flash->size * 8 - 1;
    uint8_t table[0x30 + 64];
    memset(table, 0xFF, sizeof table);
    memcpy(table, header, sizeof header);
    // DWORD 1: 4 KiB erase with opcode 20, 3-byte addresses; DWORD 2: density in bits, less one.
    memcpy(table + 0x30, (const uint8_t[]){0xE5, OP_SECTOR_ERASE, 0xF9, 0xFF}, 4);
    for (unsigned i = 0; i < 4; i++)
        table[0x34 + i] = (uint8_t)(bits >> 8 * i);
    for (size_t i = 0; i < len; i++)
        in[i] = address + i < sizeof table ? table[address + i] : 0xFF;
}

static void read_registers(struct ss_flash *flash, uint8_t opcode, uint8_t *in, size_t len)
{
    uint8_t status1 = (uint8_t)(flash->status[0] | (flash->write_enabled ? STATUS_WEL : 0));
    for (size_t i = 0; i < len; i++)
        switch (opcode) {
        case OP_READ_STATUS_1:
            in[i] = status1;
            break;
        case OP_READ_STATUS_2:
            in[i] = flash->status[1];
            break;
        case OP_READ_STATUS_3:
            in[i] = flash->status[2];
            break;
        case OP_READ_ID:
            in[i] = (uint8_t)(i < 3 ? flash->jedec >> 8 * i : 0xFF);
            break;
        default:
            in[i] = 0xFF;
        }
}

/// Commands that change something: each needs write enable, and uses it up.
static bool change(struct ss_flash *flash, uint8_t opcode, uint32_t address, const uint8_t *out, size_t len)
{
    address &= flash->size - 1;
    uint32_t offset = address & (SS_FLASH_PAGE - 1);
    switch (opcode) {
    case OP_PAGE_PROGRAM:
        program_page(flash, address - offset, offset, out, len);
        return true;
    case OP_SECTOR_ERASE:
        ss_flash_erase(flash, address, 1);
        return true;
    case OP_BLOCK_ERASE:
        ss_flash_erase(flash, address & ~(BLOCK_SIZE - 1), BLOCK_SIZE);
        return true;
    case OP_CHIP_ERASE:
    case OP_CHIP_ERASE_2:
        ss_flash_erase(flash, 0, flash->size);
        return true;
    case OP_WRITE_STATUS_1:
        write_status(flash, 0, out, len);
        return true;
    case OP_WRITE_STATUS_2:
        write_status(flash, 1, out, len);
        return true;
    case OP_WRITE_STATUS_3:
        write_status(flash, 2, out, len);
        return true;
    default:
        return false;
    }
}

void ss_flash_command(struct ss_flash *flash, uint8_t opcode, uint32_t address, const uint8_t *out, size_t out_len,
                      uint8_t *in, size_t in_len)
{
    bool armed = flash->reset_armed;
    flash->reset_armed = opcode == OP_RESET_ENABLE;
    if (opcode == OP_WRITE_ENABLE || opcode == OP_WRITE_ENABLE_VOLATILE) {
        flash->write_enabled = true;
        flash->volatile_enabled = opcode == OP_WRITE_ENABLE_VOLATILE;
    } else if (opcode == OP_WRITE_DISABLE) {
        flash->write_enabled = false;
    } else if (opcode == OP_RESET && armed) {
        ss_flash_power_on(flash);
    } else if (opcode == OP_READ || opcode == OP_FAST_READ) {
        ss_flash_read(flash, address, in, in_len);
        return;
    } else if (opcode == OP_READ_SFDP) {
        read_sfdp(flash, address, in, in_len);
        return;
    } else if (flash->write_enabled && change(flash, opcode, address, out, out_len)) {
        flash->write_enabled = false;
    }
    read_registers(flash, opcode, in, in_len);
}
