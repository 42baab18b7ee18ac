/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/main/desired.h"

static struct desired d;
static struct agent_reply page;

static int
setup(void **state)
{
	(void)state;
	desired_init(&d);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	desired_done(&d);
	return 0;
}

/* A page of `n` captures from `first` on, that end in 10 s. */
static int
give(uint64_t generation, uint32_t number, bool last, uint64_t first, unsigned n, int64_t at_ms)
{
	memset(&page, 0, sizeof page);
	page.kind = AGENT_REPLY_PAGE;
	page.generation = generation;
	page.page = number;
	page.last_page = last;
	page.lease_ms = 60000 + number;
	page.order_count = (uint16_t)n;
	for (unsigned i = 0; i < n; i++) {
		page.orders[i].capture = first + i;
		page.orders[i].remaining_ms = (first + i) % 2 ? 10000 : 0;
	}
	return desired_page(&d, &page, (struct instant){at_ms * CLK_MS});
}

static void
puts_pages_together(void **state)
{
	(void)state;
	assert_int_equal(give(3, 0, false, 20, 2, 1000), 0);
	assert_false(d.whole);
	assert_int_equal(d.next_page, 1);
	assert_int_equal(give(3, 1, true, 11, 2, 1250), 1);
	assert_true(d.whole);
	assert_int_equal(d.count, 4);
	assert_int_equal(d.lease_ms, 60001);
	assert_true(d.since.ns == 1250 * CLK_MS);
	/* In order; what was left of the first page's when the last was asked for. */
	static const struct {
		uint64_t capture;
		uint32_t ms;
	} want[] = {{11, 10000}, {12, 0}, {20, 0}, {21, 9750}};
	for (unsigned i = 0; i < 4; i++) {
		assert_true(d.orders[i].capture == want[i].capture);
		assert_int_equal(d.orders[i].remaining_ms, want[i].ms);
	}
	/* Said again it is nothing new. */
	assert_int_equal(give(3, 1, true, 11, 2, 1300), 0);
	assert_int_equal(d.count, 4);
}

static void
an_end_passes_but_never_turns_into_none(void **state)
{
	(void)state;
	assert_int_equal(give(1, 0, false, 1, 1, 0), 0);
	assert_int_equal(give(1, 1, true, 2, 1, 3600000), 1);
	assert_int_equal(d.orders[0].remaining_ms, 1);
	assert_int_equal(d.orders[1].remaining_ms, 0);
}

static void
takes_them_in_order_only(void **state)
{
	(void)state;
	assert_int_equal(give(3, 1, true, 1, 1, 0), 0);
	assert_int_equal(d.next_page, 0);
	assert_int_equal(give(3, 0, false, 1, 1, 0), 0);
	assert_int_equal(give(3, 0, false, 1, 1, 0), 0);
	assert_int_equal(d.count, 1);
	assert_int_equal(give(3, 2, true, 2, 1, 0), 0);
	assert_false(d.whole);
	assert_int_equal(give(3, 1, true, 2, 1, 0), 1);
}

static void
a_newer_generation_starts_anew(void **state)
{
	(void)state;
	assert_int_equal(give(3, 0, false, 1, 50, 0), 0);
	assert_int_equal(give(2, 0, true, 1, 1, 0), 0);
	assert_true(d.generation == 3 && !d.whole);
	assert_int_equal(give(0, 0, true, 1, 1, 0), 0);
	assert_int_equal(give(4, 0, true, 7, 1, 0), 1);
	assert_true(d.generation == 4 && d.count == 1 && d.orders[0].capture == 7);
	/* Nothing wanted is a generation too. */
	assert_int_equal(give(5, 0, true, 0, 0, 0), 1);
	assert_int_equal(d.count, 0);
	/* Another session counts from the start. */
	desired_reset(&d);
	assert_int_equal(give(1, 0, true, 7, 1, 0), 1);
}

static void
refuses_what_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(give(3, 0, false, 1, 5, 0), 0);
	assert_int_equal(give(3, 1, true, 5, 1, 0), -EBADMSG);
	assert_int_equal(d.generation, 0);
	unsigned n = 0;
	int r;
	while ((r = give(9, n, false, 1 + n * 200, 200, 0)) == 0)
		n++;
	assert_int_equal(r, -E2BIG);
	assert_int_equal(n, DESIRED_MAX / 200);
	assert_int_equal(d.count, 0);
	assert_int_equal(give(9, 0, true, 1, 1, 0), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(puts_pages_together),
	    TEST(an_end_passes_but_never_turns_into_none),
	    TEST(takes_them_in_order_only),
	    TEST(a_newer_generation_starts_anew),
	    TEST(refuses_what_cannot_be),
	};

	return cmocka_run_group_tests_name("desired", tests, NULL, NULL);
}
