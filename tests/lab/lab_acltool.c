/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The documented road into the hardware: the real rules process, a policy file of its own and a
 * stand-in for cl-acltool (tests/lab/cl-acltool) that does to the tables what the real one does.
 */
#include <setjmp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/rules/rules.h"
#include "common/base/clk.h"
#include "common/base/result.h"
#include "tests/support/rig.h"

static struct rig rig;

static int
setup_wait(uint32_t wait_ms)
{
	rig.config.sync_wait_ms = wait_ms;
	rig.config.target = WIRE_TARGET_NFLOG;
	return rig_shell("cd '%s' && mkdir -p policy.d && echo good >tool.mode && rm -f tool.calls "
			 "policy.d/* && printf '[iptables]\\n-A FORWARD -s 203.0.113.0/24 -j "
			 "DROP\\n' >policy.d/50other.rules",
		   rig.dir) == 0 &&
		       rig_start(&rig)
		   ? 0
		   : -1;
}

static int
setup(void **state)
{
	(void)state;
	return setup_wait(20000);
}

static int
setup_short(void **state)
{
	(void)state;
	return setup_wait(2000);
}

static int
teardown(void **state)
{
	(void)state;
	(void)rig_shell("echo good >'%s'/tool.mode", rig.dir);
	if (rig.fd >= 0)
		(void)rig_end(&rig);
	(void)rig_shell(
	    "iptables-legacy -w 5 -F; ip6tables-legacy -w 5 -F; rm -f '%s'/agent.*", rig.dir);
	return 0;
}

static void
mode(const char *words)
{
	assert_int_equal(rig_shell("echo '%s' >'%s'/tool.mode", words, rig.dir), 0);
}

static bool
file_has(const char *line)
{
	return rig_shell("grep -qxF -- '%s' '%s'/policy.d/95finderscope.rules", line, rig.dir) == 0;
}

static bool
file_is_there(void)
{
	return rig_shell("ls -A '%s'/policy.d | grep -q finderscope", rig.dir) == 0;
}

static int
calls(void)
{
	return rig_shell("exit $(cat '%s'/tool.calls 2>/dev/null | wc -l)", rig.dir);
}

static void
put(uint64_t capture)
{
	char other[32];

	snprintf(other, sizeof other, "198.51.100.%u", (unsigned)(9 + capture % 200));
	struct order order = rig_order(capture, "10.1.0.2", other);
	rig_put(&rig, &order, 60000);
}

static void
drop(uint64_t capture)
{
	rig_send(&rig, (struct wire_msg){.type = WIRE_DROP,
			   .drop = {.capture = capture, .code = RESULT_END_OPERATOR}});
}

