/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where captures are put: attached hosts, those that saw it, VRFs, tunnels, moves. */
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
attach(struct decider *rig, unsigned id, const char *addr, const char *vrf, uint32_t vni)
{
	struct decide_host host = {.addr = decider_addr(addr), .vni = vni};

	snprintf(host.vrf, sizeof host.vrf, "%s", vrf);
	decide_hosts(rig->d, id, &host, 1, false, rig->now);
}

static void
detach(struct decider *rig, unsigned id, const char *addr)
{
	struct decide_host host = {.addr = decider_addr(addr), .gone = true};

	decide_hosts(rig->d, id, &host, 1, false, rig->now);
}

static void
the_configured_edge_not_the_spine_that_saw_it(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct verdict v = decider_see(rig, LOCAL, REMOTE, 6);

	(void)unused;
	assert_int_equal(v.code, RESULT_OK);
	assert_string_equal(decider_held(&v), "2");
	assert_true(v.edge);
	decider_done(rig);
}

static void
what_agents_see_goes_before_the_configuration(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct verdict v;

	(void)unused;
	attach(rig, 5, LOCAL, "", 0);
	v = decider_see(rig, LOCAL, REMOTE, 6);
	assert_string_equal(decider_held(&v), "5");
	decider_done(rig);
}

static void
an_mlag_pair_is_one_place_with_rules_on_both(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct order orders[4];
	struct verdict v;

	(void)unused;
	attach(rig, 5, LOCAL, "", 0);
	attach(rig, 4, LOCAL, "", 0);
	v = decider_see(rig, LOCAL, REMOTE, 6);
	assert_string_equal(decider_held(&v), "4 5");
	assert_int_equal(decider_orders(rig, 4, orders, 4), 1);
	assert_int_equal(filter_rules(&orders[0].filter), 2);
	assert_int_equal(decider_orders(rig, 5, orders, 4), 1);
	assert_int_equal(decide_switch_rules(rig->d, 4) + decide_switch_rules(rig->d, 5), 4);
	assert_int_equal(decider_orders(rig, 6, orders, 4), 0);
	decider_done(rig);
}

static void
half_of_a_pair_away_is_said(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct verdict v;

	(void)unused;
	attach(rig, 5, LOCAL, "", 0);
	attach(rig, 4, LOCAL, "", 0);
	decide_gone(rig->d, 4, rig->now);
	v = decider_see(rig, LOCAL, REMOTE, 6);
	assert_string_equal(decider_held(&v), "5");
	for (unsigned i = 0; i < v.step_count; i++)
		if (strcmp(v.steps[i].name, "place") == 0)
			assert_non_null(strstr(v.steps[i].text, "missed: leaf4 is not connected"));
	decider_done(rig);
}

static void
an_unknown_host_is_captured_where_it_was_seen(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct verdict v = decider_see(rig, "10.2.0.5", REMOTE, 6);

	(void)unused;
	assert_string_equal(decider_held(&v), "6");
	assert_false(v.edge);
	decider_done(rig);
}

static struct sighting
coming_in(struct decider *rig, const char *local, unsigned seen)
{
	struct sighting s = decider_sighting(rig, local, REMOTE, seen);

	s.outbound = false;
	return s;
}

static void
one_switch_a_direction_where_two_saw_one_each(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct sighting in = coming_in(rig, "10.2.0.5", 3);
	struct order orders[4];
	struct verdict v;

	(void)unused;
	decider_decide(rig, &in);
	v = decider_see(rig, "10.2.0.5", REMOTE, 6);
	assert_string_equal(decider_held(&v), "6> 3<");
	assert_int_equal(v.rules, 1);
	assert_int_equal(decider_orders(rig, 6, orders, 4), 1);
	assert_true(orders[0].filter.one_way);
	assert_int_equal(orders[0].filter.a.addr.bytes[0], 10);
	assert_int_equal(decider_orders(rig, 3, orders, 4), 1);
	assert_true(orders[0].filter.one_way);
	assert_int_equal(orders[0].filter.a.addr.bytes[0], 198);
	assert_int_equal(decide_switch_rules(rig->d, 3), 1);
	decider_done(rig);
}

