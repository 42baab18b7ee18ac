/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/accept.h"

#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/result.h"

static int
say(char text[ORDER_TEXT_MAX], int code, const char *words)
{
	snprintf(text, ORDER_TEXT_MAX, "%s", words);
	return code;
}

/* True when one side of the filter names the address. A side that is "any" does not: the other side
 * is somebody's, and no copy comes from there. */
static bool
names(const struct filter *filter, const struct addr *addr)
{
	return (filter->a.len && prefix_contains(&filter->a, addr)) ||
	       (filter->b.len && prefix_contains(&filter->b, addr));
}

static int
check_protected(const struct accept_facts *f, const struct held_set *set, const struct held *self,
    const struct order *order, char *text)
{
	if (names(&order->filter, &order->analyser.addr))
		return say(text, RESULT_NEVER_CAPTURE, "the filter holds the analyser itself");
	for (size_t i = 0; i < f->config->protects; i++)
		if (names(&order->filter, &f->config->protect[i]))
			return say(text, RESULT_NEVER_CAPTURE, "the filter holds a controller");
	for (size_t i = 0; i < f->n_own; i++)
		if (names(&order->filter, &f->own[i]))
			return say(
			    text, RESULT_NEVER_CAPTURE, "the filter holds this switch itself");
	/* Other captures' analysers, and other captures that hold this one's. */
	for (const struct held *held = set->head; held; held = held->hh.next) {
		if (held == self || !held->wanted)
			continue;
		if (names(&order->filter, &held->order.analyser.addr))
			return say(text, RESULT_NEVER_CAPTURE,
			    "the filter holds the analyser of another capture");
		if (names(&held->order.filter, &order->analyser.addr))
			return say(text, RESULT_NEVER_CAPTURE,
			    "another capture's filter holds the analyser");
	}
	return RESULT_OK;
}

/* Distinct (source, analyser) pairs in use; true when this order needs one more than there are. */
static bool
no_destination_left(const struct accept_facts *f, const struct held_set *set,
    const struct held *self, const struct order *order, const struct addr *source)
{
	const struct held *seen[64];
	size_t n = 0;

	if (!f->destinations)
		return false;
	for (const struct held *held = set->head; held && n < 64; held = held->hh.next) {
		/* One that is stuck in the hardware has its pair there. */
		if (held == self || (!held->wanted && !held->in_hw))
			continue;
		if (addr_equal(&held->order.analyser.addr, &order->analyser.addr) &&
		    addr_equal(&held->source, source))
			return false;
		size_t i = 0;
		while (i < n &&
		       !(addr_equal(&seen[i]->source, &held->source) &&
			   addr_equal(&seen[i]->order.analyser.addr, &held->order.analyser.addr)))
			i++;
		if (i == n)
			seen[n++] = held;
	}
	return n >= f->destinations;
}

/* True when a rule for `iface` takes what comes in at `port`; a rule that names none takes all
 * ports, the analyser's too, which cannot be told from meaning that one. */
static bool
takes_port(const char *iface, const char *port)
{
	size_t len = strlen(iface);

	if (len == 0 || port[0] == '\0')
		return false;
	return iface[len - 1] == '+' ? strncmp(iface, port, len - 1) == 0
				     : strcmp(iface, port) == 0;
}

/* What holds for copies that hardware makes. */
static int
check_erspan(const struct accept_facts *f, const struct held_set *set, const struct held *self,
    const struct order *order, const struct addr *source, char *text)
{
	const char *port = f->route ? f->route->iface : "";

	if (f->config->mgmt[0] && strcmp(port, f->config->mgmt) == 0) {
		snprintf(text, ORDER_TEXT_MAX, "the route to the analyser leaves through %s", port);
		return RESULT_DESTINATION_MGMT;
	}
	bool mirrored = takes_port(order->filter.iface, port);
	for (const struct held *held = set->head; held && !mirrored; held = held->hh.next)
		mirrored = held != self && held->wanted &&
			   (takes_port(held->order.filter.iface, port) ||
			       takes_port(order->filter.iface, held->port));
	if (mirrored) {
		snprintf(text, ORDER_TEXT_MAX,
		    "copies would leave through a port that is mirrored (%s)", port);
		return RESULT_DESTINATION_MIRRORED;
	}
	if (no_destination_left(f, set, self, order, source)) {
		snprintf(text, ORDER_TEXT_MAX,
		    "the switch mirrors to %" PRIu32 " destinations at most", f->destinations);
		return RESULT_LIMIT_DESTINATIONS;
	}
	return RESULT_OK;
}

