/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The controller's configuration file, read into what each room wants of it. Owns all that the
 * conf structs point at. Read into a new object, checked whole, then swapped in by the caller.
 */
#ifndef CONTROLLER_SETTINGS_SETTINGS_H
#define CONTROLLER_SETTINGS_SETTINGS_H

#include "common/base/conf.h"
#include "common/base/log.h"
#include "controller/agents/agents.h"
#include "controller/decide/policy.h"
#include "controller/feeds/feeds.h"
#include "controller/receive/receiver.h"
#include "controller/serve/serve.h"

struct settings {
	struct receiver_conf receiver;
	struct feeds_conf feeds;
	struct policy_conf policy;
	struct agents_conf agents; /* keys and switches; see settings_load's `keys` */
	struct serve_conf serve;
	const char *key_file;
	const char *state_dir;
	int64_t history_ns;     /* how long events, ended captures, sightings are kept there */
	uint64_t history_bytes; /* of events */
	const char *event_file; /* "" is none */
	enum log_level log_level;
	struct conf *conf; /* the tree; texts above live in it */
};

#define SETTINGS_PATH "/etc/finderscope/controller.conf"

/*
 * Reads and checks. `keys`: reads the key file as well (not wanted by -n and replay). 0 and the
 * caller's to free, or a negative errno and one line "file:line: …" in `error`.
 */
int settings_load(
    const char *path, bool keys, struct settings **ret_settings, char error[CONF_ERROR_MAX]);

/* The same from text; `name` stands for the file in errors. */
int settings_parse(
    const char *name, const char *text, struct settings **ret_settings, char error[CONF_ERROR_MAX]);
void settings_free(struct settings **settings);

/* Everything as it was understood, in the form that settings_load reads. */
void settings_print(
    const struct settings *settings, void (*write)(void *user, const char *text), void *user);

#endif
