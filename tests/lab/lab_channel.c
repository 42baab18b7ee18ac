/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control channel under abuse: a thousand agents (real links, several processes) reach a
 * controller through a proxy that cuts, delays, repeats and replays whole messages, while the
 * controller is killed and started anew. Every agent must end at the last set wanted of it, hold no
 * half of a set, and never go back to an older one.
 */
#include <errno.h>
#include <nanomsg/nn.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/main/link.h"
#include "controller/agents/agents.h"
#include "tests/support/proxy.h"

#ifdef __SANITIZE_ADDRESS__
enum { AGENTS = 200, PROCESSES = 2 };
#else
enum { AGENTS = 1000, PROCESSES = 4 };
#endif
/* PATIENCE_MS: only a failure waits so long. */
enum { PER = AGENTS / PROCESSES, PATIENCE_MS = 120000 };

/* What all processes of the test see. */
struct board {
	atomic_uint version;         /* what every agent should hold */
	atomic_uint applied[AGENTS]; /* the version an agent holds */
	atomic_uint halves, backwards, sessions, silent;
	struct agents_drops drops; /* of the controller that runs */
	atomic_ulong acked, repeats, conflicts;
	struct keys_pair controller;
	struct keys_pair keys[AGENTS];
	uint16_t port, proxy_port;
	struct proxy_counters proxy;
};

static struct board *board;
static pid_t controller, proxy, agents[PROCESSES];
/* How long all agents' first hellos took: the measure of this machine for what comes after. */
static long first_ms;

/* The set of version v for agent i: i % 7 + 1 captures, whose ids say both. */
static size_t
make_set(unsigned v, unsigned i, struct order *orders)
{
	size_t n = i % 7 + 1;

	for (size_t k = 0; k < n; k++) {
		struct order *order = &orders[k];

		memset(order, 0, sizeof *order);
		order->capture = ((uint64_t)v << 32) | i << 8 | k;
		prefix_parse("10.0.0.1", &order->filter.a, NULL);
		prefix_parse("198.51.100.1", &order->filter.b, NULL);
		addr_parse("192.0.2.1", &order->analyser.addr);
		order->analyser.erspan_type = 2;
		order->analyser.session = 1;
	}
	return n;
}

/* ---- the controller's process */

struct controller_state {
	struct agents *agents;
	unsigned version;
};

static void
want(struct controller_state *state, size_t id)
{
	struct order orders[8];
	size_t n = make_set(state->version, (unsigned)id, orders);

	agents_want(state->agents, id, orders, n, 60000, clk_now());
}

static void
on_hello(void *user, size_t id, const struct agent_hello *hello, bool again)
{
	(void)hello, (void)again;
	atomic_fetch_add(&board->sessions, 1);
	want(user, id);
}

static void
on_acked(void *user, size_t id, uint64_t generation, int code, const char *text)
{
	(void)user, (void)id, (void)generation, (void)code, (void)text;
	atomic_fetch_add(&board->acked, 1);
}

static void
on_conflict(void *user, size_t id)
{
	(void)user, (void)id;
	atomic_fetch_add(&board->conflicts, 1);
}

static void
run_controller(void)
{
	static const struct agents_events events = {
	    .hello = on_hello, .acked = on_acked, .conflict = on_conflict};
	static struct agents_switch switches[AGENTS];
	struct controller_state state = {.version = board->version};
	struct agents_conf conf = {.keys = board->controller,
	    .switches = switches,
	    .switch_count = AGENTS,
	    .hold_ns = CLK_S,
	    .orders_a_page = 3}; /* several pages for most */
	char error[200];
	int r = -1;

	snprintf(conf.url, sizeof conf.url, "tcp://127.0.0.1:%u", board->port);
	for (unsigned i = 0; i < AGENTS; i++) {
		snprintf(switches[i].name, sizeof switches[i].name, "agent%u", i);
		memcpy(switches[i].key, board->keys[i].public_key, KEYS_SIZE);
	}
	for (int tries = 0; tries < 100 && r < 0; tries++) {
		r = agents_new(&conf, &events, &state, &state.agents, error, sizeof error);
		if (r < 0)
			poll(NULL, 0, 20);
	}
	if (r < 0) {
		fprintf(stderr, "# controller: %s\n", error);
		_exit(1);
	}
	for (;;) {
		struct pollfd fd = {.fd = agents_fd(state.agents), .events = POLLIN};

		poll(&fd, 1, 5);
		if (state.version != board->version) {
			state.version = board->version;
			for (size_t i = 0; i < AGENTS; i++)
				want(&state, i);
		}
		agents_dispatch(state.agents, clk_now());
		agents_drops(state.agents, &board->drops);
	}
}

