/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Agent and controller: what is packed comes out the same; the largest fits; nothing bad gets in.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/result.h"
#include "common/msg/agent_msg.h"
#include "proto/finderscope.pb-c.h"

static struct agent_request request, back;
static struct agent_reply reply, reply_back;
static uint8_t bytes[AGENT_MSG_MAX];

static void
fill_text(char *text, size_t size)
{
	memset(text, 'x', size - 1);
	text[size - 1] = '\0';
}

static struct addr
wide_addr(unsigned n)
{
	char text[ADDR_TEXT_MAX];
	struct addr addr;

	snprintf(text, sizeof text, "2001:db8:ffff:ffff:ffff:ffff:ffff:%x", n + 1);
	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void
fill_hello(struct agent_hello *h)
{
	*h = (struct agent_hello){.protocol = AGENT_MSG_PROTOCOL,
	    .backend = AGENT_BACKEND_CL_ACLTOOL,
	    .target4 = AGENT_TARGET_NFLOG,
	    .target6 = AGENT_TARGET_TEE,
	    .rules_max = UINT32_MAX,
	    .bps_max = UINT64_MAX,
	    .len4 = 32,
	    .len6 = 128,
	    .destinations = UINT32_MAX,
	    .addr_count = AGENT_MSG_ADDRS_MAX,
	    .port_count = AGENT_MSG_PORTS_MAX};
	fill_text(h->version, sizeof h->version);
	fill_text(h->name, sizeof h->name);
	fill_text(h->boot_id, sizeof h->boot_id);
	fill_text(h->asic, sizeof h->asic);
	fill_text(h->system, sizeof h->system);
	for (unsigned i = 0; i < AGENT_MSG_ADDRS_MAX; i++) {
		h->addrs[i].addr = wide_addr(i);
		h->addrs[i].ifindex = UINT32_MAX;
		fill_text(h->addrs[i].iface, sizeof h->addrs[i].iface);
	}
	for (unsigned i = 0; i < AGENT_MSG_PORTS_MAX; i++) {
		h->ports[i].ifindex = UINT32_MAX - i;
		fill_text(h->ports[i].name, sizeof h->ports[i].name);
	}
}

static void
fill_poll(struct agent_poll *p)
{
	*p = (struct agent_poll){.acked = UINT64_MAX,
	    .ack_code = UINT16_MAX,
	    .assembling = UINT64_MAX,
	    .next_page = UINT32_MAX,
	    .released = true,
	    .all_holdings = true,
	    .rules = UINT16_MAX,
	    .bps = UINT64_MAX,
	    .errors = UINT64_MAX,
	    .code = UINT16_MAX,
	    .commits = UINT64_MAX,
	    .syncs = UINT64_MAX - 1,
	    .lock_waits = UINT64_MAX - 2,
	    .fights = UINT64_MAX - 3,
	    .foreign_lost = UINT64_MAX - 4,
	    .mirror_lost = UINT64_MAX - 5,
    .went_on = UINT64_MAX - 6,
	    .holding_count = AGENT_MSG_HOLDINGS_MAX,
	    .all_hosts = true,
	    .hosts_known = UINT32_MAX,
	    .hosts_left_out = UINT32_MAX - 1};
	fill_text(p->ack_text, sizeof p->ack_text);
	fill_text(p->text, sizeof p->text);
	for (unsigned i = 0; i < AGENT_MSG_HOLDINGS_MAX; i++) {
		p->holdings[i] = (struct holding){.capture = UINT64_MAX - i,
		    .hold = HOLD_ENDED,
		    .rules = 255,
		    .code = UINT16_MAX,
		    .packets = UINT64_MAX,
		    .bytes = UINT64_MAX,
		    .copied = UINT64_MAX,
		    .dropped = UINT64_MAX,
		    .held_ms = UINT32_MAX};
		fill_text(p->holdings[i].text, sizeof p->holdings[i].text);
	}
}

static void
fill_hosts(struct agent_poll *p)
{
	p->host_count = AGENT_MSG_HOSTS_MAX;
	for (unsigned i = 0; i < AGENT_MSG_HOSTS_MAX; i++) {
		struct agent_host *h = &p->hosts[i];

		*h = (struct agent_host){.addr = wide_addr(i),
		    .mac = {2, 0, 0, 0, 0, (uint8_t)i},
		    .vlan = 4094,
		    .vni = 0xFFFFFF,
		    .ifindex = UINT32_MAX};
		fill_text(h->iface, sizeof h->iface);
		fill_text(h->vrf, sizeof h->vrf);
		if (i == 7)
			*h = (struct agent_host){.addr = wide_addr(i), .gone = true, .vrf = "red"};
	}
}

static void
round_trip(void)
{
	int n = agent_msg_pack_request(&request, bytes, sizeof bytes);

	assert_true(n > 0);
	memset(&back, 0x55, sizeof back);
	assert_int_equal(agent_msg_unpack_request(bytes, (size_t)n, &back), 0);
}

/* Field by field: padding is nobody's business. */
static void
assert_hello(const struct agent_hello *a, const struct agent_hello *b)
{
	assert_int_equal(a->protocol, b->protocol);
	assert_int_equal(a->backend, b->backend);
	assert_int_equal(a->target4, b->target4);
	assert_int_equal(a->target6, b->target6);
	assert_int_equal(a->rules_max, b->rules_max);
	assert_int_equal(a->bps_max, b->bps_max);
	assert_int_equal(a->len4, b->len4);
	assert_int_equal(a->len6, b->len6);
	assert_int_equal(a->destinations, b->destinations);
	assert_string_equal(a->version, b->version);
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->boot_id, b->boot_id);
	assert_string_equal(a->asic, b->asic);
	assert_string_equal(a->system, b->system);
	assert_int_equal(a->addr_count, b->addr_count);
	for (unsigned i = 0; i < a->addr_count; i++) {
		assert_true(addr_equal(&a->addrs[i].addr, &b->addrs[i].addr));
		assert_int_equal(a->addrs[i].ifindex, b->addrs[i].ifindex);
		assert_string_equal(a->addrs[i].iface, b->addrs[i].iface);
	}
	assert_int_equal(a->port_count, b->port_count);
	for (unsigned i = 0; i < a->port_count; i++) {
		assert_int_equal(a->ports[i].ifindex, b->ports[i].ifindex);
		assert_string_equal(a->ports[i].name, b->ports[i].name);
	}
}

