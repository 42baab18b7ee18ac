/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a verdict of the hardware means for the captures: every case without any hardware. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rules/sync.h"
#include "common/base/result.h"

static struct held_set set;
static struct sync hw;
static struct instant now;

static int
setup(void **state)
{
	(void)state;
	memset(&set, 0, sizeof set);
	now = (struct instant){1000 * CLK_S};
	sync_init(&hw, true, 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	held_clear(&set);
	return 0;
}

/* A capture whose rules are in the kernel. */
static struct held *
placed(uint64_t capture)
{
	struct order order = {.capture = capture};
	struct held *held;

	prefix_parse("10.1.0.2", &order.filter.a, NULL);
	prefix_parse("198.51.100.9", &order.filter.b, NULL);
	held = held_add(&set, &order, 60000, now);
	assert_non_null(held);
	held->placed = true;
	held->in_kernel = held->n_rules;
	held_in_force(held, HOLD_IN_KERNEL);
	hw.needed = true;
	return held;
}

static void
leave(struct held *held)
{
	held_end(held, RESULT_END_LEASE, "");
	held->placed = false;
	held->in_kernel = 0;
	hw.needed = true;
}

/* One sync, from its start to its verdict. */
static bool
verdict(bool good, const char *text)
{
	struct instant at;

	assert_true(sync_due(&hw, &set, &at));
	if (clk_before(now, at))
		now = at;
	sync_begin(&hw, &set, now);
	assert_false(sync_due(&hw, &set, &at));
	return sync_end(&hw, &set, now, good, text);
}

static void
test_good(void **state)
{
	struct held *held = placed(1);
	struct instant at;

	(void)state;
	assert_false(verdict(true, ""));
	assert_int_equal(held->hold, HOLD_IN_HARDWARE);
	assert_true(held->in_hw);
	assert_true(sync_holds(&hw, &set));
	assert_false(sync_due(&hw, &set, &at));
	leave(held);
	assert_int_equal(held_finish(&set), 0);
	assert_false(verdict(true, ""));
	assert_int_equal(held_finish(&set), 1);
	assert_int_equal(held->hold, HOLD_ENDED);
	assert_int_equal(held->code, RESULT_END_LEASE);
	assert_false(sync_holds(&hw, &set));
}

static void
test_not_in_this_sync(void **state)
{
	struct held *first = placed(1);

	(void)state;
	sync_begin(&hw, &set, now);
	struct held *second = placed(2);
	assert_false(sync_end(&hw, &set, now, true, ""));
	assert_int_equal(first->hold, HOLD_IN_HARDWARE);
	/* In the kernel it is, in the hardware nobody said so. */
	assert_int_equal(second->hold, HOLD_IN_KERNEL);
	assert_true(hw.needed);
}

static void
test_what_was_added_goes(void **state)
{
	struct held *old = placed(1);

	(void)state;
	assert_false(verdict(true, ""));
	struct held *new = placed(2);
	assert_true(verdict(false, "no room"));
	assert_int_equal(old->hold, HOLD_IN_HARDWARE);
	assert_true(old->wanted);
	assert_int_equal(new->hold, HOLD_REMOVING);
	assert_int_equal(new->code, RESULT_HARDWARE);
	assert_string_equal(new->text, "no room");
	assert_false(hw.blocked);
	new->placed = false;
	new->in_kernel = 0;
	/* The hardware may have taken half of it. */
	assert_int_equal(held_finish(&set), 0);
	assert_false(verdict(true, ""));
	assert_int_equal(held_finish(&set), 1);
	assert_int_equal(new->hold, HOLD_FAILED);
	assert_string_equal(new->text, "no room");
}

static void
test_removal_sticks(void **state)
{
	struct held *held = placed(1);
	struct instant at, last;

	(void)state;
	assert_false(verdict(true, ""));
	leave(held);
	assert_false(verdict(false, "no"));
	assert_int_equal(held->hold, HOLD_STUCK);
	assert_int_equal(held->code, RESULT_STUCK);
	assert_int_equal(held_finish(&set), 0);
	assert_true(hw.blocked);
	assert_false(sync_adds_from(&hw, &at));
	assert_int_equal(sync_stuck(&set), 1);
	/* Again and again, further apart, never further than 8 s. */
	for (int i = 0; i < 10; i++) {
		assert_true(sync_due(&hw, &set, &at));
		last = at;
		assert_true(clk_before(now, at));
		assert_true(clk_diff(at, now) <= 8 * CLK_S);
		assert_false(verdict(false, "no"));
	}
	assert_true(clk_diff(now, last) == 0);
	assert_false(verdict(true, ""));
	assert_false(hw.blocked);
	assert_int_equal(held_finish(&set), 1);
	assert_int_equal(held->hold, HOLD_ENDED);
	assert_int_equal(held->code, RESULT_END_LEASE);
	assert_string_equal(held->text, "");
}

static void
test_operator_says_go_on(void **state)
{
	struct held *first = placed(1), *second = placed(2);
	struct instant at;

	(void)state;
	assert_false(verdict(true, ""));
	leave(first);
	assert_false(verdict(false, "no"));
	sync_unblock(&hw);
	assert_true(sync_adds_from(&hw, &at));
	/* The same again is no news. */
	assert_false(verdict(false, "no"));
	assert_false(hw.blocked);
	/* Another one is. */
	leave(second);
	assert_false(verdict(false, "no"));
	assert_true(hw.blocked);
}

static void
test_floor(void **state)
{
	struct held *held = placed(1);
	struct instant at;

	(void)state;
	sync_init(&hw, true, 5000);
	hw.needed = true;
	assert_true(sync_adds_from(&hw, &at));
	assert_false(clk_before(now, at));
	assert_false(verdict(true, ""));
	struct instant first = now;
	assert_true(sync_adds_from(&hw, &at));
	assert_true(clk_diff(at, first) == 5 * CLK_S);
	placed(2);
	assert_true(sync_due(&hw, &set, &at));
	assert_true(clk_diff(at, first) == 5 * CLK_S);
	/* A removal does not wait for it. */
	leave(held);
	assert_true(sync_due(&hw, &set, &at));
	assert_false(clk_before(now, at));
}

static void
test_removed_while_it_ran(void **state)
{
	struct held *held = placed(1);
	struct instant at;

	(void)state;
	sync_begin(&hw, &set, now);
	leave(held);
	/* The error is about what was added; it has gone already. The removal comes with the next,
	 * it was not refused. */
	assert_false(sync_end(&hw, &set, now, false, "no"));
	assert_int_equal(held->hold, HOLD_REMOVING);
	assert_false(hw.blocked);
	assert_true(sync_due(&hw, &set, &at));
	assert_false(verdict(true, ""));
	assert_int_equal(held_finish(&set), 1);
}

/* With something new in it the error says nothing about the removal beside it. */
static void
test_added_and_removed(void **state)
{
	struct held *old = placed(1);

	(void)state;
	assert_false(verdict(true, ""));
	leave(old);
	struct held *new = placed(2);
	assert_true(verdict(false, "no"));
	assert_int_equal(old->hold, HOLD_REMOVING);
	assert_false(hw.blocked);
	new->placed = false;
	new->in_kernel = 0;
	/* Now it does; what left while this one ran has not been tried yet. */
	struct held *third = placed(3);
	third->synced = third->in_hw = true;
	struct instant at;
	assert_true(sync_due(&hw, &set, &at));
	sync_begin(&hw, &set, now);
	leave(third);
	assert_false(sync_end(&hw, &set, now, false, "no"));
	assert_int_equal(old->hold, HOLD_STUCK);
	assert_int_equal(third->hold, HOLD_REMOVING);
}

static void
test_orphans(void **state)
{
	struct instant at;

	(void)state;
	hw.orphans = hw.needed = true;
	assert_true(sync_holds(&hw, &set));
	assert_false(verdict(false, "no"));
	assert_true(hw.blocked);
	assert_true(sync_due(&hw, &set, &at));
	assert_false(verdict(true, ""));
	assert_false(hw.blocked);
	assert_false(sync_holds(&hw, &set));
	assert_false(sync_due(&hw, &set, &at));
}

static void
test_without_hardware(void **state)
{
	struct held *held = placed(1);
	struct instant at;

	(void)state;
	sync_init(&hw, false, 5000);
	hw.needed = true;
	assert_false(sync_due(&hw, &set, &at));
	assert_true(sync_adds_from(&hw, &at));
	leave(held);
	assert_int_equal(held_finish(&set), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_good), TEST(test_not_in_this_sync),
	    TEST(test_what_was_added_goes), TEST(test_removal_sticks),
	    TEST(test_operator_says_go_on), TEST(test_floor), TEST(test_removed_while_it_ran),
	    TEST(test_added_and_removed), TEST(test_orphans), TEST(test_without_hardware)};
	return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
