/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows to columns and back; see store_db.h. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/store/store_db_part.h"

static void
bind_text(sqlite3_stmt *statement, int column, const char *text)
{
	sqlite3_bind_text(statement, column, text, -1, SQLITE_TRANSIENT);
}

static void
bind_addr(sqlite3_stmt *statement, int column, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	bind_text(statement, column, addr_format(addr, text));
}

static int
put_capture(struct store_db *db, const struct store_row *row)
{
	const struct store_row_capture *body = store_row_capture(row);
	const struct decide_capture *capture = &body->capture;
	sqlite3_stmt *statement = db->statements[DB_CAPTURE_PUT];
	char *text = capture_json_write(capture, &body->names, &row->at);
	int64_t over = 0;
	int r;

	if (text == NULL)
		return -ENOMEM;
	if (life_is_over(capture->state)) {
		over = walltime_from_instant(&row->at, capture->over);
		if (over == 0)
			over = row->at.wall_ns;
	}
	sqlite3_bind_int64(statement, 1, (int64_t)capture->id);
	sqlite3_bind_int(statement, 2, (int)capture->state);
	sqlite3_bind_int64(statement, 3, over);
	sqlite3_bind_text(statement, 4, text, -1, free);
	r = store_db_step(db, DB_CAPTURE_PUT);
	sqlite3_clear_bindings(statement);
	if (r == 0)
		store_db_used_id(db, capture->id + 1);
	return r;
}

static int
put_cooldown(struct store_db *db, const struct store_row *row)
{
	const struct store_cooldown *cooldown = store_row_cooldown(row);
	sqlite3_stmt *statement = db->statements[DB_COOLDOWN_PUT];

	bind_addr(statement, 1, &cooldown->local);
	bind_addr(statement, 2, &cooldown->remote);
	sqlite3_bind_int64(statement, 3, cooldown->vni);
	sqlite3_bind_int64(statement, 4, cooldown->returns);
	sqlite3_bind_int64(statement, 5, walltime_from_instant(&row->at, cooldown->ended));
	sqlite3_bind_int64(statement, 6, row->at.wall_ns);
	sqlite3_bind_int64(statement, 7, row->at.now.ns);
	sqlite3_bind_blob(statement, 8, row->at.boot, sizeof row->at.boot, SQLITE_TRANSIENT);
	return store_db_step(db, DB_COOLDOWN_PUT);
}

static int
put_flag(struct store_db *db, const struct store_flag *flag)
{
	sqlite3_stmt *statement = db->statements[DB_FLAG_PUT];

	sqlite3_bind_int(statement, 1, (int)flag->kind);
	bind_text(statement, 2, flag->name);
	sqlite3_bind_int(statement, 3, flag->on);
	bind_text(statement, 4, flag->who);
	bind_text(statement, 5, flag->why);
	sqlite3_bind_int64(statement, 6, flag->wall_ns);
	return store_db_step(db, DB_FLAG_PUT);
}

static int
put_agent(struct store_db *db, const struct store_row_agent *row)
{
	const struct store_agent *agent = &row->agent;
	sqlite3_stmt *statement = db->statements[row->forget ? DB_AGENT_FORGET : DB_AGENT_PUT];
	char addrs[STORE_ADDRS_MAX * (ADDR_TEXT_MAX + 1)] = "";
	size_t n = 0;

	bind_text(statement, 1, agent->name);
	if (row->forget)
		return store_db_step(db, DB_AGENT_FORGET);
	for (size_t i = 0; i < agent->addr_count && i < STORE_ADDRS_MAX; i++) {
		char text[ADDR_TEXT_MAX];

		n += (size_t)snprintf(addrs + n, sizeof addrs - n, "%s%s", i > 0 ? " " : "",
		    addr_format(&agent->addrs[i], text));
	}
	sqlite3_bind_blob(statement, 2, agent->key, sizeof agent->key, SQLITE_TRANSIENT);
	bind_text(statement, 3, addrs);
	bind_text(statement, 4, agent->who);
	sqlite3_bind_int64(statement, 5, agent->wall_ns);
	return store_db_step(db, DB_AGENT_PUT);
}

static int
put_event(struct store_db *db, const struct store_row_event *event)
{
	sqlite3_stmt *statement = db->statements[DB_EVENT_PUT];
	int r;

	sqlite3_bind_int64(statement, 1, event->wall_ns);
	sqlite3_bind_int64(statement, 2, (int64_t)event->capture);
	sqlite3_bind_int64(statement, 3, (int64_t)event->length);
	sqlite3_bind_text(statement, 4, event->json, (int)event->length, SQLITE_TRANSIENT);
	r = store_db_step(db, DB_EVENT_PUT);
	if (r == 0) {
		db->events++;
		db->events_bytes += event->length;
	}
	return r;
}

