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
#define MOVE_EVERY (2 * CLK_S)
#define HOSTS_SETTLE (10 * CLK_S) /* of a session, until all its hosts are told */
#define RETURN_FORGET 2           /* times the longest cool-down without a capture: a clean slate */

/* Datagrams of an exporter that is not ours have no conversations; it is told of by itself. */
static bool
is_news(struct decide *d, const struct sighting *s, struct instant now)
{
	size_t i = addrbook_hash(&s->exporter, 3) % BRAIN_STRANGERS;

	if (addr_equal(&d->strangers[i].exporter, &s->exporter) &&
	    clk_diff(now, d->strangers[i].told) < TOLD_AGAIN)
		return false;
	d->strangers[i].exporter = s->exporter;
	d->strangers[i].told = now;
	return true;
}

/* An event at most once an hour for the same answer about the same conversation, and so many a
 * second in all: a flood of alerts helps nobody. What is left out is counted by `alerts`. */
static bool
may_tell(struct decide *d, const struct sighting *s, struct convs_row *row, const struct verdict *v,
    struct instant now)
{
	d->counts.alerts++;
	if (row != NULL && row->told_code == v->code && clk_diff(now, row->told) < TOLD_AGAIN)
		return false;
	if (clk_diff(now, d->alert_second) >= CLK_S) {
		d->alert_second = now;
		d->alerts_in_second = 0;
	}
	if (d->alerts_in_second >= BRAIN_ALERTS_SECOND || (row == NULL && !is_news(d, s, now)))
		return false;
	d->alerts_in_second++;
	if (row != NULL) {
		row->told_code = (uint16_t)v->code;
		row->told = now;
	}
	return true;
}

static uint64_t
plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static const char *
alert_kind(const struct verdict *v)
{
	if (v->shadow)
		return "shadow";
	if (v->code == RESULT_TOO_LARGE_FOR_CAPTURE)
		return "mitigate";
	if (v->wide != VERDICT_PAIR)
		return "scanner";
	return v->code == RESULT_ALERT_ONLY || v->code == RESULT_INBOUND_ONLY ||
		       v->code == RESULT_EXPORTER_UNKNOWN || v->code == RESULT_NO_AGENT ||
		       v->code == RESULT_AMBIGUOUS || v->code == RESULT_NO_POLICY
		   ? "alert"
		   : "refused";
}

static void
tell(struct decide *d, const struct verdict *v, const struct sighting *s, struct convs_row *row,
    struct instant now)
{
	struct decide_event event = {.kind = alert_kind(v),
	    .code = v->code,
	    .text = verdict_text(v),
	    .sighting = s,
	    .policy = v->policy >= 0 ? &d->policies[v->policy] : NULL,
	    .verdict = v};

	d->counts.inbound_only += v->code == RESULT_INBOUND_ONLY;
	d->counts.shadowed += v->shadow;
	d->counts.scanners += v->wide != VERDICT_PAIR;
	d->counts.too_large += v->code == RESULT_TOO_LARGE_FOR_CAPTURE;
	d->counts.refused += strcmp(event.kind, "refused") == 0;
	if (may_tell(d, s, row, v, now) && d->sink.event != NULL)
		d->sink.event(d->user, now, &event);
}

/* ---- a sighting's rows ---- */

/*
 * The rows a sighting is about, after it was counted: the real ones for a sighting that came,
 * copies for the question what one would get. One way for both, so that the answers are the same.
 */
struct look {
	struct convs_row copies[3];
	struct convs_row *pair, *remote, *prefix;
	int policy;
	bool counts;
};

static struct convs_row *
row_of(const struct decide *d, struct convs *write, const struct convs_key *key,
    struct convs_row *copy, bool make)
{
	struct convs_row *row = convs_find(d->convs, key);

	if (row == NULL && !make)
		return NULL;
	if (write != NULL)
		return convs_touch(write, key);
	if (row != NULL)
		*copy = *row;
	else
		*copy = (struct convs_row){.key = *key};
	return copy;
}

/* Those that are remembered become the youngest, so that making the others forgets none of them. */
static void
refresh(struct convs *write, const struct convs_key *key)
{
	if (write != NULL && convs_find(write, key) != NULL)
		convs_touch(write, key);
}

static void
count(struct convs_row *row, const struct policy *policy, const struct sighting *s,
    struct instant now)
{
	uint64_t n = (uint64_t)s->merged + 1;

