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
#include <string.h>

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
/*
 * For tables of few wide prefixes, asked for each address that passes: TABLE_NONE, TABLE_ALL, or
 * TABLE_SOME when the /16 does not tell and table_find must be asked. Bytes in network order.
 */
static inline unsigned table_shade(const struct table *table, bool v6, const uint8_t *addr);
#define TABLE_NONE 0u
#define TABLE_ALL 1u
#define TABLE_SOME 2u
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
 * The head of every table, seen by the inlined look-ups alone, IPv4 first, IPv6 second. The sieve:
 * a bit for each /24, clear when nothing in it matches; nearly every look-up ends at it, without so
 * much as a call. The shades: a byte for each /16, by its two bytes as they lie in memory.
 */
struct table_head {
	const uint64_t *sieve[2];
	const uint8_t *shade[2];
};

static inline const struct table_head *
table_head(const struct table *table)
{
	return (const struct table_head *)(const void *)table;
}

/* What the look-ups below do when the bit is set; not called otherwise. */
uint32_t table_past4(const struct table *table, uint32_t addr);
uint32_t table_past6(const struct table *table, const uint8_t addr[16]);

static inline uint32_t
table_sieve_bit(const uint64_t *sieve, uint32_t top)
{
	return (uint32_t)(sieve[top >> 14] >> (top >> 8 & 63)) & 1;
}

/* The sieve's bit for the upper 32 bits of an address, host order: 0 is a miss, 1 says that
 * table_past4 or table_past6 is to be asked. */
static inline uint32_t
table_maybe(const struct table *table, bool v6, uint32_t top)
{
	return table_sieve_bit(table_head(table)->sieve[v6], top);
}

/* For loops over many addresses of one family: what table_maybe and table_shade read, looked up
 * once. */
static inline const uint64_t *
table_sieve(const struct table *table, bool v6)
{
	return table_head(table)->sieve[v6];
}

static inline const uint8_t *
table_shades(const struct table *table, bool v6)
{
	return table_head(table)->shade[v6];
}

/* Starts to fetch that bit, for a look that is some dozens of nanoseconds ahead. */
static inline void
table_sieve_prefetch(const uint64_t *sieve, uint32_t top)
{
	__builtin_prefetch(&sieve[top >> 14]);
}

static inline uint32_t
table_find4(const struct table *table, uint32_t addr)
{
	return table_maybe(table, false, addr) ? table_past4(table, addr) : 0;
}

static inline uint32_t
table_find6(const struct table *table, const uint8_t addr[16])
{
	uint32_t top = (uint32_t)addr[0] << 24 | (uint32_t)addr[1] << 16 | (uint32_t)addr[2] << 8;

	return table_maybe(table, true, top) ? table_past6(table, addr) : 0;
}

static inline unsigned
table_shade(const struct table *table, bool v6, const uint8_t *addr)
{
	uint16_t top;

	memcpy(&top, addr, sizeof top);
	return table_head(table)->shade[v6][top];
}

#endif
