/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole agent, its three processes and the real channel: from the controller's send to the rule
 * in the kernel, and to the report of it; memory; wake-ups while nothing happens; packets a second
 * that are copied without a loss. Prints "name value unit" lines. Needs root.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/rules/iptable.h"
#include "controller/agents/agents.h"
#include "tests/support/rig.h"

#define ROUNDS 300
#define IDLE_S 14
#define STEP_MS 1500
#define BURST 32
#define WAKES 5

static struct rig rig;
static struct agents *agents;
static struct {
	bool hello;
	struct holding last; /* as reported */
} heard;

static pid_t agent;

static void
need(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_agent: %s\n", what);
	if (agent > 0)
		kill(agent, SIGTERM);
	exit(1);
}

/* ---- the agent and its controller */

static void
on_hello(void *user, size_t id, const struct agent_hello *hello, bool again)
{
	(void)user, (void)id, (void)hello, (void)again;
	heard.hello = true;
}

static void
on_report(void *user, size_t id, const struct agent_poll *poll_)
{
	(void)user, (void)id;
	for (unsigned i = 0; i < poll_->holding_count; i++)
		if (poll_->holdings[i].capture >= heard.last.capture)
			heard.last = poll_->holdings[i];
}

static void
write_file(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", rig.dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	close(fd);
}

static pid_t
start_agent(void)
{
	static const struct agents_events events = {.hello = on_hello, .report = on_report};
	struct agents_switch leaf = {.name = "leaf1"};
	struct agents_conf conf = {
	    .url = "tcp://127.0.0.1:6344", .switches = &leaf, .switch_count = 1};
	struct keys_pair own;
	char key[KEYS_TEXT_MAX], text[1024], error[200] = "", path[128];

	need(keys_init() == 0, "no random numbers");
	keys_generate(&own);
	keys_generate(&conf.keys);
	memcpy(leaf.key, own.public_key, KEYS_SIZE);
	need(agents_new(&conf, &events, NULL, &agents, error, sizeof error) == 0, error);
	write_file("agent.key", keys_format(own.secret_key, key));
	snprintf(text, sizeof text,
	    "controller = \"tcp://127.0.0.1:6344\"\ncontroller_key = {\"%s\"}\n"
	    "key = \"%s/agent.key\"\nuser = \"nobody\"\nrun_dir = \"%s/run\"\n"
	    "state_dir = \"%s/state\"\nmax_rules = 4096\nmax_rate = 0\nmax_rate_rule = 0\n",
	    keys_format(conf.keys.public_key, key), rig.dir, rig.dir, rig.dir);
	write_file("agent.conf", text);
	snprintf(path, sizeof path, "%s/agent.conf", rig.dir);
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (!getenv("BENCH_LOG"))
		dup2(null, 2);
	execl(rig_agent(), "finderscope-agent", "-c", path, (char *)NULL);
	_exit(127);
}

/* The channel's turn, waiting `ms` at most. */
static void
turn(int ms)
{
	struct pollfd p = {.fd = agents_fd(agents), .events = POLLIN};

	poll(&p, 1, ms);
	agents_dispatch(agents, clk_now());
}

static bool
in_kernel(uint64_t capture)
{
	struct iptable_reading *reading;
	size_t n;
	bool found = false;

	need(iptable_read(4, "filter", NULL, 0, true, &reading) == 0, "the table cannot be read");
	const struct iptable_row *rows = iptable_ours(reading, &n);
	for (size_t i = 0; i < n; i++)
		found |= rows[i].have.capture == capture;
	iptable_free(&reading);
	return found;
}

static void
want(uint64_t first, unsigned n)
{
	static struct order orders[1024];

	for (unsigned i = 0; i < n; i++) {
		char b[32];

		snprintf(b, sizeof b, "198.51.%u.%u", 101 + i / 250, i % 250 + 1);
		orders[i] = rig_order(first + i, "10.1.0.2", n == 1 ? "198.51.100.9" : b);
	}
	need(agents_want(agents, 0, orders, n, 60000, clk_now()) >= 0, "nothing can be wanted");
}

/* The same, looking again after 50 microseconds: who spins takes the processor from those that are
 * measured. */
static void
glance(void)
{
	struct pollfd p = {.fd = agents_fd(agents), .events = POLLIN};
	struct timespec pause = {.tv_nsec = 50000};

	ppoll(&p, 1, &pause, NULL);
	agents_dispatch(agents, clk_now());
}

