/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The feed thread: takes commands, starts what is due, waits for transfers, changed files and the
 * main thread, and publishes when a list changed. Nobody waits for it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/feeds/feed_file.h"
#include "controller/feeds/feeds_part.h"

#define WAIT_MOST_MS 60000
#define RETRY_BUILD_MS 5000
/* A file that is being written announces itself more than once: a moment's patience reads it once.
 */
#define SETTLE_NS (50 * CLK_MS)
#define PROBE_MAX 65536
#define PROBE_BELIEVED_NS (86400 * CLK_S)
#define LOOK_MS 2000

static bool
is_file(const struct feed *feed)
{
	return strncmp(feed->conf.url, "file://", 7) == 0;
}

static int
hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* The path of a file URL, %XX undone. */
static void
file_path(const char *url, char path[FEEDS_URL_MAX])
{
	const char *p = url + 7;
	size_t n = 0;

	while (*p && n < FEEDS_URL_MAX - 1) {
		int high = *p == '%' ? hex(p[1]) : -1, low = high >= 0 ? hex(p[2]) : -1;

		if (low >= 0 && (high | low) != 0) {
			path[n++] = (char)(high << 4 | low);
			p += 3;
		} else
			path[n++] = *p++;
	}
	path[n] = '\0';
}

/* A URL that may be shown: without "user:password@". */
static void
show_url(const char *url, char shown[FEEDS_URL_MAX])
{
	char *host, *end, *at = NULL;

	snprintf(shown, FEEDS_URL_MAX, "%s", url);
	host = strstr(shown, "://");
	host = host ? host + 3 : shown;
	end = host + strcspn(host, "/?#");
	for (char *p = host; p < end; p++)
		if (*p == '@')
			at = p;
	if (at)
		memmove(host, at + 1, strlen(at + 1) + 1);
}

/* ---- files ---- */

static void
watch(struct feeds *feeds, struct feed *feed)
{
	char path[FEEDS_URL_MAX], *slash;

	file_path(feed->conf.url, path);
	slash = strrchr(path, '/');
	if (!slash)
		return;
	slash[slash == path] = '\0';
	feed->watch = inotify_add_watch(feeds->inotify_fd, path, IN_CLOSE_WRITE | IN_MOVED_TO);
}

