/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clk.h"

enum { ROOM = 1 << 18, KEPT = 64 };

/* One in so many messages. */
enum { CUT_EACH = 700, REPEAT_EACH = 40, REPLAY_EACH = 60, DELAY_EACH = 50 };

/* One way of a connection. */
struct way {
	int in, out;
	bool greeted;
	struct instant until; /* nothing goes on before */
	size_t size;
	uint8_t bytes[ROOM];
	struct pair *pair;
	bool to_controller;
};

struct pair {
	struct way ways[2];
	struct pair *next;
	bool dead;
};

struct proxy {
	int epoll, listener;
	uint16_t to;
	unsigned seed;
	struct pair *pairs;
	struct proxy_counters *counters;
	struct {
		uint8_t *bytes;
		size_t size;
	} kept[KEPT]; /* requests of anybody, to be replayed */
};

static struct sockaddr_in
local(uint16_t port)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

uint16_t
proxy_free_port(void)
{
	struct sockaddr_in sa = local(0);
	socklen_t size = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &size) < 0)
		abort();
	close(fd);
	return ntohs(sa.sin_port);
}

static bool
one_in(struct proxy *proxy, int n)
{
	return rand_r(&proxy->seed) % n == 0;
}

static void
put(const struct way *way, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = send(way->out, bytes, size, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			struct pollfd fd = {.fd = way->out, .events = POLLOUT};

			if (poll(&fd, 1, 1000) <= 0)
				return;
			continue;
		}
		if (n < 0) {
			way->pair->dead = true;
			return;
		}
		bytes += n;
		size -= (size_t)n;
	}
}

static void
keep(struct proxy *proxy, const uint8_t *bytes, size_t size)
{
	unsigned slot = (unsigned)rand_r(&proxy->seed) % KEPT;

	free(proxy->kept[slot].bytes);
	proxy->kept[slot].bytes = malloc(size);
	if (!proxy->kept[slot].bytes)
		abort();
	memcpy(proxy->kept[slot].bytes, bytes, size);
	proxy->kept[slot].size = size;
}

static void
pass(struct proxy *proxy, struct way *way, const uint8_t *bytes, size_t size)
{
	atomic_fetch_add(&proxy->counters->messages, 1);
	if (one_in(proxy, CUT_EACH)) {
		/* In the middle of the message. */
		put(way, bytes, size / 2);
		way->pair->dead = true;
		atomic_fetch_add(&proxy->counters->cuts, 1);
		return;
	}
	put(way, bytes, size);
	if (one_in(proxy, REPEAT_EACH)) {
		put(way, bytes, size);
		atomic_fetch_add(&proxy->counters->repeats, 1);
	}
	if (!way->to_controller)
		return;
	if (one_in(proxy, 20))
		keep(proxy, bytes, size);
	if (one_in(proxy, REPLAY_EACH)) {
		unsigned slot = (unsigned)rand_r(&proxy->seed) % KEPT;

		if (proxy->kept[slot].bytes) {
			put(way, proxy->kept[slot].bytes, proxy->kept[slot].size);
			atomic_fetch_add(&proxy->counters->replays, 1);
		}
	}
}

/* Passes the whole messages that are there. */
static void
flush(struct proxy *proxy, struct way *way, struct instant now)
{
	size_t done = 0;

	while (!way->pair->dead && !clk_before(now, way->until)) {
		size_t left = way->size - done, need = 8;

		if (way->greeted && left >= 8) {
			uint64_t length = 0;

			for (int i = 0; i < 8; i++)
				length = length << 8 | way->bytes[done + (size_t)i];
			need = length < ROOM ? 8 + (size_t)length : ROOM;
		}
		if (left < need)
			break;
		if (!way->greeted)
			put(way, way->bytes, need);
		else
			pass(proxy, way, way->bytes + done, need);
		way->greeted = true;
		done += need;
		if (one_in(proxy, DELAY_EACH)) {
			way->until = clk_add(now, (1 + rand_r(&proxy->seed) % 40) * CLK_MS);
			atomic_fetch_add(&proxy->counters->delays, 1);
		}
	}
	memmove(way->bytes, way->bytes + done, way->size - done);
	way->size -= done;
}

static void
take(struct way *way)
{
	ssize_t n = recv(way->in, way->bytes + way->size, ROOM - way->size, MSG_DONTWAIT);

	if (n > 0)
		way->size += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		way->pair->dead = true;
}

static void
add(struct proxy *proxy)
{
	int agent = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;
	int controller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in sa = local(proxy->to);
	struct timeval patience = {
	    .tv_usec = 50000}; /* of connect: a full backlog is tried again, soon */
	struct pair *pair;

	setsockopt(controller, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (agent < 0 || controller < 0 ||
	    connect(controller, (struct sockaddr *)&sa, sizeof sa) < 0) {
		close(agent);
		close(controller);
		return;
	}
	fcntl(controller, F_SETFL, O_NONBLOCK);
	setsockopt(agent, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(controller, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	pair = calloc(1, sizeof *pair);
	if (!pair)
		abort();
	for (int i = 0; i < 2; i++) {
		struct way *way = &pair->ways[i];
		struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = way}};

		way->in = i ? controller : agent;
		way->out = i ? agent : controller;
		way->to_controller = i == 0;
		way->pair = pair;
		epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, way->in, &event);
	}
	pair->next = proxy->pairs;
	proxy->pairs = pair;
}

/* Passes what delays held back, and buries the dead. */
static void
sweep(struct proxy *proxy, struct instant now)
{
	for (struct pair **at = &proxy->pairs; *at;) {
		struct pair *pair = *at;

		for (int i = 0; i < 2 && !pair->dead; i++)
			if (pair->ways[i].size > 0)
				flush(proxy, &pair->ways[i], now);
		if (pair->dead) {
			close(pair->ways[0].in);
			close(pair->ways[1].in);
			*at = pair->next;
			free(pair);
		} else {
			at = &pair->next;
		}
	}
}

void
proxy_run(uint16_t from, uint16_t to, unsigned seed, struct proxy_counters *counters)
{
	struct proxy *proxy = calloc(1, sizeof *proxy);
	struct sockaddr_in sa = local(from);
	struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = NULL}}, events[256];
	int one = 1;

	if (!proxy)
		abort();
	proxy->to = to;
	proxy->seed = seed;
	proxy->counters = counters;
	proxy->epoll = epoll_create1(EPOLL_CLOEXEC);
	proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(proxy->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(proxy->listener, (struct sockaddr *)&sa, sizeof sa) < 0 ||
	    listen(proxy->listener, 1024) < 0) {
		perror("# proxy");
		_exit(1);
	}
	epoll_ctl(proxy->epoll, EPOLL_CTL_ADD, proxy->listener, &event);
	for (;;) {
		int n = epoll_wait(proxy->epoll, events, 256, 2);
		struct instant now = clk_now();

		for (int i = 0; i < n; i++) {
			struct way *way = events[i].data.ptr;

			if (!way) {
				add(proxy);
			} else if (way->size < ROOM && !way->pair->dead) {
				take(way);
				flush(proxy, way, now);
			}
		}
		sweep(proxy, now);
	}
}
