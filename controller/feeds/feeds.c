/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main thread's side. */
#include "controller/feeds/feeds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "controller/feeds/feeds_part.h"
#include "controller/feeds/safety.h"

void
feeds_preset(struct feed_conf *conf)
{
	if (conf->interval_ns == 0)
		conf->interval_ns = 3600 * CLK_S;
	if (conf->floor_ns == 0)
		conf->floor_ns = strcasestr(conf->url, "spamhaus.org/") ? 3600 * CLK_S : 60 * CLK_S;
	if (conf->timeout_ns == 0)
		conf->timeout_ns = 120 * CLK_S;
	if (conf->max_bytes == 0)
		conf->max_bytes = (size_t)256 << 20;
	if (conf->max_entries == 0)
		conf->max_entries = 2000000;
	if (conf->max_silenced == 0)
		conf->max_silenced = 100;
	if (conf->score == 0)
		conf->score = 1;
}

static bool
has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 127)
			return true;
	return false;
}

static bool
is_http(const char *url)
{
	return (strncasecmp(url, "http://", 7) == 0 && url[7]) ||
	       (strncasecmp(url, "https://", 8) == 0 && url[8]);
}

/* What curl takes: "host:port", or that behind one of these. */
static bool
is_proxy(const char *text)
{
	static const char *const kinds[] = {
	    "http://", "https://", "socks4://", "socks4a://", "socks5://", "socks5h://"};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strncasecmp(text, kinds[i], strlen(kinds[i])) == 0)
			return text[strlen(kinds[i])] != '\0';
	return !strstr(text, "://");
}

int
feeds_check(const struct feed_conf *conf, char why[FEEDS_TEXT_MAX])
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const char *wrong = NULL;

	if (!conf->name[0] || conf->name[0] == '.' ||
	    conf->name[strspn(conf->name, allowed)] != '\0')
		wrong = "a feed's name is letters, digits, - _ and . , with no . first";
	else if (strcmp(conf->name, "allow") == 0 || strcmp(conf->name, "never") == 0)
		wrong = "\"allow\" and \"never\" are names of built-in lists";
	else if (has_control(conf->url) || has_control(conf->probe_url))
		wrong = "a URL holds no blanks and no control characters (%20 is a blank)";
	else if (!is_http(conf->url) && strncmp(conf->url, "file:///", 8) != 0)
		wrong = "a URL is http://…, https://… or file:///absolute/path";
	else if (has_control(conf->proxy) || !is_proxy(conf->proxy))
		wrong = "a proxy is host:port, http://host:port or socks5h://host:port";
	else if (conf->probe_url[0] && (!is_http(conf->probe_url) || !is_http(conf->url)))
		wrong = "a probe URL is http://… or https://…, as the feed's own";
	else if (conf->interval_ns < 0 || conf->floor_ns < 0 || conf->timeout_ns < 0)
		wrong = "a duration is not negative";
	if (!wrong)
		return 0;
	snprintf(why, FEEDS_TEXT_MAX, "%s", wrong);
	return -EINVAL;
}

void
feeds_setup_free(struct feeds_setup **setup)
{
	if (!*setup)
		return;
	free((*setup)->feeds);
	free((*setup)->allow);
	free((*setup)->locals);
	free((*setup)->cache_dir);
	free((*setup)->user_agent);
	free(*setup);
	*setup = NULL;
}

/* A copy of `count` things, never NULL but when memory is out. */
static void *
copied(const void *from, size_t count, size_t size)
{
	void *to = calloc(count + 1, size);

	if (to && count > 0)
		memcpy(to, from, count * size);
	return to;
}

