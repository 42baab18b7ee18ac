#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real flood through real rules: five conversations are captured while they are quiet, then all of them speak up, and
# the analyser gets more than it can take. The controller ends captures until it is back under the limit; without a
# controller the agent's own brake does.
#   tests/lab/50-flood.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
# shellcheck source=tests/lab/tap.bash
. tests/lab/tap.bash
fabric_isolate "$0" "$@"
build=$(realpath "$1")
# One loud conversation is 2.3 Mbit/s of copies, two are 4.6: neither is near the limit.
limit=3000000 within=15

rules() { ip netns exec sw iptables-legacy -w 5 -S FORWARD | grep -c finderscope:; }
rules_are() { [ "$(rules)" -eq "$1" ]; }
event() { grep -q -- "$1" /run/fs/events.json; }
received() { ip netns exec analyser cat /proc/net/dev | sed -n 's/^ *eth0: *\([0-9]*\) .*/\1/p'; }
# ingress SECONDS: bits a second that reach the analyser.
ingress()
{
	local from at=${EPOCHREALTIME/./}
	from=$(received)
	sleep "$1"
	echo $((($(received) - from) * 8000000 / (${EPOCHREALTIME/./} - at)))
}
over() { [ "$(ingress 0.5)" -gt $limit ]; }
# What is copied is the limit's; the outer headers come on top: 38 bytes and more to each packet of 1,442.
under() { [ "$(ingress "$1")" -le $((limit * 11 / 10)) ]; }
settled() { under 0.5 && under 0.5 && under 0.5; }

fabric_up
for i in 4 5 6; do ip -n host addr add 10.1.0.$i/24 dev eth0; done
fabric_keys "$build" controller leaf1
fabric_agent_conf leaf1
echo 198.51.100.9 >/run/fs/list.txt
cat >/run/fs/controller.conf <<-END
	listen = {192.0.2.10:6343}
	locals = {10.1.0.0/16}
	control = 192.0.2.10:6344
	key = /run/fs/controller.key
	socket = /run/fs/controller.sock
	state = /run/fs/state
	events = /run/fs/events.json
	feed "list" { url = "file:///run/fs/list.txt" }
	switch "leaf1" { key = "$(cat /run/fs/leaf1.pub)" exporters = {10.255.0.1} sources = {192.0.2.0/26} hosts = {10.1.0.0/24} }
	analyser "wireshark" { address = 192.0.2.74 hard = $limit }
	policy "blocklist" { duration = 10m scanner_hosts = 0 }
END
fabric_start /run/fs/controller.log ctl "$build/finderscope-controller" -c /run/fs/controller.conf
controller=$started
fabric_start /run/fs/agent.log sw "$build/finderscope-agent" -c /run/fs/leaf1.conf
# What the exporter says, for a replay afterwards.
fabric_start /run/fs/tcpdump.log ctl tcpdump -q -n -U -s 0 -i eth0 -w /run/fs/day.pcap udp port 6343
recorder=$started
fabric_exporter swp1 1
connected() { ctl agents | grep leaf1 | grep -q connected; }
tap "controller and agent are up" fabric_wait 40 connected || { fabric_logs; exit 1; }

quiet=
for i in 2 3 4 5 6; do
	fabric_start /run/fs/ping.log host ping -q -I 10.1.0.$i -s 1400 -i 0.5 198.51.100.9
	quiet="$quiet $started"
done
tap "five quiet conversations are captured" fabric_wait 40 rules_are 10 || fabric_logs
tap "the analyser gets little" under 0.5

fabric_start /run/fs/speak.log host python3 tests/lab/speak.py 198.51.100.9 1400 200 10.1.0.{2..6}
loud=$started
tap "they speak up: more than the analyser takes" fabric_wait 15 over
since=${EPOCHREALTIME/./}
tap "captures are ended until it fits, within $within s" fabric_wait $within settled
echo "# after $(((${EPOCHREALTIME/./} - since) / 1000)) ms: $(ingress 0.5) bit/s of $limit"
tap "the budget is said to be why" fabric_wait 5 event '"END_BUDGET"'
tap_says "and by how much" "over its hard limit of 3000" cat /run/fs/events.json
tap "some are left" test "$(rules)" -ge 2
tap "it stays under the limit" under 3

# Nobody is there to decide: the switch protects itself.
kill -KILL "$controller"
kill "$recorder"
wait "$controller" "$recorder" 2>/dev/null
for i in 2 3 4 5 6; do
	fabric_start /run/fs/ping.log host ping -q -f -I 10.1.0.$i -s 1400 198.51.100.9
	loud="$loud $started"
done
since=${EPOCHREALTIME/./}
tap "without a controller: a flood, and the agent's brake, within $within s" fabric_wait $within rules_are 0
echo "# after $(((${EPOCHREALTIME/./} - since) / 1000)) ms"
tap "the analyser is left alone" fabric_wait 5 under 0.5
# shellcheck disable=SC2086 # several
kill $quiet $loud

# The same day again, from the recording: the same five, each decision what explain says of it, twice the same.
replay() { "$build/finderscope-controller" replay -c /run/fs/controller.conf "$@" /run/fs/day.pcap; }
replay --check >/run/fs/first.json 2>/run/fs/replay.log
tap "a replay of the recording decides as explain says" test $? -eq 0 || fabric_logs
tap "it captures the same five" test "$(grep '"to":"requested"' /run/fs/first.json | grep -o '"filter":"[^"]*"' |
    sort -u | grep -c 'host 10.1.0.[2-6] and host 198.51.100.9')" -eq 5
replay >/run/fs/second.json 2>&1
tap "twice the same, byte for byte" cmp /run/fs/first.json /run/fs/second.json
echo "# $(replay --summary 2>/dev/null)"
tap_done
