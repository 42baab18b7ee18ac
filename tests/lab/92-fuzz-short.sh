#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every seed of every fuzz target, and 20,000 inputs made of them, the same ones each time: what is red here came with a
# change. `make fuzz-run` goes on from there, for a minute each or for hours, elsewhere each time. About 20 seconds for all
# of them together, and as much for clang to build what changed.
#   tests/lab/92-fuzz-short.sh BUILD_DIR
# FUZZ_RUNS_WIRE=N: so many inputs for what a network sends, the datagram and the packet (CI takes about a minute's).
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${1:-build}
command -v clang >/dev/null || { echo "1..0 # SKIP clang is not here"; exit 0; }
out=$(mktemp -d "${TMPDIR:-/tmp}/finderscope-fuzz.XXXXXX") || exit 1
trap 'rm -rf "$out"' EXIT

# Without what a `make check` round this script has put into the environment for its own build.
if ! env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u SAN -u CFLAGS -u WERROR make -s TOP="$build" fuzz >"$out/make.log" 2>&1; then
	if grep -qE 'cannot find .*clang_rt|libclang_rt.*(No such|not found)' "$out/make.log"; then
		echo "1..0 # SKIP clang has no sanitizer runtime here"
		exit 0
	fi
	echo "not ok 1 - fuzz targets build"
	tail -n 30 "$out/make.log" | sed 's/^/# /'
	exit 1
fi
targets=(tests/fuzz/fuzz_{sflow,packet}.c)
for target in tests/fuzz/fuzz_*.c; do
	case $target in *fuzz_sflow.c | *fuzz_packet.c) ;; *) targets+=("$target") ;; esac
done
# Two at a time. The seconds are a brake for a machine that hardly moves, no measure.
pending=() number=0 failed=0
collect()
{
	local name=${pending[0]} said
	pending=("${pending[@]:1}")
	wait "$(cat "$out/$name.pid")"
	local status=$?
	number=$((number + 1))
	said=$(grep "fuzz_$name:" "$out/$name.log")
	if [ $status -eq 0 ]; then
		echo "ok $number - ${said#ok   }"
	else
		failed=$((failed + 1))
		echo "not ok $number - fuzz_$name"
		sed 's/^/# /' "$out/$name.log" | tail -n 60
	fi
}
for target in "${targets[@]}"; do
	name=${target##*/fuzz_}
	name=${name%.c}
	runs=20000 most=40
	case $name in sflow | packet) runs=${FUZZ_RUNS_WIRE:-$runs} most=120 ;; esac
	FUZZ_RUNS=$runs tests/fuzz/run "$build/fuzzing" $most "=$name" >"$out/$name.log" 2>&1 &
	echo $! >"$out/$name.pid"
	pending+=("$name")
	[ ${#pending[@]} -lt 2 ] || collect
done
while [ ${#pending[@]} -gt 0 ]; do
	collect
done
echo "1..$number"
[ $failed -eq 0 ]
