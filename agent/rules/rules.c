/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/rules.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/rules/accept.h"
#include "agent/rules/backend.h"
#include "agent/rules/commit.h"
#include "agent/rules/device.h"
#include "agent/rules/nflog.h"
#include "agent/rules/sync.h"
#include "agent/rules/target.h"
#include "agent/wire/jail.h"
#include "common/base/log.h"
#include "common/base/result.h"

#define MESSAGES_A_TURN 512
#define CONFIG_WAIT_MS 10000
#define CLEAN_WAIT_MS 5000
#define STOP_WAIT_NS (10 * CLK_S)
#define LINGER_NS (10 * CLK_S)   /* looks go on after the last capture */
#define FORGIVEN_NS (60 * CLK_S) /* a fight that long ago does not count */
#define SWITCH_DESTINATIONS 2    /* Broadcom; later ASICs have more: a setting */
#define RETRY_FIRST_NS (2 * CLK_MS)
#define RETRY_MOST_NS (50 * CLK_MS)
#define CAPTURES_MAX 8192 /* refused ones that wait to be reported among them */

struct facts {
	struct instant at;
	struct addr own[ACCEPT_OWN_MAX];
	size_t n_own;
	uint32_t acl_used, acl_total;
	struct addr analyser;
	struct route route; /* to that analyser */
	bool has_route;
};

struct rules {
	struct wire_config config;
	struct facts facts;
	struct held_set set;
	struct commit commit;
	struct backend backend;
	struct sync sync;
	struct target_cache *cache;
	struct wire_status status;
	int signal_fd;
	bool pending;  /* something to commit */
	bool waiting;  /* something new that has to wait for a verdict or the floor */
	bool helpless; /* the back end's helper is gone */
	bool stopping; /* everything goes, then the process ends */
	bool mirror_ready;
	bool status_dirty;
	int exit_status;
	struct instant retry_at, lock_since, stop_since, next_tick, quiet_at;
	int64_t retry_ns;
	bool blocked; /* main does not take reports at the moment */
};

/* ---- targets ---- */

static int
make_target(void *user, const struct held *held, unsigned rule, struct entry_target *ret_target,
    char error[120])
{
	struct rules *r = user;
	const struct entry_target *cached;
	char tag[ENTRY_TAG_MAX];

	if (held->target == WIRE_TARGET_NFLOG) {
		/* The prefix carries the capture to mirror. */
		target_nflog(
		    r->config.nflog_group, entry_tag(held->capture, rule, tag), ret_target);
		return 0;
	}
	if (held->target == WIRE_TARGET_TEE) {
		device_target(held->capture, ret_target);
		return 0;
	}
	int e = target_erspan(r->cache, held->order.filter.a.addr.family, &held->source,
	    &held->order.analyser.addr, held->order.analyser.ttl ? held->order.analyser.ttl : 64,
	    &cached, error);
	if (e == 0)
		*ret_target = *cached;
	return e;
}

/* What the machine can do for a family, the setting before the probing. */
static uint8_t
probe_target(const struct rules *r, unsigned family)
{
	uint8_t forced = r->config.target;

	if ((forced == WIRE_TARGET_AUTO || forced == WIRE_TARGET_ERSPAN) &&
	    target_in_kernel(family, "ERSPAN"))
		return WIRE_TARGET_ERSPAN;
	/* All in the kernel, where it can: no user space on the way of a copy. */
	if ((forced == WIRE_TARGET_AUTO || forced == WIRE_TARGET_TEE) && family == 4 &&
	    target_in_kernel(family, "TEE") && device_can())
		return WIRE_TARGET_TEE;
	if ((forced == WIRE_TARGET_AUTO || forced == WIRE_TARGET_NFLOG) && r->mirror_ready &&
	    target_in_kernel(family, "NFLOG"))
		return WIRE_TARGET_NFLOG;
	return WIRE_TARGET_AUTO;
}

static const char *
target_name(uint8_t target)
{
	static const char *const names[] = {
	    "none", "ERSPAN", "TEE and an erspan device", "NFLOG and mirror"};

	return names[target <= WIRE_TARGET_NFLOG ? target : 0];
}

/* ---- messages out ---- */

static void
send_status(struct rules *r)
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
					      : 0;
	if (r->sync.blocked)
		memcpy(msg.status.text, r->sync.text, sizeof msg.status.text);
	if (wire_send(WIRE_FD_MAIN, &msg, NULL, 0) == 0)
		r->status_dirty = false;
	else
		r->blocked = true;
}

