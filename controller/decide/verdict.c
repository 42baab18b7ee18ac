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
