/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decider's configuration: taken, replaced by another one, and all that is reckoned from it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/decide/brain.h"

static void *
copy(const void *from, size_t count, size_t size)
{
	void *to = calloc(count > 0 ? count : 1, size);

	if (to != NULL && count > 0)
		memcpy(to, from, count * size);
	return to;
}

static void
clear_switches(struct brain_switch *switches, size_t count)
{
	for (size_t i = 0; switches != NULL && i < count; i++) {
		free(switches[i].uses);
		free(switches[i].ports);
	}
	free(switches);
}

static void
clear_conf(struct decide *d)
{
	free(d->policies);
	clear_switches(d->switches, d->switch_count);
	free(d->analysers);
	free(d->never);
	addrbook_free(&d->book);
	addrbook_free(&d->statics);
}

static void
bound_limits(struct policy_limits *l)
{
	if (l->captures == 0 || l->captures > POLICY_CAPTURES_MAX)
		l->captures = POLICY_CAPTURES_MAX;
	if (l->starts_minute == 0 || l->starts_minute > BRAIN_STARTS_MAX)
		l->starts_minute = BRAIN_STARTS_MAX;
	if (l->history < 16)
		l->history = 16;
	if (l->lease_ms == 0)
		l->lease_ms = 60000;
}

static int
copy_conf(struct decide *d, const struct policy_conf *conf)
{
	size_t switches = conf->switch_count, analysers = conf->analyser_count;

	d->switches = calloc(switches + 1, sizeof *d->switches);
	d->switch_count = d->switches != NULL ? switches : 0;
	d->policies = copy(conf->policies, conf->policy_count, sizeof *conf->policies);
	d->policy_count = conf->policy_count;
	d->analysers = calloc(analysers + 1, sizeof *d->analysers);
	d->analyser_count = analysers;
	d->never = copy(conf->never, conf->never_count, sizeof *conf->never);
	d->never_count = conf->never_count;
	d->limits = conf->limits;
	bound_limits(&d->limits);
	if (d->switches == NULL || d->policies == NULL || d->analysers == NULL || d->never == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < switches; i++) {
		d->switches[i].conf = conf->switches[i];
		TAILQ_INIT(&d->switches[i].links);
		d->switches[i].uses = calloc(analysers + 1, sizeof *d->switches[i].uses);
		if (d->switches[i].uses == NULL)
			return -ENOMEM;
	}
	for (unsigned a = 0; a < analysers; a++) {
		d->analysers[a].conf = conf->analysers[a];
		d->analysers[a].same = a;
		for (unsigned b = a; b-- > 0;)
			if (addr_equal(&conf->analysers[b].addr, &conf->analysers[a].addr))
				d->analysers[a].same = b;
	}
	return 0;
}

/* The books of addresses; what agents reported is added as they stand in `switches`. */
static int
fill_books(struct decide *d)
{
	int r = addrbook_new(&d->book);

	if (r == 0)
		r = addrbook_new(&d->statics);
	memset(d->static_lens, 0, sizeof d->static_lens);
	for (unsigned a = 0; a < d->analyser_count && r == 0; a++)
		r = addrbook_add(d->book, &d->analysers[a].conf.addr, ADDRBOOK_ANALYSER, a);
	for (unsigned i = 0; i < d->own_count && r == 0; i++)
		r = addrbook_add(d->book, &d->own[i], ADDRBOOK_OWN, 0);
	for (unsigned id = 0; id < d->switch_count; id++) {
		const struct brain_switch *sw = &d->switches[id];

		for (size_t k = 0; k < sw->conf.exporter_count && r == 0; k++)
			r = addrbook_add(d->book, &sw->conf.exporters[k], ADDRBOOK_EXPORTER, id);
		for (size_t k = 0; k < sw->addr_count && r == 0; k++)
			r = addrbook_add(d->book, &sw->addrs[k], ADDRBOOK_REPORTED, id);
		for (size_t k = 0; k < sw->conf.host_count && r == 0; k++) {
			const struct prefix *p = &sw->conf.hosts[k];

			d->static_lens[p->addr.family == 6][p->len / 64] |= UINT64_C(1)
									    << p->len % 64;
			r = addrbook_add(d->statics, &p->addr, p->len, id);
		}
	}
	return r;
}

