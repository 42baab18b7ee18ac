/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TCP proxy for nanomsg's stream (8 bytes of greeting, then messages with 8 bytes of length
 * before them) that does to whole messages what a bad network and an attacker do. Runs until it is
 * killed; a process of its own.
 */
#ifndef TESTS_SUPPORT_PROXY_H
#define TESTS_SUPPORT_PROXY_H

#include <stdatomic.h>
#include <stdint.h>

struct proxy_counters {
	atomic_ulong messages, cuts, repeats, replays, delays;
};

void proxy_run(uint16_t from, uint16_t to, unsigned seed, struct proxy_counters *counters);

/* A TCP port of 127.0.0.1 that nobody has now. */
uint16_t proxy_free_port(void);

#endif
