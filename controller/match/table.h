/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prefix table: which entries of which feeds hold an address. Built once from a list of
 * entries, read-only from then on, shared by all receiver threads; a new list is a new table,
 * published through a slot (RCU). An address that an allow prefix holds is a miss, however long the
 * block prefix behind it.
 */
#ifndef CONTROLLER_MATCH_TABLE_H
#define CONTROLLER_MATCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

struct table;

/* One line of a feed, as given to the builder. */
struct table_entry {
	struct prefix prefix;
	bool allow;    /* an allow entry: silences every block entry for the addresses it holds */
	uint16_t port; /* host order; 0 is any */
	uint16_t
	    feed; /* id of the feed; TABLE_ALLOW and TABLE_NEVER are allow entries by themselves */
	uint32_t line; /* in the version of the feed that is in use, from 1 */
};

#define TABLE_ALLOW UINT16_MAX /* the configuration's own allow-list */
#define TABLE_NEVER                                                                                \
	(UINT16_MAX - 1) /* ranges that never match: loopback, multicast, local networks, … */

/*
 * Builds a table of `count` entries, in any order, duplicates welcome. Allocates; on the worker
 * thread alone. 0, or -ENOMEM, or -E2BIG (over 2^28 entries).
 */
int table_new(const struct table_entry *entries, size_t count, struct table **ret_table);
void table_free(struct table **table);

/*
 * The hot path: 0 for a miss, else the number of the set of entries that hold the address. IPv4 in
 * host order; IPv6 as 16 bytes. No allocation, no lock.
 */
static inline uint32_t table_find4(const struct table *table, uint32_t addr);
static inline uint32_t table_find6(const struct table *table, const uint8_t addr[16]);
uint32_t table_find(const struct table *table, const struct addr *addr);

/*
 * The same without allow entries' effect: the set of all entries that hold the address, allow
 * entries among them; 0 when there is none. *ret_allowed says that table_find misses because of an
 * allow entry.
 */
uint32_t table_explain(const struct table *table, const struct addr *addr, bool *ret_allowed);

/*
 * Copies the entries of a set, longest prefix first, `max` at the most, and returns how many there
 * are. A set that table_find gave holds block entries alone.
 */
size_t table_set(const struct table *table, uint32_t set, struct table_entry *entries, size_t max);

struct table_stats {
	size_t entries4, entries6; /* distinct (prefix, port, feed, line), allow entries included */
	size_t sets;               /* distinct prefixes */
	size_t bytes;              /* everything the table takes */
};
void table_stats(const struct table *table, struct table_stats *ret_stats);

/*
 * The head of every table, seen by the inlined look-ups alone: a bit for each /24 (IPv4, IPv6),
 * clear when nothing in it matches. Nearly every look-up ends at it, without so much as a call.
 */
struct table_sieve {
	const uint64_t *v4, *v6;
};

/* What the look-ups below do when the bit is set; not called otherwise. */
uint32_t table_past4(const struct table *table, uint32_t addr);
uint32_t table_past6(const struct table *table, const uint8_t addr[16]);

static inline uint32_t
table_find4(const struct table *table, uint32_t addr)
{
	const struct table_sieve *sieve = (const struct table_sieve *)(const void *)table;

	return sieve->v4[addr >> 14] >> (addr >> 8 & 63) & 1 ? table_past4(table, addr) : 0;
}

static inline uint32_t
table_find6(const struct table *table, const uint8_t addr[16])
{
	const struct table_sieve *sieve = (const struct table_sieve *)(const void *)table;
	uint32_t top = (uint32_t)addr[0] << 16 | (uint32_t)addr[1] << 8 | addr[2];

	return sieve->v6[top >> 6] >> (top & 63) & 1 ? table_past6(table, addr) : 0;
}

#endif
