/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rules/entry.h"
#include "agent/rules/target.h"

static struct filter_match
match_of(const char *src, const char *dst)
{
	struct filter_match m;

	memset(&m, 0, sizeof m);
	prefix_parse(src, &m.src, NULL);
	prefix_parse(dst, &m.dst, NULL);
	return m;
}

static struct entry
build(const struct filter_match *m, const char *tag)
{
	struct entry_target target;
	struct entry e;

	target_nflog(6343, "finderscope:17:0", &target);
	assert_int_equal(entry_build(m, "swp+", tag, &target, &e), 0);
	return e;
}

static void
tags(void **state)
{
	static const char *const others[] = {"", "finderscope:", "finderscope:1",
	    "finderscope:1:", "finderscope::1", "finderscope:0:1", "finderscope:01:1",
	    "finderscope:1:01", "finderscope:+1:1", "finderscope: 1:1", "finderscope:1:1 ",
	    "finderscope:1:256", "finderscope:18446744073709551616:1", "finderscope:1:1:1",
	    "Finderscope:1:1", "finderscope:1:99999999999999999999999999999999999999"};
	char tag[ENTRY_TAG_MAX];
	uint64_t capture;
	unsigned rule;

	(void)state;
	assert_string_equal(
	    entry_tag(UINT64_MAX, 255, tag), "finderscope:18446744073709551615:255");
	assert_true(entry_read_tag(tag, sizeof tag, &capture, &rule));
	assert_true(capture == UINT64_MAX && rule == 255);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (entry_read_tag(others[i], strlen(others[i]), &capture, &rule))
			fail_msg("\"%s\" was taken", others[i]);
	/* The size is the end as well. */
	assert_true(entry_read_tag("finderscope:1:12", 15, &capture, &rule));
	assert_int_equal(rule, 1);
}

/* The layout as the kernel's headers have it. */
static void
a_rule_of_ipv4(void **state)
{
	struct filter_match m = match_of("10.1.0.0/20", "198.51.100.9");
	struct entry e;
	uint64_t capture;
	unsigned rule;

	(void)state;
	m.has_proto = true;
	m.proto = 6;
	m.dst_port = 443;
	e = build(&m, "finderscope:17:0");
	const struct ipt_entry *k = (const void *)e.bytes;
	assert_int_equal(k->ip.src.s_addr, htonl(0x0A010000));
	assert_int_equal(k->ip.smsk.s_addr, htonl(0xFFFFF000));
	assert_int_equal(k->ip.dst.s_addr, htonl(0xC6336409));
	assert_int_equal(k->ip.dmsk.s_addr, 0xFFFFFFFF);
	assert_int_equal(k->ip.proto, 6);
	assert_string_equal(k->ip.iniface, "swp+");
	assert_memory_equal(k->ip.iniface_mask, "\xff\xff\xff\0\0", 5);
	assert_int_equal(k->next_offset, e.size);
	assert_int_equal(e.size % 8, 0);
	assert_true(k->counters.pcnt == 0 && k->counters.bcnt == 0);
	const struct xt_entry_match *tcp = (const void *)k->elems;
	assert_string_equal(tcp->u.user.name, "tcp");
	const struct xt_entry_target *t = (const void *)(e.bytes + k->target_offset);
	assert_string_equal(t->u.user.name, "NFLOG");
	assert_int_equal(t->u.target_size, e.size - k->target_offset);
	assert_true(entry_find_tag(4, e.bytes, e.size, &capture, &rule));
	assert_true(capture == 17 && rule == 0);
	m.iface[0] = 'x';
	e = build(&m, NULL);
	k = (const void *)e.bytes;
	assert_string_equal(k->ip.iniface, "x");
	assert_memory_equal(k->ip.iniface_mask, "\xff\xff\0", 3);
	assert_false(entry_find_tag(4, e.bytes, e.size, &capture, &rule));
}

