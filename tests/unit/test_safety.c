/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a new version may do, and what never matches. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "controller/feeds/safety.h"

static void
judges_jumps(void **state)
{
	static const struct {
		struct safety_facts facts;
		const char *says; /* NULL: it is taken */
	} cases[] = {
	    {{.before = 100, .now = 50}, NULL},
	    {{.before = 100, .now = 49}, "shrank from 100 to 49 entries"},
	    {{.before = 3, .now = 2}, NULL},
	    {{.before = 3, .now = 1}, "shrank from 3 to 1 entries"},
	    {{.before = 101, .now = 51}, NULL},
	    {{.before = 101, .now = 50}, "shrank"},
	    {{.before = 100, .now = 1000}, NULL},
	    {{.before = 100, .now = 1001}, "grew from 100 to 1001 entries"},
	    {{.before = 1, .now = 10}, NULL},
	    {{.before = 1, .now = 11}, "grew"},
	    {{.before = 1000000, .now = 10000001}, "grew"},
	    {{.before = 0, .now = 5000}, NULL},
	    {{.first = true, .now = 5000}, NULL},
	    {{.before = 100, .now = 1, .may_jump = true}, NULL},
	    {{.before = 1, .now = 100, .may_jump = true}, NULL},
	    {{.before = 100, .now = 1, .may_be_empty = true}, "shrank"},
	    {{.first = true, .now = 0}, "empty"},
	    {{.before = 100, .now = 0, .may_jump = true}, "empty"},
	    {{.before = 100, .now = 0, .may_be_empty = true}, NULL},
	    {{.first = true, .now = 5, .silenced = 10, .max_silenced = 10}, NULL},
	    {{.first = true, .now = 5, .silenced = 11, .max_silenced = 10}, "newly silence 11"},
	    {{.before = 5, .now = 5, .silenced = 11, .max_silenced = 10, .may_jump = true},
		"newly silence 11"},
	};
	char why[SAFETY_WHY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int r = safety_judge(&cases[i].facts, why);

		if (r != (cases[i].says ? -EPERM : 0) || (r < 0 && !strstr(why, cases[i].says)))
			fail_msg("case %zu: %d \"%s\"", i, r, r < 0 ? why : "");
	}
}

static void
knows_short_prefixes_and_what_never_matches(void **state)
{
	static const struct {
		const char *prefix;
		bool is_short;
	} cases[] = {{"10.0.0.0/8", false}, {"10.0.0.0/7", true}, {"0.0.0.0/0", true},
	    {"2001::/19", false}, {"2000::/18", true}, {"::/0", true}, {"1.2.3.4", false}};
	struct prefix prefix;
	size_t n = 0, v4 = 0, v6 = 0;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(prefix_parse(cases[i].prefix, &prefix, NULL), 0);
		assert_int_equal(safety_is_short(&prefix), cases[i].is_short);
	}
	for (const char *name; (name = safety_never(n, &prefix)); n++) {
		assert_true(name[0] != '\0');
		v4 += prefix.addr.family == 4;
		v6 += prefix.addr.family == 6;
	}
	assert_int_equal(v4, 5);
	assert_int_equal(v6, 3);
	assert_null(safety_never(n + 1, &prefix));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judges_jumps),
	    cmocka_unit_test(knows_short_prefixes_and_what_never_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