/* ---- what the machine itself takes */

/*
 * From the controller's send to the rule, five wake each other: the controller's network thread,
 * the agent's, main, rules, and who sees the rule. So many processes that do nothing but that, in
 * the same rounds: under load most of the time is spent waiting for a processor.
 */
struct chain {
	int in, out; /* of the whole */
	pid_t pids[WAKES];
};

static void
chain_start(struct chain *chain)
{
	int last = -1, fds[2];
	char byte;

	for (unsigned i = 0; i <= WAKES; i++) {
		need(pipe(fds) == 0, "no pipe");
		if (i == 0)
			chain->in = fds[1];
		else if ((chain->pids[i - 1] = fork()) == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (read(last, &byte, 1) == 1 && write(fds[1], &byte, 1) == 1)
				;
			_exit(0);
		}
		last = fds[0];
	}
	chain->out = last;
}

static double
chain_once(const struct chain *chain)
{
	struct instant begin = clk_now();
	char byte = 'x';

	need(write(chain->in, &byte, 1) == 1 && read(chain->out, &byte, 1) == 1, "a chain broke");
	return (double)clk_diff(clk_now(), begin) / 1e6;
}

static void
chain_stop(struct chain *chain)
{
	for (unsigned i = 0; i < WAKES; i++) {
		kill(chain->pids[i], SIGKILL);
		waitpid(chain->pids[i], NULL, 0);
	}
}

/* ---- from send to kernel */

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
latency(void)
{
	static double kernel[ROUNDS], reported[ROUNDS], gone[ROUNDS], bare[ROUNDS];
	struct chain chain = {.in = -1};

	prctl(PR_SET_TIMERSLACK, 1000);
	chain_start(&chain);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t capture = 1000 + i;
		struct instant begin = clk_now(), end = clk_add(begin, 10 * CLK_S);

		heard.last.capture = capture;
		heard.last.hold = (enum hold)0;
		want(capture, 1);
		kernel[i] = reported[i] = 0;
		while (kernel[i] == 0 || reported[i] == 0) {
			glance();
			double now = (double)clk_diff(clk_now(), begin) / 1e6;
			if (kernel[i] == 0 && in_kernel(capture))
				kernel[i] = now;
			if (reported[i] == 0 && heard.last.hold >= HOLD_IN_KERNEL)
				reported[i] = now;
			need(clk_before(clk_now(), end), "no rule came in 10 s");
		}
		begin = clk_now();
		want(capture, 0);
		while (in_kernel(capture)) {
			glance();
			need(clk_before(clk_now(), end), "a rule stayed for 10 s");
		}
		gone[i] = (double)clk_diff(clk_now(), begin) / 1e6;
		/* The agent says so, and its next poll lies open. */
		struct instant quiet = clk_add(clk_now(), 12 * CLK_MS);
		while (clk_before(clk_now(), quiet))
			turn(1);
		bare[i] = chain_once(&chain);
	}
	chain_stop(&chain);
	if (getenv("BENCH_LOG"))
		for (unsigned i = 0; i < ROUNDS; i++)
			if (kernel[i] > 2)
				printf("# round %u: %.3f ms, reported after %.3f ms\n", i,
				    kernel[i], reported[i]);
	qsort(kernel, ROUNDS, sizeof *kernel, by_size);
	qsort(reported, ROUNDS, sizeof *reported, by_size);
	qsort(gone, ROUNDS, sizeof *gone, by_size);
	qsort(bare, ROUNDS, sizeof *bare, by_size);
	printf("agent_bare_wakeups_median %.3f ms\n", bare[ROUNDS / 2]);
	printf("agent_bare_wakeups_p99 %.3f ms\n", bare[ROUNDS * 99 / 100]);
	printf("agent_send_to_kernel_median %.3f ms\n", kernel[ROUNDS / 2]);
	printf("agent_send_to_kernel_p99 %.3f ms\n", kernel[ROUNDS * 99 / 100]);
	printf("agent_send_to_report_median %.3f ms\n", reported[ROUNDS / 2]);
	printf("agent_send_to_report_p99 %.3f ms\n", reported[ROUNDS * 99 / 100]);
	printf("agent_drop_to_gone_median %.3f ms\n", gone[ROUNDS / 2]);
	fflush(stdout);
}

