/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a key stands, against counting: every number of keys round the sizes of lines and levels,
 * runs of one upper half, the least and the greatest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "controller/match/seek.h"

struct pair {
	uint64_t high, low;
};

static uint64_t
rnd(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int
compare(const void *va, const void *vb)
{
	const struct pair *a = va, *b = vb;

	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return a->low < b->low ? -1 : a->low > b->low;
}

static size_t
counted(const struct pair *pairs, size_t count, struct pair key)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += compare(&pairs[i], &key) <= 0;
	return n;
}

/* `width` bits of the upper halves differ: few make long runs. */
static void
agrees(size_t count, unsigned width, uint64_t seed)
{
	struct pair *pairs = calloc(count + 1, sizeof *pairs);
	uint64_t mask = width >= 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
	struct seek seek;

	assert_non_null(pairs);
	for (size_t i = 0; i < count; i++)
		pairs[i] = (struct pair){rnd(&seed) & mask, rnd(&seed)};
	if (count > 3) {
		pairs[0] = (struct pair){0, 0};
		pairs[1] = (struct pair){UINT64_MAX, UINT64_MAX};
		pairs[2] = (struct pair){UINT64_MAX, 0};
	}
	qsort(pairs, count, sizeof *pairs, compare);
	assert_int_equal(seek_new(count, &seek), 0);
	for (size_t i = 0; i < count; i++) {
		seek.high[i] = pairs[i].high;
		seek.low[i] = pairs[i].low;
	}
	seek_tie(&seek);
	assert_true(seek_bytes(&seek) >= count * 16);
	for (unsigned k = 0; k < 60; k++) {
		struct pair key = pairs[rnd(&seed) % count];

		switch (k % 6) {
		case 0:
			key = (struct pair){rnd(&seed) & mask, rnd(&seed)};
			break;
		case 1:
			key.low++;
			break;
		case 2:
			key.low--;
			break;
		case 3:
			key.high++;
			break;
		case 4:
			key.high--;
			break;
		}
		assert_int_equal(seek_find(&seek, key.high, key.low), counted(pairs, count, key));
	}
	assert_int_equal(seek_find(&seek, UINT64_MAX, UINT64_MAX), count);
	seek_done(&seek);
	assert_null(seek.high);
	free(pairs);
}

static void
agrees_with_counting(void **state)
{
	(void)state;
	for (size_t count = 1; count < 140; count++)
		for (unsigned width = 1; width <= 64; width += 9)
			agrees(count, width, count * 1000 + width);
	for (size_t count = 505; count < 520; count++)
		agrees(count, 64, count);
	for (size_t count = 4090; count < 4100; count++)
		agrees(count, 12, count);
	agrees(40000, 64, 1);
	agrees(40000, 8, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_counting)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
