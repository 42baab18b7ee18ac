/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clk.h"

int
rig_shell(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	int status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *
rig_agent(void)
{
	static char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);

	if (n <= 0)
		return "finderscope-agent";
	path[n] = '\0';
	/* BUILD/tests/lab_x, BUILD/bench/bench_x */
	char *dir = dirname(dirname(path));
	memmove(path, dir, strlen(dir) + 1);
	strcat(path, "/finderscope-agent");
	return path;
}

bool
rig_isolate(struct rig *rig)
{
	char lock[96];

	memset(rig, 0, sizeof *rig);
	rig->fd = -1;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return false;
	snprintf(rig->dir, sizeof rig->dir, "/tmp/finderscope-rig.XXXXXX");
	if (!mkdtemp(rig->dir))
		return false;
	chmod(rig->dir, 0755);
	snprintf(lock, sizeof lock, "%s/xtables.lock", rig->dir);
	setenv("XTABLES_LOCKFILE", lock, 1);
	if (rig_shell(
		"ip link set lo up; for p in 1 2 5; do ip link add swp$p type veth peer name "
		"peer$p && ip link set swp$p up && ip link set peer$p up; done; ip addr add "
		"10.1.0.1/24 dev swp1; "
		"ip addr add 198.51.100.1/24 dev swp2; ip addr add 192.0.2.65/26 dev swp5") != 0)
		return false;
	struct wire_config *c = &rig->config;
	snprintf(c->table, sizeof c->table, "filter");
	snprintf(c->chain, sizeof c->chain, "FORWARD");
	snprintf(c->iface, sizeof c->iface, "swp+");
	c->nflog_group = 6343;
	c->max_rules = 4096;
	c->len4 = 24;
	c->len6 = 64;
	c->tick_ms = 100;
	c->lock_ms = 1000;
	c->sync_wait_ms = 5000;
	c->fights = 3;
	snprintf(c->run_dir, sizeof c->run_dir, "%s", rig->dir);
	snprintf(c->state_dir, sizeof c->state_dir, "%s", rig->dir);
	snprintf(c->switchd_root, sizeof c->switchd_root, "%s/switchd", rig->dir);
	snprintf(c->policy_dir, sizeof c->policy_dir, "%s/policy.d", rig->dir);
	snprintf(c->acltool, sizeof c->acltool, "%s/cl-acltool", rig->dir);
	return true;
}

void
rig_done(struct rig *rig)
{
	if (rig->dir[0])
		(void)rig_shell("rm -rf '%s'", rig->dir);
}

static pid_t
start_role(const char *role, int main_fd, int peer_fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	main_fd = main_fd < 0 ? -1 : fcntl(main_fd, F_DUPFD_CLOEXEC, 10);
	peer_fd = fcntl(peer_fd, F_DUPFD_CLOEXEC, 10);
	if (main_fd >= 0)
		dup2(main_fd, WIRE_FD_MAIN);
	dup2(peer_fd, WIRE_FD_PEER);
	execl(rig_agent(), "finderscope-agent", "--role", role, "--uid", "65534", "--gid", "65534",
	    "--log-level", getenv("RIG_LOG") ? getenv("RIG_LOG") : "3", (char *)NULL);
	_exit(127);
}

void
rig_send(struct rig *rig, struct wire_msg msg)
{
	for (int i = 0; i < 1000 && wire_send(rig->fd, &msg, NULL, 0) == -EAGAIN; i++)
		rig_listen(rig, 2);
}

/* One message, waiting at most `ms`. 0 or a negative errno. */
static int
next(struct rig *rig, int ms, struct wire_msg *msg)
{
	struct pollfd p = {.fd = rig->fd, .events = POLLIN};

	if (poll(&p, 1, ms) <= 0)
		return -EAGAIN;
	int r = wire_receive(rig->fd, WIRE_FROM_RULES, msg, NULL, 0, NULL);
	if (r == 0 && msg->type == WIRE_STATUS)
		rig->status = msg->status;
	return r;
}

bool
rig_start(struct rig *rig)
{
	struct wire_msg msg = {.type = WIRE_CONFIG, .config = rig->config};
	int main_pair[2], peer_pair[2], size = 8 << 20;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, main_pair) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, peer_pair) < 0)
		return false;
	for (int i = 0; i < 2; i++) {
		setsockopt(main_pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
		setsockopt(peer_pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	}
	rig->rules = start_role("rules", main_pair[1], peer_pair[0]);
	rig->mirror = start_role("mirror", -1, peer_pair[1]);
	close(main_pair[1]);
	close(peer_pair[0]);
	close(peer_pair[1]);
	rig->fd = main_pair[0];
	rig_send(rig, msg);
	for (int i = 0; i < 100; i++)
		if (next(rig, 100, &msg) == 0 && msg.type == WIRE_STATUS)
			return true;
	return false;
}

int
rig_end(struct rig *rig)
{
	int status = 0;

	close(rig->fd);
	rig->fd = -1;
	waitpid(rig->rules, &status, 0);
	waitpid(rig->mirror, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct order
rig_order(uint64_t capture, const char *a, const char *b)
{
	struct order order = {.capture = capture,
	    .analyser = {.session = (uint16_t)(capture % 1000 + 1), .erspan_type = 2}};

	prefix_parse(a, &order.filter.a, NULL);
	prefix_parse(b, &order.filter.b, NULL);
	addr_parse("192.0.2.74", &order.analyser.addr);
	return order;
}

void
rig_put(struct rig *rig, const struct order *order, uint32_t lease_ms)
{
	rig_send(rig,
	    (struct wire_msg){.type = WIRE_PUT, .put = {.order = *order, .lease_ms = lease_ms}});
}

bool
rig_wait(struct rig *rig, uint64_t capture, enum hold hold, int ms, struct holding *ret)
{
	struct instant until = clk_add(clk_now(), ms * CLK_MS);

	for (;;) {
		struct wire_msg msg;
		int64_t left = clk_diff(until, clk_now()) / CLK_MS;
		if (left <= 0)
			return false;
		int r = next(rig, (int)left, &msg);
		if (r == -EPIPE)
			return false;
		if (r == 0 && msg.type == WIRE_HOLDING && msg.holding.capture == capture &&
		    msg.holding.hold == hold) {
			if (ret)
				*ret = msg.holding;
			return true;
		}
	}
}

void
rig_listen(struct rig *rig, int ms)
{
	struct instant until = clk_add(clk_now(), ms * CLK_MS);
	struct wire_msg msg;
	int64_t left;

	while ((left = clk_diff(until, clk_now()) / CLK_MS) > 0)
		if (next(rig, (int)left, &msg) == -EPIPE)
			return;
}

int
rig_rules(void)
{
	FILE *f = popen("iptables-legacy -w 5 -S 2>/dev/null | grep -c finderscope:", "re");
	int n = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &n) != 1)
		n = -1;
	pclose(f);
	return n;
}

bool
rig_wait_rules(int n, int ms)
{
	struct instant until = clk_add(clk_now(), ms * CLK_MS);

	while (rig_rules() != n) {
		if (!clk_before(clk_now(), until))
			return false;
		poll(NULL, 0, 20);
	}
	return true;
}