static void
forget_session(const struct held *held)
{
	struct wire_msg msg = {.type = WIRE_SESSION_DROP, .drop = {.capture = held->capture}};

	if (held->target == WIRE_TARGET_NFLOG)
		(void)wire_send(WIRE_FD_PEER, &msg, NULL, 0);
	if (held->target != WIRE_TARGET_TEE)
		return;
	int e = device_drop(held->capture);
	if (e < 0)
		log_errno(LOG_LEVEL_ERROR, e,
		    "the erspan device of capture %" PRIu64 " could not be taken away",
		    held->capture);
}

/* Reports what changed; forgets what was reported at its end. */
static void
flush(struct rules *r, struct instant now)
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
			forget_session(held);
			held_remove(&r->set, held);
		}
	}
	if (r->status_dirty)
		send_status(r);
}

/* ---- orders ---- */

static void
refuse(struct rules *r, struct held *held, int code, const char *text)
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

static void
look_at_flags(struct rules *r)
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

/* What an order is judged by; asked of the system once a turn, many orders may come in one. */
static void
learn_facts(struct rules *r, const struct addr *analyser, struct instant now)
{
	struct facts *f = &r->facts;
	bool fresh = f->at.ns == now.ns;

	if (!fresh) {
		f->n_own = accept_own_addresses(f->own, ACCEPT_OWN_MAX);
		f->acl_used = f->acl_total = 0;
		if (r->sync.on)
			(void)backend_acl_space(&r->config, &f->acl_used, &f->acl_total);
	}
	if (!fresh || !addr_equal(&f->analyser, analyser)) {
		f->has_route = route_lookup(analyser, &f->route) == 0;
		f->analyser = *analyser;
	}
	f->at = now;
}

/* The address that copies to the analyser come from; no family: no way there. */
static struct addr
source_for(struct rules *r, const struct addr *analyser, struct instant now)
{
	struct addr source = analyser->family == 6 ? r->config.source6 : r->config.source4;

	learn_facts(r, analyser, now);
	if (!r->facts.has_route)
		memset(&source, 0, sizeof source);
	else if (!source.family)
		source = r->facts.route.source;
	return source;
}

/* Judges an order, or another way for a capture that is there. RESULT_OK or a code with words. */
static int
judge(struct rules *r, const struct held *self, const struct order *order,
    const struct addr *source, char text[ORDER_TEXT_MAX])
{
	const struct facts *f = &r->facts;
	struct accept_facts facts = {.config = &r->config,
	    .target4 = r->status.target4,
	    .target6 = r->status.target6,
	    .slots = r->config.max_rules,
	    .destinations = r->status.destinations,
	    .acl_used = f->acl_used,
	    .acl_total = f->acl_total,
	    .route = f->has_route ? &f->route : NULL,
	    .own = f->own,
	    .n_own = f->n_own};

	return accept_order(&facts, &r->set, self, order, source, text);
}

/* Why nothing new is taken at all; RESULT_OK: it is. */
static int
closed(const struct rules *r, char text[ORDER_TEXT_MAX])
{
	if (r->status.released)
		return RESULT_RELEASED;
	if (r->commit.stopped) {
		snprintf(text, ORDER_TEXT_MAX, "%s", r->status.text);
		return RESULT_FOREIGN_WRITER;
	}
	if (r->sync.blocked) {
		snprintf(text, ORDER_TEXT_MAX, "%s", r->sync.text);
		return RESULT_STUCK;
	}
	return RESULT_OK;
}

static void
tell_mirror(struct rules *r, struct held *held)
{
	struct wire_msg msg = {.type = WIRE_SESSION,
	    .session = {.capture = held->capture,
		.analyser = held->order.analyser,
		.source = held->source,
		.max_packets = held->order.max_packets,
		.max_bytes = held->order.max_bytes}};

	char error[DEVICE_ERROR_MAX];

	if (held->target == WIRE_TARGET_TEE &&
	    device_make(held->capture, &held->order.analyser, &held->source, error) < 0)
		refuse(r, held, RESULT_KERNEL, error);
	if (held->target != WIRE_TARGET_NFLOG)
		return;
	/* Before the rule is there: its first packet finds the session. */
	int e = wire_send(WIRE_FD_PEER, &msg, NULL, 0);
	if (e < 0)
		refuse(r, held, RESULT_INTERNAL, "the mirror process does not keep up");
}

