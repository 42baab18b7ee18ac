/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captures as main knows them: orders, what rules say, and ways that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/main/captures.h"
#include "common/base/result.h"

static struct captures *captures;
static struct wire_msg told[64];
static unsigned n_told;
static struct paths_path way;
static bool followed, port_is_up;
static struct instant now;

static void
tell(void *user, const struct wire_msg *msg)
{
	(void)user;
	assert_true(n_told < 64);
	told[n_told++] = *msg;
}

static const struct paths_path *
path(void *user, const struct addr *analyser)
{
	(void)user;
	(void)analyser;
	return followed ? &way : NULL;
}

static bool
port(void *user, const char *iface)
{
	(void)user;
	assert_string_equal(iface, "swp3");
	return port_is_up;
}

static void
way_is(enum paths_state state, const char *source, const char *text)
{
	way.state = state;
	addr_parse(source, &way.route.source);
	snprintf(way.text, sizeof way.text, "%s", text);
}

static int
setup(void **state)
{
	static const struct captures_ops ops = {.tell = tell, .path = path, .port = port};

	(void)state;
	n_told = 0;
	followed = true;
	now = (struct instant){1000 * CLK_S};
	memset(&way, 0, sizeof way);
	way_is(PATHS_UP, "192.0.2.65", "");
	return captures_new(&ops, NULL, &captures);
}

static int
teardown(void **state)
{
	(void)state;
	captures_free(&captures);
	return 0;
}

static struct order
order_of(uint64_t capture)
{
	struct order order = {.capture = capture,
	    .analyser = {.session = 7, .erspan_type = 2},
	    .max_packets = 100,
	    .max_bytes = 10000};

	prefix_parse("10.1.0.2", &order.filter.a, NULL);
	prefix_parse("198.51.100.9", &order.filter.b, NULL);
	addr_parse("192.0.2.74", &order.analyser.addr);
	return order;
}

static void
order_one(uint64_t capture)
{
	struct order order = order_of(capture);

	captures_orders(captures, &order, 1, now, 60000, 0, now);
}

static bool
rules_say(uint64_t capture, enum hold hold, int code, uint64_t packets)
{
	struct holding h = {.capture = capture,
	    .hold = hold,
	    .code = (uint16_t)code,
	    .packets = packets,
	    .bytes = packets * 100};

	return captures_holding(captures, &h, 5, now);
}

/* The report of the one capture there is. */
static struct holding
reported(void)
{
	size_t n;
	struct holding *list = captures_list(captures, &n), h;

	assert_non_null(list);
	assert_int_equal(n, 1);
	h = list[0];
	free(list);
	return h;
}

static size_t
reports(void)
{
	size_t n;

	free(captures_list(captures, &n));
	return n;
}

static void
test_put_and_drop(void **state)
{
	(void)state;
	struct order order = order_of(42);
	order.remaining_ms = 5000;
	captures_orders(captures, &order, 1, now, 60000, 0, clk_add(now, 2 * CLK_S));
	assert_int_equal(n_told, 1);
	assert_int_equal(told[0].type, WIRE_PUT);
	assert_int_equal(told[0].put.lease_ms, 58000);
	assert_int_equal(told[0].put.order.remaining_ms, 3000);
	assert_int_equal(told[0].put.order.max_packets, 100);
	assert_int_equal(reports(), 0);
	assert_true(rules_say(42, HOLD_IN_KERNEL, 0, 0));
	assert_false(rules_say(42, HOLD_IN_KERNEL, 0, 3));
	assert_int_equal(reported().packets, 3);
	captures_orders(captures, NULL, 0, now, 60000, 0, now);
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].type, WIRE_DROP);
	assert_int_equal(told[1].drop.capture, 42);
	/* Asked once. */
	captures_orders(captures, NULL, 0, now, 60000, 0, now);
	assert_int_equal(n_told, 2);
	assert_true(rules_say(42, HOLD_ENDED, 0, 4));
	assert_int_equal(reported().hold, HOLD_ENDED);
	captures_forget(captures, 6);
	assert_int_equal(reports(), 1);
	captures_forget(captures, 7);
	assert_int_equal(reports(), 0);
}

/* Too late when it came: no rule is put in for no time. */
static void
test_old_orders(void **state)
{
	struct order order = order_of(42);

	(void)state;
	captures_orders(captures, &order, 1, now, 60000, 0, clk_add(now, 60 * CLK_S));
	order.capture = 43;
	order.remaining_ms = 1000;
	captures_orders(captures, &order, 1, now, 60000, 0, clk_add(now, 1 * CLK_S));
	assert_int_equal(n_told, 0);
}

