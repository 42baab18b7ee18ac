/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets and threads; see receiver.h. */
#include "controller/receive/receiver.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <urcu-qsbr.h>

#include "controller/receive/coalesce.h"
#include "controller/receive/listen.h"
#include "controller/receive/ring.h"

#define BATCH 64
/* Batches closer than this follow each other closely, and the thread sleeps so long in between. */
#define CLOSE_NS (1 * CLK_MS)
#define GATHER_NS 200000
#define DATAGRAM_MAX 9216 /* a jumbo frame's; exporters keep to one frame, 1,400 bytes mostly */
#define RING_SLOTS 4096
#define EXPORTERS_MAX 16384
#define FLOOD_WAITING 1024 /* sightings that make a flood */
#define FLOOD_BATCH 512    /* conversations handed out at a time then */
#define FLOOD_MOST 16384   /* sightings looked at for that */
#define RING_FLOOD 4       /* a thread's ring that is full by this part is in one */

/* What a thread counts for itself, and what it shows to the main thread after each batch: 64-bit
 * numbers all of them, so that they can be shown one by one. */
struct tally {
	uint64_t datagrams, bytes, refused_source, receive_errors, truncated, merged;
	struct glance_counters seen;
};
/* The kernel counts a socket's losses in 32 bits, which a flood fills within hours. */
struct drops {
	uint64_t all;
	uint32_t last;
};
#define TALLY_WORDS (sizeof(struct tally) / sizeof(uint64_t))
_Static_assert(sizeof(struct tally) % sizeof(uint64_t) == 0, "64-bit counters alone");

struct receiver_thread {
	struct receiver *receiver;
	unsigned number;
	bool started;
	pthread_t id;
	int *fds;            /* one for each listen address */
	struct drops *drops; /* and what was lost there; the main thread's */
	struct exporters *exporters;
	struct ring *ring;
	size_t flood;            /* sightings in it that make one */
	struct coalesce *held;   /* what came in a flood, taken together until the ring has room */
	struct sighting *slot;   /* in the ring, for the sighting that is being filled; or NULL, */
	struct sighting scratch; /* then this one is */
	struct glance *glance;
	struct tally tally;
	bool handed;          /* a sighting, in this batch */
	bool close;           /* the last batch came closely behind the one before */
	struct instant batch; /* when it came */
	_Atomic uint64_t shown[TALLY_WORDS];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_in6 sources[BATCH]; /* holds a sockaddr_in as well */
	uint8_t buffers[BATCH][DATAGRAM_MAX];
};

struct receiver {
	const struct slot *slot;
	size_t listen_count;
	uint16_t *ports;
	struct table *allow; /* NULL: anywhere */
	unsigned thread_count;
	struct receiver_thread **threads;
	int64_t buffer_asked, buffer_got;
	int wake_fd, stop_fd;
	atomic_bool woken; /* wake_fd was written since the last drain */
	atomic_bool stopping;
	unsigned turn; /* whose ring is drained first */
	struct coalesce *coalesce;
	struct recent *recent;
	char recent_error[RECENT_ERROR_MAX];
};

static struct sighting *
sink_reserve(void *user)
{
	struct receiver_thread *thread = user;
	bool flood =
	    coalesce_count(thread->held) > 0 || ring_waiting(thread->ring) >= thread->flood;
	thread->slot = flood ? NULL : ring_reserve(thread->ring);
	return thread->slot != NULL ? thread->slot : &thread->scratch;
}

/*
 * In a flood a conversation's sightings are taken together before they come to the ring, so that
 * one that repeats itself a million times takes one place and not all of them, however long the
 * main thread is busy with something else. Conversations beyond what is held use up the ring.
 */
static bool
sink_commit(void *user)
{
	struct receiver_thread *thread = user;
	if (thread->slot == NULL) {
		if (coalesce_add(thread->held, &thread->scratch))
			return true;
		thread->slot = ring_reserve(thread->ring);
		if (thread->slot == NULL)
			return false;
		*thread->slot = thread->scratch;
	}
	ring_commit(thread->ring);
	thread->handed = true;
	return true;
}

