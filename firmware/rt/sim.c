// SPDX-License-Identifier: Apache-2.0
// QEMU's "sim" machine: the console and the way out are its simulator calls (target/xtensa/xtensa-semi.c there).
#include "rt.h"

enum { SIM_EXIT = 1, SIM_WRITE = 4 };

static uint32_t sim_call(uint32_t number, uint32_t arg1, uint32_t arg2, uint32_t arg3)
{
    register uint32_t a2 __asm__("a2") = number;
    register uint32_t a3 __asm__("a3") = arg1;
    register uint32_t a4 __asm__("a4") = arg2;
    register uint32_t a5 __asm__("a5") = arg3;
    __asm__ volatile("simcall" : "+a"(a2), "+a"(a3) : "a"(a4), "a"(a5) : "memory");
    return a2;
}

void rt_put_byte(uint8_t byte)
{
    sim_call(SIM_WRITE, 1, (uint32_t)(uintptr_t)&byte, 1);
}

void rt_flush(void)
{
}

_Noreturn void rt_exit(uint32_t status)
{
    for (;;)
        sim_call(SIM_EXIT, status, 0, 0);
}

_Noreturn void rt_reset(void)
{
    rt_exit(0);
}
