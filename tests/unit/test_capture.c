/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A capture's life: what switches say of it, how it ends, what is remembered. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decider.h"

#define LOCAL "10.1.2.5"
#define REMOTE "198.51.100.9"

static uint64_t
open_one(struct decider *rig)
{
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_OK);
	return decider_only(rig)->id;
}

static enum life
state(struct decider *rig, uint64_t id)
{
	return decide_find(rig->d, id)->state;
}

static void
each_state_when_it_was_seen(void **unused)
{
	struct decider *rig = decider_make(NULL);
	uint64_t id = open_one(rig);
	static const enum hold holds[] = {
	    HOLD_INSTALLING, HOLD_IN_KERNEL, HOLD_IN_HARDWARE, HOLD_MIRRORING};
	static const enum life lives[] = {
	    LIFE_INSTALLING, LIFE_IN_KERNEL, LIFE_IN_HARDWARE, LIFE_MIRRORING};

	(void)unused;
	assert_int_equal(state(rig, id), LIFE_REQUESTED);
	for (int i = 0; i < 4; i++) {
		decider_say(rig, 2, id, holds[i], 0, "");
		assert_int_equal(state(rig, id), lives[i]);
		assert_int_equal(decider_event(rig, "capture")->to, lives[i]);
	}
	/* A report that is late takes nothing back, and is no illegal step. */
	decider_say(rig, 2, id, HOLD_IN_KERNEL, 0, "");
	assert_int_equal(state(rig, id), LIFE_MIRRORING);
	struct decide_stats stats;

	decide_stats(rig->d, rig->now, &stats);
	assert_int_equal(stats.illegal_steps, 0);
	decider_done(rig);
}

/* The switch took its rules out, for the analyser cannot be reached: nothing is mirrored. */
static void
a_switch_that_waits_for_a_way_mirrors_nothing(void **unused)
{
	struct decider *rig = decider_make(NULL);
	uint64_t id = open_one(rig);
	struct holding waits = {.capture = id, .hold = HOLD_INSTALLING, .code = RESULT_NO_ROUTE};
	struct decide_stats stats;

	(void)unused;
	decider_say(rig, 2, id, HOLD_MIRRORING, 0, "");
	assert_int_equal(state(rig, id), LIFE_MIRRORING);
	/* Made anew with its rules in place: no news. */
	decider_say(rig, 2, id, HOLD_INSTALLING, 0, "");
	assert_int_equal(state(rig, id), LIFE_MIRRORING);
	decider_say(rig, 2, id, HOLD_MIRRORING, 0, "");
	decide_report(rig->d, 2, &waits, 1, false, false, rig->now);
	assert_int_equal(state(rig, id), LIFE_INSTALLING);
	decide_report(rig->d, 2, &waits, 1, false, false, rig->now);
	assert_int_equal(state(rig, id), LIFE_INSTALLING);
	/* Told once while they are being taken out, and once when they are. */
	decider_say(rig, 2, id, HOLD_MIRRORING, 0, "");
	decider_say(rig, 2, id, HOLD_INSTALLING, RESULT_NO_ROUTE, "");
	decide_report(rig->d, 2, &waits, 1, false, false, rig->now);
	assert_int_equal(state(rig, id), LIFE_INSTALLING);
	decider_say(rig, 2, id, HOLD_IN_KERNEL, 0, "");
	assert_int_equal(state(rig, id), LIFE_IN_KERNEL);
	decider_say(rig, 2, id, HOLD_MIRRORING, 0, "");
	assert_int_equal(state(rig, id), LIFE_MIRRORING);
	decide_stats(rig->d, rig->now, &stats);
	assert_int_equal(stats.illegal_steps, 0);
	decider_done(rig);
}

static void
all_switches_must_have_it(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct decide_host host = {.addr = decider_addr(LOCAL)};
	uint64_t id;

	(void)unused;
	decide_hosts(rig->d, 4, &host, 1, false, rig->now);
	decide_hosts(rig->d, 5, &host, 1, false, rig->now);
	id = open_one(rig);
	decider_say(rig, 4, id, HOLD_MIRRORING, 0, "");
	assert_int_equal(state(rig, id), LIFE_INSTALLING);
	decider_say(rig, 5, id, HOLD_IN_KERNEL, 0, "");
	assert_int_equal(state(rig, id), LIFE_MIRRORING);
	decider_done(rig);
}

static void
limited(struct decider *rig)
{
	rig->policies[0].duration_ns = 100 * CLK_S;
	rig->policies[0].idle_ns = 20 * CLK_S;
	rig->policies[0].max_packets = 1000;
	rig->policies[0].max_bytes = 100000;
}