/* The family's target; the erspan device has no IPv6 outside, the mirror process has. */
static uint8_t
pick_target(const struct rules *r, const struct order *order)
{
	uint8_t target = order->filter.a.addr.family == 6 ? r->status.target6 : r->status.target4;

	if (target == WIRE_TARGET_TEE && order->analyser.addr.family != 4 && r->mirror_ready)
		return WIRE_TARGET_NFLOG;
	return target;
}

/* Counters of what the kernel copied by itself. */
static void
count_device(struct held *held)
{
	struct device_counters counters;

	if (held->target != WIRE_TARGET_TEE || !device_count(held->capture, &counters))
		return;
	held->dirty |= counters.dropped != held->dropped;
	held->copied = counters.copied;
	held->copied_bytes = counters.bytes;
	held->dropped = counters.dropped;
}

/* Where the copies of an accepted capture go from, and what is to be said of the way. */
static void
take_way(struct rules *r, struct held *held, const struct addr *source)
{
	held->source = *source;
	snprintf(held->port, sizeof held->port, "%s", r->facts.route.iface);
	accept_mtu(&r->facts.route, held->text);
}

/* An order for a capture that is there: its limits, its end, its analyser may be others now. */
static void
put_again(struct rules *r, struct held *held, const struct wire_put *put, struct instant now)
{
	char text[ORDER_TEXT_MAX] = "";
	struct addr source = source_for(r, &put->order.analyser.addr, now);
	bool another = !held_same_way(held, &put->order);
	/* Main asks again when the route changed; without one what stands is left alone. */
	bool moved = source.family && !addr_equal(&source, &held->source);
	bool limits = held->order.max_packets != put->order.max_packets ||
		      held->order.max_bytes != put->order.max_bytes;

	held->dirty = true;
	if (!held_update(held, &put->order, put->lease_ms, now)) {
		log_warning("capture %" PRIu64 " came with another filter; ignored", held->capture);
		return;
	}
	if (!another && !moved) {
		if (limits && held->target == WIRE_TARGET_NFLOG)
			tell_mirror(r, held);
		return;
	}
	int code = judge(r, held, &put->order, &source, text);
	if (code != RESULT_OK) {
		refuse(r, held, code, text);
		return;
	}
	take_way(r, held, &source);
	held->remake = true;
	held->hold = HOLD_INSTALLING;
	held->synced = false;
	tell_mirror(r, held);
	r->pending = true;
}

static void
on_put(struct rules *r, const struct wire_put *put, struct instant now)
{
	char text[ORDER_TEXT_MAX] = "";
	struct held *held = held_find(&r->set, put->order.capture);
	struct addr source;

	look_at_flags(r);
	if (held && held->wanted) {
		put_again(r, held, put, now);
		return;
	}
	if (held || r->set.n >= CAPTURES_MAX)
		return; /* on its way out, or a flood: main sees no holding and asks again */
	int code = closed(r, text);
	if (code == RESULT_OK) {
		source = source_for(r, &put->order.analyser.addr, now);
		code = judge(r, NULL, &put->order, &source, text);
	}
	held = held_add(&r->set, &put->order, put->lease_ms, now);
	if (!held) {
		log_error("no memory for capture %" PRIu64, put->order.capture);
		return;
	}
	held->target = pick_target(r, &put->order);
	if (code != RESULT_OK) {
		refuse(r, held, code, text);
		return;
	}
	take_way(r, held, &source);
	tell_mirror(r, held);
	r->pending = true;
}

static void
end_all(struct rules *r, int code)
{
	for (struct held *held = r->set.head; held; held = held->hh.next)
		held_end(held, code, "");
	r->pending = true;
}

static void
stop(struct rules *r, int exit_status, struct instant now)
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
	look_at_flags(r);
	r->status_dirty = true;
}

