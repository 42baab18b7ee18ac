/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two releases that are one apart, at the level of their bytes: what today's side sends with fields
 * in every message that it does not know yet (a later release), and with fields missing that the
 * first protocol did not have (an earlier one). Both must be understood; what misses a field that
 * was always there is refused or understood, never misread.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/msg/agent_msg.h"
#include "common/msg/ctl_fields.h"
#include "common/msg/ctl_map.h"
#include "proto/finderscope.pb-c.h"

#define ROOM (256 * 1024)

/* Which field to leave out, of which messages; NULL: none, but unknown ones come in everywhere. */
struct change {
	const ProtobufCMessageDescriptor *of;
	uint32_t drop;
};

static size_t
put_varint(uint8_t *to, uint64_t value)
{
	size_t n = 0;

	while (value >= 128) {
		to[n++] = (uint8_t)(value | 128);
		value >>= 7;
	}
	to[n++] = (uint8_t)value;
	return n;
}

static uint64_t
take_varint(const uint8_t **at)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = *(*at)++;

		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			break;
	}
	return value;
}

/* Fields 900 to 903, one of each wire type. */
static size_t
put_unknown(uint8_t *to)
{
	size_t n = put_varint(to, 900 << 3 | 0);

	n += put_varint(to + n, 123456789);
	n += put_varint(to + n, 901 << 3 | 1);
	memset(to + n, 0x55, 8);
	n += 8;
	n += put_varint(to + n, 902 << 3 | 2);
	n += put_varint(to + n, 5);
	memcpy(to + n, "later", 5);
	n += 5;
	n += put_varint(to + n, 903 << 3 | 5);
	memset(to + n, 0x66, 4);
	return n + 4;
}

/* Copies a message, changed; the size of the copy. */
static size_t
copy(const ProtobufCMessageDescriptor *d, const uint8_t *from, size_t size, uint8_t *to,
    const struct change *change)
{
	const uint8_t *at = from, *end = from + size;
	size_t n = change->of == NULL ? put_unknown(to) : 0;

	while (at < end) {
		const uint8_t *begin = at;
		uint64_t key = take_varint(&at), length = 0;
		const ProtobufCFieldDescriptor *field =
		    protobuf_c_message_descriptor_get_field(d, (unsigned)(key >> 3));
		bool is_message = field && field->type == PROTOBUF_C_TYPE_MESSAGE;

		if ((key & 7) == 0)
			(void)take_varint(&at);
		else if ((key & 7) == 2)
			length = take_varint(&at);
		else
			at += (key & 7) == 1 ? 8 : 4;
		if (change->of == d && change->drop == key >> 3) {
			at += length;
			continue;
		}
		if (is_message) {
			uint8_t *inner = malloc(ROOM);
			size_t got;

			assert_non_null(inner);
			got = copy(field->descriptor, at, length, inner, change);
			n += put_varint(to + n, key);
			n += put_varint(to + n, got);
			memcpy(to + n, inner, got);
			n += got;
			free(inner);
		} else {
			memcpy(to + n, begin, (size_t)(at - begin) + length);
			n += (size_t)(at - begin) + length;
		}
		at += length;
	}
	return n;
}

