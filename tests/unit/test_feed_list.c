/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A version of a list as it is kept: each entry once, short and default ones left out, ages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/feeds/feed_list.h"

static struct feed_list *
make(const char *text, bool may_be_short, const struct feed_list *before, uint32_t now)
{
	char error[FORMAT_ERROR_MAX];
	struct format_list read;
	struct feed_list *list;

	assert_int_equal(format_read(FORMAT_PLAIN, text, strlen(text), NULL, &read, error), 0);
	assert_int_equal(feed_list_new(&read, may_be_short, before, now, &list), 0);
	format_list_done(&read);
	return list;
}

static uint32_t
since(const struct feed_list *list, const char *text, uint16_t port)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix, NULL), 0);
	return feed_list_since(list, &prefix, port);
}

static void
keeps_each_once_and_leaves_out(void **state)
{
	struct feed_list *list = make("203.0.113.9\n198.51.100.9\n203.0.113.9\n203.0.113.9:443\n"
				      "2001:db8::/32\n0.0.0.0/0\n::/0\n12.0.0.0/7\n2c00::/18\n"
				      "127.0.0.1\n224.0.0.0/24\nfe80::1\nnonsense\n",
	    false, NULL, 5);

	(void)state;
	assert_int_equal(list->count, 7);
	assert_int_equal(list->count4, 5);
	assert_int_equal(list->count6, 2);
	assert_int_equal(list->short_ones, 2);
	assert_int_equal(list->never, 5);
	assert_int_equal(list->bad_lines, 1);
	assert_string_equal(list->bad[0], "line 13: nonsense");
	assert_int_equal(list->added, 7);
	assert_int_equal(list->removed, 0);
	/* Sorted, and of two lines the first. */
	assert_int_equal(list->entries[0].line, 10);
	assert_int_equal(list->entries[1].line, 2);
	assert_int_equal(list->entries[2].line, 1);
	assert_int_equal(list->entries[3].port, 443);
	feed_list_free(&list);
	assert_null(list);
	list = make("12.0.0.0/7\n0.0.0.0/0\n", true, NULL, 5);
	assert_int_equal(list->count, 1);
	assert_int_equal(list->short_ones, 0);
	feed_list_free(&list);
	list = make("# nothing\n", false, NULL, 5);
	assert_int_equal(list->count, 0);
	feed_list_free(&list);
}

static void
knows_since_when(void **state)
{
	struct feed_list *one = make("198.51.100.9\n203.0.113.0/24\n", false, NULL, 100);
	struct feed_list *two =
	    make("203.0.113.0/24\n198.51.100.10\n203.0.113.0/24:80\n", false, one, 200);

	(void)state;
	assert_int_equal(since(one, "198.51.100.9", 0), 100);
	assert_int_equal(since(two, "203.0.113.0/24", 0), 100);
	assert_int_equal(since(two, "198.51.100.10", 0), 200);
	assert_int_equal(since(two, "198.51.100.9", 0), 0);
	assert_int_equal(since(two, "203.0.113.0/25", 0), 0);
	assert_int_equal(two->added, two->count - 1);
	assert_int_equal(two->removed, 1);
	feed_list_free(&one);
	feed_list_free(&two);
}

static void
ages_outlive_the_process(void **state)
{
	struct feed_list *one = make("198.51.100.9\n203.0.113.0/24\n", false, NULL, 100);
	struct feed_list *two = make("198.51.100.9\n203.0.113.7\n", false, one, 200), *again,
			 *other;
	size_t size;
	void *ages = feed_list_ages(two, &size);

	(void)state;
	assert_non_null(ages);
	again = make("198.51.100.9\n203.0.113.7\n", false, NULL, 300);
	assert_true(feed_list_restore(again, ages, size));
	assert_int_equal(since(again, "198.51.100.9", 0), 100);
	assert_int_equal(since(again, "203.0.113.7", 0), 200);
	/* Ages of another list, as many or not, are not taken for its own. */
	other = make("198.51.100.9\n203.0.113.8\n", false, NULL, 300);
	assert_false(feed_list_restore(other, ages, size));
	assert_int_equal(since(other, "198.51.100.9", 0), 300);
	assert_false(feed_list_restore(again, ages, size - 4));
	assert_false(feed_list_restore(again, ages, 0));
	free(ages);
	feed_list_free(&one);
	feed_list_free(&two);
	feed_list_free(&again);
	feed_list_free(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_each_once_and_leaves_out),
	    cmocka_unit_test(knows_since_when),
	    cmocka_unit_test(ages_outlive_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
