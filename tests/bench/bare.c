/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What could hardly be done with less; see bare.h. */
#include "tests/bench/bare.h"

#include <endian.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64
#define DATAGRAM_MAX 2048

static inline uint32_t
get32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, 4);
	return be32toh(value);
}

static inline uint16_t
get16(const uint8_t *at)
{
	uint16_t value;
	memcpy(&value, at, 2);
	return be16toh(value);
}

static inline size_t
bare_header(const uint8_t *at, const uint8_t *end, struct bare_tuple *tuple)
{
	const uint8_t *ports;
	if (end - at < 14)
		return 0;
	uint16_t type = get16(at + 12);
	at += 14;
	while (type == 0x8100 || type == 0x88a8) {
		if (end - at < 4)
			return 0;
		type = get16(at + 2);
		at += 4;
	}
	if (type == 0x0800) {
		if (end - at < 20)
			return 0;
		memcpy(tuple->src, at + 12, 4);
		memcpy(tuple->dst, at + 16, 4);
		tuple->proto = at[9];
		tuple->family = 4;
		ports = at + (at[0] & 15) * 4;
	} else if (type == 0x86dd) {
		if (end - at < 40)
			return 0;
		memcpy(tuple->src, at + 8, 16);
		memcpy(tuple->dst, at + 24, 16);
		tuple->proto = at[6];
		tuple->family = 6;
		ports = at + 40;
	} else
		return 0;
	tuple->src_port = tuple->dst_port = 0;
	if ((tuple->proto == 6 || tuple->proto == 17) && end - ports >= 4) {
		tuple->src_port = get16(ports);
		tuple->dst_port = get16(ports + 2);
	}
	return 1;
}

size_t
bare_decode(const uint8_t *bytes, size_t length, struct bare_tuple *tuples, size_t max)
{
	const uint8_t *at = bytes, *end = bytes + length;
	size_t count = 0;
	if (length < 40 || get32(at) != 5)
		return 0;
	at += get32(at + 4) == 1 ? 28 : 40;
	for (uint32_t samples = get32(at - 4); samples > 0 && end - at >= 8; samples--) {
		uint32_t tag = get32(at), size = get32(at + 4);
		if (size > (size_t)(end - at) - 8)
			break;
		const uint8_t *next = at + 8 + size, *record = at + (tag == 3 ? 52 : 40);
		at = next;
		if ((tag != 1 && tag != 3) || record > next)
			continue;
		for (uint32_t records = get32(record - 4); records > 0 && next - record >= 8;
		     records--) {
			tag = get32(record), size = get32(record + 4);
			if (size > (size_t)(next - record) - 8)
				break;
			if (tag == 1 && size >= 16 && count < max) {
				uint32_t header = get32(record + 20);
				count += bare_header(record + 24,
				    record + 24 + (header < size - 16 ? header : size - 16),
				    &tuples[count]);
			}
			record += 8 + size;
		}
	}
	return count;
}

void *
bare_sink_run(void *user)
{
	struct bare_sink *sink = user;
	static _Thread_local uint8_t buffers[BATCH][DATAGRAM_MAX];
	struct mmsghdr messages[BATCH] = {0};
	struct iovec vectors[BATCH];
	for (unsigned i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){buffers[i], DATAGRAM_MAX};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (!atomic_load_explicit(&sink->over, memory_order_relaxed)) {
		int count = recvmmsg(sink->fd, messages, BATCH, MSG_DONTWAIT, NULL);
		struct pollfd poll_fd = {.fd = sink->fd, .events = POLLIN};
		if (count > 0)
			atomic_fetch_add_explicit(
			    &sink->datagrams, (uint64_t)count, memory_order_relaxed);
		if (count < BATCH)
			poll(&poll_fd, 1, 20);
	}
	return NULL;
}
