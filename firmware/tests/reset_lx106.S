// SPDX-License-Identifier: Apache-2.0
// The LX106 has no windows and no loops: it enters the start-up behind the part about them.
    .section .reset.vector, "ax"
    .global reset
reset:
    j       enter

    .section .reset.text, "ax"
    .literal_position
    .balign 4
enter:
    movi    a2, rt_start_plain
    jx      a2
