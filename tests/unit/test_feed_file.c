/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole files or none of them: limits, things that are no files, and one that flips meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "controller/feeds/feed_file.h"

#define FLIP_SIZE ((size_t)16 << 20)

static char folder[] = "/tmp/finderscope-file.XXXXXX";

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int
remove_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static void
at(const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", folder, name);
}

static void
write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	at(name, path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
reads_within_the_limit(void **state)
{
	char path[128], error[FEED_FILE_ERROR], *body;
	size_t size;

	(void)state;
	write_file("list", "198.51.100.9\n");
	at("list", path);
	assert_int_equal(feed_file_read(path, 13, &body, &size, error), 0);
	assert_int_equal(size, 13);
	assert_memory_equal(body, "198.51.100.9\n", 13);
	free(body);
	assert_int_equal(feed_file_read(path, 12, &body, &size, error), -EFBIG);
	assert_non_null(strstr(error, "list is over the limit of 12 bytes"));
	write_file("empty", "");
	at("empty", path);
	assert_int_equal(feed_file_read(path, 12, &body, &size, error), 0);
	assert_int_equal(size, 0);
	free(body);
}

static void
refuses_what_is_no_file(void **state)
{
	char path[128], error[FEED_FILE_ERROR], *body;
	size_t size;

	(void)state;
	at("nothing", path);
	assert_int_equal(feed_file_read(path, 100, &body, &size, error), -ENOENT);
	assert_non_null(strstr(error, "nothing: No such file"));
	assert_int_equal(feed_file_read(folder, 100, &body, &size, error), -EINVAL);
	assert_non_null(strstr(error, "no regular file"));
	/* Opening a pipe without a writer must not wait for one. */
	at("pipe", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(feed_file_read(path, 100, &body, &size, error), -EINVAL);
	assert_int_equal(feed_file_read("/dev/zero", 100, &body, &size, error), -EINVAL);
}

static atomic_bool stop, rests;
static atomic_uint rounds, paused;

/* A writer that the machine stopped midway leaves a file that nobody can tell from a whole one. */
#define PAUSE_NS (18 * CLK_MS)

/* Rewrites the file in place, all of one letter, then all of the next, without a rest. */
static void *
flip(void *context)
{
	char *text = malloc(FLIP_SIZE);
	int fd = open(context, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	struct instant start;

	for (unsigned round = 0; !atomic_load(&stop); round++) {
		/* Never at rest: the same byte again, as often as can be. */
		if (round > 0 && !atomic_load(&rests)) {
			if (pwrite(fd, text, 1, 0) < 0)
				break;
			continue;
		}
		memset(text, 'a' + (int)(round % 2), FLIP_SIZE);
		start = clk_now();
		for (size_t n = 0; n < FLIP_SIZE; n += FLIP_SIZE / 8)
			if (pwrite(fd, text + n, FLIP_SIZE / 8, (off_t)n) < 0)
				break;
		if (clk_diff(clk_now(), start) > PAUSE_NS)
			atomic_fetch_add(&paused, 1);
		atomic_fetch_add(&rounds, 1);
		/* A rest that is just long enough for a reader to believe in it, and begin; longer
		 * and longer for one that the machine lets run late. */
		usleep(24000 + (round < 200 ? round : 200) * 1000);
	}
	close(fd);
	free(text);
	return NULL;
}

static void
never_mixes_two_versions(void **state)
{
	char path[128], error[FEED_FILE_ERROR], *body;
	struct instant end = clk_add(clk_now(), 60 * CLK_S),
		       enough = clk_add(clk_now(), 10 * CLK_S);
	unsigned whole = 0, refused = 0, excused = 0;
	bool resting = true;
	pthread_t thread;
	size_t size;

	(void)state;
	at("flip", path);
	assert_int_equal(pthread_create(&thread, NULL, flip, path), 0);
	/* On a busy machine few readings are whole: ten seconds of trying, then the restless one.
	 */
	while ((resting || refused < 1) && clk_before(clk_now(), end)) {
		unsigned paused_before = atomic_load(&paused), round;
		int r;

		resting = whole < 20 && (whole < 1 || clk_before(clk_now(), enough));
		atomic_store(&rests, resting);
		r = feed_file_read(path, FLIP_SIZE, &body, &size, error);

		if (r == -ENOENT)
			continue;
		if (r == -EBUSY) {
			refused++;
			continue;
		}
		assert_int_equal(r, 0);
		/* The first writing makes it long. */
		if (size == FLIP_SIZE)
			whole++;
		if (size > 1 && memcmp(body, body + 1, size - 1) != 0) {
			/* That round is told of when it is over. */
			round = atomic_load(&rounds);
			while (atomic_load(&rounds) < round + 2 && clk_before(clk_now(), end))
				usleep(1000);
			if (atomic_load(&paused) == paused_before)
				fail_msg("two versions in one");
			excused++;
		}
		free(body);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	print_message(
	    "# %u whole, %u given up, %u of a stopped writer\n", whole - excused, refused, excused);
	assert_true(whole > 0 && refused > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_within_the_limit),
	    cmocka_unit_test(refuses_what_is_no_file),
	    cmocka_unit_test(never_mixes_two_versions),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
