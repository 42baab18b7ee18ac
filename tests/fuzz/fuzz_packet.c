/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a sampled header; the first byte is its protocol. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "controller/receive/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet;
	if (size == 0)
		return 0;
	packet_decode(data + 1, size - 1, data[0], &packet);
	if (packet.outcome >= PACKET_OUTCOMES || packet.layer_count > PACKET_LAYERS_MAX ||
	    packet.vlan_count > PACKET_VLANS_MAX)
		abort();
	/* Both addresses of each layer lie within what was given. */
	for (unsigned i = 0; i < packet.layer_count; i++) {
		const struct packet_layer *layer = &packet.layers[i];
		size_t bytes = layer->family == 4 ? 4 : 16;
		if (layer->src < data || layer->dst < layer->src + bytes ||
		    layer->dst + bytes > data + size)
			abort();
	}
	return 0;
}
