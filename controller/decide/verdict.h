/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A decision and how it came about: the steps in order, each with its evidence in words. The first
 * step that did not pass is the verdict. Plain values.
 */
#ifndef CONTROLLER_DECIDE_VERDICT_H
#define CONTROLLER_DECIDE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/filter.h"
#include "common/base/result.h"

#define VERDICT_STEPS_MAX 16
#define VERDICT_TEXT_MAX 200
#define VERDICT_HOLDERS_MAX 32
#define VERDICT_EVICTS_MAX 8

struct verdict_step {
	const char *name; /* static: "feed", "exporter", "place", "budget", … */
	bool passed;
	enum result code;
	char text[VERDICT_TEXT_MAX];
};

/* What became of many conversations of one host. */
enum verdict_wide {
	VERDICT_PAIR,   /* nothing: one conversation */
	VERDICT_REMOTE, /* one remote at many locals */
	VERDICT_PREFIX, /* one local at many remotes of a prefix */
};

/* Which way a switch copies. */
enum verdict_way { VERDICT_BOTH, VERDICT_THERE, VERDICT_BACK };

/* What one switch of the plan takes. */
struct verdict_share {
	enum verdict_way way;
	char iface[FILTER_IFACE_MAX]; /* packets from the local side come in here; "": any port */
	unsigned rules;
};

struct verdict {
	enum result code; /* RESULT_OK: a capture is opened (or would be, by the mode) */
	bool alert;       /* not OK, but worth an event: a person should know */
	bool wait;        /* not yet: more samples are needed */
	bool shadow;      /* the policy's mode: whatever comes out, no rule */
	enum verdict_wide wide;
	unsigned peers;   /* of that host, with `wide` */
	int policy;       /* index; -1: none applied */
	uint64_t capture; /* that covers the conversation already; 0 none */
	unsigned analyser;
	struct filter filter;
	bool edge;                             /* placed where the local host is attached */
	unsigned holders[VERDICT_HOLDERS_MAX]; /* switches, by index */
	struct verdict_share shares[VERDICT_HOLDERS_MAX];
	unsigned holder_count;
	unsigned rules; /* on one switch, at most */
	uint64_t est_bps, est_packets;
	unsigned est_samples;
	unsigned est_error; /* percent either way, at 95 % confidence; 0: no samples */
	uint64_t evicts[VERDICT_EVICTS_MAX]; /* captures of lower priority that have to go for it */
	unsigned evict_count;
	unsigned step_count;
	struct verdict_step steps[VERDICT_STEPS_MAX];
};

void verdict_init(struct verdict *ret_verdict);

/* Adds a step; returns `code == RESULT_OK`. The first that failed gives the verdict its code. */
bool verdict_step(struct verdict *verdict, const char *name, enum result code, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

/* Alike in every word and number; what an array holds behind its count is not looked at. */
bool verdict_same(const struct verdict *a, const struct verdict *b);

/* Percent either way that a sum of so many samples may be off, at 95 % confidence: sFlow's measure,
 * 196 % times the root of 1/n. At least 1; 0 for no samples. */
unsigned verdict_error(unsigned samples);

/* The text of the step that decided; "" when none failed. */
const char *verdict_text(const struct verdict *verdict);

#endif
