/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's tables: commits, tried again while somebody holds the lock, and the look at counters
 * and contents that finds what moved, what was lost and what is over a brake.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/rules/rules_part.h"
#include "agent/wire/lean.h"
#include "common/base/log.h"
#include "common/base/result.h"

#define FORGIVEN_NS (60 * CLK_S) /* a fight that long ago does not count */
#define AGAIN_NS (60 * CLK_S)
#define RETRY_FIRST_NS (2 * CLK_MS)
#define RETRY_MOST_NS (50 * CLK_MS)

/* Something that would come again at each try: said when it is new, and once a minute. */
static void
complain(struct rules *r, int e, const char *text, struct instant now)
{
	if (strncmp(r->told, text, sizeof r->told - 1) == 0 && r->told_at.ns &&
	    clk_diff(now, r->told_at) < AGAIN_NS)
		return;
	snprintf(r->told, sizeof r->told, "%s", text);
	r->told_at = now;
	log_errno(LOG_LEVEL_ERROR, e, "%s", text);
}

static unsigned
removals_that_wait(const struct rules *r)
{
	unsigned n = 0;

	for (const struct held *held = r->set.head; held; held = held->hh.next)
		n += !held->wanted && held->in_kernel;
	return n;
}

/* Held for long, and rules that should have gone stand: somebody must know, and who it is. */
static void
tell_lock(struct rules *r, struct instant now)
{
	int holder = lock_holder(&r->commit.lock);
	unsigned n = removals_that_wait(r);
	char who[32] = "somebody";

	if (n == 0 || r->lock_text[0])
		return;
	if (holder)
		snprintf(who, sizeof who, "process %d", holder);
	snprintf(r->lock_text, sizeof r->lock_text,
	    "%s holds the table lock, for %" PRId64 " ms by now: %u captures cannot be taken out",
	    who, clk_diff(now, r->lock_since) / CLK_MS, n);
	log_error("%s", r->lock_text);
	r->status_dirty = true;
}

static void
lock_is_ours(struct rules *r, struct instant now)
{
	if (r->lock_text[0]) {
		log_notice("the table lock is free again, after %" PRId64 " ms",
		    clk_diff(now, r->lock_since) / CLK_MS);
		r->lock_text[0] = '\0';
		r->status_dirty = true;
	}
	r->lock_since = r->retry_at = (struct instant){0};
}

static void
lock_is_taken(struct rules *r, struct instant now)
{
	if (!r->lock_since.ns) {
		r->lock_since = now;
		r->retry_ns = RETRY_FIRST_NS;
		r->status.lock_waits++;
	} else if (r->retry_ns < RETRY_MOST_NS)
		r->retry_ns *= 2;
	r->retry_at = clk_add(now, r->retry_ns);
	if (clk_diff(now, r->lock_since) < r->config.lock_ms * CLK_MS)
		return;
	/* Removals wait on; what was to be installed is refused rather than left in the air. */
	for (struct held *held = r->set.head; held; held = held->hh.next)
		if (held->wanted && held->hold == HOLD_INSTALLING && !held->in_kernel)
			rules_refuse(r, held, RESULT_LOCK, "");
	tell_lock(r, now);
}

static bool
anything_waits(const struct rules *r)
{
	for (const struct held *held = r->set.head; held; held = held->hh.next)
		if (held->wanted && held->hold == HOLD_INSTALLING && !held->in_kernel)
			return true;
	return false;
}

static void
note_foreign_writer(struct rules *r)
{
	log_error("%s; somebody writes the tables without the lock: nothing new is installed until "
		  "an operator says so",
	    r->commit.text);
	snprintf(r->status.text, sizeof r->status.text, "%.*s", (int)sizeof r->status.text - 1,
	    r->commit.text);
	r->status_dirty = true;
}

void
rules_run_commit(struct rules *r, struct instant now)
{
	bool was_stopped = r->commit.stopped;
	uint64_t strays = r->commit.strays;
	struct instant from;

	if (now.ns < r->retry_at.ns)
		return;
	bool adds = sync_adds_from(&r->sync, &from) && !clk_before(now, from) && !r->stopping &&
		    !r->status.released;
	int e = backend_put(&r->backend, now, adds);
	if (e == -EAGAIN) {
		lock_is_taken(r, now);
		return;
	}
	lock_is_ours(r, now);
	if (e < 0) {
		complain(r, e, r->commit.text, now);
		r->retry_at = clk_add(now, 100 * CLK_MS);
	} else
		r->pending = false;
	r->waiting = !adds && anything_waits(r);
	if (r->backend.changed && r->sync.on)
		r->sync.needed = true;
	r->status_dirty |= r->backend.changed; /* rules and commits are counted in it */
	r->backend.changed = false;
	if (r->commit.strays != strays) {
		log_warning("took out %" PRIu64 " rules of ours that somebody had put back",
		    r->commit.strays - strays);
		r->sync.orphans = r->sync.on;
	}
	if (r->commit.stopped && !was_stopped)
		note_foreign_writer(r);
	(void)held_finish(&r->set);
}

static void
put_back(struct rules *r, struct instant now)
{
	unsigned n = 0;

	for (struct held *held = r->set.head; held; held = held->hh.next) {
		if (!held->wanted || !held->missing || !held->committed.ns ||
		    held->hold == HOLD_INSTALLING)
			continue;
		r->status.fights++;
		r->status_dirty = true;
		if (held->lost.ns && clk_diff(now, held->lost) > FORGIVEN_NS)
			held->n_lost = 0;
		held->lost = now;
		if (++held->n_lost > r->config.fights) {
			held_end(held, RESULT_RULES_LOST, "put back too often; giving up");
			log_error("capture %" PRIu64 ": its rules were lost %u times; giving up",
			    held->capture, held->n_lost);
			r->pending = true;
			continue;
		}
		n++;
		held->hold = HOLD_INSTALLING;
		held->synced = false;
		held->put_back = true;
		held->code = RESULT_RULES_LOST;
		held->dirty = true;
	}
	if (n)
		log_warning("the rules of %u captures were taken out or changed by somebody; "
			    "putting them back",
		    n);
	r->pending |= n > 0;
}

/* The look at counters and contents: brakes, lost rules, what moved. With nothing held, and nothing
 * held a while ago, it is never due. */
void
rules_tick(struct rules *r, struct instant now)
{
	enum hold in_force = r->sync.on ? HOLD_IN_HARDWARE : HOLD_IN_KERNEL;
	uint64_t bps = r->set.bps;
	unsigned strays = 0;

	rules_look_at_flags(r);
	int missing = commit_look(&r->commit, now, &strays);
	if (missing < 0) {
		complain(r, missing, r->commit.text, now);
		return;
	}
	for (struct held *held = r->set.head; held; held = held->hh.next) {
		rules_count_device(held);
		if (held->bps)
			held->dirty = true;
		if (held->hold == in_force && held->total.packets > held->base) {
			held->hold = HOLD_MIRRORING;
			if (held->code)
				held->text[0] = '\0';
			held->code = 0;
			held->dirty = true;
		}
	}
	if (held_brake(&r->set, now, r->config.rule_bps, r->config.switch_bps))
		r->pending = true;
	r->status_dirty |= bps != r->set.bps;
	if (strays)
		r->pending = true;
	if (missing > 0 && !r->stopping)
		put_back(r, now);
	/* The tables' copies, this look's and those of the commits before it. */
	lean_trim();
}
