/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread, the queue's lock, and what becomes of a database that fails; see store.h. The
 * connection belongs to whoever runs: the main thread until store_start, the store's after it.
 */
#include "controller/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "controller/store/store_db.h"
#include "controller/store/store_queue.h"

#define BATCH 512
#define NEWS_MAX 8
#define PRUNE_NS (60 * CLK_S)
#define FAR INT64_MAX
#define EPOCH_2026 INT64_C(1767225600)

struct store {
	char *path;
	struct store_limits limits;
	struct walltime boot;
	int lock_fd, event_fd;
	struct store_db *db;      /* NULL: cannot be written now */
	struct store_db *salvage; /* until store_start: what a full or read-only disk still tells */
	bool corrupt;             /* so said a load; dealt with in store_start */
	struct store_db *reading; /* store_events' */
	uint64_t reading_of;      /* generation */
	uint64_t next_id;

	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* of all below; held for moments, never round the disk */
	pthread_cond_t work, done;
	struct store_queue queue;
	uint64_t last_number, inflight_oldest;
	bool stopping;
	int64_t stop_by; /* monotonic ns */
	uint64_t generation, dropped_told;
	uint64_t used_id; /* next after all ids put */
	struct store_news news[NEWS_MAX];
	unsigned news_first, news_count;
	struct store_stats stats;
};

static int64_t
monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * CLK_S + now.tv_nsec;
}

static int64_t
later(int64_t ns)
{
	return clk_add((struct instant){monotonic()}, ns).ns;
}

static struct timespec
timespec_of(int64_t ns)
{
	return (struct timespec){ns / CLK_S, ns % CLK_S};
}

static struct store_limits
with_presets(const struct store_limits *asked)
{
	const int64_t day = INT64_C(86400) * CLK_S;
	struct store_limits limits = *asked;

#define PRESET(field, value)                                                                       \
	if (limits.field == 0)                                                                     \
		limits.field = value;
	PRESET(events_max, 100000)
	PRESET(events_bytes, UINT64_C(256) << 20)
	PRESET(events_age_ns, 90 * day)
	PRESET(captures_max, 10000)
	PRESET(captures_age_ns, 90 * day)
	PRESET(cooldowns_max, 100000)
	PRESET(cooldowns_age_ns, 30 * day)
	PRESET(sightings_max, 50000)
	PRESET(sightings_age_ns, 30 * day)
	PRESET(pending_max, 16384)
	PRESET(pending_bytes, UINT64_C(64) << 20)
	PRESET(retry_ns, 5 * CLK_S)
#undef PRESET
	return limits;
}

/* Tells the engine; with the lock held. The oldest news make room. */
static void
tell(struct store *store, enum store_news_kind kind, const char *text)
{
	struct store_news *news;

	if (store->news_count == NEWS_MAX) {
		store->news_first++;
		store->news_count--;
	}
	news = &store->news[(store->news_first + store->news_count++) % NEWS_MAX];
	news->kind = kind;
	snprintf(news->text, sizeof news->text, "%s", text);
	(void)eventfd_write(store->event_fd, 1);
}

/* Degraded or not, told at the change; with the lock held. */
static void
set_degraded(struct store *store, bool degraded, const char *text)
{
	if (degraded) {
		store->stats.failures++;
		snprintf(store->stats.error, sizeof store->stats.error, "%s", text);
	}
	if (degraded != store->stats.degraded)
		tell(store, degraded ? STORE_DEGRADED : STORE_RECOVERED, text);
	store->stats.degraded = degraded;
}

/* Ids of a database that is lost are not known: seconds since 2026 are over any of them, as long as
 * there is less than one capture a second. */
static uint64_t
id_of_the_clock(void)
{
	int64_t seconds = clk_wall_ns() / CLK_S - EPOCH_2026;

	return seconds > 0 ? (uint64_t)seconds : 1;
}

