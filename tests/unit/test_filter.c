/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/filter.h"

static struct filter
pair(const char *a, const char *b)
{
	struct filter f = {.one_way = false};

	assert_int_equal(prefix_parse(a, &f.a, NULL), 0);
	assert_int_equal(prefix_parse(b, &f.b, NULL), 0);
	return f;
}

static struct filter
with_proto(struct filter f, uint8_t proto)
{
	f.has_proto = true;
	f.proto = proto;
	return f;
}

static void
takes_good_ones(void **state)
{
	struct filter f = pair("10.1.0.2", "198.51.100.0/24");

	(void)state;
	assert_null(filter_check(&f, NULL));
	f = with_proto(f, 6);
	f.a_port = 1;
	f.b_port = 65535;
	assert_null(filter_check(&f, NULL));
	f.a_port = f.b_port = 0;
	f.port = 443;
	snprintf(f.iface, sizeof f.iface, "swp1");
	assert_null(filter_check(&f, NULL));
	f = pair("0.0.0.0/0", "198.51.100.9");
	assert_null(filter_check(&f, NULL));
	f = pair("2001:db8::/32", "::/0");
	assert_null(filter_check(&f, NULL));
}

/* One fault each; everything else about the filter is right. */
static void
names_each_fault(void **state)
{
	const struct filter good = with_proto(pair("10.1.0.2", "198.51.100.9"), 17);
	struct filter f;

	(void)state;
	assert_null(filter_check(&good, NULL));
#define WRONG(change)                                                                              \
	do {                                                                                       \
		f = good;                                                                          \
		change;                                                                            \
		assert_non_null(filter_check(&f, NULL));                                           \
	} while (0)
	WRONG(f.a.addr.family = 0);
	WRONG(f.b.addr.family = 5);
	WRONG(f.a.len = 33);
	WRONG(f.a.len = 24);
	WRONG(f.a = pair("2001:db8::1", "::1").a);
	WRONG(f.a.addr.bytes[15] = 1);
	WRONG(f.port = 53; f.a_port = 53);
	WRONG(f.port = 53; f.b_port = 53);
	WRONG(f.proto = 1; f.port = 53);
	WRONG(f.has_proto = false);
	WRONG(f.has_proto = false; f.proto = 0; f.a_port = 1);
	WRONG(f.proto = 0);
	WRONG(memset(f.iface, 'a', sizeof f.iface));
	WRONG(snprintf(f.iface, sizeof f.iface, "swp 1"));
	WRONG(f = pair("0.0.0.0/0", "0.0.0.0/0"));
#undef WRONG
	/* IPv4 in an IPv6 coat would be a second form of the same address. */
	f = pair("2001:db8::1", "2001:db8::2");
	memset(f.a.addr.bytes, 0, 16);
	f.a.addr.bytes[10] = f.a.addr.bytes[11] = 0xff;
	assert_non_null(filter_check(&f, NULL));
}

static void
keeps_to_the_width(void **state)
{
	const struct filter_limits limits = {.len4 = 24, .len6 = 64};
	struct filter f = pair("10.0.0.0/8", "198.51.100.0/24");

	(void)state;
	assert_null(filter_check(&f, &limits));
	f = pair("10.0.0.0/8", "198.51.100.0/23");
	assert_non_null(filter_check(&f, &limits));
	f = pair("2001:db8::/64", "::/0");
	assert_null(filter_check(&f, &limits));
	f = pair("2001:db8::/63", "::/0");
	assert_non_null(filter_check(&f, &limits));
}

