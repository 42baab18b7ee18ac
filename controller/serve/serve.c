/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/serve/serve.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/msg/ctl_map.h"
#include "controller/serve/serve_ask.h"
#include "controller/serve/serve_client.h"

#define CLIENTS_MAX 64
#define WAKEUP_EVENTS 16 /* served in one dispatch; what is left comes with the next */

struct listener {
	int fd; /* -1: none */
	bool writes;
	char path[108];
};

struct serve {
	struct serve_conf conf;
	const struct serve_ops *ops;
	void *user;
	int epoll;
	struct listener listeners[2];
	LIST_HEAD(, serve_client) clients;
	struct serve_counts counts;
	uint8_t request[CTL_MESSAGE_MAX];
	struct serve_reply reply;
	struct serve_reply event; /* apart: a handler that makes `reply` may publish */
};

static int
complain(char error[CTL_TEXT_MAX], int code, const char *path, const char *what)
{
	snprintf(error, CTL_TEXT_MAX, "%s: %s: %s", path, what, strerror(-code));
	return code;
}

/* Takes the file of a controller that is gone out of the way; never one that answers, never a file
 * that is no socket. */
static int
clear_path(const struct sockaddr_un *sa, char error[CTL_TEXT_MAX])
{
	struct stat st;
	int fd, r;

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : complain(error, -errno, sa->sun_path, "stat");
	if (!S_ISSOCK(st.st_mode))
		return complain(
		    error, -EEXIST, sa->sun_path, "there is something that is no socket");
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain(error, -errno, sa->sun_path, "socket");
	r = connect(fd, (const struct sockaddr *)sa, sizeof *sa) < 0 ? -errno : 0;
	close(fd);
	if (r != -ECONNREFUSED)
		return complain(
		    error, -EADDRINUSE, sa->sun_path, "another controller answers there");
	return unlink(sa->sun_path) < 0 ? complain(error, -errno, sa->sun_path, "unlink") : 0;
}

static int
give_to(const char *path, const char *name, mode_t mode, char error[CTL_TEXT_MAX])
{
	struct group group, *found = NULL;
	char text[4096];

	if (name[0]) {
		(void)getgrnam_r(name, &group, text, sizeof text, &found);
		if (found == NULL) {
			snprintf(error, CTL_TEXT_MAX,
			    "%s: there is no group \"%s\"; make it with addgroup --system %s", path,
			    name, name);
			return -ENOENT;
		}
		if (chown(path, (uid_t)-1, group.gr_gid) < 0)
			return complain(error, -errno, path, "chown");
	}
	return chmod(path, mode) < 0 ? complain(error, -errno, path, "chmod") : 0;
}

static int
listen_at(struct serve *serve, struct listener *listener, const char *path, const char *group,
    mode_t mode, char error[CTL_TEXT_MAX])
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
	int r;

	if (path[0] == '\0')
		return 0;
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	r = clear_path(&sa, error);
	if (r < 0)
		return r;
	listener->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return complain(error, -errno, path, "socket");
	/* Before bind: nobody else gets in while the group is not set yet (unix(7)). */
	if (fchmod(listener->fd, 0600) < 0 ||
	    bind(listener->fd, (struct sockaddr *)&sa, sizeof sa) < 0)
		return complain(error, -errno, path, "bind");
	snprintf(listener->path, sizeof listener->path, "%s", path);
	r = give_to(path, group, mode ? mode : 0660, error);
	if (r < 0)
		return r;
	if (listen(listener->fd, 16) < 0 ||
	    epoll_ctl(serve->epoll, EPOLL_CTL_ADD, listener->fd, &event) < 0)
		return complain(error, -errno, path, "listen");
	return 0;
}

int
serve_new(const struct serve_conf *conf, const struct serve_ops *ops, void *user,
    struct serve **ret_serve, char error[CTL_TEXT_MAX])
{
	struct serve *serve = calloc(1, sizeof *serve);
	int r;

