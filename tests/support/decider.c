/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/decider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "decider: %s\n", what);
	abort();
}

struct addr
decider_addr(const char *text)
{
	struct addr addr = {.family = 0};

	must(addr_parse(text, &addr) == 0, text);
	return addr;
}

struct prefix
decider_prefix(const char *text)
{
	struct prefix prefix;

	must(prefix_parse(text, &prefix, NULL) == 0, text);
	return prefix;
}

static void
on_event(void *user, struct instant now, const struct decide_event *event)
{
	struct decider *rig = user;
	struct decider_event *e = &rig->events[rig->event_count++ % DECIDER_EVENTS];

	memset(e, 0, sizeof *e);
	snprintf(e->kind, sizeof e->kind, "%s", event->kind);
	snprintf(e->text, sizeof e->text, "%s", event->text != NULL ? event->text : "");
	snprintf(e->name, sizeof e->name, "%s", event->name != NULL ? event->name : "");
	if (event->sighting != NULL)
		e->local = event->sighting->local;
	e->capture = event->capture != NULL ? event->capture->id : 0;
	e->from = event->from;
	e->to = event->to;
	e->code = event->code;
	e->when = now;
}

static void
preset(struct decider *rig)
{
	struct policy *p = &rig->policies[0];

	*p = (struct policy){.name = "all",
	    .match_ports = true,
	    .samples = 1,
	    .window_ns = 600 * CLK_S,
	    .duration_ns = 600 * CLK_S,
	    .idle_ns = 0,
	    .max_bps = 0,
	    .priority = 10,
	    .cooldowns = {600 * CLK_S, 3600 * CLK_S, 86400 * CLK_S},
	    .cooldown_count = 3};
	for (unsigned i = 0; i < DECIDER_SWITCHES; i++) {
		struct policy_switch *sw = &rig->switches[i];
		char text[64];

		snprintf(sw->name, sizeof sw->name, "leaf%u", i);
		snprintf(text, sizeof text, "10.255.0.%u", i);
		sw->exporters[0] = decider_addr(text);
		sw->exporter_count = 1;
		snprintf(text, sizeof text, "10.1.%u.0/24", i);
		sw->hosts[0] = decider_prefix(text);
		sw->host_count = 1;
	}
	rig->analysers[0] = (struct policy_analyser){.name = "one",
	    .addr = decider_addr("192.0.2.50"),
	    .erspan_type = 2,
	    .ttl = 64,
	    .hard_bps = 1000000000};
	rig->analysers[1] = rig->analysers[0];
	snprintf(rig->analysers[1].name, sizeof rig->analysers[1].name, "two");
	rig->analysers[1].addr = decider_addr("192.0.2.51");
	rig->conf = (struct policy_conf){.policies = rig->policies,
	    .policy_count = 1,
	    .switches = rig->switches,
	    .switch_count = DECIDER_SWITCHES,
	    .analysers = rig->analysers,
	    .analyser_count = 2,
	    .never = rig->never,
	    .limits = {.captures = 200,
		.starts_minute = 100,
		.conversations = 1000,
		.history = 100,
		.lease_ms = 60000,
		.soft_priority = 50,
		.len4 = 24,
		.len6 = 64,
		.manual_ns = 600 * CLK_S}};
}

struct decide_agent
decider_agent(void)
{
	static const struct decide_port ports[] = {{7, "swp5"}, {8, "not a name"}};

	return (struct decide_agent){.can4 = true,
	    .can6 = true,
	    .rules_max = 400,
	    .len4 = 24,
	    .len6 = 64,
	    .ports = ports,
	    .port_count = 2};
}

void
decider_connect(struct decider *rig, unsigned id)
{
	struct decide_agent agent = decider_agent();

	decide_connected(rig->d, id, &agent, rig->now);
}

static const struct decide_sink sink = {on_event};

static int
by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct decide_capture *)a)->id,
		 y = ((const struct decide_capture *)b)->id;

	return x < y ? -1 : x > y;
}

