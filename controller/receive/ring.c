/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bounded ring of sightings; see ring.h. */
#include "controller/receive/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LINE 64

/* head and tail count up for ever and are taken modulo the size; each on a cache line of its own,
 * with the producer's last look at the other side beside it. */
struct ring {
	_Alignas(LINE) atomic_uint head; /* slots handed over: the producer's */
	unsigned tail_seen;
	_Atomic uint64_t drops;
	_Alignas(LINE) atomic_uint tail; /* slots given back: the consumer's */
	_Alignas(LINE) unsigned mask;
	struct sighting slots[];
};

int
ring_new(unsigned slots, struct ring **ret_ring)
{
	if (slots == 0 || slots > 1u << 20)
		return -EINVAL;
	unsigned size = 1;
	while (size < slots)
		size *= 2;
	size_t bytes = sizeof(struct ring) + size * sizeof(struct sighting);
	bytes = (bytes + LINE - 1) / LINE * LINE;
	struct ring *ring = aligned_alloc(LINE, bytes);
	if (ring == NULL)
		return -ENOMEM;
	atomic_init(&ring->head, 0);
	atomic_init(&ring->tail, 0);
	atomic_init(&ring->drops, 0);
	ring->tail_seen = 0;
	ring->mask = size - 1;
	*ret_ring = ring;
	return 0;
}

void
ring_free(struct ring **ring)
{
	free(*ring);
	*ring = NULL;
}

struct sighting *
ring_reserve(struct ring *ring)
{
	unsigned head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	if (head - ring->tail_seen > ring->mask) {
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (head - ring->tail_seen > ring->mask) {
			uint64_t drops = atomic_load_explicit(&ring->drops, memory_order_relaxed);
			atomic_store_explicit(&ring->drops, drops + 1, memory_order_relaxed);
			return NULL;
		}
	}
	return &ring->slots[head & ring->mask];
}

void
ring_commit(struct ring *ring)
{
	unsigned head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

const struct sighting *
ring_peek(struct ring *ring)
{
	unsigned tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
		return NULL;
	return &ring->slots[tail & ring->mask];
}

void
ring_release(struct ring *ring)
{
	unsigned tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

uint64_t
ring_drops(const struct ring *ring)
{
	return atomic_load_explicit(&ring->drops, memory_order_relaxed);
}

size_t
ring_waiting(const struct ring *ring)
{
	unsigned tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	return atomic_load_explicit(&ring->head, memory_order_relaxed) - tail;
}
