/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real rules process, through its socketpair, in a network namespace; iptables-legacy says what
 * is in the kernel.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/rules/rules.h"
#include "common/base/clk.h"
#include "common/base/result.h"
#include "tests/support/rig.h"

static struct rig rig;

static int
setup(void **state)
{
	(void)state;
	return rig_start(&rig) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	if (rig.fd >= 0)
		(void)rig_end(&rig);
	(void)rig_shell("iptables-legacy -w 5 -F; rm -f '%s/released'", rig.dir);
	return 0;
}

/* True when iptables lists exactly this line. */
static bool
listed(const char *line)
{
	return rig_shell("iptables-legacy -w 5 -S | grep -qxF -- '%s'", line) == 0;
}

static void
test_put_and_drop(void **state)
{
	struct order order = rig_order(17, "10.1.0.2", "198.51.100.9");
	struct holding holding;

	(void)state;
	rig_shell("iptables-legacy -w 5 -A FORWARD -s 203.0.113.0/24 -j DROP");
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 17, HOLD_IN_KERNEL, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.rules, 2);
	assert_true(listed("-A FORWARD -s 203.0.113.0/24 -j DROP"));
	assert_true(listed("-A FORWARD -s 10.1.0.2/32 -d 198.51.100.9/32 -i swp+ -m comment "
			   "--comment \"finderscope:17:0\" -j NFLOG --nflog-prefix "
			   "\"finderscope:17:0\" --nflog-group 6343"));
	assert_true(listed("-A FORWARD -s 198.51.100.9/32 -d 10.1.0.2/32 -i swp+ -m comment "
			   "--comment \"finderscope:17:1\" -j NFLOG --nflog-prefix "
			   "\"finderscope:17:1\" --nflog-group 6343"));
	rig_send(&rig, (struct wire_msg){.type = WIRE_DROP,
			   .drop = {.capture = 17, .code = RESULT_END_OPERATOR}});
	assert_true(rig_wait(&rig, 17, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_OPERATOR);
	assert_int_equal(rig_rules(), 0);
	assert_true(listed("-A FORWARD -s 203.0.113.0/24 -j DROP"));
}

static void
test_ports(void **state)
{
	struct order order = rig_order(18, "10.1.0.2", "198.51.100.9");

	(void)state;
	order.filter.has_proto = true;
	order.filter.proto = 6;
	order.filter.port = 443;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 18, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_rules(), 4);
	assert_true(listed("-A FORWARD -s 10.1.0.2/32 -d 198.51.100.9/32 -i swp+ -p tcp -m tcp "
			   "--dport 443 -m comment --comment \"finderscope:18:0\" -j NFLOG "
			   "--nflog-prefix \"finderscope:18:0\" --nflog-group 6343") ||
		    listed("-A FORWARD -s 10.1.0.2/32 -d 198.51.100.9/32 -i swp+ -p tcp -m tcp "
			   "--sport 443 -m comment --comment \"finderscope:18:0\" -j NFLOG "
			   "--nflog-prefix \"finderscope:18:0\" --nflog-group 6343"));
}

static void
test_ipv6(void **state)
{
	struct order order = rig_order(19, "2001:db8:1::2", "2001:db8:2::9");

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 19, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_shell("test $(ip6tables-legacy -w 5 -S FORWARD | grep -c "
				   "'finderscope:19') = 2"),
	    0);
	rig_send(&rig, (struct wire_msg){.type = WIRE_DROP, .drop = {.capture = 19}});
	assert_true(rig_wait(&rig, 19, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_shell("ip6tables-legacy -w 5 -S FORWARD | grep -q finderscope"), 1);
}