/* ---- an agents' process */

struct agent_state {
	struct link *link;
	unsigned index;
};

static void
on_orders(void *user, uint64_t generation, const struct order *orders, size_t count,
    struct instant since, uint32_t lease_ms)
{
	struct agent_state *state = user;
	struct order expected[8];
	unsigned v = count ? (unsigned)(orders[0].capture >> 32) : 0;
	size_t n = make_set(v, state->index, expected);

	(void)since;
	if (n != count || lease_ms < 60000 || lease_ms > 63000)
		atomic_fetch_add(&board->halves, 1);
	for (size_t i = 0; i < count && i < n; i++)
		if (orders[i].capture != expected[i].capture)
			atomic_fetch_add(&board->halves, 1);
	if (v < board->applied[state->index])
		atomic_fetch_add(&board->backwards, 1);
	board->applied[state->index] = v;
	link_ack(state->link, generation, 0, "", clk_now());
}

static void
on_silent(void *user)
{
	(void)user;
	atomic_fetch_add(&board->silent, 1);
}

static void
run_agents(unsigned first)
{
	static const struct link_events events = {.orders = on_orders, .silent = on_silent};
	static struct agent_state states[PER];
	static struct pollfd fds[PER];
	static struct agent_hello hello = {.protocol = AGENT_MSG_PROTOCOL, .version = "test"};

	for (unsigned i = 0; i < PER; i++) {
		struct link_conf conf = {.controller_key_count = 1};

		snprintf(conf.url, sizeof conf.url, "tcp://127.0.0.1:%u", board->proxy_port);
		conf.keys = board->keys[first + i];
		memcpy(conf.controller_keys[0], board->controller.public_key, KEYS_SIZE);
		states[i].index = first + i;
		if (link_new(&conf, &hello, &events, &states[i], clk_now(), &states[i].link) < 0) {
			fprintf(stderr, "# agent %u: no link: %s\n", first + i,
			    nn_strerror(nn_errno()));
			_exit(1);
		}
	}
	for (;;) {
		for (unsigned i = 0; i < PER; i++)
			fds[i] = (struct pollfd){.fd = link_fd(states[i].link), .events = POLLIN};
		poll(fds, PER, 5);
		for (unsigned i = 0; i < PER; i++) {
			struct instant now = clk_now();

			if (fds[i].revents || !clk_before(now, link_deadline(states[i].link)))
				link_dispatch(states[i].link, now);
		}
	}
}

/* ---- the test */

static pid_t
spawn(void (*run)(unsigned), unsigned argument)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		run(argument);
		_exit(0);
	}
	return pid;
}

static void
child_controller(unsigned unused)
{
	(void)unused;
	run_controller();
}

static void
child_proxy(unsigned unused)
{
	(void)unused;
	proxy_run(board->proxy_port, board->port, 4711, &board->proxy);
}

static unsigned
behind(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < AGENTS; i++)
		n += board->applied[i] != board->version;
	return n;
}

/* Milliseconds until all hold the version; fails the test after `limit_ms`. */
static long
wait_all(const char *what, long limit_ms)
{
	struct instant began = clk_now();
	long ms;

	while (behind() > 0) {
		ms = (long)(clk_diff(clk_now(), began) / CLK_MS);
		if (ms > limit_ms)
			fail_msg("%s: %u of %d agents are behind after %ld ms", what, behind(),
			    AGENTS, ms);
		poll(NULL, 0, 5);
	}
	ms = (long)(clk_diff(clk_now(), began) / CLK_MS);
	printf("# %s: all %d at version %u after %ld ms\n", what, AGENTS, board->version, ms);
	return ms;
}

