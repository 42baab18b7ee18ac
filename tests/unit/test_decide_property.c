/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decider under random sequences of everything that can happen to it, lies of switches among
 * them. After each event: no limit is exceeded, nothing is leaked, counts agree with what they
 * count; explain gave the very verdict that the decision got (decider_decide compares them).
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/decider.h"

enum { SEEDS = 12, STEPS = 4000, RULES = 24, CAPTURES = 20, STARTS = 12 };
#define HARD UINT64_C(50000000)

struct chance {
	uint64_t x;
};

static uint32_t
roll(struct chance *c, uint32_t sides)
{
	c->x ^= c->x >> 12;
	c->x ^= c->x << 25;
	c->x ^= c->x >> 27;
	return (uint32_t)((c->x * UINT64_C(2685821657736338717)) >> 33) % sides;
}

static void
tight(struct decider *rig)
{
	rig->conf.limits.captures = CAPTURES;
	rig->conf.limits.starts_minute = STARTS;
	rig->conf.limits.conversations = 100;
	rig->conf.limits.history = 30;
	rig->conf.limits.lease_ms = 10000;
	rig->policies[0].cooldowns[0] = 5 * CLK_S;
	rig->policies[0].cooldown_count = 1;
	rig->policies[0].duration_ns = 40 * CLK_S;
	rig->policies[0].window_ns = 30 * CLK_S;
	rig->policies[0].idle_ns = 20 * CLK_S;
	rig->policies[0].scanner_hosts = 6;
	rig->policies[0].max_packets = 100000;
	rig->policies[1] = rig->policies[0];
	snprintf(rig->policies[1].name, sizeof rig->policies[1].name, "more");
	rig->policies[1].where = POLICY_SEEN;
	rig->policies[1].priority = 60;
	rig->policies[1].samples = 2;
	snprintf(rig->policies[1].analyser, sizeof rig->policies[1].analyser, "two");
	snprintf(rig->policies[0].feeds[0], sizeof rig->policies[0].feeds[0], "drop");
	rig->policies[0].feed_count = 1;
	rig->conf.policy_count = 2;
	for (unsigned i = 0; i < DECIDER_SWITCHES; i++) {
		rig->switches[i].rules_max = RULES;
		rig->switches[i].destinations_max = i % 2 ? 1 : 0;
	}
	for (unsigned a = 0; a < 2; a++)
		rig->analysers[a].hard_bps = HARD;
	rig->analysers[0].soft_bps = HARD / 2;
	rig->never[0] = decider_prefix("10.1.7.128/25");
	rig->conf.never_count = 1;
}

/* What the test knows of each switch. */
struct world {
	struct decider rig;
	struct chance chance;
	bool connected[DECIDER_SWITCHES];
	struct instant stepped; /* until then a minute may look longer than it was */
	uint64_t digest;        /* of all events and verdicts */
	unsigned opened, refused, widened, spread;
};

static void
digest(struct world *w, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < size; i++)
		w->digest = (w->digest ^ p[i]) * UINT64_C(0x100000001b3);
}

/* Member by member: the bytes between members are whatever the compiler left there. */
static void
digest_verdict(struct world *w, const struct verdict *v)
{
	digest(w, &v->code, sizeof v->code);
	digest(w, &v->capture, sizeof v->capture);
	digest(w, v->holders, v->holder_count * sizeof v->holders[0]);
	digest(w, v->evicts, v->evict_count * sizeof v->evicts[0]);
	for (unsigned i = 0; i < v->step_count; i++)
		digest(w, v->steps[i].text, strlen(v->steps[i].text));
}

/* What is said to be captured is: the capture's filter holds it, or the capture is on its way out.
 */
static void
check_already(const struct world *w, const struct verdict *v, const struct sighting *s)
{
	const struct decide_capture *c = decide_find(w->rig.d, v->capture);
	struct filter pair = filter_hosts(&s->local, &s->remote);

	assert_non_null(c);
	assert_true(!life_is_live(c->state) || filter_covers(&c->filter, &pair));
}

