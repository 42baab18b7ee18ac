/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded ring of sightings from one receiver thread to the main thread: one producer, one
 * consumer, no lock. The producer fills a slot in place; when there is none the sighting is dropped
 * and counted, and the receiver goes on.
 */
#ifndef CONTROLLER_RECEIVE_RING_H
#define CONTROLLER_RECEIVE_RING_H

#include <stddef.h>
#include <stdint.h>

#include "controller/receive/sighting.h"

struct ring;

/* `slots` is rounded up to a power of two. 0, -EINVAL (0 or over 2^20), -ENOMEM. */
int ring_new(unsigned slots, struct ring **ret_ring);
void ring_free(struct ring **ring);

/* Producer: a slot to fill, NULL (and one more drop) when the ring is full; then hand it over. */
struct sighting *ring_reserve(struct ring *ring);
void ring_commit(struct ring *ring);

/* Consumer: the oldest sighting, NULL when there is none; then give the slot back. */
const struct sighting *ring_peek(struct ring *ring);
void ring_release(struct ring *ring);

/* From any thread. */
uint64_t ring_drops(const struct ring *ring);
size_t ring_waiting(const struct ring *ring);

#endif
