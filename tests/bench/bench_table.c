/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The prefix table beside three bare ones, all in this file and doing nothing but finding a number:
 * a plain DIR-24-8 (Gupta, Lin, McKeown 1998), the same behind a bitmap of one bit a /24, and a
 * poptrie (Asai, Ohara 2015). Prints "name value unit" lines: millions of misses a second, medians
 * of rounds in which the four take turns, MiB, and milliseconds of building. TEST_DATA names the
 * real lists.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clk.h"
#include "controller/feeds/format.h"
#include "controller/match/table.h"

#define ADDRESSES ((size_t)1 << 21)
#define ROUNDS 9
#define DIRECT 18

static uint64_t
rnd(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void *
need(void *block)
{
	if (!block) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return block;
}

/* On huge pages, as the table's own sieve: none of the four pays for address translation alone. */
static void *
huge(const void *from, size_t size)
{
	size_t page = (size_t)2 << 20, room = (size + page - 1) / page * page;
	void *block = need(aligned_alloc(page, room > 0 ? room : page));

	(void)madvise(block, room, MADV_HUGEPAGE);
	if (from && size > 0)
		memcpy(block, from, size);
	else
		memset(block, 0, room);
	return block;
}

/* Moves what has grown to its final size there. */
#define SETTLE(array, count)                                                                       \
	do {                                                                                       \
		void *settled_ = huge((array), (count) * sizeof *(array));                         \
		free(array);                                                                       \
		(array) = settled_;                                                                \
	} while (0)

/* ---- what the bare tables are made of: disjoint intervals over left-aligned 64-bit keys ---- */

struct cut {
	uint64_t start;
	uint32_t value;
};

struct cuts {
	struct cut *at;
	size_t count;
};

struct span {
	uint64_t start, last;
};

static int
span_compare(const void *va, const void *vb)
{
	const struct span *a = va, *b = vb;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->last > b->last ? -1 : a->last < b->last;
}

static uint64_t
top64(const struct addr *addr)
{
	uint64_t key = 0;

	for (unsigned i = 0; i < 8; i++)
		key = key << 8 | addr->bytes[i];
	return key;
}

/* Outermost prefixes only: whether something matches is all a bare table says. */
static struct cuts
cut(const struct table_entry *entries, size_t count)
{
	struct span *spans = need(calloc(count + 1, sizeof *spans));
	struct cuts cuts = {need(calloc(2 * count + 2, sizeof(struct cut))), 0};
	uint64_t end = 0;
	size_t open = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned len = entries[i].prefix.len;

		spans[i].start = top64(&entries[i].prefix.addr);
		spans[i].last = spans[i].start | (len >= 64 ? 0 : ~UINT64_C(0) >> len);
	}
	qsort(spans, count, sizeof *spans, span_compare);
	for (size_t i = 0; i < count; i++) {
		if (open && spans[i].last <= end)
			continue;
		if (!open || spans[i].start > end + 1) {
			if (open)
				cuts.at[cuts.count++] = (struct cut){end + 1, 0};
			else if (spans[i].start > 0)
				cuts.at[cuts.count++] = (struct cut){0, 0};
			open = i + 1;
			cuts.at[cuts.count++] = (struct cut){spans[i].start, (uint32_t)i + 1};
		} else
			cuts.at[cuts.count++] = (struct cut){spans[i].start, (uint32_t)i + 1};
		end = spans[i].last;
	}
	if (open && end != UINT64_MAX)
		cuts.at[cuts.count++] = (struct cut){end + 1, 0};
	if (!open)
		cuts.at[cuts.count++] = (struct cut){0, 0};
	free(spans);
	return cuts;
}

/* ---- DIR-24-8, bare and behind a sieve ---- */

struct dir {
	uint32_t *first, *second;
	size_t groups, room;
	uint64_t *sieve;
};

static void
dir_put(struct dir *dir, uint32_t from, uint32_t to, uint32_t value)
{
	for (uint64_t a = from; a <= to;) {
		uint32_t slot = (uint32_t)(a >> 8), group;

		if ((a & 255) == 0 && a + 255 <= to) {
			dir->first[slot] = value;
			a += 256;
			continue;
		}
		if (!(dir->first[slot] & 0x80000000)) {
			if (dir->groups == dir->room) {
				dir->room = dir->room ? dir->room * 2 : 1024;
				dir->second = need(realloc(dir->second, dir->room * 1024));
			}
			for (unsigned i = 0; i < 256; i++)
				dir->second[dir->groups * 256 + i] = dir->first[slot];
			dir->first[slot] = 0x80000000 | (uint32_t)dir->groups++;
		}
		group = dir->first[slot] & 0x7fffffff;
		for (; a <= to && a >> 8 == slot; a++)
			dir->second[(size_t)group * 256 + (a & 255)] = value;
	}
}