static void
assert_holding(const struct holding *a, const struct holding *b)
{
	assert_int_equal(a->capture, b->capture);
	assert_int_equal(a->hold, b->hold);
	assert_int_equal(a->rules, b->rules);
	assert_int_equal(a->code, b->code);
	assert_string_equal(a->text, b->text);
	assert_int_equal(a->packets, b->packets);
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->copied, b->copied);
	assert_int_equal(a->dropped, b->dropped);
	assert_int_equal(a->held_ms, b->held_ms);
}

static void
assert_host(const struct agent_host *a, const struct agent_host *b)
{
	assert_true(addr_equal(&a->addr, &b->addr));
	assert_int_equal(a->gone, b->gone);
	assert_memory_equal(a->mac, b->mac, sizeof a->mac);
	assert_int_equal(a->vlan, b->vlan);
	assert_int_equal(a->vni, b->vni);
	assert_int_equal(a->ifindex, b->ifindex);
	assert_string_equal(a->iface, b->iface);
	assert_string_equal(a->vrf, b->vrf);
}

static void
assert_poll(const struct agent_poll *a, const struct agent_poll *b)
{
	assert_int_equal(a->acked, b->acked);
	assert_int_equal(a->ack_code, b->ack_code);
	assert_string_equal(a->ack_text, b->ack_text);
	assert_int_equal(a->assembling, b->assembling);
	assert_int_equal(a->next_page, b->next_page);
	assert_int_equal(a->released, b->released);
	assert_int_equal(a->all_holdings, b->all_holdings);
	assert_int_equal(a->rules, b->rules);
	assert_int_equal(a->bps, b->bps);
	assert_int_equal(a->errors, b->errors);
	assert_int_equal(a->code, b->code);
	assert_string_equal(a->text, b->text);
	assert_int_equal(a->commits, b->commits);
	assert_int_equal(a->syncs, b->syncs);
	assert_int_equal(a->lock_waits, b->lock_waits);
	assert_int_equal(a->fights, b->fights);
	assert_int_equal(a->foreign_lost, b->foreign_lost);
	assert_int_equal(a->mirror_lost, b->mirror_lost);
	assert_int_equal(a->went_on, b->went_on);
	assert_int_equal(a->holding_count, b->holding_count);
	for (unsigned i = 0; i < a->holding_count; i++)
		assert_holding(&a->holdings[i], &b->holdings[i]);
	assert_int_equal(a->all_hosts, b->all_hosts);
	assert_int_equal(a->hosts_known, b->hosts_known);
	assert_int_equal(a->hosts_left_out, b->hosts_left_out);
	assert_int_equal(a->host_count, b->host_count);
	for (unsigned i = 0; i < a->host_count; i++)
		assert_host(&a->hosts[i], &b->hosts[i]);
}

