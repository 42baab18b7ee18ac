/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who exports: a bounded table by (agent address, sub-agent), and under each the sequences of its
 * sources. Owned and written by one receiver thread; any one other thread may read consistent
 * copies of rows. Sequence rules: sFlow version 5, section 4.1 (datagram and sample sequence
 * numbers start anew when an agent restarts).
 *
 * When a set of rows is full the row that earned its place least makes room: one that has been
 * silent for an hour, else the one with the fewest datagrams; so a flood of forged agents cannot
 * push out a real one.
 */
#ifndef CONTROLLER_RECEIVE_EXPORTERS_H
#define CONTROLLER_RECEIVE_EXPORTERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/clk.h"

/* One exporter as last seen. */
struct exporters_row {
	struct addr agent; /* in the datagram */
	struct addr from;  /* UDP source of the last one */
	uint32_t sub_agent;
	uint32_t sequence;      /* of the newest datagram */
	uint32_t sampling_rate; /* of the last flow sample; 0: none yet */
	uint32_t uptime_ms;
	struct instant first, last;
	uint64_t datagrams, bytes, samples;
	uint64_t lost; /* gaps in the datagram sequence, less those that came late */
	uint64_t duplicates, late, restarts;
	uint64_t samples_lost;   /* gaps in the sample sequences of its sources */
	uint64_t declared_drops; /* by the exporter itself: samples it could not take */
	uint64_t rejects;        /* samples of it that could not be read */
	uint64_t sightings;
};

struct exporters;
struct exporters_entry; /* a row and what is kept beside it */

/*
 * Room for `rows` exporters and four times as many sources, rounded up. `seed` makes the hash one
 * that a sender cannot foresee. 0, -EINVAL (0 or over 2^22), -ENOMEM.
 */
int exporters_new(unsigned rows, uint64_t seed, struct exporters **ret_exporters);
void exporters_free(struct exporters **exporters);

/*
 * What an exporter's row is found by. Asked for ahead of exporters_datagram, it starts to fetch
 * what that will read.
 */
uint64_t exporters_key(
    const struct exporters *exporters, const struct addr *agent, uint32_t sub_agent);

/*
 * A datagram came: finds or makes the exporter's row, and judges the sequence. The entry is open
 * for the calls below until exporters_close; never NULL.
 */
struct exporters_entry *exporters_datagram(struct exporters *exporters, uint64_t key,
    const struct addr *agent, uint32_t sub_agent, const struct addr *from, uint32_t sequence,
    uint32_t uptime_ms, size_t bytes, struct instant now);

/* A flow sample: its source (quick_source; later a hash of it), that source's sequence and
 * cumulative drops. */
struct exporters_sample {
	uint64_t source;
	uint32_t sequence, drops;
};

/* To be called for samples before exporters_samples: puts the hash in the place of the source and
 * starts to fetch what is kept there. */
void exporters_hash(const struct exporters *exporters, uint64_t key,
    struct exporters_sample *samples, size_t count);

/* Flow samples of it, hashed, in the order in which they stood, and the sampling rate of the last
 * one. */
void exporters_samples(struct exporters *exporters, struct exporters_entry *entry,
    const struct exporters_sample *samples, size_t count, uint32_t sampling_rate);

/* What was counted meanwhile; the row can be read again. */
void exporters_close(
    struct exporters_entry *entry, uint32_t samples, uint32_t rejects, uint32_t sightings);

/* From another thread: a consistent copy of each row. */
void exporters_each(const struct exporters *exporters,
    void (*each)(void *user, const struct exporters_row *row), void *user);
uint64_t exporters_count(const struct exporters *exporters);
uint64_t exporters_evicted(const struct exporters *exporters);
size_t exporters_bytes(const struct exporters *exporters);

#endif
