/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one switch should hold, as generations and pages: pure. The newest wish is `next`; what is
 * being told is `told`, frozen until the switch acknowledged it, so that pages of one generation
 * never mix. A session starts anew at its first generation.
 */
#ifndef CONTROLLER_AGENTS_SHEET_H
#define CONTROLLER_AGENTS_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/clk.h"
#include "common/msg/agent_msg.h"

struct sheet_set {
	struct order *orders; /* sorted by capture */
	size_t count;
	struct instant at; /* what remaining_ms counts from */
};

struct sheet {
	bool known; /* somebody said what should be held */
	struct sheet_set next, told;
	bool changed;        /* next differs from told */
	uint64_t generation; /* of told; 0: nothing told in this session */
	uint64_t acked;      /* of this session */
	uint32_t lease_ms;
};

void sheet_done(struct sheet *sheet);

/* A new session: what was told is forgotten, the wish stays. */
void sheet_restart(struct sheet *sheet);

/* 1: a change; 0: the same set (times and lease taken over); -ENOMEM, -E2BIG, -EINVAL (id 0 or
 * twice). */
int sheet_want(struct sheet *sheet, const struct order *orders, size_t count, uint32_t lease_ms,
    struct instant now);

/* The switch applied `generation`. True when it was the one told and not acknowledged before. */
bool sheet_ack(struct sheet *sheet, uint64_t generation);

/* True when a poll that is open has something to be told. */
bool sheet_waits(const struct sheet *sheet);

/*
 * The answer to a poll sent `held_ns` ago, that says what it assembles. PAGE while there is one to
 * tell, RENEW when all is acknowledged, QUIET while nobody said what should be held. `most` orders
 * a page.
 */
void sheet_reply(struct sheet *sheet, uint64_t assembling, uint32_t next_page, uint32_t most,
    int64_t held_ns, struct instant now, struct agent_reply *ret_reply);

#endif