/* Every field at its largest, every list full: it must fit, a message that can't be sent is never
 * sent. */
static void
test_largest_hello(void **state)
{
	(void)state;
	memset(&request, 0, sizeof request);
	request.is_hello = true;
	fill_hello(&request.hello);
	fill_poll(&request.poll);
	round_trip();
	assert_true(back.is_hello);
	assert_hello(&request.hello, &back.hello);
	assert_poll(&request.poll, &back.poll);
}

static void
test_largest_poll(void **state)
{
	(void)state;
	memset(&request, 0, sizeof request);
	fill_poll(&request.poll);
	fill_hosts(&request.poll);
	round_trip();
	assert_false(back.is_hello);
	assert_poll(&request.poll, &back.poll);
	assert_true(back.poll.hosts[7].gone);
	assert_string_equal(back.poll.hosts[7].vrf, "red");
}

static void
test_empty(void **state)
{
	(void)state;
	memset(&request, 0, sizeof request);
	round_trip();
	assert_poll(&request.poll, &back.poll);
}

static void
test_too_many(void **state)
{
	(void)state;
	memset(&request, 0, sizeof request);
	request.poll.host_count = AGENT_MSG_HOSTS_MAX + 1;
	assert_int_equal(agent_msg_pack_request(&request, bytes, sizeof bytes), -EMSGSIZE);
	request.poll.host_count = 0;
	request.is_hello = true;
	request.hello.port_count = AGENT_MSG_PORTS_MAX + 1;
	assert_int_equal(agent_msg_pack_request(&request, bytes, sizeof bytes), -EMSGSIZE);
	request.hello.port_count = 0;
	assert_int_equal(agent_msg_pack_request(&request, bytes, 1), -EMSGSIZE);
}

/* A host with one thing changed on the wire; 0 or what unpacking says. */
static int
unpack_host(void (*change)(Finderscope__HostChange *host))
{
	uint8_t addr[16] = {198, 51, 100, 9}, mac[8] = {2};
	char iface[] = "swp1\x1b[2J", vrf[] = "red";
	Finderscope__HostChange host, *row = &host;
	Finderscope__Poll poll;
	Finderscope__Request message;

	finderscope__host_change__init(&host);
	finderscope__poll__init(&poll);
	finderscope__request__init(&message);
	host.addr = (ProtobufCBinaryData){.len = 4, .data = addr};
	host.mac = (ProtobufCBinaryData){.len = 6, .data = mac};
	host.iface = iface;
	host.vrf = vrf;
	change(&host);
	poll.n_hosts = 1;
	poll.hosts = &row;
	message.poll = &poll;
	size_t n = finderscope__request__pack(&message, bytes);
	return agent_msg_unpack_request(bytes, n, &back);
}

static void
change_nothing(Finderscope__HostChange *host)
{
	(void)host;
}

static void
change_addr(Finderscope__HostChange *host)
{
	host->addr.len = 5;
}

