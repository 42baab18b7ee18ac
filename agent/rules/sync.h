/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the hardware is synced and what a verdict means for the captures. Pure: `now` and verdicts
 * in, fields of the captures out. A good verdict brings what was placed into the hardware and what
 * was not out of it. An error takes out what was being added; where nothing was, the removals are
 * stuck: never rolled back, tried again without regard to any floor, and nothing new comes until
 * they are gone or somebody says so. Without hardware (`on` false) it is never in the way.
 */
#ifndef AGENT_RULES_SYNC_H
#define AGENT_RULES_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/rules/held.h"
#include "common/base/clk.h"

struct sync {
	bool on;      /* there is hardware */
	bool needed;  /* what is placed changed since the last sync began */
	bool running; /* a verdict is waited for */
	bool orphans; /* the hardware may hold rules of ours that no capture accounts for */
	bool blocked; /* a removal was refused: nothing new */
	int64_t floor_ns;
	struct instant last;     /* when the last one began; .ns 0: none yet */
	struct instant retry_at; /* after an error */
	int64_t retry_ns;
	uint64_t syncs, refused;
	char text[ORDER_TEXT_MAX]; /* of the last refused removal */
};

void sync_init(struct sync *sync, bool on, uint32_t floor_ms);

/* When the next sync is due; false when none is, or one is under way. */
bool sync_due(const struct sync *sync, const struct held_set *set, struct instant *ret_at);

/* When something new may be placed; false as long as only a verdict or an operator can tell. */
bool sync_adds_from(const struct sync *sync, struct instant *ret_at);

/* One begins: what is placed now is what it carries. */
void sync_begin(struct sync *sync, struct held_set *set, struct instant now);

/* Its verdict. True when captures were taken out because of it: to be placed, and synced, again. */
bool sync_end(
    struct sync *sync, struct held_set *set, struct instant now, bool good, const char *text);

/* An operator says go on in spite of what is stuck; it is tried again all the same. */
void sync_unblock(struct sync *sync);

/* Captures stuck in the hardware. */
unsigned sync_stuck(const struct held_set *set);

/* True while the hardware may hold anything of ours. */
bool sync_holds(const struct sync *sync, const struct held_set *set);

#endif