static void
on_main(struct rules *r, const struct wire_msg *msg, struct instant now)
{
	struct held *held;
	struct wire_msg end = {.type = WIRE_LIST_END};

	switch (msg->type) {
	case WIRE_PUT:
		on_put(r, &msg->put, now);
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
		flush(r, now);
		(void)wire_send(WIRE_FD_MAIN, &end, NULL, 0);
		break;
	case WIRE_RELEASE:
		on_release(r, msg->release.on);
		break;
	case WIRE_STOP:
		stop(r, 0, now);
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
static void
drain(struct rules *r, int fd, enum wire_side from, struct instant now)
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
			stop(r, 1, now);
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

/* ---- the tables ---- */

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
			refuse(r, held, RESULT_LOCK, "");
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

static void
run_commit(struct rules *r, struct instant now)
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
	r->lock_since = r->retry_at = (struct instant){0};
	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "%s", r->commit.text);
		r->retry_at = clk_add(now, 100 * CLK_MS);
	} else
		r->pending = false;
	r->waiting = !adds && anything_waits(r);
	if (r->backend.changed && r->sync.on)
		r->sync.needed = true;
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

/* ---- the hardware ---- */

static void
helper_is_gone(struct rules *r, struct instant now)
{
	log_error("the helper of %s is gone; ending", r->backend.ops->name);
	r->helpless = true;
	r->sync.running = false;
	stop(r, 1, now);
}

static void
start_sync(struct rules *r, struct instant now)
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

static void
on_verdict(struct rules *r, struct instant now)
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
			  "says so (--go-on)");
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

/* ---- the look ---- */

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
static void
tick(struct rules *r, struct instant now)
{
	enum hold in_force = r->sync.on ? HOLD_IN_HARDWARE : HOLD_IN_KERNEL;
	uint64_t bps = r->set.bps;
	unsigned strays = 0;

	look_at_flags(r);
	int missing = commit_look(&r->commit, now, &strays);
	if (missing < 0) {
		log_errno(LOG_LEVEL_ERROR, missing, "%s", r->commit.text);
		return;
	}
	for (struct held *held = r->set.head; held; held = held->hh.next) {
		count_device(held);
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
}

/* ---- the process ---- */

static int
wait_config(struct rules *r)
{
	struct pollfd p = {.fd = WIRE_FD_MAIN, .events = POLLIN};
	struct wire_msg msg;

	if (poll(&p, 1, CONFIG_WAIT_MS) <= 0)
		return -ETIMEDOUT;
	int e = wire_receive(WIRE_FD_MAIN, WIRE_FROM_MAIN, &msg, NULL, 0, NULL);
	if (e == 0 && msg.type != WIRE_CONFIG)
		e = -EPROTO;
	if (e == 0)
		r->config = msg.config;
	return e;
}

static void
give_sockets(struct rules *r)
{
	struct wire_msg msg = {.type = WIRE_SOCKETS};
	int fds[3] = {nflog_open(r->config.nflog_group, r->config.snap), nflog_open_gre(4),
	    nflog_open_gre(6)};

	if (fds[0] < 0)
		log_errno(LOG_LEVEL_WARNING, fds[0],
		    fds[0] == -EBUSY ? "NFLOG group %u has another listener; set nflog_group"
				     : "NFLOG group %u cannot be used",
		    r->config.nflog_group);
	if (fds[1] >= 0 && fds[2] < 0)
		fds[2] = dup(fds[1]); /* a machine without IPv6: never sent to */
	if (fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0 && wire_send(WIRE_FD_PEER, &msg, fds, 3) == 0)
		r->mirror_ready = true;
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Cleans, waiting for the lock a bounded time. */
static int
clean(struct backend *backend, unsigned wait_ms, bool *ret_sync)
{
	struct instant end = clk_add(clk_now(), wait_ms * CLK_MS);
	unsigned removed = 0;
	int e;

	while ((e = backend_clean(backend, &removed, ret_sync)) == -EAGAIN &&
	       clk_before(clk_now(), end))
		poll(NULL, 0, 5);
	if (e < 0)
		log_errno(LOG_LEVEL_ERROR, e, "rules of ours could not be looked for%s%s",
		    e == -EAGAIN ? ": the table lock is held by somebody" : ": ",
		    e == -EAGAIN ? "" : backend->commit->text);
	else if (removed)
		log_notice("took out %u rules that nobody accounts for", removed);
	/* No rule leads to them any more; where there are no such devices this finds none. */
	int devices = e < 0 ? 0 : device_clean();
	if (devices < 0)
		log_errno(
		    LOG_LEVEL_ERROR, devices, "erspan devices of ours could not be looked for");
	else if (devices)
		log_notice("took away %d erspan devices that nobody accounts for", devices);
	return e;
}

static int
start(struct rules *r)
{
	sigset_t signals;
	int e = wait_config(r);

	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "no configuration came from main");
		return e;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	r->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	e = commit_open(&r->commit, &r->config, &r->set, make_target, r);
	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "%s", r->commit.text);
		return e;
	}
	if (r->commit.text[0])
		log_warning("%s", r->commit.text);
	r->status.nft_beside = accept_nft_beside();
	e = backend_open(&r->backend, &r->config, &r->commit);
	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "%s", r->backend.text);
		return e;
	}
	if (r->backend.text[0])
		log_warning("%s: %s", r->backend.ops->name, r->backend.text);
	sync_init(&r->sync, backend_has_hardware(&r->backend), r->config.sync_floor_ms);
	e = jail_drop(0, 0, 1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW);
	if (e == 0)
		e = jail_seccomp(JAIL_RULES);
	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "privileges could not be given up");
		return e;
	}
	e = target_cache_new(&r->cache);
	return r->signal_fd < 0 ? -errno : e;
}