uint32_t
accept_acl_room(uint32_t used, uint32_t total)
{
	uint32_t most = total - total / 5 - (total % 5 != 0);

	return used < most ? most - used : 0;
}

static int
check_room(
    const struct accept_facts *f, const struct held_set *set, const struct order *order, char *text)
{
	unsigned rules = filter_rules(&order->filter);
	uint32_t coming = 0;

	if (set->slots + rules > f->slots) {
		snprintf(text, ORDER_TEXT_MAX, "%zu of %" PRIu32 " rule slots are taken, %u needed",
		    set->slots, f->slots, rules);
		return RESULT_LIMIT_RULES;
	}
	if (!f->acl_total)
		return RESULT_OK;
	/* What the hardware has is counted by it; what is on its way there is not yet. */
	for (const struct held *held = set->head; held; held = held->hh.next)
		if (held->wanted && !held->synced)
			coming += held->n_rules;
	if (accept_acl_room(f->acl_used, f->acl_total) < coming + rules) {
		snprintf(text, ORDER_TEXT_MAX,
		    "%" PRIu32 " of %" PRIu32 " ACL entries are taken, %" PRIu32
		    " on their way, %u needed; a fifth stays the switch's",
		    f->acl_used, f->acl_total, coming, rules);
		return RESULT_LIMIT_ACL;
	}
	return RESULT_OK;
}

int
accept_order(const struct accept_facts *f, const struct held_set *set, const struct held *self,
    const struct order *order, const struct addr *source, char text[ORDER_TEXT_MAX])
{
	struct filter_limits limits = {.len4 = f->config->len4, .len6 = f->config->len6};
	bool six = order->filter.a.addr.family == 6;
	uint8_t target = six ? f->target6 : f->target4;

	text[0] = '\0';
	const char *words = filter_check(&order->filter, NULL);
	if (words)
		return say(text, RESULT_BAD_FILTER, words);
	words = filter_check(&order->filter, &limits);
	if (words)
		return say(text, RESULT_LIMIT_WIDTH, words);
	if (!wire_analyser_ok(&order->analyser))
		return say(text, RESULT_BAD_REQUEST, "the analyser is not one copies can go to");
	if (target == WIRE_TARGET_AUTO && six && f->target4 != WIRE_TARGET_AUTO)
		return say(text, RESULT_NO_FAMILY, "this switch cannot mirror IPv6");
	if (target == WIRE_TARGET_AUTO)
		return say(text, RESULT_NO_TARGET,
		    "nothing here can copy this family; finderscope-agent --check says why");
	if (target == WIRE_TARGET_ERSPAN && order->analyser.addr.family != 4)
		return say(text, RESULT_NO_FAMILY, "the ERSPAN target takes IPv4 analysers only");
	int code = check_protected(f, set, self, order, text);
	if (code != RESULT_OK)
		return code;
	if (!source->family)
		return say(text, RESULT_NO_ROUTE, "no route to the analyser");
	if (target == WIRE_TARGET_ERSPAN)
		code = check_erspan(f, set, self, order, source, text);
	if (code == RESULT_OK && !self)
		code = check_room(f, set, order, text);
	return code;
}

void
accept_mtu(const struct route *route, char text[ORDER_TEXT_MAX])
{
	/* A frame of 1514 bytes, the outer IP header and ERSPAN II. */
	const uint32_t full = 1514 + 20 + 16;

	text[0] = '\0';
	if (route->mtu && route->mtu < full)
		snprintf(text, ORDER_TEXT_MAX,
		    "copies of full-size packets need an MTU of %" PRIu32 "; %s has %" PRIu32, full,
		    route->iface, route->mtu);
}

int
accept_own_addresses(struct addr **ret_own)
{
	struct ifaddrs *list = NULL;
	uint16_t port;
	int n = 0, room = 0;

	if (getifaddrs(&list) < 0)
		return -errno;
	for (struct ifaddrs *i = list; i; i = i->ifa_next)
		room += i->ifa_addr != NULL;
	struct addr *own = calloc((size_t)room + 1, sizeof *own);
	for (struct ifaddrs *i = list; i && own; i = i->ifa_next)
		if (i->ifa_addr && addr_from_sockaddr(i->ifa_addr, &own[n], &port) == 0)
			n++;
	freeifaddrs(list);
	if (!own)
		return -ENOMEM;
	*ret_own = own;
	return n;
}

bool
accept_nft_beside(void)
{
	static const char *const places[] = {"/usr/sbin/iptables", "/sbin/iptables"};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		char *real = realpath(places[i], NULL);
		bool nft = real && strstr(real, "nft");
		bool found = real != NULL;
		free(real);
		if (found)
			return nft;
	}
	return false;
}
