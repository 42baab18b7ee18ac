/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One host with many: when they are one, how wide, where, and what is taken over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decider.h"

#define LOCAL "10.1.2.5"
#define REMOTE "198.51.100.9"

static void
scanners(struct decider *rig)
{
	rig->policies[0].scanner_hosts = 10;
}

static void
scanners_alert(struct decider *rig)
{
	scanners(rig);
	rig->policies[0].scanner = POLICY_SCANNER_ALERT;
}

static struct verdict
knock(struct decider *rig, unsigned local, const char *remote, bool outbound)
{
	struct sighting s;
	char text[32];

	snprintf(text, sizeof text, "10.1.2.%u", local);
	s = decider_sighting(rig, text, remote, 6);
	s.outbound = outbound;
	return decider_decide(rig, &s);
}

static void
a_remote_that_knocks_at_many_is_one_event(void **unused)
{
	struct decider *rig = decider_make(scanners);
	struct verdict v;

	(void)unused;
	for (unsigned i = 1; i <= 100; i++) {
		v = knock(rig, i, REMOTE, false);
		assert_int_equal(v.code, RESULT_INBOUND_ONLY);
		assert_int_equal(v.wide, i < 10 ? VERDICT_PAIR : VERDICT_REMOTE);
	}
	assert_int_equal(v.peers, 100);
	assert_int_equal(decider_events(rig, "alert"), 9);
	assert_int_equal(decider_events(rig, "scanner"), 1);
	assert_null(decide_next(rig->d, false, 0));
	decider_done(rig);
}

static void
a_remote_with_many_becomes_one_capture(void **unused)
{
	struct decider *rig = decider_make(scanners);
	const struct decide_capture *c;
	char text[FILTER_TEXT_MAX];
	struct verdict v;

	(void)unused;
	for (unsigned i = 1; i < 10; i++)
		assert_int_equal(knock(rig, i, REMOTE, true).code, RESULT_OK);
	assert_int_equal(decide_switch_captures(rig->d, 2), 9);
	v = knock(rig, 10, REMOTE, true);
	assert_int_equal(v.code, RESULT_OK);
	assert_int_equal(v.wide, VERDICT_REMOTE);
	c = decide_find(rig->d, 10);
	assert_string_equal(
	    filter_format(&c->filter, text), "net 10.1.2.0/28 and host 198.51.100.9");
	assert_non_null(strstr(c->why, "one of 10 hosts"));
	/* It is held where its local hosts are, not where it was seen. */
	assert_string_equal(decider_wanted(c), "2");
	for (unsigned i = 1; i < 10; i++)
		assert_int_equal(decide_find(rig->d, i)->code, RESULT_END_WIDER);
	for (unsigned i = 11; i < 16; i++)
		assert_int_equal(knock(rig, i, REMOTE, true).code, RESULT_ALREADY);
	/* It cools down as one. */
	decide_stop(rig->d, c->id, RESULT_END_OPERATOR, "x", rig->now);
	assert_int_equal(knock(rig, 150, REMOTE, true).code, RESULT_ALREADY);
	decider_obey(rig, HOLD_MIRRORING);
	assert_int_equal(knock(rig, 150, REMOTE, true).code, RESULT_COOL_DOWN);
	/* A restart changes nothing about that. */
	decider_restart(rig);
	for (unsigned i = 0; i < DECIDER_SWITCHES; i++)
		decider_connect(rig, i);
	for (unsigned i = 151; i < 160; i++)
		knock(rig, i, REMOTE, true);
	v = knock(rig, 160, REMOTE, true);
	assert_int_equal(v.wide, VERDICT_REMOTE);
	assert_int_equal(v.code, RESULT_COOL_DOWN);
	decider_done(rig);
}