/* "PATH.corrupt-20261126T120000Z", with the write-ahead log beside it; 0 or negative errno. */
static int
rename_aside(const char *path, char *aside, size_t size)
{
	char from[4096], to[4096];
	time_t now = (time_t)(clk_wall_ns() / CLK_S);
	struct tm tm;
	size_t n;

	gmtime_r(&now, &tm);
	n = (size_t)snprintf(aside, size, "%s.corrupt-", path);
	if (n + 24 > size)
		return -ENAMETOOLONG;
	n += strftime(aside + n, size - n, "%Y%m%dT%H%M%SZ", &tm);
	for (unsigned i = 1; access(aside, F_OK) == 0 && i < 100; i++)
		snprintf(aside + n, size - n, ".%u", i);
	if (rename(path, aside) < 0)
		return -errno;
	snprintf(from, sizeof from, "%s-wal", path);
	snprintf(to, sizeof to, "%s-wal", aside);
	if (rename(from, to) < 0 && errno != ENOENT)
		(void)unlink(from);
	snprintf(from, sizeof from, "%s-shm", path);
	(void)unlink(from);
	return 0;
}

/*
 * Opens the database for writing; a corrupt one is renamed aside first. 0, or negative errno and
 * why; `note` is what was renamed.
 */
static int
open_db(struct store *store, char error[STORE_ERROR_MAX], char note[STORE_ERROR_MAX])
{
	char aside[4096], why[STORE_ERROR_MAX];
	int r = store_db_open(store->path, STORE_DB_WRITE, &store->limits, &store->db, error);

	note[0] = '\0';
	if (r != -EUCLEAN)
		return r;
	memcpy(why, error, sizeof why);
	if ((r = rename_aside(store->path, aside, sizeof aside)) < 0) {
		snprintf(error, STORE_ERROR_MAX, "%.300s; and it cannot be renamed aside: %s", why,
		    strerror(-r));
		return -EIO;
	}
	r = store_db_open(store->path, STORE_DB_WRITE, &store->limits, &store->db, error);
	if (r < 0)
		return r == -ENOMEM ? r : -EIO;
	snprintf(note, STORE_ERROR_MAX,
	    "the database is corrupt (%.200s): kept as %.200s, a fresh one begun", why, aside);
	store_db_used_id(store->db, id_of_the_clock());
	return 0;
}

/* Two controllers with one database would take each other's captures for their own. */
static int
lock_path(struct store *store, char error[STORE_ERROR_MAX])
{
	char path[4096];

	snprintf(path, sizeof path, "%s.lock", store->path);
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	/* A full or read-only disk: the database is degraded anyway. */
	if (store->lock_fd < 0 || flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return 0;
	snprintf(
	    error, STORE_ERROR_MAX, "%s is in use by another finderscope-controller", store->path);
	return -EBUSY;
}

static void
destroy(struct store *store)
{
	if (store == NULL)
		return;
	store_db_close(&store->reading, false);
	store_db_close(&store->salvage, false);
	store_queue_done(&store->queue);
	pthread_cond_destroy(&store->work);
	pthread_cond_destroy(&store->done);
	pthread_mutex_destroy(&store->lock);
	if (store->event_fd >= 0)
		close(store->event_fd);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	free(store->path);
	free(store);
}

static int
create(const char *path, const struct store_limits *limits, struct store **ret_store)
{
	struct store *store = calloc(1, sizeof *store);
	pthread_condattr_t monotonic_clock;

	if (store == NULL)
		return -ENOMEM;
	pthread_condattr_init(&monotonic_clock);
	pthread_condattr_setclock(&monotonic_clock, CLOCK_MONOTONIC);
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->work, &monotonic_clock);
	pthread_cond_init(&store->done, &monotonic_clock);
	pthread_condattr_destroy(&monotonic_clock);
	store->lock_fd = -1;
	store->limits = with_presets(limits);
	store->inflight_oldest = UINT64_MAX;
	store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	walltime_read(&store->boot);
	store->path = strdup(path);
	if (store->event_fd < 0 || store->path == NULL ||
	    store_queue_init(
		&store->queue, store->limits.pending_max, store->limits.pending_bytes) < 0) {
		destroy(store);
		return -ENOMEM;
	}
	*ret_store = store;
	return 0;
}

