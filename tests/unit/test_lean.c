/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is given back is seen in the process's own resident size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/wire/lean.h"

#define BLOCKS 4096
#define BLOCK 512

/* KiB of /proc/self/smaps_rollup. */
static long
resident(const char *name)
{
	char line[128];
	long value = -1;
	size_t len = strlen(name);
	FILE *f = fopen("/proc/self/smaps_rollup", "re");

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			value = strtol(line + len + 1, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

/* Freed ones would otherwise raise the limit up to which blocks are kept. First, in a heap without
 * holes. */
static void
test_large(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	lean_begin();
	for (size_t size = 256 << 10; size <= 4 << 20; size *= 2) {
		char *block = malloc(size);

		assert_non_null(block);
		explicit_bzero(block, size); /* a plain memset before free is left out */
		long before = resident("Anonymous");
		free(block);
		assert_true(before - resident("Anonymous") > (long)(size >> 10) - 64);
	}
}

/* A table's copy: thousands of small pieces, and something that stays behind them. */
static void
test_trim(void **state)
{
	static void *blocks[BLOCKS];

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* another allocator */
#endif
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(BLOCK);
		assert_non_null(blocks[i]);
		memset(blocks[i], i, BLOCK);
	}
	char *stays = strdup("a capture that came meanwhile");
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	long before = resident("Anonymous");
	lean_trim();
	assert_true(before - resident("Anonymous") > BLOCKS * BLOCK / 1024 / 2);
	assert_string_equal(stays, "a capture that came meanwhile");
	free(stays);
}

/* Pages of program and libraries go, and whatever is called next is there. */
static void
test_settle(void **state)
{
	char text[64];

	(void)state;
	long before = resident("Rss") - resident("Anonymous");
	lean_settle();
	long after = resident("Rss") - resident("Anonymous");
	assert_true(after < before * 3 / 4);
	snprintf(text, sizeof text, "%.3f", strtod("1.5", NULL));
	assert_string_equal(text, "1.500");
	pid_t pid = fork();
	if (pid == 0)
		_exit(7);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_large),
	    cmocka_unit_test(test_trim), cmocka_unit_test(test_settle)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
