/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a key of 128 bits stands among many sorted ones: a static B-tree of cache lines over their
 * upper halves, eight to a line, so that 10^5 keys cost six lines. The lower halves are looked at
 * only where an upper half is met exactly. Filled once, read-only from then on.
 */
#ifndef CONTROLLER_MATCH_SEEK_H
#define CONTROLLER_MATCH_SEEK_H

#include <stddef.h>
#include <stdint.h>

#define SEEK_LEVELS 12 /* 8^12 keys are more than any memory holds */

struct seek {
	uint64_t *high, *low; /* the keys; high is level 0 of the tree */
	uint64_t *above;      /* the levels over it, each the last keys of the lines below */
	const uint64_t *level[SEEK_LEVELS];
	unsigned depth; /* levels; the last one is a single line */
	size_t count;
};

/* Makes room for `count` keys, at least 1. 0 or -ENOMEM. The caller writes high and low in order,
 * then calls seek_tie. */
int seek_new(size_t count, struct seek *ret_seek);

/* Builds the tree over the keys that are there now. */
void seek_tie(struct seek *seek);
void seek_done(struct seek *seek);

/* How many keys are not greater than (high, low). */
size_t seek_find(const struct seek *seek, uint64_t high, uint64_t low);

/* Bytes that it takes. */
size_t seek_bytes(const struct seek *seek);

#endif
