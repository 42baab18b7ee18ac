/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/main/desired.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
desired_init(struct desired *desired)
{
	memset(desired, 0, sizeof *desired);
}

void
desired_done(struct desired *desired)
{
	free(desired->orders);
	memset(desired, 0, sizeof *desired);
}

void
desired_reset(struct desired *desired)
{
	desired->generation = 0;
	desired->next_page = 0;
	desired->whole = false;
	desired->count = 0;
}

static int
by_capture(const void *a, const void *b)
{
	uint64_t x = ((const struct order *)a)->capture, y = ((const struct order *)b)->capture;

	return x < y ? -1 : x > y;
}

static int
append(struct desired *desired, const struct agent_reply *page)
{
	size_t count = desired->count + page->order_count;

	if (count > DESIRED_MAX)
		return -E2BIG;
	if (count > desired->room) {
		size_t room = count < 64 ? 64 : count * 2;
		struct order *orders = reallocarray(desired->orders, room, sizeof *orders);

		if (!orders)
			return -ENOMEM;
		desired->orders = orders;
		desired->room = room;
	}
	if (page->order_count)
		memcpy(&desired->orders[desired->count], page->orders,
		    page->order_count * sizeof *page->orders);
	desired->count = count;
	return 0;
}

/* Times of earlier pages counted from earlier polls: what passed since is taken off. */
static void
age(struct desired *desired, int64_t ns)
{
	uint64_t ms = ns > 0 ? (uint64_t)(ns / CLK_MS) : 0;

	for (size_t i = 0; i < desired->count; i++) {
		struct order *order = &desired->orders[i];

		if (order->remaining_ms)
			order->remaining_ms =
			    order->remaining_ms > ms ? order->remaining_ms - (uint32_t)ms : 1;
	}
}

int
desired_page(struct desired *desired, const struct agent_reply *page, struct instant since)
{
	int r;

	if (page->generation == 0 || page->generation < desired->generation)
		return 0;
	if (page->generation != desired->generation) {
		desired_reset(desired);
		desired->generation = page->generation;
	} else if (desired->whole) {
		return 0;
	}
	if (page->page != desired->next_page)
		return 0;
	if (desired->next_page > 0)
		age(desired, clk_diff(since, desired->since));
	r = append(desired, page);
	if (r < 0) {
		desired_reset(desired);
		return r;
	}
	desired->since = since;
	desired->lease_ms = page->lease_ms;
	desired->next_page++;
	if (!page->last_page)
		return 0;
	if (desired->count > 1)
		qsort(desired->orders, desired->count, sizeof *desired->orders, by_capture);
	for (size_t i = 1; i < desired->count; i++)
		if (desired->orders[i].capture == desired->orders[i - 1].capture) {
			desired_reset(desired);
			return -EBADMSG;
		}
	desired->whole = true;
	return 1;
}
