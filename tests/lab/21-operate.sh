#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What operators do, with the real programs: let a switch in, start, extend and stop captures, freeze, release, reload,
# ask why, follow events; and a controller that dies and comes back in the middle of it all.
# sanitizers: yes
#   tests/lab/21-operate.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
# shellcheck source=tests/lab/tap.bash
. tests/lab/tap.bash
fabric_isolate "$0" "$@"
build=$(realpath "$1")

# field WHAT… : of the JSON on standard input, e.g. captures 0 state
field() { python3 -c 'import json,sys
v=json.load(sys.stdin)
for k in sys.argv[1:]: v=v[int(k)] if isinstance(v,list) else v[k]
print(v)' "$@" 2>/dev/null; }
# is VALUE COMMAND…: the command prints just that.
is() { local want=$1; shift; [ "$("$@")" = "$want" ]; }
state_of() { ctl --json capture show "$1" | field captures 0 state || ctl --json capture show "$1" | field state; }
capture_is() { [ "$(state_of "$1")" = "$2" ]; }
rules() { fabric_rules | grep -c .; }
rules_are() { [ "$(rules)" -eq "$1" ]; }
agent_is() { ctl agents | grep -E "$1" | grep -q "$2"; }
event() { grep -q -- "$1" /run/fs/events.json; }
leaf1_says() { ctl agents show leaf1 | grep -qE "$1"; }
started_id() { sed -n 's/^capture \([0-9]*\):.*/\1/p' <<<"$1"; }
start_controller()
{
	fabric_start /run/fs/controller.log ctl "$build/finderscope-controller" -c /run/fs/controller.conf
	controller=$started
	fabric_wait 20 ctl status
}

fabric_up
fabric_keys "$build" controller leaf1
fabric_agent_conf leaf1
mkdir -p /run/fs/state
mount -t tmpfs -o size=16m,mode=0750 tmpfs /run/fs/state
echo 198.51.100.9 >/run/fs/list.txt
write_conf()
{
	cat >/run/fs/controller.conf <<-END
	listen = {192.0.2.10:6343}
	locals = {10.1.0.0/16}
	control = 192.0.2.10:6344
	key = /run/fs/controller.key
	socket = /run/fs/controller.sock
	socket_ro = /run/fs/controller-ro.sock
	state = /run/fs/state
	events = /run/fs/events.json
	lease = 40s
	feed "list" { url = "file:///run/fs/list.txt" }
	analyser "wireshark" { address = 192.0.2.74 }
	policy "blocklist" { duration = 10m }
	$1
	END
}
write_conf ""
start_controller
tap "the controller starts" ctl status || { fabric_logs; exit 1; }
fabric_start /run/fs/agent.log sw "$build/finderscope-agent" -c /run/fs/leaf1.conf

# A switch nobody knows: let in by its fingerprint, bound to its addresses.
tap "an unknown switch waits" fabric_wait 20 agent_is waiting waiting
print=$(ctl --json agents | field agents 0 fingerprint)
tap_says "a fingerprint that is none" "no switch with the fingerprint" ctl agents accept ffff-ffff
tap_says "it is let in" "leaf1 is accepted, bound to .*10\.255\.0\.1" ctl agents accept "${print:0:9}"
tap "it connects" fabric_wait 40 agent_is leaf1 connected
tap_says "it cannot be let in twice" "no switch" ctl agents accept "$print"

# Captures by hand.
tap_says "a dry run shows its rules and does nothing" "leaf1.*10\.1\.0\.2" \
    ctl capture start 'host 10.1.0.2 and host 198.51.100.9 and tcp port 443' --on leaf1 --dry-run
tap "no rule came of it" rules_are 0
first=$(started_id "$(ctl capture start 'host 10.1.0.2 and host 198.51.100.9' --on leaf1 --for 10m)")
tap "a capture is started" test -n "$first"
tap "it is in the kernel" fabric_wait 20 capture_is "$first" "in kernel"
tap_says "the same again is refused" "capture $first takes it already" \
    ctl capture start 'host 10.1.0.2 and host 198.51.100.9' --on leaf1
tap_says "it is extended" "runs for 20m" ctl capture extend "$first" --for 20m
tap_says "its left time says so" "19m" ctl capture show "$first"
tap_says "the read-only socket lets nobody stop it" "read-only" \
    ip netns exec ctl "$build/finderscopectl" --socket /run/fs/controller-ro.sock capture stop "$first"
tap_says "and shows it" "10.1.0.2" ip netns exec ctl "$build/finderscopectl" --socket /run/fs/controller-ro.sock captures

# Freeze: nothing new; what runs, runs on.
tap "freeze" ctl freeze --why "change window"
tap_says "nothing new while frozen" "frozen" ctl capture start 'host 10.1.0.2 and host 203.0.113.5' --on leaf1
tap "what runs, runs on" rules_are 2
tap_says "status says who and why" "by root.*change window" ctl status
tap_says "and by which key agents know it" "$(ctl --json pubkey /run/fs/controller.key | field fingerprint)" ctl status

# The controller dies and comes back: capture, freeze and the accepted switch are there again.
kill -KILL "$controller"
wait "$controller" 2>/dev/null
start_controller
tap "the controller starts again" ctl status
tap "the switch it had let in connects" fabric_wait 40 agent_is leaf1 connected
tap "the capture goes on" fabric_wait 20 capture_is "$first" "in kernel"
tap "its rules never went" rules_are 2
tap_says "it is frozen still" "by root.*change window" ctl status
tap_says "what happened before is remembered" '"state":"accepted"' ctl --json events
tap_says "and can be asked for" 'switch leaf1: accepted by root' ctl events leaf1 --since 1h
tap_says "of a capture alone" "^[0-9-]+ [0-9:.]+  capture $first requested: .* on leaf1, by root" ctl events "$first"
tap_says "what is not there is said" "nothing found; the controller remembers events since" ctl events 10.99.99.99
tap "thaw" ctl thaw
second=$(started_id "$(ctl capture start 'host 10.1.0.2 and host 203.0.113.5' --on leaf1 --for 10m)")
tap "ids go on, none is used twice" test "${second:-0}" -gt "$first"
tap "two captures, four rules" fabric_wait 20 rules_are 4
tap "what the switch counts is told" fabric_wait 20 leaf1_says "^commits +[1-9]"
tap "one analyser is copied to" leaf1_says "^destinations +1$"
tap "no hardware stands behind its tables" leaf1_says "^back end +kernel$"
quiet() { ctl capture show "$first" | tr -s ' \n' ' ' | grep -q "no packet matched in .* interface in agent.conf"; }
tap "one whose rules match nothing says what to look at" fabric_wait 20 quiet
tap "one is stopped" ctl capture stop "$first"
tap "it ended" fabric_wait 20 capture_is "$first" "ended"
tap "two rules are left" fabric_wait 20 rules_are 2

# Release: a switch holds nothing until that is lifted, restarts included.
tap "release" ctl release leaf1
tap "every rule goes" fabric_wait 20 rules_are 0
tap_says "and none comes" "released" ctl capture start 'host 10.1.0.2 and host 198.51.100.9' --on leaf1
kill -TERM "$controller"
wait "$controller" 2>/dev/null
tap "an orderly stop has status 0" test $? -eq 0
start_controller
tap "the controller starts a third time" ctl status
tap "the switch connects" fabric_wait 40 agent_is leaf1 connected
tap_says "it is released still" "released" ctl capture start 'host 10.1.0.2 and host 198.51.100.9' --on leaf1
tap "lift it" ctl unrelease leaf1
third=$(started_id "$(ctl capture start 'host 10.1.0.2 and host 198.51.100.9' --on leaf1)")
tap "and it holds again" fabric_wait 20 capture_is "${third:-0}" "in kernel"

# A port that is not there: a state, with words, until it is there.
portless=$(started_id "$(ctl capture start 'host 10.1.0.3 and host 198.51.100.9 and in swp9' --on leaf1)")
says_of() { ctl --json capture show "$1" | grep -q "$2"; }
tap "a capture at a port that is not there says so" fabric_wait 20 says_of "$portless" "no port swp9 is up here"
ip -n sw link add swp9 type veth peer name peer9
ip -n sw link set peer9 up
ip -n sw link set swp9 up
no_more() { ! says_of "$@"; }
tap "until it is there" fabric_wait 20 no_more "$portless" "no port swp9"
ctl capture stop "$portless" >/dev/null
ip -n sw link del swp9

# Lists and why.
tap_says "lookup: the very line" "list.*198.51.100.9.*line 1" ctl lookup 198.51.100.9:443
tap_says "explain: step by step" "capture $third is in kernel" ctl explain 10.1.0.2 198.51.100.9:443
tap_says "explain as one switch would see it" "is leaf1" ctl explain 10.1.0.2 198.51.100.9:443 --from leaf1
tap_says "or as an exporter nobody is bound to" "no switch is bound to exporter 10.255.0.77" \
    ctl explain 10.1.0.2 198.51.100.9:443 --from 10.255.0.77 --vni 5001
tap_says "or as a switch that is none" "neither an exporter" ctl explain 10.1.0.2 198.51.100.9 --from leaf9
tap_says "explain of the harmless" "no feed lists" ctl explain 203.0.113.5 --with 10.1.0.2

# A list that changes its mind: what a sample opened is ended by an allow-list that comes with a reload.
tap "stopped by hand" ctl capture stop "$third"
fabric_exporter swp1 1
fabric_start /run/fs/ping.log host ping -q -I 10.1.0.3 -i 0.05 198.51.100.9
fourth() { ctl --json captures | field captures 0 by | grep -q blocklist; }
tap "a sample opens a capture" fabric_wait 30 fourth
fourth=$(ctl --json captures | field captures 0 id)
seen() { ctl explain 10.1.0.3 | grep -qE '^seen .*10.1.0.3 and 198.51.100.9: [0-9]+ samples, .* listed now by list'; }
tap "explain of a host of ours alone says whom it was seen with" fabric_wait 20 seen
tap_says "and of one that no sample told of, that" "no sample of 10.1.0.99 since" ctl explain 10.1.0.99
tap_says "of a pair it says both" "^looked back .*1 conversation of 10.1.0.3 and 198.51.100.9 since" ctl explain 10.1.0.3 198.51.100.9
write_conf 'allow = {198.51.100.9}'
tap "reload" ctl reload
tap "the capture it no longer supports is ended" fabric_wait 20 capture_is "$fourth" "ended"
tap_says "and says why" "allow" ctl capture show "$fourth"
tap "its rules are gone" fabric_wait 20 rules_are 0
allowed() { ctl lookup 198.51.100.9 | grep -q allow; }
tap "the allow-list is in force" fabric_wait 20 allowed
tap_says "explain says so" "allow-listed" ctl explain 198.51.100.9 --with 10.1.0.2

# The disk is full: said aloud, remembered in memory, and rules come and go as before.
write_conf ""
tap "reload without it" ctl reload
dd if=/dev/zero of=/run/fs/state/filler bs=64k 2>/dev/null
fifth=$(started_id "$(ctl capture start 'host 10.1.0.2 and host 203.0.113.5' --on leaf1 --for 10m)")
tap "with a full disk a capture is in the kernel" fabric_wait 20 capture_is "${fifth:-0}" "in kernel"
tap "what cannot be written is said" fabric_wait 20 event '"state":"in memory only"'
tap "it is stopped" ctl capture stop "${fifth:-0}"
tap "its rules go" fabric_wait 20 rules_are 0
rm /run/fs/state/filler
tap "with room it is written again" fabric_wait 20 event '"state":"written again"'
cooling() { ctl explain 10.1.0.3 198.51.100.9 | grep -q "captured 1 time;"; }
tap "the conversation that was captured cools down" fabric_wait 20 cooling
kill -KILL "$controller"
wait "$controller" 2>/dev/null
start_controller
tap "after kill -9 what was kept in memory is there" capture_is "${fifth:-0}" "ended"
tap "and so is the cool-down" fabric_wait 20 cooling
tap "the switch connects once more" fabric_wait 40 agent_is leaf1 connected

# Followed live.
ip netns exec ctl timeout 60 "$build/finderscopectl" --socket /run/fs/controller.sock --json events --follow --count 3 >/run/fs/followed 2>&1 &
follower=$!
followed() { grep -q '"freeze"' /run/fs/followed; }
fabric_wait 20 test -s /run/fs/followed
ctl freeze >/dev/null
tap "a follower sees what happens as it happens" fabric_wait 10 followed
kill $follower 2>/dev/null

# Forgotten: its session is cut, and it waits again.
tap "forget the switch" ctl agents forget leaf1
tap "it waits again" fabric_wait 40 agent_is waiting waiting

# The database is garbage: kept aside, said aloud, and a fresh one serves.
kill -KILL "$controller"
wait "$controller" 2>/dev/null
head -c 65536 /dev/urandom >/run/fs/state/controller.db
start_controller
tap "with garbage for a database it starts" ctl status
tap "and says that it was replaced" fabric_wait 20 event '"state":"replaced"'
tap "the switch waits again" fabric_wait 40 agent_is waiting waiting
tap_says "and is let in again" "leaf1 is accepted" ctl agents accept "${print:0:9}"
tap "it connects, with nothing lost but memory" fabric_wait 40 agent_is leaf1 connected
sixth=$(started_id "$(ctl capture start 'host 10.1.0.2 and host 203.0.113.5' --on leaf1 --for 10m)")
tap "and takes a capture, under an id never used" test "${sixth:-0}" -gt "${fifth:-0}"
tap "which is in the kernel" fabric_wait 20 capture_is "${sixth:-0}" "in kernel"

# One that was given another controller's key reads no answer: the operator is told.
fabric_keys "$build" other leaf2
fabric_agent_conf leaf2 leaf2 other
fabric_start /run/fs/agent2.log sw "$build/finderscope-agent" -c /run/fs/leaf2.conf
print=$(ctl --json pubkey /run/fs/leaf2.key | field fingerprint)
misled() { ctl events "$print" | grep -q "switch $print: cannot be understood.*its controller_key is not the key"; }
tap "an agent with another controller's key is told of" fabric_wait 20 misled
tap "events are JSON, each line" python3 -c 'import json
for line in open("/run/fs/events.json"): json.loads(line)'
tap "the programs said nothing a sanitizer would" sh -c '! grep -E "Sanitizer|runtime error" /run/fs/*.log'
[ $tap_failed -eq 0 ] || fabric_logs
tap_done
