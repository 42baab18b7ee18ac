/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as the body of a list. The first byte chooses the form (0 recognises it) and, by its
 * upper bits, limits; a gzip body is inflated first. What comes out must hold together: prefixes
 * without host bits, lines that exist, texts that can be shown, and a table that finds each.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/feeds/feed_list.h"
#include "controller/feeds/gunzip.h"
#include "controller/match/table.h"

#define INFLATED_MAX ((size_t)1 << 20)
#define FORMATS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
check_text(const char *text, size_t room)
{
	must(memchr(text, '\0', room) != NULL);
	for (; *text; text++)
		must(*text >= ' ' && *text <= '~');
}

static void
check_read(const struct format_list *list, const struct format_limits *limits)
{
	must(list->count == list->count4 + list->count6);
	must(limits->max_entries == 0 || list->count <= limits->max_entries);
	for (size_t i = 0; i < list->count; i++) {
		const struct format_entry *e = &list->entries[i];
		struct prefix again = prefix_make(&e->prefix.addr, e->prefix.len);

		must(e->prefix.addr.family == 4 || e->prefix.addr.family == 6);
		must(prefix_equal(&again, &e->prefix));
		must(e->line >= 1 && e->line <= list->lines);
	}
	for (size_t i = 0; i < FORMAT_BAD_MAX; i++) {
		check_text(list->bad[i], FORMAT_BAD_TEXT);
		must((list->bad[i][0] != '\0') == (i < list->bad_lines));
	}
}

static void
check_kept(const struct format_list *read)
{
	struct feed_list *list;
	struct table_entry *entries;
	struct table *table;
	size_t ages_size;
	bool allowed;
	void *ages;

	if (feed_list_new(read, false, NULL, 7, &list) < 0)
		return;
	must(list->count == list->count4 + list->count6 && list->count <= read->count);
	entries = calloc(list->count + 1, sizeof *entries);
	for (size_t i = 0; entries && i < list->count; i++)
		entries[i] = (struct table_entry){
		    .prefix = list->entries[i].prefix, .line = list->entries[i].line};
	/* A table takes megabytes whatever is in it: now and then is enough. */
	if (entries && list->lines % 16 == 3 && table_new(entries, list->count, &table) == 0) {
		for (size_t i = 0; i < list->count; i++)
			must(table_find(table, &entries[i].prefix.addr) != 0 &&
			     table_explain(table, &entries[i].prefix.addr, &allowed) != 0);
		table_free(&table);
	}
	free(entries);
	ages = feed_list_ages(list, &ages_size);
	must(!ages || feed_list_restore(list, ages, ages_size));
	free(ages);
	feed_list_free(&list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct format_limits limits = {.max_entries = 5000};
	char error[FORMAT_ERROR_MAX] = "", *plain = NULL;
	struct format_list list;
	const void *body;
	enum format format;

	if (size == 0)
		return 0;
	format = (enum format)(data[0] % FORMATS);
	limits.score = data[0] >> 3 & 3;
	limits.category = data[0] >> 5;
	body = data + 1;
	size--;
	if (gunzip_is(body, size)) {
		if (gunzip_body(body, size, INFLATED_MAX, &plain, &size, error) < 0) {
			check_text(error, GUNZIP_ERROR_MAX);
			return 0;
		}
		must(size <= INFLATED_MAX);
		body = plain;
	}
	if (format_read(format, body, size, &limits, &list, error) < 0)
		check_text(error, sizeof error);
	else {
		check_read(&list, &limits);
		check_kept(&list);
		format_list_done(&list);
	}
	free(plain);
	return 0;
}
