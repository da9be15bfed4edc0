// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "rt/rt.h"
#include "scenes.h"

void rt_put_byte(uint8_t byte)
{
    putchar(byte);
}

int main(void)
{
    return scenes_play() != 0;
}
