/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Captures: how they begin, what switches say of them, how they end. The only file that moves a
 * state, and it does so through life_step alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/decide/brain.h"

static struct brain_capture **
bucket(struct decide *d, uint64_t id)
{
	return &d->buckets[id % BRAIN_BUCKETS];
}

struct brain_capture *
capture_find(const struct decide *d, uint64_t id)
{
	struct brain_capture *c = d->buckets[id % BRAIN_BUCKETS];

	while (c != NULL && c->pub.id != id)
		c = c->next;
	return c;
}

static void
tell(struct decide *d, struct brain_capture *c, enum life from, struct instant now)
{
	struct decide_event event = {.kind = "capture",
	    .capture = &c->pub,
	    .from = from,
	    .to = c->pub.state,
	    .code = c->pub.code,
	    .text = c->pub.text,
	    .sighting = c->pub.has_sighting ? &c->pub.sighting : NULL};

	for (size_t i = 0; i < d->policy_count; i++)
		if (strcmp(d->policies[i].name, c->pub.policy) == 0)
			event.policy = &d->policies[i];
	if (d->sink.event != NULL)
		d->sink.event(d->user, now, &event);
}

static void
forget_oldest(struct decide *d)
{
	struct brain_capture *c = TAILQ_FIRST(&d->over), **link;

	for (link = bucket(d, c->pub.id); *link != c; link = &(*link)->next)
		;
	*link = c->next;
	TAILQ_REMOVE(&d->over, c, order);
	d->over_count--;
	free(c);
}

/* Over: from the living to the remembered; its conversation begins to cool down. */
static void
bury(struct decide *d, struct brain_capture *c, struct instant now)
{
	c->pub.over = now;
	TAILQ_REMOVE(&d->live, c, order);
	d->live_count--;
	TAILQ_INSERT_TAIL(&d->over, c, order);
	d->over_count++;
	if (c->key.local.family != 0) {
		struct convs_row *row = convs_touch(d->convs, &c->key);

		if (row != NULL) {
			row->capture = 0;
			row->ended = now;
			row->returns++;
			row->samples = 0;
		}
	}
	while (d->over_count > d->limits.history)
		forget_oldest(d);
}

void
capture_step(struct decide *d, struct brain_capture *c, enum life_input input, struct instant now)
{
	enum life from = c->pub.state;

	if (!life_step(&c->pub.state, input)) {
		d->counts.illegal_steps++;
		return;
	}
	if (c->pub.state == from)
		return;
	/* Buried first: whoever is told sees when it was over, and the cool-down that began. */
	if (life_is_over(c->pub.state))
		bury(d, c, now);
	tell(d, c, from, now);
}

/* An id that no living capture uses: copies are told apart by it. */
static uint16_t
free_session(struct decide *d)
{
	for (unsigned tries = 0; tries < 1023; tries++) {
		const struct brain_capture *c;
		bool used = false;

		d->last_session = (uint16_t)(d->last_session % 1023 + 1);
		TAILQ_FOREACH(c, &d->live, order)
		used = used || c->pub.analyser.session == d->last_session;
		if (!used)
			return d->last_session;
	}
	return 0;
}

struct brain_capture *
capture_new(struct decide *d, const struct verdict *v, struct instant now)
{
	const struct policy_analyser *a = &d->analysers[v->analyser];
	uint16_t session = free_session(d);
	struct brain_capture *c = session != 0 ? calloc(1, sizeof *c) : NULL;

	if (c == NULL)
		return NULL;
	c->pub.id = d->next_id++;
	c->pub.state = LIFE_REQUESTED;
	c->pub.filter = v->filter;
	c->analyser = v->analyser;
	snprintf(c->pub.analyser_name, sizeof c->pub.analyser_name, "%s", a->name);
	c->pub.analyser = (struct analyser){a->addr, session, a->erspan_type, a->ttl};
	c->pub.begun = c->pub.moved = c->pub.rated = now;
	c->pub.est_bps = v->est_bps;
	c->pub.holder_count = v->holder_count;
	for (unsigned i = 0; i < v->holder_count; i++)
		c->pub.holders[i] = (struct decide_holder){.id = v->holders[i], .wanted = true};
	return c;
}

void
capture_link(struct decide *d, struct brain_capture *c)
{
	struct brain_capture **link = bucket(d, c->pub.id);
	bool over = life_is_over(c->pub.state);

	c->next = *link;
	*link = c;
	TAILQ_INSERT_TAIL(over ? &d->over : &d->live, c, order);
	*(over ? &d->over_count : &d->live_count) += 1;
}

void
capture_begin(struct decide *d, struct brain_capture *c, struct instant now)
{
	capture_link(d, c);
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		d->switches[c->pub.holders[i].id].changed = true;
	budget_started(d, now);
	d->counts.opened++;
	tell(d, c, 0, now);
}

void
capture_end(struct decide *d, struct brain_capture *c, enum result code, const char *text,
    struct instant now)
{
	if (!life_is_live(c->pub.state))
		return;
	c->pub.code = code;
	snprintf(c->pub.text, sizeof c->pub.text, "%s", text);
	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		struct decide_holder *h = &c->pub.holders[i];

		if (!h->wanted)
			continue;
		h->wanted = false;
		h->dropped = now;
		if (!h->gone)
			d->switches[h->id].changed = true;
	}
	capture_step(d, c, LIFE_END, now);
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		if (!c->pub.holders[i].gone)
			return;
	capture_step(d, c, LIFE_GONE, now);
}

