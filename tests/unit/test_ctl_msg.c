/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/msg/ctl_msg.h"

static void
names_are_distinct(void **state)
{
	(void)state;
	for (enum ctl_verb a = CTL_STATUS; a <= CTL_AGENT_GO_ON; a++) {
		assert_string_not_equal(ctl_msg_verb_name(a), "unknown");
		for (enum ctl_verb b = CTL_STATUS; b < a; b++)
			assert_string_not_equal(ctl_msg_verb_name(a), ctl_msg_verb_name(b));
	}
	for (enum ctl_capture_state a = CTL_REQUESTED; a <= CTL_FAILED; a++) {
		assert_string_not_equal(ctl_msg_capture_state_name(a), "unknown");
		for (enum ctl_capture_state b = CTL_REQUESTED; b < a; b++)
			assert_string_not_equal(
			    ctl_msg_capture_state_name(a), ctl_msg_capture_state_name(b));
	}
	for (enum ctl_agent_state a = CTL_AGENT_WAITING; a <= CTL_AGENT_NEVER; a++)
		assert_string_not_equal(ctl_msg_agent_state_name(a), "unknown");
}

static void
strange_numbers_have_one(void **state)
{
	(void)state;
	assert_string_equal(ctl_msg_verb_name((enum ctl_verb)0), "unknown");
	assert_string_equal(ctl_msg_verb_name((enum ctl_verb)(CTL_AGENT_GO_ON + 1)), "unknown");
	assert_string_equal(ctl_msg_capture_state_name((enum ctl_capture_state)0), "unknown");
	assert_string_equal(ctl_msg_agent_state_name((enum ctl_agent_state)77), "unknown");
}

/* What only asks goes over the read-only socket; a verb that nobody knows does not. */
static void
only_questions_do_not_write(void **state)
{
	static const enum ctl_verb questions[] = {CTL_STATUS, CTL_AGENTS, CTL_EXPORTERS,
	    CTL_CAPTURES, CTL_FEEDS, CTL_LOOKUP, CTL_EXPLAIN, CTL_EVENTS};
	unsigned n = 0;

	(void)state;
	for (enum ctl_verb v = CTL_STATUS; v <= CTL_AGENT_GO_ON; v++)
		n += !ctl_msg_verb_writes(v);
	assert_int_equal(n, sizeof questions / sizeof *questions);
	for (unsigned i = 0; i < n; i++)
		assert_false(ctl_msg_verb_writes(questions[i]));
	assert_true(ctl_msg_verb_writes((enum ctl_verb)0));
	assert_true(ctl_msg_verb_writes((enum ctl_verb)99));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_distinct),
	    cmocka_unit_test(strange_numbers_have_one),
	    cmocka_unit_test(only_questions_do_not_write),
	};

	return cmocka_run_group_tests_name("ctl_msg", tests, NULL, NULL);
}