static struct dir
dir_new(const struct cuts *cuts)
{
	struct dir dir = {huge(NULL, (size_t)4 << 24), NULL, 0, 0, NULL};

	dir.sieve = huge(NULL, (size_t)8 << 18);
	for (size_t i = 0; i < cuts->count; i++) {
		uint32_t from = (uint32_t)(cuts->at[i].start >> 32);
		uint32_t to = i + 1 < cuts->count ? (uint32_t)((cuts->at[i + 1].start - 1) >> 32)
						  : UINT32_MAX;

		if (cuts->at[i].value == 0)
			continue;
		dir_put(&dir, from, to, cuts->at[i].value);
		for (uint32_t s = from >> 8; s <= to >> 8; s++)
			dir.sieve[s >> 6] |= UINT64_C(1) << (s & 63);
	}
	SETTLE(dir.second, dir.groups * 256);
	return dir;
}

static inline uint32_t
dir_find(const struct dir *dir, uint32_t addr)
{
	uint32_t value = dir->first[addr >> 8];

	if (value & 0x80000000)
		value = dir->second[(size_t)(value & 0x7fffffff) * 256 + (addr & 255)];
	return value;
}

static inline uint32_t
sieve_find(const struct dir *dir, uint32_t addr)
{
	return dir->sieve[addr >> 14] >> (addr >> 8 & 63) & 1 ? dir_find(dir, addr) : 0;
}

/* ---- poptrie, 18 bits direct, 6 a step ---- */

struct node {
	uint64_t inner, leaf;
	uint32_t inner_base, leaf_base;
};

struct poptrie {
	uint32_t *direct; /* high bit: a leaf's value, else a node */
	struct node *nodes;
	uint32_t *leaves;
	size_t node_count, node_room, leaf_count, leaf_room;
};

static uint32_t
add_nodes(struct poptrie *p, unsigned n)
{
	uint32_t base = (uint32_t)p->node_count;

	p->node_count += n;
	while (p->node_count > p->node_room) {
		p->node_room = p->node_room ? p->node_room * 2 : 1024;
		p->nodes = need(realloc(p->nodes, p->node_room * sizeof *p->nodes));
	}
	return base;
}

/* The cut that holds `key`, at or after `hint`. */
static size_t
cut_at(const struct cuts *cuts, size_t hint, uint64_t key)
{
	size_t low = hint, high = cuts->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (cuts->at[middle].start <= key)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static bool
uniform(const struct cuts *cuts, size_t at, uint64_t last)
{
	return at + 1 >= cuts->count || cuts->at[at + 1].start > last;
}

static void
fill_node(struct poptrie *p, uint32_t number, const struct cuts *cuts, size_t hint, uint64_t start,
    unsigned depth)
{
	struct node node = {0, 0, 0, (uint32_t)p->leaf_count};
	unsigned width = depth + 6 >= 64 ? 0 : 64 - depth - 6,
		 real = 64 - depth < 6 ? 64 - depth : 6;
	size_t at[64];
	uint32_t last = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < 1U << real; i++) {
		uint64_t from = start | (uint64_t)i << width;
		uint64_t to = from | (((uint64_t)1 << width) - 1);

		at[i] = hint = cut_at(cuts, hint, from);
		if (!uniform(cuts, at[i], to)) {
			node.inner |= UINT64_C(1) << i;
			continue;
		}
		if (p->leaf_count == node.leaf_base || cuts->at[at[i]].value != last) {
			if (p->leaf_count == p->leaf_room) {
				p->leaf_room = p->leaf_room ? p->leaf_room * 2 : 1024;
				p->leaves = need(realloc(p->leaves, p->leaf_room * 4));
			}
			last = cuts->at[at[i]].value;
			p->leaves[p->leaf_count++] = last;
			node.leaf |= UINT64_C(1) << i;
		}
	}
	node.inner_base = add_nodes(p, (unsigned)__builtin_popcountll(node.inner));
	p->nodes[number] = node;
	for (unsigned i = 0; i < 64; i++)
		if (node.inner >> i & 1)
			fill_node(p, node.inner_base + n++, cuts, at[i],
			    start | (uint64_t)i << width, depth + 6);
}

