/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <net/if_arp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/mirror/nfpacket.h"

struct built {
	uint8_t bytes[4096];
	size_t n, head;
};

static void
open_message(struct built *b, uint16_t type)
{
	struct nlmsghdr head = {.nlmsg_type = type};
	struct nfgenmsg gen = {.nfgen_family = 2};

	b->head = b->n;
	memcpy(b->bytes + b->n, &head, sizeof head);
	memcpy(b->bytes + b->n + sizeof head, &gen, sizeof gen);
	b->n += sizeof head + sizeof gen;
}

static void
close_message(struct built *b)
{
	uint32_t len = (uint32_t)(b->n - b->head);

	memcpy(b->bytes + b->head, &len, sizeof len);
	b->n = b->head + NLMSG_ALIGN(len);
}

static void
attr(struct built *b, uint16_t type, const void *value, size_t size)
{
	struct nlattr head = {.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};

	memcpy(b->bytes + b->n, &head, sizeof head);
	memcpy(b->bytes + b->n + NLA_HDRLEN, value, size);
	b->n += NLA_ALIGN(head.nla_len);
}

static void
attr16(struct built *b, uint16_t type, uint16_t value)
{
	value = htons(value);
	attr(b, type, &value, sizeof value);
}

#define PACKET (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)

static void
whole(struct built *b, const char *prefix, const char *payload, uint16_t hw_type)
{
	uint32_t sequence = htonl(0x01020304);

	open_message(b, PACKET);
	attr16(b, NFULA_HWTYPE, hw_type);
	attr16(b, NFULA_HWLEN, 14);
	attr(b, NFULA_HWHEADER, "abcdefghijklmn\0\0", 16);
	attr(b, NFULA_PREFIX, prefix, strlen(prefix) + 1);
	attr(b, NFULA_SEQ, &sequence, 4);
	attr(b, NFULA_PAYLOAD, payload, strlen(payload));
	close_message(b);
}

static void
takes_a_datagram_apart(void **state)
{
	struct built b = {.n = 0};
	struct nfpacket p;
	size_t at = 0;

	(void)state;
	whole(&b, "finderscope:17:1", "first", ARPHRD_ETHER);
	open_message(&b, NLMSG_DONE);
	close_message(&b);
	whole(&b, "finderscope:18446744073709551615:0", "second one", ARPHRD_LOOPBACK);
	assert_int_equal(nfpacket_next(b.bytes, b.n, &at, &p), 1);
	assert_true(p.capture == 17);
	assert_int_equal(p.size, 5);
	assert_memory_equal(p.payload, "first", 5);
	assert_int_equal(p.hw_size, 14);
	assert_memory_equal(p.hw, "abcdefghijklmn", 14);
	assert_true(p.has_sequence && p.sequence == 0x01020304);
	assert_int_equal(nfpacket_next(b.bytes, b.n, &at, &p), 2);
	assert_int_equal(nfpacket_next(b.bytes, b.n, &at, &p), 1);
	assert_true(p.capture == UINT64_MAX);
	/* Not Ethernet's header. */
	assert_null(p.hw);
	assert_int_equal(nfpacket_next(b.bytes, b.n, &at, &p), 0);
	assert_int_equal(nfpacket_next(b.bytes, b.n, &at, &p), 0);
}

static void
knows_its_own_prefixes(void **state)
{
	static const char *const others[] = {"", "finderscope", "finderscope:", "finderscope::1",
	    "finderscope:x:1", "finderscope:1", "finderscope:18446744073709551617:0",
	    "Finderscope:1:0", "xfinderscope:1:0"};

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct built b = {.n = 0};
		struct nfpacket p;
		size_t at = 0;

		whole(&b, others[i], "x", ARPHRD_ETHER);
		assert_int_equal(nfpacket_next(b.bytes, b.n, &at, &p), 1);
		if (p.capture != 0)
			fail_msg(
			    "\"%s\" was taken for %llu", others[i], (unsigned long long)p.capture);
	}
}

static void
needs_a_payload(void **state)
{
	struct built b = {.n = 0};
	struct nfpacket p;
	size_t at = 0;

	(void)state;
	open_message(&b, PACKET);
	attr(&b, NFULA_PREFIX, "finderscope:1:0", 16);
	close_message(&b);
	assert_int_equal(nfpacket_next(b.bytes, b.n, &at, &p), 2);
}

static void
lengths_that_lie(void **state)
{
	struct built good = {.n = 0}, b;
	struct nfpacket p;

	(void)state;
	whole(&good, "finderscope:17:1", "payload", ARPHRD_ETHER);
	for (uint32_t len = 0; len < 16; len++) {
		size_t at = 0;

		b = good;
		memcpy(b.bytes, &len, 4);
		assert_int_equal(nfpacket_next(b.bytes, b.n, &at, &p), -EBADMSG);
	}
	/* Cut anywhere, in a block of its own size: refused, or what is left of it is right. */
	for (size_t n = 0; n < good.n; n++) {
		uint8_t *cut = malloc(n + (n == 0));
		size_t at = 0;

		memcpy(cut, good.bytes, n);
		int r = nfpacket_next(cut, n, &at, &p);
		if (n >= 4 && r == 1)
			assert_true(p.payload >= cut && p.payload + p.size <= cut + n);
		free(cut);
	}
	/* The first attribute's length: under its header, over the message. */
	for (unsigned i = 0; i < 2; i++) {
		uint16_t len = i ? 3 : 0xFFF0;
		size_t at = 0;

		b = good;
		memcpy(b.bytes + sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg), &len, 2);
		assert_int_equal(nfpacket_next(b.bytes, b.n, &at, &p), -EBADMSG);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_a_datagram_apart),
	    cmocka_unit_test(knows_its_own_prefixes),
	    cmocka_unit_test(needs_a_payload),
	    cmocka_unit_test(lengths_that_lie),
	};

	return cmocka_run_group_tests_name("nfpacket", tests, NULL, NULL);
}
