/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread's manners: when a source is asked and when it is left alone, what is watched. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "tests/support/feeds_rig.h"

#define HOUR (3600 * CLK_S)

/* Whatever the thread has been told to do so far, it has done. */
static void
settle(struct feeds_rig *rig)
{
	feeds_rig_reload(rig);
	feeds_rig_await(rig, FEEDS_PUBLISHED, NULL);
}

static void
drain(struct feeds_rig *rig)
{
	struct feeds_event event;

	while (feeds_next_event(rig->feeds, &event, NULL))
		;
}

static void
the_floor_outlives_restarts_and_reloads(void **state)
{
	struct feeds_rig *rig = *state;
	struct feed_conf *conf = feeds_rig_web(rig, "l", "/l");

	conf->floor_ns = HOUR;
	conf->interval_ns = 2 * HOUR;
	feeds_rig_page(rig, "/l", "198.51.100.9\n", "\"1\"");
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.51.100.9", FEEDS_LISTED);
	assert_true(feeds_rig_info(rig, "l").next_ns > HOUR * 19 / 10);
	/* Nothing new, and a new interval: neither is a reason to ask. */
	drain(rig);
	settle(rig);
	assert_true(feeds_rig_info(rig, "l").next_ns > HOUR * 19 / 10);
	conf->interval_ns = HOUR / 60;
	drain(rig);
	settle(rig);
	/* The event that settle saw may have been an earlier table's. */
	for (int i = 0; i < 1000; i++) {
		int64_t next = feeds_rig_info(rig, "l").next_ns;

		if (next > HOUR * 9 / 10 && next <= HOUR)
			break;
		usleep(10000);
	}
	assert_true(feeds_rig_info(rig, "l").next_ns > HOUR * 9 / 10);
	assert_true(feeds_rig_info(rig, "l").next_ns <= HOUR);
	/* Another life. */
	feeds_free(&rig->feeds);
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.51.100.9", FEEDS_LISTED);
	assert_true(feeds_rig_info(rig, "l").next_ns > HOUR * 9 / 10);
	assert_int_equal(web_asked(rig->web, "/l", NULL), 1);
	/* An operator's word is. */
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await(rig, FEEDS_UNCHANGED, "l");
	assert_int_equal(web_asked(rig->web, "/l", NULL), 2);
}

static void
a_source_that_fails_is_not_asked_at_every_start(void **state)
{
	struct feeds_rig *rig = *state;

	feeds_rig_web(rig, "l", "/nothing")->floor_ns = HOUR;
	web_put(rig->web, "/nothing", 404, WEB_PLAIN, "", 0, "", "");
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_FAILED, "l");
	for (int life = 0; life < 3; life++) {
		feeds_free(&rig->feeds);
		feeds_rig_start(rig);
		feeds_rig_await(rig, FEEDS_PUBLISHED, NULL);
		assert_true(feeds_rig_info(rig, "l").next_ns > HOUR / 2);
	}
	assert_int_equal(web_asked(rig->web, "/nothing", NULL), 1);
}

static void
a_source_that_was_not_reached_was_not_asked(void **state)
{
	struct feeds_rig *rig = *state;
	struct feed_conf *conf = feeds_rig_web(rig, "l", "/l");
	char good[sizeof conf->url];

	conf->floor_ns = HOUR;
	memcpy(good, conf->url, sizeof good);
	/* Port 1 of this machine: nobody listens. */
	snprintf(conf->url, sizeof conf->url, "http://127.0.0.1:1/l");
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_FAILED, "l");
	assert_true(feeds_rig_info(rig, "l").next_ns > HOUR / 120);
	assert_true(feeds_rig_info(rig, "l").next_ns < HOUR / 30);
	/* Nor is the next life held back. */
	feeds_rig_page(rig, "/l", "198.51.100.9\n", "\"1\"");
	memcpy(conf->url, good, sizeof good);
	feeds_free(&rig->feeds);
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.51.100.9", FEEDS_LISTED);
	/* But what was asked before counts. */
	snprintf(conf->url, sizeof conf->url, "http://127.0.0.1:1/l");
	feeds_rig_reload(rig);
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await(rig, FEEDS_FAILED, "l");
	assert_true(feeds_rig_info(rig, "l").next_ns > HOUR * 9 / 10);
}

static void
a_server_that_asks_for_peace_gets_it(void **state)
{
	struct feeds_rig *rig = *state;

	feeds_rig_web(rig, "l", "/l");
	web_put(rig->web, "/l", 429, WEB_PLAIN, "", 0, "", "Retry-After: 7200\r\n");
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_FAILED, "l");
	assert_true(feeds_rig_info(rig, "l").next_ns > HOUR * 19 / 10);
	assert_true(feeds_rig_info(rig, "l").next_ns <= 2 * HOUR);
}

