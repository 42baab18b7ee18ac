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

/* Where the next sample begins; a value of its own, so that it stays in registers. */
struct quick {
	const uint8_t *at, *end;
	uint32_t left; /* samples announced and not yet read */
	uint32_t skipped;
};

struct quick_sample {
	const uint8_t *header;
	const uint8_t *fixed; /* the sample's own fields, behind its tag and length */
	uint64_t source;      /* type << 32 | index */
	uint32_t header_length;
	uint32_t sequence, drops;
	uint32_t word; /* 4 in an expanded sample, else 0: by how much what is behind the source is
			  moved */
};

/* A word as it lies in memory, to compare with QUICK_WORD(constant): nothing needs swapping. */
static inline uint32_t
quick_word(const uint8_t *bytes)
{
	uint32_t word;
	memcpy(&word, bytes, sizeof word);
	return word;
}
#define QUICK_WORD(value) htobe32(value)

/* The extended records that sflow_extended reads (1001 to 1003, 1012, 1023 to 1026, 1029, 1030):
 * those are not counted as skipped. */
static inline bool
quick_record_known(uint32_t tag)
{
	const uint32_t known = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 11 | 15u << 22 | 3u << 28;
	return tag - 1001 < 30 && (known >> (tag - 1001) & 1) != 0;
}

/*
 * The next sample, when it is a flow sample, compact or expanded, whose lengths and counts are all
 * right, with exactly one raw header and else extended records alone. Takes it off the datagram; to
 * count it by its type is the caller's.
 */
static inline __attribute__((always_inline)) bool
quick_sample_next(struct quick *quick, struct quick_sample *ret_sample)
{
	const uint8_t *at = quick->at, *header = NULL;
	size_t left = (size_t)(quick->end - at);
	if (QUICK_UNLIKELY(quick->left == 0 || left < 8 + 44 + 24))
		return false;
	uint32_t type = quick_word(at), length = cursor_load32(at + 4), odd = length, held = 0;
	if (QUICK_UNLIKELY((type | QUICK_WORD(2)) != QUICK_WORD(3) ||
			   (size_t)length - (44 + 24) > left - (8 + 44 + 24)))
		return false;
	/* An expanded sample has one word more in its source, and one in each of its two ports. */
	uint32_t word = type == QUICK_WORD(3) ? 4 : 0, skipped = 0;
	const uint8_t *fixed = at + 8, *end = fixed + length, *record = fixed + 32 + 3 * word;
	for (uint32_t count = cursor_load32(record - 4); count > 0; count--) {
		const uint8_t *body = record + 8;
		if (QUICK_UNLIKELY(body > end))
			return false;
		uint32_t tag = quick_word(record), size = cursor_load32(record + 4);
		odd |= size;
		record = body + size;
		if (QUICK_UNLIKELY(record > end))
			return false;
		if (tag == QUICK_WORD(1)) {
			if (QUICK_UNLIKELY(size < 16 || header != NULL))
				return false;
			header = body + 16;
			held = size - 16;
		} else {
			tag = be32toh(tag);
			if (QUICK_UNLIKELY(tag <= 4))
				return false;
			skipped += !quick_record_known(tag);
		}
	}
	if (QUICK_UNLIKELY(record != end || header == NULL || (odd & 3) != 0))
		return false;
	uint32_t announced = cursor_load32(header - 4);
	uint64_t source = (uint64_t)cursor_load32(fixed + 4) << 32 | cursor_load32(fixed + 8);
	ret_sample->header_length = announced < held ? announced : held;
	ret_sample->header = header;
	ret_sample->fixed = fixed;
	ret_sample->sequence = cursor_load32(fixed);
	ret_sample->source =
	    word != 0 ? source
		      : (source >> 24 & UINT64_C(0xff00000000)) | (source >> 32 & 0xffffff);
	ret_sample->drops = cursor_load32(fixed + 16 + word);
	ret_sample->word = word;
	quick->at = end;
	quick->left--;
	quick->skipped += skipped;
	return true;
}

