/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our Community IDs, judged by tshark: some hundred packets of any protocol and either family, each
 * with the ID that we give its flow as its comment; tshark's dissector of the same name gives its
 * own beside it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/tool/pcapng.h"
#include "controller/store/community_id.h"

#define PACKETS 400

/* The same packets each time. */
static uint64_t
draw(uint64_t *seed, uint64_t below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*seed >> 33) % below;
}

static void
put16(uint8_t *to, unsigned value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

/* Few addresses and ports, so that directions and ties come up. */
static struct addr
draw_addr(uint64_t *seed, unsigned family)
{
	struct addr addr = {.family = (uint8_t)family};

	addr.bytes[0] = family == 6 ? 0x20 : 10;
	addr.bytes[family == 6 ? 15 : 3] = (uint8_t)(1 + draw(seed, 5));
	addr.bytes[1] = (uint8_t)draw(seed, 2);
	return addr;
}

/* Of IPv6, tshark names no flow of another protocol. */
static struct community_id_flow
draw_flow(uint64_t *seed)
{
	static const uint8_t protos4[] = {6, 17, 132, 1, 89}, protos6[] = {6, 17, 132, 58, 17},
			     types4[] = {0, 8, 13, 14, 15, 16},
			     types6[] = {128, 129, 133, 134, 135, 136};
	unsigned family = draw(seed, 2) ? 6 : 4;
	struct community_id_flow flow = {
	    .src = draw_addr(seed, family), .dst = draw_addr(seed, family)};
	uint64_t which = draw(seed, 5);

	flow.proto = family == 6 ? protos6[which] : protos4[which];
	flow.has_ports = which < 3 || flow.proto == 17;
	if (flow.has_ports) {
		flow.src_port = (uint16_t)(9000 + draw(seed, 3));
		flow.dst_port = (uint16_t)(9000 + draw(seed, 3));
	} else if (which == 3) {
		which = draw(seed, 6);
		flow.icmp_type = family == 6 ? types6[which] : types4[which];
	}
	return flow;
}

/* The bytes of a packet of that flow, from its IP header on. */
static uint32_t
put_packet(const struct community_id_flow *flow, uint8_t bytes[128])
{
	bool six = flow->src.family == 6;
	uint32_t head = six ? 40 : 20, body = 40;
	uint8_t *at = bytes + head;

	memset(bytes, 0, 128);
	bytes[0] = six ? 0x60 : 0x45;
	put16(bytes + (six ? 4 : 2), six ? body : head + body);
	bytes[six ? 6 : 9] = flow->proto;
	bytes[six ? 7 : 8] = 64;
	memcpy(bytes + (six ? 8 : 12), flow->src.bytes, six ? 16 : 4);
	memcpy(bytes + (six ? 24 : 16), flow->dst.bytes, six ? 16 : 4);
	if (flow->has_ports) {
		put16(at, flow->src_port);
		put16(at + 2, flow->dst_port);
		if (flow->proto == 6)
			at[12] = 0x50;
		else if (flow->proto == 17)
			put16(at + 4, body);
	} else {
		at[0] = flow->icmp_type;
		at[1] = flow->icmp_code;
	}
	return head + body;
}

static void
tshark_says_the_same(void **state)
{
	char path[] = "/tmp/finderscope-community.XXXXXX", command[256], line[256];
	int fd = mkstemp(path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	struct pcapng pcapng;
	uint64_t seed = 1;
	unsigned n = 0;

	(void)state;
	if (system("tshark -G protocols 2>/dev/null | grep -q communityid") != 0)
		skip();
	assert_non_null(file);
	pcapng_begin(&pcapng, file, "test");
	for (unsigned i = 0; i < PACKETS; i++) {
		struct community_id_flow flow = draw_flow(&seed);
		char id[COMMUNITY_ID_MAX];
		uint8_t bytes[128];
		uint32_t size = put_packet(&flow, bytes);

		assert_true(community_id(&flow, id));
		assert_int_equal(pcapng_packet(&pcapng, PCAPNG_RAW, i, bytes, size, size, id), 0);
	}
	assert_int_equal(fclose(file), 0);
	snprintf(command, sizeof command,
	    "tshark -r %s --enable-protocol communityid -T fields -E separator=' ' -e communityid "
	    "-e "
	    "frame.comment 2>/dev/null",
	    path);
	FILE *said = popen(command, "r");
	assert_non_null(said);
	while (fgets(line, sizeof line, said)) {
		char theirs[64] = "", ours[64] = "";

		assert_int_equal(sscanf(line, "%63s %63s", theirs, ours), 2);
		assert_string_equal(ours, theirs);
		n++;
	}
	assert_int_equal(pclose(said), 0);
	unlink(path);
	assert_int_equal(n, PACKETS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tshark_says_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
