/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fabric of 8 leaves (4 of them MLAG pairs), 2 spines and 2,400 hosts round the real controller:
 * every conversation that leaf, spine and leaf sample is captured once, where its local host is;
 * hosts move, switches refuse, floods come, the controller dies and comes back.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "tests/support/sim.h"

enum { CONVS = 150, PATIENCE_MS = 20000 };

static struct sim sim;

static int
set_up(void **state)
{
	static const struct sim_conf conf = {.leaves = 8,
	    .spines = 2,
	    .pairs = 2,
	    .hosts = 400,
	    .processes = 2,
	    .captures = 200,
	    .policy = "scanner_hosts = 0",
	    .flood = "samples = 2 scanner_hosts = 0"};

	(void)state;
	if (sim_start(&sim, &conf, 60))
		return 0;
	fprintf(
	    stderr, "# %u connected, %u told their hosts\n", sim.board->connected, sim.board->told);
	sim_stop(&sim);
	return -1;
}

static int
tear_down(void **state)
{
	(void)state;
	sim_stop(&sim);
	return 0;
}

static void
each_conversation_is_captured_once_where_its_host_is(void **state)
{
	unsigned held = 0;

	(void)state;
	for (unsigned i = 0; i < CONVS; i++) {
		/* As the fabric sees it: a spine, another leaf, its own one; and again. */
		sim_sample(&sim, i, sim_spine(&sim, i), true);
		sim_sample(&sim, i, (sim_leaf(&sim, i) + 3) % 8, false);
		sim_sample(&sim, i, sim_leaf(&sim, i), true);
		if (i % 10 == 0)
			poll(NULL, 0, 5);
	}
	for (unsigned i = 0; i < CONVS; i++) {
		if (!sim_wait_held(&sim, i, sim_place_size(&sim, i), PATIENCE_MS))
			fail_msg("conversation %u is held by %u switches, not %u", i,
			    sim.board->holders[i], sim_place_size(&sim, i));
		held += sim.board->holders[i];
	}
	assert_int_equal(sim.board->misplaced, 0);
	assert_int_equal(sim.board->orders[8], 0);
	assert_int_equal(sim.board->orders[9], 0);
	assert_true(held > CONVS);
	printf("# %u conversations on %u switches\n", CONVS, held);
}

static void
a_capture_follows_the_host_that_moves(void **state)
{
	unsigned conv = 0;

	(void)state;
	/* A host of a single leaf moves to a pair: two hold it. */
	while (sim_place_size(&sim, conv) != 1)
		conv++;
	sim.board->moved_to = 0;
	sim.board->moved_host = (unsigned)((uint64_t)conv * 7919 % (6 * 400)) + 1;
	if (!sim_wait_held(&sim, conv, 2, PATIENCE_MS))
		fail_msg("held by %u", sim.board->holders[conv]);
	assert_int_equal(sim.board->misplaced, 0);
}

static void
a_switch_that_refuses_is_not_the_end(void **state)
{
	unsigned conv = CONVS;

	(void)state;
	while (sim_place_size(&sim, conv) != 1)
		conv++;
	sim.board->refuses[sim_leaf(&sim, conv)] = 1;
	sim_sample(&sim, conv, sim_spine(&sim, 0), true);
	/* Its own leaf has no room; the spine that saw it holds it. */
	if (!sim_wait_held(&sim, conv, 1, PATIENCE_MS))
		fail_msg("held by %u", sim.board->holders[conv]);
	assert_int_equal(sim.board->orders[sim_spine(&sim, 0)], 1);
	sim.board->refuses[sim_leaf(&sim, conv)] = 0;
	sim.board->misplaced = 0;
}

/* kill -9: captures are kept, on the switches and in the store, and none is begun a second time. */
static void
a_killed_controller_goes_on_where_it_was(void **state)
{
	int64_t captures = sim_counter(&sim, "captures");
	unsigned held[CONVS], conv = CONVS + 20;

	(void)state;
	for (unsigned i = 0; i < CONVS; i++)
		held[i] = sim.board->holders[i];
	if (!sim_kill(&sim, 60))
		fail_msg("%u sessions", sim.board->connected);
	for (unsigned i = 0; i < CONVS; i++)
		sim_sample(&sim, i, sim_leaf(&sim, i), true);
	sim_sample(&sim, conv, sim_leaf(&sim, conv), true);
	if (!sim_wait_held(&sim, conv, sim_place_size(&sim, conv), PATIENCE_MS))
		fail_msg("held by %u", sim.board->holders[conv]);
	for (unsigned i = 0; i < CONVS; i++)
		if (!sim_wait_held(&sim, i, held[i], PATIENCE_MS))
			fail_msg("conversation %u was held by %u, is by %u", i, held[i],
			    sim.board->holders[i]);
	assert_int_equal(sim_counter(&sim, "captures"), captures + 1);
	assert_int_equal(sim.board->misplaced, 0);
}

/* Ten thousand distinct conversations of a listed /8, all at once, one sample each where the policy
 * wants two: the controller answers meanwhile, none of them takes a place, and a conversation after
 * it is captured as before. */
static void
a_flood_leaves_the_brain_responsive(void **state)
{
	int64_t before = sim_counter(&sim, "decide_sightings"), after = before, began, worst = 0;
	int64_t live = sim_counter(&sim, "captures");
	unsigned conv = CONVS + 40;

	(void)state;
	assert_true(before > 0);
	began = clk_now().ns;
	for (unsigned i = 0; i < 10000; i += 400) {
		int64_t asked = clk_now().ns, took;

		sim_flood(&sim, i, 400);
		after = sim_counter(&sim, "decide_sightings");
		took = clk_now().ns - asked;
		worst = took > worst ? took : worst;
	}
	for (int i = 0; i < 200 && after - before < 10000; i++) {
		after = sim_counter(&sim, "decide_sightings");
		poll(NULL, 0, 10);
	}
	printf("# %lld sightings in %lld ms, the slowest answer of the control socket %lld ms\n",
	    (long long)(after - before), (long long)((clk_now().ns - began) / CLK_MS),
	    (long long)(worst / CLK_MS));
	assert_true(after - before >= 9000); /* the kernel may have dropped some */
	assert_true(worst < 5 * CLK_S);
	assert_true(live > 0 && live < 200);
	assert_int_equal(sim_counter(&sim, "captures"), live);
	sim_sample(&sim, conv, sim_leaf(&sim, conv), true);
	if (!sim_wait_held(&sim, conv, sim_place_size(&sim, conv), PATIENCE_MS))
		fail_msg("held by %u", sim.board->holders[conv]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_conversation_is_captured_once_where_its_host_is),
	    cmocka_unit_test(a_capture_follows_the_host_that_moves),
	    cmocka_unit_test(a_switch_that_refuses_is_not_the_end),
	    cmocka_unit_test(a_killed_controller_goes_on_where_it_was),
	    cmocka_unit_test(a_flood_leaves_the_brain_responsive),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
