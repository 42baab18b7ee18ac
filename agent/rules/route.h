/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where copies to an analyser leave: one question to the kernel's routing (RTM_GETROUTE), one
 * answer. Owns nothing.
 */
#ifndef AGENT_RULES_ROUTE_H
#define AGENT_RULES_ROUTE_H

#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/filter.h"

struct route {
	struct addr source;           /* that the system would send from */
	char iface[FILTER_IFACE_MAX]; /* the interface it leaves by */
	uint32_t mtu;                 /* of that interface, bytes; 0: not known */
};

/* 0; -ENETUNREACH no unicast route; another negative errno. */
int route_lookup(const struct addr *to, struct route *ret_route);

#endif
