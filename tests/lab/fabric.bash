# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A small fabric in namespaces, for the demo and for tests of whole programs. Sourced.
#
#   host 10.1.0.2 ──swp1─┐         ┌─swp2── bad     198.51.100.9
#   (a second, 10.1.0.3) │   sw    ├─swp3── good    203.0.113.5
#                        └─────────┼─swp4── ctl     192.0.2.10   controller, web server
#                                  └─swp5── analyser 192.0.2.74  (MTU 9000: copies are longer than what they copy)
#
# fabric_isolate runs the script anew in mount, pid and network namespaces of its own, with a /run of its own: two
# runs cannot meet, and when the script ends, however it ends, the kernel takes every process, namespace and file away.

# Numbers with a point in them, as bash's own clock has, whatever the user's language.
export LC_ALL=C.UTF-8

# fabric_isolate SCRIPT ARGUMENTS…: returns inside; the caller's outer copy never gets past it. Not root: all is skipped.
fabric_isolate()
{
	[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP needs root (network namespaces)"; exit 0; }
	if [ "${FABRIC_INSIDE:-}" = yes ]; then
		mount -t tmpfs -o mode=755 tmpfs /run
		mkdir -p /run/netns /run/fs
		ip link set lo up
		cd "$FABRIC_CWD" || exit 1
		return
	fi
	if mountpoint -q /; then
		FABRIC_INSIDE=yes FABRIC_CWD=$PWD exec unshare --mount --pid --net --ipc --fork --kill-child --mount-proc \
		    -- bash "$@"
	fi
	FABRIC_INSIDE=yes FABRIC_CWD=$PWD exec unshare --mount --propagation unchanged --pid --net --ipc --fork \
	    --kill-child --mount-proc -- python3 tests/lab/rooted.py bash "$@"
}

# ctl WORDS…: finderscopectl where the controller is; BUILD_DIR is the caller's $build.
# shellcheck disable=SC2154
ctl() { ip netns exec ctl "$build/finderscopectl" --socket /run/fs/controller.sock "$@"; }

# fabric_link NAMESPACE ADDRESS PORT GATEWAY [MTU]: a host behind a port of the switch.
fabric_link()
{
	ip netns add "$1"
	ip -n "$1" link set lo up
	ip link add eth0 netns "$1" type veth peer name "$3" netns sw
	ip -n "$1" addr add "$2" dev eth0
	ip -n sw addr add "$4/${2#*/}" dev "$3"
	# Offloads make packets larger than any wire carries.
	ip netns exec "$1" ethtool -K eth0 tso off gso off gro off tx off >/dev/null 2>&1
	ip netns exec sw ethtool -K "$3" tso off gso off gro off tx off >/dev/null 2>&1
	if [ -n "${5:-}" ]; then
		ip -n "$1" link set eth0 mtu "$5"
		ip -n sw link set "$3" mtu "$5"
	fi
	ip -n "$1" link set eth0 up
	ip -n sw link set "$3" up
	ip -n "$1" route add default via "$4"
}

fabric_up()
{
	ip netns add sw
	ip -n sw link set lo up
	ip -n sw addr add 10.255.0.1/32 dev lo
	ip netns exec sw sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
	    net.ipv4.conf.all.rp_filter=0
	fabric_link host 10.1.0.2/24 swp1 10.1.0.1
	ip -n host addr add 10.1.0.3/24 dev eth0
	fabric_link bad 198.51.100.9/24 swp2 198.51.100.1
	fabric_link good 203.0.113.5/24 swp3 203.0.113.1
	fabric_link ctl 192.0.2.10/26 swp4 192.0.2.1
	fabric_link analyser 192.0.2.74/26 swp5 192.0.2.65 9000
}

# fabric_start LOG NAMESPACE COMMAND…: in the background; its pid in $started.
fabric_start()
{
	local log=$1 ns=$2
	shift 2
	ip netns exec "$ns" "$@" >>"$log" 2>&1 </dev/null &
	# shellcheck disable=SC2034 # for the caller
	started=$!
}

# fabric_wait SECONDS COMMAND…: until it succeeds, tried every 20 ms; false when the time is over, which is half a minute
# at the least: only what has failed waits so long, and machines differ.
fabric_wait()
{
	local seconds=$(($1 < 30 ? 30 : $1))
	shift
	fabric_within $seconds "$@"
}

# fabric_within SECONDS COMMAND…: the same where the time is what is promised.
fabric_within()
{
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt $end ] || return 1
		sleep 0.02
	done
}

# The switch's rules of Finderscope, and everything in its FORWARD chain.
fabric_rules()
{
	ip netns exec sw iptables-legacy -w 5 -S FORWARD | grep 'finderscope:'
}

# fabric_exporter PORT RATE: sFlow of a switch port by pmacct's sfprobe, once a second.
fabric_exporter()
{
	cat >/run/fs/pmacctd.conf <<-END
		daemonize: false
		pcap_interface: $1
		plugins: sfprobe
		sfprobe_receiver: 192.0.2.10:6343
		sfprobe_agentip: 10.255.0.1
		sampling_rate: $2
	END
	fabric_start /run/fs/pmacctd.log sw pmacctd -f /run/fs/pmacctd.conf
}

# fabric_keys BUILD NAME…: /run/fs/NAME.key and NAME.pub.
fabric_keys()
{
	local build=$1 name
	shift
	for name in "$@"; do
		(umask 077 && "$build/finderscopectl" genkey >"/run/fs/$name.key") || return 1
		"$build/finderscopectl" pubkey <"/run/fs/$name.key" >"/run/fs/$name.pub"
	done
}

# fabric_agent_conf NAME [KEY [CONTROLLER]]: /run/fs/NAME.conf for an agent; keys by their names.
fabric_agent_conf()
{
	mkdir -p "/run/fs/$1.run" "/run/fs/$1.state"
	cat >"/run/fs/$1.conf" <<-END
		name = $1
		controller = "tcp://192.0.2.10:6344"
		controller_key = "$(cat "/run/fs/${3:-controller}.pub")"
		key = /run/fs/${2:-$1}.key
		user = nobody
		run_dir = /run/fs/$1.run
		state_dir = /run/fs/$1.state
	END
}

# fabric_logs: what every program said, for a failed test's output.
fabric_logs()
{
	local log
	for log in /run/fs/*.log; do
		echo "--- $log"
		tail -n 30 "$log"
	done | sed 's/^/# /'
}
