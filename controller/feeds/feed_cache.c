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

#include "controller/feeds/feed_file.h"

#define MAGIC "finderscope-feed 1\n"
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

/* Over the describing lines and the body. */
static void
checksum(const char *head, size_t head_size, const void *body, size_t size, char text[SUM_TEXT])
{
	crypto_generichash_state state;
	unsigned char sum[SUM_BYTES];

	crypto_generichash_init(&state, NULL, 0, sizeof sum);
	crypto_generichash_update(&state, (const unsigned char *)head, head_size);
	crypto_generichash_update(&state, body, size);
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
feed_cache_write(const char *folder, const char *name, const struct feed_cache *about,
    const void *body, size_t size)
{
	char path[PATH_ROOM], temporary[PATH_ROOM + 8], head[HEAD_ROOM], sum[SUM_TEXT],
	    last[SUM_TEXT + 16];
	int n, fd, r;

	n = snprintf(path, sizeof path, "%s/%s.feed", folder, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	snprintf(temporary, sizeof temporary, "%s.new", path);
	n = snprintf(head, sizeof head,
	    MAGIC "url %s\netag %s\nmodified %s\nprobe %s\nversion %" PRIu32 "\nloaded %" PRId64
		  "\nsize %zu\n",
	    about->url, about->etag, about->modified, about->probe, about->version,
	    about->loaded_wall_ns, size);
	if (n < 0 || (size_t)n >= sizeof head)
		return -EINVAL;
	checksum(head, (size_t)n, body, size, sum);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	snprintf(last, sizeof last, "sum %s\n\n", sum);
	r = write_all(fd, head, (size_t)n);
	if (r == 0)
		r = write_all(fd, last, strlen(last));
	if (r == 0)
		r = write_all(fd, body, size);
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
parse(char *head, struct feed_cache *about, int64_t *ret_size, char sum[SUM_TEXT])
{
	int64_t version;

	if (strncmp(head, MAGIC, strlen(MAGIC)) != 0)
		return -EINVAL;
	head += strlen(MAGIC);
	if (take_text(&head, "url", about->url, sizeof about->url) < 0 ||
	    take_text(&head, "etag", about->etag, sizeof about->etag) < 0 ||
	    take_text(&head, "modified", about->modified, sizeof about->modified) < 0 ||
	    take_text(&head, "probe", about->probe, sizeof about->probe) < 0 ||
	    take_number(&head, "version", &version) < 0 || version < 0 || version > UINT32_MAX ||
	    take_number(&head, "loaded", &about->loaded_wall_ns) < 0 ||
	    take_number(&head, "size", ret_size) < 0 || take_text(&head, "sum", sum, SUM_TEXT) < 0)
		return -EINVAL;
	about->version = (uint32_t)version;
	return 0;
}

int
feed_cache_read(const char *folder, const char *name, size_t max, struct feed_cache *ret_about,
    char **ret_body, size_t *ret_size, char error[FEED_CACHE_ERROR])
{
	char path[PATH_ROOM], copy[HEAD_ROOM + SUM_TEXT + 16], sum[SUM_TEXT], want[SUM_TEXT], *file,
	    *end;
	struct feed_cache about = {0};
	size_t size, head_size, signed_size;
	int64_t body_size = -1;
	int n = snprintf(path, sizeof path, "%s/%s.feed", folder, name), r;

	if (n < 0 || (size_t)n >= sizeof path)
		return -ENAMETOOLONG;
	r = feed_file_read(path, max + sizeof copy, &file, &size, error);
	if (r < 0)
		return r;
	end = memmem(file, size < sizeof copy ? size : sizeof copy - 1, "\n\n", 2);
	if (end) {
		head_size = (size_t)(end - file) + 1;
		memcpy(copy, file, head_size);
		copy[head_size] = '\0';
		r = parse(copy, &about, &body_size, want);
		signed_size = head_size - (SUM_TEXT + 4);
		head_size++;
	}
	if (!end || r < 0 || body_size < 0 || (size_t)body_size != size - head_size) {
		snprintf(error, FEED_CACHE_ERROR, "%.160s is cut short or no feed copy", path);
		free(file);
		return -EINVAL;
	}
	checksum(file, signed_size, file + head_size, size - head_size, sum);
	if (strcmp(sum, want) != 0) {
		snprintf(error, FEED_CACHE_ERROR, "%.160s is damaged: its checksum is wrong", path);
		free(file);
		return -EINVAL;
	}
	memmove(file, file + head_size, size - head_size);
	*ret_about = about;
	*ret_body = file;
	*ret_size = size - head_size;
	return 0;
}
