/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decider: facts and `now` in, actions out. Pure: no clock, no I/O, no log, no event loop; the
 * same calls give the same actions, so `explain` and `replay` are this very code. Owns captures,
 * conversations, what it was told of switches. Actions: events through decide_sink as they happen,
 * and switches whose orders changed (decide_changed, decide_orders). One thread.
 */
#ifndef CONTROLLER_DECIDE_DECIDE_H
#define CONTROLLER_DECIDE_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/clk.h"
#include "common/base/order.h"
#include "controller/decide/life.h"
#include "controller/decide/policy.h"
#include "controller/decide/verdict.h"
#include "controller/receive/sighting.h"

#define DECIDE_TEXT_MAX 256
#define DECIDE_HOLDERS_MAX VERDICT_HOLDERS_MAX

struct decide;

/* A switch of a capture. */
struct decide_holder {
	unsigned id;                  /* index of the switch */
	bool wanted;                  /* is in its orders */
	bool gone;                    /* after that: holds nothing of it any more */
	bool told;                    /* `said` came at least once */
	bool settled;                 /* it acknowledged orders without this capture */
	enum verdict_way way;         /* which direction it copies */
	char iface[FILTER_IFACE_MAX]; /* as verdict_share's */
	struct instant dropped;       /* when it left the orders */
	struct holding said;
};

struct decide_capture {
	uint64_t id;
	enum life state;
	enum result code; /* why it ended or will */
	char text[DECIDE_TEXT_MAX];
	struct filter filter;
	bool manual;
	char by[POLICY_NAME_MAX];  /* policy or user */
	char why[DECIDE_TEXT_MAX]; /* "feed drop: 198.51.100.0/24 line 7"; the operator's words */
	char policy[POLICY_NAME_MAX];
	int priority;
	char analyser_name[POLICY_NAME_MAX];
	struct analyser analyser;
	struct instant begun, ends, over; /* ends.ns 0: no end of its own */
	int64_t idle_ns;
	uint64_t max_packets, max_bytes, max_bps;
	struct instant moved;    /* counters last grew */
	uint64_t packets, bytes; /* all switches, as reported */
	uint64_t est_bps;        /* its share of the budget: from samples, later from counters */
	bool measured;           /* … from counters by now */
	struct instant rated;    /* when the counters were last taken for est_bps */
	uint64_t rated_bytes;
	/* What the samples that began it said; verdict_error says how far off that may be. */
	unsigned seen_samples; /* 0: an operator's */
	uint64_t seen_packets, seen_bps;
	unsigned holder_count;
	struct decide_holder holders[DECIDE_HOLDERS_MAX];
	bool edge; /* held where its local host is attached, and follows it */
	enum verdict_wide wide;
	uint32_t vni;
	bool has_sighting;
	struct sighting sighting; /* that triggered it */
};

/* Something that happened; pointers are valid in the call alone, NULL where they do not apply. */
struct decide_event {
	/* "capture" (a step of its life), "alert", "shadow", "refused", "scanner" (many
	 * conversations of one host), "mitigate" (too large for capture: somebody should stop it),
	 * "moved" (a capture follows its host), "agent" (a switch holds what nobody asked for),
	 * "freeze", "release" */
	const char *kind;
	const struct decide_capture *capture;
	enum life from, to; /* "capture": the step */
	enum result code;
	const char *text;
	const struct sighting *sighting;
	const struct policy *policy;
	const struct verdict *verdict;
	const char *who;  /* freeze, release, manual: the operator */
	const char *name; /* release, agent: the switch; "all" */
	bool on;
};

struct decide_sink {
	void (*event)(void *user, struct instant now, const struct decide_event *event);
};

/* Copies conf. `first_id`: of the first capture, never 0. 0 or -ENOMEM. */
int decide_new(const struct policy_conf *conf, uint64_t first_id, const struct decide_sink *sink,
    void *user, struct decide **ret_decide);
void decide_free(struct decide **decide);

/* Another configuration. Switches are told apart by name; captures on one that is gone end. The
 * ids of switches are those of the new list. 0 or -ENOMEM, then nothing changed. */
int decide_reload(struct decide *decide, const struct policy_conf *conf, struct instant now);

/* Facts. */
void decide_feed(struct decide *decide, uint16_t id, const char *name);
/* Addresses of our own that are never captured: the controller's. Copied; replaces those before. */
int decide_own(struct decide *decide, const struct addr *addrs, size_t count);

/* An interface of a switch: its sFlow number and its name. */
struct decide_port {
	uint32_t ifindex;
	char name[FILTER_IFACE_MAX];
};

/* A host attached to a switch, from the neighbours its agent sees; the address within the VRF says
 * which. */
struct decide_host {
	struct addr addr;
	bool gone;
	char vrf[FILTER_IFACE_MAX]; /* "": the default one */
	uint32_t vni;               /* 0: none known */
};

/* What a switch's agent says of itself. */
struct decide_agent {
	bool can4, can6;
	uint32_t rules_max; /* 0: unknown */
	uint64_t bps_max;
	uint8_t len4, len6;
	const struct addr *addrs;
	size_t addr_count;
	uint32_t destinations; /* analysers at a time; 0: unknown */
	const struct decide_port *ports;
	size_t port_count;
};
/* A session stands; what an earlier session said is forgotten. */
void decide_connected(
    struct decide *decide, unsigned id, const struct decide_agent *agent, struct instant now);
