/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/match/seek.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE 8 /* keys in a cache line */

static size_t
whole_lines(size_t keys)
{
	return (keys + LINE - 1) / LINE * LINE;
}

/* Keys of all levels over the lowest. */
static size_t
keys_above(size_t count)
{
	size_t sum = 0;

	while (count > LINE) {
		count = whole_lines(count) / LINE;
		sum += whole_lines(count);
	}
	return sum;
}

static uint64_t *
lines_new(size_t keys)
{
	size_t room = whole_lines(keys > 0 ? keys : 1) * sizeof(uint64_t);
	uint64_t *lines = aligned_alloc(LINE * sizeof(uint64_t), room);

	/* What pads a line is greater than every key, or equal to the greatest there can be. */
	if (lines)
		memset(lines, 0xff, room);
	return lines;
}

int
seek_new(size_t count, struct seek *ret_seek)
{
	struct seek seek = {.count = count};

	seek.high = lines_new(count);
	seek.above = lines_new(keys_above(count));
	seek.low = malloc((count > 0 ? count : 1) * sizeof *seek.low);
	if (!seek.high || !seek.above || !seek.low) {
		seek_done(&seek);
		return -ENOMEM;
	}
	*ret_seek = seek;
	return 0;
}

void
seek_tie(struct seek *seek)
{
	const uint64_t *below = seek->high;
	uint64_t *above = seek->above;
	size_t keys = seek->count;

	seek->depth = 0;
	seek->level[seek->depth++] = below;
	while (keys > LINE) {
		size_t lines = whole_lines(keys) / LINE;

		for (size_t i = 0; i < lines; i++)
			above[i] = below[i * LINE + LINE - 1];
		seek->level[seek->depth++] = below = above;
		above += whole_lines(lines);
		keys = lines;
	}
}

void
seek_done(struct seek *seek)
{
	free(seek->high);
	free(seek->low);
	free(seek->above);
	*seek = (struct seek){.count = 0};
}

/* How many upper halves are not greater than `key`. */
static inline size_t
upper(const struct seek *seek, uint64_t key)
{
	size_t at = 0;

	/* Past the last one there is no line to go down into. */
	if (seek->high[seek->count - 1] <= key)
		return seek->count;
	for (unsigned l = seek->depth; l-- > 0;) {
		const uint64_t *line = seek->level[l] + at * LINE;
		size_t n = 0;

		/* No branch that could be foretold wrongly. */
		for (unsigned i = 0; i < LINE; i++)
			n += line[i] <= key;
		at = at * LINE + n;
	}
	return at;
}

size_t
seek_find(const struct seek *seek, uint64_t high, uint64_t low)
{
	size_t end = upper(seek, high), first, n;

	if (end == 0 || seek->high[end - 1] != high)
		return end;
	/* A run of keys with that very upper half: the lower ones decide. */
	first = high > 0 ? upper(seek, high - 1) : 0;
	for (n = end - first; n > 0;) {
		size_t step = (n + 1) / 2;

		first += seek->low[first + step - 1] <= low ? step : 0;
		n -= step;
	}
	return first;
}

size_t
seek_bytes(const struct seek *seek)
{
	return (whole_lines(seek->count) + keys_above(seek->count) + seek->count) *
	       sizeof(uint64_t);
}