static void
its_own_ends(void **unused)
{
	static const struct {
		uint64_t packets, bytes;
		int64_t pass;
		enum result code;
	} rows[] = {
	    {0, 0, 19, RESULT_OK},
	    {0, 0, 20, RESULT_END_IDLE},
	    {1000, 5, 1, RESULT_END_PACKETS},
	    {5, 100000, 1, RESULT_END_BYTES},
	    {999, 99999, 1, RESULT_OK},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct decider *rig = decider_make(limited);
		uint64_t id = open_one(rig);

		decider_obey(rig, HOLD_IN_KERNEL);
		rig->packets[2] = rows[i].packets;
		rig->bytes[2] = rows[i].bytes;
		decider_obey(rig, HOLD_MIRRORING);
		decider_pass(rig, rows[i].pass * CLK_S);
		assert_int_equal(decide_find(rig->d, id)->code, rows[i].code);
		decider_done(rig);
	}
	struct decider *rig = decider_make(limited);
	uint64_t id = open_one(rig);

	for (unsigned t = 0; t < 99; t++) {
		rig->packets[2] = t;
		decider_obey(rig, HOLD_MIRRORING);
		decider_pass(rig, CLK_S);
		assert_true(life_is_live(state(rig, id)));
	}
	decide_extend(rig->d, id, 50 * CLK_S, rig->now);
	for (unsigned t = 100; t < 149; t++) {
		rig->packets[2] = t;
		decider_obey(rig, HOLD_MIRRORING);
		decider_pass(rig, CLK_S);
		assert_true(life_is_live(state(rig, id)));
	}
	decider_pass(rig, CLK_S);
	assert_int_equal(decide_find(rig->d, id)->code, RESULT_END_DURATION);
	decider_done(rig);
}

/* Nobody has said yet that a rule is there: then silence is no idleness. */
static void
idle_begins_with_the_rule(void **unused)
{
	struct decider *rig = decider_make(limited);
	uint64_t id = open_one(rig);

	(void)unused;
	decider_pass(rig, 50 * CLK_S);
	assert_int_equal(state(rig, id), LIFE_REQUESTED);
	decider_done(rig);
}

static void
orders_say_all_of_it(void **unused)
{
	struct decider *rig = decider_make(limited);
	uint64_t id = open_one(rig);
	struct order o[2];

	(void)unused;
	decider_pass(rig, 10 * CLK_S);
	assert_int_equal(decider_orders(rig, 2, o, 2), 1);
	assert_int_equal(o[0].capture, id);
	assert_int_equal(o[0].remaining_ms, 90000);
	assert_int_equal(o[0].max_packets, 1000);
	assert_int_equal(o[0].max_bytes, 100000);
	/* Without a rate of its own the brake is what the analyser takes. */
	assert_int_equal(o[0].max_bps, 1000000000);
	assert_true(o[0].analyser.session > 0 && o[0].analyser.session < 1024);
	assert_int_equal(o[0].analyser.ttl, 64);
	decider_done(rig);
}

static void
ends_when_the_switches_say_so(void **unused)
{
	struct decider *rig = decider_make(NULL);
	uint64_t id = open_one(rig);

	(void)unused;
	decider_obey(rig, HOLD_MIRRORING);
	assert_int_equal(decide_stop(rig->d, id, RESULT_END_OPERATOR, "root", rig->now), RESULT_OK);
	assert_int_equal(state(rig, id), LIFE_REMOVING);
	assert_int_equal(
	    decide_stop(rig->d, id, RESULT_END_OPERATOR, "root", rig->now), RESULT_ALREADY);
	decider_pass(rig, 300 * CLK_S); /* connected, and says nothing: not "ended" */
	assert_int_equal(state(rig, id), LIFE_REMOVING);
	decider_say(rig, 2, id, HOLD_STUCK, RESULT_STUCK, "switchd said no");
	assert_int_equal(state(rig, id), LIFE_STUCK);
	decider_say(rig, 2, id, HOLD_REMOVING, 0, "");
	assert_int_equal(state(rig, id), LIFE_REMOVING);
	decider_say(rig, 2, id, HOLD_ENDED, RESULT_END_OPERATOR, "");
	assert_int_equal(state(rig, id), LIFE_ENDED);
	assert_string_equal(decide_find(rig->d, id)->text, "stopped by an operator: root");
	assert_int_equal(
	    decide_stop(rig->d, 4711, RESULT_END_OPERATOR, "root", rig->now), RESULT_NOT_FOUND);
	decider_done(rig);
}

