// SPDX-License-Identifier: Apache-2.0
#include "demo.h"

_Static_assert(sizeof(struct demo_app_desc) == 256, "the descriptor has 256 bytes");

// Time and date are fixed: the same sources give the same image.
__attribute__((section(".rodata_desc"), used)) const struct demo_app_desc demo_app_desc = {
    .magic = 0xABCD5432,
    .version = DEMO_VERSION,
    .project_name = "slotseal-demo",
    .time = "00:00:00",
    .date = "Jan  1 2000",
    .idf_ver = "none (bare metal)",
};
