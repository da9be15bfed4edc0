// SPDX-License-Identifier: Apache-2.0
// Whole programs that work on a virtual chip.
#ifndef SS_BENCH_CHIP_PROCESSES_H
#define SS_BENCH_CHIP_PROCESSES_H

#include "bench/harness.h"

/// Adds process_boot to @p report: `slotseal chip boot` of an encrypted device in a folder.
void chip_process_boot(const struct bench_options *o, json_t *report, json_t *notes);

/// Adds process_read_flash to @p report: `esptool read-flash` of 1.3 MiB over the pty of a chip that a thread of this
/// process serves, and that thread's CPU time. What is missing is named in @p notes. False if esptool read other bytes
/// than the chip holds.
bool chip_process_read(const struct bench_options *o, json_t *report, json_t *notes);

#endif
