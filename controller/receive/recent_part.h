/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables' insides and the writer's side of them: what a receiver thread does for each sample,
 * inline. For recent.c and glance.c alone.
 *
 * A place is a key and a value word. Its one writer makes a new conversation by value 0, key,
 * value, in that order; a reader takes value, key, value, key and believes them when both times
 * they were the same and the value not 0. The writer reads its own places plainly: nobody else
 * writes.
 *
 * Memory is what this costs, so samples are put off: a sample's set is fetched (recent_note) while
 * the rest of the datagram is decoded, and written down then (recent_settle).
 */
#ifndef CONTROLLER_RECEIVE_RECENT_PART_H
#define CONTROLLER_RECEIVE_RECENT_PART_H

#include <string.h>

#include "controller/receive/recent.h"

#define RECENT_WAYS4 4 /* one line a set */
#define RECENT_WAYS6 3 /* two that are fetched as one */
#define RECENT_MINUTE (60 * CLK_S)
#define RECENT_HOURS 64

/* Value: minute of the last sample, minutes since the first, remote port, samples, flags. Never 0
 * for a conversation: it has a sample. */
#define RECENT_LAST_BITS 20
#define RECENT_SPAN_BITS 12
#define RECENT_LAST_MAX ((1u << RECENT_LAST_BITS) - 1)
#define RECENT_SPAN_MAX ((1u << RECENT_SPAN_BITS) - 1)
#define RECENT_SPAN_SHIFT 20
#define RECENT_PORT_SHIFT 32
#define RECENT_SAMPLES_SHIFT 48
#define RECENT_FLAGS_SHIFT 60
#define RECENT_OUTBOUND (UINT64_C(1) << 60)
#define RECENT_INBOUND (UINT64_C(1) << 61)
#define RECENT_PORTS (UINT64_C(1) << 62)
#define RECENT_UNLISTED (UINT64_C(1) << 63)
#define RECENT_FLAGS (RECENT_OUTBOUND | RECENT_INBOUND | RECENT_PORTS | RECENT_UNLISTED)

struct recent_set4 {
	_Alignas(64) uint32_t locals[RECENT_WAYS4];
	uint32_t remotes[RECENT_WAYS4];
	_Atomic uint64_t values[RECENT_WAYS4];
};
struct recent_set6 {
	_Alignas(128) uint64_t keys[RECENT_WAYS6][4]; /* two words of local, two of remote */
	_Atomic uint64_t values[RECENT_WAYS6];
};
_Static_assert(sizeof(struct recent_set4) == 64 && sizeof(struct recent_set6) == 128, "layout");

/* A sample that is to be written down. */
struct recent_wait {
	const uint8_t *src; /* its addresses in the datagram, the destination behind the source */
	uint64_t key;       /* for IPv4: local | remote << 32, as they lie in memory */
	uint32_t set;
	uint16_t port; /* the remote one, when it is known already */
	uint8_t how;   /* RECENT_IS_… */
};
/* The first four are the flags of a value, shifted down. */
#define RECENT_IS_OUTBOUND 1u
#define RECENT_IS_INBOUND 2u
#define RECENT_IS_UNLISTED 8u
#define RECENT_IS_FLAGS 11u
#define RECENT_IS_V6 16u
#define RECENT_IS_RAW 32u /* before `src` is an IP header, behind it 4 bytes at least */
#define RECENT_WAITS 64

/* In the file: what a table forgot, by the hour it was last seen in. */
struct recent_lost {
	_Atomic uint64_t newest;              /* minute + 1 of the youngest one forgotten */
	_Atomic uint64_t hours[RECENT_HOURS]; /* hour << 32 | count */
};

struct recent_table {
	struct recent_set4 *sets4;
	struct recent_set6 *sets6;
	struct recent_lost *lost;
	uint16_t *told4, *told6;   /* the walker's: a place's key, shortened, when it was told */
	unsigned shift4, shift6;   /* 64 - log2 of the number of sets */
	uint64_t seed[4];          /* odd */
	struct instant base, turn; /* minute 0; when `minute` ends */
	uint32_t minute, window;   /* minutes */
	_Atomic uint64_t *alive;   /* minute + 1 in which a thread last looked at a sample */
	unsigned wait_count;
	struct recent_wait waits[RECENT_WAITS];
};

/* recent.c: the minute of `now` is another one. */
void recent_turn(struct recent_table *table, struct instant now);

/* Once for each datagram, before the samples of it. */
static inline void
recent_now(struct recent_table *table, struct instant now)
{
	if (__builtin_expect(now.ns >= table->turn.ns, 0))
		recent_turn(table, now);
}

static inline uint64_t
recent_hash4(const struct recent_table *table, uint64_t key)
{
	uint64_t h = (key ^ table->seed[0]) * table->seed[1];
	return (h ^ h >> 32) * table->seed[2];
}

static inline uint64_t
recent_hash6(const struct recent_table *table, const uint64_t key[4])
{
	uint64_t h = (key[0] ^ table->seed[0]) * table->seed[1];
	h = (h ^ h >> 32 ^ key[1]) * table->seed[2];
	h = (h ^ h >> 32 ^ key[2]) * table->seed[3];
	h = (h ^ h >> 32 ^ key[3]) * table->seed[1];
	return (h ^ h >> 32) * table->seed[2];
}

/* recent.c, for what is rarer: a conversation in another minute than the last; one that is not
 * there.
 */
