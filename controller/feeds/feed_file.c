/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/feeds/feed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRIES 5
/*
 * Before Linux 6.13 time stamps come in ticks of up to 10 ms, and two writings within one leave the
 * same. So a file is not believed before its stamp is older than that.
 */
#define TICK_NS INT64_C(20000000)

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Was it written within this very tick? */
static bool
fresh(const struct stat *st)
{
	struct timespec now;
	int64_t age;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	age = (now.tv_sec - st->st_mtim.tv_sec) * INT64_C(1000000000) + now.tv_nsec -
	      st->st_mtim.tv_nsec;
	/* A stamp of tomorrow is somebody's wrong clock. */
	return age > -TICK_NS && age < TICK_NS;
}

/* One reading of an open file; -EAGAIN when it changed meanwhile. */
static int
read_once(int fd, size_t max, char **ret_body, size_t *ret_size)
{
	struct stat before, after;
	size_t size = 0;
	char *body;

	if (fstat(fd, &before) < 0)
		return -errno;
	if (!S_ISREG(before.st_mode))
		return -EINVAL;
	if (fresh(&before))
		return -EAGAIN;
	if ((uintmax_t)before.st_size > max)
		return -EFBIG;
	body = malloc((size_t)before.st_size + 1);
	if (!body)
		return -ENOMEM;
	/* One byte more is asked for than there should be: so growth shows. */
	while (size < (size_t)before.st_size + 1) {
		ssize_t n = pread(fd, body + size, (size_t)before.st_size + 1 - size, (off_t)size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int r = -errno;

			free(body);
			return r;
		}
		if (n == 0)
			break;
		size += (size_t)n;
	}
	if (size != (size_t)before.st_size || fstat(fd, &after) < 0 || !same(&before, &after)) {
		free(body);
		return -EAGAIN;
	}
	*ret_body = body;
	*ret_size = size;
	return 0;
}

int
feed_file_read(
    const char *path, size_t max, char **ret_body, size_t *ret_size, char error[FEED_FILE_ERROR])
{
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		/* Not blocking: a pipe put there is an error and no trap. */
		const struct timespec tick = {.tv_nsec = TICK_NS};
		int fd;

		if (i > 0)
			nanosleep(&tick, NULL);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0) {
			r = -errno;
			break;
		}
		r = read_once(fd, max, ret_body, ret_size);
		close(fd);
	}
	if (r == -EAGAIN)
		r = -EBUSY;
	if (r == -EBUSY)
		snprintf(
		    error, FEED_FILE_ERROR, "%.160s changed each time while it was read", path);
	else if (r == -EFBIG)
		snprintf(
		    error, FEED_FILE_ERROR, "%.160s is over the limit of %zu bytes", path, max);
	else if (r == -EINVAL)
		snprintf(error, FEED_FILE_ERROR, "%.160s is no regular file", path);
	else if (r < 0)
		snprintf(error, FEED_FILE_ERROR, "%.160s: %s", path, strerror(-r));
	return r;
}
