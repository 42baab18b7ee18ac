/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver as a whole: real sockets on loopback, real threads, sightings out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/match/slot.h"
#include "controller/receive/receiver.h"
#include "tests/support/forge.h"
#include "tests/support/tables.h"

#define DEADLINE_MS 10000

struct taken {
	size_t count;
	struct sighting last;
};

static struct slot *
slot_of_test(void)
{
	static const char *const listed[] = {"198.51.100.0/24", "2001:db8:bad::/48", NULL};
	static const char *const local[] = {"10.0.0.0/8", "2001:db8:1::/48", NULL};
	struct slot *slot;
	assert_int_equal(slot_new(&slot), 0);
	assert_int_equal(slot_publish(slot, tables_of(listed), tables_of(local)), 0);
	return slot;
}

static struct receiver *
receiver_of_test(const struct slot *slot, const struct receiver_conf *conf)
{
	char error[RECEIVER_ERROR_MAX];
	struct receiver *receiver = NULL;
	struct receiver_listen listen = {.port = 0};
	struct receiver_conf whole = *conf;
	assert_int_equal(addr_parse("127.0.0.1", &listen.addr), 0);
	whole.listens = &listen;
	whole.listen_count = 1;
	whole.socket_buffer = 1 << 20;
	if (receiver_new(&whole, slot, error, &receiver) < 0)
		fail_msg("%s", error);
	assert_int_equal(receiver_start(receiver), 0);
	return receiver;
}

static void
send_to(const struct receiver *receiver, const struct forge *forge)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET,
	    .sin_port = htons(receiver_port(receiver, 0)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(
	    sendto(fd, forge->bytes, forge->length, 0, (struct sockaddr *)&to, sizeof to),
	    forge->length);
	close(fd);
}

static void
take(void *user, const struct sighting *sighting)
{
	struct taken *taken = user;
	taken->count++;
	taken->last = *sighting;
}

static void
wait_sightings(struct receiver *receiver, struct taken *taken, size_t count)
{
	while (taken->count < count) {
		struct pollfd poll_fd = {.fd = receiver_fd(receiver), .events = POLLIN};
		assert_int_equal(poll(&poll_fd, 1, DEADLINE_MS), 1);
		receiver_drain(receiver, take, taken, 2);
	}
}

static struct receiver_stats
wait_datagrams(const struct receiver *receiver, uint64_t count)
{
	struct receiver_stats stats;
	for (int i = 0; i < DEADLINE_MS; i++) {
		receiver_stats(receiver, &stats);
		if (stats.datagrams >= count)
			return stats;
		poll(NULL, 0, 1);
	}
	fail_msg("%lu datagrams came of %lu", (unsigned long)stats.datagrams, (unsigned long)count);
	return stats;
}

/* Two packets: to a listed host, and to one that isn't. */
static void
forge_two(struct forge *forge, const char *agent, uint32_t sequence)
{
	static struct forge packet;
	packet.length = 0;
	forge_ethernet(&packet, 0x8100);
	forge_vlan(&packet, 12, 0x0800);
	forge_ipv4(&packet, "10.1.0.2", "198.51.100.9", 6);
	forge_tcp(&packet, 40000, 443, 0x02);
	forge_datagram(forge, agent, sequence, sequence * 1000, 2);
	forge_sample(forge, sequence * 2, &packet);
	packet.length = 0;
	forge_ethernet(&packet, 0x0800);
	forge_ipv4(&packet, "10.1.0.2", "192.0.2.1", 17);
	forge_udp(&packet, 53, 53);
	forge_sample(forge, sequence * 2 + 1, &packet);
}

