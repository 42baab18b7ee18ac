/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/agents/strangers.h"

#include <string.h>

#define AGAIN_NS (60 * CLK_S)
#define PACE_NS (50 * CLK_MS)

bool
strangers_new(struct strangers *strangers, const uint8_t key[KEYS_SIZE], struct instant now)
{
	unsigned slot = strangers->count, oldest = 0;

	for (unsigned i = 0; i < strangers->count; i++) {
		if (memcmp(strangers->rows[i].key, key, KEYS_SIZE) == 0) {
			if (clk_diff(now, strangers->rows[i].told) < AGAIN_NS)
				return false;
			slot = i;
		}
		if (clk_before(strangers->rows[i].told, strangers->rows[oldest].told))
			oldest = i;
	}
	if (strangers->last.ns && clk_diff(now, strangers->last) < PACE_NS)
		return false;
	strangers->last = now;
	if (slot == STRANGERS_MAX)
		slot = oldest;
	else if (slot == strangers->count)
		strangers->count++;
	memcpy(strangers->rows[slot].key, key, KEYS_SIZE);
	strangers->rows[slot].told = now;
	return true;
}

void
strangers_untold(struct strangers *strangers, const uint8_t key[KEYS_SIZE])
{
	for (unsigned i = 0; i < strangers->count; i++)
		if (memcmp(strangers->rows[i].key, key, KEYS_SIZE) == 0)
			strangers->rows[i].told.ns -= AGAIN_NS;
}
