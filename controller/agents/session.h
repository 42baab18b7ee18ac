/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The controller's half of a session with one agent, and what a message that was opened means to
 * it: pure. The token that a hello must show is a challenge without a memory, derived from the
 * agent's key, its token and how many sessions it had: a replayed hello proves nothing, and costs
 * nothing.
 */
#ifndef CONTROLLER_AGENTS_SESSION_H
#define CONTROLLER_AGENTS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/clk.h"
#include "common/base/seal.h"

struct session {
	bool live;
	uint8_t agent[SEAL_TOKEN], own[SEAL_TOKEN];
	uint8_t before[SEAL_TOKEN]; /* the agent's token of the session that this one replaced */
	uint64_t counter;           /* of the last request */
	uint64_t count;             /* sessions so far */
	double room;                /* token bucket for new sessions */
	struct instant filled;
};

enum session_verdict {
	SESSION_NEXT,      /* a new request of the live session */
	SESSION_REPEAT,    /* the last request again */
	SESSION_STALE,     /* an older one */
	SESSION_CHALLENGE, /* not of this session: say hello, with the token of session_challenge */
	SESSION_CONFLICT, /* the same, and it comes from the session that was replaced: two use this
			     key */
	SESSION_PROVED,   /* shows the challenge: session_begin may be called if it is a hello */
	SESSION_FLOOD,    /* shows it, but sessions come too fast: drop */
};

/* `secret` is the controller's own, made anew at each start. Takes over the counter of
 * SESSION_NEXT. */
enum session_verdict session_judge(struct session *session, const uint8_t secret[32],
    const uint8_t key[KEYS_SIZE], const struct seal_head *head, struct instant now);

void session_challenge(const struct session *session, const uint8_t secret[32],
    const uint8_t key[KEYS_SIZE], const struct seal_head *head, uint8_t ret_token[SEAL_TOKEN]);

/* After SESSION_PROVED: the session of this head lives, another one does not any more. */
void session_begin(struct session *session, const struct seal_head *head);

#endif
