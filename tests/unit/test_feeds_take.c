/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is taken of what came, and what is refused: the list before stays, and it is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "tests/support/feeds_rig.h"

static void
put_hosts(const struct feeds_rig *rig, const char *path, size_t count)
{
	char *text = feeds_rig_hosts(count), etag[32];

	snprintf(etag, sizeof etag, "\"%zu\"", count);
	feeds_rig_page(rig, path, text, etag);
	free(text);
}

static void
refused(struct feeds_rig *rig, const char *name, const char *says)
{
	struct feeds_info info;

	feeds_refresh(rig->feeds, name, false);
	feeds_rig_await(rig, FEEDS_REFUSED, name);
	if (!strstr(rig->last.text, says))
		fail_msg("\"%s\" does not say \"%s\"", rig->last.text, says);
	info = feeds_rig_info(rig, name);
	assert_int_equal(strncmp(info.last_error, "refused: ", 9), 0);
	assert_non_null(strstr(info.last_error, says));
	assert_true(info.refusals > 0 && info.failures > 0);
	assert_true(info.age_ns > 0);
}

static void
a_list_that_went_mad_waits_for_a_word(void **state)
{
	struct feeds_rig *rig = *state;

	feeds_rig_web(rig, "l", "/l");
	put_hosts(rig, "/l", 100);
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.18.0.99", FEEDS_LISTED);
	put_hosts(rig, "/l", 49);
	refused(rig, "l", "shrank from 100 to 49");
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.99", 0), FEEDS_LISTED);
	put_hosts(rig, "/l", 1001);
	refused(rig, "l", "grew from 100 to 1001");
	feeds_rig_page(rig, "/l", "# nobody\n", "");
	refused(rig, "l", "empty");
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.99", 0), FEEDS_LISTED);
	assert_int_equal(feeds_rig_info(rig, "l").version, 1);
	/* A word takes that one version, and no other. */
	put_hosts(rig, "/l", 40);
	feeds_refresh(rig->feeds, "l", true);
	feeds_rig_await(rig, FEEDS_LOADED, "l");
	feeds_rig_await_verdict(rig, "198.18.0.99", FEEDS_NOT_LISTED);
	assert_string_equal(feeds_rig_info(rig, "l").last_error, "");
	put_hosts(rig, "/l", 1);
	refused(rig, "l", "shrank from 40 to 1");
	/* And so does a setting. */
	rig->conf[0].may_jump = true;
	feeds_rig_reload(rig);
	feeds_rig_await(rig, FEEDS_LOADED, "l");
	assert_int_equal(rig->last.entries4, 1);
	rig->conf[0].may_be_empty = true;
	feeds_rig_page(rig, "/l", "# nobody\n", "");
	feeds_rig_reload(rig);
	feeds_rig_await(rig, FEEDS_LOADED, "l");
	feeds_rig_await_verdict(rig, "198.18.0.0", FEEDS_NOT_LISTED);
}

static void
short_prefixes_and_what_never_matches_are_left_out(void **state)
{
	struct feeds_rig *rig = *state;
	struct feeds_info info;

	feeds_rig_web(rig, "l", "/l");
	feeds_rig_page(rig, "/l",
	    "198.51.100.9/24\n0.0.0.0/0\n128.0.0.0/2\n2000::/3\n127.0.0.1\n10.9.9.9\nfe80::1\n"
	    "nonsense\nmore nonsense\n",
	    "");
	assert_int_equal(prefix_parse("10.0.0.0/8", &rig->locals[0], NULL), 0);
	rig->local_count = 1;
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_LOADED, "l");
	assert_non_null(strstr(rig->last.text, "2 prefixes shorter than /8 (IPv6: /19) refused"));
	feeds_rig_await_verdict(rig, "198.51.100.1", FEEDS_LISTED);
	assert_int_equal(feeds_rig_judge(rig, "129.0.0.1", 0), FEEDS_NOT_LISTED);
	assert_int_equal(feeds_rig_judge(rig, "2001:db8::1", 0), FEEDS_NOT_LISTED);
	assert_int_equal(feeds_rig_judge(rig, "127.0.0.1", 0), FEEDS_NEVER);
	assert_int_equal(feeds_rig_judge(rig, "10.9.9.9", 0), FEEDS_NEVER);
	assert_int_equal(feeds_rig_judge(rig, "fe80::1", 0), FEEDS_NEVER);
	info = feeds_rig_info(rig, "l");
	assert_int_equal(info.short_ones, 2);
	assert_int_equal(info.masked, 1);
	assert_int_equal(info.never, 3);
	assert_int_equal(info.lines, 9);
	assert_int_equal(info.bad_lines, 2);
	assert_string_equal(info.bad[0], "line 8: nonsense");
	assert_string_equal(info.bad[1], "line 9: more nonsense");
	assert_string_equal(info.bad[2], "");
	rig->conf[0].may_be_short = true;
	feeds_rig_reload(rig);
	feeds_rig_await_verdict(rig, "129.0.0.1", FEEDS_LISTED);
	assert_int_equal(feeds_rig_judge(rig, "8.8.8.8", 0), FEEDS_NOT_LISTED);
}