int
decide_new(const struct policy_conf *conf, uint64_t first_id, const struct decide_sink *sink,
    void *user, struct decide **ret_decide)
{
	struct decide *d = calloc(1, sizeof *d);
	int r;

	if (d == NULL)
		return -ENOMEM;
	TAILQ_INIT(&d->live);
	TAILQ_INIT(&d->over);
	TAILQ_INIT(&d->ages);
	TAILQ_INIT(&d->wides);
	d->sink = *sink;
	d->user = user;
	d->next_id = first_id;
	r = copy_conf(d, conf);
	if (r == 0)
		r = fill_books(d);
	if (r == 0)
		r = hosts_new(conf->switch_count, &d->hosts);
	if (r == 0)
		r = convs_new(conf->limits.conversations > 0 ? conf->limits.conversations : 200000,
		    &d->convs);
	if (r < 0) {
		decide_free(&d);
		return r;
	}
	*ret_decide = d;
	return 0;
}

void
decide_free(struct decide **decide)
{
	struct decide *d = *decide;

	if (d == NULL)
		return;
	capture_free_all(d);
	clear_conf(d);
	convs_free(&d->convs);
	hosts_free(&d->hosts);
	free(d->own);
	free(d->feeds);
	free(d);
	*decide = NULL;
}

static int
switch_called(const struct brain_switch *switches, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(switches[i].conf.name, name) == 0)
			return (int)i;
	return -1;
}

static unsigned
analyser_of(const struct decide *d, const struct decide_capture *c)
{
	for (unsigned a = 0; a < d->analyser_count; a++)
		if (strcmp(d->analysers[a].conf.name, c->analyser_name) == 0 &&
		    addr_equal(&d->analysers[a].conf.addr, &c->analyser.addr))
			return a;
	return UINT_MAX;
}

void
brain_recount(struct decide *d)
{
	struct brain_capture *c;

	for (size_t i = 0; i < d->switch_count; i++) {
		struct brain_switch *sw = &d->switches[i];

		TAILQ_INIT(&sw->links);
		sw->rules = sw->captures = 0;
		memset(sw->uses, 0, d->analyser_count * sizeof *sw->uses);
	}
	for (size_t a = 0; a < d->analyser_count; a++) {
		d->analysers[a].bps = 0;
		memset(d->analysers[a].live, 0, sizeof d->analysers[a].live);
	}
	TAILQ_FOREACH(c, &d->live, order)
	{
		c->analyser = analyser_of(d, &c->pub);
		for (unsigned i = 0; i < c->pub.holder_count; i++) {
			c->links[i].linked = false;
			capture_link_holder(d, c, i);
		}
		if (life_is_live(c->pub.state))
			budget_live(d, c, true);
	}
}

/* Ids of the new list; true when a switch of it that might hold it is no more. */
static bool
renumber(struct brain_capture *c, const int *new_ids)
{
	bool lost = false;

	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		struct decide_holder *h = &c->pub.holders[i];
		int id = h->id != UINT_MAX ? new_ids[h->id] : -1;

		h->id = id < 0 ? UINT_MAX : (unsigned)id;
		if (id >= 0)
			continue;
		lost = lost || !h->gone;
		h->wanted = false;
		h->gone = true;
	}
	if (c->refused_by != 0)
		c->refused_by =
		    new_ids[c->refused_by - 1] < 0 ? 0 : (unsigned)new_ids[c->refused_by - 1] + 1;
	return lost;
}

/* A capture whose switch or analyser is no more ends. */
static void
check_capture(struct decide *d, struct brain_capture *c, bool lost, struct instant now)
{
	if (lost && life_is_live(c->pub.state))
		capture_end(d, c, RESULT_END_REVOKED,
		    "a switch of it was taken out of the configuration", now);
	else if (life_is_live(c->pub.state) && c->analyser == UINT_MAX)
		capture_end(d, c, RESULT_END_OPERATOR,
		    "its analyser was taken out of the configuration", now);
	else if (lost)
		capture_holder_gone(d, c, &c->pub.holders[0], now);
}

/* What an agent said of itself stays with the switch; its ports follow when all is sure. */
static void
keep_facts(struct brain_switch *to, const struct brain_switch *from)
{
	struct brain_switch fresh = *to;

	*to = *from;
	to->conf = fresh.conf;
	to->uses = fresh.uses;
	to->ports = NULL;
	to->port_count = 0;
	to->changed = true;
	TAILQ_INIT(&to->links);
}