static void
a_switch_that_is_dead_ends_it_with_its_lease(void **unused)
{
	struct decider *rig = decider_make(NULL);
	uint64_t id = open_one(rig);

	(void)unused;
	decider_obey(rig, HOLD_MIRRORING);
	decide_gone(rig->d, 2, rig->now);
	/* Wanted still: but what it said last is no longer true. */
	decider_pass(rig, 59 * CLK_S);
	assert_int_equal(state(rig, id), LIFE_MIRRORING);
	decider_pass(rig, 2 * CLK_S);
	assert_int_equal(state(rig, id), LIFE_REQUESTED);
	decide_stop(rig->d, id, RESULT_END_OPERATOR, "root", rig->now);
	decider_pass(rig, 59 * CLK_S);
	assert_int_equal(state(rig, id), LIFE_REMOVING);
	decider_pass(rig, 2 * CLK_S);
	assert_int_equal(state(rig, id), LIFE_ENDED);
	assert_int_equal(decide_switch_rules(rig->d, 2), 0);
	decider_done(rig);
}

static void
an_agent_that_restarts_is_asked_anew(void **unused)
{
	struct decider *rig = decider_make(NULL);
	uint64_t id = open_one(rig);
	unsigned changed;

	(void)unused;
	decider_obey(rig, HOLD_MIRRORING);
	assert_false(decide_changed(rig->d, &changed));
	decider_connect(rig, 2);
	assert_int_equal(state(rig, id), LIFE_REQUESTED);
	assert_true(decide_changed(rig->d, &changed));
	assert_int_equal(changed, 2);
	decider_obey(rig, HOLD_IN_KERNEL);
	assert_int_equal(state(rig, id), LIFE_IN_KERNEL);
	/* Its lease ran out before it heard of us: asked again. Its brake: the end. */
	decider_say(rig, 2, id, HOLD_ENDED, RESULT_END_LEASE, "");
	assert_int_equal(state(rig, id), LIFE_REQUESTED);
	decider_obey(rig, HOLD_IN_KERNEL);
	decider_say(rig, 2, id, HOLD_ENDED, RESULT_END_BRAKE, "200 Mbit/s of 100");
	assert_int_equal(state(rig, id), LIFE_ENDED);
	assert_string_equal(decide_find(rig->d, id)->text, "leaf2: 200 Mbit/s of 100");
	decider_done(rig);
}

static void
rules_that_vanish_are_asked_for_again(void **unused)
{
	struct decider *rig = decider_make(NULL);
	uint64_t id = open_one(rig);

	(void)unused;
	decider_obey(rig, HOLD_MIRRORING);
	decide_report(rig->d, 2, NULL, 0, true, false, rig->now);
	assert_int_equal(state(rig, id), LIFE_REQUESTED);
	decider_done(rig);
}

static void
what_nobody_asked_for_is_told(void **unused)
{
	struct decider *rig = decider_make(NULL);
	uint64_t id = open_one(rig);
	struct decide_stats stats;

	(void)unused;
	decider_say(rig, 3, id, HOLD_MIRRORING, 0, "");
	assert_int_equal(state(rig, id), LIFE_REQUESTED);
	assert_string_equal(decider_event(rig, "agent")->name, "leaf3");
	assert_string_equal(decider_event(rig, "agent")->text,
	    "leaf3 says it holds capture 1 with 2 rules, which nobody asked of it");
	for (int i = 0; i < 50; i++)
		decider_say(rig, 3, 4711, HOLD_IN_KERNEL, 0, "");
	decider_say(rig, 3, 4712, HOLD_ENDED, 0, ""); /* no harm in that */
	assert_int_equal(decider_events(rig, "agent"), 1);
	decide_stats(rig->d, rig->now, &stats);
	assert_int_equal(stats.foreign_holdings, 51);
	decider_done(rig);
}

static enum result
delisted(void *user, const struct addr *remote, uint16_t port)
{
	(void)port;
	return addr_equal(user, remote) ? RESULT_END_DELISTED : RESULT_OK;
}

static void
an_address_that_is_delisted_ends_it(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct addr other = decider_addr("198.51.100.10"), this = decider_addr(REMOTE);
	uint64_t id = open_one(rig);

	(void)unused;
	decide_rejudge(rig->d, delisted, &other, rig->now);
	assert_true(life_is_live(state(rig, id)));
	decide_rejudge(rig->d, delisted, &this, rig->now);
	assert_int_equal(decide_find(rig->d, id)->code, RESULT_END_DELISTED);
	decider_done(rig);
}

