/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datagram decoder: one test for each rule of the specification that a capture hangs on, and
 * one for each thing that broke other decoders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "controller/receive/packet.h"
#include "controller/receive/sflow.h"
#include "tests/support/forge.h"

#define SAMPLES_MAX 32

/* A datagram read to its end. */
struct reading {
	enum sflow_reject opened;
	struct sflow_counters counters;
	struct sflow_datagram datagram;
	unsigned count, rejected;
	struct sflow_sample samples[SAMPLES_MAX];
	uint32_t rejects[SAMPLES_MAX], offsets[SAMPLES_MAX];
	uint8_t *bytes;
};

static struct forge forge, packet;
static struct reading reading;

/* Reads from a copy of exactly that size on the heap: a byte too far is seen by the sanitizer. */
static struct reading *
read_bytes(const uint8_t *bytes, size_t length)
{
	free(reading.bytes);
	memset(&reading, 0, sizeof reading);
	reading.bytes = malloc(length > 0 ? length : 1);
	assert_non_null(reading.bytes);
	memcpy(reading.bytes, bytes, length);
	reading.opened = sflow_open(reading.bytes, length, &reading.counters, &reading.datagram);
	if (reading.opened != SFLOW_OK)
		return &reading;
	enum sflow_got got;
	struct sflow_sample sample;
	while ((got = sflow_next(&reading.datagram, &sample)) != SFLOW_END) {
		if (got == SFLOW_SAMPLE) {
			assert_true(reading.count < SAMPLES_MAX);
			reading.samples[reading.count++] = sample;
		} else {
			assert_true(reading.rejected < SAMPLES_MAX);
			reading.rejects[reading.rejected] = reading.datagram.reject;
			reading.offsets[reading.rejected++] = reading.datagram.reject_offset;
		}
	}
	return &reading;
}

static struct reading *
read_forge(void)
{
	return read_bytes(forge.bytes, forge.length);
}

static void
make_packet(void)
{
	packet.length = 0;
	forge_ethernet(&packet, 0x0800);
	forge_ipv4(&packet, "10.1.0.2", "198.51.100.9", 6);
	forge_tcp(&packet, 40000, 443, 0x12);
}

/* A right sample behind whatever came before; must be read whatever that was. */
static void
right_sample(uint32_t sequence)
{
	make_packet();
	forge_sample(&forge, sequence, &packet);
}

static void
assert_right(const struct sflow_sample *sample, uint32_t sequence)
{
	assert_int_equal(sample->type, SFLOW_FLOW);
	assert_int_equal(sample->sequence, sequence);
	assert_non_null(sample->header);
	assert_int_equal(sample->header_length, 54);
}

static void
datagram_header_ipv4_and_ipv6(void **state)
{
	(void)state;
	char text[ADDR_TEXT_MAX];
	forge_datagram(&forge, "192.0.2.1", 77, 123456, 1);
	forge_patch32(&forge, 12, 9);
	right_sample(5);
	struct reading *r = read_forge();
	assert_string_equal(addr_format(&r->datagram.agent, text), "192.0.2.1");
	assert_int_equal(r->datagram.sub_agent, 9);
	assert_int_equal(r->datagram.sequence, 77);
	assert_int_equal(r->datagram.uptime_ms, 123456);
	assert_int_equal(r->count, 1);
	forge_datagram(&forge, "2001:db8::7", 78, 1, 1);
	right_sample(6);
	r = read_forge();
	assert_string_equal(addr_format(&r->datagram.agent, text), "2001:db8::7");
	assert_int_equal(r->datagram.sequence, 78);
	assert_right(&r->samples[0], 6);
}

static void
flow_sample_fields(void **state)
{
	(void)state;
	forge_datagram(&forge, "192.0.2.1", 1, 1, 1);
	right_sample(5);
	const struct sflow_sample *s = &read_forge()->samples[0];
	assert_int_equal(s->source_type, 0);
	assert_int_equal(s->source_index, 7);
	assert_int_equal(s->sampling_rate, 1000);
	assert_int_equal(s->sample_pool, 5000);
	assert_int_equal(s->input, 3);
	assert_int_equal(s->output, 4);
	assert_int_equal(s->header_protocol, 1);
	assert_int_equal(s->frame_length, 58);
	assert_int_equal(s->stripped, 4);
	assert_int_equal(s->offset, 28);
}

