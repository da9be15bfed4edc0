// SPDX-License-Identifier: Apache-2.0
#include "rt/rt.h"
#include "scenes.h"

#define UNTOUCHED 0x5AFE57ACu

// From rt/sections.ld: the stack lies between them, and grows down.
extern uint32_t rt_bss_end[], rt_stack_top[];

/// Bytes of stack that have been used since it was painted.
static uint32_t used_stack(void)
{
    const uint32_t *p = rt_bss_end;
    while (*p == UNTOUCHED)
        p++;
    return (uint32_t)(rt_stack_top - p) * 4;
}

_Noreturn void rt_main(void)
{
    uint32_t *sp;
    __asm__ volatile("mov %0, sp" : "=a"(sp));
    for (uint32_t *p = rt_bss_end; p < sp; p++)
        *p = UNTOUCHED;
    uint32_t failed = scenes_play();
    rt_put_str("stack ");
    rt_put_dec(used_stack());
    rt_put_str("\n");
    rt_exit(failed != 0);
}
