/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What time brings: ends, hosts that moved, switches that are not heard of. */
#include <stdio.h>

#include "controller/decide/brain.h"

#define MOVE_EVERY (2 * CLK_S)
#define HOSTS_SETTLE (10 * CLK_S) /* of a session, until all its hosts are told */

/* Whether a switch that doesn't claim the host can be taken to be without it: one that is away, or
 * has come a moment ago, has not told all it knows. */
static bool
is_without(const struct brain_switch *sw, struct instant now)
{
	return sw->connected && sw->hosts_told && clk_diff(now, sw->since) >= HOSTS_SETTLE;
}

/* Its holders, as they would stay: those that are planned, and those that may have the host yet.
 * False: all of the others are planned already. */
static bool
leaves_any(const struct decide *d, const struct brain_capture *c, const struct verdict *v,
    struct instant now, bool *ret_later)
{
	bool leaves = false;

	for (unsigned k = 0; k < c->pub.holder_count; k++) {
		const struct decide_holder *h = &c->pub.holders[k];
		bool planned = !h->wanted;

		for (unsigned i = 0; i < v->holder_count; i++)
			planned = planned || v->holders[i] == h->id;
		if (planned)
			continue;
		if (is_without(&d->switches[h->id], now))
			leaves = true;
		else
			*ret_later = true;
	}
	return leaves;
}

/* Its local host may be attached elsewhere by now. True: it is to be looked at again. */
static bool
follow(struct decide *d, struct brain_capture *c, struct instant now)
{
	struct verdict v;
	struct place_wish wish = {.where = POLICY_EDGE,
	    .seen = -1,
	    .local = &c->pub.filter.a.addr,
	    .vni = c->pub.vni,
	    .now = now};
	char text[DECIDE_TEXT_MAX];
	bool same = true, later = false;

	verdict_init(&v);
	v.filter = c->pub.filter;
	v.analyser = c->analyser;
	if (hosts_find(d->hosts, wish.local, NULL) == NULL)
		return false; /* a host that is silent has not moved */
	if (!place_conversation(d, &v, &wish)) {
		/* A switch that is away may come back, and its host with it. */
		if (v.code == RESULT_NOT_CONNECTED)
			return true;
		snprintf(text, sizeof text, "where its host is now: %.200s", verdict_text(&v));
		capture_end(d, c, RESULT_END_MOVED, text, now);
		return false;
	}
	for (unsigned i = 0; i < v.holder_count; i++) {
		bool held = false;

		for (unsigned k = 0; k < c->pub.holder_count; k++)
			held = held ||
			       (c->pub.holders[k].id == v.holders[i] && c->pub.holders[k].wanted);
		if (held)
			continue;
		same = false;
		enum result code =
		    budget_switch(d, v.holders[i], v.shares[i].rules, c->analyser, v.steps[0].text);

		if (code != RESULT_OK) {
			snprintf(
			    text, sizeof text, "where its host is now: %.200s", v.steps[0].text);
			capture_end(d, c, RESULT_END_MOVED, text, now);
			return false;
		}
	}
	if (!leaves_any(d, c, &v, now, &later) && same)
		return later;
	/* Who may have the host yet keeps it. */
	for (unsigned k = 0; k < c->pub.holder_count; k++) {
		const struct decide_holder *h = &c->pub.holders[k];
		bool planned = !h->wanted || is_without(&d->switches[h->id], now);

		for (unsigned i = 0; i < v.holder_count; i++)
			planned = planned || v.holders[i] == h->id;
		if (planned || v.holder_count == VERDICT_HOLDERS_MAX)
			continue;
		v.shares[v.holder_count] = (struct verdict_share){.way = h->way};
		v.holders[v.holder_count++] = h->id;
	}
	struct decide_event event = {.kind = "moved",
	    .capture = &c->pub,
	    .from = c->pub.state,
	    .to = c->pub.state,
	    .text = v.steps[0].text,
	    .verdict = &v};

	capture_move(d, c, &v, now);
	if (d->sink.event != NULL)
		d->sink.event(d->user, now, &event);
	return later;
}

static void
follow_all(struct decide *d, struct instant now)
{
	struct brain_capture *c, *next;
	bool later = false;

	for (c = TAILQ_FIRST(&d->live); c != NULL; c = next) {
		next = TAILQ_NEXT(c, order);
		if (!c->pub.edge || !life_is_live(c->pub.state))
			continue;
		/* A host that is here and there by turns must not keep two switches busy. */
		if (clk_diff(now, c->placed) < MOVE_EVERY)
			later = true;
		else
			later = follow(d, c, now) || later;
	}
	d->hosts_changed = later;
}

static void
tick_live(struct decide *d, struct brain_capture *c, struct instant now)
{
	const struct decide_capture *p = &c->pub;
	int64_t lease = (int64_t)d->limits.lease_ms * CLK_MS;
	enum result code = RESULT_OK;

	if (p->ends.ns != 0 && !clk_before(now, p->ends))
		code = RESULT_END_DURATION;
	else if (p->idle_ns > 0 && p->state >= LIFE_IN_KERNEL &&
		 clk_diff(now, p->moved) >= p->idle_ns)
		code = RESULT_END_IDLE;
	else if (p->max_packets > 0 && p->packets >= p->max_packets)
		code = RESULT_END_PACKETS;
	else if (p->max_bytes > 0 && p->bytes >= p->max_bytes)
		code = RESULT_END_BYTES;
	if (code != RESULT_OK) {
		capture_end(d, c, code, result_text((int)code), now);
		return;
	}
	/* A switch that is not heard for a lease holds nothing any more, whatever it said last. */
	for (unsigned i = 0; i < p->holder_count; i++) {
		struct decide_holder *h = &c->pub.holders[i];

		if (h->gone || !h->wanted || !h->told || d->switches[h->id].connected ||
		    clk_diff(now, d->switches[h->id].heard) < lease)
			continue;
		capture_lose(d, c, h, now);
	}
}

/* A switch that is not heard for a lease has taken its rules out by itself. */
static void
tick_dropped(struct decide *d, struct brain_capture *c, struct instant now)
{
	int64_t lease = (int64_t)d->limits.lease_ms * CLK_MS;

	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		struct decide_holder *h = &c->pub.holders[i];

		if (h->gone || h->wanted || d->switches[h->id].connected ||
		    clk_diff(now, h->dropped) < lease ||
		    clk_diff(now, d->switches[h->id].heard) < lease)
			continue;
		capture_holder_gone(d, c, h, now);
		if (life_is_over(c->pub.state))
			return;
	}
}

void
decide_tick(struct decide *d, struct instant now)
{
	struct brain_capture *c, *next;

	for (c = TAILQ_FIRST(&d->live); c != NULL; c = next) {
		next = TAILQ_NEXT(c, order);
		if (life_is_live(c->pub.state))
			tick_live(d, c, now);
		if (!life_is_over(c->pub.state))
			tick_dropped(d, c, now);
	}
	if (d->hosts_changed)
		follow_all(d, now);
	budget_enforce(d, now);
	brain_retry(d, now);
}