static void
do_sighting(struct world *w)
{
	struct chance *c = &w->chance;
	char local[32], remote[32];
	struct sighting s;
	struct verdict v;

	snprintf(local, sizeof local, "10.1.%u.%u", roll(c, DECIDER_SWITCHES), 1 + roll(c, 40));
	snprintf(remote, sizeof remote, "198.51.%u.%u", 100 + roll(c, 2), 1 + roll(c, 20));
	s = decider_sighting(&w->rig, local, remote, roll(c, DECIDER_SWITCHES));
	s.outbound = roll(c, 4) != 0;
	s.tcp_flags = (uint8_t)(roll(c, 8) == 0 ? 0x04 : roll(c, 6) == 0 ? 0x12 : 0x10);
	s.sampling_rate = 1u << roll(c, 20);
	s.merged = roll(c, 10) == 0 ? roll(c, 5) : 0;
	s.entries[0].feed = (uint16_t)roll(c, 3);
	if (roll(c, 3) == 0)
		s.entries[0].prefix = decider_prefix("198.51.100.0/22");
	s.inner = roll(c, 12) == 0;
	s.vni = roll(c, 12) == 0 ? 100 : 0;
	if (roll(c, 20) == 0)
		s.exporter = decider_addr("203.0.113.9");
	v = decider_decide(&w->rig, &s);
	if (v.code == RESULT_ALREADY)
		check_already(w, &v, &s);
	digest_verdict(w, &v);
	w->opened += v.code == RESULT_OK;
	w->refused += v.code >= RESULT_LIMIT_RULES && v.code <= RESULT_TOO_LARGE_FOR_CAPTURE;
}

/* One remote and neighbours of each other, more and more of them: a wide capture comes of it, and
 * one from outside of that. */
static void
do_scan(struct world *w)
{
	struct chance *c = &w->chance;
	unsigned leaf = roll(c, 7), step = 1 + roll(c, 4);
	char local[32], remote[32];

	snprintf(remote, sizeof remote, "198.51.102.%u", 1 + roll(c, 100));
	for (unsigned i = 0; i < 13; i++) {
		struct sighting s;
		struct verdict v;

		snprintf(local, sizeof local, "10.1.%u.%u", leaf + (i == 11), 1 + i % 12 * step);
		if (i == 12) {
			/* The first of them is seen again, and is somewhere else by now. */
			struct decide_host host = {.addr = decider_addr(local)};

			decide_hosts(w->rig.d, leaf + 1, &host, 1, false, w->rig.now);
		}
		s = decider_sighting(&w->rig, local, remote, leaf);
		s.sampling_rate = 1;
		v = decider_decide(&w->rig, &s);
		if (v.code == RESULT_ALREADY)
			check_already(w, &v, &s);
		digest_verdict(w, &v);
		w->widened += v.code == RESULT_OK && v.wide != VERDICT_PAIR;
		w->spread += v.code == RESULT_ALREADY && v.holder_count > 0;
	}
}

/* A report: true ones, lies, captures that nobody asked for. */
static void
do_report(struct world *w)
{
	struct chance *c = &w->chance;
	unsigned id = roll(c, DECIDER_SWITCHES);
	struct holding said[64];
	struct order orders[256];
	size_t count = decide_orders(w->rig.d, id, orders, 256, w->rig.now), n = 0;

	memset(said, 0, sizeof said);
	for (size_t i = 0; i < count && n < 60; i++) {
		if (roll(c, 8) == 0)
			continue;
		said[n].capture = orders[i].capture;
		said[n].hold = roll(c, 10) ? HOLD_MIRRORING : (enum hold)(1 + roll(c, 8));
		said[n].code = (uint16_t)(roll(c, 3) ? 0 : roll(c, 95));
		said[n].packets = roll(c, 20) ? roll(c, 1000) : UINT64_MAX - roll(c, 5);
		said[n].bytes = roll(c, 20) ? roll(c, 1000000) : UINT64_MAX - roll(c, 5);
		n++;
	}
	for (unsigned k = roll(c, 3); k > 0 && n < 64; k--) {
		said[n].capture = roll(c, 400);
		said[n++].hold = (enum hold)(1 + roll(c, 8));
	}
	if (roll(c, 3) == 0)
		decide_settled(w->rig.d, id, w->rig.now);
	decide_report(w->rig.d, id, said, n, roll(c, 2), roll(c, 60) == 0, w->rig.now);
}

