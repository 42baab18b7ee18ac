/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The feed thread's building: from the lists to the table in the slot. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/feeds/feeds_part.h"
#include "controller/feeds/safety.h"

#define SET_MAX 64

/* Ranges that never match, as lines 1.. of TABLE_NEVER; the local networks follow them. */
static size_t
never_count(void)
{
	struct prefix prefix;
	size_t n = 0;

	while (safety_never(n, &prefix))
		n++;
	return n;
}

static size_t
add_own(const struct feeds *feeds, struct table_entry *entries)
{
	const struct feeds_setup *setup = feeds->setup;
	struct prefix prefix;
	size_t n = 0;

	for (; safety_never(n, &prefix); n++)
		entries[n] = (struct table_entry){
		    .prefix = prefix, .feed = TABLE_NEVER, .line = (uint32_t)n + 1};
	for (size_t i = 0; i < setup->local_count; i++, n++)
		entries[n] = (struct table_entry){
		    .prefix = setup->locals[i], .feed = TABLE_NEVER, .line = (uint32_t)n + 1};
	for (size_t i = 0; i < setup->allow_count; i++)
		entries[n++] = (struct table_entry){
		    .prefix = setup->allow[i], .feed = TABLE_ALLOW, .line = (uint32_t)i + 1};
	return n;
}

static int
build(const struct feeds *feeds, struct table **ret_table)
{
	size_t count = never_count() + feeds->setup->local_count + feeds->setup->allow_count, n;
	struct table_entry *entries;
	int r;

	for (size_t i = 0; i < feeds->feed_count; i++)
		count += feeds->feeds[i]->list ? feeds->feeds[i]->list->count : 0;
	entries = calloc(count, sizeof *entries);
	if (!entries)
		return -ENOMEM;
	n = add_own(feeds, entries);
	for (size_t i = 0; i < feeds->feed_count; i++) {
		const struct feed *feed = feeds->feeds[i];

		for (size_t k = 0; feed->list && k < feed->list->count; k++)
			entries[n++] = (struct table_entry){
			    .prefix = feed->list->entries[k].prefix,
			    .allow = feed->conf.allow,
			    .port = feed->list->entries[k].port,
			    .feed = feed->info.id,
			    .line = feed->list->entries[k].line,
			};
	}
	r = table_new(entries, n, ret_table);
	free(entries);
	return r;
}

static int
build_locals(const struct feeds_setup *setup, struct table **ret_table)
{
	struct table_entry *entries = calloc(setup->local_count + 1, sizeof *entries);
	int r;

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < setup->local_count; i++)
		entries[i] =
		    (struct table_entry){.prefix = setup->locals[i], .line = (uint32_t)i + 1};
	r = table_new(entries, setup->local_count, ret_table);
	free(entries);
	return r;
}

/* Which table the main thread's look-ups ask, and the lists that explain it. */
static void
show(struct feeds *feeds, const struct table *table, struct feed_list **lists)
{
	pthread_mutex_lock(&feeds->mutex);
	feeds->table = table;
	feeds->shown = lists;
	pthread_mutex_unlock(&feeds->mutex);
}

/* Swaps both tables in. Look-ups go to the new one before the old one is freed. */
static int
publish(struct feeds *feeds, struct table *table, struct table *locals)
{
	struct feed_list **before = feeds->shown,
			 **lists = calloc(FEEDS_MAX, sizeof(struct feed_list *));
	const struct table *table_before = feeds->table;
	int r;

	if (!lists)
		return -ENOMEM;
	for (size_t i = 0; i < feeds->feed_count; i++)
		lists[feeds->feeds[i]->info.id] = feeds->feeds[i]->list;
	show(feeds, table, lists);
	r = slot_publish(feeds->slot, table, locals);
	if (r < 0) {
		show(feeds, table_before, before);
		free(lists);
		return r;
	}
	for (size_t i = 0; i < FEEDS_MAX; i++)
		if (before[i] != lists[i])
			feed_list_free(&before[i]);
	free(before);
	return 0;
}

void
feeds_build_publish(struct feeds *feeds)
{
	struct feeds_event event = {.kind = FEEDS_PUBLISHED};
	struct table *table = NULL, *locals = NULL;
	struct instant start = clk_now();
	struct table_stats stats;
	int r = build(feeds, &table);

	if (r == 0)
		r = build_locals(feeds->setup, &locals);
	if (r == 0) {
		table_stats(table, &stats);
		r = publish(feeds, table, locals);
	}
	if (r < 0) {
		/* `dirty` stays: the next round tries again. */
		table_free(&table);
		table_free(&locals);
		event.kind = FEEDS_FAILED;
		snprintf(event.text, sizeof event.text, "the table could not be built: %s",
		    strerror(-r));
		feeds_post(feeds, &event);
		return;
	}
	feeds->dirty = false;
	event.version = slot_read(feeds->slot)->version;
	event.entries4 = stats.entries4;
	event.entries6 = stats.entries6;
	event.build_ms = (uint32_t)(clk_diff(clk_now(), start) / CLK_MS);
	feeds_post(feeds, &event);
}

static int
allow_table(const struct feed_list *list, struct table **ret_table)
{
	size_t count = list ? list->count : 0;
	struct table_entry *entries = calloc(count + 1, sizeof *entries);
	int r;

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		entries[i] = (struct table_entry){.prefix = list->entries[i].prefix};
	r = table_new(entries, count, ret_table);
	free(entries);
	return r;
}

/* Is the prefix wholly inside one of the table's? */
static bool
inside(const struct table *table, const struct prefix *prefix)
{
	struct table_entry entries[SET_MAX];
	size_t n = table_set(table, table_find(table, &prefix->addr), entries, SET_MAX);

	n = n < SET_MAX ? n : SET_MAX;
	for (size_t i = 0; i < n; i++)
		if (entries[i].prefix.len <= prefix->len)
			return true;
	return false;
}

int
feeds_build_silenced(struct feeds *feeds, const struct feed_list *before,
    const struct feed_list *now, size_t *ret_silenced)
{
	struct table *old = NULL, *new = NULL;
	size_t silenced = 0;
	int r = allow_table(before, &old);

	if (r == 0)
		r = allow_table(now, &new);
	for (size_t i = 0; r == 0 && i < feeds->feed_count; i++) {
		const struct feed *feed = feeds->feeds[i];

		if (feed->conf.allow || !feed->list)
			continue;
		for (size_t k = 0; k < feed->list->count; k++) {
			const struct prefix *prefix = &feed->list->entries[k].prefix;

			silenced += inside(new, prefix) && !inside(old, prefix);
		}
	}
	table_free(&old);
	table_free(&new);
	if (r == 0)
		*ret_silenced = silenced;
	return r;
}
