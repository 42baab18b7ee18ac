/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Captures: how they begin, what switches say of them, how they end. The only file that moves a
 * state, and it does so through life_step alone.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/decide/brain.h"

/* A switch copies its hardware's counters to the kernel's in steps of some seconds: those that have
 * not moved for less than this say nothing yet, and an estimate stands. */
#define STILL (12 * CLK_S)

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

static const struct policy *
policy_called(const struct decide *d, const char *name)
{
	for (size_t i = 0; i < d->policy_count; i++)
		if (strcmp(d->policies[i].name, name) == 0)
			return &d->policies[i];
	return NULL;
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
	    .policy = policy_called(d, c->pub.policy),
	    .sighting = c->pub.has_sighting ? &c->pub.sighting : NULL};

	if (d->sink.event != NULL)
		d->sink.event(d->user, now, &event);
}

/* ---- lists ---- */

static bool
is_host(const struct prefix *prefix)
{
	return prefix->len == addr_bits(&prefix->addr);
}

/* The same for there and back. */
static size_t
pair_bucket(const struct filter *f)
{
	return (addrbook_hash(&f->a.addr, 7) + addrbook_hash(&f->b.addr, 7)) % BRAIN_BUCKETS;
}

static void
index_filter(struct decide *d, struct brain_capture *c)
{
	c->indexed = true;
	if (is_host(&c->pub.filter.a) && is_host(&c->pub.filter.b)) {
		struct brain_capture **b = &d->pairs[pair_bucket(&c->pub.filter)];

		c->pair_next = *b;
		*b = c;
	} else {
		TAILQ_INSERT_TAIL(&d->wides, c, wide);
	}
}

static void
unindex_filter(struct decide *d, struct brain_capture *c)
{
	if (!c->indexed)
		return;
	c->indexed = false;
	if (is_host(&c->pub.filter.a) && is_host(&c->pub.filter.b)) {
		struct brain_capture **link = &d->pairs[pair_bucket(&c->pub.filter)];

		while (*link != c)
			link = &(*link)->pair_next;
		*link = c->pair_next;
	} else {
		TAILQ_REMOVE(&d->wides, c, wide);
	}
}

struct brain_capture *
capture_covering(const struct decide *d, const struct filter *filter)
{
	struct brain_capture *c;

	if (is_host(&filter->a) && is_host(&filter->b))
		for (c = d->pairs[pair_bucket(filter)]; c != NULL; c = c->pair_next)
			if (filter_covers(&c->pub.filter, filter))
				return c;
	TAILQ_FOREACH(c, &d->wides, wide)
	if (filter_covers(&c->pub.filter, filter))
		return c;
	return NULL;
}

/* Lists are by id, and new ones have the highest. */
static void
insert(struct brain_captures *list, struct brain_capture *c)
{
	struct brain_capture *before = TAILQ_LAST(list, brain_captures);

	while (before != NULL && before->pub.id > c->pub.id)
		before = TAILQ_PREV(before, brain_captures, order);
	if (before != NULL)
		TAILQ_INSERT_AFTER(list, before, c, order);
	else
		TAILQ_INSERT_HEAD(list, c, order);
}

void
capture_link_holder(struct decide *d, struct brain_capture *c, unsigned index)
{
	struct decide_holder *h = &c->pub.holders[index];
	struct brain_link *link = &c->links[index];
	struct brain_switch *sw;
	struct filter filter;

	if (h->gone || link->linked || h->id >= d->switch_count)
		return;
	sw = &d->switches[h->id];
	filter = capture_filter(c, h);
	link->capture = c;
	link->linked = true;
	link->rules = filter_rules(&filter);
	TAILQ_INSERT_TAIL(&sw->links, link, entry);
	sw->rules += link->rules;
	sw->captures++;
	if (c->analyser != UINT_MAX)
		sw->uses[c->analyser]++;
}

static void
unlink_holder(struct decide *d, struct brain_capture *c, unsigned index)
{
	struct brain_link *link = &c->links[index];
	struct brain_switch *sw;

	if (!link->linked)
		return;
	sw = &d->switches[c->pub.holders[index].id];
	TAILQ_REMOVE(&sw->links, link, entry);
	link->linked = false;
	sw->rules -= link->rules;
	sw->captures--;
	if (c->analyser != UINT_MAX)
		sw->uses[c->analyser]--;
}

static void
set_gone(struct decide *d, struct brain_capture *c, struct decide_holder *h)
{
	h->gone = true;
	unlink_holder(d, c, (unsigned)(h - c->pub.holders));
}

static bool
all_gone(const struct brain_capture *c)
{
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		if (!c->pub.holders[i].gone)
			return false;
	return true;
}

static void
forget_oldest(struct decide *d)
{
	struct brain_capture *c = TAILQ_FIRST(&d->ages), **link;

	for (link = bucket(d, c->pub.id); *link != c; link = &(*link)->next)
		;
	*link = c->next;
	TAILQ_REMOVE(&d->over, c, order);
	TAILQ_REMOVE(&d->ages, c, age);
	d->over_count--;
	free(c);
}

