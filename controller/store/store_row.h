/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A row on its way to the database: what the queue holds and the database writes. */
#ifndef CONTROLLER_STORE_STORE_ROW_H
#define CONTROLLER_STORE_STORE_ROW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controller/store/capture_json.h"
#include "controller/store/store.h"
#include "controller/store/walltime.h"

/* The most important first: a full queue drops from the end. */
enum store_kind {
	STORE_FLAG,
	STORE_AGENT,
	STORE_CAPTURE,
	STORE_COOLDOWN,
	STORE_EVENT,
	STORE_SIGHTING,
	STORE_KINDS,
};

struct store_row_capture {
	struct decide_capture capture;
	struct capture_json_names names;
};

struct store_row_agent {
	bool forget; /* by name alone */
	struct store_agent agent;
};

struct store_row_event {
	int64_t wall_ns;
	uint64_t capture;
	size_t length;
	char json[];
};

struct store_row {
	TAILQ_ENTRY(store_row) order;
	struct store_row *next; /* in its bucket */
	enum store_kind kind;
	uint64_t number;    /* of the oldest put that is in it */
	size_t size;        /* of body */
	struct walltime at; /* of the newest */
	_Alignas(8) unsigned char body[];
};
TAILQ_HEAD(store_rows, store_row);

/* Room for `size` bytes of body, copied from `body`. NULL without memory. */
struct store_row *store_row_new(enum store_kind kind, const void *body, size_t size);
/* The same conversation, capture, flag or agent. Events are each their own. */
bool store_row_same(const struct store_row *a, const struct store_row *b);
/* 0 for rows that are never the same as another. */
uint64_t store_row_hash(const struct store_row *row);
/* `older` was not written yet and `newer` is of the same key: sums go into `newer`. */
void store_row_merge(struct store_row *newer, const struct store_row *older);

static inline const struct store_row_capture *
store_row_capture(const struct store_row *row)
{
	return (const void *)row->body;
}
static inline const struct store_cooldown *
store_row_cooldown(const struct store_row *row)
{
	return (const void *)row->body;
}
static inline const struct store_flag *
store_row_flag(const struct store_row *row)
{
	return (const void *)row->body;
}
static inline const struct store_row_agent *
store_row_agent(const struct store_row *row)
{
	return (const void *)row->body;
}
static inline const struct store_row_event *
store_row_event(const struct store_row *row)
{
	return (const void *)row->body;
}
static inline const struct store_sighting *
store_row_sighting(const struct store_row *row)
{
	return (const void *)row->body;
}

#endif