static void
a_listed_host_is_sighted(void **state)
{
	(void)state;
	static struct forge forge;
	char text[ADDR_TEXT_MAX];
	struct slot *slot = slot_of_test();
	struct receiver_conf conf = {.threads = 2};
	struct receiver *receiver = receiver_of_test(slot, &conf);
	struct taken taken = {0};
	forge_two(&forge, "192.0.2.250", 1);
	send_to(receiver, &forge);
	wait_sightings(receiver, &taken, 1);
	const struct sighting *s = &taken.last;
	assert_string_equal(addr_format(&s->exporter, text), "192.0.2.250");
	assert_string_equal(addr_format(&s->from, text), "127.0.0.1");
	assert_string_equal(addr_format(&s->local, text), "10.1.0.2");
	assert_string_equal(addr_format(&s->remote, text), "198.51.100.9");
	assert_true(s->outbound && s->has_ports && !s->inner);
	assert_int_equal(s->local_port, 40000);
	assert_int_equal(s->remote_port, 443);
	assert_int_equal(s->proto, 6);
	assert_int_equal(s->tcp_flags, 2);
	assert_int_equal(s->vlan, 12);
	assert_int_equal(s->sampling_rate, 1000);
	assert_int_equal(s->input, 3);
	assert_int_equal(s->output, 4);
	assert_int_equal(s->frame_length, 14 + 4 + 20 + 20 + 4);
	assert_int_equal(s->header_length, 14 + 4 + 20 + 20);
	assert_int_equal(s->header_protocol, 1);
	assert_int_equal(s->header[12], 0x81);
	assert_int_equal(s->entry_count, 1);
	assert_int_equal(s->entries[0].feed, 2);
	assert_int_equal(s->entries[0].line, 1);
	assert_int_equal(s->feed_version, 1);
	struct receiver_stats stats = wait_datagrams(receiver, 1);
	assert_int_equal(stats.seen.sflow.types[SFLOW_FLOW], 2);
	assert_int_equal(stats.seen.sightings, 1);
	assert_int_equal(stats.seen.pairs, 2);
	assert_int_equal(stats.exporters, 1);
	receiver_free(&receiver);
	slot_free(&slot);
}

static void
a_new_table_counts_at_once(void **state)
{
	(void)state;
	static const char *const listed[] = {"192.0.2.1", NULL};
	static struct forge forge;
	char text[ADDR_TEXT_MAX];
	struct slot *slot = slot_of_test();
	struct receiver_conf conf = {.threads = 2};
	struct receiver *receiver = receiver_of_test(slot, &conf);
	/* The threads sit in a receive that blocks: the swap must not wait for them. */
	assert_int_equal(slot_publish(slot, tables_of(listed), NULL), 0);
	struct taken taken = {0};
	forge_two(&forge, "192.0.2.250", 1);
	send_to(receiver, &forge);
	wait_sightings(receiver, &taken, 1);
	assert_string_equal(addr_format(&taken.last.remote, text), "192.0.2.1");
	assert_int_equal(taken.last.feed_version, 2);
	receiver_free(&receiver);
	slot_free(&slot);
}

struct found {
	unsigned rows;
	struct exporters_row last;
};

static void
found_one(void *user, const struct exporters_row *row)
{
	struct found *found = user;
	found->rows++;
	found->last = *row;
}

static void
one_exporter_stays_with_one_thread(void **state)
{
	(void)state;
	static struct forge forge;
	struct slot *slot = slot_of_test();
	struct receiver_conf conf = {.threads = 4};
	struct receiver *receiver = receiver_of_test(slot, &conf);
	/* Each comes from another UDP port, as if through relays: only the payload tells. */
	for (uint32_t i = 1; i <= 32; i++) {
		forge_two(&forge, i % 2 ? "192.0.2.250" : "2001:db8::250", (i + 1) / 2);
		send_to(receiver, &forge);
	}
	wait_datagrams(receiver, 32);
	struct found found = {0};
	receiver_exporters(receiver, found_one, &found);
	assert_int_equal(found.rows, 2);
	assert_int_equal(found.last.datagrams, 16);
	assert_int_equal(found.last.lost, 0);
	assert_int_equal(found.last.samples, 32);
	assert_int_equal(found.last.sightings, 16);
	assert_int_equal(found.last.sampling_rate, 1000);
	receiver_free(&receiver);
	slot_free(&slot);
}

struct sum {
	uint64_t sightings, bytes, calls;
};

static void
add_up(void *user, const struct sighting *sighting)
{
	struct sum *sum = user;
	sum->calls++;
	sum->sightings += 1 + (uint64_t)sighting->merged;
	sum->bytes +=
	    (uint64_t)sighting->frame_length * sighting->sampling_rate + sighting->merged_bytes;
}

/* All was told: the thread may still be at the word that woke us, and then the descriptor sleeps.
 */
static void
assert_quiet(struct receiver *receiver)
{
	struct pollfd poll_fd = {.fd = receiver_fd(receiver), .events = POLLIN};
	struct sum sum = {0};

	for (int i = 0; i < DEADLINE_MS && poll(&poll_fd, 1, 0) != 0; i++) {
		receiver_drain(receiver, add_up, &sum, 512);
		poll(NULL, 0, 1);
	}
	assert_int_equal(sum.calls, 0);
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
}

