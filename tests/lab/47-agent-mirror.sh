#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The mirror process at its edges: super-packets, cut copies, both ERSPAN types, limits, losses. The real agent; tshark
# judges what reaches the analyser.
#   tests/lab/47-agent-mirror.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
# shellcheck source=tests/lab/tap.bash
. tests/lab/tap.bash
fabric_isolate "$0" "$@"
build=$(realpath "$1")
said=/run/fs/controller.log
export XTABLES_LOCKFILE=/run/xtables.lock

# up SETTING OPTION…: agent and controller; the capture is held, the analyser (at $to) records.
to=192.0.2.74
up()
{
	cat >/run/fs/agent.conf <<-END
		controller = "tcp://192.0.2.10:6344"
		controller_key = "$controller_public"
		key = /run/fs/agent.key
		target = nflog
		look = 200ms
		run_dir = /run/fs/run
		state_dir = /run/fs/state
		$1
	END
	shift
	: >"$said"
	fabric_start "$said" ctl "$build/tests/tool_hold" -v -p 300 "$@" tcp://192.0.2.10:6344 /run/fs/controller.key \
	    "$agent_public" 10.1.0.2 198.51.100.9 $to 60000
	controller=$started
	fabric_start /run/fs/agent.log sw "$build/finderscope-agent" -c /run/fs/agent.conf
	agent=$started
	rm -f /run/fs/copies.pcap
	: >/run/fs/dump.log
	fabric_start /run/fs/dump.log analyser tcpdump -Z root -B 16384 -U --immediate-mode -ni eth0 -w /run/fs/copies.pcap ip proto 47 or ip6 proto 47
	dump=$started
	fabric_wait 10 grep -q listening /run/fs/dump.log
	fabric_wait 15 grep -q '^hold [24] .* rules 2 code 0' "$said"
}

down()
{
	kill "$controller" "$agent"
	wait "$controller" "$agent"
	kill -INT "$dump" 2>/dev/null
	wait "$dump"
}

pings() { ip netns exec host ping -q -c "$1" -i 0.01 -s "$2" 198.51.100.9 >/dev/null 2>&1; }
# copies FIELD…: fields of the copies that are there, as they are inside
occurrence=l
copies()
{
	local field args=()
	for field in "$@"; do args+=(-e "$field"); done
	tshark -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -r /run/fs/copies.pcap -Y erspan -T fields -E occurrence=$occurrence "${args[@]}" 2>/dev/null
}
# copies_are NUMBER LINE FIELD…: so many copies say exactly this
copies_are()
{
	wanted=$1 line=$2
	shift 2
	wanted_fields=("$@")
	fabric_wait 5 enough || {
		copies "$@" | sort | uniq -c | sed 's/^/# /'
		return 1
	}
}
enough() { [ "$(copies "${wanted_fields[@]}" | grep -cx -- "$line")" -eq "$wanted" ]; }
# outer_are NUMBER LINE FIELD…: the same, of the header they travel under
outer_are()
{
	occurrence=f
	copies_are "$@"
	local is=$?
	occurrence=l
	return $is
}
says() { fabric_wait 10 grep -qE "$1" "$said"; }

fabric_up
"$build/tests/tool_hold" keys >/run/fs/keys
(umask 077 && head -n 1 /run/fs/keys >/run/fs/controller.key)
controller_public=$(tail -n 1 /run/fs/keys)
"$build/tests/tool_hold" keys >/run/fs/keys
(umask 077 && head -n 1 /run/fs/keys >/run/fs/agent.key)
agent_public=$(tail -n 1 /run/fs/keys)
# A raw socket for protocol 47, or the analyser answers each copy with "protocol unreachable".
fabric_start /run/fs/sink.log analyser python3 -c \
    'import socket as s; k=s.socket(s.AF_INET,s.SOCK_RAW,47)
while k.recv(65535): pass'

up "" -t 2
pings 10 1472
tap "no DSCP where none is set" outer_are 20 "192.0.2.74	0" ip.dst ip.dsfield.dscp
tap "type II, full size: session, no T, whole" copies_are 20 "1	7	0	1500	1" erspan.version erspan.spanid erspan.truncated ip.len icmp.checksum.status
tap "and all are counted" says '^copies 20 dropped 0$'
# Super-packets: what the host's stack hands over in one piece.
ip netns exec host ethtool -K eth0 tso on gso on tx on >/dev/null 2>&1
for port in swp1 swp2; do ip netns exec sw ethtool -K $port tso on gso on gro on tx on >/dev/null 2>&1; done
ip netns exec bad ethtool -K eth0 gro on rx on >/dev/null 2>&1
head -c 2000000 /dev/urandom >/run/fs/sent
fabric_start /run/fs/take.log bad python3 -c '
import socket
k = socket.create_server(("198.51.100.9", 7))
c, _ = k.accept()
with open("/run/fs/got", "wb") as f:
    while b := c.recv(1 << 20):
        f.write(b)'
