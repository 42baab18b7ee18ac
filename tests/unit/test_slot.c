/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables swapped under readers: each reader always sees a whole table, and none that was freed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <urcu-qsbr.h>

#include <cmocka.h>

#include "controller/match/slot.h"

struct shared {
	struct slot *slot;
	atomic_bool stop;
	atomic_ulong reads, wrong;
};

/* Version v lists 198.51.100.1 in feed v % 1000, and nothing else. */
static struct table *
make(uint32_t version)
{
	struct table_entry e = {.feed = (uint16_t)(version % 1000), .line = version};
	struct table *table;

	assert_int_equal(prefix_parse("198.51.100.1", &e.prefix, NULL), 0);
	assert_int_equal(table_new(&e, 1, &table), 0);
	return table;
}

static void *
reader(void *arg)
{
	struct shared *shared = arg;
	uint32_t last = 0;

	rcu_register_thread();
	while (!atomic_load(&shared->stop)) {
		const struct slot_view *view = slot_read(shared->slot);
		struct table_entry e;
		uint32_t set = table_find4(view->table, 0xc6336401);

		if (set == 0 || table_set(view->table, set, &e, 1) != 1 ||
		    e.line != view->version || view->version < last)
			atomic_fetch_add(&shared->wrong, 1);
		last = view->version;
		atomic_fetch_add(&shared->reads, 1);
		rcu_quiescent_state();
	}
	rcu_unregister_thread();
	return NULL;
}

static void
swaps_whole(void **state)
{
	struct shared shared = {.stop = false};
	pthread_t threads[2];

	(void)state;
	assert_int_equal(slot_new(&shared.slot), 0);
	assert_null(slot_read(shared.slot)->table);
	assert_int_equal(slot_publish(shared.slot, make(1), NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, &shared), 0);
	for (uint32_t v = 2; v < 200; v++)
		assert_int_equal(slot_publish(shared.slot, make(v), v % 10 ? NULL : make(v)), 0);
	while (atomic_load(&shared.reads) < 1000)
		;
	atomic_store(&shared.stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&shared.wrong), 0);
	assert_int_equal(slot_read(shared.slot)->version, 199);
	assert_non_null(slot_read(shared.slot)->locals);
	slot_free(&shared.slot);
	assert_null(shared.slot);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(swaps_whole)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
