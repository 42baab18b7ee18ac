/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/main/paths.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ERSPAN type II round an Ethernet header: IPv4 or IPv6, GRE with a sequence number. */
#define OVERHEAD4 (20 + 8 + 8 + 14)
#define OVERHEAD6 (40 + 8 + 8 + 14)

/* Switch ports are often set to some 9,200 bytes; hosts behind them send no more than this. */
#define HOST_MTU_MAX 9000

#define NUD_FINE (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP)
/* The kernel is asking by itself. */
#define NUD_ASKING (NUD_DELAY | NUD_PROBE | NUD_INCOMPLETE)

void
paths_init(struct paths *paths)
{
	memset(paths, 0, sizeof *paths);
}

void
paths_done(struct paths *paths)
{
	free(paths->list);
	memset(paths, 0, sizeof *paths);
}

struct paths_path *
paths_find(const struct paths *paths, const struct addr *analyser)
{
	for (unsigned i = 0; i < paths->count; i++)
		if (addr_equal(&paths->list[i].analyser, analyser))
			return &paths->list[i];
	return NULL;
}

struct paths_path *
paths_add(struct paths *paths, const struct addr *analyser)
{
	struct paths_path *path = paths_find(paths, analyser);

	if (path) {
		path->wanted = true;
		return path;
	}
	if (!paths->list)
		paths->list = calloc(PATHS_MAX, sizeof *paths->list);
	if (!paths->list || paths->count == PATHS_MAX)
		return NULL;
	path = &paths->list[paths->count++];
	*path = (struct paths_path){.analyser = *analyser, .wanted = true};
	return path;
}

void
paths_sweep(struct paths *paths)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < paths->count; i++) {
		if (!paths->list[i].wanted)
			continue;
		paths->list[kept] = paths->list[i];
		paths->list[kept++].wanted = false;
	}
	paths->count = kept;
}

/* ---- messages ---- */

static bool
read_addr(const struct nlattr *attr, int family, struct addr *ret_addr)
{
	if (attr && family == AF_INET && nla_len(attr) == 4)
		*ret_addr = addr_from_v4(nla_data(attr));
	else if (attr && family == AF_INET6 && nla_len(attr) == 16)
		*ret_addr = addr_from_v6(nla_data(attr));
	else
		return false;
	return true;
}

/* An IPv4 route through an IPv6 next hop (RFC 8950): the family stands in the attribute. */
static bool
read_via(const struct nlattr *attr, struct addr *ret_addr)
{
	const uint8_t *bytes = attr ? nla_data(attr) : NULL;
	uint16_t family;

	if (!attr || nla_len(attr) < (int)sizeof family)
		return false;
	memcpy(&family, bytes, sizeof family);
	if (family == AF_INET && nla_len(attr) == 6)
		*ret_addr = addr_from_v4(bytes + sizeof family);
	else if (family == AF_INET6 && nla_len(attr) == 18)
		*ret_addr = addr_from_v6(bytes + sizeof family);
	else
		return false;
	return true;
}

bool
paths_read_route(
    const struct nlmsghdr *message, const struct addr *to, struct paths_route *ret_route)
{
	struct nlattr *tb[RTA_MAX + 1], *metrics[RTAX_MAX + 1];
	struct rtmsg head;
	struct paths_route route = {.found = true, .next_hop = *to};

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof head, tb, RTA_MAX, NULL) < 0)
		return false;
	memcpy(&head, nlmsg_data(message), sizeof head);
	if (head.rtm_family != addr_af(to) || head.rtm_type != RTN_UNICAST || !tb[RTA_OIF] ||
	    nla_len(tb[RTA_OIF]) < 4)
		return false;
	route.oif = nla_get_u32(tb[RTA_OIF]);
	if (!read_addr(tb[RTA_GATEWAY], head.rtm_family, &route.next_hop))
		(void)read_via(tb[RTA_VIA], &route.next_hop);
	(void)read_addr(tb[RTA_PREFSRC], head.rtm_family, &route.source);
	if (tb[RTA_METRICS] && nla_parse_nested(metrics, RTAX_MAX, tb[RTA_METRICS], NULL) >= 0 &&
	    metrics[RTAX_MTU] && nla_len(metrics[RTAX_MTU]) >= 4)
		route.mtu = nla_get_u32(metrics[RTAX_MTU]);
	*ret_route = route;
	return true;
}

bool
paths_read_next_hop(
    const struct nlmsghdr *message, const struct paths_route *route, uint16_t *ret_nud)
{
	struct nlattr *tb[NDA_MAX + 1];
	struct ndmsg head;
	struct addr addr;

	if (!route->found ||
	    (message->nlmsg_type != RTM_NEWNEIGH && message->nlmsg_type != RTM_DELNEIGH) ||
	    nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof head, tb, NDA_MAX, NULL) < 0)
		return false;
	memcpy(&head, nlmsg_data(message), sizeof head);
	if ((uint32_t)head.ndm_ifindex != route->oif ||
	    !read_addr(tb[NDA_DST], head.ndm_family, &addr) || !addr_equal(&addr, &route->next_hop))
		return false;
	*ret_nud = message->nlmsg_type == RTM_DELNEIGH ? 0 : head.ndm_state;
	return true;
}