static void
put_in_ring(void *user, const struct sighting *sighting)
{
	struct receiver_thread *thread = user;
	struct sighting *slot = ring_reserve(thread->ring);
	if (slot == NULL)
		return;
	*slot = *sighting;
	ring_commit(thread->ring);
	thread->handed = true;
}

/* What is held goes to the ring when that has room for all of it. True: some is left. */
static bool
pour(struct receiver_thread *thread)
{
	if (coalesce_count(thread->held) == 0)
		return false;
	if (ring_waiting(thread->ring) > thread->flood / 2)
		return true;
	coalesce_flush(thread->held, put_in_ring, thread);
	return false;
}

static void
wake(struct receiver *receiver)
{
	if (atomic_exchange_explicit(&receiver->woken, true, memory_order_acq_rel))
		return;
	uint64_t one = 1;
	/* EAGAIN alone can come, with the counter at its end: readable it is all the same. */
	ssize_t written = write(receiver->wake_fd, &one, sizeof one);
	(void)written;
}

static void
show(struct receiver_thread *thread)
{
	uint64_t words[TALLY_WORDS];
	thread->tally.seen = *glance_counters(thread->glance);
	thread->tally.merged = coalesce_merged(thread->held);
	memcpy(words, &thread->tally, sizeof words);
	for (size_t i = 0; i < TALLY_WORDS; i++)
		atomic_store_explicit(&thread->shown[i], words[i], memory_order_relaxed);
}

static void
datagram(struct receiver_thread *thread, const struct slot_view *view, unsigned number,
    struct instant now)
{
	const struct mmsghdr *message = &thread->messages[number];
	struct addr from = {0};
	uint16_t port;
	thread->tally.datagrams++;
	thread->tally.bytes += message->msg_len;
	if ((message->msg_hdr.msg_flags & MSG_TRUNC) != 0)
		thread->tally.truncated++;
	(void)addr_from_sockaddr((const struct sockaddr *)&thread->sources[number], &from, &port);
	const struct table *allow = thread->receiver->allow;
	if (allow != NULL && table_find(allow, &from) == 0) {
		thread->tally.refused_source++;
		return;
	}
	(void)glance_datagram(
	    thread->glance, view, thread->buffers[number], message->msg_len, &from, now);
}

/* Takes what one socket holds, a batch at most. True when there may be more. */
static bool
receive(struct receiver_thread *thread, int fd)
{
	int count = recvmmsg(fd, thread->messages, BATCH, MSG_DONTWAIT, NULL);
	if (count < 0) {
		if (errno != EAGAIN && errno != EINTR)
			thread->tally.receive_errors++;
		return false;
	}
	const struct slot_view *view = slot_read(thread->receiver->slot);
	struct instant now = clk_now();
	thread->close = clk_diff(now, thread->batch) < CLOSE_NS;
	thread->batch = now;
	for (unsigned i = 0; i < (unsigned)count; i++) {
		if (i + 2 < (unsigned)count) {
			__builtin_prefetch(thread->buffers[i + 2]);
			__builtin_prefetch(thread->buffers[i + 2] + 64);
		}
		datagram(thread, view, i, now);
		thread->messages[i].msg_hdr.msg_namelen = sizeof thread->sources[i];
	}
	glance_settle(thread->glance);
	return count == BATCH;
}

/*
 * Waits until there is something to receive, or a moment when there is something to do besides.
 * When batches follow each other closely the thread sleeps a moment instead of being woken for
 * every datagram or two: a wake-up costs more than a datagram does, and the socket buffer holds
 * what comes meanwhile.
 */
