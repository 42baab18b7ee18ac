/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last good copy of each feed on disk: a few lines of text that describe it, an empty line, the
 * body as it was (inflated), and since when each entry has been listed. Written beside and renamed;
 * read only when its checksum is right. Beside it an empty file whose time says when the source was
 * last asked, so that a controller that restarts often does not ask more often.
 */
#ifndef CONTROLLER_FEEDS_FEED_CACHE_H
#define CONTROLLER_FEEDS_FEED_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEED_CACHE_TEXT 256
#define FEED_CACHE_URL 1024
#define FEED_CACHE_ERROR 256

struct feed_cache {
	char url[FEED_CACHE_URL];
	char etag[FEED_CACHE_TEXT], modified[FEED_CACHE_TEXT], probe[FEED_CACHE_TEXT];
	uint32_t version;
	int64_t loaded_wall_ns;
	bool allow; /* it was in force as an allow-list */
};

/* A body with what belongs to it. */
struct feed_copy {
	struct feed_cache about;
	char *body;
	size_t size;
	const void *ages; /* feed_list_ages; NULL is none */
	size_t ages_size;
};

/* Makes the folder (0755) if it is missing. 0 or a negative errno. */
int feed_cache_prepare(const char *folder);

int feed_cache_write(const char *folder, const char *name, const struct feed_copy *copy);

/*
 * 0 and a copy whose body (`ages` are in the same block) is the caller's to free; -ENOENT: there is
 * none; -EINVAL (damaged), -EFBIG (a file over `max` bytes) or what the file system gave, with one
 * clause in `error`.
 */
int feed_cache_read(const char *folder, const char *name, size_t max, struct feed_copy *ret_copy,
    char error[FEED_CACHE_ERROR]);

/* Forgets the copy. 0 or a negative errno; -ENOENT: there was none. */
int feed_cache_drop(const char *folder, const char *name);

/* Notes that the source was last asked at `wall_ns`; 0: never. 0 or a negative errno. */
int feed_cache_ask(const char *folder, const char *name, int64_t wall_ns);

/* When it was last, wall nanoseconds; 0: never, as far as is known. */
int64_t feed_cache_asked(const char *folder, const char *name);

#endif
