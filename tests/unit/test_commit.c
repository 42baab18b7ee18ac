/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captures into the kernel's tables and out again, in a network namespace, without the process
 * round it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/rules/commit.h"
#include "agent/rules/target.h"
#include "common/base/result.h"
#include "tests/support/rig.h"

static struct rig rig;
static struct held_set set;
static struct commit commit;
static bool refuse_target, bad_target;

static int
make_target(void *user, const struct held *held, unsigned rule, struct entry_target *ret_target,
    char error[120])
{
	char tag[ENTRY_TAG_MAX];

	(void)user;
	if (refuse_target && held->capture == 2) {
		snprintf(error, 120, "no such thing");
		return -ENOENT;
	}
	target_nflog(6343, entry_tag(held->capture, rule, tag), ret_target);
	/* Only the kernel can tell. */
	if (bad_target && held->capture == 2)
		ret_target->revision = 77;
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	rig_shell("iptables-legacy -F; iptables-legacy -A FORWARD -s 203.0.113.1 -j DROP; "
		  "rm -f '%s/agent.state'",
	    rig.dir);
	memset(&set, 0, sizeof set);
	refuse_target = bad_target = false;
	if (commit_open(&commit, &rig.config, &set, make_target, NULL) < 0)
		return -1;
	commit.comments = true;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	held_clear(&set);
	commit_close(&commit);
	return 0;
}

static struct held *
add(uint64_t capture)
{
	char b[32];

	snprintf(b, sizeof b, "198.51.100.%u", (unsigned)(capture % 250 + 1));
	struct order order = rig_order(capture, "10.1.0.2", b);
	struct held *held = held_add(&set, &order, 60000, (struct instant){CLK_S});
	held->target = WIRE_TARGET_NFLOG;
	return held;
}

static int
run(void)
{
	return commit_run(&commit, (struct instant){2 * CLK_S}, true);
}

static void
in_and_out(void **state)
{
	struct held *one = add(1), *two = add(2);

	(void)state;
	assert_int_equal(run(), 0);
	assert_int_equal(rig_rules(), 4);
	assert_true(one->in_kernel == 2 && two->in_kernel == 2);
	assert_true(commit.commits == 1);
	/* Nothing to do is no commit. */
	assert_int_equal(run(), 0);
	assert_true(commit.commits == 1);
	held_end(one, RESULT_END_OPERATOR, "");
	assert_int_equal(run(), 0);
	assert_int_equal(rig_rules(), 2);
	assert_true(one->in_kernel == 0 && two->in_kernel == 2);
	unsigned removed = 0;
	assert_int_equal(commit_clean(&commit, &removed), 0);
	assert_int_equal(removed, 2);
	assert_int_equal(rig_rules(), 0);
	assert_int_equal(rig_shell("iptables-legacy -S FORWARD | grep -q 203.0.113.1"), 0);
}

/* Counters go on, whoever changes the table, and those of others too. */
static void
counters_stay(void **state)
{
	(void)state;
	assert_int_equal(rig_shell("iptables-legacy -A OUTPUT -d 127.0.0.5 -j ACCEPT; ping -q -c 3 "
				   "-i 0.01 127.0.0.5 >/dev/null"),
	    0);
	add(1);
	assert_int_equal(run(), 0);
	add(3);
	assert_int_equal(run(), 0);
	assert_int_equal(rig_shell("iptables-legacy -vS OUTPUT | grep -q -- '-c 3 '"), 0);
}

static void
one_bad_costs_the_others_nothing(void **state)
{
	struct held *held[3];

	(void)state;
	refuse_target = true;
	for (unsigned i = 0; i < 3; i++)
		held[i] = add(i + 1);
	(void)run();
	(void)run();
	assert_int_equal(rig_rules(), 4);
	assert_true(held[0]->in_kernel == 2 && held[2]->in_kernel == 2);
	assert_false(held[1]->wanted);
	assert_int_equal(held[1]->code, RESULT_NO_TARGET);
	assert_string_equal(held[1]->text, "no such thing");
}

static void
the_kernel_refuses_one(void **state)
{
	struct held *held[3];

	(void)state;
	bad_target = true;
	for (unsigned i = 0; i < 3; i++)
		held[i] = add(i + 1);
	(void)run();
	(void)run();
	assert_int_equal(rig_rules(), 4);
	assert_true(held[0]->in_kernel == 2 && held[2]->in_kernel == 2);
	assert_false(held[1]->wanted);
	assert_int_equal(held[1]->code, RESULT_KERNEL);
}

static void
somebody_has_the_lock(void **state)
{
	int fd = open(getenv("XTABLES_LOCKFILE"), O_RDONLY | O_CLOEXEC);
	unsigned removed;

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	add(1);
	assert_int_equal(run(), -EAGAIN);
	assert_int_equal(commit_clean(&commit, &removed), -EAGAIN);
	close(fd);
	assert_int_equal(run(), 0);
	assert_int_equal(rig_rules(), 2);
	/* It was given back. */
	fd = open(getenv("XTABLES_LOCKFILE"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
}

static void
while_stopped_nothing_new(void **state)
{
	struct held *one = add(1);

	(void)state;
	assert_int_equal(run(), 0);
	commit.stopped = true;
	add(2);
	assert_int_equal(run(), 0);
	assert_int_equal(rig_rules(), 2);
	held_end(one, RESULT_END_OPERATOR, "");
	assert_int_equal(run(), 0);
	assert_int_equal(rig_rules(), 0);
	commit.stopped = false;
	assert_int_equal(run(), 0);
	assert_int_equal(rig_rules(), 2);
}

/* Where comments are not accepted: by their bytes, kept in the state file. */
static void
without_a_tag(void **state)
{
	unsigned removed = 0;

	(void)state;
	commit.comments = false;
	struct held *one = add(1);
	assert_int_equal(run(), 0);
	assert_int_equal(one->in_kernel, 2);
	assert_int_equal(
	    rig_shell("test $(iptables-legacy -S | grep -c -- '--comment') = 0 && test "
		      "$(iptables-legacy -S FORWARD | grep -c NFLOG) = 2"),
	    0);
	/* Another process knows them by the file. */
	held_clear(&set);
	commit_close(&commit);
	assert_int_equal(commit_open(&commit, &rig.config, &set, make_target, NULL), 0);
	commit.comments = false;
	assert_int_equal(commit_clean(&commit, &removed), 0);
	assert_int_equal(removed, 2);
	assert_int_equal(rig_shell("iptables-legacy -S FORWARD | grep -q NFLOG"), 1);
}

int
main(void)
{
	if (!rig_isolate(&rig)) {
		printf("1..0 # SKIP needs root, to make a network namespace\n");
		return 0;
	}
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(in_and_out),
	    TEST(counters_stay),
	    TEST(one_bad_costs_the_others_nothing),
	    TEST(the_kernel_refuses_one),
	    TEST(somebody_has_the_lock),
	    TEST(while_stopped_nothing_new),
	    TEST(without_a_tag),
	};
	int failed = cmocka_run_group_tests_name("commit", tests, NULL, NULL);

	rig_done(&rig);
	return failed;
}