static void
compact_source_id_has_its_type_in_the_top_byte(void **state)
{
	(void)state;
	forge_datagram(&forge, "192.0.2.1", 1, 1, 1);
	right_sample(1);
	forge_patch32(&forge, 28 + 8 + 4, 0x02abcdef);
	const struct sflow_sample *s = &read_forge()->samples[0];
	assert_int_equal(s->source_type, 2);
	assert_int_equal(s->source_index, 0xabcdef);
}

static void
interface_words(void **state)
{
	(void)state;
	forge_datagram(&forge, "192.0.2.1", 1, 1, 1);
	right_sample(1);
	forge_patch32(&forge, 28 + 8 + 20, 0x3fffffff);
	forge_patch32(&forge, 28 + 8 + 24, 0x40000102);
	const struct sflow_sample *s = &read_forge()->samples[0];
	assert_int_equal(s->input_format, SFLOW_PORT_INDEX);
	assert_int_equal(s->input, SFLOW_PORT_INTERNAL);
	assert_int_equal(s->output_format, SFLOW_PORT_DISCARDED);
	assert_int_equal(s->output, 0x102);
	forge_patch32(&forge, 28 + 8 + 24, 0x80000003);
	s = &read_forge()->samples[0];
	assert_int_equal(s->output_format, SFLOW_PORT_MULTIPLE);
	assert_int_equal(s->output, 3);
}

static void
expanded_samples_are_read(void **state)
{
	(void)state;
	make_packet();
	forge_datagram(&forge, "192.0.2.1", 1, 1, 2);
	size_t mark = forge_open(&forge, 3);
	forge_expanded(&forge, 5, 1);
	forge_header(&forge, 1, &packet);
	forge_close(&forge, mark);
	right_sample(6);
	struct reading *r = read_forge();
	assert_int_equal(r->count, 2);
	const struct sflow_sample *s = &r->samples[0];
	assert_int_equal(s->type, SFLOW_EXPANDED_FLOW);
	assert_int_equal(s->source_index, 7);
	assert_int_equal(s->sampling_rate, 1000);
	assert_int_equal(s->input, 3);
	assert_int_equal(s->output, 4);
	assert_int_equal(s->header_length, 54);
	assert_right(&r->samples[1], 6);
}

static void
counter_samples_are_skipped_but_counted(void **state)
{
	(void)state;
	forge_datagram(&forge, "192.0.2.1", 1, 1, 3);
	forge_words(&forge, 2, 11, 7, 9999); /* records that are not looked at */
	forge_words(&forge, 4, 12, 0, 8, 0);
	right_sample(2);
	struct reading *r = read_forge();
	assert_int_equal(r->count, 3);
	assert_int_equal(r->samples[0].type, SFLOW_COUNTERS);
	assert_int_equal(r->samples[0].sequence, 11);
	assert_int_equal(r->samples[1].type, SFLOW_EXPANDED_COUNTERS);
	assert_int_equal(r->samples[1].source_index, 8);
	assert_int_equal(r->counters.types[SFLOW_COUNTERS], 1);
	assert_int_equal(r->counters.types[SFLOW_EXPANDED_COUNTERS], 1);
	assert_right(&r->samples[2], 2);
}

static void
discards_keep_their_reason(void **state)
{
	(void)state;
	make_packet();
	forge_datagram(&forge, "192.0.2.1", 1, 1, 1);
	size_t mark = forge_open(&forge, 5);
	forge_discard(&forge, 3, 289, 1);
	forge_header(&forge, 1, &packet);
	forge_close(&forge, mark);
	const struct sflow_sample *s = &read_forge()->samples[0];
	assert_int_equal(s->type, SFLOW_DISCARD);
	assert_int_equal(s->reason, 289);
	assert_int_equal(s->input, 3);
	assert_int_equal(s->header_length, 54);
}

static void
header_size_larger_than_its_record(void **state)
{
	(void)state;
	forge_datagram(&forge, "192.0.2.1", 1, 1, 1);
	right_sample(1);
	size_t announced = 28 + 8 + 32 + 8 + 12;
	forge_patch32(&forge, announced, 0xffffffff);
	const struct sflow_sample *s = &read_forge()->samples[0];
	assert_int_equal(s->header_length, 56); /* with the two bytes that pad the record */
	assert_ptr_equal(s->header + s->header_length, reading.bytes + forge.length);
}

