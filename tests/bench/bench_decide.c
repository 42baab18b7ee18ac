/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a sighting costs the decider: 1,000 switches, 1,000 captures that live, a full table of
 * conversations, a thousand hosts known; floods of distinct conversations from a listed /8.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controller/decide/decide.h"

enum { SWITCHES = 1000, CAPTURES = 1000, HOSTS = 20, ROUNDS = 200000 };

static struct policy_switch switches[SWITCHES];
static struct policy policies[4];
static struct policy_analyser analyser;
static struct decide *decide;
static struct instant now = {1000 * CLK_S};

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * CLK_S + t.tv_nsec;
}

static struct addr
v4(uint32_t value)
{
	uint8_t bytes[4] = {
	    (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};

	return addr_from_v4(bytes);
}

/* Switch i: exporter 10.255.x.y, hosts 10.a.b.0/24. */
static uint32_t
net_of(unsigned id)
{
	return 0x0a000000u | id << 8;
}

static void
set_up(uint32_t captures, uint32_t starts)
{
	static const struct decide_sink sink = {NULL};
	struct policy_conf conf = {.policies = policies,
	    .policy_count = 1,
	    .switches = switches,
	    .switch_count = SWITCHES,
	    .analysers = &analyser,
	    .analyser_count = 1,
	    .limits = {.captures = captures,
		.starts_minute = starts,
		.conversations = 200000,
		.history = 1000,
		.lease_ms = 60000,
		.len4 = 24,
		.len6 = 64}};

	policies[0] = (struct policy){.name = "all",
	    .samples = 1,
	    .window_ns = 600 * CLK_S,
	    .duration_ns = 0,
	    .cooldowns = {600 * CLK_S},
	    .cooldown_count = 1,
	    .scanner_hosts = 16};
	snprintf(analyser.name, sizeof analyser.name, "a");
	analyser.addr = v4(0xc0000232);
	for (unsigned i = 0; i < SWITCHES; i++) {
		struct addr net = v4(net_of(i));

		snprintf(switches[i].name, sizeof switches[i].name, "leaf%u", i);
		switches[i].exporters[0] = v4(0x0aff0000u | i);
		switches[i].exporter_count = 1;
		switches[i].hosts[0] = prefix_make(&net, 24);
		switches[i].host_count = 1;
	}
	if (decide_new(&conf, 1, &sink, NULL, &decide) < 0)
		abort();
	decide_feed(decide, 0, "drop");
	for (unsigned i = 0; i < SWITCHES; i++) {
		struct addr addrs[16];
		struct decide_host hosts[HOSTS];
		struct decide_agent agent = {.can4 = true,
		    .can6 = true,
		    .rules_max = 4096,
		    .len4 = 24,
		    .len6 = 64,
		    .addrs = addrs,
		    .addr_count = 16};

		for (unsigned k = 0; k < 16; k++)
			addrs[k] = v4(0xac100000u | i << 4 | k);
		decide_connected(decide, i, &agent, now);
		memset(hosts, 0, sizeof hosts);
		for (unsigned k = 0; k < HOSTS; k++)
			hosts[k].addr = v4(net_of(i) | (k + 1));
		decide_hosts(decide, i, hosts, HOSTS, true, now);
	}
}

static struct sighting
make(uint32_t local, uint32_t remote, unsigned seen)
{
	struct sighting s;

	memset(&s, 0, sizeof s);
	s.exporter = s.from = v4(0x0aff0000u | seen);
	s.sampling_rate = 1000;
	s.frame_length = 100;
	s.local = v4(local);
	s.remote = v4(remote);
	s.proto = 6;
	s.tcp_flags = 0x18;
	s.has_ports = s.outbound = true;
	s.remote_port = 443;
	s.entry_count = 1;
	s.entries[0].prefix = prefix_make(&s.remote, 8);
	s.entries[0].line = 1;
	return s;
}

static uint32_t
scatter(uint32_t i)
{
	return i * 2654435761u;
}

/* Nanoseconds a call, CPU time; `i` goes up. */
static double
measure(struct sighting (*next)(uint32_t i), uint32_t rounds, bool explain)
{
	struct verdict v;
	int64_t began = cpu_ns();

	for (uint32_t i = 0; i < rounds; i++) {
		struct sighting s = next(i);

		/* 10,000 a second. */
		now = clk_add(now, 100000);
		if (explain)
			decide_explain(decide, &s, now, &v);
		else
			decide_sighting(decide, &s, now, NULL);
	}
	return (double)(cpu_ns() - began) / rounds;
}

/* Another pair each time, random locals and remotes of 45.0.0.0/8. */
static struct sighting
distinct(uint32_t i)
{
	uint32_t r = scatter(i + 1);

	return make(net_of(r % SWITCHES) | (1 + r / 7 % 200),
	    0x2d000000u | (scatter(i + 77) & 0xffffff), r % SWITCHES);
}

static uint32_t
remote_of(uint32_t capture)
{
	return 0xc6336400u + capture;
}

/* Pairs that are captured. */
static struct sighting
captured(uint32_t i)
{
	uint32_t k = scatter(i) % CAPTURES;

	return make(net_of(k) | 1, remote_of(k), k);
}

static struct sighting
knock(uint32_t i)
{
	struct sighting s = distinct(i);

	s.outbound = false;
	s.tcp_flags = 0x02;
	return s;
}

/* One local host speaks to all of the /8. */
static struct sighting
one_local(uint32_t i)
{
	return make(net_of(5) | 9, 0x2d000000u | (scatter(i) & 0xffffff), 5);
}

static void
fill(unsigned captures)
{
	struct decide_stats stats;

	for (uint32_t i = 0; i < captures; i++) {
		struct sighting s = make(net_of(i) | 1, remote_of(i), i);

		decide_sighting(decide, &s, now, NULL);
		now = clk_add(now, 60 * CLK_MS);
	}
	decide_stats(decide, now, &stats);
	if (stats.live != captures)
		printf("# %zu captures live, not %u\n", stats.live, captures);
}

int
main(void)
{
	struct decide_stats stats;

	/* 1,000 captures: their limit answers a flood. */
	set_up(CAPTURES, 4096);
	fill(CAPTURES);
	printf("decide_captured_again %.0f ns\n", measure(captured, ROUNDS, false));
	printf("decide_distinct_at_captures_limit %.0f ns\n", measure(distinct, ROUNDS, false));
	printf("decide_knocks_distinct %.0f ns\n", measure(knock, ROUNDS, false));
	printf("decide_one_local_many %.0f ns\n", measure(one_local, ROUNDS, false));
	printf("decide_explain_distinct %.0f ns\n", measure(distinct, ROUNDS, true));
	decide_free(&decide);

	/* 900 captures and room: each sighting goes through place and budgets; the switch's own
	 * rules are what is short. */
	for (unsigned i = 0; i < SWITCHES; i++)
		switches[i].rules_max = 2;
	set_up(CAPTURES, 4096);
	fill(900);
	printf("decide_distinct_at_rules_limit %.0f ns\n", measure(distinct, 20000, false));
	decide_free(&decide);

	/* Every one opens a capture, ticks and orders taken: what a start costs, all in. */
	for (unsigned i = 0; i < SWITCHES; i++)
		switches[i].rules_max = 0;
	set_up(CAPTURES, 4096);
	int64_t began = cpu_ns();

	fill(CAPTURES);
	printf("decide_start %.0f ns\n", (double)(cpu_ns() - began) / CAPTURES);
	began = cpu_ns();
	for (int i = 0; i < 100; i++)
		decide_tick(decide, now);
	printf("decide_tick_1000_captures %.0f ns\n", (double)(cpu_ns() - began) / 100);
	decide_stats(decide, now, &stats);
	decide_free(&decide);
	return 0;
}
