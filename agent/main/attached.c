/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1
#include "agent/main/attached.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(item) ((item)->hh.tbl = NULL)

/* States in which the kernel knows the MAC by hearsay of the host itself. */
#define NUD_HEARD (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

struct neighbour {
	struct {
		struct addr addr;
		uint32_t ifindex;
		uint32_t pad; /* zero, as all padding of keys */
	} key;
	uint8_t mac[ETH_ALEN];
	UT_hash_handle hh;
};

/* A bridge's forwarding entry towards a port. */
struct entry {
	struct {
		uint8_t mac[ETH_ALEN];
		uint16_t vlan; /* 0: a bridge without VLANs */
		uint32_t bridge;
	} key;
	uint32_t port;
	UT_hash_handle hh;
};

struct host {
	struct {
		struct addr addr;
		char vrf[FILTER_IFACE_MAX];
	} key;
	struct agent_host what; /* as it is now; `gone` when it is not there any more */
	bool seen;              /* of the comparison at work */
	bool queued;
	TAILQ_ENTRY(host) queue;
	UT_hash_handle hh;
};

TAILQ_HEAD(queue, host);

struct attached {
	struct neighbour *neighbours;
	struct entry *entries;
	struct host *hosts;
	struct queue queue; /* to be told, in order */
	size_t there;       /* hosts that are not gone */
	uint64_t facts_left_out;
	uint32_t left_out; /* of the last comparison */
	bool all;          /* the next page begins anew */
	bool open;         /* a page is on its way */
	struct agent_host page[AGENT_MSG_HOSTS_MAX];
	uint16_t page_count;
	bool page_all;
};

int
attached_new(struct attached **ret_hosts)
{
	struct attached *h = calloc(1, sizeof *h);

	if (!h)
		return -ENOMEM;
	TAILQ_INIT(&h->queue);
	h->all = true;
	*ret_hosts = h;
	return 0;
}

void
attached_clear(struct attached *hosts)
{
	struct neighbour *n, *next;
	struct entry *e, *after;

	HASH_ITER(hh, hosts->neighbours, n, next)
	{
		HASH_DEL(hosts->neighbours, n);
		free(n);
	}
	HASH_ITER(hh, hosts->entries, e, after)
	{
		HASH_DEL(hosts->entries, e);
		free(e);
	}
	hosts->facts_left_out = 0;
}

void
attached_free(struct attached **hosts)
{
	struct attached *h = *hosts;
	struct host *host, *next;

	*hosts = NULL;
	if (!h)
		return;
	attached_clear(h);
	HASH_ITER(hh, h->hosts, host, next)
	{
		HASH_DEL(h->hosts, host);
		free(host);
	}
	free(h);
}

/* ---- facts ---- */

static bool
forget_neighbour(struct attached *h, struct neighbour *n)
{
	if (!n)
		return false;
	HASH_DEL(h->neighbours, n);
	free(n);
	return true;
}

static bool
take_neighbour(struct attached *h, const struct ndmsg *head, struct nlattr **tb, bool gone)
{
	struct neighbour *n = NULL, fresh;
	const struct nlattr *dst = tb[NDA_DST], *mac = tb[NDA_LLADDR];

	memset(&fresh, 0, sizeof fresh);
	if (dst && head->ndm_family == AF_INET && nla_len(dst) == 4)
		fresh.key.addr = addr_from_v4(nla_data(dst));
	else if (dst && head->ndm_family == AF_INET6 && nla_len(dst) == 16)
		fresh.key.addr = addr_from_v6(nla_data(dst));
	else
		return false;
	if (addr_is_special(&fresh.key.addr))
		return false;
	fresh.key.ifindex = (uint32_t)head->ndm_ifindex;
	HASH_FIND(hh, h->neighbours, &fresh.key, sizeof fresh.key, n);
	if (gone || !(head->ndm_state & NUD_HEARD) || !mac || nla_len(mac) != ETH_ALEN ||
	    (head->ndm_flags & (NTF_EXT_LEARNED | NTF_PROXY)))
		return forget_neighbour(h, n);
	if (n && memcmp(n->mac, nla_data(mac), ETH_ALEN) == 0)
		return false;
	if (!n) {
		if (HASH_COUNT(h->neighbours) >= ATTACHED_FACTS_MAX || !(n = malloc(sizeof *n))) {
			h->facts_left_out++;
			return false;
		}
		*n = fresh;
		HASH_ADD(hh, h->neighbours, key, sizeof n->key, n);
		if (!n->hh.tbl) {
			free(n);
			return false;
		}
	}
	memcpy(n->mac, nla_data(mac), ETH_ALEN);
	return true;
}

