/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/feeds_rig.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"

int
feeds_rig_setup(void **state)
{
	struct feeds_rig *rig = calloc(1, sizeof *rig);

	assert_non_null(rig);
	snprintf(rig->folder, sizeof rig->folder, "/tmp/finderscope-feeds.XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	memcpy(rig->cache, rig->folder, sizeof rig->folder);
	memcpy(rig->cache + strlen(rig->cache), "/cache", 7);
	rig->web = web_new();
	assert_int_equal(slot_new(&rig->slot), 0);
	*state = rig;
	return 0;
}

int
feeds_rig_teardown(void **state)
{
	struct feeds_rig *rig = *state;
	char command[128];

	feeds_free(&rig->feeds);
	slot_free(&rig->slot);
	web_free(&rig->web);
	snprintf(command, sizeof command, "rm -rf %s", rig->folder);
	assert_int_equal(system(command), 0);
	free(rig);
	return 0;
}

static struct feed_conf *
add(struct feeds_rig *rig, const char *name)
{
	struct feed_conf *conf = &rig->conf[rig->count++];

	assert_true(rig->count <= sizeof rig->conf / sizeof *rig->conf);
	snprintf(conf->name, sizeof conf->name, "%s", name);
	conf->interval_ns = 3600 * CLK_S;
	conf->floor_ns = 1;
	conf->timeout_ns = 5 * CLK_S;
	return conf;
}

struct feed_conf *
feeds_rig_web(struct feeds_rig *rig, const char *name, const char *path)
{
	struct feed_conf *conf = add(rig, name);

	web_url(rig->web, path, conf->url, sizeof conf->url);
	return conf;
}

struct feed_conf *
feeds_rig_file(struct feeds_rig *rig, const char *name, const char *path)
{
	struct feed_conf *conf = add(rig, name);

	snprintf(conf->url, sizeof conf->url, "file://%s/%s", rig->folder, path);
	return conf;
}

struct feeds_conf
feeds_rig_conf(const struct feeds_rig *rig)
{
	return (struct feeds_conf){
	    .feeds = rig->conf,
	    .feed_count = rig->count,
	    .allow = rig->allow,
	    .allow_count = rig->allow_count,
	    .locals = rig->locals,
	    .local_count = rig->local_count,
	    .cache_dir = rig->cache,
	};
}

void
feeds_rig_start(struct feeds_rig *rig)
{
	struct feeds_conf conf = feeds_rig_conf(rig);

	assert_int_equal(feeds_new(&conf, rig->slot, &rig->feeds), 0);
	assert_int_equal(feeds_start(rig->feeds), 0);
}

void
feeds_rig_reload(struct feeds_rig *rig)
{
	struct feeds_conf conf = feeds_rig_conf(rig);

	assert_int_equal(feeds_reload(rig->feeds, &conf), 0);
}

void
feeds_rig_write(const struct feeds_rig *rig, const char *name, const void *text, size_t size)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", rig->folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

void
feeds_rig_put(const struct feeds_rig *rig, const char *name, const char *text)
{
	feeds_rig_write(rig, name, text, strlen(text));
}

void
feeds_rig_page(const struct feeds_rig *rig, const char *path, const char *text, const char *etag)
{
	web_put(rig->web, path, 200, WEB_PLAIN, text, strlen(text), etag, "");
}

char *
feeds_rig_hosts(size_t count)
{
	char *text = malloc(count * 16 + 1), *p = text;

	assert_non_null(text);
	*p = '\0';
	for (size_t i = 0; i < count; i++) {
		uint32_t a = 0xc6120000 + (uint32_t)i;

		p += sprintf(p, "%u.%u.%u.%u\n", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	}
	return text;
}

void
feeds_rig_await(struct feeds_rig *rig, enum feeds_event_kind kind, const char *feed)
{
	struct instant end = clk_add(clk_now(), FEEDS_RIG_PATIENCE_MS * CLK_MS);
	struct feeds_event event;

	while (clk_before(clk_now(), end)) {
		struct pollfd poll_fd = {.fd = feeds_fd(rig->feeds), .events = POLLIN};

		while (feeds_next_event(rig->feeds, &event, NULL))
			if (event.kind == kind && (!feed || strcmp(event.feed, feed) == 0)) {
				rig->last = event;
				return;
			} else
				print_message(
				    "# event %d of %s: %s\n", event.kind, event.feed, event.text);
		poll(&poll_fd, 1, 100);
	}
	fail_msg("no event %d of %s", kind, feed ? feed : "any feed");
}

enum feeds_verdict
feeds_rig_judge(const struct feeds_rig *rig, const char *text, uint16_t port)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return feeds_judge(rig->feeds, &addr, port);
}

void
feeds_rig_await_verdict(const struct feeds_rig *rig, const char *text, enum feeds_verdict verdict)
{
	struct instant end = clk_add(clk_now(), FEEDS_RIG_PATIENCE_MS * CLK_MS);

	while (feeds_rig_judge(rig, text, 0) != verdict && clk_before(clk_now(), end))
		usleep(2000);
	assert_int_equal(feeds_rig_judge(rig, text, 0), verdict);
}

struct feeds_info
feeds_rig_info(const struct feeds_rig *rig, const char *name)
{
	struct feeds_info rows[8];
	size_t count = feeds_info(rig->feeds, rows, 8);

	for (size_t i = 0; i < count && i < 8; i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i];
	fail_msg("no feed %s", name);
	return rows[0];
}
