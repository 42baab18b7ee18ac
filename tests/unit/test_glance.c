/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One look at a datagram: which pairs are matched, what a sighting tells, and bad input, each kind
 * of which is counted by its reason while the next datagram is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "controller/receive/glance.h"
#include "tests/support/forge.h"
#include "tests/support/tables.h"

#define SIGHTINGS_MAX 128

static struct forge forge, packet;
static struct exporters *exporters;
static struct glance *glance;
static struct slot_view view;
static struct addr from;
static struct sighting sightings[SIGHTINGS_MAX];
static unsigned sighted, room;

static struct sighting *
reserve(void *user)
{
	(void)user;
	if (sighted >= room)
		return NULL;
	memset(&sightings[sighted], 0xee, sizeof sightings[sighted]);
	return &sightings[sighted];
}

static void
commit(void *user)
{
	(void)user;
	sighted++;
}

static int
begin(void **state)
{
	(void)state;
	struct glance_sink sink = {reserve, commit, NULL};
	sighted = 0;
	room = SIGHTINGS_MAX;
	view.table = tables_of((const char *const[]){
	    "198.51.100.0/24", "198.51.100.9", "2001:db8:bad::/48", "192.0.2.66", NULL});
	view.locals = tables_of((const char *const[]){"10.0.0.0/8", "2001:db8:1::/48", NULL});
	view.version = 3;
	if (addr_parse("127.0.0.1", &from) < 0 || exporters_new(64, 1, &exporters) < 0)
		return -1;
	return glance_new(exporters, &sink, &glance);
}

static int
end(void **state)
{
	(void)state;
	glance_free(&glance);
	exporters_free(&exporters);
	table_free(&view.table);
	table_free(&view.locals);
	return 0;
}

static enum sflow_reject
look(void)
{
	return glance_datagram(
	    glance, &view, forge.bytes, forge.length, &from, (struct instant){42});
}

static const struct glance_counters *
counters(void)
{
	return glance_counters(glance);
}

static void
tcp(const char *src, const char *dst)
{
	bool v6 = strchr(src, ':') != NULL;
	if (v6)
		forge_ipv6(&packet, src, dst, 6);
	else
		forge_ipv4(&packet, src, dst, 6);
	forge_tcp(&packet, 40000, 443, 2);
}

static void
one(const char *src, const char *dst)
{
	packet.length = 0;
	forge_ethernet(&packet, strchr(src, ':') ? 0x86dd : 0x0800);
	tcp(src, dst);
	forge_datagram(&forge, "192.0.2.250", 1, 1, 1);
	forge_sample(&forge, 1, &packet);
}

/* The last sighting is of this pair. */
static void
assert_sighted(unsigned count, const char *local, const char *remote, bool outbound)
{
	char text[ADDR_TEXT_MAX];
	assert_int_equal(sighted, count);
	const struct sighting *s = &sightings[count - 1];
	assert_string_equal(addr_format(&s->local, text), local);
	assert_string_equal(addr_format(&s->remote, text), remote);
	assert_int_equal(s->outbound, outbound);
}

static void
both_directions_and_families(void **state)
{
	(void)state;
	one("10.1.0.2", "198.51.100.9");
	assert_int_equal(look(), SFLOW_OK);
	assert_sighted(1, "10.1.0.2", "198.51.100.9", true);
	assert_int_equal(sightings[0].local_port, 40000);
	assert_int_equal(sightings[0].remote_port, 443);
	assert_int_equal(sightings[0].when.ns, 42);
	assert_int_equal(sightings[0].feed_version, 3);
	/* Both entries that hold it, the longer first. */
	assert_int_equal(sightings[0].entry_count, 2);
	assert_int_equal(sightings[0].entries[0].line, 2);
	assert_int_equal(sightings[0].entries[1].line, 1);
	one("198.51.100.9", "10.1.0.2");
	look();
	assert_sighted(2, "10.1.0.2", "198.51.100.9", false);
	assert_int_equal(sightings[1].local_port, 443);
	one("2001:db8:bad::9", "2001:db8:1::2");
	look();
	assert_sighted(3, "2001:db8:1::2", "2001:db8:bad::9", false);
	assert_int_equal(counters()->sightings, 3);
	assert_int_equal(counters()->pairs, 3);
}

static void
pairs_that_are_no_sighting(void **state)
{
	(void)state;
	one("10.1.0.2", "192.0.2.1"); /* not listed */
	look();
	one("10.1.0.2", "10.1.0.3"); /* both local */
	look();
	one("192.0.2.1", "198.51.100.9"); /* neither local */
	look();
	assert_int_equal(sighted, 0);
	assert_int_equal(counters()->pairs, 3);
	assert_int_equal(counters()->pairs_local, 1);
	assert_int_equal(counters()->pairs_foreign, 1);
}

