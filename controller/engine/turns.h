/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long the turns of an event loop take: while one lasts, everybody else waits. Each is measured
 * twice: by the clock, and without the time in which its thread was ready to run and had no
 * processor. A busy machine makes the first longer; the second, what the turn worked and what it
 * waited for (a lock, a disk), is the loop's own doing. Pure: times are handed in.
 */
#ifndef CONTROLLER_ENGINE_TURNS_H
#define CONTROLLER_ENGINE_TURNS_H

#include <stdint.h>

#include "common/base/clk.h"

#define TURNS_SLOW_NS (50 * CLK_MS)
#define TURNS_SPANS 6
#define TURNS_SPAN_NS (10 * CLK_S) /* "lately": the last minute, give or take a span */

/* The longest of some turns, by each measure. */
struct turns_longest {
	int64_t wall_ns, held_ns;
	const char *doing; /* what held the loop that long; "" : nothing yet */
};

/* Zero is a fine beginning. */
struct turns {
	struct instant began;
	int64_t began_queued_ns;
	uint64_t count, slow; /* slow: held for more than TURNS_SLOW_NS */
	struct turns_longest ever;
	struct {
		int64_t number; /* of the span, since boot */
		struct turns_longest longest;
	} spans[TURNS_SPANS];
};

/* The wait is over. `queued_ns`: how long the thread has waited for a processor, in all its life
 * (proc(5), schedstat); always 0 where that is not known. */
void turns_begin(struct turns *turns, struct instant now, int64_t queued_ns);

/* What was begun is done. `doing` says what it was and must outlive `turns`. */
void turns_end(struct turns *turns, struct instant now, int64_t queued_ns, const char *doing);

/* The longest since the start, and of the last minute. */
void turns_read(const struct turns *turns, struct instant now, struct turns_longest *ret_ever,
    struct turns_longest *ret_lately);

#endif
