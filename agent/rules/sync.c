/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/sync.h"

#include <stdio.h>
#include <string.h>

#include "common/base/result.h"

#define RETRY_FIRST_NS CLK_S
#define RETRY_MOST_NS (8 * CLK_S)

void
sync_init(struct sync *sync, bool on, uint32_t floor_ms)
{
	*sync = (struct sync){.on = on, .floor_ns = floor_ms * CLK_MS};
}

static bool
removals(const struct sync *sync, const struct held_set *set)
{
	if (sync->orphans)
		return true;
	for (const struct held *held = set->head; held; held = held->hh.next)
		if (!held->wanted && held->in_hw)
			return true;
	return false;
}

bool
sync_due(const struct sync *sync, const struct held_set *set, struct instant *ret_at)
{
	if (!sync->on || !sync->needed || sync->running)
		return false;
	*ret_at = sync->retry_at;
	if (sync->last.ns && !removals(sync, set)) {
		struct instant floor = clk_add(sync->last, sync->floor_ns);
		if (clk_before(*ret_at, floor))
			*ret_at = floor;
	}
	return true;
}

bool
sync_adds_from(const struct sync *sync, struct instant *ret_at)
{
	*ret_at = (struct instant){0};
	if (!sync->on)
		return true;
	if (sync->running || sync->blocked)
		return false;
	if (sync->last.ns)
		*ret_at = clk_add(sync->last, sync->floor_ns);
	return true;
}

void
sync_begin(struct sync *sync, struct held_set *set, struct instant now)
{
	sync->running = true;
	sync->needed = false;
	sync->last = now;
	sync->syncs++;
	for (struct held *held = set->head; held; held = held->hh.next) {
		held->in_sync = held->placed;
		/* From here on, whatever the verdict. */
		held->in_hw |= held->placed;
	}
}

static void
end_good(struct sync *sync, struct held_set *set)
{
	sync->orphans = false;
	sync->retry_ns = 0;
	sync->retry_at = (struct instant){0};
	for (struct held *held = set->head; held; held = held->hh.next) {
		if (!held->in_sync) {
			held->in_hw = false;
			continue;
		}
		held->in_sync = false;
		if (!held->wanted || held->hold != HOLD_IN_KERNEL)
			continue;
		held->synced = true;
		held_in_force(held, HOLD_IN_HARDWARE);
	}
	/* What is stuck still is so when it was not out of this sync. */
	for (const struct held *held = set->head; held; held = held->hh.next)
		if (held->hold == HOLD_STUCK && held->in_hw)
			return;
	sync->blocked = false;
}

/* What was being added goes; true when there was any. */
static bool
take_out(struct held_set *set, const char *text)
{
	bool any = false;

	for (struct held *held = set->head; held; held = held->hh.next)
		if (held->in_sync && held->wanted && !held->synced) {
			held_fail(held, RESULT_HARDWARE, text);
			any = true;
		}
	return any;
}

/* True when the sync that ended was to take something out of the hardware. */
static bool
was_to_remove(const struct sync *sync, const struct held_set *set)
{
	if (sync->orphans)
		return true;
	for (const struct held *held = set->head; held; held = held->hh.next)
		if (!held->wanted && held->in_hw && !held->in_sync)
			return true;
	return false;
}

static void
stick(struct sync *sync, struct held_set *set, struct instant now, const char *text)
{
	unsigned before = sync_stuck(set);

	for (struct held *held = set->head; held; held = held->hh.next) {
		if (held->wanted || !held->in_hw || held->in_sync)
			continue;
		held->hold = HOLD_STUCK;
		held->code = RESULT_STUCK;
		held->dirty = true;
		snprintf(held->text, sizeof held->text, "%.*s", (int)sizeof held->text - 1, text);
	}
	/* Not anew at each retry: an operator may have said go on with those. */
	if (sync->retry_ns == 0 || sync_stuck(set) > before)
		sync->blocked = true;
	snprintf(sync->text, sizeof sync->text, "%.*s", (int)sizeof sync->text - 1, text);
	sync->retry_ns = sync->retry_ns ? sync->retry_ns * 2 : RETRY_FIRST_NS;
	if (sync->retry_ns > RETRY_MOST_NS)
		sync->retry_ns = RETRY_MOST_NS;
	sync->retry_at = clk_add(now, sync->retry_ns);
	sync->needed = true;
}

bool
sync_end(struct sync *sync, struct held_set *set, struct instant now, bool good, const char *text)
{
	bool again = false;

	sync->running = false;
	if (good)
		end_good(sync, set);
	else {
		sync->refused++;
		again = take_out(set, text);
		/* With what was new, the old is not to blame: again at once, without it. */
		if (!again && was_to_remove(sync, set))
			stick(sync, set, now, text);
		sync->needed |= again || removals(sync, set);
	}
	for (struct held *held = set->head; held; held = held->hh.next)
		held->in_sync = false;
	return again;
}

void
sync_unblock(struct sync *sync)
{
	sync->blocked = false;
}

unsigned
sync_stuck(const struct held_set *set)
{
	unsigned n = 0;

	for (const struct held *held = set->head; held; held = held->hh.next)
		n += held->hold == HOLD_STUCK;
	return n;
}

bool
sync_holds(const struct sync *sync, const struct held_set *set)
{
	if (sync->orphans)
		return true;
	for (const struct held *held = set->head; held; held = held->hh.next)
		if (held->in_hw || held->placed)
			return true;
	return false;
}
