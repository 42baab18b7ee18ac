/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Agents with keys that nobody knows, waiting to be accepted: a bounded list; whoever was heard
 * longest ago makes room. A plain value.
 */
#ifndef CONTROLLER_ENGINE_WAITING_H
#define CONTROLLER_ENGINE_WAITING_H

#include "common/base/clk.h"
#include "common/base/keys.h"
#include "common/msg/agent_msg.h"

#define WAITING_MAX 64
#define WAITING_FORGET (600 * CLK_S)
#define WAITING_ADDRS_MAX 16

struct waiting_row {
	uint8_t key[KEYS_SIZE];
	char fingerprint[KEYS_FINGERPRINT_MAX];
	char name[AGENT_MSG_NAME_MAX]; /* as it calls itself */
	char version[32];
	struct addr addrs[WAITING_ADDRS_MAX]; /* its own, loopback and link-local left out */
	size_t addr_count;
	struct instant heard;
};

struct waiting {
	struct waiting_row rows[WAITING_MAX];
	size_t count;
};

/* It was heard. True when it is a new one. */
bool waiting_heard(struct waiting *waiting, const uint8_t key[KEYS_SIZE],
    const struct agent_hello *hello, struct instant now);

/* Forgets the key, and everybody not heard for WAITING_FORGET. */
void waiting_drop(struct waiting *waiting, const uint8_t key[KEYS_SIZE]);
void waiting_tick(struct waiting *waiting, struct instant now);

/* The one whose fingerprint begins with `text` (at least 4 characters); -ENOENT, -EEXIST (several),
 * -EINVAL (too short). */
int waiting_find(const struct waiting *waiting, const char *text);

#endif
