/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/filter.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool
filter_proto_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_DCCP ||
	       proto == IPPROTO_SCTP || proto == IPPROTO_UDPLITE;
}

bool
filter_iface_ok(const char *name)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@";
	size_t plain = strspn(name, allowed), size = strlen(name);

	if (size == 0 || size >= FILTER_IFACE_MAX || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return false;
	return plain == size || (plain > 0 && plain == size - 1 && name[plain] == '+');
}

static bool
prefix_ok(const struct prefix *prefix)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct prefix clean = prefix_make(&prefix->addr, prefix->len);

	/* ::ffff:a.b.c.d is IPv4 in here, and has one form only. */
	if (prefix->addr.family == 6 && memcmp(prefix->addr.bytes, mapped, sizeof mapped) == 0)
		return false;
	return (prefix->addr.family == 4 || prefix->addr.family == 6) &&
	       prefix->len <= addr_bits(&prefix->addr) && addr_equal(&clean.addr, &prefix->addr);
}

const char *
filter_check(const struct filter *filter, const struct filter_limits *limits)
{
	uint8_t longest = filter->a.len > filter->b.len ? filter->a.len : filter->b.len;

	if (!prefix_ok(&filter->a) || !prefix_ok(&filter->b))
		return "an address of the filter is no IPv4 or IPv6 prefix with its host bits zero";
	if (filter->a.addr.family != filter->b.addr.family)
		return "one side of the filter is IPv4 and the other IPv6; both must be of one "
		       "family";
	if (filter->port && (filter->a_port || filter->b_port))
		return "a port without a side cannot stand beside one with a side; give src and "
		       "dst ports alone";
	if ((filter->port || filter->a_port || filter->b_port) &&
	    !(filter->has_proto && filter_proto_has_ports(filter->proto)))
		return "a port needs a protocol that has ports: tcp, udp, sctp or dccp";
	if (!filter->has_proto && filter->proto)
		return "a protocol number stands in the filter without being set";
	if (filter->has_proto && filter->proto == 0)
		return "protocol 0 means any protocol to iptables; leave it out";
	if (memchr(filter->iface, '\0', sizeof filter->iface) == NULL)
		return "the interface name has no end; at most 15 characters";
	if (filter->iface[0] && !filter_iface_ok(filter->iface))
		return "the interface name may have 15 of letters, digits and . _ - @, with + at "
		       "the end only";
	if (longest == 0)
		return "the filter names no address; at least one host or net is needed";
	if (limits && longest < (filter->a.addr.family == 4 ? limits->len4 : limits->len6))
		return "the filter is wider than is allowed; name a longer prefix on one "
		       "side";
	return NULL;
}

struct filter
filter_hosts(const struct addr *local, const struct addr *remote)
{
	return (struct filter){
	    .a = prefix_make(local, 128),
	    .b = prefix_make(remote, 128),
	};
}

static struct filter_match
match(const struct prefix *src, uint16_t src_port, const struct prefix *dst, uint16_t dst_port,
    const struct filter *filter)
{
	return (struct filter_match){
	    .src = *src,
	    .src_port = src_port,
	    .dst = *dst,
	    .dst_port = dst_port,
	    .has_proto = filter->has_proto,
	    .proto = filter->proto,
	};
}

unsigned
filter_expand(const struct filter *filter, struct filter_match ret_matches[FILTER_RULES_MAX])
{
	const struct prefix *a = &filter->a, *b = &filter->b;
	unsigned n = 0;

	if (filter->port) {
		ret_matches[n++] = match(a, 0, b, filter->port, filter);
		ret_matches[n++] = match(a, filter->port, b, 0, filter);
	} else {
		ret_matches[n++] = match(a, filter->a_port, b, filter->b_port, filter);
	}
	for (unsigned i = 0, there = n; i < there; i++) {
		/* Only the way from a is known to come in there: the way back comes in elsewhere.
		 */
		memcpy(ret_matches[i].iface, filter->iface, sizeof filter->iface);
		if (!filter->one_way)
			ret_matches[n++] =
			    match(b, ret_matches[i].dst_port, a, ret_matches[i].src_port, filter);
	}
	return n;
}

unsigned
filter_rules(const struct filter *filter)
{
	return (filter->one_way ? 1u : 2u) * (filter->port ? 2u : 1u);
}