static void
release_ends_what_is_held_there(void **unused)
{
	struct decider *rig = decider_make(NULL);
	uint64_t id = open_one(rig);

	(void)unused;
	assert_int_equal(decider_see(rig, "10.1.3.5", REMOTE, 3).code, RESULT_OK);
	assert_int_equal(decide_release(rig->d, 2, true, "root", "TAC case", rig->now), 0);
	assert_int_equal(decide_find(rig->d, id)->code, RESULT_END_RELEASED);
	assert_true(life_is_live(state(rig, 2)));
	assert_true(decide_released(rig->d, 2));
	assert_string_equal(decider_event(rig, "release")->name, "leaf2");
	assert_int_equal(decide_release(rig->d, 99, true, "root", "", rig->now), -ENOENT);
	decide_release(rig->d, -1, true, "root", "", rig->now);
	assert_int_equal(decide_find(rig->d, 2)->code, RESULT_END_RELEASED);
	/* Lifting all lifts the single one as well. */
	decide_release(rig->d, -1, false, "root", "", rig->now);
	assert_false(decide_released(rig->d, 2));
	decider_done(rig);
}

static void
released_at_the_switch_ends_all_that_is_there(void **unused)
{
	struct decider *rig = decider_make(NULL);
	uint64_t id = open_one(rig);

	(void)unused;
	assert_int_equal(decider_see(rig, "10.1.2.6", REMOTE, 2).code, RESULT_OK);
	decide_report(rig->d, 2, NULL, 0, false, true, rig->now);
	assert_int_equal(decide_find(rig->d, id)->code, RESULT_END_RELEASED);
	assert_int_equal(decide_find(rig->d, 2)->code, RESULT_END_RELEASED);
	decider_done(rig);
}

static void
a_thousand_sessions_no_two_alike(struct decider *rig)
{
	rig->conf.limits.captures = 1000;
	rig->conf.limits.starts_minute = 4096;
	rig->conf.limits.history = 16;
	rig->policies[0].where = POLICY_SEEN;
	rig->policies[0].cooldown_count = 0;
	rig->analysers[0].hard_bps = 0;
}

static void
sessions_are_used_again_and_never_twice(void **unused)
{
	struct decider *rig = decider_make(a_thousand_sessions_no_two_alike);
	struct decide_agent agent = decider_agent();
	bool used[1024] = {false};
	const struct decide_capture *c;
	uint64_t last = 0;

	(void)unused;
	agent.rules_max = 0;
	decide_connected(rig->d, 2, &agent, rig->now);
	for (unsigned i = 0; i < 1200; i++) {
		char remote[32];

		snprintf(remote, sizeof remote, "198.51.%u.%u", i / 200, i % 200 + 1);
		if (i >= 900 && (c = decide_next(rig->d, false, 0)) != NULL) {
			decide_stop(rig->d, c->id, RESULT_END_OPERATOR, "x", rig->now);
			decider_say(rig, 2, c->id, HOLD_ENDED, 0, "");
		}
		assert_int_equal(decider_see(rig, LOCAL, remote, 2).code, RESULT_OK);
	}
	struct decide_stats stats;

	/* Each got one: ids of those that ended were used again. */
	decide_stats(rig->d, rig->now, &stats);
	assert_int_equal(stats.opened, 1200);
	assert_int_equal(stats.live, 900);
	while ((c = decide_next(rig->d, false, last)) != NULL) {
		assert_false(used[c->analyser.session]);
		used[c->analyser.session] = true;
		last = c->id;
	}
	assert_false(used[0]);
	/* The remembered are the last that ended. */
	last = 0;
	unsigned n = 0;

	for (; (c = decide_next(rig->d, true, last)) != NULL; last = c->id)
		assert_true(c->id > 284 && ++n <= 16);
	assert_int_equal(n, 16);
	decider_done(rig);
}

/* ---- an earlier life ---- */

