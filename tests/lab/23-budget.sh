#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The analyser's budget against a real flood: what reaches the analyser is back under the limit within ten seconds (two, mostly),
# by the controller's word, and by the switch's own brake while the controller is stopped.
#   tests/lab/23-budget.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
# shellcheck source=tests/lab/tap.bash
. tests/lab/tap.bash
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP needs root (network namespaces)"; exit 0; }
fabric_isolate "$0" "$@"
build=$(realpath "$1")
limit=2000000 # bits a second

ctl() { ip netns exec ctl "$build/finderscopectl" --socket /run/fs/controller.sock "$@"; }
connected() { ctl agents show leaf1 | grep -q connected; }
rules() { fabric_rules | grep -c .; }
rules_are() { [ "$(rules)" -eq "$1" ]; }
# Bytes that reached the analyser's port so far.
ingress() { ip -n analyser -s -j link show eth0 | python3 -c 'import json,sys
print(json.load(sys.stdin)[0]["stats64"]["rx"]["bytes"])'; }
# rate: bits a second that reach the analyser, over half a second.
rate()
{
	local a b t0=${EPOCHREALTIME/./} t1
	a=$(ingress)
	sleep 0.5
	b=$(ingress)
	t1=${EPOCHREALTIME/./}
	echo $(((b - a) * 8 * 1000000 / (t1 - t0)))
}
# flooded: since the flood began, more came than the limit lets through in a second.
flooded() { [ $(($(ingress) - before)) -gt $((limit / 8)) ]; }
under() { [ "$(rate)" -lt $limit ]; }
flood()
{
	before=$(ingress)
	fabric_start /run/fs/flood.log host ping -q -f -s 1400 "$1"
	flood=$started
}

fabric_up
fabric_keys "$build" controller leaf1
fabric_agent_conf leaf1
mkdir -p /run/fs/state
cat >/run/fs/controller.conf <<END
listen = {192.0.2.10:6343}
locals = {10.1.0.0/16}
control = 192.0.2.10:6344
key = /run/fs/controller.key
socket = /run/fs/controller.sock
state = /run/fs/state
events = /run/fs/events.json
recent = 0
switch "leaf1" {
	key = "$(cat /run/fs/leaf1.pub)"
	exporters = {10.255.0.1}
}
analyser "wireshark" { address = 192.0.2.74  soft = 1M  hard = 2M }
END
fabric_start /run/fs/sink.log analyser python3 -c \
    'import socket as s; k=s.socket(s.AF_INET,s.SOCK_RAW,47)
while k.recv(65535): pass'
fabric_start /run/fs/controller.log ctl "$build/finderscope-controller" -c /run/fs/controller.conf
controller=$started
fabric_start /run/fs/agent.log sw "$build/finderscope-agent" -c /run/fs/leaf1.conf
fabric_wait 20 connected
tap "the switch is connected" connected || { fabric_logs; exit 1; }

# With the controller: a quiet capture and one that turns into a flood.
ctl capture start 'host 10.1.0.2 and host 203.0.113.5' --on leaf1 >/dev/null
ctl capture start 'host 10.1.0.2 and host 198.51.100.9' --on leaf1 >/dev/null
tap "two captures, four rules" fabric_wait 20 rules_are 4
flood 198.51.100.9
tap "the flood reaches the analyser" fabric_wait 20 flooded
began=${EPOCHREALTIME/./}
tap "it is back under the limit within 10 s" fabric_wait 10 under
echo "# under $limit bit/s after $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
tap "the quiet capture is left" fabric_wait 10 rules_are 2
tap_says "and is the right one" "203.0.113.5" fabric_rules
tap_says "the end says which limit" "END_BUDGET|END_BRAKE" grep '"ended"' /run/fs/events.json
kill "$flood"
wait "$flood" 2>/dev/null

# Without it: the switch's own brake.
ctl capture start 'host 10.1.0.2 and host 198.51.100.9' --on leaf1 >/dev/null
tap "captured anew by hand" fabric_wait 20 rules_are 4
kill -STOP "$controller"
flood 198.51.100.9
tap "the flood reaches the analyser, and the controller is stopped" fabric_wait 20 flooded
began=${EPOCHREALTIME/./}
tap "it is back under the limit within 10 s" fabric_wait 10 under
echo "# under $limit bit/s after $(((${EPOCHREALTIME/./} - began) / 1000)) ms, the controller stopped"
tap "only the flooded capture's rules went" rules_are 2
kill "$flood"
kill -CONT "$controller"
said() { [ "$(grep -cE 'END_BRAKE|END_BUDGET' /run/fs/events.json)" -ge 2 ]; }
tap "the controller learns of it when it is back" fabric_wait 20 said
[ $tap_failed -eq 0 ] || fabric_logs
tap_done