static void
test_lease_and_renewal(void **state)
{
	struct order order = rig_order(20, "10.1.0.2", "198.51.100.9");
	struct holding holding;
	struct instant start = clk_now();

	(void)state;
	rig_put(&rig, &order, 1000);
	assert_true(rig_wait(&rig, 20, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	for (int i = 0; i < 6; i++) {
		rig_listen(&rig, 250);
		rig_send(&rig, (struct wire_msg){.type = WIRE_RENEW, .renew = {.lease_ms = 1000}});
	}
	struct instant renewed = clk_now();
	assert_int_equal(rig_rules(), 2);
	assert_true(rig_wait(&rig, 20, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_LEASE);
	assert_int_equal(rig_rules(), 0);
	/* Not with the first lease, and within two seconds of the last. */
	assert_true(clk_diff(clk_now(), start) >= 2400 * CLK_MS);
	assert_true(clk_diff(clk_now(), renewed) <= 3000 * CLK_MS);
}

static void
test_own_end(void **state)
{
	struct order order = rig_order(21, "10.1.0.2", "198.51.100.9");
	struct holding holding;

	(void)state;
	order.remaining_ms = 200;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 21, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_DURATION);
	assert_int_equal(rig_rules(), 0);
}

/* Main's death: its end of the socket closes. */
static void
test_main_dies(void **state)
{
	struct order order = rig_order(22, "10.1.0.2", "198.51.100.9");

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 22, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_end(&rig), 1);
	assert_int_equal(rig_rules(), 0);
}

static void
test_mirror_dies(void **state)
{
	struct order order = rig_order(23, "10.1.0.2", "198.51.100.9");

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 23, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	kill(rig.mirror, SIGKILL);
	assert_true(rig_wait_rules(0, RIG_PATIENCE_MS));
	assert_int_equal(rig_end(&rig), 1);
}

static void
test_rules_dies(void **state)
{
	struct order order = rig_order(24, "10.1.0.2", "198.51.100.9");

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 24, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	kill(rig.rules, SIGKILL);
	assert_int_equal(rig_end(&rig), -1);
	assert_int_equal(rig_rules(), 2);
	assert_true(rig_start(&rig));
	assert_int_equal(rig_rules(), 0);
}

static void
test_stop(void **state)
{
	struct order order = rig_order(25, "10.1.0.2", "198.51.100.9");
	struct holding holding;

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 25, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	rig_send(&rig, (struct wire_msg){.type = WIRE_STOP});
	assert_true(rig_wait(&rig, 25, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_SHUTDOWN);
	assert_int_equal(rig_end(&rig), 0);
	assert_int_equal(rig_rules(), 0);
}

static void
test_sigterm(void **state)
{
	struct order order = rig_order(26, "10.1.0.2", "198.51.100.9");

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 26, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	kill(rig.rules, SIGTERM);
	assert_true(rig_wait(&rig, 26, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_end(&rig), 0);
	assert_int_equal(rig_rules(), 0);
}

static void
test_put_back(void **state)
{
	struct order order = rig_order(27, "10.1.0.2", "198.51.100.9");
	struct holding holding;

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 27, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	for (unsigned i = 0; i < 3; i++) {
		rig_shell("iptables-legacy -w 5 -F FORWARD");
		assert_true(rig_wait(&rig, 27, HOLD_IN_KERNEL, RIG_PATIENCE_MS, &holding));
		assert_int_equal(holding.code, RESULT_RULES_LOST);
		assert_int_equal(rig_rules(), 2);
	}
	rig_shell("iptables-legacy -w 5 -F FORWARD");
	assert_true(rig_wait(&rig, 27, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_RULES_LOST);
	assert_int_equal(rig_rules(), 0);
}

static void
test_release(void **state)
{
	struct order order = rig_order(28, "10.1.0.2", "198.51.100.9");
	struct holding holding;

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 28, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	rig_send(&rig, (struct wire_msg){.type = WIRE_RELEASE, .release = {.on = true}});
	assert_true(rig_wait(&rig, 28, HOLD_ENDED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_END_RELEASED);
	/* It holds through a restart. */
	(void)rig_end(&rig);
	assert_true(rig_start(&rig));
	assert_true(rig.status.released);
	order.capture = 29;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 29, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_RELEASED);
	rig_send(&rig, (struct wire_msg){.type = WIRE_RELEASE, .release = {.on = false}});
	order.capture = 30;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 30, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
}

static void
test_refusals(void **state)
{
	static const struct {
		const char *a, *b;
		int code;
	} cases[] = {{"10.1.0.2", "192.0.2.74", RESULT_NEVER_CAPTURE},
	    {"10.1.0.1", "198.51.100.9", RESULT_NEVER_CAPTURE},
	    {"192.0.2.10", "198.51.100.9", RESULT_NEVER_CAPTURE},
	    {"10.0.0.0/8", "198.51.0.0/16", RESULT_LIMIT_WIDTH}};
	struct holding holding;

	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct order order = rig_order(100 + i, cases[i].a, cases[i].b);
		rig_put(&rig, &order, 60000);
		assert_true(rig_wait(&rig, 100 + i, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
		assert_int_equal(holding.code, cases[i].code);
	}
	struct order order = rig_order(110, "10.1.0.2", "198.51.100.9");
	addr_parse("203.0.113.200", &order.analyser.addr);
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 110, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_NO_ROUTE);
	assert_int_equal(rig_rules(), 0);
}

/* Somebody holds the lock: new captures fail in time, a removal waits for as long as it takes. */
static void
test_lock_held(void **state)
{
	struct order order = rig_order(31, "10.1.0.2", "198.51.100.9");
	struct holding holding;
	char text[64];

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 31, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	int fd = open(getenv("XTABLES_LOCKFILE"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	order.capture = 32;
	rig_put(&rig, &order, 60000);
	rig_send(&rig, (struct wire_msg){.type = WIRE_DROP, .drop = {.capture = 31}});
	assert_true(rig_wait(&rig, 32, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_LOCK);
	/* And that is said, with who it is. */
	snprintf(text, sizeof text, "process %d holds the table lock", (int)getpid());
	for (int i = 0; i < 300 && rig.status.code != RESULT_LOCK; i++)
		rig_listen(&rig, 100);
	assert_int_equal(rig.status.code, RESULT_LOCK);
	assert_non_null(strstr(rig.status.text, text));
	assert_non_null(strstr(rig.status.text, "1 captures cannot be taken out"));
	close(fd);
	assert_true(rig_wait(&rig, 31, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_rules(), 0);
	for (int i = 0; i < 300 && rig.status.code != 0; i++)
		rig_listen(&rig, 100);
	assert_int_equal(rig.status.code, 0);
	assert_string_equal(rig.status.text, "");
}

/* A second agent in the same place: it ends, and what the first one holds is not touched. */
static void
test_started_twice(void **state)
{
	struct order order = rig_order(35, "10.1.0.2", "198.51.100.9");
	struct rig second = rig;

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 35, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	assert_false(rig_start(&second));
	assert_int_equal(rig_end(&second), 1);
	/* As the second one's unit does when it ended. */
	assert_int_equal(rules_task(&rig.config, RULES_CLEAN, 100), -EBUSY);
	assert_int_equal(rig_rules(), 2);
	rig_listen(&rig, 300);
	assert_int_equal(rig.status.fights, 0);
}

/*
 * Rules of others that keep something of their own in the kernel's memory, change while they stand,
 * look like ours or stand in chains of their own: what this kernel has of them is as it was after
 * tables were replaced dozens of times, and none was taken for changed.
 */
static void
test_odd_rules_of_others(void **state)
{
	static const char *const rules[] = {"-N ODD", "-N a-very-long-chain-name-28-c", "-N EMPTY",
	    "-A FORWARD -j ODD", "-A FORWARD -g ODD", "-P FORWARD DROP",
	    "-A ODD -m limit --limit 5/min -j ACCEPT",
	    ("-A ODD -m hashlimit --hashlimit-above 10/sec --hashlimit-name odd "
	     "--hashlimit-mode srcip -j DROP"),
	    "-A ODD -m quota --quota 100000 -j ACCEPT",
	    "-A ODD -m recent --name odd --update --seconds 60 -j DROP",
	    "-A ODD -m statistic --mode nth --every 3 --packet 0 -j ACCEPT",
	    "-A ODD -m connlimit --connlimit-above 10 -j REJECT",
	    "-A ODD -m conntrack --ctstate ESTABLISHED -j ACCEPT",
	    "-A ODD -m string --string abc --algo bm -j LOG --log-prefix abc",
	    "-A ODD -m u32 --u32 '0>>22&0x3C@0>>24=0:5' -j ACCEPT",
	    "-A ODD -m bpf --bytecode '1,6 0 0 1' -j ACCEPT",
	    "-A ODD -m rateest --rateest odd --rateest-gt --rateest-bps 10kbit -j ACCEPT",
	    "-A ODD -j NFLOG --nflog-group 5 --nflog-prefix finderscope:17:0",
	    "-A FORWARD -m comment --comment finderscope:0:0 -j ODD",
	    "-A FORWARD -m comment --comment finderscope:017:0 -j ODD",
	    "-A FORWARD -m comment --comment 'finderscope:17:0 ' -j ODD", "-A ODD -j RETURN"};
	struct order order = rig_order(17, "10.1.0.2", "198.51.100.9");
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		n += rig_shell("iptables-legacy -w 5 %s 2>/dev/null", rules[i]) == 0;
	print_message("# %u of %zu kinds\n", n, sizeof rules / sizeof *rules);
	assert_int_equal(rig_shell("cd '%s' && iptables-legacy -w 5 -S >odd", rig.dir), 0);
	for (unsigned i = 0; i < 20; i++) {
		order.capture++;
		rig_put(&rig, &order, 60000);
		assert_true(rig_wait(&rig, order.capture, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
		rig_send(
		    &rig, (struct wire_msg){.type = WIRE_DROP, .drop = {.capture = order.capture}});
		assert_true(rig_wait(&rig, order.capture, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	}
	assert_int_equal(rig_shell("cd '%s' && iptables-legacy -w 5 -S | diff odd -", rig.dir), 0);
	rig_listen(&rig, 200);
	assert_false(rig.status.stopped);
	assert_int_equal(rig.status.foreign_lost, 0);
	rig_shell("iptables-legacy -w 5 -P FORWARD ACCEPT; iptables-legacy -w 5 -F; "
		  "iptables-legacy -w 5 -X");
}

/* However many addresses there are, none of them is captured. */
static void
test_many_addresses(void **state)
{
	struct order order = rig_order(36, "10.9.7.250", "198.51.100.9");
	struct holding holding;

	(void)state;
	assert_int_equal(
	    rig_shell("for a in $(seq 0 7); do for b in $(seq 1 250); do echo addr add "
		      "10.9.$a.$b/32 dev lo; done; done | ip -batch -"),
	    0);
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 36, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_NEVER_CAPTURE);
	rig_shell("ip addr flush dev lo; ip addr add 127.0.0.1/8 dev lo");
}

/* The lock's file was removed; who came then holds the lock of another. */
static void
test_lock_of_another_file(void **state)
{
	struct order order = rig_order(33, "10.1.0.2", "198.51.100.9");
	struct holding holding;

	(void)state;
	unlink(getenv("XTABLES_LOCKFILE"));
	int fd = open(getenv("XTABLES_LOCKFILE"), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 33, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_LOCK);
	close(fd);
	order.capture = 34;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 34, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
}

/* Somebody writes over a rule of ours and leaves its comment; somebody adds it a second time. */
static void
test_rewritten(void **state)
{
	struct order order = rig_order(35, "10.1.0.2", "198.51.100.9");
	struct holding holding;

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 35, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	rig_shell("iptables-legacy -w 5 -R FORWARD 2 -s 198.51.100.9/32 -d 10.1.0.2/32 -i swp+ -m "
		  "comment --comment finderscope:35:1 -j NFLOG --nflog-prefix finderscope:35:1 "
		  "--nflog-group 7");
	assert_true(rig_wait(&rig, 35, HOLD_IN_KERNEL, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_RULES_LOST);
	assert_non_null(strstr(holding.text, "put back; they were gone for "));
	assert_int_equal(rig_rules(), 2);
	assert_int_equal(
	    rig_shell("! iptables-legacy -w 5 -S FORWARD | grep -q 'nflog-group 7'"), 0);
	rig_shell("iptables-legacy -w 5 -A FORWARD -s 198.51.100.9/32 -d 10.1.0.2/32 -i swp+ -m "
		  "comment --comment finderscope:35:1 -j NFLOG --nflog-prefix finderscope:35:1 "
		  "--nflog-group 6343");
	assert_true(rig_wait_rules(2, RIG_PATIENCE_MS));
}

/* With nothing held nobody wakes up. */
static void
test_sleeps(void **state)
{
	(void)state;
	char command[256];

	rig_listen(&rig, 200);
	snprintf(command, sizeof command,
	    "grep ctxt /proc/%d/status /proc/%d/status >'%s/before'; sleep 0.8; grep ctxt "
	    "/proc/%d/status /proc/%d/status | cmp - '%s/before'",
	    (int)rig.rules, (int)rig.mirror, rig.dir, (int)rig.rules, (int)rig.mirror, rig.dir);
	assert_int_equal(rig_shell("%s", command), 0);
}

static int
setup_untagged(void **state)
{
	rig.config.comments = WIRE_COMMENTS_NO;
	return setup(state);
}

static int
teardown_untagged(void **state)
{
	rig.config.comments = WIRE_COMMENTS_AUTO;
	return teardown(state);
}

/* Where comments are not accepted, rules are ours by what stands in the state file. */
static void
test_without_comments(void **state)
{
	struct order order = rig_order(36, "10.1.0.2", "198.51.100.9");

	(void)state;
	assert_false(rig.status.comments);
	rig_shell("iptables-legacy -w 5 -A FORWARD -s 10.1.0.2/32 -i swp+ -j NFLOG");
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 36, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	assert_true(listed("-A FORWARD -s 10.1.0.2/32 -d 198.51.100.9/32 -i swp+ -j NFLOG "
			   "--nflog-prefix \"finderscope:36:0\" --nflog-group 6343"));
	assert_int_equal(
	    rig_shell("grep -c '^rule 4 36 ' '%s'/agent.state | grep -qx 2", rig.dir), 0);
	/* Taken out by others, it is put back. */
	rig_shell("iptables-legacy -w 5 -D FORWARD 2");
	assert_true(rig_wait(&rig, 36, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_rules(), 2);
	kill(rig.rules, SIGKILL);
	(void)rig_end(&rig);
	assert_int_equal(rig_rules(), 2);
	assert_true(rig_start(&rig));
	assert_int_equal(rig_rules(), 0);
	assert_true(listed("-A FORWARD -s 10.1.0.2/32 -i swp+ -j NFLOG"));
	order.capture = 37;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 37, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	rig_send(&rig, (struct wire_msg){.type = WIRE_DROP, .drop = {.capture = 37}});
	assert_true(rig_wait(&rig, 37, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_rules(), 0);
	assert_int_equal(rig_shell("! grep -q '^rule' '%s'/agent.state", rig.dir), 0);
}

/* The analyser of one capture is in no other's filter, whichever came first. */
static void
test_analysers_of_others(void **state)
{
	struct order order = rig_order(38, "10.1.0.2", "198.51.100.9");
	struct holding holding;

	(void)state;
	addr_parse("192.0.2.80", &order.analyser.addr);
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 38, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	order = rig_order(39, "192.0.2.80", "198.51.100.10");
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 39, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_NEVER_CAPTURE);
	/* Nor by changing the analyser afterwards. */
	order = rig_order(38, "10.1.0.2", "198.51.100.9");
	addr_parse("198.51.100.9", &order.analyser.addr);
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 38, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_NEVER_CAPTURE);
	assert_int_equal(rig_rules(), 0);
}

static void
test_many_in_one_commit(void **state)
{
	(void)state;
	uint64_t before = rig.status.commits;
	for (unsigned i = 0; i < 200; i++) {
		char b[32];
		snprintf(b, sizeof b, "198.51.%u.%u", 101 + i / 100, 1 + i % 100);
		struct order order = rig_order(1000 + i, "10.1.0.2", b);
		rig_put(&rig, &order, 60000);
	}
	assert_true(rig_wait(&rig, 1199, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_rules(), 400);
	(void)before;
	rig_send(&rig, (struct wire_msg){.type = WIRE_STOP});
	assert_true(rig_wait(&rig, 1199, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_int_equal(rig_rules(), 0);
}

static int
thread_caps(pid_t pid, const char *caps)
{
	return rig_shell("for t in /proc/%d/task/*; do grep -q 'CapEff:\t%s$' $t/status && "
			 "grep -q 'NoNewPrivs:\t1' $t/status && grep -q 'Seccomp:\t2' $t/status || "
			 "{ cat $t/status >&2; exit 1; }; done",
	    (int)pid, caps);
}

static void
test_privileges(void **state)
{
	(void)state;
	/* CAP_NET_ADMIN is 12, CAP_NET_RAW 13. */
	assert_int_equal(thread_caps(rig.rules, "0000000000003000"), 0);
	assert_int_equal(thread_caps(rig.mirror, "0000000000000000"), 0);
	assert_int_equal(rig_shell("grep -q '^Uid:\t65534\t65534\t65534\t65534' /proc/%d/status",
			     (int)rig.mirror),
	    0);
	assert_int_equal(
	    rig_shell("grep -q '^CapBnd:\t0000000000000000' /proc/%d/status", (int)rig.mirror), 0);
}

int
main(void)
{
	if (!rig_isolate(&rig)) {
		printf("1..0 # SKIP needs root, to make a network namespace\n");
		return 0;
	}
	addr_parse("192.0.2.10", &rig.config.protect[rig.config.protects++]);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_put_and_drop), TEST(test_ports),
	    TEST(test_ipv6), TEST(test_lease_and_renewal), TEST(test_own_end), TEST(test_main_dies),
	    TEST(test_mirror_dies), TEST(test_rules_dies), TEST(test_stop), TEST(test_sigterm),
	    TEST(test_put_back), TEST(test_release), TEST(test_refusals), TEST(test_lock_held),
	    TEST(test_started_twice), TEST(test_many_addresses), TEST(test_odd_rules_of_others),
	    TEST(test_lock_of_another_file), TEST(test_rewritten), TEST(test_sleeps),
	    cmocka_unit_test_setup_teardown(
		test_without_comments, setup_untagged, teardown_untagged),
	    TEST(test_analysers_of_others), TEST(test_many_in_one_commit), TEST(test_privileges)};
	int failed = cmocka_run_group_tests_name("lab_rules", tests, NULL, NULL);
	rig_done(&rig);
	return failed;
}
