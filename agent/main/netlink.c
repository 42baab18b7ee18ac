/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/main/netlink.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NEWS_A_TURN 512
#define NEWS_BUFFER (1 << 20)
#define DUMP_TRIES 5
#define ROUTES_NS (100 * CLK_MS) /* a change of routes seldom comes alone */
#define HOSTS_NS CLK_S
#define RESYNC_NS (200 * CLK_MS)
#define DISCARD_PORT 9

struct netlink {
	struct nl_sock *news, *ask;
	char front[FILTER_IFACE_MAX];
	struct links links;
	struct attached *hosts;
	struct paths paths;
	bool routes_followed;
	unsigned changed; /* NETLINK_* of the turn at work */
	/* When each is to be done; .ns 0: not at all. */
	struct instant routes_at, hosts_at, resync_at;
	struct instant now;
};

static void
due(struct instant *at, struct instant now, int64_t ns)
{
	if (!at->ns)
		*at = clk_add(now, ns);
}

/* ---- questions ---- */

static int
to_errno(int nle)
{
	switch (-nle) {
	case NLE_AGAIN:
	case NLE_DUMP_INTR:
		return -EAGAIN;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
		return -EPERM;
	default:
		return nle < 0 ? -EIO : 0;
	}
}

typedef void (*take_message)(struct netlink *netlink, const struct nlmsghdr *message, void *user);

struct question {
	struct netlink *netlink;
	take_message take;
	void *user;
};

static int
on_answer(struct nl_msg *msg, void *user)
{
	struct question *q = user;

	q->take(q->netlink, nlmsg_hdr(msg), q->user);
	return NL_OK;
}

static int
on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *user)
{
	(void)from;
	*(int *)user = error->error;
	return NL_STOP;
}

/* Asks, and hands each answer to `take`. Consumes the message. 0 or a negative errno, the kernel's
 * own where it said one (-ENETUNREACH). */
static int
ask(struct netlink *netlink, struct nl_msg *msg, take_message take, void *user)
{
	struct question q = {.netlink = netlink, .take = take, .user = user};
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int said = 0, r = -NLE_NOMEM;

	if (cb && msg) {
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_answer, &q);
		nl_cb_err(cb, NL_CB_CUSTOM, on_error, &said);
		r = nl_send_auto(netlink->ask, msg);
		if (r >= 0)
			r = nl_recvmsgs(netlink->ask, cb);
		/* A question that is no dump is acknowledged behind its answer. */
		if (r >= 0 && said == 0 && !(nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP))
			r = nl_recvmsgs(netlink->ask, cb);
	}
	nl_cb_put(cb);
	nlmsg_free(msg);
	return said ? said : to_errno(r);
}

