/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every limit: what is refused says which and by how much, what is over it is ended until it fits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decider.h"

#define LOCAL "10.1.2.5"
#define REMOTE "198.51.100.9"

static struct verdict
nth(struct decider *rig, unsigned i)
{
	char local[32];

	snprintf(local, sizeof local, "10.1.2.%u", i);
	return decider_see(rig, local, REMOTE, 2);
}

static void
few_captures(struct decider *rig)
{
	rig->conf.limits.captures = 3;
}

static void
captures_in_all(void **unused)
{
	struct decider *rig = decider_make(few_captures);
	struct verdict v;

	(void)unused;
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(nth(rig, i).code, RESULT_OK);
	v = nth(rig, 4);
	assert_int_equal(v.code, RESULT_LIMIT_CAPTURES);
	assert_string_equal(verdict_text(&v), "3 captures live of at most 3 (setting captures): 1 too many");
	/* One that is being removed still takes its slots. */
	decide_stop(rig->d, 1, RESULT_END_OPERATOR, "x", rig->now);
	assert_int_equal(nth(rig, 4).code, RESULT_LIMIT_CAPTURES);
	decider_obey(rig, HOLD_MIRRORING);
	assert_int_equal(nth(rig, 4).code, RESULT_OK);
	decider_done(rig);
}

static void
few_starts(struct decider *rig)
{
	rig->conf.limits.starts_minute = 5;
}

static void
new_ones_a_minute(void **unused)
{
	struct decider *rig = decider_make(few_starts);
	struct decide_start start = {.analyser = "", .who = "root", .why = "", .everywhere = true};
	struct verdict v;
	uint64_t id;

	(void)unused;
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(nth(rig, i).code, RESULT_OK);
		decider_pass(rig, 5 * CLK_S);
	}
	v = nth(rig, 6);
	assert_int_equal(v.code, RESULT_LIMIT_RATE);
	assert_string_equal(verdict_text(&v),
	    "5 captures were begun within the last minute, of at most 5 (setting starts): 1 too many");
	start.filter =
	    (struct filter){.a = decider_prefix(LOCAL), .b = decider_prefix("198.51.100.77")};
	assert_int_equal(decide_start(rig->d, &start, false, rig->now, &v, &id), RESULT_LIMIT_RATE);
	decider_pass(rig, 34 * CLK_S);
	assert_int_equal(nth(rig, 6).code, RESULT_LIMIT_RATE);
	decider_pass(rig, CLK_S);
	assert_int_equal(nth(rig, 6).code, RESULT_OK);
	assert_int_equal(nth(rig, 7).code, RESULT_LIMIT_RATE);
	/* A restart gives nobody another five. */
	decider_restart(rig);
	decider_connect(rig, 2);
	assert_int_equal(nth(rig, 7).code, RESULT_LIMIT_RATE);
	decider_done(rig);
}

static void
few_rules(struct decider *rig)
{
	rig->switches[2].rules_max = 7;
}

static void
rules_a_switch(void **unused)
{
	struct decider *rig = decider_make(few_rules);
	struct decide_start start = {.analyser = "", .who = "root", .why = ""};
	struct decide_agent agent = decider_agent();
	unsigned two = 2;
	struct verdict v;
	uint64_t id;

	(void)unused;
	for (unsigned i = 1; i <= 2; i++)
		assert_int_equal(nth(rig, i).code, RESULT_OK);
	/* A port without a side is four rules. */
	start.filter = (struct filter){.a = decider_prefix(LOCAL),
	    .b = decider_prefix("198.51.100.0/24"),
	    .has_proto = true,
	    .proto = 6,
	    .port = 443};
	start.switches = &two;
	start.switch_count = 1;
	assert_int_equal(
	    decide_start(rig->d, &start, false, rig->now, &v, &id), RESULT_LIMIT_RULES);
	assert_string_equal(
	    verdict_text(&v), "leaf2 holds 4 mirror rules of at most 7; this needs 4: 1 too many");
	/* One way is half of it. */
	start.filter.one_way = true;
	assert_int_equal(decide_start(rig->d, &start, false, rig->now, &v, &id), RESULT_OK);
	assert_int_equal(decide_switch_rules(rig->d, 2), 6);
	assert_int_equal(nth(rig, 3).code, RESULT_LIMIT_RULES);
	/* The agent's own word holds as well, whichever is less. */
	rig->switches[2].rules_max = 0;
	decider_reload(rig);
	assert_int_equal(nth(rig, 3).code, RESULT_OK);
	agent.rules_max = 8;
	decide_connected(rig->d, 2, &agent, rig->now);
	assert_int_equal(nth(rig, 4).code, RESULT_LIMIT_RULES);
	/* 0 and without a number: no limit known. */
	agent.rules_max = 0;
	decide_connected(rig->d, 2, &agent, rig->now);
	assert_int_equal(nth(rig, 4).code, RESULT_OK);
	decider_done(rig);
}

