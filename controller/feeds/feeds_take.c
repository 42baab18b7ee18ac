/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The feed thread's judgement of what came: read, checked, kept, put in force; or refused, and said
 * so. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/feeds/feeds_part.h"
#include "controller/feeds/gunzip.h"
#include "controller/feeds/safety.h"
#include "controller/feeds/schedule.h"

#define HEAD_ROOM 65536

static uint32_t
next_random(struct feeds *feeds)
{
	/* xorshift64*: nobody's secret, only jitter. */
	feeds->random ^= feeds->random >> 12;
	feeds->random ^= feeds->random << 25;
	feeds->random ^= feeds->random >> 27;
	return (uint32_t)(feeds->random * UINT64_C(2685821657736338717) >> 32);
}

/* The source answered, or did not: when it is asked again. Mutex held. */
static void
reschedule(struct feeds *feeds, struct feed *feed)
{
	/* The floor spares a source that was asked. */
	int64_t floor_ns = feed->unreached ? 0 : feed->conf.floor_ns;

	feed->due = clk_add(clk_now(), schedule_next(feed->conf.interval_ns, floor_ns,
					   feed->info.failures, next_random(feeds)));
	feed->unreached = false;
	feed->busy = false;
	feed->confirm = false;
	feed->whole = false;
}

static void
post(struct feeds *feeds, const struct feed *feed, enum feeds_event_kind kind, const char *text,
    bool from_cache)
{
	struct feeds_event event = {.kind = kind, .from_cache = from_cache};

	memcpy(event.feed, feed->conf.name, sizeof event.feed);
	snprintf(event.text, sizeof event.text, "%s", text);
	if (feed->list) {
		event.version = feed->list->version;
		event.entries4 = feed->list->count4;
		event.entries6 = feed->list->count6;
		event.added = feed->list->added;
		event.removed = feed->list->removed;
	}
	feeds_post(feeds, &event);
}

void
feeds_take_failure(struct feeds *feeds, struct feed *feed, const char *text, int64_t retry_ns)
{
	struct instant earliest = clk_add(clk_now(), retry_ns);

	pthread_mutex_lock(&feeds->mutex);
	snprintf(feed->info.last_error, sizeof feed->info.last_error, "%s", text);
	feed->info.failures++;
	feed->info.errors++;
	feed->info.refused = false;
	reschedule(feeds, feed);
	if (clk_before(feed->due, earliest))
		feed->due = earliest;
	pthread_mutex_unlock(&feeds->mutex);
	post(feeds, feed, FEEDS_FAILED, text, false);
}

static void
refuse(struct feeds *feeds, struct feed *feed, const char *why)
{
	pthread_mutex_lock(&feeds->mutex);
	snprintf(feed->info.last_error, sizeof feed->info.last_error, "refused: %.240s", why);
	feed->info.failures++;
	feed->info.refusals++;
	feed->info.refused = true;
	feed->info.checked_wall_ns = clk_wall_ns();
	reschedule(feeds, feed);
	pthread_mutex_unlock(&feeds->mutex);
	post(feeds, feed, FEEDS_REFUSED, why, false);
}

void
feeds_take_unchanged(struct feeds *feeds, struct feed *feed)
{
	pthread_mutex_lock(&feeds->mutex);
	feed->info.last_error[0] = '\0';
	feed->info.failures = 0;
	feed->info.refused = false;
	feed->info.unchanged++;
	feed->info.checked_wall_ns = feed->info.good_wall_ns = clk_wall_ns();
	reschedule(feeds, feed);
	pthread_mutex_unlock(&feeds->mutex);
	post(feeds, feed, FEEDS_UNCHANGED, "", false);
}

/* Limits on the new version. 0, or -EPERM with why, or -ENOMEM. */
static int
judge(struct feeds *feeds, const struct feed *feed, const struct feed_list *list,
    char why[SAFETY_WHY_MAX])
{
	struct safety_facts facts = {
	    .first = feed->list == NULL,
	    .before = feed->list ? feed->list->count : 0,
	    .now = list->count,
	    .max_silenced = feed->conf.max_silenced,
	    .may_be_empty = feed->conf.may_be_empty,
	    .may_jump = feed->conf.may_jump,
	};
	int r = 0;

	if (feed->conf.allow)
		r = feeds_build_silenced(feeds, feed->list, list, &facts.silenced);
	if (r < 0) {
		snprintf(why, SAFETY_WHY_MAX, "out of memory");
		return r;
	}
	return safety_judge(&facts, why);
}