static struct nl_msg *
make(int type, int flags, const void *head, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags | NLM_F_REQUEST);

	if (msg && nlmsg_append(msg, (void *)(uintptr_t)head, size, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static void
take_facts(struct netlink *netlink, const struct nlmsghdr *message, void *user)
{
	(void)user;
	(void)links_take(&netlink->links, message);
	(void)attached_take(netlink->hosts, message);
}

/* A table read while it changes is read again. */
static int
dump_links(struct netlink *netlink, int family, uint32_t mask)
{
	int r = -EAGAIN;

	for (int i = 0; i < DUMP_TRIES && r == -EAGAIN; i++) {
		struct ifinfomsg head = {.ifi_family = (unsigned char)family};
		struct nl_msg *msg = make(RTM_GETLINK, NLM_F_DUMP, &head, sizeof head);

		if (msg)
			(void)nla_put_u32(msg, IFLA_EXT_MASK, mask);
		r = ask(netlink, msg, take_facts, NULL);
	}
	return r;
}

static int
dump_addrs(struct netlink *netlink)
{
	int r = -EAGAIN;

	for (int i = 0; i < DUMP_TRIES && r == -EAGAIN; i++) {
		struct ifaddrmsg head = {.ifa_family = AF_UNSPEC};

		r = ask(
		    netlink, make(RTM_GETADDR, NLM_F_DUMP, &head, sizeof head), take_facts, NULL);
	}
	return r;
}

static int
dump_neighbours(
    struct netlink *netlink, int family, uint32_t ifindex, take_message take, void *user)
{
	int r = -EAGAIN;

	for (int i = 0; i < DUMP_TRIES && r == -EAGAIN; i++) {
		struct ndmsg head = {.ndm_family = (unsigned char)family};
		struct nl_msg *msg = make(RTM_GETNEIGH, NLM_F_DUMP, &head, sizeof head);

		if (msg && ifindex)
			(void)nla_put_u32(msg, NDA_IFINDEX, ifindex);
		r = ask(netlink, msg, take, user);
	}
	return r;
}

static int
read_all(struct netlink *n)
{
	links_clear(&n->links);
	attached_clear(n->hosts);
	int r = dump_links(n, AF_UNSPEC, RTEXT_FILTER_SKIP_STATS);

	/* A kernel without bridges has no word of them. */
	if (r == 0)
		(void)dump_links(n, AF_BRIDGE, RTEXT_FILTER_BRVLAN_COMPRESSED);
	if (r == 0)
		r = dump_addrs(n);
	if (r == 0)
		r = dump_neighbours(n, AF_INET, 0, take_facts, NULL);
	if (r == 0)
		(void)dump_neighbours(n, AF_INET6, 0, take_facts, NULL);
	if (r == 0)
		(void)dump_neighbours(n, AF_BRIDGE, 0, take_facts, NULL);
	return r;
}

/* ---- ways ---- */

struct route_question {
	const struct addr *to;
	struct paths_route route;
};

static void
take_route(struct netlink *netlink, const struct nlmsghdr *message, void *user)
{
	struct route_question *q = user;

	(void)netlink;
	(void)paths_read_route(message, q->to, &q->route);
}

static struct paths_route
ask_route(struct netlink *netlink, const struct addr *to)
{
	struct rtmsg head = {
	    .rtm_family = (unsigned char)addr_af(to), .rtm_dst_len = (unsigned char)addr_bits(to)};
	struct nl_msg *msg = make(RTM_GETROUTE, 0, &head, sizeof head);
	struct route_question q = {.to = to, .route = {.found = false}};

	if (msg)
		(void)nla_put(msg, RTA_DST, (int)addr_bits(to) / 8, to->bytes);
	if (ask(netlink, msg, take_route, &q) < 0)
		q.route = (struct paths_route){.found = false};
	return q.route;
}

static void
take_hop(struct netlink *netlink, const struct nlmsghdr *message, void *user)
{
	struct paths_path *path = user;
	uint16_t nud;

	if (paths_read_next_hop(message, &path->route, &nud))
		path->nud = nud;
	(void)netlink;
}

static void
look_at_hop(struct netlink *n, struct paths_path *path)
{
	const struct links_link *port = links_get(&n->links, path->route.oif);

	path->nud = 0;
	if (!path->route.found || !port)
		return;
	if (port->noarp)
		path->nud = NUD_NOARP;
	else
		(void)dump_neighbours(
		    n, addr_af(&path->route.next_hop), path->route.oif, take_hop, path);
	paths_set_next_hop(path, path->nud, n->now);
}

static void
look_at_path(struct netlink *n, struct paths_path *path)
{
	struct paths_route route = ask_route(n, &path->analyser);
	bool other = paths_set_route(path, &route, n->now);

	if (other)
		look_at_hop(n, path);
	if (paths_judge(path, &n->links, n->front) || other)
		n->changed |= NETLINK_PATHS;
}

static void
look_at_paths(struct netlink *n)
{
	n->routes_at = (struct instant){0};
	for (unsigned i = 0; i < n->paths.count; i++)
		look_at_path(n, &n->paths.list[i]);
}

/* Something goes to the next hop, so that the kernel asks who it is. TTL 1: it goes no further. */
static void
probe(const struct netlink *n, const struct paths_path *path)
{
	const struct links_link *port = links_get(&n->links, path->route.oif);
	const struct addr *hop = &path->route.next_hop;
	struct in_pktinfo out = {.ipi_ifindex = (int)path->route.oif};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof out)] = {0};
	struct sockaddr_storage to;
	struct msghdr message = {
	    .msg_name = &to, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);
	int one = 1;
	int fd = socket(addr_af(hop), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	message.msg_namelen = addr_to_sockaddr(hop, DISCARD_PORT, &to);
	/* Out of this very port, whose VRF need not be the one that the agent was started in. IPv4
	 * takes that packet by packet, without a capability; IPv6 by the scope of a link-local hop,
	 * as they are as a rule, or by binding, which kernels before 5.7 want a capability for. */
	part->cmsg_level = IPPROTO_IP;
	part->cmsg_type = IP_PKTINFO;
	part->cmsg_len = CMSG_LEN(sizeof out);
	memcpy(CMSG_DATA(part), &out, sizeof out);
	if (hop->family == 6) {
		((struct sockaddr_in6 *)&to)->sin6_scope_id = path->route.oif;
		message.msg_control = NULL;
		message.msg_controllen = 0;
	}
	if (port && hop->family == 6)
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_BINDTODEVICE, port->name, (socklen_t)strlen(port->name));
	(void)setsockopt(fd, hop->family == 6 ? IPPROTO_IPV6 : IPPROTO_IP,
	    hop->family == 6 ? IPV6_UNICAST_HOPS : IP_TTL, &one, sizeof one);
	(void)sendmsg(fd, &message, MSG_DONTWAIT);
	close(fd);
}