/* Of a bridge, that is with a master; a device's own entries (NTF_SELF) are no learning. */
static bool
take_entry(struct attached *h, const struct ndmsg *head, struct nlattr **tb, bool gone)
{
	struct entry *e = NULL, fresh;

	if (!tb[NDA_LLADDR] || nla_len(tb[NDA_LLADDR]) != ETH_ALEN || !tb[NDA_MASTER] ||
	    nla_len(tb[NDA_MASTER]) < 4)
		return false;
	memset(&fresh, 0, sizeof fresh);
	memcpy(fresh.key.mac, nla_data(tb[NDA_LLADDR]), ETH_ALEN);
	fresh.key.bridge = nla_get_u32(tb[NDA_MASTER]);
	if (tb[NDA_VLAN] && nla_len(tb[NDA_VLAN]) >= 2)
		fresh.key.vlan = nla_get_u16(tb[NDA_VLAN]);
	HASH_FIND(hh, h->entries, &fresh.key, sizeof fresh.key, e);
	/* Permanent ones are the bridge's and its ports' own. */
	if (gone || (head->ndm_state & NUD_PERMANENT) || (head->ndm_flags & NTF_EXT_LEARNED)) {
		/* The word that it left one port may come after it was learned at another. */
		if (!e || (gone && e->port != (uint32_t)head->ndm_ifindex))
			return false;
		HASH_DEL(h->entries, e);
		free(e);
		return true;
	}
	if (e && e->port == (uint32_t)head->ndm_ifindex)
		return false;
	if (!e) {
		if (HASH_COUNT(h->entries) >= ATTACHED_FACTS_MAX || !(e = malloc(sizeof *e))) {
			h->facts_left_out++;
			return false;
		}
		*e = fresh;
		HASH_ADD(hh, h->entries, key, sizeof e->key, e);
		if (!e->hh.tbl) {
			free(e);
			return false;
		}
	}
	e->port = (uint32_t)head->ndm_ifindex;
	return true;
}

bool
attached_take(struct attached *hosts, const struct nlmsghdr *message)
{
	struct nlattr *tb[NDA_MAX + 1];
	struct ndmsg head;
	bool gone = message->nlmsg_type == RTM_DELNEIGH;

	if (message->nlmsg_type != RTM_NEWNEIGH && !gone)
		return false;
	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)message, sizeof head, tb, NDA_MAX, NULL) < 0)
		return false;
	memcpy(&head, nlmsg_data(message), sizeof head);
	if (head.ndm_ifindex <= 0)
		return false;
	if (head.ndm_family == AF_BRIDGE)
		return take_entry(hosts, &head, tb, gone);
	return take_neighbour(hosts, &head, tb, gone);
}

/* ---- from facts to hosts ---- */

static const struct entry *
find_entry(const struct attached *h, const uint8_t *mac, uint32_t bridge, uint16_t vlan)
{
	struct entry *e = NULL, wanted;

	memset(&wanted, 0, sizeof wanted);
	memcpy(wanted.key.mac, mac, ETH_ALEN);
	wanted.key.bridge = bridge;
	wanted.key.vlan = vlan;
	HASH_FIND(hh, h->entries, &wanted.key, sizeof wanted.key, e);
	return e;
}

/* Where a neighbour is; false when it is not one of ours. */
static bool
place(const struct attached *h, const struct neighbour *n, const struct links *links,
    const char *front, struct agent_host *ret)
{
	const struct links_link *l = links_get(links, n->key.ifindex), *port;
	const struct links_link *lower;
	const struct entry *e = NULL;
	uint32_t bridge = 0;
	uint16_t vlan = 0;

	/* A macvlan on an SVI is the virtual router's; its neighbours are the SVI's. */
	if (l && l->kind == LINKS_MACVLAN)
		l = links_get(links, l->lower);
	if (!l)
		return false;
	lower = l->kind == LINKS_VLAN ? links_get(links, l->lower) : NULL;
	if (lower && lower->kind == LINKS_BRIDGE) {
		bridge = lower->ifindex;
		vlan = l->vlan;
	} else if (l->kind == LINKS_BRIDGE) {
		bridge = l->ifindex;
		/* With VLANs, an address on the bridge itself stands in its untagged one. */
		if (l->pvid && find_entry(h, n->mac, bridge, l->pvid))
			vlan = l->pvid;
	} else if (!links_is_front(links, l, front))
		return false;
	if (bridge) {
		e = find_entry(h, n->mac, bridge, vlan);
		port = e ? links_get(links, e->port) : NULL;
		if (!port || port->kind == LINKS_VXLAN)
			return false;
	} else {
		port = l;
		vlan = l->kind == LINKS_VLAN ? l->vlan : 0;
	}
	memset(ret, 0, sizeof *ret);
	ret->addr = n->key.addr;
	memcpy(ret->mac, n->mac, sizeof ret->mac);
	ret->vlan = vlan;
	ret->vni = bridge ? links_vni(links, bridge, vlan) : 0;
	ret->ifindex = port->ifindex;
	memcpy(ret->iface, port->name, sizeof ret->iface);
	memcpy(ret->vrf, links_vrf(links, l->ifindex), strlen(links_vrf(links, l->ifindex)));
	return true;
}