/* A later one outside of the filter is not said to be captured: a wider capture takes over. */
static void
it_widens_when_one_comes_from_outside(void **unused)
{
	struct decider *rig = decider_make(scanners);
	const struct decide_capture *c;
	char text[FILTER_TEXT_MAX];
	struct order orders[16];

	(void)unused;
	for (unsigned i = 1; i <= 15; i++)
		knock(rig, i, REMOTE, true);
	decider_obey(rig, HOLD_MIRRORING);
	assert_int_equal(decider_only(rig)->id, 10);
	for (unsigned i = 16; i < 100; i++)
		assert_int_equal(knock(rig, i, REMOTE, true).code,
		    i == 16 || i == 32 || i == 64 ? RESULT_OK : RESULT_ALREADY);
	assert_int_equal(decider_orders(rig, 2, orders, 16), 1);
	assert_string_equal(
	    filter_format(&orders[0].filter, text), "net 10.1.2.0/25 and host 198.51.100.9");
	assert_string_equal(decide_find(rig->d, 10)->text, "capture 11 takes it over");
	decider_obey(rig, HOLD_MIRRORING);
	c = decider_only(rig);
	assert_int_equal(c->id, 13);
	/* Those that were taken over are no returns: the first cool-down is ten minutes. */
	decide_stop(rig->d, c->id, RESULT_END_OPERATOR, "x", rig->now);
	decider_obey(rig, HOLD_MIRRORING);
	decider_pass(rig, 5 * CLK_S);
	struct verdict v = knock(rig, 5, REMOTE, true);
	assert_int_equal(v.code, RESULT_COOL_DOWN);
	assert_string_equal(verdict_text(&v), "captured 1 time; 9m55s of 10m are left");
	/* Neither are they after a restart. */
	decider_restart(rig);
	for (unsigned i = 0; i < DECIDER_SWITCHES; i++)
		decider_connect(rig, i);
	for (unsigned i = 101; i <= 110; i++)
		v = knock(rig, i, REMOTE, true);
	assert_int_equal(v.wide, VERDICT_REMOTE);
	assert_string_equal(verdict_text(&v), "captured 1 time; 9m55s of 10m are left");
	decider_done(rig);
}

/* What it takes over need not be paid for twice. */
static void
tight(struct decider *rig)
{
	scanners(rig);
	rig->analysers[0].hard_bps = 25000000;
}

static void
a_wider_one_gets_the_share_of_what_it_takes_over(void **unused)
{
	struct decider *rig = decider_make(tight);
	struct decide_stats stats;

	(void)unused;
	/* 1,200 kbit/s each; at ten the many are 12,000, and at sixteen 19,200. */
	for (unsigned i = 1; i <= 16; i++)
		assert_int_equal(knock(rig, i, REMOTE, true).code,
		    i <= 10 || i == 16 ? RESULT_OK : RESULT_ALREADY);
	decide_stats(rig->d, rig->now, &stats);
	assert_int_equal(stats.est_bps, 19200000);
	assert_int_equal(stats.evicted, 0);
	decider_done(rig);
}

static struct verdict
call(struct decider *rig, const char *local)
{
	struct sighting s = decider_sighting(rig, local, REMOTE, 6);

	return decider_decide(rig, &s);
}

