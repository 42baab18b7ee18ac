#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What must not disturb anything, thrown at the real programs: each is counted or answered with one clear line, and a
# capture works all the while.
# sanitizers: yes
#   tests/lab/20-bad-input.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
# shellcheck source=tests/lab/tap.bash
. tests/lab/tap.bash
fabric_isolate "$0" "$@"
build=$(realpath "$1")

# counter NAME: of `status`; 0 when it is not there.
counter()
{
	ctl --json status | python3 -c 'import json,sys
s=json.load(sys.stdin); print(s.get(sys.argv[1], s["counters"].get(sys.argv[1], 0)))' "$1"
}
counts() { [ "$(counter "$1")" -gt "${2:-0}" ]; }
connected() { ctl agents show leaf1 | grep -q connected; }
feed_says() { ctl --json feed "$1" | grep -q "$2"; }
rules() { fabric_rules | grep -c .; }

fabric_up
fabric_keys "$build" controller leaf1 stranger wrong
fabric_agent_conf leaf1
fabric_agent_conf stranger
mkdir -p /run/fs/www /run/fs/state
echo 198.51.100.9 >/run/fs/www/list.txt
printf '<!DOCTYPE html>\n<html><body>not found, but 200</body></html>\n' >/run/fs/www/page.txt
cat >/run/fs/controller.conf <<END
listen = {192.0.2.10:6343}
locals = {10.1.0.0/16}
socket_buffer = 64K
control = 192.0.2.10:6344
key = /run/fs/controller.key
socket = /run/fs/controller.sock
state = /run/fs/state
events = /run/fs/events.json
feed "good" { url = "http://192.0.2.10:8080/list.txt" }
feed "html" { url = "http://192.0.2.10:8080/page.txt" }
feed "gone" { url = "http://192.0.2.10:8080/nothing.txt" }
switch "leaf1" {
	key = "$(cat /run/fs/leaf1.pub)"
	exporters = {10.255.0.1}
}
analyser "wireshark" { address = 192.0.2.74 }
policy "blocklist" { duration = 10m }
END
fabric_start /run/fs/web.log ctl busybox httpd -f -p 8080 -h /run/fs/www
fabric_start /run/fs/controller.log ctl "$build/finderscope-controller" -c /run/fs/controller.conf
controller=$started
fabric_start /run/fs/agent.log sw "$build/finderscope-agent" -c /run/fs/leaf1.conf
tap "the switch is connected" fabric_wait 20 connected

# Feeds.
tap "a feed that is 404 says so" fabric_wait 20 feed_says gone 404
tap "a feed that is HTML says so" fabric_wait 20 feed_says html HTML
tap "the good one beside them is loaded" fabric_wait 20 feed_says good '"entries4": *1'

# Datagrams, from where a switch's would come from.
send() { ip netns exec sw python3 -c 'import socket,sys
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
for d in (b"", b"\0", b"\0\0\0\5", b"\0\0\0\2"+b"\0"*24, b"\xff"*1400, bytes(range(256))*4,
          bytes.fromhex("00000005000000010aff0001")+b"\0\0\0\0"+b"\0\0\0\1"+b"\0\0\0\1"+b"\xff\xff\xff\xff"):
    s.sendto(d, ("192.0.2.10", 6343))'; }
send
tap "garbage, truncated and foreign datagrams are counted" fabric_wait 10 counts bad_datagrams 4

# More than the socket's buffer holds, while nobody reads it.
before=$(counter datagrams)
kill -STOP "$controller"
ip netns exec sw python3 -c 'import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
for i in range(1000): s.sendto(b"\0\0\0\5"+b"\0"*1000, ("192.0.2.10", 6343))'
kill -CONT "$controller"
all_told() { ctl --json status | python3 -c 'import json,sys
s=json.load(sys.stdin); c=s["counters"]
lost=[v for k,v in c.items() if k.startswith("kernel_drops_thread")]
sys.exit(not (sum(lost) == c["kernel_drops"] > 0 and
              c["kernel_drops"] + s["datagrams"] - int(sys.argv[1]) == 1000))' "$before"; }
tap "what the kernel drops is counted, by socket, to the last datagram" fabric_wait 20 all_told

# A configuration.
sed 's/^locals/local_nets/' /run/fs/controller.conf >/run/fs/wrong.conf
tap_says "a wrong setting: file, line, what would be right" \
    'wrong\.conf:2: .*"local_nets".*locals' "$build/finderscope-controller" -n -c /run/fs/wrong.conf
cp /run/fs/controller.conf /run/fs/before.conf
cp /run/fs/wrong.conf /run/fs/controller.conf
tap_says "a reload of it is refused with the same line" 'controller\.conf:2: .*local_nets' ctl reload
cp /run/fs/before.conf /run/fs/controller.conf
tap "the old configuration is still in force" feed_says good '"entries4": *1'
chmod 644 /run/fs/controller.key
tap_says "a key that others can read is refused" 'controller\.key.*0600' ctl reload
chmod 600 /run/fs/controller.key

# The ctl.
tap_says "a filter that can't be a rule names the word" "or" \
    ctl capture start 'host 10.1.0.2 or host 198.51.100.9' --on leaf1
tap_says "one too wide is refused by the limit" "wide|/24" ctl capture start 'net 10.0.0.0/8' --on leaf1
tap_says "a switch that is none" 'no switch "leaf9"' ctl capture start 'host 10.1.0.2 and host 198.51.100.9' --on leaf9
tap_says "a capture that is none" "no capture 99" ctl capture stop 99
tap_says "a feed that is none" 'no feed.*"nix"' ctl feed nix

# The channel. An agent that pins another controller's key cannot be opened here.
fabric_agent_conf other leaf1 wrong
fabric_start /run/fs/other.log sw "$build/finderscope-agent" -c /run/fs/other.conf
other=$started
tap "a message sealed for another key is counted" fabric_wait 20 counts agent_sealed_wrong
kill "$other"
fabric_start /run/fs/stranger.log sw "$build/finderscope-agent" -c /run/fs/stranger.conf
tap_stranger() { ctl agents | grep -q waiting; }
tap "an agent with a key nobody knows waits, and holds nothing" fabric_wait 20 tap_stranger
kill "$started"
# A thief with leaf1's key, in a namespace of its own: two use one key.
ip netns exec sw ip addr add 192.0.2.11/26 dev swp4
fabric_agent_conf thief leaf1
fabric_start /run/fs/thief.log analyser "$build/finderscope-agent" -c /run/fs/thief.conf
thief=$started
conflict() { grep -q 'two agents use its key' /run/fs/events.json; }
tap "a second agent with the same key is an event" fabric_wait 40 conflict
kill "$thief"

# And everything went on.
tap "the switch is connected still" fabric_wait 40 connected
tap "a capture by hand works" ctl capture start 'host 10.1.0.2 and host 198.51.100.9' --on leaf1
two() { [ "$(rules)" -eq 2 ]; }
tap "its rules are there" fabric_wait 20 two
tap "nothing was asked that the decider found illegal" [ "$(counter decide_illegal_steps)" -eq 0 ]
tap "the programs said nothing a sanitizer would" sh -c '! grep -E "Sanitizer|runtime error" /run/fs/*.log'
[ $tap_failed -eq 0 ] || fabric_logs
tap_done
