#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The real agent as the kernel's news reach it: routes, source addresses, ports and next hops come and go while it holds
# a capture; hosts come and go at its ports. What it says, what is in the kernel and what reaches the analyser must agree.
#   tests/lab/45-agent-ways.sh BUILD_DIR
# sanitizers: yes
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
# shellcheck source=tests/lab/tap.bash
. tests/lab/tap.bash
fabric_isolate "$0" "$@"
build=$(realpath "$1")
said=/run/fs/controller.log
# The leak check wants to trace the process, which main's filter of system calls refuses, and tries for ever.
export ASAN_OPTIONS=detect_leaks=0

# last KIND: the last line of that kind that the controller heard.
last() { grep "^$1 " "$said" | tail -n 1; }
# shellcheck disable=SC2053 # patterns
last_is() { [[ "$(last "$1")" == $2 ]]; }
says() { fabric_wait 15 last_is "$1" "$2"; }
rules_are() { [ "$(ip netns exec sw iptables-legacy -w 5 -S | grep -c finderscope:)" -eq "$1" ]; }
state_is() { ip -n sw neigh show "$1" dev "$2" | grep -q "$3"; }
# shellcheck disable=SC2053
host_is() { [[ "$(grep "^host . $1 " "$said" | tail -n 1)" == $2 ]]; }

# copies_from ADDRESS: one copy, at the analyser, from that source.
copies_from()
{
	local seen
	for _ in 1 2 3 4 5 6; do
		ip netns exec host ping -q -c 2 -i 0.02 -W 1 198.51.100.9 >/dev/null 2>&1
		seen=$(timeout 5 ip netns exec analyser tcpdump -Z root -c 1 -lni eth0 ip proto 47 2>/dev/null &
			sleep 0.3
			ip netns exec host ping -q -c 3 -i 0.02 -W 1 198.51.100.9 >/dev/null 2>&1
			wait)
		[[ $seen == *"IP $1 > 192.0.2.74: GREv0"* ]] && return 0
	done
	echo "# saw: $seen"
	return 1
}

fabric_up
# A next hop that does not answer is given up after three questions: quickly here.
ip netns exec sw sysctl -qw net.ipv4.neigh.swp5.retrans_time_ms=100 net.ipv4.neigh.swp5.delay_first_probe_time=1
"$build/tests/tool_hold" keys >/run/fs/keys
(umask 077 && head -n 1 /run/fs/keys >/run/fs/controller.key)
controller_public=$(tail -n 1 /run/fs/keys)
"$build/tests/tool_hold" keys >/run/fs/keys
(umask 077 && head -n 1 /run/fs/keys >/run/fs/agent.key)
agent_public=$(tail -n 1 /run/fs/keys)
cat >/run/fs/agent.conf <<END
controller = "tcp://192.0.2.10:6344"
controller_key = "$controller_public"
key = /run/fs/agent.key
name = leaf1
look = 200ms
run_dir = /run/fs/run
state_dir = /run/fs/state
END
fabric_start "$said" ctl "$build/tests/tool_hold" -v -p 500 tcp://192.0.2.10:6344 /run/fs/controller.key \
    "$agent_public" 10.1.0.2 198.51.100.9 192.0.2.74 60000
fabric_start /run/fs/agent.log sw "$build/finderscope-agent" -c /run/fs/agent.conf --debug
agent=$started
# A raw socket for protocol 47, or the analyser answers each copy with "protocol unreachable".
fabric_start /run/fs/sink.log analyser python3 -c \
    'import socket as s; k=s.socket(s.AF_INET,s.SOCK_RAW,47)
while k.recv(65535): pass'

tap "the capture is held" says hold "hold 2 * rules 2 code 0 *"
tap "the hello says back end, targets, limits, system, name" \
    says can 'can backend kernel target4 nflog target6 nflog rules 256 destinations 0 len4 24 len6 64 bps 2000000000 asic "*" system "*Linux*" version * name leaf1'
tap "and the ports, mirrored ones first" says ports "ports swp1 swp2 swp3 swp4 swp5*"
tap "and the addresses" says addrs "addrs 10.1.0.1@swp1 10.255.0.1@lo 192.0.2.1@swp4 192.0.2.65@swp5*"
tap "main has no capability in any thread" sh -c "! grep -L 'CapEff:.0000000000000000' /proc/$agent/task/*/status | grep -q ."
tap "the next hop was resolved before any copy" fabric_wait 5 state_is 192.0.2.74 swp5 REACHABLE
tap "copies leave from the route's address" copies_from 192.0.2.65
tap "an MTU that holds a full-size copy is no news" last_is hold "hold 4 * code 0 "

ip -n sw link set swp5 mtu 1500
tap "one that does not is said" says hold "hold 4 * code 0 MTU 1500 of swp5 is below 1550: full-size copies to 192.0.2.74 go in fragments*"
ip -n sw link set swp5 mtu 9000
tap "until it is mended" says hold "hold 4 * code 0 "

ip -n sw addr add 192.0.2.99/26 dev swp5
ip -n sw route change 192.0.2.64/26 dev swp5 src 192.0.2.99
tap "another source address: the capture is made anew" fabric_wait 5 grep -q "copies leave from another address" /run/fs/agent.log
tap "and copies leave from it" copies_from 192.0.2.99
tap "without a rule lost" rules_are 2
ip -n sw route change 192.0.2.64/26 dev swp5 src 192.0.2.65

