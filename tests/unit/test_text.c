/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others wrote is one line of UTF-8 that no terminal obeys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/text.h"

static void
what_is_text_stays_and_what_is_not_is_a_mark(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"", ""},
	    {"plain ~ text", "plain ~ text"},
	    {"l\xc3\xadste \xe2\x82\xac \xf0\x9f\x94\xad",
		"l\xc3\xadste \xe2\x82\xac \xf0\x9f\x94\xad"},
	    {"two\nlines\r\tand a tab", "two?lines??and a tab"},
	    {"\x1b[31mred\x7f", "?[31mred?"},
	    /* C1: a terminal may take U+009B for ESC [. Alone it is no UTF-8 at all. */
	    {"\xc2\x9b"
	     "31m",
		"??31m"},
	    {"\x9b"
	     "31m",
		"?31m"},
	    {"\xc2\xa0", "\xc2\xa0"},
	    /* Cut short, too long, surrogates, past the end. */
	    {"\xe2\x82", "??"},
	    {"\xc3", "?"},
	    {"\xc0\xaf", "??"},
	    {"\xe0\x80\xaf", "???"},
	    {"\xed\xa0\x80", "???"},
	    {"\xf4\x90\x80\x80", "????"},
	    {"\xff\xfe", "??"},
	    {"\xe2(\xa1", "?(?"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[64];

		snprintf(text, sizeof text, "%s", rows[i].in);
		text_one_line(text);
		assert_string_equal(text, rows[i].out);
	}
}

/* Every character there is, and nothing else, has a length. */
static void
all_characters_and_no_others(void **state)
{
	unsigned long count = 0;

	(void)state;
	for (uint32_t a = 0; a < 0x110000; a++) {
		unsigned char t[5] = {0};
		size_t n = a < 0x80 ? 1 : a < 0x800 ? 2 : a < 0x10000 ? 3 : 4;
		int good = a >= 0x20 && !(a >= 0x7f && a < 0xa0) && !(a >= 0xd800 && a < 0xe000);

		for (size_t i = n; i-- > 0;)
			t[i] = n == 1 ? (unsigned char)a
			       : i    ? (unsigned char)(0x80 | (a >> 6 * (n - 1 - i) & 0x3f))
				      : (unsigned char)((0xf00 >> n & 0xf0) | a >> 6 * (n - 1));
		count += text_character((const char *)t) == (good ? n : 0);
	}
	assert_int_equal(count, 0x110000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_text_stays_and_what_is_not_is_a_mark),
	    cmocka_unit_test(all_characters_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
