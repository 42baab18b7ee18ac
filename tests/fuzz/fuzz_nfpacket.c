/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NFLOG datagrams and the packets in them, as mirror takes them apart: the payload is whatever
 * crosses the switch. Segments must make up the packet they were cut from.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mirror/erspan.h"
#include "agent/mirror/nfpacket.h"
#include "agent/mirror/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
cut(const uint8_t *packet, size_t size, size_t mtu)
{
	struct segment s;
	size_t offset = 0, total = 0, n = 0;

	if (!segment_can(packet, size, mtu))
		return;
	while (segment_next(packet, size, mtu, &offset, &s)) {
		must(s.headers_size <= SEGMENT_HEADERS_MAX && s.data_size > 0);
		must(s.headers_size + s.data_size <= mtu);
		must(s.data >= packet && s.data + s.data_size <= packet + size);
		total += s.data_size;
		n++;
	}
	must(n > 0 && total == offset && offset <= size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nfpacket packet;
	uint8_t ethernet[ERSPAN_ETHERNET_MAX];
	size_t at = 0, before = 0;
	int r;

	if (size < 4)
		return 0;
	/* By itself as well: an offloaded packet of any shape, and any MTU. */
	cut(data + 2, size - 2, ((size_t)data[0] << 8 | data[1]) % 2048);
	while ((r = nfpacket_next(data, size, &at, &packet)) > 0) {
		must(at > before && at <= size);
		before = at;
		if (r != 1)
			continue;
		struct erspan_frame frame = {.type = 2};
		bool made;

		must(packet.payload >= data && packet.payload + packet.size <= data + size);
		must(
		    !packet.hw || (packet.hw >= data && packet.hw + packet.hw_size <= data + size));
		size_t n = erspan_ethernet(packet.hw, packet.hw_size, 4, &frame, ethernet, &made);
		must(n >= 14 && n <= sizeof ethernet && frame.vlan < 4096 && frame.cos < 8);
		cut(packet.payload, packet.size, 1500);
	}
	return 0;
}
