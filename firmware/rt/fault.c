// SPDX-License-Identifier: Apache-2.0
#include "rt.h"

_Noreturn void rt_fault(uint32_t cause, uint32_t pc, uint32_t address)
{
    // A fault while reporting one: be silent and reset, rather than to loop with the watchdogs stopped.
    static volatile uint32_t reporting;
    if (!reporting) {
        reporting = 1;
        rt_put_str("\nfault: cause ");
        rt_put_dec(cause);
        rt_put_str(" at ");
        rt_put_hex(pc);
        rt_put_str(" address ");
        rt_put_hex(address);
        rt_put_str("\n");
        rt_flush();
    }
    rt_reset();
}
