/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The conversations that are remembered: a bounded hash table, the longest silent forgotten first.
 * Owns its rows; a row stays where it is until it is forgotten.
 */
#ifndef CONTROLLER_DECIDE_CONVS_H
#define CONTROLLER_DECIDE_CONVS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/addr.h"
#include "common/base/clk.h"

struct convs_key {
	struct addr local, remote;
	uint32_t vni; /* 0: none */
};

struct convs_row {
	struct convs_key key;
	struct instant last;     /* sample that counted */
	struct instant window;   /* start of the window that runs */
	uint32_t samples;        /* that counted in it */
	uint64_t bytes, packets; /* estimated from them */
	uint64_t capture;        /* that lives; 0: none */
	unsigned returns;        /* captures that ended since the last long quiet */
	struct instant ended;    /* of the last one; 0: none */
	struct instant told;     /* last event about it */
	uint16_t told_code;      /* what it said */
	TAILQ_ENTRY(convs_row) age;
	struct convs_row *next;
};

struct convs;

/* Room for `max` rows, at least 1. 0 or -ENOMEM. */
int convs_new(size_t max, struct convs **ret_convs);
void convs_free(struct convs **convs);

/* NULL when it is not remembered. */
struct convs_row *convs_find(const struct convs *convs, const struct convs_key *key);

/*
 * Finds or makes, and makes it the youngest. A full table forgets its oldest row without a living
 * capture; NULL when there is none or no memory is left.
 */
struct convs_row *convs_touch(struct convs *convs, const struct convs_key *key);

size_t convs_count(const struct convs *convs);
/* Rows that made room for others. */
uint64_t convs_forgotten(const struct convs *convs);
/* Calls `each` for every row, oldest first. */
void convs_each(
    const struct convs *convs, void (*each)(void *user, const struct convs_row *row), void *user);

#endif
