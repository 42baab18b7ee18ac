/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last good copy of each feed on disk: a few lines of text that describe it, an empty line, the
 * body as it was (inflated). Written beside and renamed; read only when its checksum is right.
 */
#ifndef CONTROLLER_FEEDS_FEED_CACHE_H
#define CONTROLLER_FEEDS_FEED_CACHE_H

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
};

/* Makes the folder (0755) if it is missing. 0 or a negative errno. */
int feed_cache_prepare(const char *folder);

int feed_cache_write(const char *folder, const char *name, const struct feed_cache *about,
    const void *body, size_t size);

/*
 * 0 and the body in a block of the caller's; -ENOENT: there is none; -EINVAL (damaged), -EFBIG
 * (over `max` bytes) or what the file system gave, with one clause in `error`.
 */
int feed_cache_read(const char *folder, const char *name, size_t max, struct feed_cache *ret_about,
    char **ret_body, size_t *ret_size, char error[FEED_CACHE_ERROR]);

#endif
