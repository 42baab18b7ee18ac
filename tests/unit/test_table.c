/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The prefix table against a naive linear oracle, with random and with nasty sets. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/feeds/format.h"
#include "controller/match/table.h"

static uint64_t
rnd(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static struct table_entry
entry(const char *text, uint16_t feed, uint32_t line, bool allow)
{
	struct table_entry e = {.feed = feed, .line = line, .allow = allow};

	assert_int_equal(prefix_parse(text, &e.prefix, NULL), 0);
	return e;
}

static uint32_t
find(const struct table *table, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return table_find(table, &a);
}

/* ---- the oracle ---- */

static bool
allows(const struct table_entry *e)
{
	return e->allow || e->feed >= TABLE_NEVER;
}

static bool
same(const struct table_entry *a, const struct table_entry *b)
{
	return prefix_equal(&a->prefix, &b->prefix) && a->port == b->port && a->feed == b->feed &&
	       a->line == b->line && allows(a) == allows(b);
}

/* Distinct entries that hold the address. */
static size_t
oracle(const struct table_entry *entries, size_t count, const struct addr *addr, bool *ret_allowed,
    size_t *hits, size_t max)
{
	size_t n = 0;

	*ret_allowed = false;
	for (size_t i = 0; i < count; i++) {
		bool seen = false;

		if (!prefix_contains(&entries[i].prefix, addr))
			continue;
		*ret_allowed = *ret_allowed || allows(&entries[i]);
		for (size_t k = 0; k < n && !seen; k++)
			seen = same(&entries[hits[k]], &entries[i]);
		if (!seen) {
			assert_true(n < max);
			hits[n++] = i;
		}
	}
	return n;
}

/* What the /16 says of an address is never wrong. */
static void
check_shade(const struct table *table, const struct addr *addr)
{
	unsigned shade = table_shade(table, addr->family == 6, addr->bytes);
	bool found = table_find(table, addr) != 0;

	assert_true(shade == TABLE_SOME || (shade == TABLE_ALL) == found);
}

static void
check(const struct table *table, const struct table_entry *entries, size_t count,
    const struct addr *addr)
{
	static size_t hits[4096];
	static struct table_entry got[4096];
	bool allowed, says;
	size_t want = oracle(entries, count, addr, &allowed, hits, 4096), n;
	uint32_t set = table_find(table, addr), all = table_explain(table, addr, &says);

	check_shade(table, addr);
	assert_int_equal(says, allowed);
	assert_int_equal(set != 0, want > 0 && !allowed);
	assert_int_equal(all != 0, want > 0);
	if (set)
		assert_int_equal(set, all);
	n = table_set(table, all, got, 4096);
	assert_int_equal(n, want);
	for (size_t i = 0; i < n; i++) {
		bool found = false;

		if (i > 0)
			assert_true(got[i].prefix.len <= got[i - 1].prefix.len);
		for (size_t k = 0; k < want && !found; k++)
			found = same(&entries[hits[k]], &got[i]);
		assert_true(found);
	}
}

static struct addr
random_addr(uint64_t *seed, int family, unsigned dense)
{
	struct addr a = {.family = (uint8_t)family};
	uint64_t hi = rnd(seed), lo = rnd(seed);

	memcpy(a.bytes, &hi, family == 4 ? 4 : 8);
	if (family == 6)
		memcpy(a.bytes + 8, &lo, 8);
	/* Crowded into a corner, so that prefixes nest and touch. */
	for (unsigned i = 0; i < dense && i < (family == 4 ? 4U : 16U); i++)
		a.bytes[i] = i == 0 ? 0xc6 : a.bytes[i] & (rnd(seed) % 4 ? 0 : 1);
	return a;
}

static unsigned
shade4(const struct table *table, unsigned top)
{
	const uint8_t addr[4] = {(uint8_t)(top >> 8), (uint8_t)top, 0, 5};

	return table_shade(table, false, addr);
}

static void
shades_of_slash_16(void **state)
{
	struct table_entry entries[] = {
	    entry("10.0.0.0/8", 1, 1, false),
	    entry("172.16.0.0/16", 1, 2, false),
	    entry("192.168.0.0/17", 1, 3, false),
	    entry("198.18.7.7", 1, 4, false),
	    entry("10.9.0.0/24", 1, 5, true),
	    entry("fd00::/8", 1, 6, false),
	    entry("2001:db8::/32", 1, 7, false),
	};
	struct table *table;
	struct addr a;

	(void)state;
	assert_int_equal(table_new(entries, 7, &table), 0);
	assert_int_equal(shade4(table, 0x0a00), TABLE_ALL);
	assert_int_equal(shade4(table, 0x0aff), TABLE_ALL);
	assert_int_equal(shade4(table, 0x0a09), TABLE_SOME);
	assert_int_equal(shade4(table, 0x0b00), TABLE_NONE);
	assert_int_equal(shade4(table, 0x09ff), TABLE_NONE);
	assert_int_equal(shade4(table, 0xac10), TABLE_ALL);
	assert_int_equal(shade4(table, 0xac11), TABLE_NONE);
	assert_int_equal(shade4(table, 0xc0a8), TABLE_SOME);
	assert_int_equal(shade4(table, 0xc612), TABLE_SOME);
	addr_parse("fdff::1", &a);
	assert_int_equal(table_shade(table, true, a.bytes), TABLE_ALL);
	addr_parse("2001::1", &a);
	assert_int_equal(table_shade(table, true, a.bytes), TABLE_SOME);
	addr_parse("fe00::1", &a);
	assert_int_equal(table_shade(table, true, a.bytes), TABLE_NONE);
	table_free(&table);
}

/* The addresses at and just outside both ends of a prefix. */
static void
check_edges(const struct table *table, const struct table_entry *entries, size_t count,
    const struct prefix *prefix)
{
	struct addr first = prefix->addr, last = prefix->addr, a;
	unsigned bits = addr_bits(&first);
	int i;

	for (unsigned b = prefix->len; b < bits; b++)
		last.bytes[b / 8] |= (uint8_t)(0x80 >> b % 8);
	check(table, entries, count, &first);
	check(table, entries, count, &last);
	a = last;
	for (i = (int)bits / 8 - 1; i >= 0 && ++a.bytes[i] == 0; i--)
		;
	check(table, entries, count, &a);
	a = first;
	for (i = (int)bits / 8 - 1; i >= 0 && a.bytes[i]-- == 0; i--)
		;
	check(table, entries, count, &a);
}

static void
agrees_with_the_oracle(void **state)
{
	(void)state;
	for (uint64_t round = 0; round < 150; round++) {
		uint64_t seed = round * 7919 + 1;
		size_t count = rnd(&seed) % 200;
		unsigned dense = rnd(&seed) % 5;
		struct table_entry *entries = calloc(count + 1, sizeof *entries);
		struct table *table;

		for (size_t i = 0; i < count; i++) {
			struct addr a = random_addr(&seed, rnd(&seed) % 2 ? 4 : 6, dense);
			unsigned len = (unsigned)(rnd(&seed) % (addr_bits(&a) + 1));

			if (rnd(&seed) % 3 == 0)
				len = addr_bits(&a);
			if (len < 4 && rnd(&seed) % 8)
				len += 8;
			entries[i] = (struct table_entry){
			    .prefix = prefix_make(&a, len),
			    .port = rnd(&seed) % 4 ? 0 : (uint16_t)rnd(&seed),
			    .feed = rnd(&seed) % 40 ? (uint16_t)(rnd(&seed) % 5) : TABLE_ALLOW,
			    .line = (uint32_t)(rnd(&seed) % 50),
			    .allow = rnd(&seed) % 20 == 0,
			};
			if (i > 0 && rnd(&seed) % 10 == 0)
				entries[i] = entries[rnd(&seed) % i];
		}
		assert_int_equal(table_new(entries, count, &table), 0);
		for (size_t i = 0; i < count; i++)
			check_edges(table, entries, count, &entries[i].prefix);
		for (unsigned i = 0; i < 500; i++) {
			struct addr a = random_addr(&seed, i % 2 ? 4 : 6, dense);

			check(table, entries, count, &a);
		}
		table_free(&table);
		assert_null(table);
		free(entries);
	}
}

static void
survives_nasty_sets(void **state)
{
	struct table_entry entries[400];
	struct table *table;
	struct addr a4, a6;
	size_t n = 0;

	(void)state;
	addr_parse("198.51.100.77", &a4);
	addr_parse("2001:db8:1:2:3:4:5:6", &a6);
	for (unsigned len = 0; len <= 32; len++)
		entries[n++] = (struct table_entry){.prefix = prefix_make(&a4, len), .line = len};
	for (unsigned len = 0; len <= 128; len++)
		entries[n++] = (struct table_entry){.prefix = prefix_make(&a6, len), .line = len};
	addr_parse("255.255.255.255", &a4);
	addr_parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &a6);
	for (unsigned len = 24; len <= 32; len++)
		entries[n++] = (struct table_entry){.prefix = prefix_make(&a4, len), .line = len};
	for (unsigned len = 100; len <= 128; len++)
		entries[n++] = (struct table_entry){.prefix = prefix_make(&a6, len), .line = len};
	entries[n++] = entry("0.0.0.0", 1, 1, false);
	entries[n++] = entry("::", 1, 1, false);
	/* Neighbours that touch, in one /24 and across its end. */
	for (unsigned i = 0; i < 40; i++) {
		char text[32];

		snprintf(text, sizeof text, "203.0.%u.%u", 113 + i / 20, i < 20 ? 236 + i : i - 20);
		entries[n++] = entry(text, (uint16_t)(i % 3), i, false);
	}
	assert_int_equal(table_new(entries, n, &table), 0);
	for (size_t i = 0; i < n; i++)
		check_edges(table, entries, n, &entries[i].prefix);
	table_free(&table);
}

