/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A WIRE_PUT: what an order is judged by, the judgement, and the capture that comes of it, new or
 * there already with other limits or another way.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rules/accept.h"
#include "agent/rules/rules_part.h"
#include "common/base/log.h"
#include "common/base/result.h"

#define CAPTURES_MAX 8192 /* refused ones that wait to be reported among them */

/* What an order is judged by; asked of the system once a turn, many orders may come in one. */
static void
learn_facts(struct rules *r, const struct addr *analyser, struct instant now)
{
	struct rules_facts *f = &r->facts;
	bool fresh = f->at.ns == now.ns;

	if (!fresh) {
		free(f->own);
		f->own = NULL;
		int n = accept_own_addresses(&f->own);
		f->has_own = n >= 0;
		f->n_own = n > 0 ? (size_t)n : 0;
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
	const struct rules_facts *f = &r->facts;
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

	/* Who does not know what is his own might capture himself. */
	if (!f->has_own) {
		snprintf(text, ORDER_TEXT_MAX, "the switch's own addresses cannot be read");
		return RESULT_INTERNAL;
	}
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
			rules_tell_mirror(r, held);
		return;
	}
	int code = judge(r, held, &put->order, &source, text);
	if (code != RESULT_OK) {
		rules_refuse(r, held, code, text);
		return;
	}
	take_way(r, held, &source);
	held->remake = true;
	held->hold = HOLD_INSTALLING;
	held->synced = false;
	rules_tell_mirror(r, held);
	r->pending = true;
}

void
rules_put(struct rules *r, const struct wire_put *put, struct instant now)
{
	char text[ORDER_TEXT_MAX] = "";
	struct held *held = held_find(&r->set, put->order.capture);
	struct addr source;

	rules_look_at_flags(r);
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
	held->target = rules_pick_target(r, &put->order);
	if (code != RESULT_OK) {
		rules_refuse(r, held, code, text);
		return;
	}
	take_way(r, held, &source);
	rules_tell_mirror(r, held);
	r->pending = true;
}