static void
test_renew(void **state)
{
	(void)state;
	captures_renew(captures, now, 60000, now);
	assert_int_equal(n_told, 0);
	order_one(42);
	captures_renew(captures, now, 60000, clk_add(now, CLK_S));
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].type, WIRE_RENEW);
	assert_int_equal(told[1].renew.capture, 0);
	assert_int_equal(told[1].renew.lease_ms, 59000);
	captures_renew(captures, now, 60000, clk_add(now, 61 * CLK_S));
	assert_int_equal(n_told, 2);
	/* Longer than rules take. */
	captures_renew(captures, now, UINT32_MAX, now);
	assert_int_equal(told[2].renew.lease_ms, WIRE_LEASE_MAX_MS);
}

static void
test_no_way_at_first(void **state)
{
	(void)state;
	way_is(PATHS_NO_ROUTE, "0.0.0.0", "no route to 192.0.2.74");
	order_one(42);
	assert_int_equal(n_told, 0);
	struct holding h = reported();
	assert_int_equal(h.hold, HOLD_INSTALLING);
	assert_int_equal(h.code, RESULT_NO_ROUTE);
	assert_string_equal(h.text, "no route to 192.0.2.74");
	char text[ORDER_TEXT_MAX];
	assert_int_equal(captures_parked(captures, text), 1);
	assert_string_equal(text, "no route to 192.0.2.74");
	assert_false(captures_paths(captures, now));
	/* Half of the lease is over when the way comes. */
	now = clk_add(now, 30 * CLK_S);
	way_is(PATHS_UP, "192.0.2.65", "");
	assert_true(captures_paths(captures, now));
	assert_int_equal(n_told, 1);
	assert_int_equal(told[0].put.lease_ms, 30000);
	assert_int_equal(captures_parked(captures, text), 0);
	assert_false(captures_paths(captures, now));
	assert_int_equal(n_told, 1);
}

static void
test_way_is_lost_and_comes_back(void **state)
{
	(void)state;
	order_one(42);
	rules_say(42, HOLD_MIRRORING, 0, 30);
	way_is(PATHS_DEAD, "192.0.2.65", "192.0.2.66 does not answer");
	assert_true(captures_paths(captures, now));
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].type, WIRE_DROP);
	assert_int_equal(told[1].drop.code, RESULT_NO_ROUTE);
	assert_int_equal(reported().hold, HOLD_INSTALLING);
	assert_int_equal(reported().code, RESULT_NO_ROUTE);
	assert_int_equal(reported().packets, 30);
	rules_say(42, HOLD_REMOVING, RESULT_NO_ROUTE, 30);
	rules_say(42, HOLD_ENDED, RESULT_NO_ROUTE, 40);
	assert_int_equal(reported().hold, HOLD_INSTALLING);
	assert_int_equal(reported().packets, 40);
	/* An equal set ordered meanwhile changes nothing. */
	order_one(42);
	assert_int_equal(n_told, 2);
	way_is(PATHS_UP, "192.0.2.65", "");
	assert_true(captures_paths(captures, now));
	assert_int_equal(n_told, 3);
	/* Limits go on where they were. */
	assert_int_equal(told[2].put.order.max_packets, 60);
	assert_int_equal(told[2].put.order.max_bytes, 6000);
	rules_say(42, HOLD_MIRRORING, 0, 5);
	assert_int_equal(reported().packets, 45);
	assert_int_equal(reported().hold, HOLD_MIRRORING);
}

/* The way is back before rules let go. */
static void
test_quick_flap(void **state)
{
	(void)state;
	order_one(42);
	rules_say(42, HOLD_IN_KERNEL, 0, 0);
	way_is(PATHS_DEAD, "192.0.2.65", "dead");
	captures_paths(captures, now);
	way_is(PATHS_NO_ROUTE, "192.0.2.65", "gone");
	assert_true(captures_paths(captures, now));
	way_is(PATHS_UP, "192.0.2.65", "");
	captures_paths(captures, now);
	assert_int_equal(n_told, 2);
	rules_say(42, HOLD_ENDED, RESULT_NO_ROUTE, 0);
	assert_int_equal(n_told, 3);
	assert_int_equal(told[2].type, WIRE_PUT);
}

/* Rules find no route where main knows one: tried again in a second, not in a circle. */
static void
test_rules_know_better(void **state)
{
	(void)state;
	order_one(42);
	rules_say(42, HOLD_FAILED, RESULT_NO_ROUTE, 0);
	assert_int_equal(n_told, 1);
	assert_int_equal(reported().hold, HOLD_INSTALLING);
	assert_int_equal(reported().code, RESULT_NO_ROUTE);
	assert_int_equal(clk_diff(captures_deadline(captures), now), CLK_S);
	assert_false(captures_paths(captures, now));
	assert_int_equal(n_told, 1);
	now = clk_add(now, CLK_S);
	assert_true(captures_paths(captures, now));
	assert_int_equal(n_told, 2);
	assert_true(captures_deadline(captures).ns == INT64_MAX);
}