static void
allow_beats_a_longer_block(void **state)
{
	struct table_entry entries[] = {
	    entry("198.51.100.0/24", TABLE_ALLOW, 1, false),
	    entry("198.51.100.9", 0, 7, false),
	    entry("198.51.0.0/16", 1, 8, false),
	    entry("2001:db8::/32", 3, 2, true),
	    entry("2001:db8:5::/48", 0, 9, false),
	    entry("203.0.113.9", 0, 10, false),
	    entry("203.0.113.9", 3, 3, true),
	};
	struct table *table;
	struct table_stats stats;

	(void)state;
	assert_int_equal(table_new(entries, 7, &table), 0);
	assert_int_equal(find(table, "198.51.100.9"), 0);
	assert_int_equal(find(table, "198.51.100.10"), 0);
	assert_int_not_equal(find(table, "198.51.101.9"), 0);
	assert_int_equal(find(table, "2001:db8:5::1"), 0);
	assert_int_equal(find(table, "203.0.113.9"), 0);
	table_stats(table, &stats);
	assert_int_equal(stats.entries4, 5);
	assert_int_equal(stats.entries6, 2);
	assert_int_equal(stats.sets, 6);
	table_free(&table);
}

static void
nothing_is_no_match(void **state)
{
	struct table *table;
	struct addr none = {0};
	bool allowed;

	(void)state;
	assert_int_equal(table_new(NULL, 0, &table), 0);
	assert_int_equal(find(table, "0.0.0.0"), 0);
	assert_int_equal(find(table, "255.255.255.255"), 0);
	assert_int_equal(find(table, "::"), 0);
	assert_int_equal(table_find(table, &none), 0);
	assert_int_equal(table_explain(table, &none, &allowed), 0);
	assert_int_equal(table_set(table, 0, NULL, 0), 0);
	table_free(&table);
	table_free(&table);
}

