/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Against the specification's own baseline, and against tshark's dissector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/store/community_id.h"

static struct community_id_flow
flow(const char *src, const char *dst, unsigned proto, unsigned src_port, unsigned dst_port)
{
	struct community_id_flow result = {.proto = (uint8_t)proto};

	assert_int_equal(addr_parse(src, &result.src), 0);
	assert_int_equal(addr_parse(dst, &result.dst), 0);
	if (proto == 1 || proto == 58) {
		result.icmp_type = (uint8_t)src_port;
		result.icmp_code = (uint8_t)dst_port;
	} else {
		result.has_ports = true;
		result.src_port = (uint16_t)src_port;
		result.dst_port = (uint16_t)dst_port;
	}
	return result;
}

/* github.com/corelight/community-id-spec, baseline/baseline_deflt.json; for ICMP the code of a
 * packet stands where the baseline has the counterpart of its type. */
static void
the_specifications_baseline(void **state)
{
	static const struct {
		unsigned proto;
		const char *src, *dst;
		unsigned src_port, dst_port;
		const char *id;
	} rows[] = {
	    {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0,
		"1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
	    {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0,
		"1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
	    {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 0,
		"1:zavyT/cezQr1fmImYCwYnMXbgck="},
	    {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 136, 0,
		"1:zavyT/cezQr1fmImYCwYnMXbgck="},
	    {58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0,
		"1:2ObVBgIn28oZvibYZhZMBgh7WdQ="},
	    {58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4,
		"1:hLZd0XGWojozrvxqE0dWB1iM6R0="},
	    {58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 0,
		"1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
	    {58, "3ffe:501:0:1001::2", "3ffe:507:0:1:200:86ff:fe05:80da", 129, 0,
		"1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
	    {58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="},
	    {58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00="},
	    {1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	    {1, "192.168.0.1", "192.168.0.89", 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	    {1, "10.0.0.1", "10.0.0.2", 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM="},
	    {6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
		"1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	    {6, "2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943,
		"1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	    {132, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
	    {132, "192.168.170.56", "192.168.170.8", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
	    {6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	    {6, "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	    {17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
	    {17, "8.8.8.8", "192.168.1.52", 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
	    {46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
	    {46, "10.1.12.2", "10.1.12.1", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
	};
	char text[COMMUNITY_ID_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct community_id_flow f = flow(
		    rows[i].src, rows[i].dst, rows[i].proto, rows[i].src_port, rows[i].dst_port);

		assert_true(community_id(&f, text));
		assert_string_equal(text, rows[i].id);
	}
}

static void
what_has_no_name(void **state)
{
	struct community_id_flow f = flow("10.0.0.1", "10.0.0.2", 6, 1, 2);
	char text[COMMUNITY_ID_MAX];

	(void)state;
	f.has_ports = false; /* a fragment: another id would join with nothing */
	assert_false(community_id(&f, text));
	assert_string_equal(text, "");
	f = flow("10.0.0.1", "2001:db8::1", 6, 1, 2);
	assert_false(community_id(&f, text));
	f = flow("10.0.0.1", "10.0.0.2", 6, 1, 2);
	f.src = (struct addr){0};
	assert_false(community_id(&f, text));
}

/* Packets for tshark. */

static void
put(FILE *file, const void *bytes, size_t length)
{
	assert_int_equal(fwrite(bytes, 1, length, file), length);
}

static void
write_packet(FILE *file, const struct community_id_flow *f)
{
	uint8_t packet[128] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, *ip = packet + 14, *payload;
	bool v6 = f->src.family == 6;
	uint32_t header[4] = {1700000000, 0, 0, 0};
	const size_t body = 56;

	packet[12] = v6 ? 0x86 : 0x08;
	packet[13] = v6 ? 0xdd : 0x00;
	payload = ip + (v6 ? 40 : 20);
	if (v6) {
		ip[0] = 0x60;
		ip[5] = (uint8_t)body;
		ip[6] = f->proto;
		ip[7] = 64;
		memcpy(ip + 8, f->src.bytes, 16);
		memcpy(ip + 24, f->dst.bytes, 16);
	} else {
		ip[0] = 0x45;
		ip[3] = (uint8_t)(20 + body);
		ip[8] = 64;
		ip[9] = f->proto;
		memcpy(ip + 12, f->src.bytes, 4);
		memcpy(ip + 16, f->dst.bytes, 4);
	}
	if (f->has_ports) {
		payload[0] = (uint8_t)(f->src_port >> 8);
		payload[1] = (uint8_t)f->src_port;
		payload[2] = (uint8_t)(f->dst_port >> 8);
		payload[3] = (uint8_t)f->dst_port;
	} else {
		payload[0] = f->icmp_type;
		payload[1] = f->icmp_code;
	}
	if (f->proto == 6)
		payload[12] = 0x50; /* header of 20 bytes */
	if (f->proto == 17)
		payload[5] = (uint8_t)body;
	header[2] = header[3] = (uint32_t)(payload + body - packet);
	put(file, header, sizeof header);
	put(file, packet, header[2]);
}

static unsigned
make_flows(struct community_id_flow *flows)
{
	unsigned count = 0;

	for (unsigned proto = 6; proto != 0; proto = proto == 6 ? 17 : proto == 17 ? 132 : 0) {
		flows[count++] = flow("10.1.0.2", "198.51.100.9", proto, 51234, 443);
		flows[count++] = flow("198.51.100.9", "10.1.0.2", proto, 443, 51234);
		flows[count++] = flow("10.1.0.2", "10.1.0.2", proto, 2, 1);
		flows[count++] = flow("2001:db8::2", "2001:db8:bad::9", proto, 51234, 443);
		flows[count++] = flow("2001:db8:bad::9", "2001:db8::2", proto, 443, 51234);
	}
	for (unsigned type = 0; type < 20; type++) {
		flows[count++] = flow("198.51.100.9", "10.1.0.2", 1, type, 1);
		flows[count++] = flow("10.1.0.2", "198.51.100.9", 1, type, 0);
	}
	/* Of types 138 and 143 its dissector gives no code, and so no id. */
	for (unsigned type = 126; type < 147; type += type == 137 || type == 142 ? 2 : 1)
		flows[count++] = flow("2001:db8:bad::9", "2001:db8::2", 58, type, 1);
	return count;
}

static void
as_tshark_has_it(void **state)
{
	const uint32_t file_header[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 1};
	struct community_id_flow flows[100];
	char path[] = "/tmp/test-community-id-XXXXXX", command[200], line[64] = "";
	unsigned count = make_flows(flows), good = 0;
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w"), *tshark;

	(void)state;
	assert_non_null(file);
	put(file, file_header, sizeof file_header);
	for (unsigned i = 0; i < count; i++)
		write_packet(file, &flows[i]);
	assert_int_equal(fclose(file), 0);
	if (system("command -v tshark >/dev/null") != 0) {
		unlink(path);
		skip();
	}
	snprintf(command, sizeof command,
	    "tshark -n -r %s --enable-protocol communityid -T fields -e communityid 2>/dev/null",
	    path);
	tshark = popen(command, "r");
	assert_non_null(tshark);
	for (unsigned i = 0; i < count && fgets(line, sizeof line, tshark) != NULL; i++) {
		char text[COMMUNITY_ID_MAX];

		line[strcspn(line, "\n")] = '\0';
		assert_true(community_id(&flows[i], text));
		if (strcmp(text, line) != 0)
			print_error("%u: proto %u type %u: %s, tshark says %s\n", i, flows[i].proto,
			    flows[i].icmp_type, text, line);
		else
			good++;
	}
	assert_int_equal(pclose(tshark), 0);
	unlink(path);
	assert_int_equal(good, count);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_specifications_baseline),
	    cmocka_unit_test(what_has_no_name),
	    cmocka_unit_test(as_tshark_has_it),
	};

	return cmocka_run_group_tests_name("community_id", tests, NULL, NULL);
}
