/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/store/sha1.h"

#include <string.h>

#define BLOCK 64

static uint32_t
rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

static void
put32(uint8_t *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* FIPS 180-4, 4.1.1 and 4.2.1: a round's function with its constant. */
static uint32_t
round_function(unsigned t, uint32_t b, uint32_t c, uint32_t d)
{
	if (t < 20)
		return ((b & c) ^ (~b & d)) + UINT32_C(0x5a827999);
	if (t < 40)
		return (b ^ c ^ d) + UINT32_C(0x6ed9eba1);
	if (t < 60)
		return ((b & c) ^ (b & d) ^ (c & d)) + UINT32_C(0x8f1bbcdc);
	return (b ^ c ^ d) + UINT32_C(0xca62c1d6);
}

static void
block(uint32_t hash[5], const uint8_t bytes[BLOCK])
{
	uint32_t w[80], v[5];

	for (unsigned t = 0; t < 16; t++)
		w[t] = (uint32_t)bytes[4 * t] << 24 | (uint32_t)bytes[4 * t + 1] << 16 |
		       (uint32_t)bytes[4 * t + 2] << 8 | bytes[4 * t + 3];
	for (unsigned t = 16; t < 80; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	memcpy(v, hash, sizeof v);
	for (unsigned t = 0; t < 80; t++) {
		uint32_t next = rotate(v[0], 5) + round_function(t, v[1], v[2], v[3]) + v[4] + w[t];

		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotate(v[1], 30);
		v[1] = v[0];
		v[0] = next;
	}
	for (unsigned i = 0; i < 5; i++)
		hash[i] += v[i];
}

void
sha1(const void *bytes, size_t length, uint8_t ret_digest[SHA1_SIZE])
{
	uint32_t hash[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	const uint8_t *at = bytes;
	uint8_t last[2 * BLOCK] = {0};
	size_t rest = length % BLOCK, tail = rest + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
	uint64_t bits = (uint64_t)length * 8;

	for (size_t i = 0; i < length / BLOCK; i++)
		block(hash, at + i * BLOCK);
	/* 5.1.1: a 1 bit, zeros, the length. */
	if (rest > 0)
		memcpy(last, at + (length - rest), rest);
	last[rest] = 0x80;
	put32(last + tail - 8, (uint32_t)(bits >> 32));
	put32(last + tail - 4, (uint32_t)bits);
	for (size_t i = 0; i < tail; i += BLOCK)
		block(hash, last + i);
	for (unsigned i = 0; i < 5; i++)
		put32(ret_digest + 4 * i, hash[i]);
}
