/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The captures that this switch holds: leases and deadlines on the boot clock, counters, brakes.
 * Pure: `now` and facts in, decisions out as fields of the captures. Owns the captures.
 */
#ifndef AGENT_RULES_HELD_H
#define AGENT_RULES_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "agent/rules/entry.h"
#include "agent/wire/wire.h"
#include "common/base/clk.h"
#include "common/base/order.h"

struct held {
	uint64_t capture;
	struct order order;
	struct addr source;          /* of the copies */
	char port[FILTER_IFACE_MAX]; /* that they leave through, when it was ordered; "": not known
				      */
	uint8_t target;              /* enum wire_target */
	enum hold hold;
	bool wanted;       /* its rules should be in the kernel */
	bool deferred;     /* left out of the batch in work */
	bool remake;       /* its rules are to be made anew: another analyser, another source */
	bool dirty;        /* to be reported */
	bool placed;       /* stands in what the back end carries into the hardware */
	bool was_placed;   /* before the change in work */
	bool in_sync;      /* was placed when the sync under way began */
	bool synced;       /* a good verdict came over it as it stands */
	bool in_hw;        /* the hardware may hold rules of it */
	bool fresh;        /* its rules were put in by the commit in work */
	bool exact;        /* the kernel gave its rules back byte for byte as they were sent */
	bool missing;      /* the last look did not find all of its rules as they should be */
	uint8_t ends_as;   /* enum hold, ENDED or FAILED: once nothing of it is left */
	uint16_t end_code; /* and why */
	char end_text[ORDER_TEXT_MAX];
	uint16_t code; /* enum result */
	char text[ORDER_TEXT_MAX];
	struct instant lease_end, own_end; /* own_end.ns 0: none */
	struct instant committed;          /* .ns 0: not yet */
	struct instant moved;              /* when counters last changed */
	struct instant seen;               /* when its rules were last seen as they should be */
	struct instant lost;               /* when they were last found missing */
	bool put_back;                     /* being put back after it was lost */
	uint64_t base;                     /* packets counted when it came into force */
	unsigned n_rules, in_kernel;
	unsigned n_lost; /* how often its rules were put back */
	struct entry_counters last[FILTER_RULES_MAX], total;
	uint64_t copied, copied_bytes, dropped;
	bool enough;            /* the last look saw a limit of packets or bytes reached */
	uint64_t rule_bps, bps; /* of the last window: the busiest rule, all rules */
	UT_hash_handle hh;
};

struct held_set {
	struct held *head;
	size_t n, slots; /* captures; rules they come to */
	uint64_t bps;    /* of the wanted ones, by the last held_brake */
};

struct held *held_find(struct held_set *set, uint64_t capture);

/* Adds a checked order, INSTALLING and wanted. NULL when out of memory. The capture must be new. */
struct held *held_add(
    struct held_set *set, const struct order *order, uint32_t lease_ms, struct instant now);

/* Takes an order for a capture that is there: limits, end and analyser may change, the filter may
 * not. False then, and nothing changed. */
bool held_update(
    struct held *held, const struct order *order, uint32_t lease_ms, struct instant now);

/* True when the order sends copies where they go now. */
bool held_same_way(const struct held *held, const struct order *order);

void held_renew(struct held *held, uint32_t lease_ms, struct instant now);

/* No longer wanted, with a reason. The first reason stays. */
void held_end(struct held *held, int code, const char *text);

/* The same for one that could not be installed: what there is of it goes, then it is FAILED. */
void held_fail(struct held *held, int code, const char *text);

/* It stands where it should, kernel or hardware: what is counted from now on is copied. */
void held_in_force(struct held *held, enum hold hold);

/* Ends those that are no longer wanted and of which nothing is left, in kernel or hardware. Returns
 * how many. */
unsigned held_finish(struct held_set *set);

/* Forgets it. */
void held_remove(struct held_set *set, struct held *held);
void held_clear(struct held_set *set);

/* Ends what is over by `now`. Returns how many were ended. */
unsigned held_expire(struct held_set *set, struct instant now);

/* The next instant at which held_expire has something to do; false when there is none. */
bool held_next(const struct held_set *set, struct instant *ret_at);

/* Takes a rule's counters as read. A counter that is smaller than before began anew. */
void held_count(struct held *held, unsigned rule, struct entry_counters counters);

/*
 * After all rules were counted at `now`: rates, limits of packets and bytes, brakes (bits a second;
 * 0 is none). A rate is taken over the time since the counters last moved: hardware's are copied
 * every few seconds. Ends what is over; returns how many.
 */
unsigned held_brake(
    struct held_set *set, struct instant now, uint64_t rule_bps, uint64_t switch_bps);

/* What is told of it. */
struct holding held_report(const struct held *held, struct instant now);

#endif
