#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh BUILD_DIR SECONDS [TARGET…]
# Fuzzes each target for SECONDS, starting from the committed corpus; finds are kept in BUILD_DIR/corpus/TARGET, crashes in
# BUILD_DIR/crashes. Prints a line per target (edges covered, executions) and exits with 1 if anything was found.
set -euo pipefail
build=$1 seconds=$2
shift 2
here=$(dirname "${BASH_SOURCE[0]}")
targets=("$@")
[ ${#targets[@]} -gt 0 ] || for source in "$here"/fuzz_*.c; do
    name=$(basename "$source" .c)
    targets+=("${name#fuzz_}")
done

failed=0
mkdir -p "$build/crashes"
: >"$build/edges.txt"
for target in "${targets[@]}"; do
    program="$build/fuzz/fuzz_$target" log="$build/fuzz_$target.log"
    [ -x "$program" ] || { echo "no fuzz target is called '$target'" >&2; exit 1; }
    mkdir -p "$build/corpus/$target"
    "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$target-" "$build/corpus/$target" "$here/corpus/$target" >"$log" 2>&1 || {
        failed=1
        echo "$target: FAILED, see $log and $build/crashes" >&2
    }
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%-20s %6s edges %12s runs\n' "$target" "${edges:-?}" "${runs:-?}" | tee -a "$build/edges.txt"
done
exit $failed
