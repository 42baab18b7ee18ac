/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recordings: pcap in both orders and resolutions, pcapng, raw datagrams; what is damaged is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/receive/recording.h"
#include "tests/support/forge.h"

/* Link types in files (tcpdump.org/linktypes.html). */
enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 9,
	LINK_RAW = 101,
	LINK_SLL = 113,
	LINK_SLL2 = 276
};

static struct forge frame, payload, out;
static char path[64];
static char error[RECORDING_ERROR_MAX];

static void
write_out(void)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(out.bytes, 1, out.length, file), out.length);
	assert_int_equal(fclose(file), 0);
}

static void
little32(uint32_t value)
{
	forge_32(&out, __builtin_bswap32(value));
}

static void
word(bool little, uint32_t value)
{
	if (little)
		little32(value);
	else
		forge_32(&out, value);
}

static void
pcap_begin(bool little, bool nano, uint32_t link)
{
	out.length = 0;
	word(little, nano ? 0xa1b23c4d : 0xa1b2c3d4);
	word(little, little ? 0x00040002 : 0x00020004);
	forge_zero(&out, 8);
	word(little, 262144);
	word(little, link);
}

static void
pcap_frame(bool little, uint32_t seconds, uint32_t fraction, size_t captured)
{
	word(little, seconds);
	word(little, fraction);
	word(little, (uint32_t)captured);
	word(little, (uint32_t)frame.length);
	forge_bytes(&out, frame.bytes, captured);
}

/* UDP behind whatever link header is in the frame already. */
static void
udp_frame(bool v6, unsigned port, size_t payload_length)
{
	payload.length = 0;
	forge_zero(&payload, payload_length);
	memset(payload.bytes, 0x5a, payload_length);
	size_t ip = frame.length;
	if (v6) {
		forge_ipv6(&frame, "2001:db8::1", "2001:db8::2", 17);
		forge_patch16(&frame, ip + 4, (unsigned)(8 + payload_length));
	} else {
		forge_ipv4(&frame, "192.0.2.1", "192.0.2.2", 17);
		forge_patch16(&frame, ip + 2, (unsigned)(28 + payload_length));
	}
	size_t udp = frame.length;
	forge_udp(&frame, 50000, port);
	forge_patch16(&frame, udp + 4, (unsigned)(8 + payload_length));
	forge_bytes(&frame, payload.bytes, payload_length);
}

static void
ethernet_frame(unsigned port, size_t payload_length)
{
	frame.length = 0;
	forge_ethernet(&frame, 0x0800);
	udp_frame(false, port, payload_length);
}

static struct recording *
open_out(uint16_t port)
{
	struct recording *recording = NULL;
	write_out();
	if (recording_open(path, port, error, &recording) < 0)
		fail_msg("%s", error);
	return recording;
}

/* The file holds one datagram of `length` bytes from `from`. */
static struct recording_datagram
assert_one(size_t length, const char *from)
{
	char text[ADDR_TEXT_MAX];
	struct recording_datagram datagram, none;
	struct recording *recording = open_out(6343);
	assert_int_equal(recording_next(recording, error, &datagram), 1);
	assert_int_equal(datagram.length, length);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(datagram.bytes[i], 0x5a);
	assert_string_equal(addr_format(&datagram.from, text), from);
	assert_int_equal(recording_next(recording, error, &none), 0);
	recording_free(&recording);
	assert_null(recording);
	return datagram;
}

static void
pcap_of_all_kinds(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		bool little = kind & 1, nano = kind & 2;
		ethernet_frame(6343, 100);
		pcap_begin(little, nano, LINK_ETHERNET);
		pcap_frame(little, 1700000000, 123456, frame.length);
		struct recording_datagram d = assert_one(100, "192.0.2.1");
		assert_int_equal(
		    d.wall_ns, INT64_C(1700000000000000000) + (nano ? 123456 : 123456000));
		assert_int_equal(d.number, 1);
		assert_false(d.cut);
	}
}

static void
pcapng_block(uint32_t type, const struct forge *body)
{
	size_t padded = (body->length + 3) & ~(size_t)3;
	little32(type);
	little32((uint32_t)padded + 12);
	forge_bytes(&out, body->bytes, body->length);
	forge_zero(&out, padded - body->length);
	little32((uint32_t)padded + 12);
}

static void
pcapng(void **state)
{
	(void)state;
	static struct forge body;
	static const uint8_t section[] = {
	    0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t interface[] = {LINK_ETHERNET, 0, 0, 0, 0, 0, 4, 0};
	ethernet_frame(6343, 101);
	out.length = body.length = 0;
	forge_bytes(&body, section, sizeof section);
	pcapng_block(0x0a0d0d0a, &body);
	body.length = 0;
	forge_bytes(&body, interface, sizeof interface);
	pcapng_block(1, &body);
	body.length = 0;
	forge_zero(&body, 12); /* interface 0, time 0 */
	for (unsigned i = 0; i < 2; i++)
		forge_32(&body, __builtin_bswap32((uint32_t)frame.length));
	forge_bytes(&body, frame.bytes, frame.length);
	pcapng_block(6, &body);
	assert_one(101, "192.0.2.1");
}

static void
link_headers(void **state)
{
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		const char *from = v6 ? "2001:db8::1" : "192.0.2.1";
		unsigned type = v6 ? 0x86dd : 0x0800;
		static const uint32_t links[] = {
		    LINK_NULL, LINK_ETHERNET, LINK_RAW, LINK_SLL, LINK_SLL2};
		for (unsigned i = 0; i < 5; i++) {
			frame.length = 0;
			if (links[i] == LINK_ETHERNET) {
				forge_ethernet(&frame, 0x8100);
				forge_vlan(&frame, 6, type);
			} else if (links[i] == LINK_NULL) {
				forge_32(&frame, v6 ? 0x1e000000 : 0x02000000);
			} else if (links[i] == LINK_SLL) {
				forge_zero(&frame, 14);
				forge_16(&frame, type);
			} else if (links[i] == LINK_SLL2) {
				forge_16(&frame, type);
				forge_zero(&frame, 18);
			}
			udp_frame(v6, 6343, 40);
			pcap_begin(true, false, links[i]);
			pcap_frame(true, 1, 0, frame.length);
			assert_one(40, from);
		}
	}
	ethernet_frame(6343, 40);
	pcap_begin(true, false, LINK_PPP);
	pcap_frame(true, 1, 0, frame.length);
	write_out();
	struct recording *recording;
	assert_int_equal(recording_open(path, 6343, error, &recording), -EINVAL);
	assert_non_null(strstr(error, "link type"));
}

