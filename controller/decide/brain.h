/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of decide/ share: the decider's insides. Nobody else includes this. */
#ifndef CONTROLLER_DECIDE_BRAIN_H
#define CONTROLLER_DECIDE_BRAIN_H

#include "controller/decide/addrbook.h"
#include "controller/decide/convs.h"
#include "controller/decide/decide.h"
#include "controller/decide/hosts.h"

#define BRAIN_STARTS_MAX 4096
#define BRAIN_BUCKETS 4096
#define BRAIN_ADDRS_MAX 256
#define BRAIN_PORTS_MAX 1024
#define BRAIN_ALERTS_SECOND 20
#define BRAIN_STRANGERS 256
#define BRAIN_MANUAL_PRIORITY 100
#define BRAIN_PRIORITIES 101
#define BRAIN_SESSIONS 1024
#define BRAIN_RETRIES_MAX 64
#define BRAIN_REFUSED_FOR (600 * CLK_S) /* a switch that refused a capture is not asked again */
#define BRAIN_BPS_MAX UINT64_C(1000000000000000)

struct brain_capture;

/* A capture in the list of a switch that holds it (or may still hold it). */
struct brain_link {
	TAILQ_ENTRY(brain_link) entry;
	struct brain_capture *capture;
	bool linked;
	unsigned rules; /* as counted for the switch */
};
TAILQ_HEAD(brain_links, brain_link);

struct brain_capture {
	struct decide_capture pub;
	struct convs_key key;  /* of the conversation; both families 0: none */
	unsigned analyser;     /* index; UINT_MAX: gone from the configuration */
	unsigned refused_by;   /* id + 1 of the switch that refused it; 0: none */
	struct instant placed; /* last move */
	struct brain_link links[DECIDE_HOLDERS_MAX]; /* as pub.holders */
	TAILQ_ENTRY(brain_capture) order;            /* by id */
	TAILQ_ENTRY(brain_capture) age;              /* that are over: as they ended */
	TAILQ_ENTRY(brain_capture) wide;             /* live filters that are not one host to one */
	struct brain_capture *next;                  /* same id bucket */
	struct brain_capture *pair_next;             /* same pair bucket */
	bool indexed;
};
TAILQ_HEAD(brain_captures, brain_capture);

struct brain_switch {
	struct policy_switch conf;
	bool connected, released; /* `released`: by an operator here */
	bool released_there;      /* by somebody at the switch */
	bool changed;
	bool can4, can6;
	uint32_t rules_max, destinations_max;
	uint64_t bps_max;
	uint8_t len4, len6;
	struct instant heard, since, foreign_told; /* `since`: of the session */
	bool hosts_told;                           /* in this session */
	struct addr addrs[BRAIN_ADDRS_MAX];
	size_t addr_count;
	struct decide_port *ports;
	size_t port_count;
	struct brain_links links;
	unsigned rules, captures;
	uint16_t *uses; /* captures by analyser */
};

struct brain_analyser {
	struct policy_analyser conf;
	unsigned same; /* the first with the same address: one destination */
	uint64_t bps;  /* estimated, of live captures */
	unsigned live[BRAIN_PRIORITIES];
};

struct decide {
	struct policy *policies;
	size_t policy_count;
	struct brain_switch *switches;
	size_t switch_count;
	struct brain_analyser *analysers;
	size_t analyser_count;
	struct prefix *never;
	size_t never_count;
	struct addr *own;
	size_t own_count;
	struct policy_limits limits;
	struct addrbook *book; /* all addresses of the above */
	struct hosts *hosts;
	bool hosts_changed;
	struct addrbook *statics;   /* the configuration's `hosts`: kind is the length */
	uint64_t static_lens[2][3]; /* lengths there are, a bit each; IPv4, IPv6 */

	struct decide_sink sink;
	void *user;
	char (*feeds)[POLICY_NAME_MAX]; /* by id */
	size_t feed_count;

	struct convs *convs;
	struct brain_captures live, over; /* by id; `live`: not over */
	struct brain_captures ages;       /* `over`, the oldest end first */
	struct brain_captures wides;
	size_t live_count, over_count;
	struct brain_capture *buckets[BRAIN_BUCKETS], *pairs[BRAIN_BUCKETS];
	uint64_t next_id;
	uint64_t sessions[BRAIN_SESSIONS / 64]; /* taken */
	uint16_t last_session;
	struct instant starts[BRAIN_STARTS_MAX]; /* the last ones, a ring */
	size_t start_next;
	uint64_t retries[BRAIN_RETRIES_MAX]; /* captures that a switch refused */
	unsigned retry_count;

	bool frozen, released_all;
	struct instant alert_second;
	unsigned alerts_in_second;
	struct {
		struct addr exporter;
		struct instant told;
	} strangers[BRAIN_STRANGERS]; /* by hash: exporters nobody is bound to, told of lately */
	struct decide_stats counts;
};

/* decide.c */
void brain_open(struct decide *d, const struct verdict *v, const struct sighting *s,
    const struct convs_key *key, struct instant now);
void brain_retry(struct decide *d, struct instant now);

