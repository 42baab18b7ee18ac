/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last good copy: back as it was, or not at all, wherever a byte of it changed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "controller/feeds/feed_cache.h"

static char folder[] = "/tmp/finderscope-cache.XXXXXX";

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

static char body_text[] = "198.51.100.9\n\n203.0.113.0/24\n";

static struct feed_copy
sample(void)
{
	static const unsigned char ages[] = {1, 2, 3, 0, '\n', '\n', 255};
	struct feed_copy copy = {
	    .about = {.version = 7, .loaded_wall_ns = 1234567890123456789, .allow = true},
	    .body = body_text,
	    .size = sizeof body_text - 1,
	    .ages = ages,
	    .ages_size = sizeof ages,
	};

	strcpy(copy.about.url, "https://example.net/list?x=1 2");
	strcpy(copy.about.etag, "W/\"abc\"");
	strcpy(copy.about.modified, "Tue, 01 Oct 2024 00:00:00 GMT");
	return copy;
}

static void
gives_back_what_it_took(void **state)
{
	struct feed_copy put = sample(), got;
	char error[FEED_CACHE_ERROR], path[128];

	(void)state;
	assert_int_equal(feed_cache_prepare(folder), 0);
	assert_int_equal(feed_cache_read(folder, "one", 1000, &got, error), -ENOENT);
	assert_int_equal(feed_cache_write(folder, "one", &put), 0);
	assert_int_equal(feed_cache_read(folder, "one", 10000, &got, error), 0);
	assert_string_equal(got.about.url, put.about.url);
	assert_string_equal(got.about.etag, put.about.etag);
	assert_string_equal(got.about.modified, put.about.modified);
	assert_string_equal(got.about.probe, "");
	assert_int_equal(got.about.version, 7);
	assert_true(got.about.allow);
	assert_true(got.about.loaded_wall_ns == put.about.loaded_wall_ns);
	assert_int_equal(got.size, put.size);
	assert_memory_equal(got.body, put.body, put.size);
	assert_int_equal(got.ages_size, put.ages_size);
	assert_memory_equal(got.ages, put.ages, put.ages_size);
	free(got.body);
	assert_int_equal(feed_cache_read(folder, "one", 20, &got, error), -EFBIG);
	/* Nothing half-written is left beside it. */
	snprintf(path, sizeof path, "%s/one.feed.new", folder);
	assert_int_equal(access(path, F_OK), -1);
	put.size = put.ages_size = 0;
	put.about.allow = false;
	assert_int_equal(feed_cache_write(folder, "one", &put), 0);
	assert_int_equal(feed_cache_read(folder, "one", 10000, &got, error), 0);
	assert_int_equal(got.size, 0);
	assert_false(got.about.allow);
	free(got.body);
	assert_int_equal(feed_cache_drop(folder, "one"), 0);
	assert_int_equal(feed_cache_drop(folder, "one"), -ENOENT);
	assert_int_equal(feed_cache_read(folder, "one", 10000, &got, error), -ENOENT);
}

static size_t
slurp(const char *path, char *bytes, size_t room)
{
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(bytes, 1, room, file);
	fclose(file);
	return n;
}

static void
spill(const char *path, const char *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
	/* Not of this very moment, for which a reader would wait. */
	struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
}

static void
sees_every_damaged_byte_and_every_cut(void **state)
{
	struct feed_copy put = sample(), got;
	char error[FEED_CACHE_ERROR], path[128], bytes[4096];
	size_t size;

	(void)state;
	assert_int_equal(feed_cache_write(folder, "two", &put), 0);
	snprintf(path, sizeof path, "%s/two.feed", folder);
	size = slurp(path, bytes, sizeof bytes);
	for (size_t i = 0; i < size; i++) {
		bytes[i] ^= 1;
		spill(path, bytes, size);
		assert_int_equal(feed_cache_read(folder, "two", 10000, &got, error), -EINVAL);
		assert_non_null(strstr(error, "two.feed is "));
		bytes[i] ^= 1;
	}
	for (size_t cut = 0; cut < size; cut++) {
		spill(path, bytes, cut);
		assert_int_equal(feed_cache_read(folder, "two", 10000, &got, error), -EINVAL);
	}
	spill(path, bytes, size);
	assert_int_equal(feed_cache_read(folder, "two", 10000, &got, error), 0);
	free(got.body);
}

static void
remembers_when_the_source_was_asked(void **state)
{
	int64_t before = clk_wall_ns(), asked;

	(void)state;
	assert_true(feed_cache_asked(folder, "three") == 0);
	assert_int_equal(feed_cache_ask(folder, "three", clk_wall_ns()), 0);
	asked = feed_cache_asked(folder, "three");
	assert_true(asked > before - CLK_S && asked < before + 60 * CLK_S);
	/* Taken back: as it was before. */
	assert_int_equal(feed_cache_ask(folder, "three", before - 7 * CLK_S), 0);
	assert_true(feed_cache_asked(folder, "three") == before - 7 * CLK_S);
	assert_int_equal(feed_cache_ask(folder, "three", 0), 0);
	assert_true(feed_cache_asked(folder, "three") == 0);
	assert_int_equal(feed_cache_ask("/nonexistent", "three", before), -ENOENT);
}

static void
says_what_the_folder_lacks(void **state)
{
	struct feed_copy put = sample();
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/deeper", folder);
	assert_int_equal(feed_cache_prepare(path), 0);
	assert_int_equal(feed_cache_prepare(path), 0);
	assert_int_equal(feed_cache_prepare("/dev/null"), -ENOTDIR);
	assert_int_equal(feed_cache_write("/nonexistent", "x", &put), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_back_what_it_took),
	    cmocka_unit_test(sees_every_damaged_byte_and_every_cut),
	    cmocka_unit_test(remembers_when_the_source_was_asked),
	    cmocka_unit_test(says_what_the_folder_lacks),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
