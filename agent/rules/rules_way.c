/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a capture's copies: which target this machine has for a family, and what must be there
 * before the first packet: the mirror process's sockets and session, or the erspan device.
 */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "agent/rules/device.h"
#include "agent/rules/nflog.h"
#include "agent/rules/rules_part.h"
#include "agent/rules/target.h"
#include "common/base/log.h"
#include "common/base/result.h"

int
rules_make_target(void *user, const struct held *held, unsigned rule,
    struct entry_target *ret_target, char error[120])
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
		device_target(held->capture, held->order.filter.a.addr.family, ret_target);
		return 0;
	}
	int e = target_erspan(r->cache, held->order.filter.a.addr.family, &held->source,
	    &held->order.analyser.addr, held->order.analyser.ttl ? held->order.analyser.ttl : 64,
	    &cached, error);
	if (e == 0)
		*ret_target = *cached;
	return e;
}

/* Both halves: a kernel's target without the extension that knows its bytes is of no use. One that
 * was asked for by name is taken, and each capture says what is wrong. */
static bool
has_erspan(const struct rules *r, unsigned family)
{
	char error[TARGET_ERROR_MAX];

	if (!target_in_kernel(family, "ERSPAN"))
		return false;
	if (target_erspan_answers(family, error) == 0)
		return true;
	log_warning("IPv%u: the kernel has an ERSPAN target, but iptables' extension says: %s",
	    family, error);
	return r->config.target == WIRE_TARGET_ERSPAN;
}

/* What the machine can do for a family, the setting before the probing. */
uint8_t
rules_probe_target(const struct rules *r, unsigned family)
{
	uint8_t forced = r->config.target;

	if ((forced == WIRE_TARGET_AUTO || forced == WIRE_TARGET_ERSPAN) && has_erspan(r, family))
		return WIRE_TARGET_ERSPAN;
	/* What an ASIC forwards never comes by the others, which would copy the odd packet that the
	 * CPU sees: worse than an error. They are there for who sets them. */
	if (forced == WIRE_TARGET_AUTO && backend_has_hardware(&r->backend))
		return WIRE_TARGET_AUTO;
	/* All in the kernel, where it can: no user space on the way of a copy. */
	if ((forced == WIRE_TARGET_AUTO || forced == WIRE_TARGET_TEE) &&
	    target_in_kernel(family, "TEE") && device_can(family))
		return WIRE_TARGET_TEE;
	if ((forced == WIRE_TARGET_AUTO || forced == WIRE_TARGET_NFLOG) && r->mirror_ready &&
	    target_in_kernel(family, "NFLOG"))
		return WIRE_TARGET_NFLOG;
	return WIRE_TARGET_AUTO;
}

const char *
rules_target_name(uint8_t target)
{
	static const char *const names[] = {
	    "none", "ERSPAN", "TEE and an erspan device", "NFLOG and mirror"};

	return names[target <= WIRE_TARGET_NFLOG ? target : 0];
}

/* The family's target; the erspan device has no IPv6 outside, the mirror process has. */
uint8_t
rules_pick_target(const struct rules *r, const struct order *order)
{
	uint8_t target = order->filter.a.addr.family == 6 ? r->status.target6 : r->status.target4;

	if (target == WIRE_TARGET_TEE && order->analyser.addr.family != 4 && r->mirror_ready)
		return WIRE_TARGET_NFLOG;
	return target;
}

void
rules_give_sockets(struct rules *r)
{
	struct wire_msg msg = {.type = WIRE_SOCKETS};
	int fds[3] = {nflog_open(r->config.nflog_group, r->config.snap),
	    nflog_open_gre(4, r->config.dscp), nflog_open_gre(6, r->config.dscp)};

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

void
rules_tell_mirror(struct rules *r, struct held *held)
{
	struct wire_msg msg = {.type = WIRE_SESSION,
	    .session = {.capture = held->capture,
		.analyser = held->order.analyser,
		.source = held->source,
		.max_packets = held->order.max_packets,
		.max_bytes = held->order.max_bytes}};

	char error[DEVICE_ERROR_MAX];

	if (held->target == WIRE_TARGET_TEE &&
	    device_make(held->capture, held->order.filter.a.addr.family, &held->order.analyser,
		&held->source, r->config.dscp, error) < 0)
		rules_refuse(r, held, RESULT_KERNEL, error);
	if (held->target != WIRE_TARGET_NFLOG)
		return;
	/* Before the rule is there: its first packet finds the session. */
	int e = wire_send(WIRE_FD_PEER, &msg, NULL, 0);
	if (e < 0)
		rules_refuse(r, held, RESULT_INTERNAL, "the mirror process does not keep up");
}

void
rules_forget_session(const struct held *held)
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

/* Counters of what the kernel copied by itself. */
void
rules_count_device(struct held *held)
{
	struct device_counters counters;

	if (held->target != WIRE_TARGET_TEE || !device_count(held->capture, &counters))
		return;
	held->dirty |= counters.dropped != held->dropped;
	held->copied = counters.copied;
	held->copied_bytes = counters.bytes;
	held->dropped = counters.dropped;
}