	convs_sample(row, policy->window_ns, now, (uint32_t)n, n * s->sampling_rate,
	    plus(s->merged_bytes, (uint64_t)s->frame_length * s->sampling_rate));
}

/* Whether the conversation is one more of a host's many is asked as it comes up; later samples of
 * it are counted to what it was found to be. */
static void
look_wide(const struct decide *d, struct convs *write, const struct sighting *s,
    const struct sighting_entry *entry, struct instant now, struct look *l)
{
	const struct policy *policy = &d->policies[l->policy];
	struct convs_key remote = judge_key(CONVS_REMOTE, s, entry);
	struct convs_key prefix = judge_key(CONVS_PREFIX, s, entry);
	struct convs_row *pair = l->pair;
	bool fresh = pair->peered.ns == 0 || clk_diff(now, pair->peered) > policy->window_ns;

	l->remote = row_of(d, write, &remote, &l->copies[1], fresh);
	l->prefix = row_of(d, write, &prefix, &l->copies[2], fresh);
	if (l->remote != NULL)
		convs_peer(l->remote, pair, &s->local, policy->window_ns, now);
	if (l->prefix != NULL)
		convs_peer(l->prefix, pair, &s->remote, policy->window_ns, now);
	if (fresh)
		pair->peered = now.ns != 0 ? now : (struct instant){1};
	if (l->counts && l->remote != NULL)
		count(l->remote, policy, s, now);
	if (l->counts && l->prefix != NULL)
		count(l->prefix, policy, s, now);
}

static void
look(const struct decide *d, struct convs *write, const struct sighting *s, struct instant now,
    struct look *l)
{
	struct convs_key key = judge_key(CONVS_PAIR, s, NULL);
	enum result code;
	unsigned e = 0;
	int seen = -1;

	l->pair = l->remote = l->prefix = NULL;
	l->policy = judge_policy(d, s, &e);
	if (l->policy < 0)
		return;
	if (s->exporter.family != 0)
		seen = decide_exporter(d, &s->exporter, &s->from, &code);
	/* Whoever forges exporters must not fill the memory. */
	if (seen < 0 && s->exporter.family != 0)
		return;
	if (d->policies[l->policy].scanner_hosts > 0) {
		struct convs_key remote = judge_key(CONVS_REMOTE, s, NULL);
		struct convs_key prefix = judge_key(CONVS_PREFIX, s, &s->entries[e]);

		refresh(write, &key);
		refresh(write, &remote);
		refresh(write, &prefix);
	}
	l->pair = row_of(d, write, &key, &l->copies[0], true);
	if (l->pair == NULL)
		return;
	l->counts = judge_counts(&d->policies[l->policy], s);
	if (seen >= 0)
		convs_seen(l->pair, s->outbound, (unsigned)seen);
	if (l->counts)
		count(l->pair, &d->policies[l->policy], s, now);
	if (d->policies[l->policy].scanner_hosts == 0)
		return;
	look_wide(d, write, s, &s->entries[e], now, l);
	if (seen >= 0 && l->remote != NULL)
		convs_seen(l->remote, s->outbound, (unsigned)seen);
	if (seen >= 0 && l->prefix != NULL)
		convs_seen(l->prefix, s->outbound, (unsigned)seen);
}

static void
judge(const struct decide *d, const struct sighting *s, const struct look *l, struct instant now,
    struct verdict *v)
{
	static const struct convs_row none = {.capture = 0};
	struct judge_rows rows = {l->pair != NULL ? l->pair : &none, l->remote, l->prefix};

	judge_sighting(d, s, &rows, now, v);
}

void
decide_explain(const struct decide *d, const struct sighting *s, struct instant now,
    struct verdict *ret_verdict)
{
	struct look l = {.policy = -1};

	look(d, NULL, s, now, &l);
	judge(d, s, &l, now, ret_verdict);
}

/* The real row that the verdict is about; NULL: none is kept. */
static struct convs_row *
row_for(const struct look *l, const struct verdict *v)
{
	switch (v->wide) {
	case VERDICT_PAIR:
		return l->pair;
	case VERDICT_REMOTE:
		return l->remote;
	case VERDICT_PREFIX:
		return l->prefix;
	}
	return l->pair;
}

void
decide_sighting(
    struct decide *d, const struct sighting *s, struct instant now, struct verdict *ret_verdict)
{
	struct look l = {.policy = -1};
	struct convs_row *row;
	struct verdict v;