static void
an_allow_list_that_silences_much_waits_for_a_word(void **state)
{
	struct feeds_rig *rig = *state;

	feeds_rig_web(rig, "l", "/l");
	feeds_rig_web(rig, "good", "/good")->allow = true;
	rig->conf[1].max_silenced = 20;
	put_hosts(rig, "/l", 100);
	feeds_rig_page(rig, "/good", "198.18.0.0/28\n", "");
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.18.0.99", FEEDS_LISTED);
	feeds_rig_await_verdict(rig, "198.18.0.15", FEEDS_ALLOWED);
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.16", 0), FEEDS_LISTED);
	/* 16 more: fine. What is silenced already does not count again. */
	feeds_rig_page(rig, "/good", "198.18.0.0/27\n", "");
	feeds_refresh(rig->feeds, "good", false);
	feeds_rig_await(rig, FEEDS_LOADED, "good");
	feeds_rig_await_verdict(rig, "198.18.0.31", FEEDS_ALLOWED);
	feeds_rig_page(rig, "/good", "198.18.0.0/26\n", "");
	refused(rig, "good", "newly silence 32 block entries, over the limit of 20");
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.32", 0), FEEDS_LISTED);
	feeds_refresh(rig->feeds, "good", true);
	feeds_rig_await(rig, FEEDS_LOADED, "good");
	feeds_rig_await_verdict(rig, "198.18.0.63", FEEDS_ALLOWED);
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.64", 0), FEEDS_LISTED);
}

/* An allow-list that is there before its block list: "good" is in force, "l" cannot be had yet. */
static void
start_with_allow_first(struct feeds_rig *rig, const char *allowed)
{
	struct instant end = clk_add(clk_now(), FEEDS_RIG_PATIENCE_MS * CLK_MS);

	feeds_rig_web(rig, "l", "/l");
	feeds_rig_web(rig, "good", "/good")->allow = true;
	rig->conf[1].max_silenced = 20;
	feeds_rig_page(rig, "/good", allowed, "\"1\"");
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_LOADED, "good");
	feeds_rig_await_verdict(rig, "198.18.0.1", FEEDS_ALLOWED);
	/* A refresh while it is being fetched is that fetch, which finds nothing yet. */
	while (feeds_rig_info(rig, "l").errors == 0) {
		assert_true(clk_before(clk_now(), end));
		usleep(1000);
	}
	put_hosts(rig, "/l", 100);
	feeds_refresh(rig->feeds, "l", false);
}

/* Both sources said "as before". */
static void
asked_again(struct feeds_rig *rig)
{
	struct instant end = clk_add(clk_now(), FEEDS_RIG_PATIENCE_MS * CLK_MS);

	while (
	    feeds_rig_info(rig, "l").unchanged == 0 || feeds_rig_info(rig, "good").unchanged == 0) {
		assert_true(clk_before(clk_now(), end));
		usleep(1000);
	}
}

static void
an_allow_list_that_came_first_is_judged_when_block_lists_come(void **state)
{
	struct feeds_rig *rig = *state;
	struct feeds_info info;
	char path[160];

	start_with_allow_first(rig, "198.18.0.0/26\n");
	feeds_rig_await(rig, FEEDS_REFUSED, "good");
	assert_non_null(
	    strstr(rig->last.text, "newly silence 64 block entries, over the limit of 20"));
	assert_int_equal(rig->last.version, 0);
	feeds_rig_await_verdict(rig, "198.18.0.1", FEEDS_LISTED);
	info = feeds_rig_info(rig, "good");
	assert_true(info.refused && !info.loaded && info.age_ns == -1);
	assert_int_equal(info.entries4 + info.version, 0);
	assert_non_null(strstr(info.last_error, "refused: the allow-list would newly silence 64"));
	/* Its copy is no way round. */
	snprintf(path, sizeof path, "%s/good.feed", rig->cache);
	assert_int_equal(access(path, F_OK), -1);
	feeds_free(&rig->feeds);
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_REFUSED, "good");
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.1", 0), FEEDS_LISTED);
	/* A word takes it, and it stays taken. */
	feeds_refresh(rig->feeds, "good", true);
	feeds_rig_await_verdict(rig, "198.18.0.1", FEEDS_ALLOWED);
	assert_false(feeds_rig_info(rig, "good").refused);
	feeds_free(&rig->feeds);
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.18.0.1", FEEDS_ALLOWED);
	asked_again(rig);
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.1", 0), FEEDS_ALLOWED);
	assert_int_equal(feeds_rig_info(rig, "good").refusals, 0);
}