static void
test_another_source(void **state)
{
	(void)state;
	order_one(42);
	rules_say(42, HOLD_IN_KERNEL, 0, 0);
	way_is(PATHS_UP, "192.0.2.99", "");
	captures_paths(captures, now);
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].type, WIRE_PUT);
	assert_false(captures_paths(captures, now));
	assert_int_equal(n_told, 2);
}

static void
test_warning(void **state)
{
	(void)state;
	way_is(PATHS_UP, "192.0.2.65", "MTU 1500 is small");
	order_one(42);
	rules_say(42, HOLD_IN_KERNEL, 0, 0);
	assert_int_equal(reported().hold, HOLD_IN_KERNEL);
	assert_int_equal(reported().code, 0);
	assert_string_equal(reported().text, "MTU 1500 is small");
}

static void
test_lease_ran_out(void **state)
{
	(void)state;
	order_one(42);
	rules_say(42, HOLD_IN_KERNEL, 0, 7);
	rules_say(42, HOLD_ENDED, RESULT_END_LEASE, 9);
	assert_int_equal(reported().hold, HOLD_ENDED);
	/* The controller is back and wants it still. */
	order_one(42);
	assert_int_equal(n_told, 2);
	assert_int_equal(told[1].type, WIRE_PUT);
	assert_int_equal(told[1].put.order.max_packets, 91);
	rules_say(42, HOLD_ENDED, RESULT_END_LEASE, 1);
	captures_renew(captures, now, 60000, now);
	assert_int_equal(n_told, 4);
	assert_int_equal(told[3].type, WIRE_PUT);
	/* Its own end is its end. */
	rules_say(42, HOLD_ENDED, RESULT_END_PACKETS, 100);
	order_one(42);
	captures_renew(captures, now, 60000, now);
	assert_int_equal(n_told, 5);
	assert_int_equal(told[4].type, WIRE_RENEW);
	assert_int_equal(reported().hold, HOLD_ENDED);
}

static void
test_parked_is_let_go(void **state)
{
	(void)state;
	way_is(PATHS_NO_ROUTE, "0.0.0.0", "no route");
	order_one(42);
	captures_orders(captures, NULL, 0, now, 60000, 3, now);
	assert_int_equal(n_told, 0);
	assert_int_equal(reported().hold, HOLD_ENDED);
	assert_int_equal(captures_parked(captures, (char[ORDER_TEXT_MAX]){0}), 0);
	captures_forget(captures, 4);
	assert_int_equal(reports(), 1);
	captures_forget(captures, 5);
	assert_int_equal(reports(), 0);
}

static void
test_analysers(void **state)
{
	struct order orders[3] = {order_of(1), order_of(2), order_of(3)};
	struct addr addrs[4];

	(void)state;
	addr_parse("192.0.2.75", &orders[2].analyser.addr);
	captures_orders(captures, orders, 3, now, 60000, 0, now);
	assert_int_equal(captures_analysers(captures, addrs, 4), 2);
	assert_int_equal(captures_analysers(captures, addrs, 1), 1);
	captures_orders(captures, orders, 2, now, 60000, 0, now);
	assert_int_equal(captures_analysers(captures, addrs, 4), 1);
	/* A way that nobody follows is none of main's business. */
	followed = false;
	order_one(9);
	assert_int_equal(told[n_told - 3].type, WIRE_PUT);
	rules_say(99, HOLD_IN_KERNEL, 0, 0);
}

/* A filter that names a port: renamed, taken away or down, it is said as long as that is so. */
static void
test_missing_port(void **state)
{
	static const char says[] = "no port swp3 is up here: nothing comes in by it";
	struct order order = order_of(17);

	(void)state;
	snprintf(order.filter.iface, sizeof order.filter.iface, "swp3");
	way_is(PATHS_UP, "192.0.2.65", "MTU 1500");
	port_is_up = false;
	captures_orders(captures, &order, 1, now, 60000, 0, now);
	/* It is put in all the same: the port may come. */
	assert_int_equal(n_told, 1);
	rules_say(17, HOLD_IN_KERNEL, 0, 0);
	assert_int_equal(reported().hold, HOLD_IN_KERNEL);
	assert_string_equal(reported().text, says);
	port_is_up = true;
	assert_true(captures_paths(captures, now));
	assert_string_equal(reported().text, "MTU 1500");
	port_is_up = false;
	assert_true(captures_paths(captures, now));
	assert_false(captures_paths(captures, now));
	assert_string_equal(reported().text, says);
	assert_int_equal(n_told, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_put_and_drop), TEST(test_old_orders),
	    TEST(test_renew), TEST(test_no_way_at_first), TEST(test_way_is_lost_and_comes_back),
	    TEST(test_quick_flap), TEST(test_rules_know_better), TEST(test_another_source),
	    TEST(test_warning), TEST(test_lease_ran_out), TEST(test_parked_is_let_go),
	    TEST(test_analysers), TEST(test_missing_port)};

	return cmocka_run_group_tests_name("captures", tests, NULL, NULL);
}