/* Its local hosts are behind many switches: each of them copies its own. */
static void
the_many_are_captured_where_each_of_them_is(void **unused)
{
	struct decider *rig = decider_make(scanners);
	char local[32], text[FILTER_TEXT_MAX];
	struct verdict v;

	(void)unused;
	for (unsigned i = 0; i < 10; i++) {
		snprintf(local, sizeof local, "10.1.%u.%u", i % 5, i + 1);
		v = call(rig, local);
		assert_int_equal(v.code, RESULT_OK);
	}
	assert_string_equal(decider_held(&v), "4 0 1 2 3");
	assert_string_equal(
	    filter_format(&v.filter, text), "net 10.1.0.0/21 and host 198.51.100.9");
	for (unsigned i = 1; i < 10; i++)
		assert_int_equal(decide_find(rig->d, i)->code, RESULT_END_WIDER);
	decider_obey(rig, HOLD_MIRRORING);
	assert_int_equal(decider_only(rig)->state, LIFE_MIRRORING);
	/* No host of it moves: it is not one host, whoever has the first address of its filter. */
	struct decide_host host = {.addr = decider_addr("10.1.0.0")};
	decide_hosts(rig->d, 7, &host, 1, false, rig->now);
	decider_pass(rig, 20 * CLK_S);
	assert_string_equal(decider_wanted(decider_only(rig)), "4 0 1 2 3");
	/* One more, behind a switch that has nothing of it yet. */
	v = call(rig, "10.1.6.9");
	assert_int_equal(v.code, RESULT_ALREADY);
	assert_string_equal(verdict_text(&v),
	    "capture 10 is mirroring, and goes to leaf6 as well, where 10.1.6.9 is");
	assert_string_equal(decider_held(&v), "6");
	assert_string_equal(decider_wanted(decider_only(rig)), "4 0 1 2 3 6");
	assert_string_equal(decider_event(rig, "moved")->text, verdict_text(&v));
	struct addr who = decider_addr("10.1.6.9");
	assert_true(addr_equal(&decider_event(rig, "moved")->local, &who));
	assert_int_equal(decider_only(rig)->state, LIFE_REQUESTED);
	decider_obey(rig, HOLD_MIRRORING);
	assert_int_equal(decider_only(rig)->state, LIFE_MIRRORING);
	assert_int_equal(rig->order_count[6], 1);
	/* Once. */
	v = call(rig, "10.1.6.9");
	assert_string_equal(verdict_text(&v), "capture 10 is mirroring");
	assert_int_equal(v.holder_count, 0);
	assert_int_equal(decider_events(rig, "moved"), 1);
	decider_done(rig);
}

static void
few_rules(struct decider *rig)
{
	scanners(rig);
	rig->switches[6].rules_max = 2;
}

static void
it_spreads_within_limits(void **unused)
{
	struct decider *rig = decider_make(few_rules);
	struct verdict v;

	(void)unused;
	for (unsigned i = 1; i <= 10; i++)
		knock(rig, i, REMOTE, true);
	/* Within the filter, and behind leaf6 by now. */
	struct decide_host host = {.addr = decider_addr("10.1.2.11")};
	decide_hosts(rig->d, 6, &host, 1, false, rig->now);
	decide_freeze(rig->d, true, "root", "", rig->now);
	assert_int_equal(call(rig, "10.1.2.11").holder_count, 0);
	decide_freeze(rig->d, false, "root", "", rig->now);
	assert_int_equal(decider_see(rig, "10.1.6.5", "203.0.113.1", 6).code, RESULT_OK);
	v = call(rig, "10.1.2.11");
	assert_int_equal(v.code, RESULT_ALREADY);
	assert_int_equal(v.holder_count, 0);
	assert_string_equal(verdict_text(&v),
	    "capture 10 is requested, but not where 10.1.2.11 is: leaf6 holds 2 mirror rules of at "
	    "most 2; this needs 2: 2 too many");
	/* A switch that is away or released is no place. */
	decide_gone(rig->d, 6, rig->now);
	v = call(rig, "10.1.2.11");
	assert_string_equal(verdict_text(&v), "capture 10 is requested");
	decider_done(rig);
}

static void
scanners_where_seen(struct decider *rig)
{
	scanners(rig);
	rig->policies[0].where = POLICY_SEEN;
}

static void
the_wide_one_takes_the_narrow_ones_over(void **unused)
{
	struct decider *rig = decider_make(scanners_where_seen);
	struct order orders[16];

	(void)unused;
	for (unsigned i = 1; i <= 10; i++)
		assert_int_equal(knock(rig, i, REMOTE, true).code, RESULT_OK);
	for (unsigned i = 1; i < 10; i++) {
		assert_int_equal(decide_find(rig->d, i)->state, LIFE_REMOVING);
		assert_int_equal(decide_find(rig->d, i)->code, RESULT_END_WIDER);
	}
	assert_int_equal(decider_orders(rig, 6, orders, 16), 1);
	decider_done(rig);
}

