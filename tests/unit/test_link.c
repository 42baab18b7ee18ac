/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's end of the channel against the controller's, both in this process, over the loopback;
 * what a bad network does to them is lab_channel's.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/main/link.h"
#include "common/base/result.h"
#include "controller/agents/agents.h"

static struct {
	struct keys_pair controller, agent;
	char url[64];
	struct agents *agents;
	struct link *link;
	/* What the two were told. */
	uint64_t generation, acked;
	size_t count;
	uint64_t first;
	unsigned hellos, connected, renewals, silences, gone, reports, go_ons, went_ons, states;
	int code;
	uint32_t lease_ms;
	struct holding holding;
	bool ack;
} it;

static void
on_orders(void *user, uint64_t generation, const struct order *orders, size_t count,
    struct instant since, uint32_t lease_ms)
{
	(void)user;
	assert_true(!clk_before(clk_now(), since));
	it.generation = generation;
	it.count = count;
	it.first = count ? orders[0].capture : 0;
	it.lease_ms = lease_ms;
	if (it.ack)
		link_ack(it.link, generation, RESULT_OK, "", clk_now());
}

static void
on_renew(void *user, struct instant since, uint32_t lease_ms)
{
	(void)user, (void)since, (void)lease_ms;
	it.renewals++;
}

static void
on_connected(void *user)
{
	(void)user;
	it.connected++;
}

static void
on_go_on(void *user)
{
	(void)user;
	it.go_ons++;
}

static void
on_silent(void *user)
{
	(void)user;
	it.silences++;
}

static void
on_hello(void *user, size_t id, const struct agent_hello *hello, bool again)
{
	(void)user, (void)id, (void)again;
	assert_string_equal(hello->name, "leaf1");
	it.hellos++;
}

static void
on_report(void *user, size_t id, const struct agent_poll *told)
{
	(void)user, (void)id;
	it.reports++;
	if (told->holding_count)
		it.holding = told->holdings[0];
}

static void
on_acked(void *user, size_t id, uint64_t generation, int code, const char *text)
{
	(void)user, (void)id, (void)text;
	assert_int_equal(code, RESULT_OK);
	it.acked = generation;
}

static void
on_state(void *user, size_t id, int before, int code, const char *text)
{
	(void)user, (void)id, (void)text;
	assert_int_equal(before, it.code);
	it.states++;
	it.code = code;
}

static void
on_went_on(void *user, size_t id)
{
	(void)user, (void)id;
	it.went_ons++;
}

static void
start_controller(void)
{
	static const struct agents_events events = {.hello = on_hello,
	    .report = on_report,
	    .acked = on_acked,
	    .state = on_state,
	    .went_on = on_went_on};
	struct agents_switch leaf = {.name = "leaf1"};
	struct agents_conf conf = {.keys = it.controller,
	    .switches = &leaf,
	    .switch_count = 1,
	    .hold_ns = 200 * CLK_MS,
	    .orders_a_page = 2};
	char error[200] = "";

	memcpy(leaf.key, it.agent.public_key, KEYS_SIZE);
	snprintf(conf.url, sizeof conf.url, "%s", it.url);
	if (agents_new(&conf, &events, NULL, &it.agents, error, sizeof error) < 0)
		fail_msg("%s", error);
}

static int
new_link(const char *url, unsigned keys, int64_t silence_ns)
{
	static const struct link_events events = {.orders = on_orders,
	    .renew = on_renew,
	    .connected = on_connected,
	    .silent = on_silent,
	    .go_on = on_go_on};
	struct link_conf conf = {
	    .keys = it.agent, .controller_key_count = keys, .silence_ns = silence_ns};
	static struct agent_hello hello = {.protocol = AGENT_MSG_PROTOCOL, .name = "leaf1"};

	snprintf(conf.url, sizeof conf.url, "%s", url);
	/* The last of the pinned keys is the right one. */
	if (keys)
		memcpy(conf.controller_keys[keys - 1], it.controller.public_key, KEYS_SIZE);
	if (keys > 1)
		memcpy(conf.controller_keys[0], it.agent.public_key, KEYS_SIZE);
	return link_new(&conf, &hello, &events, NULL, clk_now(), &it.link);
}

