/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fixed input for counting instructions a sample: run under callgrind with --toggle-collect=count_…
 * by tests/lab/41-decode-cost.sh. Prints how many samples each of the counted functions saw.
 */
#include <stdio.h>
#include <stdlib.h>

#include "controller/receive/glance.h"
#include "tests/bench/bare.h"
#include "tests/bench/generate.h"
#include "tests/support/tables.h"

#define DATAGRAMS 500
#define TUPLES_MAX 16

void count_bare(const struct generate *generate);
void count_decode(const struct generate *generate);
void count_match(
    const struct generate *generate, struct glance *glance, const struct slot_view *view);

static uint64_t sum, sighted; /* so that nothing is optimised away */

__attribute__((noinline)) void
count_bare(const struct generate *generate)
{
	struct bare_tuple tuples[TUPLES_MAX];
	for (size_t i = 0; i < generate->count; i++)
		sum += bare_decode(
		    generate->bytes + i * GENERATE_LENGTH, GENERATE_LENGTH, tuples, TUPLES_MAX);
}

__attribute__((noinline)) void
count_decode(const struct generate *generate)
{
	struct sflow_counters counters = {0};
	struct sflow_datagram datagram;
	struct sflow_sample sample;
	struct packet packet;
	for (size_t i = 0; i < generate->count; i++) {
		if (sflow_open(generate->bytes + i * GENERATE_LENGTH, GENERATE_LENGTH, &counters,
			&datagram) != SFLOW_OK)
			abort();
		while (sflow_next(&datagram, &sample) == SFLOW_SAMPLE) {
			packet_decode(
			    sample.header, sample.header_length, sample.header_protocol, &packet);
			sum += packet.layer_count;
		}
	}
}

__attribute__((noinline)) void
count_match(const struct generate *generate, struct glance *glance, const struct slot_view *view)
{
	static const struct addr from;
	struct instant now = {0};
	for (size_t i = 0; i < generate->count; i++)
		(void)glance_datagram(glance, view, generate->bytes + i * GENERATE_LENGTH,
		    GENERATE_LENGTH, &from, now);
	glance_settle(glance);
}

static struct sighting *
reserve(void *user)
{
	return user;
}

static bool
commit(void *user)
{
	(void)user;
	sighted++;
	return true;
}

int
main(void)
{
	static struct sighting sighting;
	struct generate_conf conf = generate_usual();
	struct glance_sink sink = {reserve, commit, &sighting};
	struct exporters *exporters;
	struct glance *glance;
	conf.datagrams = DATAGRAMS;
	conf.entry_count = 20000;
	struct table_entry *entries = generate_entries(18000, 2000, 3);
	conf.entries = entries;
	struct generate generate = generate_new(&conf);
	struct slot_view view = {
	    .locals = tables_of((const char *const[]){"10.0.0.0/8", "fd00::/8", NULL})};
	if (table_new(entries, conf.entry_count, &view.table) < 0 ||
	    exporters_new(1024, 1, &exporters) < 0 || glance_new(exporters, &sink, &glance) < 0)
		return 1;
	count_bare(&generate);
	count_decode(&generate);
	/* The first time exporters are made; what is counted is the second. */
	static const struct addr from;
	for (size_t i = 0; i < generate.count; i++)
		(void)glance_datagram(glance, &view, generate.bytes + i * GENERATE_LENGTH,
		    GENERATE_LENGTH, &from, (struct instant){0});
	glance_settle(glance);
	generate_advance(&generate, 0, generate.count);
	count_match(&generate, glance, &view);
	const struct glance_counters *counters = glance_counters(glance);
	printf("%d samples, %llu sightings, %llu pairs\n", DATAGRAMS * GENERATE_SAMPLES,
	    (unsigned long long)sighted, (unsigned long long)counters->pairs);
	glance_free(&glance);
	exporters_free(&exporters);
	table_free(&view.table);
	table_free(&view.locals);
	generate_free(&generate);
	free(entries);
	return sum == 0;
}
