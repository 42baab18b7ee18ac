/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/rules/state.h"

static char dir[] = "/tmp/finderscope-state.XXXXXX";

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[80];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command);
}

static void
reads_what_it_writes(void **state)
{
	struct state s = {.n_rules = 300}, back;
	unsigned line = 0, seed = 2;
	char path[80];
	struct stat st;

	(void)state;
	assert_int_equal(state_load(dir, &back, &line), 0);
	assert_true(back.n_rules == 0 && back.boot[0] == '\0');
	s.rules = calloc(s.n_rules, sizeof *s.rules);
	snprintf(s.boot, sizeof s.boot, "3f0c0000-1111-2222-3333-444455556666");
	for (size_t i = 0; i < s.n_rules; i++) {
		struct iptable_known *k = &s.rules[i];

		k->family = i % 2 ? 4 : 6;
		k->capture = UINT64_MAX - i;
		k->rule = i % 4;
		k->entry.size = (uint16_t)(i % ENTRY_MAX + 1);
		for (unsigned b = 0; b < k->entry.size; b++)
			k->entry.bytes[b] = (uint8_t)rand_r(&seed);
	}
	s.rules[0].entry.size = ENTRY_MAX;
	assert_int_equal(state_save(dir, &s), 0);
	snprintf(path, sizeof path, "%s/agent.state", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(state_load(dir, &back, &line), 0);
	assert_string_equal(back.boot, s.boot);
	assert_int_equal(back.n_rules, s.n_rules);
	for (size_t i = 0; i < s.n_rules; i++) {
		assert_true(back.rules[i].family == s.rules[i].family &&
			    back.rules[i].capture == s.rules[i].capture &&
			    back.rules[i].rule == s.rules[i].rule &&
			    back.rules[i].entry.size == s.rules[i].entry.size);
		assert_memory_equal(
		    back.rules[i].entry.bytes, s.rules[i].entry.bytes, s.rules[i].entry.size);
	}
	state_done(&back);
	state_done(&s);
	unlink(path);
}

static void
names_the_bad_line(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} bad[] = {
	    {"x\n", 1},
	    {"finderscope-state 2\n", 1},
	    {"finderscope-state 1", 1},
	    {"finderscope-state 1\nboot 3f\nboot 3f\n", 3},
	    {"finderscope-state 1\nboot ../etc\n", 2},
	    {"finderscope-state 1\nboot 3f0c0000111122223333444455556666777788889999\n", 2},
	    {"finderscope-state 1\nrule 4 1 0 00\nrule 5 1 0 00\n", 3},
	    {"finderscope-state 1\nrule 4 0 0 00\n", 2},
	    {"finderscope-state 1\nrule 4 1 4 00\n", 2},
	    {"finderscope-state 1\nrule 4 1 0 0\n", 2},
	    {"finderscope-state 1\nrule 4 1 0 \n", 2},
	    {"finderscope-state 1\nrule 4 1 0 0g\n", 2},
	    {"finderscope-state 1\nrule 4 1 0 AA\n", 2},
	    {"finderscope-state 1\nrule 4 1  0 00\n", 2},
	    {"finderscope-state 1\nrule -4 1 0 00\n", 2},
	    {"finderscope-state 1\n\n", 2},
	    {"finderscope-state 1\nrules 4 1 0 00\n", 2},
	    {"finderscope-state 1\nrule 4 1 0 00", 2},
	};
	struct state s;
	unsigned line;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		line = 0;
		if (state_parse(bad[i].text, strlen(bad[i].text), &s, &line) != -EINVAL ||
		    line != bad[i].line)
			fail_msg("text %zu: line %u", i, line);
	}
	/* A rule too long by a byte. */
	char *text = malloc(2 * ENTRY_MAX + 100);
	int n = sprintf(text, "finderscope-state 1\nrule 4 1 0 ");
	memset(text + n, '0', 2 * ENTRY_MAX);
	memcpy(text + n + 2 * ENTRY_MAX, "\n", 2);
	assert_int_equal(state_parse(text, strlen(text), &s, &line), 0);
	state_done(&s);
	memcpy(text + n + 2 * ENTRY_MAX, "00\n", 4);
	assert_int_equal(state_parse(text, strlen(text), &s, &line), -EINVAL);
	free(text);
	/* A NUL is no end. */
	assert_int_equal(
	    state_parse("finderscope-state 1\nrule 4 1 0 00\0\n", 36, &s, &line), -EINVAL);
}

static void
stays_when_it_cannot_be_written(void **state)
{
	struct state s = {.boot = "11"}, back;
	char path[96];
	unsigned line;

	(void)state;
	assert_int_equal(state_save(dir, &s), 0);
	/* What it would write beside is in the way. */
	snprintf(path, sizeof path, "%s/agent.state.new", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(s.boot, sizeof s.boot, "22");
	assert_true(state_save(dir, &s) < 0);
	assert_int_equal(state_load(dir, &back, &line), 0);
	assert_string_equal(back.boot, "11");
	rmdir(path);
	assert_true(state_save("/nonexistent", &s) < 0);
	/* A link is not followed. */
	snprintf(path, sizeof path, "%s/agent.state", dir);
	unlink(path);
	assert_int_equal(symlink("/etc/hostname", path), 0);
	assert_int_equal(state_load(dir, &back, &line), -ELOOP);
	unlink(path);
}

static void
the_flag(void **state)
{
	(void)state;
	assert_false(state_released(dir));
	assert_int_equal(state_set_released(dir, false), 0);
	assert_int_equal(state_set_released(dir, true), 0);
	assert_int_equal(state_set_released(dir, true), 0);
	assert_true(state_released(dir));
	assert_int_equal(state_set_released(dir, false), 0);
	assert_false(state_released(dir));
	assert_int_equal(state_set_released("/nonexistent", true), -ENOENT);
}

/* One at a time, and the next as soon as the last one's descriptor is closed. */
static void
one_agent_at_a_time(void **state)
{
	int fd, other;

	(void)state;
	fd = state_claim(dir, 0);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(state_claim(dir, 0), -EBUSY);
	assert_int_equal(state_claim(dir, 50), -EBUSY);
	pid_t pid = fork();
	if (pid == 0) {
		/* The copy in a child counts, too. */
		poll(NULL, 0, 100);
		_exit(0);
	}
	close(fd);
	other = state_claim(dir, 30000);
	assert_true(other >= 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(other);
	assert_int_equal(state_claim("/nonexistent", 0), -ENOENT);
}

static void
the_boot(void **state)
{
	char a[STATE_BOOT_MAX], b[STATE_BOOT_MAX];

	(void)state;
	assert_int_equal(state_boot_id(a), 0);
	assert_int_equal(state_boot_id(b), 0);
	assert_int_equal(strlen(a), 36);
	assert_string_equal(a, b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_it_writes),
	    cmocka_unit_test(names_the_bad_line),
	    cmocka_unit_test(stays_when_it_cannot_be_written),
	    cmocka_unit_test(the_flag),
	    cmocka_unit_test(one_agent_at_a_time),
	    cmocka_unit_test(the_boot),
	};

	return cmocka_run_group_tests_name("state", tests, setup, teardown);
}
