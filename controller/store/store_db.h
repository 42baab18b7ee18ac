/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The database itself: schema, migration, rows in and out, pruning. Every call may wait for the
 * disk. One thread at a time. Errors are negative errno: -EUCLEAN (corrupt), -EIO (cannot be
 * written or read now; it may get better), -ENOMEM, -EINVAL (this one row), and at opening
 * -EMEDIUMTYPE (something else's), -EPROTO (of a newer version).
 */
#ifndef CONTROLLER_STORE_STORE_DB_H
#define CONTROLLER_STORE_STORE_DB_H

#include "controller/store/store_row.h"

#define STORE_DB_SCHEMA 2

enum store_db_mode {
	STORE_DB_WRITE,
	STORE_DB_SALVAGE,   /* to read what is there on a disk that takes no new byte */
	STORE_DB_IMMUTABLE, /* … on a file system that is read-only; without what the WAL holds */
	STORE_DB_READ,      /* beside a writer */
};

struct store_db;

/* Limits without zeros; copied. */
int store_db_open(const char *path, enum store_db_mode mode, const struct store_limits *limits,
    struct store_db **ret_db, char error[STORE_ERROR_MAX]);
/* `clean`: all that was put is in; the next capture id is exact. */
void store_db_close(struct store_db **db, bool clean);

/* Text of the last error. */
const char *store_db_error(const struct store_db *db);

/* Over every capture id that was written, and when the last end was not clean, well over. */
uint64_t store_db_next_id(const struct store_db *db);
/* No id below it is given out again. */
void store_db_used_id(struct store_db *db, uint64_t next_id);

/* All rows in one transaction, or none. *ret_bad: rows the database won't have, left out. */
int store_db_write(struct store_db *db, const struct store_rows *rows, size_t *ret_bad);

/* A slice of pruning; *ret_more: there may be more to do. */
int store_db_prune(struct store_db *db, int64_t wall_ns, uint64_t *ret_pruned, bool *ret_more);

/* See store.h. *ret_unreadable counts rows that were left out. */
int store_db_load(struct store_db *db, const struct walltime *now,
    const struct store_reader *reader, void *user, uint64_t *ret_unreadable);
int store_db_events(struct store_db *db, uint64_t capture, uint64_t before, size_t count,
    void (*each)(void *user, uint64_t id, const char *json), void *user);

void store_db_sizes(const struct store_db *db, uint64_t *ret_events, uint64_t *ret_bytes);

#endif
