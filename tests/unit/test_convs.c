/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/decide/convs.h"

#define WINDOW (600 * CLK_S)

static struct convs_key
key_of(unsigned local, unsigned remote)
{
	uint8_t l[4] = {10, 0, (uint8_t)(local >> 8), (uint8_t)local};
	uint8_t r[4] = {198, 51, (uint8_t)(remote >> 8), (uint8_t)remote};

	return (struct convs_key){.local = addr_from_v4(l), .remote = addr_from_v4(r)};
}

static struct instant
at(int64_t seconds)
{
	return (struct instant){seconds * CLK_S};
}

static void
rows_are_found_by_every_part_of_the_key(void **unused)
{
	struct convs *c;
	struct convs_key key = key_of(1, 2), other;
	struct convs_row *row;

	(void)unused;
	assert_int_equal(convs_new(1000, &c), 0);
	assert_null(convs_find(c, &key));
	row = convs_touch(c, &key);
	assert_ptr_equal(convs_find(c, &key), row);
	assert_ptr_equal(convs_touch(c, &key), row);
	for (int part = 0; part < 5; part++) {
		other = key;
		if (part == 0)
			other.local.bytes[3]++;
		else if (part == 1)
			other.remote.bytes[0]++;
		else if (part == 2)
			other.vni = 100;
		else if (part == 3)
			other.kind = CONVS_REMOTE;
		else
			other.len = 24;
		assert_null(convs_find(c, &other));
		assert_non_null(convs_touch(c, &other));
	}
	assert_int_equal(convs_count(c), 6);
	convs_free(&c);
	assert_null(c);
}

static void
a_full_table_forgets_the_longest_silent(void **unused)
{
	struct convs *c;
	struct convs_key first = key_of(0, 0), second = key_of(0, 1), key;

	(void)unused;
	assert_int_equal(convs_new(CONVS_MIN, &c), 0);
	for (unsigned i = 0; i < CONVS_MIN; i++) {
		key = key_of(0, i);
		assert_non_null(convs_touch(c, &key));
	}
	convs_touch(c, &first);
	key = key_of(1, 0);
	assert_non_null(convs_touch(c, &key));
	assert_non_null(convs_find(c, &first));
	assert_null(convs_find(c, &second));
	assert_int_equal(convs_count(c), CONVS_MIN);
	assert_int_equal(convs_forgotten(c), 1);
	convs_free(&c);
}

/* Ten thousand conversations go by; who was captured is still known. */
static void
a_flood_forgets_no_cool_down(void **unused)
{
	struct convs *c;
	struct convs_key key = key_of(9, 9);
	struct convs_row *row;

	(void)unused;
	assert_int_equal(convs_new(CONVS_MIN, &c), 0);
	row = convs_touch(c, &key);
	row->returns = 1;
	convs_keep(c, row);
	for (unsigned i = 0; i < 10000; i++) {
		struct convs_key flood = key_of(i >> 8, i & 255);

		flood.vni = 1;
		assert_non_null(convs_touch(c, &flood));
	}
	assert_ptr_equal(convs_find(c, &key), row);
	row->returns = 0;
	convs_keep(c, row);
	for (unsigned i = 0; i < CONVS_MIN; i++) {
		struct convs_key flood = key_of(i, 1);

		assert_non_null(convs_touch(c, &flood));
	}
	assert_null(convs_find(c, &key));
	convs_free(&c);
}

static void
kept_rows_are_half_the_table_at_most(void **unused)
{
	struct convs *c;
	struct convs_key key;
	unsigned kept = 0;

	(void)unused;
	assert_int_equal(convs_new(CONVS_MIN, &c), 0);
	for (unsigned i = 0; i < 4 * CONVS_MIN; i++) {
		struct convs_row *row;

		key = key_of(0, i);
		row = convs_touch(c, &key);
		row->capture = i + 1;
		convs_keep(c, row);
	}
	for (unsigned i = 0; i < 4 * CONVS_MIN; i++) {
		const struct convs_row *row;

		key = key_of(0, i);
		row = convs_find(c, &key);
		kept += row != NULL && row->kept;
	}
	assert_int_equal(kept, CONVS_MIN / 2);
	convs_free(&c);
}