static int
put_sighting(struct store_db *db, const struct store_sighting *sighting)
{
	sqlite3_stmt *statement = db->statements[DB_SIGHTING_PUT];
	char text[PREFIX_TEXT_MAX];

	bind_addr(statement, 1, &sighting->local);
	bind_addr(statement, 2, &sighting->remote);
	sqlite3_bind_int64(statement, 3, sighting->vni);
	bind_text(statement, 4, prefix_format(&sighting->prefix, text));
	bind_text(statement, 5, sighting->feed);
	sqlite3_bind_int64(statement, 6, (int64_t)sighting->inbound);
	sqlite3_bind_int64(statement, 7, (int64_t)sighting->outbound);
	sqlite3_bind_int64(statement, 8, (int64_t)sighting->packets);
	sqlite3_bind_int64(statement, 9, (int64_t)sighting->bytes);
	sqlite3_bind_int64(statement, 10, sighting->first_ns);
	sqlite3_bind_int64(statement, 11, sighting->last_ns);
	return store_db_step(db, DB_SIGHTING_PUT);
}

int
store_db_put_row(struct store_db *db, const struct store_row *row)
{
	switch (row->kind) {
	case STORE_FLAG:
		return put_flag(db, store_row_flag(row));
	case STORE_AGENT:
		return put_agent(db, store_row_agent(row));
	case STORE_CAPTURE:
		return put_capture(db, row);
	case STORE_COOLDOWN:
		return put_cooldown(db, row);
	case STORE_EVENT:
		return put_event(db, store_row_event(row));
	case STORE_SIGHTING:
		return put_sighting(db, store_row_sighting(row));
	case STORE_KINDS:
		break;
	}
	return -EINVAL;
}

/* Reading. A column may hold anything: somebody may have written into the file. */

struct loader {
	struct store_db *db;
	const struct walltime *now;
	const struct store_reader *reader;
	void *user;
	uint64_t unreadable;
};

/* Never NULL. */
static const char *
column_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return text != NULL ? (const char *)text : "";
}

static bool
column_copy(sqlite3_stmt *statement, int column, char *text, size_t size)
{
	return (size_t)snprintf(text, size, "%s", column_text(statement, column)) < size;
}

static bool
column_addr(sqlite3_stmt *statement, int column, struct addr *addr)
{
	return addr_parse(column_text(statement, column), addr) == 0;
}

static bool
column_blob(sqlite3_stmt *statement, int column, void *bytes, size_t size)
{
	const void *blob = sqlite3_column_blob(statement, column);

	if (blob == NULL || (size_t)sqlite3_column_bytes(statement, column) != size)
		return false;
	memcpy(bytes, blob, size);
	return true;
}

static bool
load_capture(struct loader *loader, sqlite3_stmt *statement)
{
	struct decide_capture *capture = malloc(sizeof *capture);
	struct capture_json_names *names = malloc(sizeof *names);
	const char *wrong;
	bool good = capture != NULL && names != NULL &&
		    capture_json_read(
			column_text(statement, 1), loader->now, capture, names, &wrong) == 0 &&
		    capture->id == (uint64_t)sqlite3_column_int64(statement, 0);

	if (good)
		loader->reader->capture(
		    loader->user, capture, (const char(*)[POLICY_NAME_MAX])names->names);
	free(capture);
	free(names);
	return good;
}

static bool
load_cooldown(struct loader *loader, sqlite3_stmt *statement)
{
	struct store_cooldown cooldown = {0};
	struct walltime saved = {0};

	if (!column_addr(statement, 0, &cooldown.local) ||
	    !column_addr(statement, 1, &cooldown.remote) ||
	    !column_blob(statement, 7, saved.boot, sizeof saved.boot))
		return false;
	cooldown.vni = (uint32_t)sqlite3_column_int64(statement, 2);
	cooldown.returns = (unsigned)sqlite3_column_int64(statement, 3);
	saved.wall_ns = sqlite3_column_int64(statement, 5);
	saved.now.ns = sqlite3_column_int64(statement, 6);
	cooldown.ended =
	    walltime_to_instant(&saved, loader->now, sqlite3_column_int64(statement, 4));
	loader->reader->cooldown(loader->user, &cooldown);
	return true;
}

static bool
load_flag(struct loader *loader, sqlite3_stmt *statement)
{
	struct store_flag flag = {.on = true};

	flag.kind = (enum store_flag_kind)sqlite3_column_int(statement, 0);
	if ((flag.kind != STORE_FROZEN && flag.kind != STORE_RELEASED) ||
	    !column_copy(statement, 1, flag.name, sizeof flag.name))
		return false;
	(void)column_copy(statement, 2, flag.who, sizeof flag.who);
	(void)column_copy(statement, 3, flag.why, sizeof flag.why);
	flag.wall_ns = sqlite3_column_int64(statement, 4);
	loader->reader->flag(loader->user, &flag);
	return true;
}