uint64_t recent_later(
    const struct recent_table *table, const struct recent_wait *wait, uint64_t value);
void recent_add4(struct recent_table *table, const struct recent_wait *wait);
void recent_add6(struct recent_table *table, const struct recent_wait *wait);

static inline uint64_t
recent_flags(const struct recent_wait *wait)
{
	return (uint64_t)(wait->how & RECENT_IS_FLAGS) << RECENT_FLAGS_SHIFT;
}

/* Another sample of a conversation that is there. Its port is looked at once a minute. */
static inline void
recent_again(
    const struct recent_table *table, const struct recent_wait *wait, _Atomic uint64_t *value)
{
	uint64_t v = atomic_load_explicit(value, memory_order_relaxed);
	if (__builtin_expect((v & RECENT_LAST_MAX) != table->minute, 0))
		v = recent_later(table, wait, v);
	v |= recent_flags(wait);
	if ((~v & (uint64_t)RECENT_SAMPLES_MAX << RECENT_SAMPLES_SHIFT) != 0)
		v += UINT64_C(1) << RECENT_SAMPLES_SHIFT;
	atomic_store_explicit(value, v, memory_order_relaxed);
}

typedef uint32_t recent_words __attribute__((vector_size(16)));
typedef uint64_t recent_pair __attribute__((vector_size(16)));

/* Which places have the key, as bits (one at most): without a branch for each, for where a search
 * ends nobody can predict. */
static inline unsigned
recent_match4(const struct recent_set4 *set, uint64_t key)
{
	static const recent_words bits = {1, 2, 4, 8};
	recent_words locals, remotes, l = {0}, r = {0};
	memcpy(&locals, set->locals, sizeof locals);
	memcpy(&remotes, set->remotes, sizeof remotes);
	l += (uint32_t)key;
	r += (uint32_t)(key >> 32);
	recent_pair found = (recent_pair)((recent_words)((locals == l) & (remotes == r)) & bits);
	uint64_t both = found[0] | found[1];
	return (unsigned)(both | both >> 32) & 0xf;
}

static inline unsigned
recent_match6(const struct recent_set6 *set, const uint64_t key[4])
{
	unsigned match = 0;
	for (unsigned way = 0; way < RECENT_WAYS6; way++) {
		const uint64_t *at = set->keys[way];
		uint64_t differ =
		    (at[0] ^ key[0]) | (at[1] ^ key[1]) | (at[2] ^ key[2]) | (at[3] ^ key[3]);
		match |= (unsigned)(differ == 0) << way;
	}
	return match;
}

/* The four words of an IPv6 pair, the local side first. */
static inline void
recent_key6(const uint8_t *src, bool outbound, uint64_t ret_key[4])
{
	memcpy(ret_key, src + (outbound ? 0 : 16), 16);
	memcpy(ret_key + 2, src + (outbound ? 16 : 0), 16);
}

static inline void
recent_write(struct recent_table *table, const struct recent_wait *wait)
{
	if (__builtin_expect((wait->how & RECENT_IS_V6) == 0, 1)) {
		struct recent_set4 *set = &table->sets4[wait->set];
		unsigned match = recent_match4(set, wait->key);
		if (__builtin_expect(match != 0, 1))
			recent_again(table, wait, &set->values[__builtin_ctz(match)]);
		else
			recent_add4(table, wait);
	} else {
		struct recent_set6 *set = &table->sets6[wait->set];
		uint64_t key[4];
		recent_key6(wait->src, (wait->how & RECENT_IS_OUTBOUND) != 0, key);
		unsigned match = recent_match6(set, key);
		if (__builtin_expect(match != 0, 1))
			recent_again(table, wait, &set->values[__builtin_ctz(match)]);
		else
			recent_add6(table, wait);
	}
}

/* Writes all down that waits: before the next datagram's samples, and before the bytes go. */
static inline void
recent_settle(struct recent_table *table)
{
	for (unsigned i = 0; i < table->wait_count; i++)
		recent_write(table, &table->waits[i]);
	table->wait_count = 0;
}

/* A sample whose addresses are at `src`, which stays there until recent_settle. `how`: of
 * RECENT_IS_…, with one of the two directions; `port` where the sample is not RECENT_IS_RAW. */
static inline void
recent_note(struct recent_table *table, const uint8_t *src, unsigned how, uint16_t port)
{
	unsigned at = table->wait_count;
	if (__builtin_expect(at == RECENT_WAITS, 0)) {
		recent_settle(table);
		at = 0;
	}
	struct recent_wait *wait = &table->waits[at];
	if (__builtin_expect((how & RECENT_IS_V6) == 0, 1)) {
		uint64_t key;
		memcpy(&key, src, sizeof key);
		unsigned turn = (how & RECENT_IS_INBOUND) * 16; /* by half */
		key = key << turn | key >> (-turn & 63);
		wait->key = key;
		wait->set = (uint32_t)(recent_hash4(table, key) >> table->shift4);
		__builtin_prefetch(&table->sets4[wait->set], 1);
	} else {
		uint64_t key[4];
		recent_key6(src, (how & RECENT_IS_OUTBOUND) != 0, key);
		wait->set = (uint32_t)(recent_hash6(table, key) >> table->shift6);
		__builtin_prefetch(&table->sets6[wait->set], 1);
		__builtin_prefetch(table->sets6[wait->set].values, 1);
	}
	wait->src = src;
	wait->port = port;
	wait->how = (uint8_t)how;
	table->wait_count = at + 1;
}

#endif
