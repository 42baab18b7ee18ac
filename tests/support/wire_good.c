/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/wire_good.h"

#include <stdio.h>
#include <string.h>

struct wire_msg
wire_good_put(void)
{
	struct wire_msg msg;

	memset(&msg, 0, sizeof msg);
	msg.type = WIRE_PUT;
	struct order *o = &msg.put.order;
	o->capture = UINT64_MAX;
	prefix_parse("10.1.0.2", &o->filter.a, NULL);
	prefix_parse("198.51.100.0/24", &o->filter.b, NULL);
	o->filter.has_proto = true;
	o->filter.proto = 6;
	o->filter.port = 443;
	snprintf(o->filter.iface, sizeof o->filter.iface, "swp1");
	addr_parse("192.0.2.74", &o->analyser.addr);
	o->analyser.session = 1023;
	o->analyser.erspan_type = 2;
	o->max_bytes = UINT64_MAX;
	msg.put.lease_ms = 60000;
	return msg;
}

struct wire_msg
wire_good_config(void)
{
	struct wire_msg msg;

	memset(&msg, 0, sizeof msg);
	msg.type = WIRE_CONFIG;
	struct wire_config *c = &msg.config;
	snprintf(c->table, sizeof c->table, "filter");
	snprintf(c->chain, sizeof c->chain, "FORWARD");
	snprintf(c->iface, sizeof c->iface, "swp+");
	snprintf(c->run_dir, sizeof c->run_dir, "/run/finderscope");
	snprintf(c->state_dir, sizeof c->state_dir, "/var/lib/finderscope");
	snprintf(c->switchd_root, sizeof c->switchd_root, "/cumulus/switchd");
	snprintf(c->policy_dir, sizeof c->policy_dir, "/etc/cumulus/acl/policy.d");
	snprintf(c->acltool, sizeof c->acltool, "/usr/cumulus/bin/cl-acltool");
	c->max_rules = 256;
	c->len4 = 24;
	c->len6 = 64;
	c->tick_ms = c->lock_ms = c->sync_wait_ms = 1000;
	return msg;
}

struct wire_msg
wire_good(enum wire_type type, enum wire_side *ret_side)
{
	struct wire_msg msg;

	*ret_side = type <= WIRE_UNSTICK        ? WIRE_FROM_MAIN
		    : type <= WIRE_STATUS       ? WIRE_FROM_RULES
		    : type <= WIRE_SESSION_DROP ? WIRE_FROM_RULES_TO_MIRROR
						: WIRE_FROM_MIRROR;
	if (type == WIRE_CONFIG)
		return wire_good_config();
	if (type == WIRE_PUT)
		return wire_good_put();
	memset(&msg, 0, sizeof msg);
	msg.type = type;
	if (type == WIRE_RENEW)
		msg.renew.lease_ms = 1;
	else if (type == WIRE_DROP || type == WIRE_SESSION_DROP)
		msg.drop.capture = 7;
	else if (type == WIRE_HOLDING)
		msg.holding = (struct holding){.capture = 7, .hold = HOLD_ENDED};
	else if (type == WIRE_SESSION)
		msg.session = (struct wire_session){
		    .capture = 7, .analyser = wire_good_put().put.order.analyser};
	else if (type == WIRE_COUNTS)
		msg.counts.capture = 7;
	return msg;
}