void
decider_restart(struct decider *rig)
{
	struct decide_capture *kept = calloc(2048, sizeof *kept);
	const struct decide_capture *c;
	uint64_t last = 0, next = 1;
	size_t n = 0;

	must(kept != NULL, "no memory");
	for (int over = 0; over < 2; over++)
		for (last = 0; n < 2048 && (c = decide_next(rig->d, over, last)) != NULL;) {
			last = c->id;
			next = last >= next ? last + 1 : next;
			kept[n] = *c;
			/* Nothing is believed of a state before a switch has said so. */
			if (life_is_live(c->state))
				kept[n].state = LIFE_REQUESTED;
			for (unsigned i = 0; i < c->holder_count; i++)
				kept[n].holders[i].told = kept[n].holders[i].settled = false;
			n++;
		}
	/* As the store gives them: the oldest first. */
	qsort(kept, n, sizeof *kept, by_id);
	decide_free(&rig->d);
	must(decide_new(&rig->conf, next, &sink, rig, &rig->d) == 0, "no memory");
	decide_feed(rig->d, 0, "drop");
	decide_feed(rig->d, 1, "feodo");
	for (size_t i = 0; i < n; i++)
		must(decide_restore(rig->d, &kept[i]) == 0, "a capture is not restored");
	free(kept);
}

void
decider_new(struct decider *rig, void (*change)(struct decider *rig))
{

	memset(rig, 0, sizeof *rig);
	rig->now = (struct instant){1000 * CLK_S};
	preset(rig);
	if (change != NULL)
		change(rig);
	must(decide_new(&rig->conf, 1, &sink, rig, &rig->d) == 0, "no memory");
	decide_feed(rig->d, 0, "drop");
	decide_feed(rig->d, 1, "feodo");
	for (unsigned i = 0; i < rig->conf.switch_count; i++)
		decider_connect(rig, i);
}

void
decider_free(struct decider *rig)
{
	decide_free(&rig->d);
}

struct decider *
decider_make(void (*change)(struct decider *rig))
{
	struct decider *rig = malloc(sizeof *rig);

	must(rig != NULL, "no memory");
	decider_new(rig, change);
	return rig;
}

void
decider_done(struct decider *rig)
{
	decider_free(rig);
	free(rig);
}

void
decider_reload(struct decider *rig)
{
	must(decide_reload(rig->d, &rig->conf, rig->now) == 0, "no memory");
}

struct sighting
decider_sighting(struct decider *rig, const char *local, const char *remote, unsigned seen)
{
	struct sighting s;
	char exporter[32];

	memset(&s, 0, sizeof s);
	snprintf(exporter, sizeof exporter, "10.255.0.%u", seen);
	s.when = rig->now;
	s.exporter = s.from = decider_addr(exporter);
	s.sampling_rate = 1000;
	s.frame_length = 1500;
	s.input = 7;
	s.local = decider_addr(local);
	s.remote = decider_addr(remote);
	s.local_port = 40000;
	s.remote_port = 443;
	s.proto = 6;
	s.tcp_flags = 0x10;
	s.has_ports = s.outbound = true;
	s.entry_count = 1;
	s.entries[0] = (struct sighting_entry){.prefix = prefix_make(&s.remote, 128), .line = 7};
	return s;
}

struct verdict
decider_decide(struct decider *rig, const struct sighting *sighting)
{
	struct verdict before, v;

	decide_explain(rig->d, sighting, rig->now, &before);
	decide_sighting(rig->d, sighting, rig->now, &v);
	if (!verdict_same(&before, &v)) {
		fprintf(stderr, "explain: %s %s\ndecided: %s %s\n", result_name((int)before.code),
		    verdict_text(&before), result_name((int)v.code), verdict_text(&v));
		abort();
	}
	return v;
}

struct verdict
decider_see(struct decider *rig, const char *local, const char *remote, unsigned seen)
{
	struct sighting s = decider_sighting(rig, local, remote, seen);

	return decider_decide(rig, &s);
}

