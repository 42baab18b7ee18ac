/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets with a comment each, as a pcapng file (draft-ietf-opsawg-pcapng): one section in this
 * machine's byte order, one interface a link type. Owns nothing; errors are those of the FILE.
 */
#ifndef COMMON_TOOL_PCAPNG_H
#define COMMON_TOOL_PCAPNG_H

#include <stdint.h>
#include <stdio.h>

/* Link types (LINKTYPE_ of pcap). */
#define PCAPNG_ETHERNET 1
#define PCAPNG_PPP 9
#define PCAPNG_RAW 101 /* IPv4 or IPv6 */

#define PCAPNG_INTERFACES_MAX 8

struct pcapng {
	FILE *file;
	uint16_t links[PCAPNG_INTERFACES_MAX]; /* of the interfaces so far */
	unsigned link_count;
};

/* The head of the section; `program` is who wrote it. */
void pcapng_begin(struct pcapng *pcapng, FILE *file, const char *program);

/*
 * One packet of `size` bytes, cut from one of `length`, seen at `wall_ns` since 1970. `comment` may
 * be ""; it is UTF-8. -ENOSPC for more link types than PCAPNG_INTERFACES_MAX.
 */
int pcapng_packet(struct pcapng *pcapng, uint16_t link, int64_t wall_ns, const uint8_t *bytes,
    uint32_t size, uint32_t length, const char *comment);

#endif
