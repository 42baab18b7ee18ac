/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the kernel's tables to the hardware: when the back end is told, and what its verdict means
 * for the captures. Nothing here with a back end that has no hardware.
 */
#include <errno.h>
#include <stdio.h>

#include "agent/rules/rules_part.h"
#include "common/base/log.h"
#include "common/base/result.h"

static void
helper_is_gone(struct rules *r, struct instant now)
{
	log_error("the helper of %s is gone; ending", r->backend.ops->name);
	r->helpless = true;
	r->sync.running = false;
	rules_stop(r, 1, now);
}

void
rules_start_sync(struct rules *r, struct instant now)
{
	struct instant at;

	/* Not before what is to go has gone: a sync of half of it would be for nothing. */
	if (r->pending || r->helpless || !sync_due(&r->sync, &r->set, &at) || clk_before(now, at))
		return;
	if (backend_sync(&r->backend) < 0) {
		helper_is_gone(r, now);
		return;
	}
	sync_begin(&r->sync, &r->set, now);
}

/*
 * The tool makes the kernel's tables as well: what it says is compared with them. False when what
 * should have gone is still there.
 */
static bool
check_tool(struct rules *r, struct instant now, char text[ORDER_TEXT_MAX])
{
	unsigned strays;
	bool good = true;
	int e = commit_look(&r->commit, now, &strays);

	if (e < 0) {
		snprintf(text, ORDER_TEXT_MAX, "%.*s", ORDER_TEXT_MAX - 1, r->commit.text);
		return false;
	}
	for (struct held *held = r->set.head; held; held = held->hh.next) {
		if (!held->wanted && !held->in_sync && held->in_kernel) {
			snprintf(text, ORDER_TEXT_MAX,
			    "the tool ended well, but the rules are "
			    "still in the kernel's tables");
			good = false;
		} else if (held->wanted && held->in_sync && held->hold == HOLD_INSTALLING) {
			held_fail(held, RESULT_HARDWARE,
			    "the tool ended well, but the rules are not in the kernel's tables");
			r->pending = true;
		}
	}
	return good;
}

void
rules_on_verdict(struct rules *r, struct instant now)
{
	char text[ORDER_TEXT_MAX] = "";
	bool good = false, was_blocked = r->sync.blocked;
	int e = backend_verdict(&r->backend, &good, text);

	if (e == -EAGAIN)
		return;
	if (e < 0) {
		helper_is_gone(r, now);
		return;
	}
	if (good && r->backend.ops->by_tool)
		good = check_tool(r, now, text);
	if (!good)
		log_error("%s: %s", r->backend.ops->name, text);
	if (sync_end(&r->sync, &r->set, now, good, text))
		r->pending = true;
	if (r->sync.blocked && !was_blocked)
		log_error("what was to be taken out may still be in the hardware: it is tried "
			  "again, and nothing new is installed until it is gone or an operator "
			  "says so (finderscopectl agents go-on)");
	else if (was_blocked && !r->sync.blocked)
		log_notice("the hardware let go of what was stuck; new captures are taken again");
	(void)held_finish(&r->set);
	/* The only time it is known that nothing of ours is there. */
	if (good && !sync_holds(&r->sync, &r->set) && !r->sync.needed)
		(void)backend_mark(&r->backend, false);
	if (r->waiting)
		r->pending = true;
	r->status_dirty = true;
}

/* True while the hardware is to be told something. */
bool
rules_unsynced(const struct rules *r)
{
	return r->sync.on && !r->helpless && (r->sync.running || r->sync.needed);
}