/* ---- what follows ---- */

bool
paths_set_route(struct paths_path *path, const struct paths_route *route, struct instant now)
{
	const struct paths_route *old = &path->route;
	bool hop = old->found != route->found || old->oif != route->oif ||
		   !addr_equal(&old->next_hop, &route->next_hop);
	bool other = hop || !addr_equal(&old->source, &route->source) || old->mtu != route->mtu;

	path->route = *route;
	if (hop) {
		path->probes = 0;
		path->nud = 0;
		path->state = 0; /* what the last next hop did says nothing of this one */
		path->probe_at = route->found ? now : (struct instant){0};
	}
	return other;
}

/* 1 s, 2 s, 4 s, … 30 s. */
static int64_t
pause_after(unsigned probes)
{
	return probes >= 6 ? 30 * CLK_S : CLK_S << (probes ? probes - 1 : 0);
}

void
paths_set_next_hop(struct paths_path *path, uint16_t nud, struct instant now)
{
	path->nud = nud;
	if (!path->route.found)
		return;
	if (nud & NUD_FINE) {
		path->probes = 0;
		path->probe_at = (struct instant){0};
	} else if (nud & NUD_ASKING) {
		path->probe_at = clk_add(now, pause_after(path->probes + 1));
	} else {
		/* Stale, failed, or the kernel dropped the entry. */
		path->probe_at = path->probes ? clk_add(now, pause_after(path->probes)) : now;
	}
}

void
paths_probed(struct paths_path *path, struct instant now)
{
	path->probes++;
	path->probe_at = clk_add(now, pause_after(path->probes));
}

static enum paths_state
judge(const struct paths_path *path, const struct links_link *port, char text[ORDER_TEXT_MAX])
{
	char to[ADDR_TEXT_MAX], hop[ADDR_TEXT_MAX];

	addr_format(&path->analyser, to);
	addr_format(&path->route.next_hop, hop);
	if (!path->route.found) {
		snprintf(text, ORDER_TEXT_MAX, "no route to %s", to);
		return PATHS_NO_ROUTE;
	}
	if (!port) {
		snprintf(text, ORDER_TEXT_MAX, "the route to %s leads through a missing port", to);
		return PATHS_PORT_DOWN;
	}
	if (!port->running) {
		snprintf(text, ORDER_TEXT_MAX, "the route to %s leads through %s, which is down",
		    to, port->name);
		return PATHS_PORT_DOWN;
	}
	if (path->nud & NUD_FAILED) {
		snprintf(text, ORDER_TEXT_MAX,
		    "%s, the next hop on %s to the analyser, does not answer", hop, port->name);
		return PATHS_DEAD;
	}
	return PATHS_UP;
}

/* Full-size copies are longer than what they copy. */
static void
look_at_mtu(const struct paths_path *path, const struct links *links, const struct links_link *port,
    const char *front, char text[ORDER_TEXT_MAX])
{
	uint32_t mtu = path->route.mtu && path->route.mtu < port->mtu ? path->route.mtu : port->mtu;
	uint32_t need = links_front_mtu(links, front, port->ifindex);
	char to[ADDR_TEXT_MAX];

	if (need > HOST_MTU_MAX)
		need = HOST_MTU_MAX;
	need += need ? (path->analyser.family == 6 ? OVERHEAD6 : OVERHEAD4) : 0;
	if (mtu == 0 || mtu >= need)
		return;
	snprintf(text, ORDER_TEXT_MAX,
	    "MTU %u of %s is below %u: full-size copies to %s go in fragments or get lost", mtu,
	    port->name, need, addr_format(&path->analyser, to));
}

bool
paths_judge(struct paths_path *path, const struct links *links, const char *front)
{
	const struct links_link *port = links_get(links, path->route.oif);
	char text[ORDER_TEXT_MAX] = "";
	enum paths_state state = judge(path, port, text);

	if (state == PATHS_UP)
		look_at_mtu(path, links, port, front, text);
	/* Until it answers or fails for good: asking is no change. */
	if (state == PATHS_UP && path->state == PATHS_DEAD && !(path->nud & (NUD_FINE | NUD_STALE)))
		return false;
	bool changed = state != path->state || strcmp(text, path->text) != 0;
	path->state = state;
	memcpy(path->text, text, sizeof text);
	return changed;
}

bool
paths_next(const struct paths *paths, struct instant *ret_at)
{
	bool any = false;

	for (unsigned i = 0; i < paths->count; i++) {
		struct instant at = paths->list[i].probe_at;

		if (at.ns && (!any || clk_before(at, *ret_at))) {
			*ret_at = at;
			any = true;
		}
	}
	return any;
}
