/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decider's doors: configuration, facts, sightings, operators' wishes, time in; events and
 * orders out. Judgement, budget, place and captures have files of their own.
 */
#include "controller/decide/decide.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/decide/brain.h"

#define TOLD_AGAIN (3600 * CLK_S) /* the same event about the same conversation */
#define RETURN_FORGET 2           /* times the longest cool-down without a capture: a clean slate */

static void *
copy(const void *from, size_t count, size_t size)
{
	void *to = calloc(count > 0 ? count : 1, size);

	if (to != NULL && count > 0)
		memcpy(to, from, count * size);
	return to;
}

static void
clear_conf(struct decide *d)
{
	free(d->policies);
	free(d->switches);
	free(d->analysers);
	free(d->never);
}

/* Copies conf into `d`, whose other members stay. */
static int
take_conf(struct decide *d, const struct policy_conf *conf)
{
	struct brain_switch *switches = calloc(conf->switch_count + 1, sizeof *switches);
	struct policy *policies = copy(conf->policies, conf->policy_count, sizeof *conf->policies);
	struct policy_analyser *analysers =
	    copy(conf->analysers, conf->analyser_count, sizeof *conf->analysers);
	struct prefix *never = copy(conf->never, conf->never_count, sizeof *conf->never);

	if (switches == NULL || policies == NULL || analysers == NULL || never == NULL) {
		free(switches);
		free(policies);
		free(analysers);
		free(never);
		return -ENOMEM;
	}
	for (size_t i = 0; i < conf->switch_count; i++)
		switches[i].conf = conf->switches[i];
	d->switches = switches;
	d->switch_count = conf->switch_count;
	d->policies = policies;
	d->policy_count = conf->policy_count;
	d->analysers = analysers;
	d->analyser_count = conf->analyser_count;
	d->never = never;
	d->never_count = conf->never_count;
	d->limits = conf->limits;
	if (d->limits.captures == 0 || d->limits.captures > POLICY_CAPTURES_MAX)
		d->limits.captures = POLICY_CAPTURES_MAX;
	if (d->limits.starts_minute == 0 || d->limits.starts_minute > BRAIN_STARTS_MAX)
		d->limits.starts_minute = BRAIN_STARTS_MAX;
	if (d->limits.history < 16)
		d->limits.history = 16;
	if (d->limits.lease_ms == 0)
		d->limits.lease_ms = 60000;
	return 0;
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
	d->sink = *sink;
	d->user = user;
	d->next_id = first_id;
	r = take_conf(d, conf);
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

/* The holders of a capture, by the new list's ids; one that is gone holds nothing we could say. */
static void
rename_holders(struct decide *d, struct brain_capture *c, const int *new_ids, struct instant now)
{
	bool lost = false;

	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		struct decide_holder *h = &c->pub.holders[i];
		int id = h->id < UINT_MAX ? new_ids[h->id] : -1;

		h->id = id < 0 ? UINT_MAX : (unsigned)id;
		if (id < 0 && !h->gone) {
			h->wanted = false;
			h->gone = lost = true;
		}
	}
	c->analyser = UINT_MAX;
	for (unsigned a = 0; a < d->analyser_count; a++)
		if (strcmp(d->analysers[a].name, c->pub.analyser_name) == 0 &&
		    addr_equal(&d->analysers[a].addr, &c->pub.analyser.addr))
			c->analyser = a;
	if (life_is_over(c->pub.state))
		return;
	if (lost && life_is_live(c->pub.state))
		capture_end(d, c, RESULT_END_REVOKED,
		    "a switch of it was taken out of the configuration", now);
	else if (life_is_live(c->pub.state) && c->analyser == UINT_MAX)
		capture_end(d, c, RESULT_END_OPERATOR,
		    "its analyser was taken out of the configuration", now);
	else if (lost)
		capture_holder_gone(d, c, &c->pub.holders[0], now);
}