static void
one_switch_suffices_that_saw_both(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct sighting in = coming_in(rig, "10.2.0.5", 3);
	struct verdict v;

	(void)unused;
	decider_decide(rig, &in);
	in = coming_in(rig, "10.2.0.5", 6);
	decider_decide(rig, &in);
	v = decider_see(rig, "10.2.0.5", REMOTE, 6);
	assert_string_equal(decider_held(&v), "6");
	decider_done(rig);
}

static void
where_seen(struct decider *rig)
{
	rig->policies[0].where = POLICY_SEEN;
}

static void
where_all(struct decider *rig)
{
	rig->policies[0].where = POLICY_ALL;
}

static void
the_policy_says_where(void **unused)
{
	struct decider *rig = decider_make(where_seen);
	struct verdict v = decider_see(rig, LOCAL, REMOTE, 6);

	(void)unused;
	assert_string_equal(decider_held(&v), "6");
	decider_done(rig);
	rig = decider_make(where_all);
	decide_gone(rig->d, 1, rig->now);
	v = decider_see(rig, LOCAL, REMOTE, 6);
	assert_string_equal(decider_held(&v), "0 2 3 4 5 6 7");
	decider_done(rig);
}

static void
inside_a_tunnel_only_where_it_runs_bare(void **unused)
{
	struct decider *rig = decider_make(where_seen);
	struct sighting s = decider_sighting(rig, LOCAL, REMOTE, 6);
	struct verdict v;

	(void)unused;
	s.inner = true;
	v = decider_decide(rig, &s);
	assert_string_equal(decider_held(&v), "2");
	s = decider_sighting(rig, "10.2.0.5", REMOTE, 6);
	s.inner = true;
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_TUNNELLED);
	assert_non_null(strstr(verdict_text(&v), "leaf6 saw it inside a tunnel"));
	assert_true(v.alert);
	/* Nor does the switch that saw it inside do when the VTEP can't. */
	s = decider_sighting(rig, "10.1.3.5", REMOTE, 6);
	s.inner = true;
	decide_gone(rig->d, 3, rig->now);
	v = decider_decide(rig, &s);
	assert_int_equal(v.code, RESULT_NOT_CONNECTED);
	decider_done(rig);
}

static void
an_address_in_two_vrfs_is_ambiguous(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct decide_start start = {.analyser = "", .who = "root", .why = ""};
	struct sighting s;
	struct verdict v;
	unsigned named = 3;
	uint64_t id;

	(void)unused;
	attach(rig, 3, LOCAL, "red", 100);
	attach(rig, 4, LOCAL, "blue", 200);
	v = decider_see(rig, LOCAL, REMOTE, 6);
	assert_int_equal(v.code, RESULT_AMBIGUOUS);
	assert_non_null(strstr(verdict_text(&v), "red"));
	assert_non_null(strstr(verdict_text(&v), "blue"));
	/* The conversation's own segment tells. */
	s = decider_sighting(rig, LOCAL, REMOTE, 6);
	s.vni = 200;
	v = decider_decide(rig, &s);
	assert_string_equal(decider_held(&v), "4");
	/* An operator's is no different, unless switches are named. */
	start.filter = filter_hosts(&s.local, &s.remote);
	start.filter.b = decider_prefix("198.51.101.1");
	assert_int_equal(decide_start(rig->d, &start, false, rig->now, &v, &id), RESULT_AMBIGUOUS);
	start.switches = &named;
	start.switch_count = 1;
	assert_int_equal(decide_start(rig->d, &start, false, rig->now, &v, &id), RESULT_OK);
	decider_done(rig);
}

/* The same address in one VRF under two numbers of a segment is two as well. */
static void
two_segments_are_ambiguous_too(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct verdict v;

	(void)unused;
	attach(rig, 3, LOCAL, "", 100);
	attach(rig, 4, LOCAL, "", 200);
	v = decider_see(rig, LOCAL, REMOTE, 6);
	assert_int_equal(v.code, RESULT_AMBIGUOUS);
	detach(rig, 4, LOCAL);
	v = decider_see(rig, LOCAL, REMOTE, 6);
	assert_int_equal(v.code, RESULT_OK);
	decider_done(rig);
}

