/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel says of the switch, through libnl, followed by notification: interfaces and
 * addresses, attached hosts, the ways to the analysers. Owns two netlink sockets (one for news, one
 * for questions) and the tables that they feed (links.h, attached.h, paths.h). Needs no capability:
 * a next hop is probed with a datagram to its discard port, which makes the kernel resolve it.
 *
 * The caller waits on netlink_fd and calls netlink_dispatch when it is readable and when
 * netlink_deadline is over. Routes are followed only while there is a way to follow.
 */
#ifndef AGENT_MAIN_NETLINK_H
#define AGENT_MAIN_NETLINK_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/main/attached.h"
#include "agent/main/paths.h"
#include "common/base/clk.h"
#include "common/msg/agent_msg.h"

struct netlink;

/* What changed. */
#define NETLINK_HELLO 1  /* an interface or an address */
#define NETLINK_HOSTS 2  /* there is something to tell of hosts */
#define NETLINK_PATHS 4  /* a way's state, text or source */
#define NETLINK_RESYNC 8 /* news were lost, and all was read anew */

/* `front` is the pattern of the ports that are mirrored ("swp+"), copied. 0 or a negative errno. */
int netlink_new(const char *front, struct netlink **ret_netlink);
void netlink_free(struct netlink **netlink);

int netlink_fd(const struct netlink *netlink);
struct instant netlink_deadline(const struct netlink *netlink);

/* Takes the news and does what is due. The sum of NETLINK_* that changed. */
unsigned netlink_dispatch(struct netlink *netlink, struct instant now);

/* Fills in the addresses and ports of a hello. */
void netlink_hello(struct netlink *netlink, struct agent_hello *hello);

/* Owned by the monitor. */
struct attached *netlink_hosts(struct netlink *netlink);
const struct links *netlink_links(const struct netlink *netlink);

/*
 * The ways to these analysers are followed, and no others; each is known when this returns. More
 * than PATHS_MAX are left out.
 */
void netlink_follow(
    struct netlink *netlink, const struct addr *analysers, size_t count, struct instant now);

/* NULL for one that is not followed. Valid until the next call that is not netlink_path. */
const struct paths_path *netlink_path(const struct netlink *netlink, const struct addr *analyser);

#endif