	if (serve == NULL)
		return complain(error, -ENOMEM, conf->path, "control socket");
	serve->conf = *conf;
	if (serve->conf.clients_max == 0)
		serve->conf.clients_max = CLIENTS_MAX;
	serve->ops = ops;
	serve->user = user;
	serve->listeners[0] = (struct listener){.fd = -1, .writes = true};
	serve->listeners[1] = (struct listener){.fd = -1, .writes = false};
	LIST_INIT(&serve->clients);
	serve->epoll = epoll_create1(EPOLL_CLOEXEC);
	r = serve->epoll < 0 ? complain(error, -errno, conf->path, "epoll") : 0;
	if (r == 0)
		r = listen_at(
		    serve, &serve->listeners[0], conf->path, conf->group, conf->mode, error);
	if (r == 0)
		r = listen_at(serve, &serve->listeners[1], conf->path_ro, conf->group_ro,
		    conf->mode_ro, error);
	if (r < 0) {
		serve_free(&serve);
		return r;
	}
	*ret_serve = serve;
	return 0;
}

static void
drop(struct serve *serve, struct serve_client *client)
{
	LIST_REMOVE(client, link);
	serve->counts.clients--;
	serve->counts.followers -= client->following;
	serve_client_free(&client);
}

void
serve_free(struct serve **serve)
{
	struct serve *s = *serve;

	if (s == NULL)
		return;
	while (!LIST_EMPTY(&s->clients))
		drop(s, LIST_FIRST(&s->clients));
	for (size_t i = 0; i < 2; i++) {
		if (s->listeners[i].fd >= 0)
			close(s->listeners[i].fd);
		if (s->listeners[i].path[0])
			unlink(s->listeners[i].path);
	}
	if (s->epoll >= 0)
		close(s->epoll);
	free(s);
	*serve = NULL;
}

int
serve_fd(const struct serve *serve)
{
	return serve->epoll;
}

/* Requests are read only while no reply waits, or a client that never reads could pile them up. */
static void
watch(struct serve *serve, struct serve_client *client, int op)
{
	struct epoll_event event = {
	    .events = client->pending ? EPOLLOUT : EPOLLIN, .data.ptr = client};

	(void)epoll_ctl(serve->epoll, op, client->fd, &event);
}

static void
accept_one(struct serve *serve, struct listener *listener, struct instant now)
{
	struct serve_client *client;
	unsigned max = serve->conf.clients_max;
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (serve_client_new(fd, listener->writes, now, &client) < 0) {
		close(fd);
		serve->counts.refused_clients++;
		return;
	}
	if (serve->counts.clients >= (client->peer.uid == 0 ? max : max - max / 8)) {
		serve_ask_refuse(&serve->reply, RESULT_BUSY,
		    "too many clients are at the control socket; end some finderscopectl");
		(void)serve_client_send(client, serve->reply.page, serve->reply.used, now);
		serve_client_free(&client);
		serve->counts.refused_clients++;
		return;
	}
	serve->counts.accepted++;
	serve->counts.clients++;
	LIST_INSERT_HEAD(&serve->clients, client, link);
	watch(serve, client, EPOLL_CTL_ADD);
}

static void
answer(struct serve *serve, struct serve_client *client, size_t size)
{
	struct ctl_request request;
	char error[CTL_TEXT_MAX];
	enum result code = ctl_map_unpack_request(serve->request, size, &request, error);

	serve->counts.requests++;
	if (code != RESULT_OK) {
		serve->counts.bad_requests++;
		serve_ask_refuse(&serve->reply, code, error);
		return;
	}
	if (request.verb == CTL_EVENTS && request.follow && request.count == 0)
		serve_ask_refuse(&serve->reply, RESULT_OK, "");
	else
		serve_ask(serve->ops, serve->user, &client->peer, &request, &serve->reply);
	if (serve->reply.result.code != RESULT_OK) {
		serve->counts.refused++;
	} else if (request.verb == CTL_EVENTS && request.follow &&
		   serve->reply.result.cursor == 0 && !client->following) {
		/* In the same breath as the last page of what was: nothing falls between. */
		client->following = true;
		serve->counts.followers++;
	}
}

static void
serve_one(struct serve *serve, struct serve_client *client, struct instant now)
{
	ssize_t n;
	int r;

	if (client->pending) {
		r = serve_client_flush(client);
		if (r < 0 && r != -EAGAIN)
			drop(serve, client);
		else
			watch(serve, client, EPOLL_CTL_MOD);
		return;
	}
	n = recv(client->fd, serve->request, sizeof serve->request, MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(serve, client);
		return;
	}
	client->heard = now;
	if ((size_t)n > sizeof serve->request) {
		serve->counts.requests++;
		serve->counts.bad_requests++;
		serve_ask_refuse(
		    &serve->reply, RESULT_TOO_LARGE, "a request has at most 65536 bytes");
	} else {
		answer(serve, client, (size_t)n);
	}
	if (serve_client_send(client, serve->reply.page, serve->reply.used, now) < 0)
		drop(serve, client);
	else if (client->pending)
		watch(serve, client, EPOLL_CTL_MOD);
}