static void
a_capture_follows_its_host(void **unused)
{
	struct decider *rig = decider_make(NULL);
	const struct decide_capture *c;
	struct order orders[4];

	(void)unused;
	attach(rig, 3, LOCAL, "", 0);
	decider_see(rig, LOCAL, REMOTE, 6);
	decider_obey(rig, HOLD_MIRRORING);
	c = decider_only(rig);
	assert_int_equal(c->state, LIFE_MIRRORING);
	assert_string_equal(decider_wanted(c), "3");
	decider_pass(rig, 15 * CLK_S);
	/* The new place hears of it before the old one forgets: both for as long. */
	attach(rig, 4, LOCAL, "", 0);
	decider_pass(rig, CLK_S);
	assert_string_equal(decider_wanted(decider_only(rig)), "3 4");
	assert_int_equal(decider_only(rig)->state, LIFE_REQUESTED);
	detach(rig, 3, LOCAL);
	decider_pass(rig, 5 * CLK_S);
	assert_string_equal(decider_wanted(decider_only(rig)), "4");
	assert_int_equal(decider_orders(rig, 3, orders, 4), 0);
	assert_int_equal(decider_orders(rig, 4, orders, 4), 1);
	assert_int_equal(decider_events(rig, "moved"), 2);
	decider_obey(rig, HOLD_IN_KERNEL);
	assert_int_equal(decider_only(rig)->state, LIFE_IN_KERNEL);
	assert_int_equal(decide_switch_captures(rig->d, 3), 0);
	/* A host that falls silent has not moved. */
	detach(rig, 4, LOCAL);
	decider_pass(rig, 5 * CLK_S);
	assert_string_equal(decider_wanted(decider_only(rig)), "4");
	decider_done(rig);
}

static void
a_host_that_moves_out_of_reach_ends_it(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct decide_agent agent = decider_agent();
	uint64_t id;

	(void)unused;
	attach(rig, 3, LOCAL, "", 0);
	decider_see(rig, LOCAL, REMOTE, 6);
	decider_obey(rig, HOLD_MIRRORING);
	id = decider_only(rig)->id;
	agent.rules_max = 1;
	decide_connected(rig->d, 4, &agent, rig->now);
	attach(rig, 4, LOCAL, "", 0);
	detach(rig, 3, LOCAL);
	decider_pass(rig, 3 * CLK_S);
	assert_int_equal(decide_find(rig->d, id)->code, RESULT_END_MOVED);
	assert_non_null(strstr(decide_find(rig->d, id)->text, "leaf4 holds 0 mirror rules"));
	decider_obey(rig, HOLD_MIRRORING);
	assert_true(life_is_over(decide_find(rig->d, id)->state));
	decider_done(rig);
}

static void
a_host_that_flaps_moves_it_seldom(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct decide_stats stats;

	(void)unused;
	attach(rig, 3, LOCAL, "", 0);
	decider_see(rig, LOCAL, REMOTE, 6);
	decider_pass(rig, 15 * CLK_S);
	for (int i = 0; i < 100; i++) {
		attach(rig, i % 2 ? 3 : 4, LOCAL, "", 0);
		detach(rig, i % 2 ? 4 : 3, LOCAL);
		rig->now = clk_add(rig->now, 100 * CLK_MS);
		decide_tick(rig->d, rig->now);
	}
	decide_stats(rig->d, rig->now, &stats);
	assert_in_range(stats.moved, 2, 6);
	decider_done(rig);
}

