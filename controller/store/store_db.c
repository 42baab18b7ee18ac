/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, schema, transactions, pruning; rows are store_db_rows.c's. See store_db.h. */
#include "controller/store/store_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/store/store_db_part.h"

#define APPLICATION_ID 0x46734331 /* "FsC1" */
#define BUSY_MS 2000              /* somebody's sqlite3 shell */
#define SLICE 500
/* After an end that was not clean, captures may have been opened that were never written. */
#define ID_GAP 1000

/* What brings a database from version n to n + 1. Never changed once released. */
static const char *const migrations[STORE_DB_SCHEMA] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE captures (id INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
    " over INTEGER NOT NULL, body TEXT NOT NULL);"
    "CREATE INDEX captures_over ON captures (over);"
    "CREATE TABLE cooldowns (local TEXT NOT NULL, remote TEXT NOT NULL, vni INTEGER NOT NULL,"
    " returns INTEGER NOT NULL, ended INTEGER NOT NULL, saved INTEGER NOT NULL,"
    " clock INTEGER NOT NULL, boot BLOB NOT NULL, PRIMARY KEY (local, remote, vni))"
    " WITHOUT ROWID;"
    "CREATE INDEX cooldowns_ended ON cooldowns (ended);"
    "CREATE TABLE flags (kind INTEGER NOT NULL, name TEXT NOT NULL, raised INTEGER NOT NULL,"
    " who TEXT NOT NULL, why TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (kind, name))"
    " WITHOUT ROWID;"
    "CREATE TABLE agents (name TEXT PRIMARY KEY, key BLOB NOT NULL UNIQUE, addrs TEXT NOT NULL,"
    " who TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
    " capture INTEGER NOT NULL, bytes INTEGER NOT NULL, json TEXT NOT NULL);"
    "CREATE INDEX events_capture ON events (capture) WHERE capture != 0;",

    "CREATE TABLE sightings (local TEXT NOT NULL, remote TEXT NOT NULL, vni INTEGER NOT NULL,"
    " prefix TEXT NOT NULL, feed TEXT NOT NULL, inbound INTEGER NOT NULL,"
    " outbound INTEGER NOT NULL, packets INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " PRIMARY KEY (local, remote, vni, prefix, feed)) WITHOUT ROWID;"
    "CREATE INDEX sightings_last ON sightings (last);",
};