void
capture_link(struct decide *d, struct brain_capture *c)
{
	struct brain_capture **link = bucket(d, c->pub.id);
	bool over = life_is_over(c->pub.state);

	c->next = *link;
	*link = c;
	insert(over ? &d->over : &d->live, c);
	if (over)
		TAILQ_INSERT_TAIL(&d->ages, c, age);
	*(over ? &d->over_count : &d->live_count) += 1;
	while (d->over_count > d->limits.history)
		forget_oldest(d);
	if (over)
		return;
	d->sessions[c->pub.analyser.session / 64 % 16] |= UINT64_C(1)
							  << c->pub.analyser.session % 64;
	index_filter(d, c);
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		capture_link_holder(d, c, i);
	if (life_is_live(c->pub.state))
		budget_live(d, c, true);
}

/* Its conversation begins to cool down; one that a switch refused was no capture, and is tried
 * elsewhere. */
static void
cool_down(struct decide *d, struct brain_capture *c, struct instant now)
{
	struct convs_row *row = convs_touch(d->convs, &c->key);

	/* A wider one may have taken its place: the many cool down with that. */
	if (row == NULL || (row->capture != 0 && row->capture != c->pub.id))
		return;
	row->capture = 0;
	if (c->refused_by != 0) {
		bool more = convs_refuse(
		    row, c->refused_by - 1, (uint16_t)c->pub.code, BRAIN_REFUSED_FOR, now);

		if (more && c->pub.has_sighting && d->retry_count < BRAIN_RETRIES_MAX)
			d->retries[d->retry_count++] = c->pub.id;
	} else {
		row->ended = now;
		row->returns++;
		convs_clear_samples(row);
	}
	convs_keep(d->convs, row);
}

/* Over: from the living to the remembered. */
static void
bury(struct decide *d, struct brain_capture *c, struct instant now)
{
	uint16_t session = c->pub.analyser.session;

	c->pub.over = now;
	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		c->pub.holders[i].wanted = false;
		set_gone(d, c, &c->pub.holders[i]);
	}
	unindex_filter(d, c);
	d->sessions[session / 64 % 16] &= ~(UINT64_C(1) << session % 64);
	TAILQ_REMOVE(&d->live, c, order);
	d->live_count--;
	insert(&d->over, c);
	TAILQ_INSERT_TAIL(&d->ages, c, age);
	d->over_count++;
	if (c->key.remote.family != 0)
		cool_down(d, c, now);
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
	if (life_is_live(from) && !life_is_live(c->pub.state))
		budget_live(d, c, false);
	/* Buried first: whoever is told sees when it was over, and the cool-down that began. */
	if (life_is_over(c->pub.state))
		bury(d, c, now);
	tell(d, c, from, now);
}

/* ---- begin and end ---- */

/* An id that no living capture uses: copies are told apart by it. 0: none is free. */
static uint16_t
free_session(struct decide *d)
{
	for (unsigned tries = 0; tries < BRAIN_SESSIONS - 1; tries++) {
		uint16_t s = (uint16_t)(d->last_session % (BRAIN_SESSIONS - 1) + 1);

		d->last_session = s;
		if ((d->sessions[s / 64] >> s % 64 & 1) == 0)
			return s;
	}
	return 0;
}

struct filter
capture_filter(const struct brain_capture *c, const struct decide_holder *h)
{
	struct filter f = c->pub.filter;

	if (h->iface[0] != '\0')
		memcpy(f.iface, h->iface, sizeof f.iface);
	if (h->way == VERDICT_BOTH || f.one_way)
		return f;
	f.one_way = true;
	if (h->way == VERDICT_BACK) {
		f.a = c->pub.filter.b;
		f.b = c->pub.filter.a;
		f.a_port = c->pub.filter.b_port;
		f.b_port = c->pub.filter.a_port;
	}
	return f;
}

uint64_t
capture_brake(const struct decide *d, const struct brain_capture *c)
{
	if (c->pub.max_bps != 0 || c->analyser == UINT_MAX)
		return c->pub.max_bps;
	return d->analysers[c->analyser].conf.hard_bps;
}

static void
take_holder(struct decide_holder *h, const struct verdict *v, unsigned i)
{
	memset(h, 0, sizeof *h);
	h->id = v->holders[i];
	h->wanted = true;
	h->way = v->shares[i].way;
	memcpy(h->iface, v->shares[i].iface, sizeof h->iface);
}

struct brain_capture *
capture_new(struct decide *d, const struct verdict *v, struct instant now)
{
	const struct policy_analyser *a = &d->analysers[v->analyser].conf;
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
	c->pub.begun = c->pub.moved = c->pub.rated = c->placed = now;
	c->pub.est_bps = v->est_bps;
	c->pub.seen_samples = v->est_samples;
	c->pub.seen_packets = v->est_packets;
	c->pub.seen_bps = v->est_samples > 0 ? v->est_bps : 0;
	c->pub.edge = v->edge;
	c->pub.wide = v->wide;
	c->pub.holder_count = v->holder_count;
	for (unsigned i = 0; i < v->holder_count; i++)
		take_holder(&c->pub.holders[i], v, i);
	return c;
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
	if (all_gone(c))
		capture_step(d, c, LIFE_GONE, now);
}

