/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time as types that can't be mixed up. Instants of the boot clock (CLOCK_BOOTTIME: runs on through
 * suspend, never set) are what every deadline and age here uses; wall time is for people and logs
 * alone. Pure but for the three reads.
 */
#ifndef COMMON_BASE_CLK_H
#define COMMON_BASE_CLK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct instant {
	int64_t ns; /* since boot */
};

#define CLK_MS INT64_C(1000000)
#define CLK_S INT64_C(1000000000)

struct instant clk_now(void);

/* Which boot this is: instants of another one mean nothing here. All zero where the kernel doesn't
 * tell. */
#define CLK_BOOT_SIZE 16
void clk_boot(uint8_t ret_boot[CLK_BOOT_SIZE]);

/* Seconds and nanoseconds since the epoch, in nanoseconds. For display and event time stamps only.
 */
int64_t clk_wall_ns(void);

/* `at` moved by `ns`, which may be negative; saturates instead of overflowing. */
struct instant clk_add(struct instant at, int64_t ns);

/* later - earlier, in nanoseconds. */
int64_t clk_diff(struct instant later, struct instant earlier);

bool clk_before(struct instant a, struct instant b);

/* Wall nanoseconds as RFC 3339 UTC with milliseconds, "2026-11-24T17:10:54.123Z"; returns `text`.
 */
#define CLK_TEXT_MAX 40
char *clk_format_wall(int64_t wall_ns, char text[CLK_TEXT_MAX]);

/*
 * Durations as people write them: a number with one of ms s m h d w ("90s", "10m", "1h30m"); no
 * unit is an error, 0 alone is allowed. 0 and nanoseconds in *ret_ns, or -EINVAL (not a duration),
 * -ERANGE (over 10 years).
 */
int clk_parse_duration(const char *text, int64_t *ret_ns);

/* The shortest such text, "1h30m", "250ms"; rounds down to milliseconds. Returns `text`. */
char *clk_format_duration(int64_t ns, char text[CLK_TEXT_MAX]);

#endif
