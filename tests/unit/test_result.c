/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/result.h"

static void
every_code_has_one_name_and_text(void **state)
{
	static const int codes[] = {
#define CODE(code, name, text) (code),
	    RESULT_LIST(CODE)
#undef CODE
	};

	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		assert_string_not_equal(result_name(codes[i]), "UNKNOWN");
		assert_true(strlen(result_text(codes[i])) > 3);
		for (size_t j = 0; j < i; j++) {
			assert_true(codes[j] < codes[i]);
			assert_string_not_equal(result_name(codes[i]), result_name(codes[j]));
		}
	}
	assert_string_equal(result_name(RESULT_LIMIT_RULES), "LIMIT_RULES");
	assert_string_equal(result_name(9999), "UNKNOWN");
	assert_string_equal(result_name(-1), "UNKNOWN");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_has_one_name_and_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
