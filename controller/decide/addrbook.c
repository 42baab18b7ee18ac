/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries in one array without holes, chained by index: looking at all of them is one walk through
 * memory. */
#include "controller/decide/addrbook.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct addrbook {
	struct addrbook_entry *entries;
	size_t count, room;
	uint32_t *heads; /* index + 1; as many as `room`, a power of two */
};

uint64_t
addrbook_hash(const struct addr *addr, uint64_t seed)
{
	uint64_t words[3], h = seed ^ UINT64_C(0xcbf29ce484222325);

	memcpy(words, addr, sizeof words);
	for (size_t i = 0; i < 3; i++) {
		h = (h ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h;
}

int
addrbook_new(struct addrbook **ret_book)
{
	struct addrbook *b = calloc(1, sizeof *b);

	if (b == NULL)
		return -ENOMEM;
	b->room = 64;
	b->entries = calloc(b->room, sizeof *b->entries);
	b->heads = calloc(b->room, sizeof *b->heads);
	if (b->entries == NULL || b->heads == NULL) {
		addrbook_free(&b);
		return -ENOMEM;
	}
	*ret_book = b;
	return 0;
}

void
addrbook_free(struct addrbook **book)
{
	if (*book == NULL)
		return;
	free((*book)->entries);
	free((*book)->heads);
	free(*book);
	*book = NULL;
}

static uint32_t *
head(const struct addrbook *b, const struct addr *addr)
{
	return &b->heads[addrbook_hash(addr, 0) & (b->room - 1)];
}

static void
chain(struct addrbook *b, size_t index)
{
	uint32_t *h = head(b, &b->entries[index].addr);

	b->entries[index].next = *h;
	*h = (uint32_t)index + 1;
}

static void
unchain(struct addrbook *b, size_t index)
{
	uint32_t *link = head(b, &b->entries[index].addr);

	while (*link != index + 1)
		link = &b->entries[*link - 1].next;
	*link = b->entries[index].next;
}

static int
grow(struct addrbook *b)
{
	size_t room = b->room * 2;
	struct addrbook_entry *entries = calloc(room, sizeof *entries);
	uint32_t *heads = calloc(room, sizeof *heads);

	if (entries == NULL || heads == NULL || room > UINT32_MAX) {
		free(entries);
		free(heads);
		return -ENOMEM;
	}
	memcpy(entries, b->entries, b->count * sizeof *entries);
	free(b->entries);
	free(b->heads);
	b->entries = entries;
	b->heads = heads;
	b->room = room;
	for (size_t i = 0; i < b->count; i++)
		chain(b, i);
	return 0;
}

int
addrbook_add(struct addrbook *b, const struct addr *addr, unsigned kind, unsigned id)
{
	if (b->count == b->room) {
		int r = grow(b);

		if (r < 0)
			return r;
	}
	b->entries[b->count] = (struct addrbook_entry){.addr = *addr, .id = id, .kind = kind};
	chain(b, b->count++);
	return 0;
}

void
addrbook_remove(struct addrbook *b, const struct addr *addr, unsigned kind, unsigned id)
{
	const struct addrbook_entry *e = addrbook_find(b, addr, NULL);
	size_t index, last;

	while (e != NULL && (e->kind != kind || e->id != id))
		e = addrbook_find(b, addr, e);
	if (e == NULL)
		return;
	index = (size_t)(e - b->entries);
	last = b->count - 1;
	unchain(b, index);
	if (index != last) {
		unchain(b, last);
		b->entries[index] = b->entries[last];
		chain(b, index);
	}
	b->count--;
}

const struct addrbook_entry *
addrbook_find(const struct addrbook *b, const struct addr *addr, const struct addrbook_entry *after)
{
	uint32_t at = after != NULL ? after->next : *head(b, addr);

	while (at != 0 && !addr_equal(&b->entries[at - 1].addr, addr))
		at = b->entries[at - 1].next;
	return at != 0 ? &b->entries[at - 1] : NULL;
}

const struct addrbook_entry *
addrbook_inside(const struct addrbook *b, const struct prefix *prefix)
{
	for (size_t i = 0; i < b->count; i++)
		if (prefix_contains(prefix, &b->entries[i].addr))
			return &b->entries[i];
	return NULL;
}

size_t
addrbook_count(const struct addrbook *b)
{
	return b->count;
}