bool
filter_equal(const struct filter *a, const struct filter *b)
{
	return prefix_equal(&a->a, &b->a) && prefix_equal(&a->b, &b->b) && a->a_port == b->a_port &&
	       a->b_port == b->b_port && a->port == b->port && a->has_proto == b->has_proto &&
	       a->proto == b->proto && a->one_way == b->one_way &&
	       strncmp(a->iface, b->iface, sizeof a->iface) == 0;
}

static bool
match_covers(const struct filter_match *outer, const struct filter_match *inner)
{
	return prefix_covers(&outer->src, &inner->src) && prefix_covers(&outer->dst, &inner->dst) &&
	       (!outer->has_proto || (inner->has_proto && outer->proto == inner->proto)) &&
	       (!outer->src_port || outer->src_port == inner->src_port) &&
	       (!outer->dst_port || outer->dst_port == inner->dst_port) &&
	       (!outer->iface[0] || strcmp(outer->iface, inner->iface) == 0);
}

bool
filter_covers(const struct filter *outer, const struct filter *inner)
{
	struct filter_match outers[FILTER_RULES_MAX], inners[FILTER_RULES_MAX];
	unsigned m = filter_expand(outer, outers), n = filter_expand(inner, inners);

	for (unsigned i = 0; i < n; i++) {
		bool found = false;

		for (unsigned j = 0; j < m && !found; j++)
			found = match_covers(&outers[j], &inners[i]);
		if (!found)
			return false;
	}
	return true;
}

static size_t
put(char *text, size_t n, const char *part)
{
	int more = snprintf(text + n, FILTER_TEXT_MAX - n, "%s%s", n ? " and " : "", part);

	return n + (size_t)more < FILTER_TEXT_MAX ? n + (size_t)more : FILTER_TEXT_MAX - 1;
}

static const char *
proto_name(uint8_t proto, uint8_t family, char number[16])
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_DCCP:
		return "dccp";
	case IPPROTO_ICMP:
		if (family == 4)
			return "icmp";
		break;
	case IPPROTO_ICMPV6:
		if (family == 6)
			return "icmp6";
		break;
	default:
		break;
	}
	snprintf(number, 16, "proto %u", proto);
	return number;
}

/* "src host 192.0.2.1", "net ::/0 port 443": a port of a side stands behind its address where the
 * filter holds both ways. */
static size_t
put_side(char *text, size_t n, const struct prefix *prefix, const char *side, uint16_t port)
{
	char part[PREFIX_TEXT_MAX + 32], addr[PREFIX_TEXT_MAX], behind[16] = "";

	if (port)
		snprintf(behind, sizeof behind, " port %u", port);
	snprintf(part, sizeof part, "%s%s %s%s", side,
	    prefix->len == addr_bits(&prefix->addr) ? "host" : "net", prefix_format(prefix, addr),
	    behind);
	return put(text, n, part);
}

static size_t
put_port(char *text, size_t n, const char *name, const char *side, uint16_t port)
{
	char part[48];

	if (port == 0)
		return n;
	snprintf(part, sizeof part, "%s %sport %u", name, side, port);
	return put(text, n, part);
}

char *
filter_format(const struct filter *filter, char text[FILTER_TEXT_MAX])
{
	const struct prefix *a = &filter->a, *b = &filter->b;
	char number[16], part[48];
	const char *name =
	    filter->has_proto ? proto_name(filter->proto, a->addr.family, number) : "";
	bool named = filter->port || (filter->one_way && (filter->a_port || filter->b_port));
	size_t n = 0;

	text[0] = '\0';
	if (filter->one_way) {
		if (a->len)
			n = put_side(text, n, a, "src ", 0);
		if (b->len)
			n = put_side(text, n, b, "dst ", 0);
		n = put_port(text, n, name, "src ", filter->a_port);
		n = put_port(text, n, name, "dst ", filter->b_port);
	} else {
		/* The first address is side a: it is named even when it is any. */
		n = put_side(text, n, a, "", filter->a_port);
		if (b->len || filter->b_port)
			n = put_side(text, n, b, "", filter->b_port);
	}
	n = put_port(text, n, name, "", filter->port);
	if (filter->has_proto && !named)
		n = put(text, n, name);
	if (filter->iface[0]) {
		snprintf(part, sizeof part, "in %.15s", filter->iface);
		put(text, n, part);
	}
	return text;
}
