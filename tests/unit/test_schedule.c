/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a feed is asked next: interval, floor, jitter, back-off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "controller/feeds/schedule.h"

#define MINUTE (60 * CLK_S)
#define HOUR (3600 * CLK_S)

static void
keeps_the_interval_and_the_floor(void **state)
{
	(void)state;
	assert_int_equal(schedule_next(HOUR, MINUTE, 0, 0), HOUR);
	assert_int_equal(schedule_next(MINUTE, HOUR, 0, 0), HOUR);
	for (uint32_t random = 0; random < 5000; random += 7) {
		int64_t next = schedule_next(HOUR, MINUTE, 0, random);

		assert_true(next >= HOUR && next <= HOUR + HOUR / 10);
	}
	/* Evenly, not all at one end. */
	assert_true(schedule_next(HOUR, MINUTE, 0, 1023) > HOUR + HOUR / 11);
	assert_true(schedule_next(HOUR, MINUTE, 0, 512) < HOUR + HOUR / 15);
}

static void
backs_off(void **state)
{
	int64_t last = 0;

	(void)state;
	assert_int_equal(schedule_next(HOUR, CLK_S, 1, 0), MINUTE);
	assert_int_equal(schedule_next(HOUR, CLK_S, 2, 0), 2 * MINUTE);
	assert_int_equal(schedule_next(HOUR, CLK_S, 3, 0), 4 * MINUTE);
	assert_int_equal(schedule_next(10 * CLK_S, CLK_S, 1, 0), 10 * CLK_S);
	/* The floor holds for failures, too: Spamhaus is not asked each minute. */
	assert_int_equal(schedule_next(12 * HOUR, HOUR, 1, 0), HOUR);
	for (unsigned failures = 1; failures < 200; failures++) {
		int64_t next = schedule_next(HOUR, CLK_S, failures, 0);

		assert_true(next >= last && next <= SCHEDULE_RETRY_MOST_NS);
		last = next;
	}
	assert_int_equal(last, SCHEDULE_RETRY_MOST_NS);
	assert_int_equal(schedule_next(24 * HOUR, CLK_S, 60, 0), 24 * HOUR);
	assert_true(schedule_next(24 * HOUR, CLK_S, UINT32_MAX, UINT32_MAX) <= 27 * HOUR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_the_interval_and_the_floor),
	    cmocka_unit_test(backs_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
