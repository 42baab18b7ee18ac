/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From lists to the table in the slot; and what an allow-list would newly silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/feeds/feeds_part.h"

static struct feed_list *
list(const char *text)
{
	char error[FORMAT_ERROR_MAX];
	struct format_list read;
	struct feed_list *made;

	assert_int_equal(format_read(FORMAT_PLAIN, text, strlen(text), NULL, &read, error), 0);
	assert_int_equal(feed_list_new(&read, false, NULL, 1, &made), 0);
	format_list_done(&read);
	return made;
}

struct fixture {
	struct feeds feeds;
	struct feed feed[3], *pointers[3];
	struct feeds_setup setup;
	struct prefix own[2];
};

/* As the feed thread has it, but with nobody else about: two block lists and an allow-list. */
static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	pthread_mutex_init(&f->feeds.mutex, NULL);
	assert_int_equal(slot_new(&f->feeds.slot), 0);
	f->feeds.event_fd = -1;
	f->feeds.setup = &f->setup;
	f->feeds.feeds = f->pointers;
	f->feeds.feed_count = 3;
	f->feeds.shown = calloc(FEEDS_MAX, sizeof(struct feed_list *));
	assert_non_null(f->feeds.shown);
	for (uint16_t i = 0; i < 3; i++) {
		f->feed[i].info.id = i;
		f->pointers[i] = &f->feed[i];
	}
	f->feed[2].conf.allow = true;
	f->feed[0].list = list("198.51.100.0/24\n198.51.100.9\n2001:db8:1::/48\n");
	f->feed[1].list = list("198.51.100.9:443\n203.0.113.0/24\n203.0.113.1\n203.0.113.2\n");
	f->feed[2].list = list("203.0.113.1\n");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	for (uint16_t i = 0; i < 3; i++)
		feeds_take_list(&f->feeds, i, &f->feed[i].list);
	for (size_t i = 0; i < FEEDS_MAX; i++)
		feed_list_free(&f->feeds.shown[i]);
	free(f->feeds.shown);
	slot_free(&f->feeds.slot);
	free(f);
	return 0;
}

static size_t
hits(const struct fixture *f, uint32_t addr, struct table_entry entries[8])
{
	const struct table *table = slot_read(f->feeds.slot)->table;

	return table_set(table, table_find4(table, addr), entries, 8);
}

static void
all_lists_make_one_table(void **state)
{
	struct fixture *f = *state;
	struct table_entry e[8];
	struct feeds_event event;

	assert_int_equal(prefix_parse("10.0.0.0/8", &f->own[0], NULL), 0);
	assert_int_equal(prefix_parse("203.0.113.2", &f->own[1], NULL), 0);
	f->setup.locals = &f->own[0];
	f->setup.allow = &f->own[1];
	f->setup.local_count = f->setup.allow_count = 1;
	f->feeds.dirty = true;
	feeds_build_publish(&f->feeds);
	assert_false(f->feeds.dirty);
	assert_int_equal(slot_read(f->feeds.slot)->version, 1);
	assert_int_equal(hits(f, 0xc6336409, e), 3);
	assert_int_equal(e[0].feed, 0);
	assert_int_equal(e[0].line, 2);
	assert_int_equal(e[1].feed, 1);
	assert_int_equal(e[1].port, 443);
	assert_int_equal(e[2].prefix.len, 24);
	assert_int_equal(hits(f, 0xcb007103, e), 1);
	assert_int_equal(hits(f, 0xcb007101, e), 0);
	assert_int_equal(hits(f, 0xcb007102, e), 0);
	assert_int_not_equal(table_find4(slot_read(f->feeds.slot)->locals, 0x0a010101), 0);
	assert_int_equal(table_find4(slot_read(f->feeds.slot)->locals, 0xc6336409), 0);
	assert_true(feeds_next_event(&f->feeds, &event, NULL));
	assert_int_equal(event.kind, FEEDS_PUBLISHED);
	assert_int_equal(event.version, 1);
	assert_int_equal(event.entries6, 1 + 3);
	/* Each again: the lists that are shown are those of the feeds. */
	f->setup.locals = f->setup.allow = NULL;
	f->setup.local_count = f->setup.allow_count = 0;
	feed_list_free(&f->feeds.shown[1]);
	f->feed[1].list = NULL;
	f->feeds.shown[1] = NULL;
	feeds_build_publish(&f->feeds);
	assert_int_equal(slot_read(f->feeds.slot)->version, 2);
	assert_int_equal(hits(f, 0xc6336409, e), 2);
	assert_int_equal(hits(f, 0xcb007103, e), 0);
}

static size_t
silenced(struct fixture *f, const char *before, const char *now)
{
	struct feed_list *old = before ? list(before) : NULL, *new = list(now);
	size_t count = 12345;

	assert_int_equal(feeds_build_silenced(&f->feeds, old, new, &count), 0);
	feed_list_free(&old);
	feed_list_free(&new);
	return count;
}

static void
counts_what_would_be_silenced(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(silenced(f, NULL, "192.0.2.0/24\n"), 0);
	assert_int_equal(silenced(f, NULL, "198.51.100.9\n"), 2);
	/* What is only partly inside goes on matching. */
	assert_int_equal(silenced(f, NULL, "198.51.100.0/25\n"), 2);
	assert_int_equal(silenced(f, NULL, "198.51.100.0/23\n"), 3);
	assert_int_equal(silenced(f, NULL, "203.0.113.0/24\n198.0.0.0/8\n2001:db8::/32\n"), 7);
	assert_int_equal(silenced(f, "203.0.113.0/24\n", "203.0.113.0/24\n"), 0);
	assert_int_equal(silenced(f, "203.0.113.1\n", "203.0.113.0/24\n"), 2);
	assert_int_equal(silenced(f, "203.0.113.0/24\n", "192.0.2.1\n"), 0);
	/* One inside another, and the wider one new. */
	assert_int_equal(silenced(f, "203.0.113.2\n", "203.0.112.0/23\n203.0.113.2\n"), 2);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(all_lists_make_one_table),
	    WITH(counts_what_would_be_silenced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
