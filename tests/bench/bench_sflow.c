/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The eyes, measured beside what could hardly be done with less (bare.c): decoding, decoding and
 * matching, both out of the cache and out of memory, the whole of it live over UDP, and whether the
 * cost stays flat with many exporters and entries. Prints "name value unit" lines; medians of
 * rounds in which the rivals take turns; CPU time of the thread, not the wall's.
 *
 * What was tried for decoding and matching and made no difference beyond the noise, or none that
 * pays for itself: -O3 and -march=x86-64-v3 (one to three in a hundred); 32 or 128 samples at a
 * time instead of 64; one datagram looked up while the next is decoded, without the loops over
 * several. What did: no branch on what differs from sample to sample (a fifth), loops over several
 * datagrams (another fifth), pairs by family.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/receive/glance.h"
#include "tests/bench/bare.h"
#include "tests/bench/generate.h"

#define ROUNDS 7
#define CACHED 700               /* datagrams: 960 KB, within most second-level caches */
#define REPEATS 100              /* of these */
#define COLD ((size_t)400 << 20) /* bytes of datagrams: more than any last-level cache */
#define ENTRIES4 552000
#define ENTRIES6 100000
#define TUPLES_MAX 16

struct bench {
	struct generate generate;
	struct glance *glance;
	struct exporters *exporters;
	struct slot_view view;
	struct addr from;
	struct instant now;
	struct sighting sighting;
	uint64_t sightings, sum; /* so that nothing is optimised away */
};

static int64_t
cpu_ns(void)
{
	struct timespec at;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return (int64_t)at.tv_sec * CLK_S + at.tv_nsec;
}

static struct sighting *
reserve(void *user)
{
	struct bench *bench = user;
	return &bench->sighting;
}

static bool
commit(void *user)
{
	struct bench *bench = user;
	bench->sightings++;
	return true;
}

static void
need(int r)
{
	if (r < 0) {
		fprintf(stderr, "bench: %s\n", strerror(-r));
		exit(1);
	}
}

static struct table *
table_of(const struct table_entry *entries, size_t count)
{
	struct table *table = NULL;
	need(table_new(entries, count, &table));
	return table;
}

/* What is local: two prefixes, a small table. */
static struct table *
locals_of(void)
{
	struct table_entry entries[2];
	memset(entries, 0, sizeof entries);
	(void)prefix_parse("10.0.0.0/8", &entries[0].prefix, NULL);
	(void)prefix_parse("fd00::/8", &entries[1].prefix, NULL);
	return table_of(entries, 2);
}

static struct bench *
bench_new(const struct generate_conf *conf)
{
	struct bench *bench = calloc(1, sizeof *bench);
	need(bench == NULL ? -ENOMEM : 0);
	struct glance_sink sink = {reserve, commit, bench};
	bench->generate = generate_new(conf);
	bench->view.table = table_of(conf->entries, conf->entry_count);
	bench->view.locals = locals_of();
	bench->now = clk_now();
	(void)addr_parse("127.0.0.1", &bench->from);
	need(exporters_new(16384, 7, &bench->exporters));
	need(glance_new(bench->exporters, &sink, &bench->glance));
	return bench;
}

static void
bench_free(struct bench *bench)
{
	generate_free(&bench->generate);
	table_free(&bench->view.table);
	table_free(&bench->view.locals);
	glance_free(&bench->glance);
	exporters_free(&bench->exporters);
	free(bench);
}

/* ---- the rivals: each goes over all datagrams once ---- */

static void
bare(struct bench *bench)
{
	struct bare_tuple tuples[TUPLES_MAX];
	for (size_t i = 0; i < bench->generate.count; i++) {
		size_t count = bare_decode(bench->generate.bytes + i * GENERATE_LENGTH,
		    GENERATE_LENGTH, tuples, TUPLES_MAX);
		for (size_t t = 0; t < count; t++)
			bench->sum += tuples[t].src[3] + tuples[t].src_port;
	}
}

static inline uint32_t
bare_find(const struct table *table, unsigned family, const uint8_t *addr)
{
	uint32_t host;
	memcpy(&host, addr, 4);
	return family == 4 ? table_find4(table, be32toh(host)) : table_find6(table, addr);
}

/* With source and destination looked up in the same table as ours. */
static void
bare_match(struct bench *bench)
{
	struct bare_tuple tuples[TUPLES_MAX];
	const struct table *table = bench->view.table;
	for (size_t i = 0; i < bench->generate.count; i++) {
		size_t count = bare_decode(bench->generate.bytes + i * GENERATE_LENGTH,
		    GENERATE_LENGTH, tuples, TUPLES_MAX);
		for (size_t t = 0; t < count; t++) {
			const struct bare_tuple *tuple = &tuples[t];
			bench->sum += bare_find(table, tuple->family, tuple->src) != 0;
			bench->sum += bare_find(table, tuple->family, tuple->dst) != 0;
		}
	}
}