static int
setup_new(const struct feeds_conf *conf, struct feeds_setup **ret_setup)
{
	struct feeds_setup *setup;
	char why[FEEDS_TEXT_MAX];

	for (size_t i = 0; i < conf->feed_count; i++) {
		if (feeds_check(&conf->feeds[i], why) < 0)
			return -EINVAL;
		for (size_t k = 0; k < i; k++)
			if (strcmp(conf->feeds[i].name, conf->feeds[k].name) == 0)
				return -EINVAL;
	}
	setup = calloc(1, sizeof *setup);
	if (!setup)
		return -ENOMEM;
	setup->feeds = copied(conf->feeds, conf->feed_count, sizeof *conf->feeds);
	setup->allow = copied(conf->allow, conf->allow_count, sizeof *conf->allow);
	setup->locals = copied(conf->locals, conf->local_count, sizeof *conf->locals);
	setup->feed_count = conf->feed_count;
	setup->allow_count = conf->allow_count;
	setup->local_count = conf->local_count;
	setup->cache_dir = conf->cache_dir ? strdup(conf->cache_dir) : NULL;
	setup->user_agent =
	    strdup(conf->user_agent ? conf->user_agent : "finderscope/" FINDERSCOPE_VERSION);
	if (!setup->feeds || !setup->allow || !setup->locals || !setup->user_agent ||
	    (conf->cache_dir && !setup->cache_dir)) {
		feeds_setup_free(&setup);
		return -ENOMEM;
	}
	for (size_t i = 0; i < setup->feed_count; i++)
		feeds_preset(&setup->feeds[i]);
	*ret_setup = setup;
	return 0;
}

int
feeds_new(const struct feeds_conf *conf, struct slot *slot, struct feeds **ret_feeds)
{
	struct feeds_setup *setup;
	struct feeds *feeds;
	int r = setup_new(conf, &setup);

	if (r < 0)
		return r;
	feeds = calloc(1, sizeof *feeds);
	if (!feeds) {
		feeds_setup_free(&setup);
		return -ENOMEM;
	}
	pthread_mutex_init(&feeds->mutex, NULL);
	feeds->slot = slot;
	feeds->next = setup;
	feeds->names = calloc(FEEDS_MAX, sizeof *feeds->names);
	feeds->shown = calloc(FEEDS_MAX, sizeof(struct feed_list *));
	feeds->refresh = calloc(FEEDS_MAX, sizeof *feeds->refresh);
	feeds->refresh_confirm = calloc(FEEDS_MAX, sizeof *feeds->refresh_confirm);
	feeds->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	feeds->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	feeds->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (feeds->event_fd < 0 || feeds->wake_fd < 0 || feeds->inotify_fd < 0)
		r = -errno;
	else if (!feeds->names || !feeds->refresh || !feeds->refresh_confirm || !feeds->shown)
		r = -ENOMEM;
	else
		r = fetch_new(setup->user_agent, &feeds->fetch);
	/* Names are there before the thread is: policies may ask for them at once. */
	for (size_t i = 0; r == 0 && i < setup->feed_count; i++) {
		uint16_t id;

		r = feeds_id(feeds, setup->feeds[i].name, &id);
	}
	if (r < 0) {
		feeds_free(&feeds);
		return r;
	}
	*ret_feeds = feeds;
	return 0;
}

static void
wake(struct feeds *feeds)
{
	uint64_t one = 1;

	/* It can only fail by being full, which wakes as well. */
	if (write(feeds->wake_fd, &one, sizeof one) < 0)
		return;
}

int
feeds_start(struct feeds *feeds)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&feeds->thread, NULL, feeds_run_thread, feeds);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	feeds->started = r == 0;
	return r;
}

void
feeds_free(struct feeds **pointer)
{
	struct feeds *feeds = *pointer;

	if (!feeds)
		return;
	if (feeds->started) {
		pthread_mutex_lock(&feeds->mutex);
		feeds->stop = true;
		pthread_mutex_unlock(&feeds->mutex);
		wake(feeds);
		pthread_join(feeds->thread, NULL);
	}
	fetch_free(&feeds->fetch);
	for (size_t i = 0; i < feeds->feed_count; i++) {
		feeds_take_list(feeds, feeds->feeds[i]->info.id, &feeds->feeds[i]->list);
		free(feeds->feeds[i]);
	}
	free(feeds->feeds);
	for (size_t i = 0; feeds->shown && i < FEEDS_MAX; i++)
		feed_list_free(&feeds->shown[i]);
	free(feeds->shown);
	feeds_setup_free(&feeds->setup);
	feeds_setup_free(&feeds->next);
	if (feeds->event_fd >= 0)
		close(feeds->event_fd);
	if (feeds->wake_fd >= 0)
		close(feeds->wake_fd);
	if (feeds->inotify_fd >= 0)
		close(feeds->inotify_fd);
	pthread_mutex_destroy(&feeds->mutex);
	free(feeds->names);
	free(feeds->refresh);
	free(feeds->refresh_confirm);
	free(feeds);
	*pointer = NULL;
}

