/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rules/policy_file.h"

static struct wire_config config;
static struct held_set set;

static int
setup(void **state)
{
	(void)state;
	memset(&config, 0, sizeof config);
	memset(&set, 0, sizeof set);
	snprintf(config.table, sizeof config.table, "filter");
	snprintf(config.chain, sizeof config.chain, "FORWARD");
	snprintf(config.iface, sizeof config.iface, "swp+");
	config.nflog_group = 5;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	held_clear(&set);
	return 0;
}

static struct held *
add(uint64_t capture, const char *a, const char *b)
{
	struct order order = {.capture = capture};

	prefix_parse(a, &order.filter.a, NULL);
	prefix_parse(b, &order.filter.b, NULL);
	addr_parse("192.0.2.74", &order.analyser.addr);
	struct held *held = held_add(&set, &order, 1000, (struct instant){1});
	assert_non_null(held);
	addr_parse("192.0.2.65", &held->source);
	held->target = WIRE_TARGET_ERSPAN;
	held->placed = true;
	return held;
}

static void
expect(bool comments, const char *text)
{
	char *got;
	size_t size;

	assert_int_equal(policy_file_text(&set, &config, comments, &got, &size), 0);
	const char *rest = got;
	if (size) {
		rest = strchr(got, '\n');
		assert_non_null(rest);
		assert_int_equal(got[0], '#');
		rest++;
	}
	assert_string_equal(rest, text);
	assert_int_equal(size, strlen(got));
	free(got);
}

static void
test_nothing(void **state)
{
	(void)state;
	expect(true, "");
	add(1, "10.1.0.2", "198.51.100.9")->placed = false;
	expect(true, "");
}

static void
test_erspan(void **state)
{
	(void)state;
	struct held *held = add(7, "10.1.0.0/24", "198.51.100.9");
	held->order.analyser.ttl = 3;
	expect(true, "[iptables]\n"
		     "-A FORWARD -s 10.1.0.0/24 -d 198.51.100.9 -i swp+ -m comment --comment "
		     "finderscope:7:0 -j ERSPAN --src-ip 192.0.2.65 --dst-ip 192.0.2.74 --ttl 3\n"
		     "-A FORWARD -s 198.51.100.9 -d 10.1.0.0/24 -i swp+ -m comment --comment "
		     "finderscope:7:1 -j ERSPAN --src-ip 192.0.2.65 --dst-ip 192.0.2.74 --ttl 3\n");
}

static void
test_table_ports_and_no_comment(void **state)
{
	(void)state;
	struct held *held = add(8, "10.1.0.2", "198.51.100.9");
	held->order.filter.has_proto = true;
	held->order.filter.proto = 17;
	held->order.filter.a_port = 53;
	held->order.filter.one_way = true;
	snprintf(held->order.filter.iface, sizeof held->order.filter.iface, "bond1");
	snprintf(config.table, sizeof config.table, "mangle");
	snprintf(config.chain, sizeof config.chain, "PREROUTING");
	expect(false,
	    "[iptables]\n"
	    "-t mangle -A PREROUTING -s 10.1.0.2 -d 198.51.100.9 -i bond1 -p udp --sport 53 -j "
	    "ERSPAN --src-ip 192.0.2.65 --dst-ip 192.0.2.74 --ttl 64\n");
}

static void
test_families(void **state)
{
	(void)state;
	struct held *six = add(9, "2001:db8::1", "2001:db8::2");
	six->target = WIRE_TARGET_NFLOG;
	six->order.filter.one_way = true;
	struct held *any = add(10, "10.1.0.2", "198.51.100.9");
	any->order.filter.one_way = true;
	any->order.filter.has_proto = true;
	any->order.filter.proto = 1;
	any->order.filter.b.len = 0;
	memset(any->order.filter.b.addr.bytes, 0, sizeof any->order.filter.b.addr.bytes);
	expect(true,
	    "[iptables]\n"
	    "-A FORWARD -s 10.1.0.2 -i swp+ -p 1 -m comment --comment finderscope:10:0 -j ERSPAN "
	    "--src-ip 192.0.2.65 --dst-ip 192.0.2.74 --ttl 64\n"
	    "[ip6tables]\n"
	    "-A FORWARD -s 2001:db8::1 -d 2001:db8::2 -i swp+ -m comment --comment "
	    "finderscope:9:0 -j NFLOG --nflog-prefix finderscope:9:0 --nflog-group 5\n");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_nothing), TEST(test_erspan),
	    TEST(test_table_ports_and_no_comment), TEST(test_families)};
	return cmocka_run_group_tests_name("policy_file", tests, NULL, NULL);
}
