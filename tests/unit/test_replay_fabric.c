/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The switches that a replay has in place of real ones: they do as they are told and say so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/engine/replay_fabric.h"
#include "tests/support/decider.h"

#define MANY 300

static void
room_for_many(struct decider *rig)
{
	rig->conf.limits.captures = 1000;
	rig->conf.limits.starts_minute = 4096;
	rig->conf.limits.history = 1000;
	rig->analysers[0].hard_bps = 0;
}

static unsigned
count(struct decider *rig, enum life state)
{
	const struct decide_capture *c;
	unsigned n = 0;

	for (uint64_t id = 0; (c = decide_next(rig->d, false, id)) != NULL; id = c->id)
		n += c->state == state;
	return n;
}

static void
see_many(struct decider *rig, struct replay_fabric *f)
{
	char local[32];

	for (unsigned i = 0; i < MANY; i++) {
		struct sighting s;

		snprintf(local, sizeof local, "10.1.2.%u", i % 250 + 1);
		s = decider_sighting(rig, local, i < 250 ? "198.51.100.9" : "198.51.100.10", 2);
		decide_sighting(rig->d, &s, rig->now, NULL);
		assert_int_equal(replay_fabric_obey(f, rig->d, rig->now), 0);
		replay_fabric_sample(f, &s);
	}
}

static void
a_switch_says_all_that_it_holds(void **state)
{
	struct decider *rig = decider_make(room_for_many);
	struct replay_fabric f;
	const struct decide_capture *c;

	(void)state;
	replay_fabric_begin(&f, rig->d, rig->switches, rig->conf.switch_count, rig->now);
	see_many(rig, &f);
	assert_int_equal(count(rig, LIFE_IN_KERNEL) + count(rig, LIFE_MIRRORING), MANY);
	/* Counters move as the samples say. */
	replay_fabric_report(&f, rig->d, rig->now);
	assert_int_equal(count(rig, LIFE_MIRRORING), MANY);
	for (uint64_t id = 0; (c = decide_next(rig->d, false, id)) != NULL; id = c->id) {
		assert_int_equal(c->packets, 1000);
		assert_int_equal(c->bytes, 1500000);
	}
	/* What it is told to drop it drops, and says so: none is left on its way out. */
	decider_pass(rig, 600 * CLK_S);
	assert_int_equal(count(rig, LIFE_REMOVING), MANY);
	assert_int_equal(replay_fabric_obey(&f, rig->d, rig->now), 0);
	assert_null(decide_next(rig->d, false, 0));
	replay_fabric_done(&f);
	decider_done(rig);
}

static void
a_sample_counts_where_the_rule_is(void **state)
{
	struct decider *rig = decider_make(NULL);
	struct replay_fabric f;
	struct sighting s = decider_sighting(rig, "10.1.2.5", "198.51.100.9", 2), other;

	(void)state;
	replay_fabric_begin(&f, rig->d, rig->switches, rig->conf.switch_count, rig->now);
	decide_sighting(rig->d, &s, rig->now, NULL);
	assert_int_equal(replay_fabric_obey(&f, rig->d, rig->now), 0);
	other = decider_sighting(rig, "10.1.2.6", "198.51.100.9", 2);
	replay_fabric_sample(&f, &other);
	replay_fabric_report(&f, rig->d, rig->now);
	assert_int_equal(decider_only(rig)->packets, 0);
	assert_int_equal(decider_only(rig)->state, LIFE_IN_KERNEL);
	/* The way back is its other rule. */
	s.outbound = false;
	replay_fabric_sample(&f, &s);
	replay_fabric_report(&f, rig->d, rig->now);
	assert_int_equal(decider_only(rig)->packets, 1000);
	assert_int_equal(decider_only(rig)->state, LIFE_MIRRORING);
	replay_fabric_done(&f);
	decider_done(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_switch_says_all_that_it_holds),
	    cmocka_unit_test(a_sample_counts_where_the_rule_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
