/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The short way through what nearly every datagram holds: flow samples with one raw header, of an
 * Ethernet frame with an IP packet that is no tunnel. Each function gives exactly what the full
 * decoders (sflow.c, packet.c) would, or says no and has changed nothing; then those are asked, and
 * everything that is odd, bad or rare is theirs. tests/fuzz/fuzz_glance.c holds the two ways
 * against each other. Inlined, without a branch on what differs from sample to sample where that
 * can be.
 */
#ifndef CONTROLLER_RECEIVE_QUICK_H
#define CONTROLLER_RECEIVE_QUICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/receive/cursor.h"
#include "controller/receive/packet.h"
#include "controller/receive/sflow.h"

#define QUICK_LIKELY(x) __builtin_expect(!!(x), 1)
#define QUICK_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Where the next sample begins; a value of its own, so that it stays in registers. How many more
 * there may be is the caller's to know. */
struct quick {
	const uint8_t *at, *end;
	uint32_t skipped; /* records of no use */
};

struct quick_sample {
	const uint8_t *header;
	const uint8_t *fixed; /* the sample's own fields, behind its tag and length */
	uint64_t source;      /* quick_source */
	uint32_t header_length;
	uint32_t sequence, drops;
	uint32_t
	    expanded; /* 1: what is behind the source is a word further on than in a compact one */
};

/* Here the compiler forgets what it knows of a value: that it is 0 or 1, and that a branch on where
 * it came from would do as well. */
#define QUICK_FORGET(value) __asm__("" : "+r"(value))

/* A word as it lies in memory, to compare with QUICK_WORD(constant): nothing needs swapping. */
static inline uint32_t
quick_word(const uint8_t *bytes)
{
	uint32_t word;
	memcpy(&word, bytes, sizeof word);
	return word;
}
#define QUICK_WORD(value) htobe32(value)
static inline uint64_t
quick_pair_word(const uint8_t *bytes)
{
	uint64_t pair;
	memcpy(&pair, bytes, sizeof pair);
	return pair;
}
#define QUICK_PAIR(first, second) htobe64((uint64_t)(first) << 32 | (second))
static inline uint16_t
quick_half(const uint8_t *bytes)
{
	uint16_t half;
	memcpy(&half, bytes, sizeof half);
	return half;
}
#define QUICK_HALF(value) ((uint16_t)htobe16(value))

/* The extended records that sflow_extended reads (1001 to 1003, 1012, 1023 to 1026, 1029, 1030):
 * those are not counted as skipped. */
static inline bool
quick_record_known(uint32_t tag)
{
	const uint32_t known = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 11 | 15u << 22 | 3u << 28;
	return tag - 1001 < 30 && (known >> (tag - 1001) & 1) != 0;
}

/* The records of a sample: the raw header's body, and its size, among them. */
struct quick_records {
	const uint8_t *header;
	uint32_t size, skipped;
};

/* Any number of them, one a header, the others extended ones; of whole words all of them. */
static __attribute__((noinline, unused)) bool
quick_records_any(
    const uint8_t *record, const uint8_t *end, uint32_t count, struct quick_records *ret_records)
{
	struct quick_records records = {0};
	for (; count > 0; count--) {
		const uint8_t *body = record + 8;
		if (body > end)
			return false;
		uint32_t tag = cursor_load32(record), size = cursor_load32(record + 4);
		record = body + size;
		if (record > end || (size & 3) != 0)
			return false;
		if (tag == 1) {
			if (size < 16 || records.header != NULL)
				return false;
			records.header = body;
			records.size = size;
		} else {
			if (tag <= 4)
				return false;
			records.skipped += !quick_record_known(tag);
		}
	}
	*ret_records = records;
	return record == end && records.header != NULL;
}

/*
 * The header alone, or with an extended switch record before or behind it. Which of these differs
 * from sample to sample where exporters are mixed, and a branch that is guessed wrong costs more
 * than all of this. False: it is something else; nothing was written. From `record` to `end` are 24
 * bytes at least.
 */
