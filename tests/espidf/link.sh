#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the component lists is all that it needs: link.sh ROOT COMPILER. Compiled for the oldest ESP-IDF and linked from the
# functions of its header on, nothing of slotseal is left undefined. ss_image_parse() is not called by devices: the
# function that does is left out, but not its name.
set -eu
root=$1 compiler=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$root"
declarations=device/port/espidf/declarations
for file in $(sed -n '/^set(/,/)$/p' device/sources.cmake | grep -o '[a-z_0-9/]*\.c') core/crypto_mbedtls.c; do
    "$compiler" -w -Os -fno-pie -ffunction-sections -fdata-sections -std=gnu99 -D_GNU_SOURCE -I$declarations/4.0 \
        -I$declarations/all -Idevice/port/espidf/include -I. -Iinclude -c "$file" -o "$folder/$(echo "$file" | tr / -).o"
done
roots=$(grep -o 'ss_device_[a-z_]*(' device/port/espidf/include/slotseal_device.h | tr -d '(' | sort -u | sed 's/^/-Wl,-u,/')
# shellcheck disable=SC2086
"$compiler" -r -nostdlib -no-pie -Wl,--gc-sections $roots "$folder"/*.o -o "$folder/all.o"
missing=$(nm -u "$folder/all.o" | awk '{print $2}' | grep '^ss_' | grep -v '^ss_image_parse$' || true)
[ -z "$missing" ] || { echo "not in device/sources.cmake: $missing"; exit 1; }
