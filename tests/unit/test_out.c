/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/addr.h"
#include "common/base/result.h"
#include "controller/ctl/out.h"

struct thing {
	uint8_t n8;
	uint16_t n16;
	uint32_t n32;
	uint64_t n64, ms, left, bytes, rate;
	bool yes;
	char name[16];
	struct addr addr;
	enum result code;
};

static void
make_both(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct thing *thing = row;

	*ret_colour = TEXT_TABLE_BAD;
	snprintf(text, OUT_TEXT_MAX, "%s!", thing->name);
}

#define T(key, title, kind, name)                                                                  \
	{                                                                                          \
		key, title, kind, OUT_FIELD(thing, name), NULL, NULL                               \
	}
static const struct out_column columns[] = {
    T("n8", "N8", OUT_NUMBER, n8),
    T("n16", NULL, OUT_NUMBER, n16),
    T("n32", NULL, OUT_NUMBER, n32),
    T("n64", NULL, OUT_NUMBER, n64),
    T("ms", "AGE", OUT_MS, ms),
    T("left", "LEFT", OUT_LEFT, left),
    T("bytes", "BYTES", OUT_BYTES, bytes),
    T("rate", "RATE", OUT_RATE, rate),
    T("yes", "YES", OUT_BOOL, yes),
    T("name", "NAME", OUT_TEXT, name),
    T("addr", "ADDR", OUT_ADDR, addr),
    T("code", "CODE", OUT_CODE, code),
    {"made", "MADE", OUT_MAKE, 0, 0, make_both, NULL},
    {.kind = OUT_END},
};

static const struct thing thing = {.n8 = 200,
    .n16 = 60000,
    .n32 = 4000000000,
    .n64 = UINT64_MAX,
    .ms = 61000,
    .bytes = 1043210,
    .rate = 12345678,
    .yes = true,
    .name = "a\tb",
    .code = RESULT_FROZEN};

static char *
print(bool json, bool colour, unsigned rows, const char *none)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct out out = {.json = json, .colour = colour, .file = file};

	out_begin(&out, columns);
	for (unsigned i = 0; i < rows; i++)
		out_row(&out, &thing);
	out_end(&out, "things", none);
	fclose(file);
	return text;
}

static void
text_for_people(void **state)
{
	char *text = print(false, false, 2, NULL), *line, *rest = text;

	(void)state;
	line = strsep(&rest, "\n");
	assert_non_null(strstr(line, "N8"));
	line = strsep(&rest, "\n");
	assert_non_null(strstr(line, "200"));
	assert_non_null(strstr(line, "1m1s"));
	assert_non_null(strstr(line, " - "));
	assert_non_null(strstr(line, "1.0 MB"));
	assert_non_null(strstr(line, "12 Mbit/s"));
	assert_non_null(strstr(line, "yes"));
	/* What comes from a switch cannot steer a terminal. */
	assert_non_null(strstr(line, "a?b"));
	assert_non_null(strstr(line, result_text(RESULT_FROZEN)));
	assert_null(strchr(line, '\033'));
	free(text);

	text = print(false, true, 1, NULL);
	assert_non_null(strchr(text, '\033'));
	free(text);
	text = print(false, false, 0, "there is nothing");
	assert_string_equal(text, "there is nothing\n");
	free(text);
	text = print(false, false, 0, NULL);
	assert_string_equal(text, "");
	free(text);
}

static void
json_for_programs(void **state)
{
	char *text = print(true, false, 2, "there is nothing");
	json_t *value = json_loads(text, 0, NULL), *rows = json_object_get(value, "things"), *row;

	(void)state;
	assert_int_equal(json_array_size(rows), 2);
	row = json_array_get(rows, 1);
	assert_int_equal(json_integer_value(json_object_get(row, "n16")), 60000);
	assert_int_equal(json_integer_value(json_object_get(row, "n32")), 4000000000);
	/* What JSON has no number for is the largest there is. */
	assert_int_equal(json_integer_value(json_object_get(row, "n64")), INT64_MAX);
	assert_int_equal(json_integer_value(json_object_get(row, "ms")), 61000);
	assert_int_equal(json_integer_value(json_object_get(row, "left")), 0);
	assert_true(json_is_true(json_object_get(row, "yes")));
	assert_string_equal(json_string_value(json_object_get(row, "name")), "a\tb");
	assert_true(json_is_null(json_object_get(row, "addr")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(row, "code"), "code")),
	    RESULT_FROZEN);
	assert_string_equal(json_string_value(json_object_get(row, "made")), "a\tb!");
	json_decref(value);
	free(text);

	text = print(true, false, 0, "there is nothing");
	value = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(value, "things")), 0);
	assert_non_null(json_object_get(value, "things"));
	json_decref(value);
	free(text);
}

static void
one_row_stands_line_by_line(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct out out = {.file = file};

	(void)state;
	out_one(&out, columns, &thing);
	fclose(file);
	assert_int_equal(strncmp(text, "N8     200\n", 11), 0);
	assert_non_null(strstr(text, "\nMADE   a?b!\n"));
	free(text);
}

/* Colour is for terminals: not for pipes, whatever the environment says. */
static void
a_pipe_has_no_colour(void **state)
{
	FILE *file = tmpfile();
	struct out out;

	(void)state;
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	out_init(&out, file, true);
	assert_false(out.colour);
	assert_true(out.json);
	fclose(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_for_people),
	    cmocka_unit_test(json_for_programs),
	    cmocka_unit_test(one_row_stands_line_by_line),
	    cmocka_unit_test(a_pipe_has_no_colour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