static void
probe(struct rules *r)
{
	give_sockets(r);
	r->commit.comments =
	    r->config.comments == WIRE_COMMENTS_YES ||
	    (r->config.comments == WIRE_COMMENTS_AUTO && target_match_in_kernel(4, "comment"));
	r->status = (struct wire_status){.backend = (uint8_t)r->backend.kind,
	    .nft_beside = r->status.nft_beside,
	    .target4 = probe_target(r, 4),
	    .target6 = probe_target(r, 6),
	    .comments = r->commit.comments,
	    .released = state_released(r->config.state_dir),
	    .slots = r->config.max_rules,
	    .destinations = r->config.max_destinations ? r->config.max_destinations
			    : r->sync.on               ? SWITCH_DESTINATIONS
						       : 0};
	r->status_dirty = true;
	if (r->status.nft_beside)
		log_warning(
		    "iptables on this machine is the nft variant: it does not show our rules, "
		    "iptables-legacy does");
	log_info("back end %s, IPv4 by %s, IPv6 by %s, %s%s", r->backend.ops->name,
	    target_name(r->status.target4), target_name(r->status.target6),
	    r->commit.comments ? "rules carry a comment" : "rules without comments, by state file",
	    r->status.released ? ", released" : "");
}

static void
earlier(struct instant *first, struct instant at)
{
	if (clk_before(at, *first))
		*first = at;
}

/* Captures are looked at, and for a while afterwards whether somebody puts one back. */
static bool
looking(const struct rules *r, struct instant now)
{
	return r->set.n || clk_before(now, r->quiet_at);
}

/* True while the hardware is to be told something. */
static bool
unsynced(const struct rules *r)
{
	return r->sync.on && !r->helpless && (r->sync.running || r->sync.needed);
}

