/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The judgement: a sighting (or an operator's wish) and all that is known in, a verdict with its
 * steps out. Changes nothing, so that `explain` gives what a sighting would get.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "controller/decide/brain.h"

#define PROTO_TCP 6
#define TCP_RST 0x04

static const char *
feed_name(const struct decide *d, uint16_t id)
{
	return id < d->feed_count && d->feeds[id][0] != '\0' ? d->feeds[id] : "?";
}

/* The policy that takes the sighting, and by which of its entries; -1: none. */
int
judge_policy(const struct decide *d, const struct sighting *s, unsigned *ret_entry)
{
	for (size_t p = 0; p < d->policy_count; p++) {
		for (unsigned e = 0; e < s->entry_count; e++) {
			const struct sighting_entry *entry = &s->entries[e];

			if (d->policies[p].match_ports && entry->port != 0 &&
			    (!s->has_ports || entry->port != s->remote_port))
				continue;
			if (policy_takes(&d->policies[p], feed_name(d, entry->feed))) {
				*ret_entry = e;
				return (int)p;
			}
		}
	}
	return -1;
}

/* RFC 792 and 4443: errors, which anybody's stray packet calls forth. */
static bool
is_icmp_error(const struct sighting *s)
{
	if (s->proto == 1)
		return s->icmp_type == 3 || s->icmp_type == 4 || s->icmp_type == 5 ||
		       s->icmp_type == 11 || s->icmp_type == 12;
	return s->proto == 58 && s->icmp_type >= 1 && s->icmp_type <= 4;
}

bool
judge_counts(const struct policy *policy, const struct sighting *s)
{
	if (s->proto == PROTO_TCP && (s->tcp_flags & TCP_RST) != 0)
		return false;
	return !is_icmp_error(s) && (s->outbound || policy->inbound);
}

void
judge_count(struct convs_row *row, const struct policy *policy, const struct sighting *s,
    struct instant now)
{
	if (row->samples == 0 || clk_diff(now, row->window) > policy->window_ns) {
		row->window = now;
		row->samples = 0;
		row->bytes = row->packets = 0;
	}
	row->samples++;
	row->packets += s->sampling_rate;
	row->bytes += (uint64_t)s->frame_length * s->sampling_rate;
	row->last = now;
}

/* Bits a second, from what the window holds; a window just begun says nothing of rates yet, so at
 * least ten seconds are reckoned. */
static uint64_t
estimate(const struct convs_row *row, struct instant now)
{
	double s = (double)clk_diff(now, row->window) / (double)CLK_S;

	return (uint64_t)((double)row->bytes * 8 / (s > 10 ? s : 10));
}

static const char *
never(const struct decide *d, const struct addr *addr)
{
	for (size_t i = 0; i < d->never_count; i++)
		if (prefix_contains(&d->never[i], addr))
			return "in a network that is never captured";
	for (size_t i = 0; i < d->analyser_count; i++)
		if (addr_equal(&d->analysers[i].addr, addr))
			return "an analyser";
	for (size_t i = 0; i < d->own_count; i++)
		if (addr_equal(&d->own[i], addr))
			return "the controller";
	for (size_t i = 0; i < d->switch_count; i++) {
		const struct brain_switch *sw = &d->switches[i];

		for (size_t k = 0; k < sw->conf.exporter_count; k++)
			if (addr_equal(&sw->conf.exporters[k], addr))
				return "a switch";
		for (size_t k = 0; k < sw->addr_count; k++)
			if (addr_equal(&sw->addrs[k], addr))
				return "a switch";
	}
	return NULL;
}

const char *
judge_never(const struct decide *d, const struct prefix *prefix)
{
	/* A wide filter that merely holds such an address is the operator's affair. */
	if (prefix->len == 0)
		return NULL;
	if (prefix->len == addr_bits(&prefix->addr))
		return never(d, &prefix->addr);
	for (size_t i = 0; i < d->never_count; i++)
		if (prefix_covers(&d->never[i], prefix))
			return "in a network that is never captured";
	return NULL;
}

static bool
step_never(
    const struct decide *d, struct verdict *v, const struct prefix *a, const struct prefix *b)
{
	const struct prefix *sides[2] = {a, b};

	for (int i = 0; i < 2; i++) {
		const char *what = judge_never(d, sides[i]);
		char text[PREFIX_TEXT_MAX];

		if (what != NULL)
			return verdict_step(v, "never", RESULT_NEVER_CAPTURE, "%s is %s",
			    prefix_format(sides[i], text), what);
	}
	return verdict_step(v, "never", RESULT_OK, "neither side is one that is never captured");
}

static bool
step_exporter(const struct decide *d, struct verdict *v, const struct sighting *s, int *ret_seen)
{
	char agent[ADDR_TEXT_MAX], from[ADDR_TEXT_MAX];
	enum result code = RESULT_OK;

	*ret_seen = -1;
	if (s->exporter.family == 0)
		return verdict_step(v, "exporter", RESULT_OK, "none given: any that is configured");
	*ret_seen = decide_exporter(d, &s->exporter, &s->from, &code);
	addr_format(&s->exporter, agent);
	addr_format(&s->from, from);
	if (*ret_seen < 0) {
		v->alert = true;
		return verdict_step(v, "exporter", code,
		    code == RESULT_EXPORTER_UNKNOWN
			? "exporter %s is a switch's, but its datagrams come from %s"
			: "no switch is bound to exporter %s (datagrams from %s)",
		    agent, from);
	}
	return verdict_step(
	    v, "exporter", RESULT_OK, "exporter %s is %s", agent, d->switches[*ret_seen].conf.name);
}

static bool
step_listed(const struct decide *d, struct verdict *v, const struct sighting *s)
{
	char prefix[PREFIX_TEXT_MAX];
	unsigned e = 0;

	if (s->entry_count == 0)
		return verdict_step(v, "listed", RESULT_NOT_LISTED, "no feed lists the address");
	v->policy = judge_policy(d, s, &e);
	prefix_format(&s->entries[e].prefix, prefix);
	if (v->policy < 0) {
		v->alert = true;
		return verdict_step(v, "policy", RESULT_NO_POLICY,
		    "feed %s lists %s, and no policy takes it (for that port)",
		    feed_name(d, s->entries[e].feed), prefix);
	}
	verdict_step(v, "listed", RESULT_OK, "feed %s lists %s, line %u",
	    feed_name(d, s->entries[e].feed), prefix, s->entries[e].line);
	return verdict_step(v, "policy", RESULT_OK, "policy %s, mode %s",
	    d->policies[v->policy].name, policy_mode_name(d->policies[v->policy].mode));
}

static bool
step_samples(struct verdict *v, const struct policy *policy, const struct sighting *s,
    const struct convs_row *row, struct instant now)
{
	char window[CLK_TEXT_MAX];

	clk_format_duration(policy->window_ns, window);
	if (!judge_counts(policy, s)) {
		v->alert = true;
		return verdict_step(v, "direction", RESULT_INBOUND_ONLY, "%s does not count",
		    s->outbound ? "a reset or an ICMP error"
				: "a sample from the remote side alone, or a reset or error,");
	}
	verdict_step(v, "direction", RESULT_OK, "%s",
	    s->outbound ? "the local host speaks" : "the policy counts inbound samples");
	v->est_samples = row->samples;
	v->est_bps = estimate(row, now);
	if (row->samples < policy->samples) {
		v->wait = true;
		return verdict_step(v, "samples", RESULT_MORE_SAMPLES, "%u of %u samples within %s",
		    row->samples, policy->samples, window);
	}
	/* sFlow's own measure: 196% times the root of 1/n, at 95% confidence. */
	return verdict_step(v, "samples", RESULT_OK,
	    "%u within %s: %" PRIu64 " packets ±%.0f%%, %" PRIu64 " kbit/s", row->samples, window,
	    row->packets, 196.0 / sqrt(row->samples), v->est_bps / 1000);
}

/* The living capture that takes every packet the filter would. */
static const struct brain_capture *
covering(const struct decide *d, const struct filter *filter, uint64_t hint)
{
	const struct brain_capture *c = hint != 0 ? capture_find(d, hint) : NULL;

	if (c != NULL && !life_is_over(c->pub.state))
		return c;
	TAILQ_FOREACH(c, &d->live, order)
	if (filter_covers(&c->pub.filter, filter))
		return c;
	return NULL;
}

static bool
step_again(const struct decide *d, struct verdict *v, const struct policy *policy,
    const struct convs_row *row, struct instant now)
{
	const struct brain_capture *c = covering(d, &v->filter, row->capture);

	if (c != NULL) {
		v->capture = c->pub.id;
		return verdict_step(v, "capture", RESULT_ALREADY, "capture %" PRIu64 " is %s",
		    c->pub.id, life_name(c->pub.state));
	}
	int64_t wait = policy_cooldown(policy, row->returns);
	int64_t since = row->returns > 0 ? clk_diff(now, row->ended) : 0;

	if (row->returns > 0 && since < wait) {
		char left[CLK_TEXT_MAX], whole[CLK_TEXT_MAX];

		return verdict_step(v, "cool-down", RESULT_COOL_DOWN,
		    "captured %u times; %s of %s are left", row->returns,
		    clk_format_duration(wait - since, left), clk_format_duration(wait, whole));
	}
	return verdict_step(v, "cool-down", RESULT_OK, row->returns > 0 ? "it is over" : "none");
}

static int
analyser_of(const struct decide *d, const char *name)
{
	for (size_t i = 0; i < d->analyser_count; i++)
		if (name[0] == '\0' || strcmp(d->analysers[i].name, name) == 0)
			return (int)i;
	return -1;
}

static bool
step_analyser(const struct decide *d, struct verdict *v, const char *name)
{
	int analyser = analyser_of(d, name);

	if (analyser < 0)
		return verdict_step(v, "analyser", RESULT_NOT_FOUND,
		    name[0] == '\0' ? "no analyser is configured" : "no analyser is called %s",
		    name);
	v->analyser = (unsigned)analyser;
	return true;
}

/* What the mode makes of a decision that found nothing against it. */
static void
step_mode(struct verdict *v, const struct policy *policy)
{
	switch (policy->mode) {
	case POLICY_CAPTURE:
		return;
	case POLICY_ALERT:
		v->alert = true;
		verdict_step(v, "mode", RESULT_ALERT_ONLY, "policy %s alerts only", policy->name);
		return;
	case POLICY_SHADOW:
		v->alert = true;
		verdict_step(v, "mode", RESULT_SHADOW_ONLY,
		    "policy %s is a shadow: it would take %u rules on %u switches", policy->name,
		    v->rules, v->holder_count);
		return;
	}
}

void
judge_sighting(const struct decide *d, const struct sighting *s, const struct convs_row *row,
    struct instant now, struct verdict *v)
{
	struct prefix a = prefix_make(&s->local, 128), b = prefix_make(&s->remote, 128);
	int seen;

	verdict_init(v);
	v->filter = filter_hosts(&s->local, &s->remote);
	v->rules = filter_rules(&v->filter);
	if (!step_exporter(d, v, s, &seen) || !step_listed(d, v, s))
		return;
	const struct policy *policy = &d->policies[v->policy];

	if (!step_never(d, v, &a, &b) || !step_samples(v, policy, s, row, now) ||
	    !step_again(d, v, policy, row, now))
		return;
	if (policy->mode == POLICY_ALERT) {
		step_mode(v, policy);
		return;
	}
	if (d->frozen) {
		v->alert = true;
		verdict_step(v, "freeze", RESULT_FROZEN, "frozen: nothing new is captured");
		return;
	}
	if (!step_analyser(d, v, policy->analyser) ||
	    !place_conversation(d, v, policy->where, seen, &s->local) ||
	    !budget_check(d, v, policy->priority, now)) {
		v->alert = true;
		return;
	}
	step_mode(v, policy);
}

void
judge_start(
    const struct decide *d, const struct decide_start *start, struct instant now, struct verdict *v)
{
	struct filter_limits limits = {d->limits.len4, d->limits.len6};
	const struct brain_capture *c;
	const char *wrong;

	verdict_init(v);
	v->filter = start->filter;
	v->rules = filter_rules(&v->filter);
	v->est_bps = start->max_bps;
	wrong = filter_check(&v->filter, NULL);
	if (wrong != NULL) {
		verdict_step(v, "filter", RESULT_BAD_FILTER, "%s", wrong);
		return;
	}
	wrong = filter_check(&v->filter, &limits);
	if (wrong != NULL) {
		verdict_step(v, "filter", RESULT_LIMIT_WIDTH, "%s", wrong);
		return;
	}
	if (d->limits.manual_needs_why && start->why[0] == '\0') {
		verdict_step(v, "why", RESULT_BAD_REQUEST, "a manual capture needs a reason here");
		return;
	}
	if (d->frozen) {
		verdict_step(v, "freeze", RESULT_FROZEN, "frozen: nothing new is captured");
		return;
	}
	if (!step_never(d, v, &v->filter.a, &v->filter.b))
		return;
	TAILQ_FOREACH(c, &d->live, order)
	{
		if (life_is_live(c->pub.state) && filter_covers(&c->pub.filter, &v->filter)) {
			v->capture = c->pub.id;
			verdict_step(v, "capture", RESULT_ALREADY,
			    "capture %" PRIu64 " takes it already", c->pub.id);
			return;
		}
	}
	if (!step_analyser(d, v, start->analyser))
		return;
	bool host = v->filter.a.len != 0 && v->filter.a.len == addr_bits(&v->filter.a.addr);
	struct addr none = {.family = 0};

	if (start->switch_count > 0
		? !place_named(d, v, start->switches, start->switch_count)
		: !place_conversation(d, v, start->everywhere ? POLICY_ALL : POLICY_EDGE, -1,
		      host ? &v->filter.a.addr : &none))
		return;
	budget_check(d, v, BRAIN_MANUAL_PRIORITY, now);
}
