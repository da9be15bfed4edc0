// SPDX-License-Identifier: Apache-2.0
#include "rt/rt.h"
#include "scenes.h"

_Noreturn void rt_main(void)
{
    rt_exit(scenes_play() != 0);
}
