/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/accept.h"

#include <ifaddrs.h>
#include <inttypes.h>
#include <stdio.h>
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
check_protected(const struct accept_facts *f, const struct order *order, char *text)
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
	return RESULT_OK;
}

/* Distinct (source, analyser) pairs in use; true when this order needs one more than there are. */
static bool
no_destination_left(const struct accept_facts *f, const struct held_set *set,
    const struct order *order, const struct addr *source)
{
	const struct held *seen[64];
	size_t n = 0;

	if (!f->config->max_destinations)
		return false;
	for (const struct held *held = set->head; held && n < 64; held = held->hh.next) {
		if (!held->wanted)
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
	return n >= f->config->max_destinations;
}

int
accept_order(const struct accept_facts *f, const struct held_set *set, const struct order *order,
    const struct addr *source, char text[ORDER_TEXT_MAX])
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
		    "the kernel has neither ERSPAN nor NFLOG for this family");
	if (target == WIRE_TARGET_ERSPAN && order->analyser.addr.family != 4)
		return say(text, RESULT_NO_FAMILY, "the ERSPAN target takes IPv4 analysers only");
	int code = check_protected(f, order, text);
	if (code != RESULT_OK)
		return code;
	if (!source->family)
		return say(text, RESULT_NO_ROUTE, "no route to the analyser");
	if (target == WIRE_TARGET_ERSPAN && no_destination_left(f, set, order, source)) {
		snprintf(text, ORDER_TEXT_MAX,
		    "the switch mirrors to %" PRIu32 " destinations at most",
		    f->config->max_destinations);
		return RESULT_LIMIT_DESTINATIONS;
	}
	unsigned rules = filter_rules(&order->filter);
	if (set->slots + rules > f->slots) {
		snprintf(text, ORDER_TEXT_MAX, "%zu of %" PRIu32 " rule slots are taken, %u needed",
		    set->slots, f->slots, rules);
		return RESULT_LIMIT_RULES;
	}
	return RESULT_OK;
}

size_t
accept_own_addresses(struct addr *ret_own, size_t room)
{
	struct ifaddrs *list = NULL;
	uint16_t port;
	size_t n = 0;

	if (getifaddrs(&list) < 0)
		return 0;
	for (struct ifaddrs *i = list; i && n < room; i = i->ifa_next)
		if (i->ifa_addr && addr_from_sockaddr(i->ifa_addr, &ret_own[n], &port) == 0)
			n++;
	freeifaddrs(list);
	return n;
}

bool
accept_route_source(const struct addr *to, struct addr *ret_source)
{
	struct sockaddr_storage sa;
	socklen_t size = addr_to_sockaddr(to, 9, &sa);
	uint16_t port;
	int fd = socket(addr_af(to), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	/* Connecting a datagram socket sends nothing; it asks the routing table. */
	bool ok = connect(fd, (struct sockaddr *)&sa, size) == 0;
	size = sizeof sa;
	ok = ok && getsockname(fd, (struct sockaddr *)&sa, &size) == 0 &&
	     addr_from_sockaddr((struct sockaddr *)&sa, ret_source, &port) == 0;
	close(fd);
	return ok;
}