static void
checks_interface_names(void **state)
{
	static const char *const good[] = {"swp1", "swp+", "a", "eth0.100", "bond_1", "veth@x",
	    "123456789012345", "1234567890123+"};
	static const char *const bad[] = {"", "+", ".", "..", "a b", "a/b", "swp++", "s+p", "a;b",
	    "1234567890123456", "swp1\n", "$(x)", "a\"", "-j ACCEPT", "\xc3\xa4"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!filter_iface_ok(good[i]))
			fail_msg("\"%s\" was refused", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (filter_iface_ok(bad[i]))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void
expands_to_rules(void **state)
{
	struct filter_match m[FILTER_RULES_MAX];
	struct filter f = pair("10.1.0.2", "198.51.100.9");

	(void)state;
	snprintf(f.iface, sizeof f.iface, "swp3");
	assert_int_equal(filter_expand(&f, m), 2);
	assert_true(prefix_equal(&m[0].src, &f.a) && prefix_equal(&m[0].dst, &f.b));
	assert_true(prefix_equal(&m[1].src, &f.b) && prefix_equal(&m[1].dst, &f.a));
	/* The way back comes in by another port. */
	assert_string_equal(m[0].iface, "swp3");
	assert_string_equal(m[1].iface, "");

	f.one_way = true;
	assert_int_equal(filter_expand(&f, m), 1);

	f = with_proto(pair("10.1.0.2", "198.51.100.9"), 6);
	f.a_port = 1000;
	f.b_port = 443;
	assert_int_equal(filter_expand(&f, m), 2);
	assert_int_equal(m[0].src_port, 1000);
	assert_int_equal(m[0].dst_port, 443);
	assert_int_equal(m[1].src_port, 443);
	assert_int_equal(m[1].dst_port, 1000);

	f.a_port = f.b_port = 0;
	f.port = 443;
	assert_int_equal(filter_expand(&f, m), 4);
	unsigned seen = 0;
	for (unsigned i = 0; i < 4; i++) {
		bool there = prefix_equal(&m[i].src, &f.a);

		assert_int_equal((m[i].src_port == 443) + (m[i].dst_port == 443), 1);
		assert_int_equal(m[i].src_port + m[i].dst_port, 443);
		assert_true(m[i].has_proto && m[i].proto == 6);
		seen |= 1U << (2 * there + (m[i].src_port == 443));
	}
	assert_int_equal(seen, 15);
}

/* filter_rules must say what filter_expand does, for every shape there is. */
static void
counts_as_it_expands(void **state)
{
	(void)state;
	for (unsigned shape = 0; shape < 8; shape++) {
		struct filter_match m[FILTER_RULES_MAX];
		struct filter f = with_proto(pair("10.1.0.2", "198.51.100.9"), 6);

		f.one_way = shape & 1;
		f.port = shape & 2 ? 80 : 0;
		f.a_port = shape & 2 ? 0 : shape & 4 ? 90 : 0;
		assert_int_equal(filter_rules(&f), filter_expand(&f, m));
	}
}

/* A packet as the fields that a match looks at. */
struct packet {
	struct addr src, dst;
	uint16_t src_port, dst_port;
	uint8_t proto;
	const char *iface;
};

static bool
matches(const struct filter *f, const struct packet *p)
{
	struct filter_match m[FILTER_RULES_MAX];
	unsigned n = filter_expand(f, m);

	for (unsigned i = 0; i < n; i++)
		if (prefix_contains(&m[i].src, &p->src) && prefix_contains(&m[i].dst, &p->dst) &&
		    (!m[i].has_proto || m[i].proto == p->proto) &&
		    (!m[i].src_port || m[i].src_port == p->src_port) &&
		    (!m[i].dst_port || m[i].dst_port == p->dst_port) &&
		    (!m[i].iface[0] || strcmp(m[i].iface, p->iface) == 0))
			return true;
	return false;
}

static struct filter
random_filter(unsigned *seed)
{
	static const char *const nets[] = {
	    "10.0.0.0/8", "10.1.0.0/16", "10.1.0.2", "10.2.0.0/16", "0.0.0.0/0", "10.1.0.3"};
	struct filter f;
	do {
		f = pair(nets[rand_r(seed) % 6], nets[rand_r(seed) % 6]);
		if (rand_r(seed) % 2) {
			f = with_proto(f, rand_r(seed) % 2 ? 6 : 17);
			if (rand_r(seed) % 3 == 0)
				f.port = (uint16_t)(80 + rand_r(seed) % 2);
			else if (rand_r(seed) % 2)
				f.a_port = (uint16_t)(80 + rand_r(seed) % 2);
		}
		f.one_way = rand_r(seed) % 2;
		if (rand_r(seed) % 4 == 0)
			snprintf(f.iface, sizeof f.iface, "swp%d", rand_r(seed) % 2);
	} while (filter_check(&f, NULL));
	return f;
}

/* What a covering filter does not match, a covered one must not match either. */
static void
covers_means_every_packet(void **state)
{
	static const char *const hosts[] = {"10.1.0.2", "10.1.0.3", "10.2.0.9", "172.16.0.1"};
	unsigned seed = 4711, covered = 0;

	(void)state;
	for (unsigned i = 0; i < 4000; i++) {
		struct filter outer = random_filter(&seed), inner = random_filter(&seed);

		assert_true(filter_covers(&outer, &outer));
		if (!filter_covers(&outer, &inner))
			continue;
		covered++;
		for (unsigned k = 0; k < 100; k++) {
			struct packet p = {.src_port = (uint16_t)(79 + rand_r(&seed) % 3),
			    .dst_port = (uint16_t)(79 + rand_r(&seed) % 3),
			    .proto = rand_r(&seed) % 2 ? 6 : 17,
			    .iface = rand_r(&seed) % 2 ? "swp0" : "swp1"};

			addr_parse(hosts[rand_r(&seed) % 4], &p.src);
			addr_parse(hosts[rand_r(&seed) % 4], &p.dst);
			if (matches(&inner, &p))
				assert_true(matches(&outer, &p));
		}
	}
	assert_true(covered > 50);
}

static void
compares(void **state)
{
	struct filter a = with_proto(pair("10.1.0.2", "198.51.100.9"), 6), b = a;

	(void)state;
	assert_true(filter_equal(&a, &b));
	/* Bytes behind the name's end are not the name. */
	b.iface[5] = 'x';
	assert_true(filter_equal(&a, &b));
	b = a;
	b.one_way = true;
	assert_false(filter_equal(&a, &b));
	b = a;
	b.port = 1;
	assert_false(filter_equal(&a, &b));
	b = a;
	b.b.len = 31;
	assert_false(filter_equal(&a, &b));
}

static void
writes_the_longest(void **state)
{
	struct filter f = with_proto(pair("2001:db8:1111:2222:3333:4444:5555:6666",
					 "2001:db8:1111:2222:3333:4444:5555:7777"),
	    132);
	char text[FILTER_TEXT_MAX];

	(void)state;
	f.a_port = f.b_port = 65535;
	snprintf(f.iface, sizeof f.iface, "123456789012345");
	filter_format(&f, text);
	assert_non_null(strstr(text, "in 123456789012345"));
	f.one_way = true;
	filter_format(&f, text);
	assert_non_null(strstr(text, "in 123456789012345"));
	assert_non_null(strstr(text, "sctp dst port 65535"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_good_ones),
	    cmocka_unit_test(names_each_fault),
	    cmocka_unit_test(keeps_to_the_width),
	    cmocka_unit_test(checks_interface_names),
	    cmocka_unit_test(expands_to_rules),
	    cmocka_unit_test(counts_as_it_expands),
	    cmocka_unit_test(covers_means_every_packet),
	    cmocka_unit_test(compares),
	    cmocka_unit_test(writes_the_longest),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
