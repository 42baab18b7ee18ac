/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decider's doors: explain, another configuration, views, counts. */
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
explain_changes_nothing(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);
	struct decide_stats before, after;
	struct verdict v, again;

	(void)unused;
	decide_stats(rig->d, rig->now, &before);
	for (int i = 0; i < 100; i++)
		decide_explain(rig->d, &s, rig->now, &v);
	decide_explain(rig->d, &s, rig->now, &again);
	assert_true(verdict_same(&v, &again));
	assert_int_equal(v.code, RESULT_OK);
	assert_int_equal(v.est_samples, 1);
	decide_stats(rig->d, rig->now, &after);
	assert_memory_equal(&before, &after, sizeof before);
	assert_int_equal(rig->event_count, 0);
	/* The question of somebody who has no exporter in mind. */
	s.exporter = s.from = (struct addr){.family = 0};
	decide_explain(rig->d, &s, rig->now, &v);
	assert_int_equal(v.code, RESULT_OK);
	s.entry_count = 0;
	decide_explain(rig->d, &s, rig->now, &v);
	assert_int_equal(v.code, RESULT_NOT_LISTED);
	assert_false(v.alert);
	decider_done(rig);
}

/* Step by step: each question that DESIGN.md's `explain` answers has its line. */
static void
every_step_is_named(void **unused)
{
	static const char *const names[] = {"exporter", "listed", "policy", "never", "direction",
	    "samples", "cool-down", "place", "budget"};
	struct decider *rig = decider_make(NULL);
	struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);
	struct verdict v;

	(void)unused;
	decide_explain(rig->d, &s, rig->now, &v);
	assert_int_equal(v.step_count, sizeof names / sizeof *names);
	for (unsigned i = 0; i < v.step_count; i++)
		assert_string_equal(v.steps[i].name, names[i]);
	decider_done(rig);
}

static void
a_reload_keeps_what_stays(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct decide_host host = {.addr = decider_addr("10.2.0.9")};
	struct policy_switch first = rig->switches[0];
	struct order o[2];

	(void)unused;
	struct sighting in = decider_sighting(rig, "10.3.0.9", REMOTE, 3);

	in.outbound = false;
	decider_decide(rig, &in);
	decide_hosts(rig->d, 5, &host, 1, false, rig->now);
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_OK);
	decider_obey(rig, HOLD_MIRRORING);
	/* The first switch goes to the end: all ids are other ones. */
	memmove(&rig->switches[0], &rig->switches[1], 7 * sizeof first);
	rig->switches[7] = first;
	decider_reload(rig);
	assert_int_equal(decider_only(rig)->state, LIFE_MIRRORING);
	assert_int_equal(decider_only(rig)->holders[0].id, 1);
	assert_int_equal(decider_orders(rig, 1, o, 2), 1);
	assert_int_equal(decider_orders(rig, 2, o, 2), 0);
	assert_int_equal(decide_switch_rules(rig->d, 1), 2);
	assert_int_equal(decide_switch_rules(rig->d, 2), 0);
	/* Attached hosts moved along, and so did the ports and being connected. */
	assert_int_equal(decider_see(rig, "10.2.0.9", REMOTE, 6).holders[0], 4);
	/* And who saw a conversation: leaf3 saw it come in, which is 2 now. */
	assert_int_equal(decider_see(rig, "10.3.0.9", REMOTE, 6).holders[1], 2);
	decider_done(rig);
}

static void
a_reload_ends_what_goes(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct decide_stats stats;

	(void)unused;
	assert_int_equal(decider_see(rig, "10.1.7.5", REMOTE, 7).code, RESULT_OK);
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_OK);
	rig->conf.switch_count = 7;
	decider_reload(rig);
	assert_int_equal(decide_find(rig->d, 1)->state, LIFE_ENDED);
	assert_int_equal(decide_find(rig->d, 1)->code, RESULT_END_REVOKED);
	assert_true(life_is_live(decide_find(rig->d, 2)->state));
	/* Its analyser. */
	rig->analysers[0] = rig->analysers[1];
	rig->conf.analyser_count = 1;
	decider_reload(rig);
	assert_int_equal(decide_find(rig->d, 2)->state, LIFE_REMOVING);
	decide_stats(rig->d, rig->now, &stats);
	assert_int_equal(stats.est_bps, 0);
	decider_obey(rig, HOLD_ENDED);
	decider_done(rig);
}

