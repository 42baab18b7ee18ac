/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the controller remembers: captures, cool-downs, freezes and releases, accepted agents,
 * events, sightings, in one SQLite database (WAL) that a thread of its own writes. The main thread
 * puts rows into a bounded queue and never waits: a row that is put again before it was written
 * replaces the one that waits, and a full queue drops the least important row and counts it. A
 * database that cannot be written (full disk, read-only file system) is a state, not an end: rows
 * wait in memory and the writing is tried again. A corrupt one is renamed aside and a fresh one
 * begun.
 *
 * Life: store_open reads nothing but the schema; store_load hands out what is kept, before
 * store_start starts the thread; store_free writes what waits, within a deadline, and ends it. All
 * calls are the main thread's. Commits survive the death of the process at once; the death of the
 * machine may cost the last few of them (synchronous=NORMAL), never the database.
 */
#ifndef CONTROLLER_STORE_STORE_H
#define CONTROLLER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "controller/decide/decide.h"

#define STORE_ERROR_MAX 512
#define STORE_WHO_MAX 64
#define STORE_WHY_MAX 256
#define STORE_KEY_SIZE 32
#define STORE_ADDRS_MAX 16

/* Zero is the default. */
struct store_limits {
	uint32_t events_max;      /* rows; 100,000 */
	uint64_t events_bytes;    /* of JSON; 256 MiB */
	int64_t events_age_ns;    /* 90 days */
	uint32_t captures_max;    /* that are over; 10,000 */
	int64_t captures_age_ns;  /* since they were over; 90 days */
	uint32_t cooldowns_max;   /* 100,000 */
	int64_t cooldowns_age_ns; /* 30 days */
	uint32_t sightings_max;   /* conversations; 50,000 */
	int64_t sightings_age_ns; /* 30 days */
	uint32_t pending_max;     /* rows that wait to be written; 16,384 */
	uint64_t pending_bytes;   /* 64 MiB */
	int64_t retry_ns;         /* between tries of a database that cannot be written; 5 s */
};

struct store_cooldown {
	struct addr local, remote;
	uint32_t vni;
	unsigned returns;
	struct instant ended;
};

enum store_flag_kind {
	STORE_FROZEN = 1,   /* name "" */
	STORE_RELEASED = 2, /* a switch, or "all" */
};

struct store_flag {
	enum store_flag_kind kind;
	char name[POLICY_NAME_MAX];
	bool on;
	char who[STORE_WHO_MAX], why[STORE_WHY_MAX];
	int64_t wall_ns; /* when */
};

/* An agent that an operator accepted. */
struct store_agent {
	char name[POLICY_NAME_MAX];
	uint8_t key[STORE_KEY_SIZE];
	struct addr addrs[STORE_ADDRS_MAX]; /* it was bound to */
	size_t addr_count;
	char who[STORE_WHO_MAX];
	int64_t wall_ns;
};

/* What was seen of one conversation with one listed prefix. */
struct store_sighting {
	struct addr local, remote;
	uint32_t vni;
	struct prefix prefix; /* the entry */
	char feed[POLICY_NAME_MAX];
	uint64_t inbound, outbound; /* samples */
	uint64_t packets, bytes;    /* estimated from them */
	int64_t first_ns, last_ns;  /* wall */
};

struct store;

/*
 * Opens or makes the database. 0 with a store that may be degraded from the start, with `error` as
 * its reason ("" when all is well; also what was renamed aside). Negative errno, no store, and the
 * reason in `error`: -EMEDIUMTYPE (a database of something else), -EPROTO (written by a newer
 * version), -EBUSY (another controller has it), -ENOMEM.
 */
int store_open(const char *path, const struct store_limits *limits, struct store **ret_store,
    char error[STORE_ERROR_MAX]);

/* The id the next capture may have: over every id there ever was. */
uint64_t store_next_id(const struct store *store);

