/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/agents/strangers.h"

static bool
comes(struct strangers *s, unsigned who, int64_t ms)
{
	uint8_t key[KEYS_SIZE] = {(uint8_t)who, (uint8_t)(who >> 8)};

	return strangers_new(s, key, (struct instant){CLK_S + ms * CLK_MS});
}

static void
each_once_a_minute(void **state)
{
	struct strangers s = {.count = 0};

	(void)state;
	assert_true(comes(&s, 1, 0));
	assert_false(comes(&s, 1, 1000));
	assert_true(comes(&s, 2, 2000));
	assert_false(comes(&s, 1, 59999));
	assert_true(comes(&s, 1, 60000));
	assert_false(comes(&s, 1, 119999));
	assert_int_equal(s.count, 2);
}

/* Whoever makes up keys is looked at twenty times a second, not more. */
static void
a_flood_is_looked_at_slowly(void **state)
{
	struct strangers s = {.count = 0};
	unsigned looked = 0;

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		looked += comes(&s, i, i / 10);
	assert_int_equal(looked, 20);
}

static void
the_oldest_makes_room(void **state)
{
	struct strangers s = {.count = 0};

	(void)state;
	for (unsigned i = 0; i < STRANGERS_MAX; i++)
		assert_true(comes(&s, i, 50 * i));
	assert_int_equal(s.count, STRANGERS_MAX);
	assert_true(comes(&s, 1000, 50 * STRANGERS_MAX));
	assert_int_equal(s.count, STRANGERS_MAX);
	/* Number 0 is forgotten, and news again; number 2 is not. */
	assert_true(comes(&s, 0, 50 * (STRANGERS_MAX + 1)));
	assert_false(comes(&s, 2, 50 * (STRANGERS_MAX + 2)));
	assert_false(comes(&s, 1000, 50 * (STRANGERS_MAX + 3)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_once_a_minute),
	    cmocka_unit_test(a_flood_is_looked_at_slowly),
	    cmocka_unit_test(the_oldest_makes_room),
	};

	return cmocka_run_group_tests_name("strangers", tests, NULL, NULL);
}
