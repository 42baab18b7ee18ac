/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/ctl/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/msg/ctl_map.h"

#define ANSWER_MS 10000
#define PAGES_MAX 100000 /* a controller whose pages never end is broken */

int
ask_fail(struct ctl *ctl, enum ctl_exit code, enum result result, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (ctl->leave)
		fputs(ctl->leave, ctl->out.file);
	ctl->leave = NULL;
	fflush(stdout);
	fprintf(stderr, "finderscopectl: %s\n", text);
	if (ctl->json) {
		json_t *error = json_pack("{s:i,s:s,s:s}", "code", (int)result, "name",
		    result_name((int)result), "text", text);

		if (ctl->held)
			(void)json_array_append_new(ctl->held, error);
		else
			out_print(&ctl->out, json_pack("{s:o}", "error", error));
	}
	return (int)code;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, code;

	if (strlen(path) >= sizeof sa.sun_path)
		return -ENAMETOOLONG;
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
		return fd;
	code = -errno;
	close(fd);
	return code;
}

static int
reach(struct ctl *ctl, bool writes)
{
	const char *path = ctl->socket ? ctl->socket : getenv("FINDERSCOPE_SOCKET");

	if (path == NULL || *path == '\0') {
		path = CTL_SOCKET;
		ctl->fd = connect_to(path);
		if (ctl->fd == -EACCES && !writes)
			ctl->fd = connect_to(path = CTL_SOCKET_RO);
	} else {
		ctl->fd = connect_to(path);
	}
	if (ctl->fd >= 0)
		return CTL_EXIT_OK;
	switch (-ctl->fd) {
	case ENOENT:
	case ECONNREFUSED:
		return ask_fail(ctl, CTL_EXIT_UNREACHED, RESULT_NOT_CONNECTED,
		    "no controller answers at %s; is it running? systemctl status "
		    "finderscope-controller; --socket names another place",
		    path);
	case EACCES:
		return ask_fail(ctl, CTL_EXIT_UNREACHED, RESULT_NOT_PERMITTED,
		    "%s: not permitted; be root or in the group finderscope (finderscope-ro to "
		    "look "
		    "only)",
		    path);
	default:
		return ask_fail(ctl, CTL_EXIT_UNREACHED, RESULT_NOT_CONNECTED, "%s: %s", path,
		    strerror(-ctl->fd));
	}
}

/* One message. 0 bytes: the other side closed. */
static ssize_t
receive(struct ctl *ctl, uint8_t *page, int timeout_ms)
{
	struct pollfd poller = {.fd = ctl->fd, .events = POLLIN};
	ssize_t n;
	int r;

	do
		r = poll(&poller, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	n = recv(ctl->fd, page, CTL_MESSAGE_MAX, MSG_TRUNC);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	return n > CTL_MESSAGE_MAX ? -EBADMSG : n;
}

static int
complain(struct ctl *ctl, int code)
{
	switch (-code) {
	case 0:
		return ask_fail(ctl, CTL_EXIT_UNREACHED, RESULT_NOT_CONNECTED,
		    "the controller closed the connection");
	case ETIMEDOUT:
		return ask_fail(ctl, CTL_EXIT_UNREACHED, RESULT_NOT_CONNECTED,
		    "the controller did not answer for %d s", ANSWER_MS / 1000);
	case EPROTONOSUPPORT:
		return ask_fail(ctl, CTL_EXIT_PROTOCOL, RESULT_VERSION,
		    "the controller speaks another version than this finderscopectl (%s); take "
		    "both "
		    "from one release",
		    FINDERSCOPE_VERSION);
	case EBADMSG:
		return ask_fail(ctl, CTL_EXIT_PROTOCOL, RESULT_BAD_REQUEST,
		    "what the controller answered is no reply");
	default:
		return ask_fail(ctl, CTL_EXIT_UNREACHED, RESULT_INTERNAL, "%s", strerror(-code));
	}
}

static int
no_row(void *user, enum ctl_row kind, const void *row)
{
	(void)user;
	(void)kind;
	(void)row;
	return 0;
}

static int
ask_page(struct ctl *ctl, const struct ctl_request *request, uint8_t *page, ask_row *take,
    void *user, struct ctl_result *ret_result)
{
	int n = ctl_map_pack_request(request, page, CTL_MESSAGE_MAX), r;
	ssize_t got;

	if (n < 0)
		return ask_fail(
		    ctl, CTL_EXIT_USAGE, RESULT_TOO_LARGE, "the request is too large to be sent");
	/* A controller with no room for clients says so and closes: its word is there to be read.
	 */
	if (send(ctl->fd, page, (size_t)n, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return complain(ctl, -errno);
	got = receive(ctl, page, ANSWER_MS);
	if (got <= 0)
		return complain(ctl, (int)got);
	r = ctl_map_unpack_reply(page, (size_t)got, take ? take : no_row, user, ret_result);
	return r < 0 ? complain(ctl, r) : r;
}

int
ask(struct ctl *ctl, struct ctl_request *request, ask_row *take, void *user,
    struct ctl_result *ret_result)
{
	uint8_t *page = malloc(CTL_MESSAGE_MAX);
	struct ctl_result result = {0};
	int r = page ? CTL_EXIT_OK : complain(ctl, -ENOMEM);

	request->cursor = 0;
	if (r == CTL_EXIT_OK && ctl->fd < 0)
		r = reach(ctl, ctl_msg_verb_writes(request->verb));
	for (unsigned i = 0; r == CTL_EXIT_OK && i < PAGES_MAX; i++) {
		r = ask_page(ctl, request, page, take, user, &result);
		if (r == CTL_EXIT_OK && result.code != RESULT_OK)
			r = ask_fail(ctl, CTL_EXIT_REFUSED, result.code, "%s",
			    result.text[0] ? result.text : result_text((int)result.code));
		if (r != CTL_EXIT_OK || result.cursor == 0)
			break;
		request->cursor = result.cursor;
	}
	free(page);
	if (ret_result)
		*ret_result = result;
	return r;
}

int
ask_follow(struct ctl *ctl, ask_row *take, void *user)
{
	uint8_t *page = malloc(CTL_MESSAGE_MAX);
	struct ctl_result result;
	int r = page ? 0 : -ENOMEM;

	while (r == 0) {
		ssize_t got = receive(ctl, page, -1);

		if (got <= 0) {
			r = complain(ctl, (int)got);
			break;
		}
		r = ctl_map_unpack_reply(page, (size_t)got, take, user, &result);
		if (r == 0 && result.lost)
			fprintf(stderr, "finderscopectl: %llu events were lost: read faster\n",
			    (unsigned long long)result.lost);
	}
	free(page);
	return r < 0 ? complain(ctl, r) : r;
}