static void
nothing_to_match_against(void **state)
{
	(void)state;
	struct table *table = view.table, *locals = view.locals;
	one("10.1.0.2", "198.51.100.9");
	view.table = NULL;
	look();
	view.table = table;
	view.locals = NULL;
	look();
	view.locals = locals;
	assert_int_equal(sighted, 0);
	assert_int_equal(counters()->pairs, 2);
	assert_int_equal(counters()->pairs_foreign, 1);
	look();
	assert_int_equal(sighted, 1);
}

static void
inner_pairs_are_matched_too(void **state)
{
	(void)state;
	packet.length = 0;
	forge_ethernet(&packet, 0x8100);
	forge_vlan(&packet, 33, 0x0800);
	forge_ipv4(&packet, "192.0.2.1", "192.0.2.2", 17);
	forge_udp(&packet, 50000, 4789);
	forge_32(&packet, 0x08000000);
	forge_32(&packet, 5001u << 8);
	forge_ethernet(&packet, 0x86dd);
	tcp("2001:db8:1::2", "2001:db8:bad::9");
	forge_datagram(&forge, "192.0.2.250", 1, 1, 1);
	forge_sample(&forge, 1, &packet);
	look();
	assert_sighted(1, "2001:db8:1::2", "2001:db8:bad::9", true);
	assert_true(sightings[0].inner);
	assert_int_equal(sightings[0].tunnel, PACKET_TUNNEL_VXLAN);
	assert_int_equal(sightings[0].vni, 5001);
	assert_int_equal(sightings[0].vlan, 33);
	assert_int_equal(counters()->packet.tunnels, 1);
	assert_int_equal(counters()->pairs, 2);
	/* The outer pair, the inner one foreign. */
	packet.length = 0;
	forge_ethernet(&packet, 0x0800);
	forge_ipv4(&packet, "10.1.0.2", "198.51.100.9", 4);
	tcp("192.0.2.1", "192.0.2.2");
	forge_datagram(&forge, "192.0.2.250", 2, 1, 1);
	forge_sample(&forge, 1, &packet);
	look();
	assert_sighted(2, "10.1.0.2", "198.51.100.9", true);
	assert_false(sightings[1].inner);
	assert_int_equal(sightings[1].proto, 4);
}

static void
mirror_copies_are_not_entered(void **state)
{
	(void)state;
	packet.length = 0;
	forge_ethernet(&packet, 0x0800);
	forge_ipv4(&packet, "192.0.2.1", "192.0.2.2", 47);
	forge_32(&packet, 0x100088be);
	forge_zero(&packet, 12);
	forge_ethernet(&packet, 0x0800);
	tcp("10.1.0.2", "198.51.100.9");
	forge_datagram(&forge, "192.0.2.250", 1, 1, 1);
	forge_sample(&forge, 1, &packet);
	look();
	assert_int_equal(sighted, 0);
	assert_int_equal(counters()->packet.outcomes[PACKET_MIRROR], 1);
}

static void
discards_are_matched_with_a_rate_of_one(void **state)
{
	(void)state;
	one("10.1.0.2", "198.51.100.9");
	forge_datagram(&forge, "192.0.2.250", 1, 1, 1);
	size_t mark = forge_open(&forge, 5);
	forge_discard(&forge, 9, 256, 1);
	forge_header(&forge, 1, &packet);
	forge_close(&forge, mark);
	look();
	assert_sighted(1, "10.1.0.2", "198.51.100.9", true);
	assert_int_equal(sightings[0].sampling_rate, 1);
	assert_int_equal(sightings[0].input, 3);
	assert_int_equal(sightings[0].output, 0);
}

static void
extended_records_help_the_sighting(void **state)
{
	(void)state;
	one("10.1.0.2", "198.51.100.9");
	forge_datagram(&forge, "192.0.2.250", 1, 1, 1);
	size_t mark = forge_open(&forge, 3);
	forge_expanded(&forge, 9, 3);
	forge_header(&forge, 1, &packet);
	size_t record = forge_open(&forge, 1001);
	forge_32(&forge, 100);
	forge_zero(&forge, 12);
	forge_close(&forge, record);
	record = forge_open(&forge, 1030);
	forge_32(&forge, 7001);
	forge_close(&forge, record);
	forge_close(&forge, mark);
	look();
	assert_int_equal(sighted, 1);
	assert_int_equal(sightings[0].vlan, 100);
	assert_int_equal(sightings[0].vni, 7001);
}

