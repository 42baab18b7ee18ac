/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/store/store_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
store_queue_init(struct store_queue *queue, size_t max, uint64_t bytes_max)
{
	memset(queue, 0, sizeof *queue);
	for (unsigned kind = 0; kind < STORE_KINDS; kind++)
		TAILQ_INIT(&queue->lists[kind]);
	queue->max = max;
	queue->bytes_max = bytes_max;
	queue->bucket_count = 64;
	while (queue->bucket_count < max)
		queue->bucket_count *= 2;
	queue->buckets = calloc(queue->bucket_count, sizeof(struct store_row *));
	return queue->buckets != NULL ? 0 : -ENOMEM;
}

static struct store_row **
bucket(struct store_queue *queue, const struct store_row *row)
{
	return &queue->buckets[store_row_hash(row) & (queue->bucket_count - 1)];
}

static struct store_row *
find(struct store_queue *queue, const struct store_row *like)
{
	struct store_row *row;

	if (store_row_hash(like) == 0)
		return NULL;
	row = *bucket(queue, like);
	while (row != NULL && !store_row_same(row, like))
		row = row->next;
	return row;
}

static void
account(struct store_queue *queue, const struct store_row *row, bool in)
{
	uint64_t bytes = sizeof *row + row->size;

	queue->count = in ? queue->count + 1 : queue->count - 1;
	queue->bytes = in ? queue->bytes + bytes : queue->bytes - bytes;
}

/* Into its bucket and the sums; the list is the caller's. */
static void
link_in(struct store_queue *queue, struct store_row *row)
{
	struct store_row **head = bucket(queue, row);

	row->next = NULL;
	if (store_row_hash(row) != 0) {
		row->next = *head;
		*head = row;
	}
	account(queue, row, true);
}

static void
unlink_row(struct store_queue *queue, struct store_row *row)
{
	struct store_row **link = bucket(queue, row);

	if (store_row_hash(row) != 0) {
		while (*link != row)
			link = &(*link)->next;
		*link = row->next;
	}
	TAILQ_REMOVE(&queue->lists[row->kind], row, order);
	account(queue, row, false);
}

void
store_queue_done(struct store_queue *queue)
{
	for (unsigned kind = 0; kind < STORE_KINDS && queue->buckets != NULL; kind++) {
		struct store_row *row;

		while ((row = TAILQ_FIRST(&queue->lists[kind])) != NULL) {
			TAILQ_REMOVE(&queue->lists[kind], row, order);
			free(row);
		}
	}
	free(queue->buckets);
	queue->buckets = NULL;
}

/* Makes it fit again: the oldest row of the least important kind goes. */
static bool
trim(struct store_queue *queue)
{
	bool whole = true;

	while (queue->count > queue->max || queue->bytes > queue->bytes_max) {
		unsigned kind = STORE_KINDS;
		struct store_row *row = NULL;

		while (row == NULL && kind > 0)
			row = TAILQ_FIRST(&queue->lists[--kind]);
		if (row == NULL)
			break;
		unlink_row(queue, row);
		queue->dropped[row->kind]++;
		free(row);
		whole = false;
	}
	return whole;
}

bool
store_queue_put(struct store_queue *queue, struct store_row *row)
{
	struct store_row *old = find(queue, row);

	if (old != NULL) {
		store_row_merge(row, old);
		TAILQ_INSERT_BEFORE(old, row, order);
		unlink_row(queue, old);
		free(old);
		queue->merged++;
	} else {
		TAILQ_INSERT_TAIL(&queue->lists[row->kind], row, order);
	}
	link_in(queue, row);
	return trim(queue);
}

size_t
store_queue_take(struct store_queue *queue, struct store_rows *rows, size_t max)
{
	size_t taken = 0;

	for (unsigned kind = 0; kind < STORE_KINDS; kind++) {
		struct store_row *row;

		while (taken < max && (row = TAILQ_FIRST(&queue->lists[kind])) != NULL) {
			unlink_row(queue, row);
			TAILQ_INSERT_TAIL(rows, row, order);
			taken++;
		}
	}
	return taken;
}

void
store_queue_give_back(struct store_queue *queue, struct store_rows *rows)
{
	struct store_row *row;

	/* From the last to the first, each to the head of its list. */
	while ((row = TAILQ_LAST(rows, store_rows)) != NULL) {
		struct store_row *newer = find(queue, row);

		TAILQ_REMOVE(rows, row, order);
		if (newer != NULL) {
			store_row_merge(newer, row);
			/* It carries an older number now: to where that belongs. */
			TAILQ_REMOVE(&queue->lists[newer->kind], newer, order);
			TAILQ_INSERT_HEAD(&queue->lists[newer->kind], newer, order);
			free(row);
			queue->merged++;
			continue;
		}
		TAILQ_INSERT_HEAD(&queue->lists[row->kind], row, order);
		link_in(queue, row);
	}
	(void)trim(queue);
}

uint64_t
store_queue_oldest(const struct store_queue *queue)
{
	uint64_t oldest = UINT64_MAX;

	for (unsigned kind = 0; kind < STORE_KINDS; kind++) {
		const struct store_row *row = TAILQ_FIRST(&queue->lists[kind]);

		if (row != NULL && row->number < oldest)
			oldest = row->number;
	}
	return oldest;
}
