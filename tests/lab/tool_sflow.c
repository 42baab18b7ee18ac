/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two ends of a measurement, for tests/bench/peers:
 *   tool_sflow send PORT RATE MILLISECONDS     to 127.0.0.1; prints how many datagrams were sent
 *   tool_sflow receive PORT THREADS ENTRIES    until SIGTERM; prints what came
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/receive/receiver.h"
#include "tests/bench/generate.h"

static int
send_some(uint16_t port, uint64_t rate, int64_t ms)
{
	struct generate_conf conf = generate_usual();
	conf.datagrams = GENERATE_BURST * 200;
	conf.exporters = 200;
	conf.bursts = true;
	struct generate generate = generate_new(&conf);
	struct addr to;
	struct sockaddr_storage sa;
	(void)addr_parse("127.0.0.1", &to);
	socklen_t length = addr_to_sockaddr(&to, port, &sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, length) < 0) {
		perror("tool_sflow");
		return 1;
	}
	printf("%llu\n", (unsigned long long)generate_send(&generate, fd, ms * CLK_MS, rate));
	generate_free(&generate);
	return 0;
}

static int
receive(uint16_t port, unsigned threads, size_t entries)
{
	char error[RECEIVER_ERROR_MAX];
	struct table_entry local[2],
	    *list = generate_entries(entries * 85 / 100, entries * 15 / 100, 3);
	struct table *table, *locals;
	struct slot *slot;
	struct receiver *receiver;
	struct receiver_listen listen = {.port = port};
	struct receiver_conf conf = {.listens = &listen, .listen_count = 1, .threads = threads};
	sigset_t signals;
	int signal;
	memset(local, 0, sizeof local);
	(void)addr_parse("127.0.0.1", &listen.addr);
	(void)prefix_parse("10.0.0.0/8", &local[0].prefix, NULL);
	(void)prefix_parse("fd00::/8", &local[1].prefix, NULL);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (table_new(list, entries * 85 / 100 + entries * 15 / 100, &table) < 0 ||
	    table_new(local, 2, &locals) < 0 || slot_new(&slot) < 0 ||
	    slot_publish(slot, table, locals) < 0)
		return 1;
	if (receiver_new(&conf, slot, error, &receiver) < 0 || receiver_start(receiver) < 0) {
		fprintf(stderr, "tool_sflow: %s\n", error);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	sigwait(&signals, &signal);
	struct receiver_stats stats;
	receiver_stats(receiver, &stats);
	printf("%llu datagrams, %llu sightings\n", (unsigned long long)stats.datagrams,
	    (unsigned long long)stats.seen.sightings);
	receiver_free(&receiver);
	slot_free(&slot);
	free(list);
	return 0;
}

int
main(int argc, char *argv[])
{
	if (argc == 5 && strcmp(argv[1], "send") == 0)
		return send_some(
		    (uint16_t)atoi(argv[2]), strtoull(argv[3], NULL, 10), atoi(argv[4]));
	if (argc == 5 && strcmp(argv[1], "receive") == 0)
		return receive(
		    (uint16_t)atoi(argv[2]), (unsigned)atoi(argv[3]), strtoul(argv[4], NULL, 10));
	fprintf(stderr, "usage: tool_sflow send PORT RATE MILLISECONDS | receive PORT THREADS "
			"ENTRIES\n");
	return 2;
}
