/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking back: which local host spoke with which remote one lately, for all samples and not only
 * those of listed addresses, so that when a feed brings a new entry, the conversations with it of
 * the last hours can be told at once. Bounded: set-associative tables, one a receiver thread, that
 * its thread alone writes (no lock, two words a conversation for IPv4) and anybody reads; when a
 * set is full, whoever is silent the longest is forgotten, and that is counted.
 *
 * The tables live in a file that is mapped shared, so that they survive the process, kill -9
 * included. Put it on a tmpfs (/run): a page of a disk's file can make its writer wait.
 *
 * Life: recent_open, then recent_table for each thread, then walks, recent_free. Time is in
 * minutes.
 */
#ifndef CONTROLLER_RECEIVE_RECENT_H
#define CONTROLLER_RECEIVE_RECENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/clk.h"

#define RECENT_SIZE 262144
#define RECENT_SIZE_MAX (16 * 1024 * 1024)
#define RECENT_WINDOW (24 * 3600 * CLK_S)
#define RECENT_ERROR_MAX 256
#define RECENT_GAPS 16

struct recent;
struct recent_table; /* of one thread */

struct recent_conf {
	const char *path;  /* NULL or "": memory that dies with the process */
	size_t size;       /* conversations; 0: RECENT_SIZE. So many IPv4 ones and a quarter as many
			      IPv6 ones fit with 4 in a hundred pushed out early, half of that with
			      less than 1; takes some 70 to 140 bytes each */
	unsigned threads;  /* at least 1 */
	int64_t window_ns; /* how far back walks go; 0: RECENT_WINDOW; at most 60 h */
};

/*
 * Maps the file, or makes it: one of another version, size or number of threads, or one that is
 * damaged, is made anew. 0; `error` is then "" or why the file can't be had, and the tables are in
 * memory alone. -ENOMEM, -EINVAL (a size over RECENT_SIZE_MAX, no threads).
 */
int recent_open(
    const struct recent_conf *conf, struct recent **ret_recent, char error[RECENT_ERROR_MAX]);
void recent_free(struct recent **recent);

/* Of thread `number`; lives as long as `recent`. */
struct recent_table *recent_table(struct recent *recent, unsigned number);

/* The thread's side; see recent_part.h for what glance.c inlines. */

/* One conversation as a walk gives it. */
struct recent_row {
	struct addr local, remote;
	uint16_t remote_port; /* of the last sample that had one; 0: none had */
	bool several_ports;   /* there were others as well */
	bool outbound, inbound;
	bool unlisted;              /* a sample of it came while no feed listed the address */
	bool told;                  /* an earlier walk's callback said true */
	uint32_t samples;           /* stops at RECENT_SAMPLES_MAX a thread */
	struct instant first, last; /* begin of the minute; first: within the last 68 h */
};
#define RECENT_SAMPLES_MAX 4095

/*
 * Walks on from *cursor (0 begins) over some `slots` places and calls `each` for every conversation
 * seen within the window; true from it marks the conversation as told, false takes the mark away.
 * True while there is more to walk; *cursor goes on there. One walker at a time, beside the
 * threads. Sixteen thousand places take some 3 ms with four threads' tables, what `each` does not
 * counted.
 */
bool recent_walk(struct recent *recent, uint64_t *cursor, size_t slots, struct instant now,
    bool (*each)(void *user, const struct recent_row *row), void *user);

/* What a walk's rows can say, and what not. */
struct recent_cover {
	struct instant from; /* nothing before it is known: the window's begin or the recording's */
	unsigned gap_count;  /* times in it when nobody looked, the oldest first */
	struct {
		struct instant from, to;
	} gaps[RECENT_GAPS];
	uint64_t lost; /* conversations of the window that made room for others, at most */
	struct instant complete; /* none that was seen since then did */
};
void recent_cover(const struct recent *recent, struct instant now, struct recent_cover *ret_cover);

/* Conversations kept are not counted, places are: for status. */
size_t recent_places(const struct recent *recent);
size_t recent_bytes(const struct recent *recent);
/* The file that was there was taken over. */
bool recent_resumed(const struct recent *recent);

#endif
