/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/store/walltime.h"

#include <string.h>

void
walltime_read(struct walltime *ret_time)
{
	ret_time->now = clk_now();
	ret_time->wall_ns = clk_wall_ns();
	clk_boot(ret_time->boot);
}

void
walltime_again(const struct walltime *known, struct walltime *ret_time)
{
	*ret_time = *known;
	ret_time->now = clk_now();
	ret_time->wall_ns = clk_wall_ns();
}

/* Both saturate: a row with absurd times must not overflow. */
static int64_t
plus(int64_t a, int64_t b)
{
	return clk_add((struct instant){a}, b).ns;
}

static int64_t
minus(int64_t a, int64_t b)
{
	return clk_diff((struct instant){a}, (struct instant){b});
}

/* 0 means "none" on both sides: a true 0 becomes the next nanosecond. */
static int64_t
some(int64_t ns)
{
	return ns != 0 ? ns : 1;
}

int64_t
walltime_from_instant(const struct walltime *at, struct instant instant)
{
	if (instant.ns == 0)
		return 0;
	return some(plus(at->wall_ns, minus(instant.ns, at->now.ns)));
}

struct instant
walltime_to_instant(const struct walltime *saved, const struct walltime *now, int64_t wall_ns)
{
	static const uint8_t none[WALLTIME_BOOT_SIZE];
	int64_t since_saved, from_save = minus(wall_ns, saved->wall_ns);

	if (wall_ns == 0)
		return (struct instant){0};
	if (memcmp(saved->boot, now->boot, sizeof now->boot) == 0 &&
	    memcmp(saved->boot, none, sizeof none) != 0)
		return (struct instant){some(plus(saved->now.ns, from_save))};
	since_saved = minus(now->wall_ns, saved->wall_ns);
	if (since_saved < 0)
		since_saved = 0;
	return (struct instant){some(plus(minus(now->now.ns, since_saved), from_save))};
}
