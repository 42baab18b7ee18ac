/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a feed is asked next: pure. */
#ifndef CONTROLLER_FEEDS_SCHEDULE_H
#define CONTROLLER_FEEDS_SCHEDULE_H

#include <stdint.h>

#include "common/base/clk.h"

#define SCHEDULE_RETRY_NS                                                                          \
	(60 * CLK_S) /* after the first failure, or the interval if that is shorter */
#define SCHEDULE_RETRY_MOST_NS                                                                     \
	(6 * 3600 * CLK_S) /* doubling ends here, or at the interval if that is longer */

/*
 * Nanoseconds until the next refresh. After a success: the interval, but no less than the floor,
 * and up to a tenth more, so that not all feeds of all controllers come at once. After `failures`
 * in a row: doubling from a minute, with the same floor and jitter. `random` is any number, evenly
 * spread.
 */
int64_t schedule_next(int64_t interval_ns, int64_t floor_ns, unsigned failures, uint32_t random);

#endif
