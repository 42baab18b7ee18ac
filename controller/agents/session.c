/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/agents/session.h"

#include <sodium.h>
#include <string.h>

/* Sessions of one key: so many at once, then one in so many seconds. Enough for restarts, little
 * for a fight. */
#define BURST 6.0
#define SECONDS_EACH 4.0

void
session_challenge(const struct session *session, const uint8_t secret[32],
    const uint8_t key[KEYS_SIZE], const struct seal_head *head, uint8_t ret_token[SEAL_TOKEN])
{
	uint8_t bytes[KEYS_SIZE + SEAL_TOKEN + 8];

	memcpy(bytes, key, KEYS_SIZE);
	memcpy(bytes + KEYS_SIZE, head->from, SEAL_TOKEN);
	memcpy(bytes + KEYS_SIZE + SEAL_TOKEN, &session->count, 8);
	seal_derive(secret, bytes, sizeof bytes, ret_token);
}

static bool
same(const uint8_t a[SEAL_TOKEN], const uint8_t b[SEAL_TOKEN])
{
	return sodium_memcmp(a, b, SEAL_TOKEN) == 0;
}

static bool
has_room(struct session *session, struct instant now)
{
	if (session->filled.ns == 0)
		session->room = BURST;
	else
		session->room +=
		    (double)clk_diff(now, session->filled) / (double)CLK_S / SECONDS_EACH;
	session->filled = now;
	if (session->room > BURST)
		session->room = BURST;
	if (session->room < 1)
		return false;
	session->room -= 1;
	return true;
}

enum session_verdict
session_judge(struct session *session, const uint8_t secret[32], const uint8_t key[KEYS_SIZE],
    const struct seal_head *head, struct instant now)
{
	uint8_t challenge[SEAL_TOKEN];

	if (session->live && same(head->from, session->agent) && same(head->to, session->own)) {
		if (head->counter < session->counter)
			return SESSION_STALE;
		if (head->counter == session->counter)
			return SESSION_REPEAT;
		session->counter = head->counter;
		return SESSION_NEXT;
	}
	session_challenge(session, secret, key, head, challenge);
	if (same(head->to, challenge))
		return has_room(session, now) ? SESSION_PROVED : SESSION_FLOOD;
	if (session->live && session->count > 1 && same(head->from, session->before))
		return SESSION_CONFLICT;
	return SESSION_CHALLENGE;
}

void
session_begin(struct session *session, const struct seal_head *head)
{
	/* An agent that was told to say hello keeps its token: that is no other agent. */
	if (session->live && !same(session->agent, head->from))
		memcpy(session->before, session->agent, SEAL_TOKEN);
	memcpy(session->agent, head->from, SEAL_TOKEN);
	memcpy(session->own, head->to, SEAL_TOKEN);
	session->counter = head->counter;
	session->live = true;
	session->count++;
}
