/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From kernel to hardware: the real rules process against a stand-in switchd (tool_switchd), whose
 * hardware is a table of its own. What is asserted is that table.
 */
#include <setjmp.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/rules/rules.h"
#include "common/base/clk.h"
#include "common/base/result.h"
#include "tests/support/rig.h"

static struct rig rig;
static pid_t switchd = -1;
static char cumulus[96];

/* ---- the stand-in ---- */

static void
read_node(const char *name, char *text, size_t size)
{
	char path[160];

	snprintf(path, sizeof path, "%s/test/%s", cumulus, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static void
tell(const char *node, const char *words)
{
	char path[160];

	snprintf(path, sizeof path, "%s/test/%s", cumulus, node);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, words, strlen(words)), (ssize_t)strlen(words));
	close(fd);
}

/* Rules of ours in the hardware. */
static int
hardware(void)
{
	static char text[65536];
	int n = 0;

	read_node("hardware", text, sizeof text);
	for (const char *at = text; (at = strstr(at, "--comment \"finderscope:")); at++)
		n++;
	return n;
}

static bool
wait_hardware(int n, int ms)
{
	struct instant until = clk_add(clk_now(), ms * CLK_MS);

	while (hardware() != n) {
		if (!clk_before(clk_now(), until))
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}

static unsigned
syncs(void)
{
	char text[64];
	unsigned n = 0, unstopped = 0;

	read_node("syncs", text, sizeof text);
	assert_int_equal(sscanf(text, "%u %u", &n, &unstopped), 2);
	assert_int_equal(unstopped, 0);
	return n;
}

static bool
start_switchd(void)
{
	char tool[512], node[160], stats[] = "150";

	snprintf(tool, sizeof tool, "%s", rig_agent());
	snprintf(strrchr(tool, '/'), 32, "/tests/tool_switchd");
	switchd = fork();
	if (switchd == 0) {
		execl(tool, "tool_switchd", cumulus, stats, (char *)NULL);
		_exit(127);
	}
	snprintf(node, sizeof node, "%s/test/syncs", cumulus);
	for (int i = 0; i < 1000; i++) {
		if (access(node, F_OK) == 0)
			return true;
		if (waitpid(switchd, NULL, WNOHANG) == switchd)
			return false;
		poll(NULL, 0, 10);
	}
	return false;
}

static void
stop_switchd(void)
{
	if (switchd > 0) {
		kill(switchd, SIGKILL);
		waitpid(switchd, NULL, 0);
		umount2(cumulus, MNT_DETACH);
	}
	switchd = -1;
}

static int
setup_with(enum wire_backend backend, uint32_t floor_ms, uint32_t wait_ms)
{
	rig.config.backend = (uint8_t)backend;
	rig.config.target = WIRE_TARGET_NFLOG;
	rig.config.sync_floor_ms = floor_ms;
	rig.config.sync_wait_ms = wait_ms;
	return start_switchd() && rig_start(&rig) ? 0 : -1;
}

static int
setup(void **state)
{
	(void)state;
	return setup_with(WIRE_BACKEND_AUTO, 0, 20000);
}

static int
setup_floor(void **state)
{
	(void)state;
	return setup_with(WIRE_BACKEND_AUTO, 3000, 20000);
}

static int
setup_short(void **state)
{
	(void)state;
	return setup_with(WIRE_BACKEND_AUTO, 0, 2500);
}

static int
teardown(void **state)
{
	(void)state;
	if (rig.fd >= 0)
		(void)rig_end(&rig);
	stop_switchd();
	(void)rig_shell("iptables-legacy -w 5 -F; rm -f '%s'/agent.*", rig.dir);
	return 0;
}

static void
put(uint64_t capture, uint32_t lease_ms)
{
	char other[32];

	snprintf(other, sizeof other, "198.51.100.%u", (unsigned)(9 + capture % 200));
	struct order order = rig_order(capture, "10.1.0.2", other);
	rig_put(&rig, &order, lease_ms);
}

static void
drop(uint64_t capture)
{
	rig_send(&rig, (struct wire_msg){.type = WIRE_DROP,
			   .drop = {.capture = capture, .code = RESULT_END_OPERATOR}});
}

static bool
marked(void)
{
	char path[128];

	snprintf(path, sizeof path, "%s/agent.hardware", rig.dir);
	return access(path, F_OK) == 0;
}

/* ---- resync ---- */

static void
test_kernel_then_hardware(void **state)
{
	struct holding holding;

	(void)state;
	assert_int_equal(rig.status.backend, WIRE_BACKEND_RESYNC);
	assert_int_equal(rig.status.destinations, 2);
	rig_shell("iptables-legacy -w 5 -A FORWARD -s 203.0.113.0/24 -j DROP");
	put(1, 60000);
	/* The two are told apart, in this order. */
	assert_true(rig_wait(&rig, 1, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	assert_true(rig_wait(&rig, 1, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.rules, 2);
	assert_int_equal(hardware(), 2);
	assert_true(marked());
	assert_int_equal(syncs(), 1);
	drop(1);
	assert_true(rig_wait(&rig, 1, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_OPERATOR);
	assert_int_equal(hardware(), 0);
	assert_int_equal(rig_rules(), 0);
	assert_false(marked());
	/* Nothing changed, nothing is synced. */
	rig_listen(&rig, 500);
	assert_int_equal(syncs(), 2);
}

static void
test_mirroring_when_counters_move(void **state)
{
	struct holding holding;

	(void)state;
	put(2, 60000);
	assert_true(rig_wait(&rig, 2, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	assert_false(rig_wait(&rig, 2, HOLD_MIRRORING, 500, NULL));
	tell("traffic", "finderscope:2:1 7 7000");
	assert_true(rig_wait(&rig, 2, HOLD_MIRRORING, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.packets, 7);
	assert_int_equal(holding.bytes, 7000);
}

/* A next hop that swallows everything: the switch says mirroring, and never more than that. */
static void
test_black_hole_is_not_delivered(void **state)
{
	struct holding holding;

	(void)state;
	rig_shell("ip route add blackhole 192.0.2.74/32");
	put(3, 60000);
	assert_true(rig_wait(&rig, 3, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_NO_ROUTE);
	rig_shell("ip route del blackhole 192.0.2.74/32");
	rig_shell("ip neigh replace 192.0.2.74 lladdr 02:00:00:00:00:01 dev swp5 nud permanent");
	put(4, 60000);
	assert_true(rig_wait(&rig, 4, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	tell("traffic", "finderscope:4 5 500");
	assert_true(rig_wait(&rig, 4, HOLD_MIRRORING, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.copied, 0);
	rig_shell("ip neigh del 192.0.2.74 dev swp5");
}

static void
test_changes_share_a_sync(void **state)
{
	(void)state;
	tell("mode", "late 800");
	uint64_t commits = rig.status.commits;
	put(100, 60000);
	assert_true(rig_wait(&rig, 100, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	for (unsigned i = 1; i <= 20; i++)
		put(100 + i, 60000);
	assert_true(rig_wait(&rig, 120, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	assert_int_equal(hardware(), 42);
	assert_int_equal(syncs(), 2);
	rig_send(&rig, (struct wire_msg){.type = WIRE_RELEASE, .release = {.on = false}});
	rig_listen(&rig, 300);
	assert_int_equal(rig.status.commits - commits, 2);
	assert_int_equal(rig.status.syncs, 2);
}

/* A removal goes from the kernel at once, in the midst of a sync, and from the hardware by the
 * next. */
static void
test_late_verdict(void **state)
{
	(void)state;
	tell("mode", "late 4000");
	put(5, 300);
	assert_true(rig_wait(&rig, 5, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	struct instant start = clk_now();
	assert_true(rig_wait(&rig, 5, HOLD_REMOVING, RIG_PATIENCE_MS, NULL));
	assert_true(rig_wait_rules(0, 3000));
	assert_true(clk_diff(clk_now(), start) < 3300 * CLK_MS);
	assert_int_equal(hardware(), 2);
	tell("mode", "late 1");
	assert_true(rig_wait(&rig, 5, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_int_equal(hardware(), 0);
}

static void
refused_with(const char *mode, const char *words)
{
	struct holding holding;
	char text[128];

	put(6, 60000);
	assert_true(rig_wait(&rig, 6, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	unsigned before = syncs();
	snprintf(text, sizeof text, "%s %s", mode, words);
	tell("mode", text);
	put(7, 60000);
	put(8, 60000);
	assert_true(rig_wait(&rig, 8, HOLD_REMOVING, RIG_PATIENCE_MS, NULL));
	if (strcmp(mode, "refuse") == 0)
		tell("mode", "good");
	assert_true(rig_wait(&rig, 8, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_HARDWARE);
	assert_string_equal(holding.text, words);
	/* What was there before stays; what was being added is nowhere. */
	assert_int_equal(rig_rules(), 2);
	assert_int_equal(hardware(), 2);
	assert_true(syncs() >= before + 2);
	tell("mode", "good");
	put(9, 60000);
	assert_true(rig_wait(&rig, 9, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	assert_int_equal(hardware(), 4);
}

static void
test_refused(void **state)
{
	(void)state;
	refused_with("refuse", "ERROR: hw sync failed (sync_acl hardware installation failed)");
}

static void
test_half_applied(void **state)
{
	(void)state;
	refused_with("half", "ERROR: half of it is in");
}

static void
test_stuck(void **state)
{
	struct holding holding;

	(void)state;
	put(10, 60000);
	assert_true(rig_wait(&rig, 10, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	tell("mode", "stick the ASIC says no");
	drop(10);
	assert_true(rig_wait(&rig, 10, HOLD_STUCK, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_STUCK);
	assert_string_equal(holding.text, "the ASIC says no");
	/* Not rolled back. */
	assert_int_equal(rig_rules(), 0);
	assert_int_equal(hardware(), 2);
	put(11, 60000);
	assert_true(rig_wait(&rig, 11, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_STUCK);
	assert_true(rig.status.stopped);
	assert_int_equal(rig.status.code, RESULT_STUCK);
	assert_int_equal(rig.status.stuck, 1);
	assert_string_equal(rig.status.text, "the ASIC says no");
	unsigned before = syncs();
	assert_false(rig_wait(&rig, 10, HOLD_ENDED, 2500, NULL));
	assert_true(syncs() > before);
	tell("mode", "good");
	assert_true(rig_wait(&rig, 10, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_OPERATOR);
	assert_int_equal(hardware(), 0);
	put(12, 60000);
	assert_true(rig_wait(&rig, 12, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	assert_false(rig.status.stopped);
}

static void
test_stuck_and_an_operator(void **state)
{
	(void)state;
	put(13, 60000);
	assert_true(rig_wait(&rig, 13, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	tell("mode", "stick no");
	drop(13);
	assert_true(rig_wait(&rig, 13, HOLD_STUCK, RIG_PATIENCE_MS, NULL));
	/* As finderscope-agent --go-on does. */
	assert_int_equal(rules_task(&rig.config, RULES_GO_ON, 0), 0);
	put(14, 60000);
	/* The hardware refuses any sync with a removal in it, and so this one as well; but it was
	 * tried. */
	assert_true(rig_wait(&rig, 14, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	tell("mode", "good");
	assert_true(rig_wait(&rig, 13, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_true(wait_hardware(rig_rules(), RIG_PATIENCE_MS));
}

static void
test_floor(void **state)
{
	(void)state;
	put(20, 60000);
	assert_true(rig_wait(&rig, 20, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	struct instant start = clk_now();
	put(21, 60000);
	assert_true(rig_wait(&rig, 21, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	assert_true(clk_diff(clk_now(), start) > 2000 * CLK_MS);
	/* A removal does not wait. */
	start = clk_now();
	drop(20);
	assert_true(rig_wait(&rig, 20, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_true(clk_diff(clk_now(), start) < 2500 * CLK_MS);
	assert_int_equal(hardware(), 2);
}

static void
test_no_answer(void **state)
{
	struct holding holding;

	(void)state;
	put(22, 60000);
	assert_true(rig_wait(&rig, 22, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	tell("mode", "silent");
	put(23, 60000);
	assert_true(rig_wait(&rig, 23, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	struct instant start = clk_now();
	drop(22);
	/* The kernel does not wait for a switchd that hangs. */
	assert_true(rig_wait_rules(2, 2000));
	assert_true(clk_diff(clk_now(), start) < 2300 * CLK_MS);
	assert_true(rig_wait(&rig, 23, HOLD_REMOVING, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_HARDWARE);
	assert_string_equal(holding.text, "no answer in 2500 ms");
	assert_true(rig_wait(&rig, 22, HOLD_STUCK, RIG_PATIENCE_MS, NULL));
	tell("mode", "good");
	assert_true(rig_wait(&rig, 22, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_true(wait_hardware(0, RIG_PATIENCE_MS));
}

static void
test_switchd_restarts(void **state)
{
	struct holding holding;

	(void)state;
	stop_switchd();
	put(24, 60000);
	assert_true(rig_wait(&rig, 24, HOLD_REMOVING, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_HARDWARE);
	assert_int_equal(rig_rules(), 0);
	/* Nobody knows what the hardware did. */
	assert_true(rig_wait(&rig, 24, HOLD_STUCK, RIG_PATIENCE_MS, &holding));
	assert_true(start_switchd());
	assert_true(rig_wait(&rig, 24, HOLD_FAILED, RIG_PATIENCE_MS, NULL));
	put(25, 60000);
	assert_true(rig_wait(&rig, 25, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	assert_int_equal(hardware(), 2);
}

static void
test_full(void **state)
{
	struct holding holding;

	(void)state;
	tell("mode", "entries 8");
	tell("mode", "others 5");
	put(26, 60000);
	/* 5 of 8 are taken, 6 may be: a fifth is the switch's. */
	assert_true(rig_wait(&rig, 26, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_LIMIT_ACL);
	tell("mode", "others 4");
	put(27, 60000);
	assert_true(rig_wait(&rig, 27, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	put(28, 60000);
	assert_true(rig_wait(&rig, 28, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_LIMIT_ACL);
}

/* ---- brakes, by the counters that the hardware gives ---- */

static int
setup_rule_brake(void **state)
{
	rig.config.rule_bps = 10000000;
	return setup(state);
}

static int
setup_switch_brake(void **state)
{
	rig.config.switch_bps = 1000000;
	return setup(state);
}

static int
teardown_brake(void **state)
{
	rig.config.rule_bps = rig.config.switch_bps = 0;
	return teardown(state);
}

static void
test_rule_brake(void **state)
{
	struct holding holding;

	(void)state;
	put(60, 60000);
	put(61, 60000);
	assert_true(rig_wait(&rig, 61, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	tell("traffic", "finderscope:61 10 1000");
	tell("traffic", "finderscope:60:1 1000 1000000000");
	assert_true(rig_wait(&rig, 60, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_BRAKE);
	assert_non_null(strstr(holding.text, "this switch allows 10000000"));
	assert_int_equal(hardware(), 2);
	assert_int_equal(rig_rules(), 2);
}

/* The busiest go, until the rest is within the limit. */
static void
test_switch_brake(void **state)
{
	struct holding holding;

	(void)state;
	put(62, 60000);
	put(63, 60000);
	assert_true(rig_wait(&rig, 63, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	tell("traffic", "finderscope:62 10 1000");
	tell("traffic", "finderscope:63 1000 1000000000");
	assert_true(rig_wait(&rig, 63, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_BRAKE);
	assert_non_null(strstr(holding.text, "all captures copied"));
	assert_int_equal(hardware(), 2);
	assert_false(rig_wait(&rig, 62, HOLD_ENDED, 300, NULL));
}

static void
test_limits_of_a_capture(void **state)
{
	struct order order = rig_order(64, "10.1.0.2", "198.51.100.9");
	struct holding holding;

	(void)state;
	order.max_packets = 10;
	rig_put(&rig, &order, 60000);
	order = rig_order(65, "10.1.0.2", "198.51.100.10");
	order.max_bytes = 5000;
	rig_put(&rig, &order, 60000);
	order = rig_order(66, "10.1.0.2", "198.51.100.11");
	order.max_bps = 1000;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 66, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	tell("traffic", "finderscope:64:0 5 50");
	tell("traffic", "finderscope:64:1 5 50");
	assert_true(rig_wait(&rig, 64, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_PACKETS);
	tell("traffic", "finderscope:65:0 5 6000");
	assert_true(rig_wait(&rig, 65, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_BYTES);
	tell("traffic", "finderscope:66:0 100 10000000");
	assert_true(rig_wait(&rig, 66, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_BRAKE);
	assert_int_equal(hardware(), 0);
}

/* ---- crashes ---- */

static void
test_main_dies(void **state)
{
	(void)state;
	put(30, 60000);
	assert_true(rig_wait(&rig, 30, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_end(&rig), 1);
	assert_int_equal(rig_rules(), 0);
	assert_int_equal(hardware(), 0);
	assert_false(marked());
}

static void
test_killed_and_started(void **state)
{
	(void)state;
	put(31, 60000);
	assert_true(rig_wait(&rig, 31, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	kill(rig.rules, SIGKILL);
	(void)rig_end(&rig);
	assert_int_equal(hardware(), 2);
	assert_true(rig_start(&rig));
	assert_true(wait_hardware(0, RIG_PATIENCE_MS));
	assert_int_equal(rig_rules(), 0);
}

/* Killed between the kernel and the hardware: only the marker knows. */
static void
test_killed_between(void **state)
{
	(void)state;
	put(32, 60000);
	assert_true(rig_wait(&rig, 32, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	kill(rig.rules, SIGKILL);
	(void)rig_end(&rig);
	rig_shell("iptables-legacy -w 5 -F FORWARD");
	assert_int_equal(hardware(), 2);
	assert_int_equal(rules_task(&rig.config, RULES_CLEAN, 5000), 0);
	assert_int_equal(hardware(), 0);
	assert_false(marked());
}

static void
test_killed_and_refused(void **state)
{
	struct holding holding;

	(void)state;
	put(33, 60000);
	assert_true(rig_wait(&rig, 33, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	kill(rig.rules, SIGKILL);
	(void)rig_end(&rig);
	tell("mode", "stick still there");
	assert_true(rules_task(&rig.config, RULES_CLEAN, 5000) < 0);
	assert_true(marked());
	/* The next life knows of it, takes nothing new and tries on. */
	assert_true(rig_start(&rig));
	for (int i = 0; i < 100 && !rig.status.stopped; i++)
		rig_listen(&rig, 100);
	assert_true(rig.status.stopped);
	put(34, 60000);
	assert_true(rig_wait(&rig, 34, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_STUCK);
	tell("mode", "good");
	assert_true(wait_hardware(0, RIG_PATIENCE_MS));
	for (int i = 0; i < 100 && rig.status.stopped; i++)
		rig_listen(&rig, 100);
	assert_false(rig.status.stopped);
}

/* ---- others ---- */

static void
test_put_back_into_hardware(void **state)
{
	struct holding holding;

	(void)state;
	put(40, 60000);
	assert_true(rig_wait(&rig, 40, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	rig_shell("iptables-legacy -w 5 -F FORWARD");
	assert_true(rig_wait(&rig, 40, HOLD_IN_KERNEL, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_RULES_LOST);
	assert_true(rig_wait(&rig, 40, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, &holding));
	assert_int_equal(hardware(), 2);
}

/* Somebody's roll-back brings rules back whose capture has ended. */
static void
test_rolled_back_by_others(void **state)
{
	(void)state;
	put(41, 60000);
	assert_true(rig_wait(&rig, 41, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	rig_shell("iptables-legacy-save -t filter >'%s/save'", rig.dir);
	drop(41);
	assert_true(rig_wait(&rig, 41, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_int_equal(hardware(), 0);
	/* And into the hardware as well, before anybody looks. */
	kill(rig.rules, SIGSTOP);
	rig_shell("iptables-legacy-restore -w 5 <'%s/save'; printf 1 "
		  "1<>'%s/switchd/ctrl/acl/stop_stats_sync'; printf 1 "
		  "1<>'%s/switchd/ctrl/acl/resync'",
	    rig.dir, cumulus, cumulus);
	assert_int_equal(hardware(), 2);
	tell("mode", "stick no");
	kill(rig.rules, SIGCONT);
	assert_true(rig_wait_rules(0, RIG_PATIENCE_MS));
	/* No capture accounts for them; they are not forgotten for that. */
	for (int i = 0; i < 100 && !rig.status.stopped; i++)
		rig_listen(&rig, 100);
	assert_int_equal(rig.status.code, RESULT_STUCK);
	tell("mode", "good");
	assert_true(wait_hardware(0, RIG_PATIENCE_MS));
}

static void
test_helper_is_bare(void **state)
{
	(void)state;
	put(42, 60000);
	assert_true(rig_wait(&rig, 42, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
	assert_int_equal(
	    rig_shell("p=$(pgrep -P %d) && grep -q 'CapEff:\t0000000000000000' /proc/$p/status && "
		      "grep -q 'NoNewPrivs:\t1' /proc/$p/status && grep -q 'Seccomp:\t2' "
		      "/proc/$p/status && test $(ls /proc/$p/fd | wc -l) -le 6",
		(int)rig.rules),
	    0);
	/* Without it the agent does not go on. */
	assert_int_equal(rig_shell("kill -9 $(pgrep -P %d)", (int)rig.rules), 0);
	assert_true(rig_wait_rules(0, RIG_PATIENCE_MS));
	assert_int_equal(rig_end(&rig), 1);
}

static int
setup_missing(void **state)
{
	(void)state;
	rig.config.backend = WIRE_BACKEND_RESYNC;
	rig.config.sync_wait_ms = 5000;
	return rig_start(&rig) ? 0 : -1;
}

static void
test_missing(void **state)
{
	struct holding holding;

	(void)state;
	assert_int_equal(rig.status.backend, WIRE_BACKEND_RESYNC);
	put(43, 60000);
	assert_true(rig_wait(&rig, 43, HOLD_REMOVING, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_HARDWARE);
	assert_int_equal(rig_rules(), 0);
	/* switchd comes up later. */
	assert_true(start_switchd());
	assert_true(rig_wait(&rig, 43, HOLD_FAILED, RIG_PATIENCE_MS, NULL));
	put(44, 60000);
	assert_true(rig_wait(&rig, 44, HOLD_IN_HARDWARE, RIG_PATIENCE_MS, NULL));
}

int
main(void)
{
	if (!rig_isolate(&rig) || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("1..0 # SKIP needs root, to make namespaces\n");
		return 0;
	}
	snprintf(cumulus, sizeof cumulus, "%s/cumulus", rig.dir);
	snprintf(rig.config.switchd_root, sizeof rig.config.switchd_root, "%s/switchd", cumulus);
	if (!start_switchd()) {
		printf("1..0 # SKIP needs FUSE (/dev/fuse)\n");
		rig_done(&rig);
		return 0;
	}
	stop_switchd();
#define TEST_IN(name, how) cmocka_unit_test_setup_teardown(name, how, teardown)
#define TEST(name) TEST_IN(name, setup)
	const struct CMUnitTest tests[] = {TEST(test_kernel_then_hardware),
	    TEST(test_mirroring_when_counters_move), TEST(test_black_hole_is_not_delivered),
	    TEST(test_changes_share_a_sync), TEST(test_late_verdict), TEST(test_refused),
	    TEST(test_half_applied), TEST(test_stuck), TEST(test_stuck_and_an_operator),
	    TEST_IN(test_floor, setup_floor), TEST_IN(test_no_answer, setup_short),
	    TEST(test_switchd_restarts), TEST(test_full),
	    cmocka_unit_test_setup_teardown(test_rule_brake, setup_rule_brake, teardown_brake),
	    cmocka_unit_test_setup_teardown(test_switch_brake, setup_switch_brake, teardown_brake),
	    TEST(test_limits_of_a_capture), TEST(test_main_dies), TEST(test_killed_and_started),
	    TEST(test_killed_between), TEST(test_killed_and_refused),
	    TEST(test_put_back_into_hardware), TEST(test_rolled_back_by_others),
	    TEST(test_helper_is_bare), TEST_IN(test_missing, setup_missing)};
	int failed = cmocka_run_group_tests_name("lab_backend", tests, NULL, NULL);
	rig_done(&rig);
	return failed;
}
