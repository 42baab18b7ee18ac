#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real ERSPAN target in a real kernel: xt_ERSPAN in a User-mode Linux guest (tests/lab/uml), first by itself, driven by
# iptables, then programmed by the unmodified agent. What the guest's analyser recorded is judged by tshark out here.
#   tests/lab/70-uml-erspan.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/uml.bash
. tests/lab/uml.bash
build=${1:-build}
# The sanitizers' flavour shares the guest's module with the plain one.
plain=${build%/san}
out=$(mktemp -d "${TMPDIR:-/tmp}/finderscope-erspan.XXXXXX") || exit 1
trap 'rm -rf "$out"' EXIT

uml_guest 200 "$plain" guest-target
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
