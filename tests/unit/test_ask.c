/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/msg/ctl_map.h"
#include "controller/ctl/ask.h"

/* Another side that says what no controller of ours does: one answer to each request. */
struct other {
	char dir[64], path[108];
	int listener;
	const uint8_t *answer;
	size_t size;
	pthread_t thread;
};

static void *
answer_once(void *user)
{
	struct other *other = user;
	static uint8_t request[CTL_MESSAGE_MAX];
	int fd = accept(other->listener, NULL, NULL);

	while (recv(fd, request, sizeof request, 0) > 0 && other->size > 0)
		(void)!send(fd, other->answer, other->size, MSG_NOSIGNAL);
	close(fd);
	return NULL;
}

static int
setup(void **state)
{
	static struct other other;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	other = (struct other){.dir = "/tmp/test_ask.XXXXXX"};
	assert_non_null(mkdtemp(other.dir));
	snprintf(other.path, sizeof other.path, "%s/sock", other.dir);
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s/sock", other.dir);
	other.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(other.listener, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(other.listener, 4), 0);
	*state = &other;
	return 0;
}

static int
teardown(void **state)
{
	struct other *other = *state;

	close(other->listener);
	unlink(other->path);
	return rmdir(other->dir);
}

/* The exit code, and what was printed as JSON. */
static int
ask_at(const char *path, char *text, size_t size)
{
	FILE *file = fmemopen(text, size, "w");
	struct ctl ctl = {.socket = path, .fd = -1, .json = true};
	struct ctl_request request = {.verb = CTL_STATUS};
	int code;

	text[0] = '\0';
	out_init(&ctl.out, file, true);
	code = ask(&ctl, &request, NULL, NULL, NULL);
	fclose(file);
	if (ctl.fd >= 0)
		close(ctl.fd);
	return code;
}

static int
ask_other(struct other *other, const void *answer, size_t size, char *text, size_t room)
{
	int code;

	other->answer = answer;
	other->size = size;
	assert_int_equal(pthread_create(&other->thread, NULL, answer_once, other), 0);
	code = ask_at(other->path, text, room);
	assert_int_equal(pthread_join(other->thread, NULL), 0);
	return code;
}

static void
nobody_is_there(void **state)
{
	char text[2048], path[300];

	(void)state;
	assert_int_equal(ask_at("/nonexistent/sock", text, sizeof text), CTL_EXIT_UNREACHED);
	assert_non_null(strstr(text, "systemctl status finderscope-controller"));
	memset(path, 'x', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	assert_int_equal(ask_at(path, text, sizeof text), CTL_EXIT_UNREACHED);
	assert_non_null(strstr(text, "name too long"));
}

static void
another_that_is_no_controller(void **state)
{
	struct other *other = *state;
	char text[2048];

	assert_int_equal(ask_other(other, "", 0, text, sizeof text), CTL_EXIT_UNREACHED);
	assert_non_null(strstr(text, "closed the connection"));
	assert_int_equal(
	    ask_other(other, "\xff\xff\xff\xff", 4, text, sizeof text), CTL_EXIT_PROTOCOL);
	assert_non_null(strstr(text, "is no reply"));
}

/* Version 2 of the protocol, as its wire has it: field 1 (result), in it field 1 (version) = 2. */
static void
another_version(void **state)
{
	static const uint8_t two[] = {0x0a, 0x02, 0x08, 0x02};
	char text[2048];

	assert_int_equal(ask_other(*state, two, sizeof two, text, sizeof text), CTL_EXIT_PROTOCOL);
	assert_non_null(strstr(text, "another version"));
	assert_non_null(strstr(text, "VERSION"));
}

/* A refusal is the controller's own words; fields that a later release has are passed over. */
static void
a_refusal_of_a_later_release(void **state)
{
	static const uint8_t later[] = {0x0a, 13, 0x08, 1, 0x10, 20, 0x1a, 4, 'l', 'a', 't', 'e',
	    0xfa, 0x3f, 0,           /* 1023: "" */
	    0xf2, 0x3f, 3, 1, 2, 3}; /* 1022 */
	char text[2048];

	assert_int_equal(
	    ask_other(*state, later, sizeof later, text, sizeof text), CTL_EXIT_REFUSED);
	assert_non_null(strstr(text, "\"late\""));
	assert_non_null(strstr(text, "FROZEN"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_is_there),
	    cmocka_unit_test_setup_teardown(another_that_is_no_controller, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_version, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_refusal_of_a_later_release, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
