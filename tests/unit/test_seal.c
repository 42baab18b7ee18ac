/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/seal.h"

/* Both ends of a conversation, and a third party. */
static struct {
	struct keys_pair agent, controller, other;
	struct seal at_agent, at_controller, at_other;
} it;

static const char words[] = "hold this capture";

static int
setup(void **state)
{
	(void)state;
	if (keys_init() < 0)
		return -1;
	keys_generate(&it.agent);
	keys_generate(&it.controller);
	keys_generate(&it.other);
	return seal_init(&it.at_agent, &it.agent, it.controller.public_key) < 0 ||
	       seal_init(&it.at_controller, &it.controller, it.agent.public_key) < 0 ||
	       seal_init(&it.at_other, &it.other, it.controller.public_key) < 0;
}

static size_t
sealed(const struct seal *by, enum seal_direction way, uint64_t counter, uint8_t *message)
{
	struct seal_head head = {.counter = counter};
	int n;

	memset(head.from, 0xA1, sizeof head.from);
	memset(head.to, 0xB2, sizeof head.to);
	n = seal_close(by, way, &head, (const uint8_t *)words, sizeof words, message, 512);
	assert_int_equal(n, sizeof words + SEAL_OVERHEAD);
	return (size_t)n;
}

static void
opens_what_was_closed(void **state)
{
	uint8_t message[512], payload[512];
	struct seal_head head;
	const uint8_t *key;
	size_t n = sealed(&it.at_agent, SEAL_TO_CONTROLLER, UINT64_C(0x0102030405060708), message);

	(void)state;
	assert_int_equal(seal_sender(message, n, SEAL_TO_CONTROLLER, &key), 0);
	assert_memory_equal(key, it.agent.public_key, KEYS_SIZE);
	assert_int_equal(
	    seal_open(&it.at_controller, SEAL_TO_CONTROLLER, message, n, &head, payload),
	    sizeof words);
	assert_string_equal((char *)payload, words);
	assert_true(head.counter == UINT64_C(0x0102030405060708));
	assert_int_equal(head.from[0], 0xA1);
	assert_int_equal(head.from[SEAL_TOKEN - 1], 0xA1);
	assert_int_equal(head.to[0], 0xB2);
}

/* Neither words, tokens nor counter can be seen from outside, and no two messages are alike. */
static void
shows_nothing(void **state)
{
	uint8_t a[512], b[512];
	static const uint8_t token[SEAL_TOKEN] = {0xA1, 0xA1, 0xA1, 0xA1, 0xA1, 0xA1, 0xA1, 0xA1,
	    0xA1, 0xA1, 0xA1, 0xA1, 0xA1, 0xA1, 0xA1, 0xA1};
	size_t n = sealed(&it.at_agent, SEAL_TO_CONTROLLER, 1, a);

	(void)state;
	sealed(&it.at_agent, SEAL_TO_CONTROLLER, 1, b);
	assert_null(memmem(a, n, words, sizeof words - 1));
	assert_null(memmem(a, n, token, sizeof token));
	assert_memory_not_equal(a + 4 + KEYS_SIZE, b + 4 + KEYS_SIZE, n - 4 - KEYS_SIZE);
}