/* ---- what it weighs */

static pid_t
role(pid_t parent, const char *name)
{
	char command[128];
	int pid = 0;

	snprintf(command, sizeof command, "pgrep -P %d -f -- '--role %s'", (int)parent, name);
	FILE *f = popen(command, "re");
	need(f && fscanf(f, "%d", &pid) == 1, "a process is not there");
	pclose(f);
	return pid;
}

/* The number behind `name:` in a file of /proc. */
static unsigned long
number_of(const char *path, const char *name)
{
	char line[256];
	unsigned long value = 0;
	size_t len = strlen(name);
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			value = strtoul(line + len + 1, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static void
weight(const char *when, const pid_t pids[3])
{
	static const char *const names[] = {"main", "rules", "mirror"};
	unsigned long rss = 0, pss = 0;

	for (unsigned i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pids[i]);
		printf("agent_%s_rss_%s %lu KiB\n", names[i], when, number_of(path, "Rss"));
		rss += number_of(path, "Rss");
		pss += number_of(path, "Pss");
	}
	printf("agent_rss_together_%s %.2f MiB\n", when, (double)rss / 1024);
	printf("agent_pss_together_%s %.2f MiB\n", when, (double)pss / 1024);
	fflush(stdout);
}

static unsigned long
switches(pid_t pid)
{
	char path[300];
	unsigned long sum = 0;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	for (struct dirent *d; dir && (d = readdir(dir)) != NULL;) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, d->d_name);
		sum += number_of(path, "voluntary_ctxt_switches");
	}
	if (dir)
		closedir(dir);
	return sum;
}

/* With a controller that has nothing to say: a heartbeat each 7 s is all there should be. */
static void
idle(const pid_t pids[3])
{
	static const char *const names[] = {"main", "rules", "mirror"};
	unsigned long before[3];
	struct instant end;

	for (end = clk_add(clk_now(), CLK_S); clk_before(clk_now(), end);)
		turn(50);
	for (unsigned i = 0; i < 3; i++)
		before[i] = switches(pids[i]);
	for (end = clk_add(clk_now(), IDLE_S * CLK_S); clk_before(clk_now(), end);)
		turn(100);
	for (unsigned i = 0; i < 3; i++)
		printf("agent_%s_idle_wakeups %.1f a_minute\n", names[i],
		    (double)(switches(pids[i]) - before[i]) * 60 / IDLE_S);
	fflush(stdout);
}

/* ---- copies */

/* Shared with the processes that send and drain. */
struct board {
	atomic_uint pace; /* packets a second; 0: pause */
	atomic_ulong sent;
};
static struct board *board;

/* A process in a network namespace of its own, behind the switch's port `port`. */
static pid_t
host(unsigned port, const char *address, const char *gateway, void (*life)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	need(pipe(ready) == 0, "no pipe");
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		need(unshare(CLONE_NEWNET) == 0, "no namespace");
		need(write(ready[1], "x", 1) == 1, "no pipe");
		while (rig_shell("ip link show peer%u >/dev/null 2>&1", port) != 0)
			poll(NULL, 0, 10);
		rig_shell("ip link set lo up; ip link set peer%u up; ip addr add %s dev peer%u; "
			  "ip route add default via %s",
		    port, address, port, gateway);
		life();
		_exit(0);
	}
	need(read(ready[0], &byte, 1) == 1, "no namespace");
	close(ready[0]);
	close(ready[1]);
	need(rig_shell("ip link set peer%u netns %d", port, (int)pid) == 0, "no link");
	return pid;
}

/* Drains a raw socket, or just is there. */
static void
sink(void)
{
	static char buf[2048];
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_GRE), size = 8 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	while (recv(fd, buf, sizeof buf, 0) >= 0)
		;
}

static void
source(void)
{
	static char payload[72]; /* 100 bytes with IP and UDP */
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct iovec iov = {.iov_base = payload, .iov_len = sizeof payload};
	struct mmsghdr batch[BURST];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct instant next = clk_now();

	inet_pton(AF_INET, "198.51.100.9", &to.sin_addr);
	memset(batch, 0, sizeof batch);
	for (unsigned i = 0; i < BURST; i++) {
		batch[i].msg_hdr = (struct msghdr){
		    .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1};
	}
	for (;;) {
		unsigned pace = board->pace;

		if (pace == 0) {
			poll(NULL, 0, 1);
			next = clk_now();
			continue;
		}
		if (clk_before(clk_now(), next))
			continue;
		int n = sendmmsg(fd, batch, BURST, 0);
		board->sent += n > 0 ? (unsigned long)n : 0;
		next = clk_add(next, BURST * CLK_S / pace);
	}
}