static struct host *
find_host(struct attached *h, const struct agent_host *what, bool make)
{
	struct host *host = NULL, fresh;

	memset(&fresh, 0, sizeof fresh);
	fresh.key.addr = what->addr;
	memcpy(fresh.key.vrf, what->vrf, sizeof fresh.key.vrf);
	HASH_FIND(hh, h->hosts, &fresh.key, sizeof fresh.key, host);
	if (host || !make)
		return host;
	if (h->there >= ATTACHED_MAX || !(host = malloc(sizeof *host))) {
		h->left_out++;
		return NULL;
	}
	*host = fresh;
	/* Gone until the caller says what it is. */
	host->what.gone = true;
	HASH_ADD(hh, h->hosts, key, sizeof host->key, host);
	if (!host->hh.tbl) {
		free(host);
		return NULL;
	}
	return host;
}

static void
enqueue(struct attached *h, struct host *host)
{
	if (!host->queued)
		TAILQ_INSERT_TAIL(&h->queue, host, queue);
	host->queued = true;
}

static void
see(struct attached *h, const struct agent_host *what)
{
	struct host *host = find_host(h, what, true);

	if (!host || host->seen)
		return;
	host->seen = true;
	if (host->what.gone)
		h->there++;
	else if (memcmp(&host->what, what, sizeof *what) == 0)
		return;
	host->what = *what;
	enqueue(h, host);
}

static void
dequeue(struct attached *h, struct host *host)
{
	TAILQ_REMOVE(&h->queue, host, queue);
	host->queued = false;
	if (!host->what.gone)
		return;
	HASH_DEL(h->hosts, host);
	free(host);
}

void
attached_restart(struct attached *hosts)
{
	struct host *host;

	hosts->open = false;
	hosts->all = true;
	while ((host = TAILQ_FIRST(&hosts->queue)))
		dequeue(hosts, host);
	for (host = hosts->hosts; host; host = host->hh.next)
		enqueue(hosts, host);
}

bool
attached_settle(struct attached *hosts, const struct links *links, const char *front)
{
	struct host *host, *next;

	hosts->left_out = 0;
	for (host = hosts->hosts; host; host = host->hh.next)
		host->seen = false;
	for (struct neighbour *n = hosts->neighbours; n; n = n->hh.next) {
		struct agent_host what;

		if (place(hosts, n, links, front, &what))
			see(hosts, &what);
	}
	HASH_ITER(hh, hosts->hosts, host, next)
	{
		if (host->seen || host->what.gone)
			continue;
		struct agent_host gone;
		memset(&gone, 0, sizeof gone);
		gone.addr = host->what.addr;
		gone.gone = true;
		memcpy(gone.vrf, host->what.vrf, sizeof gone.vrf);
		host->what = gone;
		hosts->there--;
		enqueue(hosts, host);
	}
	/* Nobody took the news for long: those that went are forgotten, and all is told anew. */
	if (HASH_COUNT(hosts->hosts) > hosts->there + ATTACHED_MAX)
		attached_restart(hosts);
	return attached_wait(hosts);
}

/* ---- telling ---- */

bool
attached_wait(const struct attached *hosts)
{
	return hosts->all || hosts->open || !TAILQ_EMPTY(&hosts->queue);
}

void
attached_page(struct attached *hosts, struct agent_poll *poll)
{
	struct host *host;

	if (!hosts->open) {
		hosts->page_count = 0;
		hosts->page_all = hosts->all;
		hosts->all = false;
		/* A host that changes while its page is on its way is queued again. */
		while (hosts->page_count < AGENT_MSG_HOSTS_MAX &&
		       (host = TAILQ_FIRST(&hosts->queue))) {
			hosts->page[hosts->page_count++] = host->what;
			dequeue(hosts, host);
		}
		hosts->open = hosts->page_all || hosts->page_count > 0;
	}
	poll->all_hosts = hosts->page_all;
	poll->host_count = hosts->page_count;
	memcpy(poll->hosts, hosts->page, hosts->page_count * sizeof hosts->page[0]);
	poll->hosts_known = (uint32_t)hosts->there;
	uint64_t out = hosts->left_out + hosts->facts_left_out;
	poll->hosts_left_out = out > UINT32_MAX ? UINT32_MAX : (uint32_t)out;
}

void
attached_told(struct attached *hosts)
{
	hosts->open = false;
	hosts->page_count = 0;
	hosts->page_all = false;
}