static void
do_hosts(struct world *w)
{
	struct chance *c = &w->chance;
	struct decide_host hosts[4];
	char text[32];

	memset(hosts, 0, sizeof hosts);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(text, sizeof text, "10.1.%u.%u", roll(c, 8), 1 + roll(c, 40));
		hosts[i].addr = decider_addr(text);
		hosts[i].gone = roll(c, 3) == 0;
		hosts[i].vni = roll(c, 4) ? 0 : 100;
		if (roll(c, 8) == 0)
			memcpy(hosts[i].vrf, "red", 4);
	}
	decide_hosts(w->rig.d, roll(c, DECIDER_SWITCHES), hosts, 4, roll(c, 10) == 0, w->rig.now);
}

static enum result
some_delisted(void *user, const struct addr *remote, uint16_t port)
{
	(void)port;
	return roll(user, 4) == 0 && remote->bytes[3] % 2 ? RESULT_END_DELISTED : RESULT_OK;
}

static void
do_operator(struct world *w)
{
	struct chance *c = &w->chance;
	struct verdict v;
	uint64_t id = roll(c, 400);
	unsigned sw = roll(c, DECIDER_SWITCHES);
	char local[32];

	switch (roll(c, 7)) {
	case 0:
		decide_freeze(w->rig.d, roll(c, 3) == 0, "root", "", w->rig.now);
		break;
	case 1:
		decide_release(
		    w->rig.d, roll(c, 4) ? (int)sw : -1, roll(c, 3) == 0, "root", "", w->rig.now);
		break;
	case 2:
		decide_stop(w->rig.d, id, RESULT_END_OPERATOR, "root", w->rig.now);
		break;
	case 3:
		decide_extend(w->rig.d, id, 30 * CLK_S, w->rig.now);
		break;
	case 4:
		decide_rejudge(w->rig.d, some_delisted, c, w->rig.now);
		break;
	default: {
		struct addr a, b = decider_addr("198.51.100.99");
		struct decide_start start = {.analyser = roll(c, 2) ? "" : "two",
		    .who = "root",
		    .why = "",
		    .max_bps = roll(c, 3) ? 0 : 10000000,
		    .everywhere = roll(c, 5) == 0,
		    .switches = &sw,
		    .switch_count = roll(c, 3) == 0};

		snprintf(local, sizeof local, "10.1.%u.%u", roll(c, 8), 1 + roll(c, 40));
		a = decider_addr(local);
		start.filter = filter_hosts(&a, &b);
		if (roll(c, 3) == 0)
			start.filter.b = prefix_make(&b, roll(c, 2) * 24);
		decide_start(w->rig.d, &start, roll(c, 5) == 0, w->rig.now, &v, &id);
		digest_verdict(w, &v);
		break;
	}
	}
}

static void
do_reload(struct world *w)
{
	struct chance *c = &w->chance;
	struct policy_switch moved = w->rig.switches[0];

	/* The first goes to the end; now and then the last is left out. */
	memmove(&w->rig.switches[0], &w->rig.switches[1], 7 * sizeof moved);
	w->rig.switches[7] = moved;
	memmove(&w->connected[0], &w->connected[1], 7 * sizeof *w->connected);
	w->connected[7] = false;
	if (roll(c, 3) == 0) {
		w->rig.conf.switch_count = 7;
		decider_reload(&w->rig);
		w->rig.conf.switch_count = 8;
	}
	if (roll(c, 4) == 0) {
		w->rig.conf.analyser_count = 1;
		decider_reload(&w->rig);
		w->rig.conf.analyser_count = 2;
	}
	decider_reload(&w->rig);
}