void
capture_holder_gone(
    struct decide *d, struct brain_capture *c, struct decide_holder *h, struct instant now)
{
	set_gone(d, c, h);
	if (all_gone(c) && !life_is_live(c->pub.state) && !life_is_over(c->pub.state))
		capture_step(d, c, LIFE_GONE, now);
}

/* A place for a holder of switch `id`: its own from before, one that is gone, a new one. */
static struct decide_holder *
room_for_holder(struct decide *d, struct brain_capture *c, unsigned id)
{
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		if (c->pub.holders[i].id == id) {
			unlink_holder(d, c, i);
			return &c->pub.holders[i];
		}
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		if (c->pub.holders[i].gone)
			return &c->pub.holders[i];
	return c->pub.holder_count < DECIDE_HOLDERS_MAX ? &c->pub.holders[c->pub.holder_count++]
							: NULL;
}

static bool
is_planned(const struct verdict *v, unsigned id)
{
	for (unsigned i = 0; i < v->holder_count; i++)
		if (v->holders[i] == id)
			return true;
	return false;
}

void
capture_move(struct decide *d, struct brain_capture *c, const struct verdict *v, struct instant now)
{
	bool asked = false;

	c->placed = now;
	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		struct decide_holder *h = &c->pub.holders[i];

		if (!h->wanted || is_planned(v, h->id))
			continue;
		h->wanted = false;
		h->dropped = now;
		d->switches[h->id].changed = true;
	}
	for (unsigned i = 0; i < v->holder_count; i++) {
		struct decide_holder *h = room_for_holder(d, c, v->holders[i]);

		if (h == NULL || h->wanted) {
			if (h != NULL)
				capture_link_holder(d, c, (unsigned)(h - c->pub.holders));
			continue;
		}
		take_holder(h, v, i);
		capture_link_holder(d, c, (unsigned)(h - c->pub.holders));
		d->switches[h->id].changed = true;
		asked = true;
	}
	d->counts.moved++;
	/* What it has to show it has to show again; the idle time as well. */
	c->pub.moved = now;
	if (asked && c->pub.state != LIFE_REQUESTED)
		capture_step(d, c, LIFE_LOSE, now);
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

		if (h->gone || !h->wanted)
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

static uint64_t
plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void
count(struct decide *d, struct brain_capture *c, struct instant now)
{
	uint64_t packets = 0, bytes = 0, brake = capture_brake(d, c);
	int64_t since = clk_diff(now, c->pub.rated);

	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		packets = plus(packets, c->pub.holders[i].said.packets);
		bytes = plus(bytes, c->pub.holders[i].said.bytes);
	}
	if (packets > c->pub.packets || bytes > c->pub.bytes)
		c->pub.moved = now;
	c->pub.packets = packets;
	c->pub.bytes = bytes;
	/* Counters that ran backwards (a switch began anew) measure from there. */
	if (bytes < c->pub.rated_bytes) {
		c->pub.rated_bytes = bytes;
		c->pub.rated = now;
	} else if (since >= 2 * CLK_S && (bytes > c->pub.rated_bytes || since >= STILL)) {
		double bps =
		    (double)(bytes - c->pub.rated_bytes) * 8 * (double)CLK_S / (double)since;
		double most = (double)BRAIN_BPS_MAX;

		/* A switch holds each capture under its brake. What is far above that is a lie, and
		 * must not cost others their place. */
		if (brake != 0 && (double)brake * 2 < most)
			most = (double)brake * 2;
		budget_rate(d, c, (uint64_t)(bps > most ? most : bps));
		c->pub.measured = true;
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
	if (h->said.hold == HOLD_FAILED)
		c->refused_by = h->id + 1;
	h->wanted = false;
	h->dropped = now;
	d->switches[h->id].changed = true;
	set_gone(d, c, h);
	/* Others may hold their part: it ends whole, in order. */
	if (!all_gone(c) || h->said.hold == HOLD_ENDED) {
		capture_end(d, c, code, text, now);
		return;
	}
	c->pub.code = code;
	snprintf(c->pub.text, sizeof c->pub.text, "%s", text);
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
	/* It had its rules and has none now: no way to the analyser, or somebody took them out. */
	bool lost =
	    h->told && h->said.rules > 0 && said->hold == HOLD_INSTALLING && said->rules == 0;
	h->said = *said;
	h->told = true;
	count(d, c, now);
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
	else {
		if (lost && life_is_live(c->pub.state) && c->pub.state > LIFE_INSTALLING)
			capture_step(d, c, LIFE_LOSE, now);
		advance(d, c, now);
	}
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
