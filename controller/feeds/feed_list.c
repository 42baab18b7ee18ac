/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/feeds/feed_list.h"

#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "controller/feeds/safety.h"

#define SUM_BYTES 16

static int
compare(const struct prefix *a, uint16_t a_port, const struct prefix *b, uint16_t b_port)
{
	int c = (int)a->addr.family - (int)b->addr.family;

	if (c == 0)
		c = memcmp(a->addr.bytes, b->addr.bytes, sizeof a->addr.bytes);
	if (c == 0)
		c = (int)a->len - (int)b->len;
	return c ? c : (int)a_port - (int)b_port;
}

static int
compare_entries(const void *va, const void *vb)
{
	const struct feed_entry *a = va, *b = vb;
	int c = compare(&a->prefix, a->port, &b->prefix, b->port);

	return c ? c : a->line < b->line ? -1 : a->line > b->line;
}

/* Ranges that never match hold it whole. */
static bool
is_never(const struct prefix *prefix)
{
	struct prefix range;

	for (size_t i = 0; safety_never(i, &range); i++)
		if (prefix_covers(&range, prefix))
			return true;
	return prefix->len == 0;
}

/* Walks both sorted lists: what stayed keeps its age. */
static void
inherit(struct feed_list *list, const struct feed_list *before, uint32_t now)
{
	size_t old = 0, stayed = 0, old_count = before ? before->count : 0;

	for (size_t i = 0; i < list->count; i++) {
		struct feed_entry *e = &list->entries[i];
		int c = 1;

		while (old < old_count && (c = compare(&before->entries[old].prefix,
					       before->entries[old].port, &e->prefix, e->port)) < 0)
			old++;
		if (old < old_count && c == 0) {
			e->since = before->entries[old].since;
			stayed++;
		} else
			e->since = now;
	}
	list->added = list->count - stayed;
	list->removed = old_count - stayed;
}

int
feed_list_new(const struct format_list *read, bool may_be_short, const struct feed_list *before,
    uint32_t now, struct feed_list **ret_list)
{
	struct feed_list *list = calloc(1, sizeof *list + read->count * sizeof *list->entries),
			 *less;
	size_t n = 0, kept = 0;

	if (!list)
		return -ENOMEM;
	list->format = read->format;
	list->lines = read->lines;
	list->bad_lines = read->bad_lines;
	list->masked = read->masked;
	list->filtered = read->filtered;
	memcpy(list->bad, read->bad, sizeof list->bad);
	for (size_t i = 0; i < read->count; i++) {
		const struct format_entry *e = &read->entries[i];

		if (e->prefix.len == 0) {
			list->never++;
			continue;
		}
		list->never += is_never(&e->prefix);
		if (!may_be_short && safety_is_short(&e->prefix)) {
			list->short_ones++;
			continue;
		}
		list->entries[n++] =
		    (struct feed_entry){.prefix = e->prefix, .port = e->port, .line = e->line};
	}
	qsort(list->entries, n, sizeof *list->entries, compare_entries);
	for (size_t i = 0; i < n; i++) {
		const struct feed_entry *last = kept > 0 ? &list->entries[kept - 1] : NULL;
		const struct feed_entry *e = &list->entries[i];

		if (last && compare(&last->prefix, last->port, &e->prefix, e->port) == 0)
			continue;
		list->count4 += e->prefix.addr.family == 4;
		list->count6 += e->prefix.addr.family == 6;
		list->entries[kept++] = *e;
	}
	list->count = kept;
	inherit(list, before, now);
	less = realloc(list, sizeof *list + kept * sizeof *list->entries);
	*ret_list = less ? less : list;
	return 0;
}

void
feed_list_free(struct feed_list **list)
{
	free(*list);
	*list = NULL;
}

/* What tells one sequence of entries from another. */
static void
fingerprint(const struct feed_list *list, unsigned char sum[SUM_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, SUM_BYTES);
	for (size_t i = 0; i < list->count; i++) {
		const struct feed_entry *e = &list->entries[i];
		unsigned char bytes[20];

		memcpy(bytes, e->prefix.addr.bytes, 16);
		bytes[16] = e->prefix.addr.family;
		bytes[17] = e->prefix.len;
		bytes[18] = (unsigned char)(e->port >> 8);
		bytes[19] = (unsigned char)e->port;
		crypto_generichash_update(&state, bytes, sizeof bytes);
	}
	crypto_generichash_final(&state, sum, SUM_BYTES);
}

void *
feed_list_ages(const struct feed_list *list, size_t *ret_size)
{
	unsigned char *ages = malloc(SUM_BYTES + 4 * list->count), *p = ages;

	if (!ages)
		return NULL;
	fingerprint(list, p);
	p += SUM_BYTES;
	for (size_t i = 0; i < list->count; i++, p += 4) {
		uint32_t since = htole32(list->entries[i].since);

		memcpy(p, &since, 4);
	}
	*ret_size = SUM_BYTES + 4 * list->count;
	return ages;
}

bool
feed_list_restore(struct feed_list *list, const void *ages, size_t size)
{
	unsigned char sum[SUM_BYTES];
	const unsigned char *p = ages;

	if (size != SUM_BYTES + 4 * list->count)
		return false;
	fingerprint(list, sum);
	if (memcmp(sum, p, SUM_BYTES) != 0)
		return false;
	p += SUM_BYTES;
	for (size_t i = 0; i < list->count; i++, p += 4) {
		uint32_t since;

		memcpy(&since, p, 4);
		list->entries[i].since = le32toh(since);
	}
	return true;
}

uint32_t
feed_list_since(const struct feed_list *list, const struct prefix *prefix, uint16_t port)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct feed_entry *e = &list->entries[middle];
		int c = compare(&e->prefix, e->port, prefix, port);

		if (c == 0)
			return e->since;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}