static void
a_rule_of_ipv6(void **state)
{
	struct filter_match m = match_of("2001:db8::/61", "::/0");
	struct entry e;

	(void)state;
	m.has_proto = true;
	m.proto = 58;
	e = build(&m, "finderscope:17:0");
	const struct ip6t_entry *k = (const void *)e.bytes;
	assert_memory_equal(&k->ipv6.smsk, "\xff\xff\xff\xff\xff\xff\xff\xf8\0\0\0\0\0\0\0\0", 16);
	assert_memory_equal(&k->ipv6.dmsk, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(k->ipv6.proto, 58);
	assert_true(k->ipv6.flags & IP6T_F_PROTO);
	m.has_proto = false;
	m.proto = 0;
	e = build(&m, NULL);
	k = (const void *)e.bytes;
	assert_false(k->ipv6.flags & IP6T_F_PROTO);
}

static void
what_cannot_be_built(void **state)
{
	struct filter_match m = match_of("10.1.0.2", "2001:db8::1");
	struct entry_target target;
	struct entry e;

	(void)state;
	target_nflog(1, "x", &target);
	assert_int_equal(entry_build(&m, "swp+", NULL, &target, &e), -EAFNOSUPPORT);
	m = match_of("10.1.0.2", "10.1.0.3");
	m.src.addr.family = m.dst.addr.family = 0;
	assert_int_equal(entry_build(&m, "swp+", NULL, &target, &e), -EAFNOSUPPORT);
	m = match_of("10.1.0.2", "10.1.0.3");
	target.size = ENTRY_TARGET_DATA_MAX + 1;
	assert_int_equal(entry_build(&m, "swp+", NULL, &target, &e), -E2BIG);
	target.size = ENTRY_TARGET_DATA_MAX;
	assert_int_equal(entry_build(&m, "swp+", "finderscope:1:1", &target, &e), 0);
	m.has_proto = true;
	m.proto = 1;
	m.src_port = 5;
	assert_int_equal(entry_build(&m, "swp+", NULL, &target, &e), -EPROTONOSUPPORT);
}

static void
same_and_not(void **state)
{
	struct filter_match m = match_of("10.1.0.2", "198.51.100.9"), other;
	struct entry a = build(&m, "finderscope:17:0"), b = a;

	(void)state;
	/* Counters, and what the kernel keeps for itself, make no difference. */
	struct ipt_entry *k = (void *)b.bytes;
	k->counters.pcnt = 99;
	k->comefrom = 7;
	k->nfcache = 3;
	assert_true(entry_same(4, a.bytes, a.size, b.bytes, b.size, true));
	assert_true(entry_hash(4, a.bytes, a.size, "", true, 1) ==
		    entry_hash(4, b.bytes, b.size, "", true, 1));
	struct entry_counters c = entry_counters(4, b.bytes, b.size);
	assert_true(c.packets == 99 && c.bytes == 0);
	/* The target's data count where the kernel shows them as they are. */
	b = a;
	b.bytes[b.size - 60] ^= 1;
	assert_true(entry_same(4, a.bytes, a.size, b.bytes, b.size, false));
	assert_false(entry_same(4, a.bytes, a.size, b.bytes, b.size, true));
	other = m;
	other.dst.addr.bytes[3]++;
	b = build(&other, "finderscope:17:0");
	assert_false(entry_same(4, a.bytes, a.size, b.bytes, b.size, false));
	b = build(&m, "finderscope:17:1");
	assert_false(entry_same(4, a.bytes, a.size, b.bytes, b.size, false));
	b = build(&m, NULL);
	assert_false(entry_same(4, a.bytes, a.size, b.bytes, b.size, false));
	assert_true(entry_hash(4, a.bytes, a.size, "", true, 1) !=
		    entry_hash(4, b.bytes, b.size, "", true, 1));
	assert_true(entry_hash(4, a.bytes, a.size, "", true, 1) !=
		    entry_hash(4, a.bytes, a.size, "", true, 2));
}

/* A verdict's number is an offset in the table: it moves, the rule stays the same. */
static void
a_verdict_by_its_name(void **state)
{
	struct ipt_entry entry = {0};
	struct xt_standard_target target = {0};
	enum { SIZE = sizeof entry + sizeof target };
	_Alignas(struct ipt_entry) uint8_t a[SIZE], b[SIZE];

	(void)state;
	entry.target_offset = sizeof entry;
	entry.next_offset = SIZE;
	target.target.u.target_size = sizeof target;
	target.verdict = 1000;
	memcpy(a, &entry, sizeof entry);
	memcpy(a + sizeof entry, &target, sizeof target);
	target.verdict = 2000;
	memcpy(b, &entry, sizeof entry);
	memcpy(b + sizeof entry, &target, sizeof target);
	assert_true(entry_is_standard(4, a, SIZE));
	assert_true(entry_hash(4, a, SIZE, "mychain", true, 1) ==
		    entry_hash(4, b, SIZE, "mychain", true, 1));
	assert_true(
	    entry_hash(4, a, SIZE, "mychain", true, 1) != entry_hash(4, b, SIZE, "other", true, 1));
	char text[ENTRY_TEXT_MAX];
	assert_string_equal(entry_describe(4, a, SIZE, "mychain", text), "-j mychain");
}

static void
in_words(void **state)
{
	struct filter_match m = match_of("10.1.0.0/24", "198.51.100.9");
	char text[ENTRY_TEXT_MAX];

	(void)state;
	m.has_proto = true;
	m.proto = 17;
	m.dst_port = 53;
	struct entry e = build(&m, "finderscope:17:0");
	entry_describe(4, e.bytes, e.size, "", text);
	assert_non_null(strstr(text, "-s 10.1.0.0/24"));
	assert_non_null(strstr(text, "-d 198.51.100.9"));
	assert_non_null(strstr(text, "-i swp+"));
	assert_non_null(strstr(text, "finderscope:17:0"));
	assert_non_null(strstr(text, "-j NFLOG"));
}

/* Offsets that lead anywhere: no read leaves the block, nothing of ours is seen in it. */
static void
strange_bytes(void **state)
{
	struct filter_match m = match_of("10.1.0.2", "198.51.100.9");
	struct entry e = build(&m, "finderscope:17:0");
	unsigned seed = 6;
	char text[ENTRY_TEXT_MAX];
	uint64_t capture;
	unsigned rule;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		size_t size = (unsigned)rand_r(&seed) % (e.size + 1U);
		uint8_t *p = malloc(size + (size == 0));

		memcpy(p, e.bytes, size);
		for (unsigned k = (unsigned)rand_r(&seed) % 4; k && size; k--)
			p[(unsigned)rand_r(&seed) % size] = (uint8_t)rand_r(&seed);
		for (unsigned family = 4; family <= 6; family += 2) {
			(void)entry_find_tag(family, p, size, &capture, &rule);
			(void)entry_same(family, p, size, e.bytes, e.size, true);
			(void)entry_same(family, e.bytes, e.size, p, size, true);
			(void)entry_hash(family, p, size, "ACCEPT", i % 2, i);
			(void)entry_counters(family, p, size);
			assert_true(strlen(entry_describe(family, p, size, "ACCEPT", text)) <
				    ENTRY_TEXT_MAX);
		}
		free(p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tags),
	    cmocka_unit_test(a_rule_of_ipv4),
	    cmocka_unit_test(a_rule_of_ipv6),
	    cmocka_unit_test(what_cannot_be_built),
	    cmocka_unit_test(same_and_not),
	    cmocka_unit_test(a_verdict_by_its_name),
	    cmocka_unit_test(in_words),
	    cmocka_unit_test(strange_bytes),
	};

	return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
