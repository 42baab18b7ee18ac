/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A real group in a network namespace, and a packet through it, taken apart by nfpacket. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/mirror/nfpacket.h"
#include "agent/rules/nflog.h"
#include "tests/support/rig.h"

static struct rig rig;

static void
one_listener_a_group(void **state)
{
	int fd = nflog_open(6343, 0), other;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(nflog_open(6343, 0), -EBUSY);
	other = nflog_open(6344, 0);
	assert_true(other >= 0);
	close(other);
	close(fd);
	fd = nflog_open(6343, 0);
	assert_true(fd >= 0);
	close(fd);
}

/* Three packets through a group that hands over `snap` bytes of each; 0: all of them. */
static void
packets(uint16_t snap)
{
	static uint8_t buf[65536];
	static const char payload[] = "0123456789 a payload that can be seen";
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(99)};
	int fd = nflog_open(6343, snap), out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned seen = 0;
	uint32_t last = 0;

	assert_true(fd >= 0 && out >= 0);
	assert_int_equal(rig_shell("iptables-legacy -F OUTPUT; iptables-legacy -A OUTPUT -d "
				   "127.0.0.9 -j NFLOG --nflog-group "
				   "6343 --nflog-prefix finderscope:17:1"),
	    0);
	inet_pton(AF_INET, "127.0.0.9", &to.sin_addr);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		    sendto(out, payload, sizeof payload, 0, (struct sockaddr *)&to, sizeof to),
		    sizeof payload);
	while (seen < 3) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		struct nfpacket packet;
		size_t at = 0;
		int r;

		assert_int_equal(poll(&p, 1, 5000), 1);
		ssize_t n = recv(fd, buf, sizeof buf, 0);
		assert_true(n > 0);
		while ((r = nfpacket_next(buf, (size_t)n, &at, &packet)) > 0) {
			if (r != 1)
				continue;
			assert_true(packet.capture == 17);
			size_t whole = 20 + 8 + sizeof payload;
			assert_int_equal(packet.size, snap && snap < whole ? snap : whole);
			assert_memory_equal(packet.payload + 28, payload, packet.size - 28);
			assert_true(packet.has_sequence);
			assert_true(seen == 0 || packet.sequence == last + 1);
			last = packet.sequence;
			seen++;
		}
		assert_int_equal(r, 0);
	}
	close(fd);
	close(out);
}

static void
packets_come_whole(void **state)
{
	(void)state;
	packets(0);
	packets(1000);
}

static void
or_their_first_bytes(void **state)
{
	(void)state;
	packets(40);
}

static void
gre_takes_nothing_in(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	int four = nflog_open_gre(4, 0), six = nflog_open_gre(6, 0);
	char buf[100];

	(void)state;
	assert_true(four >= 0 && six >= 0);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	assert_int_equal(sendto(four, "\0\0\x88\xbe", 4, 0, (struct sockaddr *)&to, sizeof to), 4);
	poll(NULL, 0, 50);
	assert_true(recv(four, buf, sizeof buf, MSG_DONTWAIT) < 0 && errno == EAGAIN);
	close(four);
	close(six);
}

static void
gre_is_sent_with_its_dscp(void **state)
{
	int four = nflog_open_gre(4, 46), six = nflog_open_gre(6, 46), tos = -1;
	socklen_t size = sizeof tos;

	(void)state;
	assert_true(four >= 0 && six >= 0);
	assert_int_equal(getsockopt(four, IPPROTO_IP, IP_TOS, &tos, &size), 0);
	assert_int_equal(tos, 0xb8);
	assert_int_equal(getsockopt(six, IPPROTO_IPV6, IPV6_TCLASS, &tos, &size), 0);
	assert_int_equal(tos, 0xb8);
	close(four);
	close(six);
}

int
main(void)
{
	if (!rig_isolate(&rig)) {
		printf("1..0 # SKIP needs root, to make a network namespace\n");
		return 0;
	}
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_listener_a_group),
	    cmocka_unit_test(packets_come_whole),
	    cmocka_unit_test(or_their_first_bytes),
	    cmocka_unit_test(gre_takes_nothing_in),
	    cmocka_unit_test(gre_is_sent_with_its_dscp),
	};
	int failed = cmocka_run_group_tests_name("nflog", tests, NULL, NULL);

	rig_done(&rig);
	return failed;
}
