/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exporters: what sequences say (loss, duplicates, late ones, restarts), and the bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "controller/receive/exporters.h"

static struct exporters *exporters;
static struct instant now = {INT64_C(1000) * CLK_S};
static struct addr agent, relay;

static int
begin(void **state)
{
	(void)state;
	assert_int_equal(addr_parse("192.0.2.250", &agent), 0);
	assert_int_equal(addr_parse("203.0.113.9", &relay), 0);
	exporters_free(&exporters);
	return exporters_new(64, 0x5eed, &exporters);
}

static int
end(void **state)
{
	(void)state;
	exporters_free(&exporters);
	return 0;
}

static uint64_t key; /* of the one that was opened last */

static struct exporters_entry *
open_one(uint32_t sequence, uint32_t uptime_ms)
{
	key = exporters_key(exporters, &agent, 0);
	return exporters_datagram(
	    exporters, key, &agent, 0, &relay, sequence, uptime_ms, 1400, now);
}

static void
came(uint32_t sequence, uint32_t uptime_ms)
{
	exporters_close(open_one(sequence, uptime_ms), 7, 1, 2);
}

static void
sample(struct exporters_entry *entry, uint32_t index, uint32_t sequence, uint32_t drops)
{
	struct exporters_sample one = {index, sequence, drops};
	exporters_hash(exporters, key, &one, 1);
	exporters_samples(exporters, entry, &one, 1, 1000);
}

struct found {
	unsigned count;
	struct exporters_row row;
};

static void
found_one(void *user, const struct exporters_row *row)
{
	struct found *found = user;
	found->count++;
	found->row = *row;
}

/* The only row there is. */
static struct exporters_row
row(void)
{
	struct found found = {0};
	exporters_each(exporters, found_one, &found);
	assert_int_equal(found.count, 1);
	return found.row;
}

static void
what_a_row_tells(void **state)
{
	(void)state;
	char text[ADDR_TEXT_MAX];
	struct instant first = now;
	came(1, 1000);
	now = clk_add(now, CLK_S);
	struct exporters_entry *entry = open_one(2, 2000);
	struct exporters_sample one_sample = {7, 1, 0};
	exporters_hash(exporters, key, &one_sample, 1);
	exporters_samples(exporters, entry, &one_sample, 1, 4096);
	exporters_close(entry, 7, 1, 2);
	struct exporters_row r = row();
	assert_string_equal(addr_format(&r.agent, text), "192.0.2.250");
	assert_string_equal(addr_format(&r.from, text), "203.0.113.9");
	assert_int_equal(r.sequence, 2);
	assert_int_equal(r.uptime_ms, 2000);
	assert_int_equal(r.sampling_rate, 4096);
	assert_int_equal(r.datagrams, 2);
	assert_int_equal(r.bytes, 2800);
	assert_int_equal(r.samples, 14);
	assert_int_equal(r.rejects, 2);
	assert_int_equal(r.sightings, 4);
	assert_int_equal(clk_diff(r.first, first), 0);
	assert_int_equal(clk_diff(r.last, now), 0);
	assert_int_equal(r.lost + r.duplicates + r.late + r.restarts, 0);
}

static void
agent_and_sub_agent_are_the_key(void **state)
{
	(void)state;
	struct found found = {0};
	struct addr v6;
	assert_int_equal(addr_parse("2001:db8::250", &v6), 0);
	came(1, 1000);
	exporters_close(exporters_datagram(exporters, exporters_key(exporters, &agent, 1), &agent,
			    1, &relay, 900, 1000, 100, now),
	    0, 0, 0);
	exporters_close(exporters_datagram(exporters, exporters_key(exporters, &v6, 0), &v6, 0,
			    &relay, 5000, 1000, 100, now),
	    0, 0, 0);
	came(2, 1000);
	exporters_each(exporters, found_one, &found);
	assert_int_equal(found.count, 3);
	assert_int_equal(exporters_count(exporters), 3);
}

static void
a_gap_is_loss(void **state)
{
	(void)state;
	came(10, 1000);
	came(11, 1100);
	came(15, 1500);
	assert_int_equal(row().lost, 3);
	came(16, 1600);
	assert_int_equal(row().lost, 3);
	/* Over the end of the 32 bits. */
	begin(state);
	came(0xfffffffe, 1000);
	came(2, 1100);
	assert_int_equal(row().lost, 3);
	assert_int_equal(row().restarts, 0);
}

static void
late_ones_were_not_lost(void **state)
{
	(void)state;
	came(10, 1000);
	came(14, 1400);
	assert_int_equal(row().lost, 3);
	came(12, 1200);
	struct exporters_row r = row();
	assert_int_equal(r.lost, 2);
	assert_int_equal(r.late, 1);
	assert_int_equal(r.restarts, 0);
	assert_int_equal(r.sequence, 14);
	came(12, 1200);
	r = row();
	assert_int_equal(r.duplicates, 1);
	assert_int_equal(r.lost, 2);
	assert_int_equal(r.late, 1);
	came(15, 1500);
	assert_int_equal(row().lost, 2);
}