/* Lets both work until `done` says so, or ten seconds are over. */
static bool
until(bool (*done)(void))
{
	struct instant end = clk_add(clk_now(), 10 * CLK_S);

	while (!done()) {
		struct pollfd fds[2] = {{.fd = link_fd(it.link), .events = POLLIN},
		    {.fd = it.agents ? agents_fd(it.agents) : -1, .events = POLLIN}};

		if (!clk_before(clk_now(), end))
			return false;
		poll(fds, 2, 5);
		link_dispatch(it.link, clk_now());
		if (it.agents)
			agents_dispatch(it.agents, clk_now());
	}
	return true;
}

static bool
is_connected(void)
{
	return it.connected > 0 && it.hellos > 0;
}

static bool
is_acked(void)
{
	return it.acked > 0 && it.acked == it.generation;
}

static bool
is_renewed(void)
{
	return it.renewals >= 2;
}

static bool
is_reported(void)
{
	return it.holding.capture == 17 && it.holding.hold == HOLD_IN_KERNEL;
}

static bool
is_stuck(void)
{
	return it.code == RESULT_STUCK;
}

static bool
went_on(void)
{
	return it.went_ons > 0;
}

static bool
is_silent(void)
{
	return it.silences > 0;
}

/* One turn of both. */
static bool
turned(void)
{
	static bool once;

	once = !once;
	return !once;
}

static bool
is_back(void)
{
	return it.hellos >= 2 && it.connected >= 2;
}

static int
setup(void **state)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	memset(&it, 0, sizeof it);
	it.ack = true;
	keys_init();
	keys_generate(&it.controller);
	keys_generate(&it.agent);
	/* A port that was free a moment ago. */
	if (bind(fd, (struct sockaddr *)&sa, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &size) < 0)
		return -1;
	close(fd);
	snprintf(it.url, sizeof it.url, "tcp://127.0.0.1:%u", ntohs(sa.sin_port));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (it.link)
		link_free(&it.link);
	if (it.agents)
		agents_free(&it.agents);
	return 0;
}

static void
want(uint64_t first, size_t n)
{
	struct order orders[8];

	memset(orders, 0, sizeof orders);
	for (size_t i = 0; i < n; i++) {
		orders[i].capture = first + i;
		prefix_parse("10.1.0.2", &orders[i].filter.a, NULL);
		prefix_parse("198.51.100.9", &orders[i].filter.b, NULL);
		addr_parse("192.0.2.74", &orders[i].analyser.addr);
		orders[i].analyser.session = 7;
		orders[i].analyser.erspan_type = 2;
	}
	assert_true(agents_want(it.agents, 0, orders, n, 60000, clk_now()) >= 0);
}

static void
what_is_no_link(void **state)
{
	(void)state;
	assert_int_equal(new_link(it.url, 0, 0), -EINVAL);
	assert_null(it.link);
	assert_true(new_link("nonsense", 1, 0) < 0);
	assert_null(it.link);
}

static void
hello_orders_renewals(void **state)
{
	(void)state;
	start_controller();
	assert_int_equal(new_link(it.url, 1, 0), 0);
	assert_false(link_is_connected(it.link));
	assert_true(until(is_connected));
	assert_true(link_is_connected(it.link));
	/* Three pages, one set. */
	want(17, 5);
	assert_true(until(is_acked));
	assert_true(it.count == 5 && it.first == 17);
	assert_in_range(it.lease_ms, 60000, 61000);
	assert_true(until(is_renewed));
	want(0, 0);
	it.acked = 0;
	assert_true(until(is_acked));
	assert_int_equal(it.count, 0);
	assert_int_equal(it.hellos, 1);
}

