/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/decide/verdict.h"

static void
the_first_step_that_failed_decides(void **unused)
{
	struct verdict v;

	(void)unused;
	verdict_init(&v);
	assert_int_equal(v.policy, -1);
	assert_string_equal(verdict_text(&v), "");
	assert_true(verdict_step(&v, "one", RESULT_OK, "%d", 1));
	assert_string_equal(verdict_text(&v), "");
	assert_false(verdict_step(&v, "two", RESULT_FROZEN, "cold %s", "day"));
	assert_false(verdict_step(&v, "three", RESULT_LIMIT_RATE, "later"));
	assert_int_equal(v.code, RESULT_FROZEN);
	assert_string_equal(verdict_text(&v), "cold day");
	assert_int_equal(v.step_count, 3);
	assert_true(v.steps[0].passed);
	assert_int_equal(v.steps[2].code, RESULT_LIMIT_RATE);
}

static void
more_steps_than_fit_still_decide(void **unused)
{
	char longer[2 * VERDICT_TEXT_MAX];
	struct verdict v;

	(void)unused;
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	verdict_init(&v);
	for (unsigned i = 0; i < VERDICT_STEPS_MAX + 5; i++)
		assert_true(verdict_step(&v, "x", RESULT_OK, "%s", longer));
	assert_int_equal(v.step_count, VERDICT_STEPS_MAX);
	assert_int_equal(strlen(v.steps[0].text), VERDICT_TEXT_MAX - 1);
	assert_false(verdict_step(&v, "last", RESULT_COOL_DOWN, "no room"));
	assert_int_equal(v.code, RESULT_COOL_DOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_step_that_failed_decides),
	    cmocka_unit_test(more_steps_than_fit_still_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