/* Body to list; an error in one clause. */
static int
read_body(const struct feed *feed, const void *body, size_t size, uint32_t now,
    struct feed_list **ret_list, char error[FORMAT_ERROR_MAX])
{
	struct format_limits limits = {.max_entries = feed->conf.max_entries,
	    .score = feed->conf.score,
	    .category = feed->conf.category};
	struct format_list read;
	int r = format_read(feed->conf.format, body, size, &limits, &read, error);

	if (r < 0)
		return r;
	r = feed_list_new(&read, feed->conf.may_be_short, feed->list, now, ret_list);
	if (r < 0)
		snprintf(error, FORMAT_ERROR_MAX, "out of memory for %zu entries", read.count);
	format_list_done(&read);
	return r;
}

/* Puts the list in force. */
static void
adopt(struct feeds *feeds, struct feed *feed, struct feed_list *list,
    const struct feed_cache *about, bool from_cache)
{
	struct feed_list *old = feed->list;
	struct feeds_info *info = &feed->info;

	list->version = about->version;
	feed->about = *about;
	feed->list = list;
	if (!feed->conf.allow)
		feeds->met = feeds->met || old == NULL;
	else if (feed->confirm)
		feed->on_trial = false;
	else if (old == NULL)
		feed->on_trial = true;
	pthread_mutex_lock(&feeds->mutex);
	info->format = list->format;
	info->loaded = true;
	info->from_cache = from_cache;
	info->version = about->version;
	info->entries4 = list->count4;
	info->entries6 = list->count6;
	info->lines = list->lines;
	info->bad_lines = list->bad_lines;
	info->masked = list->masked;
	info->never = list->never;
	info->short_ones = list->short_ones;
	info->filtered = list->filtered;
	info->loaded_wall_ns = about->loaded_wall_ns;
	info->checked_wall_ns = info->good_wall_ns = about->loaded_wall_ns;
	memcpy(info->bad, list->bad, sizeof info->bad);
	info->loads++;
	if (!from_cache) {
		info->failures = 0;
		info->refused = false;
		info->last_error[0] = '\0';
		reschedule(feeds, feed);
	}
	pthread_mutex_unlock(&feeds->mutex);
	feeds_take_list(feeds, info->id, &old);
	feeds->dirty = true;
}

void
feeds_take_list(struct feeds *feeds, uint16_t id, struct feed_list **list)
{
	if (feeds->shown && feeds->shown[id] == *list)
		*list = NULL;
	feed_list_free(list);
}

/* The last good copy. Not being able to write it stops nothing; it is said, and the next refresh
 * asks for the whole list again to keep that. */
static void
keep(struct feeds *feeds, struct feed *feed, struct feed_copy *copy)
{
	char text[FEEDS_TEXT_MAX] = "";
	void *ages;
	int r = -ENOMEM;

	if (!feeds->setup->cache_dir)
		return;
	ages = feed_list_ages(feed->list, &copy->ages_size);
	copy->ages = ages;
	copy->about.allow = feed->conf.allow;
	if (ages)
		r = feed_cache_write(feeds->setup->cache_dir, feed->conf.name, copy);
	free(ages);
	if (r < 0)
		snprintf(text, sizeof text,
		    "the list is in force, but its copy could not be kept in %.120s: %s",
		    feeds->setup->cache_dir, strerror(-r));
	pthread_mutex_lock(&feeds->mutex);
	memcpy(feed->info.unkept, text, sizeof feed->info.unkept);
	pthread_mutex_unlock(&feeds->mutex);
	if (r < 0)
		post(feeds, feed, FEEDS_FAILED, text, false);
}

void
feeds_take_body(struct feeds *feeds, struct feed *feed, struct feed_copy *copy, bool from_cache)
{
	char error[FORMAT_ERROR_MAX], why[SAFETY_WHY_MAX], text[FEEDS_TEXT_MAX] = "";
	uint32_t now = (uint32_t)(copy->about.loaded_wall_ns / CLK_S);
	struct feed_list *list = NULL;
	int r = 0;

	if (gunzip_is(copy->body, copy->size)) {
		char *plain;

		r = gunzip_body(
		    copy->body, copy->size, feed->conf.max_bytes, &plain, &copy->size, error);
		free(copy->body);
		copy->body = r < 0 ? NULL : plain;
		copy->ages_size = 0;
	}
	if (r == 0)
		r = read_body(feed, copy->body, copy->size, now, &list, error);
	if (r < 0) {
		free(copy->body);
		feeds_take_failure(feeds, feed, error, 0);
		return;
	}
	if (copy->ages_size > 0)
		feed_list_restore(list, copy->ages, copy->ages_size);
	r = from_cache || feed->confirm ? 0 : judge(feeds, feed, list, why);
	if (r < 0) {
		feed_list_free(&list);
		free(copy->body);
		refuse(feeds, feed, why);
		return;
	}
	adopt(feeds, feed, list, &copy->about, from_cache);
	if (!from_cache)
		keep(feeds, feed, copy);
	free(copy->body);
	if (list->short_ones > 0)
		snprintf(text, sizeof text,
		    "%zu prefixes shorter than /%d (IPv6: /%d) refused (may_be_short would take "
		    "them)",
		    list->short_ones, SAFETY_SHORT4, SAFETY_SHORT6);
	post(feeds, feed, FEEDS_LOADED, text, from_cache);
}

