#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# finderscope-agent --check on a machine where all is well, and where one thing at a time is not.
#   tests/lab/46-agent-check.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
# shellcheck source=tests/lab/tap.bash
. tests/lab/tap.bash
fabric_isolate "$0" "$@"
build=$(realpath "$1")
export XTABLES_LOCKFILE=/run/xtables.lock

# look ARGUMENT…: runs it; what it said in $said, its status in $status.
look()
{
	said=$(ip netns exec sw "$build/finderscope-agent" -c /run/fs/agent.conf --check "$@" 2>&1)
	status=$?
}

# ended STATUS LINE…: ended so, and said these (patterns of whole lines).
ended()
{
	local wanted=$1 line good=yes
	shift
	[ "$status" -eq "$wanted" ] || good="status $status"
	for line in "$@"; do grep -qxE -- "$line" <<<"$said" || good="no line: $line"; done
	[ "$good" = yes ] || printf '%s\n%s\n' "$good" "$said"
	[ "$good" = yes ]
}
# check NAME STATUS LINE…
check() { tap "$1" ended "${@:2}"; }

configure()
{
	cat >/run/fs/agent.conf <<-END
		controller = "tcp://192.0.2.10:6344"
		controller_key = "mWb5cxWc9AbVsl1y7JJQkuHYVBM9mYYu/wDdfVQT5gE="
		key = /run/fs/agent.key
		user = nobody
		run_dir = /run/fs/run
		state_dir = /run/fs/state
		$1
	END
}

fabric_up
for port in swp3 swp5; do ip netns exec sw sysctl -qw net.ipv4.neigh.$port.retrans_time_ms=100; done
configure ""
look
check "no key yet: what makes one" 1 "WRONG  key .*/run/fs/agent.key.*" " *mend: finderscope-agent --public-key makes it"
ip netns exec sw "$build/finderscope-agent" -c /run/fs/agent.conf --public-key >/run/fs/public
chmod 644 /run/fs/agent.key
look
check "a key that others can read" 1 "WRONG  key .*" " *mend: chmod 600 /run/fs/agent.key"
chmod 600 /run/fs/agent.key
look
check "nobody answers at the controller's port" 1 "WRONG  controller   tcp://192.0.2.10:6344: Connection refused" " *mend: .*" "1 wrong"
# Something that takes connections.
fabric_start /run/fs/listen.log ctl python3 -c \
    'import socket as s; k=s.socket(); k.setsockopt(s.SOL_SOCKET, s.SO_REUSEADDR, 1); k.bind(("192.0.2.10", 6344)); k.listen(9)
while True: k.accept()[0].close()'
fabric_wait 10 ip netns exec sw bash -c ': >/dev/tcp/192.0.2.10/6344'
look 192.0.2.74
check "all is well" 0 "nothing is wrong" \
    "ok     system .*finderscope-agent [0-9.]+" \
    "ok     privilege .*" \
    "ok     key +[0-9a-f]{4}-[0-9a-f]{4}-.*" \
    "ok     tables v4    filter FORWARD: 0 rules of others in the table, 0 of ours" \
    "ok     tables v6    .*" \
    "note   ERSPAN       neither in the kernel nor in iptables.*" \
    "ok     NFLOG        group 6343 is free" \
    "ok     target       (NFLOG and the mirror process|TEE into an erspan device)" \
    "ok     comment .*" \
    "note   back end     the kernel alone.*" \
    'ok     ports        5 match "swp\+", 5 of them up' \
    "ok     controller   192.0.2.10 through swp4, next hop 192.0.2.10, from 192.0.2.1, MTU 1500" \
    "ok     controller   tcp://192.0.2.10:6344 takes connections" \
    "ok     analyser     192.0.2.74 through swp5, next hop 192.0.2.74, from 192.0.2.65, MTU 9000"
tap "the public key it shows is the one --public-key prints" grep -qxF \
    "ok     key          the controller knows this switch by key = \"$(grep -o '[A-Za-z0-9+/]\{43\}=' /run/fs/public | head -n 1)\"" <<<"$said"
look 192.0.2.75 203.0.113.99 9.9.9.9
check "ways that are none" 1 "3 wrong" "WRONG  analyser     192.0.2.75, the next hop on swp5 to the analyser, does not answer" \
    "WRONG  analyser     no route to 9.9.9.9" " *mend: ip route get 9.9.9.9"
ip -n sw link set swp5 mtu 1500
look 192.0.2.74
check "an MTU too small for copies is said, and is no wrong" 0 "note   analyser     MTU 1500 of swp5 is below 1550: .*"
look 192.0.2.300
check "an address that is none" 2 'finderscope-agent: "192.0.2.300" is no address of an analyser'
configure 'interface = "eth+"'
look
check "no port of that name" 1 'WRONG  ports        no interface matches "eth\+": no packet would be copied'
configure 'target = erspan'
look
check "a target that cannot be had" 1 "WRONG  target       the one that is set cannot be had here"
configure 'chain = NOWHERE'
look
check "no such chain" 1 "WRONG  tables v4    table filter has no chain NOWHERE"
configure 'backend = switchd-resync'
look
check "no such hardware" 1 "WRONG  switchd      no /cumulus/switchd/ctrl/acl/resync"
mkdir -p /run/fs/switchd/ctrl/acl
: >/run/fs/switchd/ctrl/acl/resync
configure 'switchd = /run/fs/switchd'
look
check "a switchd tree" 1 "ok     switchd      /run/fs/switchd/ctrl/acl/resync" "ok     back end     switchd-resync" \
    "WRONG  target       no ERSPAN, and nothing else copies what the ASIC forwards"
configure 'switchd = /run/fs/switchd
target = nflog'
look
check "a switchd tree, and a target that is set" 0 "ok     back end     switchd-resync" "ok     target       NFLOG and .*"
configure ""
sed -i 's/^controller_key = .*/controller_key = "'"$(grep -o '[A-Za-z0-9+/]\{43\}=' /run/fs/public | head -n 1 | sed 's/\//\\\//g')"'"/' /run/fs/agent.conf
look
check "the wrong one of two keys" 1 "WRONG  key          controller_key is this agent's own public key"
configure ""
ip netns exec sw "$build/finderscope-agent" -c /run/fs/agent.conf --release >/dev/null 2>&1
look
check "released" 0 "note   state        released: nothing is captured until that is lifted" " *mend: finderscope-agent --unrelease"
ip netns exec sw "$build/finderscope-agent" -c /run/fs/agent.conf --unrelease >/dev/null 2>&1
ip netns exec sw iptables-legacy -A FORWARD -s 10.9.9.9 -j ACCEPT
ip netns exec sw iptables-legacy -A FORWARD -s 10.9.9.8 -j ACCEPT -m comment --comment finderscope:1:0
look
check "rules of others, and one of ours that was left" 0 "ok     tables v4    filter FORWARD: 1 rules of others in the table, 1 of ours"
fabric_start /run/fs/agent.log sw "$build/finderscope-agent" -c /run/fs/agent.conf
agent=$started
fabric_wait 10 sh -c "! ip netns exec sw iptables-legacy -S | grep -q finderscope"
look
check "beside an agent that runs" 0 "note   NFLOG        group 6343 has a listener: .*" "ok     target .*"
kill "$agent"
wait "$agent"
said=$(ip netns exec sw setpriv --bounding-set -net_admin --inh-caps -net_admin "$build/finderscope-agent" -c /run/fs/agent.conf --check 2>&1)
status=$?
check "without the privilege" 1 "WRONG  privilege    CAP_NET_ADMIN is missing" " *mend: run this as root; .*"
tap_done
