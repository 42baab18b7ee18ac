/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/msg/ctl_map.h"
#include "tests/support/canned_serve.h"

struct room {
	char dir[64], error[CTL_TEXT_MAX];
	struct serve_conf conf;
	struct canned_serve canned;
	struct serve *serve;
};

static int
setup(void **state)
{
	static struct room room;

	room = (struct room){.dir = "/tmp/test_serve.XXXXXX"};
	assert_non_null(mkdtemp(room.dir));
	snprintf(room.conf.path, sizeof room.conf.path, "%s/rw", room.dir);
	snprintf(room.conf.path_ro, sizeof room.conf.path_ro, "%s/ro", room.dir);
	*state = &room;
	return 0;
}

static int
teardown(void **state)
{
	struct room *room = *state;

	serve_free(&room->serve);
	unlink(room->conf.path);
	unlink(room->conf.path_ro);
	return rmdir(room->dir);
}

static int
start(struct room *room)
{
	return serve_new(&room->conf, canned_serve_ops(), &room->canned, &room->serve, room->error);
}

static int
connect_to(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static void
serve_all(struct room *room)
{
	struct pollfd poller = {.fd = serve_fd(room->serve), .events = POLLIN};

	while (poll(&poller, 1, 0) > 0)
		serve_dispatch(room->serve, clk_now());
}

static void
send_request(int fd, const struct ctl_request *request)
{
	static uint8_t bytes[CTL_MESSAGE_MAX];
	int n = ctl_map_pack_request(request, bytes, sizeof bytes);

	assert_true(n > 0);
	assert_int_equal(send(fd, bytes, (size_t)n, MSG_NOSIGNAL), n);
}

static int
count_row(void *user, enum ctl_row kind, const void *row)
{
	(void)kind;
	(void)row;
	++*(unsigned *)user;
	return 0;
}

/* The code of the answer that is there; its rows are counted. */
static struct ctl_result
take_answer(int fd, unsigned *ret_rows)
{
	static uint8_t bytes[CTL_MESSAGE_MAX];
	struct ctl_result result = {0};
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

	*ret_rows = 0;
	assert_true(n > 0);
	assert_int_equal(ctl_map_unpack_reply(bytes, (size_t)n, count_row, ret_rows, &result), 0);
	return result;
}

static void
sockets_are_as_configured(void **state)
{
	struct room *room = *state;
	struct stat st;

	room->conf.mode_ro = 0640;
	assert_int_equal(start(room), 0);
	assert_int_equal(stat(room->conf.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(stat(room->conf.path_ro, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	serve_free(&room->serve);
	assert_int_equal(stat(room->conf.path, &st), -1);
}

/* A dead controller's socket is in nobody's way; a living one's is, and so is what is no socket. */
static void
only_a_stale_socket_is_replaced(void **state)
{
	struct room *room = *state;
	struct serve *second = NULL;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", room->conf.path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	close(fd);
	assert_int_equal(start(room), 0);
	assert_int_equal(
	    serve_new(&room->conf, canned_serve_ops(), &room->canned, &second, room->error),
	    -EADDRINUSE);
	assert_non_null(strstr(room->error, "another controller answers there"));
	assert_null(second);
	serve_free(&room->serve);

	fd = open(room->conf.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(start(room), -EEXIST);
	assert_non_null(strstr(room->error, "no socket"));
}

static void
a_group_must_be_there(void **state)
{
	struct room *room = *state;

	snprintf(room->conf.group, sizeof room->conf.group, "no-such-group");
	assert_int_equal(start(room), -ENOENT);
	assert_non_null(strstr(room->error, "addgroup --system no-such-group"));
}

static void
garbage_is_answered(void **state)
{
	struct room *room = *state;
	struct serve_counts counts;
	static uint8_t large[CTL_MESSAGE_MAX + 10];
	struct ctl_request request = {.verb = CTL_STATUS};
	unsigned rows;
	int fd;

	assert_int_equal(start(room), 0);
	fd = connect_to(room->conf.path);
	assert_int_equal(send(fd, "\xff\xff\xff", 3, 0), 3);
	serve_all(room);
	assert_int_not_equal(take_answer(fd, &rows).code, RESULT_OK);
	assert_int_equal(send(fd, large, sizeof large, 0), sizeof large);
	serve_all(room);
	assert_int_equal(take_answer(fd, &rows).code, RESULT_TOO_LARGE);
	/* And costs nothing else: the same connection goes on. */
	send_request(fd, &request);
	serve_all(room);
	assert_int_equal(take_answer(fd, &rows).code, RESULT_OK);
	assert_true(rows > 0);
	serve_get_counts(room->serve, &counts);
	assert_int_equal(counts.requests, 3);
	assert_int_equal(counts.bad_requests, 2);
	close(fd);
	serve_all(room);
	serve_get_counts(room->serve, &counts);
	assert_int_equal(counts.clients, 0);
}

static void
clients_have_a_limit(void **state)
{
	struct room *room = *state;
	struct serve_counts counts;
	int fds[5];
	unsigned rows;

	if (geteuid() != 0)
		skip();
	room->conf.clients_max = 4;
	assert_int_equal(start(room), 0);
	for (int i = 0; i < 5; i++) {
		fds[i] = connect_to(room->conf.path);
		serve_all(room);
	}
	assert_int_equal(take_answer(fds[4], &rows).code, RESULT_BUSY);
	serve_get_counts(room->serve, &counts);
	assert_int_equal(counts.clients, 4);
	assert_int_equal(counts.refused_clients, 1);
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	serve_all(room);
	fds[0] = connect_to(room->conf.path);
	serve_all(room);
	serve_get_counts(room->serve, &counts);
	assert_int_equal(counts.clients, 1);
	close(fds[0]);
}

/* A follower that does not read loses events, is told how many, and is dropped in the end. */
static void
a_follower_that_sleeps(void **state)
{
	struct room *room = *state;
	struct ctl_request request = {.verb = CTL_EVENTS, .follow = true};
	struct serve_counts counts;
	struct instant now = clk_now();
	static char event[4000];
	uint64_t told = 0;
	unsigned rows, got = 0;
	int fd, published = 2000;

	assert_int_equal(start(room), 0);
	fd = connect_to(room->conf.path_ro);
	send_request(fd, &request);
	serve_all(room);
	assert_int_equal(take_answer(fd, &rows).code, RESULT_OK);
	memset(event, ' ', sizeof event - 1);
	memcpy(event, "{}", 2);
	for (int i = 0; i < published; i++)
		serve_publish(room->serve, event);
	serve_get_counts(room->serve, &counts);
	assert_int_equal(counts.followers, 1);
	assert_true(counts.events_lost > 0);
	/* It wakes: what it gets and what it is told it lost are all that there were. */
	for (struct pollfd poller = {.fd = fd, .events = POLLIN}; poll(&poller, 1, 0) > 0;) {
		told += take_answer(fd, &rows).lost;
		got += rows;
		serve_all(room);
	}
	serve_publish(room->serve, "{}");
	told += take_answer(fd, &rows).lost;
	assert_int_equal(got + told, published);
	assert_int_equal(told, counts.events_lost);

	for (int i = 0; i < published; i++)
		serve_publish(room->serve, event);
	now.ns += 30 * CLK_S;
	serve_tick(room->serve, now);
	serve_get_counts(room->serve, &counts);
	assert_int_equal(counts.clients, 0);
	assert_int_equal(counts.dropped_clients, 1);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(sockets_are_as_configured, setup, teardown),
	    cmocka_unit_test_setup_teardown(only_a_stale_socket_is_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_group_must_be_there, setup, teardown),
	    cmocka_unit_test_setup_teardown(garbage_is_answered, setup, teardown),
	    cmocka_unit_test_setup_teardown(clients_have_a_limit, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_follower_that_sleeps, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
