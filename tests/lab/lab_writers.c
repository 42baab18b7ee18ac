/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two writers of one table. The real iptables-legacy adds and deletes rules of its own as fast as
 * it can while the agent puts up and expires thousands: with the lock nothing of either is lost,
 * moved or counted anew. Without the lock that cannot be promised: there the agent sees it, names
 * the rule and stops.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "common/base/result.h"
#include "tests/support/rig.h"

#define STRESS_MS 8000
#define LEASE_MS 700
#define BATCH 40

static struct rig rig;

/* Shared with the sender of packets. */
struct board {
	atomic_uint sent;
	atomic_bool stop;
};
static struct board *board;

/*
 * The other writer: a shell that keeps a list of what should be there, in its order, and does to
 * the table what it does to the list. Ends when the file `stop` is there, leaving list and count.
 */
static const char writer[] =
    "list=() n=0; RANDOM=7\n"
    "until [ -e stop ]; do\n"
    "	case $((RANDOM % 4)) in\n"
    "	0|1) r=\"-s 203.0.$((n / 250)).$((n % 250 + 1))/32 -j ACCEPT\"; list+=(\"$r\")\n"
    "	   iptables-legacy $WAIT -A FORWARD $r || echo \"$r\" >>failed ;;\n"
    "	2) r=\"-s 198.18.$((n / 250)).$((n % 250 + 1))/32 -p tcp -m tcp --dport 80 -j DROP\"\n"
    "	   list=(\"$r\" \"${list[@]}\")\n"
    "	   iptables-legacy $WAIT -I FORWARD $r || echo \"$r\" >>failed ;;\n"
    "	3) [ ${#list[@]} -gt 0 ] || continue\n"
    "	   i=$((RANDOM % ${#list[@]})) r=${list[i]}\n"
    "	   list=(\"${list[@]:0:i}\" \"${list[@]:i+1}\")\n"
    "	   iptables-legacy $WAIT -D FORWARD $r || echo \"$r\" >>failed ;;\n"
    "	esac\n"
    "	n=$((n + 1))\n"
    "done 2>>errors\n"
    "for r in \"${list[@]}\"; do echo \"-A FORWARD $r\"; done >list\n"
    "echo $n >count\n";

static pid_t
start_writer(const char *lock, const char *wait_option)
{
	char script[160];
	FILE *f;

	rig_shell("cd '%s' && rm -f stop list count failed errors", rig.dir);
	snprintf(script, sizeof script, "%s/writer", rig.dir);
	f = fopen(script, "w");
	assert_non_null(f);
	fputs(writer, f);
	fclose(f);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("WAIT", wait_option, 1);
	if (lock)
		setenv("XTABLES_LOCKFILE", lock, 1);
	if (chdir(rig.dir) == 0)
		execlp("bash", "bash", script, (char *)NULL);
	_exit(127);
}

static void
stop_writer(pid_t pid)
{
	rig_shell("touch '%s/stop'", rig.dir);
	waitpid(pid, NULL, 0);
}

/* Packets that two foreign rules count, while the table is replaced again and again. */
static pid_t
start_sender(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "127.0.0.77", &to.sin_addr);
	while (!board->stop) {
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to) == 1)
			board->sent++;
		poll(NULL, 0, 1);
	}
	_exit(0);
}

static int
setup(void **state)
{
	(void)state;
	rig_shell("iptables-legacy -w 5 -F");
	return rig_start(&rig) ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	if (rig.fd >= 0)
		(void)rig_end(&rig);
	return 0;
}

static struct order
order_of(uint64_t capture)
{
	char b[32];

	snprintf(b, sizeof b, "198.51.%u.%u", (unsigned)(101 + capture / 250 % 100),
	    (unsigned)(1 + capture % 250));
	return rig_order(capture, "10.1.0.2", b);
}

static void
puts_and_expiries(uint64_t *capture, int ms)
{
	struct instant end = clk_add(clk_now(), ms * CLK_MS);

	while (clk_before(clk_now(), end)) {
		for (unsigned i = 0; i < BATCH; i++) {
			struct order order = order_of(++*capture);

			rig_put(&rig, &order, LEASE_MS);
		}
		rig_listen(&rig, 60);
	}
}