/* The disk takes nothing: reads what is there as well as it can. */
static void
open_salvage(struct store *store)
{
	char ignored[STORE_ERROR_MAX];

	if (store_db_open(store->path, STORE_DB_SALVAGE, &store->limits, &store->salvage, ignored) <
	    0)
		(void)store_db_open(
		    store->path, STORE_DB_IMMUTABLE, &store->limits, &store->salvage, ignored);
	store->next_id =
	    store->salvage != NULL ? store_db_next_id(store->salvage) : id_of_the_clock();
}

int
store_open(const char *path, const struct store_limits *limits, struct store **ret_store,
    char error[STORE_ERROR_MAX])
{
	char note[STORE_ERROR_MAX];
	struct store *store;
	int r = create(path, limits, &store);

	error[0] = '\0';
	if (r < 0) {
		snprintf(error, STORE_ERROR_MAX, "%s: %s", path, strerror(-r));
		return r;
	}
	if ((r = lock_path(store, error)) < 0)
		goto fail;
	r = open_db(store, error, note);
	if (r < 0 && r != -EIO)
		goto fail;
	if (r < 0) {
		set_degraded(store, true, error);
		open_salvage(store);
	} else {
		memcpy(error, note, sizeof note);
		if (note[0] != '\0') {
			store->stats.replaced++;
			tell(store, STORE_REPLACED, note);
		}
		store->next_id = store_db_next_id(store->db);
	}
	*ret_store = store;
	return 0;
fail:
	destroy(store);
	return r;
}

uint64_t
store_next_id(const struct store *store)
{
	return store->next_id;
}

void
store_load(struct store *store, const struct store_reader *reader, void *user)
{
	struct store_db *db = store->db != NULL ? store->db : store->salvage;
	struct walltime now;
	uint64_t unreadable;

	if (db == NULL)
		return;
	walltime_again(&store->boot, &now);
	/* What can be read is handed out all the same. */
	if (store_db_load(db, &now, reader, user, &unreadable) == -EUCLEAN && !store->corrupt) {
		store->corrupt = true;
		snprintf(store->stats.error, sizeof store->stats.error, "%s", store_db_error(db));
		if (store->next_id < id_of_the_clock())
			store->next_id = id_of_the_clock();
	}
	store->stats.unreadable += unreadable;
}

/* A load found it corrupt: a fresh one in its place; the engine puts everything again when it
 * hears. */
static void
replace(struct store *store)
{
	char error[STORE_ERROR_MAX], note[STORE_ERROR_MAX], aside[4096];
	int r;

	store_db_close(&store->db, false);
	r = rename_aside(store->path, aside, sizeof aside);
	if (r < 0)
		snprintf(error, sizeof error, "%.200s is corrupt and cannot be renamed aside: %s",
		    store->path, strerror(-r));
	else
		r = open_db(store, error, note);
	if (r < 0) {
		set_degraded(store, true, error);
		return;
	}
	store_db_used_id(store->db, store->next_id);
	store->stats.replaced++;
	snprintf(note, sizeof note,
	    "the database is corrupt (%.200s): kept as %.200s, a fresh one begun",
	    store->stats.error, aside);
	tell(store, STORE_REPLACED, note);
}

/* The thread. */

/* Rows that were taken out go into the database or back. With the lock not held. */
static int
write_rows(struct store *store, struct store_rows *rows, uint64_t used_id, size_t *ret_bad)
{
	char error[STORE_ERROR_MAX], note[STORE_ERROR_MAX] = "", text[STORE_ERROR_MAX];
	bool replaced = false;
	int r = 0;

	if (store->db == NULL) {
		r = open_db(store, error, note);
		replaced = r == 0 && note[0] != '\0';
	}
	if (r == 0) {
		store_db_used_id(store->db, used_id);
		r = store_db_write(store->db, rows, ret_bad);
		if (r < 0)
			snprintf(error, sizeof error, "%.256s: %s", store->path,
			    store_db_error(store->db));
	}
	if (r < 0)
		store_db_close(&store->db, false);
	if (r == -EUCLEAN) {
		char aside[4096];

		r = rename_aside(store->path, aside, sizeof aside);
		if (r == 0) {
			snprintf(note, sizeof note,
			    "the database is corrupt (%.180s): kept as %.200s, a fresh one begun",
			    error, aside);
			replaced = true;
			r = open_db(store, error, text);
		}
		if (r == 0) {
			store_db_used_id(store->db, id_of_the_clock());
			r = store_db_write(store->db, rows, ret_bad);
		}
		if (r < 0)
			store_db_close(&store->db, false);
	}
	pthread_mutex_lock(&store->lock);
	if (replaced) {
		store->generation++;
		store->stats.replaced++;
		tell(store, STORE_REPLACED, note);
	}
	set_degraded(store, r < 0, r < 0 ? error : "the database is written again");
	pthread_mutex_unlock(&store->lock);
	return r;
}

