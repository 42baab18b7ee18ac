/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The feed thread on real files and a real web server: what is good comes into force, what is not
 * changes nothing. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "controller/feeds/feeds.h"
#include "tests/support/web.h"

#define PATIENCE_MS 20000

struct fixture {
	char folder[64], cache[96];
	struct web *web;
	struct slot *slot;
	struct feeds *feeds;
	struct feed_conf conf[8];
	size_t count;
	struct prefix allow[4], locals[4];
	size_t allow_count, local_count;
	struct feeds_event last; /* the last that was waited for */
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	snprintf(f->folder, sizeof f->folder, "/tmp/finderscope-feeds.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	memcpy(f->cache, f->folder, sizeof f->folder);
	memcpy(f->cache + strlen(f->cache), "/cache", 7);
	f->web = web_new();
	assert_int_equal(slot_new(&f->slot), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	feeds_free(&f->feeds);
	slot_free(&f->slot);
	web_free(&f->web);
	snprintf(command, sizeof command, "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static struct feed_conf *
add(struct fixture *f, const char *name, const char *path, bool web)
{
	struct feed_conf *conf = &f->conf[f->count++];
	char folder[sizeof f->folder];

	memcpy(folder, f->folder, sizeof folder);
	snprintf(conf->name, sizeof conf->name, "%s", name);
	if (web)
		web_url(f->web, path, conf->url, sizeof conf->url);
	else
		snprintf(conf->url, sizeof conf->url, "file://%s/%s", folder, path);
	conf->interval_ns = 3600 * CLK_S;
	conf->floor_ns = 1;
	conf->timeout_ns = 5 * CLK_S;
	return conf;
}

static struct feeds_conf
whole(const struct fixture *f)
{
	return (struct feeds_conf){
	    .feeds = f->conf,
	    .feed_count = f->count,
	    .allow = f->allow,
	    .allow_count = f->allow_count,
	    .locals = f->locals,
	    .local_count = f->local_count,
	    .cache_dir = f->cache,
	};
}

static void
start(struct fixture *f)
{
	struct feeds_conf conf = whole(f);

	assert_int_equal(feeds_new(&conf, f->slot, &f->feeds), 0);
	assert_int_equal(feeds_start(f->feeds), 0);
}

static void
put_file(const struct fixture *f, const char *name, const char *text)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", f->folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

/* Takes events until one of that kind, of that feed (NULL: any). */
static void
await(struct fixture *f, enum feeds_event_kind kind, const char *feed)
{
	struct instant end = clk_add(clk_now(), PATIENCE_MS * CLK_MS);
	struct feeds_event event;

	while (clk_before(clk_now(), end)) {
		struct pollfd poll_fd = {.fd = feeds_fd(f->feeds), .events = POLLIN};

		while (feeds_next_event(f->feeds, &event, NULL))
			if (event.kind == kind && (!feed || strcmp(event.feed, feed) == 0)) {
				f->last = event;
				return;
			} else
				print_message(
				    "# event %d of %s: %s\n", event.kind, event.feed, event.text);
		poll(&poll_fd, 1, 100);
	}
	fail_msg("no event %d of %s", kind, feed ? feed : "any feed");
}

static enum feeds_verdict
judge(const struct fixture *f, const char *text, uint16_t port)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return feeds_judge(f->feeds, &addr, port);
}

/* Publications that come close together are told as one: the state is what is waited for. */
static void
await_verdict(const struct fixture *f, const char *text, enum feeds_verdict verdict)
{
	struct instant end = clk_add(clk_now(), PATIENCE_MS * CLK_MS);

	while (judge(f, text, 0) != verdict && clk_before(clk_now(), end))
		usleep(2000);
	assert_int_equal(judge(f, text, 0), verdict);
}

static void
put(const struct fixture *f, const char *path, const char *text, const char *etag)
{
	web_put(f->web, path, 200, WEB_PLAIN, text, strlen(text), etag, "");
}

static void
file_and_web_come_into_force(void **state)
{
	struct fixture *f = *state;
	char request[4096];

	add(f, "mine", "list.txt", false);
	add(f, "theirs", "/list.txt", true);
	put_file(f, "list.txt", "# own\n198.51.100.9\n2001:db8:9::/48\n");
	put(f, "/list.txt", "203.0.113.0/24 # bad people\r\n", "\"one\"");
	prefix_parse("203.0.113.7", &f->allow[0], NULL);
	f->allow_count = 1;
	prefix_parse("10.0.0.0/8", &f->locals[0], NULL);
	f->local_count = 1;
	start(f);
	await(f, FEEDS_LOADED, "theirs");
	assert_int_equal(f->last.entries4, 1);
	await_verdict(f, "203.0.113.8", FEEDS_LISTED);
	assert_int_equal(judge(f, "198.51.100.9", 443), FEEDS_LISTED);
	assert_int_equal(judge(f, "198.51.100.8", 443), FEEDS_NOT_LISTED);
	assert_int_equal(judge(f, "2001:db8:9::1", 0), FEEDS_LISTED);
	assert_int_equal(judge(f, "203.0.113.8", 0), FEEDS_LISTED);
	assert_int_equal(judge(f, "203.0.113.7", 0), FEEDS_ALLOWED);
	assert_int_equal(judge(f, "10.1.2.3", 0), FEEDS_NEVER);
	assert_int_equal(judge(f, "127.0.0.1", 0), FEEDS_NEVER);
	assert_int_not_equal(table_find4(slot_read(f->slot)->table, 0xcb007108), 0);
	assert_int_not_equal(table_find4(slot_read(f->slot)->locals, 0x0a010203), 0);
	assert_int_equal(web_asked(f->web, "/list.txt", request), 1);
	assert_non_null(strstr(request, "User-Agent: finderscope/"));

	/* Asked again: as before. Then another version. */
	assert_int_equal(feeds_refresh(f->feeds, "theirs", false), 0);
	await(f, FEEDS_UNCHANGED, "theirs");
	web_asked(f->web, "/list.txt", request);
	assert_non_null(strstr(request, "If-None-Match: \"one\""));
	put(f, "/list.txt", "203.0.113.0/25\n", "\"two\"");
	assert_int_equal(feeds_refresh(f->feeds, NULL, false), 0);
	await(f, FEEDS_LOADED, "theirs");
	assert_int_equal(f->last.version, 2);
	assert_int_equal(f->last.added, 1);
	assert_int_equal(f->last.removed, 1);
	await_verdict(f, "203.0.113.200", FEEDS_NOT_LISTED);
	assert_int_equal(feeds_refresh(f->feeds, "nobody", false), -ENOENT);
}

static void
a_changed_file_is_read_again(void **state)
{
	struct fixture *f = *state;
	char from[160], to[160];

	add(f, "mine", "list.txt", false);
	put_file(f, "list.txt", "198.51.100.9\n");
	start(f);
	await_verdict(f, "198.51.100.9", FEEDS_LISTED);
	put_file(f, "list.txt", "198.51.100.10\n");
	await_verdict(f, "198.51.100.10", FEEDS_LISTED);
	assert_int_equal(judge(f, "198.51.100.9", 0), FEEDS_NOT_LISTED);
	/* As careful writers do it. */
	put_file(f, "list.new", "198.51.100.11\n");
	snprintf(from, sizeof from, "%s/list.new", f->folder);
	snprintf(to, sizeof to, "%s/list.txt", f->folder);
	assert_int_equal(rename(from, to), 0);
	await_verdict(f, "198.51.100.11", FEEDS_LISTED);
	assert_int_equal(unlink(to), 0);
	assert_int_equal(feeds_refresh(f->feeds, "mine", false), 0);
	await(f, FEEDS_FAILED, "mine");
	assert_int_equal(judge(f, "198.51.100.11", 0), FEEDS_LISTED);
}

static void
the_last_good_copy_comes_first(void **state)
{
	struct fixture *f = *state;
	struct feeds_info info;

	add(f, "theirs", "/list.txt", true);
	put(f, "/list.txt", "203.0.113.9\n", "\"one\"");
	start(f);
	await(f, FEEDS_LOADED, "theirs");
	feeds_free(&f->feeds);
	put(f, "/list.txt", "gone", "");
	web_put(f->web, "/list.txt", 500, WEB_PLAIN, "no", 2, "", "");
	start(f);
	await(f, FEEDS_LOADED, "theirs");
	assert_true(f->last.from_cache);
	await(f, FEEDS_FAILED, "theirs");
	assert_string_equal(f->last.text, "HTTP 500");
	assert_int_equal(judge(f, "203.0.113.9", 0), FEEDS_LISTED);
	assert_int_equal(feeds_info(f->feeds, &info, 1), 1);
	assert_true(info.from_cache);
	assert_int_equal(info.failures, 1);
	assert_string_equal(info.last_error, "HTTP 500");
	assert_true(info.next_ns > 30 * CLK_S);
	assert_true(info.age_ns >= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(file_and_web_come_into_force, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_changed_file_is_read_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_last_good_copy_comes_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
