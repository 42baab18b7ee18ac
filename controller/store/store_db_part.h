/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of store_db share; for them alone. */
#ifndef CONTROLLER_STORE_STORE_DB_PART_H
#define CONTROLLER_STORE_STORE_DB_PART_H

#include <sqlite3.h>

#include "controller/store/store_db.h"

enum store_db_statement {
	DB_BEGIN,
	DB_COMMIT,
	DB_ROLLBACK,
	DB_META_GET,
	DB_META_PUT,
	DB_CAPTURE_PUT,
	DB_CAPTURE_LAST,
	DB_CAPTURES,
	DB_COOLDOWN_PUT,
	DB_COOLDOWNS,
	DB_FLAG_PUT,
	DB_FLAGS,
	DB_AGENT_PUT,
	DB_AGENT_FORGET,
	DB_AGENTS,
	DB_EVENT_PUT,
	DB_EVENTS,
	DB_EVENTS_OF,
	DB_EVENTS_LAST,
	DB_EVENTS_OLDEST,
	DB_EVENTS_CUT,
	DB_EVENTS_SUM,
	DB_SIGHTING_PUT,
	DB_SIGHTINGS,
	DB_CAPTURES_COUNT,
	DB_CAPTURES_CUT,
	DB_COOLDOWNS_COUNT,
	DB_COOLDOWNS_CUT,
	DB_SIGHTINGS_COUNT,
	DB_SIGHTINGS_CUT,
	DB_VACUUM,
	STORE_DB_STATEMENTS,
};

struct store_db {
	sqlite3 *sql;
	enum store_db_mode mode;
	struct store_limits limits;
	sqlite3_stmt *statements[STORE_DB_STATEMENTS];
	uint64_t next_id;
	uint64_t events, events_bytes;
	char error[200];
};

/* An SQLite result as store_db.h's negative errno. */
int store_db_errno(int rc);
/* Runs a statement whose parameters are bound and resets it. */
int store_db_step(struct store_db *db, enum store_db_statement which);

int store_db_put_row(struct store_db *db, const struct store_row *row);

#endif