/* More pairs than are looked up at once, each a hit. */
static void
many_pairs_in_one_datagram(void **state)
{
	(void)state;
	char dst[ADDR_TEXT_MAX];
	forge_datagram(&forge, "192.0.2.250", 1, 1, 100);
	for (unsigned i = 0; i < 100; i++) {
		packet.length = 0;
		forge_ethernet(&packet, 0x0800);
		snprintf(dst, sizeof dst, "198.51.100.%u", i);
		tcp("10.1.0.2", dst);
		forge_sample(&forge, i, &packet);
	}
	look();
	assert_int_equal(sighted, 100);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(sightings[i].remote.bytes[3], i);
	/* No room for some: they are lost, the others are not. */
	sighted = 0;
	room = 10;
	look();
	assert_int_equal(sighted, 10);
	assert_int_equal(counters()->sightings, 110);
}

static void
count_row(void *user, const struct exporters_row *row)
{
	*(struct exporters_row *)user = *row;
}

static void
the_exporter_is_noted(void **state)
{
	(void)state;
	struct exporters_row row = {0};
	for (uint32_t sequence = 1; sequence <= 3; sequence++) {
		one("10.1.0.2", "198.51.100.9");
		forge_patch32(&forge, 16, sequence);
		forge_patch32(&forge, 28 + 8, sequence * 2); /* every other sample is missing */
		look();
	}
	exporters_each(exporters, count_row, &row);
	assert_int_equal(row.datagrams, 3);
	assert_int_equal(row.samples, 3);
	assert_int_equal(row.sightings, 3);
	assert_int_equal(row.sampling_rate, 1000);
	assert_int_equal(row.lost, 0);
	assert_int_equal(row.samples_lost, 2);
	assert_int_equal(row.bytes, 3 * forge.length);
}

/* ---- bad input: each builds a datagram and says what must have been counted ---- */

static void
bad_empty(void)
{
	forge.length = 0;
}

static void
bad_one_byte(void)
{
	forge.length = 0;
	forge_8(&forge, 5);
}

static void
version(uint32_t number)
{
	one("10.1.0.2", "192.0.2.1");
	forge_patch32(&forge, 0, number);
}

static void
bad_version_2(void)
{
	version(2);
}

static void
bad_version_4(void)
{
	version(4);
}

static void
bad_version_6(void)
{
	version(6);
}

static void
bad_agent_type_0(void)
{
	one("10.1.0.2", "192.0.2.1");
	forge_patch32(&forge, 4, 0);
}

static void
bad_sample_count(void)
{
	one("10.1.0.2", "192.0.2.1");
	forge_patch32(&forge, 24, 0xffffffff);
}

static void
bad_sample_length(void)
{
	one("10.1.0.2", "192.0.2.1");
	forge_patch32(&forge, 28 + 4, 0xffffffff);
}

static void
bad_sample_short(void)
{
	forge_datagram(&forge, "192.0.2.250", 1, 1, 1);
	size_t mark = forge_open(&forge, 1);
	forge_zero(&forge, 28);
	forge_close(&forge, mark);
}

static void
bad_record_count(void)
{
	one("10.1.0.2", "192.0.2.1");
	forge_patch32(&forge, 28 + 8 + 28, 0xffffffff);
}

static void
bad_record_length(void)
{
	one("10.1.0.2", "192.0.2.1");
	forge_patch32(&forge, 28 + 8 + 32 + 4, 0xfffffffd);
}

static void
bad_record_short(void)
{
	forge_datagram(&forge, "192.0.2.250", 1, 1, 1);
	size_t mark = forge_open(&forge, 1);
	forge_flow(&forge, 1, 1);
	size_t record = forge_open(&forge, 1);
	forge_zero(&forge, 8);
	forge_close(&forge, record);
	forge_close(&forge, mark);
}

static const struct {
	void (*make)(void);
	enum sflow_reject reason;
	bool whole; /* the whole datagram is none */
} bad_ones[] = {
    {bad_empty, SFLOW_REJECT_SHORT, true},
    {bad_one_byte, SFLOW_REJECT_SHORT, true},
    {bad_version_2, SFLOW_REJECT_VERSION, true},
    {bad_version_4, SFLOW_REJECT_VERSION, true},
    {bad_version_6, SFLOW_REJECT_VERSION, true},
    {bad_agent_type_0, SFLOW_REJECT_AGENT_TYPE, true},
    {bad_sample_count, SFLOW_REJECT_SAMPLE_COUNT, false},
    {bad_sample_length, SFLOW_REJECT_SAMPLE_LENGTH, false},
    {bad_sample_short, SFLOW_REJECT_SAMPLE_SHORT, false},
    {bad_record_count, SFLOW_REJECT_RECORD_COUNT, false},
    {bad_record_length, SFLOW_REJECT_RECORD_LENGTH, false},
    {bad_record_short, SFLOW_REJECT_RECORD_SHORT, false},
};

/* The next datagram is read, and its hit is seen. */
static void
assert_next_is_read(void)
{
	unsigned before = sighted;
	one("10.1.0.2", "198.51.100.9");
	assert_int_equal(look(), SFLOW_OK);
	assert_int_equal(sighted, before + 1);
}

