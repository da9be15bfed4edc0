// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

int main(void)
{
    puts("slotseal " SS_VERSION);
    return 0;
}
