/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/tool/text_table.h"

static char *
printed(const struct text_table *table, bool down)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	if (down)
		text_table_print_down(table, file);
	else
		text_table_print(table, file);
	fclose(file);
	return text;
}

static void
expect(const struct text_table *table, bool down, const char *text)
{
	char *is = printed(table, down);

	assert_string_equal(is, text);
	free(is);
}

static struct text_table *
make(bool colour)
{
	struct text_table *table = text_table_new(colour);

	assert_non_null(table);
	assert_int_equal(text_table_column(table, "name", false), 0);
	assert_int_equal(text_table_column(table, "packets", true), 0);
	return table;
}

static void
aligns(void **state)
{
	struct text_table *table = make(false);

	(void)state;
	expect(table, false, "");
	text_table_cell(table, "a", TEXT_TABLE_GOOD);
	expect(table, false, "");
	text_table_cell(table, "7", TEXT_TABLE_PLAIN);
	text_table_cell(table, "longer name", TEXT_TABLE_PLAIN);
	text_table_cell(table, "123456789", TEXT_TABLE_PLAIN);
	/* A row that is not whole is not shown. */
	text_table_cell(table, "half", TEXT_TABLE_PLAIN);
	expect(table, false,
	    "name           packets\n"
	    "a                    7\n"
	    "longer name  123456789\n");
	text_table_free(&table);
	assert_null(table);
	text_table_free(&table);
}

/* "ä" is two bytes and one column. */
static void
counts_characters(void **state)
{
	struct text_table *table = make(false);

	(void)state;
	text_table_cell(table, "\xc3\xa4\xc3\xa4", TEXT_TABLE_PLAIN);
	text_table_cell(table, "1", TEXT_TABLE_PLAIN);
	text_table_cell(table, "xxxxx", TEXT_TABLE_PLAIN);
	text_table_cell(table, "2", TEXT_TABLE_PLAIN);
	expect(table, false,
	    "name   packets\n"
	    "\xc3\xa4\xc3\xa4           1\n"
	    "xxxxx        2\n");
	text_table_free(&table);
}

/* Cells come from anywhere: no terminal is driven by them. */
static void
disarms(void **state)
{
	struct text_table *table = make(true);

	(void)state;
	text_table_cell(table, "\033[2J\n\x7f", TEXT_TABLE_BAD);
	text_table_cell(table, "", TEXT_TABLE_PLAIN);
	expect(table, false,
	    "name    packets\n"
	    "\033[31m?[2J??\033[0m        -\n");
	text_table_free(&table);
}

static void
prints_down(void **state)
{
	struct text_table *table = make(false);

	(void)state;
	text_table_cell(table, "leaf1", TEXT_TABLE_PLAIN);
	text_table_cell(table, "7", TEXT_TABLE_PLAIN);
	expect(table, true,
	    "name     leaf1\n"
	    "packets  7\n");
	text_table_free(&table);
}

/* Too wide: what nobody says goes, then the last columns stand below their rows. */
static void
folds(void **state)
{
	struct text_table *table = text_table_new(false);

	(void)state;
	text_table_width(table, 20);
	text_table_column(table, "id", true);
	text_table_column(table, "none", false);
	text_table_column(table, "name", false);
	text_table_column(table, "lost", true);
	text_table_column(table, "why", false);
	text_table_cell(table, "7", TEXT_TABLE_PLAIN);
	text_table_cell(table, "", TEXT_TABLE_PLAIN);
	text_table_cell(table, "leaf1", TEXT_TABLE_PLAIN);
	text_table_cell(table, "3", TEXT_TABLE_PLAIN);
	text_table_cell(table, "no way to there", TEXT_TABLE_PLAIN);
	text_table_cell(table, "8", TEXT_TABLE_PLAIN);
	text_table_cell(table, "", TEXT_TABLE_PLAIN);
	text_table_cell(table, "leaf12345678", TEXT_TABLE_PLAIN);
	text_table_cell(table, "44", TEXT_TABLE_PLAIN);
	text_table_cell(table, "", TEXT_TABLE_PLAIN);
	expect(table, false,
	    "id  name\n"
	    "    lost  why\n"
	    " 7  leaf1\n"
	    "    lost 3\n"
	    "    no way to there\n"
	    " 8  leaf12345678\n"
	    "    lost 44\n");
	/* As wide as it likes, where nobody says how wide. */
	text_table_width(table, 0);
	expect(table, false,
	    "id  none  name          lost  why\n"
	    " 7  -     leaf1            3  no way to there\n"
	    " 8  -     leaf12345678    44  -\n");
	text_table_free(&table);
}

