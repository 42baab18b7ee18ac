/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/conf_text.h"

static void
blanks_comments(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"a = 1 # one\nb = 2\n", "a = 1      \nb = 2\n"},
	    {"// all of it\na = 1", "            \na = 1"},
	    {"a = 1 /* one\ntwo */ b = 2\n", "a = 1       \n       b = 2\n"},
	    /* Where a value may stand they are text. */
	    {"url = \"http://x # y\"\n", "url = \"http://x # y\"\n"},
	    {"url = 'a /* b'\n", "url = 'a /* b'\n"},
	    {"url = tcp://x\n", "url = tcp://x\n"},
	    {"a = \"x\\\"# y\" # z\n", "a = \"x\\\"# y\"    \n"},
	    {"\xef\xbb\xbf"
	     "a = 1\n",
		"   a = 1\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[128];
		unsigned line;

		snprintf(text, sizeof text, "%s", rows[i].in);
		assert_null(conf_text_clean(text, &line));
		assert_string_equal(text, rows[i].out);
	}
}

static void
finds_what_the_library_misreads(void **state)
{
	static const struct {
		const char *in, *says;
		unsigned line;
	} rows[] = {
	    {"a = 1\n/* no end\n", "has no end", 2},
	    {"a = 1\n\nb = \"x\n", "no partner", 3},
	    {"a = \"x\\\n\"", "no partner", 1},
	    {"a = 'x", "no partner", 1},
	    {"a = \"${HOME}\"\n", "not expanded", 1},
	    {"a = ${HOME}\n", "not expanded", 1},
	    {"a = swp+\n", "quotation marks", 1},
	    {"a = {1}\n}\n", "too many", 2},
	    {"s {\n a = 1\n\n", "not closed", 1},
	    {"a = 1\ns {\n t {\n }\n", "not closed", 2},
	    {"a = \x01\n", "control character", 1},
	    {"a = 1\n\x7f\n", "control character", 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[128];
		unsigned line = 0;
		snprintf(text, sizeof text, "%s", rows[i].in);
		const char *wrong = conf_text_clean(text, &line);

		if (!wrong || !strstr(wrong, rows[i].says) || line != rows[i].line)
			fail_msg("row %zu: line %u: %s", i, line, wrong ? wrong : "taken");
	}
}

/* Any text: what comes back is as long and has as many lines, and no read leaves it. */
static void
keeps_to_its_text(void **state)
{
	static const char letters[] = "a1=\"'{}#/*\\$+ \n\n,";
	unsigned seed = 8;

	(void)state;
	for (unsigned i = 0; i < 50000; i++) {
		size_t size = (unsigned)rand_r(&seed) % 24;
		char *text = malloc(size + 1), copy[32];
		unsigned line;

		for (size_t k = 0; k < size; k++)
			text[k] = letters[(unsigned)rand_r(&seed) % (sizeof letters - 1)];
		text[size] = '\0';
		memcpy(copy, text, size + 1);
		(void)conf_text_clean(text, &line);
		assert_int_equal(strlen(text), size);
		for (size_t k = 0; k < size; k++)
			assert_true(text[k] == copy[k] || (text[k] == ' ' && copy[k] != '\n'));
		free(text);
	}
}

static void
names_the_nearest(void **state)
{
	static const char *const names[] = {"listen", "lease", "feed", "interface", "policy"};
	static const struct {
		const char *wrong, *nearest;
	} rows[] = {{"lisen", "listen"}, {"leese", "lease"}, {"interfce", "interface"},
	    {"feed", "feed"}, {"wibble", NULL}, {"", NULL}, {"x", NULL},
	    {"listenlistenlistenlistenlistenlistenlistenlistenlistenlistenlistenlisten", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *is = conf_text_nearest(rows[i].wrong, names, 5);

		if (!is || !rows[i].nearest)
			assert_ptr_equal(is, rows[i].nearest);
		else
			assert_string_equal(is, rows[i].nearest);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blanks_comments),
	    cmocka_unit_test(finds_what_the_library_misreads),
	    cmocka_unit_test(keeps_to_its_text),
	    cmocka_unit_test(names_the_nearest),
	};

	return cmocka_run_group_tests_name("conf_text", tests, NULL, NULL);
}