int
decide_reload(struct decide *d, const struct policy_conf *conf, struct instant now)
{
	struct decide old = *d;
	int *new_ids = calloc(d->switch_count + 1, sizeof *new_ids);
	struct brain_capture *c, *next;
	int r = new_ids != NULL ? take_conf(d, conf) : -ENOMEM;

	if (r < 0) {
		free(new_ids);
		return r;
	}
	for (size_t i = 0; i < old.switch_count; i++) {
		new_ids[i] = switch_called(d->switches, d->switch_count, old.switches[i].conf.name);
		if (new_ids[i] < 0)
			continue;
		struct brain_switch *sw = &d->switches[new_ids[i]];
		struct policy_switch fresh = sw->conf;

		*sw = old.switches[i];
		sw->conf = fresh;
		sw->changed = true;
	}
	clear_conf(&old);
	for (c = TAILQ_FIRST(&d->over); c != NULL; c = TAILQ_NEXT(c, order))
		rename_holders(d, c, new_ids, now);
	for (c = TAILQ_FIRST(&d->live); c != NULL; c = next) {
		next = TAILQ_NEXT(c, order);
		rename_holders(d, c, new_ids, now);
	}
	free(new_ids);
	return 0;
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

	if (own == NULL)
		return -ENOMEM;
	free(d->own);
	d->own = own;
	d->own_count = count;
	return 0;
}

/* The holders on switch `id` of captures that are not over. */
#define EACH_HOLDER(d, c, next, h, sw_id)                                                          \
	for (c = TAILQ_FIRST(&(d)->live); c != NULL && (next = TAILQ_NEXT(c, order), true);        \
	     c = next)                                                                             \
		for (h = c->pub.holders; h < c->pub.holders + c->pub.holder_count; h++)            \
			if (h->id == (sw_id) && !h->gone)

void
decide_connected(
    struct decide *d, unsigned id, const struct decide_agent *agent, struct instant now)
{
	struct brain_switch *sw = &d->switches[id];
	struct brain_capture *c, *next;
	struct decide_holder *h;

	sw->connected = true;
	sw->changed = true;
	sw->heard = now;
	sw->can4 = agent->can4;
	sw->can6 = agent->can6;
	sw->rules_max = agent->rules_max;
	sw->bps_max = agent->bps_max;
	sw->len4 = agent->len4;
	sw->len6 = agent->len6;
	sw->addr_count = agent->addr_count < BRAIN_ADDRS_MAX ? agent->addr_count : BRAIN_ADDRS_MAX;
	memcpy(sw->addrs, agent->addrs, sw->addr_count * sizeof *sw->addrs);
	EACH_HOLDER(d, c, next, h, id)
	{
		h->settled = false;
		capture_lose(d, c, h, now);
	}
}

void
decide_gone(struct decide *d, unsigned id, struct instant now)
{
	(void)now;
	d->switches[id].connected = false;
}

void
decide_settled(struct decide *d, unsigned id, struct instant now)
{
	struct brain_capture *c, *next;
	struct decide_holder *h;

	d->switches[id].heard = now;
	if (d->switches[id].changed)
		return; /* newer orders are on their way */
	EACH_HOLDER(d, c, next, h, id)
	if (!h->wanted)
		h->settled = true;
}

static bool
is_in(const struct holding *holdings, size_t count, uint64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (holdings[i].capture == id)
			return true;
	return false;
}

void
decide_report(struct decide *d, unsigned id, const struct holding *holdings, size_t count, bool all,
    bool released, struct instant now)
{
	struct brain_switch *sw = &d->switches[id];
	struct brain_capture *c, *next;
	struct decide_holder *h;

	sw->heard = now;
	sw->released_there = released;
	for (size_t i = 0; i < count; i++) {
		bool ours = false;

		c = capture_find(d, holdings[i].capture);
		for (unsigned k = 0; c != NULL && k < c->pub.holder_count; k++) {
			if (c->pub.holders[k].id != id)
				continue;
			ours = true;
			if (!life_is_over(c->pub.state))
				capture_report(d, c, &c->pub.holders[k], &holdings[i], now);
			break;
		}
		d->counts.foreign_holdings += !ours;
	}
	if (all) {
		EACH_HOLDER(d, c, next, h, id)
		{
			if (is_in(holdings, count, c->pub.id))
				continue;
			if (h->wanted && h->told && h->said.hold >= HOLD_IN_KERNEL)
				capture_lose(d, c, h, now);
			else if (!h->wanted && (h->told || h->settled)) {
				capture_holder_gone(d, c, h, now);
				break; /* the capture may be over now */
			}
		}
	}
	if (released)
		EACH_HOLDER(d, c, next, h, id)
		{
			if (!life_is_live(c->pub.state))
				break;
			capture_end(d, c, RESULT_END_RELEASED, "released at the switch", now);
			break;
		}
}

