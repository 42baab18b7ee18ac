/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/engine/waiting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void
take(struct waiting_row *row, const struct agent_hello *hello, struct instant now)
{
	snprintf(row->name, sizeof row->name, "%s", hello->name);
	snprintf(row->version, sizeof row->version, "%s", hello->version);
	row->addr_count = 0;
	for (size_t i = 0; i < hello->addr_count && row->addr_count < WAITING_ADDRS_MAX; i++)
		if (!addr_is_special(&hello->addrs[i].addr))
			row->addrs[row->addr_count++] = hello->addrs[i].addr;
	row->heard = now;
}

bool
waiting_heard(struct waiting *waiting, const uint8_t key[KEYS_SIZE],
    const struct agent_hello *hello, struct instant now)
{
	size_t slot = waiting->count, oldest = 0;
	struct waiting_row *row;

	for (size_t i = 0; i < waiting->count; i++) {
		if (memcmp(waiting->rows[i].key, key, KEYS_SIZE) == 0) {
			take(&waiting->rows[i], hello, now);
			return false;
		}
		if (clk_before(waiting->rows[i].heard, waiting->rows[oldest].heard))
			oldest = i;
	}
	if (slot == WAITING_MAX)
		slot = oldest;
	else
		waiting->count++;
	row = &waiting->rows[slot];
	memset(row, 0, sizeof *row);
	memcpy(row->key, key, KEYS_SIZE);
	keys_fingerprint(key, row->fingerprint);
	take(row, hello, now);
	return true;
}

static void
drop(struct waiting *waiting, size_t i)
{
	waiting->count--;
	memmove(&waiting->rows[i], &waiting->rows[i + 1],
	    (waiting->count - i) * sizeof waiting->rows[0]);
}

void
waiting_drop(struct waiting *waiting, const uint8_t key[KEYS_SIZE])
{
	for (size_t i = waiting->count; i-- > 0;)
		if (memcmp(waiting->rows[i].key, key, KEYS_SIZE) == 0)
			drop(waiting, i);
}

void
waiting_tick(struct waiting *waiting, struct instant now)
{
	for (size_t i = waiting->count; i-- > 0;)
		if (clk_diff(now, waiting->rows[i].heard) >= WAITING_FORGET)
			drop(waiting, i);
}

int
waiting_find(const struct waiting *waiting, const char *text)
{
	size_t n = strlen(text);
	int found = -ENOENT;

	if (n < 4)
		return -EINVAL;
	for (size_t i = 0; i < waiting->count; i++)
		if (strncmp(waiting->rows[i].fingerprint, text, n) == 0)
			found = found == -ENOENT ? (int)i : -EEXIST;
	return found;
}