static void
wait_for_more(struct receiver_thread *thread, struct pollfd *polls, bool besides)
{
	size_t count = thread->receiver->listen_count;
	rcu_thread_offline();
	if (thread->close) {
		static const struct timespec moment = {.tv_nsec = GATHER_NS};
		/* A round without a datagram ends in the poll. */
		thread->close = false;
		(void)nanosleep(&moment, NULL);
	} else {
		(void)poll(polls, count + 1, besides ? 1 : -1);
	}
	rcu_thread_online();
}

static void *
thread_main(void *user)
{
	struct receiver_thread *thread = user;
	struct receiver *receiver = thread->receiver;
	size_t count = receiver->listen_count;
	struct pollfd polls[LISTEN_MAX + 1];
	for (size_t i = 0; i < count; i++)
		polls[i] = (struct pollfd){.fd = thread->fds[i], .events = POLLIN};
	polls[count] = (struct pollfd){.fd = receiver->stop_fd, .events = POLLIN};
	rcu_register_thread();
	while (!atomic_load_explicit(&receiver->stopping, memory_order_relaxed)) {
		bool more = false;
		for (size_t i = 0; i < count; i++)
			more |= receive(thread, thread->fds[i]);
		bool left = pour(thread);
		if (thread->handed) {
			thread->handed = false;
			wake(receiver);
		}
		show(thread);
		if (more)
			rcu_quiescent_state();
		else
			wait_for_more(thread, polls, left);
	}
	rcu_unregister_thread();
	return NULL;
}

static void
thread_free(struct receiver_thread *thread, size_t listen_count)
{
	if (thread == NULL)
		return;
	if (thread->fds != NULL) {
		for (size_t i = 0; i < listen_count; i++) {
			if (thread->fds[i] >= 0)
				close(thread->fds[i]);
		}
	}
	free(thread->fds);
	free(thread->drops);
	glance_free(&thread->glance);
	exporters_free(&thread->exporters);
	ring_free(&thread->ring);
	coalesce_free(&thread->held);
	free(thread);
}

static int
thread_new(struct receiver *receiver, const struct receiver_conf *conf, unsigned number,
    struct receiver_thread **ret_thread)
{
	struct receiver_thread *thread = calloc(1, sizeof *thread);
	if (thread == NULL)
		return -ENOMEM;
	int r = -ENOMEM;
	thread->receiver = receiver;
	thread->number = number;
	thread->fds = malloc(receiver->listen_count * sizeof *thread->fds);
	thread->drops = calloc(receiver->listen_count, sizeof *thread->drops);
	if (thread->fds == NULL || thread->drops == NULL)
		goto fail;
	for (size_t i = 0; i < receiver->listen_count; i++)
		thread->fds[i] = -1;
	for (unsigned i = 0; i < BATCH; i++) {
		thread->vectors[i] = (struct iovec){thread->buffers[i], DATAGRAM_MAX};
		struct msghdr *header = &thread->messages[i].msg_hdr;
		header->msg_iov = &thread->vectors[i];
		header->msg_iovlen = 1;
		header->msg_name = &thread->sources[i];
		header->msg_namelen = sizeof thread->sources[i];
	}
	uint64_t seed;
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
		r = -EIO;
		goto fail;
	}
	r = exporters_new(
	    conf->exporters_max ? conf->exporters_max : EXPORTERS_MAX, seed, &thread->exporters);
	if (r < 0)
		goto fail;
	unsigned slots = conf->ring_slots ? conf->ring_slots : RING_SLOTS;
	thread->flood = slots > RING_FLOOD ? slots / RING_FLOOD : 1;
	r = ring_new(slots, &thread->ring);
	if (r == 0)
		r = coalesce_new(
		    slots > 2 * COALESCE_MAX ? COALESCE_MAX : (slots + 1) / 2, &thread->held);
	if (r < 0)
		goto fail;
	struct glance_sink sink = {sink_reserve, sink_commit, thread};
	r = glance_new(thread->exporters, &sink, &thread->glance);
	if (r < 0)
		goto fail;
	*ret_thread = thread;
	return 0;