static void
gateway_path_count_of_2_to_32(void **state)
{
	(void)state;
	make_packet();
	forge_datagram(&forge, "192.0.2.1", 1, 1, 1);
	size_t mark = forge_open(&forge, 1);
	forge_flow(&forge, 1, 2);
	size_t record = forge_open(&forge, 1003);
	forge_32(&forge, 1);
	forge_addr(&forge, "192.0.2.9");
	forge_32(&forge, 64500);
	forge_32(&forge, 64501);
	forge_32(&forge, 64502);
	forge_32(&forge, 0xffffffff); /* segments of the AS path */
	forge_close(&forge, record);
	forge_header(&forge, 1, &packet);
	forge_close(&forge, mark);
	struct reading *r = read_forge();
	assert_int_equal(r->count, 1);
	assert_int_equal(r->samples[0].header_length, 54);
	struct sflow_extended extended;
	sflow_extended(&r->samples[0], &extended);
	assert_true(extended.has_gateway);
	assert_int_equal(extended.as, 64500);
	assert_int_equal(extended.source_peer_as, 64502);
}

static void
expanded_record_count_of_2_to_32(void **state)
{
	(void)state;
	make_packet();
	forge_datagram(&forge, "192.0.2.1", 1, 1, 2);
	size_t mark = forge_open(&forge, 3);
	forge_expanded(&forge, 5, 0xffffffff);
	forge_header(&forge, 1, &packet);
	forge_close(&forge, mark);
	right_sample(6);
	struct reading *r = read_forge();
	assert_int_equal(r->rejected, 1);
	assert_int_equal(r->rejects[0], SFLOW_REJECT_RECORD_COUNT);
	assert_int_equal(r->count, 1);
	assert_right(&r->samples[0], 6);
}

static void
unknown_sample_type_costs_nothing(void **state)
{
	(void)state;
	forge_datagram(&forge, "192.0.2.1", 1, 1, 3);
	size_t mark = forge_open(&forge, 4413 << 12 | 7);
	forge_zero(&forge, 20);
	forge_close(&forge, mark);
	mark = forge_open(&forge, 99);
	forge_close(&forge, mark);
	right_sample(2);
	struct reading *r = read_forge();
	assert_int_equal(r->count, 3);
	assert_int_equal(r->counters.types[SFLOW_UNKNOWN], 2);
	assert_right(&r->samples[2], 2);
}

static void
unknown_records_are_skipped_by_length(void **state)
{
	(void)state;
	make_packet();
	forge_datagram(&forge, "192.0.2.1", 1, 1, 1);
	size_t mark = forge_open(&forge, 1);
	forge_flow(&forge, 1, 3);
	size_t record = forge_open(&forge, 4413 << 12 | 1);
	forge_zero(&forge, 24);
	forge_close(&forge, record);
	record = forge_open(&forge, 777);
	forge_close(&forge, record);
	forge_header(&forge, 1, &packet);
	forge_close(&forge, mark);
	struct reading *r = read_forge();
	assert_right(&r->samples[0], 1);
	assert_int_equal(r->counters.records_skipped, 2);
}

static void
raw_ip_headers_give_addresses(void **state)
{
	(void)state;
	struct packet decoded;
	packet.length = 0;
	forge_ipv4(&packet, "10.1.0.2", "198.51.100.9", 17);
	forge_udp(&packet, 53, 1024);
	forge_datagram(&forge, "192.0.2.1", 1, 1, 1);
	size_t mark = forge_open(&forge, 1);
	forge_flow(&forge, 1, 1);
	forge_header(&forge, 11, &packet);
	forge_close(&forge, mark);
	const struct sflow_sample *s = &read_forge()->samples[0];
	assert_int_equal(s->header_protocol, 11);
	packet_decode(s->header, s->header_length, s->header_protocol, &decoded);
	assert_int_equal(decoded.layer_count, 1);
	assert_memory_equal(decoded.layers[0].dst, "\xc6\x33\x64\x09", 4);
	assert_int_equal(decoded.layers[0].src_port, 53);
}

