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

struct verdict_step {
	const char *name; /* static: "feed", "exporter", "place", "budget", … */
	bool passed;
	enum result code;
	char text[VERDICT_TEXT_MAX];
};

struct verdict {
	enum result code; /* RESULT_OK: a capture is opened (or would be, by the mode) */
	bool alert;       /* not OK, but worth an event: a person should know */
	bool wait;        /* not yet: more samples are needed */
	int policy;       /* index; -1: none applied */
	uint64_t capture; /* that covers the conversation already; 0 none */
	unsigned analyser;
	struct filter filter;
	unsigned holders[VERDICT_HOLDERS_MAX]; /* switches, by index */
	unsigned holder_count;
	unsigned rules; /* on each switch */
	uint64_t est_bps;
	unsigned est_samples;
	unsigned step_count;
	struct verdict_step steps[VERDICT_STEPS_MAX];
};

void verdict_init(struct verdict *ret_verdict);

/* Adds a step; returns `code == RESULT_OK`. The first that failed gives the verdict its code. */
bool verdict_step(struct verdict *verdict, const char *name, enum result code, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

/* The text of the step that decided; "" when none failed. */
const char *verdict_text(const struct verdict *verdict);

#endif
