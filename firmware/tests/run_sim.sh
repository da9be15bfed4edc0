#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run_sim.sh QEMU OBJCOPY CPU ELF: runs ELF on QEMU's "sim" machine and compares all that it prints.
# Checksums are expected as gzip computes them from the ELF's own data.
set -eu
qemu=$1 objcopy=$2 cpu=$3 elf=$4
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$objcopy" -O binary -j .flash.rodata "$elf" "$dir/rodata"
crc=$(gzip -1c "$dir/rodata" | tail -c 8 | od -An -tx4 -N4 | tr -d ' ')
case $cpu in
lx106) registers="ps 0x0000002f" ;;
*) registers="ps 0x0000002f windowbase 0 windowstart 1 lcount 0" ;;
esac

report() { # WHERE PAYLOAD CRC
    printf '\nslotseal-demo 1.0.0\nrunning from: %s\npayload: 8192 bytes, %s\n' "$1" "$2"
    printf 'verification key: 0x736c6f74...\nread-only data: crc32 %s\n' "$3"
}
{
    report "0x00010000 (ota_0)" "all as built" "0x$crc"
    report "0x00160000 (ota_1)" "all as built" "0x$crc"
    report "0x00020000" "all as built" "0x$crc"
    report "unknown, the first data page is not mapped" "all as built" "0x$crc"
    report "0x00010000 (ota_0)" "WRONG at byte 4000" "(another)"
    printf '\n%s\n0 9 10 99999 100000 4294967295 \n' "$registers"
    printf '\nfault: cause 0 at (rt_main) address 0x00000000\n'
} >"$dir/expected"

timeout 20 "$qemu" -M sim -cpu "$cpu" -semihosting -display none -monitor none -serial stdio -kernel "$elf" \
    >"$dir/raw" </dev/null || { echo "qemu ended with $?"; cat "$dir/raw"; exit 1; }
# Two things are not known beforehand: the checksum of the changed data, and where the illegal instruction was linked.
tr -d '\r' <"$dir/raw" |
    sed -e "/WRONG/,\$ { /crc32 0x$crc\$/! s/crc32 0x[0-9a-f]*\$/crc32 (another)/; }" \
        -e 's/at 0x6040[0-9a-f]* address/at (rt_main) address/' >"$dir/actual"
diff -u "$dir/expected" "$dir/actual"