/* After a restart of the controller one of a pair is there first: the other keeps its rules. */
static void
one_of_a_pair_that_is_back_first_takes_nothing_away(void **unused)
{
	struct decider *rig = decider_make(NULL);

	(void)unused;
	attach(rig, 4, LOCAL, "", 0);
	attach(rig, 5, LOCAL, "", 0);
	decider_see(rig, LOCAL, REMOTE, 6);
	decider_obey(rig, HOLD_MIRRORING);
	decider_pass(rig, 20 * CLK_S);
	/* What a fresh decider knows: nothing of hosts, and one session. */
	decide_hosts(rig->d, 5, NULL, 0, true, rig->now);
	decide_gone(rig->d, 5, rig->now);
	attach(rig, 3, "10.9.9.9", "", 0);
	decider_pass(rig, 5 * CLK_S);
	assert_string_equal(decider_wanted(decider_only(rig)), "4 5");
	decider_connect(rig, 5);
	attach(rig, 5, "10.9.9.10", "", 0);
	decider_pass(rig, 5 * CLK_S);
	assert_string_equal(decider_wanted(decider_only(rig)), "4 5");
	/* It has been there for a while and does not know the host. */
	decider_pass(rig, 6 * CLK_S);
	assert_string_equal(decider_wanted(decider_only(rig)), "4");
	decider_done(rig);
}

static void
with_port_names(struct decider *rig)
{
	rig->switches[2].port_names = true;
	rig->switches[3].port_names = true;
}

static void
the_port_is_named_where_that_saves_slots(void **unused)
{
	struct decider *rig = decider_make(with_port_names);
	struct order orders[4];
	struct sighting s;

	(void)unused;
	decider_see(rig, LOCAL, REMOTE, 2);
	assert_int_equal(decider_orders(rig, 2, orders, 4), 1);
	assert_string_equal(orders[0].filter.iface, "swp5");
	/* Not on another's word, not for a number or a name that is none, not where it isn't asked.
	 */
	decider_see(rig, "10.1.2.6", REMOTE, 6);
	assert_int_equal(decider_orders(rig, 2, orders, 4), 2);
	assert_string_equal(orders[1].filter.iface, "");
	s = decider_sighting(rig, "10.1.3.6", REMOTE, 3);
	s.input = 8;
	decider_decide(rig, &s);
	s = decider_sighting(rig, "10.1.3.7", REMOTE, 3);
	s.input = 99;
	decider_decide(rig, &s);
	decider_see(rig, "10.1.4.7", REMOTE, 4);
	assert_int_equal(decider_orders(rig, 3, orders, 4), 2);
	assert_string_equal(orders[0].filter.iface, "");
	assert_string_equal(orders[1].filter.iface, "");
	assert_int_equal(decider_orders(rig, 4, orders, 4), 1);
	assert_string_equal(orders[0].filter.iface, "");
	decider_done(rig);
}

static void
why_a_switch_cannot(void **unused)
{
	struct decider *rig = decider_make(where_seen);
	struct decide_agent agent = decider_agent();
	struct sighting six = decider_sighting(rig, "fd00::5", "2001:db8::9", 2);
	struct verdict v;

	(void)unused;
	agent.can6 = false;
	decide_connected(rig->d, 2, &agent, rig->now);
	v = decider_decide(rig, &six);
	assert_int_equal(v.code, RESULT_NO_FAMILY);
	assert_string_equal(verdict_text(&v), "leaf2 cannot mirror IPv6");
	decide_release(rig->d, 2, true, "root", "", rig->now);
	v = decider_see(rig, LOCAL, REMOTE, 2);
	assert_int_equal(v.code, RESULT_RELEASED);
	decide_release(rig->d, 2, false, "root", "", rig->now);
	decide_report(rig->d, 2, NULL, 0, true, true, rig->now);
	v = decider_see(rig, LOCAL, REMOTE, 2);
	assert_int_equal(v.code, RESULT_RELEASED);
	decide_report(rig->d, 2, NULL, 0, true, false, rig->now);
	decide_gone(rig->d, 2, rig->now);
	v = decider_see(rig, LOCAL, REMOTE, 2);
	assert_int_equal(v.code, RESULT_NOT_CONNECTED);
	decider_done(rig);
}

static void
its_own_switch_away_another_on_the_way_may(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct verdict v;

	(void)unused;
	decide_gone(rig->d, 2, rig->now);
	v = decider_see(rig, LOCAL, REMOTE, 6);
	assert_string_equal(decider_held(&v), "6");
	decider_done(rig);
}

