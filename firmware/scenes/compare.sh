#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare.sh HOST_PROGRAM QEMU CPU ELF: plays the scenes here and on QEMU's "sim" machine. Both have to end well, with as
# many checks as there are at least, and to print the same.
set -eu
host=$1 qemu=$2 cpu=$3 elf=$4
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$host" >"$dir/host" || { cat "$dir/host"; echo "the host's scenes failed"; exit 1; }
timeout 120 "$qemu" -M sim -cpu "$cpu" -semihosting -display none -monitor none -serial stdio -kernel "$elf" \
    >"$dir/sim" </dev/null || { echo "qemu ended with $?"; cat "$dir/sim"; exit 1; }
diff -u "$dir/host" "$dir/sim"
tail -1 "$dir/sim"
checks=$(sed -n 's/^\([0-9]*\) checks, 0 failed.*/\1/p' "$dir/sim")
[ "${checks:-0}" -ge 1500 ] || { echo "so few checks: was everything played?"; exit 1; }
