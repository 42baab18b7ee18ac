/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys that nobody configured: so few are looked at that they cost nothing, and each is told of
 * once a minute. Pure.
 */
#ifndef CONTROLLER_AGENTS_STRANGERS_H
#define CONTROLLER_AGENTS_STRANGERS_H

#include <stdbool.h>

#include "common/base/clk.h"
#include "common/base/keys.h"

#define STRANGERS_MAX 64 /* the oldest makes room */

struct strangers {
	struct {
		uint8_t key[KEYS_SIZE];
		struct instant told;
	} rows[STRANGERS_MAX];
	unsigned count;
	struct instant last; /* looked at: at most one in 50 ms, whatever the keys */
};

/* True when this key should be looked at and told of now. */
bool strangers_new(struct strangers *strangers, const uint8_t key[KEYS_SIZE], struct instant now);

/* What it said was not worth telling of: the next message is looked at as if it were the first. */
void strangers_untold(struct strangers *strangers, const uint8_t key[KEYS_SIZE]);

#endif
