#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel's own ERSPAN against ours, in a User-mode Linux guest (tests/lab/uml): the agent copies by TEE through an
# erspan device, then by NFLOG and the mirror process towards an erspan device that decodes them. tshark out here judges
# what the guest's analyser recorded, and compares the two headers field by field.
#   tests/lab/71-uml-tee.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/uml.bash
. tests/lab/uml.bash
build=${1:-build}
out=$(mktemp -d "${TMPDIR:-/tmp}/finderscope-tee.XXXXXX") || exit 1
trap 'rm -rf "$out"' EXIT

uml_guest 240 "$build" guest-tee
# fields FILE FILTER FIELD…: of each frame, all occurrences
fields()
{
	local file=$1 filter=$2 field args=()
	shift 2
	for field in "$@"; do args+=(-e "$field"); done
	tshark -r "$out/$file" -Y "$filter" -T fields -E occurrence=a "${args[@]}" 2>/dev/null
}

# dissects FILE PACKETS SIZE: so many echo packets of that size inside, whole, ERSPAN type II, session 7
dissects()
{
	local good
	good=$(fields "$1" "erspan.version == 1 && erspan.spanid == 7 && icmp && frame.protocols contains \"ip:gre:erspan:eth:ethertype:ip:icmp\"" \
	    data.len icmp.checksum.status | grep -cx "$3	1")
	[ "$good" -eq "$2" ] || {
		echo "$good are right, $2 should be:"
		fields "$1" icmp frame.protocols erspan.spanid data.len icmp.checksum.status | sort | uniq -c
		return 1
	}
}

# header FILE: what ERSPAN and GRE headers of echo copies say, without the sequence
header()
{
	fields "$1" "icmp && erspan" gre.flags_and_version gre.proto erspan.version erspan.vlan erspan.cos erspan.encap \
	    erspan.truncated erspan.spanid erspan.index erspan.reserved | sort -u
}

same_headers()
{
	local kernel ours
	kernel=$(header tee.pcap)
	ours=$(header nflog.pcap)
	[ -n "$kernel" ] && [ "$kernel" = "$ours" ] && [ "$(echo "$ours" | wc -l)" -eq 1 ] || {
		echo "the kernel's: $kernel"
		echo "ours:         $ours"
		return 1
	}
	echo "$ours" | grep -q '^0x1000	0x88be	1	'
}

# six: ten echo packets of either size, whole
six()
{
	local good
	good=$(fields tee6.pcap "erspan.version == 1 && erspan.spanid == 7 && icmpv6 && frame.protocols contains \"ip:gre:erspan:eth:ethertype:ipv6:icmpv6\"" \
	    data.len icmpv6.checksum.status | sort | uniq -c | tr -s ' \t' ' ')
	[ "$good" = " 10 1452 1
 10 56 1" ] || { echo "$good"; return 1; }
}

# alone FILE FILTER: no copy is anything else
alone()
{
	local others
	others=$(tshark -r "$out/$1" -Y "erspan && !($2)" 2>/dev/null)
	[ -z "$others" ] || { echo "$others"; return 1; }
}

# The bytes behind GRE's sequence number: 8 of ERSPAN. tshark's own names for fields differ between releases.
same_bytes()
{
	local kernel ours
	for file in tee nflog; do
		tshark -r "$out/$file.pcap" -Y "icmp && erspan && frame.len == 148" -x 2>/dev/null |
		    awk '/^0020/ { printf "%s", $4 $5 $6 $7 " " $12 $13 $14 $15 $16 $17 } /^0030/ { print $2 $3 }' | sort -u >"$out/$file.bytes"
	done
	kernel=$(cat "$out/tee.bytes") ours=$(cat "$out/nflog.bytes")
	[ "$kernel" = "100088be 1000000700000000" ] && [ "$kernel" = "$ours" ] || {
		echo "the kernel's: $kernel"
		echo "ours:         $ours"
		return 1
	}
}

# sequences FILE: each copy's number is one more than the last one's
sequences()
{
	fields "$1" "erspan && icmp && ip.src == 192.0.2.1" gre.sequence_number |
	    awk 'NR > 1 && $1 != last + 1 { print "after " last " came " $1; bad = 1 } { last = $1; n++ } END { exit bad || n < 10 }'
}

large_tcp()
{
	[ "$(fields tee.pcap "tcp && erspan" tcp.len | sort -n | tail -n 1)" -ge 1000 ]
}

decoded()
{
	[ "$(fields decoded.pcap "icmp && frame.len == 98" icmp.checksum.status | grep -cx 1)" -eq 10 ] &&
	    [ "$(fields decoded.pcap "icmp && frame.len == 1514" icmp.checksum.status | grep -cx 1)" -eq 10 ] || {
		tshark -r "$out/decoded.pcap" 2>/dev/null | head -n 40
		return 1
	}
}

type_one()
{
	local good
	good=$(fields tee1.pcap "icmp" frame.protocols gre.flags_and_version |
	    grep -cx "eth:ethertype:ip:gre:erspan:eth:ethertype:ip:icmp:data	0x0000")
	[ "$good" -eq 6 ] || { fields tee1.pcap "" frame.protocols gre.flags_and_version; return 1; }
}

# dscp FILE: 34 in the outer header, of each copy and each fragment
dscp()
{
	local said
	said=$(tshark -r "$out/$1.pcap" -Y "ip.proto == 47 && ip.src == 192.0.2.1" -T fields -E occurrence=f -e ip.dsfield.dscp 2>/dev/null | sort -u)
	[ "$said" = 34 ] || { echo "$said"; return 1; }
}

take "$said"
check "the guest ran to its end" [ $status -eq 0 ]
check "the kernel's small copies are whole" dissects tee.pcap 10 48
check "its full-size copies, too, put together from fragments" dissects tee.pcap 10 1464
check "TCP's large segments came, too" large_tcp
check "the mirror process' small copies are whole" dissects nflog.pcap 10 48
check "its full-size ones, too" dissects nflog.pcap 10 1464
check "the kernel's headers and ours say the same, field by field" same_headers
check "byte by byte" same_bytes
check "IPv6: small copies and full-size ones are whole" six
check "the device says nothing of its own accord, IPv4" alone tee.pcap "ip.src == 10.1.0.2 || ip.dst == 10.1.0.2"
check "nor IPv6" alone tee6.pcap "icmpv6.type == 128 || icmpv6.type == 129"
check "the kernel numbers its copies" sequences tee.pcap
check "and so do we" sequences nflog.pcap
check "an erspan device of the kernel's takes ours apart" decoded
check "type I: four bytes of GRE, nothing else" type_one
check "the kernel's copies have the DSCP that is set" dscp tee
check "and ours" dscp nflog
echo "1..$number"
[ $failed -eq 0 ]
