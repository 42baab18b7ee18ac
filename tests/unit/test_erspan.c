/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/mirror/erspan.h"

static void
type_one(void **state)
{
	static const uint8_t want[] = {0, 0, 0x88, 0xBE};
	struct erspan_frame frame = {.type = 1, .session = 77, .sequence = 9};
	uint8_t out[ERSPAN_HEADER_MAX];

	(void)state;
	assert_int_equal(erspan_header(&frame, out), 4);
	assert_memory_equal(out, want, 4);
}

/* Each field at its largest, alone: none reaches into its neighbour. */
static void
type_two(void **state)
{
	static const struct {
		struct erspan_frame frame;
		uint8_t want[16];
	} rows[] = {
	    {{.type = 2}, {0x10, 0, 0x88, 0xBE, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0}},
	    {{.type = 2, .sequence = UINT32_MAX},
		{0x10, 0, 0x88, 0xBE, 0xFF, 0xFF, 0xFF, 0xFF, 0x10, 0, 0, 0, 0, 0, 0, 0}},
	    {{.type = 2, .session = 0xFFFF},
		{0x10, 0, 0x88, 0xBE, 0, 0, 0, 0, 0x10, 0, 0x03, 0xFF, 0, 0, 0, 0}},
	    {{.type = 2, .tagged = true, .vlan = 0xFFFF},
		{0x10, 0, 0x88, 0xBE, 0, 0, 0, 0, 0x1F, 0xFF, 0x18, 0, 0, 0, 0, 0}},
	    {{.type = 2, .vlan = 0xFFFF},
		{0x10, 0, 0x88, 0xBE, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0}},
	    {{.type = 2, .cos = 0xFF},
		{0x10, 0, 0x88, 0xBE, 0, 0, 0, 0, 0x10, 0, 0xE0, 0, 0, 0, 0, 0}},
	    {{.type = 2, .truncated = true},
		{0x10, 0, 0x88, 0xBE, 0, 0, 0, 0, 0x10, 0, 0x04, 0, 0, 0, 0, 0}},
	    {{.type = 2, .index = UINT32_MAX},
		{0x10, 0, 0x88, 0xBE, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0x0F, 0xFF, 0xFF}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t out[ERSPAN_HEADER_MAX];

		assert_int_equal(erspan_header(&rows[i].frame, out), 16);
		assert_memory_equal(out, rows[i].want, 16);
	}
}

static void
keeps_the_ethernet_header(void **state)
{
	static const uint8_t plain[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0},
			     tagged[18] = {
				 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0xA1, 0x23, 8, 0};
	struct erspan_frame frame = {.type = 2, .tagged = true, .vlan = 9, .cos = 9};
	uint8_t out[ERSPAN_ETHERNET_MAX];
	bool made;

	(void)state;
	assert_int_equal(erspan_ethernet(plain, sizeof plain, 4, &frame, out, &made), 14);
	assert_memory_equal(out, plain, 14);
	assert_false(made || frame.tagged || frame.vlan || frame.cos);
	assert_int_equal(erspan_ethernet(tagged, sizeof tagged, 4, &frame, out, &made), 18);
	assert_memory_equal(out, tagged, 18);
	assert_true(frame.tagged);
	assert_int_equal(frame.vlan, 0x123);
	assert_int_equal(frame.cos, 5);
	/* A tag that is cut off is none. */
	assert_int_equal(erspan_ethernet(tagged, 16, 4, &frame, out, &made), 16);
	assert_false(frame.tagged);
}

static void
makes_one_where_there_is_none(void **state)
{
	static const uint8_t long_one[ERSPAN_ETHERNET_MAX + 1], zero[12];
	struct erspan_frame frame = {.type = 2};
	uint8_t out[ERSPAN_ETHERNET_MAX];
	bool made;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const uint8_t *hw = i == 0 ? NULL : long_one;
		size_t size = i == 1 ? 13 : sizeof long_one;

		memset(out, 0xFF, sizeof out);
		assert_int_equal(erspan_ethernet(hw, size, i == 2 ? 6 : 4, &frame, out, &made), 14);
		assert_true(made);
		assert_memory_equal(out, zero, 12);
		assert_int_equal(out[12] << 8 | out[13], i == 2 ? 0x86DD : 0x0800);
	}
}

static void
knows_how_long_a_packet_is(void **state)
{
	static const uint8_t v4[20] = "\x45\x00\x05\xdc", v6[40] = "\x60\x00\x00\x00\x05\xb4";
	static const uint8_t other[20] = "\x15\x00\x05\xdc", big[20] = "\x45";

	(void)state;
	assert_int_equal(erspan_total(v4, 20), 1500);
	assert_int_equal(erspan_total(v4, 1499), 1500);
	assert_int_equal(erspan_total(v4, 1500), 1500);
	assert_int_equal(erspan_total(v4, 1506), 1506); /* padding */
	assert_int_equal(erspan_total(v6, 1499), 1500);
	assert_int_equal(erspan_total(other, 20), 20);
	assert_int_equal(erspan_total(big, 20), 20); /* a length that does not say */
	assert_int_equal(erspan_total(v4, 3), 3);
	assert_int_equal(erspan_total(v6, 5), 5);
	assert_int_equal(erspan_total(v4, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(type_one),
	    cmocka_unit_test(type_two),
	    cmocka_unit_test(keeps_the_ethernet_header),
	    cmocka_unit_test(makes_one_where_there_is_none),
	    cmocka_unit_test(knows_how_long_a_packet_is),
	};

	return cmocka_run_group_tests_name("erspan", tests, NULL, NULL);
}