void
decide_rejudge(struct decide *d,
    enum result (*judge)(void *user, const struct addr *remote, uint16_t port), void *user,
    struct instant now)
{
	struct brain_capture *c, *next;

	for (c = TAILQ_FIRST(&d->live); c != NULL; c = next) {
		enum result code;

		next = TAILQ_NEXT(c, order);
		if (c->pub.manual || !life_is_live(c->pub.state))
			continue;
		code = judge(user, &c->pub.filter.b.addr, c->pub.filter.b_port);
		if (code != RESULT_OK)
			capture_end(d, c, code, result_text((int)code), now);
	}
}

int
decide_exporter(const struct decide *d, const struct addr *agent, const struct addr *from,
    enum result *ret_code)
{
	*ret_code = RESULT_NO_AGENT;
	for (size_t i = 0; i < d->switch_count; i++) {
		const struct brain_switch *sw = &d->switches[i];
		bool is = false, good = from->family == 0 || addr_equal(agent, from);

		for (size_t k = 0; k < sw->conf.exporter_count; k++)
			is = is || addr_equal(&sw->conf.exporters[k], agent);
		for (size_t k = 0; sw->conf.exporter_count == 0 && k < sw->addr_count; k++)
			is = is || addr_equal(&sw->addrs[k], agent);
		if (!is)
			continue;
		for (size_t k = 0; k < sw->conf.source_count; k++)
			good = good || prefix_contains(&sw->conf.sources[k], from);
		if (good)
			return (int)i;
		*ret_code = RESULT_EXPORTER_UNKNOWN;
	}
	return -1;
}

/* An event at most once an hour for the same answer about the same conversation, and so many a
 * second in all: a flood of alerts helps nobody. What is left out is counted by `alerts`. */
static bool
may_tell(struct decide *d, struct convs_row *row, const struct verdict *v, struct instant now)
{
	d->counts.alerts++;
	if (row != NULL && row->told_code == v->code && clk_diff(now, row->told) < TOLD_AGAIN)
		return false;
	if (clk_diff(now, d->alert_second) >= CLK_S) {
		d->alert_second = now;
		d->alerts_in_second = 0;
	}
	if (d->alerts_in_second++ >= BRAIN_ALERTS_SECOND)
		return false;
	if (row != NULL) {
		row->told_code = (uint16_t)v->code;
		row->told = now;
	}
	return true;
}

static const char *
alert_kind(enum result code)
{
	return code == RESULT_SHADOW_ONLY ? "shadow"
	       : code == RESULT_ALERT_ONLY || code == RESULT_INBOUND_ONLY ||
		       code == RESULT_EXPORTER_UNKNOWN || code == RESULT_NO_AGENT ||
		       code == RESULT_NO_POLICY
		   ? "alert"
		   : "refused";
}

static void
open_capture(struct decide *d, const struct verdict *v, const struct sighting *s,
    struct convs_row *row, struct instant now)
{
	const struct policy *policy = &d->policies[v->policy];
	struct brain_capture *c = capture_new(d, v, now);
	char prefix[PREFIX_TEXT_MAX];
	unsigned e = 0;

	if (c == NULL)
		return;
	judge_policy(d, s, &e);
	c->key = row->key;
	snprintf(c->pub.by, sizeof c->pub.by, "%s", policy->name);
	snprintf(c->pub.policy, sizeof c->pub.policy, "%s", policy->name);
	snprintf(c->pub.why, sizeof c->pub.why, "feed %s lists %s, line %" PRIu32,
	    s->entries[e].feed < d->feed_count ? d->feeds[s->entries[e].feed] : "?",
	    prefix_format(&s->entries[e].prefix, prefix), s->entries[e].line);
	c->pub.priority = policy->priority;
	if (policy->duration_ns > 0)
		c->pub.ends = clk_add(now, policy->duration_ns);
	c->pub.idle_ns = policy->idle_ns;
	c->pub.max_packets = policy->max_packets;
	c->pub.max_bytes = policy->max_bytes;
	c->pub.max_bps = policy->max_bps;
	c->pub.has_sighting = true;
	c->pub.sighting = *s;
	if (row->returns > 0 && policy->cooldown_count > 0 &&
	    clk_diff(now, row->ended) >
		RETURN_FORGET * policy->cooldowns[policy->cooldown_count - 1])
		row->returns = 0;
	row->capture = c->pub.id;
	capture_begin(d, c, now);
}

