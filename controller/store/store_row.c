/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/store/store_row.h"

#include <stdlib.h>
#include <string.h>

struct store_row *
store_row_new(enum store_kind kind, const void *body, size_t size)
{
	struct store_row *row = calloc(1, sizeof *row + size);

	if (row == NULL)
		return NULL;
	row->kind = kind;
	row->size = size;
	if (body != NULL)
		memcpy(row->body, body, size);
	return row;
}

bool
store_row_same(const struct store_row *a, const struct store_row *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case STORE_FLAG: {
		const struct store_flag *f = store_row_flag(a), *g = store_row_flag(b);

		return f->kind == g->kind && strcmp(f->name, g->name) == 0;
	}
	case STORE_AGENT:
		return strcmp(store_row_agent(a)->agent.name, store_row_agent(b)->agent.name) == 0;
	case STORE_CAPTURE:
		return store_row_capture(a)->capture.id == store_row_capture(b)->capture.id;
	case STORE_COOLDOWN: {
		const struct store_cooldown *c = store_row_cooldown(a), *d = store_row_cooldown(b);

		return addr_equal(&c->local, &d->local) && addr_equal(&c->remote, &d->remote) &&
		       c->vni == d->vni;
	}
	case STORE_SIGHTING: {
		const struct store_sighting *s = store_row_sighting(a), *t = store_row_sighting(b);

		return addr_equal(&s->local, &t->local) && addr_equal(&s->remote, &t->remote) &&
		       s->vni == t->vni && prefix_equal(&s->prefix, &t->prefix) &&
		       strcmp(s->feed, t->feed) == 0;
	}
	case STORE_EVENT:
	case STORE_KINDS:
		break;
	}
	return false;
}

static uint64_t
mix(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t
mix_pair(uint64_t hash, const struct addr *local, const struct addr *remote, uint32_t vni)
{
	hash = mix(hash, local->bytes, sizeof local->bytes);
	hash = mix(hash, remote->bytes, sizeof remote->bytes);
	return mix(hash, &vni, sizeof vni);
}

uint64_t
store_row_hash(const struct store_row *row)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) + row->kind;

	switch (row->kind) {
	case STORE_FLAG:
		hash = mix(hash, store_row_flag(row)->name, strlen(store_row_flag(row)->name));
		break;
	case STORE_AGENT:
		hash = mix(hash, store_row_agent(row)->agent.name,
		    strlen(store_row_agent(row)->agent.name));
		break;
	case STORE_CAPTURE:
		hash = mix(hash, &store_row_capture(row)->capture.id, sizeof(uint64_t));
		break;
	case STORE_COOLDOWN:
		hash = mix_pair(hash, &store_row_cooldown(row)->local,
		    &store_row_cooldown(row)->remote, store_row_cooldown(row)->vni);
		break;
	case STORE_SIGHTING:
		hash = mix_pair(hash, &store_row_sighting(row)->local,
		    &store_row_sighting(row)->remote, store_row_sighting(row)->vni);
		break;
	case STORE_EVENT:
	case STORE_KINDS:
		return 0;
	}
	hash ^= hash >> 32;
	return hash != 0 ? hash : 1;
}

void
store_row_merge(struct store_row *newer, const struct store_row *older)
{
	if (older->number < newer->number)
		newer->number = older->number;
	if (newer->kind != STORE_SIGHTING)
		return;
	struct store_sighting *sum = (void *)newer->body;
	const struct store_sighting *old = store_row_sighting(older);

	sum->inbound += old->inbound;
	sum->outbound += old->outbound;
	sum->packets += old->packets;
	sum->bytes += old->bytes;
	if (old->first_ns < sum->first_ns)
		sum->first_ns = old->first_ns;
	if (old->last_ns > sum->last_ns)
		sum->last_ns = old->last_ns;
}
