/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the operator wants of the decider, as plain values: policies, switches, analysers, limits.
 * Filled by settings/, copied by decide_new and decide_reload.
 */
#ifndef CONTROLLER_DECIDE_POLICY_H
#define CONTROLLER_DECIDE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

#define POLICY_NAME_MAX 64
#define POLICY_FEEDS_MAX 64
#define POLICY_COOLDOWNS_MAX 8
#define POLICY_EXPORTERS_MAX 16
#define POLICY_PREFIXES_MAX 64

enum policy_mode {
	POLICY_CAPTURE,
	POLICY_ALERT,  /* an event, no rule */
	POLICY_SHADOW, /* the whole decision and what it would cost, no rule */
};

enum policy_where {
	POLICY_EDGE, /* the switches the local host is attached to; unknown: as POLICY_SEEN */
	POLICY_SEEN, /* the switch that saw it, or one that saw it go out and one that saw it come
			in */
	POLICY_ALL,  /* every switch that is connected and can */
};

/* What becomes of one remote at many locals, and of one local at many remotes of a prefix. */
enum policy_scanner {
	POLICY_SCANNER_CAPTURE, /* one capture with a wider filter */
	POLICY_SCANNER_ALERT,   /* one event */
};

/* Zero durations and counts are "no such limit" but for samples and window, which are at least 1.
 */
struct policy {
	char name[POLICY_NAME_MAX];
	char feeds[POLICY_FEEDS_MAX][POLICY_NAME_MAX];
	size_t feed_count; /* 0: every feed */
	enum policy_mode mode;
	enum policy_where where;
	bool inbound;     /* samples from the remote side count as well */
	bool match_ports; /* where the entry names a port, the sample must have it */
	uint32_t samples; /* that count, within the window */
	int64_t window_ns;
	int64_t duration_ns, idle_ns;
	uint64_t max_packets, max_bytes, max_bps;
	int priority;                            /* higher is kept longer */
	int64_t cooldowns[POLICY_COOLDOWNS_MAX]; /* after the first end, the second, …; the last
						    one repeats */
	size_t cooldown_count;
	char analyser[POLICY_NAME_MAX]; /* "": the first one */
	uint32_t scanner_hosts; /* so many peers within the window make a scanner; 0: never */
	enum policy_scanner scanner;
};

struct policy_switch {
	char name[POLICY_NAME_MAX];
	struct addr exporters[POLICY_EXPORTERS_MAX]; /* none: the addresses its agent reports */
	size_t exporter_count;
	struct prefix sources[POLICY_PREFIXES_MAX]; /* beside the exporter's own address */
	size_t source_count;
	/* Local hosts attached to it, where no agent says which switch has the host. */
	struct prefix hosts[POLICY_PREFIXES_MAX];
	size_t host_count;
	uint32_t rules_max;        /* 0: as the agent says */
	uint32_t destinations_max; /* analysers at a time; 0: no limit */
	bool port_names; /* rules name the port a sample came in by: its wildcard costs more
			    slots */
};

struct policy_analyser {
	char name[POLICY_NAME_MAX];
	struct addr addr;
	uint8_t erspan_type, ttl;
	uint64_t soft_bps, hard_bps; /* 0: no limit */
};

struct policy_limits {
	uint32_t captures;      /* in all; at most POLICY_CAPTURES_MAX */
	uint32_t starts_minute; /* new ones within any 60 s */
	uint32_t conversations; /* remembered */
	uint32_t history;       /* ended captures remembered */
	uint32_t lease_ms;
	int soft_priority; /* above a soft limit nothing new below this priority */
	uint8_t len4, len6;
	int64_t manual_ns; /* duration of manual captures that name none */
	bool manual_needs_why;
};

/* One ERSPAN session id each. */
#define POLICY_CAPTURES_MAX 1000

struct policy_conf {
	const struct policy *policies;
	size_t policy_count;
	const struct policy_switch *switches;
	size_t switch_count;
	const struct policy_analyser *analysers;
	size_t analyser_count;
	const struct prefix *never;
	size_t never_count;
	struct policy_limits limits;
};

const char *policy_mode_name(enum policy_mode mode);
const char *policy_where_name(enum policy_where where);
const char *policy_scanner_name(enum policy_scanner scanner);

/* True when the policy takes that feed. */
bool policy_takes(const struct policy *policy, const char *feed);

/* The cool-down after the `returns`-th end in a row (1 is the first). */
int64_t policy_cooldown(const struct policy *policy, unsigned returns);

#endif
