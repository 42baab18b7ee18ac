/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/engine/turns.h"

#include <stddef.h>

static int64_t
span_of(struct instant at)
{
	return at.ns / TURNS_SPAN_NS;
}

static void
keep_longer(struct turns_longest *longest, const struct turns_longest *other)
{
	if (other->wall_ns > longest->wall_ns)
		longest->wall_ns = other->wall_ns;
	if (longest->doing == NULL || other->held_ns > longest->held_ns) {
		longest->held_ns = other->held_ns;
		longest->doing = other->doing;
	}
}

void
turns_begin(struct turns *turns, struct instant now, int64_t queued_ns)
{
	turns->began = now;
	turns->began_queued_ns = queued_ns;
}

void
turns_end(struct turns *turns, struct instant now, int64_t queued_ns, const char *doing)
{
	int64_t wall_ns = clk_diff(now, turns->began);
	const struct turns_longest turn = {.wall_ns = wall_ns,
	    .held_ns = wall_ns - (queued_ns - turns->began_queued_ns),
	    .doing = doing};
	int64_t number = span_of(now);
	size_t place = (size_t)(number % TURNS_SPANS);

	turns->count++;
	turns->slow += turn.held_ns > TURNS_SLOW_NS;
	keep_longer(&turns->ever, &turn);
	if (turns->spans[place].number != number) {
		turns->spans[place].number = number;
		turns->spans[place].longest = (struct turns_longest){.wall_ns = 0};
	}
	keep_longer(&turns->spans[place].longest, &turn);
}

static void
put(struct turns_longest *longest, const struct turns_longest *from)
{
	*longest = *from;
	if (longest->doing == NULL)
		longest->doing = "";
}

void
turns_read(const struct turns *turns, struct instant now, struct turns_longest *ret_ever,
    struct turns_longest *ret_lately)
{
	struct turns_longest lately = {.wall_ns = 0};

	for (size_t i = 0; i < TURNS_SPANS; i++)
		if (turns->spans[i].longest.doing != NULL &&
		    turns->spans[i].number > span_of(now) - TURNS_SPANS)
			keep_longer(&lately, &turns->spans[i].longest);
	put(ret_ever, &turns->ever);
	put(ret_lately, &lately);
}