void
feeds_take_cached(struct feeds *feeds, struct feed *feed)
{
	char error[FEED_CACHE_ERROR];
	struct feed_copy copy;
	int r;

	if (!feeds->setup->cache_dir || feed->list)
		return;
	r = feed_cache_read(feeds->setup->cache_dir, feed->conf.name,
	    feed->conf.max_bytes + 4 * feed->conf.max_entries + HEAD_ROOM, &copy, error);
	if (r == -ENOENT)
		return;
	if (r < 0) {
		post(feeds, feed, FEEDS_FAILED, error, true);
		return;
	}
	/* A name that has moved to another source: what the old one said is not its list. And a
	 * block list that has become an allow-list was never judged as one. */
	if (strcmp(copy.about.url, feed->conf.url) != 0 || copy.about.allow != feed->conf.allow) {
		free(copy.body);
		return;
	}
	feeds_take_body(feeds, feed, &copy, true);
}

void
feeds_take_trusted(struct feeds *feeds)
{
	bool block = false;

	for (size_t i = 0; i < feeds->feed_count; i++)
		block = block || (!feeds->feeds[i]->conf.allow && feeds->feeds[i]->list);
	for (size_t i = 0; block && i < feeds->feed_count; i++)
		if (feeds->feeds[i]->info.from_cache)
			feeds->feeds[i]->on_trial = false;
}

/* Out of force, its copy gone, and refused as any other that silences too much. */
static void
withdraw(struct feeds *feeds, struct feed *feed, const char *why)
{
	struct feed_list *list = feed->list;
	struct feeds_info *info = &feed->info;

	feed->list = NULL;
	feed->on_trial = false;
	feed->about = (struct feed_cache){.version = feed->about.version};
	if (feeds->setup->cache_dir)
		(void)feed_cache_drop(feeds->setup->cache_dir, feed->conf.name);
	pthread_mutex_lock(&feeds->mutex);
	info->loaded = info->from_cache = false;
	info->version = 0;
	info->entries4 = info->entries6 = info->lines = info->bad_lines = 0;
	info->masked = info->never = info->short_ones = info->filtered = 0;
	info->loaded_wall_ns = info->good_wall_ns = 0;
	memset(info->bad, 0, sizeof info->bad);
	info->unkept[0] = '\0';
	snprintf(info->last_error, sizeof info->last_error, "refused: %.240s", why);
	info->failures++;
	info->refusals++;
	info->refused = true;
	/* A transfer that is under way has an end of its own. */
	if (!feed->busy)
		reschedule(feeds, feed);
	pthread_mutex_unlock(&feeds->mutex);
	feeds_take_list(feeds, info->id, &list);
	feeds->dirty = true;
	post(feeds, feed, FEEDS_REFUSED, why, false);
}

void
feeds_take_trials(struct feeds *feeds)
{
	bool all_there = true;

	if (!feeds->met)
		return;
	feeds->met = false;
	for (size_t i = 0; i < feeds->feed_count; i++)
		all_there = all_there && (feeds->feeds[i]->conf.allow || feeds->feeds[i]->list);
	for (size_t i = 0; i < feeds->feed_count; i++) {
		struct feed *feed = feeds->feeds[i];
		struct safety_facts facts = {.first = true, .may_be_empty = true};
		char why[SAFETY_WHY_MAX];

		if (!feed->on_trial || !feed->list)
			continue;
		facts.now = feed->list->count;
		facts.max_silenced = feed->conf.max_silenced;
		if (feeds_build_silenced(feeds, NULL, feed->list, &facts.silenced) < 0)
			feeds->met = true; /* out of memory: once more, later */
		else if (safety_judge(&facts, why) < 0)
			withdraw(feeds, feed, why);
		else if (all_there)
			feed->on_trial = false;
	}
}
