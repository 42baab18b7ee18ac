/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows that wait to be written: bounded by count and bytes, one row a key (a newer put takes the
 * older one's place), the least important dropped when full. No lock of its own: the caller's.
 */
#ifndef CONTROLLER_STORE_STORE_QUEUE_H
#define CONTROLLER_STORE_STORE_QUEUE_H

#include "controller/store/store_row.h"

struct store_queue {
	struct store_rows lists[STORE_KINDS]; /* each in the order of its numbers */
	struct store_row **buckets;
	size_t bucket_count; /* a power of two */
	size_t count, max;
	uint64_t bytes, bytes_max;
	uint64_t merged, dropped[STORE_KINDS];
};

/* 0 or -ENOMEM. */
int store_queue_init(struct store_queue *queue, size_t max, uint64_t bytes_max);
void store_queue_done(struct store_queue *queue);

/* Takes the row over, whatever becomes of it. False: a row was dropped, this or another one. */
bool store_queue_put(struct store_queue *queue, struct store_row *row);

/* Moves at most `max` rows, the most important kinds first, each kind in order, to the end of
 * `rows`. How many. */
size_t store_queue_take(struct store_queue *queue, struct store_rows *rows, size_t max);

/* Gives rows that could not be written back to where they were taken from; those that were put anew
 * meanwhile are merged into the newer ones. Empties `rows`. */
void store_queue_give_back(struct store_queue *queue, struct store_rows *rows);

/* The smallest number in there; UINT64_MAX when empty. */
uint64_t store_queue_oldest(const struct store_queue *queue);

#endif