void
decide_sighting(
    struct decide *d, const struct sighting *s, struct instant now, struct verdict *ret_verdict)
{
	struct convs_key key = {.local = s->local, .remote = s->remote, .vni = s->vni};
	struct convs_row none = {.samples = 0}, *row = NULL;
	struct verdict v;
	enum result code;
	unsigned e;
	int policy = judge_policy(d, s, &e);

	d->counts.sightings++;
	/* Whoever forges exporters must not fill the memory. */
	if (policy >= 0 && decide_exporter(d, &s->exporter, &s->from, &code) >= 0)
		row = convs_touch(d->convs, &key);
	else
		d->counts.exporter_unknown += policy >= 0;
	if (row != NULL && judge_counts(&d->policies[policy], s))
		judge_count(row, &d->policies[policy], s, now);
	else
		d->counts.not_counted++;
	judge_sighting(d, s, row != NULL ? row : &none, now, &v);
	if (v.code == RESULT_OK && row != NULL) {
		open_capture(d, &v, s, row, now);
	} else if (v.alert) {
		d->counts.inbound_only += v.code == RESULT_INBOUND_ONLY;
		d->counts.shadowed += v.code == RESULT_SHADOW_ONLY;
		d->counts.refused += strcmp(alert_kind(v.code), "refused") == 0;
		if (may_tell(d, row, &v, now) && d->sink.event != NULL) {
			struct decide_event event = {.kind = alert_kind(v.code),
			    .code = v.code,
			    .text = verdict_text(&v),
			    .sighting = s,
			    .policy = v.policy >= 0 ? &d->policies[v.policy] : NULL,
			    .verdict = &v};
			d->sink.event(d->user, now, &event);
		}
	}
	if (ret_verdict != NULL)
		*ret_verdict = v;
}

void
decide_explain(const struct decide *d, const struct sighting *s, struct instant now,
    struct verdict *ret_verdict)
{
	struct convs_key key = {.local = s->local, .remote = s->remote, .vni = s->vni};
	const struct convs_row *found = convs_find(d->convs, &key);
	struct convs_row row = {.samples = 0};
	enum result code;
	unsigned e;
	int policy = judge_policy(d, s, &e);
	bool known =
	    s->exporter.family == 0 || decide_exporter(d, &s->exporter, &s->from, &code) >= 0;

	if (found != NULL && policy >= 0 && known)
		row = *found;
	if (policy >= 0 && known && judge_counts(&d->policies[policy], s))
		judge_count(&row, &d->policies[policy], s, now);
	judge_sighting(d, s, &row, now, ret_verdict);
}

/* What time brings one capture. */
static void
tick_capture(struct decide *d, struct brain_capture *c, struct instant now)
{
	struct decide_capture *p = &c->pub;
	int64_t lease = (int64_t)d->limits.lease_ms * CLK_MS;

	if (life_is_live(p->state)) {
		if (p->ends.ns != 0 && !clk_before(now, p->ends))
			capture_end(
			    d, c, RESULT_END_DURATION, result_text(RESULT_END_DURATION), now);
		else if (p->idle_ns > 0 && p->state >= LIFE_IN_KERNEL &&
			 clk_diff(now, p->moved) >= p->idle_ns)
			capture_end(d, c, RESULT_END_IDLE, result_text(RESULT_END_IDLE), now);
		else if (p->max_packets > 0 && p->packets >= p->max_packets)
			capture_end(d, c, RESULT_END_PACKETS, result_text(RESULT_END_PACKETS), now);
		else if (p->max_bytes > 0 && p->bytes >= p->max_bytes)
			capture_end(d, c, RESULT_END_BYTES, result_text(RESULT_END_BYTES), now);
		return;
	}
	/* A switch that is not heard for a lease has taken its rules out by itself. */
	for (unsigned i = 0; i < p->holder_count; i++) {
		struct decide_holder *h = &p->holders[i];
		const struct brain_switch *sw = &d->switches[h->id < d->switch_count ? h->id : 0];

		if (h->gone || sw->connected || clk_diff(now, h->dropped) < lease ||
		    clk_diff(now, sw->heard) < lease)
			continue;
		capture_holder_gone(d, c, h, now);
		return;
	}
}

void
decide_tick(struct decide *d, struct instant now)
{
	struct brain_capture *c, *next;

	for (c = TAILQ_FIRST(&d->live); c != NULL; c = next) {
		next = TAILQ_NEXT(c, order);
		tick_capture(d, c, now);
	}
	budget_enforce(d, now);
}

