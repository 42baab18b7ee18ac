/* SPDX-License-Identifier: GPL-2.0-or-later */
#define HASH_NONFATAL_OOM 1
#include "agent/rules/held.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/result.h"

#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(item) ((item)->capture = 0)

struct held *
held_find(struct held_set *set, uint64_t capture)
{
	struct held *held = NULL;

	HASH_FIND(hh, set->head, &capture, sizeof capture, held);
	return held;
}

static void
take_times(struct held *held, uint32_t lease_ms, struct instant now)
{
	held_renew(held, lease_ms, now);
	held->own_end = (struct instant){0};
	if (held->order.remaining_ms)
		held->own_end = clk_add(now, held->order.remaining_ms * CLK_MS);
}

struct held *
held_add(struct held_set *set, const struct order *order, uint32_t lease_ms, struct instant now)
{
	struct held *held = calloc(1, sizeof *held);

	if (!held)
		return NULL;
	held->capture = order->capture;
	held->order = *order;
	held->hold = HOLD_INSTALLING;
	held->wanted = held->dirty = true;
	held->n_rules = filter_rules(&order->filter);
	take_times(held, lease_ms, now);
	HASH_ADD(hh, set->head, capture, sizeof held->capture, held);
	if (held->capture == 0) {
		free(held);
		return NULL;
	}
	set->n++;
	set->slots += held->n_rules;
	return held;
}

static bool
analyser_equal(const struct analyser *a, const struct analyser *b)
{
	return addr_equal(&a->addr, &b->addr) && a->session == b->session &&
	       a->erspan_type == b->erspan_type && a->ttl == b->ttl;
}

bool
held_same_way(const struct held *held, const struct order *order)
{
	return analyser_equal(&held->order.analyser, &order->analyser);
}

bool
held_update(struct held *held, const struct order *order, uint32_t lease_ms, struct instant now)
{
	if (!filter_equal(&held->order.filter, &order->filter))
		return false;
	if (!held_same_way(held, order))
		held->remake = true;
	held->order = *order;
	take_times(held, lease_ms, now);
	return true;
}

void
held_renew(struct held *held, uint32_t lease_ms, struct instant now)
{
	held->lease_end = clk_add(now, lease_ms * CLK_MS);
}

static void
leave(struct held *held, enum hold as, int code, const char *text)
{
	if (!held->wanted)
		return;
	held->wanted = false;
	held->hold = HOLD_REMOVING;
	held->ends_as = (uint8_t)as;
	held->dirty = true;
	held->code = held->end_code = (uint16_t)code;
	snprintf(held->text, sizeof held->text, "%.*s", (int)sizeof held->text - 1, text);
	memcpy(held->end_text, held->text, sizeof held->end_text);
}

void
held_end(struct held *held, int code, const char *text)
{
	leave(held, HOLD_ENDED, code, text);
}

void
held_fail(struct held *held, int code, const char *text)
{
	leave(held, HOLD_FAILED, code, text);
}

void
held_in_force(struct held *held, enum hold hold)
{
	held->hold = hold;
	held->base = held->total.packets;
	held->dirty = true;
}

unsigned
held_finish(struct held_set *set)
{
	unsigned n = 0;

	for (struct held *held = set->head; held; held = held->hh.next) {
		if (held->wanted || (held->hold != HOLD_REMOVING && held->hold != HOLD_STUCK) ||
		    held->in_kernel || held->placed || held->in_hw)
			continue;
		/* Not what the hardware said in between. */
		memcpy(held->text, held->end_text, sizeof held->text);
		held->hold = (enum hold)held->ends_as;
		held->code = held->end_code;
		held->dirty = true;
		n++;
	}
	return n;
}

void
held_remove(struct held_set *set, struct held *held)
{
	HASH_DEL(set->head, held);
	set->n--;
	set->slots -= held->n_rules;
	free(held);
}

void
held_clear(struct held_set *set)
{
	struct held *held, *next;

	HASH_ITER(hh, set->head, held, next)
	held_remove(set, held);
}

/* The earlier of the two ends. */
static struct instant
end_of(const struct held *held)
{
	return held->own_end.ns && clk_before(held->own_end, held->lease_end) ? held->own_end
									      : held->lease_end;
}

unsigned
held_expire(struct held_set *set, struct instant now)
{
	unsigned n = 0;

	for (struct held *held = set->head; held; held = held->hh.next) {
		if (!held->wanted || clk_before(now, end_of(held)))
			continue;
		bool own = held->own_end.ns && !clk_before(now, held->own_end);
		held_end(held, own ? RESULT_END_DURATION : RESULT_END_LEASE, "");
		n++;
	}
	return n;
}

bool
held_next(const struct held_set *set, struct instant *ret_at)
{
	bool any = false;
	struct instant first = {0};

	for (const struct held *held = set->head; held; held = held->hh.next)
		if (held->wanted && (!any || clk_before(end_of(held), first))) {
			first = end_of(held);
			any = true;
		}
	if (any)
		*ret_at = first;
	return any;
}

