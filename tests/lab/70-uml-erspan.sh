#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real ERSPAN target in a real kernel: xt_ERSPAN in a User-mode Linux guest (tests/lab/uml), first by itself, driven by
# iptables, then programmed by the unmodified agent. What the guest's analyser recorded is judged by tshark out here.
#   tests/lab/70-uml-erspan.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${1:-build}
# The sanitizers' flavour shares the guest's module with the plain one.
plain=${build%/san}
out=$(mktemp -d "${TMPDIR:-/tmp}/finderscope-erspan.XXXXXX") || exit 1
trap 'rm -rf "$out"' EXIT

said=$(tests/lab/uml/run -t 40 -o "$out" "$plain" tests/lab/uml/guest-target 2>&1)
status=$?
if [ $status -eq 77 ]; then
	echo "1..0 # SKIP no guest: $(echo "$said" | tail -n 1)"
	exit 0
fi
number=0 failed=0
# take TEXT: the guest's tests, numbered on
take()
{
	local line
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*)
			number=$((number + 1))
			echo "${line%%ok *}ok $number - ${line#* - }"
			[[ $line == ok* ]] || failed=$((failed + 1))
			;;
		1..*) ;;
		*) echo "# $line" ;;
		esac
	done <<<"$1"
}
# check NAME COMMAND…
check()
{
	local name=$1 why
	shift
	number=$((number + 1))
	if why=$("$@" 2>&1); then
		echo "ok $number - $name"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		while IFS= read -r line; do echo "# $line"; done <<<"$why"
	fi
}

# dissects FILE COUNT: each copy is ERSPAN to the analyser round an Ethernet frame of the conversation
dissects()
{
	tshark -r "$1" -T fields -E occurrence=a -e frame.protocols -e ip.src -e ip.dst -e icmp.type 2>/dev/null >"$out/fields"
	local good
	good=$(grep -cE '^eth:ethertype:ip:gre:erspan:eth:ethertype:ip:icmp:data	10\.255\.0\.1,(10\.1\.0\.2	192\.0\.2\.2,198\.51\.100\.9	8|198\.51\.100\.9	192\.0\.2\.2,10\.1\.0\.2	0)$' "$out/fields")
	[ "$good" -eq "$2" ] && [ "$(wc -l <"$out/fields")" -eq "$2" ] || {
		echo "$good of $(wc -l <"$out/fields") are right, $2 should be:"
		head -n 20 "$out/fields"
		return 1
	}
}

take "$said"
check "the guest ran to its end" [ $status -eq 0 ]
check "tshark reads each copy, and no other packet, as ERSPAN round the conversation's frames" dissects "$out/target.pcap" 10
echo "1..$number"
[ $failed -eq 0 ]