static void
pad_bytes_behind_a_sample(void **state)
{
	(void)state;
	make_packet();
	forge_datagram(&forge, "192.0.2.1", 1, 1, 2);
	size_t mark = forge_open(&forge, 1);
	forge_flow(&forge, 1, 1);
	forge_header(&forge, 1, &packet);
	forge_zero(&forge, 4);
	forge_close(&forge, mark);
	right_sample(2);
	struct reading *r = read_forge();
	assert_int_equal(r->count, 2);
	assert_int_equal(r->rejected, 0);
	assert_int_equal(r->counters.padding, 1);
	assert_right(&r->samples[0], 1);
	assert_right(&r->samples[1], 2);
}

static void
vni_records_leave_the_sample_whole(void **state)
{
	(void)state;
	make_packet();
	forge_datagram(&forge, "192.0.2.1", 1, 1, 1);
	size_t mark = forge_open(&forge, 1);
	forge_flow(&forge, 1, 3);
	for (uint32_t format = 1029; format <= 1030; format++) {
		forge_words(&forge, format, 7000 + format);
	}
	forge_header(&forge, 1, &packet);
	forge_close(&forge, mark);
	struct reading *r = read_forge();
	assert_right(&r->samples[0], 1);
	struct sflow_extended extended;
	sflow_extended(&r->samples[0], &extended);
	assert_true(extended.has_vni_out && extended.has_vni_in);
	assert_int_equal(extended.vni_out, 8029);
	assert_int_equal(extended.vni_in, 8030);
}

static void
extended_records(void **state)
{
	(void)state;
	char text[ADDR_TEXT_MAX];
	make_packet();
	forge_datagram(&forge, "192.0.2.1", 1, 1, 1);
	size_t mark = forge_open(&forge, 1);
	forge_flow(&forge, 1, 5);
	forge_header(&forge, 1, &packet);
	forge_words(&forge, 1001, 100, 0, 200, 0);
	size_t record = forge_open(&forge, 1002);
	forge_32(&forge, 2);
	forge_addr(&forge, "2001:db8::1");
	forge_32(&forge, 24);
	forge_32(&forge, 24);
	forge_close(&forge, record);
	forge_words(&forge, 1012, 0xffffffff, 0x81000064);
	record = forge_open(&forge, 1024);
	forge_32(&forge, 100);
	forge_32(&forge, 17);
	forge_addr(&forge, "192.0.2.11");
	forge_addr(&forge, "192.0.2.12");
	forge_zero(&forge, 16);
	forge_close(&forge, record);
	forge_close(&forge, mark);
	struct reading *r = read_forge();
	assert_int_equal(r->count, 1);
	struct sflow_extended e;
	sflow_extended(&r->samples[0], &e);
	assert_true(e.has_vlan && e.has_router && e.has_tunnel_in && !e.has_tunnel_out);
	assert_int_equal(e.in_vlan, 100);
	assert_int_equal(e.out_vlan, 200);
	assert_string_equal(addr_format(&e.next_hop, text), "2001:db8::1");
	assert_int_equal(e.vlan_count, 1);
	assert_int_equal(e.vlans[0], 100);
	assert_string_equal(addr_format(&e.tunnel_in_src, text), "192.0.2.11");
	assert_string_equal(addr_format(&e.tunnel_in_dst, text), "192.0.2.12");
}

static void
addresses_stand_for_a_missing_header(void **state)
{
	(void)state;
	struct packet decoded;
	forge_datagram(&forge, "192.0.2.1", 1, 1, 2);
	size_t mark = forge_open(&forge, 1);
	forge_flow(&forge, 1, 1);
	size_t record = forge_open(&forge, 3);
	forge_32(&forge, 1500);
	forge_32(&forge, 6);
	forge_addr(&forge, "10.1.0.2");
	forge_addr(&forge, "198.51.100.9");
	forge_32(&forge, 40000);
	forge_32(&forge, 443);
	forge_32(&forge, 0x18);
	forge_32(&forge, 0);
	forge_close(&forge, record);
	forge_close(&forge, mark);
	mark = forge_open(&forge, 1);
	forge_flow(&forge, 2, 1);
	record = forge_open(&forge, 4);
	forge_32(&forge, 1500);
	forge_32(&forge, 17);
	forge_addr(&forge, "2001:db8:1::2");
	forge_addr(&forge, "2001:db8:bad::9");
	forge_32(&forge, 53);
	forge_32(&forge, 54);
	forge_zero(&forge, 8);
	forge_close(&forge, record);
	forge_close(&forge, mark);
	struct reading *r = read_forge();
	assert_int_equal(r->count, 2);
	assert_null(r->samples[0].header);
	assert_int_equal(r->samples[0].frame_length, 1500);
	packet_from_record(r->samples[0].addresses, r->samples[0].addresses_family, &decoded);
	assert_memory_equal(decoded.layers[0].src, "\x0a\x01\x00\x02", 4);
	assert_int_equal(decoded.layers[0].dst_port, 443);
	assert_int_equal(decoded.layers[0].tcp_flags, 0x18);
	packet_from_record(r->samples[1].addresses, r->samples[1].addresses_family, &decoded);
	assert_int_equal(decoded.layers[0].family, 6);
	assert_int_equal(decoded.layers[0].dst[15], 9);
	assert_int_equal(decoded.layers[0].src_port, 53);
}

