/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/msg/agent_msg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/result.h"
#include "proto/finderscope.pb-c.h"

/* protobuf-c wants `char *` and bytes it could write to; it only reads when packing. */
#define TEXT(s) ((char *)(uintptr_t)(s))

static ProtobufCBinaryData
addr_bytes(const struct addr *addr)
{
	return (ProtobufCBinaryData){
	    .len = addr_bits(addr) / 8, .data = (uint8_t *)(uintptr_t)addr->bytes};
}

static bool
addr_take(const ProtobufCBinaryData *from, bool none_is_fine, struct addr *ret_addr)
{
	if (from->len == 4)
		*ret_addr = addr_from_v4(from->data);
	else if (from->len == 16)
		*ret_addr = addr_from_v6(from->data);
	else if (from->len == 0 && none_is_fine)
		*ret_addr = (struct addr){.family = 0};
	else
		return false;
	return true;
}

/* Text for people: cut to what fits, control characters made harmless. */
static void
text_take(const char *from, char *to, size_t size)
{
	snprintf(to, size, "%s", from ? from : "");
	for (; *to; to++)
		if ((unsigned char)*to < 0x20 || *to == 0x7f)
			*to = '?';
}

static void
filter_put(const struct filter *from, Finderscope__Filter *to)
{
	finderscope__filter__init(to);
	to->a = addr_bytes(&from->a.addr);
	to->a_len = from->a.len;
	to->b = addr_bytes(&from->b.addr);
	to->b_len = from->b.len;
	to->a_port = from->a_port;
	to->b_port = from->b_port;
	to->port = from->port;
	to->has_proto = from->has_proto;
	to->proto = from->proto;
	to->one_way = from->one_way;
	to->iface = TEXT(from->iface);
}

static bool
filter_take(const Finderscope__Filter *from, struct filter *ret_filter)
{
	struct filter filter = {.one_way = from && from->one_way};

	if (!from || !addr_take(&from->a, false, &filter.a.addr) ||
	    !addr_take(&from->b, false, &filter.b.addr) || from->a_len > 128 || from->b_len > 128 ||
	    from->a_port > 65535 || from->b_port > 65535 || from->port > 65535 ||
	    (from->has_proto && from->proto > 255) ||
	    (from->iface && strlen(from->iface) >= FILTER_IFACE_MAX))
		return false;
	filter.a.len = (uint8_t)from->a_len;
	filter.b.len = (uint8_t)from->b_len;
	filter.a_port = (uint16_t)from->a_port;
	filter.b_port = (uint16_t)from->b_port;
	filter.port = (uint16_t)from->port;
	filter.has_proto = from->has_proto;
	filter.proto = from->has_proto ? (uint8_t)from->proto : 0;
	if (from->iface)
		memcpy(filter.iface, from->iface, strlen(from->iface));
	if (filter_check(&filter, NULL))
		return false;
	*ret_filter = filter;
	return true;
}

static void
order_put(const struct order *from, Finderscope__Order *to, Finderscope__Filter *filter)
{
	finderscope__order__init(to);
	filter_put(&from->filter, filter);
	to->filter = filter;
	to->capture = from->capture;
	to->analyser = addr_bytes(&from->analyser.addr);
	to->session = from->analyser.session;
	to->erspan_type = from->analyser.erspan_type;
	to->ttl = from->analyser.ttl;
	to->remaining_ms = from->remaining_ms;
	to->max_bps = from->max_bps;
	to->max_packets = from->max_packets;
	to->max_bytes = from->max_bytes;
}

static bool
order_take(const Finderscope__Order *from, struct order *ret_order)
{
	struct order order = {.capture = from->capture};

	if (from->capture == 0 || !filter_take(from->filter, &order.filter) ||
	    !addr_take(&from->analyser, false, &order.analyser.addr) ||
	    addr_is_special(&order.analyser.addr) || from->session < 1 || from->session > 1023 ||
	    from->erspan_type < 1 || from->erspan_type > 2 || from->ttl > 255)
		return false;
	order.analyser.session = (uint16_t)from->session;
	order.analyser.erspan_type = (uint8_t)from->erspan_type;
	order.analyser.ttl = (uint8_t)from->ttl;
	order.remaining_ms = from->remaining_ms;
	order.max_bps = from->max_bps;
	order.max_packets = from->max_packets;
	order.max_bytes = from->max_bytes;
	*ret_order = order;
	return true;
}

