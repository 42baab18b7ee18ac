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
#include <stdlib.h>
#include <string.h>

#include "controller/receive/glance.h"
#include "tests/bench/generate.h"
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

static bool
commit(void *user)
{
	(void)user;
	sighted++;
	return true;
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
	enum sflow_reject reject =
	    glance_datagram(glance, &view, forge.bytes, forge.length, &from, (struct instant){42});
	glance_settle(glance);
	return reject;
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
	forge_words(&forge, 1030, 7001);
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

/*
 * Datagrams that are looked at together must give what each gives alone: two glances get the same
 * ones, one of them is settled behind each.
 */

#define TOGETHER_MAX 24
#define TOGETHER_BYTES (28 + 200 * 192)
#define TOGETHER_SIGHTINGS (TOGETHER_MAX * 400)

struct side {
	struct glance *glance;
	struct exporters *exporters;
	struct recent *recent;
	unsigned count;
	struct sighting sightings[TOGETHER_SIGHTINGS];
	unsigned row_count, conversations, unlisted, outbound, ports;
	uint64_t samples;
	struct exporters_row rows[64];
};

static struct sighting *
side_reserve(void *user)
{
	struct side *side = user;
	assert_true(side->count < TOGETHER_SIGHTINGS);
	return &side->sightings[side->count];
}

static bool
side_commit(void *user)
{
	struct side *side = user;
	side->count++;
	return true;
}

static void
side_open(struct side *side)
{
	struct glance_sink sink = {side_reserve, side_commit, side};
	struct recent_conf conf = {.size = 200000, .threads = 1};
	char error[RECENT_ERROR_MAX];
	assert_int_equal(exporters_new(64, 1, &side->exporters), 0);
	assert_int_equal(glance_new(side->exporters, &sink, &side->glance), 0);
	assert_int_equal(recent_open(&conf, &side->recent, error), 0);
	glance_remember(side->glance, recent_table(side->recent, 0));
}

static void
side_close(struct side *side)
{
	glance_free(&side->glance);
	exporters_free(&side->exporters);
	recent_free(&side->recent);
}

static void
side_row(void *user, const struct exporters_row *row)
{
	struct side *side = user;
	assert_true(side->row_count < 64);
	side->rows[side->row_count++] = *row;
}

static bool
side_conversation(void *user, const struct recent_row *row)
{
	struct side *side = user;
	side->conversations++;
	side->unlisted += row->unlisted;
	side->outbound += row->outbound;
	side->ports += row->remote_port;
	side->samples += row->samples;
	return false;
}

static void
assert_same_sighting(const struct sighting *a, const struct sighting *b)
{
	assert_int_equal(a->when.ns, b->when.ns);
	assert_true(addr_equal(&a->exporter, &b->exporter) && addr_equal(&a->from, &b->from));
	assert_true(addr_equal(&a->local, &b->local) && addr_equal(&a->remote, &b->remote));
	assert_true(a->outbound == b->outbound && a->inner == b->inner && a->vni == b->vni);
	assert_true(a->local_port == b->local_port && a->remote_port == b->remote_port);
	assert_true(a->input == b->input && a->output == b->output && a->vlan == b->vlan);
	assert_int_equal(a->sampling_rate, b->sampling_rate);
	assert_int_equal(a->frame_length, b->frame_length);
	assert_int_equal(a->feed_version, b->feed_version);
	assert_int_equal(a->entry_count, b->entry_count);
	assert_int_equal(a->entries[0].line, b->entries[0].line);
	assert_int_equal(a->header_length, b->header_length);
	assert_memory_equal(a->header, b->header, a->header_length);
}

static void
assert_same_sides(struct side *a, struct side *b, struct instant now)
{
	struct side *sides[2] = {a, b};
	for (unsigned i = 0; i < 2; i++) {
		uint64_t cursor = 0;
		exporters_each(sides[i]->exporters, side_row, sides[i]);
		while (recent_walk(
		    sides[i]->recent, &cursor, 100000, now, side_conversation, sides[i]))
			;
	}
	assert_memory_equal(
	    glance_counters(a->glance), glance_counters(b->glance), sizeof(struct glance_counters));
	assert_int_equal(a->row_count, b->row_count);
	for (unsigned i = 0; i < a->row_count; i++) {
		const struct exporters_row *r = &a->rows[i], *s = &b->rows[i];
		assert_true(addr_equal(&r->agent, &s->agent) && r->sub_agent == s->sub_agent);
		assert_true(r->datagrams == s->datagrams && r->samples == s->samples);
		assert_true(r->lost == s->lost && r->samples_lost == s->samples_lost);
		assert_true(r->duplicates == s->duplicates && r->late == s->late);
		assert_true(r->restarts == s->restarts && r->rejects == s->rejects);
		assert_true(r->declared_drops == s->declared_drops);
		assert_true(r->sightings == s->sightings && r->sequence == s->sequence);
		assert_true(r->sampling_rate == s->sampling_rate && r->bytes == s->bytes);
	}
	assert_true(a->conversations > 0 && a->unlisted > 0 && a->unlisted < a->conversations);
	assert_int_equal(a->conversations, b->conversations);
	assert_int_equal(a->unlisted, b->unlisted);
	assert_int_equal(a->outbound, b->outbound);
	assert_int_equal(a->ports, b->ports);
	assert_int_equal(a->samples, b->samples);
}

/* One as it is, one of up to 200 samples, or one of which some bytes are wrong. */
static size_t
together_one(const struct generate *generate, uint64_t *seed, uint8_t *bytes)
{
	const uint8_t *one =
	    generate->bytes + generate_random(seed) % generate->count * GENERATE_LENGTH;
	size_t length = GENERATE_LENGTH;
	memcpy(bytes, one, length);
	if (generate_random(seed) % 6 == 0) {
		unsigned count = (unsigned)(generate_random(seed) % 200) + 1;
		for (unsigned i = 0; i < count; i++)
			memcpy(bytes + 28 + (size_t)i * 192,
			    generate->bytes +
				generate_random(seed) % generate->count * GENERATE_LENGTH + 28,
			    192);
		length = 28 + (size_t)count * 192;
		bytes[27] = (uint8_t)count;
	}
	if (generate_random(seed) % 3 == 0) {
		for (unsigned i = 0; i < 4; i++)
			bytes[4 + generate_random(seed) % (length - 4)] =
			    (uint8_t)generate_random(seed);
	}
	return length;
}

/* More samples than are looked at together, all of one source. */
static void
sequences_of_large_datagrams(void **state)
{
	(void)state;
	static struct side side;
	for (uint32_t d = 0; d < 3; d++) {
		packet.length = 0;
		forge_ethernet(&packet, 0x0800);
		tcp("10.1.0.2", "192.0.2.1");
		forge_datagram(&forge, "192.0.2.250", d + 1, 1000 * d, 150);
		for (uint32_t i = 0; i < 150; i++)
			forge_sample(&forge, 150 * d + i, &packet);
		assert_int_equal(look(), SFLOW_OK);
	}
	exporters_each(exporters, side_row, &side);
	assert_int_equal(side.row_count, 1);
	assert_int_equal(side.rows[0].samples, 450);
	assert_int_equal(side.rows[0].samples_lost, 0);
	assert_int_equal(side.rows[0].datagrams, 3);
	assert_int_equal(counters()->pairs, 450);
}

static void
together_as_alone(void **state)
{
	(void)state;
	static struct side alone, together;
	static uint8_t bytes[TOGETHER_MAX][TOGETHER_BYTES];
	struct generate_conf conf = generate_usual();
	struct table_entry *entries = generate_entries(300, 100, 3);
	struct instant now = {42};
	uint64_t seed = 5;
	conf.datagrams = 400;
	conf.exporters = 12;
	conf.entries = entries;
	conf.entry_count = 400;
	conf.hits_per_million = 200000;
	struct generate generate = generate_new(&conf);
	/* Another one now and then, of half the entries. */
	struct slot_view views[2] = {{.version = 1}, {.version = 2}};
	for (unsigned i = 0; i < 2; i++) {
		views[i].locals = tables_of((const char *const[]){
		    "10.1.0.0/18", i == 0 ? "10.2.0.0/16" : "11.0.0.0/9", "fd00::/32", NULL});
		assert_int_equal(
		    table_new(entries, conf.entry_count / (i + 1), &views[i].table), 0);
	}
	side_open(&alone);
	side_open(&together);
	for (unsigned round = 0; round < 300; round++) {
		unsigned count = (unsigned)(generate_random(&seed) % TOGETHER_MAX) + 1;
		alone.count = together.count = 0;
		now = clk_add(now, (int64_t)(generate_random(&seed) % (10 * CLK_S)));
		for (unsigned i = 0; i < count; i++) {
			size_t length = together_one(&generate, &seed, bytes[i]);
			const struct slot_view *one = &views[generate_random(&seed) % 8 == 0];
			assert_int_equal(
			    glance_datagram(alone.glance, one, bytes[i], length, &from, now),
			    glance_datagram(together.glance, one, bytes[i], length, &from, now));
			glance_settle(alone.glance);
		}
		glance_settle(together.glance);
		assert_int_equal(alone.count, together.count);
		for (unsigned i = 0; i < alone.count; i++)
			assert_same_sighting(&alone.sightings[i], &together.sightings[i]);
	}
	assert_same_sides(&alone, &together, now);
	side_close(&alone);
	side_close(&together);
	for (unsigned i = 0; i < 2; i++) {
		table_free(&views[i].table);
		table_free(&views[i].locals);
	}
	generate_free(&generate);
	free(entries);
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
	    TEST(sequences_of_large_datagrams),
	    TEST(together_as_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
