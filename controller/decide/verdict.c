/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steps of a decision, written down as it is made. */
#include "controller/decide/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
verdict_init(struct verdict *ret_verdict)
{
	memset(ret_verdict, 0, sizeof *ret_verdict);
	ret_verdict->policy = -1;
}

bool
verdict_step(struct verdict *verdict, const char *name, enum result code, const char *format, ...)
{
	if (verdict->code == RESULT_OK)
		verdict->code = code;
	if (verdict->step_count == VERDICT_STEPS_MAX)
		return code == RESULT_OK;
	struct verdict_step *step = &verdict->steps[verdict->step_count++];
	va_list ap;

	step->name = name;
	step->passed = code == RESULT_OK;
	step->code = code;
	va_start(ap, format);
	vsnprintf(step->text, sizeof step->text, format, ap);
	va_end(ap);
	return step->passed;
}

/* Member by member: the bytes between members are whatever the compiler left there. */
static bool
same_head(const struct verdict *a, const struct verdict *b)
{
	return a->code == b->code && a->alert == b->alert && a->wait == b->wait &&
	       a->shadow == b->shadow && a->wide == b->wide && a->peers == b->peers &&
	       a->policy == b->policy && a->capture == b->capture && a->analyser == b->analyser &&
	       filter_equal(&a->filter, &b->filter) && a->edge == b->edge &&
	       a->holder_count == b->holder_count && a->rules == b->rules &&
	       a->est_bps == b->est_bps && a->est_packets == b->est_packets &&
	       a->est_samples == b->est_samples && a->est_error == b->est_error &&
	       a->evict_count == b->evict_count && a->step_count == b->step_count;
}

bool
verdict_same(const struct verdict *a, const struct verdict *b)
{
	if (!same_head(a, b))
		return false;
	for (unsigned i = 0; i < a->holder_count; i++)
		if (a->holders[i] != b->holders[i] || a->shares[i].way != b->shares[i].way ||
		    strcmp(a->shares[i].iface, b->shares[i].iface) != 0 ||
		    a->shares[i].rules != b->shares[i].rules)
			return false;
	for (unsigned i = 0; i < a->evict_count; i++)
		if (a->evicts[i] != b->evicts[i])
			return false;
	for (unsigned i = 0; i < a->step_count; i++)
		if (strcmp(a->steps[i].name, b->steps[i].name) != 0 ||
		    a->steps[i].passed != b->steps[i].passed ||
		    a->steps[i].code != b->steps[i].code ||
		    strcmp(a->steps[i].text, b->steps[i].text) != 0)
			return false;
	return true;
}

unsigned
verdict_error(unsigned samples)
{
	unsigned percent = samples > 0 ? (unsigned)(196.0 / sqrt(samples) + 0.5) : 0;

	return samples > 0 && percent == 0 ? 1 : percent;
}

const char *
verdict_text(const struct verdict *verdict)
{
	for (unsigned i = 0; i < verdict->step_count; i++)
		if (!verdict->steps[i].passed)
			return verdict->steps[i].text;
	return "";
}
