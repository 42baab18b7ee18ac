/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NFLOG messages as they come from the netlink socket, taken apart
 * (linux/netfilter/nfnetlink_log.h). Pure; pointers lead into the caller's buffer.
 */
#ifndef AGENT_MIRROR_NFPACKET_H
#define AGENT_MIRROR_NFPACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nfpacket {
	uint64_t capture;       /* of the prefix; 0: none of ours */
	const uint8_t *payload; /* from the IP header on */
	size_t size;
	const uint8_t *hw; /* the link-layer header it came with; NULL: none, or not Ethernet's */
	size_t hw_size;
	uint32_t sequence;
	bool has_sequence;
};

/*
 * Takes the next message of a datagram; *at is moved past it. 1 and a packet; 0 at the end; 2 for a
 * message that is no packet; -EBADMSG for one that cannot be read (the rest is not to be trusted).
 */
int nfpacket_next(const uint8_t *buf, size_t size, size_t *at, struct nfpacket *ret_packet);

#endif
