// SPDX-License-Identifier: Apache-2.0
#include "demo.h"
#include "rt/rt.h"

// A second at the 80 MHz that the bootloader leaves the CPU at.
#define HEARTBEAT_CYCLES 80000000

_Noreturn void rt_main(void)
{
    rt_stop_watchdogs();
    demo_report(rt_app_flash_address());
    for (uint32_t beats = 1;; beats++) {
        rt_wait_cycles(HEARTBEAT_CYCLES);
        rt_put_str("alive ");
        rt_put_dec(beats);
        rt_put_str("\n");
    }
}