static void
kill_child(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

static int
set_up(void **state)
{
	struct rlimit limit = {8192, 8192};

	(void)state;
	setrlimit(RLIMIT_NOFILE, &limit);
	board =
	    mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED || keys_init() < 0)
		return -1;
	keys_generate(&board->controller);
	for (unsigned i = 0; i < AGENTS; i++)
		keys_generate(&board->keys[i]);
	board->version = 1;
	board->port = proxy_free_port();
	board->proxy_port = proxy_free_port();
	proxy = spawn(child_proxy, 0);
	controller = spawn(child_controller, 0);
	for (unsigned i = 0; i < PROCESSES; i++)
		agents[i] = spawn(run_agents, i * PER);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	kill_child(&controller);
	kill_child(&proxy);
	for (unsigned i = 0; i < PROCESSES; i++)
		kill_child(&agents[i]);
	return 0;
}

static void
no_generation_is_lost(void **state)
{
	(void)state;
	first_ms = wait_all("first contact", PATIENCE_MS);
	for (unsigned round = 0; round < 6; round++) {
		/* One change, or several faster than a round trip: the last one counts. */
		for (unsigned i = 0; i < 1 + round % 3 * 4; i++) {
			atomic_fetch_add(&board->version, 1);
			poll(NULL, 0, 20);
		}
		wait_all("change", PATIENCE_MS);
	}
	assert_int_equal(board->halves, 0);
	assert_int_equal(board->backwards, 0);
}

static void
all_come_back_to_a_killed_controller(void **state)
{
	/* A second or two on a quiet machine; what is promised is that it is a hello for each. */
	long back_ms = first_ms * 4 > 5000 ? first_ms * 4 : 5000;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		kill_child(&controller);
		poll(NULL, 0, 300);
		atomic_fetch_add(&board->version, 1);
		controller = spawn(child_controller, 0);
		wait_all("after SIGKILL of the controller", back_ms);
	}
	/* Killed while a change is under way. */
	atomic_fetch_add(&board->version, 1);
	poll(NULL, 0, 10);
	kill_child(&controller);
	controller = spawn(child_controller, 0);
	wait_all("after SIGKILL in the middle of a change", back_ms);
	assert_int_equal(board->halves, 0);
	assert_int_equal(board->backwards, 0);
}

static void
the_abuse_was_real_and_was_counted(void **state)
{
	const struct agents_drops *drops = &board->drops;

	(void)state;
	printf("# proxy: %lu messages, %lu cut, %lu repeated, %lu replayed, %lu delayed\n",
	    (unsigned long)board->proxy.messages, (unsigned long)board->proxy.cuts,
	    (unsigned long)board->proxy.repeats, (unsigned long)board->proxy.replays,
	    (unsigned long)board->proxy.delays);
	printf("# sessions %u, acknowledged %lu, conflicts %lu, agents gone silent %u\n",
	    board->sessions, board->acked, board->conflicts, board->silent);
	printf("# last controller dropped: malformed %lu, wrong seal %lu, stale %lu, flooded %lu, "
	       "unreadable %lu, "
	       "unsent %lu\n",
	    (unsigned long)drops->malformed, (unsigned long)drops->sealed_wrong,
	    (unsigned long)drops->stale, (unsigned long)drops->flooded,
	    (unsigned long)drops->unreadable, (unsigned long)drops->unsent);
	assert_true(board->proxy.cuts > 0);
	assert_true(board->proxy.repeats > 0);
	assert_true(board->proxy.replays > 0);
	assert_true(board->proxy.delays > 0);
	assert_int_equal(drops->malformed, 0);
	assert_int_equal(drops->sealed_wrong, 0);
	assert_int_equal(board->silent, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_generation_is_lost),
	    cmocka_unit_test(all_come_back_to_a_killed_controller),
	    cmocka_unit_test(the_abuse_was_real_and_was_counted),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
