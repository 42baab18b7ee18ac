/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's rtnetlink messages, made by hand: what links.c, attached.c and paths.c are fed with. */
#ifndef TESTS_SUPPORT_KERNEL_MSG_H
#define TESTS_SUPPORT_KERNEL_MSG_H

#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>

struct nl_msg;

/* An interface of "kind" ("" plain); master and lower 0: none. `id`: the VLAN or the VNI. */
struct kernel_msg_link {
	uint32_t ifindex;
	const char *name, *kind;
	uint32_t master, lower, mtu, id;
	bool down, loopback, noarp;
};
struct nl_msg *kernel_msg_link(int type, const struct kernel_msg_link *link);

/* A bridge's word about a port: its untagged VLAN; a tunnel range of VLANs first..last to vni.. (0:
 * none). */
struct nl_msg *kernel_msg_port(
    int type, uint32_t ifindex, unsigned pvid, unsigned first, unsigned last, uint32_t vni);

struct nl_msg *kernel_msg_addr(int type, uint32_t ifindex, const char *addr);

/* A neighbour; mac is "02:00:00:00:00:01", NULL: none. */
struct nl_msg *kernel_msg_neighbour(
    int type, uint32_t ifindex, const char *addr, const char *mac, unsigned state, unsigned flags);

/* A forwarding entry of a bridge. */
struct nl_msg *kernel_msg_entry(int type, uint32_t port, uint32_t bridge, unsigned vlan,
    const char *mac, unsigned state, unsigned flags);

/* The answer to a route question; via and source may be NULL. */
struct nl_msg *kernel_msg_route(
    unsigned rtm_type, const char *to, uint32_t oif, const char *via, const char *source);

#endif