/* With the lock held, which is let go round the disk. */
static int
write_batch(struct store *store)
{
	struct store_rows rows = TAILQ_HEAD_INITIALIZER(rows);
	struct store_row *row;
	size_t bad = 0, count = store_queue_take(&store->queue, &rows, BATCH);
	uint64_t used_id = store->used_id;
	int r;

	store->inflight_oldest = UINT64_MAX;
	TAILQ_FOREACH(row, &rows, order)
	if (row->number < store->inflight_oldest)
		store->inflight_oldest = row->number;
	pthread_mutex_unlock(&store->lock);
	r = write_rows(store, &rows, used_id, &bad);
	pthread_mutex_lock(&store->lock);
	store->inflight_oldest = UINT64_MAX;
	if (r < 0) {
		store_queue_give_back(&store->queue, &rows);
	} else {
		store->stats.written += count - bad;
		store->stats.dropped += bad;
		store_db_sizes(store->db, &store->stats.events, &store->stats.events_bytes);
	}
	pthread_cond_broadcast(&store->done);
	pthread_mutex_unlock(&store->lock);
	while ((row = TAILQ_FIRST(&rows)) != NULL) {
		TAILQ_REMOVE(&rows, row, order);
		free(row);
	}
	pthread_mutex_lock(&store->lock);
	return r;
}

/* With the lock held, let go round the disk. When the next slice is due. */
static int64_t
prune(struct store *store)
{
	uint64_t pruned = 0;
	bool more = false;
	int r;

	if (store->db == NULL)
		return later(PRUNE_NS);
	pthread_mutex_unlock(&store->lock);
	/* What fails here fails at the next row as well, and is dealt with there. */
	r = store_db_prune(store->db, clk_wall_ns(), &pruned, &more);
	pthread_mutex_lock(&store->lock);
	store->stats.pruned += pruned;
	store_db_sizes(store->db, &store->stats.events, &store->stats.events_bytes);
	return r == 0 && more ? 0 : later(PRUNE_NS);
}

static bool
over_limits(const struct store *store)
{
	return store->stats.events > store->limits.events_max + BATCH ||
	       store->stats.events_bytes >
		   store->limits.events_bytes + store->limits.events_bytes / 16;
}

static void *
thread_main(void *user)
{
	struct store *store = user;
	int64_t retry_at = 0, prune_at = 0;

	pthread_mutex_lock(&store->lock);
	for (;;) {
		int64_t now = monotonic(), wake_at = prune_at;
		bool waits = store->queue.count > 0 || store->stats.degraded;

		if (store->stopping && (store->queue.count == 0 || now >= store->stop_by))
			break;
		if (waits && (now >= retry_at || store->stopping)) {
			if (write_batch(store) == 0) {
				retry_at = 0;
				if (over_limits(store))
					prune_at = 0;
			} else if (store->stopping) {
				break;
			} else {
				retry_at = later(store->limits.retry_ns);
			}
			continue;
		}
		if (now >= prune_at && !store->stopping) {
			prune_at = prune(store);
			continue;
		}
		if (waits && retry_at < wake_at)
			wake_at = retry_at;
		struct timespec until = timespec_of(wake_at);
		(void)pthread_cond_timedwait(&store->work, &store->lock, &until);
	}
	bool clean = store->queue.count == 0 && !store->stats.degraded;
	pthread_mutex_unlock(&store->lock);
	store_db_close(&store->db, clean);
	return NULL;
}

int
store_start(struct store *store)
{
	sigset_t all, before;
	int r;

	store_db_close(&store->salvage, false);
	if (store->corrupt && store->db != NULL)
		replace(store);
	store->corrupt = false;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&store->thread, NULL, thread_main, store);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	pthread_setname_np(store->thread, "store");
	store->started = true;
	return 0;
}

