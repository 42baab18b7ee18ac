/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What main is told: the switch's state, and each holding that changed. */
#include <inttypes.h>
#include <string.h>

#include "agent/rules/rules_part.h"
#include "common/base/log.h"
#include "common/base/result.h"

void
rules_send_status(struct rules *r)
{
	struct wire_msg msg = {.type = WIRE_STATUS, .status = r->status};

	msg.status.slots_used = (uint32_t)r->set.slots;
	msg.status.commits = r->commit.commits;
	msg.status.foreign_lost = r->commit.foreign_lost;
	msg.status.syncs = r->sync.syncs;
	msg.status.stuck = sync_stuck(&r->set);
	msg.status.bps = r->set.bps;
	msg.status.stopped = r->commit.stopped || r->sync.blocked;
	msg.status.code = r->sync.blocked     ? RESULT_STUCK
			  : r->commit.stopped ? RESULT_FOREIGN_WRITER
			  : r->lock_text[0]   ? RESULT_LOCK
					      : 0;
	if (r->sync.blocked)
		memcpy(msg.status.text, r->sync.text, sizeof msg.status.text);
	else if (!r->commit.stopped && r->lock_text[0])
		memcpy(msg.status.text, r->lock_text, sizeof msg.status.text);
	if (wire_send(WIRE_FD_MAIN, &msg, NULL, 0) == 0)
		r->status_dirty = false;
	else
		r->blocked = true;
}

/* Reports what changed; forgets what was reported at its end. */
void
rules_flush(struct rules *r, struct instant now)
{
	struct held *held, *next;

	r->blocked = false;
	HASH_ITER(hh, r->set.head, held, next)
	{
		if (!held->dirty)
			continue;
		struct wire_msg msg = {.type = WIRE_HOLDING, .holding = held_report(held, now)};
		if (wire_send(WIRE_FD_MAIN, &msg, NULL, 0) < 0) {
			r->blocked = true;
			return;
		}
		held->dirty = false;
		if (held->hold == HOLD_ENDED || held->hold == HOLD_FAILED) {
			rules_forget_session(held);
			held_remove(&r->set, held);
		}
	}
	if (r->status_dirty)
		rules_send_status(r);
}

void
rules_refuse(struct rules *r, struct held *held, int code, const char *text)
{
	log_notice("capture %" PRIu64 " refused: %s%s%s", held->capture, result_text(code),
	    text[0] ? ": " : "", text);
	held_fail(held, code, text);
	if (held->in_kernel || held->placed || held->in_hw) {
		r->pending = true;
		return;
	}
	r->set.slots -= held->n_rules;
	held->n_rules = 0;
	held->hold = HOLD_FAILED;
}