static void
a_reload_leaves_transfers_alone(void **state)
{
	struct feeds_rig *rig = *state;

	feeds_rig_web(rig, "l", "/l");
	web_put(rig->web, "/l", 200, WEB_SLOW, "198.51.100.9\n", 13, "", "");
	feeds_rig_start(rig);
	while (web_asked(rig->web, "/l", NULL) == 0)
		usleep(1000);
	assert_true(feeds_rig_info(rig, "l").next_ns == 0);
	drain(rig);
	settle(rig);
	assert_true(feeds_rig_info(rig, "l").next_ns == 0);
	assert_int_equal(web_asked(rig->web, "/l", NULL), 1);
	/* One that is configured anew begins anew. */
	feeds_rig_page(rig, "/l", "198.51.100.9\n", "");
	rig->conf[0].timeout_ns = 6 * CLK_S;
	feeds_rig_reload(rig);
	feeds_rig_await_verdict(rig, "198.51.100.9", FEEDS_LISTED);
	assert_int_equal(web_asked(rig->web, "/l", NULL), 2);
	/* And one that is dropped leaves nothing behind that could come into force. */
	web_put(rig->web, "/l", 200, WEB_SLOW, "198.51.100.9\n", 13, "", "");
	feeds_refresh(rig->feeds, "l", false);
	while (web_asked(rig->web, "/l", NULL) == 2)
		usleep(1000);
	rig->count = 0;
	drain(rig);
	settle(rig);
	assert_int_equal(feeds_info(rig->feeds, NULL, 0), 0);
	assert_int_equal(feeds_rig_judge(rig, "198.51.100.9", 0), FEEDS_NOT_LISTED);
	assert_int_equal(feeds_refresh(rig->feeds, "l", false), -ENOENT);
}

static void
a_probe_spares_the_list(void **state)
{
	struct feeds_rig *rig = *state;
	struct feed_conf *conf = feeds_rig_web(rig, "l", "/l");

	web_url(rig->web, "/rev", conf->probe_url, sizeof conf->probe_url);
	feeds_rig_page(rig, "/rev", "1041\n", "");
	feeds_rig_page(rig, "/l", "198.51.100.9\n", "");
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.51.100.9", FEEDS_LISTED);
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await(rig, FEEDS_UNCHANGED, "l");
	assert_int_equal(web_asked(rig->web, "/rev", NULL), 2);
	assert_int_equal(web_asked(rig->web, "/l", NULL), 1);
	/* Over a restart, too: the revision is kept with the copy. */
	feeds_free(&rig->feeds);
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_LOADED, "l");
	assert_true(rig->last.from_cache);
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await(rig, FEEDS_UNCHANGED, "l");
	feeds_rig_page(rig, "/rev", "1042\n", "");
	feeds_rig_page(rig, "/l", "198.51.100.10\n", "");
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await_verdict(rig, "198.51.100.10", FEEDS_LISTED);
	/* One that fails decides nothing. */
	web_put(rig->web, "/rev", 500, WEB_PLAIN, "1042\n", 5, "", "");
	feeds_rig_page(rig, "/l", "198.51.100.11\n", "");
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await_verdict(rig, "198.51.100.11", FEEDS_LISTED);
}

static void
secrets_are_sent_and_never_shown(void **state)
{
	struct feeds_rig *rig = *state;
	struct feed_conf *conf = feeds_rig_web(rig, "l", "/l");
	char request[4096], path[160], url[64];
	struct feeds_info info;

	snprintf(url, sizeof url, "http://me:s3cret@127.0.0.1:%u/l", web_port(rig->web));
	snprintf(conf->url, sizeof conf->url, "%s", url);
	snprintf(conf->header_file, sizeof conf->header_file, "%s/header", rig->folder);
	feeds_rig_put(rig, "header", "X-Key: s3cret\n");
	snprintf(path, sizeof path, "%s/header", rig->folder);
	assert_int_equal(chmod(path, 0640), 0);
	web_put(rig->web, "/l", 403, WEB_PLAIN, "X-Key: s3cret", 13, "", "");
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_FAILED, "l");
	web_asked(rig->web, "/l", request);
	assert_non_null(strstr(request, "X-Key: s3cret\r\n"));
	assert_non_null(strstr(request, "Authorization: Basic "));
	info = feeds_rig_info(rig, "l");
	for (size_t i = 0; i + 6 <= sizeof info; i++)
		if (memcmp((const char *)&info + i, "s3cret", 6) == 0)
			fail_msg("it is in the row, byte %zu", i);
	assert_null(strstr(rig->last.text, "s3cret"));
}

static void
files_are_found_wherever_links_lead(void **state)
{
	struct feeds_rig *rig = *state;
	char link_path[160], temporary[160];

	feeds_rig_file(rig, "l", "current/list");
	snprintf(link_path, sizeof link_path, "%s/current", rig->folder);
	snprintf(temporary, sizeof temporary, "%s/current.new", rig->folder);
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_FAILED, "l");
	assert_non_null(strstr(rig->last.text, "No such file"));
	/* A folder that comes later, as a link, which is then turned to another. */
	for (int i = 1; i <= 2; i++) {
		char folder[160], name[32], text[64], address[48];

		snprintf(folder, sizeof folder, "%s/v%d", rig->folder, i);
		assert_int_equal(mkdir(folder, 0755), 0);
		snprintf(name, sizeof name, "v%d/list", i);
		snprintf(address, sizeof address, "198.51.100.%d", i);
		snprintf(text, sizeof text, "%s\n", address);
		feeds_rig_put(rig, name, text);
		assert_int_equal(symlink(folder, temporary), 0);
		assert_int_equal(rename(temporary, link_path), 0);
		feeds_rig_await_verdict(rig, address, FEEDS_LISTED);
	}
	assert_int_equal(feeds_rig_judge(rig, "198.51.100.1", 0), FEEDS_NOT_LISTED);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, feeds_rig_setup, feeds_rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(the_floor_outlives_restarts_and_reloads),
	    WITH(a_source_that_was_not_reached_was_not_asked),
	    WITH(a_source_that_fails_is_not_asked_at_every_start),
	    WITH(a_server_that_asks_for_peace_gets_it),
	    WITH(a_reload_leaves_transfers_alone),
	    WITH(a_probe_spares_the_list),
	    WITH(secrets_are_sent_and_never_shown),
	    WITH(files_are_found_wherever_links_lead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