static void
holding_put(const struct holding *from, Finderscope__Holding *to)
{
	finderscope__holding__init(to);
	to->capture = from->capture;
	to->hold = (uint32_t)from->hold;
	to->rules = from->rules;
	to->code = from->code;
	to->text = TEXT(from->text);
	to->packets = from->packets;
	to->bytes = from->bytes;
	to->copied = from->copied;
	to->dropped = from->dropped;
	to->held_ms = from->held_ms;
}

static bool
holding_take(const Finderscope__Holding *from, struct holding *to)
{
	if (from->capture == 0 || from->hold < HOLD_INSTALLING || from->hold > HOLD_ENDED ||
	    from->rules > 255 || from->code > UINT16_MAX)
		return false;
	*to = (struct holding){
	    .capture = from->capture,
	    .hold = (enum hold)from->hold,
	    .rules = (uint8_t)from->rules,
	    .code = (uint16_t)from->code,
	    .packets = from->packets,
	    .bytes = from->bytes,
	    .copied = from->copied,
	    .dropped = from->dropped,
	    .held_ms = from->held_ms,
	};
	text_take(from->text, to->text, sizeof to->text);
	return true;
}

static void
host_put(const struct agent_host *from, Finderscope__HostChange *to)
{
	finderscope__host_change__init(to);
	to->addr = addr_bytes(&from->addr);
	to->gone = from->gone;
	to->vrf = TEXT(from->vrf);
	if (from->gone)
		return;
	to->mac =
	    (ProtobufCBinaryData){.len = sizeof from->mac, .data = (uint8_t *)(uintptr_t)from->mac};
	to->ifindex = from->ifindex;
	to->iface = TEXT(from->iface);
	to->vni = from->vni;
	to->vlan = from->vlan;
}

static bool
host_take(const Finderscope__HostChange *from, struct agent_host *to)
{
	*to = (struct agent_host){
	    .gone = from->gone,
	    .ifindex = from->ifindex,
	    .vni = from->vni,
	    .vlan = (uint16_t)from->vlan,
	};
	if (!addr_take(&from->addr, false, &to->addr) || from->vni > 0xFFFFFF ||
	    from->vlan > 4094 || (from->mac.len != 0 && from->mac.len != sizeof to->mac))
		return false;
	if (from->mac.len)
		memcpy(to->mac, from->mac.data, sizeof to->mac);
	text_take(from->iface, to->iface, sizeof to->iface);
	text_take(from->vrf, to->vrf, sizeof to->vrf);
	return true;
}

static bool
hello_take(const Finderscope__Hello *from, struct agent_hello *to)
{
	if (from->backend > AGENT_BACKEND_CL_ACLTOOL || from->target4 > AGENT_TARGET_NFLOG ||
	    from->target6 > AGENT_TARGET_NFLOG || from->len4 > 32 || from->len6 > 128 ||
	    from->n_addrs > AGENT_MSG_ADDRS_MAX || from->n_ports > AGENT_MSG_PORTS_MAX)
		return false;
	*to = (struct agent_hello){
	    .protocol = from->protocol,
	    .backend = (enum agent_backend)from->backend,
	    .target4 = (enum agent_target)from->target4,
	    .target6 = (enum agent_target)from->target6,
	    .rules_max = from->rules_max,
	    .bps_max = from->bps_max,
	    .len4 = (uint8_t)from->len4,
	    .len6 = (uint8_t)from->len6,
	    .destinations = from->destinations,
	    .addr_count = (uint16_t)from->n_addrs,
	    .port_count = (uint16_t)from->n_ports,
	};
	text_take(from->version, to->version, sizeof to->version);
	text_take(from->name, to->name, sizeof to->name);
	text_take(from->boot_id, to->boot_id, sizeof to->boot_id);
	text_take(from->asic, to->asic, sizeof to->asic);
	text_take(from->system, to->system, sizeof to->system);
	for (size_t i = 0; i < from->n_addrs; i++) {
		if (!addr_take(&from->addrs[i]->addr, false, &to->addrs[i].addr))
			return false;
		to->addrs[i].ifindex = from->addrs[i]->ifindex;
		text_take(from->addrs[i]->iface, to->addrs[i].iface, sizeof to->addrs[i].iface);
	}
	for (size_t i = 0; i < from->n_ports; i++) {
		to->ports[i].ifindex = from->ports[i]->ifindex;
		text_take(from->ports[i]->name, to->ports[i].name, sizeof to->ports[i].name);
	}
	return true;
}

