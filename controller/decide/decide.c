/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sightings in, captures and events out. Judgement, budget, place and the captures' lives have
 * files of their own, and so have the decider's other doors: decide_*.c.
 */
#include "controller/decide/decide.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/decide/brain.h"

#define TOLD_AGAIN (3600 * CLK_S) /* the same event about the same conversation */
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
	else if (v.code == RESULT_ALREADY && v.holder_count > 0)
		wide_spread(d, &v, s, now);
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
		wide_absorb(d, v, c, now);
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
