#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# espflash, a client that shares no code with esptool, against a virtual chip on a pseudo-terminal.
# usage: run.sh ESPFLASH SLOTSEAL WORK_FOLDER (which is made anew)
#
# espflash takes only serial ports that the kernel lists in /sys/class/tty, which pseudo-terminals are not. In a mount
# namespace of its own the list has one port, /dev/tty, and that is the chip's pseudo-terminal; nothing else is changed.
set -euo pipefail

if [ "${SS_NAMESPACE:-}" != 1 ]; then
    SS_NAMESPACE=1 exec unshare --map-root-user --mount -- "$0" "$@"
fi
espflash=$1 slotseal=$2 work=$3
passed=0 failed=0

list_port() {
    mkdir -p "$work/bus/pnp" "$work/class/tty/device"
    ln -s "$work/bus/pnp" "$work/class/tty/device/subsystem"
    mount --bind "$work/class" /sys/class/tty
    mount --bind "$(readlink -f "$1")" /dev/tty
}

serve() {
    "$slotseal" chip new "$work/chip" >"$work/new.log"
    timeout 600 "$slotseal" chip serve "$work/chip" --pty "$work/port" --download >"$work/serve.log" &
    server=$!
    trap 'kill $server 2>/dev/null || true' EXIT
    for _ in $(seq 100); do
        [ -s "$work/serve.log" ] && return
        sleep 0.1
    done
    return 1
}

# Without reset lines: the strap is held, and closing the port resets the chip.
flasher() {
    local command=$1
    shift
    timeout 120 "$espflash" "$command" --skip-update-check --port /dev/tty --chip esp32 --non-interactive \
        --before no-reset --after no-reset "$@"
}

check() {
    local name=$1
    shift
    if "$@" >"$work/$name.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "espflash: $name failed:" >&2
        tail -15 "$work/$name.log" >&2
    fi
}

board_info() {
    flasher board-info "$@" >"$work/board.txt" || return
    cat "$work/board.txt"
    grep -q 'esp32 (revision v3.0)' "$work/board.txt" && grep -q '4MB' "$work/board.txt" &&
        grep -qi '24:0a:c4:' "$work/board.txt"
}

in_flash() { # ADDRESS FILE
    cmp --bytes="$(stat -c %s "$2")" --ignore-initial="$(($1)):0" "$work/chip/flash.bin" "$2"
}

write_bin() { # ADDRESS FILE [OPTION...]
    flasher write-bin "${@:3}" "$1" "$2" && in_flash "$1" "$2"
}

# espflash drops what it has received whenever it acknowledges a packet. On a UART the next one has hardly begun
# by then; over a pseudo-terminal it is there: one packet at a time.
read_flash() { # ADDRESS FILE
    rm -f "$work/read.bin"
    flasher read-flash --max-in-flight 1 "$1" "$(stat -c %s "$2")" "$work/read.bin" && cmp "$work/read.bin" "$2"
}

checksum() { # ADDRESS FILE
    flasher checksum-md5 "$1" "$(stat -c %s "$2")" >"$work/sum.txt" || return
    cat "$work/sum.txt"
    grep -qi "$(md5sum <"$2" | cut -c1-32)" "$work/sum.txt"
}

erase_region() { # ADDRESS: 64 KiB and nothing beside them
    flasher erase-region "$1" 0x10000 && in_flash "$1" "$work/erased.bin" && in_flash 0x30000 "$work/mixed.bin"
}

erase_flash() {
    flasher erase-flash && in_flash 0x30000 "$work/erased.bin"
}

rm -rf "$work"
mkdir -p "$work"
work=$(cd "$work" && pwd)
serve
list_port "$work/port"
head -c 65536 /dev/urandom >"$work/noise.bin"
{ head -c 20000 /dev/urandom; head -c 45536 /dev/zero; } >"$work/mixed.bin"
head -c 65536 /dev/zero | tr '\0' '\377' >"$work/erased.bin"

check board-info board_info
check board-info-rom board_info --no-stub
check write write_bin 0x10000 "$work/noise.bin"
check write-fast write_bin 0x30000 "$work/mixed.bin" --baud 921600
check write-rom write_bin 0x50000 "$work/mixed.bin" --no-stub
check read read_flash 0x10000 "$work/noise.bin"
check checksum checksum 0x30000 "$work/mixed.bin"
check erase-region erase_region 0x10000
check erase-flash erase_flash

echo "espflash: $passed passed, $failed failed"
[ $failed = 0 ]