/* From ten local hosts to a listed one. */
static void
forge_from(struct forge *forge, unsigned host, uint32_t sequence)
{
	static struct forge packet;
	char text[32];
	snprintf(text, sizeof text, "10.1.0.%u", host);
	packet.length = 0;
	forge_ethernet(&packet, 0x0800);
	forge_ipv4(&packet, text, "198.51.100.9", 6);
	forge_tcp(&packet, 40000, 443, 0x10);
	forge_zero(&packet, 10 * host);
	forge_datagram(forge, "192.0.2.250", sequence, sequence * 1000, 1);
	forge_sample(forge, sequence, &packet);
}

/* Nobody drains: a ring of four, two more that are held back, and what is too much is counted. */
static void
a_full_ring_drops_and_counts(void **state)
{
	(void)state;
	static struct forge forge;
	struct slot *slot = slot_of_test();
	struct receiver_conf conf = {.threads = 1, .ring_slots = 4};
	struct receiver *receiver = receiver_of_test(slot, &conf);
	for (uint32_t i = 1; i <= 10; i++) {
		forge_from(&forge, i, i);
		send_to(receiver, &forge);
	}
	struct receiver_stats stats = wait_datagrams(receiver, 10);
	assert_int_equal(stats.ring_drops, 4);
	assert_int_equal(stats.seen.sightings, 6);
	assert_int_equal(stats.merged, 0);
	struct taken taken = {0};
	/* Two at a time: the descriptor stays readable while some are left. */
	wait_sightings(receiver, &taken, 6);
	assert_int_equal(taken.count, 6);
	assert_int_equal(receiver_drain(receiver, take, &taken, 10), 0);
	assert_quiet(receiver);
	receiver_free(&receiver);
	slot_free(&slot);
}

/* Drains until `count` sightings were told. */
static void
wait_sum(struct receiver *receiver, struct sum *sum, uint64_t count)
{
	while (sum->sightings < count) {
		struct pollfd poll_fd = {.fd = receiver_fd(receiver), .events = POLLIN};
		if (poll(&poll_fd, 1, DEADLINE_MS) != 1)
			fail_msg("%lu of %lu", (unsigned long)sum->sightings, (unsigned long)count);
		receiver_drain(receiver, add_up, sum, 512);
	}
}

/* Two thousand samples of one conversation wait: the main thread sees some, and how many it was. */
static void
a_flood_is_taken_together(void **state)
{
	(void)state;
	static struct forge forge;
	struct slot *slot = slot_of_test();
	struct receiver_conf conf = {.threads = 1, .ring_slots = 4096};
	struct receiver *receiver = receiver_of_test(slot, &conf);
	for (uint32_t i = 1; i <= 2000; i++) {
		forge_two(&forge, "192.0.2.250", i);
		send_to(receiver, &forge);
		if (i % 100 == 0)
			wait_datagrams(receiver, i);
	}
	struct sum sum = {0};
	assert_int_equal(receiver_drain(receiver, add_up, &sum, 512), 1);
	/* What filled a quarter of the ring; the rest is one that the thread held back. */
	assert_true(sum.sightings >= 1024);
	wait_sum(receiver, &sum, 2000);
	assert_int_equal(sum.sightings, 2000);
	assert_in_range(sum.calls, 1, 2);
	assert_int_equal(sum.bytes, UINT64_C(2000) * 1000 * (14 + 4 + 20 + 20 + 4));
	struct receiver_stats stats = wait_datagrams(receiver, 2000);
	assert_int_equal(stats.merged, 2000 - sum.calls);
	assert_int_equal(stats.seen.sightings, 2000);
	assert_int_equal(stats.ring_drops, 0);
	assert_quiet(receiver);
	receiver_free(&receiver);
	slot_free(&slot);
}

/* A main thread that is busy for long, and far more sightings than the ring holds, of a few
 * conversations: none is lost, and neither is a byte of the estimate. */