static void
a_switch_that_refuses_and_the_next(void **unused)
{
	struct decider *rig = decider_make(NULL);
	const struct decide_capture *c;
	uint64_t first;
	struct verdict v;

	(void)unused;
	decider_see(rig, LOCAL, REMOTE, 6);
	first = decider_only(rig)->id;
	decider_say(rig, 2, first, HOLD_FAILED, RESULT_HARDWARE, "no room in the TCAM");
	c = decide_find(rig->d, first);
	assert_int_equal(c->state, LIFE_FAILED);
	assert_int_equal(c->code, RESULT_HARDWARE);
	assert_string_equal(c->text, "leaf2: no room in the TCAM");
	/* Tried where it was seen, at once, without another sample. */
	c = decider_only(rig);
	assert_non_null(c);
	assert_int_not_equal(c->id, first);
	assert_string_equal(decider_wanted(c), "6");
	/* That one refuses, too: the end of it, for a while. */
	decider_say(rig, 6, c->id, HOLD_FAILED, RESULT_KERNEL, "");
	assert_null(decide_next(rig->d, false, 0));
	v = decider_see(rig, LOCAL, REMOTE, 6);
	assert_int_equal(v.code, RESULT_KERNEL);
	assert_non_null(strstr(verdict_text(&v), "refused it 0 ago"));
	decider_pass(rig, 601 * CLK_S);
	v = decider_see(rig, LOCAL, REMOTE, 6);
	assert_int_equal(v.code, RESULT_OK);
	assert_string_equal(decider_held(&v), "2");
	decider_done(rig);
}

static void
half_of_a_capture_refused_ends_it_whole(void **unused)
{
	struct decider *rig = decider_make(NULL);
	struct order orders[4];
	uint64_t id;

	(void)unused;
	attach(rig, 4, LOCAL, "", 0);
	attach(rig, 5, LOCAL, "", 0);
	decider_see(rig, LOCAL, REMOTE, 6);
	id = decider_only(rig)->id;
	decider_say(rig, 4, id, HOLD_MIRRORING, 0, "");
	decider_say(rig, 5, id, HOLD_FAILED, RESULT_LIMIT_RULES, "256 of 256 slots");
	assert_int_equal(decide_find(rig->d, id)->state, LIFE_REMOVING);
	assert_string_equal(decide_find(rig->d, id)->text, "leaf5: 256 of 256 slots");
	assert_int_equal(decider_orders(rig, 4, orders, 4), 0);
	decider_say(rig, 4, id, HOLD_ENDED, 0, "");
	assert_int_equal(decide_find(rig->d, id)->state, LIFE_ENDED);
	/* The other half is better than nothing, and says what it misses. */
	assert_string_equal(decider_wanted(decider_only(rig)), "4");
	decider_done(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_configured_edge_not_the_spine_that_saw_it),
	    cmocka_unit_test(what_agents_see_goes_before_the_configuration),
	    cmocka_unit_test(an_mlag_pair_is_one_place_with_rules_on_both),
	    cmocka_unit_test(half_of_a_pair_away_is_said),
	    cmocka_unit_test(an_unknown_host_is_captured_where_it_was_seen),
	    cmocka_unit_test(one_switch_a_direction_where_two_saw_one_each),
	    cmocka_unit_test(one_switch_suffices_that_saw_both),
	    cmocka_unit_test(the_policy_says_where),
	    cmocka_unit_test(inside_a_tunnel_only_where_it_runs_bare),
	    cmocka_unit_test(an_address_in_two_vrfs_is_ambiguous),
	    cmocka_unit_test(two_segments_are_ambiguous_too),
	    cmocka_unit_test(a_capture_follows_its_host),
	    cmocka_unit_test(a_host_that_moves_out_of_reach_ends_it),
	    cmocka_unit_test(a_host_that_flaps_moves_it_seldom),
	    cmocka_unit_test(one_of_a_pair_that_is_back_first_takes_nothing_away),
	    cmocka_unit_test(the_port_is_named_where_that_saves_slots),
	    cmocka_unit_test(why_a_switch_cannot),
	    cmocka_unit_test(its_own_switch_away_another_on_the_way_may),
	    cmocka_unit_test(a_switch_that_refuses_and_the_next),
	    cmocka_unit_test(half_of_a_capture_refused_ends_it_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
