#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Instructions a sample, counted by callgrind on fixed input (tool_count): a gate that a noisy machine cannot move. Each
# must be within a tenth of what tests/golden/decode-cost records for the compiler that built it; with another compiler
# it is skipped.
#   tests/lab/41-decode-cost.sh BUILD_DIR
# To record: run it, and put the figures that it prints into the file, a line for the compiler.
set -u
cd "$(dirname "$0")/../.." || exit 1
tool=${1:-build}/tests/tool_count
record=tests/golden/decode-cost
command -v valgrind >/dev/null || { echo "1..0 # SKIP valgrind is not here"; exit 0; }
out=$(mktemp -d "${TMPDIR:-/tmp}/finderscope-cost.XXXXXX") || exit 1
trap 'rm -rf "$out"' EXIT

# The compiler as it signed the program: "GCC: (Debian 12.2.0-14+deb12u1) 12.2.0".
compiler=$(readelf -p .comment "$tool" | sed -n 's/^ *\[ *[0-9a-f]*\] *//p' | sort -u | tail -n 1)

# count FUNCTION: instructions a sample
count()
{
	valgrind --tool=callgrind --callgrind-out-file="$out/$1" --toggle-collect="count_$1" --collect-atstart=no "$tool" \
	    >"$out/$1.out" 2>"$out/$1.log"
	awk -v samples="$(sed -n 's/ samples.*//p' "$out/$1.out")" \
	    '/Collected/ { printf "%d", $NF / samples + 0.5 }' "$out/$1.log"
}

number=0 failed=0
for way in bare decode match; do
	number=$((number + 1))
	now=$(count $way)
	then=$(awk -F'\t' -v compiler="$compiler" -v way=$way '$1 == compiler && $2 == way { print $3 }' "$record")
	if [ -z "$now" ]; then
		echo "not ok $number - $way: callgrind said nothing"
		sed 's/^/# /' "$out/$way.log" | tail -n 20
		failed=$((failed + 1))
	elif [ -z "$then" ]; then
		echo "ok $number - $way: $now instructions a sample # SKIP nothing is recorded for $compiler"
	elif [ $((now * 10)) -gt $((then * 11)) ] || [ $((now * 10)) -lt $((then * 9)) ]; then
		echo "not ok $number - $way: $now instructions a sample, recorded: $then"
		failed=$((failed + 1))
	else
		echo "ok $number - $way: $now instructions a sample (recorded: $then)"
	fi
done
echo "1..$number"
[ $failed -eq 0 ]