void
serve_dispatch(struct serve *serve, struct instant now)
{
	struct epoll_event events[WAKEUP_EVENTS];
	int n = epoll_wait(serve->epoll, events, WAKEUP_EVENTS, 0);

	for (int i = 0; i < n; i++) {
		void *what = events[i].data.ptr;

		if (what == &serve->listeners[0] || what == &serve->listeners[1])
			accept_one(serve, what, now);
		else
			serve_one(serve, what, now);
	}
}

void
serve_publish(struct serve *serve, const char *json)
{
	struct serve_client *client, *next;
	struct instant now = clk_now();

	for (client = LIST_FIRST(&serve->clients); client; client = next) {
		int r;

		next = LIST_NEXT(client, link);
		if (!client->following)
			continue;
		serve_ask_event(&serve->event, json, client->lost);
		r = serve_client_send(client, serve->event.page, serve->event.used, now);
		if (r == -EBUSY) {
			client->lost++;
			serve->counts.events_lost++;
		} else if (r == 0) {
			client->lost = 0;
			if (client->pending)
				watch(serve, client, EPOLL_CTL_MOD);
		}
		/* Gone: epoll says so, and serve_dispatch drops it where no list is being walked
		 * by the caller. */
	}
}

void
serve_tick(struct serve *serve, struct instant now)
{
	struct serve_client *client, *next;

	for (client = LIST_FIRST(&serve->clients); client; client = next) {
		bool slow = client->pending && clk_diff(now, client->stuck) > SERVE_CLIENT_SLOW;
		bool idle = !client->following && clk_diff(now, client->heard) > SERVE_CLIENT_IDLE;

		next = LIST_NEXT(client, link);
		if (slow || idle) {
			serve->counts.dropped_clients++;
			drop(serve, client);
		}
	}
}

void
serve_get_counts(const struct serve *serve, struct serve_counts *ret_counts)
{
	*ret_counts = serve->counts;
}

bool
serve_status(struct serve_reply *reply, const struct ctl_status *row)
{
	return serve_ask_row(reply, CTL_ROW_STATUS, row);
}

bool
serve_counter(struct serve_reply *reply, const char *name, uint64_t value)
{
	struct ctl_counter row = {.value = value};

	snprintf(row.name, sizeof row.name, "%s", name);
	return serve_ask_row(reply, CTL_ROW_COUNTER, &row);
}

bool
serve_agent(struct serve_reply *reply, const struct ctl_agent *row)
{
	return serve_ask_row(reply, CTL_ROW_AGENT, row);
}

bool
serve_exporter(struct serve_reply *reply, const struct ctl_exporter *row)
{
	return serve_ask_row(reply, CTL_ROW_EXPORTER, row);
}

bool
serve_capture(struct serve_reply *reply, const struct ctl_capture *row)
{
	return serve_ask_row(reply, CTL_ROW_CAPTURE, row);
}

bool
serve_plan(struct serve_reply *reply, const struct ctl_plan *row)
{
	return serve_ask_row(reply, CTL_ROW_PLAN, row);
}

bool
serve_feed(struct serve_reply *reply, const struct ctl_feed *row)
{
	return serve_ask_row(reply, CTL_ROW_FEED, row);
}

bool
serve_match(struct serve_reply *reply, const struct ctl_match *row)
{
	return serve_ask_row(reply, CTL_ROW_MATCH, row);
}

bool
serve_step(struct serve_reply *reply, const struct ctl_step *row)
{
	return serve_ask_row(reply, CTL_ROW_STEP, row);
}

bool
serve_event(struct serve_reply *reply, const char *json)
{
	if (strlen(json) < CTL_EVENT_MAX)
		return serve_ask_row(reply, CTL_ROW_EVENT, json);
	reply->result.lost++;
	return true;
}

void
serve_next(struct serve_reply *reply, uint64_t cursor)
{
	assert(cursor != 0);
	reply->result.cursor = cursor;
}

void
serve_id(struct serve_reply *reply, uint64_t capture)
{
	reply->result.id = capture;
}

void
serve_text(struct serve_reply *reply, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reply->result.text, sizeof reply->result.text, format, args);
	va_end(args);
}
