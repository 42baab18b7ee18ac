/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounds-checked cursor over bytes from outside: the one way in which the decoders of this room
 * read. A take either gives bytes that are all there or nothing and moves nothing. Numbers on the
 * wire are big-endian.
 */
#ifndef CONTROLLER_RECEIVE_CURSOR_H
#define CONTROLLER_RECEIVE_CURSOR_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at, *end; /* at <= end, always */
};

static inline size_t
cursor_left(const struct cursor *cursor)
{
	return (size_t)(cursor->end - cursor->at);
}

/* The next `count` bytes, and the cursor behind them; NULL when there are fewer. */
static inline const uint8_t *
cursor_take(struct cursor *cursor, size_t count)
{
	if (cursor_left(cursor) < count)
		return NULL;
	const uint8_t *taken = cursor->at;
	cursor->at += count;
	return taken;
}

/* At most `count` bytes less: where a length field says that what follows ends earlier. */
static inline void
cursor_limit(struct cursor *cursor, size_t count)
{
	if (count < cursor_left(cursor))
		cursor->end = cursor->at + count;
}

/* Loads from bytes that a take has given. */
static inline uint16_t
cursor_load16(const uint8_t *bytes)
{
	uint16_t value;
	memcpy(&value, bytes, sizeof value);
	return be16toh(value);
}

static inline uint32_t
cursor_load32(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof value);
	return be32toh(value);
}

#endif
