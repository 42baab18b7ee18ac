/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "controller/decide/policy.h"
#include "controller/settings/settings.h"

static void
a_policy_takes_its_feeds_and_without_any_all(void **unused)
{
	struct policy p = {.feed_count = 0};

	(void)unused;
	assert_true(policy_takes(&p, "drop"));
	memcpy(p.feeds[0], "drop", 5);
	memcpy(p.feeds[1], "feodo", 6);
	p.feed_count = 2;
	assert_true(policy_takes(&p, "drop"));
	assert_true(policy_takes(&p, "feodo"));
	assert_false(policy_takes(&p, "feod"));
	assert_false(policy_takes(&p, ""));
}

static void
cool_downs_grow_and_the_last_repeats(void **unused)
{
	struct policy p = {
	    .cooldowns = {600 * CLK_S, 3600 * CLK_S, 86400 * CLK_S}, .cooldown_count = 3};

	(void)unused;
	assert_int_equal(policy_cooldown(&p, 0), 0);
	assert_int_equal(policy_cooldown(&p, 1), 600 * CLK_S);
	assert_int_equal(policy_cooldown(&p, 2), 3600 * CLK_S);
	assert_int_equal(policy_cooldown(&p, 3), 86400 * CLK_S);
	assert_int_equal(policy_cooldown(&p, 4000000000u), 86400 * CLK_S);
	p.cooldown_count = 0;
	assert_int_equal(policy_cooldown(&p, 5), 0);
}

static void
names_are_those_of_the_configuration(void **unused)
{
	(void)unused;
	assert_string_equal(policy_mode_name(POLICY_CAPTURE), "capture");
	assert_string_equal(policy_mode_name(POLICY_ALERT), "alert");
	assert_string_equal(policy_mode_name(POLICY_SHADOW), "shadow");
	assert_string_equal(policy_where_name(POLICY_EDGE), "edge");
	assert_string_equal(policy_where_name(POLICY_SEEN), "seen");
	assert_string_equal(policy_where_name(POLICY_ALL), "all");
	assert_string_equal(policy_scanner_name(POLICY_SCANNER_CAPTURE), "capture");
	assert_string_equal(policy_scanner_name(POLICY_SCANNER_ALERT), "alert");
}

#define CONF                                                                                       \
	"locals = {10.0.0.0/8}\n"                                                                  \
	"analyser \"a\" { address = 192.0.2.50 }\n"                                                \
	"feed \"drop\" { url = \"file:///tmp/drop\" }\n"

static void
settings_give_every_word_of_a_policy(void **unused)
{
	struct settings *set;
	char error[CONF_ERROR_MAX];
	const struct policy *p;

	(void)unused;
	assert_int_equal(settings_parse("t",
			     CONF "policy \"x\" { feeds = {\"drop\"} scanner = alert "
				  "scanner_hosts = 5 where = seen mode = shadow }\n",
			     &set, error),
	    0);
	p = &set->policy.policies[0];
	assert_int_equal(p->scanner, POLICY_SCANNER_ALERT);
	assert_int_equal(p->scanner_hosts, 5);
	assert_int_equal(p->where, POLICY_SEEN);
	assert_int_equal(p->mode, POLICY_SHADOW);
	settings_free(&set);
	assert_int_equal(settings_parse("t", CONF "policy \"x\" { }\n", &set, error), 0);
	p = &set->policy.policies[0];
	assert_int_equal(p->scanner, POLICY_SCANNER_CAPTURE);
	assert_int_equal(p->scanner_hosts, 16);
	assert_false(p->inbound);
	assert_int_equal(p->cooldown_count, 3);
	assert_int_equal(p->cooldowns[0], 600 * CLK_S);
	settings_free(&set);
}

/* Not a silence in which nothing is ever captured: the file is refused, with line and name. */
static void
a_policy_that_names_a_missing_feed_is_refused(void **unused)
{
	struct settings *set = NULL;
	char error[CONF_ERROR_MAX];

	(void)unused;
	assert_true(settings_parse(
			"t.conf", CONF "policy \"x\" { feeds = {\"dorp\"} }\n", &set, error) < 0);
	assert_non_null(strstr(error, "t.conf:4"));
	assert_non_null(strstr(error, "dorp"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_policy_takes_its_feeds_and_without_any_all),
	    cmocka_unit_test(cool_downs_grow_and_the_last_repeats),
	    cmocka_unit_test(names_are_those_of_the_configuration),
	    cmocka_unit_test(settings_give_every_word_of_a_policy),
	    cmocka_unit_test(a_policy_that_names_a_missing_feed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
