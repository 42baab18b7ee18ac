// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A controller that knows one thing: it wants one conversation held on one switch, for as long as
 * it runs. It is the real controller/agents/ without anybody to decide; tests of the agent alone
 * drive it with this.
 *
 *     tool_hold keys                                       prints a secret key and its public key
 *     tool_hold [-v] [-t TYPE] [-m PACKETS] [-b BYTES] [-n COUNT] [-p POLL_MS] [-i FIRST] URL
 * SECRET_KEY_FILE AGENT_KEY LOCAL REMOTE ANALYSER LEASE_MS
 *
 *     -n COUNT    so many conversations: the remote address counts up (1)
 *     -p POLL_MS  a quiet poll is held that long, and so often leases are renewed (the real 7 s)
 *     -i FIRST    number of the first capture (42)
 *     -t TYPE     ERSPAN type (2)
 *     -m PACKETS  limit of each capture (none)
 *     -b BYTES    the same in bytes
 *     -v          says more: "can …" of a hello, "switch …" of its own state, "host +|- …", "hosts
 * anew"
 *
 * Prints a line for what it hears: "hello", "hold N packets N rules N code N TEXT", "gone".
 * SIGUSR1: wants nothing any more and goes on; SIGTERM: ends without a word to the switch.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/agents/agents.h"

#define COUNT_MAX 1000

struct hold_run {
	struct agents *agents;
	struct order orders[COUNT_MAX];
	size_t count;
	uint32_t lease_ms;
	enum hold last_hold;
	uint64_t last_packets;
	uint64_t last_copied, last_dropped, last_lost;
	uint16_t last_code, last_switch_code;
	uint8_t last_rules;
	char last_text[ORDER_TEXT_MAX], last_switch_text[ORDER_TEXT_MAX];
	bool verbose;
};

static volatile sig_atomic_t let_go, ended;

static void
on_signal(int number)
{
	if (number == SIGUSR1)
		let_go = 1;
	else
		ended = 1;
}

static void
print_hello(const struct agent_hello *hello)
{
	printf("can backend %s target4 %s target6 %s rules %u destinations %u len4 %u len6 %u bps "
	       "%llu "
	       "asic \"%s\" system \"%s\" version %s name %s\n",
	    agent_msg_backend_name(hello->backend), agent_msg_target_name(hello->target4),
	    agent_msg_target_name(hello->target6), hello->rules_max, hello->destinations,
	    hello->len4, hello->len6, (unsigned long long)hello->bps_max, hello->asic,
	    hello->system, hello->version, hello->name);
	printf("ports");
	for (unsigned i = 0; i < hello->port_count; i++)
		printf(" %s", hello->ports[i].name);
	printf("\naddrs");
	for (unsigned i = 0; i < hello->addr_count; i++) {
		char text[ADDR_TEXT_MAX];

		printf(" %s@%s", addr_format(&hello->addrs[i].addr, text), hello->addrs[i].iface);
	}
	printf("\n");
}

static void
print_hosts(const struct agent_poll *poll)
{
	if (poll->all_hosts)
		printf("hosts anew\n");
	for (unsigned i = 0; i < poll->host_count; i++) {
		const struct agent_host *host = &poll->hosts[i];
		char text[ADDR_TEXT_MAX];

		printf("host %c %s port %s vrf \"%s\" vlan %u vni %u\n", host->gone ? '-' : '+',
		    addr_format(&host->addr, text), host->iface, host->vrf, host->vlan, host->vni);
	}
}

static void
print_switch(struct hold_run *run, const struct agent_poll *poll)
{
	if (poll->code == run->last_switch_code && strcmp(poll->text, run->last_switch_text) == 0)
		return;
	run->last_switch_code = poll->code;
	memcpy(run->last_switch_text, poll->text, sizeof poll->text);
	printf("switch code %u %s\n", poll->code, poll->text);
}

/* Of the first capture; and what the kernel lost on the way to the mirror process. */
static void
print_copies(struct hold_run *run, const struct agent_poll *poll)
{
	const struct holding *holding = poll->holdings;

	if (poll->mirror_lost != run->last_lost)
		printf("lost %llu\n", (unsigned long long)poll->mirror_lost);
	run->last_lost = poll->mirror_lost;
	if (poll->holding_count == 0 ||
	    (holding->copied == run->last_copied && holding->dropped == run->last_dropped))
		return;
	run->last_copied = holding->copied;
	run->last_dropped = holding->dropped;
	printf("copies %llu dropped %llu\n", (unsigned long long)holding->copied,
	    (unsigned long long)holding->dropped);
}

static void
on_hello(void *user, size_t id, const struct agent_hello *hello, bool again)
{
	struct hold_run *run = user;

	(void)again;
	printf("hello\n");
	if (run->verbose)
		print_hello(hello);
	agents_want(
	    run->agents, id, run->orders, let_go ? 0 : run->count, run->lease_ms, clk_now());
}

static void
on_report(void *user, size_t id, const struct agent_poll *poll)
{
	struct hold_run *run = user;

	(void)id;
	if (run->verbose) {
		print_hosts(poll);
		print_switch(run, poll);
		print_copies(run, poll);
	}
	for (unsigned i = 0; i < poll->holding_count; i++) {
		const struct holding *holding = &poll->holdings[i];

		if (holding->hold == run->last_hold && holding->packets == run->last_packets &&
		    holding->code == run->last_code && holding->rules == run->last_rules &&
		    strcmp(holding->text, run->last_text) == 0)
			continue;
		run->last_hold = holding->hold;
		run->last_code = holding->code;
		run->last_rules = holding->rules;
		memcpy(run->last_text, holding->text, sizeof holding->text);
		run->last_packets = holding->packets;
		printf("hold %d packets %llu rules %u code %u %s\n", (int)holding->hold,
		    (unsigned long long)holding->packets, holding->rules, holding->code,
		    holding->text);
	}
}

