/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1
#include "agent/main/links.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 4 /* VLAN on bond, macvlan on VLAN: nobody piles up more */
#define TUNNELS_MAX 4094

/* The field that a failed HASH_ADD clears, of links and of addresses. */
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(item) ((item)->hh.tbl = NULL)

void
links_init(struct links *links)
{
	memset(links, 0, sizeof *links);
}

void
links_clear(struct links *links)
{
	struct links_link *l, *next;
	struct links_addr *a, *after;

	HASH_ITER(hh, links->links, l, next)
	{
		HASH_DEL(links->links, l);
		free(l->tunnels);
		free(l);
	}
	HASH_ITER(hh, links->addrs, a, after)
	{
		HASH_DEL(links->addrs, a);
		free(a);
	}
	links->left_out = 0;
}

void
links_done(struct links *links)
{
	links_clear(links);
}

static struct links_link *
find(const struct links *links, uint32_t ifindex)
{
	struct links_link *link = NULL;

	HASH_FIND(hh, links->links, &ifindex, sizeof ifindex, link);
	return link;
}

const struct links_link *
links_get(const struct links *links, uint32_t ifindex)
{
	return ifindex ? find(links, ifindex) : NULL;
}

/* ---- interfaces ---- */

static enum links_kind
kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum links_kind kind;
	} kinds[] = {{"bridge", LINKS_BRIDGE}, {"vlan", LINKS_VLAN}, {"vxlan", LINKS_VXLAN},
	    {"vrf", LINKS_VRF}, {"bond", LINKS_BOND}, {"team", LINKS_BOND},
	    {"macvlan", LINKS_MACVLAN}};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(name, kinds[i].name) == 0)
			return kinds[i].kind;
	return LINKS_PLAIN;
}

/* Text attributes are NUL-terminated by the kernel; a hand-made message may not be. */
static void
take_text(const struct nlattr *attr, char *to, size_t size)
{
	if (attr)
		nla_strlcpy(to, attr, size);
}