static void
a_flood_of_few_conversations_loses_nothing(void **state)
{
	(void)state;
	static struct forge forge;
	struct slot *slot = slot_of_test();
	struct receiver_conf conf = {.threads = 1, .ring_slots = 32};
	struct receiver *receiver = receiver_of_test(slot, &conf);
	uint64_t bytes = 0;
	for (uint32_t i = 1; i <= 3000; i++) {
		unsigned host = i % 10 + 1;
		forge_from(&forge, host, i);
		send_to(receiver, &forge);
		bytes += UINT64_C(1000) * (14 + 20 + 20 + 10 * host + 4);
		if (i % 100 == 0)
			wait_datagrams(receiver, i);
	}
	struct sum sum = {0};
	wait_sum(receiver, &sum, 3000);
	assert_int_equal(sum.sightings, 3000);
	assert_int_equal(sum.bytes, bytes);
	assert_int_equal(sum.calls, 8 + 10);
	struct receiver_stats stats = wait_datagrams(receiver, 3000);
	assert_int_equal(stats.ring_drops, 0);
	assert_int_equal(stats.merged, 3000 - 18);
	/* It is over: the next one comes at once, as it is. */
	forge_from(&forge, 1, 3001);
	send_to(receiver, &forge);
	wait_sum(receiver, &sum, 3001);
	assert_int_equal(sum.calls, 19);
	receiver_free(&receiver);
	slot_free(&slot);
}

static void
sources_not_on_the_allow_list_are_refused(void **state)
{
	(void)state;
	static struct forge forge;
	struct slot *slot = slot_of_test();
	struct prefix allow;
	assert_int_equal(prefix_parse("192.0.2.0/24", &allow, NULL), 0);
	struct receiver_conf conf = {.threads = 1, .allow = &allow, .allow_count = 1};
	struct receiver *receiver = receiver_of_test(slot, &conf);
	forge_two(&forge, "192.0.2.250", 1);
	send_to(receiver, &forge);
	struct receiver_stats stats = wait_datagrams(receiver, 1);
	assert_int_equal(stats.refused_source, 1);
	assert_int_equal(stats.seen.sflow.types[SFLOW_FLOW], 0);
	receiver_free(&receiver);
	slot_free(&slot);
}

static void
one_socket(void *user, const struct receiver_socket *socket)
{
	uint64_t *drops = user;
	assert_true(socket->thread < 2 && socket->listen == 0);
	drops[socket->thread] = socket->kernel_drops;
}

/* The threads don't run yet: what is sent stays in the sockets' buffers, or is lost there. */
static void
what_the_kernel_drops_is_told_by_socket(void **state)
{
	(void)state;
	static struct forge forge;
	char error[RECEIVER_ERROR_MAX];
	struct slot *slot = slot_of_test();
	struct receiver_listen listen = {.port = 0};
	struct receiver_conf conf = {
	    .threads = 2, .listens = &listen, .listen_count = 1, .socket_buffer = 8192};
	struct receiver *receiver = NULL;
	assert_int_equal(addr_parse("127.0.0.1", &listen.addr), 0);
	assert_int_equal(receiver_new(&conf, slot, error, &receiver), 0);
	forge_two(&forge, "192.0.2.250", 1);
	for (unsigned i = 0; i < 200; i++)
		send_to(receiver, &forge);
	uint64_t drops[2] = {0};
	receiver_sockets(receiver, one_socket, drops);
	assert_true(drops[0] == 0 || drops[1] == 0); /* one exporter, one socket */
	uint64_t lost = drops[0] + drops[1];
	assert_in_range(lost, 1, 199);
	assert_int_equal(receiver_start(receiver), 0);
	struct receiver_stats stats = wait_datagrams(receiver, 200 - lost);
	assert_int_equal(stats.datagrams + stats.kernel_drops, 200);
	receiver_free(&receiver);
	slot_free(&slot);
}

/* From a socket of its own to listen address `number`, IPv4 or IPv6. */
static void
send_to_listen(
    const struct receiver *receiver, const struct forge *forge, const char *text, size_t number)
{
	struct addr addr;
	struct sockaddr_storage to;
	assert_int_equal(addr_parse(text, &addr), 0);
	socklen_t length = addr_to_sockaddr(&addr, receiver_port(receiver, number), &to);
	int fd = socket(addr_af(&addr), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, forge->bytes, forge->length, 0, (struct sockaddr *)&to, length),
	    forge->length);
	close(fd);
}

