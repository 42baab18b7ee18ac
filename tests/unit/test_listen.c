/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets: several share an address, and the agent address in the payload says which gets it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clk.h"
#include "controller/receive/listen.h"
#include "tests/support/forge.h"

#define SOCKETS 4
#define AGENTS 64 /* every other one IPv6 */
#define ROUNDS 8
#define SENDERS 4
#define DEADLINE_MS 10000

static int fds[SOCKETS];

/* SOCKETS sockets on one address; the port. */
static uint16_t
open_all(const char *text, int64_t buffer)
{
	struct addr addr = {0};
	uint16_t port = 0;
	int64_t got;
	if (text != NULL)
		assert_int_equal(addr_parse(text, &addr), 0);
	for (int i = 0; i < SOCKETS; i++) {
		fds[i] = listen_open(&addr, &port, buffer, &got);
		assert_true(fds[i] >= 0);
		assert_true(got > 0);
	}
	assert_int_equal(listen_steer(fds[0], SOCKETS), 0);
	return port;
}

static void
close_all(void)
{
	for (int i = 0; i < SOCKETS; i++)
		close(fds[i]);
}

/* From a port of its own each time: as from many relays. */
static void
send_bytes(const char *text, uint16_t port, const void *bytes, size_t length)
{
	struct addr addr;
	struct sockaddr_storage to;
	assert_int_equal(addr_parse(text, &addr), 0);
	socklen_t size = addr_to_sockaddr(&addr, port, &to);
	int fd = socket(addr_af(&addr), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, bytes, length, 0, (struct sockaddr *)&to, size), length);
	close(fd);
}

struct sender {
	const char *to;
	uint16_t port;
	struct forge forge;
};

static void *
send_rounds(void *user)
{
	struct sender *sender = user;
	char agent[ADDR_TEXT_MAX];
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < AGENTS; i++) {
			snprintf(agent, sizeof agent, i % 2 ? "2001:db8:0:%x::%x" : "10.%u.0.%u", i,
			    i + 1);
			forge_datagram(&sender->forge, agent, round, i, 0);
			send_bytes(
			    sender->to, sender->port, sender->forge.bytes, sender->forge.length);
		}
	}
	return NULL;
}

struct reader {
	int fd;
	unsigned by_agent[AGENTS]; /* the uptime names the agent */
};

static atomic_uint received;

static void *
read_all(void *user)
{
	struct reader *reader = user;
	uint8_t bytes[2048];
	struct instant deadline = clk_add(clk_now(), DEADLINE_MS * CLK_MS);
	while (
	    atomic_load(&received) < SENDERS * ROUNDS * AGENTS && clk_before(clk_now(), deadline)) {
		ssize_t length = recv(reader->fd, bytes, sizeof bytes, 0);
		struct pollfd poll_fd = {.fd = reader->fd, .events = POLLIN};
		if (length < 0)
			poll(&poll_fd, 1, 10);
		else if (length >= 28 && bytes[length - 5] < AGENTS)
			reader->by_agent[bytes[length - 5]]++;
		atomic_fetch_add(&received, length >= 28);
	}
	return NULL;
}

/*
 * Senders and readers all at once: every datagram of an agent is with one reader, and the agents
 * are spread over all of them.
 */
