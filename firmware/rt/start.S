// SPDX-License-Identifier: Apache-2.0
// From the bootloader's jump to rt_main(), for call0 code on a core that may have register windows.
//
// ESP-IDF's second-stage bootloader is windowed code and calls the app's entry like a function: PS.WOE and
// PS.CALLINC are set, the window stands anywhere, older frames are live. Call0 code must never meet a window
// exception, so windows are switched off and rewound before anything else. The frames given up belong to the
// bootloader, to which nobody returns.
//
// The assembler at hand is for a core without windows and loops: those special registers go by number (Xtensa ISA
// manual, "Special Registers").

#define SR_LCOUNT      2
#define SR_WINDOWBASE  72
#define SR_WINDOWSTART 73

// PS.INTLEVEL = 15: all interrupts masked. PS.UM = 1. PS.WOE = PS.EXCM = 0.
#define PS_START 0x2F

// "wsr a<reg>, <sr>" by its encoding: RST0 group 3, op2 = 1.
.macro wsr_number reg, sr
    .byte \reg << 4, \sr, 0x13
.endm

    .section .iram.vectors, "ax"
    .global rt_vectors
    .balign 1024
// Every vector leads to the same place. The offsets differ between the cores this runs on (64 bytes apart on the
// ESP32's, 16 on the LX106), so there is a jump at every 16th byte of the 1 KiB that VECBASE can point to.
rt_vectors:
    .rept 64
    j       fault_entry
    .balign 16
    .endr

    .section .iram.start, "ax"
    .literal_position
    .balign 4
    .global _start
    .type   _start, @function
_start:
    movi    a2, PS_START
    wsr     a2, ps
    rsync
    // Moves the window: what a2 held is gone with it.
    movi    a2, 0
    wsr_number 2, SR_WINDOWBASE
    rsync
    movi    a2, 1
    wsr_number 2, SR_WINDOWSTART
    rsync
    // A zero-overhead loop that was left half-way would take a jump out of our code at its LEND.
    movi    a2, 0
    wsr_number 2, SR_LCOUNT
    isync

    // From here on for any core.
    .global rt_start_plain
rt_start_plain:
    movi    a2, PS_START
    wsr     a2, ps
    movi    a2, 0
    wsr     a2, intenable
    movi    a2, rt_vectors
    wsr     a2, vecbase
    rsync
    movi    sp, rt_stack_top
    movi    a0, 0

    movi    a2, rt_bss_start
    movi    a3, rt_bss_end
    movi    a4, 0
    j       2f
1:  s32i    a4, a2, 0
    addi    a2, a2, 4
2:  bltu    a2, a3, 1b

    movi    a2, rt_main
    callx0  a2
    .size   _start, . - _start

    .type   fault_entry, @function
    .balign 4
fault_entry:
    movi    a2, PS_START
    wsr     a2, ps
    rsync
    movi    sp, rt_stack_top
    movi    a0, 0
    rsr     a2, exccause
    rsr     a3, epc1
    rsr     a4, excvaddr
    movi    a5, rt_fault
    callx0  a5
    .size   fault_entry, . - fault_entry
