// SPDX-License-Identifier: Apache-2.0
// The demo's own code on QEMU: from every place it can run from, with a bit of its data wrong, what the start-up left
// in the registers, and a fault. run_sim.sh knows what must be printed.
#include "demo/demo.h"
#include "rt/rt.h"

extern uint32_t demo_payload[];

// Defined, and not zero, where the core has windows and loops: reset_windowed.S.
extern const uint8_t sim_has_windows[] __attribute__((weak));

// "rsr a2, <number>" by its encoding: the assembler does not know these registers.
#define READ_SPECIAL(number, value)                                                                                    \
    do {                                                                                                               \
        register uint32_t a2_ __asm__("a2");                                                                           \
        __asm__ volatile(".byte 0x20, " #number ", 0x03" : "=a"(a2_));                                                 \
        (value) = a2_;                                                                                                 \
    } while (0)

static void report_registers(void)
{
    uint32_t ps, base, start, lcount;
    __asm__ volatile("rsr %0, ps" : "=a"(ps));
    rt_put_str("\nps ");
    rt_put_hex(ps);
    if (sim_has_windows) {
        READ_SPECIAL(72, base);
        READ_SPECIAL(73, start);
        READ_SPECIAL(2, lcount);
        rt_put_str(" windowbase ");
        rt_put_dec(base);
        rt_put_str(" windowstart ");
        rt_put_dec(start);
        rt_put_str(" lcount ");
        rt_put_dec(lcount);
    }
    rt_put_str("\n");
}

static void report_numbers(void)
{
    static const uint32_t numbers[] = {0, 9, 10, 99999, 100000, 4294967295u};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        rt_put_dec(numbers[i]);
        rt_put_str(" ");
    }
    rt_put_str("\n");
}

_Noreturn void rt_main(void)
{
    demo_report(0x10000);
    demo_report(0x160000);
    demo_report(0x20000);
    demo_report(RT_ADDRESS_UNKNOWN);
    demo_payload[1000] ^= 0x80;
    demo_report(0x10000);
    report_registers();
    report_numbers();
    __asm__ volatile("ill");
    rt_put_str("ran on after an illegal instruction\n");
    rt_reset();
}
