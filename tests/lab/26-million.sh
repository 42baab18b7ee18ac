#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nobody waits for lists: while the controller takes a million entries, has 150 captures judged again by them, ends them
# all at once when they are delisted, answers look-ups and reads its configuration anew, no turn of its loop takes 50 ms.
#   tests/lab/26-million.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
# shellcheck source=tests/lab/tap.bash
. tests/lab/tap.bash
fabric_isolate "$0" "$@"
build=$(realpath "$1")
captures=150

figure() { ctl --json status | sed -nE "s/^ *\"$1\": ([0-9]+),?$/\1/p"; }
state() { ctl --json captures | grep -c '"state": "\(in kernel\|mirroring\|delivered\)"'; }
running() { [ "$(state)" -ge "$1" ]; }
none_live() { [ "$(figure captures)" -eq 0 ]; }
says() { grep -qE -- "$1" <<<"$(shift; "$@" 2>&1)"; }

# A million hosts, and in another file before them those that are captured.
millions()
{
	python3 - <<-'END'
		text = "".join("%d.%d.%d.%d\n" % (11 + (n & 63), n >> 6 & 255, n >> 14 & 255, n >> 22)
		    for n in ((i * 2654435761 & 0x3fffffff) for i in range(1000000)))
		open("/run/fs/without.txt", "w").write(text)
		open("/run/fs/with.txt", "w").write(open("/run/fs/list.txt").read() + text)
	END
}
# list FILE: is what the feed finds now.
list() { cp "$1" /run/fs/list.new && mv /run/fs/list.new /run/fs/list.txt; }
# samples HOSTS: sFlow of the switch, one sampled packet of 10.1.0.2 with each of them.
samples()
{
	ip netns exec sw python3 - "$1" <<-'END'
		import socket, struct, sys, time
		out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for i in range(1, int(sys.argv[1]) + 1):
		    ip = struct.pack("!BBHHHBBH4s4sHHIIBBHHH", 0x45, 0, 40, 1, 0, 64, 6, 0, bytes([10, 1, 0, 2]),
		        bytes([198, 51, 100, i]), 40000, 443, 0, 0, 0x50, 2, 1024, 0, 0)
		    record = struct.pack("!IIIIII", 1, 16 + len(ip), 11, 60, 4, len(ip)) + ip
		    sample = struct.pack("!IIIIIIII", i, 1, 1, i, 0, 1, 2, 1) + record
		    out.sendto(struct.pack("!II4sIIII", 5, 1, bytes([10, 255, 0, 1]), 0, i, i * 10, 1) +
		        struct.pack("!II", 1, len(sample)) + sample, ("192.0.2.10", 6343))
		    time.sleep(0.001)
	END
}

fabric_up
fabric_keys "$build" controller leaf1
fabric_agent_conf leaf1
seq -f 198.51.100.%g 1 $captures | tee /run/fs/few.txt >/run/fs/list.txt
millions
cat >/run/fs/controller.conf <<-END
	listen = {192.0.2.10:6343}
	locals = {10.1.0.0/16}
	control = 192.0.2.10:6344
	key = /run/fs/controller.key
	socket = /run/fs/controller.sock
	state = /run/fs/state
	events = /run/fs/events.json
	starts = 1000
	feed "list" { url = "file:///run/fs/list.txt" may_jump = yes floor = 1s }
	switch "leaf1" { key = "$(cat /run/fs/leaf1.pub)" exporters = {10.255.0.1} sources = {192.0.2.0/26} hosts = {10.1.0.0/24} }
	analyser "wireshark" { address = 192.0.2.74 }
	policy "blocklist" { duration = 10m scanner_hosts = 0 cooldown = {0} }
END
fabric_start /run/fs/controller.log ctl "$build/finderscope-controller" -c /run/fs/controller.conf
controller=$started
fabric_start /run/fs/agent.log sw "$build/finderscope-agent" -c /run/fs/leaf1.conf
connected() { ctl agents | grep leaf1 | grep -q connected; }
tap "controller and agent are up" fabric_wait 40 connected || { fabric_logs; exit 1; }

# What holds the loop up does so each time; a lock whose owner others keep from its work does not.
quick=no
for round in 1 2 3; do
	slow=$(figure loop_slow_turns)
	samples $captures
	tap "$captures captures run" fabric_wait 40 running $captures
	list /run/fs/with.txt
	# Asked all the while, as nobody at a keyboard could.
	until [ "$(figure entries)" -gt 900000 ]; do
		ctl feeds >/dev/null
		ctl lookup 198.51.100.7 >/dev/null
	done
	tap "a million entries are in force" fabric_wait 20 says '^list .*line 1150 of version' ctl lookup "$(sed -n 1150p /run/fs/with.txt)"
	tap "and the captures, judged again, run on" running $captures
	kill -HUP $controller
	list /run/fs/without.txt
	tap "delisted, all end" fabric_wait 40 none_live
	echo "# $(ctl --json status | grep -o '"loop_l[a-z_]*": [^,]*' | xargs); $(($(figure loop_slow_turns) - slow)) over 50 ms"
	[ "$(figure loop_slow_turns)" -ne "$slow" ] || { quick=yes; break; }
	list /run/fs/few.txt
	fabric_wait 20 says '^list .*line 7 of version' ctl lookup 198.51.100.7
done
tap "no turn of the loop took 50 ms" [ $quick = yes ]
[ $tap_failed -eq 0 ] || fabric_logs
tap_done