void
capture_holder_gone(
    struct decide *d, struct brain_capture *c, struct decide_holder *h, struct instant now)
{
	h->gone = true;
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		if (!c->pub.holders[i].gone)
			return;
	if (!life_is_live(c->pub.state) && !life_is_over(c->pub.state))
		capture_step(d, c, LIFE_GONE, now);
}

void
capture_lose(struct decide *d, struct brain_capture *c, struct decide_holder *h, struct instant now)
{
	if (!h->wanted)
		return;
	memset(&h->said, 0, sizeof h->said);
	h->told = false;
	if (c->pub.state != LIFE_REQUESTED)
		capture_step(d, c, LIFE_LOSE, now);
}

/* The state that all switches together come to; inputs go forward only. */
static void
advance(struct decide *d, struct brain_capture *c, struct instant now)
{
	bool mirrors = false, all_kernel = true, all_hardware = true, any = false;
	enum life_input input = 0;
	enum life reached = LIFE_REQUESTED;

	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		const struct decide_holder *h = &c->pub.holders[i];
		enum hold hold = h->told ? h->said.hold : 0;

		if (h->gone)
			continue;
		any = any || hold >= HOLD_INSTALLING;
		all_kernel = all_kernel && hold >= HOLD_IN_KERNEL && hold <= HOLD_MIRRORING;
		all_hardware = all_hardware && hold >= HOLD_IN_HARDWARE && hold <= HOLD_MIRRORING;
		mirrors = mirrors || hold == HOLD_MIRRORING;
	}
	if (all_kernel && mirrors)
		input = LIFE_MIRROR, reached = LIFE_MIRRORING;
	else if (all_hardware)
		input = LIFE_HARDWARE, reached = LIFE_IN_HARDWARE;
	else if (all_kernel)
		input = LIFE_KERNEL, reached = LIFE_IN_KERNEL;
	else if (any)
		input = LIFE_INSTALL, reached = LIFE_INSTALLING;
	if (input != 0 && reached > c->pub.state)
		capture_step(d, c, input, now);
}

static void
count(struct brain_capture *c, struct instant now)
{
	uint64_t packets = 0, bytes = 0;
	int64_t since = clk_diff(now, c->pub.rated);

	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		packets += c->pub.holders[i].said.packets;
		bytes += c->pub.holders[i].said.bytes;
	}
	if (packets > c->pub.packets || bytes > c->pub.bytes)
		c->pub.moved = now;
	c->pub.packets = packets;
	c->pub.bytes = bytes;
	/* Counters that ran backwards (a switch began anew) measure from there. */
	if (bytes < c->pub.rated_bytes) {
		c->pub.rated_bytes = bytes;
		c->pub.rated = now;
	} else if (since >= 2 * CLK_S) {
		double bps =
		    (double)(bytes - c->pub.rated_bytes) * 8 * (double)CLK_S / (double)since;

		/* A lying counter must not overflow a sum. */
		c->pub.est_bps = bps > 1e15 ? UINT64_C(1000000000000000) : (uint64_t)bps;
		c->pub.rated_bytes = bytes;
		c->pub.rated = now;
	}
}

/* A switch says that it holds nothing of a capture that is wanted. */
static void
refused(struct decide *d, struct brain_capture *c, struct decide_holder *h, struct instant now)
{
	enum result code = h->said.code != 0 ? (enum result)h->said.code : RESULT_INTERNAL;
	char text[DECIDE_TEXT_MAX];

	snprintf(text, sizeof text, "%s: %s", d->switches[h->id].conf.name,
	    h->said.text[0] != '\0' ? h->said.text : result_text((int)code));
	h->gone = true;
	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		if (c->pub.holders[i].gone)
			continue;
		/* Others may hold it: it ends whole, in order. */
		capture_end(d, c, code, text, now);
		return;
	}
	if (h->said.hold == HOLD_ENDED) {
		capture_end(d, c, code, text, now);
		return;
	}
	c->pub.code = code;
	snprintf(c->pub.text, sizeof c->pub.text, "%s", text);
	h->wanted = false;
	d->switches[h->id].changed = true;
	capture_step(d, c, LIFE_FAIL, now);
}

/* Ends for which the switch is to be asked again while the capture is wanted. */
static bool
is_passing(unsigned code)
{
	return code == RESULT_OK || code == RESULT_END_LEASE || code == RESULT_END_SHUTDOWN ||
	       code == RESULT_RULES_LOST;
}

void
capture_report(struct decide *d, struct brain_capture *c, struct decide_holder *h,
    const struct holding *said, struct instant now)
{
	if (h->gone)
		return;
	h->said = *said;
	h->told = true;
	count(c, now);
	if (!h->wanted) {
		if (said->hold == HOLD_ENDED || said->hold == HOLD_FAILED)
			capture_holder_gone(d, c, h, now);
		else if (said->hold == HOLD_STUCK && c->pub.state == LIFE_REMOVING)
			capture_step(d, c, LIFE_STICK, now);
		else if (said->hold == HOLD_REMOVING && c->pub.state == LIFE_STUCK)
			capture_step(d, c, LIFE_END, now);
		return;
	}
	if (said->hold == HOLD_FAILED || (said->hold == HOLD_ENDED && !is_passing(said->code)))
		refused(d, c, h, now);
	else if (said->hold == HOLD_ENDED)
		capture_lose(d, c, h, now);
	else
		advance(d, c, now);
}

void
capture_free_all(struct decide *d)
{
	struct brain_captures *lists[2] = {&d->live, &d->over};

	for (int i = 0; i < 2; i++) {
		struct brain_capture *c;

		while ((c = TAILQ_FIRST(lists[i])) != NULL) {
			TAILQ_REMOVE(lists[i], c, order);
			free(c);
		}
	}
}
