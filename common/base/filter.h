/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a capture captures: a filter of typed fields, and the matches of the mirror rules that it
 * comes to. Plain values; nothing in here is text that could end up in a rule, except an interface
 * name of a checked alphabet. Text to filter is common/tool/filter_text's.
 */
#ifndef COMMON_BASE_FILTER_H
#define COMMON_BASE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/addr.h"

#define FILTER_IFACE_MAX 16 /* IFNAMSIZ */
#define FILTER_RULES_MAX 4
#define FILTER_TEXT_MAX 256

/*
 * Side `a` is the local one where that is known. Both prefixes are of one family; length 0 is "any
 * address". Ports are in host order, 0 is "any", and need TCP, UDP, SCTP or DCCP. `port` is a port
 * of either side ("tcp port 443") and excludes a_port and b_port.
 */
struct filter {
	struct prefix a, b;
	uint16_t a_port, b_port;
	uint16_t port;
	bool has_proto;
	uint8_t proto; /* IP protocol number */
	bool one_way;  /* from a to b only */
	char
	    iface[FILTER_IFACE_MAX]; /* where packets from a come in; "" is the switch's wildcard */
};

/* What one mirror rule matches. */
struct filter_match {
	struct prefix src, dst;
	uint16_t src_port, dst_port;
	bool has_proto;
	uint8_t proto;
	char iface[FILTER_IFACE_MAX];
};

/* The widest that a switch takes: at least one side must be this long, each family its own. */
struct filter_limits {
	uint8_t len4, len6;
};

/*
 * Checks every field, wherever the filter came from. NULL when good, else a static text that says
 * what is wrong and what would be right. `limits` may be NULL (fields only).
 */
const char *filter_check(const struct filter *filter, const struct filter_limits *limits);

/* The conversation of two hosts: no port, both ways. */
struct filter filter_hosts(const struct addr *local, const struct addr *remote);

/* Writes the matches of the filter's rules (1, 2 or 4), there before back; returns how many. The
 * filter is a checked one. */
unsigned filter_expand(
    const struct filter *filter, struct filter_match ret_matches[FILTER_RULES_MAX]);

/* How many rules that would be. */
unsigned filter_rules(const struct filter *filter);

bool filter_equal(const struct filter *a, const struct filter *b);

/* True when every packet that `inner` matches is one that `outer` matches. */
bool filter_covers(const struct filter *outer, const struct filter *inner);

/* As common/tool/filter_text reads it: "host 10.1.0.2 and host 198.51.100.9 and tcp port 443".
 * Returns `text`. */
char *filter_format(const struct filter *filter, char text[FILTER_TEXT_MAX]);

/* True for names an interface may have here: 1 to 15 of letters, digits, `.`, `_`, `-`, `@`, a `+`
 * at the end only. */
bool filter_iface_ok(const char *name);

/* True for protocols with ports in a filter: TCP, UDP, DCCP, SCTP, UDP-Lite. */
bool filter_proto_has_ports(uint8_t proto);

#endif