/* What tells one state of a file from the next; "" when it is not there. */
static void
stamp(const char *path, char text[FEED_CACHE_TEXT])
{
	struct stat st;

	text[0] = '\0';
	if (stat(path, &st) == 0)
		snprintf(text, FEED_CACHE_TEXT, "%llu %lld %lld.%09ld",
		    (unsigned long long)st.st_ino, (long long)st.st_size,
		    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void
read_file(struct feeds *feeds, struct feed *feed)
{
	struct feed_copy copy = {.about = {.version = feed->about.version + 1}};
	char path[FEEDS_URL_MAX], error[FEED_FILE_ERROR];
	int r;

	file_path(feed->conf.url, path);
	/* Watched before it is read: a change in between is seen. */
	watch(feeds, feed);
	stamp(path, feed->seen);
	if (feed->list && !feed->whole && !feed->info.unkept[0] && feed->seen[0] &&
	    strcmp(feed->seen, feed->about.modified) == 0) {
		feeds_take_unchanged(feeds, feed);
		return;
	}
	r = feed_file_read(path, feed->conf.max_bytes, &copy.body, &copy.size, error);
	if (r < 0) {
		feeds_take_failure(feeds, feed, error, 0);
		return;
	}
	snprintf(copy.about.url, sizeof copy.about.url, "%s", feed->conf.url);
	memcpy(copy.about.modified, feed->seen, sizeof copy.about.modified);
	copy.about.loaded_wall_ns = clk_wall_ns();
	feeds_take_body(feeds, feed, &copy, false);
}

static void
make_due(struct feeds *feeds, struct feed *feed, int64_t in_ns)
{
	pthread_mutex_lock(&feeds->mutex);
	feed->due = clk_add(clk_now(), in_ns);
	pthread_mutex_unlock(&feeds->mutex);
}

/* Files that changed are read soon. */
static void
take_changes(struct feeds *feeds)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	char path[FEEDS_URL_MAX];
	ssize_t size;

	while ((size = read(feeds->inotify_fd, buffer, sizeof buffer)) > 0)
		for (ssize_t at = 0; at < size;) {
			const struct inotify_event *event = (const void *)(buffer + at);

			for (size_t i = 0; i < feeds->feed_count; i++) {
				struct feed *feed = feeds->feeds[i];

				if (!is_file(feed))
					continue;
				file_path(feed->conf.url, path);
				if ((event->mask & IN_Q_OVERFLOW) ||
				    (feed->watch == event->wd && event->len > 0 &&
					strcmp(strrchr(path, '/') + 1, event->name) == 0))
					make_due(feeds, feed, SETTLE_NS);
			}
			at += (ssize_t)(sizeof *event + event->len);
		}
}

/* What inotify does not tell of (links that are turned, network file systems, folders that come
 * later) is seen by looking. */
static void
look(struct feeds *feeds)
{
	char path[FEEDS_URL_MAX], now[FEED_CACHE_TEXT];

	if (clk_before(clk_now(), feeds->look))
		return;
	feeds->look = clk_add(clk_now(), LOOK_MS * CLK_MS);
	for (size_t i = 0; i < feeds->feed_count; i++) {
		struct feed *feed = feeds->feeds[i];

		if (!is_file(feed) || !clk_before(clk_now(), feed->due))
			continue;
		file_path(feed->conf.url, path);
		stamp(path, now);
		if (strcmp(now, feed->seen) == 0)
			continue;
		memcpy(feed->seen, now, sizeof feed->seen);
		make_due(feeds, feed, SETTLE_NS);
	}
}

/* ---- transfers ---- */

/* How long the source is left in peace: the floor counts from when it was last asked, in this life
 * or before. */
static int64_t
rest(const struct feeds *feeds, const struct feed *feed)
{
	int64_t asked = feeds->setup->cache_dir && !is_file(feed)
			    ? feed_cache_asked(feeds->setup->cache_dir, feed->conf.name)
			    : 0;
	int64_t age = clk_wall_ns() - asked;

	return asked > 0 && age >= 0 && age < feed->conf.floor_ns ? feed->conf.floor_ns - age : 0;
}

static void
start_transfer(struct feeds *feeds, struct feed *feed, bool probe)
{
	bool known = feed->list && !feed->whole && !feed->info.unkept[0] && !probe;
	struct fetch_request request = {
	    .owner = feed->info.id,
	    .url = probe ? feed->conf.probe_url : feed->conf.url,
	    .etag = known ? feed->about.etag : "",
	    .modified = known ? feed->about.modified : "",
	    .header_file = feed->conf.header_file,
	    .ca_file = feed->conf.ca_file,
	    .proxy = feed->conf.proxy,
	    .timeout_ns = feed->conf.timeout_ns,
	    .max_bytes = probe ? PROBE_MAX : feed->conf.max_bytes,
	};
	char error[FETCH_ERROR_MAX];

	feed->probing = probe;
	if (fetch_start(feeds->fetch, &request, error) < 0) {
		feeds_take_failure(feeds, feed, error, 0);
		return;
	}
	/* Without the note a restart asks too early, and no more. */
	if (feeds->setup->cache_dir) {
		feed->asked_before_ns = feed_cache_asked(feeds->setup->cache_dir, feed->conf.name);
		(void)feed_cache_ask(feeds->setup->cache_dir, feed->conf.name, clk_wall_ns());
	}
	if (!probe)
		feed->transferred = clk_now();
	pthread_mutex_lock(&feeds->mutex);
	feed->busy = true;
	pthread_mutex_unlock(&feeds->mutex);
}

/* It was not asked at all, whatever the note says: a network that comes up a minute after this
 * machine must not cost an hour without a list. */
static void
take_unreached(struct feeds *feeds, struct feed *feed)
{
	if (feeds->setup->cache_dir)
		(void)feed_cache_ask(
		    feeds->setup->cache_dir, feed->conf.name, feed->asked_before_ns);
}

/*
 * The probe's answer: as before, or the list is fetched. A probe that fails decides nothing, and
 * one that ran ahead of its list (the two come from one place, but not at one time) is found out
 * within a day.
 */
static void
take_probe(struct feeds *feeds, struct feed *feed, const struct fetch_result *result)
{
	bool believed = clk_diff(clk_now(), feed->transferred) < PROBE_BELIEVED_NS;
	size_t n = 0;

	feed->probe[0] = '\0';
	if (!result->error[0]) {
		while (n < result->size && n < sizeof feed->probe - 1 && result->body[n] > ' ')
			n++;
		memcpy(feed->probe, result->body, n);
		feed->probe[n] = '\0';
	}
	if (n > 0 && feed->list && !feed->whole && !feed->info.unkept[0] && believed &&
	    strcmp(feed->probe, feed->about.probe) == 0)
		feeds_take_unchanged(feeds, feed);
	else
		start_transfer(feeds, feed, false);
}

static void
take_result(struct feeds *feeds, struct feed *feed, struct fetch_result *result)
{
	struct feed_copy copy = {.about = {.version = feed->about.version + 1}};

	feed->unreached = result->unreached;
	if (result->unreached)
		take_unreached(feeds, feed);
	if (feed->probing) {
		take_probe(feeds, feed, result);
		free(result->body);
	} else if (result->error[0]) {
		feeds_take_failure(feeds, feed, result->error,
		    result->unreached ? rest(feeds, feed) : result->retry_ns);
		free(result->body);
	} else if (result->unchanged && feed->list)
		feeds_take_unchanged(feeds, feed);
	else if (result->unchanged)
		feeds_take_failure(feeds, feed,
		    "HTTP 304: \"not modified\", though no list was here to compare with", 0);
	else {
		snprintf(copy.about.url, sizeof copy.about.url, "%s", feed->conf.url);
		memcpy(copy.about.etag, result->etag, sizeof copy.about.etag);
		memcpy(copy.about.modified, result->modified, sizeof copy.about.modified);
		memcpy(copy.about.probe, feed->probe, sizeof copy.about.probe);
		copy.about.loaded_wall_ns = clk_wall_ns();
		copy.body = result->body;
		copy.size = result->size;
		feeds_take_body(feeds, feed, &copy, false);
	}
}

static void
take_results(struct feeds *feeds)
{
	struct fetch_result result;

	while (fetch_next(feeds->fetch, &result)) {
		struct feed *feed = NULL;

		for (size_t i = 0; i < feeds->feed_count; i++)
			if (feeds->feeds[i]->info.id == result.owner)
				feed = feeds->feeds[i];
		if (feed)
			take_result(feeds, feed, &result);
		else
			free(result.body);
	}
}

/* ---- configuration ---- */

/* Would the same body be read the same way? */
static bool
reads_alike(const struct feed_conf *a, const struct feed_conf *b)
{
	return strcmp(a->url, b->url) == 0 && a->format == b->format && a->score == b->score &&
	       a->category == b->category && a->may_be_short == b->may_be_short &&
	       a->allow == b->allow;
}

static struct feed *
feed_new(struct feeds *feeds, const struct feed_conf *conf)
{
	struct feed *feed = calloc(1, sizeof *feed);
	uint16_t id;

	if (!feed)
		return NULL;
	pthread_mutex_lock(&feeds->mutex);
	/* feeds_new and feeds_reload have made room for every name. */
	if (feeds_id(feeds, conf->name, &id) < 0) {
		free(feed);
		feed = NULL;
	}
	pthread_mutex_unlock(&feeds->mutex);
	if (!feed)
		return NULL;
	feed->conf = *conf;
	feed->watch = -1;
	feed->info.id = id;
	return feed;
}

/* Nothing is different for it: it goes on as it was, in the midst of a transfer, too. */
static bool
goes_on(const struct feed *feed, const struct feed_conf *conf)
{
	const struct feed_conf *was = &feed->conf;

	return was->interval_ns == conf->interval_ns && was->floor_ns == conf->floor_ns &&
	       was->timeout_ns == conf->timeout_ns && was->max_bytes == conf->max_bytes &&
	       was->max_entries == conf->max_entries && was->may_jump == conf->may_jump &&
	       was->may_be_empty == conf->may_be_empty && was->max_silenced == conf->max_silenced &&
	       strcmp(was->header_file, conf->header_file) == 0 &&
	       strcmp(was->ca_file, conf->ca_file) == 0 && strcmp(was->proxy, conf->proxy) == 0 &&
	       strcmp(was->probe_url, conf->probe_url) == 0;
}

/* Mutex held. */
static void
feed_configure(struct feeds *feeds, struct feed *feed, const struct feed_conf *conf, bool kept)
{
	bool on = kept && goes_on(feed, conf);

	feed->conf = *conf;
	memcpy(feed->info.name, conf->name, sizeof feed->info.name);
	show_url(conf->url, feed->info.url);
	feed->info.allow = conf->allow;
	if (!feed->list)
		feed->info.format = conf->format;
	if (on)
		return;
	/* What was under way began under the old configuration. */
	fetch_cancel(feeds->fetch, feed->info.id);
	feed->busy = false;
	feed->due = clk_now();
}

/* Takes feeds over that are in both configurations, makes the new ones, drops the rest. -ENOMEM:
 * nothing changed. */
static int
configure(struct feeds *feeds, struct feeds_setup *setup)
{
	struct feed **fresh = calloc(setup->feed_count + 1, sizeof(struct feed *)),
		    **old = feeds->feeds;
	size_t old_count = feeds->feed_count;

	for (size_t i = 0; fresh && i < setup->feed_count; i++)
		if (!(fresh[i] = feed_new(feeds, &setup->feeds[i]))) {
			while (i-- > 0)
				free(fresh[i]);
			free(fresh);
			fresh = NULL;
		}
	if (!fresh)
		return -ENOMEM;
	pthread_mutex_lock(&feeds->mutex);
	for (size_t i = 0; i < setup->feed_count; i++) {
		bool kept = false;

		for (size_t k = 0; k < old_count; k++) {
			struct feed *feed = old[k];

			if (!feed || strcmp(feed->conf.name, setup->feeds[i].name) != 0 ||
			    !reads_alike(&feed->conf, &setup->feeds[i]))
				continue;
			free(fresh[i]);
			fresh[i] = feed;
			old[k] = NULL;
			kept = true;
		}
		feed_configure(feeds, fresh[i], &setup->feeds[i], kept);
	}
	feeds->feeds = fresh;
	feeds->feed_count = setup->feed_count;
	pthread_mutex_unlock(&feeds->mutex);
	for (size_t k = 0; k < old_count; k++)
		if (old[k]) {
			bool again = false;

			for (size_t i = 0; i < setup->feed_count; i++)
				again = again || fresh[i]->info.id == old[k]->info.id;
			if (!again)
				fetch_cancel(feeds->fetch, old[k]->info.id);
			feeds_take_list(feeds, old[k]->info.id, &old[k]->list);
			free(old[k]);
		}
	free(old);
	feeds_setup_free(&feeds->setup);
	feeds->setup = setup;
	feeds->dirty = true;
	return 0;
}

static void
reload(struct feeds *feeds, struct feeds_setup *setup)
{
	struct feeds_event event = {.kind = FEEDS_FAILED};
	int r = configure(feeds, setup);

	if (r < 0) {
		feeds_setup_free(&setup);
		snprintf(event.text, sizeof event.text, "the new configuration is not in force: %s",
		    strerror(-r));
		feeds_post(feeds, &event);
		return;
	}
	r = setup->cache_dir ? feed_cache_prepare(setup->cache_dir) : 0;
	if (r < 0) {
		snprintf(event.text, sizeof event.text, "the folder for copies, %.160s: %s",
		    setup->cache_dir, strerror(-r));
		feeds_post(feeds, &event);
	}
	for (size_t i = 0; i < feeds->feed_count; i++) {
		struct feed *feed = feeds->feeds[i];
		bool fresh = !feed->list && !feed->busy;

		if (fresh)
			feeds_take_cached(feeds, feed);
		if (fresh || (!feed->busy && clk_before(feed->due, clk_now())))
			make_due(feeds, feed, rest(feeds, feed));
	}
	feeds_take_trusted(feeds);
	feeds_take_trials(feeds);
	feeds_build_publish(feeds);
}

int
feeds_load(struct feeds *feeds)
{
	struct feeds_setup *setup = feeds->next;
	char *cache_dir = setup->cache_dir;
	int r;

	feeds->next = NULL;
	feeds->random = 1;
	r = configure(feeds, setup);
	if (r < 0) {
		feeds_setup_free(&setup);
		return r;
	}
	for (size_t i = 0; i < feeds->feed_count; i++)
		if (!is_file(feeds->feeds[i]))
			feeds_take_cached(feeds, feeds->feeds[i]);
	/* Nothing is kept: whoever only looks leaves no trace. */
	setup->cache_dir = NULL;
	for (size_t i = 0; i < feeds->feed_count; i++)
		if (is_file(feeds->feeds[i]))
			read_file(feeds, feeds->feeds[i]);
	setup->cache_dir = cache_dir;
	feeds_build_publish(feeds);
	return feeds->dirty ? -ENOMEM : 0;
}

/* ---- the loop ---- */

static void
refresh(struct feed *feed, bool confirm)
{
	feed->due = clk_now();
	feed->confirm = feed->confirm || confirm;
	feed->whole = feed->whole || confirm;
}

/* What the main thread asked for; false: to end. */
static bool
take_commands(struct feeds *feeds)
{
	struct feeds_setup *next;
	uint64_t count;
	bool stop;

	if (read(feeds->wake_fd, &count, sizeof count) < 0)
		count = 0;
	pthread_mutex_lock(&feeds->mutex);
	stop = feeds->stop;
	next = feeds->next;
	feeds->next = NULL;
	pthread_mutex_unlock(&feeds->mutex);
	if (stop) {
		feeds_setup_free(&next);
		return false;
	}
	if (next)
		reload(feeds, next);
	pthread_mutex_lock(&feeds->mutex);
	for (size_t i = 0; i < feeds->feed_count; i++) {
		if (feeds->refresh_all)
			refresh(feeds->feeds[i], feeds->refresh_all_confirm);
		for (size_t k = 0; k < feeds->refresh_count; k++)
			if (strcmp(feeds->refresh[k], feeds->feeds[i]->conf.name) == 0)
				refresh(feeds->feeds[i], feeds->refresh_confirm[k]);
	}
	feeds->refresh_all = feeds->refresh_all_confirm = false;
	feeds->refresh_count = 0;
	pthread_mutex_unlock(&feeds->mutex);
	return true;
}

static void
start_due(struct feeds *feeds)
{
	struct instant now = clk_now();

	for (size_t i = 0; i < feeds->feed_count; i++) {
		struct feed *feed = feeds->feeds[i];

		if (feed->busy || clk_before(now, feed->due))
			continue;
		if (is_file(feed))
			read_file(feeds, feed);
		else
			start_transfer(feeds, feed, feed->conf.probe_url[0] != '\0');
	}
}

static int
until_next(const struct feeds *feeds)
{
	struct instant now = clk_now();
	int64_t wait = feeds->dirty ? RETRY_BUILD_MS : WAIT_MOST_MS;

	for (size_t i = 0; i < feeds->feed_count; i++) {
		int64_t ms = (clk_diff(feeds->feeds[i]->due, now) + CLK_MS - 1) / CLK_MS;

		if (is_file(feeds->feeds[i]) && wait > LOOK_MS)
			wait = LOOK_MS;
		if (!feeds->feeds[i]->busy && ms < wait)
			wait = ms;
	}
	return wait > 0 ? (int)wait : 0;
}

void *
feeds_run_thread(void *context)
{
	struct feeds *feeds = context;
	int fds[] = {feeds->wake_fd, feeds->inotify_fd};

	pthread_setname_np(pthread_self(), "feeds");
	feeds->random = (uint64_t)clk_wall_ns() ^ (uint64_t)getpid() << 48 ^ 1;
	while (take_commands(feeds)) {
		take_changes(feeds);
		look(feeds);
		start_due(feeds);
		take_results(feeds);
		feeds_take_trials(feeds);
		if (feeds->dirty)
			feeds_build_publish(feeds);
		if (fetch_wait(feeds->fetch, fds, 2, until_next(feeds)) < 0)
			usleep(100000);
	}
	return NULL;
}
