/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The switch's interfaces and addresses, through libnl, followed by notification. Owns its netlink
 * socket and caches.
 */
#ifndef AGENT_MAIN_NETLINK_H
#define AGENT_MAIN_NETLINK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/msg/agent_msg.h"

struct netlink;

/* 0 or a negative errno. */
int netlink_new(struct netlink **ret_netlink);
void netlink_free(struct netlink **netlink);

/* Readable when the kernel has news. */
int netlink_fd(const struct netlink *netlink);

/* Takes the news. True when an address or an interface changed. */
bool netlink_dispatch(struct netlink *netlink);

/* Fills in the addresses of a hello; what can be nobody's peer is left out. */
void netlink_hello(struct netlink *netlink, struct agent_hello *hello);

#endif
