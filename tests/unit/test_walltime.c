/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/store/walltime.h"

static const struct walltime saved = {{1000 * CLK_S}, 50000 * CLK_S, {1, 2, 3}};

static void
same_boot_is_exact(void **state)
{
	struct walltime now = {{1500 * CLK_S}, 0, {1, 2, 3}};
	int64_t wall = walltime_from_instant(&saved, (struct instant){900 * CLK_S});

	(void)state;
	assert_int_equal(wall, 49900 * CLK_S);
	/* Whatever the wall clock says meanwhile. */
	for (now.wall_ns = 0; now.wall_ns <= 100000 * CLK_S; now.wall_ns += 25000 * CLK_S)
		assert_int_equal(walltime_to_instant(&saved, &now, wall).ns, 900 * CLK_S);
}

static void
another_boot_goes_by_the_wall(void **state)
{
	/* 100 s after the save, 20 s after the boot. */
	struct walltime now = {{20 * CLK_S}, 50100 * CLK_S, {9}};
	int64_t begun = walltime_from_instant(&saved, (struct instant){900 * CLK_S});
	int64_t ends = walltime_from_instant(&saved, (struct instant){1600 * CLK_S});

	(void)state;
	/* 200 s ago; 500 s left. */
	assert_int_equal(walltime_to_instant(&saved, &now, begun).ns, (20 - 200) * CLK_S);
	assert_int_equal(walltime_to_instant(&saved, &now, ends).ns, (20 + 500) * CLK_S);
}

static void
a_clock_set_back_gives_no_time_away(void **state)
{
	struct walltime now = {{20 * CLK_S}, 10 * CLK_S, {9}};
	int64_t ends = walltime_from_instant(&saved, (struct instant){1600 * CLK_S});

	(void)state;
	assert_int_equal(walltime_to_instant(&saved, &now, ends).ns, (20 + 600) * CLK_S);
}

static void
none_stays_none_and_nothing_overflows(void **state)
{
	struct walltime now = {{20 * CLK_S}, 50100 * CLK_S, {9}},
			odd = {{INT64_MIN}, INT64_MAX, {7}};

	(void)state;
	assert_int_equal(walltime_from_instant(&saved, (struct instant){0}), 0);
	assert_int_equal(walltime_to_instant(&saved, &now, 0).ns, 0);
	/* The instant that would come to be 0 is not "none". */
	assert_int_not_equal(walltime_to_instant(&saved, &now, 50080 * CLK_S).ns, 0);
	(void)walltime_from_instant(&odd, (struct instant){INT64_MAX});
	(void)walltime_to_instant(&odd, &now, INT64_MIN);
	(void)walltime_to_instant(&odd, &odd, INT64_MIN);
}

static void
unknown_boots_are_all_different(void **state)
{
	struct walltime then = {{1000 * CLK_S}, 50000 * CLK_S, {0}};
	struct walltime now = {{20 * CLK_S}, 50100 * CLK_S, {0}};

	(void)state;
	assert_int_equal(walltime_to_instant(&then, &now, 50000 * CLK_S).ns, -80 * CLK_S);
}

static void
the_clocks_are_read(void **state)
{
	static const uint8_t none[WALLTIME_BOOT_SIZE];
	struct walltime a, b;

	(void)state;
	walltime_read(&a);
	walltime_again(&a, &b);
	assert_memory_not_equal(a.boot, none, sizeof none);
	assert_memory_equal(a.boot, b.boot, sizeof a.boot);
	assert_true(a.now.ns > 0 && b.now.ns >= a.now.ns);
	assert_true(a.wall_ns > INT64_C(1700000000) * CLK_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_boot_is_exact),
	    cmocka_unit_test(another_boot_goes_by_the_wall),
	    cmocka_unit_test(a_clock_set_back_gives_no_time_away),
	    cmocka_unit_test(none_stays_none_and_nothing_overflows),
	    cmocka_unit_test(unknown_boots_are_all_different),
	    cmocka_unit_test(the_clocks_are_read),
	};

	return cmocka_run_group_tests_name("walltime", tests, NULL, NULL);
}
