/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "controller/ctl/list.h"

static void
numbers(void **state)
{
	static const char *const wrong[] = {
	    "", "0", "-1", "+1", "1x", " 1", "101", "1e2", "0x10", "99999999999999999999999"};
	struct ctl ctl = {.fd = -1};
	uint64_t n = 5;

	(void)state;
	assert_int_equal(list_number(&ctl, "--count", NULL, 100, &n), CTL_EXIT_OK);
	assert_int_equal(n, 5);
	assert_int_equal(list_number(&ctl, "--count", "100", 100, &n), CTL_EXIT_OK);
	assert_int_equal(n, 100);
	assert_int_equal(list_number(&ctl, "x", "18446744073709551615", UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(list_number(&ctl, "--count", wrong[i], 100, &n), CTL_EXIT_USAGE);
}

static void
durations(void **state)
{
	static const char *const wrong[] = {"", "10", "m", "10x", "-1m", "0s", "1h-1m"};
	struct ctl ctl = {.fd = -1};
	uint64_t ms = 0;

	(void)state;
	assert_int_equal(list_duration(&ctl, "--for", "1h30m", &ms), CTL_EXIT_OK);
	assert_int_equal(ms, 5400000);
	assert_int_equal(list_duration(&ctl, "--for", "250ms", &ms), CTL_EXIT_OK);
	assert_int_equal(ms, 250);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(list_duration(&ctl, "--for", wrong[i], &ms), CTL_EXIT_USAGE);
}

static void
words_must_fit(void **state)
{
	struct ctl ctl = {.fd = -1};
	char to[6] = "";

	(void)state;
	assert_int_equal(list_copy(&ctl, "switch", "leaf1", to, sizeof to), CTL_EXIT_OK);
	assert_string_equal(to, "leaf1");
	assert_int_equal(list_copy(&ctl, "switch", NULL, to, sizeof to), CTL_EXIT_OK);
	assert_string_equal(to, "leaf1");
	assert_int_equal(list_copy(&ctl, "switch", "leaf10", to, sizeof to), CTL_EXIT_USAGE);
	assert_int_equal(list_copy(&ctl, "switch", "", to, sizeof to), CTL_EXIT_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(durations),
	    cmocka_unit_test(words_must_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
