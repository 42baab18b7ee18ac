/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/feeds/feed_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clk.h"
#include "controller/feeds/feed_file.h"

#define MAGIC "finderscope-feed 3\n"
#define PATH_ROOM 1024
#define HEAD_ROOM 4096
#define SUM_BYTES 32
#define SUM_TEXT (2 * SUM_BYTES + 1)

int
feed_cache_prepare(const char *folder)
{
	struct stat st;

	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (stat(folder, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* Over the describing lines, the body and the ages. */
static void
checksum(const char *head, size_t head_size, const struct feed_copy *copy, char text[SUM_TEXT])
{
	crypto_generichash_state state;
	unsigned char sum[SUM_BYTES];

	crypto_generichash_init(&state, NULL, 0, sizeof sum);
	crypto_generichash_update(&state, (const unsigned char *)head, head_size);
	crypto_generichash_update(&state, (const unsigned char *)copy->body, copy->size);
	if (copy->ages_size > 0)
		crypto_generichash_update(&state, copy->ages, copy->ages_size);
	crypto_generichash_final(&state, sum, sizeof sum);
	sodium_bin2hex(text, SUM_TEXT, sum, sizeof sum);
}

static int
write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int
feed_cache_write(const char *folder, const char *name, const struct feed_copy *copy)
{
	const struct feed_cache *about = &copy->about;
	char path[PATH_ROOM], temporary[PATH_ROOM + 8], head[HEAD_ROOM], sum[SUM_TEXT],
	    last[SUM_TEXT + 16];
	int n, fd, r;

	n = snprintf(path, sizeof path, "%s/%s.feed", folder, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	snprintf(temporary, sizeof temporary, "%s.new", path);
	n = snprintf(head, sizeof head,
	    MAGIC "url %s\netag %s\nmodified %s\nprobe %s\nversion %" PRIu32 "\nloaded %" PRId64
		  "\nas %s\nsize %zu\nages %zu\n",
	    about->url, about->etag, about->modified, about->probe, about->version,
	    about->loaded_wall_ns, about->allow ? "allow-list" : "block-list", copy->size,
	    copy->ages_size);
	if (n < 0 || (size_t)n >= sizeof head)
		return -EINVAL;
	checksum(head, (size_t)n, copy, sum);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	snprintf(last, sizeof last, "sum %s\n\n", sum);
	r = write_all(fd, head, (size_t)n);
	if (r == 0)
		r = write_all(fd, last, strlen(last));
	if (r == 0)
		r = write_all(fd, copy->body, copy->size);
	if (r == 0)
		r = write_all(fd, copy->ages, copy->ages_size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}

/* Takes "name value" off the head; NULL when the line is another one. */
static char *
line_value(char **at, const char *name)
{
	size_t n = strlen(name);
	char *line = *at, *end = strchr(line, '\n');

	if (!end || strncmp(line, name, n) != 0 || line[n] != ' ')
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line + n + 1;
}

static int
take_text(char **at, const char *name, char *to, size_t room)
{
	char *value = line_value(at, name);

	if (!value || strlen(value) >= room)
		return -EINVAL;
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

static int
take_number(char **at, const char *name, int64_t *ret_number)
{
	char *value = line_value(at, name), *end;

	if (!value)
		return -EINVAL;
	errno = 0;
	*ret_number = strtoll(value, &end, 10);
	return errno || end == value || *end ? -EINVAL : 0;
}

static int
parse(
    char *head, struct feed_cache *about, int64_t *ret_size, int64_t *ret_ages, char sum[SUM_TEXT])
{
	int64_t version;
	char as[16];

	if (strncmp(head, MAGIC, strlen(MAGIC)) != 0)
		return -EINVAL;
	head += strlen(MAGIC);
	if (take_text(&head, "url", about->url, sizeof about->url) < 0 ||
	    take_text(&head, "etag", about->etag, sizeof about->etag) < 0 ||
	    take_text(&head, "modified", about->modified, sizeof about->modified) < 0 ||
	    take_text(&head, "probe", about->probe, sizeof about->probe) < 0 ||
	    take_number(&head, "version", &version) < 0 || version < 0 || version > UINT32_MAX ||
	    take_number(&head, "loaded", &about->loaded_wall_ns) < 0 ||
	    take_text(&head, "as", as, sizeof as) < 0 || take_number(&head, "size", ret_size) < 0 ||
	    *ret_size < 0 || take_number(&head, "ages", ret_ages) < 0 || *ret_ages < 0 ||
	    take_text(&head, "sum", sum, SUM_TEXT) < 0)
		return -EINVAL;
	about->version = (uint32_t)version;
	about->allow = strcmp(as, "allow-list") == 0;
	return 0;
}

/* Takes a whole file apart and checks it; what is in `copy` then points into it. */
static int
take_apart(char *file, size_t size, struct feed_copy *copy)
{
	char head[HEAD_ROOM + SUM_TEXT + 16], sum[SUM_TEXT], want[SUM_TEXT];
	char *end = memmem(file, size < sizeof head ? size : sizeof head - 1, "\n\n", 2);
	int64_t body = 0, ages = 0;
	size_t head_size, left;

	if (!end)
		return -EINVAL;
	head_size = (size_t)(end - file) + 1;
	memcpy(head, file, head_size);
	head[head_size] = '\0';
	left = size - head_size - 1;
	if (parse(head, &copy->about, &body, &ages, want) < 0 || (size_t)body > left ||
	    (size_t)ages != left - (size_t)body)
		return -EINVAL;
	copy->body = file + head_size + 1;
	copy->size = (size_t)body;
	copy->ages = copy->body + copy->size;
	copy->ages_size = (size_t)ages;
	checksum(file, head_size - (SUM_TEXT + 4), copy, sum);
	return strcmp(sum, want) == 0 ? 0 : -EBADMSG;
}

int
feed_cache_read(const char *folder, const char *name, size_t max, struct feed_copy *ret_copy,
    char error[FEED_CACHE_ERROR])
{
	struct feed_copy copy = {.body = NULL};
	char path[PATH_ROOM], *file;
	int n = snprintf(path, sizeof path, "%s/%s.feed", folder, name), r;
	size_t size;

	if (n < 0 || (size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	r = feed_file_read(path, max, &file, &size, error);
	if (r < 0)
		return r;
	r = take_apart(file, size, &copy);
	if (r < 0) {
		snprintf(error, FEED_CACHE_ERROR,
		    r == -EBADMSG ? "%.160s is damaged: its checksum is wrong"
				  : "%.160s is cut short or no feed copy",
		    path);
		free(file);
		return -EINVAL;
	}
	/* To the front of the block, which is what the caller frees. */
	memmove(file, copy.body, copy.size + copy.ages_size);
	copy.body = file;
	copy.ages = file + copy.size;
	*ret_copy = copy;
	return 0;
}

int
feed_cache_drop(const char *folder, const char *name)
{
	char path[PATH_ROOM];
	int n = snprintf(path, sizeof path, "%s/%s.feed", folder, name);

	if (n < 0 || (size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	return unlink(path) < 0 ? -errno : 0;
}

int
feed_cache_ask(const char *folder, const char *name, int64_t wall_ns)
{
	struct timespec at = {.tv_sec = wall_ns / CLK_S, .tv_nsec = wall_ns % CLK_S};
	const struct timespec times[] = {at, at};
	char path[PATH_ROOM];
	int n = snprintf(path, sizeof path, "%s/%s.asked", folder, name), fd, r;

	if (n < 0 || (size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	r = futimens(fd, times) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int64_t
feed_cache_asked(const char *folder, const char *name)
{
	char path[PATH_ROOM];
	int n = snprintf(path, sizeof path, "%s/%s.asked", folder, name);
	struct stat st;

	if (n < 0 || (size_t)n >= sizeof path || lstat(path, &st) < 0)
		return 0;
	return st.st_mtim.tv_sec * CLK_S + st.st_mtim.tv_nsec;
}
