/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One version of one feed as it is kept: sorted, each (prefix, port) once, and since when it has
 * been listed. Immutable once made; the feed thread makes and frees it, under the mutex of
 * feeds_part.h where others may look.
 */
#ifndef CONTROLLER_FEEDS_FEED_LIST_H
#define CONTROLLER_FEEDS_FEED_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "controller/feeds/format.h"

struct feed_entry {
	struct prefix prefix;
	uint16_t port;
	uint32_t line;
	uint32_t since; /* wall seconds; 0 is unknown */
};

struct feed_list {
	enum format format;
	uint32_t version;
	size_t count, count4, count6;
	size_t lines, bad_lines, masked, filtered;
	size_t short_ones;     /* refused: shorter than /8 or /19 */
	size_t never;          /* in ranges that never match, the default route among them */
	size_t added, removed; /* against the version before */
	char bad[FORMAT_BAD_MAX][FORMAT_BAD_TEXT];
	struct feed_entry entries[];
};

/*
 * Makes a list of what was read. Short prefixes are left out unless `may_be_short`, /0 always.
 * Entries that `before` (may be NULL) has keep their `since`; the others get `now`. 0 or -ENOMEM.
 */
int feed_list_new(const struct format_list *read, bool may_be_short, const struct feed_list *before,
    uint32_t now, struct feed_list **ret_list);
void feed_list_free(struct feed_list **list);

/*
 * The entries' `since` as bytes to be kept beside the body, and back into a list that was read from
 * the same body in the same way; bytes of any other list change nothing and give false.
 * feed_list_ages: a new block, free() it, or NULL (out of memory).
 */
void *feed_list_ages(const struct feed_list *list, size_t *ret_size);
bool feed_list_restore(struct feed_list *list, const void *ages, size_t size);

/* Since when a (prefix, port) has been in the list; 0: it is not, or nobody knows. */
uint32_t feed_list_since(const struct feed_list *list, const struct prefix *prefix, uint16_t port);

#endif
