/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/mirror/segment.h"

#include <netinet/in.h>
#include <string.h>

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

struct layout {
	unsigned version;
	size_t ip, tcp; /* header sizes */
	size_t total;   /* of the packet, by its own word */
};

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xFFFF);
}

static bool
read_layout(const uint8_t *p, size_t size, struct layout *l)
{
	if (size < 20)
		return false;
	l->version = p[0] >> 4;
	if (l->version == 4) {
		l->ip = (size_t)(p[0] & 15) * 4;
		/* A total length of 0: larger than the field can say (BIG TCP). */
		l->total = get16(p + 2) ? get16(p + 2) : size;
		if (l->ip < 20 || p[9] != IPPROTO_TCP || (get16(p + 6) & 0x3FFF))
			return false;
	} else if (l->version == 6 && size >= 40) {
		l->ip = 40;
		l->total = get16(p + 4) ? get16(p + 4) + (size_t)40 : size;
		if (p[6] != IPPROTO_TCP)
			return false;
	} else
		return false;
	if (l->total > size || l->total < l->ip + 20)
		return false;
	l->tcp = (size_t)(p[l->ip + 12] >> 4) * 4;
	return l->tcp >= 20 && l->ip + l->tcp <= l->total;
}

bool
segment_can(const uint8_t *packet, size_t size, size_t mtu)
{
	struct layout l;

	return size > mtu && read_layout(packet, size, &l) && l.total > mtu && mtu > l.ip + l.tcp &&
	       l.ip + l.tcp <= SEGMENT_HEADERS_MAX;
}

static uint32_t
sum(const uint8_t *p, size_t size, uint32_t acc)
{
	for (; size > 1; p += 2, size -= 2)
		acc += get16(p);
	if (size)
		acc += (uint32_t)p[0] << 8;
	return (acc & 0xFFFF) + (acc >> 16);
}

static unsigned
fold(uint32_t acc)
{
	while (acc >> 16)
		acc = (acc & 0xFFFF) + (acc >> 16);
	return ~acc & 0xFFFF;
}

/* RFC 9293, 3.1; RFC 8200, 8.1: over a pseudo-header of addresses, length and protocol. */
static void
put_checksum(const struct layout *l, struct segment *s)
{
	uint8_t *tcp = s->headers + l->ip;
	size_t addrs = l->version == 4 ? 12 : 8, addrs_size = l->version == 4 ? 8 : 32;
	uint32_t acc = sum(s->headers + addrs, addrs_size, 0);

	acc += (uint32_t)(l->tcp + s->data_size) + IPPROTO_TCP;
	put16(tcp + 16, 0);
	acc = sum(tcp, l->tcp, acc);
	put16(tcp + 16, fold(sum(s->data, s->data_size, acc)));
}

bool
segment_next(
    const uint8_t *packet, size_t size, size_t mtu, size_t *offset, struct segment *ret_segment)
{
	struct layout l;
	struct segment *s = ret_segment;

	if (!read_layout(packet, size, &l) || l.ip + l.tcp > SEGMENT_HEADERS_MAX ||
	    mtu <= l.ip + l.tcp)
		return false;
	size_t headers = l.ip + l.tcp, data = l.total - headers, room = mtu - headers;
	if (*offset >= data)
		return false;
	size_t n = data - *offset < room ? data - *offset : room;
	bool first = *offset == 0, last = *offset + n == data;
	memcpy(s->headers, packet, headers);
	s->headers_size = headers;
	s->data = packet + headers + *offset;
	s->data_size = n;
	uint8_t *tcp = s->headers + l.ip;
	put32(tcp + 4, get32(tcp + 4) + (uint32_t)*offset);
	/* As offloading network cards do: an end only at the end, a reduced window said once. */
	if (!last)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (!first)
		tcp[13] &= (uint8_t)~TCP_CWR;
	if (l.version == 4) {
		put16(s->headers + 2, (unsigned)(headers + n));
		put16(s->headers + 4, get16(packet + 4) + (unsigned)(*offset / room));
		put16(s->headers + 10, 0);
		put16(s->headers + 10, fold(sum(s->headers, l.ip, 0)));
	} else
		put16(s->headers + 4, (unsigned)(headers - 40 + n));
	put_checksum(&l, s);
	*offset += n;
	return true;
}

/* Where the transport header and its checksum are; false when there is none to complete. */
static bool
find_checksum(const uint8_t *p, size_t size, size_t *ret_header, size_t *ret_total, size_t *ret_at)
{
	unsigned version = size >= 20 ? p[0] >> 4 : 0, proto;

	if (version == 4) {
		*ret_header = (size_t)(p[0] & 15) * 4;
		*ret_total = get16(p + 2);
		proto = p[9];
		if (*ret_header < 20 || (get16(p + 6) & 0x3FFF))
			return false;
	} else if (version == 6 && size >= 40) {
		*ret_header = 40;
		*ret_total = get16(p + 4) + (size_t)40;
		proto = p[6];
	} else
		return false;
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return false;
	*ret_at = *ret_header + (proto == IPPROTO_TCP ? 16 : 6);
	return *ret_total <= size && *ret_total >= *ret_header + (proto == IPPROTO_TCP ? 20 : 8);
}

bool
segment_complete(uint8_t *packet, size_t size)
{
	size_t header, total, at;

	if (!find_checksum(packet, size, &header, &total, &at))
		return false;
	bool four = packet[0] >> 4 == 4, udp = at == header + 6;
	uint32_t acc = sum(packet + (four ? 12 : 8), four ? 8 : 32, 0);
	acc += (uint32_t)(total - header) + (udp ? IPPROTO_UDP : IPPROTO_TCP);
	/* A host's own sum that happens to be this one is completed to itself. */
	if (get16(packet + at) != (~fold(acc) & 0xFFFF))
		return false;
	unsigned whole = fold(sum(packet + header, total - header, 0));
	put16(packet + at, udp && whole == 0 ? 0xFFFF : whole);
	return true;
}
