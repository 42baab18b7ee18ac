/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways to the analysers: for each the route, the source address that it gives, the port it
 * leaves by and whether the next hop answers. Pure: fed with the kernel's messages
 * (linux/rtnetlink.h, linux/neighbour.h) and `now`; what is to be asked or probed is handed out.
 * Bounded by PATHS_MAX.
 *
 * The switch's hardware does not resolve a next hop by itself and goes on with an entry that went
 * stale, so that each is probed when it does, and again and again while it does not answer.
 */
#ifndef AGENT_MAIN_PATHS_H
#define AGENT_MAIN_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/main/links.h"
#include "common/base/addr.h"
#include "common/base/clk.h"
#include "common/base/order.h"

#define PATHS_MAX 64
/* NUD_* bits of a next hop that answered, or need not: REACHABLE, STALE, DELAY, PROBE, NOARP,
 * PERMANENT. */
#define PATHS_NUD_KNOWN (0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80)

struct paths_route {
	bool found;
	uint32_t oif;
	struct addr next_hop; /* the gateway, else the destination itself */
	struct addr source;   /* what the kernel would send from; none: it did not say */
	uint32_t mtu;         /* of the route; 0: the port's */
};

enum paths_state {
	PATHS_UP = 1,    /* copies may go there */
	PATHS_NO_ROUTE,  /* no route, or to this very switch */
	PATHS_PORT_DOWN, /* the port it leads through is missing or down */
	PATHS_DEAD,      /* the next hop does not answer */
};

struct paths_path {
	struct addr analyser;
	bool wanted; /* of the sweep at work */
	struct paths_route route;
	uint16_t nud;              /* the next hop's NUD_* bits; 0: not known */
	enum paths_state state;    /* 0: not looked at yet */
	char text[ORDER_TEXT_MAX]; /* why it is not UP, or a warning; "" */
	struct instant probe_at;   /* .ns 0: nothing to do */
	unsigned probes;           /* without an answer */
};

struct paths {
	struct paths_path *list;
	unsigned count;
};

void paths_init(struct paths *paths);
void paths_done(struct paths *paths);

/* Follows the way to `analyser` from now on; the same one twice is one. NULL when there are too
 * many. */
struct paths_path *paths_add(struct paths *paths, const struct addr *analyser);
struct paths_path *paths_find(const struct paths *paths, const struct addr *analyser);

/* Forgets those that are not marked `wanted`, and unmarks the rest. */
void paths_sweep(struct paths *paths);

/* Reads the answer to a route question for `to`. False when it is no route that leads there. */
bool paths_read_route(
    const struct nlmsghdr *message, const struct addr *to, struct paths_route *ret_route);

/* Reads a neighbour message; true, and its NUD_* bits (0 when it is gone) where it is this route's
 * next hop. */
bool paths_read_next_hop(
    const struct nlmsghdr *message, const struct paths_route *route, uint16_t *ret_nud);

/* A route was asked anew. True when it is another one. */
bool paths_set_route(struct paths_path *path, const struct paths_route *route, struct instant now);

/* What is known of the next hop now; sets when it is to be probed. */
void paths_set_next_hop(struct paths_path *path, uint16_t nud, struct instant now);

/* A probe was sent. */
void paths_probed(struct paths_path *path, struct instant now);

/*
 * Judges the path by what is known. `front` names the ports that are mirrored, for the MTU. True
 * when the state or the text changed.
 */
bool paths_judge(struct paths_path *path, const struct links *links, const char *front);

/* When the first probe is due; false when none is. */
bool paths_next(const struct paths *paths, struct instant *ret_at);

#endif
