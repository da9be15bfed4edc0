// SPDX-License-Identifier: Apache-2.0
// A partition table that uses most of what the CSV form has.
#ifndef SS_TESTS_SAMPLE_TABLE_H
#define SS_TESTS_SAMPLE_TABLE_H

#include "slotseal/partition_table.h"

extern const char sample_csv[];

/// Writes its binary form; returns SS_TABLE_BINARY_SIZE.
size_t sample_table(uint8_t out[SS_TABLE_BINARY_SIZE]);

#endif
