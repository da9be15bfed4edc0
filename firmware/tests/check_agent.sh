#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_agent.sh SIZE NM ELF: what the agent takes of an ESP32, without crypto: at most 24 KiB of code and constants and
# 6 KiB of RAM.
set -eu
size=$1 nm=$2 elf=$3
code=$("$size" "$elf" | awk 'NR == 2 { print $1 }')
ram=$((0x$("$nm" -S "$elf" | awk '$4 == "agent_ram" { print $2 }')))
echo "agent: $code bytes of code and constants, $ram bytes of RAM"
[ "$code" -gt 8192 ] || { echo "so little: was everything linked?"; exit 1; }
[ "$code" -le 24576 ]
[ "$ram" -le 6144 ]