/*
 * Hands out what is kept; any may be NULL, and more than one call may ask for its part. Captures
 * oldest first, the living and `history` that are over; `names` are their switches, by holder,
 * whose ids are 0. Flags that are up alone. The last `events` events, oldest first. Rows that
 * cannot be read are left out and counted (store_stats).
 */
struct store_reader {
	size_t events, history;
	void (*capture)(
	    void *user, struct decide_capture *capture, const char (*names)[POLICY_NAME_MAX]);
	void (*cooldown)(void *user, const struct store_cooldown *cooldown);
	void (*flag)(void *user, const struct store_flag *flag);
	void (*agent)(void *user, const struct store_agent *agent);
	void (*event)(void *user, const char *json);
	void (*sighting)(void *user, const struct store_sighting *sighting);
};
void store_load(struct store *store, const struct store_reader *reader, void *user);

/*
 * The same of a database that is somebody else's, beside its writer or at rest; leaves no trace.
 * 0; -ENOENT: there is none; another negative errno and the reason in `error`.
 */
int store_peek(
    const char *path, const struct store_reader *reader, void *user, char error[STORE_ERROR_MAX]);

/* 0 or negative errno of the thread. */
int store_start(struct store *store);

/* Waits at most `deadline_ns` for what waits; *ret_lost (may be NULL) is how many rows could not be
 * written. */
void store_free(struct store **store, int64_t deadline_ns, uint64_t *ret_lost);

/*
 * Puts. Copied; none blocks. `name` gives a switch's name by its index. An event is one JSON text;
 * `capture` 0: of none. A sighting's numbers are added to what is kept of its conversation.
 */
void store_put_capture(struct store *store, const struct decide_capture *capture,
    const char *(*name)(void *user, unsigned id), void *user);
void store_put_cooldown(struct store *store, const struct store_cooldown *cooldown);
void store_put_flag(struct store *store, const struct store_flag *flag);
void store_put_agent(struct store *store, const struct store_agent *agent);
void store_forget_agent(struct store *store, const char *name);
void store_put_event(struct store *store, int64_t wall_ns, uint64_t capture, const char *json);
void store_put_sighting(struct store *store, const struct store_sighting *sighting);

/* Waits until all that was put before is committed. 0, -ETIMEDOUT, -EIO (degraded: it is not), or
 * -ENOSPC (rows were dropped since the last flush). For tests and before an orderly end. */
int store_flush(struct store *store, int64_t timeout_ns);

/* Readable when store_news has something. */
int store_fd(const struct store *store);

/* Changes that a person should hear of; the engine makes events of them. */
enum store_news_kind {
	STORE_DEGRADED = 1, /* in memory only, from now on */
	STORE_RECOVERED,    /* written again */
	STORE_REPLACED, /* corrupt, renamed aside, a fresh one begun: put all that lives again */
};
struct store_news {
	enum store_news_kind kind;
	char text[STORE_ERROR_MAX];
};
bool store_news(struct store *store, struct store_news *ret_news);

struct store_stats {
	uint64_t written, merged; /* rows; puts that replaced one that waited */
	uint64_t dropped;         /* all kinds: a full queue, no memory, a row SQLite won't have */
	uint64_t dropped_sightings, dropped_events, dropped_cooldowns, dropped_others;
	uint64_t pruned, failures, replaced, unreadable;
	uint64_t pending, pending_bytes;
	uint64_t events, events_bytes; /* kept */
	bool degraded;
	char error[STORE_ERROR_MAX]; /* the last one; "" none yet */
};
void store_stats(struct store *store, struct store_stats *ret_stats);

/*
 * Events of a capture (0: all) with ids below `before` (0: the newest), newest first, at most
 * `count`. Reads through a connection of its own: beside the writer, but it does wait for the disk.
 * How many, or -EIO.
 */
int store_events(struct store *store, uint64_t capture, uint64_t before, size_t count,
    void (*each)(void *user, uint64_t id, const char *json), void *user);

#endif
