/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the decider shows: orders for switches, captures, numbers. */
#include <string.h>

#include "controller/decide/brain.h"

bool
decide_changed(struct decide *d, unsigned *ret_id)
{
	for (unsigned i = 0; i < d->switch_count; i++) {
		if (!d->switches[i].changed)
			continue;
		d->switches[i].changed = false;
		*ret_id = i;
		return true;
	}
	return false;
}

static void
fill_order(const struct decide *d, const struct brain_capture *c, const struct decide_holder *h,
    struct instant now, struct order *o)
{
	int64_t left = clk_diff(c->pub.ends, now) / CLK_MS;

	memset(o, 0, sizeof *o);
	o->capture = c->pub.id;
	o->filter = capture_filter(c, h);
	o->analyser = c->pub.analyser;
	if (c->pub.ends.ns != 0)
		o->remaining_ms = left < 1 ? 1 : left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
	o->max_bps = capture_brake(d, c);
	o->max_packets = c->pub.max_packets;
	o->max_bytes = c->pub.max_bytes;
}

size_t
decide_orders(
    const struct decide *d, unsigned id, struct order *orders, size_t max, struct instant now)
{
	const struct brain_link *link;
	size_t count = 0;

	TAILQ_FOREACH(link, &d->switches[id].links, entry)
	{
		const struct brain_capture *c = link->capture;
		const struct decide_holder *h = &c->pub.holders[link - c->links];

		if (h->wanted && count < max)
			fill_order(d, c, h, now, &orders[count++]);
	}
	return count;
}

uint32_t
decide_lease_ms(const struct decide *d)
{
	return d->limits.lease_ms;
}

const struct decide_capture *
decide_find(const struct decide *d, uint64_t id)
{
	const struct brain_capture *c = capture_find(d, id);

	return c != NULL ? &c->pub : NULL;
}

const struct decide_capture *
decide_next(const struct decide *d, bool over, uint64_t after_id)
{
	const struct brain_capture *c = after_id != 0 ? capture_find(d, after_id) : NULL;

	/* The one before may be over or forgotten by now: then from the beginning. */
	if (c != NULL && life_is_over(c->pub.state) == over)
		c = TAILQ_NEXT(c, order);
	else
		c = TAILQ_FIRST(over ? &d->over : &d->live);
	while (c != NULL && c->pub.id <= after_id)
		c = TAILQ_NEXT(c, order);
	return c != NULL ? &c->pub : NULL;
}

unsigned
decide_switch_rules(const struct decide *d, unsigned id)
{
	return d->switches[id].rules;
}

unsigned
decide_switch_captures(const struct decide *d, unsigned id)
{
	return d->switches[id].captures;
}

void
decide_stats(const struct decide *d, struct instant now, struct decide_stats *ret_stats)
{
	struct decide_stats s = d->counts;

	s.live = d->live_count;
	s.over = d->over_count;
	s.conversations = convs_count(d->convs);
	s.conversations_forgotten = convs_forgotten(d->convs);
	s.hosts = hosts_count(d->hosts);
	s.starts_minute = budget_starts(d, now);
	for (unsigned a = 0; a < d->analyser_count; a++)
		s.est_bps += d->analysers[a].bps;
	*ret_stats = s;
}
