/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"

static int saved_stderr, reader;

static const char *
caught(void)
{
	static char text[2048];
	ssize_t n = read(reader, text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static int catch (void **state)
{
	int fds[2];

	(void)state;
	saved_stderr = dup(STDERR_FILENO);
	return pipe2(fds, O_NONBLOCK) || (reader = fds[0], dup2(fds[1], STDERR_FILENO) < 0) ||
	       close(fds[1]);
}

static int
release(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(reader);
	return 0;
}

static void
one_line_whatever_is_in_it(void **state)
{
	char long_text[4000];
	const char *line;

	(void)state;
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init("main", LOG_LEVEL_INFO);
	errno = EBUSY;
	log_warning("a %s", "peer\nsaid\x1b[31m");
	assert_int_equal(errno, EBUSY);
	assert_string_equal(caught(), "<4>main: a peer?said?[31m\n");
	log_debug("not this");
	assert_string_equal(caught(), "");
	log_errno(LOG_LEVEL_ERROR, -ENOENT, "x");
	assert_string_equal(caught(), "<3>main: x: No such file or directory\n");
	memset(long_text, 'y', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	log_error("%s", long_text);
	line = caught();
	assert_true(strlen(line) < 1100);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void
time_stamp_without_a_journal(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_init("rules", LOG_LEVEL_DEBUG);
	log_debug("hello");
	assert_non_null(strstr(caught(), "Z rules: hello\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_line_whatever_is_in_it, catch, release),
	    cmocka_unit_test_setup_teardown(time_stamp_without_a_journal, catch, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
