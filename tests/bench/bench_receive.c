/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiver live over UDP on loopback, beside a bare sink that takes the same datagrams off the
 * same kind of socket and looks at none (bare.c). Prints "name value unit" lines, medians of rounds
 * in which the two take turns: CPU of the receiving threads a datagram, from a buffer that was
 * filled before and while a sender gives all it can; and the highest rate with at most one datagram
 * in 10,000 lost, two threads, the sender on the same cores.
 *
 * What goes beyond the socket was tried (loopback, 1,400-byte datagrams, 30,000 to 100,000 a second,
 * one reading thread; a sender of single datagrams, whose CPU time holds the kernel's work up to the
 * socket or the ring):
 *   recvmmsg               1.3 to 2.0 us of the reader, 2.3 to 3.6 us of the sender
 *   recvmmsg, UDP_GRO      1.1 to 1.9 us,               1.6 to 3.6 us: nothing was put together
 *   PACKET_MMAP, V3        0.09 to 0.17 us,             1.6 to 3.9 us
 * UDP_GRO halves the reader's cost (0.67 to 0.32 us) where the sender itself used UDP_SEGMENT, which
 * no switch does, and would break the steering behind a relay. A TPACKET_V3 ring takes nine tenths
 * off the reader, but the copy moves to the kernel's side: a quarter to a half of the whole. It sees
 * fragments, super-packets and packets for others, does not check sums, needs CAP_NET_RAW and a rule
 * that keeps the datagrams from the UDP socket. Neither wins by half of the whole: neither is kept.
 * Batches of 16 or 32, buffers of 2 KiB and longer gathering were within the noise of what is there.
 * AF_XDP needs a driver that loopback and veth lack (in generic mode it copies as the ring does).
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/receive/listen.h"
#include "controller/receive/receiver.h"
#include "tests/bench/bare.h"
#include "tests/bench/generate.h"

#define ROUNDS 5
#define ENTRIES4 552000
#define ENTRIES6 100000
#define THREADS_MAX 2
#define FILLED 20000 /* datagrams; 32 MiB hold 29,000 */
#define LIVE_NS (CLK_S / 2)
#define BUFFER ((int64_t)32 << 20)

/* What is measured: the receiver or the sink. */
struct subject {
	bool bare;
	unsigned threads;
	uint16_t port;
	struct receiver *receiver;
	struct bare_sink sinks[THREADS_MAX];
	pthread_t ids[THREADS_MAX];
	bool running;
};

static struct generate generate;
static struct slot *slot;

static void
need(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "bench: %s: %s\n", what, strerror(-r));
		exit(1);
	}
}

static struct addr
loopback(void)
{
	struct addr addr;
	(void)addr_parse("127.0.0.1", &addr);
	return addr;
}

static void
subject_open(struct subject *subject, bool bare, unsigned threads)
{
	struct addr addr = loopback();
	memset(subject, 0, sizeof *subject);
	subject->bare = bare;
	subject->threads = threads;
	if (bare) {
		for (unsigned i = 0; i < threads; i++) {
			int64_t got;
			subject->sinks[i].fd = listen_open(&addr, &subject->port, BUFFER, &got);
			need(subject->sinks[i].fd, "socket");
		}
		need(listen_steer(subject->sinks[0].fd, threads), "steering");
		return;
	}
	char error[RECEIVER_ERROR_MAX];
	struct receiver_listen listen = {.addr = addr};
	struct receiver_conf conf = {
	    .listens = &listen, .listen_count = 1, .threads = threads, .socket_buffer = BUFFER};
	need(receiver_new(&conf, slot, error, &subject->receiver), error);
	subject->port = receiver_port(subject->receiver, 0);
}

static void
subject_start(struct subject *subject)
{
	subject->running = true;
	if (!subject->bare) {
		need(receiver_start(subject->receiver), "threads");
		return;
	}
	for (unsigned i = 0; i < subject->threads; i++) {
		need(-pthread_create(&subject->ids[i], NULL, bare_sink_run, &subject->sinks[i]),
		    "thread");
		pthread_setname_np(subject->ids[i], "receive-sink");
	}
}

static void
subject_close(struct subject *subject)
{
	if (!subject->bare) {
		receiver_free(&subject->receiver);
		return;
	}
	for (unsigned i = 0; i < subject->threads; i++) {
		atomic_store(&subject->sinks[i].over, true);
		if (subject->running)
			pthread_join(subject->ids[i], NULL);
		close(subject->sinks[i].fd);
	}
}

static void
take(void *user, const struct sighting *sighting)
{
	(void)sighting;
	++*(uint64_t *)user;
}

static uint64_t
subject_datagrams(struct subject *subject)
{
	if (!subject->bare) {
		static uint64_t sightings;
		struct receiver_stats stats;
		receiver_drain(subject->receiver, take, &sightings, 4096);
		receiver_stats(subject->receiver, &stats);
		return stats.datagrams;
	}
	uint64_t sum = 0;
	for (unsigned i = 0; i < subject->threads; i++)
		sum += atomic_load(&subject->sinks[i].datagrams);
	return sum;
}

/* CPU time of all threads named receive-…, nanoseconds. */
static double
threads_cpu(void)
{
	double sum = 0;
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	while (tasks != NULL && (task = readdir(tasks)) != NULL) {
		char path[300], name[32] = "";
		unsigned long long ns = 0;
		snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
		FILE *file = fopen(path, "r");
		if (file == NULL)
			continue;
		(void)!fgets(name, sizeof name, file);
		fclose(file);
		snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", task->d_name);
		if (strncmp(name, "receive-", 8) != 0 || (file = fopen(path, "r")) == NULL)
			continue;
		if (fscanf(file, "%llu", &ns) == 1)
			sum += (double)ns;
		fclose(file);
	}
	if (tasks != NULL)
		closedir(tasks);
	return sum;
}

