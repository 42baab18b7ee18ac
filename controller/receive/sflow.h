/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sFlow version 5 datagrams (sflow.org, sFlow Version 5, July 2004; discarded packets: sFlow
 * Dropped Packet Notification Structures, 2020). Pure: bytes in, samples out one by one; no
 * allocation, no log. Everything unknown is skipped by its length; a bad sample costs itself alone.
 * Pointers go into the caller's bytes.
 */
#ifndef CONTROLLER_RECEIVE_SFLOW_H
#define CONTROLLER_RECEIVE_SFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

/* Why a datagram or a sample was rejected. X(NAME, text, what would be right) */
#define SFLOW_REJECT_LIST(X)                                                                       \
	X(SHORT, "short", "the datagram ends within its header")                                   \
	X(VERSION, "version", "the version is not 5")                                              \
	X(AGENT_TYPE, "agent_type", "the agent address is neither IPv4 (1) nor IPv6 (2)")          \
	X(SAMPLE_COUNT, "sample_count", "more samples are announced than bytes are left for")      \
	X(SAMPLE_LENGTH, "sample_length", "a sample's length runs past the end of the datagram")   \
	X(SAMPLE_SHORT, "sample_short", "a sample is shorter than its own fixed fields")           \
	X(RECORD_COUNT, "record_count", "more records are announced than bytes are left for")      \
	X(RECORD_LENGTH, "record_length", "a record's length runs past the end of its sample")     \
	X(RECORD_SHORT, "record_short", "a record is shorter than its own fixed fields")

enum sflow_reject {
	SFLOW_OK = 0,
#define SFLOW_REJECT_ENUM(name, word, text) SFLOW_REJECT_##name,
	SFLOW_REJECT_LIST(SFLOW_REJECT_ENUM)
#undef SFLOW_REJECT_ENUM
	    SFLOW_REJECTS,
};

enum sflow_type {
	SFLOW_UNKNOWN = 0,
	SFLOW_FLOW = 1,
	SFLOW_COUNTERS = 2,
	SFLOW_EXPANDED_FLOW = 3,
	SFLOW_EXPANDED_COUNTERS = 4,
	SFLOW_DISCARD = 5,
	SFLOW_TYPES,
};

/* Format of an interface word. */
enum sflow_port {
	SFLOW_PORT_INDEX = 0, /* ifIndex; 0 is unknown, SFLOW_PORT_INTERNAL is the device itself */
	SFLOW_PORT_DISCARDED = 1, /* the value is the reason */
	SFLOW_PORT_MULTIPLE = 2,  /* the value is how many */
};
#define SFLOW_PORT_INTERNAL 0x3fffffffu

struct sflow_counters {
	uint64_t types[SFLOW_TYPES];     /* samples, rejected ones included */
	uint64_t rejects[SFLOW_REJECTS]; /* datagrams and samples */
	uint64_t records_skipped;        /* of an enterprise or format that is not read */
	uint64_t unaligned;              /* lengths that are no multiple of four: rounded up */
	uint64_t padding;                /* samples with bytes behind their last record */
	uint64_t no_packet;              /* flow samples with neither a header nor addresses */
};

/* One datagram that is being read. The fields above `next` are for the caller, after sflow_open. */
struct sflow_datagram {
	struct addr agent;
	uint32_t sub_agent, sequence, uptime_ms, sample_count;
	const uint8_t *bytes, *next, *end;
	uint32_t left;          /* samples announced and not yet read */
	uint32_t reject;        /* enum sflow_reject of the last rejected thing */
	uint32_t reject_offset; /* and where in the datagram it stood */
	struct sflow_counters *counters;
};

/* What sflow_next says. */
enum sflow_got {
	SFLOW_END = 0,
	SFLOW_SAMPLE,   /* *ret_sample is whole */
	SFLOW_REJECTED, /* type, sequence and offset alone; datagram->reject says why */
};

/*
 * One sample. For counter and unknown samples the fields up to source_index, and for a discard
 * those of a flow sample but rate and pool. `header` is NULL when no raw header record was there;
 * then `addresses` may stand for it.
 */
struct sflow_sample {
	uint8_t type;                        /* enum sflow_type */
	uint8_t input_format, output_format; /* enum sflow_port */
	uint8_t addresses_family;            /* of records 3 or 4: 4, 6, 0 is none */
	uint32_t tag;                        /* enterprise << 12 | format, as it came */
	uint32_t offset;                     /* of the sample's tag in the datagram */
	uint32_t sequence, source_type, source_index;
	uint32_t sampling_rate, sample_pool, drops;
	uint32_t input, output;
	uint32_t reason; /* of a discard */
	uint32_t header_protocol, frame_length, stripped;
	uint32_t header_length; /* bytes that are there: min(header_length, record - 16) */
	const uint8_t *header;
	const uint8_t *addresses; /* body of the IPv4 or IPv6 record */
	const uint8_t *records;   /* all records, for sflow_extended */
	uint32_t record_count;
	const uint8_t *records_end;
};

/*
 * Reads the datagram's header. SFLOW_OK, or why the whole datagram was rejected. `counters` are the
 * caller's; this and sflow_next add to them.
 */
enum sflow_reject sflow_open(const uint8_t *bytes, size_t length, struct sflow_counters *counters,
    struct sflow_datagram *ret_datagram);
enum sflow_got sflow_next(struct sflow_datagram *datagram, struct sflow_sample *ret_sample);
/* The same without the short way for usual samples (quick.h), which must not show. */
enum sflow_got sflow_next_full(struct sflow_datagram *datagram, struct sflow_sample *ret_sample);

/* What the extended records of a sample say; `has_…` tells which were there. Read only when wanted.
 */
struct sflow_extended {
	bool has_vlan; /* switch (1001): VLANs before and behind */
	uint32_t in_vlan, out_vlan;
	bool has_router; /* router (1002) */
	struct addr next_hop;
	bool has_gateway; /* gateway (1003) */
	uint32_t as, source_as, source_peer_as;
	struct addr gateway_next_hop;
	bool has_vni_in, has_vni_out; /* 1029, 1030 */
	uint32_t vni_in, vni_out;
	bool has_tunnel_out, has_tunnel_in; /* IPv4 or IPv6 tunnel endpoints: 1023 to 1026 */
	struct addr tunnel_out_src, tunnel_out_dst, tunnel_in_src, tunnel_in_dst;
	uint32_t vlan_count; /* VLAN tunnel (1012): stripped tags, at most 4 kept */
	uint16_t vlans[4];
};
void sflow_extended(const struct sflow_sample *sample, struct sflow_extended *ret_extended);

/* "flow", "version", …; for counters and JSON; and a clause that says what was wrong. */
const char *sflow_type_name(unsigned type);
const char *sflow_reject_name(unsigned reject);
const char *sflow_reject_text(unsigned reject);

#endif