void
store_free(struct store **store_ptr, int64_t deadline_ns, uint64_t *ret_lost)
{
	struct store *store = *store_ptr;
	uint64_t lost;

	if (ret_lost != NULL)
		*ret_lost = 0;
	if (store == NULL)
		return;
	*store_ptr = NULL;
	pthread_mutex_lock(&store->lock);
	store->stopping = true;
	store->stop_by = later(deadline_ns);
	struct timespec until = timespec_of(clk_add((struct instant){store->stop_by}, CLK_S).ns);
	pthread_cond_signal(&store->work);
	pthread_mutex_unlock(&store->lock);
	/* A disk that hangs must not hang the end: then the thread keeps what it holds. */
	bool ended = !store->started ||
		     pthread_clockjoin_np(store->thread, NULL, CLOCK_MONOTONIC, &until) == 0;
	pthread_mutex_lock(&store->lock);
	lost = store->queue.count;
	pthread_mutex_unlock(&store->lock);
	if (ret_lost != NULL)
		*ret_lost = lost;
	if (!ended) {
		pthread_detach(store->thread);
		return;
	}
	store_db_close(&store->db, lost == 0 && !store->stats.degraded);
	destroy(store);
}

/* Puts. */

static void
put(struct store *store, struct store_row *row)
{
	if (row != NULL)
		walltime_again(&store->boot, &row->at);
	pthread_mutex_lock(&store->lock);
	if (row != NULL) {
		row->number = ++store->last_number;
		(void)store_queue_put(&store->queue, row);
		pthread_cond_signal(&store->work);
	} else {
		store->stats.dropped++;
	}
	pthread_mutex_unlock(&store->lock);
}

void
store_put_capture(struct store *store, const struct decide_capture *capture,
    const char *(*name)(void *user, unsigned id), void *user)
{
	struct store_row *row =
	    store_row_new(STORE_CAPTURE, NULL, sizeof(struct store_row_capture));

	if (row != NULL) {
		struct store_row_capture *body = (void *)row->body;

		body->capture = *capture;
		for (unsigned i = 0; i < capture->holder_count && i < DECIDE_HOLDERS_MAX; i++)
			snprintf(body->names.names[i], sizeof body->names.names[i], "%s",
			    name(user, capture->holders[i].id));
		pthread_mutex_lock(&store->lock);
		if (store->used_id <= capture->id)
			store->used_id = capture->id + 1;
		pthread_mutex_unlock(&store->lock);
	}
	put(store, row);
}

void
store_put_cooldown(struct store *store, const struct store_cooldown *cooldown)
{
	put(store, store_row_new(STORE_COOLDOWN, cooldown, sizeof *cooldown));
}

void
store_put_flag(struct store *store, const struct store_flag *flag)
{
	put(store, store_row_new(STORE_FLAG, flag, sizeof *flag));
}

void
store_put_agent(struct store *store, const struct store_agent *agent)
{
	struct store_row_agent body = {.agent = *agent};

	put(store, store_row_new(STORE_AGENT, &body, sizeof body));
}

void
store_forget_agent(struct store *store, const char *name)
{
	struct store_row_agent body = {.forget = true};

	snprintf(body.agent.name, sizeof body.agent.name, "%s", name);
	put(store, store_row_new(STORE_AGENT, &body, sizeof body));
}

void
store_put_event(struct store *store, int64_t wall_ns, uint64_t capture, const char *json)
{
	size_t length = strlen(json);
	struct store_row *row =
	    store_row_new(STORE_EVENT, NULL, sizeof(struct store_row_event) + length + 1);

	if (row != NULL) {
		struct store_row_event *event = (void *)row->body;

		event->wall_ns = wall_ns;
		event->capture = capture;
		event->length = length;
		memcpy(event->json, json, length + 1);
	}
	put(store, row);
}

void
store_put_sighting(struct store *store, const struct store_sighting *sighting)
{
	put(store, store_row_new(STORE_SIGHTING, sighting, sizeof *sighting));
}

static uint64_t
dropped(const struct store *store)
{
	uint64_t count = store->stats.dropped;

	for (unsigned kind = 0; kind < STORE_KINDS; kind++)
		count += store->queue.dropped[kind];
	return count;
}