static int
sender_socket(uint16_t port)
{
	struct addr addr = loopback();
	struct sockaddr_storage to;
	socklen_t length = addr_to_sockaddr(&addr, port, &to);
	int buffer = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, length) < 0)
		need(-errno, "sender");
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	return fd;
}

/* A process of its own, so that its CPU time is nobody's here. Returns how many it sent. */
static uint64_t
send_for(struct subject *subject, int64_t ns, uint64_t rate)
{
	uint64_t *sent =
	    mmap(NULL, sizeof *sent, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sent == MAP_FAILED)
		need(-errno, "memory");
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		*sent = generate_send(&generate, sender_socket(subject->port), ns, rate);
		_exit(0);
	}
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		(void)subject_datagrams(subject);
		poll(NULL, 0, 5);
	}
	uint64_t count = *sent;
	munmap(sent, sizeof *sent);
	return count;
}

/* Until nothing has come for a while; how many there were. */
static uint64_t
settle(struct subject *subject)
{
	uint64_t last = subject_datagrams(subject);
	for (unsigned quiet = 0; quiet < 10; quiet++) {
		poll(NULL, 0, 10);
		uint64_t now = subject_datagrams(subject);
		if (now != last)
			quiet = 0;
		last = now;
	}
	return last;
}

/* Microseconds of CPU a datagram: `filled` before the thread starts, or live. */
static double
cpu_a_datagram(bool bare, bool filled, double *ret_rate)
{
	struct subject subject;
	subject_open(&subject, bare, 1);
	if (filled) {
		int fd = sender_socket(subject.port);
		for (size_t i = 0; i < FILLED; i++)
			(void)!send(fd, generate.bytes + i % generate.count * GENERATE_LENGTH,
			    GENERATE_LENGTH, 0);
		close(fd);
		subject_start(&subject);
	} else {
		subject_start(&subject);
		(void)send_for(&subject, LIVE_NS, 0);
	}
	uint64_t count = settle(&subject);
	double us = threads_cpu() / 1e3 / (double)(count > 0 ? count : 1);
	*ret_rate = (double)count * 1e9 / (double)LIVE_NS;
	subject_close(&subject);
	return us;
}

/* The highest rate, datagrams a second, of which nearly all come. */
static double
loss_free(bool bare)
{
	double low = 0, high = 1000000;
	for (unsigned step = 0; step < 7; step++) {
		double rate = (low + high) / 2;
		struct subject subject;
		subject_open(&subject, bare, 2);
		subject_start(&subject);
		uint64_t sent = send_for(&subject, LIVE_NS, (uint64_t)rate);
		uint64_t came = settle(&subject);
		double offered = (double)sent * 1e9 / (double)LIVE_NS;
		subject_close(&subject);
		/* A sender that could not offer so much says nothing about more. */
		if (came * 10000 >= sent * 9999 && offered >= rate * 0.95)
			low = rate;
		else
			high = rate;
	}
	return low;
}

static int
compare(const void *va, const void *vb)
{
	double a = *(const double *)va, b = *(const double *)vb;
	return a < b ? -1 : a > b;
}

static double
median(double *values, unsigned count)
{
	qsort(values, count, sizeof *values, compare);
	return values[count / 2];
}

static void
cpu(const char *name, bool filled)
{
	double us[2][ROUNDS], rates[2][ROUNDS], m[2];
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned bare = 0; bare < 2; bare++)
			us[bare][round] = cpu_a_datagram(bare, filled, &rates[bare][round]);
	m[0] = median(us[0], ROUNDS), m[1] = median(us[1], ROUNDS);
	printf("receive_%s_cpu %.2f us/datagram\nsink_%s_cpu %.2f us/datagram\n", name, m[0], name,
	    m[1]);
	printf("receive_%s_cpu_ratio %.2f of_bare (wanted: at most 2)\n", name, m[0] / m[1]);
	if (!filled)
		printf("receive_%s_rate %.0f datagrams/s\nsink_%s_rate %.0f datagrams/s\n", name,
		    median(rates[0], ROUNDS), name, median(rates[1], ROUNDS));
}

int
main(void)
{
	struct generate_conf conf = generate_usual();
	struct table_entry local[2];
	struct table *table, *locals;
	struct table_entry *entries = generate_entries(ENTRIES4, ENTRIES6, 3);
	memset(local, 0, sizeof local);
	(void)prefix_parse("10.0.0.0/8", &local[0].prefix, NULL);
	(void)prefix_parse("fd00::/8", &local[1].prefix, NULL);
	need(table_new(entries, ENTRIES4 + ENTRIES6, &table), "table");
	need(table_new(local, 2, &locals), "table");
	need(slot_new(&slot), "slot");
	need(slot_publish(slot, table, locals), "slot");
	conf.entries = entries;
	conf.entry_count = ENTRIES4 + ENTRIES6;
	conf.datagrams = GENERATE_BURST * 400;
	conf.exporters = 200;
	conf.bursts = true;
	generate = generate_new(&conf);
	cpu("filled", true);
	cpu("live", false);
	double ours[3], bare[3];
	for (unsigned round = 0; round < 3; round++) {
		ours[round] = loss_free(false);
		bare[round] = loss_free(true);
	}
	double a = median(ours, 3), b = median(bare, 3);
	printf("receive_loss_free %.0f datagrams/s\nsink_loss_free %.0f datagrams/s\n", a, b);
	printf("receive_loss_free_ratio %.2f of_bare (wanted: 0.80)\n", a / b);
	slot_free(&slot);
	generate_free(&generate);
	free(entries);
	return 0;
}
