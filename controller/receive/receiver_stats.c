/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiver's numbers by name; see receiver.h. */
#include <stdio.h>

#include "controller/receive/receiver.h"

struct row {
	const char *name, *help;
	uint64_t value;
};

static void
sflow_each(const struct sflow_counters *sflow,
    void (*each)(void *user, const char *name, const char *help, uint64_t value), void *user)
{
	char name[64];
	for (unsigned i = 0; i < SFLOW_TYPES; i++) {
		snprintf(name, sizeof name, "samples_%s", sflow_type_name(i));
		each(user, name, "samples of this type, rejected ones included", sflow->types[i]);
	}
	for (unsigned i = SFLOW_OK + 1; i < SFLOW_REJECTS; i++) {
		snprintf(name, sizeof name, "reject_%s", sflow_reject_name(i));
		each(user, name, sflow_reject_text(i), sflow->rejects[i]);
	}
	each(user, "records_skipped", "records of a kind that is not read", sflow->records_skipped);
	each(user, "unaligned", "lengths that are no multiple of four", sflow->unaligned);
	each(user, "padding", "samples with bytes behind their last record", sflow->padding);
	each(user, "no_packet", "flow samples without header and addresses", sflow->no_packet);
}

static void
packet_each(const struct packet_counters *packet,
    void (*each)(void *user, const char *name, const char *help, uint64_t value), void *user)
{
	char name[64];
	for (unsigned i = 0; i < PACKET_OUTCOMES; i++) {
		snprintf(name, sizeof name, "headers_%s", packet_outcome_name(i));
		each(user, name,
		    i == PACKET_MIRROR ? "mirror copies: counted, never entered"
				       : "sampled headers by what they hold",
		    packet->outcomes[i]);
	}
	each(user, "tunnels", "sampled packets with another inside", packet->tunnels);
	each(user, "headers_capped", "headers nested deeper than is read", packet->deep);
}

void
receiver_stats_each(const struct receiver_stats *stats,
    void (*each)(void *user, const char *name, const char *help, uint64_t value), void *user)
{
	const struct row rows[] = {
	    {"datagrams", "datagrams received", stats->datagrams},
	    {"bytes", "bytes received, headers of IP and UDP aside", stats->bytes},
	    {"kernel_drops", "datagrams lost: the socket buffer was full", stats->kernel_drops},
	    {"ring_drops", "sightings lost: the ring was full", stats->ring_drops},
	    {"merged", "sightings of a flood taken together with others of their conversation",
		stats->merged},
	    {"refused_source", "datagrams from sources not on the allow-list",
		stats->refused_source},
	    {"truncated", "datagrams longer than the receive buffer", stats->truncated},
	    {"receive_errors", "errors of the receive call", stats->receive_errors},
	    {"exporters", "exporters known now", stats->exporters},
	    {"exporters_evicted", "exporters forgotten to make room", stats->exporters_evicted},
	    {"pairs", "address pairs looked at", stats->seen.pairs},
	    {"pairs_local", "of these with both sides local", stats->seen.pairs_local},
	    {"pairs_foreign", "of these with neither side local", stats->seen.pairs_foreign},
	    {"sightings", "sightings handed on", stats->seen.sightings},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		each(user, rows[i].name, rows[i].help, rows[i].value);
	sflow_each(&stats->seen.sflow, each, user);
	packet_each(&stats->seen.packet, each, user);
}
