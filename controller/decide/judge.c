/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The judgement: a sighting (or an operator's wish) and all that is known in, a verdict with its
 * steps out. Changes nothing, so that `explain` gives what a sighting would get.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/decide/brain.h"

#define PROTO_TCP 6
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

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

/* An answer to a knock: a scanner's SYN on an open port, its ping. The local host did not speak of
 * its own accord. */
static bool
is_answer(const struct sighting *s)
{
	if (s->proto == PROTO_TCP)
		return (s->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
	return (s->proto == 1 && s->icmp_type == 0) || (s->proto == 58 && s->icmp_type == 129);
}

bool
judge_counts(const struct policy *policy, const struct sighting *s)
{
	if (s->proto == PROTO_TCP && (s->tcp_flags & TCP_RST) != 0)
		return false;
	if (is_icmp_error(s))
		return false;
	return policy->inbound || (s->outbound && !is_answer(s));
}

struct convs_key
judge_key(enum convs_kind kind, const struct sighting *s, const struct sighting_entry *entry)
{
	struct convs_key key = {.vni = s->vni, .kind = (uint8_t)kind};

	switch (kind) {
	case CONVS_PAIR:
		key.local = s->local;
		key.remote = s->remote;
		break;
	case CONVS_REMOTE:
		key.remote = s->remote;
		break;
	case CONVS_PREFIX: {
		/* Feeds list neighbours one by one as well: they are of one prefix, too. */
		unsigned most = s->remote.family == 4 ? 24 : 64;
		struct prefix prefix =
		    prefix_make(&s->remote, entry->prefix.len < most ? entry->prefix.len : most);

		key.local = s->local;
		key.remote = prefix.addr;
		key.len = prefix.len;
		break;
	}
	}
	return key;
}

const struct convs_row *
judge_row(
    const struct decide *d, int policy, const struct judge_rows *rows, enum verdict_wide *ret_wide)
{
	uint32_t most = policy >= 0 ? d->policies[policy].scanner_hosts : 0;

	*ret_wide = VERDICT_PAIR;
	if (most > 0 && rows->remote != NULL && rows->remote->peers >= most) {
		*ret_wide = VERDICT_REMOTE;
		return rows->remote;
	}
	if (most > 0 && rows->prefix != NULL && rows->prefix->peers >= most) {
		*ret_wide = VERDICT_PREFIX;
		return rows->prefix;
	}
	return rows->pair;
}

static const char *
whose(const struct addrbook_entry *e)
{
	return e->kind == ADDRBOOK_ANALYSER ? "an analyser"
	       : e->kind == ADDRBOOK_OWN    ? "the controller"
					    : "a switch";
}

static const char *
never(const struct decide *d, const struct addr *addr)
{
	for (size_t i = 0; i < d->never_count; i++)
		if (prefix_contains(&d->never[i], addr))
			return "in a network that is never captured";
	const struct addrbook_entry *e = addrbook_find(d->book, addr, NULL);

	return e != NULL ? whose(e) : NULL;
}

/* NULL, or what the address is that makes it one never to be captured. */
static const char *
judge_never(const struct decide *d, const struct prefix *prefix)
{
	/* "Any address" is the other side's wish: it names nobody. */
	if (prefix->len == 0)
		return NULL;
	if (prefix->len == addr_bits(&prefix->addr))
		return never(d, &prefix->addr);
	for (size_t i = 0; i < d->never_count; i++)
		if (prefix_covers(&d->never[i], prefix) || prefix_covers(prefix, &d->never[i]))
			return "not apart from a network that is never captured";
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

/* A filter that nobody chose takes no bystander's address in. */
static bool
step_never_wide(const struct decide *d, struct verdict *v)
{
	const struct prefix *sides[2] = {&v->filter.a, &v->filter.b};

	for (int i = 0; i < 2; i++) {
		const struct addrbook_entry *e;
		char text[PREFIX_TEXT_MAX], addr[ADDR_TEXT_MAX];
		bool any = false;

		prefix_format(sides[i], text);
		for (size_t k = 0; k < d->never_count; k++)
			any = any || prefix_covers(sides[i], &d->never[k]) ||
			      prefix_covers(&d->never[k], sides[i]);
		if (any)
			return verdict_step(v, "never", RESULT_NEVER_CAPTURE,
			    "a filter as wide as %s would take a network that is never captured",
			    text);
		e = addrbook_inside(d->book, sides[i]);
		if (e != NULL)
			return verdict_step(v, "never", RESULT_NEVER_CAPTURE,
			    "a filter as wide as %s would take %s, which is %s", text,
			    addr_format(&e->addr, addr), whose(e));
	}
	return true;
}

static bool
step_exporter(const struct decide *d, struct verdict *v, const struct sighting *s, int *ret_seen)
{
	char agent[ADDR_TEXT_MAX], from[ADDR_TEXT_MAX], whence[ADDR_TEXT_MAX + 32] = "";
	enum result code = RESULT_OK;

	*ret_seen = -1;
	if (s->exporter.family == 0)
		return verdict_step(v, "exporter", RESULT_OK, "none given: any that is configured");
	*ret_seen = decide_exporter(d, &s->exporter, &s->from, &code);
	addr_format(&s->exporter, agent);
	addr_format(&s->from, from);
	if (s->from.family != 0)
		snprintf(whence, sizeof whence, " (datagrams from %s)", from);
	if (*ret_seen < 0) {
		v->alert = true;
		return verdict_step(v, "exporter", code,
		    code == RESULT_EXPORTER_UNKNOWN
			? "exporter %s is a switch's, but its datagrams come from %s"
		    : code == RESULT_AMBIGUOUS
			? "exporter %s is the address of more than one switch%s"
			: "no switch is bound to exporter %s%s",
		    agent, code == RESULT_EXPORTER_UNKNOWN ? from : whence);
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
	v->shadow = d->policies[v->policy].mode == POLICY_SHADOW;
	verdict_step(v, "listed", RESULT_OK, "feed %s lists %s, line %u",
	    feed_name(d, s->entries[e].feed), prefix, s->entries[e].line);
	return verdict_step(v, "policy", RESULT_OK, "policy %s, mode %s",
	    d->policies[v->policy].name, policy_mode_name(d->policies[v->policy].mode));
}

/* The filter of the many, when the conversation is one of many. */
static bool
step_scanner(const struct decide *d, struct verdict *v, const struct sighting *s,
    const struct convs_row *row)
{
	const struct policy *policy = &d->policies[v->policy];
	struct addr any = {.family = s->local.family};
	char host[ADDR_TEXT_MAX], prefix[PREFIX_TEXT_MAX];

	switch (v->wide) {
	case VERDICT_PAIR:
		return true;
	case VERDICT_REMOTE:
		/* `common` would be of another family only for a forged pair. */
		v->filter.a =
		    row->common.addr.family == any.family ? row->common : prefix_make(&any, 0);
		addr_format(&s->remote, host);
		prefix_format(&v->filter.a, prefix);
		break;
	case VERDICT_PREFIX:
		v->filter.b = row->common;
		addr_format(&s->local, host);
		prefix_format(&v->filter.b, prefix);
		break;
	}
	v->peers = row->peers;
	if (policy->scanner == POLICY_SCANNER_ALERT) {
		v->alert = true;
		return verdict_step(v, "scanner", RESULT_ALERT_ONLY,
		    "%s and %u hosts of %s within the window: policy %s alerts only", host,
		    v->peers, prefix, policy->name);
	}
	return verdict_step(v, "scanner", RESULT_OK, "%s and %u hosts of %s are taken as one", host,
	    v->peers, prefix);
}

static bool
step_samples(struct verdict *v, const struct policy *policy, const struct sighting *s,
    const struct convs_row *row, struct instant now)
{
	struct convs_sum sum;
	char window[CLK_TEXT_MAX];

	if (!judge_counts(policy, s)) {
		v->alert = true;
		return verdict_step(v, "direction", RESULT_INBOUND_ONLY, "%s does not count",
		    !s->outbound       ? "a sample from the remote side"
		    : is_icmp_error(s) ? "an ICMP error"
		    : is_answer(s)     ? "an answer to the remote side's knock"
				       : "a reset");
	}
	verdict_step(v, "direction", RESULT_OK, "%s",
	    s->outbound ? "the local host speaks" : "the policy counts inbound samples");
	clk_format_duration(policy->window_ns, window);
	convs_sum(row, policy->window_ns, now, &sum);
	v->est_samples = sum.samples;
	v->est_packets = sum.packets;
	v->est_bps = sum.bps;
	v->est_error = verdict_error(sum.samples);
	if (sum.samples < policy->samples) {
		v->wait = true;
		return verdict_step(v, "samples", RESULT_MORE_SAMPLES,
		    "%u of %u samples within %s: %" PRIu64 " packets ±%u%%", sum.samples,
		    policy->samples, window, sum.packets, v->est_error);
	}
	return verdict_step(v, "samples", RESULT_OK,
	    "%u within %s: %" PRIu64 " packets ±%u%%, %" PRIu64 " kbit/s", sum.samples, window,
	    sum.packets, v->est_error, v->est_bps / 1000);
}

/* The living capture that has it already: the row's own, that of the conversation alone, or a wider
 * one. */
static const struct brain_capture *
taken(const struct decide *d, const struct verdict *v, const struct sighting *s,
    const struct convs_row *row)
{
	const struct brain_capture *c = row->capture != 0 ? capture_find(d, row->capture) : NULL;
	struct filter pair = filter_hosts(&s->local, &s->remote);

	/* That of the many, when this one came later and is outside of it, is to be widened; one
	 * that is on its way out is not. */
	if (c != NULL && !life_is_over(c->pub.state) &&
	    (v->wide == VERDICT_PAIR || !life_is_live(c->pub.state) ||
		filter_covers(&c->pub.filter, &pair)))
		return c;
	c = capture_covering(d, &v->filter);
	if (c != NULL || v->wide == VERDICT_PAIR)
		return c;
	/* A conversation that an operator captures is no reason for a wider one; one that a policy
	 * captures becomes part of it. */
	c = capture_covering(d, &pair);
	return c != NULL && c->pub.manual ? c : NULL;
}

static bool
step_again(const struct decide *d, struct verdict *v, const struct policy *policy,
    const struct convs_row *row, const struct place_wish *wish)
{
	const struct brain_capture *c = taken(d, v, wish->s, row);

	if (c != NULL) {
		char more[VERDICT_TEXT_MAX];

		v->capture = c->pub.id;
		wide_missed(d, v, c, wish, more);
		return verdict_step(v, "capture", RESULT_ALREADY, "capture %" PRIu64 " is %s%s",
		    c->pub.id, life_name(c->pub.state), more);
	}
	int64_t wait = policy_cooldown(policy, row->returns);
	int64_t since = row->returns > 0 ? clk_diff(wish->now, row->ended) : 0;

	if (row->returns > 0 && since < wait) {
		char left[CLK_TEXT_MAX], whole[CLK_TEXT_MAX];

		return verdict_step(v, "cool-down", RESULT_COOL_DOWN,
		    "captured %u time%s; %s of %s are left", row->returns,
		    row->returns == 1 ? "" : "s", clk_format_duration(wait - since, left),
		    clk_format_duration(wait, whole));
	}
	return verdict_step(v, "cool-down", RESULT_OK, row->returns > 0 ? "it is over" : "none");
}

static int
analyser_of(const struct decide *d, const char *name)
{
	for (size_t i = 0; i < d->analyser_count; i++)
		if (name[0] == '\0' || strcmp(d->analysers[i].conf.name, name) == 0)
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
	unsigned rules = 0;

	switch (policy->mode) {
	case POLICY_CAPTURE:
		return;
	case POLICY_ALERT:
		v->alert = true;
		verdict_step(v, "mode", RESULT_ALERT_ONLY, "policy %s alerts only", policy->name);
		return;
	case POLICY_SHADOW:
		v->alert = true;
		for (unsigned i = 0; i < v->holder_count; i++)
			rules += v->shares[i].rules;
		verdict_step(v, "mode", RESULT_SHADOW_ONLY,
		    "policy %s is a shadow: it would take %u rules on %u switches and %" PRIu64
		    " kbit/s ±%u%%",
		    policy->name, rules, v->holder_count, v->est_bps / 1000, v->est_error);
		return;
	}
}

static unsigned
most_rules(const struct verdict *v)
{
	unsigned most = 0;

	for (unsigned i = 0; i < v->holder_count; i++)
		most = v->shares[i].rules > most ? v->shares[i].rules : most;
	return most;
}

/* Where, and whether there is room; the fabric's limits first: in a flood they are what answers. */
static bool
step_room(const struct decide *d, struct verdict *v, const struct policy *policy,
    const struct place_wish *wish)
{
	if (!step_analyser(d, v, policy->analyser) || !budget_room(d, v, wish->now) ||
	    !place_conversation(d, v, wish))
		return false;
	if (v->wide == VERDICT_REMOTE)
		wide_join(d, v, wish);
	v->rules = most_rules(v);
	if (!budget_check(d, v, policy->priority))
		return false;
	return v->wide == VERDICT_PAIR || step_never_wide(d, v);
}

void
judge_sighting(const struct decide *d, const struct sighting *s, const struct judge_rows *rows,
    struct instant now, struct verdict *v)
{
	struct prefix a = prefix_make(&s->local, 128), b = prefix_make(&s->remote, 128);
	const struct convs_row *row;
	int seen;

	verdict_init(v);
	v->filter = filter_hosts(&s->local, &s->remote);
	v->rules = filter_rules(&v->filter);
	if (!step_exporter(d, v, s, &seen) || !step_listed(d, v, s))
		return;
	const struct policy *policy = &d->policies[v->policy];

	row = judge_row(d, v->policy, rows, &v->wide);
	struct place_wish wish = {.where = policy->where,
	    .seen = seen,
	    .local = &s->local,
	    .s = s,
	    .row = row,
	    .vni = s->vni,
	    .now = now};

	if (!step_never(d, v, &a, &b) || !step_scanner(d, v, s, row) ||
	    !step_samples(v, policy, s, row, now) || !step_again(d, v, policy, row, &wish))
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
	if (!step_room(d, v, policy, &wish)) {
		v->alert = true;
		return;
	}
	step_mode(v, policy);
}

static bool
step_filter(const struct decide *d, struct verdict *v)
{
	struct filter_limits limits = {d->limits.len4, d->limits.len6};
	const char *wrong = filter_check(&v->filter, NULL);

	if (wrong != NULL)
		return verdict_step(v, "filter", RESULT_BAD_FILTER, "%s", wrong);
	wrong = filter_check(&v->filter, &limits);
	if (wrong != NULL)
		return verdict_step(v, "filter", RESULT_LIMIT_WIDTH,
		    "%s (settings widest4 and widest6: /%u and /%u)", wrong, d->limits.len4,
		    d->limits.len6);
	return true;
}

void
judge_start(
    const struct decide *d, const struct decide_start *start, struct instant now, struct verdict *v)
{
	struct addr none = {.family = 0};
	const struct brain_capture *c;

	verdict_init(v);
	v->filter = start->filter;
	v->rules = filter_rules(&v->filter);
	v->est_bps = start->max_bps;
	if (!step_filter(d, v))
		return;
	if (d->limits.manual_needs_why && start->why[strspn(start->why, " \t")] == '\0') {
		verdict_step(v, "why", RESULT_BAD_REQUEST, "a manual capture needs a reason here");
		return;
	}
	if (d->frozen) {
		verdict_step(v, "freeze", RESULT_FROZEN, "frozen: nothing new is captured");
		return;
	}
	if (!step_never(d, v, &v->filter.a, &v->filter.b))
		return;
	c = capture_covering(d, &v->filter);
	if (c != NULL && life_is_live(c->pub.state)) {
		v->capture = c->pub.id;
		verdict_step(v, "capture", RESULT_ALREADY, "capture %" PRIu64 " takes it already",
		    c->pub.id);
		return;
	}
	if (!step_analyser(d, v, start->analyser) || !budget_room(d, v, now))
		return;
	bool host = v->filter.a.len != 0 && v->filter.a.len == addr_bits(&v->filter.a.addr);
	struct place_wish wish = {.where = start->everywhere ? POLICY_ALL : POLICY_EDGE,
	    .seen = -1,
	    .local = host ? &v->filter.a.addr : &none,
	    .now = now};

	if (start->switch_count > 0 ? !place_named(d, v, start->switches, start->switch_count)
				    : !place_conversation(d, v, &wish))
		return;
	v->rules = most_rules(v);
	budget_check(d, v, BRAIN_MANUAL_PRIORITY);
}
