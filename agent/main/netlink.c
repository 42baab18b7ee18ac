/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/main/netlink.h"

#include <errno.h>
#include <netlink/cache.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct netlink {
	struct nl_cache_mngr *manager;
	struct nl_cache *links, *addrs;
	bool changed;
};

static void
on_change(struct nl_cache *cache, struct nl_object *object, int action, void *user)
{
	struct netlink *netlink = user;

	(void)cache;
	(void)object;
	(void)action;
	netlink->changed = true;
}

int
netlink_new(struct netlink **ret_netlink)
{
	struct netlink *n = calloc(1, sizeof *n);

	if (!n)
		return -ENOMEM;
	if (nl_cache_mngr_alloc(NULL, NETLINK_ROUTE, NL_AUTO_PROVIDE, &n->manager) < 0 ||
	    nl_cache_mngr_add(n->manager, "route/link", on_change, n, &n->links) < 0 ||
	    nl_cache_mngr_add(n->manager, "route/addr", on_change, n, &n->addrs) < 0) {
		netlink_free(&n);
		return -EIO;
	}
	*ret_netlink = n;
	return 0;
}

void
netlink_free(struct netlink **netlink)
{
	if (*netlink && (*netlink)->manager)
		nl_cache_mngr_free((*netlink)->manager);
	free(*netlink);
	*netlink = NULL;
}

int
netlink_fd(const struct netlink *netlink)
{
	return nl_cache_mngr_get_fd(netlink->manager);
}

bool
netlink_dispatch(struct netlink *netlink)
{
	netlink->changed = false;
	(void)nl_cache_mngr_data_ready(netlink->manager);
	return netlink->changed;
}

static bool
read_addr(const struct rtnl_addr *item, struct addr *ret_addr)
{
	const struct nl_addr *local = rtnl_addr_get_local((struct rtnl_addr *)(uintptr_t)item);

	if (!local)
		return false;
	if (nl_addr_get_family(local) == AF_INET && nl_addr_get_len(local) == 4)
		*ret_addr = addr_from_v4(nl_addr_get_binary_addr(local));
	else if (nl_addr_get_family(local) == AF_INET6 && nl_addr_get_len(local) == 16)
		*ret_addr = addr_from_v6(nl_addr_get_binary_addr(local));
	else
		return false;
	return !addr_is_special(ret_addr);
}

void
netlink_hello(struct netlink *netlink, struct agent_hello *hello)
{
	hello->addr_count = 0;
	for (struct nl_object *o = nl_cache_get_first(netlink->addrs);
	     o && hello->addr_count < AGENT_MSG_ADDRS_MAX; o = nl_cache_get_next(o)) {
		struct rtnl_addr *item = (struct rtnl_addr *)o;
		struct addr addr;
		int ifindex = rtnl_addr_get_ifindex(item);
		char name[IFNAMSIZ + 1] = "";
		if (!read_addr(item, &addr) || ifindex <= 0)
			continue;
		hello->addrs[hello->addr_count].addr = addr;
		hello->addrs[hello->addr_count].ifindex = (uint32_t)ifindex;
		if (!rtnl_link_i2name(netlink->links, ifindex, name, sizeof name))
			name[0] = '\0';
		snprintf(hello->addrs[hello->addr_count].iface, FILTER_IFACE_MAX, "%.15s", name);
		hello->addr_count++;
	}
}
