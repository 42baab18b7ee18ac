/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A chained hash table with two lists by age. Rows are allocated as they come, up to the bound. */
#include "controller/decide/convs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/decide/addrbook.h"

#define RATE_OVER (10 * CLK_S)

TAILQ_HEAD(convs_ages, convs_row);

struct convs {
	size_t max, count, kept_count, mask;
	uint64_t forgotten;
	struct convs_ages plain, kept; /* oldest first */
	struct convs_row **buckets;
};

static size_t
hash(const struct convs_key *key)
{
	/* Who picks addresses to collide fills a chain of a bounded table. */
	uint64_t seed = ((uint64_t)key->vni << 16 | (unsigned)key->kind << 8 | key->len) + 1;

	return (size_t)addrbook_hash(&key->local, addrbook_hash(&key->remote, seed));
}

static bool
equal(const struct convs_key *a, const struct convs_key *b)
{
	return a->vni == b->vni && a->kind == b->kind && a->len == b->len &&
	       addr_equal(&a->remote, &b->remote) && addr_equal(&a->local, &b->local);
}

int
convs_new(size_t max, struct convs **ret_convs)
{
	struct convs *c = calloc(1, sizeof *c);
	size_t size = 64;

	if (c == NULL)
		return -ENOMEM;
	c->max = max > CONVS_MIN ? max : CONVS_MIN;
	while (size < c->max && size < ((size_t)1 << 24))
		size *= 2;
	c->mask = size - 1;
	c->buckets = calloc(size, sizeof *c->buckets);
	if (c->buckets == NULL) {
		free(c);
		return -ENOMEM;
	}
	TAILQ_INIT(&c->plain);
	TAILQ_INIT(&c->kept);
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
	TAILQ_CONCAT(&c->plain, &c->kept, age);
	while ((row = TAILQ_FIRST(&c->plain)) != NULL) {
		TAILQ_REMOVE(&c->plain, row, age);
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

/* Takes the oldest plain row out of table and list, for use again. There is one: kept rows are half
 * of the table at the most. */
static struct convs_row *
forget(struct convs *c)
{
	struct convs_row *row = TAILQ_FIRST(&c->plain);
	struct convs_row **link = &c->buckets[hash(&row->key) & c->mask];

	while (*link != row)
		link = &(*link)->next;
	*link = row->next;
	TAILQ_REMOVE(&c->plain, row, age);
	c->count--;
	c->forgotten++;
	return row;
}

struct convs_row *
convs_touch(struct convs *convs, const struct convs_key *key)
{
	struct convs_row *row = convs_find(convs, key);

	if (row != NULL) {
		struct convs_ages *ages = row->kept ? &convs->kept : &convs->plain;

		TAILQ_REMOVE(ages, row, age);
		TAILQ_INSERT_TAIL(ages, row, age);
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
	TAILQ_INSERT_TAIL(&convs->plain, row, age);
	convs->count++;
	return row;
}

static void
move(struct convs *c, struct convs_row *row, bool kept)
{
	TAILQ_REMOVE(row->kept ? &c->kept : &c->plain, row, age);
	TAILQ_INSERT_TAIL(kept ? &c->kept : &c->plain, row, age);
	c->kept_count += kept ? 1 : (size_t)-1;
	row->kept = kept;
}

void
convs_keep(struct convs *c, struct convs_row *row)
{
	bool keep = row->capture != 0 || row->returns > 0 || row->refused_by[0] != 0;

	if (keep == row->kept)
		return;
	move(c, row, keep);
	if (c->kept_count > c->max / 2)
		move(c, TAILQ_FIRST(&c->kept), false);
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

/* ---- samples ---- */

static void
take_out(struct convs_row *row, unsigned slot)
{
	row->slot_count--;
	memmove(&row->slots[slot], &row->slots[slot + 1],
	    (row->slot_count - slot) * sizeof *row->slots);
}

static uint32_t
add32(uint32_t a, uint64_t b)
{
	return b > UINT32_MAX - a ? UINT32_MAX : a + (uint32_t)b;
}

/* How long the slot and the next one would last as one. */
static int64_t
span(const struct convs_row *row, unsigned slot, struct instant now)
{
	return clk_diff(
	    slot + 2 < row->slot_count ? row->slots[slot + 2].at : now, row->slots[slot].at);
}

/* Two neighbours become one: those that make the shortest, which is two sevenths of the window at
 * the most. */
static void
merge(struct convs_row *row, struct instant now)
{
	unsigned best = 0;

	for (unsigned i = 1; i + 1 < row->slot_count; i++)
		if (span(row, i, now) < span(row, best, now))
			best = i;
	struct convs_slot *into = &row->slots[best], *from = &row->slots[best + 1];

	into->bytes += from->bytes;
	into->count = add32(into->count, from->count);
	into->packets = add32(into->packets, from->packets);
	take_out(row, best + 1);
}

void
convs_sample(struct convs_row *row, int64_t window_ns, struct instant now, uint32_t count,
    uint64_t packets, uint64_t bytes)
{
	if (row->slot_count > 0 && clk_before(now, row->slots[row->slot_count - 1].at))
		now = row->slots[row->slot_count - 1].at;
	while (row->slot_count > 0 && clk_diff(now, row->slots[0].at) > window_ns)
		take_out(row, 0);
	if (row->slot_count == CONVS_SLOTS)
		merge(row, now);
	row->slots[row->slot_count++] = (struct convs_slot){
	    .at = now, .bytes = bytes, .count = count, .packets = add32(0, packets)};
}

void
convs_sum(
    const struct convs_row *row, int64_t window_ns, struct instant now, struct convs_sum *ret_sum)
{
	struct convs_sum sum = {.samples = 0};

	for (unsigned i = row->slot_count; i-- > 0;) {
		const struct convs_slot *slot = &row->slots[i];
		int64_t age = clk_diff(now, slot->at);

		if (age > window_ns)
			break;
		sum.samples = add32(sum.samples, slot->count);
		sum.packets += slot->packets;
		sum.bytes += slot->bytes;
		double over = (double)(age > RATE_OVER ? age : RATE_OVER) / (double)CLK_S;
		double bps = (double)sum.bytes * 8 / over;
		uint64_t whole = bps > 1e15 ? UINT64_C(1000000000000000) : (uint64_t)bps;

		if (whole > sum.bps)
			sum.bps = whole;
	}
	*ret_sum = sum;
}

void
convs_clear_samples(struct convs_row *row)
{
	row->slot_count = 0;
}

void
convs_seen(struct convs_row *row, bool outbound, unsigned id)
{
	uint16_t *seen = outbound ? row->seen_out : row->seen_in, this = (uint16_t)(id + 1);

	if (id >= UINT16_MAX || seen[0] == this)
		return;
	seen[1] = seen[0];
	seen[0] = this;
}

static uint16_t
renumber(uint16_t id, const int *new_ids, size_t count)
{
	return id == 0 || id > count || new_ids[id - 1] < 0 ? 0 : (uint16_t)(new_ids[id - 1] + 1);
}

void
convs_renumber(struct convs *convs, const int *new_ids, size_t count)
{
	struct convs_ages *lists[2] = {&convs->plain, &convs->kept};
	struct convs_row *row;

	for (int i = 0; i < 2; i++)
		TAILQ_FOREACH(row, lists[i], age)
		{
			for (int k = 0; k < CONVS_REFUSED; k++)
				row->refused_by[k] = renumber(row->refused_by[k], new_ids, count);
			for (int k = 0; k < CONVS_SEEN; k++) {
				row->seen_out[k] = renumber(row->seen_out[k], new_ids, count);
				row->seen_in[k] = renumber(row->seen_in[k], new_ids, count);
			}
		}
}

bool
convs_refused(const struct convs_row *row, unsigned id, int64_t for_ns, struct instant now)
{
	if (clk_diff(now, row->refused) >= for_ns)
		return false;
	for (int i = 0; i < CONVS_REFUSED; i++)
		if (row->refused_by[i] == id + 1)
			return true;
	return false;
}

bool
convs_refuse(struct convs_row *row, unsigned id, uint16_t code, int64_t for_ns, struct instant now)
{
	bool again = id >= UINT16_MAX || convs_refused(row, id, for_ns, now);

	row->refused_code = code;
	if (clk_diff(now, row->refused) >= for_ns)
		memset(row->refused_by, 0, sizeof row->refused_by);
	row->refused = now;
	if (again)
		return false;
	memmove(&row->refused_by[1], &row->refused_by[0],
	    sizeof row->refused_by - sizeof row->refused_by[0]);
	row->refused_by[0] = (uint16_t)(id + 1);
	return row->refused_by[CONVS_REFUSED - 1] == 0;
}

/* The longest prefix that holds both. */
static struct prefix
join(const struct prefix *prefix, const struct addr *addr)
{
	for (unsigned len = prefix->len; len > 0; len--) {
		struct prefix one = prefix_make(&prefix->addr, len), other = prefix_make(addr, len);

		if (addr_equal(&one.addr, &other.addr))
			return one;
	}
	return prefix_make(addr, 0);
}

void
convs_peer(struct convs_row *wide, struct convs_row *pair, const struct addr *peer,
    int64_t window_ns, struct instant now)
{
	if (wide->peers == 0 || clk_diff(now, wide->peered) > window_ns) {
		wide->peers = 0;
		wide->peered = now;
		wide->common = prefix_make(peer, 128);
	} else if (pair->peered.ns != 0 && !clk_before(pair->peered, wide->peered)) {
		return;
	}
	wide->peers++;
	wide->common = join(&wide->common, peer);
}