static void
multiplied_counts_do_not_overflow(void **state)
{
	(void)state;
	/* 0x40000001 * 4 is 4 in 32 bits. */
	forge_datagram(&forge, "192.0.2.1", 1, 1, 0x40000001);
	right_sample(1);
	struct reading *r = read_forge();
	assert_int_equal(r->count, 1);
	assert_int_equal(r->rejected, 1);
	assert_int_equal(r->rejects[0], SFLOW_REJECT_SAMPLE_COUNT);
}

static void
sample_length_past_the_end(void **state)
{
	(void)state;
	static const uint32_t lengths[] = {0xffffffff, 0xfffffffc, 0x80000000, 116};
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		forge_datagram(&forge, "192.0.2.1", 1, 1, 2);
		right_sample(1);
		forge_patch32(&forge, 28 + 4, lengths[i]);
		struct reading *r = read_forge();
		assert_int_equal(r->count, 0);
		assert_int_equal(r->rejected, 1);
		assert_int_equal(r->rejects[0], SFLOW_REJECT_SAMPLE_LENGTH);
		assert_int_equal(r->offsets[0], 28);
	}
}

static void
record_length_past_its_sample_costs_that_sample_alone(void **state)
{
	(void)state;
	static const uint32_t lengths[] = {0xffffffff, 0xfffffffd, 76};
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		forge_datagram(&forge, "192.0.2.1", 1, 1, 2);
		right_sample(1);
		forge_patch32(&forge, 28 + 8 + 32 + 4, lengths[i]);
		right_sample(2);
		struct reading *r = read_forge();
		assert_int_equal(r->rejected, 1);
		assert_int_equal(r->rejects[0], SFLOW_REJECT_RECORD_LENGTH);
		assert_int_equal(r->offsets[0], 28 + 8 + 32);
		assert_int_equal(r->count, 1);
		assert_right(&r->samples[0], 2);
	}
}

static void
records_and_samples_shorter_than_their_fields(void **state)
{
	(void)state;
	forge_datagram(&forge, "192.0.2.1", 1, 1, 7);
	static const uint32_t formats[] = {1, 2, 3, 4};
	static const size_t sizes[] = {12, 20, 28, 52};
	for (size_t i = 0; i < 4; i++) {
		size_t mark = forge_open(&forge, 1);
		forge_flow(&forge, 1, 1);
		size_t record = forge_open(&forge, formats[i]);
		forge_zero(&forge, sizes[i]);
		forge_close(&forge, record);
		forge_close(&forge, mark);
	}
	size_t mark = forge_open(&forge, 1);
	forge_zero(&forge, 28);
	forge_close(&forge, mark);
	mark = forge_open(&forge, 2);
	forge_zero(&forge, 8);
	forge_close(&forge, mark);
	right_sample(9);
	struct reading *r = read_forge();
	assert_int_equal(r->counters.rejects[SFLOW_REJECT_RECORD_SHORT], 4);
	assert_int_equal(r->counters.rejects[SFLOW_REJECT_SAMPLE_SHORT], 2);
	assert_int_equal(r->count, 1);
	assert_right(&r->samples[0], 9);
}

