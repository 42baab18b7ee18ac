/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cumulus: libiptc, then the road of switchd's own nodes (FIELD-NOTES 1.2, one source): `1` into
 * ctrl/acl/stop_stats_sync, `1` into ctrl/acl/resync, back to its start, the verdict: nothing or
 * one character is good, a longer text is the error. The nodes are opened at the start, as root;
 * when switchd was started anew they are opened again, which their owner may.
 */
#include "agent/rules/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NODE_STOP, NODE_RESYNC };

static char *
node_path(const struct wire_config *config, int node, char path[WIRE_PATH_MAX + 64])
{
	snprintf(path, WIRE_PATH_MAX + 64, "%s/ctrl/acl/%s", config->switchd_root,
	    node == NODE_STOP ? "stop_stats_sync" : "resync");
	return path;
}

static void
open_nodes(struct backend *b)
{
	char path[WIRE_PATH_MAX + 64];

	for (int i = 0; i < 2; i++) {
		if (b->fds[i] >= 0)
			close(b->fds[i]);
		b->fds[i] = open(node_path(b->config, i, path),
		    (i == NODE_STOP ? O_WRONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW);
	}
}

static bool
probe(const struct wire_config *config)
{
	char path[WIRE_PATH_MAX + 64];
	struct stat st;

	return stat(node_path(config, NODE_RESYNC, path), &st) == 0;
}

static int
open_all(struct backend *b)
{
	open_nodes(b);
	/* Forced, or switchd is not up yet: each sync tries again and says so. */
	if (b->fds[NODE_RESYNC] < 0)
		snprintf(b->text, sizeof b->text, "%.60s/ctrl/acl/resync cannot be opened: %s",
		    b->config->switchd_root, strerror(errno));
	return 0;
}

static int
write_one(int fd)
{
	if (fd < 0)
		return -EBADF;
	return pwrite(fd, "1", 1, 0) == 1 ? 0 : errno ? -errno : -EIO;
}

/* Once through, at places and not by the descriptor's own: a read that hangs holds that for all who
 * share the descriptor. 0, 1 with the verdict's words, or a negative errno. */
static int
resync(struct backend *b, char text[HELPER_TEXT_MAX])
{
	char verdict[HELPER_TEXT_MAX];
	size_t at = 0;

	errno = 0;
	/* A release without that node has nothing to stop. */
	int r = b->fds[NODE_STOP] >= 0 ? write_one(b->fds[NODE_STOP]) : 0;
	if (r == 0)
		r = write_one(b->fds[NODE_RESYNC]);
	if (r < 0)
		return r;
	while (at < sizeof verdict - 1) {
		ssize_t n =
		    pread(b->fds[NODE_RESYNC], verdict + at, sizeof verdict - 1 - at, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		at += (size_t)n;
	}
	verdict[at] = '\0';
	if (at <= 1)
		return 0;
	snprintf(text, HELPER_TEXT_MAX, "%s", verdict);
	return 1;
}

static int
job(void *user, char text[HELPER_TEXT_MAX])
{
	struct backend *b = user;
	int r = b->fds[NODE_RESYNC] >= 0 ? resync(b, text) : -EBADF;

	if (r < 0) {
		open_nodes(b);
		r = b->fds[NODE_RESYNC] >= 0 ? resync(b, text) : -errno;
	}
	if (r < 0)
		snprintf(text, HELPER_TEXT_MAX, "switchd's resync node cannot be used: %s",
		    strerror(-r));
	return r;
}

static int
put(struct backend *b, struct instant now, bool adds)
{
	return backend_none.put(b, now, adds);
}

static int
clean(struct backend *b, unsigned *ret_removed)
{
	return commit_clean(b->commit, ret_removed);
}

const struct backend_ops backend_resync = {.name = "switchd-resync",
    .probe = probe,
    .open = open_all,
    .put = put,
    .clean = clean,
    .job = job,
    .jail = HELPER_BARE};