static struct addr
ip(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void
fill_request(struct agent_request *q)
{
	memset(q, 0, sizeof *q);
	q->is_hello = true;
	q->hello.protocol = AGENT_MSG_PROTOCOL;
	snprintf(q->hello.version, sizeof q->hello.version, "0.1.0");
	snprintf(q->hello.name, sizeof q->hello.name, "leaf1");
	snprintf(q->hello.boot_id, sizeof q->hello.boot_id, "boot");
	snprintf(q->hello.system, sizeof q->hello.system, "Cumulus Linux 5.9.1");
	q->hello.backend = AGENT_BACKEND_RESYNC;
	q->hello.target4 = AGENT_TARGET_ERSPAN;
	q->hello.rules_max = 256;
	q->hello.bps_max = 1000000000;
	q->hello.len4 = 24;
	q->hello.len6 = 64;
	q->hello.destinations = 2;
	q->hello.addr_count = 1;
	q->hello.addrs[0].addr = ip("10.0.0.11");
	q->hello.addrs[0].ifindex = 7;
	snprintf(q->hello.addrs[0].iface, sizeof q->hello.addrs[0].iface, "swp7");
	q->hello.port_count = 1;
	q->hello.ports[0].ifindex = 7;
	snprintf(q->hello.ports[0].name, sizeof q->hello.ports[0].name, "swp7");
	q->poll.acked = 5;
	q->poll.rules = 2;
	q->poll.holding_count = 1;
	q->poll.holdings[0].capture = 7;
	q->poll.holdings[0].hold = HOLD_MIRRORING;
	q->poll.holdings[0].rules = 2;
	q->poll.holdings[0].packets = 1234;
}

static void
fill_reply(struct agent_reply *r)
{
	struct addr a = ip("10.1.0.2"), b = ip("198.51.100.9");

	memset(r, 0, sizeof *r);
	r->kind = AGENT_REPLY_PAGE;
	r->generation = 9;
	r->lease_ms = 60000;
	r->last_page = true;
	r->order_count = 1;
	r->orders[0].capture = 7;
	r->orders[0].filter = filter_hosts(&a, &b);
	r->orders[0].analyser.addr = ip("192.0.2.50");
	r->orders[0].analyser.session = 7;
	r->orders[0].analyser.erspan_type = 2;
	r->orders[0].analyser.ttl = 64;
	r->orders[0].remaining_ms = 600000;
}

static uint8_t packed[AGENT_MSG_MAX], changed[ROOM], again[ROOM];

static void
a_later_agent_is_understood(void **state)
{
	struct agent_request *q = calloc(1, sizeof *q);
	const struct change later = {NULL, 0};
	int size, n;
	size_t got;

	(void)state;
	fill_request(q);
	size = agent_msg_pack_request(q, packed, sizeof packed);
	assert_true(size > 0);
	got = copy(&finderscope__request__descriptor, packed, (size_t)size, changed, &later);
	assert_true(got > (size_t)size + 100);
	assert_int_equal(agent_msg_unpack_request(changed, got, q), 0);
	n = agent_msg_pack_request(q, again, sizeof again);
	assert_int_equal(n, size);
	assert_memory_equal(again, packed, (size_t)n);
	free(q);
}

static void
a_later_controller_is_understood(void **state)
{
	struct agent_reply *r = calloc(1, sizeof *r);
	const struct change later = {NULL, 0};
	int size, n;
	size_t got;

	(void)state;
	fill_reply(r);
	size = agent_msg_pack_reply(r, packed, sizeof packed);
	assert_true(size > 0);
	got = copy(&finderscope__reply__descriptor, packed, (size_t)size, changed, &later);
	assert_int_equal(agent_msg_unpack_reply(changed, got, r), 0);
	n = agent_msg_pack_reply(r, again, sizeof again);
	assert_int_equal(n, size);
	assert_memory_equal(again, packed, (size_t)n);
	free(r);
}

/* Each field of each message away, one at a time: those of `from` and above must not be missed. */
static void
without_each(const ProtobufCMessageDescriptor *whole, const ProtobufCMessageDescriptor *of,
    uint32_t from, size_t size, int (*unpack)(const uint8_t *bytes, size_t size))
{
	for (unsigned i = 0; i < of->n_fields; i++) {
		const struct change change = {of, of->fields[i].id};
		size_t got = copy(whole, packed, size, changed, &change);
		int r = unpack(changed, got);

		if (r != 0 && (r != -EBADMSG || of->fields[i].id >= from))
			fail_msg("%s without %s: %d", of->name, of->fields[i].name, r);
	}
}

static int
unpack_request(const uint8_t *bytes, size_t size)
{
	struct agent_request *q = calloc(1, sizeof *q);
	int r = agent_msg_unpack_request(bytes, size, q);

	free(q);
	return r;
}

static int
unpack_reply(const uint8_t *bytes, size_t size)
{
	struct agent_reply *q = calloc(1, sizeof *q);
	int r = agent_msg_unpack_reply(bytes, size, q);

	free(q);
	return r;
}

static void
an_earlier_agent_is_understood(void **state)
{
	const ProtobufCMessageDescriptor *whole = &finderscope__request__descriptor;
	struct agent_request *q = calloc(1, sizeof *q);
	int size;

	(void)state;
	fill_request(q);
	size = agent_msg_pack_request(q, packed, sizeof packed);
	assert_true(size > 0);
	/* 13, 12 and 11 are the first that the first protocol did not have. */
	without_each(whole, &finderscope__hello__descriptor, 13, (size_t)size, unpack_request);
	without_each(whole, &finderscope__poll__descriptor, 12, (size_t)size, unpack_request);
	without_each(whole, &finderscope__holding__descriptor, 11, (size_t)size, unpack_request);
	without_each(whole, &finderscope__if_addr__descriptor, 4, (size_t)size, unpack_request);
	without_each(whole, &finderscope__port__descriptor, 3, (size_t)size, unpack_request);
	without_each(whole, whole, 3, (size_t)size, unpack_request);
	free(q);
}

static void
an_earlier_controller_is_understood(void **state)
{
	const ProtobufCMessageDescriptor *whole = &finderscope__reply__descriptor;
	struct agent_reply *r = calloc(1, sizeof *r);
	int size;

	(void)state;
	fill_reply(r);
	size = agent_msg_pack_reply(r, packed, sizeof packed);
	assert_true(size > 0);
	without_each(whole, whole, 10, (size_t)size, unpack_reply);
	without_each(whole, &finderscope__order__descriptor, 11, (size_t)size, unpack_reply);
	without_each(whole, &finderscope__filter__descriptor, 12, (size_t)size, unpack_reply);
	free(r);
}

struct rows {
	unsigned count;
	enum ctl_row kind;
};

static int
take_row(void *user, enum ctl_row kind, const void *row)
{
	struct rows *rows = user;

	(void)row;
	rows->count++;
	rows->kind = kind;
	return 0;
}

/* finderscopectl and a controller that is a release later: each kind of row, with more in it. */
static void
a_later_reply_to_finderscopectl(void **state)
{
	static const struct ctl_result result = {.code = RESULT_OK};
	const struct change later = {NULL, 0};

	(void)state;
	for (int kind = CTL_ROW_STATUS; kind <= CTL_ROW_STEP; kind++) {
		const struct ctl_fields_table *table = ctl_fields_row((enum ctl_row)kind);
		struct rows rows = {.count = 0};
		struct ctl_result got;
		void *row = calloc(1, table->size);
		int n, more;
		size_t size;

		n = ctl_map_pack_row((enum ctl_row)kind, row, packed, sizeof packed);
		assert_true(n > 0);
		more = ctl_map_pack_result(&result, packed + n, sizeof packed - (size_t)n);
		assert_true(more > 0);
		size = copy(&finderscope__ctl_reply__descriptor, packed, (size_t)(n + more),
		    changed, &later);
		assert_int_equal(ctl_map_unpack_reply(changed, size, take_row, &rows, &got), 0);
		assert_int_equal(rows.count, 1);
		assert_int_equal(rows.kind, kind);
		assert_int_equal(got.code, RESULT_OK);
		free(row);
	}
}

static void
a_later_request_of_finderscopectl(void **state)
{
	struct ctl_request q = {.verb = CTL_CAPTURE_STOP, .id = 7}, got;
	const struct change later = {NULL, 0};
	char error[CTL_TEXT_MAX];
	int n = ctl_map_pack_request(&q, packed, sizeof packed);
	size_t size;

	(void)state;
	assert_true(n > 0);
	size = copy(&finderscope__ctl_request__descriptor, packed, (size_t)n, changed, &later);
	assert_int_equal(ctl_map_unpack_request(changed, size, &got, error), RESULT_OK);
	assert_int_equal(got.id, 7);
	/* What is asked in a version that does not exist yet is refused by that name. */
	size = put_varint(changed, 1 << 3);
	size += put_varint(changed + size, CTL_VERSION + 1);
	assert_int_equal(ctl_map_unpack_request(changed, size, &got, error), RESULT_VERSION);
	assert_true(strlen(error) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_later_agent_is_understood),
	    cmocka_unit_test(a_later_controller_is_understood),
	    cmocka_unit_test(an_earlier_agent_is_understood),
	    cmocka_unit_test(an_earlier_controller_is_understood),
	    cmocka_unit_test(a_later_reply_to_finderscopectl),
	    cmocka_unit_test(a_later_request_of_finderscopectl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