static void
other_packets_are_passed_over(void **state)
{
	(void)state;
	pcap_begin(true, false, LINK_ETHERNET);
	ethernet_frame(6344, 10);
	pcap_frame(true, 1, 0, frame.length);
	frame.length = 0;
	forge_ethernet(&frame, 0x0806);
	forge_zero(&frame, 28);
	pcap_frame(true, 1, 0, frame.length);
	frame.length = 0;
	forge_ethernet(&frame, 0x0800);
	forge_ipv4(&frame, "192.0.2.1", "192.0.2.2", 6);
	forge_tcp(&frame, 1, 6343, 2);
	pcap_frame(true, 1, 0, frame.length);
	/* UDP that ends within its header, and one whose length is less than that. */
	ethernet_frame(6343, 10);
	pcap_frame(true, 1, 0, 14 + 20 + 4);
	forge_patch16(&frame, 14 + 20 + 4, 7);
	pcap_frame(true, 1, 0, frame.length);
	ethernet_frame(6343, 33);
	pcap_frame(true, 1, 0, frame.length);
	struct recording_datagram d = assert_one(33, "192.0.2.1");
	assert_int_equal(d.number, 6);
	struct recording *recording = open_out(0); /* any port */
	assert_int_equal(recording_next(recording, error, &d), 1);
	assert_int_equal(d.length, 10);
	assert_int_equal(recording_next(recording, error, &d), 1);
	assert_int_equal(d.length, 33);
	assert_int_equal(recording_next(recording, error, &d), 0);
	recording_free(&recording);
}

static void
cut_frames_and_padded_ones(void **state)
{
	(void)state;
	ethernet_frame(6343, 100);
	pcap_begin(true, false, LINK_ETHERNET);
	pcap_frame(true, 1, 0, 14 + 28 + 60);
	assert_true(assert_one(60, "192.0.2.1").cut);
	/* An Ethernet frame of the least size: what is behind the datagram is none of it. */
	ethernet_frame(6343, 3);
	forge_zero(&frame, 60 - frame.length);
	pcap_begin(true, false, LINK_ETHERNET);
	pcap_frame(true, 1, 0, frame.length);
	assert_false(assert_one(3, "192.0.2.1").cut);
}

static void
raw_files(void **state)
{
	(void)state;
	static const size_t lengths[] = {0, 1, 3, 4, 1400, 65535};
	struct recording *recording;
	struct recording_datagram datagram;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		out.length = 0;
		forge_zero(&out, lengths[i]);
		recording = open_out(6343);
		assert_int_equal(recording_next(recording, error, &datagram), 1);
		assert_int_equal(datagram.length, lengths[i]);
		assert_int_equal(datagram.number, 1);
		assert_int_equal(datagram.from.family, 0);
		assert_int_equal(recording_next(recording, error, &datagram), 0);
		recording_free(&recording);
	}
	out.length = 0;
	forge_zero(&out, 65536);
	write_out();
	assert_int_equal(recording_open(path, 6343, error, &recording), -EINVAL);
	assert_non_null(strstr(error, path));
}

static void
damaged_files(void **state)
{
	(void)state;
	struct recording *recording;
	struct recording_datagram datagram;
	assert_int_equal(recording_open("/nonexistent/file", 6343, error, &recording), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent/file: "));
	assert_true(recording_open("/", 6343, error, &recording) < 0);
	ethernet_frame(6343, 100);
	pcap_begin(true, false, LINK_ETHERNET);
	pcap_frame(true, 1, 0, frame.length);
	size_t whole = out.length;
	pcap_frame(true, 2, 0, frame.length);
	out.length -= 7;
	recording = open_out(6343);
	assert_int_equal(recording_next(recording, error, &datagram), 1);
	assert_int_equal(recording_next(recording, error, &datagram), -EIO);
	assert_non_null(strstr(error, "frame 2"));
	recording_free(&recording);
	/* A frame that says it is 4 GB long. */
	out.length = whole;
	forge_zero(&out, 8);
	forge_32(&out, 0xffffffff);
	forge_32(&out, 0xffffffff);
	recording = open_out(6343);
	assert_int_equal(recording_next(recording, error, &datagram), 1);
	assert_int_equal(recording_next(recording, error, &datagram), -EIO);
	recording_free(&recording);
	/* A capture's first bytes and no more. */
	out.length = 20;
	write_out();
	assert_int_equal(recording_open(path, 6343, error, &recording), -EINVAL);
}

static int
begin(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "/tmp/finderscope-recording.XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int
end(void **state)
{
	(void)state;
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pcap_of_all_kinds),
	    cmocka_unit_test(pcapng),
	    cmocka_unit_test(link_headers),
	    cmocka_unit_test(other_packets_are_passed_over),
	    cmocka_unit_test(cut_frames_and_padded_ones),
	    cmocka_unit_test(raw_files),
	    cmocka_unit_test(damaged_files),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
