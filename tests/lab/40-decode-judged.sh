#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `finderscope-controller decode` says, judged by tshark and by golden files (tests/lab/judge-sflow): the real
# datagrams in $TEST_DATA/sflow, and sFlow that pmacct's sfprobe and Open vSwitch's own exporter send here and now.
#   tests/lab/40-decode-judged.sh BUILD_DIR
set -u
cd "$(dirname "$0")/../.." || exit 1
for tool in tshark python3 tcpdump; do
	command -v $tool >/dev/null || { echo "1..0 # SKIP $tool is not here"; exit 0; }
done
# shellcheck source=tests/lab/fabric.bash
. tests/lab/fabric.bash
[ "$(id -u)" -ne 0 ] || fabric_isolate "$0" "$@"
build=${1:-build}
data=${TEST_DATA:-../shared/data}/sflow
goldens=tests/golden/sflow
controller=$build/finderscope-controller
number=0 failed=0

# check NAME COMMAND…: the last line of what it prints goes to the test's name
check()
{
	local name=$1 said
	shift
	number=$((number + 1))
	if said=$("$@" 2>&1); then
		echo "ok $number - $name: ${said##*$'\n'}"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		while IFS= read -r line; do echo "# $line"; done <<<"$said"
	fi
}
skip()
{
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

# Two hosts; their switch, where there is one, is in between.
hosts_up()
{
	local host
	for host in a b; do
		ip netns add $host
		ip link add eth0 netns $host type veth peer name p$host
		ethtool -K p$host tso off gso off gro off tx off >/dev/null 2>&1
		ip netns exec $host ethtool -K eth0 tso off gso off gro off tx off >/dev/null 2>&1
		ip link set p$host up
		ip -n $host link set eth0 up
		ip -n $host link add link eth0 name eth0.5 type vlan id 5
		ip -n $host link set eth0.5 up
	done
	ip -n a addr add 10.1.0.2/24 dev eth0
	ip -n b addr add 10.1.0.3/24 dev eth0
	ip -n a addr add 10.5.0.2/24 dev eth0.5
	ip -n b addr add 10.5.0.3/24 dev eth0.5
	ip -n a addr add 2001:db8:1::2/64 dev eth0 nodad
	ip -n b addr add 2001:db8:1::3/64 dev eth0 nodad
}

# Packets of many kinds for as long as the recorder lives: ICMP, TCP, UDP, IPv6, tagged, fragments.
# talk PID
talk()
{
	ip netns exec b busybox nc -ll -p 80 -e cat >/dev/null 2>&1 &
	while kill -0 "$1" 2>/dev/null; do
		ip netns exec a ping -q -c 5 -i 0.01 -W 1 10.1.0.3
		ip netns exec a ping -q -c 5 -i 0.01 -W 1 10.5.0.3
		ip netns exec a ping -q -c 5 -i 0.01 -W 1 2001:db8:1::3
		ip netns exec a ping -q -c 3 -i 0.01 -W 1 -s 3000 10.1.0.3
		head -c 3000 /dev/zero | ip netns exec a busybox nc -w 1 10.1.0.3 80
		echo udp | ip netns exec a busybox timeout 0.2 busybox nc -u 10.5.0.3 53
	done >/dev/null 2>&1
}

# record FILE COUNT: datagrams to port 6343 on lo, until there are so many
record()
{
	timeout 60 tcpdump -q -i lo -U -s 0 -c "$2" -w "$1" udp dst port 6343 >/run/fs/tcpdump.log 2>&1 &
	recorder=$!
	fabric_wait 10 grep -q 'listening on' /run/fs/tcpdump.log
	talk $recorder &
	wait $recorder
}

sfprobe()
{
	cat >/run/fs/pmacctd.conf <<-END
		daemonize: false
		pcap_interface: pa
		plugins: sfprobe
		sfprobe_receiver: 127.0.0.1:6343
		sfprobe_agentip: 10.255.0.1
		sampling_rate: 2
	END
	ip link add br0 type bridge
	ip link set pa master br0
	ip link set pb master br0
	ip link set br0 up
	pmacctd -f /run/fs/pmacctd.conf >/run/fs/pmacctd.log 2>&1 &
	local probe=$!
	record /run/fs/sfprobe.pcap 12
	kill $probe
	ip link del br0
}

openvswitch()
{
	export OVS_RUNDIR=/run/fs OVS_LOGDIR=/run/fs OVS_DBDIR=/run/fs
	local db=unix:/run/fs/db.sock
	ovsdb-tool create /run/fs/conf.db /usr/share/openvswitch/vswitch.ovsschema &&
	    ovsdb-server /run/fs/conf.db --remote=p$db --pidfile=/run/fs/ovsdb.pid --detach --no-chdir --log-file=/run/fs/ovsdb.log &&
	    ovs-vsctl --db=$db --no-wait init &&
	    ovs-vswitchd $db --pidfile=/run/fs/vswitchd.pid --detach --no-chdir --disable-system --log-file=/run/fs/vswitchd.log &&
	    ovs-vsctl --db=$db --timeout=20 add-br br0 -- set bridge br0 datapath_type=netdev \
	        -- add-port br0 pa -- add-port br0 pb \
	        -- --id=@s create sflow agent=lo 'target="127.0.0.1:6343"' header=128 sampling=2 polling=1 \
	        -- set bridge br0 sflow=@s || return 1
	record /run/fs/openvswitch.pcap 60
}

# judged CAPTURES…
judged()
{
	tests/lab/judge-sflow "$controller" "${judge_goldens:-$goldens}" "$@"
}
# made NAME LEAST: a capture of this run, with so many samples at least
made()
{
	local said
	said=$(judge_goldens=- judged "/run/fs/$1.pcap")
	local status=$?
	echo "$said"
	local samples=${said##*datagrams, }
	[ $status -eq 0 ] && [ "${samples%% samples*}" -ge "$2" ]
}

if [ -d "$data" ]; then
	check "every real datagram" judged "$data"/*.raw "$data"/*.pcap
else
	skip "every real datagram" "no $data: set TEST_DATA"
fi
if [ "$(id -u)" -ne 0 ]; then
	skip "exporters that send here and now" "network namespaces need root"
	echo "1..$number"
	exit $((failed > 0))
fi
# Somebody must listen, or the exporters are told that nobody does.
python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 6343))
while True: s.recv(9999)' &
hosts_up >/dev/null 2>&1
if command -v pmacctd >/dev/null; then
	sfprobe >/run/fs/sfprobe.log 2>&1
	check "pmacct's sfprobe" made sfprobe 20
else
	skip "pmacct's sfprobe" "no pmacctd"
fi
if command -v ovs-vswitchd >/dev/null; then
	check "Open vSwitch starts" openvswitch
	check "Open vSwitch's sFlow" made openvswitch 60
else
	skip "Open vSwitch's sFlow" "no openvswitch-switch"
fi
echo "1..$number"
[ $failed -eq 0 ]
