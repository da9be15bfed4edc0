// SPDX-License-Identifier: Apache-2.0
// What bench_seal measures.
#ifndef SS_BENCH_SEAL_CASES_H
#define SS_BENCH_SEAL_CASES_H

#include "bench/harness.h"

/// Fills @p cases (BENCH_MAX_CASES long) and returns their number. What this CPU cannot run is named in @p notes.
unsigned seal_cases_init(struct bench_case *cases, json_t *notes);
void seal_cases_free(void);

/// Seals one file with both programs and adds process_slotseal and process_espsecure to @p report: ms, and ratio, how
/// many times as fast as the other. What is missing is named in @p notes. A difference between the two files is an
/// error: returns false.
bool seal_processes(const struct bench_options *o, json_t *report, json_t *notes);

#endif
