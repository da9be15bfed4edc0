#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a component folder that needs nothing beside it, for components/ of a project or a component registry:
#     device/port/espidf/pack.sh DIR/slotseal
# The folder must not exist. It holds what device/sources.cmake lists, both crypto providers, and the headers.
set -eu

[ $# = 1 ] || { echo "usage: pack.sh FOLDER" >&2; exit 2; }
[ ! -e "$1" ] || { echo "pack.sh: error: $1 exists" >&2; exit 1; }
root=$(cd "$(dirname "$0")/../../.." && pwd)
mkdir -p "$1"
to=$(cd "$1" && pwd)
cd "$root"

sources=$(sed -n '/^set(/,/)$/p' device/sources.cmake | grep -o '[a-z_0-9/]*\.c')
for file in $sources core/crypto_mbedtls.c core/crypto_psa.c core/*.h core/kernels/wipe.h device/*.h \
    device/port/espidf/*.h device/port/espidf/include/*.h include/slotseal/*.h LICENSE; do
    mkdir -p "$to/$(dirname "$file")"
    cp "$file" "$to/$file"
done
cp device/CMakeLists.txt device/sources.cmake device/Kconfig device/idf_component.yml "$to"
