/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_FILE "/run/xtables.lock"

static const char *
lock_path(void)
{
	const char *path = getenv("XTABLES_LOCKFILE");

	return path && path[0] ? path : LOCK_FILE;
}

int
lock_open(struct lock *ret_lock)
{
	int fd = open(lock_path(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	*ret_lock = (struct lock){.fd = fd, .socket = -1};
	return 0;
}

/* True when the file that is open is the one that others find: somebody may have removed it, and
 * who comes then makes another. */
static bool
is_the_one(int fd)
{
	struct stat open_one, found;

	return fstat(fd, &open_one) == 0 && stat(lock_path(), &found) == 0 &&
	       open_one.st_ino == found.st_ino && open_one.st_dev == found.st_dev;
}

/* Takes the file's lock. 0, -EAGAIN or another errno. */
static int
take_file(struct lock *lock)
{
	for (int i = 0; i < 3; i++) {
		if (flock(lock->fd, LOCK_EX | LOCK_NB) < 0)
			return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
		if (is_the_one(lock->fd))
			return 0;
		struct lock anew;
		int r = lock_open(&anew);
		flock(lock->fd, LOCK_UN);
		if (r < 0)
			return r;
		close(lock->fd);
		lock->fd = anew.fd;
	}
	return -EAGAIN;
}

int
lock_holder(const struct lock *lock)
{
	struct stat st;
	char line[160];
	int holder = 0;
	FILE *f = fstat(lock->fd, &st) == 0 ? fopen("/proc/locks", "re") : NULL;

	/* "1: FLOCK  ADVISORY  WRITE 4711 00:19:1234 0 EOF"; one that waits has "->" in it. */
	while (f && !holder && fgets(line, sizeof line, f)) {
		unsigned long long inode;
		unsigned major_of, minor_of;
		int pid;

		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%llu", &pid, &major_of, &minor_of,
			&inode) == 4 &&
		    inode == st.st_ino && makedev(major_of, minor_of) == st.st_dev && pid > 0)
			holder = pid;
	}
	if (f)
		fclose(f);
	return holder;
}

void
lock_close(struct lock *lock)
{
	lock_give(lock);
	if (lock->fd >= 0)
		close(lock->fd);
	lock->fd = -1;
}

/* iptables 1.4.21 binds this name and waits while another has it. */
static int
take_socket(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	static const char old_name[] = "xtables";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(name.sun_path + 1, old_name, sizeof old_name - 1);
	if (bind(fd, (struct sockaddr *)&name,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof old_name)) < 0) {
		int r = errno == EADDRINUSE ? -EAGAIN : -errno;
		close(fd);
		return r;
	}
	return fd;
}

int
lock_take(struct lock *lock)
{
	int r = take_file(lock);

	if (r < 0)
		return r;
	int fd = take_socket();
	if (fd < 0) {
		flock(lock->fd, LOCK_UN);
		return fd;
	}
	lock->socket = fd;
	return 0;
}

void
lock_give(struct lock *lock)
{
	if (lock->socket < 0)
		return;
	close(lock->socket);
	lock->socket = -1;
	flock(lock->fd, LOCK_UN);
}