static inline uint32_t
quick_protocol(const struct quick_sample *sample)
{
	return cursor_load32(sample->header - 16);
}

static inline uint32_t
quick_sampling_rate(const struct quick_sample *sample)
{
	return cursor_load32(sample->fixed + 8 + sample->word);
}

/* Protocols by what is behind them: nothing that is looked into (TCP, ICMP, ICMPv6, ESP), a tunnel
 * at some ports (UDP), a tunnel, or (0) something that the full decoder must look at. */
enum { QUICK_PLAIN = 1, QUICK_UDP, QUICK_IPV4, QUICK_IPV6, QUICK_GRE };
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
	bool v6;
};

/* An IP header of `type`, version 4 with five words or version 6: its kind of protocol, and its
 * pair. 0: the full decoder must look. Reads 48 bytes. */
static inline __attribute__((always_inline)) unsigned
quick_ip(const uint8_t *ip, uint16_t type, struct quick_pair *ret_pair)
{
	bool v6 = type == 0x86dd;
	if (QUICK_UNLIKELY(
		(type != 0x0800 && !v6) || (ip[0] & (v6 ? 0xf0 : 0xff)) != (v6 ? 0x60 : 0x45)))
		return 0;
	ret_pair->src = ip + (v6 ? 8 : 12);
	ret_pair->v6 = v6;
	unsigned kind = quick_protocols[ip[v6 ? 6 : 9]];
	if (kind == QUICK_UDP) {
		uint16_t port = cursor_load16(ip + (v6 ? 42 : 22));
		if (port != 4789 && port != 6081)
			return QUICK_PLAIN;
	}
	return kind;
}

/*
 * What an Ethernet frame holds, tagged once or not: 1 and *ret_outer for one address pair and no
 * more; 0 and *ret_kind, *ret_outer for something that quick_inner may know; 0 and no kind for
 * anything else.
 */
static inline __attribute__((always_inline)) unsigned
quick_frame(const uint8_t *frame, size_t length, struct quick_pair *ret_outer, unsigned *ret_kind)
{
	*ret_kind = 0;
	if (QUICK_UNLIKELY(length < 18 + 48))
		return 0;
	const uint8_t *ip = frame + (cursor_load16(frame + 12) == 0x8100 ? 18 : 14);
	*ret_kind = quick_ip(ip, cursor_load16(ip - 2), ret_outer);
	return *ret_kind == QUICK_PLAIN;
}

/*
 * The pair inside: IP in IP, GRE without options, VXLAN round an untagged frame; the outer packet
 * not a fragment, the inner one with one pair and no more, both whole. False: the full decoder.
 */
static inline bool
quick_inner(
    const uint8_t *end, const struct quick_pair *outer, unsigned kind, struct quick_pair *ret_inner)
{
	const uint8_t *ip = outer->src - (outer->v6 ? 8 : 12), *at = ip + (outer->v6 ? 40 : 20);
	uint32_t total = cursor_load16(ip + (outer->v6 ? 4 : 2));
	if (!outer->v6 && (cursor_load16(ip + 6) & 0x3fff) != 0)
		return false;
	/* As in packet.c: a length of 0 limits nothing. */
	const uint8_t *limit = outer->v6 ? at + total : ip + total;
	if (total != 0 && limit < end)
		end = limit;
	if (end < at + 30)
		return false;
	uint16_t type = kind == QUICK_IPV4 ? 0x0800 : 0x86dd;
	if (kind == QUICK_GRE) {
		if (cursor_load16(at) != 0)
			return false;
		type = cursor_load16(at + 2);
		at += 4;
	} else if (kind == QUICK_UDP) {
		if (cursor_load16(at + 2) != 4789 || (at[8] & 0x08) == 0)
			return false;
		type = cursor_load16(at + 28);
		at += 30;
	}
	return end >= at + (type == 0x0800 ? 28 : 48) &&
	       quick_ip(at, type, ret_inner) == QUICK_PLAIN;
}

#endif