static void
lengths_that_are_no_multiple_of_four_are_rounded_up(void **state)
{
	(void)state;
	make_packet();
	forge_datagram(&forge, "192.0.2.1", 1, 1, 2);
	right_sample(1);
	/* The record's 54 bytes of header are padded to 56: say 54, and the sample two less. */
	forge_patch32(&forge, 28 + 8 + 32 + 4, 16 + 54);
	forge_patch32(&forge, 28 + 4, 32 + 8 + 16 + 54);
	right_sample(2);
	struct reading *r = read_forge();
	assert_int_equal(r->count, 2);
	assert_right(&r->samples[0], 1);
	assert_right(&r->samples[1], 2);
	assert_int_equal(r->counters.unaligned, 2);
}

static void
what_is_no_datagram(void **state)
{
	(void)state;
	static const uint32_t versions[] = {0, 2, 4, 6, 0xffffffff};
	assert_int_equal(read_bytes(forge.bytes, 0)->opened, SFLOW_REJECT_SHORT);
	assert_int_equal(read_bytes((const uint8_t *)"\5", 1)->opened, SFLOW_REJECT_SHORT);
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
		forge_datagram(&forge, "192.0.2.1", 1, 1, 0);
		forge_patch32(&forge, 0, versions[i]);
		assert_int_equal(read_forge()->opened, SFLOW_REJECT_VERSION);
	}
	forge_datagram(&forge, "192.0.2.1", 1, 1, 0);
	forge_patch32(&forge, 4, 0);
	assert_int_equal(read_forge()->opened, SFLOW_REJECT_AGENT_TYPE);
	assert_int_equal(reading.datagram.reject_offset, 4);
	forge_patch32(&forge, 4, 3);
	assert_int_equal(read_forge()->opened, SFLOW_REJECT_AGENT_TYPE);
	assert_int_equal(reading.counters.rejects[SFLOW_REJECT_AGENT_TYPE], 1);
}

/* Cut at every byte: what is whole is read, nothing beyond is touched. */
static void
truncated_at_every_byte(void **state)
{
	(void)state;
	forge_datagram(&forge, "2001:db8::1", 1, 1, 3);
	right_sample(1);
	size_t first = forge.length;
	right_sample(2);
	right_sample(3);
	for (size_t length = 0; length <= forge.length; length++) {
		struct reading *r = read_bytes(forge.bytes, length);
		if (length < 40) {
			assert_int_equal(r->opened, SFLOW_REJECT_SHORT);
			continue;
		}
		assert_int_equal(r->opened, SFLOW_OK);
		assert_int_equal(r->count, (length - 40) / (first - 40));
		assert_int_equal(r->rejected, length < forge.length ? 1 : 0);
	}
}

static int
done(void **state)
{
	(void)state;
	free(reading.bytes);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(datagram_header_ipv4_and_ipv6),
	    cmocka_unit_test(flow_sample_fields),
	    cmocka_unit_test(compact_source_id_has_its_type_in_the_top_byte),
	    cmocka_unit_test(interface_words),
	    cmocka_unit_test(expanded_samples_are_read),
	    cmocka_unit_test(counter_samples_are_skipped_but_counted),
	    cmocka_unit_test(discards_keep_their_reason),
	    cmocka_unit_test(header_size_larger_than_its_record),
	    cmocka_unit_test(gateway_path_count_of_2_to_32),
	    cmocka_unit_test(expanded_record_count_of_2_to_32),
	    cmocka_unit_test(unknown_sample_type_costs_nothing),
	    cmocka_unit_test(unknown_records_are_skipped_by_length),
	    cmocka_unit_test(raw_ip_headers_give_addresses),
	    cmocka_unit_test(pad_bytes_behind_a_sample),
	    cmocka_unit_test(vni_records_leave_the_sample_whole),
	    cmocka_unit_test(extended_records),
	    cmocka_unit_test(addresses_stand_for_a_missing_header),
	    cmocka_unit_test(multiplied_counts_do_not_overflow),
	    cmocka_unit_test(sample_length_past_the_end),
	    cmocka_unit_test(record_length_past_its_sample_costs_that_sample_alone),
	    cmocka_unit_test(records_and_samples_shorter_than_their_fields),
	    cmocka_unit_test(lengths_that_are_no_multiple_of_four_are_rounded_up),
	    cmocka_unit_test(what_is_no_datagram),
	    cmocka_unit_test(truncated_at_every_byte),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
