// SPDX-License-Identifier: Apache-2.0
// A NOR flash in RAM, behind the registers that rt/spi1_flash.c works on. No more than that driver uses.
#include <string.h>

#include "core/rom_loader.h"
#include "rt/rt.h"
#include "rt/spi1_flash.h"
#include "scenes.h"

#define CACHE_STATE 0x3FF003F0u
#define CACHE_IDLE  (1u << 7)
#define PAGE        256u

struct scene_flash scene_flash;

static uint32_t spi1[64];
static bool write_enabled;

static bool may_change(void)
{
    bool enabled = write_enabled;
    write_enabled = false;
    if (!enabled || (scene_flash.power_ends && scene_flash.changes >= scene_flash.power_ends))
        return false;
    scene_flash.changes++;
    return true;
}

static void program(uint32_t address, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        uint32_t at = (address & ~(PAGE - 1)) | ((address + i) % PAGE);
        uint8_t byte = (uint8_t)(spi1[SS_SPI_W0 / 4 + i / 4] >> i % 4 * 8);
        if (at && at == scene_flash.stuck_at)
            byte |= 1;
        scene_flash.bytes[at] &= byte;
    }
}

static void run(void)
{
    uint32_t address = spi1[SS_SPI_ADDR / 4] >> 8, in_len = (spi1[SS_SPI_MISO_DLEN / 4] + 1) / 8;
    uint32_t *w = spi1 + SS_SPI_W0 / 4;
    switch (spi1[SS_SPI_USER2 / 4] & 0xFF) {
    case 0x02:
        if (may_change())
            program(address, (spi1[SS_SPI_MOSI_DLEN / 4] + 1) / 8);
        break;
    case 0x03:
        for (uint32_t i = 0; i < in_len; i++)
            w[i / 4] = (w[i / 4] & ~(0xFFu << i % 4 * 8)) | (uint32_t)scene_flash.bytes[address + i] << i % 4 * 8;
        break;
    case 0x05:
        w[0] = write_enabled ? 2 : 0;
        break;
    case 0x06:
        write_enabled = true;
        break;
    case 0x20:
        if (may_change())
            memset(scene_flash.bytes + address, 0xFF, SPI1_FLASH_SECTOR);
        break;
    default:
        break;
    }
}

uint32_t rt_reg_read(uint32_t address)
{
    if (address == CACHE_STATE)
        return CACHE_IDLE;
    return address - SS_REG_SPI1 < sizeof spi1 ? spi1[(address - SS_REG_SPI1) / 4] : 0;
}

void rt_reg_write(uint32_t address, uint32_t value)
{
    if (address == SS_REG_SPI1)
        run();
    else if (address - SS_REG_SPI1 < sizeof spi1)
        spi1[(address - SS_REG_SPI1) / 4] = value;
}

void rt_wait_us(uint32_t us)
{
    (void)us;
}

void rt_flash_read_mapped(uint32_t address, void *out, size_t len)
{
    uint8_t *p = out;
    for (size_t i = 0; i < len; i++, address++)
        p[i] = scene_flash.bytes[address] ^ (address >= SCENE_SLOT_0 ? scene_pad(address) : 0);
}

bool rt_flash_is_encrypted(void)
{
    return false;
}
