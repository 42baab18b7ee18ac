/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What could hardly be done with less: a decoder by hand that goes from a datagram to 5-tuples, and
 * a sink that takes datagrams off a socket and looks at none. To measure against, never to use: no
 * tunnels, no MPLS, no extension headers, no sequences, no reasons.
 */
#ifndef TESTS_BENCH_BARE_H
#define TESTS_BENCH_BARE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct bare_tuple {
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
	uint8_t proto, family;
};

/* At most `max` tuples of a datagram; how many. */
size_t bare_decode(const uint8_t *bytes, size_t length, struct bare_tuple *tuples, size_t max);

struct bare_sink {
	int fd;
	_Atomic uint64_t datagrams;
	atomic_bool over;
};

/* A thread's function: recvmmsg in batches of 64 until `over`; waits in poll when there is none. */
void *bare_sink_run(void *sink);

#endif