static bool
poll_take(const Finderscope__Poll *from, struct agent_poll *to)
{
	if (from->ack_code > UINT16_MAX || from->rules > UINT16_MAX || from->code > UINT16_MAX ||
	    from->n_holdings > AGENT_MSG_HOLDINGS_MAX || from->n_hosts > AGENT_MSG_HOSTS_MAX)
		return false;
	*to = (struct agent_poll){
	    .acked = from->acked,
	    .ack_code = (uint16_t)from->ack_code,
	    .assembling = from->assembling,
	    .next_page = from->next_page,
	    .released = from->released,
	    .all_holdings = from->all_holdings,
	    .rules = (uint16_t)from->rules,
	    .bps = from->bps,
	    .errors = from->errors,
	    .code = (uint16_t)from->code,
	    .commits = from->commits,
	    .syncs = from->syncs,
	    .lock_waits = from->lock_waits,
	    .fights = from->fights,
	    .foreign_lost = from->foreign_lost,
	    .mirror_lost = from->mirror_lost,
	    .went_on = from->went_on,
	    .holding_count = (uint16_t)from->n_holdings,
	    .all_hosts = from->all_hosts,
	    .host_count = (uint16_t)from->n_hosts,
	    .hosts_known = from->hosts_known,
	    .hosts_left_out = from->hosts_left_out,
	};
	text_take(from->text, to->text, sizeof to->text);
	text_take(from->ack_text, to->ack_text, sizeof to->ack_text);
	for (size_t i = 0; i < from->n_holdings; i++)
		if (!holding_take(from->holdings[i], &to->holdings[i]))
			return false;
	for (size_t i = 0; i < from->n_hosts; i++)
		if (!host_take(from->hosts[i], &to->hosts[i]))
			return false;
	return true;
}

static int
pack(const ProtobufCMessage *message, uint8_t *buffer, size_t size)
{
	size_t need = protobuf_c_message_get_packed_size(message);

	if (need > size || need > AGENT_MSG_MAX)
		return -EMSGSIZE;
	return (int)protobuf_c_message_pack(message, buffer);
}

/* A message and what its pointers lead to: too large for a stack that others use, too. */
struct request_rows {
	Finderscope__Request message;
	Finderscope__Hello hello;
	Finderscope__Poll poll;
	Finderscope__IfAddr addrs[AGENT_MSG_ADDRS_MAX], *addr_rows[AGENT_MSG_ADDRS_MAX];
	Finderscope__Port ports[AGENT_MSG_PORTS_MAX], *port_rows[AGENT_MSG_PORTS_MAX];
	Finderscope__Holding holdings[AGENT_MSG_HOLDINGS_MAX],
	    *holding_rows[AGENT_MSG_HOLDINGS_MAX];
	Finderscope__HostChange hosts[AGENT_MSG_HOSTS_MAX], *host_rows[AGENT_MSG_HOSTS_MAX];
};