static struct poptrie
poptrie_new(const struct cuts *cuts)
{
	struct poptrie p = {huge(NULL, (size_t)4 << DIRECT), NULL, NULL, 0, 0, 0, 0};
	size_t hint = 0;

	for (uint32_t i = 0; i < 1U << DIRECT; i++) {
		uint64_t from = (uint64_t)i << (64 - DIRECT), to = from | (~UINT64_C(0) >> DIRECT);

		hint = cut_at(cuts, hint, from);
		if (uniform(cuts, hint, to))
			p.direct[i] = 0x80000000 | cuts->at[hint].value;
		else {
			p.direct[i] = add_nodes(&p, 1);
			fill_node(&p, p.direct[i], cuts, hint, from, DIRECT);
		}
	}
	SETTLE(p.nodes, p.node_count);
	SETTLE(p.leaves, p.leaf_count);
	return p;
}

static inline uint32_t
poptrie_find(const struct poptrie *p, uint64_t key)
{
	uint32_t at = p->direct[key >> (64 - DIRECT)];
	const struct node *node;
	uint64_t rest = key << DIRECT, below;

	if (at & 0x80000000)
		return at & 0x7fffffff;
	for (node = &p->nodes[at];; rest <<= 6) {
		unsigned bit = (unsigned)(rest >> 58);

		below = ~UINT64_C(0) >> (63 - bit);
		if (!(node->inner >> bit & 1))
			return p->leaves[node->leaf_base +
					 (unsigned)__builtin_popcountll(node->leaf & below) - 1];
		node = &p->nodes[node->inner_base +
				 (unsigned)__builtin_popcountll(node->inner & below) - 1];
	}
}

/* ---- measuring ---- */

static int
double_compare(const void *va, const void *vb)
{
	double a = *(const double *)va, b = *(const double *)vb;

	return a < b ? -1 : a > b;
}

static double
median(double *values)
{
	qsort(values, ROUNDS, sizeof *values, double_compare);
	return values[ROUNDS / 2];
}

static double
mega(struct instant start)
{
	return (double)ADDRESSES * 1000.0 / (double)clk_diff(clk_now(), start);
}

static double
mebi(size_t bytes)
{
	return (double)bytes / 1048576.0;
}

static uint32_t hits; /* so that nothing is optimised away */

#define RUN(into, expression)                                                                      \
	do {                                                                                       \
		struct instant start_ = clk_now();                                                 \
		uint32_t sum_ = 0;                                                                 \
		for (size_t i = 0; i < ADDRESSES; i++)                                             \
			sum_ += (expression) != 0;                                                 \
		(into)[round] = mega(start_);                                                      \
		hits += sum_;                                                                      \
	} while (0)

static void
print_ratio(const char *name, double ours, double best, double most)
{
	printf("table_%s_ratio %.2f of_the_fastest_bare (wanted: %.2f)\n", name, ours / best, most);
}

/* What the process has in memory, less what the allocator could give back. */
static size_t
resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long all, pages = 0;

	malloc_trim(0);
	if (file) {
		if (fscanf(file, "%lu %lu", &all, &pages) != 2)
			pages = 0;
		fclose(file);
	}
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t
bytes_of_nothing(void)
{
	struct table_stats stats;
	struct table *table;

	if (table_new(NULL, 0, &table) < 0)
		need(NULL);
	table_stats(table, &stats);
	table_free(&table);
	return stats.bytes;
}

