/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The helper without a back end: answers, a job that hangs or dies, who it outlives. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/rules/helper.h"

#define PATIENCE_MS 30000

/* What the job is to do; shared with the processes that do it. */
static struct board {
	enum { FINE, REFUSE, TALK, DIE, HANG } what;
	unsigned runs;
} * board;

static int
job(void *user, char text[HELPER_TEXT_MAX])
{
	struct board *b = user;

	b->runs++;
	switch (b->what) {
	case FINE:
		return 0;
	case REFUSE:
		snprintf(text, HELPER_TEXT_MAX, " error:\n\ttable\x7f full \r\n");
		return 1;
	case TALK:
		memset(text, 'x', HELPER_TEXT_MAX);
		return -EIO;
	case DIE:
		raise(SIGKILL);
		break;
	case HANG:
		for (;;)
			poll(NULL, 0, 1000);
	}
	return -1;
}

static int
setup(void **state)
{
	(void)state;
	board =
	    mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return board == MAP_FAILED ? -1 : 0;
}

static struct helper_answer
ask(struct helper *helper)
{
	struct pollfd p = {.fd = helper->fd, .events = POLLIN};
	struct helper_answer answer = {.result = 99};

	assert_int_equal(helper_go(helper), 0);
	/* One at a time. */
	assert_int_equal(helper_go(helper), -EBUSY);
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	assert_int_equal(helper_take(helper, &answer), 0);
	assert_int_equal(helper_take(helper, &answer), -EAGAIN);
	return answer;
}

static void
test_answers(void **state)
{
	struct helper helper;
	struct helper_answer a;

	(void)state;
	assert_int_equal(helper_start(job, board, HELPER_BARE, NULL, 0, 5000, &helper), 0);
	board->what = FINE;
	a = ask(&helper);
	assert_int_equal(a.result, 0);
	assert_string_equal(a.text, "");
	/* Words become one line. */
	board->what = REFUSE;
	a = ask(&helper);
	assert_int_equal(a.result, 1);
	assert_string_equal(a.text, "error: table full");
	/* And end where there is room. */
	board->what = TALK;
	a = ask(&helper);
	assert_int_equal(a.result, -EIO);
	assert_int_equal(strlen(a.text), HELPER_TEXT_MAX - 1);
	/* A job that dies costs itself alone. */
	board->what = DIE;
	a = ask(&helper);
	assert_int_equal(a.result, -EIO);
	assert_string_equal(a.text, "it ended without an answer");
	board->what = FINE;
	a = ask(&helper);
	assert_int_equal(a.result, 0);
	assert_int_equal(board->runs, 5);
	pid_t pid = helper.pid;
	helper_stop(&helper);
	helper_stop(&helper);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
}

static void
test_hangs(void **state)
{
	struct helper helper;

	(void)state;
	assert_int_equal(helper_start(job, board, HELPER_BARE, NULL, 0, 200, &helper), 0);
	board->what = HANG;
	struct helper_answer a = ask(&helper);
	assert_int_equal(a.result, -ETIMEDOUT);
	assert_string_equal(a.text, "no answer in 200 ms");
	board->what = FINE;
	a = ask(&helper);
	assert_int_equal(a.result, 0);
	helper_stop(&helper);
}

/* Signals to the whole group are not for it: it ends when its socket does. */
static void
test_outlives_signals(void **state)
{
	struct helper helper;

	(void)state;
	assert_int_equal(helper_start(job, board, HELPER_BARE, NULL, 0, 5000, &helper), 0);
	board->what = FINE;
	assert_int_equal(ask(&helper).result, 0);
	kill(helper.pid, SIGTERM);
	kill(helper.pid, SIGINT);
	kill(helper.pid, SIGHUP);
	assert_int_equal(ask(&helper).result, 0);
	kill(helper.pid, SIGKILL);
	struct pollfd p = {.fd = helper.fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	struct helper_answer a;
	assert_int_equal(helper_take(&helper, &a), -EPIPE);
	assert_int_equal(helper_go(&helper), -EPIPE);
	helper_stop(&helper);
}

int
main(void)
{
	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root, to have something to give up\n");
		return 0;
	}
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_hangs), cmocka_unit_test(test_outlives_signals)};

	return cmocka_run_group_tests_name("helper", tests, setup, NULL);
}
