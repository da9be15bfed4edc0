// SPDX-License-Identifier: Apache-2.0
// The ESP32's registers that the demo touches. Names and addresses: ESP32 Technical Reference Manual, register
// summaries of UART, RTC_CNTL and TIMG; ESP-IDF v4.0.1, soc/uart_reg.h, rtc_cntl_reg.h, timer_group_reg.h, dport_reg.h.
#include "rt.h"

#include <string.h>

#include "spi1_flash.h"

#define REG(address) (*(volatile uint32_t *)(address))

// Bytes go out through the FIFO's AHB address: repeated writes to one address on the 0x3FF4xxxx side can get lost on
// the first silicon (ESP32 Series SoC Errata, section 3.3). ESP-IDF's uart_ll.h does the same.
#define UART0_FIFO_AHB         REG(0x60000000)
#define UART0_STATUS           REG(0x3FF4001C)
#define UART_TXFIFO_CNT(s)     ((s) >> 16 & 0xFF)
#define UART_ST_UTX_OUT(s)     ((s) >> 24 & 0xF)
#define UART_FIFO_SIZE         128
#define RTC_CNTL_OPTIONS0      REG(0x3FF48000)
#define RTC_CNTL_SW_SYS_RST    (1u << 31)
#define RTC_CNTL_WDTCONFIG0    REG(0x3FF4808C)
#define RTC_CNTL_WDTWPROTECT   REG(0x3FF480A4)
#define TIMG_WDTCONFIG0(group) REG(0x3FF5F048 + (group)*0x1000)
#define TIMG_WDTWPROTECT(g)    REG(0x3FF5F064 + (g)*0x1000)
#define WDT_WRITE_KEY          0x50D83AA1

// Entry i < 64 of the PRO CPU's table maps 0x3F400000 + i * 64 KiB; bit 8 marks an invalid entry.
#define PRO_FLASH_MMU_TABLE(i) REG(0x3FF10000 + (i)*4)
#define MMU_INVALID            0x100
#define MMU_PAGE_SHIFT         16
#define MMU_PAGE               (1u << MMU_PAGE_SHIFT)
// The last page of mapped data. No app of this project reaches that far.
#define MMU_SPARE         63u
#define MMU_SPARE_ADDRESS (0x3F400000u + MMU_SPARE * MMU_PAGE)

#define PRO_CACHE_CTRL        REG(0x3FF00040)
#define PRO_CACHE_FLUSH_ENA   (1u << 4)
#define PRO_CACHE_FLUSH_DONE  (1u << 5)
#define EFUSE_BLK0_RDATA(i)   REG(0x3FF5A000 + (i)*4)
#define FLASH_CRYPT_CNT(word) ((word) >> 20 & 0x7F)

void rt_stop_watchdogs(void)
{
    // The bootloader gives the app 9 s (CONFIG_BOOTLOADER_WDT_TIME_MS) on the RTC watchdog; the ROM's flash-boot
    // protection is in the same registers and in timer group 0. Zero clears the enable bits of both.
    RTC_CNTL_WDTWPROTECT = WDT_WRITE_KEY;
    RTC_CNTL_WDTCONFIG0 = 0;
    RTC_CNTL_WDTWPROTECT = 0;
    for (uint32_t group = 0; group < 2; group++) {
        TIMG_WDTWPROTECT(group) = WDT_WRITE_KEY;
        TIMG_WDTCONFIG0(group) = 0;
        TIMG_WDTWPROTECT(group) = 0;
    }
}

void rt_put_byte(uint8_t byte)
{
    while (UART_TXFIFO_CNT(UART0_STATUS) >= UART_FIFO_SIZE - 2)
        ;
    UART0_FIFO_AHB = byte;
}

void rt_flush(void)
{
    uint32_t status;
    do
        status = UART0_STATUS;
    while (UART_TXFIFO_CNT(status) || UART_ST_UTX_OUT(status));
}

uint32_t rt_app_flash_address(void)
{
    uint32_t entry = PRO_FLASH_MMU_TABLE(0);
    return entry & MMU_INVALID ? RT_ADDRESS_UNKNOWN : (entry & (MMU_INVALID - 1)) << MMU_PAGE_SHIFT;
}

// Maps the page of @p address in place of what was there before, of which the cache forgets all.
static void map_spare(uint32_t address)
{
    while (spi1_cache_off() != SS_OK)
        ;
    PRO_FLASH_MMU_TABLE(MMU_SPARE) = address >> MMU_PAGE_SHIFT;
    PRO_CACHE_CTRL &= ~PRO_CACHE_FLUSH_ENA;
    PRO_CACHE_CTRL |= PRO_CACHE_FLUSH_ENA;
    while (!(PRO_CACHE_CTRL & PRO_CACHE_FLUSH_DONE))
        ;
    PRO_CACHE_CTRL &= ~PRO_CACHE_FLUSH_ENA;
    spi1_cache_on();
}

// Each time anew: what lies there may have been written since.
void rt_flash_read_mapped(uint32_t address, void *out, size_t len)
{
    uint8_t *p = out;
    while (len > 0) {
        uint32_t offset = address % MMU_PAGE;
        size_t n = len < MMU_PAGE - offset ? len : MMU_PAGE - offset;
        map_spare(address);
        memcpy(p, (const uint8_t *)(MMU_SPARE_ADDRESS + offset), n);
        address += n;
        p += n;
        len -= n;
    }
}

bool rt_flash_is_encrypted(void)
{
    return __builtin_parity(FLASH_CRYPT_CNT(EFUSE_BLK0_RDATA(0)));
}

// Word 2 has the first two bytes in its lower half, word 1 the others.
void rt_mac(uint8_t digits[12])
{
    for (unsigned i = 0; i < 12; i++) {
        uint32_t word = EFUSE_BLK0_RDATA(i < 4 ? 2 : 1);
        unsigned shift = (i < 4 ? 12 : 44) - 4 * i;
        digits[i] = (uint8_t) "0123456789abcdef"[word >> shift & 15];
    }
}

static uint32_t cycle_count(void)
{
    uint32_t count;
    __asm__ volatile("rsr %0, ccount" : "=a"(count));
    return count;
}

void rt_wait_cycles(uint32_t cycles)
{
    uint32_t start = cycle_count();
    while (cycle_count() - start < cycles)
        ;
}

uint32_t rt_reg_read(uint32_t address)
{
    return REG(address);
}

void rt_reg_write(uint32_t address, uint32_t value)
{
    REG(address) = value;
}

// The fastest that the CPU can run at: a slower one waits longer than it must.
#define CYCLES_PER_US 240u

void rt_wait_us(uint32_t us)
{
    rt_wait_cycles(us * CYCLES_PER_US);
}

_Noreturn void rt_reset(void)
{
    RTC_CNTL_OPTIONS0 |= RTC_CNTL_SW_SYS_RST;
    for (;;)
        ;
}