static void
step(struct world *w)
{
	struct chance *c = &w->chance;
	unsigned id = roll(c, DECIDER_SWITCHES);

	switch (roll(c, 24)) {
	case 0:
		if (w->connected[id])
			decide_gone(w->rig.d, id, w->rig.now);
		else
			decider_connect(&w->rig, id);
		w->connected[id] = !w->connected[id];
		break;
	case 1:
		decider_connect(&w->rig, id); /* flaps */
		w->connected[id] = true;
		break;
	case 2:
	case 3:
	case 4:
		do_report(w);
		break;
	case 5:
		do_operator(w);
		break;
	case 6:
		do_hosts(w);
		break;
	case 7:
		if (roll(c, 20) == 0)
			do_reload(w);
		else if (roll(c, 20) == 0) {
			decider_restart(&w->rig);
			memset(w->connected, 0, sizeof w->connected);
		}
		break;
	case 8:
	case 9:
	case 10:
		w->rig.now = clk_add(w->rig.now, (int64_t)roll(c, 2000) * CLK_MS);
		decide_tick(w->rig.d, w->rig.now);
		break;
	case 12:
		if (roll(c, 4) == 0)
			do_scan(w);
		break;
	case 11:
		/* A clock that goes back: it never should, and nothing must break. */
		if (roll(c, 40) != 0)
			break;
		w->stepped = clk_add(w->rig.now, 60 * CLK_S);
		w->rig.now = clk_add(w->rig.now, -5 * CLK_S);
		break;
	default:
		do_sighting(w);
		break;
	}
}

/* ---- what must hold ---- */

static void
check_orders(struct world *w)
{
	struct order orders[256];

	for (unsigned id = 0; id < DECIDER_SWITCHES; id++) {
		size_t n = decide_orders(w->rig.d, id, orders, 256, w->rig.now);
		unsigned rules = 0;

		for (size_t i = 0; i < n; i++) {
			const struct decide_capture *c = decide_find(w->rig.d, orders[i].capture);
			bool held = false;

			assert_non_null(c);
			assert_true(life_is_live(c->state));
			assert_null(filter_check(&orders[i].filter, NULL));
			for (unsigned k = 0; k < c->holder_count; k++)
				held = held || (c->holders[k].id == id && c->holders[k].wanted &&
						   !c->holders[k].gone);
			assert_true(held);
			rules += filter_rules(&orders[i].filter);
		}
		assert_true(rules <= decide_switch_rules(w->rig.d, id));
		assert_true(decide_switch_rules(w->rig.d, id) <= RULES);
	}
}

static void
check_captures(struct world *w)
{
	unsigned live = 0, held[DECIDER_SWITCHES] = {0}, wanted[DECIDER_SWITCHES] = {0};
	const struct decide_capture *c = NULL;
	struct decide_stats stats;
	uint64_t last = 0, bps = 0;
	bool sessions[1024] = {false};

	while ((c = decide_next(w->rig.d, false, last)) != NULL) {
		assert_true(c->id > last);
		last = c->id;
		live++;
		assert_false(life_is_over(c->state));
		assert_false(sessions[c->analyser.session]);
		sessions[c->analyser.session] = true;
		if (life_is_live(c->state))
			bps += c->est_bps;
		for (unsigned k = 0; k < c->holder_count; k++) {
			const struct decide_holder *h = &c->holders[k];

			if (!life_is_live(c->state))
				assert_false(h->wanted);
			if (h->gone)
				continue;
			assert_true(h->id < DECIDER_SWITCHES);
			held[h->id]++;
			wanted[h->id] += h->wanted;
		}
	}
	decide_stats(w->rig.d, w->rig.now, &stats);
	assert_int_equal(stats.live, live);
	assert_true(live <= CAPTURES);
	if (!clk_before(w->rig.now, w->stepped))
		assert_true(stats.starts_minute <= STARTS);
	assert_true(stats.est_bps == bps);
	assert_true(stats.conversations <= 100);
	assert_true(stats.over <= 30);
	for (unsigned id = 0; id < DECIDER_SWITCHES; id++) {
		assert_int_equal(decide_switch_captures(w->rig.d, id), held[id]);
		(void)wanted;
	}
	for (last = 0; (c = decide_next(w->rig.d, true, last)) != NULL; last = c->id) {
		assert_true(c->id > last);
		assert_true(life_is_over(c->state));
		for (unsigned k = 0; k < c->holder_count; k++)
			assert_true(c->holders[k].gone && !c->holders[k].wanted);
	}
}