static void
restored_captures_go_on(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct decide_capture saved;
	struct order o[2];
	uint64_t id = open_one(rig);

	(void)unused;
	saved = *decide_find(rig->d, id);
	saved.state = LIFE_MIRRORING;
	decider_free(rig);
	decider_new(rig, NULL);
	assert_int_equal(decide_restore(rig->d, &saved), -EINVAL); /* an id of the future */
	decide_free(&rig->d);
	static const struct decide_sink silent = {NULL};

	assert_int_equal(decide_new(&rig->conf, 100, &silent, NULL, &rig->d), 0);
	assert_int_equal(decide_restore(rig->d, &saved), 0);
	assert_int_equal(decide_restore(rig->d, &saved), -EEXIST);
	decider_connect(rig, 2);
	assert_int_equal(decider_orders(rig, 2, o, 2), 1);
	assert_int_equal(o[0].capture, id);
	assert_int_equal(decide_switch_rules(rig->d, 2), 2);
	/* Its conversation has it, its session is taken. */
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_ALREADY);
	assert_int_equal(decider_see(rig, "10.1.2.6", REMOTE, 2).code, RESULT_OK);
	assert_int_not_equal(decide_find(rig->d, 100)->analyser.session, saved.analyser.session);
	decider_done(rig);
}

static void
nonsense_is_not_restored(void **unused)
{
	struct decider *rig = decider_make(NULL);
	static const struct decide_sink silent = {NULL};
	struct decide_capture good, bad;
	uint64_t id = open_one(rig);

	(void)unused;
	good = *decide_find(rig->d, id);
	decide_free(&rig->d);
	assert_int_equal(decide_new(&rig->conf, 100, &silent, NULL, &rig->d), 0);
	bad = good;
	bad.id = 0;
	assert_int_equal(decide_restore(rig->d, &bad), -EINVAL);
	bad = good;
	bad.holder_count = DECIDE_HOLDERS_MAX + 1;
	assert_int_equal(decide_restore(rig->d, &bad), -EINVAL);
	bad = good;
	bad.state = (enum life)77;
	assert_int_equal(decide_restore(rig->d, &bad), -EINVAL);
	bad = good;
	bad.filter.a.len = 77;
	assert_int_equal(decide_restore(rig->d, &bad), -EINVAL);
	bad = good;
	bad.holders[1] = bad.holders[0];
	bad.holder_count = 2;
	assert_int_equal(decide_restore(rig->d, &bad), -EINVAL);
	/* A switch that is no more is no nonsense; the capture is held by nobody. */
	bad = good;
	bad.holders[0].id = UINT_MAX;
	assert_int_equal(decide_restore(rig->d, &bad), 0);
	decide_stop(rig->d, good.id, RESULT_END_OPERATOR, "x", rig->now);
	assert_int_equal(state(rig, good.id), LIFE_ENDED);
	decider_done(rig);
}

static void
cool_downs_are_kept_and_given_back(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct addr local = decider_addr(LOCAL), remote = decider_addr(REMOTE);
	struct instant ended;
	unsigned returns;
	uint64_t id = open_one(rig);

	(void)unused;
	assert_false(decide_cooldown(rig->d, &local, &remote, 0, &returns, &ended));
	decide_stop(rig->d, id, RESULT_END_OPERATOR, "x", rig->now);
	decider_obey(rig, HOLD_MIRRORING);
	assert_true(decide_cooldown(rig->d, &local, &remote, 0, &returns, &ended));
	assert_int_equal(returns, 1);
	decider_free(rig);
	decider_new(rig, NULL);
	assert_int_equal(decide_restore_cooldown(rig->d, &local, &remote, 0, returns, ended), 0);
	assert_int_equal(decider_see(rig, LOCAL, REMOTE, 2).code, RESULT_COOL_DOWN);
	decider_done(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_state_when_it_was_seen),
	    cmocka_unit_test(a_switch_that_waits_for_a_way_mirrors_nothing),
	    cmocka_unit_test(all_switches_must_have_it),
	    cmocka_unit_test(its_own_ends),
	    cmocka_unit_test(idle_begins_with_the_rule),
	    cmocka_unit_test(orders_say_all_of_it),
	    cmocka_unit_test(ends_when_the_switches_say_so),
	    cmocka_unit_test(a_switch_that_is_dead_ends_it_with_its_lease),
	    cmocka_unit_test(an_agent_that_restarts_is_asked_anew),
	    cmocka_unit_test(rules_that_vanish_are_asked_for_again),
	    cmocka_unit_test(what_nobody_asked_for_is_told),
	    cmocka_unit_test(an_address_that_is_delisted_ends_it),
	    cmocka_unit_test(release_ends_what_is_held_there),
	    cmocka_unit_test(released_at_the_switch_ends_all_that_is_there),
	    cmocka_unit_test(sessions_are_used_again_and_never_twice),
	    cmocka_unit_test(restored_captures_go_on),
	    cmocka_unit_test(nonsense_is_not_restored),
	    cmocka_unit_test(cool_downs_are_kept_and_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
