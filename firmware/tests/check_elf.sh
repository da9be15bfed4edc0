#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_elf.sh OBJDUMP OBJCOPY ELF VERSION: what can be said of a firmware ELF without running it.
#   * every instruction is one that the ESP32's core has, by option of the Xtensa ISA (core-isa.h of ESP-IDF's
#     components/xtensa/esp32); the three by number are WSR to WINDOWBASE, WINDOWSTART and LCOUNT
#   * the mapped data begins with an application descriptor of that version
set -eu
objdump=$1 objcopy=$2 elf=$3 version=$4
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "$elf: $*"; exit 1; }

core="add addi addmi addx2 addx4 addx8 and ball bany bbc bbci bbs bbsi beq beqi beqz bge bgei bgeu bgeui bgez blt blti
    bltu bltui bltz bnall bne bnei bnez bnone call0 callx0 extui j jx l16si l16ui l32i l32r l8ui memw moveqz movgez
    movi movltz movnez neg nop or ret s16i s32i s8i sll slli sra srai src srl srli ssa8b ssa8l ssai ssl ssr sub subx2 subx4
    subx8 xor isync rsync esync dsync extw"
density="add.n addi.n beqz.n bnez.n l32i.n mov.n movi.n nop.n ret.n s32i.n ill.n break.n"
multiply="mul16s mul16u mull"
normalize="nsa nsau"
special="rsr.ccount rsr.epc1 rsr.exccause rsr.excvaddr wsr.intenable wsr.ps wsr.vecbase"
# "ill" is what the assembler fills up to an alignment with.
"$objdump" -d "$elf" | awk -F'\t' -v allowed="$core $density $multiply $normalize $special ill" '
    BEGIN { n = split(allowed, a, /[ \n]+/); for (i = 1; i <= n; i++) ok[a[i]] = 1 }
    NF < 3 || $3 == "" { next } # labels and literals
    { split($3, word, " "); gsub(/ /, "", $2) }
    word[1] in ok { count++; next }
    word[1] == ".byte" && $2 == "00" { next }
    $2 == "134820" || $2 == "134920" || $2 == "130220" { by_number[$2]++; next }
    { print "not in the list: " $0; bad = 1 }
    END {
        if (count < 300) { print "only " count " instructions seen"; bad = 1 }
        for (w in by_number) seen += by_number[w]
        if (seen != 3 || length(by_number) != 3) { print "special registers by number: " seen; bad = 1 }
        exit bad
    }' || fail "holds what the ESP32 might not execute"

"$objcopy" -O binary -j .flash.rodata "$elf" "$dir/rodata"
magic=$(od -An -tx4 -N4 "$dir/rodata" | tr -d ' ')
[ "$magic" = abcd5432 ] || fail "mapped data begins with $magic, not with the descriptor's magic"
found=$(dd if="$dir/rodata" bs=16 skip=1 count=2 2>/dev/null | tr -d '\0')
[ "$found" = "$version" ] || fail "the descriptor says version '$found', not '$version'"
