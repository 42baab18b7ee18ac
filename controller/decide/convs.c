/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A chained hash table with a list by age. Rows are allocated as they come, up to the bound. */
#include "controller/decide/convs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONVS_LOOK_MAX 64 /* rows with captures passed over when one must go */

TAILQ_HEAD(convs_ages, convs_row);

struct convs {
	size_t max, count, mask;
	uint64_t forgotten;
	struct convs_ages ages; /* oldest first */
	struct convs_row **buckets;
};

static size_t
hash(const struct convs_key *key)
{
	/* FNV-1a over words; who picks addresses to collide fills a chain of a bounded table. */
	uint64_t words[7], h = UINT64_C(0xcbf29ce484222325);

	memcpy(words, &key->local, 24);
	memcpy(words + 3, &key->remote, 24);
	words[6] = key->vni;
	for (size_t i = 0; i < 7; i++) {
		h = (h ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (size_t)h;
}

static bool
equal(const struct convs_key *a, const struct convs_key *b)
{
	return a->vni == b->vni && addr_equal(&a->remote, &b->remote) &&
	       addr_equal(&a->local, &b->local);
}

int
convs_new(size_t max, struct convs **ret_convs)
{
	struct convs *c = calloc(1, sizeof *c);
	size_t size = 64;

	if (c == NULL)
		return -ENOMEM;
	while (size < max && size < ((size_t)1 << 24))
		size *= 2;
	c->max = max > 0 ? max : 1;
	c->mask = size - 1;
	c->buckets = calloc(size, sizeof *c->buckets);
	if (c->buckets == NULL) {
		free(c);
		return -ENOMEM;
	}
	TAILQ_INIT(&c->ages);
	*ret_convs = c;
	return 0;
}

void
convs_free(struct convs **convs)
{
	struct convs *c = *convs;
	struct convs_row *row;

	if (c == NULL)
		return;
	while ((row = TAILQ_FIRST(&c->ages)) != NULL) {
		TAILQ_REMOVE(&c->ages, row, age);
		free(row);
	}
	free(c->buckets);
	free(c);
	*convs = NULL;
}

struct convs_row *
convs_find(const struct convs *convs, const struct convs_key *key)
{
	struct convs_row *row = convs->buckets[hash(key) & convs->mask];

	while (row != NULL && !equal(&row->key, key))
		row = row->next;
	return row;
}

/* Takes the oldest row that may go out of table and list, for use again. */
static struct convs_row *
forget(struct convs *c)
{
	struct convs_row *row = TAILQ_FIRST(&c->ages);

	for (unsigned i = 0; row != NULL && row->capture != 0; i++) {
		if (i == CONVS_LOOK_MAX)
			return NULL;
		/* One that is captured is no old one: it goes to the young end. */
		struct convs_row *busy = row;

		row = TAILQ_NEXT(row, age);
		TAILQ_REMOVE(&c->ages, busy, age);
		TAILQ_INSERT_TAIL(&c->ages, busy, age);
	}
	if (row == NULL)
		return NULL;
	struct convs_row **link = &c->buckets[hash(&row->key) & c->mask];

	while (*link != row)
		link = &(*link)->next;
	*link = row->next;
	TAILQ_REMOVE(&c->ages, row, age);
	c->count--;
	c->forgotten++;
	return row;
}

struct convs_row *
convs_touch(struct convs *convs, const struct convs_key *key)
{
	struct convs_row *row = convs_find(convs, key);

	if (row != NULL) {
		TAILQ_REMOVE(&convs->ages, row, age);
		TAILQ_INSERT_TAIL(&convs->ages, row, age);
		return row;
	}
	row = convs->count >= convs->max ? forget(convs) : malloc(sizeof *row);
	if (row == NULL)
		return NULL;
	memset(row, 0, sizeof *row);
	row->key = *key;
	struct convs_row **bucket = &convs->buckets[hash(key) & convs->mask];

	row->next = *bucket;
	*bucket = row;
	TAILQ_INSERT_TAIL(&convs->ages, row, age);
	convs->count++;
	return row;
}

size_t
convs_count(const struct convs *convs)
{
	return convs->count;
}

uint64_t
convs_forgotten(const struct convs *convs)
{
	return convs->forgotten;
}

void
convs_each(
    const struct convs *convs, void (*each)(void *user, const struct convs_row *row), void *user)
{
	const struct convs_row *row;

	TAILQ_FOREACH(row, &convs->ages, age)
	each(user, row);
}
