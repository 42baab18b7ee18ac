/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One host with many, taken as one capture: where it is held, and what it takes over. Its
 * conversations are attached to many switches. It stands where the captures of single ones stood,
 * and spreads to the switches of those that come later; one outside of its filter opens a wider
 * one, which takes it over.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/decide/brain.h"

static bool
plans(const struct verdict *v, unsigned id)
{
	for (unsigned i = 0; i < v->holder_count; i++)
		if (v->holders[i] == id)
			return true;
	return false;
}

bool
wide_takes(const struct verdict *v, const struct brain_capture *c)
{
	if (v->wide == VERDICT_PAIR || c->pub.manual || !life_is_live(c->pub.state) ||
	    c->analyser != v->analyser || !filter_covers(&v->filter, &c->pub.filter))
		return false;
	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		const struct decide_holder *h = &c->pub.holders[i];
		bool here = !h->wanted;

		for (unsigned k = 0; k < v->holder_count && !here; k++)
			here = v->holders[k] == h->id && v->shares[k].way == VERDICT_BOTH;
		if (!here)
			return false;
	}
	return true;
}

uint64_t
wide_frees(const struct decide *d, const struct verdict *v)
{
	const struct brain_capture *c;
	uint64_t freed = 0;

	if (v->wide == VERDICT_PAIR)
		return 0;
	TAILQ_FOREACH(c, &d->live, order)
	if (wide_takes(v, c))
		freed += c->pub.est_bps;
	return freed;
}

/* A capture that is where the local hosts of its conversations are. */
static bool
at_edges(const struct brain_capture *c)
{
	return c->pub.edge || c->pub.wide == VERDICT_REMOTE;
}

void
wide_join(const struct decide *d, struct verdict *v, const struct place_wish *wish)
{
	const struct brain_capture *c;
	unsigned before = v->holder_count;

	v->edge = false;
	if (wish->where != POLICY_EDGE)
		return;
	TAILQ_FOREACH(c, &d->live, order)
	{
		if (c->pub.manual || !life_is_live(c->pub.state) || c->analyser != v->analyser ||
		    !at_edges(c) || !filter_covers(&v->filter, &c->pub.filter))
			continue;
		for (unsigned i = 0; i < c->pub.holder_count; i++) {
			const struct decide_holder *h = &c->pub.holders[i];

			if (h->wanted && !plans(v, h->id))
				(void)place_more(d, v, wish, h->id);
		}
	}
	if (v->holder_count > before)
		verdict_step(v, "place", RESULT_OK,
		    "and %u more switches, where conversations of it are captured already",
		    v->holder_count - before);
}

void
wide_missed(const struct decide *d, struct verdict *v, const struct brain_capture *c,
    const struct place_wish *wish, char text[VERDICT_TEXT_MAX])
{
	unsigned ids[DECIDE_HOLDERS_MAX], count, wanted = 0;
	char why[VERDICT_TEXT_MAX], local[ADDR_TEXT_MAX];

	text[0] = '\0';
	if (c->pub.wide != VERDICT_REMOTE || c->pub.manual || !life_is_live(c->pub.state) ||
	    wish->where != POLICY_EDGE || d->frozen)
		return;
	addr_format(wish->local, local);
	count = place_edge(d, v, wish, ids);
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		wanted += c->pub.holders[i].wanted;
	for (unsigned i = 0; i < count; i++) {
		bool held = false;

		for (unsigned k = 0; k < c->pub.holder_count; k++)
			held = held || (c->pub.holders[k].id == ids[i] && c->pub.holders[k].wanted);
		if (held)
			continue;
		if (wanted + v->holder_count == DECIDE_HOLDERS_MAX) {
			snprintf(text, VERDICT_TEXT_MAX,
			    ", and %.40s is at yet another switch: it has %u", local, wanted);
			return;
		}
		if (budget_switch(d, ids[i], filter_rules(&c->pub.filter), c->analyser, why) !=
		    RESULT_OK) {
			snprintf(
			    text, VERDICT_TEXT_MAX, ", but not where %.40s is: %.90s", local, why);
			continue;
		}
		(void)place_more(d, v, wish, ids[i]);
		snprintf(text, VERDICT_TEXT_MAX, ", and goes to %.40s as well, where %.40s is",
		    d->switches[ids[i]].conf.name, local);
	}
}

void
wide_spread(struct decide *d, const struct verdict *v, const struct sighting *s, struct instant now)
{
	struct brain_capture *c = capture_find(d, v->capture);
	struct verdict whole = *v;
	struct decide_event event = {.kind = "moved",
	    .text = verdict_text(v),
	    .sighting = s,
	    .policy = &d->policies[v->policy],
	    .verdict = v};

	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		const struct decide_holder *h = &c->pub.holders[i];

		if (!h->wanted || whole.holder_count == VERDICT_HOLDERS_MAX)
			continue;
		whole.shares[whole.holder_count] = (struct verdict_share){.way = h->way};
		whole.holders[whole.holder_count++] = h->id;
	}
	event.capture = &c->pub;
	event.from = event.to = c->pub.state;
	capture_move(d, c, &whole, now);
	if (d->sink.event != NULL)
		d->sink.event(d->user, now, &event);
}

void
wide_absorb(
    struct decide *d, const struct verdict *v, const struct brain_capture *wide, struct instant now)
{
	struct brain_capture *c, *next;
	char text[DECIDE_TEXT_MAX];

	snprintf(text, sizeof text, "capture %" PRIu64 " takes it over", wide->pub.id);
	for (c = TAILQ_FIRST(&d->live); c != NULL; c = next) {
		next = TAILQ_NEXT(c, order);
		if (c != wide && wide_takes(v, c))
			capture_end(d, c, RESULT_END_WIDER, text, now);
	}
}