enum result
decide_start(struct decide *d, const struct decide_start *start, bool dry, struct instant now,
    struct verdict *ret_verdict, uint64_t *ret_id)
{
	struct brain_capture *c;
	int64_t for_ns = start->for_ns > 0 ? start->for_ns : d->limits.manual_ns;

	judge_start(d, start, now, ret_verdict);
	if (ret_verdict->code != RESULT_OK || dry)
		return ret_verdict->code;
	c = capture_new(d, ret_verdict, now);
	if (c == NULL)
		return RESULT_INTERNAL;
	c->pub.manual = true;
	snprintf(c->pub.by, sizeof c->pub.by, "%s", start->who);
	snprintf(c->pub.why, sizeof c->pub.why, "%s", start->why);
	c->pub.priority = BRAIN_MANUAL_PRIORITY;
	c->pub.ends = for_ns > 0 ? clk_add(now, for_ns) : (struct instant){0};
	c->pub.idle_ns = start->idle_ns;
	c->pub.max_packets = start->max_packets;
	c->pub.max_bytes = start->max_bytes;
	c->pub.max_bps = start->max_bps;
	*ret_id = c->pub.id;
	capture_begin(d, c, now);
	return RESULT_OK;
}

enum result
decide_stop(struct decide *d, uint64_t id, enum result code, const char *who, struct instant now)
{
	struct brain_capture *c = capture_find(d, id);
	char text[DECIDE_TEXT_MAX];

	if (c == NULL)
		return RESULT_NOT_FOUND;
	if (!life_is_live(c->pub.state))
		return RESULT_ALREADY;
	snprintf(text, sizeof text, "%s: %s", result_text((int)code), who);
	capture_end(d, c, code, text, now);
	return RESULT_OK;
}

enum result
decide_extend(struct decide *d, uint64_t id, int64_t for_ns, struct instant now)
{
	struct brain_capture *c = capture_find(d, id);

	if (c == NULL)
		return RESULT_NOT_FOUND;
	if (!life_is_live(c->pub.state))
		return RESULT_ALREADY;
	c->pub.ends = clk_add(now, for_ns);
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		if (c->pub.holders[i].wanted)
			d->switches[c->pub.holders[i].id].changed = true;
	return RESULT_OK;
}

static void
tell_operator(struct decide *d, const char *kind, const char *name, bool on, const char *who,
    const char *why, struct instant now)
{
	struct decide_event event = {.kind = kind, .name = name, .on = on, .who = who, .text = why};

	if (d->sink.event != NULL)
		d->sink.event(d->user, now, &event);
}

void
decide_freeze(struct decide *d, bool frozen, const char *who, const char *why, struct instant now)
{
	if (d->frozen == frozen)
		return;
	d->frozen = frozen;
	tell_operator(d, "freeze", NULL, frozen, who, why, now);
}

bool
decide_frozen(const struct decide *d)
{
	return d->frozen;
}

int
decide_release(
    struct decide *d, int id, bool released, const char *who, const char *why, struct instant now)
{
	struct brain_capture *c, *next;

	if (id >= (int)d->switch_count)
		return -ENOENT;
	if (id < 0)
		d->released_all = released;
	else
		d->switches[id].released = released;
	/* Lifting "all" lifts every single one, too: the word has one meaning. */
	for (size_t i = 0; id < 0 && !released && i < d->switch_count; i++)
		d->switches[i].released = false;
	tell_operator(
	    d, "release", id < 0 ? "all" : d->switches[id].conf.name, released, who, why, now);
	for (c = TAILQ_FIRST(&d->live); released && c != NULL; c = next) {
		bool there = id < 0;

		next = TAILQ_NEXT(c, order);
		for (unsigned i = 0; i < c->pub.holder_count; i++)
			there = there || c->pub.holders[i].id == (unsigned)id;
		if (there)
			capture_end(
			    d, c, RESULT_END_RELEASED, result_text(RESULT_END_RELEASED), now);
	}
	return 0;
}

bool
decide_released(const struct decide *d, int id)
{
	if (id < 0 || d->released_all || (size_t)id >= d->switch_count)
		return d->released_all;
	return d->switches[id].released || d->switches[id].released_there;
}

