/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/receive/coalesce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The bits by which a decision tells a knock and a reset from talk. */
#define TCP_TELLING 0x16

struct coalesce {
	size_t max, count, mask;
	uint64_t merged;
	uint32_t *slots; /* index + 1; open addressing, at most half full */
	struct sighting *sightings;
};

int
coalesce_new(size_t max, struct coalesce **ret_coalesce)
{
	struct coalesce *c;
	size_t size = 16;

	if (max == 0 || max > COALESCE_MAX)
		return -EINVAL;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	while (size < 2 * max)
		size *= 2;
	c->max = max;
	c->mask = size - 1;
	c->slots = calloc(size, sizeof *c->slots);
	c->sightings = calloc(max, sizeof *c->sightings);
	if (c->slots == NULL || c->sightings == NULL) {
		coalesce_free(&c);
		return -ENOMEM;
	}
	*ret_coalesce = c;
	return 0;
}

void
coalesce_free(struct coalesce **coalesce)
{
	if (*coalesce == NULL)
		return;
	free((*coalesce)->slots);
	free((*coalesce)->sightings);
	free(*coalesce);
	*coalesce = NULL;
}

static uint64_t
mix(uint64_t h, const void *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof word);
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static size_t
hash(const struct sighting *s)
{
	uint64_t h = (uint64_t)s->vni << 32 | (uint64_t)s->remote_port << 16 |
		     (uint64_t)s->proto << 8 | s->outbound;

	h = mix(mix(h, s->local.bytes), s->local.bytes + 8);
	h = mix(mix(h, s->remote.bytes), s->remote.bytes + 8);
	return (size_t)mix(h, s->exporter.bytes);
}

static bool
same_entries(const struct sighting *a, const struct sighting *b)
{
	if (a->feed_version != b->feed_version || a->entry_count != b->entry_count)
		return false;
	for (unsigned i = 0; i < a->entry_count; i++)
		if (a->entries[i].feed != b->entries[i].feed ||
		    a->entries[i].port != b->entries[i].port ||
		    a->entries[i].line != b->entries[i].line ||
		    !prefix_equal(&a->entries[i].prefix, &b->entries[i].prefix))
			return false;
	return true;
}

/* Whether a decision could tell them apart, but for how often and how large. */
static bool
alike(const struct sighting *a, const struct sighting *b)
{
	return addr_equal(&a->remote, &b->remote) && addr_equal(&a->local, &b->local) &&
	       addr_equal(&a->exporter, &b->exporter) && addr_equal(&a->from, &b->from) &&
	       a->outbound == b->outbound && a->vni == b->vni && a->inner == b->inner &&
	       a->proto == b->proto && a->has_ports == b->has_ports &&
	       a->remote_port == b->remote_port && a->icmp_type == b->icmp_type &&
	       ((a->tcp_flags ^ b->tcp_flags) & TCP_TELLING) == 0 &&
	       a->sampling_rate == b->sampling_rate && a->input == b->input && same_entries(a, b);
}

bool
coalesce_add(struct coalesce *c, const struct sighting *s)
{
	size_t slot = hash(s) & c->mask;

	for (; c->slots[slot] != 0; slot = (slot + 1) & c->mask) {
		struct sighting *first = &c->sightings[c->slots[slot] - 1];

		if (!alike(first, s))
			continue;
		/* It may stand for others itself. */
		if (first->merged >= UINT32_MAX - s->merged)
			return false;
		first->merged += 1 + s->merged;
		first->merged_bytes +=
		    (uint64_t)s->frame_length * s->sampling_rate + s->merged_bytes;
		c->merged++;
		return true;
	}
	if (c->count == c->max)
		return false;
	c->sightings[c->count++] = *s;
	c->slots[slot] = (uint32_t)c->count;
	return true;
}

size_t
coalesce_flush(
    struct coalesce *c, void (*take)(void *user, const struct sighting *sighting), void *user)
{
	size_t count = c->count;

	memset(c->slots, 0, (c->mask + 1) * sizeof *c->slots);
	c->count = 0;
	for (size_t i = 0; i < count; i++)
		take(user, &c->sightings[i]);
	return count;
}

size_t
coalesce_count(const struct coalesce *c)
{
	return c->count;
}

uint64_t
coalesce_merged(const struct coalesce *c)
{
	return c->merged;
}