/* decide_conf.c: rules, captures, rates of all switches and analysers, reckoned anew. */
void brain_recount(struct decide *d);

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
/* Into the lists and counts; out of those of the living. */
void capture_link(struct decide *d, struct brain_capture *c);
void capture_report(struct decide *d, struct brain_capture *c, struct decide_holder *h,
    const struct holding *said, struct instant now);
/* Its local host is somewhere else: other holders. */
void capture_move(
    struct decide *d, struct brain_capture *c, const struct verdict *v, struct instant now);
void capture_link_holder(struct decide *d, struct brain_capture *c, unsigned index);
void capture_free_all(struct decide *d);
/* The capture's filter as holder `h` gets it. */
struct filter capture_filter(const struct brain_capture *c, const struct decide_holder *h);
/* The living capture that takes every packet the filter would; NULL: none. */
struct brain_capture *capture_covering(const struct decide *d, const struct filter *filter);
/* Bits a second a switch may copy of it; 0: no limit. */
uint64_t capture_brake(const struct decide *d, const struct brain_capture *c);

/* judge.c: what a sighting would lead to. The rows have counted it already. */
struct judge_rows {
	const struct convs_row *pair, *remote, *prefix; /* the latter two may be NULL */
};
int judge_policy(const struct decide *d, const struct sighting *s, unsigned *ret_entry);
bool judge_counts(const struct policy *policy, const struct sighting *s);
/* The row that the verdict is about: of the conversation, or of the many it is one of. */
const struct convs_row *judge_row(
    const struct decide *d, int policy, const struct judge_rows *rows, enum verdict_wide *ret_wide);
void judge_sighting(const struct decide *d, const struct sighting *s, const struct judge_rows *rows,
    struct instant now, struct verdict *ret_v);
void judge_start(const struct decide *d, const struct decide_start *start, struct instant now,
    struct verdict *ret_v);
/* Keys of a sighting's rows. */
struct convs_key judge_key(
    enum convs_kind kind, const struct sighting *s, const struct sighting_entry *entry);

/* place.c: fills v->holders; adds a step. */
struct place_wish {
	enum policy_where where;
	int seen;                    /* the switch that saw it; -1: none did */
	const struct addr *local;    /* family 0: not one host */
	const struct sighting *s;    /* may be NULL */
	const struct convs_row *row; /* who saw it before, who refused it; may be NULL */
	uint32_t vni;
	struct instant now;
};
bool place_conversation(const struct decide *d, struct verdict *v, const struct place_wish *wish);
/* One switch more, both ways. False: it can't, or there are DECIDE_HOLDERS_MAX. */
bool place_more(
    const struct decide *d, struct verdict *v, const struct place_wish *wish, unsigned id);
/* Those that wish->local is attached to and that could hold the verdict's filter; how many. */
unsigned place_edge(const struct decide *d, const struct verdict *v, const struct place_wish *wish,
    unsigned ret_ids[DECIDE_HOLDERS_MAX]);
bool place_named(const struct decide *d, struct verdict *v, const unsigned *ids, size_t count);

/* wide.c: captures of one host with many. */
/* What the verdict plans takes `c` over: everything it matches, wherever it is held. Never where it
 * plans for one conversation. */
bool wide_takes(const struct verdict *v, const struct brain_capture *c);
/* Bits a second that are the analyser's again when the planned capture takes others over. */
uint64_t wide_frees(const struct decide *d, const struct verdict *v);
/* Adds the switches of captures that it is to take over, after the place of one conversation. */
void wide_join(const struct decide *d, struct verdict *v, const struct place_wish *wish);
/* `c` takes the conversation of the wish: puts switches where its local host is and `c` isn't held
 * yet into v->holders, and what is to be said of it into `text`. */
void wide_missed(const struct decide *d, struct verdict *v, const struct brain_capture *c,
    const struct place_wish *wish, char text[VERDICT_TEXT_MAX]);
/* The switches that wide_missed found, for the sighting, are asked as well. */
void wide_spread(
    struct decide *d, const struct verdict *v, const struct sighting *s, struct instant now);
/* `wide` was opened by the verdict: others end for it. */
void wide_absorb(struct decide *d, const struct verdict *v, const struct brain_capture *wide,
    struct instant now);

/* budget.c: adds steps for every limit. */
/* Of the fabric, and of the plan. */
bool budget_room(const struct decide *d, struct verdict *v, struct instant now);
bool budget_check(const struct decide *d, struct verdict *v, int priority);
/* RESULT_OK, or why the switch cannot hold `rules` more for that analyser, in words. */
enum result budget_switch(const struct decide *d, unsigned id, unsigned rules, unsigned analyser,
    char why[VERDICT_TEXT_MAX]);
unsigned budget_starts(const struct decide *d, struct instant now);
void budget_started(struct decide *d, struct instant now);
/* A start of an earlier life counts as well: who restarts again and again starts no more for it. */
void budget_restored(struct decide *d, struct instant begun);
/* Another estimate of a capture. */
void budget_rate(struct decide *d, struct brain_capture *c, uint64_t bps);
/* It is live from now on, or no longer. */
void budget_live(struct decide *d, struct brain_capture *c, bool live);
/* Ends captures until every analyser is under its hard limit. */
void budget_enforce(struct decide *d, struct instant now);

#endif