fail:
	thread_free(thread, receiver->listen_count);
	return r;
}

static int
allow_new(const struct receiver_conf *conf, struct table **ret_table)
{
	struct table_entry *entries = calloc(conf->allow_count, sizeof *entries);
	if (entries == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < conf->allow_count; i++)
		entries[i] =
		    (struct table_entry){.prefix = conf->allow[i], .line = (uint32_t)i + 1};
	int r = table_new(entries, conf->allow_count, ret_table);
	free(entries);
	return r;
}

/* Opens every socket: for each address one a thread, in thread order, which is what the steering
 * program's answer counts by. */
static int
open_all(struct receiver *receiver, const struct receiver_conf *conf,
    const struct receiver_listen *listens, char *error)
{
	int64_t asked = conf->socket_buffer > 0 ? conf->socket_buffer : RECEIVER_SOCKET_BUFFER;
	receiver->buffer_asked = asked;
	receiver->buffer_got = INT64_MAX;
	for (size_t i = 0; i < receiver->listen_count; i++) {
		uint16_t port = listens[i].port;
		int r = listen_probe(&listens[i].addr, port);
		for (unsigned t = 0; r >= 0 && t < receiver->thread_count; t++) {
			int64_t got;
			r = listen_open(&listens[i].addr, &port, asked, &got);
			if (r < 0)
				break;
			receiver->threads[t]->fds[i] = r;
			if (got < receiver->buffer_got)
				receiver->buffer_got = got;
		}
		if (r >= 0 && receiver->thread_count > 1)
			r = listen_steer(receiver->threads[0]->fds[i], receiver->thread_count);
		if (r < 0) {
			char text[ADDR_TEXT_MAX];
			const char *where = listens[i].addr.family == 0
						? "all addresses"
						: addr_format(&listens[i].addr, text);
			snprintf(error, RECEIVER_ERROR_MAX,
			    "sFlow cannot be received on %s port %u: %s", where, listens[i].port,
			    strerror(-r));
			return r;
		}
		receiver->ports[i] = port;
	}
	return 0;
}

static int
remember(struct receiver *receiver, const struct recent_conf *conf)
{
	struct recent_conf with_threads = *conf;
	with_threads.threads = receiver->thread_count;
	int r = recent_open(&with_threads, &receiver->recent, receiver->recent_error);
	for (unsigned t = 0; r == 0 && t < receiver->thread_count; t++)
		glance_remember(receiver->threads[t]->glance, recent_table(receiver->recent, t));
	return r;
}

int
receiver_new(const struct receiver_conf *conf, const struct slot *slot,
    char error[RECEIVER_ERROR_MAX], struct receiver **ret_receiver)
{
	static const struct receiver_listen everywhere = {.port = RECEIVER_PORT};
	const struct receiver_listen *listens =
	    conf->listen_count > 0 ? conf->listens : &everywhere;
	size_t listen_count = conf->listen_count > 0 ? conf->listen_count : 1;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = conf->threads > 0 ? conf->threads : cores > 0 ? (unsigned)cores : 1;
	if (threads > RECEIVER_THREADS_MAX)
		threads = RECEIVER_THREADS_MAX;
	if (listen_count > LISTEN_MAX) {
		snprintf(error, RECEIVER_ERROR_MAX, "at most %d listen addresses, not %zu",
		    LISTEN_MAX, listen_count);
		return -EINVAL;
	}
	int r = -ENOMEM;
	struct receiver *receiver = calloc(1, sizeof *receiver);
	if (receiver == NULL)
		goto fail;
	receiver->slot = slot;
	receiver->listen_count = listen_count;
	receiver->wake_fd = receiver->stop_fd = -1;
	receiver->ports = calloc(listen_count, sizeof *receiver->ports);
	receiver->threads = calloc(threads, sizeof(struct receiver_thread *));
	if (receiver->ports == NULL || receiver->threads == NULL ||
	    coalesce_new(FLOOD_BATCH, &receiver->coalesce) < 0)
		goto fail;
	for (unsigned t = 0; t < threads; t++) {
		if ((r = thread_new(receiver, conf, t, &receiver->threads[t])) < 0)
			goto fail;
		receiver->thread_count++;
	}
	if (conf->allow_count > 0 && (r = allow_new(conf, &receiver->allow)) < 0)
		goto fail;
	if (conf->remember && (r = remember(receiver, &conf->recent)) < 0)
		goto fail;
	receiver->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	receiver->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (receiver->wake_fd < 0 || receiver->stop_fd < 0) {
		r = -errno;
		goto fail;
	}
	error[0] = '\0';
	if ((r = open_all(receiver, conf, listens, error)) < 0)
		goto done;
	*ret_receiver = receiver;
	return 0;
fail:
	snprintf(error, RECEIVER_ERROR_MAX, "the receiver cannot be set up: %s", strerror(-r));
done:
	receiver_free(&receiver);
	return r;
}

