/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/receive/coalesce.h"
#include "tests/support/decider.h"

struct out {
	size_t count;
	struct sighting all[64];
};

static void
take(void *user, const struct sighting *sighting)
{
	struct out *out = user;

	if (out->count < 64)
		out->all[out->count] = *sighting;
	out->count++;
}

static struct sighting
make(void)
{
	struct sighting s;

	memset(&s, 0, sizeof s);
	s.exporter = s.from = decider_addr("10.255.0.1");
	s.local = decider_addr("10.1.0.5");
	s.remote = decider_addr("198.51.100.9");
	s.sampling_rate = 1000;
	s.frame_length = 100;
	s.proto = 6;
	s.tcp_flags = 0x18;
	s.has_ports = s.outbound = true;
	s.local_port = 40000;
	s.remote_port = 443;
	s.entry_count = 1;
	s.entries[0].line = 7;
	s.entries[0].prefix = decider_prefix("198.51.100.9");
	return s;
}

static void
those_that_say_the_same_become_one(void **unused)
{
	struct sighting s = make();
	struct out out = {.count = 0};
	struct coalesce *c;

	(void)unused;
	assert_int_equal(coalesce_new(8, &c), 0);
	for (unsigned i = 0; i < 1000; i++) {
		s.frame_length = 100 + i % 2 * 100;
		s.local_port = (uint16_t)i; /* another flow of the conversation */
		s.tcp_flags = i % 2 ? 0x18 : 0x10;
		assert_true(coalesce_add(c, &s));
	}
	assert_int_equal(coalesce_count(c), 1);
	assert_int_equal(coalesce_flush(c, take, &out), 1);
	assert_int_equal(out.all[0].merged, 999);
	assert_int_equal(out.all[0].frame_length, 100);
	assert_int_equal(out.all[0].merged_bytes, (499 * 100 + 500 * 200) * 1000);
	assert_int_equal(coalesce_merged(c), 999);
	assert_int_equal(coalesce_flush(c, take, &out), 0);
	coalesce_free(&c);
	assert_null(c);
}

/* A receiver thread did it before, the main thread does it again. */
static void
those_that_stand_for_others_count_as_many(void **unused)
{
	struct sighting s = make();
	struct out out = {.count = 0};
	struct coalesce *c;

	(void)unused;
	assert_int_equal(coalesce_new(8, &c), 0);
	assert_true(coalesce_add(c, &s));
	s.merged = 41;
	s.merged_bytes = 7000000000;
	assert_true(coalesce_add(c, &s));
	assert_int_equal(coalesce_merged(c), 1);
	s.merged = UINT32_MAX - 42;
	assert_false(coalesce_add(c, &s)); /* more than can be counted: another turn */
	assert_int_equal(coalesce_flush(c, take, &out), 1);
	assert_int_equal(out.all[0].merged, 42);
	assert_int_equal(out.all[0].merged_bytes, 7000000000 + 100 * 1000);
	coalesce_free(&c);
}

static void
what_a_decision_could_tell_apart_stays_apart(void **unused)
{
	static const char *const parts[] = {"local", "remote", "exporter", "from", "direction",
	    "vni", "tunnel", "protocol", "port", "reset", "syn", "icmp", "rate", "entry", "version",
	    "port in"};
	struct out out = {.count = 0};
	struct coalesce *c;

	(void)unused;
	assert_int_equal(coalesce_new(64, &c), 0);
	for (int part = -1; part < 16; part++)
		for (int twice = 0; twice < 2; twice++) {
			struct sighting s = make();

			switch (part) {
			case 0:
				s.local.bytes[3]++;
				break;
			case 1:
				s.remote.bytes[3]++;
				break;
			case 2:
				s.exporter.bytes[3]++;
				break;
			case 3:
				s.from.bytes[3]++;
				break;
			case 4:
				s.outbound = false;
				break;
			case 5:
				s.vni = 100;
				break;
			case 6:
				s.inner = true;
				break;
			case 7:
				s.proto = 17;
				break;
			case 8:
				s.remote_port = 80;
				break;
			case 9:
				s.tcp_flags = 0x14;
				break;
			case 10:
				s.tcp_flags = 0x12;
				break;
			case 11:
				s.icmp_type = 3;
				break;
			case 12:
				s.sampling_rate = 500;
				break;
			case 13:
				s.entries[0].line = 8;
				break;
			case 14:
				s.feed_version = 2;
				break;
			case 15:
				s.input = 9;
				break;
			default:
				break;
			}
			assert_true(coalesce_add(c, &s));
		}
	coalesce_flush(c, take, &out);
	if (out.count != 17)
		fail_msg("%zu of 17 are left", out.count);
	for (unsigned i = 0; i < 17; i++)
		if (out.all[i].merged != 1)
			fail_msg("%s", i > 0 ? parts[i - 1] : "the first");
	/* In the order in which they came up. */
	assert_int_equal(out.all[16].input, 9);
	coalesce_free(&c);
}

static void
a_full_batch_takes_no_new_one(void **unused)
{
	struct sighting s = make(), first = s;
	struct out out = {.count = 0};
	struct coalesce *c;

	(void)unused;
	assert_int_equal(coalesce_new(0, &c), -EINVAL);
	assert_int_equal(coalesce_new(1 << 20, &c), -EINVAL);
	assert_int_equal(coalesce_new(4, &c), 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(coalesce_add(c, &s));
		s.remote.bytes[3]++;
	}
	assert_false(coalesce_add(c, &s));
	assert_true(coalesce_add(c, &first));
	assert_int_equal(coalesce_flush(c, take, &out), 4);
	assert_true(coalesce_add(c, &s));
	assert_int_equal(coalesce_flush(c, take, &out), 1);
	coalesce_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(those_that_say_the_same_become_one),
	    cmocka_unit_test(those_that_stand_for_others_count_as_many),
	    cmocka_unit_test(what_a_decision_could_tell_apart_stays_apart),
	    cmocka_unit_test(a_full_batch_takes_no_new_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
