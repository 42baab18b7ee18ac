/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sighting: one sample whose remote side a table entry holds. A plain value that goes through a
 * bounded ring from a receiver thread to the main thread.
 */
#ifndef CONTROLLER_RECEIVE_SIGHTING_H
#define CONTROLLER_RECEIVE_SIGHTING_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/clk.h"

#define SIGHTING_HEADER_MAX 128
#define SIGHTING_ENTRIES_MAX 4

/* The entry that was hit, by value: the table may be gone when the main thread looks. */
struct sighting_entry {
	struct prefix prefix;
	uint16_t port;
	uint16_t feed;
	uint32_t line;
};

struct sighting {
	struct instant when;
	struct addr exporter; /* agent address in the datagram */
	struct addr from;     /* where the datagram came from */
	uint32_t sub_agent;
	uint32_t sampling_rate;
	uint32_t frame_length;  /* bytes, with FCS, before sampling cut it */
	uint32_t input, output; /* ifIndex; 0 is unknown */
	struct addr local, remote;
	uint16_t local_port, remote_port; /* host order; 0 where there are none */
	uint8_t proto, tcp_flags, icmp_type, icmp_code;
	bool has_ports;        /* false for fragments and protocols without */
	bool outbound;         /* local to remote */
	bool inner;            /* the pair stood inside a tunnel */
	uint8_t tunnel;        /* enum packet_tunnel */
	uint16_t vlan;         /* outermost 802.1Q id; 0 is none */
	uint32_t vni;          /* 0 is none */
	uint32_t feed_version; /* of the table: which load of the lists */
	uint32_t merged; /* further samples of the conversation that this one stands for */
	uint64_t merged_bytes; /* estimated from those: frame length × sampling rate */
	uint8_t entry_count;   /* at most SIGHTING_ENTRIES_MAX are kept */
	struct sighting_entry entries[SIGHTING_ENTRIES_MAX];
	uint16_t header_length;
	uint8_t header_protocol;
	uint8_t header[SIGHTING_HEADER_MAX];
};

#endif