static uint32_t
get32(const struct nlattr *attr)
{
	return attr && nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

static uint16_t
get16(const struct nlattr *attr)
{
	return attr && nla_len(attr) >= 2 ? nla_get_u16(attr) : 0;
}

static void
take_info(struct nlattr *info, struct links_link *link)
{
	struct nlattr *tb[IFLA_INFO_MAX + 1], *data[IFLA_VXLAN_MAX + 1];
	char kind[16] = "";

	if (!info || nla_parse_nested(tb, IFLA_INFO_MAX, info, NULL) < 0)
		return;
	take_text(tb[IFLA_INFO_KIND], kind, sizeof kind);
	link->kind = kind_of(kind);
	if (!tb[IFLA_INFO_DATA])
		return;
	if (link->kind == LINKS_VLAN &&
	    nla_parse_nested(data, IFLA_VLAN_MAX, tb[IFLA_INFO_DATA], NULL) >= 0)
		link->vlan = get16(data[IFLA_VLAN_ID]);
	if (link->kind == LINKS_VXLAN &&
	    nla_parse_nested(data, IFLA_VXLAN_MAX, tb[IFLA_INFO_DATA], NULL) >= 0)
		link->vni = get32(data[IFLA_VXLAN_ID]);
}

static struct links_link *
add_link(struct links *links, uint32_t ifindex)
{
	struct links_link *link;

	if (HASH_COUNT(links->links) >= LINKS_MAX || !(link = calloc(1, sizeof *link))) {
		links->left_out++;
		return NULL;
	}
	link->ifindex = ifindex;
	HASH_ADD(hh, links->links, ifindex, sizeof link->ifindex, link);
	if (!link->hh.tbl) {
		free(link);
		return NULL;
	}
	return link;
}

static bool
new_link(struct links *links, const struct ifinfomsg *head, struct nlattr **tb)
{
	struct links_link *link = find(links, (uint32_t)head->ifi_index);
	struct links_link l = {.ifindex = (uint32_t)head->ifi_index,
	    .master = get32(tb[IFLA_MASTER]),
	    .mtu = get32(tb[IFLA_MTU]),
	    .loopback = head->ifi_flags & IFF_LOOPBACK,
	    .noarp = head->ifi_flags & (IFF_NOARP | IFF_LOOPBACK),
	    .running = (head->ifi_flags & IFF_UP) && (head->ifi_flags & IFF_LOWER_UP)};

	/* One of another namespace has no meaning in this one. */
	if (!tb[IFLA_LINK_NETNSID])
		l.lower = get32(tb[IFLA_LINK]);
	take_text(tb[IFLA_IFNAME], l.name, sizeof l.name);
	take_info(tb[IFLA_LINKINFO], &l);
	bool same = link && strcmp(link->name, l.name) == 0 && link->kind == l.kind &&
		    link->master == l.master && link->lower == l.lower && link->mtu == l.mtu &&
		    link->vlan == l.vlan && link->vni == l.vni && link->running == l.running &&
		    link->loopback == l.loopback && link->noarp == l.noarp;
	if (same)
		return false;
	if (!link && !(link = add_link(links, l.ifindex)))
		return false;
	l.pvid = link->pvid;
	l.tunnels = link->tunnels;
	l.tunnel_count = link->tunnel_count;
	l.hh = link->hh;
	*link = l;
	return true;
}

static bool
del_link(struct links *links, uint32_t ifindex)
{
	struct links_link *link = find(links, ifindex);

	if (!link)
		return false;
	HASH_DEL(links->links, link);
	free(link->tunnels);
	free(link);
	return true;
}

/* ---- what a bridge says of its ports ---- */

/* One VLAN, or the end of a range that `begin` opened; the list grows by one. */
static void
take_tunnel(
    struct nlattr *attr, struct links_tunnel *begin, struct links_tunnel **list, unsigned *count)
{
	struct nlattr *tb[IFLA_BRIDGE_VLAN_TUNNEL_MAX + 1];

	if (nla_parse_nested(tb, IFLA_BRIDGE_VLAN_TUNNEL_MAX, attr, NULL) < 0 ||
	    !tb[IFLA_BRIDGE_VLAN_TUNNEL_ID] || !tb[IFLA_BRIDGE_VLAN_TUNNEL_VID])
		return;
	uint16_t vid = get16(tb[IFLA_BRIDGE_VLAN_TUNNEL_VID]);
	uint16_t flags = get16(tb[IFLA_BRIDGE_VLAN_TUNNEL_FLAGS]);
	struct links_tunnel t = {
	    .first = vid, .last = vid, .vni = get32(tb[IFLA_BRIDGE_VLAN_TUNNEL_ID])};
	if (flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
		*begin = t;
		return;
	}
	if ((flags & BRIDGE_VLAN_INFO_RANGE_END) && begin->first && begin->first <= vid) {
		t.first = begin->first;
		t.vni = begin->vni;
	}
	begin->first = 0;
	if (*count >= TUNNELS_MAX)
		return;
	struct links_tunnel *more = reallocarray(*list, *count + 1, sizeof *more);
	if (!more)
		return;
	*list = more;
	more[(*count)++] = t;
}

static bool
new_port(struct links *links, uint32_t ifindex, struct nlattr *spec)
{
	struct links_link *link = find(links, ifindex);
	struct links_tunnel begin = {.first = 0}, *tunnels = NULL;
	unsigned count = 0;
	uint16_t pvid = 0;
	struct nlattr *attr;
	int left;

	if (!link)
		return false;
	if (spec)
		nla_for_each_nested(attr, spec, left)
		{
			struct bridge_vlan_info vlan;

			if (nla_type(attr) == IFLA_BRIDGE_VLAN_TUNNEL_INFO) {
				take_tunnel(attr, &begin, &tunnels, &count);
			} else if (nla_type(attr) == IFLA_BRIDGE_VLAN_INFO &&
				   nla_len(attr) >= (int)sizeof vlan) {
				memcpy(&vlan, nla_data(attr), sizeof vlan);
				if (vlan.flags & BRIDGE_VLAN_INFO_PVID)
					pvid = vlan.vid;
			}
		}
	bool same = link->pvid == pvid && link->tunnel_count == count &&
		    (count == 0 || memcmp(link->tunnels, tunnels, count * sizeof *tunnels) == 0);
	link->pvid = pvid;
	free(link->tunnels);
	link->tunnels = tunnels;
	link->tunnel_count = count;
	return !same;
}

static bool
take_link(struct links *links, const struct nlmsghdr *message)
{
	struct nlattr *tb[IFLA_MAX + 1];
	struct ifinfomsg head;

	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof head, tb, IFLA_MAX, NULL) < 0)
		return false;
	memcpy(&head, nlmsg_data(message), sizeof head);
	if (head.ifi_index <= 0)
		return false;
	/* A bridge's word about a port: it is not the port that goes with RTM_DELLINK. */
	if (head.ifi_family == AF_BRIDGE)
		return new_port(links, (uint32_t)head.ifi_index,
		    message->nlmsg_type == RTM_NEWLINK ? tb[IFLA_AF_SPEC] : NULL);
	if (head.ifi_family != AF_UNSPEC)
		return false;
	if (message->nlmsg_type == RTM_DELLINK)
		return del_link(links, (uint32_t)head.ifi_index);
	return new_link(links, &head, tb);
}