static bool
load_agent(struct loader *loader, sqlite3_stmt *statement)
{
	char addrs[STORE_ADDRS_MAX * (ADDR_TEXT_MAX + 1)], *rest = addrs, *word;
	struct store_agent agent = {0};

	if (!column_copy(statement, 0, agent.name, sizeof agent.name) || agent.name[0] == '\0' ||
	    !column_blob(statement, 1, agent.key, sizeof agent.key) ||
	    !column_copy(statement, 2, addrs, sizeof addrs))
		return false;
	while ((word = strsep(&rest, " ")) != NULL && agent.addr_count < STORE_ADDRS_MAX) {
		if (*word == '\0')
			continue;
		if (addr_parse(word, &agent.addrs[agent.addr_count++]) < 0)
			return false;
	}
	(void)column_copy(statement, 3, agent.who, sizeof agent.who);
	agent.wall_ns = sqlite3_column_int64(statement, 4);
	loader->reader->agent(loader->user, &agent);
	return true;
}

static bool
load_event(struct loader *loader, sqlite3_stmt *statement)
{
	const char *text = column_text(statement, 1);

	if (text[0] != '{')
		return false;
	loader->reader->event(loader->user, text);
	return true;
}

static bool
load_sighting(struct loader *loader, sqlite3_stmt *statement)
{
	struct store_sighting sighting = {0};

	if (!column_addr(statement, 0, &sighting.local) ||
	    !column_addr(statement, 1, &sighting.remote) ||
	    prefix_parse(column_text(statement, 3), &sighting.prefix, NULL) < 0 ||
	    !column_copy(statement, 4, sighting.feed, sizeof sighting.feed))
		return false;
	sighting.vni = (uint32_t)sqlite3_column_int64(statement, 2);
	sighting.inbound = (uint64_t)sqlite3_column_int64(statement, 5);
	sighting.outbound = (uint64_t)sqlite3_column_int64(statement, 6);
	sighting.packets = (uint64_t)sqlite3_column_int64(statement, 7);
	sighting.bytes = (uint64_t)sqlite3_column_int64(statement, 8);
	sighting.first_ns = sqlite3_column_int64(statement, 9);
	sighting.last_ns = sqlite3_column_int64(statement, 10);
	loader->reader->sighting(loader->user, &sighting);
	return true;
}

static int
load_all(struct loader *loader, enum store_db_statement which,
    bool (*load)(struct loader *loader, sqlite3_stmt *statement))
{
	struct store_db *db = loader->db;
	sqlite3_stmt *statement = db->statements[which];
	int rc;

	if (statement == NULL)
		return 0;
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
		loader->unreadable += !load(loader, statement);
	if (rc != SQLITE_DONE)
		snprintf(db->error, sizeof db->error, "%s", sqlite3_errmsg(db->sql));
	sqlite3_reset(statement);
	return store_db_errno(rc);
}

int
store_db_load(struct store_db *db, const struct walltime *now, const struct store_reader *reader,
    void *user, uint64_t *ret_unreadable)
{
	struct loader loader = {.db = db, .now = now, .reader = reader, .user = user};
	int worst = 0, r;

#define LOAD(part, which)                                                                          \
	if (reader->part != NULL && (r = load_all(&loader, which, load_##part)) < 0)               \
		worst = r;
	LOAD(flag, DB_FLAGS)
	LOAD(agent, DB_AGENTS)
	sqlite3_bind_int64(db->statements[DB_CAPTURES], 1, (int64_t)reader->history);
	LOAD(capture, DB_CAPTURES)
	LOAD(cooldown, DB_COOLDOWNS)
	LOAD(sighting, DB_SIGHTINGS)
	sqlite3_bind_int64(db->statements[DB_EVENTS_LAST], 1, (int64_t)reader->events);
	LOAD(event, DB_EVENTS_LAST)
#undef LOAD
	*ret_unreadable = loader.unreadable;
	return worst;
}

int
store_db_events(struct store_db *db, uint64_t capture, uint64_t before, size_t count,
    void (*each)(void *user, uint64_t id, const char *json), void *user)
{
	sqlite3_stmt *statement = db->statements[capture != 0 ? DB_EVENTS_OF : DB_EVENTS];
	int rc, given = 0;

	sqlite3_bind_int64(statement, 1, before != 0 ? (int64_t)before : INT64_MAX);
	sqlite3_bind_int64(statement, 2, (int64_t)count);
	if (capture != 0)
		sqlite3_bind_int64(statement, 3, (int64_t)capture);
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		each(user, (uint64_t)sqlite3_column_int64(statement, 0), column_text(statement, 1));
		given++;
	}
	sqlite3_reset(statement);
	return rc == SQLITE_DONE ? given : -EIO;
}
