/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages between the agent's processes, as a compromised one of them would send: the first
 * byte says which side speaks, the second which good message the rest is an edit of (or that the
 * rest is the message). What is taken must be well-formed and must encode to the same bytes.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/wire.h"
#include "tests/support/edits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
good_config(struct wire_config *c)
{
	snprintf(c->table, sizeof c->table, "filter");
	snprintf(c->chain, sizeof c->chain, "FORWARD");
	snprintf(c->iface, sizeof c->iface, "swp+");
	snprintf(c->run_dir, sizeof c->run_dir, "/run/finderscope");
	snprintf(c->state_dir, sizeof c->state_dir, "/var/lib/finderscope");
	snprintf(c->switchd_root, sizeof c->switchd_root, "/cumulus");
	snprintf(c->policy_dir, sizeof c->policy_dir, "/etc/cumulus");
	snprintf(c->acltool, sizeof c->acltool, "/usr/cumulus/bin/cl-acltool");
	c->max_rules = 256;
	c->len4 = 24;
	c->len6 = 64;
	c->tick_ms = c->lock_ms = c->sync_wait_ms = 1000;
	c->protects = 1;
	addr_parse("192.0.2.10", &c->protect[0]);
}

static void
good_order(struct order *o)
{
	o->capture = 17;
	prefix_parse("10.1.0.2", &o->filter.a, NULL);
	prefix_parse("198.51.100.0/24", &o->filter.b, NULL);
	o->filter.has_proto = true;
	o->filter.proto = 6;
	o->filter.port = 443;
	snprintf(o->filter.iface, sizeof o->filter.iface, "swp1");
	addr_parse("192.0.2.74", &o->analyser.addr);
	o->analyser.session = 7;
	o->analyser.erspan_type = 2;
}

static struct wire_msg
good(unsigned type)
{
	struct wire_msg msg;

	memset(&msg, 0, sizeof msg);
	msg.type = (enum wire_type)(type % (WIRE_TYPE_END - 1) + 1);
	if (msg.type == WIRE_CONFIG) {
		good_config(&msg.config);
	} else if (msg.type == WIRE_PUT) {
		good_order(&msg.put.order);
		msg.put.lease_ms = 60000;
	} else if (msg.type == WIRE_RENEW) {
		msg.renew.lease_ms = 60000;
	} else if (msg.type == WIRE_DROP || msg.type == WIRE_SESSION_DROP) {
		msg.drop.capture = 17;
	} else if (msg.type == WIRE_HOLDING) {
		msg.holding = (struct holding){.capture = 17, .hold = HOLD_IN_KERNEL};
	} else if (msg.type == WIRE_SESSION) {
		struct order o;

		memset(&o, 0, sizeof o);
		good_order(&o);
		msg.session = (struct wire_session){.capture = 17, .analyser = o.analyser};
	} else if (msg.type == WIRE_COUNTS) {
		msg.counts.capture = 17;
	}
	return msg;
}

static void
must(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[WIRE_MAX], again[WIRE_MAX];
	struct wire_msg msg, template;
	size_t n;

	if (size < 2)
		return 0;
	enum wire_side side = (enum wire_side)(data[0] % 4);
	if (data[0] & 0x80) {
		n = size - 2 < sizeof buf ? size - 2 : sizeof buf;
		memcpy(buf, data + 2, n);
	} else {
		template = good(data[1]);
		n = wire_encode(&template, buf);
		n = edits_apply(data + 2, size - 2, buf, n);
	}
	/* A block of its own size: a read behind it is seen. */
	uint8_t *exact = malloc(n + (n == 0));
	memcpy(exact, buf, n);
	int r = wire_decode(exact, n, side, &msg);
	free(exact);
	if (r < 0)
		return 0;
	must(wire_encode(&msg, again) == n && memcmp(buf, again, n) == 0);
	if (msg.type == WIRE_PUT) {
		struct filter_match matches[FILTER_RULES_MAX];

		must(filter_check(&msg.put.order.filter, NULL) == NULL);
		must(filter_expand(&msg.put.order.filter, matches) ==
		     filter_rules(&msg.put.order.filter));
		must(msg.put.order.capture != 0 && wire_analyser_ok(&msg.put.order.analyser));
		must(msg.put.lease_ms != 0 && msg.put.lease_ms <= WIRE_LEASE_MAX_MS);
	}
	return 0;
}
