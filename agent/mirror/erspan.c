/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/mirror/erspan.h"

#include <string.h>

#define GRE_SEQUENCE 0x1000
#define GRE_ERSPAN 0x88BE /* types I and II */

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

size_t
erspan_header(const struct erspan_frame *frame, uint8_t out[ERSPAN_HEADER_MAX])
{
	if (frame->type == 1) {
		put16(out, 0);
		put16(out + 2, GRE_ERSPAN);
		return 4;
	}
	put16(out, GRE_SEQUENCE);
	put16(out + 2, GRE_ERSPAN);
	put32(out + 4, frame->sequence);
	/* Version 1 is type II. En 11: the frame keeps its tag; 00: it came without one. */
	put16(out + 8, 1U << 12 | (frame->tagged ? frame->vlan & 0x0FFFU : 0U));
	put16(out + 10, (frame->cos & 7U) << 13 | (frame->tagged ? 3U : 0U) << 11 |
			    (frame->truncated ? 1U : 0U) << 10 | (frame->session & 0x3FFU));
	put32(out + 12, frame->index & 0xFFFFF);
	return 16;
}

static bool
is_tag(unsigned ethertype)
{
	return ethertype == 0x8100 || ethertype == 0x88A8 || ethertype == 0x9100;
}

size_t
erspan_ethernet(const uint8_t *hw, size_t hw_size, unsigned ip_version, struct erspan_frame *frame,
    uint8_t out[ERSPAN_ETHERNET_MAX], bool *ret_made)
{
	frame->tagged = false;
	frame->vlan = 0;
	frame->cos = 0;
	*ret_made = !hw || hw_size < 14 || hw_size > ERSPAN_ETHERNET_MAX;
	if (*ret_made) {
		memset(out, 0, 12);
		put16(out + 12, ip_version == 6 ? 0x86DD : 0x0800);
		return 14;
	}
	memcpy(out, hw, hw_size);
	if (hw_size >= 18 && is_tag((unsigned)hw[12] << 8 | hw[13])) {
		frame->tagged = true;
		frame->vlan = (uint16_t)((hw[14] << 8 | hw[15]) & 0x0FFF);
		frame->cos = hw[14] >> 5;
	}
	return hw_size;
}

size_t
erspan_total(const uint8_t *packet, size_t size)
{
	size_t total = 0;

	if (size < 6)
		return size;
	if (packet[0] >> 4 == 4)
		total = (size_t)packet[2] << 8 | packet[3];
	else if (packet[0] >> 4 == 6 && (packet[4] || packet[5]))
		total = ((size_t)packet[4] << 8 | packet[5]) + 40;
	return total > size ? total : size;
}