void
held_count(struct held *held, unsigned rule, struct entry_counters counters)
{
	if (rule >= FILTER_RULES_MAX)
		return;
	struct entry_counters *last = &held->last[rule];
	bool anew = counters.packets < last->packets || counters.bytes < last->bytes;
	uint64_t packets = counters.packets - (anew ? 0 : last->packets);
	uint64_t bytes = counters.bytes - (anew ? 0 : last->bytes);

	*last = counters;
	held->total.packets += packets;
	held->total.bytes += bytes;
	/* Until held_brake takes the window's end these hold bytes, not rates. */
	if (bytes > held->rule_bps)
		held->rule_bps = bytes;
	held->bps += bytes;
}

/* Bytes of the window into bits a second; at least 10 ms, so that two looks in a row divide well.
 */
static uint64_t
rate(uint64_t bytes, int64_t ns)
{
	int64_t ms = ns / CLK_MS < 10 ? 10 : ns / CLK_MS;

	return bytes > UINT64_MAX / 8000 ? UINT64_MAX : bytes * 8000 / (uint64_t)ms;
}

/* RESULT_OK, or the limit that the counters reached. */
static enum result
limit_of(const struct held *held)
{
	const struct order *o = &held->order;

	if (o->max_packets && held->total.packets >= o->max_packets)
		return RESULT_END_PACKETS;
	if (o->max_bytes && held->total.bytes >= o->max_bytes)
		return RESULT_END_BYTES;
	return RESULT_OK;
}

static unsigned
brake_one(struct held *held, uint64_t rule_bps)
{
	const struct order *o = &held->order;
	enum result limit = limit_of(held);
	bool again = held->enough;
	char text[ORDER_TEXT_MAX];

	/* The copier stops by itself at the limit, exact to the packet; what the kernel has queued
	 * for it gets until the next look. */
	held->enough = limit != RESULT_OK;
	if (limit != RESULT_OK && (again || held->target != WIRE_TARGET_NFLOG))
		held_end(held, limit, "");
	else if (rule_bps && held->rule_bps > rule_bps) {
		snprintf(text, sizeof text,
		    "a rule copied %" PRIu64 " bit/s; this switch allows %" PRIu64, held->rule_bps,
		    rule_bps);
		held_end(held, RESULT_END_BRAKE, text);
	} else if (o->max_bps && held->bps > o->max_bps) {
		snprintf(text, sizeof text,
		    "the capture copied %" PRIu64 " bit/s; it may copy %" PRIu64, held->bps,
		    o->max_bps);
		held_end(held, RESULT_END_BRAKE, text);
	} else
		return 0;
	return 1;
}

unsigned
held_brake(struct held_set *set, struct instant now, uint64_t rule_bps, uint64_t switch_bps)
{
	uint64_t sum = 0;
	unsigned n = 0;

	for (struct held *held = set->head; held; held = held->hh.next) {
		uint64_t window_rule = held->rule_bps, window_all = held->bps;
		held->rule_bps = rate(window_rule, clk_diff(now, held->moved));
		held->bps = rate(window_all, clk_diff(now, held->moved));
		if (window_all || held->moved.ns == 0)
			held->moved = now;
		if (!held->wanted)
			continue;
		n += brake_one(held, rule_bps);
		if (held->wanted)
			sum += held->bps;
	}
	/* The busiest go first: fewest captures are lost. */
	while (switch_bps && sum > switch_bps) {
		struct held *most = NULL;
		char text[ORDER_TEXT_MAX];
		for (struct held *held = set->head; held; held = held->hh.next)
			if (held->wanted && (!most || held->bps > most->bps))
				most = held;
		if (!most)
			break;
		snprintf(text, sizeof text,
		    "all captures copied %" PRIu64 " bit/s; this switch allows %" PRIu64, sum,
		    switch_bps);
		sum -= most->bps;
		held_end(most, RESULT_END_BRAKE, text);
		n++;
	}
	for (struct held *held = set->head; held; held = held->hh.next)
		held->rule_bps = held->bps = 0;
	set->bps = sum;
	return n;
}

struct holding
held_report(const struct held *held, struct instant now)
{
	struct holding h = {.capture = held->capture,
	    .hold = held->hold,
	    .rules = (uint8_t)held->in_kernel,
	    .code = held->code,
	    .packets = held->total.packets,
	    .bytes = held->total.bytes,
	    .copied = held->copied,
	    .dropped = held->dropped};

	memset(h.text, 0, sizeof h.text);
	snprintf(h.text, sizeof h.text, "%s", held->text);
	if (held->committed.ns) {
		int64_t ms = clk_diff(now, held->committed) / CLK_MS;
		h.held_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
	}
	return h;
}
