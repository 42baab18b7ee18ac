/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a datagram: all samples, their extended records, their packets. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "controller/receive/packet.h"
#include "controller/receive/sflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sflow_counters counters = {0};
	struct sflow_datagram datagram;
	if (sflow_open(data, size, &counters, &datagram) != SFLOW_OK)
		return 0;
	struct sflow_sample sample;
	struct sflow_extended extended;
	struct packet packet;
	enum sflow_got got;
	size_t turns = 0;
	while ((got = sflow_next(&datagram, &sample)) != SFLOW_END) {
		if (++turns > size / 8 + 1)
			abort(); /* no progress */
		if (got == SFLOW_REJECTED || sample.type == SFLOW_COUNTERS ||
		    sample.type == SFLOW_EXPANDED_COUNTERS || sample.type == SFLOW_UNKNOWN)
			continue;
		sflow_extended(&sample, &extended);
		if (sample.header != NULL)
			packet_decode(
			    sample.header, sample.header_length, sample.header_protocol, &packet);
		if (sample.addresses != NULL)
			packet_from_record(sample.addresses, sample.addresses_family, &packet);
	}
	return 0;
}
