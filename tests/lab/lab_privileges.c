/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each process of the agent may do, read from /proc of every thread, and what a main in wrong
 * hands can get out of rules: well-formed rules within the limits, and nothing else.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "common/base/keys.h"
#include "common/base/result.h"
#include "tests/support/edits.h"
#include "tests/support/rig.h"

static struct rig rig;

/* ---- the whole agent, under the bounding set of its unit */

static void
write_file(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", rig.dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static pid_t
start_agent(void)
{
	struct keys_pair own, other;
	char key[KEYS_TEXT_MAX], text[1024], path[128];

	assert_int_equal(keys_init(), 0);
	keys_generate(&own);
	keys_generate(&other);
	write_file("agent.key", keys_format(own.secret_key, key));
	snprintf(text, sizeof text,
	    "controller = \"tcp://192.0.2.10:6344\"\ncontroller_key = {\"%s\"}\n"
	    "key = \"%s/agent.key\"\nuser = \"nobody\"\nrun_dir = \"%s/run\"\n"
	    "state_dir = \"%s/state\"\n",
	    keys_format(other.public_key, key), rig.dir, rig.dir, rig.dir);
	write_file("agent.conf", text);
	snprintf(path, sizeof path, "%s/agent.conf", rig.dir);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* As the unit has it. */
	static const uint64_t unit = 1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW |
				     1ULL << CAP_SETUID | 1ULL << CAP_SETGID | 1ULL << CAP_SETPCAP;
	for (int cap = 0; cap < 64; cap++)
		if (!(unit >> cap & 1))
			(void)prctl(PR_CAPBSET_DROP, cap);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	execl(rig_agent(), "finderscope-agent", "-c", path, (char *)NULL);
	_exit(127);
}

/* The child of `parent` that has this role; 0: not there (yet). */
static pid_t
role(pid_t parent, const char *name)
{
	char command[128];
	int pid = 0;

	snprintf(command, sizeof command, "pgrep -P %d -f -- '--role %s'", (int)parent, name);
	FILE *f = popen(command, "re");
	assert_non_null(f);
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	pclose(f);
	return pid;
}

/* What a thread's status says behind `name`, its white space one blank each. */
static void
status_of(const char *path, const char *name, char *ret, size_t size)
{
	char line[512];
	size_t len = strlen(name);
	FILE *f = fopen(path, "re");

	ret[0] = '\0';
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		char *value = line + len + 1;
		value += strspn(value, " \t");
		value[strcspn(value, "\n")] = '\0';
		while (*value && value[strlen(value) - 1] == ' ')
			value[strlen(value) - 1] = '\0';
		for (char *c = value; *c; c++)
			if (*c == '\t')
				*c = ' ';
		snprintf(ret, size, "%s", value);
	}
	fclose(f);
}

/* Every thread; returns how many there are. */
static unsigned
check_threads(pid_t pid, const char *caps, const char *ids)
{
	const struct {
		const char *name, *value;
	} lines[] = {{"CapInh", "0000000000000000"}, {"CapPrm", caps}, {"CapEff", caps},
	    {"CapBnd", caps}, {"CapAmb", "0000000000000000"}, {"NoNewPrivs", "1"}, {"Seccomp", "2"},
	    {"Uid", ids}, {"Gid", ids}, {"Groups", ""}};
	char path[300], is[256];
	unsigned n = 0;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *d; (d = readdir(dir)) != NULL;) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, d->d_name);
		for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
			status_of(path, lines[i].name, is, sizeof is);
			if (strcmp(is, lines[i].value) != 0)
				fail_msg("%s of thread %s: \"%s\", not \"%s\"", lines[i].name,
				    d->d_name, is, lines[i].value);
		}
		n++;
	}
	closedir(dir);
	return n;
}

/* Nothing of what only root should hold is open in there. */
static void
check_open(pid_t pid, const char *must_not)
{
	char path[300], target[256];

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *d; (d = readdir(dir)) != NULL;) {
		snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)pid, d->d_name);
		ssize_t n = readlink(path, target, sizeof target - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strstr(target, must_not))
			fail_msg("%d holds %s", (int)pid, target);
	}
	closedir(dir);
}