static const char *const texts[STORE_DB_STATEMENTS] = {
    [DB_BEGIN] = "BEGIN IMMEDIATE",
    [DB_COMMIT] = "COMMIT",
    [DB_ROLLBACK] = "ROLLBACK",
    [DB_META_GET] = "SELECT value FROM meta WHERE name = ?1",
    [DB_META_PUT] = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
    [DB_CAPTURE_PUT] = "INSERT OR REPLACE INTO captures (id, state, over, body)"
		       " VALUES (?1, ?2, ?3, ?4)",
    [DB_CAPTURE_LAST] = "SELECT max(id) FROM captures",
    [DB_CAPTURES] = "SELECT id, body FROM captures WHERE over = 0 OR id IN"
		    " (SELECT id FROM captures WHERE over != 0 ORDER BY over DESC LIMIT ?1)"
		    " ORDER BY id",
    [DB_COOLDOWN_PUT] = "INSERT OR REPLACE INTO cooldowns (local, remote, vni, returns, ended,"
			" saved, clock, boot) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [DB_COOLDOWNS] = "SELECT local, remote, vni, returns, ended, saved, clock, boot"
		     " FROM cooldowns ORDER BY ended",
    [DB_FLAG_PUT] = "INSERT OR REPLACE INTO flags (kind, name, raised, who, why, at)"
		    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [DB_FLAGS] = "SELECT kind, name, who, why, at FROM flags WHERE raised = 1",
    [DB_AGENT_PUT] = "INSERT OR REPLACE INTO agents (name, key, addrs, who, at)"
		     " VALUES (?1, ?2, ?3, ?4, ?5)",
    [DB_AGENT_FORGET] = "DELETE FROM agents WHERE name = ?1",
    [DB_AGENTS] = "SELECT name, key, addrs, who, at FROM agents ORDER BY name",
    [DB_EVENT_PUT] = "INSERT INTO events (at, capture, bytes, json) VALUES (?1, ?2, ?3, ?4)",
    [DB_EVENTS] = "SELECT id, json FROM events WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
    [DB_EVENTS_OF] = "SELECT id, json FROM events WHERE capture = ?3 AND capture != 0 AND id < ?1"
		     " ORDER BY id DESC LIMIT ?2",
    [DB_EVENTS_LAST] = "SELECT id, json FROM (SELECT id, json FROM events ORDER BY id DESC"
		       " LIMIT ?1) ORDER BY id",
    [DB_EVENTS_OLDEST] = "SELECT id, at, bytes FROM events ORDER BY id LIMIT ?1",
    [DB_EVENTS_CUT] = "DELETE FROM events WHERE id <= ?1",
    [DB_EVENTS_SUM] = "SELECT count(*), total(bytes) FROM events",
    [DB_SIGHTING_PUT] =
	"INSERT INTO sightings (local, remote, vni, prefix, feed, inbound, outbound, packets,"
	" bytes, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
	" ON CONFLICT (local, remote, vni, prefix, feed) DO UPDATE SET"
	" inbound = inbound + excluded.inbound, outbound = outbound + excluded.outbound,"
	" packets = packets + excluded.packets, bytes = bytes + excluded.bytes,"
	" first = min(first, excluded.first), last = max(last, excluded.last)",
    [DB_SIGHTINGS] = "SELECT local, remote, vni, prefix, feed, inbound, outbound, packets, bytes,"
		     " first, last FROM sightings ORDER BY last",
    [DB_CAPTURES_COUNT] = "SELECT count(*) FROM captures WHERE over != 0",
    [DB_CAPTURES_CUT] = "DELETE FROM captures WHERE id IN (SELECT id FROM captures"
			" WHERE over != 0 AND over < ?1 ORDER BY over LIMIT ?2)",
    [DB_COOLDOWNS_COUNT] = "SELECT count(*) FROM cooldowns",
    [DB_COOLDOWNS_CUT] = "DELETE FROM cooldowns WHERE (local, remote, vni) IN (SELECT local,"
			 " remote, vni FROM cooldowns WHERE ended < ?1 ORDER BY ended LIMIT ?2)",
    [DB_SIGHTINGS_COUNT] = "SELECT count(*) FROM sightings",
    [DB_SIGHTINGS_CUT] =
	"DELETE FROM sightings WHERE (local, remote, vni, prefix, feed) IN (SELECT local, remote,"
	" vni, prefix, feed FROM sightings WHERE last < ?1 ORDER BY last LIMIT ?2)",
    [DB_VACUUM] = "PRAGMA incremental_vacuum(1000)",
};

int
store_db_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* a table or column of ours that is not there */
		return -EUCLEAN;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
		return -EINVAL;
	default:
		return -EIO;
	}
}

int
store_db_step(struct store_db *db, enum store_db_statement which)
{
	sqlite3_stmt *statement = db->statements[which];
	int rc = sqlite3_step(statement);

	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		snprintf(db->error, sizeof db->error, "%s", sqlite3_errmsg(db->sql));
	sqlite3_reset(statement);
	return store_db_errno(rc);
}

