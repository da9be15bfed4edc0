// SPDX-License-Identifier: Apache-2.0
#include "server/processor.h"

#include <sched.h>

uint32_t ss_processor_choose(unsigned index)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 2)
        return SS_PROCESSOR_ANY;
    index %= (unsigned)CPU_COUNT(&set);
    for (uint32_t i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set) && !index--)
            return i;
    return SS_PROCESSOR_ANY;
}

void ss_processor_stay(uint32_t processor)
{
    cpu_set_t set;
    if (processor >= CPU_SETSIZE || sched_getcpu() == (int)processor)
        return;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}
