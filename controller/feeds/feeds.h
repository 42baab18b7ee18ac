/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block lists and allow-lists: a thread of its own fetches, reads, keeps and builds them, and
 * publishes the table through the slot. The main thread configures, listens to events and asks;
 * none of its calls waits for a transfer, a file or a build (a mutex is held for the length of one
 * look-up or one copy).
 */
#ifndef CONTROLLER_FEEDS_FEEDS_H
#define CONTROLLER_FEEDS_FEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "controller/feeds/format.h"
#include "controller/match/slot.h"

#define FEEDS_NAME_MAX 64
#define FEEDS_URL_MAX 1024
#define FEEDS_PATH_MAX 512
#define FEEDS_TEXT_MAX 256
#define FEEDS_MAX 4096 /* distinct names in the life of the process */

/* One feed, as the configuration gives it. Zero stands for the preset; feeds_preset writes it. */
struct feed_conf {
	char name[FEEDS_NAME_MAX]; /* letters, digits, - _ . ; unique */
	char url[FEEDS_URL_MAX];   /* http://, https:// or file:///absolute/path */
	enum format format;        /* FORMAT_AUTO recognises it */
	bool allow;            /* an allow-list: its entries silence those of every block list */
	bool may_be_empty;     /* an empty list is as good as any other */
	bool may_jump;         /* and so is one that shrank by more than half or grew tenfold */
	bool may_be_short;     /* prefixes shorter than /8 (IPv6: /19) are taken */
	int64_t interval_ns;   /* between refreshes; preset 1 h */
	int64_t floor_ns;      /* no interval is shorter; preset 60 s, and 1 h for spamhaus.org */
	int64_t timeout_ns;    /* for a whole transfer; preset 120 s */
	size_t max_bytes;      /* of a body, inflated; preset 256 MiB */
	size_t max_entries;    /* preset 2,000,000 */
	uint32_t max_silenced; /* allow-lists: block entries that a new version may newly silence;
				  preset 100 */
	int score;             /* reputation lists: the least score that counts; preset 1 */
	int category;          /* reputation lists: this category alone; 0 is any */
	char header_file[FEEDS_PATH_MAX]; /* lines "Name: value" sent along (API keys), never
					     shown; "" is none */
	char ca_file[FEEDS_PATH_MAX]; /* trusted instead of the system's certificates; "" is none */
	char proxy[FEEDS_URL_MAX];    /* "" is the environment's */
	char probe_url[FEEDS_URL_MAX]; /* a small text asked first: as before, and the list is not
					  fetched (Emerging Threats' FWrev); "" is none */
};

/* Everything that a reload swaps at once. Pointers are the caller's; all is copied. */
struct feeds_conf {
	const struct feed_conf *feeds;
	size_t feed_count;
	const struct prefix *allow; /* the configuration's own allow-list */
	size_t allow_count;
	const struct prefix
	    *locals; /* the local networks: never matched, published beside the table */
	size_t local_count;
	const char *cache_dir;  /* last good copies; made if missing; NULL keeps none */
	const char *user_agent; /* NULL is "finderscope/VERSION" */
};

/* Writes the presets over zeroes. */
void feeds_preset(struct feed_conf *conf);

/* Checks one feed for what can't be (name, URL, sizes): 0, or -EINVAL and one clause in `why`. */
int feeds_check(const struct feed_conf *conf, char why[FEEDS_TEXT_MAX]);

struct feeds;

/* Makes everything but the thread. `slot` must outlive it. 0, -EINVAL, -ENOMEM or what eventfd
 * gave. */
int feeds_new(const struct feeds_conf *conf, struct slot *slot, struct feeds **ret_feeds);

/*
 * Starts the thread, with every signal blocked in it. Last good copies are read and published
 * before the network is asked. Processes and threads: nothing else is started.
 */
int feeds_start(struct feeds *feeds);

/*
 * In place of feeds_start, once, for who only looks (a replay): reads files and the last good
 * copies of all else, publishes, and is done; no thread, no network, nothing written. What could
 * not be read is among the events. 0 or -ENOMEM.
 */
int feeds_load(struct feeds *feeds);

/* Ends the thread (an open transfer is cut) and frees all but the slot and what it holds. NULL is
 * fine. */
void feeds_free(struct feeds **feeds);

/* Hands a whole new configuration to the thread. Feeds of the same name, URL and format keep their
 * list. */
int feeds_reload(struct feeds *feeds, const struct feeds_conf *conf);

/*
 * Fetches now: `name`, or all when NULL. `confirm` takes the next version even when a limit
 * (shrunk, grown, silenced, empty) would refuse it. 0 or -ENOENT.
 */
int feeds_refresh(struct feeds *feeds, const char *name, bool confirm);