static void
reports_reach_it(void **state)
{
	struct holding holding = {.capture = 17, .hold = HOLD_IN_KERNEL, .rules = 2};
	struct link_state told = {.rules = 2};

	(void)state;
	start_controller();
	assert_int_equal(new_link(it.url, 1, 0), 0);
	assert_true(until(is_connected));
	uint64_t before = link_reported(it.link);
	assert_int_equal(link_report(it.link, &holding, 1, &told, true, clk_now()), 0);
	assert_true(until(is_reported));
	assert_int_equal(it.holding.rules, 2);
	struct instant end = clk_add(clk_now(), 10 * CLK_S);
	while (link_reported(it.link) <= before && clk_before(clk_now(), end))
		(void)until(turned);
	assert_true(link_reported(it.link) > before);
}

/* Nobody there: it says so after the silence, and dials on; who comes then is heard. */
static void
silence_and_return(void **state)
{
	struct link_counters c;

	(void)state;
	assert_int_equal(new_link(it.url, 1, 300 * CLK_MS), 0);
	assert_true(until(is_silent));
	assert_false(link_is_connected(it.link));
	start_controller();
	assert_true(until(is_connected));
	/* The controller goes and comes: another session by itself. */
	agents_free(&it.agents);
	unsigned silences = it.silences;
	it.silences = 0;
	assert_true(until(is_silent));
	it.silences += silences;
	start_controller();
	assert_true(until(is_back));
	link_counters(it.link, &c);
	assert_true(c.reopened >= 2 && c.hellos >= 2);
}

/* An operator's word: told once, whatever comes between, and said back. */
static void
an_operator_says_go_on(void **state)
{
	struct link_state told = {.code = RESULT_STUCK};

	(void)state;
	start_controller();
	assert_int_equal(agents_go_on(it.agents, 0, clk_now()), -ENOTCONN);
	assert_int_equal(agents_go_on(it.agents, 1, clk_now()), -ENOENT);
	assert_int_equal(new_link(it.url, 1, 0), 0);
	assert_true(until(is_connected));
	assert_int_equal(link_report(it.link, NULL, 0, &told, true, clk_now()), 0);
	assert_true(until(is_stuck));
	assert_int_equal(it.go_ons, 0);
	for (unsigned n = 1; n <= 3; n++) {
		assert_int_equal(agents_go_on(it.agents, 0, clk_now()), 0);
		it.went_ons = it.renewals = 0;
		assert_true(until(went_on));
		assert_int_equal(it.go_ons, n);
		want(17, n);
		assert_true(until(is_renewed));
		assert_int_equal(it.went_ons, 1);
		assert_int_equal(it.go_ons, n);
	}
	assert_int_equal(it.states, 1);
}

/* Said to an agent whose answer never came: the next life of it hears nothing of that. */
static void
a_word_to_another_life(void **state)
{
	(void)state;
	start_controller();
	assert_int_equal(new_link(it.url, 1, 0), 0);
	assert_true(until(is_connected));
	want(17, 1);
	assert_true(until(is_renewed));
	link_free(&it.link);
	assert_int_equal(agents_go_on(it.agents, 0, clk_now()), 0);
	it.connected = it.hellos = it.renewals = 0;
	assert_int_equal(new_link(it.url, 1, 0), 0);
	assert_true(until(is_connected));
	assert_true(until(is_renewed));
	assert_int_equal(it.go_ons, 0);
	assert_int_equal(it.went_ons, 0);
}

/* The key it was given first is not the controller's: the second is tried. */
static void
another_pinned_key(void **state)
{
	(void)state;
	start_controller();
	assert_int_equal(new_link(it.url, 2, 300 * CLK_MS), 0);
	assert_true(until(is_connected));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(what_is_no_link),
	    TEST(hello_orders_renewals),
	    TEST(reports_reach_it),
	    TEST(an_operator_says_go_on),
	    TEST(a_word_to_another_life),
	    TEST(silence_and_return),
	    TEST(another_pinned_key),
	};

	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