static void
probe_paths(struct netlink *n)
{
	for (unsigned i = 0; i < n->paths.count; i++) {
		struct paths_path *path = &n->paths.list[i];

		if (!path->probe_at.ns || clk_before(n->now, path->probe_at))
			continue;
		probe(n, path);
		paths_probed(path, n->now);
	}
}

static void
follow_routes(struct netlink *n, bool on)
{
	if (on == n->routes_followed)
		return;
	n->routes_followed = on;
	if (on)
		(void)nl_socket_add_memberships(
		    n->news, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEXTHOP, 0);
	else
		(void)nl_socket_drop_memberships(
		    n->news, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEXTHOP, 0);
}

void
netlink_follow(
    struct netlink *netlink, const struct addr *analysers, size_t count, struct instant now)
{
	netlink->now = now;
	follow_routes(netlink, count > 0);
	for (size_t i = 0; i < count; i++) {
		struct paths_path *path = paths_add(&netlink->paths, &analysers[i]);

		if (path && !path->state)
			look_at_path(netlink, path);
	}
	paths_sweep(&netlink->paths);
	probe_paths(netlink);
}

const struct paths_path *
netlink_path(const struct netlink *netlink, const struct addr *analyser)
{
	return paths_find(&netlink->paths, analyser);
}

/* ---- news ---- */

static void
take_neighbour(struct netlink *n, const struct nlmsghdr *message)
{
	uint16_t nud;

	if (attached_take(n->hosts, message))
		due(&n->hosts_at, n->now, HOSTS_NS);
	for (unsigned i = 0; i < n->paths.count; i++) {
		struct paths_path *path = &n->paths.list[i];

		if (!paths_read_next_hop(message, &path->route, &nud))
			continue;
		paths_set_next_hop(path, nud, n->now);
		if (paths_judge(path, &n->links, n->front))
			n->changed |= NETLINK_PATHS;
	}
}

static int
on_news(struct nl_msg *msg, void *user)
{
	struct netlink *n = user;
	const struct nlmsghdr *message = nlmsg_hdr(msg);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (!links_take(&n->links, message))
			break;
		n->changed |= NETLINK_HELLO;
		due(&n->hosts_at, n->now, HOSTS_NS);
		due(&n->routes_at, n->now, ROUTES_NS);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		take_neighbour(n, message);
		break;
	default: /* routes and next hops: only that something changed is looked at */
		due(&n->routes_at, n->now, ROUTES_NS);
		break;
	}
	return NL_OK;
}

static void
read_news(struct netlink *n)
{
	for (int i = 0; i < NEWS_A_TURN; i++) {
		int r = nl_recvmsgs_default(n->news);

		if (r == -NLE_AGAIN)
			return;
		/* The kernel had no room for some of it: all is read anew. */
		if (r == -NLE_NOMEM)
			due(&n->resync_at, n->now, RESYNC_NS);
	}
}