mac=$(ip netns exec analyser cat /sys/class/net/eth0/address)
ip -n sw neigh change 192.0.2.74 dev swp5 lladdr "$mac" nud stale
tap "an entry that goes stale is asked again, though nothing is sent" fabric_wait 10 state_is 192.0.2.74 swp5 REACHABLE

ip -n sw link set swp5 down
tap "the port goes down: a state, with the reason" says hold "hold 1 * rules 0 code 34 *192.0.2.74*"
tap "of the switch, too" says switch "switch code 34 *192.0.2.74*"
tap "and no rule copies to nowhere" fabric_wait 5 rules_are 0
ip -n sw link set swp5 up
tap "the port is back: so is the capture" says hold "hold [24] * rules 2 code 0 *"
tap "copies come again" copies_from 192.0.2.65
tap "the switch is well" says switch "switch code 0 *"

ip -n sw route add 192.0.2.74/32 dev swp3
tap "another route, to where nobody answers: its next hop is dead" says hold "hold 1 * code 34 *192.0.2.74, the next hop on swp3 to the analyser, does not answer"
tap "its rules are out" fabric_wait 5 rules_are 0
ip -n sw route del 192.0.2.74/32
tap "the old way is taken again" says hold "hold [24] * rules 2 code 0 *"

ip -n analyser addr flush dev eth0
ip -n sw neigh flush dev swp5
tap "an analyser that died: the next hop does not answer" says hold "hold 1 * code 34 *does not answer"
ip -n analyser addr add 192.0.2.74/26 dev eth0
ip -n analyser route add default via 192.0.2.65
tap "it lives again: found by itself" says hold "hold [24] * rules 2 code 0 *"

ip -n sw route add blackhole 192.0.2.74/32
tap "a black hole is no way" says hold "hold 1 * code 34 no route to 192.0.2.74"
ip -n sw route del blackhole 192.0.2.74/32
tap "and when it is gone there is one" says hold "hold [24] * rules 2 code 0 *"

tap "a host that spoke is told, with its port" fabric_wait 5 host_is 10.1.0.2 'host + 10.1.0.2 port swp1 vrf "" vlan 0 vni 0'
tap "the hosts began with a list of their own" grep -qx "hosts anew" "$said"
ip netns exec host ping -q -c 1 -I 10.1.0.3 10.1.0.1 >/dev/null
tap "another one, a moment later" fabric_wait 10 host_is 10.1.0.3 'host + 10.1.0.3 port swp1*'
ip -n sw neigh del 10.1.0.3 dev swp1
tap "one that goes" fabric_wait 10 host_is 10.1.0.3 'host - 10.1.0.3 *'
ip -n sw neigh replace 10.1.0.77 dev swp1 lladdr 02:00:00:00:00:77 extern_learn
ip -n sw neigh replace 10.1.0.78 dev swp1 lladdr 02:00:00:00:00:78 nud reachable
tap "one that somebody taught the kernel" fabric_wait 10 host_is 10.1.0.78 'host + 10.1.0.78 *'
tap "but not one that EVPN brought" sh -c "! grep -q '10\.1\.0\.77' $said"
ip -n sw link add swp9 type veth peer name peer9
tap "a new port makes a new hello" says ports "ports swp1 swp2 swp3 swp4 swp5 swp9*"
tap "and its session tells all hosts anew" fabric_wait 10 sh -c "tail -n 12 $said | grep -q '^host + 10.1.0.2 '"
# Hundreds of neighbours: several pages.
for i in $(seq 1 250); do
	echo "neigh replace 10.1.0.$i dev swp1 lladdr 02:00:00:00:01:$(printf %02x "$i") nud reachable"
	echo "neigh replace 2001:db8::$i dev swp1 lladdr 02:00:00:00:01:$(printf %02x "$i") nud reachable"
done >/run/fs/batch
ip -n sw -force -batch /run/fs/batch 2>/dev/null
all_told() { [ "$(grep -c '^host + 2001:db8::' "$said")" -ge 250 ]; }
tap "hundreds at once come in pages" fabric_wait 15 all_told

# More news than the socket holds, while main does not get round to reading them: all is read anew.
kill -STOP "$agent"
for i in $(seq 1 3000); do
	echo "neigh replace 2001:db8:7::$i dev swp1 lladdr 02:00:00:00:07:01 nud reachable"
	echo "neigh del 2001:db8:7::$i dev swp1"
done >/run/fs/batch
ip -n sw -force -batch /run/fs/batch >/dev/null 2>&1
ip -n sw neigh replace 10.1.0.252 dev swp1 lladdr 02:00:00:00:02:52 nud reachable
ip -n sw neigh del 10.1.0.78 dev swp1
ip -n sw link set swp5 down
kill -CONT "$agent"
tap "news were lost, and that was noticed" fabric_wait 10 grep -q "all was read anew" /run/fs/agent.log
tap "a host that came meanwhile" fabric_wait 15 host_is 10.1.0.252 'host + 10.1.0.252 *'
tap "one that went" fabric_wait 15 host_is 10.1.0.78 'host - 10.1.0.78 *'
tap "a way that went" says hold "hold 1 * rules 0 code 34 *"
ip -n sw link set swp5 up
tap "and came back" says hold "hold [24] * rules 2 code 0 *"

kill "$agent"
wait "$agent"
tap "the agent ends well and leaves nothing" rules_are 0
[ $tap_failed -eq 0 ] || fabric_logs
tap_done