void
decider_pass(struct decider *rig, int64_t ns)
{
	/* Long times in longer steps: nothing in there needs more than a few a second. */
	int64_t step = ns > 600 * CLK_S ? ns / 600 : CLK_S;
	struct instant until = clk_add(rig->now, ns);

	while (clk_before(rig->now, until)) {
		rig->now = clk_add(rig->now, step);
		if (clk_before(until, rig->now))
			rig->now = until;
		decide_tick(rig->d, rig->now);
	}
}

size_t
decider_orders(struct decider *rig, unsigned id, struct order *orders, size_t max)
{
	return decide_orders(rig->d, id, orders, max, rig->now);
}

static bool
ordered(const struct order *orders, size_t count, uint64_t capture)
{
	for (size_t i = 0; i < count; i++)
		if (orders[i].capture == capture)
			return true;
	return false;
}

void
decider_obey(struct decider *rig, enum hold hold)
{
	static struct order orders[1024];
	static struct holding said[2048];
	unsigned id;

	while (decide_changed(rig->d, &id))
		;
	for (id = 0; id < rig->conf.switch_count; id++) {
		size_t count = decide_orders(rig->d, id, orders, 1024, rig->now), n = 0;

		for (size_t i = 0; i < rig->order_count[id]; i++)
			if (!ordered(orders, count, rig->orders[id][i].capture))
				said[n++] = (struct holding){
				    .capture = rig->orders[id][i].capture, .hold = HOLD_ENDED};
		for (size_t i = 0; i < count; i++)
			said[n++] = (struct holding){.capture = orders[i].capture,
			    .hold = hold,
			    .rules = 2,
			    .packets = rig->packets[id],
			    .bytes = rig->bytes[id]};
		memcpy(rig->orders[id], orders, count * sizeof *orders);
		rig->order_count[id] = count;
		decide_settled(rig->d, id, rig->now);
		decide_report(rig->d, id, said, n, true, false, rig->now);
	}
}

void
decider_say(
    struct decider *rig, unsigned id, uint64_t capture, enum hold hold, int code, const char *text)
{
	struct holding said = {.capture = capture,
	    .hold = hold,
	    .code = (uint16_t)code,
	    .rules = 2,
	    .packets = rig->packets[id],
	    .bytes = rig->bytes[id]};

	snprintf(said.text, sizeof said.text, "%s", text);
	decide_report(rig->d, id, &said, 1, false, false, rig->now);
}

const struct decider_event *
decider_event(const struct decider *rig, const char *kind)
{
	size_t kept = rig->event_count < DECIDER_EVENTS ? rig->event_count : DECIDER_EVENTS;

	for (size_t i = 1; i <= kept; i++) {
		const struct decider_event *e =
		    &rig->events[(rig->event_count - i) % DECIDER_EVENTS];

		if (strcmp(e->kind, kind) == 0)
			return e;
	}
	return NULL;
}

size_t
decider_events(const struct decider *rig, const char *kind)
{
	size_t kept = rig->event_count < DECIDER_EVENTS ? rig->event_count : DECIDER_EVENTS, n = 0;

	for (size_t i = 0; i < kept; i++)
		n += strcmp(rig->events[i].kind, kind) == 0;
	return n;
}

const struct decide_capture *
decider_only(const struct decider *rig)
{
	const struct decide_capture *c = decide_next(rig->d, false, 0);

	return c != NULL && decide_next(rig->d, false, c->id) == NULL ? c : NULL;
}

const char *
decider_held(const struct verdict *v)
{
	static char text[256];
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < v->holder_count; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%u%s", i > 0 ? " " : "",
		    v->holders[i],
		    v->shares[i].way == VERDICT_THERE  ? ">"
		    : v->shares[i].way == VERDICT_BACK ? "<"
						       : "");
	return text;
}

const char *
decider_wanted(const struct decide_capture *c)
{
	static char text[256];
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < c->holder_count; i++)
		if (c->holders[i].wanted)
			n += (size_t)snprintf(
			    text + n, sizeof text - n, "%s%u", n > 0 ? " " : "", c->holders[i].id);
	return text;
}
