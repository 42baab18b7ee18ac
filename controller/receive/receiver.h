/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The eyes: sockets and threads that receive sFlow, decode it, match it against the table in force
 * and hand sightings to the main thread. One thread a core, each with a socket per listen address,
 * its own exporters, its own ring and its own counters; nothing is shared on the way of a sample
 * but the read-only table.
 *
 * Life: receiver_new opens and binds (nothing is received yet), receiver_start starts the threads,
 * receiver_stop ends and joins them, receiver_free does both and closes. All calls are the main
 * thread's; it need not be an RCU reader.
 */
#ifndef CONTROLLER_RECEIVE_RECEIVER_H
#define CONTROLLER_RECEIVE_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/clk.h"
#include "controller/match/slot.h"
#include "controller/receive/exporters.h"
#include "controller/receive/glance.h"
#include "controller/receive/packet.h"
#include "controller/receive/recent.h"
#include "controller/receive/sflow.h"
#include "controller/receive/sighting.h"

#define RECEIVER_PORT 6343
#define RECEIVER_SOCKET_BUFFER (32 * 1024 * 1024)
#define RECEIVER_THREADS_MAX 64
#define RECEIVER_ERROR_MAX 200

struct receiver_listen {
	struct addr addr; /* family 0: all addresses, IPv4 and IPv6 */
	uint16_t port;    /* 0: one the kernel chooses, see receiver_port */
};

/* Zero in a number is the default. What it points at is copied. */
struct receiver_conf {
	const struct receiver_listen *listens;
	size_t listen_count;    /* 0: all addresses, port 6343 */
	unsigned threads;       /* default: one a core; at most RECEIVER_THREADS_MAX */
	int64_t socket_buffer;  /* bytes a socket; default RECEIVER_SOCKET_BUFFER */
	unsigned ring_slots;    /* sightings a thread, rounded up to a power of two; default 4096;
				   half as many conversations are held back in a flood */
	unsigned exporters_max; /* a thread; default 16384 */
	const struct prefix *allow; /* where datagrams may come from (UDP source) */
	size_t allow_count;         /* 0: anywhere */
	/* Looking back (recent.h); its `threads` is the receiver's affair. */
	bool remember;
	struct recent_conf recent;
};

struct receiver;

/* 0, or negative errno and one line in `error`: -EADDRINUSE, -EADDRNOTAVAIL, -ENOMEM, … */
int receiver_new(const struct receiver_conf *conf, const struct slot *slot,
    char error[RECEIVER_ERROR_MAX], struct receiver **ret_receiver);
int receiver_start(struct receiver *receiver);
void receiver_stop(struct receiver *receiver);
void receiver_free(struct receiver **receiver);

/* The port of listen address `index`, host order: what the kernel chose where the configuration had
 * 0. */
uint16_t receiver_port(const struct receiver *receiver, size_t index);

/*
 * The socket buffer that was got, in bytes (what a socket holds, kernel overhead and all). When
 * *ret_asked is more, the kernel's net.core.rmem_max is in the way; a start-up line should say so,
 * with the sysctl.
 */
int64_t receiver_buffer(const struct receiver *receiver, int64_t *ret_asked);

/* Readable when sightings wait; for the event loop. The receiver's: don't read it or close it. */
int receiver_fd(const struct receiver *receiver);

/*
 * Hands at most `max` waiting sightings to `take`, turn by turn from each thread's ring; the
 * pointer is valid during the call alone. Returns how many. When some are left receiver_fd stays
 * readable. In a flood those that say the same of one conversation are taken together (`merged` of
 * sightings): by a thread while a quarter of its ring waits, and here when 1,024 wait and `max` is
 * 512 or more.
 */
size_t receiver_drain(struct receiver *receiver,
    void (*take)(void *user, const struct sighting *sighting), void *user, size_t max);

/* The conversations of the last hours, to be walked through; NULL when the configuration said not
 * to. *ret_error (may be NULL): "" or why they are in memory alone. */
struct recent *receiver_recent(const struct receiver *receiver, const char **ret_error);

/* Since the start, all threads added up. Counters only grow. */
struct receiver_stats {
	uint64_t datagrams, bytes; /* received from the kernel */
	uint64_t refused_source;   /* not on the allow-list */
	uint64_t kernel_drops;     /* socket buffer full; counted by the kernel */
	uint64_t receive_errors;
	uint64_t truncated;          /* longer than the receive buffer: its end is missing */
	struct glance_counters seen; /* samples, rejects, headers, pairs, sightings */
	uint64_t ring_drops;         /* lost because a ring was full, with what is held back */
	uint64_t merged;             /* taken together with others of their conversation */
	uint64_t exporters;          /* known now */
	uint64_t exporters_evicted;  /* the longest silent made room for a new one */
};
void receiver_stats(const struct receiver *receiver, struct receiver_stats *ret_stats);

/* The same numbers by name ("datagrams", "reject_version"), for metrics and status: calls `each`
 * for every one. */
void receiver_stats_each(const struct receiver_stats *stats,
    void (*each)(void *user, const char *name, const char *help, uint64_t value), void *user);

/* One socket: which listen address of which thread it serves. */
struct receiver_socket {
	unsigned thread;
	size_t listen;
	uint64_t kernel_drops; /* datagrams lost because this socket's buffer was full */
};
void receiver_sockets(const struct receiver *receiver,
    void (*each)(void *user, const struct receiver_socket *socket), void *user);

/* Calls `each` for every exporter known; a consistent copy each. May run beside the threads. */
void receiver_exporters(struct receiver *receiver,
    void (*each)(void *user, const struct exporters_row *exporter), void *user);

#endif
