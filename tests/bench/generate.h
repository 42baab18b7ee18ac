/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sFlow to measure with: datagrams of seven samples, 1,400 bytes each with the headers of IP and
 * UDP, mixed as asked for, from many exporters, and a sender that gives them to the kernel as fast
 * as it takes them. What comes out hangs on the seed alone.
 */
#ifndef TESTS_BENCH_GENERATE_H
#define TESTS_BENCH_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/match/table.h"

#define GENERATE_SAMPLES 7
#define GENERATE_LENGTH (28 + GENERATE_SAMPLES * 192)
/* As many follow each other from one exporter: what one send with UDP_SEGMENT takes. */
#define GENERATE_BURST 44

struct generate_conf {
	size_t datagrams;
	unsigned exporters; /* agent addresses 10.255.0.0 and on; each has 8 sources */
	/* Of a thousand samples: */
	unsigned ipv6, vlan, tunnel, expanded;
	unsigned hits_per_million; /* samples whose remote side is one of `entries` */
	bool bursts;               /* GENERATE_BURST datagrams of one exporter in a row */
	const struct table_entry *entries;
	size_t entry_count;
	uint64_t seed;
};

/* A quarter IPv6, a fifth tagged, a tenth in tunnels, half expanded; a hit in ten thousand. */
struct generate_conf generate_usual(void);

struct generate {
	uint8_t *bytes; /* datagram i at i * GENERATE_LENGTH */
	size_t count;
	uint32_t *steps; /* 8 for each: what its sequence and its samples' grow by in one round */
};

/* Ends the program when memory is short. */
struct generate generate_new(const struct generate_conf *conf);
void generate_free(struct generate *generate);

/* Lets all sequences go on, as if the exporters had sent the same packets anew. */
void generate_advance(struct generate *generate, size_t first, size_t count);

/* `v4` host addresses and `v6` prefixes, in any order; free() them. */
struct table_entry *generate_entries(size_t v4, size_t v6, uint64_t seed);

/*
 * Sends datagrams over a connected UDP socket for `ns`, `rate` a second (0: as many as go), in
 * bursts of one exporter each by UDP_SEGMENT where the kernel has it. Returns how many were sent.
 */
uint64_t generate_send(struct generate *generate, int fd, int64_t ns, uint64_t rate);

uint64_t generate_random(uint64_t *seed);

#endif
