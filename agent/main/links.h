/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The switch's interfaces and addresses as the kernel's messages tell them (linux/if_link.h,
 * linux/if_bridge.h, linux/if_addr.h): fed with RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR and
 * RTM_DELADDR, no socket of its own. Owns its tables, bounded by LINKS_MAX.
 */
#ifndef AGENT_MAIN_LINKS_H
#define AGENT_MAIN_LINKS_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "common/base/addr.h"
#include "common/base/filter.h"
#include "common/msg/agent_msg.h"

#define LINKS_MAX 8192 /* interfaces, and addresses */

struct nlmsghdr;

enum links_kind {
	LINKS_PLAIN, /* a port, or a kind that nobody here asks for */
	LINKS_BRIDGE,
	LINKS_VLAN,
	LINKS_VXLAN,
	LINKS_VRF,
	LINKS_BOND,
	LINKS_MACVLAN,
};

/* A VXLAN device that carries many: VLANs first to last are VNIs vni and following. */
struct links_tunnel {
	uint16_t first, last;
	uint32_t vni;
};

struct links_link {
	uint32_t ifindex;
	char name[FILTER_IFACE_MAX];
	enum links_kind kind;
	uint32_t master; /* bridge, bond or VRF it belongs to; 0: none */
	uint32_t lower;  /* what a VLAN or macvlan device stands on; 0: none */
	uint32_t mtu;
	uint16_t vlan; /* of a VLAN device */
	uint32_t vni;  /* of a VXLAN device; 0: it carries many */
	uint16_t pvid; /* of a bridge port, or the bridge itself: untagged frames' VLAN */
	bool loopback, running;
	bool noarp; /* has no neighbours to resolve */
	struct links_tunnel *tunnels;
	unsigned tunnel_count;
	UT_hash_handle hh;
};

struct links_addr {
	struct {
		struct addr addr;
		uint32_t ifindex;
		uint32_t pad; /* zero: the hash runs over the key */
	} key;
	UT_hash_handle hh;
};

struct links {
	struct links_link *links;
	struct links_addr *addrs;
	uint64_t left_out; /* more than LINKS_MAX */
};

void links_init(struct links *links);
void links_done(struct links *links);

/* Takes one message; others are skipped. True when something changed that is kept here. */
bool links_take(struct links *links, const struct nlmsghdr *message);

/* Empties both tables, before all is read anew. */
void links_clear(struct links *links);

/* NULL when there is none. Valid until the next links_take. */
const struct links_link *links_get(const struct links *links, uint32_t ifindex);

/* "swp+" and all that begin so; without the + only that name. */
bool links_matches(const char *name, const char *pattern);

/* True when an interface of that name or pattern is there and runs. */
bool links_has_running(const struct links *links, const char *pattern);

/* True for what hosts may be behind without a bridge: a port that `pattern` names, a bond of such
 * ports, a VLAN of either. */
bool links_is_front(const struct links *links, const struct links_link *link, const char *pattern);

/* The name of the VRF that the interface is in; "" for the default one. */
const char *links_vrf(const struct links *links, uint32_t ifindex);

/* The VNI that carries the VLAN of a bridge; vlan 0: of a bridge without VLANs. 0: none. */
uint32_t links_vni(const struct links *links, uint32_t bridge, uint16_t vlan);

/* The largest MTU of the ports that `pattern` names, `but` left out; 0: there are none. */
uint32_t links_front_mtu(const struct links *links, const char *pattern, uint32_t but);

/* Fills in a hello's addresses (what can be nobody's peer is left out) and ports (those that
 * `pattern` names first; no lo), by ifindex. */
void links_hello(const struct links *links, const char *pattern, struct agent_hello *hello);

#endif
