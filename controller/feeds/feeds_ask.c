/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main thread's questions: rows, names, look-ups. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/feeds/feeds_part.h"
#include "controller/feeds/safety.h"

#define MATCHES_MAX 256

size_t
feeds_info(struct feeds *feeds, struct feeds_info *rows, size_t max)
{
	struct instant now = clk_now();
	int64_t wall = clk_wall_ns();
	size_t count;

	pthread_mutex_lock(&feeds->mutex);
	count = feeds->feed_count;
	for (size_t i = 0; i < count && i < max; i++) {
		const struct feed *feed = feeds->feeds[i];
		int64_t next = feed->busy ? 0 : clk_diff(feed->due, now);

		rows[i] = feed->info;
		rows[i].next_ns = next > 0 ? next : 0;
		rows[i].age_ns = -1;
		if (feed->info.loaded) {
			/* A refused version was seen, too, but not good. */
			int64_t good = feed->info.good_wall_ns;

			rows[i].age_ns = wall > good ? wall - good : 0;
		}
	}
	pthread_mutex_unlock(&feeds->mutex);
	return count;
}

/* Mutex held. */
static int
name_of(const struct feeds *feeds, uint16_t id, char ret_name[FEEDS_NAME_MAX])
{
	const char *name = id == TABLE_ALLOW        ? "allow"
			   : id == TABLE_NEVER      ? "never"
			   : id < feeds->name_count ? feeds->names[id]
						    : NULL;

	if (!name)
		return -ENOENT;
	snprintf(ret_name, FEEDS_NAME_MAX, "%s", name);
	return 0;
}

int
feeds_name(struct feeds *feeds, uint16_t id, char ret_name[FEEDS_NAME_MAX])
{
	int r;

	pthread_mutex_lock(&feeds->mutex);
	r = name_of(feeds, id, ret_name);
	pthread_mutex_unlock(&feeds->mutex);
	return r;
}

/* What is to be said of one entry. Mutex held. */
static void
describe(const struct feeds *feeds, const struct table_entry *entry, struct feeds_match *match)
{
	struct prefix unused;

	memset(match, 0, sizeof *match);
	name_of(feeds, entry->feed, match->feed);
	match->id = entry->feed;
	match->prefix = entry->prefix;
	match->port = entry->port;
	match->line = entry->line;
	match->allow = entry->allow;
	if (entry->feed == TABLE_NEVER) {
		const char *note = safety_never(entry->line - 1, &unused);

		snprintf(match->note, sizeof match->note, "%s", note ? note : "local network");
		return;
	}
	if (entry->feed < FEEDS_MAX && feeds->shown[entry->feed]) {
		const struct feed_list *list = feeds->shown[entry->feed];

		match->version = list->version;
		match->item = list->format == FORMAT_JSON;
		match->since_wall_ns =
		    (int64_t)feed_list_since(list, &entry->prefix, entry->port) * CLK_S;
	}
}

enum feeds_verdict
feeds_lookup(struct feeds *feeds, const struct addr *addr, uint16_t port,
    struct feeds_match *matches, size_t max, size_t *ret_count)
{
	struct table_entry entries[MATCHES_MAX];
	bool allowed = false, never = false, listed = false;
	size_t n = 0, count = 0;

	pthread_mutex_lock(&feeds->mutex);
	if (feeds->table) {
		uint32_t set = table_explain(feeds->table, addr, &allowed);

		n = table_set(feeds->table, set, entries, MATCHES_MAX);
		n = n < MATCHES_MAX ? n : MATCHES_MAX;
	}
	for (size_t i = 0; i < n; i++) {
		if (port != 0 && entries[i].port != 0 && entries[i].port != port &&
		    !entries[i].allow)
			continue;
		never = never || entries[i].feed == TABLE_NEVER;
		listed = listed || !entries[i].allow;
		if (count < max)
			describe(feeds, &entries[i], &matches[count]);
		count++;
	}
	pthread_mutex_unlock(&feeds->mutex);
	if (ret_count)
		*ret_count = count;
	return never     ? FEEDS_NEVER
	       : allowed ? FEEDS_ALLOWED
	       : listed  ? FEEDS_LISTED
			 : FEEDS_NOT_LISTED;
}

enum feeds_verdict
feeds_judge(struct feeds *feeds, const struct addr *addr, uint16_t port)
{
	return feeds_lookup(feeds, addr, port, NULL, 0, NULL);
}
