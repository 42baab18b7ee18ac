/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies that are gzip files: whole, in members, cut at every byte, damaged, bombs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "controller/feeds/gunzip.h"

static size_t
gzip(const void *from, size_t size, unsigned char *to, size_t room)
{
	z_stream z = {0};
	union {
		const void *in;
		Bytef *out;
	} body = {from};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	z.next_in = body.out;
	z.avail_in = (uInt)size;
	z.next_out = to;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void
inflates_members(void **state)
{
	unsigned char packed[512];
	char error[GUNZIP_ERROR_MAX], *out;
	size_t n = gzip("198.51.100.9\n", 13, packed, sizeof packed), size;

	(void)state;
	assert_true(gunzip_is(packed, n));
	assert_false(gunzip_is(packed, 2));
	assert_false(gunzip_is("198.51.100.9\n", 13));
	assert_int_equal(gunzip_body(packed, n, 100, &out, &size, error), 0);
	assert_int_equal(size, 13);
	assert_memory_equal(out, "198.51.100.9\n", 13);
	free(out);
	n += gzip("203.0.113.0/24\n", 15, packed + n, sizeof packed - n);
	assert_int_equal(gunzip_body(packed, n, 28, &out, &size, error), 0);
	assert_int_equal(size, 28);
	assert_memory_equal(out, "198.51.100.9\n203.0.113.0/24\n", 28);
	free(out);
	assert_int_equal(gunzip_body(packed, n, 27, &out, &size, error), -EFBIG);
	assert_non_null(strstr(error, "over the limit of 27 bytes"));
}

static void
refuses_cuts_and_damage(void **state)
{
	unsigned char packed[512], *exact;
	char error[GUNZIP_ERROR_MAX], *out;
	size_t n = gzip("198.51.100.9\n198.51.100.10\n", 27, packed, sizeof packed), size;

	(void)state;
	for (size_t cut = 3; cut < n; cut++) {
		exact = malloc(cut);
		memcpy(exact, packed, cut);
		assert_int_equal(gunzip_body(exact, cut, 1000, &out, &size, error), -EINVAL);
		assert_non_null(strstr(error, "cut short"));
		free(exact);
	}
	for (size_t at = 10; at < n; at++) {
		packed[at] ^= 0x55;
		assert_int_equal(gunzip_body(packed, n, 1000, &out, &size, error), -EINVAL);
		packed[at] ^= 0x55;
	}
	memcpy(packed + n, "junk", 4);
	assert_int_equal(gunzip_body(packed, n + 4, 1000, &out, &size, error), -EINVAL);
	assert_non_null(strstr(error, "damaged at byte"));
}

static void
a_bomb_ends_at_the_limit(void **state)
{
	size_t size = (size_t)64 << 20, room = 1 << 20, n;
	char *zeroes = calloc(1, size), error[GUNZIP_ERROR_MAX], *out;
	unsigned char *packed = malloc(room);

	(void)state;
	n = gzip(zeroes, size, packed, room);
	free(zeroes);
	assert_int_equal(gunzip_body(packed, n, 1 << 20, &out, &size, error), -EFBIG);
	assert_int_equal(gunzip_body(packed, n, SIZE_MAX, &out, &size, error), -EFBIG);
	free(packed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(inflates_members),
	    cmocka_unit_test(refuses_cuts_and_damage),
	    cmocka_unit_test(a_bomb_ends_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
