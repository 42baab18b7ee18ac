/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The short way through usual samples and packets against the full decoders: over mixed traffic as
 * it is, and with bytes of it changed and cut off at random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/generate.h"
#include "tests/support/two_ways.h"

#define DATAGRAMS 300

static struct two_ways *ways;
static struct generate generate;

/* On a copy of just that size: a byte too far is seen by the sanitizer. */
static void
compare(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, length);
	const char *wrong = two_ways_compare(ways, copy, length);
	free(copy);
	if (wrong != NULL)
		fail_msg("%s", wrong);
}

static void
mixed_traffic(void **state)
{
	(void)state;
	for (size_t i = 0; i < DATAGRAMS; i++)
		compare(generate.bytes + i * GENERATE_LENGTH, GENERATE_LENGTH);
}

static void
cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t length = 0; length < GENERATE_LENGTH; length++)
			compare(generate.bytes + i * GENERATE_LENGTH, length);
	}
}

/* A byte or two of a datagram's first sample: lengths, counts, types, ports, versions. */
static void
bytes_changed(void **state)
{
	(void)state;
	uint64_t seed = 11;
	uint8_t bytes[GENERATE_LENGTH];
	static const uint8_t values[] = {0, 1, 2, 3, 4, 5, 6, 8, 16, 17, 41, 44, 47, 58, 69, 0x40,
	    0x41, 0x60, 0x7f, 0x80, 0x81, 0x86, 0x88, 0xdd, 0xff};
	for (unsigned i = 0; i < 60000; i++) {
		memcpy(bytes, generate.bytes + i % DATAGRAMS * GENERATE_LENGTH, sizeof bytes);
		for (unsigned n = 0; n < 1 + i % 3; n++)
			bytes[24 + generate_random(&seed) % 200] =
			    values[generate_random(&seed) % sizeof values];
		compare(bytes, sizeof bytes);
	}
}

static uint8_t *
put32(uint8_t *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
	return at + 4;
}

static uint32_t
get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Whole words: formats of records and samples, counts; and ports of tunnels. */
static void
words_changed(void **state)
{
	(void)state;
	uint64_t seed = 12;
	uint8_t bytes[GENERATE_LENGTH];
	for (unsigned i = 0; i < 60000; i++) {
		memcpy(bytes, generate.bytes + i % DATAGRAMS * GENERATE_LENGTH, sizeof bytes);
		uint32_t format = (uint32_t)(generate_random(&seed) % 40);
		uint8_t *sample = bytes + 28 + i % 7 * 192;
		uint8_t *record = sample + (sample[3] == 3 ? 52 : 40);
		if (i % 3 == 0) {
			put32(record, format < 8 ? format : 992 + format);
		} else if (i % 3 == 1) {
			put32(bytes + generate_random(&seed) % 300 / 4 * 4, format);
		} else {
			uint8_t *port = sample + 96 + generate_random(&seed) % 60;
			port[0] = format % 2 ? 6081 >> 8 : 4789 >> 8;
			port[1] = format % 2 ? 6081 & 255 : 4789 & 255;
		}
		compare(bytes, sizeof bytes);
	}
}

/* Lengths that are no multiple of four, which the full way rounds up. */
static void
odd_lengths(void **state)
{
	(void)state;
	uint8_t bytes[GENERATE_LENGTH];
	for (unsigned i = 0; i < DATAGRAMS; i++) {
		for (uint32_t less = 1; less < 8; less++) {
			memcpy(bytes, generate.bytes + i * GENERATE_LENGTH, sizeof bytes);
			uint8_t *sample = bytes + 28 + i % 7 * 192;
			uint8_t *record = sample + (sample[3] == 3 ? 52 : 40);
			if (get32(record - 4) == 2)
				record += 8 + get32(record + 4);
			put32(sample + 4, get32(sample + 4) - (less & 4 ? 0 : less));
			put32(record + 4, get32(record + 4) - (less & 3));
			compare(bytes, sizeof bytes);
		}
	}
}

static int
begin(void **state)
{
	(void)state;
	struct generate_conf conf = generate_usual();
	conf.datagrams = DATAGRAMS;
	conf.tunnel = 300;
	generate = generate_new(&conf);
	ways = two_ways_new();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	generate_free(&generate);
	two_ways_free(&ways);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mixed_traffic),
	    cmocka_unit_test(cut_anywhere),
	    cmocka_unit_test(bytes_changed),
	    cmocka_unit_test(words_changed),
	    cmocka_unit_test(odd_lengths),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