static void
change_addr_away(Finderscope__HostChange *host)
{
	host->addr.len = 0;
}

static void
change_mac(Finderscope__HostChange *host)
{
	host->mac.len = 7;
}

static void
change_vni(Finderscope__HostChange *host)
{
	host->vni = 0x1000000;
}

static void
change_vlan(Finderscope__HostChange *host)
{
	host->vlan = 4095;
}

static void
test_bad_hosts(void **state)
{
	(void)state;
	assert_int_equal(unpack_host(change_nothing), 0);
	/* For people: nothing of it reaches a terminal as more than text. */
	assert_string_equal(back.poll.hosts[0].iface, "swp1?[2J");
	assert_int_equal(unpack_host(change_addr), -EBADMSG);
	assert_int_equal(unpack_host(change_addr_away), -EBADMSG);
	assert_int_equal(unpack_host(change_mac), -EBADMSG);
	assert_int_equal(unpack_host(change_vni), -EBADMSG);
	assert_int_equal(unpack_host(change_vlan), -EBADMSG);
}

static void
test_too_many_on_the_wire(void **state)
{
	uint8_t addr[4] = {198, 51, 100, 9};
	Finderscope__HostChange host;
	static Finderscope__HostChange *rows[AGENT_MSG_HOSTS_MAX + 1];
	Finderscope__Poll poll;
	Finderscope__Request message;

	(void)state;
	finderscope__host_change__init(&host);
	finderscope__poll__init(&poll);
	finderscope__request__init(&message);
	host.addr = (ProtobufCBinaryData){.len = 4, .data = addr};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		rows[i] = &host;
	poll.n_hosts = AGENT_MSG_HOSTS_MAX + 1;
	poll.hosts = rows;
	message.poll = &poll;
	size_t n = finderscope__request__pack(&message, bytes);
	assert_int_equal(agent_msg_unpack_request(bytes, n, &back), -EBADMSG);
}

/* Whatever is cut off, wherever: read or refused, never more than what is there. */
static void
test_cut(void **state)
{
	(void)state;
	memset(&request, 0, sizeof request);
	request.is_hello = true;
	fill_hello(&request.hello);
	request.hello.addr_count = request.hello.port_count = 3;
	fill_poll(&request.poll);
	request.poll.holding_count = 2;
	fill_hosts(&request.poll);
	request.poll.host_count = 3;
	int n = agent_msg_pack_request(&request, bytes, sizeof bytes);
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		uint8_t *exact = malloc((size_t)i + 1);

		memcpy(exact, bytes, (size_t)i);
		int r = agent_msg_unpack_request(exact, (size_t)i, &back);
		assert_true(r == 0 || r == -EBADMSG);
		free(exact);
	}
}

static void
test_reply(void **state)
{
	(void)state;
	reply = (struct agent_reply){.kind = AGENT_REPLY_PAGE,
	    .code = 7,
	    .generation = 9,
	    .lease_ms = 60000,
	    .page = 2,
	    .last_page = true,
	    .frozen = true,
	    .go_on = UINT64_MAX,
	    .order_count = 1};
	struct order *o = &reply.orders[0];
	o->capture = 42;
	assert_int_equal(prefix_parse("10.1.0.2", &o->filter.a, NULL), 0);
	assert_int_equal(prefix_parse("198.51.100.9", &o->filter.b, NULL), 0);
	assert_int_equal(addr_parse("192.0.2.74", &o->analyser.addr), 0);
	o->analyser.session = 1023;
	o->analyser.erspan_type = 2;
	int n = agent_msg_pack_reply(&reply, bytes, sizeof bytes);
	assert_true(n > 0);
	assert_int_equal(agent_msg_unpack_reply(bytes, (size_t)n, &reply_back), 0);
	assert_int_equal(reply_back.kind, AGENT_REPLY_PAGE);
	assert_int_equal(reply_back.generation, 9);
	assert_int_equal(reply_back.orders[0].capture, 42);
	assert_int_equal(reply_back.orders[0].analyser.session, 1023);
	o->analyser.session = 1024;
	n = agent_msg_pack_reply(&reply, bytes, sizeof bytes);
	assert_int_equal(agent_msg_unpack_reply(bytes, (size_t)n, &reply_back), -EBADMSG);
}

