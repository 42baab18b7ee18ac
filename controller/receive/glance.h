/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One look at a datagram: decode it, note its exporter, match the address pairs of its samples,
 * hand out sightings. What a receiver thread does with each datagram, without the socket, so that a
 * replay of recorded datagrams takes the very same way. No clock, no I/O, no allocation after
 * glance_new.
 *
 * A pair of which exactly one side is local is looked at: the remote side is searched in the table.
 */
#ifndef CONTROLLER_RECEIVE_GLANCE_H
#define CONTROLLER_RECEIVE_GLANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/clk.h"
#include "controller/match/slot.h"
#include "controller/receive/exporters.h"
#include "controller/receive/packet.h"
#include "controller/receive/recent.h"
#include "controller/receive/sflow.h"
#include "controller/receive/sighting.h"

/* Counters only grow; uint64_t all of them. */
struct glance_counters {
	struct sflow_counters sflow;   /* samples by type, rejects by reason */
	struct packet_counters packet; /* headers by outcome, mirror copies among them */
	uint64_t pairs;                /* address pairs looked at, outer and inner */
	uint64_t pairs_local;          /* both sides local */
	uint64_t pairs_foreign;        /* neither side local */
	uint64_t sightings;            /* handed out */
};

/* Where sightings go: `reserve` gives a place to fill, `commit` takes it over. NULL or false: there
 * is no room; this one is lost, and counted by them. */
struct glance_sink {
	struct sighting *(*reserve)(void *user);
	bool (*commit)(void *user);
	void *user;
};

struct glance;

/* `exporters` may be NULL and is the caller's, as is what the sink points to. 0 or -ENOMEM. */
int glance_new(
    struct exporters *exporters, const struct glance_sink *sink, struct glance **ret_glance);
void glance_free(struct glance **glance);

/*
 * Looks at one datagram that came from `from` at `now`; the view is one of slot_read. SFLOW_OK, or
 * why nothing of it could be read. Datagrams are looked up some at a time: sightings and counters
 * may come behind, by glance_settle at the latest, and the bytes and the one view must stay until
 * then.
 */
enum sflow_reject glance_datagram(struct glance *glance, const struct slot_view *view,
    const uint8_t *bytes, size_t length, const struct addr *from, struct instant now);

/* Looks up what is left, and lets go of all bytes and the view: before another view is given, and
 * before bytes are received into the same place. */
void glance_settle(struct glance *glance);

/*
 * From now on conversations of all samples are remembered in `table` (recent.h), this thread's own;
 * before the first datagram, if at all.
 */
void glance_remember(struct glance *glance, struct recent_table *table);

/* Whole after glance_settle. */
const struct glance_counters *glance_counters(const struct glance *glance);

#endif
