// SPDX-License-Identifier: Apache-2.0
// What the demo needs of the machine it runs on. Implemented by esp32.c for the chip and by sim.c for QEMU, which has
// no flash.
#ifndef RT_H
#define RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Answer of rt_app_flash_address() when the first page of the app's read-only data is not mapped.
#define RT_ADDRESS_UNKNOWN 0xFFFFFFFFu

/// What runs after the start-up, on its stack, with interrupts masked and .bss cleared. Must not return.
_Noreturn void rt_main(void);

/// Stops every watchdog that the ROM or the bootloader may have armed. Call first.
void rt_stop_watchdogs(void);

/// Sends one byte to the console; waits while the console is full. Line ends are CR LF: see rt_put_str().
void rt_put_byte(uint8_t byte);

/// Returns once everything given to rt_put_byte() has left the console.
void rt_flush(void);

/// Flash address that the first 64 KiB page of mapped data comes from: the start of the slot that the running app was
/// booted from, since an app image begins with its data segment. RT_ADDRESS_UNKNOWN if that page is not mapped.
uint32_t rt_app_flash_address(void);

/// Reads @p len bytes of flash from @p address through the cache, decrypted where the chip does so. Both are multiples of
/// 16, and the bytes lie in the first 4 MiB.
void rt_flash_read_mapped(uint32_t address, void *out, size_t len);

/// Whether flash encryption is on: FLASH_CRYPT_CNT is odd.
bool rt_flash_is_encrypted(void);

/// The chip's MAC address, which is what devices are called by, as twelve hex digits without a terminator.
void rt_mac(uint8_t digits[12]);

/// Waits for @p cycles of the CPU clock.
void rt_wait_cycles(uint32_t cycles);

/// Resets the machine.
_Noreturn void rt_reset(void);

/// Ends the program with an exit status. On QEMU only.
_Noreturn void rt_exit(uint32_t status);

/// Prints a string; "\n" is sent as CR LF.
void rt_put_str(const char *str);

/// Prints @p value in decimal, without leading zeros.
void rt_put_dec(uint32_t value);

/// Prints "0x" and the eight hexadecimal digits of @p value, lower case.
void rt_put_hex(uint32_t value);

/// Where start.S goes after an exception, an NMI or a debug event: reports it and resets.
/// @param cause    EXCCAUSE, as numbered in the Xtensa ISA manual, table "Exception causes"
/// @param pc       EPC1, the instruction that was refused
/// @param address  EXCVADDR, meaningful for load and store errors
_Noreturn void rt_fault(uint32_t cause, uint32_t pc, uint32_t address);

#endif