/* What it says of hosts that are listed later is what it is there for. */
static void
an_allow_list_that_met_its_block_lists_stays(void **state)
{
	struct feeds_rig *rig = *state;

	start_with_allow_first(rig, "198.18.0.0/28\n198.18.1.0/24\n");
	feeds_rig_await_verdict(rig, "198.18.0.99", FEEDS_LISTED);
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.15", 0), FEEDS_ALLOWED);
	/* 16 of 256 were silenced when they met; now it is all of them. */
	put_hosts(rig, "/l", 600);
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await_verdict(rig, "198.18.2.1", FEEDS_LISTED);
	feeds_rig_web(rig, "more", "/more");
	put_hosts(rig, "/more", 500);
	feeds_rig_reload(rig);
	feeds_rig_await(rig, FEEDS_LOADED, "more");
	feeds_rig_await(rig, FEEDS_PUBLISHED, NULL);
	assert_int_equal(feeds_rig_judge(rig, "198.18.1.77", 0), FEEDS_ALLOWED);
	assert_int_equal(feeds_rig_info(rig, "good").refusals, 0);
	/* Nor does a copy of it from before any block list came get round being judged. */
	feeds_free(&rig->feeds);
	rig->conf[0].name[0] = 'x';
	rig->conf[2].name[0] = 'y';
	feeds_rig_page(rig, "/l", "", "");
	feeds_rig_page(rig, "/more", "", "");
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.18.1.77", FEEDS_ALLOWED);
	put_hosts(rig, "/l", 600);
	feeds_refresh(rig->feeds, "x", false);
	feeds_rig_await(rig, FEEDS_REFUSED, "good");
	feeds_rig_await_verdict(rig, "198.18.1.77", FEEDS_LISTED);
}

static void
a_block_list_that_becomes_an_allow_list_is_judged_as_one(void **state)
{
	struct feeds_rig *rig = *state;

	feeds_rig_web(rig, "l", "/l");
	feeds_rig_web(rig, "m", "/m");
	put_hosts(rig, "/l", 300);
	put_hosts(rig, "/m", 300);
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_LOADED, "m");
	feeds_rig_await(rig, FEEDS_PUBLISHED, NULL);
	rig->conf[1].allow = true;
	feeds_rig_reload(rig);
	feeds_rig_await(rig, FEEDS_REFUSED, "m");
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.9", 0), FEEDS_LISTED);
	feeds_free(&rig->feeds);
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_REFUSED, "m");
	feeds_rig_await_verdict(rig, "198.18.0.9", FEEDS_LISTED);
}

static void
a_new_table_is_told_whenever_a_verdict_may_change(void **state)
{
	struct feeds_rig *rig = *state;
	uint32_t version;

	feeds_rig_web(rig, "l", "/l");
	put_hosts(rig, "/l", 10);
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_LOADED, "l");
	feeds_rig_await(rig, FEEDS_PUBLISHED, NULL);
	feeds_rig_await_verdict(rig, "198.18.0.5", FEEDS_LISTED);
	/* Withdrawn from the feed. */
	put_hosts(rig, "/l", 5);
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await(rig, FEEDS_LOADED, "l");
	assert_int_equal(rig->last.removed, 5);
	feeds_rig_await(rig, FEEDS_PUBLISHED, NULL);
	version = rig->last.version;
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.5", 0), FEEDS_NOT_LISTED);
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.4", 0), FEEDS_LISTED);
	/* Allowed by the configuration. */
	assert_int_equal(prefix_parse("198.18.0.4/31", &rig->allow[0], NULL), 0);
	rig->allow_count = 1;
	feeds_rig_reload(rig);
	feeds_rig_await(rig, FEEDS_PUBLISHED, NULL);
	assert_true(rig->last.version > version);
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.4", 0), FEEDS_ALLOWED);
	/* The feed itself is taken away. */
	rig->count = 0;
	feeds_rig_reload(rig);
	feeds_rig_await_verdict(rig, "198.18.0.3", FEEDS_NOT_LISTED);
}

