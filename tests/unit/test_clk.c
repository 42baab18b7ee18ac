/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clk.h"

static void
durations(void **state)
{
	static const struct {
		const char *in;
		int64_t ns;
		const char *out;
	} good[] = {
	    {"0", 0, "0"},
	    {"90s", 90 * CLK_S, "1m30s"},
	    {"1h30m", 5400 * CLK_S, "1h30m"},
	    {"250ms", 250 * CLK_MS, "250ms"},
	    {"1w2d3h4m5s6ms", 788645 * CLK_S + 6 * CLK_MS, "1w2d3h4m5s6ms"},
	    {"2h", 7200 * CLK_S, "2h"},
	};
	static const struct {
		const char *in;
		int error;
	} bad[] = {
	    {"", -EINVAL},
	    {"60", -EINVAL},
	    {"s", -EINVAL},
	    {"1x", -EINVAL},
	    {"-1s", -EINVAL},
	    {"1m1h", -EINVAL},
	    {"1s1s", -EINVAL},
	    {"1 s", -EINVAL},
	    {"1s ", -EINVAL},
	    {"4000d", -ERANGE},
	    {"00", -EINVAL},
	    {"99999999999999999999ms", -ERANGE},
	    {"400w4000d", -ERANGE},
	};
	char text[CLK_TEXT_MAX];
	int64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(clk_parse_duration(good[i].in, &ns), 0);
		assert_int_equal(ns, good[i].ns);
		assert_string_equal(clk_format_duration(ns, text), good[i].out);
	}
	ns = 42;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (clk_parse_duration(bad[i].in, &ns) != bad[i].error || ns != 42)
			fail_msg("\"%s\"", bad[i].in);
}

static void
instants_saturate(void **state)
{
	struct instant late = {INT64_MAX - 1}, early = {INT64_MIN + 1};

	(void)state;
	assert_int_equal(clk_add(late, 5).ns, INT64_MAX);
	assert_int_equal(clk_add(early, -5).ns, INT64_MIN);
	assert_int_equal(clk_diff(late, early), INT64_MAX);
	assert_int_equal(clk_diff(early, late), INT64_MIN);
	assert_true(clk_before(early, late));
	assert_false(clk_before(late, late));
}

static void
wall_time_as_text(void **state)
{
	char text[CLK_TEXT_MAX];

	(void)state;
	assert_string_equal(
	    clk_format_wall(INT64_C(1795626654123456789), text), "2026-11-25T17:10:54.123Z");
	assert_string_equal(clk_format_wall(0, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clk_format_wall(-1 * CLK_MS, text), "1969-12-31T23:59:59.999Z");
}

static void
runs_forward(void **state)
{
	struct instant a = clk_now(), b = clk_now();

	(void)state;
	assert_false(clk_before(b, a));
	assert_true(clk_wall_ns() > INT64_C(1600000000) * CLK_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(durations),
	    cmocka_unit_test(instants_saturate),
	    cmocka_unit_test(wall_time_as_text),
	    cmocka_unit_test(runs_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
