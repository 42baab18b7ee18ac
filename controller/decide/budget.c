/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The limits: captures in all, new ones a minute, rules and destinations a switch, bits a second an
 * analyser. Every refusal says which limit and by how much. What is taken is counted as captures
 * come, go and are measured (brain_recount reckons it from nothing).
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "controller/decide/brain.h"

unsigned
budget_starts(const struct decide *d, struct instant now)
{
	unsigned count = 0;

	/* The latest first: the ring is in the order of time. */
	while (count < BRAIN_STARTS_MAX) {
		struct instant at =
		    d->starts[(d->start_next + BRAIN_STARTS_MAX - 1 - count) % BRAIN_STARTS_MAX];

		if (at.ns == 0 || clk_diff(now, at) >= 60 * CLK_S)
			break;
		count++;
	}
	return count;
}

void
budget_started(struct decide *d, struct instant now)
{
	/* 0 marks a free place. */
	d->starts[d->start_next++ % BRAIN_STARTS_MAX] = now.ns != 0 ? now : (struct instant){1};
}

void
budget_restored(struct decide *d, struct instant begun)
{
	struct instant last = d->starts[(d->start_next + BRAIN_STARTS_MAX - 1) % BRAIN_STARTS_MAX];

	/* One that comes out of turn is left out: the ring is in the order of time. */
	if (!clk_before(begun, last))
		budget_started(d, begun);
}

static unsigned
level(int priority)
{
	return priority < 0                   ? 0
	       : priority >= BRAIN_PRIORITIES ? BRAIN_PRIORITIES - 1
					      : (unsigned)priority;
}

void
budget_live(struct decide *d, struct brain_capture *c, bool live)
{
	struct brain_analyser *a;

	if (c->analyser == UINT_MAX)
		return;
	a = &d->analysers[c->analyser];
	a->bps = live ? a->bps + c->pub.est_bps : a->bps - c->pub.est_bps;
	a->live[level(c->pub.priority)] += live ? 1u : -1u;
}

void
budget_rate(struct decide *d, struct brain_capture *c, uint64_t bps)
{
	if (c->analyser != UINT_MAX && life_is_live(c->pub.state))
		d->analysers[c->analyser].bps += bps - c->pub.est_bps;
	c->pub.est_bps = bps;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a == 0 ? b : b == 0 || a < b ? a : b;
}

/* Analysers that the switch copies to, one more with `analyser`. */
static unsigned
destinations(const struct decide *d, const struct brain_switch *sw, unsigned analyser)
{
	unsigned count = 0;

	for (unsigned a = 0; a < d->analyser_count; a++) {
		bool used = false;

		/* Two names for one address are one destination. */
		if (d->analysers[a].same != a)
			continue;
		for (unsigned b = a; b < d->analyser_count; b++)
			used = used ||
			       (d->analysers[b].same == a && (sw->uses[b] > 0 || b == analyser));
		count += used;
	}
	return count;
}

unsigned
decide_switch_destinations(const struct decide *d, unsigned id)
{
	return destinations(d, &d->switches[id], UINT_MAX);
}

enum result
budget_switch(const struct decide *d, unsigned id, unsigned rules, unsigned analyser,
    char why[VERDICT_TEXT_MAX])
{
	const struct brain_switch *sw = &d->switches[id];
	unsigned max = least(sw->conf.rules_max, sw->rules_max), after;

	if (max != 0 && sw->rules + rules > max) {
		snprintf(why, VERDICT_TEXT_MAX,
		    "%s holds %u mirror rules of at most %u; this needs %u: %u too many",
		    sw->conf.name, sw->rules, max, rules, sw->rules + rules - max);
		return RESULT_LIMIT_RULES;
	}
	max = least(sw->conf.destinations_max, sw->destinations_max);
	if (max == 0)
		return RESULT_OK;
	after = destinations(d, sw, analyser);
	if (after > max && after > destinations(d, sw, UINT_MAX)) {
		snprintf(why, VERDICT_TEXT_MAX,
		    "%s copies to %u analysers of at most %u; %s would be one more", sw->conf.name,
		    after - 1, max, d->analysers[analyser].conf.name);
		return RESULT_LIMIT_DESTINATIONS;
	}
	return RESULT_OK;
}

/* Captures of lower priority that make room for `over` bits a second when they go. */
static bool
make_room(const struct decide *d, struct verdict *v, int priority, uint64_t over)
{
	const struct brain_analyser *a = &d->analysers[v->analyser];
	const struct brain_capture *c;
	uint64_t freed = 0;

	v->evict_count = 0;
	for (unsigned p = 0; p < level(priority) && freed < over; p++) {
		if (a->live[p] == 0)
			continue;
		TAILQ_FOREACH(c, &d->live, order)
		{
			if (freed >= over || v->evict_count == VERDICT_EVICTS_MAX)
				break;
			if (c->analyser != v->analyser || !life_is_live(c->pub.state) ||
			    level(c->pub.priority) != p || c->pub.est_bps == 0 || wide_takes(v, c))
				continue;
			freed += c->pub.est_bps;
			v->evicts[v->evict_count++] = c->pub.id;
		}
	}
	if (freed < over)
		v->evict_count = 0;
	return freed >= over;
}