fabric_wait 5 sh -c 'ip netns exec bad ss -Htln | grep -q :7'
ip netns exec host python3 -c '
import socket
k = socket.create_connection(("198.51.100.9", 7))
k.sendall(open("/run/fs/sent", "rb").read())'
tap "two megabytes went through" fabric_wait 5 cmp -s /run/fs/sent /run/fs/got
large_packets()
{
	# The rules count packets as the kernel has them; fewer than their copies, or nothing was super.
	local packets copies
	packets=$(grep '^hold' "$said" | tail -n 1 | cut -d' ' -f4)
	copies=$(grep '^copies' "$said" | tail -n 1 | cut -d' ' -f2)
	[ "$packets" -gt 0 ] && [ "$copies" -gt $((packets * 2)) ] || {
		echo "# packets $packets, copies $copies"
		return 1
	}
}
tap "in super-packets" fabric_wait 5 large_packets
no_bad_segment()
{
	copies ip.len tcp.checksum.status ip.checksum.status tcp.dstport |
	    awk -F'\t' '$4 == 7 && ($1 > 1500 || $2 != 1 || $3 != 1) { print "# " $0; bad = 1 } $4 == 7 && $1 == 1500 { n++ } END { exit bad || n < 1000 }'
}
tap "their copies are segments of full size, checksums right" no_bad_segment
same_bytes()
{
	# The stream put together from the copies is what was sent.
	tshark -r /run/fs/copies.pcap -Y 'erspan && tcp.dstport == 7 && tcp.len > 0' -T fields -E occurrence=l -e tcp.seq -e tcp.payload 2>/dev/null |
	    sort -n -u -k1,1 | cut -f2 | tr -d '\n' | python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' |
	    cmp - /run/fs/sent
}
tap "and put together they are what was sent" same_bytes
no_jump() { copies gre.sequence_number | awk 'NR > 1 && $1 != last + 1 { bad = 1 } { last = $1 } END { exit bad }'; }
tap "no number is left out" no_jump
down
for ns in host bad; do ip netns exec $ns ethtool -K eth0 tso off gso off gro off tx off >/dev/null 2>&1; done
for port in swp1 swp2; do ip netns exec sw ethtool -K $port tso off gso off gro off tx off >/dev/null 2>&1; done

up "snap_length = 100" -t 2
pings 5 1000
tap "snap_length: 100 bytes behind the Ethernet header, and the T bit" copies_are 10 "1	1028	164" erspan.truncated ip.len frame.len
pings 5 50
tap "a packet that is shorter is whole, without it" copies_are 10 "0	78	142" erspan.truncated ip.len frame.len
down

up "dscp = 34" -t 2
ip netns exec host ping -q -Q 0x28 -c 5 -i 0.01 198.51.100.9 >/dev/null 2>&1
tap "dscp: the copies have it" outer_are 10 "192.0.2.74	34" ip.dst ip.dsfield.dscp
tap "and the packets inside keep theirs" copies_are 10 "10" ip.dsfield.dscp
down
ip -n analyser addr add fd00:5::74/64 dev eth0 nodad
ip -n sw addr add fd00:5::65/64 dev swp5 nodad
to=fd00:5::74
up "dscp = 34" -t 2
pings 5 56
tap "over IPv6, too" outer_are 10 "fd00:5::74	34" ipv6.dst ipv6.tclass.dscp
down
to=192.0.2.74

up "" -t 1
pings 5 1000
tap "type I: no number, no session" copies_are 10 "0x0000	1028	1" gre.flags_and_version ip.len icmp.checksum.status
down

up "" -m 30
pings 60 56
tap "a limit of packets ends the capture" says '^hold 8 packets .* code 52 '
tap "with not one copy too many" test "$(copies erspan.spanid | wc -l)" -eq 30
down

up "" -b 20000
pings 60 972
tap "a limit of bytes, too" says '^hold 8 packets .* code 53 '
tap "with the copies that it holds, and no more" copies_are 20 "1000" ip.len
down

# The mirror process does not get round to it: the kernel's buffer runs over, and that is said.
up "max_rate = 0
		max_rate_rule = 0" -t 2
mirror=$(pgrep -P "$agent" -f -- "--role mirror")
kill -STOP "$mirror"
ip netns exec host python3 -c '
import socket
k = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
k.connect(("198.51.100.9", 9))
for i in range(40000):
    try:
        k.send(bytes(1400))
    except OSError:
        pass'
kill -CONT "$mirror"
# While it catches up the kernel goes on refusing; then a number shows what is missing.
last_copies() { grep '^copies' "$said" | tail -n 1; }
caught_up()
{
	local before
	before=$(last_copies)
	sleep 1
	[ -n "$before" ] && [ "$before" = "$(last_copies)" ]
}
fabric_wait 15 caught_up
pings 3 56
tap "what the kernel could not deliver is counted and told" says '^lost [0-9]+$'
adds_up()
{
	local lost copies packets
	lost=$(grep '^lost' "$said" | tail -n 1 | cut -d' ' -f2)
	copies=$(grep '^copies' "$said" | tail -n 1 | cut -d' ' -f2)
	packets=$(grep '^hold' "$said" | tail -n 1 | cut -d' ' -f4)
	[ $((lost + copies)) -eq "$packets" ] || {
		echo "# lost $lost + copies $copies, packets $packets"
		return 1
	}
}
tap "lost and copied are all that the rules counted" fabric_wait 10 adds_up
down
[ $tap_failed -eq 0 ] || fabric_logs
tap_done