static void
a_reload_to_nothing_and_back(void **unused)
{
	struct decider *rig = decider_make(NULL);

	(void)unused;
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_OK);
	rig->conf.switch_count = rig->conf.policy_count = rig->conf.analyser_count = 0;
	decider_reload(rig);
	assert_null(decide_next(rig->d, false, 0));
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_NO_AGENT);
	rig->conf.switch_count = DECIDER_SWITCHES;
	rig->conf.policy_count = 1;
	rig->conf.analyser_count = 2;
	decider_reload(rig);
	assert_int_equal(decider_see(rig, "10.1.2.9", REMOTE, 2).code, RESULT_NOT_CONNECTED);
	decider_done(rig);
}

static void
pages_go_by_id(void **unused)
{
	struct decider *rig = decider_make(NULL);
	const struct decide_capture *c;
	uint64_t last = 0;
	unsigned n = 0;

	(void)unused;
	for (unsigned i = 1; i <= 50; i++) {
		char local[32];

		snprintf(local, sizeof local, "10.1.2.%u", i);
		assert_int_equal(decider_see(rig, local, REMOTE, 2).code, RESULT_OK);
	}
	for (uint64_t id = 50; id > 0; id -= 2)
		decide_stop(rig->d, id, RESULT_END_OPERATOR, "x", rig->now);
	decider_obey(rig, HOLD_MIRRORING);
	for (last = 0; (c = decide_next(rig->d, false, last)) != NULL; last = c->id, n++)
		assert_int_equal(c->id, 2 * n + 1);
	assert_int_equal(n, 25);
	for (last = 0; (c = decide_next(rig->d, true, last)) != NULL; last = c->id, n++)
		assert_int_equal(c->id, 2 * (n - 25) + 2);
	assert_int_equal(n, 50);
	/* The one before went over meanwhile: the page goes on behind it. */
	decide_stop(rig->d, 5, RESULT_END_OPERATOR, "x", rig->now);
	decider_obey(rig, HOLD_MIRRORING);
	assert_int_equal(decide_next(rig->d, false, 5)->id, 7);
	decider_done(rig);
}

static void
many_switches(struct decider *rig)
{
	static struct policy_switch switches[40];

	memset(switches, 0, sizeof switches);
	for (unsigned i = 0; i < 40; i++)
		snprintf(switches[i].name, sizeof switches[i].name, "tor%u", i);
	switches[0].exporters[0] = decider_addr("10.255.0.2");
	switches[0].exporter_count = 1;
	rig->conf.switches = switches;
	rig->conf.switch_count = 40;
	rig->policies[0].where = POLICY_ALL;
}

static void
all_that_is_more_than_a_capture_can_have_is_said(void **unused)
{
	struct decider *rig = decider_make(many_switches);
	struct verdict v = decider_see(rig, LOCAL, REMOTE, 2);

	(void)unused;
	assert_int_equal(v.code, RESULT_LIMIT_SWITCHES);
	assert_string_equal(
	    verdict_text(&v), "40 switches can, a capture has at most 32: name them");
	decider_done(rig);
}

static void
who_forges_exporters_fills_no_memory(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct decide_stats stats;

	(void)unused;
	for (unsigned i = 0; i < 500; i++) {
		struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);

		s.remote.bytes[3] = (uint8_t)i;
		s.exporter.bytes[0] = 203;
		decider_decide(rig, &s);
	}
	decide_stats(rig->d, rig->now, &stats);
	assert_int_equal(stats.conversations, 0);
	assert_int_equal(stats.exporter_unknown, 500);
	assert_int_equal(stats.sightings, 500);
	/* One event for the one exporter. */
	assert_int_equal(decider_events(rig, "alert"), 1);
	/* And of many of them so many a second. */
	for (unsigned i = 0; i < 500; i++) {
		struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 2);

		s.exporter.bytes[0] = 203;
		s.exporter.bytes[2] = (uint8_t)(i >> 8);
		s.exporter.bytes[3] = (uint8_t)i;
		decider_decide(rig, &s);
	}
	assert_true(decider_events(rig, "alert") <= 20);
	decider_done(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(explain_changes_nothing),
	    cmocka_unit_test(every_step_is_named),
	    cmocka_unit_test(a_reload_keeps_what_stays),
	    cmocka_unit_test(a_reload_ends_what_goes),
	    cmocka_unit_test(a_reload_to_nothing_and_back),
	    cmocka_unit_test(pages_go_by_id),
	    cmocka_unit_test(all_that_is_more_than_a_capture_can_have_is_said),
	    cmocka_unit_test(who_forges_exporters_fills_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
