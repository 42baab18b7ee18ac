/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/feeds/gunzip.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

bool
gunzip_is(const void *body, size_t size)
{
	return size >= 3 && memcmp(body, "\x1f\x8b\x08", 3) == 0;
}

/* Makes room for more; -EFBIG when all that is allowed is taken. */
static int
grow(char **out, size_t *room, size_t max)
{
	size_t more = *room ? *room * 2 : 65536;
	char *bigger;

	if (*room > max)
		return -EFBIG;
	if (more > max + 1)
		more = max + 1;
	bigger = realloc(*out, more);
	if (!bigger)
		return -ENOMEM;
	*out = bigger;
	*room = more;
	return 0;
}

static int
run(z_stream *z, char **out, size_t *ret_size, size_t max)
{
	size_t room = 0, size = 0;
	int r = grow(out, &room, max);

	while (r == 0) {
		size_t piece = room - size < INT_MAX ? room - size : INT_MAX;
		int zr;

		z->next_out = (Bytef *)*out + size;
		z->avail_out = (uInt)piece;
		zr = inflate(z, Z_NO_FLUSH);
		size += piece - z->avail_out;
		if (size > max)
			return -EFBIG;
		if (zr == Z_STREAM_END) {
			if (z->avail_in == 0) {
				*ret_size = size;
				return 0;
			}
			/* Members may follow each other (RFC 1952, 2.2). */
			if (inflateReset(z) != Z_OK)
				return -EINVAL;
		} else if (zr == Z_MEM_ERROR)
			return -ENOMEM;
		else if (zr != Z_OK && zr != Z_BUF_ERROR)
			return -EINVAL;
		else if (z->avail_out > 0 && z->avail_in == 0)
			return -ENODATA;
		if (size == room)
			r = grow(out, &room, max);
	}
	return r;
}

int
gunzip_body(const void *body, size_t size, size_t max, char **ret_out, size_t *ret_size,
    char error[GUNZIP_ERROR_MAX])
{
	z_stream z = {0};
	char *out = NULL;
	int r;

	if (size > UINT_MAX || max >= SIZE_MAX / 2)
		return -EFBIG;
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return -ENOMEM;
	z.next_in = body;
	z.avail_in = (uInt)size;
	r = run(&z, &out, ret_size, max);
	if (r == -ENODATA)
		snprintf(error, GUNZIP_ERROR_MAX, "the gzip body is cut short at byte %zu", size);
	else if (r == -EINVAL)
		snprintf(error, GUNZIP_ERROR_MAX, "the gzip body is damaged at byte %lu: %s",
		    z.total_in, z.msg ? z.msg : "no member begins here");
	else if (r == -EFBIG)
		snprintf(error, GUNZIP_ERROR_MAX,
		    "inflated, the body is over the limit of %zu bytes", max);
	else if (r < 0)
		snprintf(error, GUNZIP_ERROR_MAX, "out of memory inflating the body");
	inflateEnd(&z);
	if (r < 0) {
		free(out);
		return r == -ENODATA ? -EINVAL : r;
	}
	*ret_out = out;
	return 0;
}
