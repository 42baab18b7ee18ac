/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring of sightings: order, the full ring, its counter, and two threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "controller/receive/ring.h"

#define MANY 300000

static void
sizes(void **state)
{
	(void)state;
	struct ring *ring;
	assert_int_equal(ring_new(0, &ring), -EINVAL);
	assert_int_equal(ring_new((1u << 20) + 1, &ring), -EINVAL);
	assert_int_equal(ring_new(5, &ring), 0);
	for (unsigned i = 0; i < 8; i++) { /* rounded up */
		assert_non_null(ring_reserve(ring));
		ring_commit(ring);
	}
	assert_null(ring_reserve(ring));
	ring_free(&ring);
	assert_null(ring);
	ring_free(&ring);
}

static void
first_in_first_out_and_full(void **state)
{
	(void)state;
	struct ring *ring;
	assert_int_equal(ring_new(4, &ring), 0);
	uint32_t in = 0, out = 0;
	assert_null(ring_peek(ring));
	/* Round and round, by three, so that the ends meet at every place. */
	for (unsigned turn = 0; turn < 50; turn++) {
		for (unsigned i = 0; i < 3; i++) {
			struct sighting *sighting = ring_reserve(ring);
			assert_non_null(sighting);
			sighting->sub_agent = in++;
			ring_commit(ring);
		}
		assert_int_equal(ring_waiting(ring), 3);
		for (unsigned i = 0; i < 3; i++) {
			const struct sighting *sighting = ring_peek(ring);
			assert_non_null(sighting);
			assert_int_equal(sighting->sub_agent, out++);
			ring_release(ring);
		}
		assert_null(ring_peek(ring));
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_non_null(ring_reserve(ring));
		ring_commit(ring);
	}
	assert_int_equal(ring_drops(ring), 0);
	assert_null(ring_reserve(ring));
	assert_null(ring_reserve(ring));
	assert_int_equal(ring_drops(ring), 2);
	ring_release(ring);
	assert_non_null(ring_reserve(ring));
	ring_free(&ring);
}

/* A place that was reserved and not handed over is not seen, and is given again. */
static void
reserved_is_not_handed_over(void **state)
{
	(void)state;
	struct ring *ring;
	assert_int_equal(ring_new(2, &ring), 0);
	struct sighting *first = ring_reserve(ring);
	assert_null(ring_peek(ring));
	assert_ptr_equal(ring_reserve(ring), first);
	ring_commit(ring);
	assert_ptr_equal(ring_peek(ring), first);
	ring_free(&ring);
}

static void *
produce(void *user)
{
	struct ring *ring = user;
	for (uint32_t i = 0; i < MANY; i++) {
		struct sighting *sighting;
		while ((sighting = ring_reserve(ring)) == NULL)
			sched_yield();
		sighting->sub_agent = i;
		sighting->frame_length = ~i;
		ring_commit(ring);
	}
	return NULL;
}

static void
two_threads(void **state)
{
	(void)state;
	struct ring *ring;
	pthread_t producer;
	assert_int_equal(ring_new(64, &ring), 0);
	assert_int_equal(pthread_create(&producer, NULL, produce, ring), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct sighting *sighting;
		while ((sighting = ring_peek(ring)) == NULL)
			sched_yield();
		assert_int_equal(sighting->sub_agent, i);
		assert_int_equal(sighting->frame_length, ~i);
		ring_release(ring);
	}
	pthread_join(producer, NULL);
	assert_null(ring_peek(ring));
	ring_free(&ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(first_in_first_out_and_full),
	    cmocka_unit_test(reserved_is_not_handed_over),
	    cmocka_unit_test(two_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