static void
refuses_each_changed_bit(void **state)
{
	uint8_t message[512], payload[512];
	struct seal_head head;
	size_t n = sealed(&it.at_agent, SEAL_TO_CONTROLLER, 1, message);

	(void)state;
	for (size_t bit = 0; bit < 8 * n; bit++) {
		message[bit / 8] ^= (uint8_t)(1U << bit % 8);
		int r =
		    seal_open(&it.at_controller, SEAL_TO_CONTROLLER, message, n, &head, payload);
		/* What is in the clear part is told apart: no message of ours. */
		if (r != (bit < 32 ? -EBADMSG : -EACCES))
			fail_msg("bit %zu: %d", bit, r);
		message[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_true(
	    seal_open(&it.at_controller, SEAL_TO_CONTROLLER, message, n, &head, payload) > 0);
}

static void
refuses_each_cut(void **state)
{
	uint8_t message[512], payload[512];
	struct seal_head head = {.counter = 77};
	const uint8_t *key;
	size_t n = sealed(&it.at_agent, SEAL_TO_CONTROLLER, 1, message);

	(void)state;
	for (size_t size = 0; size < n; size++) {
		/* A block of its own size, so that a sanitizer sees a read behind it. */
		uint8_t *cut = malloc(size + (size == 0));

		memcpy(cut, message, size);
		assert_int_equal(
		    seal_open(&it.at_controller, SEAL_TO_CONTROLLER, cut, size, &head, payload),
		    size < SEAL_OVERHEAD ? -EBADMSG : -EACCES);
		if (size < SEAL_OVERHEAD)
			assert_int_equal(
			    seal_sender(cut, size, SEAL_TO_CONTROLLER, &key), -EBADMSG);
		free(cut);
	}
	message[n] = 0;
	assert_int_equal(
	    seal_open(&it.at_controller, SEAL_TO_CONTROLLER, message, n + 1, &head, payload),
	    -EACCES);
	assert_true(head.counter == 77);
}

static void
refuses_the_wrong_key(void **state)
{
	uint8_t message[512], payload[512];
	struct seal_head head;
	size_t n = sealed(&it.at_other, SEAL_TO_CONTROLLER, 1, message);

	(void)state;
	assert_int_equal(
	    seal_open(&it.at_controller, SEAL_TO_CONTROLLER, message, n, &head, payload), -EACCES);
	/* Whoever writes another's key over its own gains nothing. */
	memcpy(message + 4, it.agent.public_key, KEYS_SIZE);
	assert_int_equal(
	    seal_open(&it.at_controller, SEAL_TO_CONTROLLER, message, n, &head, payload), -EACCES);
	/* To another receiver. */
	n = sealed(&it.at_agent, SEAL_TO_CONTROLLER, 1, message);
	assert_int_equal(
	    seal_open(&it.at_other, SEAL_TO_CONTROLLER, message, n, &head, payload), -EACCES);
}

/* The secret is the same both ways; only the direction tells a reflected message. */
static void
refuses_a_reflection(void **state)
{
	uint8_t message[512], payload[512];
	struct seal_head head;
	const uint8_t *key;
	size_t n = sealed(&it.at_agent, SEAL_TO_CONTROLLER, 1, message);

	(void)state;
	assert_int_equal(
	    seal_open(&it.at_agent, SEAL_TO_AGENT, message, n, &head, payload), -EBADMSG);
	assert_int_equal(seal_sender(message, n, SEAL_TO_AGENT, &key), -EBADMSG);
	/* With the direction turned and the sender put right it still was sealed otherwise. */
	message[3] = SEAL_TO_AGENT;
	memcpy(message + 4, it.controller.public_key, KEYS_SIZE);
	assert_int_equal(
	    seal_open(&it.at_agent, SEAL_TO_AGENT, message, n, &head, payload), -EACCES);
	n = sealed(&it.at_controller, SEAL_TO_AGENT, 1, message);
	assert_int_equal(
	    seal_open(&it.at_agent, SEAL_TO_AGENT, message, n, &head, payload), sizeof words);
}

static void
keeps_to_sizes(void **state)
{
	static uint8_t message[SEAL_MESSAGE_MAX + 1], payload[SEAL_MESSAGE_MAX];
	struct seal_head head = {.counter = 1}, out;
	size_t most = SEAL_MESSAGE_MAX - SEAL_OVERHEAD;

	(void)state;
	assert_int_equal(seal_close(&it.at_agent, SEAL_TO_CONTROLLER, &head, payload, most, message,
			     sizeof message),
	    SEAL_MESSAGE_MAX);
	assert_int_equal(seal_open(&it.at_controller, SEAL_TO_CONTROLLER, message, SEAL_MESSAGE_MAX,
			     &out, payload),
	    most);
	assert_int_equal(seal_close(&it.at_agent, SEAL_TO_CONTROLLER, &head, payload, most + 1,
			     message, sizeof message),
	    -EMSGSIZE);
	assert_int_equal(seal_close(&it.at_agent, SEAL_TO_CONTROLLER, &head, payload, SIZE_MAX,
			     message, sizeof message),
	    -EMSGSIZE);
	assert_int_equal(seal_close(&it.at_agent, SEAL_TO_CONTROLLER, &head, payload, 10, message,
			     SEAL_OVERHEAD + 9),
	    -EMSGSIZE);
	/* Nothing inside is a message as well. */
	assert_int_equal(
	    seal_close(&it.at_agent, SEAL_TO_CONTROLLER, &head, NULL, 0, message, sizeof message),
	    SEAL_OVERHEAD);
	assert_int_equal(
	    seal_open(&it.at_controller, SEAL_TO_CONTROLLER, message, SEAL_OVERHEAD, &out, payload),
	    0);
	assert_int_equal(seal_open(&it.at_controller, SEAL_TO_CONTROLLER, message,
			     SEAL_MESSAGE_MAX + 1, &out, payload),
	    -EBADMSG);
}

/* Points of low order would give a secret that everybody knows. */
static void
refuses_weak_keys(void **state)
{
	static const uint8_t zero[KEYS_SIZE], one[KEYS_SIZE] = {1};
	struct seal seal;

	(void)state;
	assert_int_equal(seal_init(&seal, &it.agent, zero), -EINVAL);
	assert_int_equal(seal_init(&seal, &it.agent, one), -EINVAL);
}

static void
derives_and_forgets(void **state)
{
	static const struct seal none;
	uint8_t secret[32] = {7}, a[SEAL_TOKEN], b[SEAL_TOKEN];
	struct seal seal = it.at_agent;

	(void)state;
	seal_derive(secret, "one", 3, a);
	seal_derive(secret, "one", 3, b);
	assert_memory_equal(a, b, SEAL_TOKEN);
	seal_derive(secret, "two", 3, b);
	assert_memory_not_equal(a, b, SEAL_TOKEN);
	secret[31] = 1;
	seal_derive(secret, "one", 3, b);
	assert_memory_not_equal(a, b, SEAL_TOKEN);
	seal_token(a);
	seal_token(b);
	assert_memory_not_equal(a, b, SEAL_TOKEN);
	seal_done(&seal);
	assert_memory_equal(&seal, &none, sizeof seal);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opens_what_was_closed),
	    cmocka_unit_test(shows_nothing),
	    cmocka_unit_test(refuses_each_changed_bit),
	    cmocka_unit_test(refuses_each_cut),
	    cmocka_unit_test(refuses_the_wrong_key),
	    cmocka_unit_test(refuses_a_reflection),
	    cmocka_unit_test(keeps_to_sizes),
	    cmocka_unit_test(refuses_weak_keys),
	    cmocka_unit_test(derives_and_forgets),
	};

	return cmocka_run_group_tests_name("seal", tests, setup, NULL);
}
