/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rules/held.h"
#include "common/base/result.h"

static struct held_set set;

static struct instant
at(int64_t ms)
{
	return (struct instant){(1000000 + ms) * CLK_MS};
}

static struct order
order_of(uint64_t capture)
{
	struct order o;

	memset(&o, 0, sizeof o);
	o.capture = capture;
	prefix_parse("10.1.0.2", &o.filter.a, NULL);
	prefix_parse("198.51.100.9", &o.filter.b, NULL);
	addr_parse("192.0.2.74", &o.analyser.addr);
	o.analyser.session = 7;
	o.analyser.erspan_type = 2;
	return o;
}

static struct held *
add(uint64_t capture, uint32_t lease_ms)
{
	struct order o = order_of(capture);

	return held_add(&set, &o, lease_ms, at(0));
}

static int
setup(void **state)
{
	(void)state;
	memset(&set, 0, sizeof set);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	held_clear(&set);
	return set.n || set.slots || set.head;
}

static void
counts_slots(void **state)
{
	struct order four = order_of(2);

	(void)state;
	add(1, 1000);
	four.filter.has_proto = true;
	four.filter.proto = 6;
	four.filter.port = 443;
	held_add(&set, &four, 1000, at(0));
	assert_true(set.n == 2 && set.slots == 6);
	assert_non_null(held_find(&set, 2));
	assert_null(held_find(&set, 3));
	held_remove(&set, held_find(&set, 1));
	assert_true(set.n == 1 && set.slots == 4);
}

static void
leases_and_ends(void **state)
{
	struct order o = order_of(2);
	struct instant next;

	(void)state;
	assert_false(held_next(&set, &next));
	struct held *one = add(1, 1000);
	o.remaining_ms = 500;
	struct held *two = held_add(&set, &o, 1000, at(0));
	assert_true(held_next(&set, &next));
	assert_true(next.ns == at(500).ns);
	assert_int_equal(held_expire(&set, at(499)), 0);
	assert_int_equal(held_expire(&set, at(500)), 1);
	assert_int_equal(two->code, RESULT_END_DURATION);
	assert_true(held_next(&set, &next) && next.ns == at(1000).ns);
	/* A renewal moves the lease, not the end; of one that is over it moves nothing. */
	held_renew(one, 1000, at(900));
	assert_int_equal(held_expire(&set, at(1899)), 0);
	assert_int_equal(held_expire(&set, at(1900)), 1);
	assert_int_equal(one->code, RESULT_END_LEASE);
	assert_int_equal(held_expire(&set, at(9999)), 0);
	assert_false(held_next(&set, &next));
}

/* Both at once: the end that was asked for is the reason. */
static void
its_own_end_comes_first(void **state)
{
	struct order o = order_of(1);

	(void)state;
	o.remaining_ms = 1000;
	struct held *h = held_add(&set, &o, 1000, at(0));
	held_expire(&set, at(1000));
	assert_int_equal(h->code, RESULT_END_DURATION);
}

static void
an_order_again(void **state)
{
	struct held *h = add(1, 1000);
	struct order o = order_of(1);

	(void)state;
	o.remaining_ms = 300;
	o.max_packets = 9;
	assert_true(held_update(h, &o, 2000, at(100)));
	assert_false(h->remake);
	assert_true(h->own_end.ns == at(400).ns && h->lease_end.ns == at(2100).ns);
	o.remaining_ms = 0;
	o.analyser.ttl = 9;
	assert_true(held_update(h, &o, 2000, at(100)));
	assert_true(h->remake && h->own_end.ns == 0);
	o.filter.one_way = true;
	assert_false(held_update(h, &o, 99, at(5000)));
	assert_false(h->order.filter.one_way);
	assert_true(h->lease_end.ns == at(2100).ns);
}

static void
the_first_reason_stays(void **state)
{
	struct held *h = add(1, 1000);

	(void)state;
	h->in_kernel = 2;
	held_end(h, RESULT_END_OPERATOR, "first");
	held_end(h, RESULT_END_LEASE, "second");
	held_fail(h, RESULT_KERNEL, "third");
	assert_int_equal(h->hold, HOLD_REMOVING);
	assert_int_equal(held_finish(&set), 0);
	h->in_kernel = 0;
	h->in_hw = true;
	/* What the hardware has is not gone. */
	assert_int_equal(held_finish(&set), 0);
	h->in_hw = false;
	assert_int_equal(held_finish(&set), 1);
	struct holding r = held_report(h, at(0));
	assert_int_equal(r.hold, HOLD_ENDED);
	assert_int_equal(r.code, RESULT_END_OPERATOR);
	assert_string_equal(r.text, "first");
	assert_int_equal(held_finish(&set), 0);
}

static void
counters_add_up(void **state)
{
	struct held *h = add(1, 1000);

	(void)state;
	held_count(h, 0, (struct entry_counters){10, 1000});
	held_count(h, 1, (struct entry_counters){1, 100});
	held_count(h, 0, (struct entry_counters){15, 1500});
	assert_true(h->total.packets == 16 && h->total.bytes == 1600);
	/* Smaller than before: put in anew, by us or by another. */
	held_count(h, 0, (struct entry_counters){2, 200});
	assert_true(h->total.packets == 18 && h->total.bytes == 1800);
	held_count(h, FILTER_RULES_MAX, (struct entry_counters){99, 99});
	assert_true(h->total.packets == 18);
	/* Fewer packets, and larger ones. */
	held_count(h, 1, (struct entry_counters){0, 0});
	held_count(h, 0, (struct entry_counters){1, 1500});
	assert_true(h->total.packets == 19 && h->total.bytes == 3300);
	struct holding r = held_report(h, at(0));
	assert_true(r.packets == 19 && r.bytes == 3300 && r.held_ms == 0);
	h->committed = at(0);
	r = held_report(h, at(1500));
	assert_int_equal(r.held_ms, 1500);
	r = held_report(h, at(INT64_C(1) << 33));
	assert_true(r.held_ms == UINT32_MAX);
}

