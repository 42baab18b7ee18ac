/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests and replies of the control channel as they are after opening the seal, from an agent or
 * a controller that is not what it should be. What an agent takes, rules must be able to take.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/wire.h"
#include "common/msg/agent_msg.h"
#include "tests/support/edits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct agent_request request, request_back;
static struct agent_reply reply, reply_back;
static uint8_t buf[AGENT_MSG_MAX], again[AGENT_MSG_MAX];

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static size_t
good_reply(void)
{
	memset(&reply, 0, sizeof reply);
	reply.kind = AGENT_REPLY_PAGE;
	reply.generation = 3;
	reply.lease_ms = 60000;
	reply.last_page = true;
	reply.order_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		struct order *o = &reply.orders[i];

		o->capture = 17 + i;
		prefix_parse(i ? "2001:db8::1" : "10.1.0.2", &o->filter.a, NULL);
		prefix_parse(i ? "2001:db8:1::/64" : "198.51.100.0/24", &o->filter.b, NULL);
		o->filter.has_proto = true;
		o->filter.proto = 6;
		o->filter.port = 443;
		snprintf(o->filter.iface, sizeof o->filter.iface, "swp1");
		addr_parse("192.0.2.74", &o->analyser.addr);
		o->analyser.session = 7;
		o->analyser.erspan_type = 2;
	}
	return (size_t)agent_msg_pack_reply(&reply, buf, sizeof buf);
}

static size_t
good_request(void)
{
	memset(&request, 0, sizeof request);
	request.is_hello = true;
	request.hello.protocol = AGENT_MSG_PROTOCOL;
	request.hello.addr_count = 1;
	addr_parse("10.1.0.1", &request.hello.addrs[0].addr);
	snprintf(request.hello.name, sizeof request.hello.name, "leaf1");
	request.poll.acked = 3;
	request.poll.holding_count = 1;
	request.poll.holdings[0] = (struct holding){.capture = 17, .hold = HOLD_MIRRORING};
	return (size_t)agent_msg_pack_request(&request, buf, sizeof buf);
}

static void
try_reply(const uint8_t *bytes, size_t size)
{
	struct wire_msg msg;
	uint8_t wire[WIRE_MAX];

	if (agent_msg_unpack_reply(bytes, size, &reply) < 0)
		return;
	for (unsigned i = 0; i < reply.order_count; i++) {
		memset(&msg, 0, sizeof msg);
		msg.type = WIRE_PUT;
		msg.put.order = reply.orders[i];
		msg.put.lease_ms = 1;
		size_t n = wire_encode(&msg, wire);
		must(wire_decode(wire, n, WIRE_FROM_MAIN, &msg) == 0);
	}
	int n = agent_msg_pack_reply(&reply, again, sizeof again);
	must(n >= 0 && agent_msg_unpack_reply(again, (size_t)n, &reply_back) == 0);
	must(reply_back.order_count == reply.order_count && reply_back.kind == reply.kind);
}

static void
try_request(const uint8_t *bytes, size_t size)
{
	if (agent_msg_unpack_request(bytes, size, &request) < 0)
		return;
	must(memchr(request.hello.name, '\0', sizeof request.hello.name) != NULL);
	must(request.poll.holding_count <= AGENT_MSG_HOLDINGS_MAX);
	for (unsigned i = 0; i < request.poll.holding_count; i++) {
		const struct holding *h = &request.poll.holdings[i];

		must(h->capture && h->hold >= HOLD_INSTALLING && h->hold <= HOLD_ENDED);
		must(memchr(h->text, '\0', sizeof h->text) != NULL);
	}
	int n = agent_msg_pack_request(&request, again, sizeof again);
	must(n >= 0 && agent_msg_unpack_request(again, (size_t)n, &request_back) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n;

	if (size < 1)
		return 0;
	if (data[0] & 2) {
		n = size - 1 < sizeof buf ? size - 1 : sizeof buf;
		memcpy(buf, data + 1, n);
	} else {
		n = data[0] & 1 ? good_reply() : good_request();
		n = edits_apply(data + 1, size - 1, buf, n);
	}
	uint8_t *exact = malloc(n + (n == 0));
	memcpy(exact, buf, n);
	memset(&request, 0, sizeof request);
	if (data[0] & 1)
		try_reply(exact, n);
	else
		try_request(exact, n);
	free(exact);
	return 0;
}
