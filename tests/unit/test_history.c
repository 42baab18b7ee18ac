/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a configuration's text to what the store keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/engine/history.h"

#define DAY (INT64_C(86400) * CLK_S)

static struct store_limits
limits(const char *text)
{
	char error[CONF_ERROR_MAX], whole[1024];
	struct settings *settings;
	struct store_limits limits;

	snprintf(whole, sizeof whole, "locals = {10.0.0.0/8}\nkey = /none\n%s", text);
	if (settings_parse("t.conf", whole, &settings, error) < 0)
		fail_msg("%s", error);
	limits = history_limits(settings);
	settings_free(&settings);
	return limits;
}

static void
what_is_kept_without_a_word(void **unused)
{
	struct store_limits l = limits("");

	(void)unused;
	assert_int_equal(l.events_age_ns, 90 * DAY);
	assert_int_equal(l.captures_age_ns, 90 * DAY);
	assert_int_equal(l.sightings_age_ns, 90 * DAY);
	assert_int_equal(l.cooldowns_age_ns, 30 * DAY);
	assert_int_equal(l.events_bytes, UINT64_C(256) << 20);
	assert_int_equal(l.events_max, 131072);
	assert_int_equal(l.captures_max, 10000);
}

static void
the_settings_go_before(void **unused)
{
	struct store_limits l = limits("history_age = 7d\nhistory_size = 2M\nhistory = 50000\n"
				       "policy \"p\" { mode = alert cooldown = {10m, 100d} }\n");

	(void)unused;
	assert_int_equal(l.events_age_ns, 7 * DAY);
	assert_int_equal(l.captures_age_ns, 7 * DAY);
	assert_int_equal(l.sightings_age_ns, 7 * DAY);
	assert_int_equal(l.events_bytes, 2 << 20);
	assert_int_equal(l.events_max, 1024);
	assert_int_equal(l.captures_max, 50000);
	/* A cool-down is no history: a restart must not forget it before its time. */
	assert_int_equal(l.cooldowns_age_ns, 200 * DAY);
	assert_int_equal(limits("history_size = 1024G\n").events_max, 536870912);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_kept_without_a_word),
	    cmocka_unit_test(the_settings_go_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