static bool
check_bandwidth(const struct decide *d, struct verdict *v, int priority)
{
	const struct brain_analyser *b = &d->analysers[v->analyser];
	const struct policy_analyser *a = &b->conf;
	unsigned copies = 0;
	uint64_t est, after;

	/* Where each switch has one direction, the two make one copy; the conversations of one
	 * remote are each at a place of its own. */
	for (unsigned i = 0; i < v->holder_count && v->wide != VERDICT_REMOTE; i++)
		copies += v->shares[i].way == VERDICT_BOTH ? 2 : 1;
	est = v->est_bps * (copies > 2 ? copies : 2) / 2;
	after = b->bps - wide_frees(d, v) + est;
	if (a->hard_bps != 0 && est > a->hard_bps)
		return verdict_step(v, "budget", RESULT_TOO_LARGE_FOR_CAPTURE,
		    "an estimated %" PRIu64 " kbit/s ±%u%% (%u samples) is %" PRIu64
		    " more than the %" PRIu64 " that analyser %s takes",
		    est / 1000, v->est_error, v->est_samples, (est - a->hard_bps) / 1000,
		    a->hard_bps / 1000, a->name);
	if (a->hard_bps != 0 && after > a->hard_bps &&
	    !make_room(d, v, priority, after - a->hard_bps))
		return verdict_step(v, "budget", RESULT_LIMIT_BANDWIDTH,
		    "analyser %s gets %" PRIu64 " kbit/s; %" PRIu64 " more would be %" PRIu64
		    " over its hard limit of %" PRIu64,
		    a->name, b->bps / 1000, est / 1000, (after - a->hard_bps) / 1000,
		    a->hard_bps / 1000);
	if (a->soft_bps != 0 && after > a->soft_bps && priority < d->limits.soft_priority)
		return verdict_step(v, "budget", RESULT_LIMIT_BANDWIDTH,
		    "analyser %s would get %" PRIu64 " kbit/s, %" PRIu64
		    " over its soft limit of %" PRIu64 ", and priority %d is below %d",
		    a->name, after / 1000, (after - a->soft_bps) / 1000, a->soft_bps / 1000,
		    priority, d->limits.soft_priority);
	return true;
}

bool
budget_room(const struct decide *d, struct verdict *v, struct instant now)
{
	unsigned starts;

	if (d->live_count >= d->limits.captures)
		return verdict_step(v, "budget", RESULT_LIMIT_CAPTURES,
		    "%zu captures live of at most %u (setting captures): 1 too many", d->live_count,
		    d->limits.captures);
	starts = budget_starts(d, now);
	if (starts >= d->limits.starts_minute)
		return verdict_step(v, "budget", RESULT_LIMIT_RATE,
		    "%u captures were begun within the last minute, of at most %u (setting "
		    "starts): 1 "
		    "too many",
		    starts, d->limits.starts_minute);
	return true;
}

bool
budget_check(const struct decide *d, struct verdict *v, int priority)
{
	unsigned rules = 0;

	for (unsigned i = 0; i < v->holder_count; i++) {
		char why[VERDICT_TEXT_MAX];
		enum result code =
		    budget_switch(d, v->holders[i], v->shares[i].rules, v->analyser, why);

		if (code != RESULT_OK)
			return verdict_step(v, "budget", code, "%s", why);
		rules += v->shares[i].rules;
	}
	if (!check_bandwidth(d, v, priority))
		return false;
	if (v->evict_count > 0)
		return verdict_step(v, "budget", RESULT_OK,
		    "%u rules on %u switches, an estimated %" PRIu64
		    " kbit/s; %u captures of lower "
		    "priority make room, capture %" PRIu64 " first",
		    rules, v->holder_count, v->est_bps / 1000, v->evict_count, v->evicts[0]);
	return verdict_step(v, "budget", RESULT_OK,
	    "%u rules on %u switches, an estimated %" PRIu64 " kbit/s; %zu of %u captures live",
	    rules, v->holder_count, v->est_bps / 1000, d->live_count, d->limits.captures);
}

/* The one that has to go first: one that is over its own limit, which its switches should have
 * ended (or lie); else the lowest priority, then the oldest. */
static struct brain_capture *
victim(struct decide *d, unsigned analyser, bool *ret_itself)
{
	struct brain_capture *c, *worst = NULL;

	*ret_itself = false;
	TAILQ_FOREACH(c, &d->live, order)
	{
		uint64_t brake;

		if (c->analyser != analyser || !life_is_live(c->pub.state) || c->pub.est_bps == 0)
			continue;
		brake = capture_brake(d, c);
		if (brake != 0 && c->pub.est_bps > brake) {
			*ret_itself = true;
			return c;
		}
		if (worst == NULL || c->pub.priority < worst->pub.priority)
			worst = c;
	}
	return worst;
}

void
budget_enforce(struct decide *d, struct instant now)
{
	for (unsigned i = 0; i < d->analyser_count; i++) {
		const struct brain_analyser *a = &d->analysers[i];
		uint64_t hard = a->conf.hard_bps;

		while (hard != 0 && a->bps > hard) {
			char text[DECIDE_TEXT_MAX];
			bool itself;
			struct brain_capture *c = victim(d, i, &itself);

			if (c == NULL)
				break;
			snprintf(text, sizeof text,
			    "analyser %s gets %" PRIu64 " kbit/s, %" PRIu64
			    " over its hard limit of %" PRIu64 "; this capture's share is %" PRIu64
			    "%s",
			    a->conf.name, a->bps / 1000, (a->bps - hard) / 1000, hard / 1000,
			    c->pub.est_bps / 1000,
			    itself ? ", over its own limit" : ", its priority the lowest");
			d->counts.evicted++;
			capture_end(d, c, RESULT_END_BUDGET, text, now);
		}
	}
}
