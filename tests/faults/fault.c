// SPDX-License-Identifier: Apache-2.0
// What makes slotseal-faults of slotseal: at the N-th arrival at the point named by SLOTSEAL_FAULT=NAME[=N] the
// process is gone, as by a power cut.
#include "vault/fault.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ss_fault_point(const char *name)
{
    static unsigned arrivals;
    const char *wanted = getenv("SLOTSEAL_FAULT");
    size_t len = wanted ? strcspn(wanted, "=") : 0;
    if (!wanted || strlen(name) != len || memcmp(name, wanted, len) != 0)
        return;
    unsigned long at = wanted[len] == '=' ? strtoul(wanted + len + 1, NULL, 10) : 1;
    if (++arrivals == at)
        raise(SIGKILL); // kill() is not for the confined
}