static void
several_listen_addresses_of_both_families(void **state)
{
	(void)state;
	static struct forge forge;
	char error[RECEIVER_ERROR_MAX], text[ADDR_TEXT_MAX];
	struct slot *slot = slot_of_test();
	struct receiver_listen listens[3] = {{.port = 0}}; /* the last one: all addresses */
	struct receiver_conf conf = {
	    .threads = 2, .listens = listens, .listen_count = 3, .socket_buffer = 1 << 20};
	struct receiver *receiver = NULL;
	assert_int_equal(addr_parse("127.0.0.1", &listens[0].addr), 0);
	assert_int_equal(addr_parse("::1", &listens[1].addr), 0);
	if (receiver_new(&conf, slot, error, &receiver) < 0)
		fail_msg("%s", error);
	assert_int_equal(receiver_start(receiver), 0);
	static const struct {
		const char *to, *from;
		size_t listen;
	} ways[] = {{"127.0.0.1", "127.0.0.1", 0}, {"::1", "::1", 1}, {"127.0.0.1", "127.0.0.1", 2},
	    {"::1", "::1", 2}};
	struct taken taken = {0};
	for (uint32_t i = 0; i < 4; i++) {
		forge_two(&forge, "2001:db8::250", i + 1);
		send_to_listen(receiver, &forge, ways[i].to, ways[i].listen);
		wait_sightings(receiver, &taken, i + 1);
		assert_string_equal(addr_format(&taken.last.from, text), ways[i].from);
		assert_string_equal(addr_format(&taken.last.exporter, text), "2001:db8::250");
	}
	assert_int_equal(wait_datagrams(receiver, 4).exporters, 1); /* one thread saw them all */
	receiver_free(&receiver);
	slot_free(&slot);
}

/* How often the receiver's threads have gone to sleep so far. */
static unsigned long
sleeps(void)
{
	unsigned long sum = 0;
	DIR *tasks = opendir("/proc/self/task");
	assert_non_null(tasks);
	for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
		char path[300], line[128];
		bool ours = false;
		unsigned long count;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
		FILE *file = fopen(path, "r");
		while (file != NULL && fgets(line, sizeof line, file) != NULL) {
			ours = ours || strncmp(line, "Name:\treceive-", 14) == 0;
			if (ours && sscanf(line, "voluntary_ctxt_switches: %lu", &count) == 1)
				sum += count;
		}
		if (file != NULL)
			fclose(file);
	}
	closedir(tasks);
	return sum;
}

/* Gathering what comes in quick succession must end with it: no thread wakes for nothing. */
static void
threads_sleep_when_nothing_comes(void **state)
{
	(void)state;
	static struct forge forge;
	struct slot *slot = slot_of_test();
	struct receiver_conf conf = {.threads = 2};
	struct receiver *receiver = receiver_of_test(slot, &conf);
	for (uint32_t i = 1; i <= 50; i++) {
		forge_two(&forge, i % 2 ? "192.0.2.250" : "192.0.2.251", i);
		send_to(receiver, &forge);
	}
	wait_datagrams(receiver, 50);
	unsigned long before, after = 0;
	int tries = 0;
	do {
		before = after;
		poll(NULL, 0, 30);
		after = sleeps();
	} while (after != before && ++tries < DEADLINE_MS / 30);
	assert_true(after > 0);
	assert_int_equal(after, before);
	receiver_free(&receiver);
	slot_free(&slot);
}

static void
an_address_in_use_is_said(void **state)
{
	(void)state;
	char error[RECEIVER_ERROR_MAX];
	struct slot *slot = slot_of_test();
	struct receiver_conf conf = {.threads = 1};
	struct receiver *first = receiver_of_test(slot, &conf), *second = NULL;
	struct receiver_listen listen = {.port = receiver_port(first, 0)};
	assert_int_equal(addr_parse("127.0.0.1", &listen.addr), 0);
	conf.listens = &listen;
	conf.listen_count = 1;
	assert_int_equal(receiver_new(&conf, slot, error, &second), -EADDRINUSE);
	assert_non_null(strstr(error, "127.0.0.1 port "));
	receiver_free(&first);
	slot_free(&slot);
}

