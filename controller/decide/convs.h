/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The conversations that are remembered, and what hosts do with many peers: a bounded hash table,
 * the longest silent forgotten first. Rows with a capture or a cool-down are kept longer (up to
 * half of the table), so that a flood does not make cool-downs forgotten. Owns its rows; a row
 * stays where it is until it is forgotten.
 */
#ifndef CONTROLLER_DECIDE_CONVS_H
#define CONTROLLER_DECIDE_CONVS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/addr.h"
#include "common/base/clk.h"

#define CONVS_SLOTS 8
#define CONVS_MIN 64
#define CONVS_SEEN 2
#define CONVS_REFUSED 4

enum convs_kind {
	CONVS_PAIR,   /* a conversation */
	CONVS_REMOTE, /* one remote and its locals; `local` is none */
	CONVS_PREFIX, /* one local and its remotes in a prefix: `remote`/`len` */
};

struct convs_key {
	struct addr local, remote;
	uint32_t vni; /* 0: none */
	uint8_t kind; /* enum convs_kind */
	uint8_t len;
	uint8_t pad[2]; /* zero */
};

/* Samples, one or some that came close together. */
struct convs_slot {
	struct instant at; /* the oldest of them */
	uint64_t bytes;    /* estimated from them, as are the packets */
	uint32_t count, packets;
};

struct convs_row {
	struct convs_key key;
	struct convs_slot slots[CONVS_SLOTS]; /* oldest first */
	uint8_t slot_count;
	bool kept;
	uint16_t told_code;   /* what the last event about it said */
	struct instant told;  /* when */
	uint64_t capture;     /* that lives; 0: none */
	unsigned returns;     /* captures that ended since the last long quiet */
	struct instant ended; /* of the last one; 0: none */
	/* Switches (id + 1; 0: none) that refused its capture, the latest first: not asked again
	 * for a while. */
	uint16_t refused_by[CONVS_REFUSED], refused_code; /* enum result, of the latest */
	struct instant refused;
	/* Switches (id + 1) that saw it go out and come in, the latest first. */
	uint16_t seen_out[CONVS_SEEN], seen_in[CONVS_SEEN];
	/* CONVS_PAIR: when it was counted as a peer last. Else: since when peers are counted. */
	struct instant peered;
	uint32_t peers;
	struct prefix common; /* that holds all of these peers */
	TAILQ_ENTRY(convs_row) age;
	struct convs_row *next;
};

struct convs;

/* Room for `max` rows, at least CONVS_MIN. 0 or -ENOMEM. */
int convs_new(size_t max, struct convs **ret_convs);
void convs_free(struct convs **convs);

/* NULL when it is not remembered. */
struct convs_row *convs_find(const struct convs *convs, const struct convs_key *key);

/* Finds or makes, and makes it the youngest. A full table forgets its oldest row; NULL when no
 * memory is left. */
struct convs_row *convs_touch(struct convs *convs, const struct convs_key *key);

/* After `capture` or `returns` of a row changed: whether it is among those kept longer. */
void convs_keep(struct convs *convs, struct convs_row *row);

size_t convs_count(const struct convs *convs);
/* Rows that made room for others. */
uint64_t convs_forgotten(const struct convs *convs);

/*
 * Samples. Up to CONVS_SLOTS within a window are remembered one by one; when there are more, those
 * nearest each other are taken together as of the older one's time: what convs_sum counts lay
 * within the window for certain.
 */
void convs_sample(struct convs_row *row, int64_t window_ns, struct instant now, uint32_t count,
    uint64_t packets, uint64_t bytes);

struct convs_sum {
	uint32_t samples;
	uint64_t packets, bytes;
	/* The highest rate that some of the newest samples come to; a moment alone says nothing of
	 * rates, so at least ten seconds are reckoned. */
	uint64_t bps;
};
void convs_sum(
    const struct convs_row *row, int64_t window_ns, struct instant now, struct convs_sum *ret_sum);
void convs_clear_samples(struct convs_row *row);

/* Other ids of switches: `new_ids` by old id, -1: gone. */
void convs_renumber(struct convs *convs, const int *new_ids, size_t count);

/* A switch saw it, going out or coming in. */
void convs_seen(struct convs_row *row, bool outbound, unsigned id);

/* A switch refused its capture. False: so many have that another try is one too many. */
bool convs_refuse(
    struct convs_row *row, unsigned id, uint16_t code, int64_t for_ns, struct instant now);
bool convs_refused(const struct convs_row *row, unsigned id, int64_t for_ns, struct instant now);

/* `pair` is one of a wide row's conversations; `peer` is the address that differs among them.
 * Counts it once within `window_ns`. */
void convs_peer(struct convs_row *wide, struct convs_row *pair, const struct addr *peer,
    int64_t window_ns, struct instant now);

#endif
