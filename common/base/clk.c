/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/clk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
    /* descending: what clk_format_duration walks */
    {"w", 7 * 86400 * CLK_S},
    {"d", 86400 * CLK_S},
    {"h", 3600 * CLK_S},
    {"m", 60 * CLK_S},
    {"s", CLK_S},
    {"ms", CLK_MS},
};

#define UNITS (sizeof units / sizeof *units)
#define DURATION_MAX (3660 * 86400 * CLK_S)

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts); /* cannot fail for these clocks */
	return (int64_t)ts.tv_sec * CLK_S + ts.tv_nsec;
}

struct instant
clk_now(void)
{
	return (struct instant){read_clock(CLOCK_BOOTTIME)};
}

int64_t
clk_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* "cf0e3c4a-3b1e-…": 32 digits with dashes between. */
void
clk_boot(uint8_t ret_boot[CLK_BOOT_SIZE])
{
	char text[40] = "";
	unsigned digits = 0;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(ret_boot, 0, CLK_BOOT_SIZE);
	if (fd < 0)
		return;
	if (read(fd, text, sizeof text - 1) < 0)
		text[0] = '\0';
	close(fd);
	for (const char *c = text; *c != '\0' && digits < 2 * CLK_BOOT_SIZE; c++) {
		int digit = hex_digit(*c);

		if (digit < 0)
			continue;
		ret_boot[digits / 2] = (uint8_t)(ret_boot[digits / 2] << 4 | digit);
		digits++;
	}
}

struct instant
clk_add(struct instant at, int64_t ns)
{
	int64_t sum;

	if (__builtin_add_overflow(at.ns, ns, &sum))
		sum = ns > 0 ? INT64_MAX : INT64_MIN;
	return (struct instant){sum};
}

int64_t
clk_diff(struct instant later, struct instant earlier)
{
	int64_t diff;

	if (__builtin_sub_overflow(later.ns, earlier.ns, &diff))
		diff = later.ns > 0 ? INT64_MAX : INT64_MIN;
	return diff;
}

bool
clk_before(struct instant a, struct instant b)
{
	return a.ns < b.ns;
}

char *
clk_format_wall(int64_t wall_ns, char text[CLK_TEXT_MAX])
{
	time_t seconds = (time_t)(wall_ns / CLK_S);
	int ms = (int)(wall_ns % CLK_S / CLK_MS);
	struct tm tm;
	size_t n;

	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	if (!gmtime_r(&seconds, &tm) ||
	    (n = strftime(text, CLK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm)) == 0) {
		memcpy(text, "-", 2);
		return text;
	}
	snprintf(text + n, CLK_TEXT_MAX - n, ".%03dZ", ms);
	return text;
}

static const struct unit *
find_unit(const char *p, size_t *ret_len)
{
	size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < UNITS; i++)
		if (strlen(units[i].name) == len && memcmp(units[i].name, p, len) == 0) {
			*ret_len = len;
			return &units[i];
		}
	return NULL;
}

int
clk_parse_duration(const char *text, int64_t *ret_ns)
{
	const struct unit *last = NULL;
	int64_t sum = 0;

	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	for (const char *p = text; *p;) {
		const struct unit *unit;
		int64_t value = 0;
		size_t len;

		if (*p < '0' || *p > '9')
			return -EINVAL;
		for (; *p >= '0' && *p <= '9'; p++)
			if ((value = value * 10 + (*p - '0')) > DURATION_MAX / CLK_MS)
				return -ERANGE;
		unit = find_unit(p, &len);
		if (!unit || (last && unit <= last)) /* each unit once, the largest first */
			return -EINVAL;
		p += len;
		last = unit;
		if (value > DURATION_MAX / unit->ns || (sum += value * unit->ns) > DURATION_MAX)
			return -ERANGE;
	}
	*ret_ns = sum;
	return 0;
}

char *
clk_format_duration(int64_t ns, char text[CLK_TEXT_MAX])
{
	size_t n = 0;

	if (ns < CLK_MS) {
		memcpy(text, "0", 2);
		return text;
	}
	for (size_t i = 0; i < UNITS; i++)
		if (ns >= units[i].ns && n < CLK_TEXT_MAX - 12) {
			n += (size_t)snprintf(text + n, CLK_TEXT_MAX - n, "%" PRId64 "%s",
			    ns / units[i].ns, units[i].name);
			ns %= units[i].ns;
		}
	return text;
}