int
receiver_start(struct receiver *receiver)
{
	sigset_t all, before;
	int r = 0;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned t = 0; t < receiver->thread_count && r == 0; t++) {
		struct receiver_thread *thread = receiver->threads[t];
		r = -pthread_create(&thread->id, NULL, thread_main, thread);
		if (r == 0) {
			char name[16];
			thread->started = true;
			snprintf(name, sizeof name, "receive-%u", t % 1000);
			pthread_setname_np(thread->id, name);
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		receiver_stop(receiver);
	return r;
}

void
receiver_stop(struct receiver *receiver)
{
	uint64_t one = 1;
	atomic_store_explicit(&receiver->stopping, true, memory_order_relaxed);
	ssize_t written = write(receiver->stop_fd, &one, sizeof one);
	(void)written;
	for (unsigned t = 0; t < receiver->thread_count; t++) {
		if (receiver->threads[t]->started)
			pthread_join(receiver->threads[t]->id, NULL);
		receiver->threads[t]->started = false;
	}
}

void
receiver_free(struct receiver **receiver)
{
	struct receiver *r = *receiver;
	if (r == NULL)
		return;
	if (r->stop_fd >= 0)
		receiver_stop(r);
	for (unsigned t = 0; t < r->thread_count; t++)
		thread_free(r->threads[t], r->listen_count);
	if (r->wake_fd >= 0)
		close(r->wake_fd);
	if (r->stop_fd >= 0)
		close(r->stop_fd);
	if (r->allow != NULL)
		table_free(&r->allow);
	coalesce_free(&r->coalesce);
	recent_free(&r->recent);
	free(r->threads);
	free(r->ports);
	free(r);
	*receiver = NULL;
}

uint16_t
receiver_port(const struct receiver *receiver, size_t index)
{
	return index < receiver->listen_count ? receiver->ports[index] : 0;
}

int64_t
receiver_buffer(const struct receiver *receiver, int64_t *ret_asked)
{
	*ret_asked = receiver->buffer_asked;
	return receiver->buffer_got;
}

int
receiver_fd(const struct receiver *receiver)
{
	return receiver->wake_fd;
}

static size_t
waiting(const struct receiver *receiver)
{
	size_t count = 0;
	for (unsigned t = 0; t < receiver->thread_count; t++)
		count += ring_waiting(receiver->threads[t]->ring);
	return count;
}

/* Each ring's oldest in its turn goes to `put` until that won't have it, all are empty, or `most`
 * went. True: some are left. */
static bool
empty_rings(struct receiver *receiver, bool (*put)(void *user, const struct sighting *sighting),
    void *user, size_t most)
{
	unsigned empty = 0;
	while (empty < receiver->thread_count) {
		struct ring *ring = receiver->threads[receiver->turn]->ring;
		const struct sighting *sighting = ring_peek(ring);
		if (sighting != NULL && (most == 0 || !put(user, sighting)))
			return true;
		receiver->turn = (receiver->turn + 1) % receiver->thread_count;
		empty = sighting != NULL ? 0 : empty + 1;
		if (sighting == NULL)
			continue;
		ring_release(ring);
		most--;
	}
	return false;
}

struct drain {
	void (*take)(void *user, const struct sighting *sighting);
	void *user;
	size_t taken;
};

static bool
put_one(void *user, const struct sighting *sighting)
{
	struct drain *drain = user;
	drain->take(drain->user, sighting);
	drain->taken++;
	return true;
}

static bool
put_together(void *user, const struct sighting *sighting)
{
	return coalesce_add(user, sighting);
}

size_t
receiver_drain(struct receiver *receiver, void (*take)(void *user, const struct sighting *sighting),
    void *user, size_t max)
{
	struct drain drain = {take, user, 0};
	uint64_t count;
	ssize_t got = read(receiver->wake_fd, &count, sizeof count);
	bool left;
	(void)got;
	/* First the flag, then the rings: what is handed over from here on wakes again. */
	atomic_exchange_explicit(&receiver->woken, false, memory_order_acq_rel);
	if (max >= FLOOD_BATCH && waiting(receiver) >= FLOOD_WAITING) {
		left = empty_rings(receiver, put_together, receiver->coalesce, FLOOD_MOST);
		drain.taken = coalesce_flush(receiver->coalesce, take, user);
	} else {
		left = empty_rings(receiver, put_one, &drain, max);
	}
	if (left)
		wake(receiver);
	return drain.taken;
}

static uint64_t
drops_of(struct receiver_thread *thread, size_t listen)
{
	struct drops *drops = &thread->drops[listen];
	uint32_t now = listen_drops(thread->fds[listen]);
	drops->all += now - drops->last;
	drops->last = now;
	return drops->all;
}

void
receiver_sockets(const struct receiver *receiver,
    void (*each)(void *user, const struct receiver_socket *socket), void *user)
{
	for (unsigned t = 0; t < receiver->thread_count; t++) {
		for (size_t i = 0; i < receiver->listen_count; i++) {
			struct receiver_socket socket = {t, i, drops_of(receiver->threads[t], i)};
			each(user, &socket);
		}
	}
}

void
receiver_stats(const struct receiver *receiver, struct receiver_stats *ret_stats)
{
	uint64_t sum[TALLY_WORDS] = {0};
	struct receiver_stats stats = {0};
	for (unsigned t = 0; t < receiver->thread_count; t++) {
		struct receiver_thread *thread = receiver->threads[t];
		for (size_t i = 0; i < TALLY_WORDS; i++)
			sum[i] += atomic_load_explicit(&thread->shown[i], memory_order_relaxed);
		for (size_t i = 0; i < receiver->listen_count; i++)
			stats.kernel_drops += drops_of(thread, i);
		stats.ring_drops += ring_drops(thread->ring);
		stats.exporters += exporters_count(thread->exporters);
		stats.exporters_evicted += exporters_evicted(thread->exporters);
	}
	struct tally tally;
	memcpy(&tally, sum, sizeof tally);
	stats.datagrams = tally.datagrams;
	stats.bytes = tally.bytes;
	stats.refused_source = tally.refused_source;
	stats.receive_errors = tally.receive_errors;
	stats.truncated = tally.truncated;
	stats.seen = tally.seen;
	stats.merged = tally.merged + coalesce_merged(receiver->coalesce);
	*ret_stats = stats;
}

void
receiver_exporters(struct receiver *receiver,
    void (*each)(void *user, const struct exporters_row *exporter), void *user)
{
	for (unsigned t = 0; t < receiver->thread_count; t++)
		exporters_each(receiver->threads[t]->exporters, each, user);
}

struct recent *
receiver_recent(const struct receiver *receiver, const char **ret_error)
{
	if (ret_error != NULL)
		*ret_error = receiver->recent_error;
	return receiver->recent;
}
