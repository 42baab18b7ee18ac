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
	    !addr_take(&from->analyser, false, &order.analyser.addr) || from->session > 1023 ||
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

static bool
hello_take(const Finderscope__Hello *from, struct agent_hello *to)
{
	if (from->backend > AGENT_BACKEND_CL_ACLTOOL || from->target4 > AGENT_TARGET_NFLOG ||
	    from->target6 > AGENT_TARGET_NFLOG || from->len4 > 32 || from->len6 > 128 ||
	    from->n_addrs > AGENT_MSG_ADDRS_MAX)
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
	    .addr_count = (uint16_t)from->n_addrs,
	};
	text_take(from->version, to->version, sizeof to->version);
	text_take(from->name, to->name, sizeof to->name);
	text_take(from->boot_id, to->boot_id, sizeof to->boot_id);
	for (size_t i = 0; i < from->n_addrs; i++) {
		if (!addr_take(&from->addrs[i]->addr, false, &to->addrs[i].addr))
			return false;
		to->addrs[i].ifindex = from->addrs[i]->ifindex;
		text_take(from->addrs[i]->iface, to->addrs[i].iface, sizeof to->addrs[i].iface);
	}
	return true;
}

static bool
poll_take(const Finderscope__Poll *from, struct agent_poll *to)
{
	if (from->ack_code > UINT16_MAX || from->rules > UINT16_MAX ||
	    from->n_holdings > AGENT_MSG_HOLDINGS_MAX)
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
	    .holding_count = (uint16_t)from->n_holdings,
	};
	text_take(from->ack_text, to->ack_text, sizeof to->ack_text);
	for (size_t i = 0; i < from->n_holdings; i++)
		if (!holding_take(from->holdings[i], &to->holdings[i]))
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

static void
hello_put(const struct agent_hello *from, Finderscope__Hello *to, Finderscope__IfAddr *rows,
    Finderscope__IfAddr **pointers)
{
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
	for (size_t i = 0; i < from->addr_count; i++) {
		finderscope__if_addr__init(&rows[i]);
		rows[i].addr = addr_bytes(&from->addrs[i].addr);
		rows[i].ifindex = from->addrs[i].ifindex;
		rows[i].iface = TEXT(from->addrs[i].iface);
		pointers[i] = &rows[i];
	}
	to->n_addrs = from->addr_count;
	to->addrs = pointers;
}

int
agent_msg_pack_request(const struct agent_request *request, uint8_t *buffer, size_t size)
{
	Finderscope__Request message;
	Finderscope__Hello hello;
	Finderscope__IfAddr addrs[AGENT_MSG_ADDRS_MAX], *addr_rows[AGENT_MSG_ADDRS_MAX];
	Finderscope__Poll poll;
	Finderscope__Holding holdings[AGENT_MSG_HOLDINGS_MAX], *rows[AGENT_MSG_HOLDINGS_MAX];
	const struct agent_poll *from = &request->poll;

	if (from->holding_count > AGENT_MSG_HOLDINGS_MAX ||
	    (request->is_hello && request->hello.addr_count > AGENT_MSG_ADDRS_MAX))
		return -EMSGSIZE;
	finderscope__request__init(&message);
	finderscope__poll__init(&poll);
	if (request->is_hello) {
		hello_put(&request->hello, &hello, addrs, addr_rows);
		message.hello = &hello;
	}
	poll.acked = from->acked;
	poll.ack_code = from->ack_code;
	poll.ack_text = TEXT(from->ack_text);
	poll.assembling = from->assembling;
	poll.next_page = from->next_page;
	poll.released = from->released;
	poll.all_holdings = from->all_holdings;
	poll.rules = from->rules;
	poll.bps = from->bps;
	poll.errors = from->errors;
	for (size_t i = 0; i < from->holding_count; i++) {
		holding_put(&from->holdings[i], &holdings[i]);
		rows[i] = &holdings[i];
	}
	poll.n_holdings = from->holding_count;
	poll.holdings = rows;
	message.poll = &poll;
	return pack(&message.base, buffer, size);
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
		return "none";
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