static void
every_thread(void **state)
{
	pid_t main_pid = start_agent(), rules = 0, mirror = 0;
	struct instant end = clk_add(clk_now(), 20 * CLK_S);
	struct stat st;
	char path[128], nobody[64], seccomp[16] = "";

	(void)state;
	/* nanomsg's threads show that the channel is open: the last thing that main does. */
	snprintf(path, sizeof path, "/proc/%d/status", (int)main_pid);
	char threads[16] = "";
	while (atoi(threads) < 2 && clk_before(clk_now(), end)) {
		poll(NULL, 0, 20);
		status_of(path, "Threads", threads, sizeof threads);
	}
	assert_true(atoi(threads) >= 2);
	rules = role(main_pid, "rules");
	mirror = role(main_pid, "mirror");
	assert_true(rules > 0 && mirror > 0);
	snprintf(path, sizeof path, "/proc/%d/status", (int)mirror);
	while (strcmp(seccomp, "2") != 0 && clk_before(clk_now(), end)) {
		poll(NULL, 0, 20);
		status_of(path, "Seccomp", seccomp, sizeof seccomp);
	}
	snprintf(nobody, sizeof nobody, "65534 65534 65534 65534");
	assert_true(check_threads(main_pid, "0000000000000000", nobody) >= 2);
	check_threads(mirror, "0000000000000000", nobody);
	check_threads(rules, "0000000000003000", "0 0 0 0");
	check_open(main_pid, "xtables.lock");
	check_open(mirror, "xtables.lock");
	/* The lock is root's alone, as it is on a switch. */
	assert_int_equal(stat(getenv("XTABLES_LOCKFILE"), &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* Secrets stay where they were read: neither helper has main's memory or key file. */
	check_open(rules, "agent.key");
	check_open(mirror, "agent.key");
	kill(main_pid, SIGTERM);
	int status = 0;
	assert_int_equal(waitpid(main_pid, &status, 0), main_pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- a main in wrong hands */

/* All rules of all tables that are not ours, in their order. */
#define FOREIGN "iptables-legacy-save | grep -v -e '^#' -e '^:' -e finderscope:"

static int
setup(void **state)
{
	(void)state;
	rig_shell("iptables-legacy -w 5 -t nat -F; iptables-legacy -w 5 -F; iptables-legacy -w 5 "
		  "-A FORWARD -s 203.0.113.0/24 -j "
		  "DROP; iptables-legacy -w 5 -t nat -A POSTROUTING -s 203.0.113.7/32 -j ACCEPT");
	rig_shell(FOREIGN " >'%s/foreign'", rig.dir);
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

/* Bytes as they are; what is said meanwhile is taken, or both sides would wait. */
static void
say(const void *bytes, size_t size)
{
	for (int i = 0; i < 2000; i++) {
		if (send(rig.fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return;
		rig_listen(&rig, 5);
	}
	fail_msg("rules does not take messages any more");
}

/* All that is in the kernel: foreign rules as they were, ours of the one shape there is. */
static void
check_kernel(unsigned most)
{
	assert_int_equal(rig_shell(FOREIGN " | diff '%s/foreign' - >&2", rig.dir), 0);
	assert_int_equal(
	    rig_shell("iptables-legacy-save | grep finderscope: | grep -vE '^-A FORWARD (-s "
		      "[0-9./]+ )?(-d [0-9./]+ )?-i [A-Za-z0-9._@+-]+ (-p [a-z0-9]+ )?(-m "
		      "(tcp|udp|sctp|dccp|udplite) (--sports? [0-9]+ ?)?(--dports? [0-9]+ ?)?)?-m "
		      "comment --comment \"finderscope:[0-9]+:[0-3]\" -j NFLOG --nflog-prefix "
		      "\"?finderscope:[0-9]+:[0-3]\"? --nflog-group 6343$' >&2"),
	    1);
	int n = rig_rules();
	assert_true(n >= 0 && (unsigned)n <= most);
	/* Never this switch, the analyser or the controller; never wider than allowed. */
	assert_int_equal(
	    rig_shell("iptables-legacy-save | grep finderscope: | grep -E '(10\\.1\\.0\\.1|192\\.0"
		      "\\.2\\.(74|10|65)|198\\.51\\.100\\.1)/32' >&2"),
	    1);
	assert_int_equal(kill(rig.rules, 0), 0);
}

static unsigned
open_files_now(pid_t pid)
{
	char path[64];
	unsigned n = 0;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Looks and commits have a socket for a moment, a few times a second: the least of some readings
 * is what stays open. */
static unsigned
open_files(pid_t pid)
{
	unsigned least = open_files_now(pid);

	for (unsigned i = 0; i < 25; i++) {
		poll(NULL, 0, 10);
		unsigned n = open_files_now(pid);
		if (n < least)
			least = n;
	}
	return least;
}

static struct wire_msg
some_put(unsigned *seed, unsigned i)
{
	static const char *const a[] = {"10.1.0.2", "10.1.0.1", "0.0.0.0/0", "10.0.0.0/8",
	    "192.0.2.0/24", "2001:db8::1", "10.1.0.0/25"};
	char b[32];

	snprintf(b, sizeof b, "198.51.%u.%u", 101 + i / 250 % 100, 1 + i % 250);
	struct wire_msg msg = {.type = WIRE_PUT,
	    .put = {
		.order = rig_order(i + 1, a[(unsigned)rand_r(seed) % 7], b), .lease_ms = 60000}};
	msg.put.order.filter.has_proto = rand_r(seed) % 2;
	msg.put.order.filter.proto = msg.put.order.filter.has_proto ? 6 : 0;
	if (msg.put.order.filter.has_proto)
		msg.put.order.filter.port = (uint16_t)rand_r(seed);
	if (msg.put.order.filter.a.addr.family == 6)
		prefix_parse("2001:db8:1::2", &msg.put.order.filter.b, NULL);
	return msg;
}

static void
anything_at_all(void **state)
{
	uint8_t bytes[WIRE_MAX + 64];
	unsigned seed = 4, files;
	struct order order = rig_order(999999, "10.1.0.2", "198.51.100.9");

	(void)state;
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 999999, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	files = open_files(rig.rules);
	for (unsigned i = 0; i < 6000; i++) {
		struct wire_msg msg = some_put(&seed, i);
		uint8_t edits[30];
		size_t n = wire_encode(&msg, bytes), k = (unsigned)rand_r(&seed) % 4 * 3;

		for (size_t e = 0; e < k; e++)
			edits[e] =
			    (uint8_t)(e % 3 == 0 ? rand_r(&seed) % 3 / 2 * 255 : rand_r(&seed));
		n = edits_apply(edits, k, bytes, n);
		if (i % 5 == 0)
			for (size_t e = 0; e < n; e++)
				bytes[e] = (uint8_t)rand_r(&seed);
		say(bytes, n ? n : 1);
		if (i % 50 == 0)
			rig_listen(&rig, 1);
	}
	say(bytes, sizeof bytes);
	rig_listen(&rig, 1000);
	print_message("# %d rules came of it\n", rig_rules());
	check_kernel(rig.config.max_rules);
	assert_int_equal(open_files(rig.rules), files);
}

static void
messages_of_others(void **state)
{
	struct wire_msg msg = {.type = WIRE_CONFIG, .config = rig.config};
	struct order order = rig_order(5, "10.1.0.2", "198.51.100.9");
	unsigned files = open_files(rig.rules);

	(void)state;
	/* A second configuration: another table, no limits, nobody protected. */
	snprintf(msg.config.table, sizeof msg.config.table, "nat");
	snprintf(msg.config.chain, sizeof msg.config.chain, "POSTROUTING");
	msg.config.protects = 0;
	msg.config.len4 = 0;
	rig_send(&rig, msg);
	/* What rules and mirror say. */
	msg = (struct wire_msg){.type = WIRE_STATUS};
	rig_send(&rig, msg);
	msg = (struct wire_msg){.type = WIRE_COUNTS, .counts = {.capture = 5}};
	rig_send(&rig, msg);
	msg = (struct wire_msg){
	    .type = WIRE_SESSION, .session = {.capture = 5, .analyser = order.analyser}};
	rig_send(&rig, msg);
	/* Descriptors it did not ask for are closed, with a good message and with a bad one. */
	for (unsigned i = 0; i < 50; i++) {
		int fds[3] = {0, 1, 2};

		msg = (struct wire_msg){.type = i % 2 ? WIRE_LIST : WIRE_SOCKETS};
		while (wire_send(rig.fd, &msg, fds, 3) == -EAGAIN)
			rig_listen(&rig, 2);
	}
	rig_put(&rig, &order, 60000);
	assert_true(rig_wait(&rig, 5, HOLD_IN_KERNEL, RIG_PATIENCE_MS, NULL));
	check_kernel(2);
	assert_int_equal(open_files(rig.rules), files);
	order = rig_order(6, "10.1.0.2", "192.0.2.10");
	rig_put(&rig, &order, 60000);
	struct holding holding;
	assert_true(rig_wait(&rig, 6, HOLD_FAILED, RIG_PATIENCE_MS, &holding));
	assert_int_equal(holding.code, RESULT_NEVER_CAPTURE);
}

/* As many as there are: slots are the end, and memory does not grow with what is refused. */
static void
a_flood(void **state)
{
	char path[64], rss[64];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char b[32];

		snprintf(b, sizeof b, "198.%u.%u.%u", 100 + i / 62500, i / 250 % 250, 1 + i % 250);
		struct order order = rig_order(i + 1, "10.1.0.2", b);
		rig_put(&rig, &order, 60000);
		if (i % 200 == 0)
			rig_listen(&rig, 1);
	}
	rig_listen(&rig, 1500);
	check_kernel(rig.config.max_rules);
	assert_int_equal(rig_rules(), rig.config.max_rules);
	snprintf(path, sizeof path, "/proc/%d/status", (int)rig.rules);
	status_of(path, "VmRSS", rss, sizeof rss);
	print_message(
	    "# rules with %u rules and 20,000 orders heard: %s\n", rig.config.max_rules, rss);
#ifndef __SANITIZE_ADDRESS__
	assert_true(atoi(rss) < 32768);
#endif
	/* A silent main: everything goes. */
	assert_int_equal(rig_end(&rig), 1);
	assert_int_equal(rig_rules(), 0);
}

int
main(void)
{
	if (!rig_isolate(&rig)) {
		printf("1..0 # SKIP needs root, to make a network namespace\n");
		return 0;
	}
	addr_parse("192.0.2.10", &rig.config.protect[rig.config.protects++]);
	rig.config.max_rules = 512;
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_thread), TEST(anything_at_all),
	    TEST(messages_of_others), TEST(a_flood)};
	int failed = cmocka_run_group_tests_name("lab_privileges", tests, NULL, NULL);
	rig_done(&rig);
	return failed;
}