static inline __attribute__((always_inline)) bool
quick_records_usual(
    const uint8_t *record, const uint8_t *end, uint32_t count, struct quick_records *ret_records)
{
	const uint64_t head_1001 = QUICK_PAIR(1001, 16);
	size_t before = quick_pair_word(record) == head_1001;
	QUICK_FORGET(before);
	size_t behind = (size_t)count - 1 - before;
	size_t other = quick_pair_word(end - 24) != head_1001;
	if (QUICK_UNLIKELY(behind > 1 || (behind & other) != 0))
		return false;
	const uint8_t *header = record + before * 24;
	ptrdiff_t whole = end - behind * 24 - header;
	if (QUICK_UNLIKELY(whole < 24 || quick_word(header) != QUICK_WORD(1) ||
			   (ptrdiff_t)cursor_load32(header + 4) != whole - 8))
		return false;
	*ret_records = (struct quick_records){header + 8, (uint32_t)whole - 8, 0};
	return true;
}

/* What names a source of samples: for one of type < 2^8 and index < 2^24 the word that stands in a
 * compact sample. */
static inline uint64_t
quick_source(uint32_t type, uint32_t index)
{
	return ((uint64_t)type << 24) + index;
}

/*
 * The next sample, when it is a flow sample, compact or expanded, whose lengths and counts are all
 * right, with exactly one raw header and else extended records alone. Takes it off the datagram; to
 * count it by its type is the caller's.
 */
static inline __attribute__((always_inline)) bool
quick_sample_next(struct quick *quick, struct quick_sample *ret_sample)
{
	const uint8_t *at = quick->at;
	size_t left = (size_t)(quick->end - at);
	if (QUICK_UNLIKELY(left < 8 + 44 + 24))
		return false;
	uint32_t type = quick_word(at), length = cursor_load32(at + 4);
	if (QUICK_UNLIKELY((type | QUICK_WORD(2)) != QUICK_WORD(3) || (length & 3) != 0 ||
			   (size_t)length - (44 + 24) > left - (8 + 44 + 24)))
		return false;
	/* An expanded sample has one word more in its source, and one in each of its two ports. */
	size_t expanded = type == QUICK_WORD(3);
	QUICK_FORGET(expanded);
	const uint8_t *fixed = at + 8, *end = fixed + length, *record = fixed + 32 + 12 * expanded;
	struct quick_records records;
	if (QUICK_UNLIKELY(
		!quick_records_usual(record, end, cursor_load32(record - 4), &records))) {
		/* One of its own, so that the other one may live in registers. */
		struct quick_records any;
		if (!quick_records_any(record, end, cursor_load32(record - 4), &any))
			return false;
		records = any;
		quick->skipped += any.skipped;
	}
	uint32_t announced = cursor_load32(records.header + 12), held = records.size - 16;
	uint64_t source = cursor_load32(fixed + 4);
	source = (source << 24 * expanded) + (cursor_load32(fixed + 8) & -(uint32_t)expanded);
	ret_sample->header_length = announced < held ? announced : held;
	ret_sample->header = records.header + 16;
	ret_sample->fixed = fixed;
	ret_sample->sequence = cursor_load32(fixed);
	ret_sample->source = source;
	ret_sample->drops = cursor_load32(fixed + 16 + 4 * expanded);
	ret_sample->expanded = (uint32_t)expanded;
	quick->at = end;
	return true;
}

static inline uint32_t
quick_protocol(const uint8_t *header)
{
	return cursor_load32(header - 16);
}

static inline uint32_t
quick_sampling_rate(const struct quick_sample *sample)
{
	return cursor_load32(sample->fixed + 8 + 4 * (size_t)sample->expanded);
}

/* Protocols by what is behind them: something that the full decoder must look at, nothing that is
 * looked into (TCP, ICMP, ICMPv6, ESP), a tunnel at some ports (UDP), a tunnel. */
enum { QUICK_ODD, QUICK_PLAIN = 2, QUICK_UDP, QUICK_IPV4, QUICK_IPV6, QUICK_GRE };
static const uint8_t quick_protocols[256] = {[6] = QUICK_PLAIN,
    [1] = QUICK_PLAIN,
    [58] = QUICK_PLAIN,
    [50] = QUICK_PLAIN,
    [17] = QUICK_UDP,
    [4] = QUICK_IPV4,
    [41] = QUICK_IPV6,
    [47] = QUICK_GRE};

