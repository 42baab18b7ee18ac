/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another configuration while at work: read and checked whole, then swapped room by room. */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "controller/engine/engine_part.h"

static bool
same_listens(const struct receiver_conf *a, const struct receiver_conf *b)
{
	if (a->listen_count != b->listen_count || a->threads != b->threads ||
	    a->socket_buffer != b->socket_buffer || a->allow_count != b->allow_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++)
		if (!addr_equal(&a->listens[i].addr, &b->listens[i].addr) ||
		    a->listens[i].port != b->listens[i].port)
			return false;
	for (size_t i = 0; i < a->allow_count; i++)
		if (!prefix_equal(&a->allow[i], &b->allow[i]))
			return false;
	return true;
}

/* Sockets and threads stay as they were opened; whoever changed them is told. */
static void
what_needs_restart(const struct settings *a, const struct settings *b, char note[CTL_TEXT_MAX])
{
	const struct {
		const char *name;
		bool same;
	} parts[] = {
	    {"listen, threads, socket_buffer, accept_from",
		same_listens(&a->receiver, &b->receiver)},
	    {"control", strcmp(a->agents.url, b->agents.url) == 0},
	    {"key", memcmp(&a->agents.keys, &b->agents.keys, sizeof a->agents.keys) == 0},
	    {"socket", strcmp(a->serve.path, b->serve.path) == 0 &&
			   strcmp(a->serve.path_ro, b->serve.path_ro) == 0},
	    {"state", strcmp(a->state_dir, b->state_dir) == 0},
	    {"history_age, history_size",
		a->history_ns == b->history_ns && a->history_bytes == b->history_bytes},
	};
	size_t used = 0;

	note[0] = '\0';
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (!parts[i].same && used < CTL_TEXT_MAX)
			used += (size_t)snprintf(note + used, CTL_TEXT_MAX - used, "%s%s",
			    used > 0 ? "; " : "only a restart takes: ", parts[i].name);
}

int
engine_reload(
    struct engine *engine, struct instant now, char error[CONF_ERROR_MAX], char note[CTL_TEXT_MAX])
{
	struct settings *fresh, *old = engine->settings;
	int r = settings_load(engine->path, true, &fresh, error);

	note[0] = '\0';
	if (r < 0)
		return r;
	what_needs_restart(old, fresh, note);
	engine->settings = fresh;
	r = engine_refit(engine, engine->fleet.accepted, engine->fleet.accepted_count, now);
	if (r == 0)
		r = feeds_reload(engine->feeds, &fresh->feeds);
	if (r < 0) {
		/* Out of memory and nothing else: the old one goes on as far as it can. */
		engine->settings = old;
		(void)engine_refit(
		    engine, engine->fleet.accepted, engine->fleet.accepted_count, now);
		snprintf(error, CONF_ERROR_MAX, "no memory for another configuration");
		settings_free(&fresh);
		return r;
	}
	settings_free(&old);
	journal_reopen(engine->journal, fresh->event_file != NULL ? fresh->event_file : "");
	log_init("controller", engine->debug ? LOG_LEVEL_DEBUG : fresh->log_level);
	return 0;
}
