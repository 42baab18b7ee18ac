/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/feeds/schedule.h"

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
schedule_next(int64_t interval_ns, int64_t floor_ns, unsigned failures, uint32_t random)
{
	int64_t delay = most(interval_ns, floor_ns);

	if (failures > 0) {
		int64_t end = most(SCHEDULE_RETRY_MOST_NS, delay);

		delay = most(least(SCHEDULE_RETRY_NS, interval_ns), floor_ns);
		for (unsigned i = 1; i < failures && delay < end; i++)
			delay *= 2;
		delay = least(delay, end);
	}
	return delay + delay / 10 / 1024 * (random % 1024);
}