static void
hello_put(const struct agent_hello *from, struct request_rows *rows)
{
	Finderscope__Hello *to = &rows->hello;

	finderscope__hello__init(to);
	to->protocol = from->protocol;
	to->version = TEXT(from->version);
	to->name = TEXT(from->name);
	to->boot_id = TEXT(from->boot_id);
	to->backend = (uint32_t)from->backend;
	to->target4 = (uint32_t)from->target4;
	to->target6 = (uint32_t)from->target6;
	to->rules_max = from->rules_max;
	to->bps_max = from->bps_max;
	to->len4 = from->len4;
	to->len6 = from->len6;
	to->destinations = from->destinations;
	to->asic = TEXT(from->asic);
	to->system = TEXT(from->system);
	for (size_t i = 0; i < from->addr_count; i++) {
		finderscope__if_addr__init(&rows->addrs[i]);
		rows->addrs[i].addr = addr_bytes(&from->addrs[i].addr);
		rows->addrs[i].ifindex = from->addrs[i].ifindex;
		rows->addrs[i].iface = TEXT(from->addrs[i].iface);
		rows->addr_rows[i] = &rows->addrs[i];
	}
	to->n_addrs = from->addr_count;
	to->addrs = rows->addr_rows;
	for (size_t i = 0; i < from->port_count; i++) {
		finderscope__port__init(&rows->ports[i]);
		rows->ports[i].ifindex = from->ports[i].ifindex;
		rows->ports[i].name = TEXT(from->ports[i].name);
		rows->port_rows[i] = &rows->ports[i];
	}
	to->n_ports = from->port_count;
	to->ports = rows->port_rows;
}

static void
poll_put(const struct agent_poll *from, struct request_rows *rows)
{
	Finderscope__Poll *to = &rows->poll;

	finderscope__poll__init(to);
	to->acked = from->acked;
	to->ack_code = from->ack_code;
	to->ack_text = TEXT(from->ack_text);
	to->assembling = from->assembling;
	to->next_page = from->next_page;
	to->released = from->released;
	to->all_holdings = from->all_holdings;
	to->rules = from->rules;
	to->bps = from->bps;
	to->errors = from->errors;
	to->code = from->code;
	to->text = TEXT(from->text);
	to->commits = from->commits;
	to->syncs = from->syncs;
	to->lock_waits = from->lock_waits;
	to->fights = from->fights;
	to->foreign_lost = from->foreign_lost;
	to->mirror_lost = from->mirror_lost;
	to->went_on = from->went_on;
	for (size_t i = 0; i < from->holding_count; i++) {
		holding_put(&from->holdings[i], &rows->holdings[i]);
		rows->holding_rows[i] = &rows->holdings[i];
	}
	to->n_holdings = from->holding_count;
	to->holdings = rows->holding_rows;
	to->all_hosts = from->all_hosts;
	to->hosts_known = from->hosts_known;
	to->hosts_left_out = from->hosts_left_out;
	for (size_t i = 0; i < from->host_count; i++) {
		host_put(&from->hosts[i], &rows->hosts[i]);
		rows->host_rows[i] = &rows->hosts[i];
	}
	to->n_hosts = from->host_count;
	to->hosts = rows->host_rows;
}

int
agent_msg_pack_request(const struct agent_request *request, uint8_t *buffer, size_t size)
{
	const struct agent_poll *from = &request->poll;

	if (from->holding_count > AGENT_MSG_HOLDINGS_MAX ||
	    from->host_count > AGENT_MSG_HOSTS_MAX ||
	    (request->is_hello && (request->hello.addr_count > AGENT_MSG_ADDRS_MAX ||
				      request->hello.port_count > AGENT_MSG_PORTS_MAX)))
		return -EMSGSIZE;
	struct request_rows *rows = malloc(sizeof *rows);
	if (!rows)
		return -ENOMEM;
	finderscope__request__init(&rows->message);
	if (request->is_hello) {
		hello_put(&request->hello, rows);
		rows->message.hello = &rows->hello;
	}
	poll_put(from, rows);
	rows->message.poll = &rows->poll;
	int r = pack(&rows->message.base, buffer, size);
	free(rows);
	return r;
}

