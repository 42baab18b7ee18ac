/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/agents/agents.h"
#include "controller/agents/sheet.h"

static struct sheet sheet;
static struct agent_reply reply;
static const struct instant start = {1000 * CLK_S};

static int
setup(void **state)
{
	(void)state;
	memset(&sheet, 0, sizeof sheet);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	sheet_done(&sheet);
	return 0;
}

static int
want(uint64_t first, unsigned n, uint32_t remaining_ms, struct instant now)
{
	static struct order orders[AGENTS_ORDERS_MAX + 1];

	memset(orders, 0, sizeof orders);
	for (unsigned i = 0; i < n; i++) {
		/* The other way round: they are told sorted. */
		struct order *o = &orders[n - 1 - i];

		o->capture = first + i;
		prefix_parse("10.1.0.2", &o->filter.a, NULL);
		prefix_parse("198.51.100.9", &o->filter.b, NULL);
		o->remaining_ms = remaining_ms;
	}
	return sheet_want(&sheet, orders, n, 60000, now);
}

static enum agent_reply_kind
ask(uint64_t assembling, uint32_t next_page, struct instant now)
{
	memset(&reply, 0, sizeof reply);
	sheet_reply(&sheet, assembling, next_page, 2, 0, now, &reply);
	return reply.kind;
}

static void
quiet_until_somebody_says(void **state)
{
	(void)state;
	assert_int_equal(ask(0, 0, start), AGENT_REPLY_QUIET);
	assert_false(sheet_waits(&sheet));
	assert_int_equal(want(1, 0, 0, start), 1);
	assert_true(sheet_waits(&sheet));
	/* Nothing is something to be told. */
	assert_int_equal(ask(0, 0, start), AGENT_REPLY_PAGE);
	assert_true(reply.last_page && reply.order_count == 0 && reply.generation == 1);
}

static void
pages_until_acknowledged(void **state)
{
	(void)state;
	assert_int_equal(want(1, 5, 0, start), 1);
	for (uint32_t page = 0; page < 3; page++) {
		assert_int_equal(ask(page ? 1 : 0, page, start), AGENT_REPLY_PAGE);
		assert_int_equal(reply.page, page);
		assert_int_equal(reply.order_count, page == 2 ? 1 : 2);
		assert_int_equal(reply.last_page, page == 2);
		assert_true(reply.orders[0].capture == 1 + 2 * page);
	}
	/* An agent that assembles something else begins anew; one that asks too far as well. */
	assert_int_equal(ask(7, 2, start), AGENT_REPLY_PAGE);
	assert_int_equal(reply.page, 0);
	ask(1, 99, start);
	assert_int_equal(reply.page, 0);
	assert_false(sheet_ack(&sheet, 0));
	assert_false(sheet_ack(&sheet, 2));
	assert_true(sheet_ack(&sheet, 1));
	assert_false(sheet_ack(&sheet, 1));
	assert_false(sheet_waits(&sheet));
	assert_int_equal(ask(0, 0, start), AGENT_REPLY_RENEW);
	assert_int_equal(reply.generation, 1);
}

/* What is being told stays as it is until it is acknowledged: pages of two wishes never mix. */
static void
a_generation_is_frozen(void **state)
{
	(void)state;
	want(1, 3, 0, start);
	assert_int_equal(ask(0, 0, start), AGENT_REPLY_PAGE);
	assert_int_equal(want(100, 3, 0, start), 1);
	assert_int_equal(ask(1, 1, start), AGENT_REPLY_PAGE);
	assert_int_equal(reply.generation, 1);
	assert_true(reply.last_page && reply.orders[0].capture == 3);
	sheet_ack(&sheet, 1);
	assert_true(sheet_waits(&sheet));
	assert_int_equal(ask(0, 0, start), AGENT_REPLY_PAGE);
	assert_int_equal(reply.generation, 2);
	assert_true(reply.orders[0].capture == 100);
	/* Back to what stands: nothing to tell. */
	sheet_ack(&sheet, 2);
	want(1, 3, 0, start);
	want(100, 3, 0, start);
	assert_false(sheet_waits(&sheet));
}

static void
times_run_by_themselves(void **state)
{
	struct instant later = clk_add(start, 4 * CLK_S);

	(void)state;
	want(1, 1, 10000, start);
	ask(0, 0, later);
	assert_int_equal(reply.orders[0].remaining_ms, 6000);
	/* A poll sent 500 ms ago: the agent counts from then. */
	sheet_reply(&sheet, 0, 0, 2, 500 * CLK_MS, later, &reply);
	assert_int_equal(reply.orders[0].remaining_ms, 6500);
	assert_int_equal(reply.lease_ms, 60500);
	/* The same end, said later, is no change; another end is one; none is another. */
	assert_int_equal(want(1, 1, 6000, later), 0);
	assert_int_equal(want(1, 1, 20000, later), 1);
	assert_int_equal(want(1, 1, 0, later), 1);
	/* Past its end it is not "no end". */
	sheet_ack(&sheet, 1);
	want(1, 1, 10, later);
	ask(0, 0, clk_add(later, 60 * CLK_S));
	assert_int_equal(reply.orders[0].remaining_ms, 1);
}

static void
a_new_session_hears_all_again(void **state)
{
	(void)state;
	want(1, 2, 0, start);
	ask(0, 0, start);
	sheet_ack(&sheet, 1);
	sheet_restart(&sheet);
	assert_true(sheet_waits(&sheet));
	assert_int_equal(ask(0, 0, start), AGENT_REPLY_PAGE);
	assert_int_equal(reply.generation, 1);
	assert_int_equal(reply.order_count, 2);
}

static void
refuses_what_cannot_be_told(void **state)
{
	struct order twice[2];

	(void)state;
	want(5, 2, 0, start);
	memset(twice, 0, sizeof twice);
	twice[0].capture = twice[1].capture = 7;
	assert_int_equal(sheet_want(&sheet, twice, 2, 60000, start), -EINVAL);
	twice[1].capture = 0;
	assert_int_equal(sheet_want(&sheet, twice, 2, 60000, start), -EINVAL);
	assert_int_equal(want(1, AGENTS_ORDERS_MAX + 1, 0, start), -E2BIG);
	/* The wish before stands. */
	ask(0, 0, start);
	assert_true(reply.order_count == 2 && reply.orders[0].capture == 5);
	assert_int_equal(want(1, AGENTS_ORDERS_MAX, 0, start), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(quiet_until_somebody_says),
	    TEST(pages_until_acknowledged),
	    TEST(a_generation_is_frozen),
	    TEST(times_run_by_themselves),
	    TEST(a_new_session_hears_all_again),
	    TEST(refuses_what_cannot_be_told),
	};

	return cmocka_run_group_tests_name("sheet", tests, NULL, NULL);
}
