/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams by hand; see forge.h. */
#include "tests/support/forge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/addr.h"

static uint8_t *
room(struct forge *forge, size_t length)
{
	if (length > FORGE_MAX - forge->length) {
		fprintf(stderr, "forge: %zu bytes more do not fit\n", length);
		abort();
	}
	uint8_t *at = forge->bytes + forge->length;
	forge->length += length;
	return at;
}

void
forge_bytes(struct forge *forge, const void *bytes, size_t length)
{
	memcpy(room(forge, length), bytes, length);
}

void
forge_zero(struct forge *forge, size_t length)
{
	memset(room(forge, length), 0, length);
}

void
forge_8(struct forge *forge, unsigned value)
{
	*room(forge, 1) = (uint8_t)value;
}

void
forge_16(struct forge *forge, unsigned value)
{
	forge_8(forge, value >> 8);
	forge_8(forge, value);
}

void
forge_32(struct forge *forge, uint32_t value)
{
	forge_16(forge, value >> 16);
	forge_16(forge, value & 0xffff);
}

void
forge_patch16(struct forge *forge, size_t offset, unsigned value)
{
	forge->bytes[offset] = (uint8_t)(value >> 8);
	forge->bytes[offset + 1] = (uint8_t)value;
}

void
forge_patch32(struct forge *forge, size_t offset, uint32_t value)
{
	forge_patch16(forge, offset, value >> 16);
	forge_patch16(forge, offset + 2, value & 0xffff);
}

void
forge_addr(struct forge *forge, const char *text)
{
	struct addr addr;
	if (addr_parse(text, &addr) < 0) {
		fprintf(stderr, "forge: \"%s\" is no address\n", text);
		abort();
	}
	forge_bytes(forge, addr.bytes, addr_bits(&addr) / 8);
}

void
forge_datagram(
    struct forge *forge, const char *agent, uint32_t sequence, uint32_t uptime, uint32_t samples)
{
	forge->length = 0;
	forge_32(forge, 5);
	forge_32(forge, strchr(agent, ':') != NULL ? 2 : 1);
	forge_addr(forge, agent);
	forge_32(forge, 0);
	forge_32(forge, sequence);
	forge_32(forge, uptime);
	forge_32(forge, samples);
}

size_t
forge_open(struct forge *forge, uint32_t tag)
{
	size_t mark = forge->length;
	forge_32(forge, tag);
	forge_32(forge, 0);
	return mark;
}

void
forge_close(struct forge *forge, size_t mark)
{
	forge_patch32(forge, mark + 4, (uint32_t)(forge->length - mark - 8));
}

void
forge_word_list(struct forge *forge, uint32_t tag, const uint32_t *words, size_t count)
{
	size_t mark = forge_open(forge, tag);

	for (size_t i = 0; i < count; i++)
		forge_32(forge, words[i]);
	forge_close(forge, mark);
}

void
forge_flow(struct forge *forge, uint32_t sequence, uint32_t records)
{
	forge_32(forge, sequence);
	forge_32(forge, 7);
	forge_32(forge, 1000);
	forge_32(forge, sequence * 1000);
	forge_32(forge, 0);
	forge_32(forge, 3);
	forge_32(forge, 4);
	forge_32(forge, records);
}

void
forge_expanded(struct forge *forge, uint32_t sequence, uint32_t records)
{
	forge_32(forge, sequence);
	forge_32(forge, 0);
	forge_32(forge, 7);
	forge_32(forge, 1000);
	forge_32(forge, sequence * 1000);
	forge_32(forge, 0);
	forge_32(forge, 0);
	forge_32(forge, 3);
	forge_32(forge, 0);
	forge_32(forge, 4);
	forge_32(forge, records);
}

void
forge_discard(struct forge *forge, uint32_t sequence, uint32_t reason, uint32_t records)
{
	forge_32(forge, sequence);
	forge_32(forge, 0);
	forge_32(forge, 7);
	forge_32(forge, 0);
	forge_32(forge, 3);
	forge_32(forge, 0);
	forge_32(forge, reason);
	forge_32(forge, records);
}

void
forge_header(struct forge *forge, uint32_t protocol, const struct forge *packet)
{
	size_t mark = forge_open(forge, 1);
	forge_32(forge, protocol);
	forge_32(forge, (uint32_t)packet->length + 4);
	forge_32(forge, 4);
	forge_32(forge, (uint32_t)packet->length);
	forge_bytes(forge, packet->bytes, packet->length);
	forge_zero(forge, (4 - packet->length % 4) % 4);
	forge_close(forge, mark);
}

void
forge_sample(struct forge *forge, uint32_t sequence, const struct forge *packet)
{
	size_t mark = forge_open(forge, 1);
	forge_flow(forge, sequence, 1);
	forge_header(forge, 1, packet);
	forge_close(forge, mark);
}

void
forge_ethernet(struct forge *forge, unsigned type)
{
	forge_bytes(forge, "\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12);
	forge_16(forge, type);
}

void
forge_vlan(struct forge *forge, unsigned id, unsigned type)
{
	forge_16(forge, 3u << 13 | id);
	forge_16(forge, type);
}

void
forge_ipv4(struct forge *forge, const char *src, const char *dst, unsigned proto)
{
	forge_16(forge, 0x4500);
	forge_zero(forge, 6);
	forge_8(forge, 64);
	forge_8(forge, proto);
	forge_16(forge, 0);
	forge_addr(forge, src);
	forge_addr(forge, dst);
}

void
forge_ipv6(struct forge *forge, const char *src, const char *dst, unsigned proto)
{
	forge_32(forge, 0x60000000);
	forge_16(forge, 0);
	forge_8(forge, proto);
	forge_8(forge, 64);
	forge_addr(forge, src);
	forge_addr(forge, dst);
}

void
forge_tcp(struct forge *forge, unsigned src_port, unsigned dst_port, unsigned flags)
{
	forge_16(forge, src_port);
	forge_16(forge, dst_port);
	forge_zero(forge, 8);
	forge_8(forge, 0x50);
	forge_8(forge, flags);
	forge_zero(forge, 6);
}

void
forge_udp(struct forge *forge, unsigned src_port, unsigned dst_port)
{
	forge_16(forge, src_port);
	forge_16(forge, dst_port);
	forge_zero(forge, 4);
}