static void
bench4(const char *name, const struct table_entry *entries, size_t count)
{
	uint32_t *addrs = need(malloc(ADDRESSES * sizeof *addrs));
	double ours[ROUNDS], bare[ROUNDS], sieved[ROUNDS], pop[ROUNDS], best, m[4];
	struct cuts cuts = cut(entries, count);
	size_t before = resident();
	struct instant start = clk_now();
	struct poptrie poptrie;
	struct table_stats stats;
	struct table *table;
	struct dir dir;
	uint64_t seed = 99;

	if (table_new(entries, count, &table) < 0)
		need(NULL);
	printf("table_%s_build %.0f ms\n", name, (double)clk_diff(clk_now(), start) / 1e6);
	printf("table_%s_resident %.1f MiB\n", name, mebi(resident() - before));
	dir = dir_new(&cuts);
	poptrie = poptrie_new(&cuts);
	for (size_t i = 0; i < ADDRESSES;) {
		uint32_t a = (uint32_t)rnd(&seed);
		uint32_t set = table_find4(table, a);

		if ((set != 0) != (dir_find(&dir, a) != 0) ||
		    (set != 0) != (sieve_find(&dir, a) != 0) ||
		    (set != 0) != (poptrie_find(&poptrie, (uint64_t)a << 32) != 0)) {
			fprintf(stderr, "the tables disagree about %08x\n", a);
			exit(1);
		}
		if (a >> 24 > 0 && a >> 24 < 224 && set == 0)
			addrs[i++] = a;
	}
	for (int round = 0; round < ROUNDS; round++) {
		RUN(bare, dir_find(&dir, addrs[i]));
		RUN(sieved, sieve_find(&dir, addrs[i]));
		RUN(pop, poptrie_find(&poptrie, (uint64_t)addrs[i] << 32));
		RUN(ours, table_find4(table, addrs[i]));
	}
	m[0] = median(ours), m[1] = median(bare), m[2] = median(sieved), m[3] = median(pop);
	best = m[1] > m[2] ? m[1] : m[2];
	best = best > m[3] ? best : m[3];
	table_stats(table, &stats);
	printf("table_%s_entries %zu entries\n", name, count);
	printf("table_%s_misses %.0f M/s\ndir_%s_misses %.0f M/s\nsieve_%s_misses %.0f M/s\n"
	       "poptrie_%s_misses %.0f M/s\n",
	    name, m[0], name, m[1], name, m[2], name, m[3]);
	print_ratio(name, m[0], best, 0.67);
	printf("table_%s_memory %.1f MiB\ndir_%s_memory %.1f MiB\npoptrie_%s_memory %.1f MiB\n",
	    name, mebi(stats.bytes), name, mebi(((size_t)4 << 24) + dir.groups * 1024), name,
	    mebi(((size_t)4 << DIRECT) + poptrie.node_count * sizeof(struct node) +
		 poptrie.leaf_count * 4));
	/* Beyond what a table of nothing has: so much more for each entry more. */
	printf("table_%s_per_entry %.1f bytes\n", name,
	    (double)(stats.bytes - bytes_of_nothing()) / (double)count);
	table_free(&table);
	free(dir.first), free(dir.second), free(dir.sieve);
	free(poptrie.direct), free(poptrie.nodes), free(poptrie.leaves);
	free(cuts.at);
	free(addrs);
}

static void
bench6(const char *name, const struct table_entry *entries, size_t count, bool near)
{
	struct addr *addrs = need(calloc(ADDRESSES, sizeof *addrs));
	double ours[ROUNDS], pop[ROUNDS], a, b;
	struct cuts cuts = cut(entries, count);
	struct poptrie poptrie = poptrie_new(&cuts);
	struct instant start = clk_now();
	struct table *table;
	uint64_t seed = 77;

	if (table_new(entries, count, &table) < 0)
		need(NULL);
	printf("table_%s_build %.0f ms\n", name, (double)clk_diff(clk_now(), start) / 1e6);
	for (size_t i = 0; i < ADDRESSES;) {
		uint64_t words[2] = {rnd(&seed), rnd(&seed)};

		addrs[i].family = 6;
		memcpy(addrs[i].bytes, words, 16);
		addrs[i].bytes[0] = 0x20 | (addrs[i].bytes[0] & 0x1f);
		/* Neighbours of what is listed: the first 32 bits are those of an entry. */
		if (near)
			memcpy(addrs[i].bytes, entries[rnd(&seed) % count].prefix.addr.bytes, 4);
		if (table_find6(table, addrs[i].bytes) == 0)
			i++;
	}
	for (int round = 0; round < ROUNDS; round++) {
		RUN(pop, poptrie_find(&poptrie, top64(&addrs[i])));
		RUN(ours, table_find6(table, addrs[i].bytes));
	}
	a = median(ours), b = median(pop);
	printf(
	    "table_%s_entries %zu entries\ntable_%s_misses %.0f M/s\npoptrie_%s_misses %.0f M/s\n",
	    name, count, name, a, name, b);
	print_ratio(name, a, b, 0.5);
	table_free(&table);
	free(poptrie.direct), free(poptrie.nodes), free(poptrie.leaves);
	free(cuts.at);
	free(addrs);
}

