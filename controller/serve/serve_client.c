/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/serve/serve_client.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* From /etc/passwd alone: the name service may ask the network, and nothing may block here. */
static void
user_name(uid_t uid, char *name, size_t size)
{
	struct passwd entry, *found;
	char text[1024];
	FILE *file;

	snprintf(name, size, "uid %u", (unsigned)uid);
	file = fopen("/etc/passwd", "re");
	if (file == NULL)
		return;
	while (fgetpwent_r(file, &entry, text, sizeof text, &found) == 0)
		if (entry.pw_uid == uid) {
			snprintf(name, size, "%s", entry.pw_name);
			break;
		}
	fclose(file);
}

int
serve_client_new(int fd, bool writes, struct instant now, struct serve_client **ret_client)
{
	struct serve_client *client;
	struct ucred who;
	socklen_t size = sizeof who;
	int buffer = 4 * CTL_MESSAGE_MAX;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return -errno;
	client = calloc(1, sizeof *client);
	if (client == NULL)
		return -ENOMEM;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	client->fd = fd;
	client->peer = (struct serve_peer){
	    .uid = who.uid,
	    .gid = who.gid,
	    .pid = who.pid,
	    .writes = writes,
	};
	user_name(who.uid, client->peer.name, sizeof client->peer.name);
	client->heard = now;
	*ret_client = client;
	return 0;
}

void
serve_client_free(struct serve_client **client)
{
	if (*client == NULL)
		return;
	close((*client)->fd);
	free((*client)->pending);
	free(*client);
	*client = NULL;
}

static int
send_now(struct serve_client *client, const uint8_t *bytes, size_t size)
{
	ssize_t n;

	do
		n = send(client->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int
serve_client_send(
    struct serve_client *client, const uint8_t *bytes, size_t size, struct instant now)
{
	int r;

	if (client->pending)
		return -EBUSY;
	r = send_now(client, bytes, size);
	if (r != -EAGAIN)
		return r;
	client->pending = malloc(size);
	if (client->pending == NULL)
		return -ENOMEM;
	memcpy(client->pending, bytes, size);
	client->pending_size = size;
	client->stuck = now;
	return 0;
}

int
serve_client_flush(struct serve_client *client)
{
	int r;

	if (client->pending == NULL)
		return 0;
	r = send_now(client, client->pending, client->pending_size);
	if (r == 0) {
		free(client->pending);
		client->pending = NULL;
	}
	return r;
}