/* Milliseconds until something is due; -1: only when somebody speaks. */
static int
due_in(struct rules *r, struct instant now)
{
	struct instant at, first = {INT64_MAX};

	if (held_next(&r->set, &at))
		earlier(&first, at);
	if (r->pending)
		earlier(&first, r->retry_at.ns ? r->retry_at : now);
	if (looking(r, now))
		earlier(&first, r->next_tick);
	if (r->waiting && !r->pending && sync_adds_from(&r->sync, &at))
		earlier(&first, at);
	if (!r->pending && !r->helpless && sync_due(&r->sync, &r->set, &at))
		earlier(&first, at);
	if (first.ns == INT64_MAX)
		return -1;
	int64_t ms = (clk_diff(first, now) + CLK_MS - 1) / CLK_MS;
	return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

static bool
turn(struct rules *r)
{
	struct pollfd p[4] = {
	    {.fd = WIRE_FD_MAIN, .events = (short)(POLLIN | (r->blocked ? POLLOUT : 0))},
	    {.fd = WIRE_FD_PEER, .events = POLLIN}, {.fd = r->signal_fd, .events = POLLIN},
	    {.fd = r->helpless ? -1 : backend_fd(&r->backend), .events = POLLIN}};
	struct signalfd_siginfo info;
	struct instant at;

	if (r->stopping) /* a peer that is gone would wake us all the time */
		p[0].fd = p[1].fd = -1;
	if (poll(p, 4, due_in(r, clk_now())) < 0 && errno != EINTR) {
		log_errno(LOG_LEVEL_ERROR, errno, "poll");
		return false;
	}
	struct instant now = clk_now();
	if (p[2].revents && read(r->signal_fd, &info, sizeof info) == (ssize_t)sizeof info &&
	    info.ssi_signo != SIGHUP)
		stop(r, 0, now);
	if (p[0].revents)
		drain(r, WIRE_FD_MAIN, WIRE_FROM_MAIN, now);
	if (p[1].revents)
		drain(r, WIRE_FD_PEER, WIRE_FROM_MIRROR, now);
	if (p[3].revents)
		on_verdict(r, now);
	if (held_expire(&r->set, now))
		r->pending = true;
	if (r->waiting && sync_adds_from(&r->sync, &at) && !clk_before(now, at))
		r->pending = true;
	if (!looking(r, now))
		r->next_tick = now;
	else if (!clk_before(now, r->next_tick)) {
		tick(r, now);
		r->next_tick = clk_add(now, r->config.tick_ms * CLK_MS);
	}
	if (r->set.n)
		r->quiet_at = clk_add(now, LINGER_NS);
	if (r->pending)
		run_commit(r, now);
	start_sync(r, now);
	flush(r, now);
	if (!r->stopping)
		return true;
	return (r->pending || unsynced(r)) && clk_diff(now, r->stop_since) < STOP_WAIT_NS;
}

int
rules_main(void)
{
	struct rules *r = calloc(1, sizeof *r);

	if (!r)
		return 1;
	if (start(r) < 0)
		return 1;
	probe(r);
	/* Whatever bears our mark now is of a life before this one. */
	(void)clean(&r->backend, CLEAN_WAIT_MS, &r->sync.orphans);
	r->sync.needed = r->sync.orphans;
	send_status(r);
	while (turn(r))
		;
	if (r->pending)
		log_error("rules of ours may be left: the tables could not be changed for 10 s");
	else if (unsynced(r) || r->helpless)
		log_error("rules of ours may be left in the hardware: it gave no good answer in "
			  "10 s");
	int status = r->pending || unsynced(r) ? 1 : r->exit_status;
	backend_close(&r->backend);
	held_clear(&r->set);
	commit_close(&r->commit);
	target_cache_free(&r->cache);
	free(r);
	return status;
}

/* Tells the hardware that everything of ours is gone, and waits for its word. */
static int
sync_clean(struct backend *backend, unsigned wait_ms)
{
	char text[ORDER_TEXT_MAX] = "";
	bool good = false;
	int e = backend_sync(backend);

	if (e == 0)
		e = backend_wait(backend, wait_ms, &good, text);
	if (e == 0 && good)
		return backend_mark(backend, false);
	log_error("rules of ours may be left in the hardware: %s: %s", backend->ops->name,
	    e < 0 ? "no answer" : text);
	return e < 0 ? e : -EIO;
}

int
rules_task(const struct wire_config *config, enum rules_task task, unsigned wait_ms)
{
	struct held_set set = {.head = NULL};
	struct commit commit;
	struct backend backend;
	bool sync = false;
	int flag = 0, e;

	if (task == RULES_GO_ON)
		flag = state_say_go_on(config->run_dir);
	else if (task != RULES_CLEAN)
		flag = state_set_released(config->state_dir, task == RULES_RELEASE);
	if (flag < 0)
		log_errno(LOG_LEVEL_ERROR, flag, "the flag in %s could not be %s",
		    task == RULES_GO_ON ? config->run_dir : config->state_dir,
		    task == RULES_RELEASE
			? "set: rules go now, an agent that runs or starts puts them back"
		    : task == RULES_GO_ON ? "set"
					  : "lifted");
	if (task == RULES_LIFT || task == RULES_GO_ON)
		return flag;
	e = commit_open(&commit, config, &set, NULL, NULL);
	if (e < 0) {
		log_errno(LOG_LEVEL_ERROR, e, "%s", commit.text);
		return e;
	}
	e = backend_open(&backend, config, &commit);
	if (e < 0)
		log_errno(LOG_LEVEL_ERROR, e, "%s", backend.text);
	else
		e = clean(&backend, wait_ms, &sync);
	if (e == 0 && sync)
		e = sync_clean(&backend, config->sync_wait_ms + 1000);
	backend_close(&backend);
	commit_close(&commit);
	return e < 0 ? e : flag;
}
