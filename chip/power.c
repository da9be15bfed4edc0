// SPDX-License-Identifier: Apache-2.0
#include "chip/power.h"

#include <assert.h>
#include <stdlib.h>

const char *ss_cut_name(enum ss_cut cut)
{
    static const char *const names[] = {"none", "before", "inside", "after"};
    return names[cut & 3];
}

void ss_power_plan(struct ss_power *power, uint64_t n, enum ss_cut cut)
{
    power->cut_at = n ? power->operations + n : 0;
    power->cut = n ? cut : SS_CUT_NONE;
}

bool ss_power_begin(struct ss_power *power, uint64_t us)
{
    power->operations++;
    power->time_us += us;
    if (power->operations != power->cut_at)
        return false;
    if (power->cut == SS_CUT_BEFORE)
        ss_power_fail(power);
    return power->cut == SS_CUT_INSIDE;
}

void ss_power_end(struct ss_power *power)
{
    if (power->operations == power->cut_at && power->cut == SS_CUT_AFTER)
        ss_power_fail(power);
}

_Noreturn void ss_power_fail(struct ss_power *power)
{
    assert(power->off);
    jmp_buf *off = power->off;
    // One cut is one cut: the next boot is not to fail at the same place again.
    power->cut_at = 0;
    power->off = NULL;
    longjmp(*off, 1);
}

uint64_t ss_power_random(struct ss_power *power)
{
    // splitmix64: every seed, 0 included, starts a good sequence.
    uint64_t z = power->seed += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