/* ---- addresses ---- */

static bool
take_addr(struct links *links, const struct nlmsghdr *message)
{
	struct nlattr *tb[IFA_MAX + 1], *value;
	struct ifaddrmsg head;
	struct links_addr *a = NULL, fresh;

	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof head, tb, IFA_MAX, NULL) < 0)
		return false;
	memcpy(&head, nlmsg_data(message), sizeof head);
	/* On a point-to-point interface IFA_ADDRESS is the other side's. */
	value = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	memset(&fresh, 0, sizeof fresh);
	if (value && head.ifa_family == AF_INET && nla_len(value) == 4)
		fresh.key.addr = addr_from_v4(nla_data(value));
	else if (value && head.ifa_family == AF_INET6 && nla_len(value) == 16)
		fresh.key.addr = addr_from_v6(nla_data(value));
	else
		return false;
	fresh.key.ifindex = head.ifa_index;
	HASH_FIND(hh, links->addrs, &fresh.key, sizeof fresh.key, a);
	if (message->nlmsg_type == RTM_DELADDR) {
		if (!a)
			return false;
		HASH_DEL(links->addrs, a);
		free(a);
		return true;
	}
	if (a)
		return false;
	if (HASH_COUNT(links->addrs) >= LINKS_MAX || !(a = malloc(sizeof *a))) {
		links->left_out++;
		return false;
	}
	*a = fresh;
	HASH_ADD(hh, links->addrs, key, sizeof a->key, a);
	if (!a->hh.tbl) {
		free(a);
		return false;
	}
	return true;
}

bool
links_take(struct links *links, const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return take_link(links, message);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return take_addr(links, message);
	default:
		return false;
	}
}

/* ---- questions ---- */

bool
links_matches(const char *name, const char *pattern)
{
	size_t n = strlen(pattern);

	if (n && pattern[n - 1] == '+')
		return strncmp(name, pattern, n - 1) == 0;
	return strcmp(name, pattern) == 0;
}

bool
links_has_running(const struct links *links, const char *pattern)
{
	for (const struct links_link *l = links->links; l; l = l->hh.next)
		if (l->running && links_matches(l->name, pattern))
			return true;
	return false;
}

static bool
is_front(
    const struct links *links, const struct links_link *link, const char *pattern, unsigned depth)
{
	if (!link || depth == 0 || link->loopback)
		return false;
	if (links_matches(link->name, pattern))
		return true;
	if (link->kind == LINKS_VLAN)
		return is_front(links, links_get(links, link->lower), pattern, depth - 1);
	if (link->kind != LINKS_BOND)
		return false;
	for (const struct links_link *l = links->links; l; l = l->hh.next)
		if (l->master == link->ifindex && links_matches(l->name, pattern))
			return true;
	return false;
}

bool
links_is_front(const struct links *links, const struct links_link *link, const char *pattern)
{
	return is_front(links, link, pattern, DEPTH);
}