int
feeds_reload(struct feeds *feeds, const struct feeds_conf *conf)
{
	struct feeds_setup *setup;
	int r = setup_new(conf, &setup);

	if (r < 0)
		return r;
	pthread_mutex_lock(&feeds->mutex);
	for (size_t i = 0; r == 0 && i < setup->feed_count; i++) {
		uint16_t id;

		r = feeds_id(feeds, setup->feeds[i].name, &id);
	}
	if (r == 0) {
		struct feeds_setup *waiting = feeds->next;

		feeds->next = setup;
		setup = waiting;
	}
	pthread_mutex_unlock(&feeds->mutex);
	feeds_setup_free(&setup);
	if (r == 0)
		wake(feeds);
	return r;
}

/* The feeds that are configured, or will be in a moment. Mutex held. */
static bool
known(const struct feeds *feeds, const char *name)
{
	for (size_t i = 0; feeds->next && i < feeds->next->feed_count; i++)
		if (strcmp(feeds->next->feeds[i].name, name) == 0)
			return true;
	for (size_t i = 0; !feeds->next && i < feeds->feed_count; i++)
		if (strcmp(feeds->feeds[i]->conf.name, name) == 0)
			return true;
	return false;
}

int
feeds_refresh(struct feeds *feeds, const char *name, bool confirm)
{
	int r = 0;

	pthread_mutex_lock(&feeds->mutex);
	if (!name) {
		feeds->refresh_all = true;
		feeds->refresh_all_confirm = feeds->refresh_all_confirm || confirm;
	} else if (!known(feeds, name))
		r = -ENOENT;
	else {
		size_t i = 0;

		while (i < feeds->refresh_count && strcmp(feeds->refresh[i], name) != 0)
			i++;
		if (i == feeds->refresh_count) {
			snprintf(feeds->refresh[i], sizeof feeds->refresh[i], "%s", name);
			feeds->refresh_confirm[i] = false;
			feeds->refresh_count++;
		}
		feeds->refresh_confirm[i] = feeds->refresh_confirm[i] || confirm;
	}
	pthread_mutex_unlock(&feeds->mutex);
	if (r == 0)
		wake(feeds);
	return r;
}

int
feeds_id(struct feeds *feeds, const char *name, uint16_t *ret_id)
{
	for (size_t i = 0; i < feeds->name_count; i++)
		if (strcmp(feeds->names[i], name) == 0) {
			*ret_id = (uint16_t)i;
			return 0;
		}
	if (feeds->name_count == FEEDS_MAX)
		return -ENOSPC;
	snprintf(feeds->names[feeds->name_count], sizeof feeds->names[0], "%s", name);
	*ret_id = (uint16_t)feeds->name_count++;
	return 0;
}

int
feeds_fd(const struct feeds *feeds)
{
	return feeds->event_fd;
}

void
feeds_post(struct feeds *feeds, const struct feeds_event *event)
{
	uint64_t one = 1;

	pthread_mutex_lock(&feeds->mutex);
	if (event->kind == FEEDS_PUBLISHED) {
		feeds->published = *event;
		feeds->published_waits = true;
	} else if (feeds->event_count == FEEDS_EVENTS)
		feeds->events_lost++;
	else {
		feeds->events[(feeds->event_first + feeds->event_count) % FEEDS_EVENTS] = *event;
		feeds->event_count++;
	}
	pthread_mutex_unlock(&feeds->mutex);
	if (write(feeds->event_fd, &one, sizeof one) < 0)
		return;
}

bool
feeds_next_event(struct feeds *feeds, struct feeds_event *ret_event, uint64_t *ret_lost)
{
	bool got = true;
	uint64_t count;

	pthread_mutex_lock(&feeds->mutex);
	if (feeds->event_count > 0) {
		*ret_event = feeds->events[feeds->event_first];
		feeds->event_first = (feeds->event_first + 1) % FEEDS_EVENTS;
		feeds->event_count--;
	} else if (feeds->published_waits) {
		*ret_event = feeds->published;
		feeds->published_waits = false;
	} else {
		got = false;
		/* Emptied under the mutex: what is posted next makes it readable again. */
		if (read(feeds->event_fd, &count, sizeof count) < 0)
			count = 0;
	}
	if (ret_lost)
		*ret_lost = feeds->events_lost;
	pthread_mutex_unlock(&feeds->mutex);
	return got;
}