static void
twice_is_a_duplicate(void **state)
{
	(void)state;
	came(10, 1000);
	came(11, 1100);
	came(11, 1100);
	came(12, 1200);
	came(11, 1100);
	struct exporters_row r = row();
	assert_int_equal(r.duplicates, 2);
	assert_int_equal(r.lost, 0);
	assert_int_equal(r.late, 0);
	assert_int_equal(r.datagrams, 5);
}

static void
a_restart_is_not_four_billion_lost(void **state)
{
	(void)state;
	came(1000000, 86400000);
	came(1, 1000);
	came(2, 2000);
	struct exporters_row r = row();
	assert_int_equal(r.restarts, 1);
	assert_int_equal(r.lost, 0);
	assert_int_equal(r.sequence, 2);
	/* With a sequence only a little behind: the uptime tells. */
	came(20, 86400000);
	came(5, 3000);
	r = row();
	assert_int_equal(r.restarts, 2);
	/* And one that is ahead, after a long silence. */
	came(900, 5000000);
	uint64_t lost = row().lost;
	came(950, 100);
	r = row();
	assert_int_equal(r.restarts, 3);
	assert_int_equal(r.lost, lost);
	/* An exporter that never tells its uptime. */
	begin(state);
	came(1000000, 0);
	came(1, 0);
	came(2, 0);
	r = row();
	assert_int_equal(r.restarts, 1);
	assert_int_equal(r.lost, 0);
}

static void
an_uptime_that_turns_over_is_no_restart(void **state)
{
	(void)state;
	came(1000, UINT32_MAX - 500);
	came(1001, 500);
	came(1003, 1500);
	struct exporters_row r = row();
	assert_int_equal(r.restarts, 0);
	assert_int_equal(r.lost, 1);
}

static void
a_leap_is_a_new_count(void **state)
{
	(void)state;
	came(5, 1000);
	came(0x70000000, 2000);
	struct exporters_row r = row();
	assert_int_equal(r.lost, 0);
	assert_int_equal(r.restarts, 1);
}

static void
samples_by_source(void **state)
{
	(void)state;
	struct exporters_entry *entry = open_one(1, 1000);
	sample(entry, 1, 100, 0);
	sample(entry, 2, 7, 50);
	sample(entry, 1, 101, 0);
	sample(entry, 2, 8, 50);
	exporters_close(entry, 4, 0, 0);
	assert_int_equal(row().samples_lost, 0);
	entry = open_one(2, 2000);
	sample(entry, 1, 105, 3);
	sample(entry, 2, 9, 54);
	exporters_close(entry, 2, 0, 0);
	struct exporters_row r = row();
	assert_int_equal(r.samples_lost, 3);
	assert_int_equal(r.declared_drops, 7);
}

/* Seven samples of one source a datagram: what comes late or twice is not lost again. */
static void
samples_of_late_and_repeated_datagrams(void **state)
{
	(void)state;
	uint32_t order[] = {1, 2, 14, 3, 4, 4, 14, 15};
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		struct exporters_entry *entry = open_one(order[i], order[i] * 100);
		for (uint32_t n = 0; n < 7; n++)
			sample(entry, 1, order[i] * 7 + n, 0);
		exporters_close(entry, 7, 0, 0);
	}
	struct exporters_row r = row();
	assert_int_equal(r.lost, 9);
	assert_int_equal(r.duplicates, 2);
	assert_int_equal(r.late, 2);
	assert_int_equal(r.samples_lost, 9 * 7);
}

static void
a_restart_begins_the_sources_anew(void **state)
{
	(void)state;
	struct exporters_entry *entry = open_one(1000, 86400000);
	sample(entry, 1, 1000, 900);
	exporters_close(entry, 1, 0, 0);
	entry = open_one(1, 1000);
	sample(entry, 1, 1010, 1);
	exporters_close(entry, 1, 0, 0);
	struct exporters_row r = row();
	assert_int_equal(r.restarts, 1);
	assert_int_equal(r.samples_lost, 0);
	assert_int_equal(r.declared_drops, 0);
}

