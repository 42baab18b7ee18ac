#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Looking back: a conversation that nobody listed when it ran is told of when a list brings its address, also when the
# controller was killed in between; and one that was told of is not told of again.
# sanitizers: yes
#   tests/lab/22-looking-back.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
# shellcheck source=tests/lab/tap.bash
. tests/lab/tap.bash
fabric_isolate "$0" "$@"
build=$(realpath "$1")

start_controller()
{
	fabric_start /run/fs/controller.log ctl "$build/finderscope-controller" -c /run/fs/controller.conf
	controller=$started
	fabric_wait 20 ctl status
}
samples() { ctl --json status | sed -n 's/^ *"samples": \([0-9]*\),*/\1/p'; }
more() { [ "$(samples)" -gt "$1" ]; }
# looked_back REMOTE: how many events tell of it.
looked_back() { grep '"retrospective"' /run/fs/events.json | grep -c "\"remote\":\"$1\""; }
told() { [ "$(looked_back "$1")" -eq "$2" ]; }

fabric_up
fabric_keys "$build" controller
mkdir -p /run/fs/state
echo 192.0.2.200 >/run/fs/list.txt
cat >/run/fs/controller.conf <<END
listen = {192.0.2.10:6343}
locals = {10.1.0.0/16}
control = 192.0.2.10:6344
key = /run/fs/controller.key
socket = /run/fs/controller.sock
state = /run/fs/state
events = /run/fs/events.json
recent_file = /run/fs/recent
feed "list" { url = "file:///run/fs/list.txt" floor = 1s }
END
start_controller
tap "the controller starts" ctl status || { fabric_logs; exit 1; }
fabric_exporter swp1 1
# Each for as long as it takes until the exporter runs and has told of it.
for remote in 198.51.100.9 203.0.113.5; do
	before=$(samples)
	fabric_start /run/fs/ping.log host ping -q -i 0.02 $remote
	tap "samples come in of $remote" fabric_wait 40 more $((before + 150))
	kill "$started"
	wait "$started"
done
tap "nothing of them is listed" told 198.51.100.9 0
printf '192.0.2.200\n198.51.100.9\n' >/run/fs/list.txt
tap "a list that brings the address brings the conversation back" fabric_wait 30 told 198.51.100.9 1
tap_says "with its line and what is covered" '"line":2,"covered_from":' grep '"retrospective"' /run/fs/events.json
tap "the harmless one is not told of" told 203.0.113.5 0
kill -KILL "$controller"
wait "$controller" 2>/dev/null
printf '192.0.2.200\n198.51.100.9\n203.0.113.0/24\n' >/run/fs/list.txt
start_controller
tap "after kill -9 the memory is there still" fabric_wait 30 told 203.0.113.5 1
tap "what was told is not told again" told 198.51.100.9 1
tap_says "the time in which nobody looked is said" '"203.0.113.5".*"gaps":\[|"gaps":\[\]' grep 203.0.113 /run/fs/events.json
tap "the programs said nothing a sanitizer would" sh -c '! grep -E "Sanitizer|runtime error" /run/fs/*.log'
[ $tap_failed -eq 0 ] || fabric_logs
tap_done