/* A text that is last has its own column broken where there is room for it. */
static void
wraps_the_last(void **state)
{
	struct text_table *table = text_table_new(false);

	(void)state;
	text_table_width(table, 40);
	text_table_column(table, "step", false);
	text_table_column(table, "none", false);
	text_table_column(table, "because", false);
	text_table_cell(table, "place", TEXT_TABLE_PLAIN);
	text_table_cell(table, "", TEXT_TABLE_PLAIN);
	text_table_cell(
	    table, "no switch is known to see this conversation at all", TEXT_TABLE_PLAIN);
	text_table_cell(table, "feed", TEXT_TABLE_PLAIN);
	text_table_cell(table, "", TEXT_TABLE_PLAIN);
	text_table_cell(table, "good", TEXT_TABLE_PLAIN);
	expect(table, false,
	    "step   because\n"
	    "place  no switch is known to see this\n"
	    "       conversation at all\n"
	    "feed   good\n");
	text_table_free(&table);
}

static void
wraps_down(void **state)
{
	struct text_table *table = text_table_new(false);

	(void)state;
	text_table_width(table, 20);
	text_table_column(table, "name", false);
	text_table_column(table, "a longer one", false);
	text_table_column(table, "bound", false);
	text_table_cell(table, "leaf1", TEXT_TABLE_PLAIN);
	text_table_cell(table, "", TEXT_TABLE_PLAIN);
	text_table_cell(table, "10.1.0.1, 10.1.0.2, 192.0.2.199", TEXT_TABLE_PLAIN);
	expect(table, true,
	    "name   leaf1\n"
	    "bound  10.1.0.1,\n"
	    "       10.1.0.2,\n"
	    "       192.0.2.199\n");
	text_table_free(&table);
}

static void
ascii_alone(void **state)
{
	struct text_table *table = text_table_new(false);
	char text[] = "\xc2\xb1"
		      "36% \xe2\x80\xa6 \xc3\xa4\xf0\x9f\x94\xad\xff";

	(void)state;
	text_table_to_ascii(text);
	assert_string_equal(text, "+-36% ... ???");
	text_table_ascii(table);
	text_table_column(table, "x", false);
	text_table_cell(table,
	    "\xc2\xb1"
	    "5",
	    TEXT_TABLE_PLAIN);
	expect(table, false, "x\n+-5\n");
	text_table_free(&table);
}

static void
bounds_columns(void **state)
{
	struct text_table *table = text_table_new(false);
	int r = 0, n = 0;

	(void)state;
	while (n < 1000 && (r = text_table_column(table, "x", false)) == 0)
		n++;
	assert_int_equal(r, -E2BIG);
	for (int i = 0; i < 10 * n; i++)
		assert_int_equal(text_table_cell(table, "y", TEXT_TABLE_PLAIN), 0);
	free(printed(table, false));
	text_table_free(&table);
}

static void
units(void **state)
{
	char text[TEXT_TABLE_UNIT_MAX];
	static const struct {
		uint64_t n;
		const char *bytes, *age;
	} rows[] = {
	    {0, "0 B", "0ms"},
	    {250, "250 B", "250ms"},
	    {999, "999 B", "999ms"},
	    {1000, "1.0 kB", "1s"},
	    {1234567, "1.2 MB", "20m34s"},
	    {10000, "10 kB", "10s"},
	    {59999, "59 kB", "59s"},
	    {60000, "60 kB", "1m"},
	    {11520000, "11 MB", "3h12m"},
	    {86400000, "86 MB", "1d"},
	    {90000000, "90 MB", "1d1h"},
	    {UINT64_MAX, "18 EB", "213503982334d14h"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_string_equal(text_table_bytes(rows[i].n, text), rows[i].bytes);
		assert_string_equal(text_table_age(rows[i].n, text), rows[i].age);
	}
	assert_string_equal(text_table_rate(1500000, text), "1.5 Mbit/s");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(aligns),
	    cmocka_unit_test(counts_characters),
	    cmocka_unit_test(disarms),
	    cmocka_unit_test(prints_down),
	    cmocka_unit_test(folds),
	    cmocka_unit_test(wraps_the_last),
	    cmocka_unit_test(wraps_down),
	    cmocka_unit_test(ascii_alone),
	    cmocka_unit_test(bounds_columns),
	    cmocka_unit_test(units),
	};

	return cmocka_run_group_tests_name("text_table", tests, NULL, NULL);
}
