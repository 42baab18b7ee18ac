/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rules/accept.h"
#include "common/base/result.h"

static struct held_set set;
static struct wire_config config;
static struct addr own[2], source;
static struct route route;
static struct accept_facts facts;
static char text[ORDER_TEXT_MAX];

static struct order
order_of(uint64_t capture, const char *a, const char *b)
{
	struct order o;

	memset(&o, 0, sizeof o);
	o.capture = capture;
	prefix_parse(a, &o.filter.a, NULL);
	prefix_parse(b, &o.filter.b, NULL);
	addr_parse("192.0.2.74", &o.analyser.addr);
	o.analyser.session = 7;
	o.analyser.erspan_type = 2;
	return o;
}

static int
setup(void **state)
{
	(void)state;
	memset(&set, 0, sizeof set);
	memset(&config, 0, sizeof config);
	memset(&route, 0, sizeof route);
	config.len4 = 24;
	config.len6 = 64;
	config.protects = 1;
	addr_parse("192.0.2.10", &config.protect[0]);
	snprintf(config.mgmt, sizeof config.mgmt, "eth0");
	addr_parse("10.1.0.1", &own[0]);
	addr_parse("2001:db8:1::1", &own[1]);
	addr_parse("10.255.0.1", &source);
	snprintf(route.iface, sizeof route.iface, "swp5");
	route.source = source;
	facts = (struct accept_facts){.config = &config,
	    .target4 = WIRE_TARGET_NFLOG,
	    .target6 = WIRE_TARGET_NFLOG,
	    .slots = 8,
	    .route = &route,
	    .own = own,
	    .n_own = 2};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	held_clear(&set);
	return 0;
}

static int
judge(struct order o)
{
	return accept_order(&facts, &set, NULL, &o, &source, text);
}

static struct held *
hold(struct order o)
{
	struct held *held = held_add(&set, &o, 60000, (struct instant){CLK_S});

	held->source = source;
	return held;
}

static void
takes_a_conversation(void **state)
{
	(void)state;
	assert_int_equal(judge(order_of(1, "10.1.0.2", "198.51.100.9")), RESULT_OK);
	assert_string_equal(text, "");
	assert_int_equal(judge(order_of(1, "2001:db8:1::2", "2001:db8:2::9")), RESULT_OK);
	assert_int_equal(judge(order_of(1, "10.1.0.2", "0.0.0.0/0")), RESULT_OK);
}

/* Whoever asks: a filter that would copy copies, or the talk about them, is none. */
static void
never_watches_itself(void **state)
{
	static const char *const never[][2] = {{"10.1.0.2", "192.0.2.74"},
	    {"192.0.2.0/25", "198.51.100.9"}, {"10.1.0.2", "192.0.2.10"},
	    {"10.1.0.1", "198.51.100.9"}, {"10.1.0.0/24", "198.51.100.9"},
	    {"2001:db8:1::1", "2001:db8:2::9"}, {"2001:db8:1::/64", "2001:db8:2::9"}};

	(void)state;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (judge(order_of(1, never[i][0], never[i][1])) != RESULT_NEVER_CAPTURE)
			fail_msg("%s and %s were taken", never[i][0], never[i][1]);
	/* Another capture's analyser, and one whose analyser another capture holds. */
	struct order other = order_of(5, "10.1.0.7", "198.51.100.9");
	addr_parse("203.0.113.5", &other.analyser.addr);
	struct held *held = hold(other);
	assert_int_equal(judge(order_of(1, "10.1.0.2", "203.0.113.5")), RESULT_NEVER_CAPTURE);
	struct order to = order_of(1, "10.1.0.2", "198.51.100.8");
	addr_parse("198.51.100.9", &to.analyser.addr);
	assert_int_equal(judge(to), RESULT_NEVER_CAPTURE);
	held->wanted = false;
	assert_int_equal(judge(to), RESULT_OK);
}

static void
keeps_to_the_width(void **state)
{
	(void)state;
	assert_int_equal(judge(order_of(1, "10.2.0.0/23", "198.51.0.0/16")), RESULT_LIMIT_WIDTH);
	assert_int_equal(judge(order_of(1, "10.2.0.0/24", "198.51.0.0/16")), RESULT_OK);
	assert_int_equal(
	    judge(order_of(1, "2001:db8:3::/63", "2001:db8:4::/48")), RESULT_LIMIT_WIDTH);
	struct order bad = order_of(1, "10.1.0.2", "198.51.100.9");
	bad.filter.port = 80;
	assert_int_equal(judge(bad), RESULT_BAD_FILTER);
	bad = order_of(1, "10.1.0.2", "198.51.100.9");
	bad.analyser.session = 0;
	assert_int_equal(judge(bad), RESULT_BAD_REQUEST);
}

static void
needs_a_target_and_a_way(void **state)
{
	struct order o = order_of(1, "10.1.0.2", "198.51.100.9"),
		     six = order_of(1, "2001:db8:1::2", "2001:db8:2::9");

	(void)state;
	facts.target6 = WIRE_TARGET_AUTO;
	assert_int_equal(judge(six), RESULT_NO_FAMILY);
	assert_int_equal(judge(o), RESULT_OK);
	facts.target4 = WIRE_TARGET_AUTO;
	assert_int_equal(judge(o), RESULT_NO_TARGET);
	assert_int_equal(judge(six), RESULT_NO_TARGET);
	facts.target4 = WIRE_TARGET_ERSPAN;
	addr_parse("2001:db8:9::9", &o.analyser.addr);
	assert_int_equal(judge(o), RESULT_NO_FAMILY);
	facts.target4 = WIRE_TARGET_NFLOG;
	assert_int_equal(judge(o), RESULT_OK);
	memset(&source, 0, sizeof source);
	assert_int_equal(judge(o), RESULT_NO_ROUTE);
}