static uint32_t
samples(const struct convs_row *row, struct instant now)
{
	struct convs_sum sum;

	convs_sum(row, WINDOW, now, &sum);
	return sum.samples;
}

/* The window slides: three samples that lie in ten minutes count wherever those begin. */
static void
the_window_slides(void **unused)
{
	struct convs_row row;

	(void)unused;
	for (int64_t begin = 0; begin < 600; begin += 37) {
		memset(&row, 0, sizeof row);
		convs_sample(&row, WINDOW, at(1000 + begin), 1, 1, 1);
		convs_sample(&row, WINDOW, at(1000 + begin + 300), 1, 1, 1);
		convs_sample(&row, WINDOW, at(1000 + begin + 600), 1, 1, 1);
		assert_int_equal(samples(&row, at(1000 + begin + 600)), 3);
		assert_int_equal(samples(&row, at(1000 + begin + 601)), 2);
		convs_sample(&row, WINDOW, at(1000 + begin + 601), 1, 1, 1);
		assert_int_equal(samples(&row, at(1000 + begin + 601)), 3);
		assert_int_equal(samples(&row, at(1000 + begin + 5000)), 0);
	}
}

/* Against a list of all of them: never more than lay in the window, exact while no more came than
 * are remembered one by one, and then no more than the oldest two sevenths of the window missing.
 */
static void
sums_are_never_over_and_seldom_under(void **unused)
{
	unsigned seed = 1;

	(void)unused;
	for (unsigned run = 0; run < 200; run++) {
		struct convs_row row;
		int64_t when[400], t = 1000;
		unsigned n = 0, most = 0;

		memset(&row, 0, sizeof row);
		for (; n < 400; n++) {
			uint32_t within = 0, inner = 0;

			t += rand_r(&seed) % (run % 2 ? 30 : 200);
			when[n] = t;
			convs_sample(&row, WINDOW, at(t), 1, 1, 1);
			for (unsigned i = 0; i <= n; i++) {
				within += t - when[i] <= 600;
				inner += t - when[i] <= 600 - 172;
			}
			assert_true(samples(&row, at(t)) <= within);
			assert_true(samples(&row, at(t)) >= inner);
			most = within > most ? within : most;
			if (most <= CONVS_SLOTS)
				assert_int_equal(samples(&row, at(t)), within);
		}
	}
}

static void
rates_are_those_of_the_newest_burst(void **unused)
{
	struct convs_row row;
	struct convs_sum sum;

	(void)unused;
	memset(&row, 0, sizeof row);
	convs_sample(&row, WINDOW, at(1000), 1, 1000, 1250000);
	convs_sum(&row, WINDOW, at(1000), &sum);
	/* One sample of 1:1000, 1250 bytes: 10 Mbit in the ten seconds that are reckoned. */
	assert_int_equal(sum.bps, 1000000);
	assert_int_equal(sum.packets, 1000);
	/* Nine quiet minutes, then ten samples in two seconds. */
	for (int i = 0; i < 10; i++)
		convs_sample(&row, WINDOW, (struct instant){1540 * CLK_S + i * 200 * CLK_MS}, 1,
		    1000, 1250000);
	convs_sum(&row, WINDOW, at(1542), &sum);
	assert_int_equal(sum.samples, 11);
	assert_true(sum.bps >= 10000000);
	/* No number of any size overflows. */
	convs_sample(&row, WINDOW, at(1543), UINT32_MAX, UINT64_MAX, UINT64_MAX / 2);
	convs_sum(&row, WINDOW, at(1543), &sum);
	assert_true(sum.bps <= UINT64_C(1000000000000000));
	assert_int_equal(sum.samples, UINT32_MAX);
}

static void
a_clock_that_goes_back_breaks_nothing(void **unused)
{
	struct convs_row row;

	(void)unused;
	memset(&row, 0, sizeof row);
	convs_sample(&row, WINDOW, at(1000), 1, 1, 1);
	convs_sample(&row, WINDOW, at(900), 1, 1, 1);
	assert_int_equal(samples(&row, at(900)), 2);
	assert_int_equal(samples(&row, at(1000)), 2);
}