/* The real lists' file, read; false with a word where it is missing. */
static bool
real_list(const char *name, uint16_t feed, struct table_entry **entries, size_t *count)
{
	const char *data = getenv("TEST_DATA");
	char path[512], error[FORMAT_ERROR_MAX], *body;
	struct format_list list;
	size_t size;
	FILE *file;

	snprintf(path, sizeof path, "%s/blocklists/%s", data ? data : "../shared/data", name);
	file = fopen(path, "rb");
	if (!file) {
		print_message("# no %s: set TEST_DATA\n", path);
		return false;
	}
	body = malloc((size_t)16 << 20);
	size = fread(body, 1, (size_t)16 << 20, file);
	fclose(file);
	assert_int_equal(format_read(FORMAT_AUTO, body, size, NULL, &list, error), 0);
	*entries = realloc(*entries, (*count + list.count + 1) * sizeof **entries);
	assert_non_null(*entries);
	for (size_t i = 0; i < list.count; i++)
		(*entries)[(*count)++] = (struct table_entry){.prefix = list.entries[i].prefix,
		    .port = list.entries[i].port,
		    .feed = feed,
		    .line = list.entries[i].line};
	format_list_done(&list);
	free(body);
	return true;
}

static void
agrees_with_the_oracle_on_real_lists(void **state)
{
	static const char *const names[] = {"spamhaus-drop-2024.txt", "spamhaus-edrop-2024.txt",
	    "spamhaus-dropv6-2024.txt", "firehol_level1-2020.netset", "dshield-2026.txt",
	    "bitwire-outbound-networks.txt", "ipsum.txt", "country-all-ipv6.cidr"};
	struct table_entry *entries = NULL;
	struct table_stats stats;
	struct table *table;
	uint64_t seed = 4;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!real_list(names[i], (uint16_t)i, &entries, &count)) {
			free(entries);
			skip();
		}
	/* As one says of the whole: an allow-list in between. */
	for (size_t i = 0; i < count; i += 1000)
		entries[i].allow = true;
	assert_int_equal(table_new(entries, count, &table), 0);
	table_stats(table, &stats);
	assert_int_equal(stats.entries4 + stats.entries6, count);
	/* Where something begins or ends, and anywhere. */
	for (size_t i = 0; i < 60; i++) {
		struct addr a = random_addr(&seed, i % 2 ? 4 : 6, 0);

		check_edges(table, entries, count, &entries[rnd(&seed) % count].prefix);
		check(table, entries, count, &a);
	}
	table_free(&table);
	free(entries);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(agrees_with_the_oracle),
	    cmocka_unit_test(survives_nasty_sets),
	    cmocka_unit_test(shades_of_slash_16),
	    cmocka_unit_test(allow_beats_a_longer_block),
	    cmocka_unit_test(nothing_is_no_match),
	    cmocka_unit_test(agrees_with_the_oracle_on_real_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
