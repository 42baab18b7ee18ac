/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/agents/session.h"

static const uint8_t secret[32] = {1}, key[KEYS_SIZE] = {2};
static struct session s;
static struct instant now;

static int
setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof s);
	now = (struct instant){1000 * CLK_S};
	return keys_init();
}

static struct seal_head
head_of(uint8_t agent, const uint8_t *to, uint64_t counter)
{
	struct seal_head head = {.counter = counter};

	memset(head.from, agent, sizeof head.from);
	if (to)
		memcpy(head.to, to, sizeof head.to);
	return head;
}

static enum session_verdict
judge(const struct seal_head *head)
{
	return session_judge(&s, secret, key, head, now);
}

/* From the first message to a live session; returns the head that proved itself. */
static struct seal_head
begin(uint8_t agent, uint64_t counter)
{
	struct seal_head head = head_of(agent, NULL, counter);
	uint8_t token[SEAL_TOKEN];

	assert_int_equal(judge(&head), SESSION_CHALLENGE);
	session_challenge(&s, secret, key, &head, token);
	head = head_of(agent, token, counter + 1);
	assert_int_equal(judge(&head), SESSION_PROVED);
	session_begin(&s, &head);
	return head;
}

static void
begins_with_a_challenge(void **state)
{
	struct seal_head head;

	(void)state;
	head = begin(0xA1, 10);
	assert_int_equal(judge(&head), SESSION_REPEAT);
	head.counter = 12;
	assert_int_equal(judge(&head), SESSION_NEXT);
	assert_int_equal(judge(&head), SESSION_REPEAT);
	head.counter = 11;
	assert_int_equal(judge(&head), SESSION_STALE);
	head.counter = UINT64_MAX;
	assert_int_equal(judge(&head), SESSION_NEXT);
	head.counter = 0;
	assert_int_equal(judge(&head), SESSION_STALE);
}

/* A hello that was recorded proves itself once. */
static void
a_replayed_hello_proves_nothing(void **state)
{
	struct seal_head first = begin(0xA1, 1), second;

	(void)state;
	second = begin(0xA2, 1);
	assert_int_equal(judge(&second), SESSION_REPEAT);
	assert_true(judge(&first) == SESSION_CONFLICT || judge(&first) == SESSION_CHALLENGE);
	assert_int_equal(judge(&second), SESSION_REPEAT);
	/* After the controller forgot all, with another secret. */
	static const uint8_t other[32] = {9};
	struct session fresh = {.live = false};
	assert_int_equal(session_judge(&fresh, other, key, &second, now), SESSION_CHALLENGE);
}

static void
a_challenge_is_for_one_agent(void **state)
{
	static const uint8_t other_key[KEYS_SIZE] = {3};
	struct seal_head head = head_of(0xA1, NULL, 1);
	uint8_t token[SEAL_TOKEN], another[SEAL_TOKEN];

	(void)state;
	session_challenge(&s, secret, key, &head, token);
	session_challenge(&s, secret, other_key, &head, another);
	assert_memory_not_equal(token, another, SEAL_TOKEN);
	/* Shown by an agent with another token of its own. */
	head = head_of(0xB1, token, 1);
	assert_int_equal(judge(&head), SESSION_CHALLENGE);
}

static void
tells_two_agents_with_one_key(void **state)
{
	struct seal_head one, two;

	(void)state;
	one = begin(0xA1, 1);
	two = begin(0xB1, 1);
	/* The one that was replaced goes on polling. */
	one.counter++;
	assert_int_equal(judge(&one), SESSION_CONFLICT);
	two.counter++;
	assert_int_equal(judge(&two), SESSION_NEXT);
	/* A third one is no conflict yet. */
	struct seal_head third = head_of(0xC1, NULL, 1);
	assert_int_equal(judge(&third), SESSION_CHALLENGE);
}

static void
sessions_come_so_fast_and_no_faster(void **state)
{
	unsigned proved = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct seal_head head = head_of((uint8_t)(i + 1), NULL, 1);
		uint8_t token[SEAL_TOKEN];

		session_challenge(&s, secret, key, &head, token);
		head = head_of((uint8_t)(i + 1), token, 2);
		enum session_verdict v = judge(&head);
		assert_true(v == SESSION_PROVED || v == SESSION_FLOOD);
		if (v == SESSION_PROVED) {
			proved++;
			session_begin(&s, &head);
		}
	}
	assert_int_equal(proved, 6);
	/* Then one in four seconds. */
	now = clk_add(now, 4 * CLK_S + CLK_MS);
	begin(0xEE, 1);
	struct seal_head head = head_of(0xEF, NULL, 1);
	uint8_t token[SEAL_TOKEN];
	session_challenge(&s, secret, key, &head, token);
	head = head_of(0xEF, token, 2);
	assert_int_equal(judge(&head), SESSION_FLOOD);
	/* The live one is not touched by that. */
	assert_true(s.live && s.agent[0] == 0xEE);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
	    TEST(begins_with_a_challenge),
	    TEST(a_replayed_hello_proves_nothing),
	    TEST(a_challenge_is_for_one_agent),
	    TEST(tells_two_agents_with_one_key),
	    TEST(sessions_come_so_fast_and_no_faster),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