static void
one_destination(struct decider *rig)
{
	rig->switches[2].destinations_max = 1;
	rig->policies[1] = rig->policies[0];
	memcpy(rig->policies[0].feeds[0], "drop", 5);
	rig->policies[0].feed_count = 1;
	memcpy(rig->policies[1].name, "more", 5);
	memcpy(rig->policies[1].analyser, "two", 4);
	rig->conf.policy_count = 2;
}

static void
destinations_a_switch(void **unused)
{
	struct decider *rig = decider_make(one_destination);
	struct decide_agent agent = decider_agent();
	struct sighting s;
	struct verdict v;

	(void)unused;
	assert_int_equal(nth(rig, 1).code, RESULT_OK);
	s = decider_sighting(rig, LOCAL, REMOTE, 2);
	s.entries[0].feed = 1;
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_LIMIT_DESTINATIONS);
	assert_string_equal(
	    verdict_text(&v), "leaf2 copies to 1 analysers of at most 1; two would be one more");
	assert_int_equal(nth(rig, 2).code, RESULT_OK);
	/* Two names for one address are one pair. */
	rig->analysers[1].addr = rig->analysers[0].addr;
	decider_reload(rig);
	assert_int_equal(decider_decide(rig, &s).code, RESULT_OK);
	/* What the agent says counts where nothing is configured. */
	rig->analysers[1].addr = decider_addr("192.0.2.51");
	rig->switches[2].destinations_max = 0;
	decider_reload(rig);
	agent.destinations = 1;
	decide_connected(rig->d, 2, &agent, rig->now);
	s = decider_sighting(rig, "10.1.2.77", REMOTE, 2);
	s.entries[0].feed = 1;
	assert_int_equal(decider_decide(rig, &s).code, RESULT_LIMIT_DESTINATIONS);
	decider_done(rig);
}

static void
narrow(struct decider *rig)
{
	/* A sample of 1500 bytes in 1:1000 is an estimated 1200 kbit/s. */
	rig->analysers[0].hard_bps = 3000000;
	rig->analysers[0].soft_bps = 2000000;
	rig->policies[1] = rig->policies[0];
	memcpy(rig->policies[0].feeds[0], "drop", 5);
	rig->policies[0].feed_count = 1;
	rig->policies[0].priority = 50;
	memcpy(rig->policies[1].name, "more", 5);
	rig->policies[1].priority = 10;
	rig->conf.policy_count = 2;
}

static struct verdict
low(struct decider *rig, unsigned i)
{
	struct sighting s;
	char local[32];

	snprintf(local, sizeof local, "10.1.2.%u", i);
	s = decider_sighting(rig, local, REMOTE, 2);
	s.entries[0].feed = 1;
	return decider_decide(rig, &s);
}

static void
over_the_soft_limit_nothing_of_low_priority(void **unused)
{
	struct decider *rig = decider_make(narrow);
	struct verdict v;

	(void)unused;
	assert_int_equal(low(rig, 1).code, RESULT_OK);
	v = low(rig, 2);
	assert_int_equal(v.code, RESULT_LIMIT_BANDWIDTH);
	assert_string_equal(verdict_text(&v),
	    "analyser one would get 2400 kbit/s, 400 over its soft limit of 2000, and priority 10 "
	    "is below 50");
	assert_int_equal(nth(rig, 3).code, RESULT_OK);
	decider_done(rig);
}

static void
the_hard_limit_refuses_or_makes_room(void **unused)
{
	struct decider *rig = decider_make(narrow);
	struct decide_stats stats;
	struct verdict v;

	(void)unused;
	assert_int_equal(low(rig, 1).code, RESULT_OK);
	assert_int_equal(nth(rig, 2).code, RESULT_OK);
	/* 2400 of 3000: the next of high priority has the low one go. */
	v = nth(rig, 3);
	assert_int_equal(v.code, RESULT_OK);
	assert_int_equal(v.evict_count, 1);
	assert_int_equal(v.evicts[0], 1);
	assert_int_equal(decide_find(rig->d, 1)->code, RESULT_END_BUDGET);
	assert_non_null(strstr(decide_find(rig->d, 1)->text, "gets 2400 kbit/s of at most 3000"));
	/* Its equals are not evicted for it. */
	v = nth(rig, 4);
	assert_int_equal(v.code, RESULT_LIMIT_BANDWIDTH);
	assert_string_equal(verdict_text(&v),
	    "analyser one gets 2400 kbit/s; 1200 more would be 600 over its hard limit of 3000");
	decide_stats(rig->d, rig->now, &stats);
	assert_int_equal(stats.est_bps, 2400000);
	assert_int_equal(stats.evicted, 1);
	decider_done(rig);
}