	d->counts.sightings += (uint64_t)s->merged + 1;
	look(d, d->convs, s, now, &l);
	d->counts.exporter_unknown += l.policy >= 0 && l.pair == NULL;
	d->counts.not_counted += !l.counts;
	judge(d, s, &l, now, &v);
	row = row_for(&l, &v);
	if (v.code == RESULT_OK && row != NULL)
		brain_open(d, &v, s, &row->key, now);
	else if (v.alert)
		tell(d, &v, s, row, now);
	if (ret_verdict != NULL)
		*ret_verdict = v;
}

/* ---- captures that policies open ---- */

/* Captures of lower priority go for it. */
static void
evict(struct decide *d, const struct verdict *v, struct instant now)
{
	for (unsigned i = 0; i < v->evict_count; i++) {
		struct brain_capture *c = capture_find(d, v->evicts[i]);
		const struct brain_analyser *a = &d->analysers[v->analyser];
		char text[DECIDE_TEXT_MAX];

		if (c == NULL)
			continue;
		snprintf(text, sizeof text,
		    "analyser %s gets %" PRIu64 " kbit/s of at most %" PRIu64 ", and one of "
		    "higher priority needs %" PRIu64 "; this capture's share is %" PRIu64,
		    a->conf.name, a->bps / 1000, a->conf.hard_bps / 1000, v->est_bps / 1000,
		    c->pub.est_bps / 1000);
		d->counts.evicted++;
		capture_end(d, c, RESULT_END_BUDGET, text, now);
	}
}

/* What the wider one takes, wherever the narrower ones are held, is theirs no longer. */
static void
absorb(struct decide *d, struct brain_capture *wide, struct instant now)
{
	struct brain_capture *c, *next;
	char text[DECIDE_TEXT_MAX];

	snprintf(text, sizeof text, "capture %" PRIu64 " takes it over", wide->pub.id);
	for (c = TAILQ_FIRST(&d->live); c != NULL; c = next) {
		bool held = true;

		next = TAILQ_NEXT(c, order);
		if (c == wide || c->pub.manual || !life_is_live(c->pub.state) ||
		    c->analyser != wide->analyser ||
		    !filter_covers(&wide->pub.filter, &c->pub.filter))
			continue;
		for (unsigned i = 0; i < c->pub.holder_count; i++) {
			bool here = !c->pub.holders[i].wanted;

			for (unsigned k = 0; k < wide->pub.holder_count; k++)
				here = here || (wide->pub.holders[k].id == c->pub.holders[i].id &&
						   wide->pub.holders[k].way == VERDICT_BOTH);
			held = held && here;
		}
		if (held)
			capture_end(d, c, RESULT_END_WIDER, text, now);
	}
}

static void
forgive(const struct policy *policy, struct convs_row *row, struct instant now)
{
	if (row->returns > 0 && policy->cooldown_count > 0 &&
	    clk_diff(now, row->ended) >
		RETURN_FORGET * policy->cooldowns[policy->cooldown_count - 1])
		row->returns = 0;
}

static void
fill_from_policy(struct brain_capture *c, const struct policy *policy, struct instant now)
{
	snprintf(c->pub.by, sizeof c->pub.by, "%s", policy->name);
	snprintf(c->pub.policy, sizeof c->pub.policy, "%s", policy->name);
	c->pub.priority = policy->priority;
	if (policy->duration_ns > 0)
		c->pub.ends = clk_add(now, policy->duration_ns);
	c->pub.idle_ns = policy->idle_ns;
	c->pub.max_packets = policy->max_packets;
	c->pub.max_bytes = policy->max_bytes;
	c->pub.max_bps = policy->max_bps;
}