static void
slots(void **state)
{
	struct order four = order_of(9, "10.1.0.2", "198.51.100.9");

	(void)state;
	four.filter.has_proto = true;
	four.filter.proto = 6;
	four.filter.port = 443;
	hold(order_of(1, "10.1.0.2", "198.51.100.9"));
	hold(order_of(2, "10.1.0.3", "198.51.100.9"));
	assert_int_equal(judge(four), RESULT_OK);
	hold(order_of(3, "10.1.0.4", "198.51.100.9"));
	assert_int_equal(judge(four), RESULT_LIMIT_RULES);
	assert_non_null(strstr(text, "6 of 8"));
	assert_int_equal(judge(order_of(4, "10.1.0.5", "198.51.100.9")), RESULT_OK);
	/* One that is there already needs no more room. */
	struct held *self = hold(order_of(4, "10.1.0.5", "198.51.100.9"));
	assert_int_equal(accept_order(&facts, &set, self, &self->order, &source, text), RESULT_OK);
}

static void
the_switchs_own_space(void **state)
{
	struct order o = order_of(1, "10.1.0.2", "198.51.100.9");

	(void)state;
	assert_int_equal(accept_acl_room(0, 100), 80);
	assert_int_equal(accept_acl_room(79, 100), 1);
	assert_int_equal(accept_acl_room(80, 100), 0);
	assert_int_equal(accept_acl_room(500, 100), 0);
	assert_int_equal(accept_acl_room(0, 0), 0);
	assert_int_equal(accept_acl_room(0, 3), 2);
	facts.acl_total = 100;
	facts.acl_used = 78;
	assert_int_equal(judge(o), RESULT_OK);
	facts.acl_used = 79;
	assert_int_equal(judge(o), RESULT_LIMIT_ACL);
	facts.acl_used = 76;
	struct held *held = hold(order_of(2, "10.1.0.3", "198.51.100.9"));
	assert_int_equal(judge(o), RESULT_OK);
	hold(order_of(3, "10.1.0.4", "198.51.100.9"));
	assert_int_equal(judge(o), RESULT_LIMIT_ACL);
	held->synced = true;
	assert_int_equal(judge(o), RESULT_OK);
}

static void
what_hardware_can_send(void **state)
{
	struct order o = order_of(1, "10.1.0.2", "198.51.100.9");

	(void)state;
	facts.target4 = WIRE_TARGET_ERSPAN;
	facts.destinations = 2;
	assert_int_equal(judge(o), RESULT_OK);
	snprintf(route.iface, sizeof route.iface, "eth0");
	assert_int_equal(judge(o), RESULT_DESTINATION_MGMT);
	snprintf(route.iface, sizeof route.iface, "swp5");
	snprintf(o.filter.iface, sizeof o.filter.iface, "swp5");
	assert_int_equal(judge(o), RESULT_DESTINATION_MIRRORED);
	snprintf(o.filter.iface, sizeof o.filter.iface, "swp50");
	assert_int_equal(judge(o), RESULT_OK);
	snprintf(o.filter.iface, sizeof o.filter.iface, "swp+");
	assert_int_equal(judge(o), RESULT_DESTINATION_MIRRORED);
	o.filter.iface[0] = '\0';
	/* Two pairs; a third needs another. */
	hold(o);
	struct order second = order_of(2, "10.1.0.3", "198.51.100.9");
	addr_parse("192.0.2.75", &second.analyser.addr);
	assert_int_equal(judge(second), RESULT_OK);
	struct held *held = hold(second);
	assert_int_equal(judge(order_of(3, "10.1.0.4", "198.51.100.9")), RESULT_OK);
	struct order third = order_of(4, "10.1.0.5", "198.51.100.9");
	addr_parse("192.0.2.76", &third.analyser.addr);
	assert_int_equal(judge(third), RESULT_LIMIT_DESTINATIONS);
	/* The same analyser from another source is another pair. */
	struct addr other;
	addr_parse("10.255.0.2", &other);
	struct order same = order_of(5, "10.1.0.6", "198.51.100.9");
	assert_int_equal(
	    accept_order(&facts, &set, NULL, &same, &other, text), RESULT_LIMIT_DESTINATIONS);
	/* What is on its way out has its pair as long as the hardware has it. */
	held->wanted = false;
	held->in_hw = true;
	assert_int_equal(judge(third), RESULT_LIMIT_DESTINATIONS);
	held->in_hw = false;
	assert_int_equal(judge(third), RESULT_OK);
	/* Software has no such limit. */
	held->wanted = true;
	facts.target4 = WIRE_TARGET_NFLOG;
	assert_int_equal(judge(third), RESULT_OK);
}

static void
warns_of_a_narrow_way(void **state)
{
	(void)state;
	route.mtu = 1500;
	accept_mtu(&route, text);
	assert_non_null(strstr(text, "swp5 has 1500"));
	route.mtu = 9000;
	accept_mtu(&route, text);
	assert_string_equal(text, "");
	route.mtu = 0;
	accept_mtu(&route, text);
	assert_string_equal(text, "");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(takes_a_conversation),
	    TEST(never_watches_itself),
	    TEST(keeps_to_the_width),
	    TEST(needs_a_target_and_a_way),
	    TEST(slots),
	    TEST(the_switchs_own_space),
	    TEST(what_hardware_can_send),
	    TEST(warns_of_a_narrow_way),
	};

	return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