static void
a_local_with_many_of_a_prefix_becomes_one_capture(void **unused)
{
	struct decider *rig = decider_make(scanners);
	char remote[32], text[FILTER_TEXT_MAX];
	struct verdict v;

	(void)unused;
	for (unsigned i = 1; i <= 10; i++) {
		snprintf(remote, sizeof remote, "198.51.100.%u", i);
		v = decider_see(rig, LOCAL, remote, 6);
		assert_int_equal(v.code, RESULT_OK);
	}
	assert_int_equal(v.wide, VERDICT_PREFIX);
	assert_string_equal(filter_format(&decide_find(rig->d, 10)->filter, text),
	    "host 10.1.2.5 and net 198.51.100.0/28");
	/* Where the local host is attached, as the narrow ones were: those end. */
	assert_int_equal(decide_find(rig->d, 10)->holders[0].id, 2);
	assert_int_equal(decide_find(rig->d, 1)->code, RESULT_END_WIDER);
	assert_int_equal(decider_see(rig, LOCAL, "198.51.100.15", 6).code, RESULT_ALREADY);
	assert_int_equal(decider_see(rig, LOCAL, "198.51.100.200", 6).code, RESULT_OK);
	assert_string_equal(filter_format(&decide_find(rig->d, 11)->filter, text),
	    "host 10.1.2.5 and net 198.51.100.0/24");
	assert_int_equal(decide_find(rig->d, 10)->code, RESULT_END_WIDER);
	assert_int_equal(decider_see(rig, LOCAL, "198.51.100.201", 6).code, RESULT_ALREADY);
	/* Neighbours of another /24 are another matter. */
	assert_int_equal(decider_see(rig, LOCAL, "198.51.101.1", 6).code, RESULT_OK);
	decider_done(rig);
}

static void
or_only_an_alert(void **unused)
{
	struct decider *rig = decider_make(scanners_alert);
	struct verdict v;

	(void)unused;
	for (unsigned i = 1; i <= 30; i++) {
		v = knock(rig, i, REMOTE, true);
		assert_int_equal(v.code, i < 10 ? RESULT_OK : RESULT_ALERT_ONLY);
	}
	assert_int_equal(decider_events(rig, "scanner"), 1);
	assert_string_equal(decider_event(rig, "scanner")->text,
	    "198.51.100.9 and 10 hosts of 10.1.2.0/28 within the window: policy all alerts only");
	decider_done(rig);
}

static void
a_wider_filter_takes_no_bystander(void **unused)
{
	struct decider *rig = decider_make(scanners);
	struct addr own = decider_addr("10.1.2.12");
	struct verdict v;

	(void)unused;
	assert_int_equal(decide_own(rig->d, &own, 1), 0);
	for (unsigned i = 1; i <= 10; i++)
		v = knock(rig, i, REMOTE, true);
	assert_int_equal(v.code, RESULT_NEVER_CAPTURE);
	assert_string_equal(verdict_text(&v),
	    "a filter as wide as 10.1.2.0/28 would take 10.1.2.12, which is the controller");
	decider_done(rig);
}

static void
slow_acquaintances_are_no_scan(void **unused)
{
	struct decider *rig = decider_make(scanners);
	struct verdict v;

	(void)unused;
	for (unsigned i = 1; i <= 40; i++) {
		v = knock(rig, i, REMOTE, false);
		assert_int_equal(v.wide, VERDICT_PAIR);
		decider_pass(rig, 90 * CLK_S);
	}
	decider_done(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_remote_that_knocks_at_many_is_one_event),
	    cmocka_unit_test(a_remote_with_many_becomes_one_capture),
	    cmocka_unit_test(it_widens_when_one_comes_from_outside),
	    cmocka_unit_test(a_wider_one_gets_the_share_of_what_it_takes_over),
	    cmocka_unit_test(the_many_are_captured_where_each_of_them_is),
	    cmocka_unit_test(it_spreads_within_limits),
	    cmocka_unit_test(the_wide_one_takes_the_narrow_ones_over),
	    cmocka_unit_test(a_local_with_many_of_a_prefix_becomes_one_capture),
	    cmocka_unit_test(or_only_an_alert),
	    cmocka_unit_test(a_wider_filter_takes_no_bystander),
	    cmocka_unit_test(slow_acquaintances_are_no_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