static struct order
make_order(uint64_t capture, bool six)
{
	struct order o = {.capture = capture,
	    .analyser = {.session = 1023, .erspan_type = 2, .ttl = 255},
	    .remaining_ms = UINT32_MAX,
	    .max_bps = UINT64_MAX,
	    .max_packets = 1,
	    .max_bytes = UINT64_MAX};

	prefix_parse(six ? "2001:db8::1" : "10.1.0.2", &o.filter.a, NULL);
	prefix_parse(six ? "2001:db8:1::/48" : "198.51.100.0/24", &o.filter.b, NULL);
	o.filter.has_proto = true;
	o.filter.proto = 6;
	o.filter.port = 65535;
	o.filter.one_way = capture % 2;
	snprintf(o.filter.iface, sizeof o.filter.iface, "swp%u+", (unsigned)capture % 100);
	addr_parse(six ? "2001:db8:2::1" : "192.0.2.74", &o.analyser.addr);
	return o;
}

static bool
order_same(const struct order *a, const struct order *b)
{
	return a->capture == b->capture && filter_equal(&a->filter, &b->filter) &&
	       addr_equal(&a->analyser.addr, &b->analyser.addr) &&
	       a->analyser.session == b->analyser.session &&
	       a->analyser.erspan_type == b->analyser.erspan_type &&
	       a->analyser.ttl == b->analyser.ttl && a->remaining_ms == b->remaining_ms &&
	       a->max_bps == b->max_bps && a->max_packets == b->max_packets &&
	       a->max_bytes == b->max_bytes;
}

static void
test_largest_page(void **state)
{
	static struct agent_reply in, out;
	int n;

	(void)state;
	in = (struct agent_reply){.kind = AGENT_REPLY_PAGE,
	    .code = RESULT_FROZEN,
	    .generation = UINT64_MAX,
	    .lease_ms = 60000,
	    .page = 3,
	    .last_page = true,
	    .frozen = true,
	    .go_on = UINT64_MAX,
	    .order_count = AGENT_MSG_ORDERS_MAX};
	memset(in.text, 'x', sizeof in.text - 1);
	for (unsigned i = 0; i < AGENT_MSG_ORDERS_MAX; i++)
		in.orders[i] = make_order(UINT64_MAX - i, i % 2);
	n = agent_msg_pack_reply(&in, bytes, sizeof bytes);
	assert_in_range(n, 1, AGENT_MSG_MAX);
	assert_int_equal(agent_msg_unpack_reply(bytes, (size_t)n, &out), 0);
	assert_int_equal(out.kind, in.kind);
	assert_int_equal(out.code, in.code);
	assert_string_equal(out.text, in.text);
	assert_true(out.generation == in.generation && out.lease_ms == in.lease_ms);
	assert_true(out.page == 3 && out.last_page && out.frozen);
	assert_true(out.go_on == UINT64_MAX);
	assert_int_equal(out.order_count, AGENT_MSG_ORDERS_MAX);
	for (unsigned i = 0; i < AGENT_MSG_ORDERS_MAX; i++)
		assert_true(order_same(&in.orders[i], &out.orders[i]));
	in.order_count++;
	assert_int_equal(agent_msg_pack_reply(&in, bytes, sizeof bytes), -EMSGSIZE);
}

