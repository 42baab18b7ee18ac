/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cursor: a take gives all that was asked for, or nothing and stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/receive/cursor.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0xff, 0xfe, 0xfd, 0xfc};

static void
takes_what_is_there(void **state)
{
	(void)state;
	struct cursor cursor = {bytes, bytes + sizeof bytes};
	assert_int_equal(cursor_left(&cursor), 8);
	assert_ptr_equal(cursor_take(&cursor, 3), bytes);
	assert_int_equal(cursor_left(&cursor), 5);
	assert_ptr_equal(cursor_take(&cursor, 5), bytes + 3);
	assert_int_equal(cursor_left(&cursor), 0);
	assert_ptr_equal(cursor_take(&cursor, 0), bytes + 8);
}

static void
a_take_too_large_moves_nothing(void **state)
{
	(void)state;
	static const size_t counts[] = {9, 10, UINT32_MAX, SIZE_MAX, SIZE_MAX - 7};
	struct cursor cursor = {bytes, bytes + sizeof bytes};
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		assert_null(cursor_take(&cursor, counts[i]));
		assert_ptr_equal(cursor.at, bytes);
	}
	assert_ptr_equal(cursor_take(&cursor, 8), bytes);
	assert_null(cursor_take(&cursor, 1));
}

static void
a_limit_only_shortens(void **state)
{
	(void)state;
	struct cursor cursor = {bytes, bytes + sizeof bytes};
	cursor_limit(&cursor, 100);
	assert_int_equal(cursor_left(&cursor), 8);
	cursor_limit(&cursor, SIZE_MAX);
	assert_int_equal(cursor_left(&cursor), 8);
	cursor_limit(&cursor, 2);
	assert_int_equal(cursor_left(&cursor), 2);
	assert_null(cursor_take(&cursor, 3));
	cursor_limit(&cursor, 5);
	assert_int_equal(cursor_left(&cursor), 2);
}

static void
numbers_are_big_endian_at_any_alignment(void **state)
{
	(void)state;
	assert_int_equal(cursor_load16(bytes), 0x0102);
	assert_int_equal(cursor_load16(bytes + 3), 0x04ff);
	assert_int_equal(cursor_load32(bytes), 0x01020304);
	assert_int_equal(cursor_load32(bytes + 4), 0xfffefdfc);
	assert_int_equal(cursor_load32(bytes + 1), 0x020304ff);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_what_is_there),
	    cmocka_unit_test(a_take_too_large_moves_nothing),
	    cmocka_unit_test(a_limit_only_shortens),
	    cmocka_unit_test(numbers_are_big_endian_at_any_alignment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
