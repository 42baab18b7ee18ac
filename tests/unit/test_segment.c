/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/mirror/segment.h"

/* A TCP packet with `data` bytes that count up; its headers' sizes as given. */
static size_t
make(uint8_t *p, unsigned version, size_t ip, size_t tcp, size_t data)
{
	size_t total = ip + tcp + data;

	memset(p, 0, ip + tcp);
	if (version == 4) {
		p[0] = (uint8_t)(0x40 | ip / 4);
		p[2] = (uint8_t)(total >> 8);
		p[3] = (uint8_t)total;
		p[4] = 0x12;
		p[5] = 0x34;
		p[8] = 63;
		p[9] = 6;
		memcpy(p + 12, "\x0a\x01\x00\x02\xc6\x33\x64\x09", 8);
	} else {
		p[0] = 0x60;
		p[4] = (uint8_t)((tcp + data) >> 8);
		p[5] = (uint8_t)(tcp + data);
		p[6] = 6;
		p[8] = p[24] = 0x20;
		p[39] = 9;
	}
	memcpy(p + ip + 4, "\xff\xff\xff\x00", 4); /* the sequence wraps soon */
	p[ip + 12] = (uint8_t)(tcp / 4 << 4);
	p[ip + 13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR ACK PSH FIN */
	for (size_t i = 0; i < data; i++)
		p[ip + tcp + i] = (uint8_t)(i * 7 + i / 256);
	return total;
}

static unsigned
sum16(const uint8_t *p, size_t n, unsigned acc)
{
	for (size_t i = 0; i < n; i++)
		acc += (unsigned)p[i] << (i % 2 ? 0 : 8);
	while (acc >> 16)
		acc = (acc & 0xFFFF) + (acc >> 16);
	return acc;
}

/* The checksums a receiver would compute: right when all ones come out. */
static void
check_sums(const struct segment *s, unsigned version, size_t ip)
{
	unsigned tcp_size = (unsigned)(s->headers_size - ip + s->data_size);
	uint8_t whole[2048];

	if (version == 4)
		assert_int_equal(sum16(s->headers, ip, 0), 0xFFFF);
	memcpy(whole, s->headers + ip, s->headers_size - ip);
	memcpy(whole + s->headers_size - ip, s->data, s->data_size);
	unsigned acc = version == 4 ? sum16(s->headers + 12, 8, 0) : sum16(s->headers + 8, 32, 0);
	acc += tcp_size + 6;
	assert_int_equal(sum16(whole, tcp_size, acc), 0xFFFF);
}

static void
cut_and_compare(unsigned version, size_t ip, size_t tcp, size_t data, size_t mtu)
{
	static uint8_t p[70000], again[70000];
	size_t total = make(p, version, ip, tcp, data), offset = 0, n = 0, done = 0;
	struct segment s;

	assert_true(segment_can(p, total, mtu));
	while (segment_next(p, total, mtu, &offset, &s)) {
		bool last = done + s.data_size == data;
		const uint8_t *t = s.headers + ip;
		uint32_t sequence = (uint32_t)t[4] << 24 | t[5] << 16 | t[6] << 8 | t[7];

		assert_int_equal(s.headers_size, ip + tcp);
		assert_true(s.headers_size + s.data_size <= mtu);
		if (!last)
			assert_int_equal(s.headers_size + s.data_size, mtu);
		assert_int_equal(sequence, (uint32_t)(0xFFFFFF00U + done));
		assert_int_equal(t[13], 0x10 | (done == 0 ? 0x80 : 0) | (last ? 0x09 : 0));
		if (version == 4) {
			assert_int_equal(
			    s.headers[2] << 8 | s.headers[3], s.headers_size + s.data_size);
			assert_int_equal(s.headers[4] << 8 | s.headers[5], 0x1234 + n);
		} else {
			assert_int_equal(s.headers[4] << 8 | s.headers[5], tcp + s.data_size);
		}
		check_sums(&s, version, ip);
		memcpy(again + done, s.data, s.data_size);
		done += s.data_size;
		n++;
	}
	assert_int_equal(done, data);
	assert_memory_equal(again, p + ip + tcp, data);
	assert_int_equal(n, (data + mtu - ip - tcp - 1) / (mtu - ip - tcp));
}

static void
makes_up_the_packet(void **state)
{
	(void)state;
	cut_and_compare(4, 20, 20, 60000, 1500);
	cut_and_compare(4, 60, 60, 30001, 1500);
	cut_and_compare(4, 20, 32, 1460 * 2, 1500);
	cut_and_compare(4, 20, 20, 1461, 1500);
	cut_and_compare(4, 20, 20, 5000, 41);
	cut_and_compare(6, 40, 20, 60000, 1500);
	cut_and_compare(6, 40, 32, 2001, 1280);
}

static void
leaves_others_alone(void **state)
{
	static uint8_t p[4000];
	size_t n = make(p, 4, 20, 20, 3000);

	(void)state;
	assert_true(segment_can(p, n, 1500));
	assert_false(segment_can(p, n, n));
	assert_false(segment_can(p, n, 40));
#define NOT(change)                                                                                \
	do {                                                                                       \
		n = make(p, 4, 20, 20, 3000);                                                      \
		change;                                                                            \
		assert_false(segment_can(p, n, 1500));                                             \
	} while (0)
	NOT(p[9] = 17);
	NOT(p[6] = 0x20);           /* more fragments */
	NOT(p[7] = 1);              /* a later fragment */
	NOT(p[0] = 0x44);           /* an IP header of 16 bytes */
	NOT(p[0] = 0x55);           /* version 5 */
	NOT(p[32] = 0x40);          /* a TCP header of 16 bytes */
	NOT(p[2] = p[3] = 0xFF);    /* longer than what is there */
	NOT((p[2] = 0, p[3] = 30)); /* no room for TCP */
	NOT(n = 19);
#undef NOT
	n = make(p, 6, 40, 20, 3000);
	p[6] = 44;
	assert_false(segment_can(p, n, 1500));
	n = make(p, 6, 40, 20, 3000);
	assert_false(segment_can(p, 39, 30));
	/* A trailer is not data. */
	n = make(p, 4, 20, 20, 1400);
	assert_false(segment_can(p, n + 500, 1500));
	/* Larger than the length field can say: it is 0. */
	n = make(p, 4, 20, 20, 3000);
	p[2] = p[3] = 0;
	assert_true(segment_can(p, n, 1500));
}

/* What a host leaves to its network card: the pseudo-header's sum in the checksum's place. */
static void
completes_what_was_left_open(void **state)
{
	static const struct {
		unsigned version;
		size_t ip, tcp, data;
	} cases[] = {
	    {4, 20, 20, 0}, {4, 20, 20, 1}, {4, 60, 60, 1000}, {6, 40, 20, 77}, {6, 40, 32, 1460}};
	static uint8_t p[2048];

	(void)state;
	for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
		size_t ip = cases[i / 2].ip, total = make(p, cases[i / 2].version, ip,
						 cases[i / 2].tcp, cases[i / 2].data);
		unsigned version = cases[i / 2].version, proto = i % 2 ? 17 : 6;
		size_t at = ip + (i % 2 ? 6 : 16);
		unsigned pseudo = sum16(p + (version == 4 ? 12 : 8), version == 4 ? 8 : 32,
		    proto + (unsigned)(total - ip));

		p[version == 4 ? 9 : 6] = (uint8_t)proto;
		p[at] = (uint8_t)(pseudo >> 8);
		p[at + 1] = (uint8_t)pseudo;
		/* One that was cut has no sum that could be had. */
		assert_false(segment_complete(p, total - 1));
		if (version == 4) {
			p[6] = 0x20; /* a fragment */
			assert_false(segment_complete(p, total));
			p[6] = 0;
		}
		assert_true(segment_complete(p, total));
		assert_int_equal(sum16(p + ip, total - ip, pseudo), 0xFFFF);
		/* A right one is right; one that somebody broke stays broken. */
		assert_false(segment_complete(p, total));
		p[at] ^= 0x55;
		assert_false(segment_complete(p, total));
	}
	make(p, 4, 20, 20, 0);
	p[9] = 1;
	assert_false(segment_complete(p, 40));
	assert_false(segment_complete(p, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(makes_up_the_packet),
	    cmocka_unit_test(leaves_others_alone),
	    cmocka_unit_test(completes_what_was_left_open),
	};

	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
