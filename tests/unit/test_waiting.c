/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/engine/waiting.h"

static void
key_of(unsigned n, uint8_t key[KEYS_SIZE])
{
	memset(key, 0, KEYS_SIZE);
	memcpy(key, &n, sizeof n);
}

static void
test_heard_and_dropped(void **state)
{
	struct waiting waiting = {.count = 0};
	struct agent_hello hello = {.name = "leaf9", .version = "0.1.0", .addr_count = 2};
	struct instant t = {CLK_S};
	uint8_t key[KEYS_SIZE];

	(void)state;
	key_of(1, key);
	/* Loopback identifies nobody. */
	assert_int_equal(addr_parse("127.0.0.1", &hello.addrs[0].addr), 0);
	assert_int_equal(addr_parse("10.0.0.9", &hello.addrs[1].addr), 0);
	assert_true(waiting_heard(&waiting, key, &hello, t));
	assert_int_equal(waiting.rows[0].addr_count, 1);
	assert_true(addr_equal(&waiting.rows[0].addrs[0], &hello.addrs[1].addr));
	assert_string_equal(waiting.rows[0].name, "leaf9");
	/* Again: the same row, news taken over. */
	snprintf(hello.name, sizeof hello.name, "leaf8");
	assert_false(waiting_heard(&waiting, key, &hello, clk_add(t, CLK_S)));
	assert_int_equal(waiting.count, 1);
	assert_string_equal(waiting.rows[0].name, "leaf8");
	waiting_tick(&waiting, clk_add(t, WAITING_FORGET));
	assert_int_equal(waiting.count, 1);
	waiting_tick(&waiting, clk_add(t, CLK_S + WAITING_FORGET));
	assert_int_equal(waiting.count, 0);
	assert_true(waiting_heard(&waiting, key, &hello, t));
	waiting_drop(&waiting, key);
	assert_int_equal(waiting.count, 0);
}

static void
test_bounded(void **state)
{
	struct waiting waiting = {.count = 0};
	struct agent_hello hello = {.name = "x"};
	uint8_t key[KEYS_SIZE];

	(void)state;
	for (unsigned i = 0; i < WAITING_MAX + 10; i++) {
		key_of(i + 1, key);
		assert_true(waiting_heard(
		    &waiting, key, &hello, (struct instant){(int64_t)(i + 1) * CLK_S}));
	}
	assert_int_equal(waiting.count, WAITING_MAX);
	/* The ten heard longest ago made room. */
	for (size_t i = 0; i < waiting.count; i++)
		assert_true(waiting.rows[i].heard.ns > 10 * CLK_S);
}

static void
test_find(void **state)
{
	struct waiting waiting = {.count = 2};

	(void)state;
	snprintf(waiting.rows[0].fingerprint, KEYS_FINGERPRINT_MAX, "1a2b-3c4d-5e6f-7081");
	snprintf(waiting.rows[1].fingerprint, KEYS_FINGERPRINT_MAX, "1a2b-ffff-0000-1111");
	assert_int_equal(waiting_find(&waiting, "1a2b-3"), 0);
	assert_int_equal(waiting_find(&waiting, "1a2b-ffff-0000-1111"), 1);
	assert_int_equal(waiting_find(&waiting, "1a2b"), -EEXIST);
	assert_int_equal(waiting_find(&waiting, "1a2"), -EINVAL);
	assert_int_equal(waiting_find(&waiting, ""), -EINVAL);
	assert_int_equal(waiting_find(&waiting, "dead"), -ENOENT);
	assert_int_equal(waiting_find(&waiting, "1a2b-3c4d-5e6f-70811"), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_heard_and_dropped),
	    cmocka_unit_test(test_bounded),
	    cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests_name("waiting", tests, NULL, NULL);
}
