#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare.sh HOST_PROGRAM QEMU CPU ELF: plays the scenes here and on QEMU's "sim" machine. Both have to end well, with as
# many checks as there are at least, and to print the same; but QEMU adds a line: the stack that was used, bytes.
set -eu
host=$1 qemu=$2 cpu=$3 elf=$4
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$host" >"$dir/host" || { cat "$dir/host"; echo "the host's scenes failed"; exit 1; }
timeout 120 "$qemu" -M sim -cpu "$cpu" -semihosting -display none -monitor none -serial stdio -kernel "$elf" \
    >"$dir/sim" </dev/null || { echo "qemu ended with $?"; cat "$dir/sim"; exit 1; }
sed '/^stack /d' "$dir/sim" | diff -u "$dir/host" -
tail -n 2 "$dir/sim"
stack=$(sed -n 's/^stack \([0-9]*\).*/\1/p' "$dir/sim")
[ "${stack:-0}" -gt 2048 ] || { echo "so little stack: was it painted?"; exit 1; }
[ "$stack" -le 4096 ] || { echo "more stack than expected"; exit 1; }
checks=$(sed -n 's/^\([0-9]*\) checks, 0 failed.*/\1/p' "$dir/sim")
[ "${checks:-0}" -ge 1400 ] || { echo "so few checks: was everything played?"; exit 1; }