static void
limits_of_packets_and_bytes(void **state)
{
	struct order o = order_of(1);

	(void)state;
	o.max_packets = 10;
	struct held *one = held_add(&set, &o, 1000, at(0));
	o = order_of(2);
	o.max_bytes = 1000;
	struct held *two = held_add(&set, &o, 1000, at(0));
	held_count(one, 0, (struct entry_counters){9, 900});
	held_count(two, 0, (struct entry_counters){9, 999});
	assert_int_equal(held_brake(&set, at(1000), 0, 0), 0);
	held_count(one, 1, (struct entry_counters){1, 1});
	held_count(two, 1, (struct entry_counters){1, 1});
	assert_int_equal(held_brake(&set, at(2000), 0, 0), 2);
	assert_int_equal(one->code, RESULT_END_PACKETS);
	assert_int_equal(two->code, RESULT_END_BYTES);
	/* The copier's queue gets another look. */
	o = order_of(3);
	o.max_packets = 10;
	struct held *three = held_add(&set, &o, 1000, at(2000));
	three->target = WIRE_TARGET_NFLOG;
	held_count(three, 0, (struct entry_counters){10, 900});
	assert_int_equal(held_brake(&set, at(3000), 0, 0), 0);
	assert_int_equal(three->code, RESULT_OK);
	assert_int_equal(held_brake(&set, at(4000), 0, 0), 1);
	assert_int_equal(three->code, RESULT_END_PACKETS);
}

/* 125 bytes in a second are 1,000 bit/s. */
static void
brakes(void **state)
{
	struct held *h[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		h[i] = add(i + 1, 100000);
		h[i]->moved = at(0);
	}
	held_count(h[0], 0, (struct entry_counters){1, 125});
	assert_int_equal(held_brake(&set, at(1000), 1000, 1000), 0);
	assert_true(set.bps == 1000);
	/* One rule over its limit; another capture whose two rules are under it, each. */
	held_count(h[0], 0, (struct entry_counters){2, 251});
	held_count(h[1], 0, (struct entry_counters){1, 120});
	held_count(h[1], 1, (struct entry_counters){1, 120});
	h[1]->moved = at(1000);
	assert_int_equal(held_brake(&set, at(2000), 1000, 0), 1);
	assert_int_equal(h[0]->code, RESULT_END_BRAKE);
	assert_non_null(strstr(h[0]->text, "1000"));
	assert_true(h[1]->wanted);
	/* All together: the busiest goes, and that is enough. */
	held_count(h[1], 0, (struct entry_counters){2, 120 + 100});
	held_count(h[2], 0, (struct entry_counters){1, 50});
	h[2]->moved = at(2000);
	assert_int_equal(held_brake(&set, at(3000), 0, 1000), 1);
	assert_int_equal(h[1]->code, RESULT_END_BRAKE);
	assert_true(h[2]->wanted);
	assert_true(set.bps == 400);
}

/* Hardware's counters come every few seconds: five seconds' worth at once is no burst. */
static void
counters_that_come_late(void **state)
{
	struct held *h = add(1, 100000);

	(void)state;
	h->moved = at(0);
	for (int64_t ms = 1000; ms < 5000; ms += 1000)
		assert_int_equal(held_brake(&set, at(ms), 1000, 0), 0);
	held_count(h, 0, (struct entry_counters){5, 5 * 125});
	assert_int_equal(held_brake(&set, at(5000), 1000, 0), 0);
	held_count(h, 0, (struct entry_counters){6, 5 * 125 + 5 * 126 + 5});
	assert_int_equal(held_brake(&set, at(10000), 1000, 0), 1);
}

static void
its_own_limit(void **state)
{
	struct order o = order_of(1);

	(void)state;
	o.max_bps = 1500;
	struct held *h = held_add(&set, &o, 100000, at(0));
	h->moved = at(0);
	held_count(h, 0, (struct entry_counters){1, 120});
	held_count(h, 1, (struct entry_counters){1, 120});
	assert_int_equal(held_brake(&set, at(1000), 1000, 0), 1);
	assert_int_equal(h->code, RESULT_END_BRAKE);
}

static void
enormous_counters(void **state)
{
	struct held *h = add(1, 100000);

	(void)state;
	h->moved = at(0);
	held_count(h, 0, (struct entry_counters){UINT64_MAX, UINT64_MAX});
	assert_int_equal(held_brake(&set, at(1000), UINT64_MAX - 1, 0), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(counts_slots),
	    TEST(leases_and_ends),
	    TEST(its_own_end_comes_first),
	    TEST(an_order_again),
	    TEST(the_first_reason_stays),
	    TEST(counters_add_up),
	    TEST(limits_of_packets_and_bytes),
	    TEST(brakes),
	    TEST(counters_that_come_late),
	    TEST(its_own_limit),
	    TEST(enormous_counters),
	};

	return cmocka_run_group_tests_name("held", tests, NULL, NULL);
}
