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

/* One with something in each member and in each array. */
static struct verdict
full(void)
{
	struct verdict v;

	verdict_init(&v);
	v.holder_count = 2;
	v.holders[1] = 3;
	strcpy(v.shares[1].iface, "swp1");
	v.evict_count = 1;
	v.evicts[0] = 17;
	verdict_step(&v, "one", RESULT_OK, "first");
	verdict_step(&v, "two", RESULT_FROZEN, "second");
	return v;
}

static void
alike_is_in_every_member(void **unused)
{
	struct verdict a = full(), b = full();

	(void)unused;
	/* What is behind the counts, and between the members, is nobody's. */
	memset(&b.holders[2], 0xa5, sizeof b.holders[2]);
	memset(&b.shares[2], 0xa5, sizeof b.shares[2]);
	memset(&b.evicts[1], 0xa5, sizeof b.evicts[1]);
	memset(&b.steps[2], 0xa5, sizeof b.steps[2]);
	memset((char *)&b.steps[1].passed + 1, 0xa5,
	    offsetof(struct verdict_step, code) - offsetof(struct verdict_step, passed) - 1);
	assert_true(verdict_same(&a, &b));
#define SEEN(change)                                                                               \
	do {                                                                                       \
		struct verdict c = full();                                                         \
		c.change;                                                                          \
		assert_false(verdict_same(&a, &c));                                                \
		assert_false(verdict_same(&c, &a));                                                \
	} while (0)
	SEEN(code = RESULT_OK);
	SEEN(alert = true);
	SEEN(wait = true);
	SEEN(shadow = true);
	SEEN(wide = VERDICT_PREFIX);
	SEEN(peers = 1);
	SEEN(policy = 0);
	SEEN(capture = 1);
	SEEN(analyser = 1);
	SEEN(filter.port = 443);
	SEEN(edge = true);
	SEEN(holder_count = 1);
	SEEN(holders[1] = 4);
	SEEN(shares[0].way = VERDICT_BACK);
	SEEN(shares[1].iface[3] = '2');
	SEEN(shares[1].rules = 2);
	SEEN(rules = 2);
	SEEN(est_bps = 1);
	SEEN(est_packets = 1);
	SEEN(est_samples = 1);
	SEEN(est_error = 1);
	SEEN(evict_count = 0);
	SEEN(evicts[0] = 18);
	SEEN(step_count = 1);
	SEEN(steps[1].name = "three");
	SEEN(steps[0].passed = false);
	SEEN(steps[1].code = RESULT_COOL_DOWN);
	SEEN(steps[0].text[0] = 'F');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_step_that_failed_decides),
	    cmocka_unit_test(more_steps_than_fit_still_decide),
	    cmocka_unit_test(alike_is_in_every_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
