#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: check_symbols.sh LIBRARY
# Everything that the library defines for others begins with ss_.
set -euo pipefail
symbols=$(nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }')
grep -qx ss_seal <<<"$symbols" || { echo "ss_seal is missing: is this the library?"; exit 1; }
if grep -Ev '^(ss_|__asan_|__odr_asan|__ubsan|__gcov)' <<<"$symbols"; then
    echo "these have no prefix"
    exit 1
fi