/* One field out of its range each; what was written by our own pack, which checks nothing. */
static void
test_bad_orders(void **state)
{
	static struct agent_reply in, out;
	const struct order good = make_order(9, false);

	(void)state;
	in = (struct agent_reply){.kind = AGENT_REPLY_PAGE, .generation = 1, .order_count = 2};
#define TRY(change, want)                                                                          \
	do {                                                                                       \
		struct order *o = &in.orders[1];                                                   \
		in.orders[0] = make_order(8, false);                                               \
		*o = good;                                                                         \
		change;                                                                            \
		int n = agent_msg_pack_reply(&in, bytes, sizeof bytes);                            \
		assert_true(n > 0);                                                                \
		assert_int_equal(agent_msg_unpack_reply(bytes, (size_t)n, &out), want);            \
	} while (0)
	TRY((void)0, 0);
	TRY(o->capture = 0, -EBADMSG);
	TRY(o->analyser.addr.family = 0, -EBADMSG);
	TRY(addr_parse("224.0.0.1", &o->analyser.addr), -EBADMSG);
	TRY(o->analyser.session = 0, -EBADMSG);
	TRY(o->analyser.session = 1024, -EBADMSG);
	TRY(o->analyser.erspan_type = 0, -EBADMSG);
	TRY(o->analyser.erspan_type = 3, -EBADMSG);
	TRY(o->filter.a.len = 33, -EBADMSG);
	TRY(o->filter.b.len = 16, -EBADMSG);
	TRY(o->filter.a.addr.family = 0, -EBADMSG);
	TRY(o->filter.a.addr.family = 6, -EBADMSG);
	TRY(o->filter.a_port = 1, -EBADMSG);
	TRY(o->filter.proto = 1, -EBADMSG);
	TRY(o->filter.iface[2] = ';', -EBADMSG);
	TRY(snprintf(o->filter.iface, sizeof o->filter.iface, "+"), -EBADMSG);
#undef TRY
	in.order_count = 0;
	in.kind = (enum agent_reply_kind)(AGENT_REPLY_REFUSED + 1);
	int n = agent_msg_pack_reply(&in, bytes, sizeof bytes);
	assert_int_equal(agent_msg_unpack_reply(bytes, (size_t)n, &out), -EBADMSG);
}

static void
test_bad_reports(void **state)
{
	(void)state;
#define TRY(change)                                                                                \
	do {                                                                                       \
		memset(&request, 0, sizeof request);                                               \
		request.is_hello = true;                                                           \
		fill_hello(&request.hello);                                                        \
		fill_poll(&request.poll);                                                          \
		change;                                                                            \
		int n = agent_msg_pack_request(&request, bytes, sizeof bytes);                     \
		assert_true(n > 0);                                                                \
		assert_int_equal(agent_msg_unpack_request(bytes, (size_t)n, &back), -EBADMSG);     \
	} while (0)
	TRY(request.poll.holdings[AGENT_MSG_HOLDINGS_MAX - 1].capture = 0);
	TRY(request.poll.holdings[0].hold = (enum hold)0);
	TRY(request.poll.holdings[0].hold = (enum hold)(HOLD_ENDED + 1));
	TRY(request.hello.backend = (enum agent_backend)3);
	TRY(request.hello.target4 = (enum agent_target)4);
	TRY(request.hello.target6 = (enum agent_target)4);
	TRY(request.hello.len4 = 33);
	TRY(request.hello.len6 = 129);
	TRY(request.hello.addrs[3].addr.family = 0);
#undef TRY
}

/* Text for people goes to terminals and logs. */
static void
test_harmless_text(void **state)
{
	static struct agent_reply in, out;
	int n;

	(void)state;
	in = (struct agent_reply){.kind = AGENT_REPLY_REFUSED, .code = RESULT_VERSION};
	snprintf(in.text, sizeof in.text, "a\033[2J\nb\x7f");
	n = agent_msg_pack_reply(&in, bytes, sizeof bytes);
	assert_int_equal(agent_msg_unpack_reply(bytes, (size_t)n, &out), 0);
	assert_string_equal(out.text, "a?[2J?b?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_largest_hello),
	    cmocka_unit_test(test_largest_poll), cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_too_many), cmocka_unit_test(test_bad_hosts),
	    cmocka_unit_test(test_too_many_on_the_wire), cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_reply), cmocka_unit_test(test_largest_page),
	    cmocka_unit_test(test_bad_orders), cmocka_unit_test(test_bad_reports),
	    cmocka_unit_test(test_harmless_text)};

	return cmocka_run_group_tests_name("agent_msg", tests, NULL, NULL);
}
