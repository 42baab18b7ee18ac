#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A switch whose hardware does not let go of a rule, with the real programs round a stand-in switchd: what the operator
# sees, and that the switch takes captures again when he says so at the controller.
# sanitizers: yes
#   tests/lab/23-stuck.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
# shellcheck source=tests/lab/tap.bash
. tests/lab/tap.bash
fabric_isolate "$0" "$@"
build=$(realpath "$1")
cumulus=/run/fs/cumulus

capture_is() { ctl capture show "$1" | grep -qE "^state +$2"; }
start() { ctl capture start "host 10.1.0.2 and host $1" --on leaf1 | sed -n 's/^capture \([0-9]*\):.*/\1/p'; }
leaf1_says() { ctl agents show leaf1 | grep -qE "$1"; }
leaf1_is_stuck() { leaf1_says "^last error +a rule could not be taken out" && leaf1_says "^says +the ASIC says no"; }
leaf1_is_well() { leaf1_says "^state +connected" && ! leaf1_says "^last error"; }
event() { grep -q -- "$1" /run/fs/events.json; }
mode() { echo "$*" >$cumulus/test/mode; }
hardware_has() { [ "$(grep -c . $cumulus/test/hardware)" -eq "$1" ]; }

fabric_up
fabric_keys "$build" controller leaf1
fabric_agent_conf leaf1
mkdir -p /run/fs/state $cumulus
# In the switch's network, and mounted where all see it.
nsenter --net=/run/netns/sw "$build/tests/tool_switchd" $cumulus 150 >/run/fs/switchd.log 2>&1 &
if ! fabric_wait 20 test -e $cumulus/test/syncs; then
	echo "1..0 # SKIP no FUSE here"
	exit 0
fi
cat >>/run/fs/leaf1.conf <<END
switchd = $cumulus/switchd
target = nflog
look = 200ms
END
cat >/run/fs/controller.conf <<END
listen = {192.0.2.10:6343}
locals = {10.1.0.0/16}
control = 192.0.2.10:6344
key = /run/fs/controller.key
socket = /run/fs/controller.sock
state = /run/fs/state
events = /run/fs/events.json
analyser "wireshark" { address = 192.0.2.74 }
switch "leaf1" { key = "$(cat /run/fs/leaf1.pub)" }
END
fabric_start /run/fs/controller.log ctl "$build/finderscope-controller" -c /run/fs/controller.conf
fabric_start /run/fs/agent.log sw "$build/finderscope-agent" -c /run/fs/leaf1.conf
tap "the switch connects, and its back end is switchd's" fabric_wait 40 leaf1_says "^back end +switchd-resync"
tap_says "nothing is to be lifted" "leaf1 takes what is new" ctl agents go-on leaf1
tap_says "of a switch that nobody knows" "no switch \"leaf9\"" ctl agents go-on leaf9

first=$(start 198.51.100.9)
tap "a capture is in the hardware" fabric_wait 20 capture_is "$first" "in hardware"
mode "stick the ASIC says no"
tap "it is to end" ctl capture stop "$first"
tap "the hardware does not let go: it is stuck, not ended" fabric_wait 20 capture_is "$first" "stuck in hardware"
tap "the switch says so" fabric_wait 20 leaf1_is_stuck
tap "and the events" fabric_wait 20 event '"takes nothing new","reason":"STUCK","text":"the ASIC says no"'
second=$(start 203.0.113.5)
tap "nothing new is taken" fabric_wait 20 capture_is "$second" "failed"
tap_says "and why" "the ASIC says no" ctl capture show "$second"

tap_says "the operator says go on" "leaf1 is told to go on" ctl agents go-on leaf1
tap "the switch does, and says it back" fabric_wait 20 event '"went on as told"'
tap_says "who said it is known" '"told to go on","reason":"STUCK","who":"root"' cat /run/fs/events.json
tap "the switch complains no more" fabric_wait 20 leaf1_is_well
tap "the first is stuck still, and tried again" capture_is "$first" "stuck in hardware"
mode good
third=$(start 203.0.113.5)
tap "a new one is taken" fabric_wait 20 capture_is "$third" "in hardware"
tap "and what was stuck has ended" fabric_wait 20 capture_is "$first" "ended"
tap "the hardware holds the new one alone" fabric_wait 20 hardware_has 2
tap "the programs said nothing a sanitizer would" sh -c '! grep -E "Sanitizer|runtime error" /run/fs/*.log'
[ $tap_failed -eq 0 ] || fabric_logs
tap_done