static void
test_file_and_tool(void **state)
{
	struct order order = rig_order(1, "10.1.0.2", "198.51.100.9");
	struct holding holding;

	(void)state;
	assert_int_equal(rig.status.backend, WIRE_BACKEND_ACLTOOL);
	order.filter.has_proto = true;
	order.filter.proto = 6;
	order.filter.b_port = 443;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 1, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.rules, 2);
	assert_true(file_has("[iptables]"));
	assert_true(file_has("-A FORWARD -s 10.1.0.2 -d 198.51.100.9 -i swp+ -p tcp --dport "
			     "443 -m comment --comment finderscope:1:0 -j NFLOG --nflog-prefix "
			     "finderscope:1:0 --nflog-group 6343"));
	struct order six = rig_order(2, "2001:db8:1::2", "2001:db8:2::9");
	rig_put(&rig, &six, 60000);
	assert_true(rig_wait(&rig, 2, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	assert_true(file_has("[ip6tables]"));
	assert_int_equal(rig_rules(), 2);
	assert_int_equal(
	    rig_shell("ip6tables-legacy -w 5 -S | grep -c finderscope: | grep -qx 2"), 0);
	drop(1);
	assert_true(rig_wait(&rig, 1, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_rules(), 0);
	drop(2);
	assert_true(rig_wait(&rig, 2, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_OPERATOR);
	assert_false(file_is_there());
	/* Only ever this argument; the two capabilities and no more. */
	assert_int_equal(rig_shell("! grep -qvx -- -i '%s'/tool.calls", rig.dir), 0);
	assert_int_equal(rig_shell("grep -q 'CapEff:\t0000000000003000' '%s'/tool.caps && grep -q "
				   "'CapBnd:\t0000000000003000' '%s'/tool.caps",
			     rig.dir, rig.dir),
	    0);
	/* Theirs is as their file says. */
	assert_int_equal(
	    rig_shell("iptables-legacy -w 5 -S FORWARD | grep -q -- '-s 203.0.113.0/24 -j DROP'"),
	    0);
}

static void
test_refused(void **state)
{
	struct holding holding;

	(void)state;
	put(3);
	assert_true(rig_wait(&rig, 3, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	mode("fail hw sync failed (no room)");
	put(4);
	assert_true(rig_wait(&rig, 4, HOLD_REMOVING, RIG_PATIENCE_MS, NULL));
	mode("good");
	assert_true(rig_wait(&rig, 4, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_HARDWARE);
	assert_string_equal(holding.text, "error: hw sync failed (no room)");
	assert_int_equal(rig_rules(), 2);
	assert_int_equal(rig_shell("! grep -q finderscope:4: '%s'/policy.d/95*", rig.dir), 0);
}

static void
test_stuck(void **state)
{
	struct holding holding;

	(void)state;
	put(5);
	assert_true(rig_wait(&rig, 5, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	mode("stick it does not go");
	drop(5);
	assert_true(rig_wait(&rig, 5, HOLD_STUCK, RIG_PATIENCE_MS, &holding));
	assert_string_equal(holding.text, "error: it does not go");
	/* The tool rolled it back; our file did not. */
	assert_int_equal(rig_rules(), 2);
	assert_false(file_is_there());
	put(6);
	assert_true(rig_wait(&rig, 6, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_STUCK);
	mode("good");
	assert_true(rig_wait(&rig, 5, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_rules(), 0);
}

static void
test_hangs(void **state)
{
	struct holding holding;

	(void)state;
	mode("hang");
	put(7);
	assert_true(rig_wait(&rig, 7, HOLD_REMOVING, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_HARDWARE);
	assert_string_equal(holding.text, "no answer in 2000 ms");
	mode("good");
	assert_true(rig_wait(&rig, 7, HOLD_FAILED, RIG_PATIENCE_MS, NULL));
	/* What hung was ended. */
	assert_int_equal(rig_shell("! pgrep -f '%s/[c]l-acltool' >/dev/null", rig.dir), 0);
}

static void
test_said_good_and_did_nothing(void **state)
{
	struct holding holding;

	(void)state;
	mode("nothing");
	put(8);
	assert_true(rig_wait(&rig, 8, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_HARDWARE);
	assert_false(file_is_there());
}

static void
test_others_run_it(void **state)
{
	struct holding holding;

	(void)state;
	put(9);
	assert_true(rig_wait(&rig, 9, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	/* Ours is among the files: nothing is lost by it. */
	assert_int_equal(rig_shell("'%s'/cl-acltool -i >/dev/null", rig.dir), 0);
	assert_int_equal(rig_rules(), 2);
	assert_false(rig_wait(&rig, 9, HOLD_INSTALLING, 400, NULL));
	int before = calls();
	rig_shell("iptables-legacy -w 5 -F FORWARD");
	assert_true(rig_wait(&rig, 9, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_RULES_LOST);
	assert_int_equal(rig_rules(), 2);
	assert_int_equal(calls(), before + 1);
}

static void
test_main_dies(void **state)
{
	(void)state;
	put(10);
	assert_true(rig_wait(&rig, 10, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_end(&rig), 1);
	assert_false(file_is_there());
	assert_int_equal(rig_rules(), 0);
}

static void
test_killed(void **state)
{
	(void)state;
	put(11);
	assert_true(rig_wait(&rig, 11, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	kill(rig.rules, SIGKILL);
	(void)rig_end(&rig);
	assert_true(file_is_there());
	/* As ExecStopPost does. */
	assert_int_equal(rules_task(&rig.config, RULES_CLEAN, 5000), 0);
	assert_false(file_is_there());
	assert_int_equal(rig_rules(), 0);
}

/* A boot: the file is there, its rules are nowhere, and the ACLs are not loaded yet. */
static void
test_boot(void **state)
{
	(void)state;
	(void)rig_end(&rig);
	rig_shell("printf '[iptables]\\n-A FORWARD -i swp+ -m comment --comment finderscope:12:0 "
		  "-j NFLOG\\n' >'%s'/policy.d/95finderscope.rules; rm -f '%s'/tool.calls",
	    rig.dir, rig.dir);
	assert_int_equal(rules_task(&rig.config, RULES_CLEAN, 5000), 0);
	assert_false(file_is_there());
	assert_int_equal(calls(), 0);
}

int
main(void)
{
	if (!rig_isolate(&rig)) {
		printf("1..0 # SKIP needs root, to make a network namespace\n");
		return 0;
	}
	if (rig_shell("cp tests/lab/cl-acltool '%s'/cl-acltool", rig.dir) != 0) {
		printf("1..0 # SKIP to be run in the folder of the sources\n");
		rig_done(&rig);
		return 0;
	}
#define TEST_IN(name, how) cmocka_unit_test_setup_teardown(name, how, teardown)
#define TEST(name) TEST_IN(name, setup)
	const struct CMUnitTest tests[] = {TEST(test_file_and_tool), TEST(test_refused),
	    TEST(test_stuck), TEST_IN(test_hangs, setup_short),
	    TEST(test_said_good_and_did_nothing), TEST(test_others_run_it), TEST(test_main_dies),
	    TEST(test_killed), TEST(test_boot)};
	int failed = cmocka_run_group_tests_name("lab_acltool", tests, NULL, NULL);
	rig_done(&rig);
	return failed;
}
