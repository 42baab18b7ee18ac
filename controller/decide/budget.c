/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The limits: captures in all, new ones a minute, rules and destinations a switch, bits a second an
 * analyser. Every refusal says which limit and by how much.
 */
#include <inttypes.h>
#include <stdio.h>

#include "controller/decide/brain.h"

static bool
holds(const struct brain_capture *c, unsigned id)
{
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		if (c->pub.holders[i].id == id && !c->pub.holders[i].gone)
			return true;
	return false;
}

/* A capture that is being removed still takes its slots. */
unsigned
budget_rules(const struct decide *d, unsigned id)
{
	const struct brain_capture *c;
	unsigned rules = 0;

	TAILQ_FOREACH(c, &d->live, order)
	if (holds(c, id))
		rules += filter_rules(&c->pub.filter);
	return rules;
}

uint64_t
budget_bps(const struct decide *d, unsigned analyser)
{
	const struct brain_capture *c;
	uint64_t bps = 0;

	TAILQ_FOREACH(c, &d->live, order)
	if (c->analyser == analyser && life_is_live(c->pub.state))
		bps += c->pub.est_bps;
	return bps;
}

unsigned
budget_starts(const struct decide *d, struct instant now)
{
	unsigned count = 0;

	for (size_t i = 0; i < BRAIN_STARTS_MAX; i++)
		count += d->starts[i].ns != 0 && clk_diff(now, d->starts[i]) < 60 * CLK_S;
	return count;
}

void
budget_started(struct decide *d, struct instant now)
{
	/* 0 marks a free place. */
	d->starts[d->start_next++ % BRAIN_STARTS_MAX] = now.ns != 0 ? now : (struct instant){1};
}

static bool
check_switch(const struct decide *d, struct verdict *v, unsigned id)
{
	const struct brain_switch *sw = &d->switches[id];
	unsigned taken = budget_rules(d, id), max = sw->conf.rules_max;
	const struct brain_capture *c;
	unsigned destinations = 0;
	bool known = false;

	if (max == 0 || (sw->rules_max != 0 && sw->rules_max < max))
		max = sw->rules_max;
	if (max != 0 && taken + v->rules > max)
		return verdict_step(v, "budget", RESULT_LIMIT_RULES,
		    "%s holds %u mirror rules of at most %u; this needs %u more", sw->conf.name,
		    taken, max, v->rules);
	if (sw->conf.destinations_max == 0)
		return true;
	for (unsigned a = 0; a < d->analyser_count; a++) {
		bool used = false;

		TAILQ_FOREACH(c, &d->live, order)
		used = used || (c->analyser == a && holds(c, id));
		destinations += used;
		known = known || (used && a == v->analyser);
	}
	if (!known && destinations >= sw->conf.destinations_max)
		return verdict_step(v, "budget", RESULT_LIMIT_DESTINATIONS,
		    "%s copies to %u analysers, which is its most", sw->conf.name, destinations);
	return true;
}

static bool
check_bandwidth(const struct decide *d, struct verdict *v, int priority)
{
	const struct policy_analyser *a = &d->analysers[v->analyser];
	/* The same conversation from several switches is so many copies. */
	uint64_t est = v->est_bps * (v->holder_count > 0 ? v->holder_count : 1);
	uint64_t now_bps = budget_bps(d, v->analyser);

	if (a->hard_bps != 0 && est > a->hard_bps)
		return verdict_step(v, "budget", RESULT_TOO_LARGE_FOR_CAPTURE,
		    "an estimated %" PRIu64 " kbit/s from %u samples is more than the %" PRIu64
		    " kbit/s that analyser %s takes",
		    est / 1000, v->est_samples, a->hard_bps / 1000, a->name);
	if (a->hard_bps != 0 && now_bps + est > a->hard_bps)
		return verdict_step(v, "budget", RESULT_LIMIT_BANDWIDTH,
		    "analyser %s gets %" PRIu64 " kbit/s; %" PRIu64
		    " more would be over its hard limit of %" PRIu64,
		    a->name, now_bps / 1000, est / 1000, a->hard_bps / 1000);
	if (a->soft_bps != 0 && now_bps + est > a->soft_bps && priority < d->limits.soft_priority)
		return verdict_step(v, "budget", RESULT_LIMIT_BANDWIDTH,
		    "analyser %s would get %" PRIu64 " kbit/s, over its soft limit of %" PRIu64
		    ", and priority %d is below %d",
		    a->name, (now_bps + est) / 1000, a->soft_bps / 1000, priority,
		    d->limits.soft_priority);
	return true;
}

bool
budget_check(const struct decide *d, struct verdict *v, int priority, struct instant now)
{
	unsigned starts = budget_starts(d, now);

	if (d->live_count >= d->limits.captures)
		return verdict_step(v, "budget", RESULT_LIMIT_CAPTURES,
		    "%zu captures live of at most %u", d->live_count, d->limits.captures);
	if (starts >= d->limits.starts_minute)
		return verdict_step(v, "budget", RESULT_LIMIT_RATE,
		    "%u captures were begun within the last minute, of at most %u", starts,
		    d->limits.starts_minute);
	for (unsigned i = 0; i < v->holder_count; i++)
		if (!check_switch(d, v, v->holders[i]))
			return false;
	if (!check_bandwidth(d, v, priority))
		return false;
	return verdict_step(v, "budget", RESULT_OK,
	    "%u rules on %u switches, an estimated %" PRIu64 " kbit/s; %zu of %u captures live",
	    v->rules, v->holder_count, v->est_bps / 1000, d->live_count, d->limits.captures);
}

/* The one that has to go first: the lowest priority, then the oldest. */
static struct brain_capture *
victim(struct decide *d, unsigned analyser)
{
	struct brain_capture *c, *worst = NULL;

	TAILQ_FOREACH(c, &d->live, order)
	if (c->analyser == analyser && life_is_live(c->pub.state) && c->pub.est_bps > 0 &&
	    (worst == NULL || c->pub.priority < worst->pub.priority))
		worst = c;
	return worst;
}

void
budget_enforce(struct decide *d, struct instant now)
{
	for (unsigned a = 0; a < d->analyser_count; a++) {
		uint64_t hard = d->analysers[a].hard_bps, bps;

		while (hard != 0 && (bps = budget_bps(d, a)) > hard) {
			struct brain_capture *c = victim(d, a);
			char text[DECIDE_TEXT_MAX];

			if (c == NULL)
				break;
			snprintf(text, sizeof text,
			    "analyser %s gets %" PRIu64 " kbit/s, %" PRIu64
			    " over its hard limit; this capture's share is %" PRIu64,
			    d->analysers[a].name, bps / 1000, (bps - hard) / 1000,
			    c->pub.est_bps / 1000);
			capture_end(d, c, RESULT_END_BUDGET, text, now);
		}
	}
}
