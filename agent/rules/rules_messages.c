/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What comes from main and from mirror, and the flags an operator at the switch sets: each leads to
 * a change of the set or to the end of the process. A peer that is gone is the end, too.
 */
#include <errno.h>

#include "agent/rules/rules_part.h"
#include "common/base/log.h"
#include "common/base/result.h"

#define MESSAGES_A_TURN 512

/* An operator at the switch says go on. */
static void
go_on(struct rules *r)
{
	if (r->commit.stopped || r->sync.blocked)
		log_notice("an operator says go on: new captures are taken again");
	r->commit.stopped = false;
	sync_unblock(&r->sync);
	r->pending = true; /* what was lost meanwhile is put back */
	r->status.text[0] = '\0';
	r->status_dirty = true;
}

void
rules_look_at_flags(struct rules *r)
{
	bool released = state_released(r->config.state_dir);

	if ((r->commit.stopped || r->sync.blocked) && state_take_go_on(r->config.run_dir))
		go_on(r);
	if (released == r->status.released)
		return;
	r->status.released = released;
	r->status_dirty = true;
	log_notice(released
		       ? "released: everything goes and nothing new is taken until that is lifted"
		       : "the release is lifted");
	if (!released)
		return;
	for (struct held *held = r->set.head; held; held = held->hh.next)
		held_end(held, RESULT_END_RELEASED, "");
	r->pending = true;
}

static void
end_all(struct rules *r, int code)
{
	for (struct held *held = r->set.head; held; held = held->hh.next)
		held_end(held, code, "");
	r->pending = true;
}

void
rules_stop(struct rules *r, int exit_status, struct instant now)
{
	if (r->stopping)
		return;
	r->stopping = true;
	r->stop_since = now;
	r->exit_status = exit_status;
	end_all(r, RESULT_END_SHUTDOWN);
}

static void
on_release(struct rules *r, bool on)
{
	int e = state_set_released(r->config.state_dir, on);

	if (e < 0)
		log_errno(LOG_LEVEL_ERROR, e, "the released flag in %s could not be %s",
		    r->config.state_dir, on ? "set" : "lifted");
	if (e < 0 && on)
		end_all(r, RESULT_END_RELEASED);
	rules_look_at_flags(r);
	r->status_dirty = true;
}

static void
on_main(struct rules *r, const struct wire_msg *msg, struct instant now)
{
	struct held *held;
	struct wire_msg end = {.type = WIRE_LIST_END};

	switch (msg->type) {
	case WIRE_PUT:
		rules_put(r, &msg->put, now);
		break;
	case WIRE_RENEW:
		for (held = r->set.head; held; held = held->hh.next)
			if (held->wanted &&
			    (!msg->renew.capture || msg->renew.capture == held->capture))
				held_renew(held, msg->renew.lease_ms, now);
		break;
	case WIRE_DROP:
		held = held_find(&r->set, msg->drop.capture);
		if (held) {
			held_end(held, msg->drop.code, "");
			r->pending = true;
		}
		break;
	case WIRE_LIST:
		for (held = r->set.head; held; held = held->hh.next)
			held->dirty = true;
		rules_flush(r, now);
		(void)wire_send(WIRE_FD_MAIN, &end, NULL, 0);
		break;
	case WIRE_RELEASE:
		on_release(r, msg->release.on);
		break;
	case WIRE_STOP:
		rules_stop(r, 0, now);
		break;
	case WIRE_UNSTICK:
		go_on(r);
		break;
	case WIRE_CONFIG: /* once, at the start */
	case WIRE_HOLDING:
	case WIRE_LIST_END:
	case WIRE_STATUS:
	case WIRE_SOCKETS:
	case WIRE_SESSION:
	case WIRE_SESSION_DROP:
	case WIRE_COUNTS:
	case WIRE_LOSSES:
	case WIRE_TYPE_END:
		log_warning("a message of type %d from main is out of place; ignored", msg->type);
		break;
	}
}

static void
on_mirror(struct rules *r, const struct wire_msg *msg)
{
	if (msg->type == WIRE_LOSSES) {
		r->status.mirror_lost = msg->losses.sequence;
		r->status_dirty = true;
		return;
	}
	struct held *held = held_find(&r->set, msg->counts.capture);
	if (!held)
		return;
	held->copied = msg->counts.copied;
	held->copied_bytes = msg->counts.bytes;
	held->dropped = msg->counts.dropped;
	held->dirty = true;
}

/* Takes what is there, a bounded number a turn. */
void
rules_drain(struct rules *r, int fd, enum wire_side from, struct instant now)
{
	struct wire_msg msg;

	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		int e = wire_receive(fd, from, &msg, NULL, 0, NULL);
		if (e == -EAGAIN)
			return;
		if (e == -EPIPE) {
			if (!r->stopping)
				log_error("%s is gone: taking all rules out and ending",
				    from == WIRE_FROM_MAIN ? "main" : "mirror");
			rules_stop(r, 1, now);
			return;
		}
		if (e < 0)
			log_errno(LOG_LEVEL_WARNING, e, "a message from %s was not good; ignored",
			    from == WIRE_FROM_MAIN ? "main" : "mirror");
		else if (from == WIRE_FROM_MAIN)
			on_main(r, &msg, now);
		else
			on_mirror(r, &msg);
	}
}