/* Appends a real list; 0 where it is not. */
static size_t
load(const char *name, int family, struct table_entry **entries, size_t count)
{
	const char *data = getenv("TEST_DATA");
	char path[512], error[FORMAT_ERROR_MAX], *body;
	struct format_list list;
	size_t size;
	FILE *file;

	snprintf(path, sizeof path, "%s/blocklists/%s", data ? data : "../shared/data", name);
	file = fopen(path, "rb");
	if (!file)
		return count;
	body = need(malloc((size_t)16 << 20));
	size = fread(body, 1, (size_t)16 << 20, file);
	fclose(file);
	if (format_read(FORMAT_AUTO, body, size, NULL, &list, error) == 0) {
		*entries = need(realloc(*entries, (count + list.count + 1) * sizeof **entries));
		for (size_t i = 0; i < list.count; i++)
			if (list.entries[i].prefix.addr.family == family)
				(*entries)[count++] = (struct table_entry){
				    .prefix = list.entries[i].prefix, .line = list.entries[i].line};
		format_list_done(&list);
	}
	free(body);
	return count;
}

int
main(void)
{
	static const size_t sizes[] = {10000, 100000, 1000000};
	static const char *const lists[] = {"ipsum.txt", "spamhaus-drop-2024.txt",
	    "spamhaus-edrop-2024.txt", "firehol_level1-2020.netset", "dshield-2026.txt",
	    "bitwire-outbound-networks.txt"};
	struct table_entry *entries = need(calloc(1000000, sizeof *entries)), *real = NULL;
	size_t count = 0;
	uint64_t seed = 1;
	char name[32];

	for (size_t s = 0; s < 3; s++) {
		for (size_t i = 0; i < sizes[s]; i++) {
			uint32_t a = (uint32_t)rnd(&seed);

			entries[i] = (struct table_entry){.line = (uint32_t)i + 1};
			entries[i].prefix.addr = addr_from_v4(&a);
			entries[i].prefix.len = 32;
		}
		snprintf(name, sizeof name, "v4_1e%zu", s + 4);
		bench4(name, entries, sizes[s]);
	}
	/* As large public lists cluster: 769,000 hosts in 269,000 /24s. Where in these they are is
	 * anybody's guess: evenly, which leaves nearly no neighbours to share an interval, so that
	 * no list of as many hosts takes more memory. */
	for (size_t i = 0; i < 769000; i++) {
		uint64_t group = i < 269000 ? i : rnd(&seed) % 269000;
		uint32_t a = (uint32_t)rnd(&group) & 0xffffff;

		a |= (uint32_t)rnd(&seed) & 0xff000000;
		entries[i] = (struct table_entry){.line = (uint32_t)i + 1};
		entries[i].prefix.addr = addr_from_v4(&a);
		entries[i].prefix.len = 32;
	}
	bench4("v4_clustered", entries, 769000);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		count = load(lists[i], 4, &real, count);
	if (count > 0)
		bench4("v4_real", real, count);
	else
		printf("# no real lists: set TEST_DATA\n");
	for (size_t s = 0; s < 2; s++) {
		for (size_t i = 0; i < sizes[s]; i++) {
			uint64_t words[2] = {rnd(&seed), 0};

			entries[i] = (struct table_entry){.line = (uint32_t)i + 1};
			entries[i].prefix.addr.family = 6;
			memcpy(entries[i].prefix.addr.bytes, words, 16);
			entries[i].prefix.addr.bytes[0] =
			    0x20 | (entries[i].prefix.addr.bytes[0] & 0x1f);
			entries[i].prefix = prefix_make(&entries[i].prefix.addr, i % 2 ? 48 : 64);
		}
		snprintf(name, sizeof name, "v6_1e%zu", s + 4);
		bench6(name, entries, sizes[s], false);
	}
	/* Hosts in a thousand /32s, and misses in these very ones: the sieve is of no use. */
	for (size_t i = 0; i < 100000; i++) {
		uint64_t words[2] = {rnd(&seed), rnd(&seed)};
		uint32_t site = htonl(0x2a000000 | (uint32_t)(rnd(&seed) % 1000 << 8));

		memcpy(entries[i].prefix.addr.bytes, words, 16);
		memcpy(entries[i].prefix.addr.bytes, &site, 4);
		entries[i].prefix = prefix_make(&entries[i].prefix.addr, 128);
	}
	bench6("v6_near", entries, 100000, true);
	count = load("country-all-ipv6.cidr", 6, &real, 0);
	if (count > 0)
		bench6("v6_real", real, count, false);
	free(entries);
	free(real);
	return hits != 0;
}