static void
decode(struct bench *bench)
{
	struct sflow_counters counters = {0};
	struct sflow_datagram datagram;
	struct sflow_sample sample;
	struct packet packet;
	for (size_t i = 0; i < bench->generate.count; i++) {
		if (sflow_open(bench->generate.bytes + i * GENERATE_LENGTH, GENERATE_LENGTH,
			&counters, &datagram) != SFLOW_OK)
			continue;
		while (sflow_next(&datagram, &sample) == SFLOW_SAMPLE) {
			packet_decode(
			    sample.header, sample.header_length, sample.header_protocol, &packet);
			for (unsigned l = 0; l < packet.layer_count; l++)
				bench->sum += packet.layers[l].src[3] + packet.layers[l].src_port;
		}
	}
}

static void
match(struct bench *bench)
{
	for (size_t i = 0; i < bench->generate.count; i++)
		(void)glance_datagram(bench->glance, &bench->view,
		    bench->generate.bytes + i * GENERATE_LENGTH, GENERATE_LENGTH, &bench->from,
		    bench->now);
	glance_settle(bench->glance);
}

/* ---- measuring ---- */

static int
compare(const void *va, const void *vb)
{
	double a = *(const double *)va, b = *(const double *)vb;
	return a < b ? -1 : a > b;
}

static double
median(double *values)
{
	qsort(values, ROUNDS, sizeof *values, compare);
	return values[ROUNDS / 2];
}

/* Millions of samples a CPU-second. */
static double
measure(struct bench *bench, void (*rival)(struct bench *bench), unsigned repeats)
{
	int64_t spent = 0;
	for (unsigned i = 0; i < repeats; i++) {
		generate_advance(&bench->generate, 0, bench->generate.count);
		int64_t start = cpu_ns();
		rival(bench);
		spent += cpu_ns() - start;
	}
	return (double)bench->generate.count * GENERATE_SAMPLES * repeats * 1e3 / (double)spent;
}

static void
print_ratio(const char *name, double ratio, double wanted)
{
	printf("sflow_%s_ratio %.2f of_bare (wanted: %.2f)\n", name, ratio, wanted);
}

static void
decode_and_match(const char *where, const struct generate_conf *conf, unsigned repeats)
{
	static void (*const rivals[])(struct bench *) = {bare, decode, bare_match, match};
	static const char *const names[] = {"bare", "decode", "bare_match", "match"};
	double rounds[4][ROUNDS], m[4];
	char name[64];
	struct bench *bench = bench_new(conf);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned r = 0; r < 4; r++)
			rounds[r][round] = measure(bench, rivals[r], repeats);
	for (unsigned r = 0; r < 4; r++) {
		m[r] = median(rounds[r]);
		printf("sflow_%s_%s %.1f M_samples/CPU-s\n", names[r], where, m[r]);
	}
	snprintf(name, sizeof name, "decode_%s", where);
	print_ratio(name, m[1] / m[0], 0.33);
	snprintf(name, sizeof name, "match_%s", where);
	print_ratio(name, m[3] / m[2], 0.67);
	bench_free(bench);
}

/* Exporters by entries; about 10,000 datagrams, so that all exporters take part. */
static void
flat(void)
{
	static const unsigned exporters[] = {1, 100, 10000};
	static const size_t entries[] = {1000, 100000, 1000000};
	double rounds[ROUNDS];
	for (unsigned n = 0; n < 3; n++) {
		struct table_entry *list =
		    generate_entries(entries[n] * 9 / 10, entries[n] / 10, 5);
		for (unsigned e = 0; e < 3; e++) {
			struct generate_conf conf = generate_usual();
			struct table_stats stats;
			conf.datagrams = 10000;
			conf.exporters = exporters[e];
			conf.entries = list;
			conf.entry_count = entries[n];
			struct bench *bench = bench_new(&conf);
			table_stats(bench->view.table, &stats);
			(void)measure(bench, match, 1);
			for (unsigned round = 0; round < ROUNDS; round++)
				rounds[round] = measure(bench, match, 3);
			printf("sflow_flat_exporters%u_entries%zu %.1f M_samples/CPU-s "
			       "(%.1f MiB of table, %.1f MiB of exporters)\n",
			    exporters[e], entries[n], median(rounds),
			    (double)stats.bytes / 1048576.0,
			    (double)exporters_bytes(bench->exporters) / 1048576.0);
			bench_free(bench);
		}
		free(list);
	}
}

int
main(int argc, char *argv[])
{
	const char *only = argc > 1 ? argv[1] : "";
	struct table_entry *entries = generate_entries(ENTRIES4, ENTRIES6, 3);
	struct generate_conf conf = generate_usual();
	conf.entries = entries;
	conf.entry_count = ENTRIES4 + ENTRIES6;
	if (*only == '\0' || strcmp(only, "cache") == 0) {
		conf.datagrams = CACHED;
		decode_and_match("cached", &conf, REPEATS);
	}
	if (*only == '\0' || strcmp(only, "memory") == 0) {
		conf.datagrams = COLD / GENERATE_LENGTH;
		conf.exporters = 1000;
		decode_and_match("memory", &conf, 1);
	}
	if (*only == '\0' || strcmp(only, "flat") == 0)
		flat();
	free(entries);
	return 0;
}