static void
switches_that_saw_it_or_refused_it(void **unused)
{
	struct convs_row row;
	struct convs *c;
	struct convs_key key = key_of(1, 1);
	int ids[] = {2, -1, 0, 1, 5, 6};
	struct convs_row *kept;

	(void)unused;
	memset(&row, 0, sizeof row);
	convs_seen(&row, true, 3);
	convs_seen(&row, true, 3);
	convs_seen(&row, true, 4);
	convs_seen(&row, false, 5);
	assert_int_equal(row.seen_out[0], 5);
	assert_int_equal(row.seen_out[1], 4);
	assert_int_equal(row.seen_in[0], 6);
	assert_true(convs_refuse(&row, 0, 42, 600 * CLK_S, at(1000)));
	assert_true(convs_refused(&row, 0, 600 * CLK_S, at(1001)));
	assert_false(convs_refused(&row, 1, 600 * CLK_S, at(1001)));
	assert_false(convs_refused(&row, 0, 600 * CLK_S, at(1600)));
	/* Who refuses once more, or as the fourth, ends the trying. */
	assert_false(convs_refuse(&row, 0, 42, 600 * CLK_S, at(1001)));
	assert_true(convs_refuse(&row, 1, 42, 600 * CLK_S, at(1002)));
	assert_true(convs_refuse(&row, 2, 42, 600 * CLK_S, at(1003)));
	assert_false(convs_refuse(&row, 3, 42, 600 * CLK_S, at(1004)));
	assert_true(convs_refuse(&row, 3, 42, 600 * CLK_S, at(1604)));

	assert_int_equal(convs_new(100, &c), 0);
	kept = convs_touch(c, &key);
	kept->seen_out[0] = 1;
	kept->seen_out[1] = 2;
	kept->seen_in[0] = 4;
	kept->refused_by[0] = 3;
	kept->refused_by[1] = 100;
	convs_renumber(c, ids, 6);
	assert_int_equal(kept->seen_out[0], 3);
	assert_int_equal(kept->seen_out[1], 0);
	assert_int_equal(kept->seen_in[0], 2);
	assert_int_equal(kept->refused_by[0], 1);
	assert_int_equal(kept->refused_by[1], 0);
	convs_free(&c);
}

static void
peers_count_once_within_the_window(void **unused)
{
	struct convs_row wide, pairs[40];
	struct addr peer;

	(void)unused;
	memset(&wide, 0, sizeof wide);
	memset(pairs, 0, sizeof pairs);
	for (unsigned turn = 0; turn < 3; turn++)
		for (unsigned i = 0; i < 40; i++) {
			uint8_t bytes[4] = {10, 1, (uint8_t)(i % 4), (uint8_t)i};

			peer = addr_from_v4(bytes);
			convs_peer(&wide, &pairs[i], &peer, WINDOW, at(1000 + turn));
			pairs[i].peered = at(1000 + turn);
		}
	assert_int_equal(wide.peers, 40);
	assert_int_equal(wide.common.len, 22);
	/* Another window, another count. */
	convs_peer(&wide, &pairs[3], &peer, WINDOW, at(1700));
	assert_int_equal(wide.peers, 1);
	assert_int_equal(wide.common.len, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_found_by_every_part_of_the_key),
	    cmocka_unit_test(a_full_table_forgets_the_longest_silent),
	    cmocka_unit_test(a_flood_forgets_no_cool_down),
	    cmocka_unit_test(kept_rows_are_half_the_table_at_most),
	    cmocka_unit_test(the_window_slides),
	    cmocka_unit_test(sums_are_never_over_and_seldom_under),
	    cmocka_unit_test(rates_are_those_of_the_newest_burst),
	    cmocka_unit_test(a_clock_that_goes_back_breaks_nothing),
	    cmocka_unit_test(switches_that_saw_it_or_refused_it),
	    cmocka_unit_test(peers_count_once_within_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