/* What one step lost: packets that the rule counted and mirror did not send. */
static long
step(unsigned pace, double *ret_pps)
{
	uint64_t packets = heard.last.packets, copied = heard.last.copied;
	unsigned long sent = board->sent;
	struct instant begin = clk_now(), end = clk_add(begin, STEP_MS * CLK_MS);

	board->pace = pace;
	while (clk_before(clk_now(), end))
		turn(20);
	board->pace = 0;
	double s = (double)clk_diff(clk_now(), begin) / 1e9;
	sent = board->sent - sent;
	/* Until the counters that are reported lie still. */
	uint64_t last = 0;
	for (int still = 0; still < 4; still = heard.last.copied == last ? still + 1 : 0) {
		last = heard.last.copied;
		for (end = clk_add(clk_now(), 700 * CLK_MS); clk_before(clk_now(), end);)
			turn(50);
	}
	*ret_pps = (double)sent / s;
	return (long)(heard.last.packets - packets) - (long)(heard.last.copied - copied);
}

static void
copies(void)
{
	double best = 0, pps, forwarded = 0;
	long lost = 0;

	board =
	    mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	rig_shell("sysctl -qw net.ipv4.ip_forward=1");
	pid_t hosts[3] = {host(1, "10.1.0.2/24", "10.1.0.1", source),
	    host(2, "198.51.100.9/24", "198.51.100.1", sink),
	    host(5, "192.0.2.74/26", "192.0.2.65", sink)};
	heard.last = (struct holding){.capture = 5000};
	want(5000, 1);
	struct instant end = clk_add(clk_now(), 10 * CLK_S);
	while (heard.last.hold < HOLD_IN_KERNEL && clk_before(clk_now(), end))
		turn(20);
	need(heard.last.hold >= HOLD_IN_KERNEL, "no rule to copy by");
	(void)step(1000, &pps); /* neighbours are found */
	for (unsigned pace = 20000; pace <= 160000 && lost == 0; pace += 20000) {
		lost = step(pace, &pps);
		forwarded = pps;
		printf("# %u packets/s wanted, %.0f sent, %ld not copied\n", pace, pps, lost);
		if (lost == 0 && pps > best)
			best = pps;
		/* The machine gives no more. */
		if (pps < 0.9 * pace)
			break;
	}
	printf("agent_nflog_copies_without_loss %.0f packets/s\n", best);
	if (lost)
		printf("agent_nflog_first_rate_with_loss %.0f packets/s\n", forwarded);
	for (unsigned i = 0; i < 3; i++) {
		kill(hosts[i], SIGKILL);
		waitpid(hosts[i], NULL, 0);
	}
	fflush(stdout);
}

int
main(void)
{
	if (!rig_isolate(&rig)) {
		printf("# bench_agent needs root, to make a network namespace\n");
		return 0;
	}
	/* The way to the analyser is alive, for a dead one parks captures. */
	need(rig_shell("ip neigh replace 192.0.2.74 dev swp5 nud permanent lladdr $(ip -o link "
		       "show peer5 | sed 's/.*ether \\([^ ]*\\).*/\\1/')") == 0,
	    "no neighbour");
	agent = start_agent();
	struct instant end = clk_add(clk_now(), 20 * CLK_S);
	while (!heard.hello && clk_before(clk_now(), end))
		turn(50);
	need(heard.hello, "the agent did not come");
	pid_t pids[3] = {agent, role(agent, "rules"), role(agent, "mirror")};
	weight("idle", pids);
	idle(pids);
	latency();
	copies();
	heard.last = (struct holding){.capture = 7000};
	want(7000, 500);
	for (end = clk_add(clk_now(), 2 * CLK_S); clk_before(clk_now(), end);)
		turn(50);
	weight("with_1000_rules", pids);
	agents_free(&agents);
	kill(agent, SIGTERM);
	waitpid(agent, NULL, 0);
	rig_done(&rig);
	return 0;
}