/* One alone would not do. */
static void
room_is_made_by_as_many_as_it_takes(void **unused)
{
	struct decider *rig = decider_make(narrow);
	struct sighting s;
	struct verdict v;

	(void)unused;
	assert_int_equal(low(rig, 1).code, RESULT_OK);
	s = decider_sighting(rig, "10.1.2.2", REMOTE, 2);
	s.sampling_rate = 500;
	s.entries[0].feed = 1;
	assert_int_equal(decider_decide(rig, &s).code, RESULT_OK);
	s = decider_sighting(rig, "10.1.2.3", REMOTE, 2);
	s.sampling_rate = 2400;
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_OK);
	assert_int_equal(v.evict_count, 2);
	assert_int_equal(decide_find(rig->d, 1)->code, RESULT_END_BUDGET);
	assert_int_equal(decide_find(rig->d, 2)->code, RESULT_END_BUDGET);
	decider_done(rig);
}

static void
too_large_for_capture(void **unused)
{
	struct decider *rig = decider_make(narrow);
	struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);
	struct verdict v;

	(void)unused;
	s.sampling_rate = 10000;
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_TOO_LARGE_FOR_CAPTURE);
	assert_string_equal(verdict_text(&v),
	    "an estimated 12000 kbit/s ±196% (1 samples) is 9000 more than the 3000 that analyser "
	    "one takes");
	/* Somebody who can stop it is told. */
	assert_int_equal(decider_event(rig, "mitigate")->code, RESULT_TOO_LARGE_FOR_CAPTURE);
	assert_int_equal(decider_event(rig, "mitigate")->capture, 0);
	decider_done(rig);
}

/* The same conversation from two switches is two copies; one direction each is one. */
static void
copies_are_counted(void **unused)
{
	struct decider *rig = decider_make(narrow);
	struct decide_host host = {.addr = decider_addr("10.1.2.1")};
	struct sighting in;

	(void)unused;
	decide_hosts(rig->d, 4, &host, 1, false, rig->now);
	decide_hosts(rig->d, 5, &host, 1, false, rig->now);
	assert_int_equal(low(rig, 1).code, RESULT_LIMIT_BANDWIDTH);
	decide_hosts(rig->d, 5, NULL, 0, true, rig->now);
	assert_int_equal(low(rig, 1).code, RESULT_LIMIT_BANDWIDTH); /* two samples by now */
	decider_free(rig);
	decider_new(rig, narrow);
	in = decider_sighting(rig, "10.2.0.5", REMOTE, 3);
	in.outbound = false;
	in.entries[0].feed = 1;
	decider_decide(rig, &in);
	in = decider_sighting(rig, "10.2.0.5", REMOTE, 6);
	in.entries[0].feed = 1;
	assert_int_equal(decider_decide(rig, &in).code, RESULT_OK);
	decider_done(rig);
}

/* ---- what was measured ---- */

static void
wide_open(struct decider *rig)
{
	narrow(rig);
	rig->analysers[0].hard_bps = 10000000;
	rig->analysers[0].soft_bps = 0;
	rig->policies[0].max_bps = rig->policies[1].max_bps = 9000000;
}

static void
corrected_from_counters_and_ended_until_it_fits(void **unused)
{
	struct decider *rig = decider_make(wide_open);
	struct decide_stats stats;

	(void)unused;
	assert_int_equal(low(rig, 1).code, RESULT_OK); /* 1: lowest, oldest */
	assert_int_equal(nth(rig, 2).code, RESULT_OK); /* 2 */
	assert_int_equal(low(rig, 3).code, RESULT_OK); /* 3: lowest */
	decider_obey(rig, HOLD_MIRRORING);
	rig->now = clk_add(rig->now, 2 * CLK_S);
	rig->bytes[2] = 1000000; /* 4 Mbit/s each */
	decider_obey(rig, HOLD_MIRRORING);
	assert_int_equal(decide_find(rig->d, 1)->est_bps, 4000000);
	decide_tick(rig->d, rig->now);
	assert_int_equal(decide_find(rig->d, 1)->code, RESULT_END_BUDGET);
	assert_string_equal(decide_find(rig->d, 1)->text,
	    "analyser one gets 12000 kbit/s, 2000 over its hard limit of 10000; this capture's "
	    "share is 4000, its priority the lowest");
	assert_true(life_is_live(decide_find(rig->d, 2)->state));
	assert_true(life_is_live(decide_find(rig->d, 3)->state));
	/* Counters that stand still are between two steps of the hardware's, for a while. */
	rig->now = clk_add(rig->now, 11 * CLK_S);
	decider_obey(rig, HOLD_MIRRORING);
	decide_stats(rig->d, rig->now, &stats);
	assert_int_equal(stats.est_bps, 8000000);
	/* Quiet ones free their share. */
	rig->now = clk_add(rig->now, 1 * CLK_S);
	decider_obey(rig, HOLD_MIRRORING);
	decide_stats(rig->d, rig->now, &stats);
	assert_int_equal(stats.est_bps, 0);
	decider_done(rig);
}

