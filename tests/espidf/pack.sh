#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A packed component needs nothing beside it: pack.sh ROOT CMAKE COMPILER. Its sources compile from there alone (those of
# the port need ESP-IDF and are compiled elsewhere), and its CMake file finds them.
set -eu
root=$1 cmake=$2 compiler=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$root/device/port/espidf/pack.sh" "$folder/slotseal"
"$cmake" -DFOLDER="$folder/slotseal" -DPROVIDER=crypto_mbedtls.c \
    "-DREQUIRES=app_update;bootloader_support;efuse;esp-tls;esp_http_client;mbedtls;nvs_flash;soc;spi_flash" \
    -P "$root/tests/espidf/component.cmake"
cd "$folder/slotseal"
[ ! -e chip ] && [ ! -e core/openssl.c ]
for file in core/*.c device/*.c; do
    "$compiler" -fsyntax-only -std=gnu99 -D_GNU_SOURCE -Wall -Wextra -Werror -I. -Iinclude "$file"
done
