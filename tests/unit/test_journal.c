/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/engine/journal.h"

static char dir[64], path[96];

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/finderscope-journal.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/events.json", dir);
	return 0;
}

static int
teardown(void **state)
{
	char other[112];

	(void)state;
	(void)unlink(path);
	snprintf(other, sizeof other, "%s.1", path);
	(void)unlink(other);
	return rmdir(dir);
}

static void
expect_file(const char *name, const char *text)
{
	char bytes[256] = "";
	FILE *file = fopen(name, "re");

	assert_non_null(file);
	bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(bytes, text);
}

static void
test_lines_and_file(void **state)
{
	struct journal *journal;
	char rotated[112];
	int error;

	(void)state;
	assert_int_equal(journal_new(path, &journal), 0);
	assert_int_equal(journal_next(journal), 1);
	assert_null(journal_line(journal, 1));
	assert_int_equal(journal_add(journal, "{\"n\":1}"), 1);
	assert_int_equal(journal_add(journal, "{\"n\":2}"), 2);
	assert_string_equal(journal_line(journal, 2), "{\"n\":2}");
	assert_null(journal_line(journal, 0));
	assert_null(journal_line(journal, 3));
	expect_file(path, "{\"n\":1}\n{\"n\":2}\n");
	/* Rotated away: what comes after goes into a fresh file. */
	snprintf(rotated, sizeof rotated, "%s.1", path);
	assert_int_equal(rename(path, rotated), 0);
	journal_reopen(journal, path);
	(void)journal_add(journal, "{\"n\":3}");
	expect_file(path, "{\"n\":3}\n");
	assert_int_equal(journal_lost(journal, &error), 0);
	assert_int_equal(error, 0);
	journal_free(&journal);
	assert_null(journal);
}

static void
test_bounded(void **state)
{
	struct journal *journal;
	char line[32];

	(void)state;
	assert_int_equal(journal_new("", &journal), 0);
	for (unsigned i = 1; i <= JOURNAL_LINES + 5; i++) {
		snprintf(line, sizeof line, "%u", i);
		assert_int_equal(journal_add(journal, line), i);
	}
	assert_int_equal(journal_oldest(journal), 6);
	assert_null(journal_line(journal, 5));
	assert_string_equal(journal_line(journal, 6), "6");
	snprintf(line, sizeof line, "%u", JOURNAL_LINES + 5);
	assert_string_equal(journal_line(journal, JOURNAL_LINES + 5), line);
	journal_free(&journal);
}

/* A folder that is not there yet: counted, and written once it is. */
static void
test_file_comes_later(void **state)
{
	struct journal *journal;
	int error;

	(void)state;
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(journal_new(path, &journal), 0);
	(void)journal_add(journal, "one");
	assert_int_equal(journal_lost(journal, &error), 1);
	assert_int_equal(error, ENOENT);
	assert_int_equal(mkdir(dir, 0700), 0);
	(void)journal_add(journal, "two");
	assert_int_equal(journal_lost(journal, &error), 1);
	assert_int_equal(error, 0);
	expect_file(path, "two\n");
	assert_string_equal(journal_line(journal, 1), "one");
	journal_free(&journal);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_lines_and_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_file_comes_later, setup, teardown),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