/* An address pair: the destination right behind the source. */
struct quick_pair {
	const uint8_t *src;
	uint32_t v6; /* 1 or 0 */
};

/* What an IP header holds, version 4 with five words or version 6: its pair, and the kind of its
 * protocol, with QUICK_PLAIN for UDP at a port that is no tunnel's. Reads 48 bytes. `head` is its
 * Ethernet type with its first two bytes behind, as a word lies in memory. */
static inline __attribute__((always_inline)) unsigned
quick_ip(const uint8_t *ip, uint32_t head, struct quick_pair *ret_pair)
{
	uint32_t v4 = (head & QUICK_WORD(0xffffff00)) == QUICK_WORD(0x08004500);
	size_t v6 = (head & QUICK_WORD(0xfffff000)) == QUICK_WORD(0x86dd6000);
	QUICK_FORGET(v6);
	ret_pair->src = ip + 12 - 4 * v6;
	ret_pair->v6 = (uint32_t)v6;
	if (QUICK_UNLIKELY((v4 | v6) == 0))
		return QUICK_ODD;
	unsigned kind = quick_protocols[ip[9 - 3 * v6]];
	uint16_t port = quick_half(ip + 22 + 20 * v6);
	unsigned vxlan = port == QUICK_HALF(4789), geneve = port == QUICK_HALF(6081);
	return kind + (vxlan | geneve) - QUICK_PLAIN <= 1 ? QUICK_PLAIN : kind;
}

/* What an Ethernet frame holds, tagged once or not; QUICK_PLAIN: *ret_outer and no more. */
static inline __attribute__((always_inline)) unsigned
quick_frame(const uint8_t *frame, size_t length, struct quick_pair *ret_outer)
{
	if (QUICK_UNLIKELY(length < 18 + 48))
		return QUICK_ODD;
	size_t tagged = quick_half(frame + 12) == QUICK_HALF(0x8100);
	const uint8_t *ip = frame + 14 + 4 * tagged;
	return quick_ip(ip, quick_word(ip - 2), ret_outer);
}

/*
 * The pair inside what quick_frame said is no QUICK_PLAIN: IP in IP, GRE without options, VXLAN or
 * Geneve without options round an untagged frame; the outer packet not a fragment, the inner one
 * with one pair and no more, both whole. False: the full decoder.
 */
static inline bool
quick_inner(
    const uint8_t *end, const struct quick_pair *outer, unsigned kind, struct quick_pair *ret_inner)
{
	if (kind == QUICK_ODD)
		return false;
	const uint8_t *ip = outer->src - (outer->v6 ? 8 : 12), *at = ip + (outer->v6 ? 40 : 20);
	uint32_t total = cursor_load16(ip + (outer->v6 ? 4 : 2));
	if (!outer->v6 && (cursor_load16(ip + 6) & 0x3fff) != 0)
		return false;
	/* As in packet.c: a length of 0 limits nothing. */
	const uint8_t *limit = outer->v6 ? at + total : ip + total;
	if (total != 0 && limit < end)
		end = limit;
	if (end < at + 32)
		return false;
	uint32_t head =
	    QUICK_WORD((kind == QUICK_IPV4 ? 0x08000000u : 0x86dd0000u) | cursor_load16(at));
	if (kind == QUICK_GRE) {
		if (cursor_load16(at) != 0)
			return false;
		head = quick_word(at + 2);
		at += 4;
	} else if (kind == QUICK_UDP) {
		bool vxlan = cursor_load16(at + 2) == 4789;
		if (vxlan ? (at[8] & 0x08) == 0 : at[8] != 0 || cursor_load16(at + 10) != 0x6558)
			return false;
		head = quick_word(at + 28);
		at += 30;
	}
	bool v4 = (head & QUICK_WORD(0xffff0000)) == QUICK_WORD(0x08000000);
	return end >= at + (v4 ? 28 : 48) && quick_ip(at, head, ret_inner) == QUICK_PLAIN;
}

#endif