static void
a_million_exporters_are_bounded(void **state)
{
	(void)state;
	exporters_free(&exporters);
	assert_int_equal(exporters_new(1024, 0xabcdef, &exporters), 0);
	size_t bytes = exporters_bytes(exporters);
	assert_true(bytes < 1024 * 400 + 65536);
	/* A real one, that has earned its place. */
	for (uint32_t i = 1; i <= 50; i++)
		came(i, i * 100);
	struct addr forged = {.family = 4};
	for (uint32_t i = 0; i < 1000000; i++) {
		memcpy(forged.bytes, &i, 4);
		key = exporters_key(exporters, &forged, i % 3);
		struct exporters_entry *entry = exporters_datagram(
		    exporters, key, &forged, i % 3, &relay, i, i, 1400, clk_add(now, i));
		sample(entry, i, i, 0);
		exporters_close(entry, 1, 0, 0);
	}
	assert_int_equal(exporters_bytes(exporters), bytes);
	assert_true(exporters_count(exporters) <= 1024);
	assert_int_equal(exporters_count(exporters) + exporters_evicted(exporters), 1000001);
	uint32_t before = 50;
	came(before + 2, before * 100);
	struct found found = {0};
	exporters_each(exporters, found_one, &found);
	assert_int_equal(found.count, exporters_count(exporters));
	/* It is there still: had it been forgotten, the gap would not be known. */
	struct exporters_entry *entry = open_one(before + 3, before * 100);
	exporters_close(entry, 0, 0, 0);
	uint64_t known = exporters_count(exporters) + exporters_evicted(exporters);
	assert_int_equal(known, 1000001);
}

static void
the_long_silent_make_room_first(void **state)
{
	(void)state;
	exporters_free(&exporters);
	assert_int_equal(exporters_new(8, 1, &exporters), 0);
	struct addr many = {.family = 4};
	for (uint8_t i = 0; i < 8; i++) {
		many.bytes[3] = i;
		/* Number 0 has sent the most, an hour and a bit ago. */
		for (uint32_t n = 0; n < (i == 0 ? 100 : 2); n++)
			exporters_close(
			    exporters_datagram(exporters, exporters_key(exporters, &many, 0), &many,
				0, &relay, n, n, 1, clk_add(now, i == 0 ? 0 : 3601 * CLK_S)),
			    0, 0, 0);
	}
	assert_int_equal(exporters_count(exporters), 8);
	many.bytes[3] = 99;
	exporters_close(exporters_datagram(exporters, exporters_key(exporters, &many, 0), &many, 0,
			    &relay, 1, 1, 1, clk_add(now, 3602 * CLK_S)),
	    0, 0, 0);
	assert_int_equal(exporters_evicted(exporters), 1);
	for (uint8_t i = 1; i < 8; i++) {
		many.bytes[3] = i;
		exporters_close(exporters_datagram(exporters, exporters_key(exporters, &many, 0),
				    &many, 0, &relay, 2, 2, 1, clk_add(now, 3603 * CLK_S)),
		    0, 0, 0);
	}
	assert_int_equal(exporters_evicted(exporters), 1);
	many.bytes[3] = 0;
	exporters_close(exporters_datagram(exporters, exporters_key(exporters, &many, 0), &many, 0,
			    &relay, 1, 1, 1, clk_add(now, 3604 * CLK_S)),
	    0, 0, 0);
	assert_int_equal(exporters_evicted(exporters), 2);
}

static void
sizes(void **state)
{
	(void)state;
	struct exporters *none = NULL;
	assert_int_equal(exporters_new(0, 1, &none), -EINVAL);
	assert_int_equal(exporters_new((1u << 22) + 1, 1, &none), -EINVAL);
	exporters_free(&none);
}

static atomic_bool over;

static void *
write_on(void *user)
{
	(void)user;
	/* bytes and datagrams move together: 1400 each. */
	for (uint32_t i = 1; !atomic_load(&over); i++)
		came(i, i);
	return NULL;
}

static void
check_torn(void *user, const struct exporters_row *r)
{
	unsigned *seen = user;
	assert_int_equal(r->bytes, r->datagrams * 1400);
	assert_int_equal(r->samples, r->datagrams * 7);
	(*seen)++;
}

static void
rows_are_read_whole_beside_the_writer(void **state)
{
	(void)state;
	pthread_t writer;
	unsigned seen = 0;
	came(0, 0);
	assert_int_equal(pthread_create(&writer, NULL, write_on, NULL), 0);
	for (unsigned i = 0; i < 20000; i++)
		exporters_each(exporters, check_torn, &seen);
	atomic_store(&over, true);
	pthread_join(writer, NULL);
	assert_true(seen > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_a_row_tells),
	    TEST(agent_and_sub_agent_are_the_key),
	    TEST(a_gap_is_loss),
	    TEST(late_ones_were_not_lost),
	    TEST(twice_is_a_duplicate),
	    TEST(a_restart_is_not_four_billion_lost),
	    TEST(an_uptime_that_turns_over_is_no_restart),
	    TEST(a_leap_is_a_new_count),
	    TEST(samples_by_source),
	    TEST(samples_of_late_and_repeated_datagrams),
	    TEST(a_restart_begins_the_sources_anew),
	    TEST(a_million_exporters_are_bounded),
	    TEST(the_long_silent_make_room_first),
	    TEST(sizes),
	    TEST(rows_are_read_whole_beside_the_writer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