int
decide_restore(struct decide *d, const struct decide_capture *capture)
{
	struct brain_capture *c;

	if (capture_find(d, capture->id) != NULL)
		return -EEXIST;
	if (!life_is_over(capture->state) && d->live_count >= d->limits.captures)
		return -E2BIG;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	c->pub = *capture;
	c->analyser = UINT_MAX;
	for (unsigned a = 0; a < d->analyser_count; a++)
		if (strcmp(d->analysers[a].name, capture->analyser_name) == 0)
			c->analyser = a;
	if (!capture->manual) {
		c->key.local = capture->filter.a.addr;
		c->key.remote = capture->filter.b.addr;
		c->key.vni = capture->has_sighting ? capture->sighting.vni : 0;
	}
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		if (c->pub.holders[i].id < d->switch_count)
			d->switches[c->pub.holders[i].id].changed = true;
	capture_link(d, c);
	if (c->key.local.family != 0 && !life_is_over(c->pub.state)) {
		struct convs_row *row = convs_touch(d->convs, &c->key);

		if (row != NULL)
			row->capture = c->pub.id;
	}
	return 0;
}

int
decide_restore_cooldown(struct decide *d, const struct addr *local, const struct addr *remote,
    uint32_t vni, unsigned returns, struct instant ended)
{
	struct convs_key key = {.local = *local, .remote = *remote, .vni = vni};
	struct convs_row *row = convs_touch(d->convs, &key);

	if (row == NULL)
		return -ENOMEM;
	row->returns = returns;
	row->ended = ended;
	return 0;
}

bool
decide_cooldown(const struct decide *d, const struct addr *local, const struct addr *remote,
    uint32_t vni, unsigned *ret_returns, struct instant *ret_ended)
{
	struct convs_key key = {.local = *local, .remote = *remote, .vni = vni};
	const struct convs_row *row = convs_find(d->convs, &key);

	if (row == NULL || row->returns == 0)
		return false;
	*ret_returns = row->returns;
	*ret_ended = row->ended;
	return true;
}

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

size_t
decide_orders(
    const struct decide *d, unsigned id, struct order *orders, size_t max, struct instant now)
{
	const struct brain_capture *c;
	size_t count = 0;

	TAILQ_FOREACH(c, &d->live, order)
	{
		bool wanted = false;

		for (unsigned i = 0; i < c->pub.holder_count; i++)
			wanted = wanted || (c->pub.holders[i].id == id && c->pub.holders[i].wanted);
		if (!wanted || count == max)
			continue;
		struct order *o = &orders[count++];
		int64_t left = clk_diff(c->pub.ends, now) / CLK_MS;

		memset(o, 0, sizeof *o);
		o->capture = c->pub.id;
		o->filter = c->pub.filter;
		o->analyser = c->pub.analyser;
		if (c->pub.ends.ns != 0)
			o->remaining_ms = left < 1            ? 1
					  : left > UINT32_MAX ? UINT32_MAX
							      : (uint32_t)left;
		o->max_bps = c->pub.max_bps;
		if (o->max_bps == 0 && c->analyser < d->analyser_count)
			o->max_bps = d->analysers[c->analyser].hard_bps;
		o->max_packets = c->pub.max_packets;
		o->max_bytes = c->pub.max_bytes;
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
	const struct brain_capture *c, *best = NULL;

	/* Those that are over stand by when they ended; a page goes by id. */
	TAILQ_FOREACH(c, over ? &d->over : &d->live, order)
	if (c->pub.id > after_id && (best == NULL || c->pub.id < best->pub.id))
		best = c;
	return best != NULL ? &best->pub : NULL;
}

unsigned
decide_switch_rules(const struct decide *d, unsigned id)
{
	return budget_rules(d, id);
}

unsigned
decide_switch_captures(const struct decide *d, unsigned id)
{
	const struct brain_capture *c;
	unsigned count = 0;

	TAILQ_FOREACH(c, &d->live, order)
	for (unsigned i = 0; i < c->pub.holder_count; i++)
		count += c->pub.holders[i].id == id && !c->pub.holders[i].gone;
	return count;
}

void
decide_stats(const struct decide *d, struct instant now, struct decide_stats *ret_stats)
{
	struct decide_stats s = d->counts;

	s.live = d->live_count;
	s.over = d->over_count;
	s.conversations = convs_count(d->convs);
	s.conversations_forgotten = convs_forgotten(d->convs);
	s.starts_minute = budget_starts(d, now);
	for (unsigned a = 0; a < d->analyser_count; a++)
		s.est_bps += budget_bps(d, a);
	*ret_stats = s;
}