static void
rubbish_is_counted_and_the_next_one_read(void **state)
{
	(void)state;
	static struct forge forge;
	struct slot *slot = slot_of_test();
	struct receiver_conf conf = {.threads = 2};
	struct receiver *receiver = receiver_of_test(slot, &conf);
	forge.length = 0;
	send_to(receiver, &forge);
	forge_8(&forge, 5);
	send_to(receiver, &forge);
	forge_datagram(&forge, "192.0.2.250", 1, 1, 0);
	forge_patch32(&forge, 0, 4);
	send_to(receiver, &forge);
	wait_datagrams(receiver, 3);
	struct taken taken = {0};
	forge_two(&forge, "192.0.2.250", 1);
	send_to(receiver, &forge);
	wait_sightings(receiver, &taken, 1);
	struct receiver_stats stats = wait_datagrams(receiver, 4);
	assert_int_equal(stats.seen.sflow.rejects[SFLOW_REJECT_SHORT], 2);
	assert_int_equal(stats.seen.sflow.rejects[SFLOW_REJECT_VERSION], 1);
	receiver_free(&receiver);
	slot_free(&slot);
}

struct recalled {
	unsigned count, listed;
	struct recent_row unlisted[2];
};

static bool
recall(void *user, const struct recent_row *row)
{
	struct recalled *recalled = user;
	recalled->count++;
	recalled->listed += !row->unlisted;
	if (row->unlisted && recalled->count - recalled->listed <= 2)
		recalled->unlisted[recalled->count - recalled->listed - 1] = *row;
	return false;
}

static void
every_conversation_is_remembered(void **state)
{
	(void)state;
	static struct forge forge;
	char text[ADDR_TEXT_MAX];
	struct slot *slot = slot_of_test();
	struct receiver_conf conf = {.threads = 2, .remember = true, .recent = {.size = 1000}};
	struct receiver *receiver = receiver_of_test(slot, &conf);
	struct recalled recalled = {0};
	uint64_t cursor = 0;
	const char *why;
	for (uint32_t i = 1; i <= 3; i++) {
		forge_two(&forge, "192.0.2.250", i);
		send_to(receiver, &forge);
	}
	/* The same conversation as whole packets, in both directions: those go the short way. */
	static struct forge packet;
	forge_datagram(&forge, "192.0.2.250", 4, 4000, 2);
	for (uint32_t i = 0; i < 2; i++) {
		packet.length = 0;
		forge_ethernet(&packet, 0x0800);
		forge_ipv4(&packet, i == 0 ? "10.1.0.2" : "192.0.2.2",
		    i == 0 ? "192.0.2.2" : "10.1.0.2", 6);
		forge_tcp(&packet, i == 0 ? 40000 : 8443, i == 0 ? 8443 : 40000, 0x10);
		forge_zero(&packet, 40);
		forge_sample(&forge, 8 + i, &packet);
	}
	send_to(receiver, &forge);
	wait_datagrams(receiver, 4);
	struct recent *recent = receiver_recent(receiver, &why);
	assert_string_equal(why, "");
	while (recent_walk(recent, &cursor, 100, clk_now(), recall, &recalled))
		;
	assert_int_equal(recalled.count, 3);
	assert_int_equal(recalled.listed, 1);
	const struct recent_row *row = &recalled.unlisted[0];
	if (row->remote_port == 8443)
		row++;
	const struct recent_row *whole = &recalled.unlisted[row == recalled.unlisted];
	assert_int_equal(whole->remote_port, 8443);
	assert_int_equal(whole->samples, 2);
	assert_true(whole->outbound && whole->inbound && !whole->several_ports);
	assert_string_equal(addr_format(&row->local, text), "10.1.0.2");
	assert_string_equal(addr_format(&row->remote, text), "192.0.2.1");
	assert_int_equal(row->remote_port, 53);
	assert_int_equal(row->samples, 3);
	assert_true(row->outbound && !row->inbound);
	receiver_free(&receiver);
	slot_free(&slot);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_listed_host_is_sighted),
	    cmocka_unit_test(a_new_table_counts_at_once),
	    cmocka_unit_test(one_exporter_stays_with_one_thread),
	    cmocka_unit_test(a_full_ring_drops_and_counts),
	    cmocka_unit_test(a_flood_is_taken_together),
	    cmocka_unit_test(a_flood_of_few_conversations_loses_nothing),
	    cmocka_unit_test(sources_not_on_the_allow_list_are_refused),
	    cmocka_unit_test(what_the_kernel_drops_is_told_by_socket),
	    cmocka_unit_test(several_listen_addresses_of_both_families),
	    cmocka_unit_test(threads_sleep_when_nothing_comes),
	    cmocka_unit_test(an_address_in_use_is_said),
	    cmocka_unit_test(rubbish_is_counted_and_the_next_one_read),
	    cmocka_unit_test(every_conversation_is_remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
