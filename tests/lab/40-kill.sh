#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Whoever is killed, wedged or cut off: no rule of ours is in the kernel past its lease plus two seconds, or, where the
# whole agent was killed, past its restart. The real agent, a controller that wants three conversations held, and a
# stand-in for what systemd does when the unit ends.
#   tests/lab/40-kill.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
fabric_isolate "$0" "$@"
build=$(realpath "$1")
unit=packaging/systemd/finderscope-agent.service
lease=2000 polled=400
conf=/run/fs/agent.conf
number=0 failed=0
controller='' agent=''
export XTABLES_LOCKFILE=/run/xtables.lock

ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

ok()
{
	number=$((number + 1))
	echo "ok $number - $1"
}

not_ok()
{
	number=$((number + 1)) failed=$((failed + 1))
	echo "not ok $number - $1"
	for log in /run/fs/*.log; do
		echo "--- $log"
		tail -n 15 "$log"
	done | sed 's/^/# /'
}

# check NAME COMMAND…
check()
{
	local name=$1
	shift
	if "$@"; then ok "$name"; else not_ok "$name"; fi
}

count() { ip netns exec sw iptables-legacy -w 5 -S | grep -c finderscope:; }
# is NUMBER: so many rules of ours are in the kernel.
is() { [ "$(count)" -eq "$1" ]; }
alive() { kill -0 "$1" 2>/dev/null; }
dead() { ! alive "$1"; }
role() { pgrep -P "$agent" -f -- "--role $1"; }

# gone NAME SINCE LIMIT: all rules go before LIMIT ms after SINCE.
gone()
{
	local left=$(($2 + $3 - $(ms)))
	if fabric_wait_ms $left is 0; then
		ok "$1 ($(($(ms) - $2)) ms)"
	else
		not_ok "$1: $(count) rules after $(($(ms) - $2)) ms"
	fi
}

fabric_wait_ms()
{
	local end=$((${EPOCHREALTIME/./} + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt $end ] || return 1
		sleep 0.02
	done
}

start_controller()
{
	fabric_start /run/fs/controller.log ctl "$build/tests/tool_hold" -n 3 -p $polled tcp://192.0.2.10:6344 \
	    /run/fs/controller.key "$agent_public" 10.1.0.2 198.51.100.9 192.0.2.74 $lease
	controller=$started
}

start_agent()
{
	fabric_start /run/fs/agent.log sw "$build/finderscope-agent" -c $conf
	agent=$started
}

# What systemd does when the main process is gone: KillMode=mixed ends the rest of the group with SIGKILL, ExecStopPost
# runs, then the unit starts again.
after_the_end()
{
	fabric_wait 15 dead "$agent"
	local pid
	for pid in "$@"; do kill -KILL "$pid" 2>/dev/null; done
	ip netns exec sw "$build/finderscope-agent" -c $conf "$stop_post" >>/run/fs/agent.log 2>&1
}

stop()
{
	local pid
	for pid in "$@"; do
		[ -n "$pid" ] || continue
		kill -CONT "$pid" 2>/dev/null
		kill -TERM "$pid" 2>/dev/null
	done
	for pid in "$@"; do [ -z "$pid" ] || fabric_wait 15 dead "$pid" || kill -KILL "$pid"; done
}

# Everything up, six rules in the kernel; a test's story goes on from here.
up()
{
	stop "$controller" "$agent"
	start_controller
	start_agent
	fabric_wait 15 is 6 || { not_ok "$1: the rules did not come"; return 1; }
	main=$agent rules=$(role rules) mirror=$(role mirror)
}

lease_over=$((lease + 2000))

killed_main()
{
	up "main killed" || return
	kill -KILL "$main"
	gone "main killed: all rules go" "$(ms)" $lease_over
	check "main killed: rules and mirror end as well" fabric_wait 15 dead "$rules"
	fabric_wait 15 dead "$mirror" || kill -KILL "$mirror"
}

killed_mirror()
{
	up "mirror killed" || return
	kill -KILL "$mirror"
	gone "mirror killed: all rules go" "$(ms)" $lease_over
	check "mirror killed: the agent ends, for systemd to start it anew" fabric_wait 15 dead "$main"
}

killed_rules()
{
	up "rules killed" || return
	local since
	since=$(ms)
	kill -KILL "$rules"
	after_the_end "$mirror"
	gone "rules killed: all rules go when the unit ends" "$since" 5000
	start_agent
	check "rules killed: started anew, it holds again" fabric_wait 15 is 6
}

killed_all()
{
	up "all three killed" || return
	kill -KILL "$rules" "$main" "$mirror"
	fabric_wait 5 dead "$rules"
	stop "$controller"
	controller=
	check "all three killed: that is the one case in which rules stay" is 6
	local since
	since=$(ms)
	start_agent
	gone "all three killed: all rules go at the restart, without a controller" "$since" 10000
	up "all three killed" || return
	kill -KILL "$rules" "$main" "$mirror"
	after_the_end
	check "all three killed: $stop_post takes all out" is 0
}

stopped_main()
{
	up "main wedged" || return
	kill -STOP "$main"
	gone "main wedged: all rules go with their lease" "$(ms)" $lease_over
	kill -CONT "$main"
}

killed_controller()
{
	up "controller killed" || return
	kill -KILL "$controller"
	gone "controller killed: all rules go with their lease" "$(ms)" $lease_over
}

wedged_controller()
{
	up "controller wedged" || return
	kill -STOP "$controller"
	gone "controller wedged: all rules go with their lease" "$(ms)" $lease_over
}

cut_network()
{
	up "network cut" || return
	ip -n sw link set swp4 down
	gone "network cut: all rules go with their lease" "$(ms)" $lease_over
	ip -n sw link set swp4 up
}

full_disk()
{
	mount -t tmpfs -o size=16k,nr_inodes=4,mode=755 tmpfs /run/fs/state
	up "disk full" || return
	dd if=/dev/zero of=/run/fs/state/fill bs=4k >/dev/null 2>&1
	for name in 1 2 3 4 5; do : >/run/fs/state/$name; done 2>/dev/null
	check "disk full: it is" sh -c '! echo x >/run/fs/state/more 2>/dev/null'
	kill -STOP "$controller"
	gone "disk full: all rules go with their lease" "$(ms)" $lease_over
	stop "$controller" "$agent"
	controller='' agent=''
	rm /run/fs/state/[1-5]
	up "disk full" || return
	for name in 1 2 3 4 5; do : >/run/fs/state/$name; done 2>/dev/null
	stop "$controller"
	controller=
	kill -KILL "$rules" "$main" "$mirror"
	fabric_wait 5 dead "$rules"
	ip netns exec sw "$build/finderscope-agent" -c $conf --release >/run/fs/release.log 2>&1
	check "disk full: --release says that it cannot be kept" [ $? -ne 0 ]
	check "disk full: --release takes all out" is 0
	agent=
	umount /run/fs/state
}

released()
{
	up "released" || return
	kill -KILL "$rules" "$main" "$mirror" "$controller"
	fabric_wait 5 dead "$rules"
	check "with all else dead the rules are there" is 6
	ip netns exec sw "$build/finderscope-agent" -c $conf --release >>/run/fs/release.log 2>&1
	check "with all else dead --release takes all out" is 0
	start_controller
	start_agent
	fabric_wait 15 grep -q 'code 21' /run/fs/controller.log
	check "released: after a restart nothing new is taken" is 0
	stop "$controller" "$agent"
	controller='' agent=''
	ip netns exec sw "$build/finderscope-agent" -c $conf --unrelease >>/run/fs/release.log 2>&1
	up "release lifted" && ok "the release is lifted"
	# While it runs as well.
	ip netns exec sw "$build/finderscope-agent" -c $conf --release >>/run/fs/release.log 2>&1
	gone "released while it runs: all rules go" "$(ms)" 5000
	sleep 0.3
	check "released while it runs: and stay away" is 0
	ip netns exec sw "$build/finderscope-agent" -c $conf --unrelease >>/run/fs/release.log 2>&1
}

# Rules that carry no tag are known by the state file; who cannot write them down does not put them there.
untagged()
{
	stop "$controller" "$agent"
	controller='' agent=''
	cp $conf /run/fs/tagged.conf
	echo 'rule_comments = "no"' >>$conf
	up "no tags" || return
	check "no tags: there are none" sh -c '! ip netns exec sw iptables-legacy -w 5 -S FORWARD | grep -q comment'
	stop "$controller"
	controller=
	kill -KILL "$rules" "$main" "$mirror"
	fabric_wait 5 dead "$rules"
	check "no tags, all killed: the rules are there" is 6
	local since
	since=$(ms)
	start_agent
	gone "no tags, all killed: they go at the restart" "$since" 10000
	check "no tags, all killed: a foreign rule is where it was" \
	    [ "$(ip netns exec sw iptables-legacy -w 5 -S FORWARD)" = "$foreign" ]
	stop "$agent"
	mount -t tmpfs -o size=16k,nr_inodes=4,mode=755 tmpfs /run/fs/run
	for name in 1 2 3 4 5; do : >/run/fs/run/$name; done 2>/dev/null
	: >/run/fs/controller.log
	start_controller
	start_agent
	check "no tags, disk full: a capture fails" fabric_wait 15 grep -q '^hold 7 ' /run/fs/controller.log
	check "no tags, disk full: nothing is in the kernel" is 0
	stop "$controller" "$agent"
	controller='' agent=''
	umount /run/fs/run
	mv /run/fs/tagged.conf $conf
}

# A lease longer than any switch grants is cut, and costs nothing else.
long_lease()
{
	local short=$lease
	lease=4294967295
	up "a lease of 49 days" && check "a lease of 49 days: the agent goes on" alive "$main"
	lease=$short
	stop "$controller" "$agent"
}

ended()
{
	up "ended" || return
	stop "$agent"
	check "SIGTERM: nothing is left" is 0
	check "a foreign rule is where it was" [ "$(ip netns exec sw iptables-legacy -w 5 -S FORWARD)" = "$foreign" ]
	agent=
}

fabric_up
ip netns exec sw iptables-legacy -A FORWARD -s 10.9.9.9/32 -j ACCEPT
foreign=$(ip netns exec sw iptables-legacy -S FORWARD)
mkdir -p /run/fs/run /run/fs/state
(
	umask 077
	"$build/tests/tool_hold" keys >/run/fs/keys
	head -n 1 /run/fs/keys >/run/fs/controller.key
	controller_public=$(tail -n 1 /run/fs/keys)
	"$build/tests/tool_hold" keys >/run/fs/keys
	head -n 1 /run/fs/keys >/run/fs/agent.key
	cat >$conf <<-END
		name = "leaf1"
		controller = "tcp://192.0.2.10:6344"
		controller_key = {"$controller_public"}
		key = "/run/fs/agent.key"
		user = "nobody"
		look = 100ms
		run_dir = "/run/fs/run"
		state_dir = "/run/fs/state"
	END
)
agent_public=$(tail -n 1 /run/fs/keys)
stop_post=$(sed -n 's|^ExecStopPost=/usr/sbin/finderscope-agent ||p' $unit)
check "the unit cleans when it ends" [ "$stop_post" = --clean ]
check "the unit ends what is left of the agent" grep -q '^KillMode=mixed' $unit

killed_main
killed_mirror
killed_rules
killed_all
stopped_main
killed_controller
wedged_controller
cut_network
full_disk
released
untagged
long_lease
ended
stop "$controller" "$agent"
echo "1..$number"
[ $failed -eq 0 ]