const char *
links_vrf(const struct links *links, uint32_t ifindex)
{
	const struct links_link *link = links_get(links, ifindex);

	for (unsigned i = 0; link && i < DEPTH; i++) {
		if (link->kind == LINKS_VRF)
			return link->name;
		link = links_get(links, link->master);
	}
	return "";
}

uint32_t
links_vni(const struct links *links, uint32_t bridge, uint16_t vlan)
{
	for (const struct links_link *l = links->links; l; l = l->hh.next) {
		if (l->kind != LINKS_VXLAN || l->master != bridge)
			continue;
		if (l->vni && (vlan == 0 || l->pvid == vlan))
			return l->vni;
		for (unsigned i = 0; i < l->tunnel_count; i++)
			if (vlan >= l->tunnels[i].first && vlan <= l->tunnels[i].last)
				return l->tunnels[i].vni + (vlan - l->tunnels[i].first);
	}
	return 0;
}

uint32_t
links_front_mtu(const struct links *links, const char *pattern, uint32_t but)
{
	uint32_t most = 0;

	for (const struct links_link *l = links->links; l; l = l->hh.next)
		if (l->ifindex != but && l->mtu > most && links_matches(l->name, pattern))
			most = l->mtu;
	return most;
}

static int
by_ifindex(const void *a, const void *b)
{
	const struct links_link *x = *(const struct links_link *const *)a,
				*y = *(const struct links_link *const *)b;

	return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

static void
hello_ports(const struct links *links, const char *pattern, struct agent_hello *hello)
{
	size_t n = HASH_COUNT(links->links), i = 0;
	const struct links_link **list = calloc(n + 1, sizeof(const struct links_link *));

	hello->port_count = 0;
	if (!list)
		return;
	for (const struct links_link *l = links->links; l; l = l->hh.next)
		list[i++] = l;
	qsort(list, n, sizeof(const struct links_link *), by_ifindex);
	for (unsigned other = 0; other < 2; other++)
		for (i = 0; i < n && hello->port_count < AGENT_MSG_PORTS_MAX; i++) {
			if (list[i]->loopback || links_matches(list[i]->name, pattern) == other)
				continue;
			hello->ports[hello->port_count].ifindex = list[i]->ifindex;
			memcpy(hello->ports[hello->port_count++].name, list[i]->name,
			    sizeof list[i]->name);
		}
	free(list);
}

static int
by_address(const void *a, const void *b)
{
	const struct links_addr *x = *(const struct links_addr *const *)a,
				*y = *(const struct links_addr *const *)b;
	int order = addr_compare(&x->key.addr, &y->key.addr);

	if (order)
		return order;
	return x->key.ifindex < y->key.ifindex ? -1 : x->key.ifindex > y->key.ifindex;
}

static void
hello_addrs(const struct links *links, struct agent_hello *hello)
{
	size_t n = 0;
	const struct links_addr **list =
	    calloc(HASH_COUNT(links->addrs) + 1, sizeof(const struct links_addr *));

	hello->addr_count = 0;
	if (!list)
		return;
	for (const struct links_addr *a = links->addrs; a; a = a->hh.next)
		if (!addr_is_special(&a->key.addr))
			list[n++] = a;
	/* In an order of their own, so that equal facts make an equal hello. */
	qsort(list, n, sizeof(const struct links_addr *), by_address);
	for (size_t i = 0; i < n && i < AGENT_MSG_ADDRS_MAX; i++) {
		const struct links_link *l = links_get(links, list[i]->key.ifindex);

		hello->addrs[i].addr = list[i]->key.addr;
		hello->addrs[i].ifindex = list[i]->key.ifindex;
		memset(hello->addrs[i].iface, 0, sizeof hello->addrs[i].iface);
		if (l)
			memcpy(hello->addrs[i].iface, l->name, sizeof l->name);
		hello->addr_count++;
	}
	free(list);
}

void
links_hello(const struct links *links, const char *pattern, struct agent_hello *hello)
{
	/* What is compared with memcmp must not hold what an earlier one left. */
	memset(hello->addrs, 0, sizeof hello->addrs);
	memset(hello->ports, 0, sizeof hello->ports);
	hello_addrs(links, hello);
	hello_ports(links, pattern, hello);
}
