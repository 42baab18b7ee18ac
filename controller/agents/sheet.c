/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/agents/sheet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/agents/agents.h"

static void
set_free(struct sheet_set *set)
{
	free(set->orders);
	*set = (struct sheet_set){.orders = NULL};
}

void
sheet_done(struct sheet *sheet)
{
	set_free(&sheet->next);
	set_free(&sheet->told);
	memset(sheet, 0, sizeof *sheet);
}

void
sheet_restart(struct sheet *sheet)
{
	set_free(&sheet->told);
	sheet->generation = sheet->acked = 0;
	sheet->changed = sheet->known;
}

static int
by_capture(const void *a, const void *b)
{
	uint64_t x = ((const struct order *)a)->capture, y = ((const struct order *)b)->capture;

	return x < y ? -1 : x > y;
}

/* All but the times: those run by themselves on the switch. An end that appears, goes or moves is a
 * change. */
static bool
order_same(const struct order *a, int64_t a_end, const struct order *b, int64_t b_end)
{
	int64_t drift = a_end - b_end;

	return a->capture == b->capture && filter_equal(&a->filter, &b->filter) &&
	       addr_equal(&a->analyser.addr, &b->analyser.addr) &&
	       a->analyser.session == b->analyser.session &&
	       a->analyser.erspan_type == b->analyser.erspan_type &&
	       a->analyser.ttl == b->analyser.ttl && a->max_bps == b->max_bps &&
	       a->max_packets == b->max_packets && a->max_bytes == b->max_bytes &&
	       !a->remaining_ms == !b->remaining_ms &&
	       (!a->remaining_ms || (drift < CLK_S && drift > -CLK_S));
}

static bool
set_same(const struct sheet_set *a, const struct sheet_set *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!order_same(&a->orders[i], a->at.ns + a->orders[i].remaining_ms * CLK_MS,
			&b->orders[i], b->at.ns + b->orders[i].remaining_ms * CLK_MS))
			return false;
	return true;
}

static int
set_copy(const struct order *orders, size_t count, struct instant at, struct sheet_set *ret_set)
{
	struct sheet_set set = {.count = count, .at = at};

	set.orders = calloc(count ? count : 1, sizeof *set.orders);
	if (!set.orders)
		return -ENOMEM;
	if (count)
		memcpy(set.orders, orders, count * sizeof *orders);
	*ret_set = set;
	return 0;
}

int
sheet_want(struct sheet *sheet, const struct order *orders, size_t count, uint32_t lease_ms,
    struct instant now)
{
	struct sheet_set set;
	bool first = !sheet->known, same;

	if (count > AGENTS_ORDERS_MAX)
		return -E2BIG;
	if (set_copy(orders, count, now, &set) < 0)
		return -ENOMEM;
	qsort(set.orders, count, sizeof *set.orders, by_capture);
	for (size_t i = 0; i < count; i++)
		if (set.orders[i].capture == 0 ||
		    (i > 0 && set.orders[i].capture == set.orders[i - 1].capture)) {
			set_free(&set);
			return -EINVAL;
		}
	same = !first && set_same(&set, &sheet->next);
	set_free(&sheet->next);
	sheet->next = set;
	sheet->known = true;
	sheet->lease_ms = lease_ms;
	if (!same)
		sheet->changed = sheet->generation == 0 || !set_same(&sheet->next, &sheet->told);
	return !same;
}

bool
sheet_ack(struct sheet *sheet, uint64_t generation)
{
	if (generation != sheet->generation || generation == sheet->acked || generation == 0)
		return false;
	sheet->acked = generation;
	return true;
}

bool
sheet_waits(const struct sheet *sheet)
{
	return sheet->known && (sheet->generation != sheet->acked || sheet->changed);
}

/* The wish becomes what is told. False when memory ran out: the old stands, the next poll tries
 * again. */
static bool
advance(struct sheet *sheet)
{
	struct sheet_set set;

	if (set_copy(sheet->next.orders, sheet->next.count, sheet->next.at, &set) < 0)
		return false;
	set_free(&sheet->told);
	sheet->told = set;
	sheet->generation++;
	sheet->changed = false;
	return true;
}

/* Both clocks' view: remaining from now, plus what the poll has been waiting, counts from when the
 * poll was sent. */
static uint32_t
from_poll(int64_t remaining_ns, int64_t held_ns)
{
	int64_t ms = (remaining_ns + held_ns) / CLK_MS;

	return ms < 1 ? 1 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void
fill_page(const struct sheet *sheet, uint32_t page, uint32_t most, int64_t held_ns,
    struct instant now, struct agent_reply *reply)
{
	size_t begin = (size_t)page * most, end = begin + most;

	if (end > sheet->told.count)
		end = sheet->told.count;
	for (size_t i = begin; i < end; i++) {
		struct order *order = &reply->orders[reply->order_count++];

		*order = sheet->told.orders[i];
		if (order->remaining_ms)
			order->remaining_ms = from_poll(
			    order->remaining_ms * CLK_MS - clk_diff(now, sheet->told.at), held_ns);
	}
	reply->page = page;
	reply->last_page = end >= sheet->told.count;
}

void
sheet_reply(struct sheet *sheet, uint64_t assembling, uint32_t next_page, uint32_t most,
    int64_t held_ns, struct instant now, struct agent_reply *ret_reply)
{
	struct agent_reply *reply = ret_reply;
	uint32_t page = 0;

	reply->order_count = 0;
	reply->kind = AGENT_REPLY_QUIET;
	if (!sheet->known)
		return;
	if (sheet->generation == sheet->acked && sheet->changed && !advance(sheet))
		return;
	reply->generation = sheet->generation;
	reply->lease_ms = from_poll(sheet->lease_ms * CLK_MS, held_ns);
	if (sheet->generation == sheet->acked) {
		reply->kind = AGENT_REPLY_RENEW;
		return;
	}
	if (assembling == sheet->generation && (size_t)next_page * most < sheet->told.count)
		page = next_page;
	reply->kind = AGENT_REPLY_PAGE;
	fill_page(sheet, page, most, held_ns, now, reply);
}