/* Everything of `from` that comes from a configuration, now in `d`; what was there is freed. */
static void
put_in_force(struct decide *d, struct decide *from, const int *new_ids)
{
	for (size_t i = 0; i < d->switch_count; i++) {
		struct brain_switch *old = &d->switches[i], *sw;

		if (new_ids[i] < 0)
			continue;
		sw = &from->switches[new_ids[i]];
		sw->ports = old->ports;
		sw->port_count = old->port_count;
		old->ports = NULL;
	}
	clear_conf(d);
	d->policies = from->policies;
	d->policy_count = from->policy_count;
	d->switches = from->switches;
	d->switch_count = from->switch_count;
	d->analysers = from->analysers;
	d->analyser_count = from->analyser_count;
	d->never = from->never;
	d->never_count = from->never_count;
	d->limits = from->limits;
	d->book = from->book;
	d->statics = from->statics;
	memcpy(d->static_lens, from->static_lens, sizeof d->static_lens);
}

/* Captures and conversations, told of the new list. */
static void
tell_captures(struct decide *d, const int *new_ids, size_t count, bool *lost, struct instant now)
{
	struct brain_capture *c, *next;
	size_t n = 0;

	convs_renumber(d->convs, new_ids, count);
	TAILQ_FOREACH(c, &d->over, order)
	renumber(c, new_ids);
	TAILQ_FOREACH(c, &d->live, order)
	lost[n++] = renumber(c, new_ids);
	brain_recount(d);
	n = 0;
	for (c = TAILQ_FIRST(&d->live); c != NULL; c = next) {
		next = TAILQ_NEXT(c, order);
		check_capture(d, c, lost[n++], now);
	}
	d->hosts_changed = true;
}

int
decide_reload(struct decide *d, const struct policy_conf *conf, struct instant now)
{
	struct decide *fresh = calloc(1, sizeof *fresh);
	int *new_ids = calloc(d->switch_count + 1, sizeof *new_ids);
	bool *lost = calloc(d->live_count + 1, sizeof *lost);
	size_t count = d->switch_count;
	int r = fresh != NULL && new_ids != NULL && lost != NULL ? copy_conf(fresh, conf) : -ENOMEM;

	if (r == 0) {
		fresh->own = d->own;
		fresh->own_count = d->own_count;
		for (size_t i = 0; i < count; i++) {
			new_ids[i] = switch_called(
			    fresh->switches, fresh->switch_count, d->switches[i].conf.name);
			if (new_ids[i] >= 0)
				keep_facts(&fresh->switches[new_ids[i]], &d->switches[i]);
		}
		r = fill_books(fresh);
	}
	/* The last that may fail, and the first that changes anything. */
	if (r == 0)
		r = hosts_renumber(d->hosts, new_ids, fresh->switch_count);
	if (r == 0) {
		put_in_force(d, fresh, new_ids);
		tell_captures(d, new_ids, count, lost, now);
	} else if (fresh != NULL) {
		clear_conf(fresh);
	}
	free(fresh);
	free(new_ids);
	free(lost);
	return r;
}

void
decide_feed(struct decide *d, uint16_t id, const char *name)
{
	if (id >= d->feed_count) {
		char(*grown)[POLICY_NAME_MAX] =
		    realloc(d->feeds, ((size_t)id + 1) * sizeof *d->feeds);

		if (grown == NULL)
			return;
		memset(grown + d->feed_count, 0, (id + 1 - d->feed_count) * sizeof *grown);
		d->feeds = grown;
		d->feed_count = (size_t)id + 1;
	}
	snprintf(d->feeds[id], sizeof d->feeds[id], "%s", name);
}

int
decide_own(struct decide *d, const struct addr *addrs, size_t count)
{
	struct addr *own = copy(addrs, count, sizeof *addrs);
	size_t added = 0;

	if (own == NULL)
		return -ENOMEM;
	while (added < count && addrbook_add(d->book, &own[added], ADDRBOOK_OWN, 0) == 0)
		added++;
	if (added < count) {
		while (added > 0)
			addrbook_remove(d->book, &own[--added], ADDRBOOK_OWN, 0);
		free(own);
		return -ENOMEM;
	}
	for (size_t i = 0; i < d->own_count; i++)
		addrbook_remove(d->book, &d->own[i], ADDRBOOK_OWN, 0);
	free(d->own);
	d->own = own;
	d->own_count = count;
	return 0;
}
