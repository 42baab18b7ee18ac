/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables swapped under readers: each reader always sees a whole table, and none that was freed. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

#include <cmocka.h>

#include "controller/match/slot.h"

#define HOSTS 256
#ifdef __SANITIZE_ADDRESS__
#define VERSIONS 60
#else
#define VERSIONS 200
#endif

struct shared {
	struct slot *slot;
	atomic_bool stop;
	atomic_ulong reads, wrong;
};

static uint32_t
host(uint32_t version, uint32_t i)
{
	return 0xc6330000 | (version & 255) << 8 | i;
}

/* Version v lists all hosts of 198.51.(v mod 256).0/24, in line v, and 2001:db8:v::/48. */
static struct table *
make(uint32_t version)
{
	static struct table_entry entries[HOSTS + 1];
	struct table *table;

	memset(entries, 0, sizeof entries);
	for (uint32_t i = 0; i < HOSTS; i++) {
		uint32_t addr = htonl(host(version, i));

		entries[i].prefix.addr = addr_from_v4(&addr);
		entries[i].prefix.len = 32;
		entries[i].line = version;
	}
	entries[HOSTS].line = version;
	entries[HOSTS].prefix = (struct prefix){
	    .addr = {.family = 6,
		.bytes = {0x20, 1, 0xd, 0xb8, (uint8_t)(version >> 8), (uint8_t)version}},
	    .len = 48};
	assert_int_equal(table_new(entries, HOSTS + 1, &table), 0);
	return table;
}

/* Its local network is 10.(v mod 256).0.0/16. */
static struct table *
make_locals(uint32_t version)
{
	struct table_entry e = {
	    .prefix = {.addr = {.family = 4, .bytes = {10, (uint8_t)version}}, .len = 16}};
	struct table *table;

	assert_int_equal(table_new(&e, 1, &table), 0);
	return table;
}

static bool
lists(const struct table *table, uint32_t set, uint32_t version)
{
	struct table_entry e;

	return set != 0 && table_set(table, set, &e, 1) == 1 && e.line == version;
}

/* All of a version is there, and nothing of its neighbours. */
static bool
whole(const struct slot_view *view, uint32_t i)
{
	uint32_t v = view->version;
	uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, (uint8_t)(v >> 8), (uint8_t)v, 7};

	if (!lists(view->table, table_find4(view->table, host(v, i)), v) ||
	    !lists(view->table, table_find6(view->table, v6), v) ||
	    table_find4(view->table, host(v + 1, i)) != 0 ||
	    table_find4(view->table, host(v - 1, i)) != 0 ||
	    table_find4(view->locals, 0x0a000000 | (v & 255) << 16 | i) == 0 ||
	    table_find4(view->locals, 0x0a000000 | ((v + 1) & 255) << 16 | i) != 0)
		return false;
	v6[5]++;
	return table_find6(view->table, v6) == 0;
}

static void *
reader(void *arg)
{
	struct shared *shared = arg;
	uint32_t last = 0, i = 0;

	rcu_register_thread();
	while (!atomic_load(&shared->stop)) {
		const struct slot_view *view = slot_read(shared->slot);

		/* A bunch of samples by one view, as a datagram holds them. */
		for (unsigned k = 0; k < 8; k++)
			if (!whole(view, i++ & 255) || view->version < last)
				atomic_fetch_add(&shared->wrong, 1);
		last = view->version;
		atomic_fetch_add(&shared->reads, 1);
		rcu_quiescent_state();
		/* As a receiver does round a blocking receive. */
		if (i % 1024 == 0) {
			rcu_thread_offline();
			sched_yield();
			rcu_thread_online();
		}
	}
	rcu_unregister_thread();
	return NULL;
}

static void
swaps_whole(void **state)
{
	struct shared shared = {.stop = false};
	unsigned long at_least = 0;
	pthread_t threads[3];

	(void)state;
	assert_int_equal(slot_new(&shared.slot), 0);
	assert_null(slot_read(shared.slot)->table);
	assert_int_equal(slot_publish(shared.slot, make(1), make_locals(1)), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, &shared), 0);
	for (uint32_t v = 2; v <= VERSIONS; v++) {
		assert_int_equal(slot_publish(shared.slot, make(v), make_locals(v)), 0);
		/* Each version is read by somebody. */
		at_least = atomic_load(&shared.reads) + 1;
		while (atomic_load(&shared.reads) < at_least)
			sched_yield();
	}
	atomic_store(&shared.stop, true);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&shared.wrong), 0);
	assert_int_equal(slot_read(shared.slot)->version, VERSIONS);
	slot_free(&shared.slot);
	assert_null(shared.slot);
}

static void
what_is_not_given_stays(void **state)
{
	struct slot *slot;
	struct table *table = make(1), *locals = make_locals(1);

	(void)state;
	assert_int_equal(slot_new(&slot), 0);
	assert_int_equal(slot_publish(slot, table, NULL), 0);
	assert_null(slot_read(slot)->locals);
	assert_int_equal(slot_publish(slot, NULL, locals), 0);
	assert_ptr_equal(slot_read(slot)->table, table);
	assert_ptr_equal(slot_read(slot)->locals, locals);
	assert_int_equal(slot_publish(slot, NULL, NULL), 0);
	assert_ptr_equal(slot_read(slot)->table, table);
	assert_int_equal(slot_read(slot)->version, 3);
	slot_free(&slot);
	slot_free(&slot);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(swaps_whole),
	    cmocka_unit_test(what_is_not_given_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
