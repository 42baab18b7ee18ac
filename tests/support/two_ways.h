/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a datagram, by the way that a receiver goes, with its short cuts (glance.c,
 * quick.h), and by the full decoders one by one. Whatever is counted, read or sighted must be the
 * same.
 */
#ifndef TESTS_SUPPORT_TWO_WAYS_H
#define TESTS_SUPPORT_TWO_WAYS_H

#include <stddef.h>
#include <stdint.h>

struct two_ways;

/* Half of all addresses is local, half of the others listed. Ends the program on an error. */
struct two_ways *two_ways_new(void);
void two_ways_free(struct two_ways **ways);

/* NULL, or what differs (static text). */
const char *two_ways_compare(struct two_ways *ways, const uint8_t *bytes, size_t length);

#endif