static void
on_gone(void *user, size_t id)
{
	(void)user;
	(void)id;
	printf("gone\n");
}

static int
print_keys(void)
{
	struct keys_pair pair;
	char text[KEYS_TEXT_MAX];

	keys_generate(&pair);
	printf("%s\n", keys_format(pair.secret_key, text));
	printf("%s\n", keys_format(pair.public_key, text));
	return 0;
}

/* The same conversation `count` times over, each with the next remote address. */
static void
multiply(struct hold_run *run)
{
	for (size_t i = 1; i < run->count; i++) {
		struct order *order = &run->orders[i];
		uint8_t *bytes = order->filter.b.addr.bytes;
		size_t last = addr_bits(&run->orders[0].filter.b.addr) / 8 - 1;

		*order = run->orders[i - 1];
		order->capture++;
		order->analyser.session = (uint16_t)(order->analyser.session % 1023 + 1);
		bytes[last - 1] = (uint8_t)(bytes[last - 1] + (bytes[last] == 254));
		bytes[last] = (uint8_t)(bytes[last] == 254 ? 1 : bytes[last] + 1);
	}
}

/* Fills the run's orders and the channel's configuration from the words; 0, or 1 when one is wrong.
 */
static int
take_words(char **words, struct hold_run *run, struct agents_conf *conf, struct agents_switch *who)
{
	struct addr local, remote;
	char error[256];

	snprintf(conf->url, sizeof conf->url, "%s", words[0]);
	if (keys_load(words[1], &conf->keys, error, sizeof error) < 0) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	if (keys_parse(words[2], who->key) < 0 || addr_parse(words[3], &local) < 0 ||
	    addr_parse(words[4], &remote) < 0 ||
	    addr_parse(words[5], &run->orders[0].analyser.addr) < 0) {
		fprintf(stderr, "a key or an address is none\n");
		return 1;
	}
	snprintf(who->name, sizeof who->name, "leaf1");
	conf->switches = who;
	conf->switch_count = 1;
	run->orders[0].filter = filter_hosts(&local, &remote);
	run->orders[0].analyser.session = 7;
	run->orders[0].analyser.ttl = 9;
	multiply(run);
	run->lease_ms = (uint32_t)strtoul(words[6], NULL, 10);
	return 0;
}

static void
serve(struct hold_run *run)
{
	bool gone = false;

	while (!ended) {
		int64_t wait = clk_diff(agents_deadline(run->agents), clk_now()) / CLK_MS;
		struct pollfd fd = {.fd = agents_fd(run->agents), .events = POLLIN};

		/* Short enough to notice a signal that came just before. */
		poll(&fd, 1, wait < 0 ? 0 : wait > 20 ? 20 : (int)wait);
		agents_dispatch(run->agents, clk_now());
		if (let_go && !gone) {
			agents_want(run->agents, 0, NULL, 0, run->lease_ms, clk_now());
			gone = true;
		}
	}
}

/* The options; how many words they were, or -1. */
static int
take_options(int argc, char **argv, struct hold_run *run, struct agents_conf *conf)
{
	int c;

	run->count = 1;
	run->orders[0].capture = 42;
	run->orders[0].analyser.erspan_type = 2;
	while ((c = getopt(argc, argv, "vt:m:b:n:p:i:")) != -1)
		switch (c) {
		case 'v':
			run->verbose = true;
			break;
		case 't':
			run->orders[0].analyser.erspan_type = (uint8_t)strtoul(optarg, NULL, 10);
			break;
		case 'm':
			run->orders[0].max_packets = strtoull(optarg, NULL, 10);
			break;
		case 'b':
			run->orders[0].max_bytes = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			run->count = strtoul(optarg, NULL, 10);
			break;
		case 'p':
			conf->hold_ns = (int64_t)strtoul(optarg, NULL, 10) * CLK_MS;
			break;
		case 'i':
			run->orders[0].capture = strtoull(optarg, NULL, 10);
			break;
		default:
			return -1;
		}
	return run->count >= 1 && run->count <= COUNT_MAX ? optind : -1;
}

int
main(int argc, char **argv)
{
	static const struct agents_events events = {
	    .hello = on_hello, .report = on_report, .gone = on_gone};
	static struct hold_run run;
	struct agents_conf conf = {.hold_ns = 0};
	struct agents_switch who;
	struct sigaction action = {.sa_handler = on_signal};
	char error[256];

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&who, 0, sizeof who);
	if (keys_init() < 0)
		return 1;
	if (argc == 2 && strcmp(argv[1], "keys") == 0)
		return print_keys();
	int words = take_options(argc, argv, &run, &conf);
	if (words < 0 || argc - words != 7) {
		fprintf(stderr,
		    "usage: tool_hold keys\n"
		    "       tool_hold [-v] [-t TYPE] [-n COUNT] [-p POLL_MS] [-i FIRST] URL "
		    "SECRET_KEY_FILE AGENT_KEY LOCAL REMOTE ANALYSER LEASE_MS\n");
		return 2;
	}
	if (take_words(argv + words, &run, &conf, &who))
		return 2;
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (agents_new(&conf, &events, &run, &run.agents, error, sizeof error) < 0) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	serve(&run);
	agents_free(&run.agents);
	return 0;
}
