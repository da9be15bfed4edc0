// SPDX-License-Identifier: Apache-2.0
// The chip's power supply, and where it fails. Every change of flash or eFuse is one operation; a test counts those of
// a clean run and then cuts the power at each. A cut really stops: control leaves through longjmp to whoever switched
// the chip on, and nothing between there and here runs on.
#ifndef SS_CHIP_POWER_H
#define SS_CHIP_POWER_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

/// When, relative to its operation, the power fails.
enum ss_cut {
    SS_CUT_NONE,
    SS_CUT_BEFORE, ///< the operation never began
    SS_CUT_INSIDE, ///< some of its bits changed, which ones the seed decides
    SS_CUT_AFTER,  ///< it is complete, and nothing after it happened
};

/// All zero: power that never fails.
struct ss_power {
    uint64_t operations; ///< begun so far; the first has number 1
    uint64_t cut_at;     ///< number of the operation to fail at, 0 = none
    enum ss_cut cut;
    uint64_t seed;    ///< decides which bits an operation that was cut inside has changed
    jmp_buf *off;     ///< where a cut leaves to; must be set while cut_at is
    uint64_t time_us; ///< modelled time since the chip was made: what operations cost, never slept
};

/// "none", "before", "inside", "after".
const char *ss_cut_name(enum ss_cut cut);

/// The power is to fail at the @p n-th operation from now on; 0: not at all.
void ss_power_plan(struct ss_power *power, uint64_t n, enum ss_cut cut);

/// Counts an operation that takes @p us microseconds. Does not return if the power fails before it. Returns true if the
/// caller has to stop half-way: it then changes some of the bits, by ss_power_random(), and calls ss_power_fail().
bool ss_power_begin(struct ss_power *power, uint64_t us);
/// Ends an operation. Does not return if the power fails after it.
void ss_power_end(struct ss_power *power);
/// The power fails here.
_Noreturn void ss_power_fail(struct ss_power *power);
/// Reproducible random numbers for half-done operations and for what a chip draws from its hardware generator.
uint64_t ss_power_random(struct ss_power *power);

#endif
