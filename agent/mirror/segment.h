/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Offloads hand over super-packets of up to 64 KiB, which fit no frame. TCP ones are cut back into
 * segments as the wire may have had them: sequence numbers, flags, lengths and checksums right, the
 * segment size ours, for the kernel does not tell the original one. Pure.
 */
#ifndef AGENT_MIRROR_SEGMENT_H
#define AGENT_MIRROR_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENT_HEADERS_MAX 120 /* IPv4 with options and TCP with options */

struct segment {
	uint8_t headers[SEGMENT_HEADERS_MAX]; /* IP and TCP, rewritten */
	size_t headers_size;
	const uint8_t *data; /* into the super-packet */
	size_t data_size;
};

/* True when the packet is TCP, whole, no fragment, and larger than `mtu`: it can be cut. */
bool segment_can(const uint8_t *packet, size_t size, size_t mtu);

/*
 * Makes the segment that begins *offset bytes into the TCP data and moves *offset behind it. False
 * at the end. Only for packets that segment_can takes.
 */
bool segment_next(
    const uint8_t *packet, size_t size, size_t mtu, size_t *offset, struct segment *ret_segment);

/*
 * Completes the checksum of a TCP or UDP packet that a host of this very machine left to its
 * network card (it holds the pseudo-header's sum alone; the kernel does not tell): analysers throw
 * away packets with wrong ones. A packet that is whole and no fragment; others are left as they
 * are. True when it was changed.
 */
bool segment_complete(uint8_t *packet, size_t size);

#endif