static void
bodies_that_are_no_list_change_nothing(void **state)
{
	static const struct {
		const char *body, *says;
	} cases[] = {
	    {"<!DOCTYPE html>\n<html>198.51.100.1</html>", "HTML"},
	    {"\n\n  <HTML><body>\n198.51.100.1\n", "HTML"},
	    {"Error\n<!doctype HTML>\n198.51.100.1\n", "HTML"},
	    {"<?xml version='1.0'?>", "HTML or XML"},
	    {"too many requests\n", "no usable line as plain; line 1: too many requests"},
	    {"{\"error\": \"no such list\"}", "JSON without a list"},
	    {"{\"list\": [\"198.51", "line 1"},
	};
	struct feeds_rig *rig = *state;

	feeds_rig_web(rig, "l", "/l");
	put_hosts(rig, "/l", 10);
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.18.0.9", FEEDS_LISTED);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		feeds_rig_page(rig, "/l", cases[i].body, "");
		feeds_refresh(rig->feeds, "l", false);
		feeds_rig_await(rig, FEEDS_FAILED, "l");
		if (!strstr(rig->last.text, cases[i].says))
			fail_msg("\"%s\" does not say \"%s\"", rig->last.text, cases[i].says);
		assert_string_equal(feeds_rig_info(rig, "l").last_error, rig->last.text);
		assert_int_equal(feeds_rig_info(rig, "l").failures, i + 1);
	}
	web_put(rig->web, "/l", 200, WEB_PLAIN, "198.51.100.1\n\0\1\2", 16, "", "");
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await(rig, FEEDS_FAILED, "l");
	assert_non_null(strstr(rig->last.text, "not a text: a zero byte at offset 13"));
	assert_int_equal(feeds_rig_judge(rig, "198.18.0.9", 0), FEEDS_LISTED);
	assert_int_equal(feeds_rig_judge(rig, "198.51.100.1", 0), FEEDS_NOT_LISTED);
	assert_int_equal(feeds_rig_info(rig, "l").version, 1);
}

static void
packed_files_are_read(void **state)
{
	struct feeds_rig *rig = *state;
	char path[160];
	gzFile packed;

	feeds_rig_file(rig, "l", "l.gz");
	snprintf(path, sizeof path, "%s/l.gz", rig->folder);
	packed = gzopen(path, "w");
	assert_true(gzputs(packed, "198.51.100.9\n2001:db8::/32\n") > 0);
	assert_int_equal(gzclose(packed), Z_OK);
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.51.100.9", FEEDS_LISTED);
	assert_int_equal(feeds_rig_judge(rig, "2001:db8::1", 0), FEEDS_LISTED);
	/* The copy that was kept is read again, damaged it is not, and that is said. */
	feeds_free(&rig->feeds);
	feeds_rig_put(rig, "cache/l.feed", "finderscope-feed 2\nurl x\n\nrubbish");
	feeds_rig_put(rig, "l.gz", "\x1f\x8b\x08 cut");
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_FAILED, "l");
	assert_true(rig->last.from_cache);
	assert_non_null(strstr(rig->last.text, "l.feed is cut short or no feed copy"));
	feeds_rig_await(rig, FEEDS_FAILED, "l");
	assert_non_null(strstr(rig->last.text, "the gzip body is "));
}

/* The list is in force all the same, it is said as long as it is so, and kept once it can be. */
static void
a_copy_that_cannot_be_kept(void **state)
{
	struct feeds_rig *rig = *state;
	char path[160];

	feeds_rig_web(rig, "l", "/l");
	feeds_rig_page(rig, "/l", "198.51.100.9\n", "\"1\"");
	/* A file where the folder should be, which keeps root out as well. */
	feeds_rig_put(rig, "cache", "");
	feeds_rig_start(rig);
	feeds_rig_await(rig, FEEDS_LOADED, "l");
	feeds_rig_await_verdict(rig, "198.51.100.9", FEEDS_LISTED);
	assert_non_null(strstr(feeds_rig_info(rig, "l").unkept, "/cache: Not a directory"));
	assert_int_equal(feeds_rig_info(rig, "l").failures, 0);
	assert_int_equal(unlink(rig->cache), 0);
	assert_int_equal(mkdir(rig->cache, 0755), 0);
	/* The source would say "not modified": the whole is asked for. */
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await(rig, FEEDS_LOADED, "l");
	assert_string_equal(feeds_rig_info(rig, "l").unkept, "");
	snprintf(path, sizeof path, "%s/l.feed", rig->cache);
	assert_int_equal(access(path, F_OK), 0);
	feeds_refresh(rig->feeds, "l", false);
	feeds_rig_await(rig, FEEDS_UNCHANGED, "l");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, feeds_rig_setup, feeds_rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(a_list_that_went_mad_waits_for_a_word),
	    WITH(short_prefixes_and_what_never_matches_are_left_out),
	    WITH(an_allow_list_that_silences_much_waits_for_a_word),
	    WITH(an_allow_list_that_came_first_is_judged_when_block_lists_come),
	    WITH(an_allow_list_that_met_its_block_lists_stays),
	    WITH(a_block_list_that_becomes_an_allow_list_is_judged_as_one),
	    WITH(a_new_table_is_told_whenever_a_verdict_may_change),
	    WITH(bodies_that_are_no_list_change_nothing),
	    WITH(packed_files_are_read),
	    WITH(a_copy_that_cannot_be_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