/* What the samples said counts until counters say more, and is remembered for whoever asks. */
static void
an_estimate_stands_until_counters_move(void **unused)
{
	struct decider *rig = decider_make(wide_open);
	const struct decide_capture *c;
	struct sighting s;

	(void)unused;
	s = decider_sighting(rig, LOCAL, REMOTE, 2);
	s.merged = 3;
	s.merged_bytes = 3 * 1500 * 1000;
	assert_int_equal(decider_decide(rig, &s).code, RESULT_OK);
	c = decide_find(rig->d, 1);
	assert_int_equal(c->seen_samples, 4);
	assert_int_equal(c->seen_packets, 4000);
	assert_int_equal(c->seen_bps, 4800000);
	assert_int_equal(verdict_error(c->seen_samples), 98);
	decider_obey(rig, HOLD_IN_HARDWARE);
	/* The hardware's counters come to the kernel's with a step of seconds. */
	rig->now = clk_add(rig->now, 3 * CLK_S);
	decider_obey(rig, HOLD_IN_HARDWARE);
	assert_false(c->measured);
	assert_int_equal(c->est_bps, 4800000);
	rig->now = clk_add(rig->now, 2 * CLK_S);
	rig->bytes[2] = 1250000;
	decider_obey(rig, HOLD_MIRRORING);
	assert_true(c->measured);
	assert_int_equal(c->est_bps, 2000000);
	assert_int_equal(c->seen_bps, 4800000);
	decider_done(rig);
}

static void
a_switch_that_lies_ends_its_own_capture_first(void **unused)
{
	struct decider *rig = decider_make(wide_open);

	(void)unused;
	assert_int_equal(low(rig, 1).code, RESULT_OK);
	assert_int_equal(decider_see(rig, "10.1.3.1", REMOTE, 3).code, RESULT_OK);
	decider_obey(rig, HOLD_MIRRORING);
	rig->now = clk_add(rig->now, 2 * CLK_S);
	rig->bytes[2] = 100000;
	rig->bytes[3] = UINT64_MAX;
	decider_obey(rig, HOLD_MIRRORING);
	decide_tick(rig->d, rig->now);
	/* The lowest priority is innocent. */
	assert_true(life_is_live(decide_find(rig->d, 1)->state));
	assert_int_equal(decide_find(rig->d, 2)->code, RESULT_END_BUDGET);
	assert_non_null(strstr(decide_find(rig->d, 2)->text, "over its own limit"));
	assert_true(decide_find(rig->d, 2)->est_bps <= 18000000);
	/* And one whose counters run backwards costs nothing. */
	for (unsigned i = 1; i <= 3; i++) {
		rig->bytes[2] = 50000 / i;
		rig->now = clk_add(rig->now, 13 * CLK_S);
		decider_obey(rig, HOLD_MIRRORING);
		decide_tick(rig->d, rig->now);
		assert_true(life_is_live(decide_find(rig->d, 1)->state));
		assert_true(decide_find(rig->d, 1)->est_bps <= 1200000);
	}
	decider_done(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(captures_in_all),
	    cmocka_unit_test(new_ones_a_minute),
	    cmocka_unit_test(rules_a_switch),
	    cmocka_unit_test(destinations_a_switch),
	    cmocka_unit_test(over_the_soft_limit_nothing_of_low_priority),
	    cmocka_unit_test(the_hard_limit_refuses_or_makes_room),
	    cmocka_unit_test(room_is_made_by_as_many_as_it_takes),
	    cmocka_unit_test(too_large_for_capture),
	    cmocka_unit_test(copies_are_counted),
	    cmocka_unit_test(corrected_from_counters_and_ended_until_it_fits),
	    cmocka_unit_test(an_estimate_stands_until_counters_move),
	    cmocka_unit_test(a_switch_that_lies_ends_its_own_capture_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
