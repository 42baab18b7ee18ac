/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real controller with 1,000 agents (990 leaves, 10 spines, 20,000 hosts): from the datagram
 * that leaves an exporter to the order that an agent has, decisions a second, memory.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clk.h"
#include "tests/support/sim.h"

enum { CONVS = 900, SECONDS = 5 };

static int
by_value(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return x < y ? -1 : x > y;
}

static void
latency(struct sim *sim)
{
	static long long took[CONVS];
	unsigned n = 0;

	for (unsigned i = 0; i < CONVS; i++) {
		sim_sample(sim, i, sim_spine(sim, i), true);
		poll(NULL, 0, 5);
	}
	for (int ms = 0; ms < 20000 && sim->board->holders[CONVS - 1] == 0; ms += 10)
		poll(NULL, 0, 10);
	for (unsigned i = 0; i < CONVS; i++)
		if (sim->board->got[i] != 0)
			took[n++] = sim->board->got[i] - sim->board->sent[i];
	qsort(took, n, sizeof *took, by_value);
	printf("# %u of %d conversations were ordered\n", n, CONVS);
	if (n == 0)
		return;
	for (unsigned p = 50; p < 100; p += p < 90 ? 20 : 3)
		printf("# %u%%: %.2f ms\n", p, (double)took[n * p / 100] / 1e6);
	printf("fabric_datagram_to_order_median %.2f ms\n", (double)took[n / 2] / 1e6);
	printf("fabric_datagram_to_order_p99 %.2f ms\n", (double)took[n * 99 / 100] / 1e6);
}

/* Distinct pairs of a listed /8, more than can be taken: what is decided in that time, and what
 * that costs; the rest is dropped by socket and ring, and counted. */
static void
flood(struct sim *sim)
{
	int64_t before = sim_counter(sim, "decide_sightings"), after;
	long cpu = sim_cpu_ms(sim);
	struct instant began = clk_now();
	unsigned sent = 0;
	double s;

	for (; clk_diff(clk_now(), began) < SECONDS * CLK_S; sent += 400) {
		sim_flood(sim, sent, 400);
		poll(NULL, 0, 4);
	}
	after = sim_counter(sim, "decide_sightings");
	s = (double)clk_diff(clk_now(), began) / 1e9;
	cpu = sim_cpu_ms(sim) - cpu;
	printf("# %u sent in %.1f s, %lld decided, %lld dropped by the ring; %ld ms of CPU\n", sent,
	    s, (long long)(after - before), (long long)sim_counter(sim, "ring_dropped"), cpu);
	printf("fabric_decisions %.0f /s\n", (double)(after - before) / s);
	printf("fabric_decisions_cpu_second %.0f /s\n",
	    (double)(after - before) * 1000 / (double)(cpu > 0 ? cpu : 1));
}

int
main(void)
{
	static struct sim sim;
	static const struct sim_conf conf = {.leaves = 990,
	    .spines = 10,
	    .pairs = 0,
	    .hosts = 20,
	    .processes = 4,
	    .captures = CONVS,
	    .policy = "scanner_hosts = 0"};
	struct instant began = clk_now();

	if (!sim_start(&sim, &conf, 120)) {
		printf("# %u agents connected, %u told their hosts\n",
		    sim.board != NULL ? sim.board->connected : 0,
		    sim.board != NULL ? sim.board->told : 0);
		sim_stop(&sim);
		return 1;
	}
	printf("fabric_agents_ready %.2f s\n", (double)clk_diff(clk_now(), began) / 1e9);
	latency(&sim);
	flood(&sim);
	printf("fabric_memory %.1f MiB\n", (double)sim_memory(&sim) / 1024);
	sim_stop(&sim);
	return 0;
}
