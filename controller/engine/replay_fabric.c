/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/engine/replay_fabric.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ORDERS_MAX 4096
#define SAID_MAX 256

void
replay_fabric_begin(struct replay_fabric *f, struct decide *decide,
    const struct policy_switch *switches, size_t count, struct instant now)
{
	memset(f, 0, sizeof *f);
	f->switch_count = count;
	for (unsigned id = 0; id < count; id++) {
		struct decide_agent agent = {.can4 = true,
		    .can6 = true,
		    .addrs = switches[id].exporters,
		    .addr_count = switches[id].exporter_count};

		decide_connected(decide, id, &agent, now);
	}
}

void
replay_fabric_done(struct replay_fabric *f)
{
	free(f->held);
	memset(f, 0, sizeof *f);
}

static bool
matches(const struct filter *filter, const struct sighting *s)
{
	struct filter_match rules[FILTER_RULES_MAX];
	unsigned count = filter_expand(filter, rules);
	const struct addr *src = s->outbound ? &s->local : &s->remote;
	const struct addr *dst = s->outbound ? &s->remote : &s->local;

	for (unsigned i = 0; i < count; i++)
		if (prefix_contains(&rules[i].src, src) && prefix_contains(&rules[i].dst, dst))
			return true;
	return false;
}

void
replay_fabric_sample(struct replay_fabric *f, const struct sighting *s)
{
	for (size_t i = 0; i < f->count; i++) {
		struct replay_held *h = &f->held[i];

		if (!matches(&h->filter, s))
			continue;
		h->packets += s->sampling_rate;
		h->bytes += (uint64_t)s->sampling_rate * s->frame_length;
	}
}

static struct replay_held *
find(struct replay_fabric *f, unsigned id, uint64_t capture)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->held[i].id == id && f->held[i].capture == capture)
			return &f->held[i];
	return NULL;
}

static int
take(struct replay_fabric *f, unsigned id, const struct order *order)
{
	struct replay_held *h = find(f, id, order->capture);

	if (h == NULL) {
		if (f->count == f->room) {
			size_t room = f->room > 0 ? f->room * 2 : 64;
			struct replay_held *held = realloc(f->held, room * sizeof *held);

			if (held == NULL)
				return -ENOMEM;
			f->held = held;
			f->room = room;
		}
		h = &f->held[f->count++];
		*h = (struct replay_held){.capture = order->capture, .id = id};
	}
	h->ordered = true;
	h->filter = order->filter;
	return 0;
}

/* What switch `id` says: of what it holds, and of what it dropped because it was told to. As an
 * agent does, in so many messages as it takes. */
static void
say(struct replay_fabric *f, struct decide *decide, unsigned id, struct instant now)
{
	struct holding said[SAID_MAX];
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++) {
		const struct replay_held *h = &f->held[i];

		if (h->id != id)
			continue;
		if (n == SAID_MAX) {
			decide_report(decide, id, said, n, false, false, now);
			n = 0;
		}
		said[n++] = (struct holding){.capture = h->capture,
		    .hold = !h->ordered      ? HOLD_ENDED
			    : h->packets > 0 ? HOLD_MIRRORING
					     : HOLD_IN_KERNEL,
		    .rules = (uint8_t)filter_rules(&h->filter),
		    .packets = h->packets,
		    .bytes = h->bytes};
	}
	decide_report(decide, id, said, n, false, false, now);
	for (size_t i = f->count; i-- > 0;)
		if (f->held[i].id == id && !f->held[i].ordered)
			memmove(&f->held[i], &f->held[i + 1], (--f->count - i) * sizeof *f->held);
}

int
replay_fabric_obey(struct replay_fabric *f, struct decide *decide, struct instant now)
{
	struct order *orders = NULL;
	unsigned id;
	int r = 0;

	/* What a report brings about may change orders again. */
	while (r == 0 && decide_changed(decide, &id)) {
		size_t count;

		if (orders == NULL)
			orders = calloc(ORDERS_MAX, sizeof *orders);
		if (orders == NULL)
			return -ENOMEM;
		count = decide_orders(decide, id, orders, ORDERS_MAX, now);
		for (size_t i = 0; i < f->count; i++)
			if (f->held[i].id == id)
				f->held[i].ordered = false;
		for (size_t i = 0; i < count && r == 0; i++)
			r = take(f, id, &orders[i]);
		decide_settled(decide, id, now);
		say(f, decide, id, now);
	}
	free(orders);
	return r;
}

void
replay_fabric_report(struct replay_fabric *f, struct decide *decide, struct instant now)
{
	for (unsigned id = 0; id < f->switch_count; id++) {
		bool holds = false;

		for (size_t i = 0; i < f->count && !holds; i++)
			holds = f->held[i].id == id;
		if (holds)
			say(f, decide, id, now);
	}
}