void decide_gone(struct decide *decide, unsigned id, struct instant now);
/* Hosts that came and went. `all`: what was said before is void. What is over HOSTS_SWITCH_MAX is
 * counted and left out. */
void decide_hosts(struct decide *decide, unsigned id, const struct decide_host *hosts, size_t count,
    bool all, struct instant now);
/* The orders given last are applied there. */
void decide_settled(struct decide *decide, unsigned id, struct instant now);
void decide_report(struct decide *decide, unsigned id, const struct holding *holdings, size_t count,
    bool all, bool released, struct instant now);
/* The feeds changed: `judge` says for each capture that a policy opened whether its remote address
 * is still listed (RESULT_OK, RESULT_END_ALLOWED or RESULT_END_DELISTED). */
void decide_rejudge(struct decide *decide,
    enum result (*judge)(void *user, const struct addr *remote, uint16_t port), void *user,
    struct instant now);

/* A sample of a listed address: counts it and does what follows. The verdict is for the curious
 * and may be NULL. */
void decide_sighting(struct decide *decide, const struct sighting *sighting, struct instant now,
    struct verdict *ret_verdict);
/* The verdict that the sighting would get, changing nothing. */
void decide_explain(const struct decide *decide, const struct sighting *sighting,
    struct instant now, struct verdict *ret_verdict);

/* Every 250 ms or so: what time alone brings about. */
void decide_tick(struct decide *decide, struct instant now);

/* An operator's capture. */
struct decide_start {
	struct filter filter;
	const unsigned
	    *switches; /* by index; none: by place, for filters that name one local host */
	size_t switch_count;
	bool everywhere;         /* every switch that is connected */
	const char *analyser;    /* "" is the first */
	int64_t for_ns, idle_ns; /* for_ns 0: the setting */
	uint64_t max_packets, max_bytes, max_bps;
	const char *who, *why;
};
/* RESULT_OK and the id, or the refusal; the verdict holds the steps and the plan. With `dry` only
 * the verdict. */
enum result decide_start(struct decide *decide, const struct decide_start *start, bool dry,
    struct instant now, struct verdict *ret_verdict, uint64_t *ret_id);
enum result decide_stop(
    struct decide *decide, uint64_t id, enum result code, const char *who, struct instant now);
enum result decide_extend(struct decide *decide, uint64_t id, int64_t for_ns, struct instant now);
void decide_freeze(
    struct decide *decide, bool frozen, const char *who, const char *why, struct instant now);
bool decide_frozen(const struct decide *decide);
/* `id` -1: all. -ENOENT. */
int decide_release(struct decide *decide, int id, bool released, const char *who, const char *why,
    struct instant now);
bool decide_released(const struct decide *decide, int id);

/* A capture of an earlier life of the controller, its times on this boot's clock. Holders by
 * index, UINT_MAX: a switch that is no more. Its id must be under first_id. -ENOMEM, -E2BIG (the
 * captures' limit), -EEXIST, -EINVAL (no such capture could be). */
int decide_restore(struct decide *decide, const struct decide_capture *capture);
/* The cool-down of a conversation of an earlier life. */
int decide_restore_cooldown(struct decide *decide, const struct addr *local,
    const struct addr *remote, uint32_t vni, unsigned returns, struct instant ended);

/* What of it must be kept for that: false when the conversation was never captured. */
bool decide_cooldown(const struct decide *decide, const struct addr *local,
    const struct addr *remote, uint32_t vni, unsigned *ret_returns, struct instant *ret_ended);

/* Actions: true and a switch whose orders changed since it was last asked for. */
bool decide_changed(struct decide *decide, unsigned *ret_id);
/* What it should hold now; at most `max` of them; returns how many. */
size_t decide_orders(
    const struct decide *decide, unsigned id, struct order *orders, size_t max, struct instant now);
uint32_t decide_lease_ms(const struct decide *decide);

/* Views. Captures: the living first, by id, then those that are over; cursor 0 begins; NULL at the
 * end. */
const struct decide_capture *decide_find(const struct decide *decide, uint64_t id);
const struct decide_capture *decide_next(const struct decide *decide, bool over, uint64_t after_id);
unsigned decide_switch_rules(const struct decide *decide, unsigned id);
unsigned decide_switch_captures(const struct decide *decide, unsigned id);
unsigned decide_switch_destinations(const struct decide *decide, unsigned id); /* analysers */

struct decide_stats {
	uint64_t sightings, inbound_only, not_counted, alerts, opened, refused, shadowed;
	uint64_t illegal_steps, foreign_holdings, conversations_forgotten, exporter_unknown;
	uint64_t scanners, too_large, evicted, moved, retried, hosts_left_out;
	size_t live, over, conversations, hosts;
	unsigned starts_minute;
	uint64_t est_bps;
};
void decide_stats(const struct decide *decide, struct instant now, struct decide_stats *ret_stats);

/* Which switch an exporter is bound to; -1: none (then *ret_code says why: RESULT_NO_AGENT,
 * RESULT_EXPORTER_UNKNOWN, RESULT_AMBIGUOUS). `from` family 0: not known, not checked. */
int decide_exporter(const struct decide *decide, const struct addr *agent, const struct addr *from,
    enum result *ret_code);

#endif