int
agent_msg_pack_reply(const struct agent_reply *reply, uint8_t *buffer, size_t size)
{
	Finderscope__Reply message;
	Finderscope__Order orders[AGENT_MSG_ORDERS_MAX], *rows[AGENT_MSG_ORDERS_MAX];
	Finderscope__Filter filters[AGENT_MSG_ORDERS_MAX];

	if (reply->order_count > AGENT_MSG_ORDERS_MAX)
		return -EMSGSIZE;
	finderscope__reply__init(&message);
	message.kind = (uint32_t)reply->kind;
	message.code = reply->code;
	message.text = TEXT(reply->text);
	message.generation = reply->generation;
	message.lease_ms = reply->lease_ms;
	message.page = reply->page;
	message.last_page = reply->last_page;
	message.frozen = reply->frozen;
	message.go_on = reply->go_on;
	for (size_t i = 0; i < reply->order_count; i++) {
		order_put(&reply->orders[i], &orders[i], &filters[i]);
		rows[i] = &orders[i];
	}
	message.n_orders = reply->order_count;
	message.orders = rows;
	return pack(&message.base, buffer, size);
}

int
agent_msg_unpack_request(const uint8_t *bytes, size_t size, struct agent_request *ret_request)
{
	Finderscope__Request *message;
	int r = 0;

	if (size > AGENT_MSG_MAX)
		return -EBADMSG;
	message = finderscope__request__unpack(NULL, size, bytes);
	if (!message || !message->poll) {
		r = -EBADMSG;
	} else {
		ret_request->is_hello = message->hello != NULL;
		if ((message->hello && !hello_take(message->hello, &ret_request->hello)) ||
		    !poll_take(message->poll, &ret_request->poll))
			r = -EBADMSG;
	}
	if (message)
		finderscope__request__free_unpacked(message, NULL);
	return r;
}

int
agent_msg_unpack_reply(const uint8_t *bytes, size_t size, struct agent_reply *ret_reply)
{
	Finderscope__Reply *message;
	int r = 0;

	if (size > AGENT_MSG_MAX)
		return -EBADMSG;
	message = finderscope__reply__unpack(NULL, size, bytes);
	if (!message)
		return -EBADMSG;
	if (message->kind > AGENT_REPLY_REFUSED || message->code > UINT16_MAX ||
	    message->n_orders > AGENT_MSG_ORDERS_MAX)
		r = -EBADMSG;
	if (r == 0) {
		*ret_reply = (struct agent_reply){
		    .kind = (enum agent_reply_kind)message->kind,
		    .code = (uint16_t)message->code,
		    .generation = message->generation,
		    .lease_ms = message->lease_ms,
		    .page = message->page,
		    .last_page = message->last_page,
		    .frozen = message->frozen,
		    .go_on = message->go_on,
		    .order_count = (uint16_t)message->n_orders,
		};
		text_take(message->text, ret_reply->text, sizeof ret_reply->text);
		for (size_t i = 0; i < message->n_orders && r == 0; i++)
			if (!order_take(message->orders[i], &ret_reply->orders[i]))
				r = -EBADMSG;
	}
	finderscope__reply__free_unpacked(message, NULL);
	return r;
}

const char *
agent_msg_backend_name(enum agent_backend backend)
{
	switch (backend) {
	case AGENT_BACKEND_NONE:
		return "kernel";
	case AGENT_BACKEND_RESYNC:
		return "switchd-resync";
	case AGENT_BACKEND_CL_ACLTOOL:
		return "cl-acltool";
	}
	return "unknown";
}

const char *
agent_msg_target_name(enum agent_target target)
{
	switch (target) {
	case AGENT_TARGET_NONE:
		return "none";
	case AGENT_TARGET_ERSPAN:
		return "erspan";
	case AGENT_TARGET_TEE:
		return "tee";
	case AGENT_TARGET_NFLOG:
		return "nflog";
	}
	return "unknown";
}
