/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of decide/ share: the decider's insides. Nobody else includes this. */
#ifndef CONTROLLER_DECIDE_BRAIN_H
#define CONTROLLER_DECIDE_BRAIN_H

#include "controller/decide/convs.h"
#include "controller/decide/decide.h"

#define BRAIN_STARTS_MAX 4096
#define BRAIN_BUCKETS 4096
#define BRAIN_ADDRS_MAX 256
#define BRAIN_ALERTS_SECOND 20
#define BRAIN_MANUAL_PRIORITY 100

struct brain_capture {
	struct decide_capture pub;
	struct convs_key key; /* of the conversation; local family 0: none */
	unsigned analyser;    /* index; UINT_MAX: gone from the configuration */
	TAILQ_ENTRY(brain_capture) order;
	struct brain_capture *next; /* same bucket */
};
TAILQ_HEAD(brain_captures, brain_capture);

struct brain_switch {
	struct policy_switch conf;
	bool connected, released; /* `released`: by an operator here */
	bool released_there;      /* by somebody at the switch */
	bool changed;
	bool can4, can6;
	uint32_t rules_max;
	uint64_t bps_max;
	uint8_t len4, len6;
	struct instant heard;
	struct addr addrs[BRAIN_ADDRS_MAX];
	size_t addr_count;
};

struct decide {
	struct policy *policies;
	size_t policy_count;
	struct brain_switch *switches;
	size_t switch_count;
	struct policy_analyser *analysers;
	size_t analyser_count;
	struct prefix *never;
	size_t never_count;
	struct addr *own;
	size_t own_count;
	struct policy_limits limits;

	struct decide_sink sink;
	void *user;
	char (*feeds)[POLICY_NAME_MAX]; /* by id */
	size_t feed_count;

	struct convs *convs;
	struct brain_captures live, over; /* `live`: not over, by id */
	size_t live_count, over_count;
	struct brain_capture *buckets[BRAIN_BUCKETS];
	uint64_t next_id;
	uint16_t last_session;
	struct instant starts[BRAIN_STARTS_MAX]; /* the last ones, a ring */
	size_t start_next;

	bool frozen, released_all;
	struct instant alert_second;
	unsigned alerts_in_second;
	struct decide_stats counts;
};

/* capture.c */
struct brain_capture *capture_find(const struct decide *d, uint64_t id);
/* What the verdict found, as a capture that is requested; NULL: no memory. The caller fills in what
 * is left and calls capture_begin. */
struct brain_capture *capture_new(struct decide *d, const struct verdict *v, struct instant now);
void capture_begin(struct decide *d, struct brain_capture *c, struct instant now);
void capture_end(struct decide *d, struct brain_capture *c, enum result code, const char *text,
    struct instant now);
/* The holder holds nothing of it any more; ends the capture with the last one. */
void capture_holder_gone(
    struct decide *d, struct brain_capture *c, struct decide_holder *h, struct instant now);
void capture_step(
    struct decide *d, struct brain_capture *c, enum life_input input, struct instant now);
/* Every switch's rules were lost or forgotten: the holder is asked anew. */
void capture_lose(
    struct decide *d, struct brain_capture *c, struct decide_holder *h, struct instant now);
void capture_link(struct decide *d, struct brain_capture *c);
void capture_report(struct decide *d, struct brain_capture *c, struct decide_holder *h,
    const struct holding *said, struct instant now);
void capture_free_all(struct decide *d);

/* judge.c: what a sighting would lead to. `row` has counted it already. */
int judge_policy(const struct decide *d, const struct sighting *s, unsigned *ret_entry);
bool judge_counts(const struct policy *policy, const struct sighting *s);
void judge_count(struct convs_row *row, const struct policy *policy, const struct sighting *s,
    struct instant now);
void judge_sighting(const struct decide *d, const struct sighting *s, const struct convs_row *row,
    struct instant now, struct verdict *ret_v);
void judge_start(const struct decide *d, const struct decide_start *start, struct instant now,
    struct verdict *ret_v);
/* NULL, or what the address is that makes it one never to be captured. */
const char *judge_never(const struct decide *d, const struct prefix *prefix);

/* place.c: fills v->holders; adds a step. */
bool place_conversation(const struct decide *d, struct verdict *v, enum policy_where where,
    int seen, const struct addr *local);
bool place_named(const struct decide *d, struct verdict *v, const unsigned *ids, size_t count);

/* budget.c: adds steps for every limit. */
bool budget_check(const struct decide *d, struct verdict *v, int priority, struct instant now);
unsigned budget_rules(const struct decide *d, unsigned id);
unsigned budget_starts(const struct decide *d, struct instant now);
uint64_t budget_bps(const struct decide *d, unsigned analyser);
void budget_started(struct decide *d, struct instant now);
/* Ends captures until every analyser is under its hard limit. */
void budget_enforce(struct decide *d, struct instant now);

#endif