static void
test_with_the_lock(void **state)
{
	uint64_t capture = 1000;

	(void)state;
	rig_shell("iptables-legacy -A OUTPUT -d 127.0.0.77/32 -p udp -j ACCEPT; "
		  "iptables-legacy -A INPUT -d 127.0.0.77/32 -j ACCEPT");
	board->sent = 0;
	board->stop = false;
	pid_t other = start_writer(NULL, "-w"), sender = start_sender();
	puts_and_expiries(&capture, STRESS_MS);
	/* What is ours at the end: twenty captures, and nothing of the thousands before. */
	for (uint64_t i = 1; i <= 20; i++) {
		struct order order = order_of(i);

		rig_put(&rig, &order, 60000);
	}
	rig_listen(&rig, LEASE_MS);
	stop_writer(other);
	assert_true(rig_wait_rules(40, RIG_PATIENCE_MS));
	board->stop = true;
	waitpid(sender, NULL, 0);
	/* Any word that makes rules tell its state. */
	rig_send(&rig, (struct wire_msg){.type = WIRE_RELEASE, .release = {.on = false}});
	rig_listen(&rig, 300);

	print_message("# %u captures, %llu commits, ", (unsigned)(capture - 1000),
	    (unsigned long long)rig.status.commits);
	(void)rig_shell("cd '%s' && echo \"$(cat count) changes by iptables -w\"", rig.dir);
	assert_true(rig.status.commits > 20);
	/* Theirs: every command worked, each rule is there, in its place among theirs. */
	assert_int_equal(
	    rig_shell("cd '%s' && test ! -s failed || { cat failed errors; false; }", rig.dir), 0);
	assert_int_equal(
	    rig_shell("cd '%s' && iptables-legacy -w 5 -S FORWARD | grep -v -e '^-P' -e "
		      "finderscope: | diff list - ",
		rig.dir),
	    0);
	/* Ours: both rules of each capture, once. */
	for (unsigned i = 1; i <= 20; i++)
		for (unsigned k = 0; k < 2; k++)
			assert_int_equal(
			    rig_shell("test $(iptables-legacy -w 5 -S FORWARD | grep -c -- "
				      "'--comment \"finderscope:%u:%u\"') = 1",
				i, k),
			    0);
	/* Not one packet was forgotten, in tables replaced thousands of times. */
	assert_true(board->sent > 100);
	assert_int_equal(
	    rig_shell("iptables-legacy -w 5 -vS OUTPUT | grep -q -- '-c %u '", board->sent), 0);
	assert_int_equal(
	    rig_shell("iptables-legacy -w 5 -vS INPUT | grep -q -- '-c %u '", board->sent), 0);
	assert_false(rig.status.stopped);
	assert_int_equal(rig.status.foreign_lost, 0);
}

static void
test_without_the_lock(void **state)
{
	uint64_t capture = 1000000;
	char lock[96];
	struct holding holding;

	(void)state;
	struct order stays = order_of(7);
	rig_put(&rig, &stays, 60000);
	assert_true(rig_wait(&rig, 7, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	/* It takes a lock, but another one. */
	snprintf(lock, sizeof lock, "%s/other.lock", rig.dir);
	pid_t other = start_writer(lock, "-w");
	struct instant end = clk_add(clk_now(), 30 * CLK_S);
	while (!rig.status.stopped && clk_before(clk_now(), end))
		puts_and_expiries(&capture, 100);
	stop_writer(other);
	print_message(
	    "# seen after %u captures: %s\n", (unsigned)(capture - 1000000), rig.status.text);
	assert_true(rig.status.stopped);
	assert_true(rig.status.foreign_lost >= 1);
	/* By name: chain and rule. */
	assert_non_null(strstr(rig.status.text, "FORWARD "));
	assert_non_null(strstr(rig.status.text, "-s "));
	/* Nothing new; what is there stays; what is to go goes. */
	struct order order = order_of(8);
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 8, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_FOREIGN_WRITER);
	rig_send(&rig, (struct wire_msg){.type = WIRE_DROP, .drop = {.capture = 7}});
	assert_true(rig_wait(&rig, 7, HOLD_ENDED, RIG_PATIENCE_MS, NULL));
	assert_true(rig_wait_rules(0, RIG_PATIENCE_MS));
	/* Until an operator says go on. */
	rig_send(&rig, (struct wire_msg){.type = WIRE_UNSTICK});
	order = order_of(9);
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 9, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
}

int
main(void)
{
	if (!rig_isolate(&rig)) {
		printf("1..0 # SKIP needs root, to make a network namespace\n");
		return 0;
	}
	board =
	    mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(test_with_the_lock), TEST(test_without_the_lock)};
	int failed = cmocka_run_group_tests_name("lab_writers", tests, NULL, NULL);
	rig_done(&rig);
	return failed;
}