static void
bad_datagrams_and_samples(void **state)
{
	(void)state;
	uint64_t expected[SFLOW_REJECTS] = {0};
	for (size_t i = 0; i < sizeof bad_ones / sizeof bad_ones[0]; i++) {
		bad_ones[i].make();
		assert_int_equal(look(), bad_ones[i].whole ? bad_ones[i].reason : SFLOW_OK);
		expected[bad_ones[i].reason]++;
		for (unsigned r = 0; r < SFLOW_REJECTS; r++)
			assert_int_equal(counters()->sflow.rejects[r], expected[r]);
		assert_next_is_read();
	}
}

static void
lengths_that_are_no_multiple_of_four(void **state)
{
	(void)state;
	one("10.1.0.2", "198.51.100.9");
	forge_patch32(&forge, 28 + 4, 32 + 8 + 16 + 54);
	forge_patch32(&forge, 28 + 8 + 32 + 4, 16 + 54);
	assert_int_equal(look(), SFLOW_OK);
	assert_int_equal(sighted, 1);
	assert_int_equal(counters()->sflow.unaligned, 2);
	assert_next_is_read();
}

static void
header_length_larger_than_its_record(void **state)
{
	(void)state;
	one("10.1.0.2", "198.51.100.9");
	forge_patch32(&forge, 28 + 8 + 32 + 8 + 12, 0xffffffff);
	assert_int_equal(look(), SFLOW_OK);
	assert_int_equal(sighted, 1);
	assert_int_equal(sightings[0].header_length, 56);
	assert_next_is_read();
}

static void
deep(void)
{
	forge_datagram(&forge, "192.0.2.250", 1, 1, 1);
	forge_sample(&forge, 1, &packet);
	assert_int_equal(look(), SFLOW_OK);
}

static void
stacks_without_end(void **state)
{
	(void)state;
	packet.length = 0;
	forge_ethernet(&packet, 0x8100);
	for (unsigned i = 0; i < 28; i++)
		forge_vlan(&packet, i, 0x8100);
	deep();
	assert_int_equal(counters()->packet.outcomes[PACKET_DEEP], 1);
	assert_int_equal(counters()->packet.deep, 1);
	assert_next_is_read();

	packet.length = 0; /* extension headers in a ring: the pair is known by then */
	forge_ethernet(&packet, 0x86dd);
	forge_ipv6(&packet, "2001:db8:1::2", "2001:db8:bad::9", 0);
	for (unsigned i = 0; i < 100; i++)
		forge_bytes(&packet, i % 2 ? "\0\0\0\0\0\0\0\0" : "\x3c\0\0\0\0\0\0\0", 8);
	deep();
	assert_int_equal(counters()->packet.deep, 2);
	assert_sighted(2, "2001:db8:1::2", "2001:db8:bad::9", true);
	assert_next_is_read();

	packet.length = 0;
	forge_ethernet(&packet, 0x0800);
	for (unsigned i = 0; i < 40; i++) {
		forge_ipv4(&packet, "192.0.2.1", "192.0.2.2", 47);
		forge_32(&packet, 0x0800);
	}
	deep();
	assert_int_equal(counters()->packet.deep, 3);
	assert_next_is_read();
}

static void
a_million_exporters(void **state)
{
	(void)state;
	size_t bytes = exporters_bytes(exporters);
	one("10.1.0.2", "192.0.2.1");
	for (uint32_t i = 0; i < 1000000; i++) {
		forge_patch32(&forge, 8, i);
		assert_int_equal(look(), SFLOW_OK);
	}
	assert_int_equal(exporters_bytes(exporters), bytes);
	assert_int_equal(exporters_count(exporters), 64);
	assert_int_equal(exporters_evicted(exporters), 1000000 - 64);
	assert_next_is_read();
}

static void
without_exporters(void **state)
{
	(void)state;
	struct glance_sink sink = {reserve, commit, NULL};
	glance_free(&glance);
	assert_int_equal(glance_new(NULL, &sink, &glance), 0);
	one("10.1.0.2", "198.51.100.9");
	assert_int_equal(look(), SFLOW_OK);
	assert_int_equal(sighted, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(both_directions_and_families),
	    TEST(pairs_that_are_no_sighting),
	    TEST(nothing_to_match_against),
	    TEST(inner_pairs_are_matched_too),
	    TEST(mirror_copies_are_not_entered),
	    TEST(discards_are_matched_with_a_rate_of_one),
	    TEST(extended_records_help_the_sighting),
	    TEST(many_pairs_in_one_datagram),
	    TEST(the_exporter_is_noted),
	    TEST(bad_datagrams_and_samples),
	    TEST(lengths_that_are_no_multiple_of_four),
	    TEST(header_length_larger_than_its_record),
	    TEST(stacks_without_end),
	    TEST(a_million_exporters),
	    TEST(without_exporters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