/* Starts within any minute, from the events: a restored or moved capture is no start. */
static void
check_bandwidth(struct world *w)
{
	const struct decide_capture *c = NULL;
	uint64_t bps[2] = {0}, last = 0;

	decide_tick(w->rig.d, w->rig.now);
	while ((c = decide_next(w->rig.d, false, last)) != NULL) {
		last = c->id;
		if (life_is_live(c->state))
			bps[strcmp(c->analyser_name, "two") == 0] += c->est_bps;
	}
	assert_true(bps[0] <= HARD);
	assert_true(bps[1] <= HARD);
}

struct sum {
	unsigned opened, widened, spread;
};

static uint64_t
run(uint64_t seed, bool check, struct sum *sum)
{
	struct world *w = calloc(1, sizeof *w);
	uint64_t result;

	assert_non_null(w);
	w->chance.x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	w->digest = seed;
	decider_new(&w->rig, tight);
	for (unsigned i = 0; i < DECIDER_SWITCHES; i++)
		w->connected[i] = true;
	for (unsigned i = 0; i < STEPS; i++) {
		step(w);
		if (!check)
			continue;
		check_orders(w);
		check_captures(w);
		if (i % 16 == 0)
			check_bandwidth(w);
	}
	/* Nobody wants anything any more: whoever is there says so, the rest fall silent. */
	for (const struct decide_capture *c; (c = decide_next(w->rig.d, false, 0)) != NULL;) {
		uint64_t id = 0;

		while ((c = decide_next(w->rig.d, false, id)) != NULL) {
			id = c->id;
			if (life_is_live(c->state))
				decide_stop(w->rig.d, id, RESULT_END_OPERATOR, "root", w->rig.now);
		}
		for (unsigned k = 0; k < DECIDER_SWITCHES; k++)
			if (k % 2)
				decide_gone(w->rig.d, k, w->rig.now);
		decider_obey(&w->rig, HOLD_MIRRORING);
		for (unsigned k = 0; k < DECIDER_SWITCHES; k++)
			decide_gone(w->rig.d, k, w->rig.now);
		w->rig.now = clk_add(w->rig.now, 30 * CLK_S);
		decide_tick(w->rig.d, w->rig.now);
		assert_null(decide_next(w->rig.d, false, 0));
	}
	for (unsigned k = 0; k < DECIDER_SWITCHES; k++) {
		assert_int_equal(decide_switch_rules(w->rig.d, k), 0);
		assert_int_equal(decide_switch_captures(w->rig.d, k), 0);
	}
	digest(w, w->rig.events, sizeof w->rig.events);
	sum->opened += w->opened;
	sum->widened += w->widened;
	sum->spread += w->spread;
	result = w->digest;
	decider_free(&w->rig);
	free(w);
	return result;
}

static void
no_sequence_exceeds_a_limit_or_leaks(void **state)
{
	struct sum sum = {.opened = 0};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed, true, &sum);
	/* A property of nothing would hold as well. */
	printf("# %u opened, %u wide, %u spread\n", sum.opened, sum.widened, sum.spread);
	assert_true(sum.opened > SEEDS * 20 && sum.widened > SEEDS && sum.spread > SEEDS / 2);
}

static void
the_same_sequence_gives_the_same(void **state)
{
	struct sum sum = {.opened = 0};

	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++)
		assert_true(run(seed, false, &sum) == run(seed, false, &sum));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_sequence_exceeds_a_limit_or_leaks),
	    cmocka_unit_test(the_same_sequence_gives_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
