/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/kernel_msg.h"

#include <assert.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/addr.h"

static struct nl_msg *
make(int type, const void *head, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);

	assert(msg && nlmsg_append(msg, (void *)(uintptr_t)head, size, NLMSG_ALIGNTO) == 0);
	return msg;
}

struct nl_msg *
kernel_msg_link(int type, const struct kernel_msg_link *link)
{
	struct ifinfomsg head = {.ifi_index = (int)link->ifindex,
	    .ifi_flags = (link->down ? 0 : IFF_UP | IFF_LOWER_UP) |
			 (link->loopback ? IFF_LOOPBACK : 0) | (link->noarp ? IFF_NOARP : 0)};
	struct nl_msg *msg = make(type, &head, sizeof head);

	nla_put_string(msg, IFLA_IFNAME, link->name);
	nla_put_u32(msg, IFLA_MTU, link->mtu ? link->mtu : 1500);
	if (link->master)
		nla_put_u32(msg, IFLA_MASTER, link->master);
	if (link->lower)
		nla_put_u32(msg, IFLA_LINK, link->lower);
	if (link->kind && link->kind[0]) {
		struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);

		nla_put_string(msg, IFLA_INFO_KIND, link->kind);
		struct nlattr *data = nla_nest_start(msg, IFLA_INFO_DATA);
		if (strcmp(link->kind, "vlan") == 0)
			nla_put_u16(msg, IFLA_VLAN_ID, (uint16_t)link->id);
		else if (strcmp(link->kind, "vxlan") == 0)
			nla_put_u32(msg, IFLA_VXLAN_ID, link->id);
		nla_nest_end(msg, data);
		nla_nest_end(msg, info);
	}
	return msg;
}

static void
put_tunnel(struct nl_msg *msg, unsigned vid, uint32_t vni, unsigned flags)
{
	struct nlattr *tunnel = nla_nest_start(msg, IFLA_BRIDGE_VLAN_TUNNEL_INFO);

	nla_put_u32(msg, IFLA_BRIDGE_VLAN_TUNNEL_ID, vni);
	nla_put_u16(msg, IFLA_BRIDGE_VLAN_TUNNEL_VID, (uint16_t)vid);
	nla_put_u16(msg, IFLA_BRIDGE_VLAN_TUNNEL_FLAGS, (uint16_t)flags);
	nla_nest_end(msg, tunnel);
}

struct nl_msg *
kernel_msg_port(
    int type, uint32_t ifindex, unsigned pvid, unsigned first, unsigned last, uint32_t vni)
{
	struct ifinfomsg head = {.ifi_family = AF_BRIDGE, .ifi_index = (int)ifindex};
	struct bridge_vlan_info tagged = {.vid = 77},
				untagged = {.vid = (uint16_t)pvid,
				    .flags = BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED};
	struct nl_msg *msg = make(type, &head, sizeof head);
	struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC);

	nla_put(msg, IFLA_BRIDGE_VLAN_INFO, sizeof tagged, &tagged);
	if (pvid)
		nla_put(msg, IFLA_BRIDGE_VLAN_INFO, sizeof untagged, &untagged);
	if (first && first == last)
		put_tunnel(msg, first, vni, 0);
	else if (first) {
		put_tunnel(msg, first, vni, BRIDGE_VLAN_INFO_RANGE_BEGIN);
		put_tunnel(msg, last, vni + last - first, BRIDGE_VLAN_INFO_RANGE_END);
	}
	nla_nest_end(msg, spec);
	return msg;
}

static struct addr
parse(const char *text)
{
	struct addr addr;

	assert(addr_parse(text, &addr) == 0);
	return addr;
}

static void
put_addr(struct nl_msg *msg, int attr, const struct addr *addr)
{
	nla_put(msg, attr, (int)addr_bits(addr) / 8, addr->bytes);
}

struct nl_msg *
kernel_msg_addr(int type, uint32_t ifindex, const char *text)
{
	struct addr addr = parse(text);
	struct ifaddrmsg head = {.ifa_family = (unsigned char)addr_af(&addr), .ifa_index = ifindex};
	struct nl_msg *msg = make(type, &head, sizeof head);

	put_addr(msg, IFA_ADDRESS, &addr);
	if (addr.family == 4)
		put_addr(msg, IFA_LOCAL, &addr);
	return msg;
}

static void
put_mac(struct nl_msg *msg, const char *text)
{
	unsigned m[6];
	uint8_t mac[6];

	assert(sscanf(text, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) == 6);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	nla_put(msg, NDA_LLADDR, sizeof mac, mac);
}

struct nl_msg *
kernel_msg_neighbour(
    int type, uint32_t ifindex, const char *text, const char *mac, unsigned state, unsigned flags)
{
	struct addr addr = parse(text);
	struct ndmsg head = {.ndm_family = (unsigned char)addr_af(&addr),
	    .ndm_ifindex = (int)ifindex,
	    .ndm_state = (uint16_t)state,
	    .ndm_flags = (uint8_t)flags};
	struct nl_msg *msg = make(type, &head, sizeof head);

	put_addr(msg, NDA_DST, &addr);
	if (mac)
		put_mac(msg, mac);
	return msg;
}

struct nl_msg *
kernel_msg_entry(int type, uint32_t port, uint32_t bridge, unsigned vlan, const char *mac,
    unsigned state, unsigned flags)
{
	struct ndmsg head = {.ndm_family = AF_BRIDGE,
	    .ndm_ifindex = (int)port,
	    .ndm_state = (uint16_t)state,
	    .ndm_flags = (uint8_t)flags};
	struct nl_msg *msg = make(type, &head, sizeof head);

	put_mac(msg, mac);
	if (bridge)
		nla_put_u32(msg, NDA_MASTER, bridge);
	if (vlan)
		nla_put_u16(msg, NDA_VLAN, (uint16_t)vlan);
	return msg;
}

struct nl_msg *
kernel_msg_route(
    unsigned rtm_type, const char *to, uint32_t oif, const char *via, const char *source)
{
	struct addr addr = parse(to), other;
	struct rtmsg head = {
	    .rtm_family = (unsigned char)addr_af(&addr), .rtm_type = (unsigned char)rtm_type};
	struct nl_msg *msg = make(RTM_NEWROUTE, &head, sizeof head);

	put_addr(msg, RTA_DST, &addr);
	if (oif)
		nla_put_u32(msg, RTA_OIF, oif);
	if (via) {
		other = parse(via);
		if (other.family == addr.family)
			put_addr(msg, RTA_GATEWAY, &other);
		else {
			uint8_t bytes[18];
			uint16_t family = (uint16_t)addr_af(&other);

			memcpy(bytes, &family, 2);
			memcpy(bytes + 2, other.bytes, 16);
			nla_put(msg, RTA_VIA, 2 + (int)addr_bits(&other) / 8, bytes);
		}
	}
	if (source) {
		other = parse(source);
		put_addr(msg, RTA_PREFSRC, &other);
	}
	return msg;
}
