/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What feeds*.c share. Two threads meet in struct feeds: the main thread (feeds.c) and the feed
 * thread (feeds_run.c, feeds_build.c). `mutex` guards what is marked M, held for a copy or a
 * look-up and never round a file, a transfer or a build; the rest is the feed thread's alone, which
 * may read M fields that only it writes without the mutex.
 */
#ifndef CONTROLLER_FEEDS_FEEDS_PART_H
#define CONTROLLER_FEEDS_FEEDS_PART_H

#include <pthread.h>

#include "common/base/clk.h"
#include "controller/feeds/feed_cache.h"
#include "controller/feeds/feed_list.h"
#include "controller/feeds/feeds.h"
#include "controller/feeds/fetch.h"

#define FEEDS_EVENTS 256

struct feed {
	struct feed_conf conf;   /* M; written by the feed thread */
	struct feeds_info info;  /* M; written by the feed thread */
	struct feed_list *list;  /* the newest that is good; NULL: none yet */
	struct feed_cache about; /* of that list: validators and version */
	struct instant due;      /* M */
	bool busy;               /* M; a transfer is under way */
	bool probing;            /* ... and it is the probe's */
	bool confirm;            /* the next version is taken whatever the limits say */
	bool whole;              /* the next transfer is unconditional */
	/* An allow-list in force, with some block list not there yet to be held against: it may yet
	 * turn out to silence too much. */
	bool on_trial;
	int64_t asked_before_ns;     /* wall clock: when the source was asked the time before */
	bool unreached;              /* the last transfer came to no connection */
	struct instant transferred;  /* when the list itself (not its probe) was last asked for */
	int watch;                   /* file feeds: inotify's number of the folder; -1 is none */
	char seen[FEED_CACHE_TEXT];  /* file feeds: the file's stamp when it was last looked at */
	char probe[FEED_CACHE_TEXT]; /* what the probe said, to be kept with the list */
};

/* A configuration, copied. */
struct feeds_setup {
	struct feed_conf *feeds;
	size_t feed_count;
	struct prefix *allow, *locals;
	size_t allow_count, local_count;
	char *cache_dir, *user_agent;
};

struct feeds {
	pthread_mutex_t mutex;
	pthread_t thread;
	bool started;
	int event_fd, wake_fd, inotify_fd;
	struct slot *slot;
	struct fetch *fetch;

	/* M: from the main thread */
	bool stop, refresh_all, refresh_all_confirm;
	char (*refresh)[FEEDS_NAME_MAX]; /* names asked for; sized as `names` */
	bool *refresh_confirm;
	size_t refresh_count;
	struct feeds_setup *next; /* a reload that waits */

	/* M: for the main thread */
	struct feeds_event events[FEEDS_EVENTS];
	size_t event_first, event_count;
	uint64_t events_lost;
	struct feeds_event published;
	bool published_waits;
	char (*names)[FEEDS_NAME_MAX]; /* by id */
	size_t name_count;

	struct feeds_setup *setup;
	struct feed **feeds;       /* M; the array and what it points to */
	size_t feed_count;         /* M */
	const struct table *table; /* M; the slot's; valid as long as the mutex is held */
	struct feed_list **shown;  /* M; by id: the lists that the table was made of */
	struct instant look;       /* when all files are looked at next */
	uint64_t random;
	bool dirty; /* the table in force is not what the lists say */
	bool met;   /* a block list came that was not there before: allow-lists meet it */
};

/* feeds.c */
void feeds_post(struct feeds *feeds, const struct feeds_event *event);
void feeds_setup_free(struct feeds_setup **setup);
/* The id of a name, a new one if need be. -ENOSPC: FEEDS_MAX names were seen. Mutex held. */
int feeds_id(struct feeds *feeds, const char *name, uint16_t *ret_id);

/* feeds_run.c */
void *feeds_run_thread(void *feeds);

/* feeds_take.c: a body came (and is taken over); it is read, judged and, if good, put in force
 * (feeds->dirty). Posts the event. */
void feeds_take_body(
    struct feeds *feeds, struct feed *feed, struct feed_copy *copy, bool from_cache);
/* The same without: what went wrong, in one clause; not asked again before `retry_ns`. */
void feeds_take_failure(struct feeds *feeds, struct feed *feed, const char *text, int64_t retry_ns);
void feeds_take_unchanged(struct feeds *feeds, struct feed *feed);
void feeds_take_cached(struct feeds *feeds, struct feed *feed);
/* Allow-lists whose copies were read beside those of block lists have been in force with them. */
void feeds_take_trusted(struct feeds *feeds);
/* Block lists came for the first time: allow-lists that were taken before them are held against
 * them, and one that silences too much is taken out of force as if it had come last. */
void feeds_take_trials(struct feeds *feeds);

/* Forgets a list; it is freed now, or with the table that was made of it. */
void feeds_take_list(struct feeds *feeds, uint16_t id, struct feed_list **list);

/* feeds_build.c: makes the table of all lists and publishes it. */
void feeds_build_publish(struct feeds *feeds);
/* Block entries that the allow-list `now` would silence and `before` (may be NULL) does not.
 * -ENOMEM or 0. */
int feeds_build_silenced(struct feeds *feeds, const struct feed_list *before,
    const struct feed_list *now, size_t *ret_silenced);

#endif
