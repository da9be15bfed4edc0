// SPDX-License-Identifier: Apache-2.0
// Leaves a windowed core as a bootloader could: in the middle of nested windowed calls and of a zero-overhead loop
// whose end lies in the code that runs next. Then enters the start-up as the bootloader does.
#define SR_LBEG        0
#define SR_LEND        1
#define SR_LCOUNT      2
#define SR_WINDOWBASE  72
#define SR_WINDOWSTART 73

.macro wsr_number reg, sr
    .byte \reg << 4, \sr, 0x13
.endm

    .global sim_has_windows
    .set    sim_has_windows, 1

    .section .reset.vector, "ax"
    .global reset
reset:
    j       enter

    .section .reset.text, "ax"
    .literal_position
    .balign 4
enter:
    movi    a2, 5
    wsr_number 2, SR_WINDOWBASE
    rsync
    // Every frame but one in use: the next call that needs a window would overflow.
    movi    a2, 0xFFBF
    wsr_number 2, SR_WINDOWSTART
    rsync
    // The end of that loop: behind the first instruction of demo_report, which has 3 bytes.
    movi    a2, stray
    wsr_number 2, SR_LBEG
    movi    a2, demo_report
    addi    a2, a2, 3
    wsr_number 2, SR_LEND
    movi    a2, 7
    wsr_number 2, SR_LCOUNT
    // RAM holds what was there before.
    movi    a2, rt_bss_start
    movi    a3, -1
    s32i    a3, a2, 0
    // PS.WOE, PS.CALLINC = 2, PS.UM; interrupts as the bootloader runs: open.
    movi    a3, _start
    movi    a2, 0x60020
    wsr     a2, ps
    rsync
    jx      a3

stray:
    ill