void
brain_open(struct decide *d, const struct verdict *v, const struct sighting *s,
    const struct convs_key *key, struct instant now)
{
	const struct policy *policy = &d->policies[v->policy];
	struct brain_capture *c = capture_new(d, v, now);
	char prefix[PREFIX_TEXT_MAX], many[80] = "";
	struct convs_row *row;
	unsigned e = 0;

	if (c == NULL)
		return;
	c->key = *key;
	evict(d, v, now);
	row = convs_find(d->convs, &c->key);
	judge_policy(d, s, &e);
	fill_from_policy(c, policy, now);
	if (v->wide != VERDICT_PAIR)
		snprintf(many, sizeof many, "; one of %u hosts within the window", v->peers);
	snprintf(c->pub.why, sizeof c->pub.why, "feed %s lists %s, line %" PRIu32 "%s",
	    s->entries[e].feed < d->feed_count ? d->feeds[s->entries[e].feed] : "?",
	    prefix_format(&s->entries[e].prefix, prefix), s->entries[e].line, many);
	c->pub.vni = s->vni;
	c->pub.has_sighting = true;
	c->pub.sighting = *s;
	if (row != NULL) {
		forgive(policy, row, now);
		row->capture = c->pub.id;
		convs_keep(d->convs, row);
	}
	capture_begin(d, c, now);
	if (v->wide != VERDICT_PAIR)
		absorb(d, c, now);
}

void
brain_retry(struct decide *d, struct instant now)
{
	while (d->retry_count > 0) {
		struct brain_capture *c = capture_find(d, d->retries[--d->retry_count]);
		struct sighting s;
		struct look l = {.policy = -1};
		struct convs_row *row;
		struct verdict v;

		if (c == NULL)
			continue;
		/* The sample that began it decides once more; it is not counted twice. */
		s = c->pub.sighting;
		look(d, NULL, &s, now, &l);
		judge(d, &s, &l, now, &v);
		row = convs_find(d->convs, &c->key);
		if (v.code == RESULT_OK && row != NULL) {
			d->counts.retried++;
			brain_open(d, &v, &s, &row->key, now);
		}
	}
}

/* ---- time ---- */

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

/* ---- operators ---- */

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

/* ---- an earlier life ---- */

static struct convs_key
key_of(const struct decide_capture *c)
{
	struct convs_key none = {.kind = CONVS_PAIR};

	if (c->manual || !c->has_sighting)
		return none;
	switch (c->wide) {
	case VERDICT_PAIR:
		return judge_key(CONVS_PAIR, &c->sighting, NULL);
	case VERDICT_REMOTE:
		return judge_key(CONVS_REMOTE, &c->sighting, NULL);
	case VERDICT_PREFIX:
		return judge_key(CONVS_PREFIX, &c->sighting, &c->sighting.entries[0]);
	}
	return none;
}

static bool
can_be(const struct decide *d, const struct decide_capture *c)
{
	if (c->id == 0 || c->id >= d->next_id || c->state < LIFE_REQUESTED ||
	    c->state > LIFE_FAILED || c->holder_count > DECIDE_HOLDERS_MAX ||
	    filter_check(&c->filter, NULL) != NULL)
		return false;
	for (unsigned i = 0; i < c->holder_count; i++)
		for (unsigned k = 0; k < i; k++)
			if (c->holders[i].id == c->holders[k].id && c->holders[i].id != UINT_MAX)
				return false;
	return true;
}

int
decide_restore(struct decide *d, const struct decide_capture *capture)
{
	bool over = life_is_over(capture->state);
	struct brain_capture *c;
	struct convs_row *row;

	if (capture_find(d, capture->id) != NULL)
		return -EEXIST;
	if (!can_be(d, capture))
		return -EINVAL;
	if (!over && d->live_count >= d->limits.captures)
		return -E2BIG;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return -ENOMEM;
	c->pub = *capture;
	/* No sum of such numbers overflows. */
	if (c->pub.est_bps > BRAIN_BPS_MAX)
		c->pub.est_bps = BRAIN_BPS_MAX;
	c->analyser = UINT_MAX;
	for (unsigned a = 0; a < d->analyser_count; a++)
		if (strcmp(d->analysers[a].conf.name, capture->analyser_name) == 0)
			c->analyser = a;
	c->key = key_of(capture);
	for (unsigned i = 0; i < c->pub.holder_count; i++) {
		struct decide_holder *h = &c->pub.holders[i];

		if (h->id >= d->switch_count || over) {
			h->id = h->id >= d->switch_count ? UINT_MAX : h->id;
			h->gone = true;
			h->wanted = false;
		} else {
			d->switches[h->id].changed = true;
		}
	}
	capture_link(d, c);
	budget_restored(d, c->pub.begun);
	row = c->key.remote.family != 0 && !over ? convs_touch(d->convs, &c->key) : NULL;
	if (row != NULL) {
		row->capture = c->pub.id;
		convs_keep(d->convs, row);
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
	convs_keep(d->convs, row);
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
