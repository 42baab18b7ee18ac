/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The longest turns of a loop: ever and lately, by the clock and without waits for a processor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "controller/engine/turns.h"

/* One turn that ends at `end_ms` and took that long. */
static void
turn(struct turns *turns, int64_t end_ms, int64_t wall_ms, int64_t held_ms, const char *doing)
{
	const struct instant begin = {(end_ms - wall_ms) * CLK_MS}, end = {end_ms * CLK_MS};

	turns_begin(turns, begin, 7 * CLK_S);
	turns_end(turns, end, 7 * CLK_S + (wall_ms - held_ms) * CLK_MS, doing);
}

static void
before_the_first_there_is_nothing(void **state)
{
	struct turns turns = {.count = 0};
	struct turns_longest ever, lately;

	(void)state;
	turns_read(&turns, (struct instant){5 * CLK_S}, &ever, &lately);
	assert_int_equal(ever.wall_ns, 0);
	assert_string_equal(ever.doing, "");
	assert_string_equal(lately.doing, "");
}

static void
keeps_the_longest_by_each_measure(void **state)
{
	struct turns turns = {.count = 0};
	struct turns_longest ever, lately;

	(void)state;
	turn(&turns, 1000, 3, 2, "feeds");
	turn(&turns, 1100, 60, 1, "control");
	turn(&turns, 1200, 50, 50, "tick");
	turns_read(&turns, (struct instant){1300 * CLK_MS}, &ever, &lately);
	assert_int_equal(ever.wall_ns, 60 * CLK_MS);
	assert_int_equal(ever.held_ns, 50 * CLK_MS);
	assert_string_equal(ever.doing, "tick");
	assert_int_equal(lately.wall_ns, 60 * CLK_MS);
	assert_int_equal(turns.count, 3);
	/* At 50 ms it is not over 50 ms. */
	assert_int_equal(turns.slow, 0);
	turn(&turns, 1400, 51, 51, "feeds");
	assert_int_equal(turns.slow, 1);
}

static void
forgets_what_is_a_minute_past(void **state)
{
	struct turns turns = {.count = 0};
	struct turns_longest ever, lately;

	(void)state;
	turn(&turns, 100000, 40, 40, "feeds");
	turn(&turns, 130000, 9, 9, "tick");
	turns_read(&turns, (struct instant){149 * CLK_S}, &ever, &lately);
	assert_int_equal(lately.wall_ns, 40 * CLK_MS);
	turns_read(&turns, (struct instant){161 * CLK_S}, &ever, &lately);
	assert_int_equal(lately.wall_ns, 9 * CLK_MS);
	assert_string_equal(lately.doing, "tick");
	/* Its place is taken by another span, and what stood there is gone. */
	turn(&turns, 162000, 1, 1, "agents");
	turns_read(&turns, (struct instant){200 * CLK_S}, &ever, &lately);
	assert_int_equal(lately.wall_ns, 1 * CLK_MS);
	turns_read(&turns, (struct instant){900 * CLK_S}, &ever, &lately);
	assert_int_equal(lately.wall_ns, 0);
	assert_int_equal(ever.wall_ns, 40 * CLK_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(before_the_first_there_is_nothing),
	    cmocka_unit_test(keeps_the_longest_by_each_measure),
	    cmocka_unit_test(forgets_what_is_a_minute_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
