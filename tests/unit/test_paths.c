/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ways to analysers: what a route says, when the next hop is probed, what is made of it. */
#include <linux/neighbour.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netlink/msg.h>

#include "agent/main/paths.h"
#include "tests/support/kernel_msg.h"

static struct links links;
static struct paths paths;
static struct addr analyser;
static struct instant now = {1000 * CLK_S};

static void
link_is(struct kernel_msg_link link)
{
	struct nl_msg *msg = kernel_msg_link(RTM_NEWLINK, &link);

	links_take(&links, nlmsg_hdr(msg));
	nlmsg_free(msg);
}

static int
setup(void **state)
{
	(void)state;
	links_init(&links);
	paths_init(&paths);
	link_is((struct kernel_msg_link){.ifindex = 3, .name = "swp1", .mtu = 1500});
	link_is((struct kernel_msg_link){.ifindex = 5, .name = "swp5", .mtu = 9216});
	assert_int_equal(addr_parse("192.0.2.74", &analyser), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	paths_done(&paths);
	links_done(&links);
	return 0;
}

static bool
read_route(struct nl_msg *msg, const char *to, struct paths_route *route)
{
	struct addr addr;

	assert_int_equal(addr_parse(to, &addr), 0);
	bool ok = paths_read_route(nlmsg_hdr(msg), &addr, route);
	nlmsg_free(msg);
	return ok;
}

static bool
is(const struct addr *addr, const char *text)
{
	char buffer[ADDR_TEXT_MAX];

	return strcmp(addr_format(addr, buffer), text) == 0;
}

static void
test_routes(void **state)
{
	struct paths_route r;

	(void)state;
	assert_true(read_route(
	    kernel_msg_route(RTN_UNICAST, "192.0.2.74", 5, NULL, "192.0.2.65"), "192.0.2.74", &r));
	assert_true(r.found);
	assert_int_equal(r.oif, 5);
	assert_true(is(&r.next_hop, "192.0.2.74"));
	assert_true(is(&r.source, "192.0.2.65"));
	assert_true(read_route(kernel_msg_route(RTN_UNICAST, "203.0.113.1", 5, "192.0.2.66", NULL),
	    "203.0.113.1", &r));
	assert_true(is(&r.next_hop, "192.0.2.66"));
	assert_int_equal(r.source.family, 0);
	/* BGP unnumbered. */
	assert_true(
	    read_route(kernel_msg_route(RTN_UNICAST, "203.0.113.1", 5, "fe80::2", "10.255.0.1"),
		"203.0.113.1", &r));
	assert_true(is(&r.next_hop, "fe80::2"));
	assert_true(is(&r.source, "10.255.0.1"));
	assert_true(
	    read_route(kernel_msg_route(RTN_UNICAST, "2001:db8::9", 5, "fe80::2", "2001:db8:1::1"),
		"2001:db8::9", &r));
	assert_false(
	    read_route(kernel_msg_route(RTN_LOCAL, "192.0.2.65", 1, NULL, NULL), "192.0.2.65", &r));
	assert_false(read_route(
	    kernel_msg_route(RTN_UNICAST, "192.0.2.74", 0, NULL, NULL), "192.0.2.74", &r));
}

static struct paths_path *
way(const char *via)
{
	struct paths_path *path = paths_add(&paths, &analyser);
	struct paths_route route;

	assert_true(read_route(kernel_msg_route(RTN_UNICAST, "192.0.2.74", 5, via, "192.0.2.65"),
	    "192.0.2.74", &route));
	assert_true(paths_set_route(path, &route, now));
	assert_false(paths_set_route(path, &route, now));
	return path;
}

static bool
hop(struct paths_path *path, const char *addr, unsigned nud)
{
	struct nl_msg *msg = kernel_msg_neighbour(
	    nud ? RTM_NEWNEIGH : RTM_DELNEIGH, 5, addr, "02:00:00:00:00:01", nud, 0);
	uint16_t said;
	bool ours = paths_read_next_hop(nlmsg_hdr(msg), &path->route, &said);

	nlmsg_free(msg);
	if (ours)
		paths_set_next_hop(path, said, now);
	return ours;
}

/* In how many milliseconds the next probe is due; -1: none. */
static int64_t
probe_in(void)
{
	struct instant at;

	return paths_next(&paths, &at) ? clk_diff(at, now) / CLK_MS : -1;
}

static void
test_probing(void **state)
{
	struct paths_path *path = way("192.0.2.66");

	(void)state;
	/* Nothing known of it: asked at once, and more and more seldom. */
	assert_int_equal(probe_in(), 0);
	paths_probed(path, now);
	assert_int_equal(probe_in(), 1000);
	assert_false(hop(path, "192.0.2.67", NUD_REACHABLE));
	assert_true(hop(path, "192.0.2.66", NUD_INCOMPLETE));
	assert_int_equal(probe_in(), 2000);
	assert_true(hop(path, "192.0.2.66", NUD_REACHABLE));
	assert_int_equal(probe_in(), -1);
	/* The hardware would go on with a stale one: asked at once. */
	assert_true(hop(path, "192.0.2.66", NUD_STALE));
	assert_int_equal(probe_in(), 0);
	paths_probed(path, now);
	assert_true(hop(path, "192.0.2.66", NUD_DELAY));
	assert_true(hop(path, "192.0.2.66", NUD_PROBE));
	assert_true(probe_in() > 0);
	assert_true(hop(path, "192.0.2.66", NUD_FAILED));
	int64_t last = 0;
	for (int i = 0; i < 8; i++) {
		paths_probed(path, now);
		assert_true(hop(path, "192.0.2.66", NUD_FAILED));
		assert_true(probe_in() >= last);
		last = probe_in();
	}
	assert_int_equal(last, 30000);
	assert_true(hop(path, "192.0.2.66", NUD_PERMANENT));
	assert_int_equal(probe_in(), -1);
	/* The entry was dropped. */
	assert_true(hop(path, "192.0.2.66", 0));
	assert_int_equal(probe_in(), 0);
}

static void
test_states(void **state)
{
	struct paths_path *path = way("192.0.2.66");
	struct paths_route none = {.found = false};

	(void)state;
	assert_true(paths_judge(path, &links, "swp+"));
	assert_int_equal(path->state, PATHS_UP);
	assert_string_equal(path->text, "");
	assert_false(paths_judge(path, &links, "swp+"));
	hop(path, "192.0.2.66", NUD_FAILED);
	assert_true(paths_judge(path, &links, "swp+"));
	assert_int_equal(path->state, PATHS_DEAD);
	assert_non_null(strstr(path->text, "192.0.2.66"));
	assert_non_null(strstr(path->text, "swp5"));
	/* Asked again: no news before it answers. */
	hop(path, "192.0.2.66", NUD_INCOMPLETE);
	assert_false(paths_judge(path, &links, "swp+"));
	hop(path, "192.0.2.66", 0);
	assert_false(paths_judge(path, &links, "swp+"));
	assert_int_equal(path->state, PATHS_DEAD);
	hop(path, "192.0.2.66", NUD_REACHABLE);
	assert_true(paths_judge(path, &links, "swp+"));
	assert_int_equal(path->state, PATHS_UP);
	link_is((struct kernel_msg_link){.ifindex = 5, .name = "swp5", .mtu = 9216, .down = true});
	assert_true(paths_judge(path, &links, "swp+"));
	assert_int_equal(path->state, PATHS_PORT_DOWN);
	assert_non_null(strstr(path->text, "swp5, which is down"));
	assert_true(paths_set_route(path, &none, now));
	assert_true(paths_judge(path, &links, "swp+"));
	assert_int_equal(path->state, PATHS_NO_ROUTE);
	assert_string_equal(path->text, "no route to 192.0.2.74");
	assert_int_equal(probe_in(), -1);
}

/* What one next hop did is not held against another. */
static void
test_another_hop(void **state)
{
	struct paths_path *path = way("192.0.2.66");
	struct paths_route route = path->route;

	(void)state;
	hop(path, "192.0.2.66", NUD_FAILED);
	paths_judge(path, &links, "swp+");
	addr_parse("192.0.2.67", &route.next_hop);
	assert_true(paths_set_route(path, &route, now));
	assert_true(paths_judge(path, &links, "swp+"));
	assert_int_equal(path->state, PATHS_UP);
	assert_int_equal(probe_in(), 0);
	addr_parse("192.0.2.99", &route.source);
	assert_true(paths_set_route(path, &route, now));
}

static void
test_missing_port(void **state)
{
	struct paths_path *path = paths_add(&paths, &analyser);
	struct paths_route route = {.found = true, .oif = 77, .next_hop = analyser};

	(void)state;
	paths_set_route(path, &route, now);
	paths_judge(path, &links, "swp+");
	assert_int_equal(path->state, PATHS_PORT_DOWN);
}

static void
test_mtu(void **state)
{
	struct paths_path *path = way(NULL);

	(void)state;
	link_is((struct kernel_msg_link){.ifindex = 5, .name = "swp5", .mtu = 1549});
	paths_judge(path, &links, "swp+");
	assert_int_equal(path->state, PATHS_UP);
	assert_string_equal(path->text, "MTU 1549 of swp5 is below 1550: full-size copies to "
					"192.0.2.74 go in fragments or get lost");
	link_is((struct kernel_msg_link){.ifindex = 5, .name = "swp5", .mtu = 1550});
	assert_true(paths_judge(path, &links, "swp+"));
	assert_string_equal(path->text, "");
	/* The route's own. */
	path->route.mtu = 1400;
	assert_true(paths_judge(path, &links, "swp+"));
	assert_non_null(strstr(path->text, "MTU 1400"));
	path->route.mtu = 0;
	/* Ports of 9,216 bytes carry hosts' frames of 9,000 at most. */
	link_is((struct kernel_msg_link){.ifindex = 3, .name = "swp1", .mtu = 9216});
	link_is((struct kernel_msg_link){.ifindex = 5, .name = "swp5", .mtu = 9216});
	paths_judge(path, &links, "swp+");
	assert_string_equal(path->text, "");
	link_is((struct kernel_msg_link){.ifindex = 5, .name = "swp5", .mtu = 9000});
	paths_judge(path, &links, "swp+");
	assert_non_null(strstr(path->text, "below 9050"));
}

static void
test_sweep(void **state)
{
	struct addr other;

	(void)state;
	addr_parse("192.0.2.75", &other);
	paths_add(&paths, &analyser);
	paths_add(&paths, &other);
	paths_add(&paths, &other);
	assert_int_equal(paths.count, 2);
	paths_sweep(&paths);
	assert_int_equal(paths.count, 2);
	paths_add(&paths, &other);
	paths_sweep(&paths);
	assert_int_equal(paths.count, 1);
	assert_null(paths_find(&paths, &analyser));
	assert_non_null(paths_find(&paths, &other));
	for (unsigned i = 0; i < PATHS_MAX + 3; i++) {
		other.bytes[3] = (uint8_t)(100 + i);
		paths_add(&paths, &other);
	}
	assert_int_equal(paths.count, PATHS_MAX);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_routes), TEST(test_probing), TEST(test_states),
	    TEST(test_another_hop), TEST(test_missing_port), TEST(test_mtu), TEST(test_sweep)};

	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