enum feeds_event_kind {
	FEEDS_LOADED = 1, /* a new version of one list is in force */
	FEEDS_UNCHANGED,  /* asked, and it is as before */
	FEEDS_REFUSED,    /* a limit refused the new version: the old one stays; `text` says why */
	FEEDS_FAILED,     /* no new version could be had; `text` says why */
	FEEDS_PUBLISHED,  /* a new table is in force: judge running captures again */
};

struct feeds_event {
	enum feeds_event_kind kind;
	char feed[FEEDS_NAME_MAX]; /* "" for FEEDS_PUBLISHED */
	char text[FEEDS_TEXT_MAX]; /* one clause; "" where there is nothing to say */
	uint32_t version; /* of the list; FEEDS_PUBLISHED: of the table, as in struct slot_view */
	bool from_cache;
	size_t entries4, entries6; /* of the list; FEEDS_PUBLISHED: of the table */
	size_t added, removed;     /* FEEDS_LOADED: against the version before */
	uint32_t build_ms;         /* FEEDS_PUBLISHED */
};

/* Readable while events wait; belongs to `feeds`. */
int feeds_fd(const struct feeds *feeds);

/* Takes the oldest event; false when there is none. The queue is bounded: what it lost is in
 * *ret_lost (may be NULL), a total since the start. A lost FEEDS_PUBLISHED is made up for by the
 * next one of its kind, which is never lost. */
bool feeds_next_event(struct feeds *feeds, struct feeds_event *ret_event, uint64_t *ret_lost);

/* A feed as it stands. */
struct feeds_info {
	char name[FEEDS_NAME_MAX];
	char url[FEEDS_URL_MAX]; /* without user and password */
	enum format format;      /* as configured; as recognised once there is a list */
	uint16_t id;             /* what sightings call `feed` */
	bool allow, loaded, from_cache;
	bool refused;              /* the last that came was, and nothing good came since */
	uint32_t version;          /* counts the list's versions, restarts included; 0: none yet */
	size_t entries4, entries6; /* in force */
	/* Of that version: */
	size_t lines, bad_lines;
	size_t masked;           /* had host bits set, which were cleared */
	size_t never;            /* stand in ranges that never match */
	size_t short_ones;       /* refused: shorter than /8 or, IPv6, /19 */
	size_t filtered;         /* reputation lists: below the score, of another category */
	int64_t loaded_wall_ns;  /* when it came from its source; 0 is never */
	int64_t checked_wall_ns; /* when the source last answered */
	int64_t good_wall_ns;    /* when it last said what is in use, or "as before" */
	int64_t age_ns;    /* since the list in use was last seen good at its source; -1: none */
	int64_t next_ns;   /* until the next refresh; 0: under way */
	unsigned failures; /* in a row */
	uint64_t loads, unchanged, refusals, errors; /* since the start */
	char last_error[FEEDS_TEXT_MAX];             /* "" since the last success */
	char unkept[FEEDS_TEXT_MAX]; /* why the list in force has no copy on disk; "" : it has */
	char bad[FORMAT_BAD_MAX][FORMAT_BAD_TEXT]; /* the first bad lines; "" ends */
};

/* Copies up to `max` rows, in the configuration's order, and returns how many feeds there are. */
size_t feeds_info(struct feeds *feeds, struct feeds_info *rows, size_t max);

/* The name behind an id, of feeds that are gone, too; "allow" for TABLE_ALLOW, "never" for
 * TABLE_NEVER. -ENOENT. */
int feeds_name(struct feeds *feeds, uint16_t id, char ret_name[FEEDS_NAME_MAX]);

/* One entry that holds an address. */
struct feeds_match {
	char feed[FEEDS_NAME_MAX]; /* "allow": the configuration's own list; "never": a range that
				      never matches */
	uint16_t id;
	struct prefix prefix;
	uint16_t port; /* 0 is any */
	uint32_t line; /* with `item`: the element's number in a JSON document */
	bool item;
	uint32_t version;
	int64_t since_wall_ns; /* first seen in this feed; 0: unknown */
	bool allow;
	char note[32]; /* for "never": "loopback", "local network", … */
};

enum feeds_verdict {
	FEEDS_NOT_LISTED = 1,
	FEEDS_LISTED,  /* by at least one block entry for that port */
	FEEDS_ALLOWED, /* an allow entry silences it (block entries may stand in the list, too) */
	FEEDS_NEVER,   /* in a range that never matches */
};

/*
 * What the table in force says of an address: the verdict, up to `max` entries, longest prefix
 * first, and in *ret_count how many there are. `port` 0 matches any entry; else entries with
 * another port are left out.
 */
enum feeds_verdict feeds_lookup(struct feeds *feeds, const struct addr *addr, uint16_t port,
    struct feeds_match *matches, size_t max, size_t *ret_count);

/* The verdict alone: what re-judges a running capture. */
enum feeds_verdict feeds_judge(struct feeds *feeds, const struct addr *addr, uint16_t port);

#endif