static void
steered(const char *listen, const char *to)
{
	static struct sender senders[SENDERS];
	struct reader readers[SOCKETS];
	pthread_t sender_ids[SENDERS], reader_ids[SOCKETS];
	unsigned agents_of[SOCKETS] = {0};
	uint16_t port = open_all(listen, 8 << 20);
	memset(readers, 0, sizeof readers);
	atomic_store(&received, 0);
	for (int i = 0; i < SOCKETS; i++) {
		readers[i].fd = fds[i];
		assert_int_equal(pthread_create(&reader_ids[i], NULL, read_all, &readers[i]), 0);
	}
	for (int i = 0; i < SENDERS; i++) {
		senders[i].to = to;
		senders[i].port = port;
		assert_int_equal(pthread_create(&sender_ids[i], NULL, send_rounds, &senders[i]), 0);
	}
	for (int i = 0; i < SENDERS; i++)
		pthread_join(sender_ids[i], NULL);
	for (int i = 0; i < SOCKETS; i++)
		pthread_join(reader_ids[i], NULL);
	for (unsigned a = 0; a < AGENTS; a++) {
		unsigned holders = 0;
		for (unsigned i = 0; i < SOCKETS; i++) {
			if (readers[i].by_agent[a] == 0)
				continue;
			holders++;
			agents_of[i]++;
			assert_int_equal(readers[i].by_agent[a], SENDERS * ROUNDS);
		}
		assert_int_equal(holders, 1);
	}
	for (unsigned i = 0; i < SOCKETS; i++)
		assert_true(agents_of[i] >= AGENTS / SOCKETS / 4);
	close_all();
}

static void
steered_on_ipv4(void **state)
{
	(void)state;
	steered("127.0.0.1", "127.0.0.1");
}

static void
steered_on_ipv6(void **state)
{
	(void)state;
	steered("::1", "::1");
}

static void
steered_on_all_addresses(void **state)
{
	(void)state;
	steered(NULL, "127.0.0.1");
	steered(NULL, "::1");
}

static void
rubbish_goes_to_the_first(void **state)
{
	(void)state;
	uint8_t bytes[64] = {0, 0, 0, 5, 0, 0, 0, 2};
	uint16_t port = open_all("127.0.0.1", 1 << 20);
	/* Too short for what the steering reads, or of a type that it does not know. */
	for (size_t length = 0; length < 12; length++)
		send_bytes("127.0.0.1", port, bytes, length);
	struct pollfd poll_fd = {.fd = fds[0], .events = POLLIN};
	for (size_t length = 0; length < 12; length++) {
		assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
		assert_int_equal(recv(fds[0], bytes, sizeof bytes, 0), length);
	}
	for (int i = 0; i < SOCKETS; i++)
		assert_int_equal(recv(fds[i], bytes, sizeof bytes, 0), -1);
	close_all();
}

static void
what_the_kernel_drops_is_counted(void **state)
{
	(void)state;
	struct addr addr;
	uint16_t port = 0;
	int64_t got;
	static struct forge forge;
	assert_int_equal(addr_parse("127.0.0.1", &addr), 0);
	int fd = listen_open(&addr, &port, 4096, &got);
	assert_true(fd >= 0);
	forge_datagram(&forge, "192.0.2.1", 1, 1, 0);
	forge_zero(&forge, 1000);
	assert_int_equal(listen_drops(fd), 0);
	for (unsigned i = 0; i < 100; i++)
		send_bytes("127.0.0.1", port, forge.bytes, forge.length);
	unsigned came = 0;
	while (recv(fd, forge.bytes, FORGE_MAX, 0) > 0)
		came++;
	assert_in_range(came, 1, 99);
	assert_int_equal(listen_drops(fd), 100 - came);
	close(fd);
}

static void
a_shared_address_is_found_out(void **state)
{
	(void)state;
	struct addr addr;
	uint16_t port = open_all("127.0.0.1", 1 << 20);
	assert_int_equal(addr_parse("127.0.0.1", &addr), 0);
	assert_int_equal(listen_probe(&addr, port), -EADDRINUSE);
	close_all();
	assert_int_equal(listen_probe(&addr, port), 0);
	assert_int_equal(addr_parse("192.0.2.77", &addr), 0);
	assert_int_equal(listen_probe(&addr, port), -EADDRNOTAVAIL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(steered_on_ipv4),
	    cmocka_unit_test(steered_on_ipv6),
	    cmocka_unit_test(steered_on_all_addresses),
	    cmocka_unit_test(rubbish_goes_to_the_first),
	    cmocka_unit_test(what_the_kernel_drops_is_counted),
	    cmocka_unit_test(a_shared_address_is_found_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
