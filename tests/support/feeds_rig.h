/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds with all that is real around them: a folder of files, a web server, a slot, the thread. */
#ifndef TESTS_SUPPORT_FEEDS_RIG_H
#define TESTS_SUPPORT_FEEDS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/feeds/feeds.h"
#include "tests/support/web.h"

#define FEEDS_RIG_PATIENCE_MS 60000

struct feeds_rig {
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

/* For cmocka_unit_test_setup_teardown: *state is a struct feeds_rig. */
int feeds_rig_setup(void **state);
int feeds_rig_teardown(void **state);

/* A feed from the web server's `path`, or from a file of the folder: hourly, no floor, 5 s. */
struct feed_conf *feeds_rig_web(struct feeds_rig *rig, const char *name, const char *path);
struct feed_conf *feeds_rig_file(struct feeds_rig *rig, const char *name, const char *path);

/* What feeds_new takes, and feeds_reload. */
struct feeds_conf feeds_rig_conf(const struct feeds_rig *rig);
void feeds_rig_start(struct feeds_rig *rig);
void feeds_rig_reload(struct feeds_rig *rig);

/* Writes a file of the folder, or a good page. */
void feeds_rig_write(const struct feeds_rig *rig, const char *name, const void *text, size_t size);
void feeds_rig_put(const struct feeds_rig *rig, const char *name, const char *text);
void feeds_rig_page(
    const struct feeds_rig *rig, const char *path, const char *text, const char *etag);

/* `count` hosts as lines of text, from 198.18.0.0 on, free() it. */
char *feeds_rig_hosts(size_t count);

/* Takes events until one of that kind, of that feed (NULL: any); it is in rig->last. */
void feeds_rig_await(struct feeds_rig *rig, enum feeds_event_kind kind, const char *feed);

enum feeds_verdict feeds_rig_judge(const struct feeds_rig *rig, const char *text, uint16_t port);
/* Publications that come close together are told as one: the state is what is waited for. */
void feeds_rig_await_verdict(
    const struct feeds_rig *rig, const char *text, enum feeds_verdict verdict);

/* The row of one feed. */
struct feeds_info feeds_rig_info(const struct feeds_rig *rig, const char *name);

#endif