int
store_flush(struct store *store, int64_t timeout_ns)
{
	struct timespec until = timespec_of(later(timeout_ns));
	uint64_t number;
	int r = 0;

	pthread_mutex_lock(&store->lock);
	number = store->last_number;
	while (r == 0 &&
	       (store_queue_oldest(&store->queue) <= number || store->inflight_oldest <= number)) {
		if (store->stats.degraded && store->inflight_oldest == UINT64_MAX)
			r = -EIO;
		else
			r = -pthread_cond_timedwait(&store->done, &store->lock, &until);
	}
	if (r == 0 && dropped(store) != store->dropped_told)
		r = -ENOSPC;
	store->dropped_told = dropped(store);
	pthread_mutex_unlock(&store->lock);
	return r;
}

int
store_fd(const struct store *store)
{
	return store->event_fd;
}

bool
store_news(struct store *store, struct store_news *ret_news)
{
	bool any;

	pthread_mutex_lock(&store->lock);
	any = store->news_count > 0;
	if (any) {
		*ret_news = store->news[store->news_first++ % NEWS_MAX];
		store->news_count--;
	} else {
		eventfd_t ignored;

		(void)eventfd_read(store->event_fd, &ignored);
	}
	pthread_mutex_unlock(&store->lock);
	return any;
}

void
store_stats(struct store *store, struct store_stats *ret_stats)
{
	pthread_mutex_lock(&store->lock);
	const uint64_t *drops = store->queue.dropped;
	*ret_stats = store->stats;
	ret_stats->dropped = dropped(store);
	ret_stats->dropped_sightings = drops[STORE_SIGHTING];
	ret_stats->dropped_events = drops[STORE_EVENT];
	ret_stats->dropped_cooldowns = drops[STORE_COOLDOWN];
	ret_stats->dropped_others = drops[STORE_CAPTURE] + drops[STORE_AGENT] + drops[STORE_FLAG];
	ret_stats->merged = store->queue.merged;
	ret_stats->pending = store->queue.count;
	ret_stats->pending_bytes = store->queue.bytes;
	pthread_mutex_unlock(&store->lock);
}

int
store_events(struct store *store, uint64_t capture, uint64_t before, size_t count,
    void (*each)(void *user, uint64_t id, const char *json), void *user)
{
	char error[STORE_ERROR_MAX];
	uint64_t generation;
	int r;

	pthread_mutex_lock(&store->lock);
	generation = store->generation;
	pthread_mutex_unlock(&store->lock);
	if (store->reading_of != generation)
		store_db_close(&store->reading, false);
	store->reading_of = generation;
	if (store->reading == NULL &&
	    store_db_open(store->path, STORE_DB_READ, &store->limits, &store->reading, error) < 0)
		return -EIO;
	r = store_db_events(store->reading, capture, before, count, each, user);
	if (r < 0)
		store_db_close(&store->reading, false);
	return r;
}

int
store_peek(
    const char *path, const struct store_reader *reader, void *user, char error[STORE_ERROR_MAX])
{
	const struct store_limits limits = with_presets(&(struct store_limits){.events_max = 0});
	struct walltime now;
	struct store_db *db;
	char wal[4096];
	uint64_t unreadable;
	struct stat st;
	int r;

	error[0] = '\0';
	if (stat(path, &st) < 0 ||
	    (size_t)snprintf(wal, sizeof wal, "%s-wal", path) >= sizeof wal) {
		r = errno == ENOENT ? -ENOENT : -EIO;
		snprintf(error, STORE_ERROR_MAX, "%.256s: %s", path, strerror(errno));
		return r;
	}
	/* Without a WAL nobody writes; SQLite would make one to read. */
	r = store_db_open(
	    path, access(wal, F_OK) == 0 ? STORE_DB_READ : STORE_DB_IMMUTABLE, &limits, &db, error);
	if (r < 0)
		return r;
	walltime_read(&now);
	r = store_db_load(db, &now, reader, user, &unreadable);
	if (r < 0)
		snprintf(error, STORE_ERROR_MAX, "%.256s: %.200s", path, store_db_error(db));
	store_db_close(&db, false);
	return r;
}