static bool
is_due(const struct instant *at, struct instant now)
{
	return at->ns && !clk_before(now, *at);
}

unsigned
netlink_dispatch(struct netlink *netlink, struct instant now)
{
	struct netlink *n = netlink;

	n->now = now;
	n->changed = 0;
	read_news(n);
	if (is_due(&n->resync_at, now)) {
		n->resync_at = (struct instant){0};
		if (read_all(n) < 0)
			due(&n->resync_at, now, CLK_S);
		n->changed |= NETLINK_HELLO | NETLINK_RESYNC;
		due(&n->hosts_at, now, 0);
		due(&n->routes_at, now, 0);
	}
	if (is_due(&n->hosts_at, now)) {
		n->hosts_at = (struct instant){0};
		if (attached_settle(n->hosts, &n->links, n->front))
			n->changed |= NETLINK_HOSTS;
	}
	if (is_due(&n->routes_at, now))
		look_at_paths(n);
	probe_paths(n);
	return n->changed;
}

struct instant
netlink_deadline(const struct netlink *netlink)
{
	const struct instant times[] = {netlink->routes_at, netlink->hosts_at, netlink->resync_at};
	struct instant at = {INT64_MAX}, probe_at;

	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
		if (times[i].ns && clk_before(times[i], at))
			at = times[i];
	if (paths_next(&netlink->paths, &probe_at) && clk_before(probe_at, at))
		at = probe_at;
	return at;
}

/* ---- life ---- */

static int
open_sockets(struct netlink *n)
{
	n->news = nl_socket_alloc();
	n->ask = nl_socket_alloc();
	if (!n->news || !n->ask)
		return -ENOMEM;
	nl_socket_disable_seq_check(n->news);
	int r = nl_socket_modify_cb(n->news, NL_CB_VALID, NL_CB_CUSTOM, on_news, n);

	if (r >= 0)
		r = nl_connect(n->ask, NETLINK_ROUTE);
	if (r >= 0)
		r = nl_connect(n->news, NETLINK_ROUTE);
	if (r >= 0)
		r = nl_socket_set_nonblocking(n->news);
	if (r >= 0)
		r = nl_socket_add_memberships(n->news, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
		    RTNLGRP_IPV6_IFADDR, RTNLGRP_NEIGH, 0);
	if (r < 0)
		return to_errno(r);
	(void)nl_socket_set_buffer_size(n->news, NEWS_BUFFER, 0);
	return 0;
}

int
netlink_new(const char *front, struct netlink **ret_netlink)
{
	struct netlink *n = calloc(1, sizeof *n);

	if (!n)
		return -ENOMEM;
	snprintf(n->front, sizeof n->front, "%s", front);
	links_init(&n->links);
	paths_init(&n->paths);
	int r = attached_new(&n->hosts);
	if (r == 0)
		r = open_sockets(n);
	/* News are on before the tables are read: nothing falls between. */
	if (r == 0)
		r = read_all(n);
	if (r < 0) {
		netlink_free(&n);
		return r;
	}
	(void)attached_settle(n->hosts, &n->links, n->front);
	*ret_netlink = n;
	return 0;
}

void
netlink_free(struct netlink **netlink)
{
	struct netlink *n = *netlink;

	*netlink = NULL;
	if (!n)
		return;
	nl_socket_free(n->news);
	nl_socket_free(n->ask);
	links_done(&n->links);
	attached_free(&n->hosts);
	paths_done(&n->paths);
	free(n);
}

int
netlink_fd(const struct netlink *netlink)
{
	return nl_socket_get_fd(netlink->news);
}

void
netlink_hello(struct netlink *netlink, struct agent_hello *hello)
{
	links_hello(&netlink->links, netlink->front, hello);
}

struct attached *
netlink_hosts(struct netlink *netlink)
{
	return netlink->hosts;
}

const struct links *
netlink_links(const struct netlink *netlink)
{
	return &netlink->links;
}