static int
get_number(struct store_db *db, enum store_db_statement which, int64_t *ret_value)
{
	sqlite3_stmt *statement = db->statements[which];
	int rc = sqlite3_step(statement);

	if (rc == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(statement, 0);
	else if (rc != SQLITE_DONE)
		snprintf(db->error, sizeof db->error, "%s", sqlite3_errmsg(db->sql));
	sqlite3_reset(statement);
	return store_db_errno(rc);
}

static int
get_meta(struct store_db *db, const char *name, int64_t *ret_value)
{
	sqlite3_bind_text(db->statements[DB_META_GET], 1, name, -1, SQLITE_STATIC);
	return get_number(db, DB_META_GET, ret_value);
}

static int
put_meta(struct store_db *db, const char *name, int64_t value)
{
	sqlite3_bind_text(db->statements[DB_META_PUT], 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(db->statements[DB_META_PUT], 2, value);
	return store_db_step(db, DB_META_PUT);
}

static int
run(struct store_db *db, const char *sql)
{
	int rc = sqlite3_exec(db->sql, sql, NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		snprintf(db->error, sizeof db->error, "%s", sqlite3_errmsg(db->sql));
	return store_db_errno(rc);
}

/* One number of a pragma or query. */
static int
ask(struct store_db *db, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db->sql, sql, -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(statement, 0);
	else
		snprintf(db->error, sizeof db->error, "%s", sqlite3_errmsg(db->sql));
	sqlite3_finalize(statement);
	return store_db_errno(rc);
}

/* Whose it is and of which version: 0 is an empty file. */
static int
identify(struct store_db *db, const char *path, int64_t *ret_version, char *error)
{
	int64_t application = 0, tables = 0;
	int r;

	if ((r = ask(db, "PRAGMA application_id", &application)) < 0 ||
	    (r = ask(db, "PRAGMA user_version", ret_version)) < 0 ||
	    (r = ask(db, "SELECT count(*) FROM sqlite_master", &tables)) < 0)
		return r;
	if (tables == 0 && application == 0 && *ret_version == 0)
		return 0;
	if (application != APPLICATION_ID || *ret_version < 1) {
		snprintf(error, STORE_ERROR_MAX,
		    "%s is a database of another program; name another file, or move it away",
		    path);
		return -EMEDIUMTYPE;
	}
	if (*ret_version > STORE_DB_SCHEMA) {
		snprintf(error, STORE_ERROR_MAX,
		    "%s was written by a newer version (its schema is %lld, this program knows "
		    "%d); "
		    "install that version, or move the file away",
		    path, (long long)*ret_version, STORE_DB_SCHEMA);
		return -EPROTO;
	}
	return 0;
}

static int
migrate(struct store_db *db, int64_t version)
{
	char sql[96];
	int r;

	if (version == STORE_DB_SCHEMA)
		return 0;
	if ((r = run(db, "BEGIN IMMEDIATE")) < 0)
		return r;
	for (int64_t v = version; v < STORE_DB_SCHEMA && r == 0; v++)
		r = run(db, migrations[v]);
	snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
	    APPLICATION_ID, STORE_DB_SCHEMA);
	if (r < 0 || (r = run(db, sql)) < 0 || (r = run(db, "COMMIT")) < 0)
		(void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int
open_sql(struct store_db *db, const char *path, enum store_db_mode mode)
{
	static const int flags[] = {
	    [STORE_DB_WRITE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	    [STORE_DB_SALVAGE] = SQLITE_OPEN_READWRITE,
	    [STORE_DB_IMMUTABLE] = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
	    [STORE_DB_READ] = SQLITE_OPEN_READONLY,
	};
	char *uri = NULL;
	int rc;

	if (mode == STORE_DB_IMMUTABLE) {
		/* %w would double quotes; in a URI only ? # % are special. */
		size_t size = 3 * strlen(path) + 32, n;

		if ((uri = malloc(size)) == NULL)
			return -ENOMEM;
		n = (size_t)snprintf(uri, size, "file:");
		for (const char *c = path; *c != '\0'; c++)
			n += (size_t)snprintf(uri + n, size - n,
			    strchr("?#%", *c) != NULL ? "%%%02x" : "%c", (unsigned char)*c);
		snprintf(uri + n, size - n, "?immutable=1");
	}
	rc = sqlite3_open_v2(
	    uri != NULL ? uri : path, &db->sql, flags[mode] | SQLITE_OPEN_NOMUTEX, NULL);
	free(uri);
	if (rc != SQLITE_OK) {
		snprintf(db->error, sizeof db->error, "%s",
		    db->sql != NULL ? sqlite3_errmsg(db->sql) : sqlite3_errstr(rc));
		return store_db_errno(rc);
	}
	sqlite3_extended_result_codes(db->sql, 1);
	sqlite3_busy_timeout(db->sql, BUSY_MS);
	if (mode == STORE_DB_SALVAGE) {
		/* The WAL's index on the heap: no file is made; nothing is written back. */
		sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		return run(db, "PRAGMA locking_mode = EXCLUSIVE");
	}
	return 0;
}

static int
prepare(struct store_db *db, bool all)
{
	for (unsigned i = 0; i < STORE_DB_STATEMENTS; i++) {
		int rc;

		if (texts[i] == NULL)
			continue;
		rc = sqlite3_prepare_v3(
		    db->sql, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[i], NULL);
		/* An older schema that is only read lacks what came later. */
		if (rc == SQLITE_OK || (!all && (rc & 0xff) == SQLITE_ERROR))
			continue;
		snprintf(db->error, sizeof db->error, "%s", sqlite3_errmsg(db->sql));
		return store_db_errno(rc);
	}
	return 0;
}

static int
read_meta(struct store_db *db)
{
	int64_t next_id = 1, clean = 0, last = 0;
	int r;

	if (db->statements[DB_META_GET] == NULL || db->statements[DB_CAPTURE_LAST] == NULL)
		return 0;
	if ((r = get_meta(db, "next_id", &next_id)) < 0 ||
	    (r = get_meta(db, "clean", &clean)) < 0 ||
	    (r = get_number(db, DB_CAPTURE_LAST, &last)) < 0)
		return r;
	if (next_id <= last)
		next_id = last + 1;
	if (clean == 0 && next_id > 1)
		next_id += ID_GAP;
	db->next_id = (uint64_t)next_id;
	if (db->statements[DB_EVENTS_SUM] == NULL)
		return 0;
	r = store_db_errno(sqlite3_step(db->statements[DB_EVENTS_SUM]));
	db->events = (uint64_t)sqlite3_column_int64(db->statements[DB_EVENTS_SUM], 0);
	db->events_bytes = (uint64_t)sqlite3_column_int64(db->statements[DB_EVENTS_SUM], 1);
	sqlite3_reset(db->statements[DB_EVENTS_SUM]);
	return r;
}

/* What a connection that writes needs beyond one that reads. */
static int
ready_to_write(struct store_db *db, int64_t version)
{
	int r;

	if (version == 0 && (r = run(db, "PRAGMA auto_vacuum = INCREMENTAL")) < 0)
		return r;
	if ((r = run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
			 "PRAGMA journal_size_limit = 16777216; PRAGMA trusted_schema = 0")) < 0)
		return r;
	return migrate(db, version);
}

int
store_db_open(const char *path, enum store_db_mode mode, const struct store_limits *limits,
    struct store_db **ret_db, char error[STORE_ERROR_MAX])
{
	struct store_db *db = calloc(1, sizeof *db);
	int64_t version = 0;
	int r;

	error[0] = '\0';
	if (db == NULL)
		return -ENOMEM;
	db->limits = *limits;
	db->mode = mode;
	db->next_id = 1;
	if (mode == STORE_DB_WRITE) {
		/* SQLite's other files take the mode of this one. */
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

		if (fd >= 0)
			close(fd);
	}
	r = open_sql(db, path, mode);
	if (r == 0)
		r = identify(db, path, &version, error);
	if (r == 0 && mode == STORE_DB_WRITE)
		r = ready_to_write(db, version);
	if (r == 0)
		r = prepare(db, mode == STORE_DB_WRITE);
	if (r == 0 && mode != STORE_DB_READ)
		r = read_meta(db);
	if (r == 0 && mode == STORE_DB_WRITE)
		r = put_meta(db, "clean", 0);
	if (r < 0) {
		if (error[0] == '\0')
			snprintf(error, STORE_ERROR_MAX, "%.256s: %.200s", path,
			    db->error[0] != '\0' ? db->error : strerror(-r));
		store_db_close(&db, false);
		return r;
	}
	*ret_db = db;
	return 0;
}

void
store_db_close(struct store_db **db_ptr, bool clean)
{
	struct store_db *db = *db_ptr;

	if (db == NULL)
		return;
	*db_ptr = NULL;
	if (clean && db->mode == STORE_DB_WRITE &&
	    put_meta(db, "next_id", (int64_t)db->next_id) == 0)
		(void)put_meta(db, "clean", 1);
	for (unsigned i = 0; i < STORE_DB_STATEMENTS; i++)
		sqlite3_finalize(db->statements[i]);
	/* The last connection folds the WAL into the file. */
	sqlite3_close(db->sql);
	free(db);
}

const char *
store_db_error(const struct store_db *db)
{
	return db->error;
}

uint64_t
store_db_next_id(const struct store_db *db)
{
	return db->next_id;
}

void
store_db_used_id(struct store_db *db, uint64_t next_id)
{
	if (next_id > db->next_id)
		db->next_id = next_id;
}

void
store_db_sizes(const struct store_db *db, uint64_t *ret_events, uint64_t *ret_bytes)
{
	*ret_events = db->events;
	*ret_bytes = db->events_bytes;
}

int
store_db_write(struct store_db *db, const struct store_rows *rows, size_t *ret_bad)
{
	const struct store_row *row;
	uint64_t next_id = db->next_id, events = db->events, bytes = db->events_bytes;
	size_t bad = 0;
	int r = store_db_step(db, DB_BEGIN);

	if (r < 0)
		return r;
	TAILQ_FOREACH(row, rows, order)
	{
		r = store_db_put_row(db, row);
		bad += r == -EINVAL;
		if (r < 0 && r != -EINVAL)
			break;
		r = 0;
	}
	if (r == 0 && db->next_id != next_id)
		r = put_meta(db, "next_id", (int64_t)db->next_id);
	if (r == 0)
		r = store_db_step(db, DB_COMMIT);
	if (r < 0) {
		char text[sizeof db->error];

		memcpy(text, db->error, sizeof text);
		/* Some errors have rolled back by themselves; then this one fails, rightly. */
		(void)store_db_step(db, DB_ROLLBACK);
		memcpy(db->error, text, sizeof text);
		db->events = events;
		db->events_bytes = bytes;
		return r;
	}
	*ret_bad = bad;
	return 0;
}

/* Finds how far the oldest events must go, a slice of them. */
static int
events_cut(struct store_db *db, int64_t oldest_ns, int64_t *ret_last, uint64_t *ret_count,
    uint64_t *ret_bytes)
{
	sqlite3_stmt *statement = db->statements[DB_EVENTS_OLDEST];
	int rc;

	sqlite3_bind_int(statement, 1, SLICE);
	while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
		if (db->events - *ret_count <= db->limits.events_max &&
		    db->events_bytes - *ret_bytes <= db->limits.events_bytes &&
		    sqlite3_column_int64(statement, 1) >= oldest_ns) {
			rc = SQLITE_DONE;
			break;
		}
		*ret_last = sqlite3_column_int64(statement, 0);
		*ret_count += 1;
		*ret_bytes += (uint64_t)sqlite3_column_int64(statement, 2);
	}
	if (rc != SQLITE_DONE)
		snprintf(db->error, sizeof db->error, "%s", sqlite3_errmsg(db->sql));
	sqlite3_reset(statement);
	return store_db_errno(rc);
}

static int
prune_events(struct store_db *db, int64_t wall_ns, uint64_t *pruned, bool *more)
{
	int64_t last = 0;
	uint64_t count = 0, bytes = 0;
	int r = events_cut(db, wall_ns - db->limits.events_age_ns, &last, &count, &bytes);

	if (r < 0 || count == 0)
		return r;
	sqlite3_bind_int64(db->statements[DB_EVENTS_CUT], 1, last);
	if ((r = store_db_step(db, DB_EVENTS_CUT)) < 0)
		return r;
	db->events -= count;
	db->events_bytes -= bytes;
	*pruned += count;
	*more = *more || count == SLICE;
	return 0;
}

/* Rows older than `oldest_ns`, then the oldest ones over `max`. */
static int
prune_table(struct store_db *db, enum store_db_statement count, enum store_db_statement cut,
    uint32_t max, int64_t oldest_ns, uint64_t *pruned, bool *more)
{
	int64_t rows = 0;
	int r, gone;

	sqlite3_bind_int64(db->statements[cut], 1, oldest_ns);
	sqlite3_bind_int(db->statements[cut], 2, SLICE);
	if ((r = store_db_step(db, cut)) < 0)
		return r;
	gone = sqlite3_changes(db->sql);
	if ((r = get_number(db, count, &rows)) < 0)
		return r;
	if (rows > max) {
		sqlite3_bind_int64(db->statements[cut], 1, INT64_MAX);
		sqlite3_bind_int64(db->statements[cut], 2, rows - max < SLICE ? rows - max : SLICE);
		if ((r = store_db_step(db, cut)) < 0)
			return r;
		gone += sqlite3_changes(db->sql);
	}
	*pruned += (uint64_t)gone;
	*more = *more || gone >= SLICE;
	return 0;
}

int
store_db_prune(struct store_db *db, int64_t wall_ns, uint64_t *ret_pruned, bool *ret_more)
{
	const struct store_limits *limits = &db->limits;
	uint64_t events = db->events, bytes = db->events_bytes, pruned = 0;
	int r;

	*ret_pruned = 0;
	*ret_more = false;
	if ((r = store_db_step(db, DB_BEGIN)) < 0)
		return r;
	if ((r = prune_events(db, wall_ns, &pruned, ret_more)) < 0 ||
	    (r = prune_table(db, DB_CAPTURES_COUNT, DB_CAPTURES_CUT, limits->captures_max,
		 wall_ns - limits->captures_age_ns, &pruned, ret_more)) < 0 ||
	    (r = prune_table(db, DB_COOLDOWNS_COUNT, DB_COOLDOWNS_CUT, limits->cooldowns_max,
		 wall_ns - limits->cooldowns_age_ns, &pruned, ret_more)) < 0 ||
	    (r = prune_table(db, DB_SIGHTINGS_COUNT, DB_SIGHTINGS_CUT, limits->sightings_max,
		 wall_ns - limits->sightings_age_ns, &pruned, ret_more)) < 0 ||
	    (r = store_db_step(db, DB_COMMIT)) < 0) {
		(void)store_db_step(db, DB_ROLLBACK);
		db->events = events;
		db->events_bytes = bytes;
		return r;
	}
	*ret_pruned = pruned;
	if (pruned > 0) {
		/* A row a page; this one can't be in a transaction with others. */
		while (sqlite3_step(db->statements[DB_VACUUM]) == SQLITE_ROW)
			;
		sqlite3_reset(db->statements[DB_VACUUM]);
	}
	return 0;
}
