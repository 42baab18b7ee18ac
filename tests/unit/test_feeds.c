/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The feed thread on real files and a real web server: what is good comes into force, what is not
 * changes nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "controller/feeds/feeds.h"
#include "tests/support/feeds_rig.h"

static void
file_and_web_come_into_force(void **state)
{
	struct feeds_rig *f = *state;
	char request[4096];

	feeds_rig_file(f, "mine", "list.txt");
	feeds_rig_web(f, "theirs", "/list.txt");
	feeds_rig_put(f, "list.txt", "# own\n198.51.100.9\n2001:db8:9::/48\n");
	feeds_rig_page(f, "/list.txt", "203.0.113.0/24 # bad people\r\n", "\"one\"");
	prefix_parse("203.0.113.7", &f->allow[0], NULL);
	f->allow_count = 1;
	prefix_parse("10.0.0.0/8", &f->locals[0], NULL);
	f->local_count = 1;
	feeds_rig_start(f);
	feeds_rig_await(f, FEEDS_LOADED, "theirs");
	assert_int_equal(f->last.entries4, 1);
	feeds_rig_await_verdict(f, "203.0.113.8", FEEDS_LISTED);
	assert_int_equal(feeds_rig_judge(f, "198.51.100.9", 443), FEEDS_LISTED);
	assert_int_equal(feeds_rig_judge(f, "198.51.100.8", 443), FEEDS_NOT_LISTED);
	assert_int_equal(feeds_rig_judge(f, "2001:db8:9::1", 0), FEEDS_LISTED);
	assert_int_equal(feeds_rig_judge(f, "203.0.113.8", 0), FEEDS_LISTED);
	assert_int_equal(feeds_rig_judge(f, "203.0.113.7", 0), FEEDS_ALLOWED);
	assert_int_equal(feeds_rig_judge(f, "10.1.2.3", 0), FEEDS_NEVER);
	assert_int_equal(feeds_rig_judge(f, "127.0.0.1", 0), FEEDS_NEVER);
	assert_int_not_equal(table_find4(slot_read(f->slot)->table, 0xcb007108), 0);
	assert_int_not_equal(table_find4(slot_read(f->slot)->locals, 0x0a010203), 0);
	assert_int_equal(web_asked(f->web, "/list.txt", request), 1);
	assert_non_null(strstr(request, "User-Agent: finderscope/"));

	/* Asked again: as before. Then another version. */
	assert_int_equal(feeds_refresh(f->feeds, "theirs", false), 0);
	feeds_rig_await(f, FEEDS_UNCHANGED, "theirs");
	web_asked(f->web, "/list.txt", request);
	assert_non_null(strstr(request, "If-None-Match: \"one\""));
	feeds_rig_page(f, "/list.txt", "203.0.113.0/25\n", "\"two\"");
	assert_int_equal(feeds_refresh(f->feeds, NULL, false), 0);
	feeds_rig_await(f, FEEDS_LOADED, "theirs");
	assert_int_equal(f->last.version, 2);
	assert_int_equal(f->last.added, 1);
	assert_int_equal(f->last.removed, 1);
	feeds_rig_await_verdict(f, "203.0.113.200", FEEDS_NOT_LISTED);
	assert_int_equal(feeds_refresh(f->feeds, "nobody", false), -ENOENT);
}

static void
a_changed_file_is_read_again(void **state)
{
	struct feeds_rig *f = *state;
	char from[160], to[160];

	feeds_rig_file(f, "mine", "list.txt");
	feeds_rig_put(f, "list.txt", "198.51.100.9\n");
	feeds_rig_start(f);
	feeds_rig_await_verdict(f, "198.51.100.9", FEEDS_LISTED);
	feeds_rig_put(f, "list.txt", "198.51.100.10\n");
	feeds_rig_await_verdict(f, "198.51.100.10", FEEDS_LISTED);
	assert_int_equal(feeds_rig_judge(f, "198.51.100.9", 0), FEEDS_NOT_LISTED);
	/* As careful writers do it. */
	feeds_rig_put(f, "list.new", "198.51.100.11\n");
	snprintf(from, sizeof from, "%s/list.new", f->folder);
	snprintf(to, sizeof to, "%s/list.txt", f->folder);
	assert_int_equal(rename(from, to), 0);
	feeds_rig_await_verdict(f, "198.51.100.11", FEEDS_LISTED);
	assert_int_equal(unlink(to), 0);
	assert_int_equal(feeds_refresh(f->feeds, "mine", false), 0);
	feeds_rig_await(f, FEEDS_FAILED, "mine");
	assert_int_equal(feeds_rig_judge(f, "198.51.100.11", 0), FEEDS_LISTED);
}

static void
the_last_good_copy_comes_first(void **state)
{
	struct feeds_rig *f = *state;
	struct feeds_info info;

	feeds_rig_web(f, "theirs", "/list.txt");
	feeds_rig_page(f, "/list.txt", "203.0.113.9\n", "\"one\"");
	feeds_rig_start(f);
	feeds_rig_await(f, FEEDS_LOADED, "theirs");
	feeds_free(&f->feeds);
	feeds_rig_page(f, "/list.txt", "gone", "");
	web_put(f->web, "/list.txt", 500, WEB_PLAIN, "no", 2, "", "");
	feeds_rig_start(f);
	feeds_rig_await(f, FEEDS_LOADED, "theirs");
	assert_true(f->last.from_cache);
	feeds_rig_await(f, FEEDS_FAILED, "theirs");
	assert_string_equal(f->last.text, "HTTP 500: the server has trouble of its own");
	assert_int_equal(feeds_rig_judge(f, "203.0.113.9", 0), FEEDS_LISTED);
	assert_int_equal(feeds_info(f->feeds, &info, 1), 1);
	assert_true(info.from_cache);
	assert_int_equal(info.failures, 1);
	assert_string_equal(info.last_error, "HTTP 500: the server has trouble of its own");
	assert_true(info.next_ns > 30 * CLK_S);
	assert_true(info.age_ns >= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		file_and_web_come_into_force, feeds_rig_setup, feeds_rig_teardown),
	    cmocka_unit_test_setup_teardown(
		a_changed_file_is_read_again, feeds_rig_setup, feeds_rig_teardown),
	    cmocka_unit_test_setup_teardown(
		the_last_good_copy_comes_first, feeds_rig_setup, feeds_rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
