/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The quick and the full way through a datagram; see two_ways.h. */
#include "tests/support/two_ways.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "controller/receive/glance.h"
#include "tests/support/tables.h"

#define SIGHTINGS_MAX 8192

/* A sighting by what finds it. */
struct found {
	struct addr local, remote;
	bool outbound, inner;
};

struct two_ways {
	struct slot_view view;
	struct exporters *exporters;
	struct glance *glance;
	struct sighting sighting;
	/* Of the quick way, and the full one; counts of what there was, found is cut to the most.
	 */
	unsigned quick_count, full_count;
	struct found quick[SIGHTINGS_MAX], full[SIGHTINGS_MAX];
	struct glance_counters counters; /* the full way's */
};

static struct sighting *
reserve(void *user)
{
	struct two_ways *ways = user;
	return &ways->sighting;
}

static bool
commit(void *user)
{
	struct two_ways *ways = user;
	const struct sighting *s = &ways->sighting;
	if (ways->quick_count < SIGHTINGS_MAX)
		ways->quick[ways->quick_count] =
		    (struct found){s->local, s->remote, s->outbound, s->inner};
	ways->quick_count++;
	return true;
}

struct two_ways *
two_ways_new(void)
{
	struct two_ways *ways = calloc(1, sizeof *ways);
	struct glance_sink sink = {reserve, commit, ways};
	if (ways == NULL || exporters_new(64, 1, &ways->exporters) < 0 ||
	    glance_new(ways->exporters, &sink, &ways->glance) < 0)
		abort();
	ways->view.locals = tables_of((const char *const[]){"0.0.0.0/1", "::/2", "8000::/2", NULL});
	ways->view.table = tables_of((const char *const[]){
	    "128.0.0.0/2", "32.0.0.0/3", "4000::/3", "c000::/3", "::/3", NULL});
	return ways;
}

void
two_ways_free(struct two_ways **ways)
{
	glance_free(&(*ways)->glance);
	exporters_free(&(*ways)->exporters);
	table_free(&(*ways)->view.table);
	table_free(&(*ways)->view.locals);
	free(*ways);
	*ways = NULL;
}

static void
full_layer(struct two_ways *ways, const struct packet_layer *layer, bool inner)
{
	struct addr src = layer->family == 4 ? addr_from_v4(layer->src) : addr_from_v6(layer->src);
	struct addr dst = layer->family == 4 ? addr_from_v4(layer->dst) : addr_from_v6(layer->dst);
	/* By the bytes as they are: an IPv4-mapped address is looked up as IPv6. */
	struct addr a = {.family = layer->family}, b = a;
	memcpy(a.bytes, layer->src, layer->family == 4 ? 4 : 16);
	memcpy(b.bytes, layer->dst, layer->family == 4 ? 4 : 16);
	bool from = table_find(ways->view.locals, &a) != 0;
	bool to = table_find(ways->view.locals, &b) != 0;
	ways->counters.pairs++;
	ways->counters.pairs_local += from && to;
	ways->counters.pairs_foreign += !from && !to;
	if (from == to || table_find(ways->view.table, from ? &b : &a) == 0)
		return;
	if (ways->full_count < SIGHTINGS_MAX)
		ways->full[ways->full_count] =
		    (struct found){from ? src : dst, from ? dst : src, from, inner};
	ways->full_count++;
	ways->counters.sightings++;
}

/* Fields one by one: there is padding between them. */
static bool
same_layer(const struct packet_layer *a, const struct packet_layer *b)
{
	return a->src == b->src && a->dst == b->dst && a->family == b->family &&
	       a->proto == b->proto && a->tcp_flags == b->tcp_flags &&
	       a->icmp_type == b->icmp_type && a->icmp_code == b->icmp_code &&
	       a->tunnel == b->tunnel && a->has_ports == b->has_ports &&
	       a->has_icmp == b->has_icmp && a->fragment == b->fragment &&
	       a->src_port == b->src_port && a->dst_port == b->dst_port && a->length == b->length &&
	       a->vni == b->vni;
}

static bool
same_packet(const struct packet *a, const struct packet *b)
{
	if (a->outcome != b->outcome || a->layer_count != b->layer_count ||
	    a->vlan_count != b->vlan_count || a->inner_count != b->inner_count ||
	    a->deep != b->deep || a->ethertype != b->ethertype ||
	    memcmp(a->vlans, b->vlans, a->vlan_count * sizeof a->vlans[0]) != 0)
		return false;
	for (unsigned i = 0; i < a->layer_count; i++) {
		if (!same_layer(&a->layers[i], &b->layers[i]))
			return false;
	}
	return true;
}

static bool
same_sample(const struct sflow_sample *a, const struct sflow_sample *b)
{
	return a->type == b->type && a->tag == b->tag && a->offset == b->offset &&
	       a->sequence == b->sequence && a->source_type == b->source_type &&
	       a->source_index == b->source_index && a->sampling_rate == b->sampling_rate &&
	       a->sample_pool == b->sample_pool && a->drops == b->drops &&
	       a->input_format == b->input_format && a->input == b->input &&
	       a->output_format == b->output_format && a->output == b->output &&
	       a->reason == b->reason && a->header == b->header &&
	       a->header_length == b->header_length && a->frame_length == b->frame_length &&
	       (a->header == NULL ||
		   (a->header_protocol == b->header_protocol && a->stripped == b->stripped)) &&
	       a->addresses == b->addresses && a->addresses_family == b->addresses_family &&
	       a->records == b->records && a->record_count == b->record_count &&
	       a->records_end == b->records_end;
}

static const char *
full_sample(struct two_ways *ways, const struct sflow_sample *sample)
{
	struct packet packet, quick;
	if (sample->header != NULL) {
		packet_decode_full(
		    sample->header, sample->header_length, sample->header_protocol, &packet);
		packet_decode(
		    sample->header, sample->header_length, sample->header_protocol, &quick);
		if (!same_packet(&packet, &quick))
			return "packet_decode";
	} else if (sample->addresses != NULL) {
		packet_from_record(sample->addresses, sample->addresses_family, &packet);
	} else {
		return NULL;
	}
	ways->counters.packet.outcomes[packet.outcome]++;
	ways->counters.packet.tunnels += packet.layer_count > 1;
	ways->counters.packet.deep += packet.deep;
	for (unsigned i = 0; i < packet.layer_count; i++)
		full_layer(ways, &packet.layers[i], i > 0);
	return NULL;
}

/* All of it by the full decoders; sflow_next beside them. */
static const char *
full_datagram(struct two_ways *ways, const uint8_t *bytes, size_t length)
{
	struct sflow_datagram full, quick;
	struct sflow_counters scratch = {0};
	struct sflow_sample sample, other;
	enum sflow_got got;
	if (sflow_open(bytes, length, &ways->counters.sflow, &full) != SFLOW_OK)
		return NULL;
	(void)sflow_open(bytes, length, &scratch, &quick);
	while ((got = sflow_next_full(&full, &sample)) != SFLOW_END) {
		if (sflow_next(&quick, &other) != got || full.next != quick.next ||
		    full.left != quick.left)
			return "sflow_next: where it stands";
		if (got == SFLOW_REJECTED)
			continue;
		bool flow = sample.type == SFLOW_FLOW || sample.type == SFLOW_EXPANDED_FLOW ||
			    sample.type == SFLOW_DISCARD;
		if (flow && !same_sample(&sample, &other))
			return "sflow_next: a field";
		const char *wrong = flow ? full_sample(ways, &sample) : NULL;
		if (wrong != NULL)
			return wrong;
	}
	if (sflow_next(&quick, &other) != SFLOW_END)
		return "sflow_next: the end";
	return memcmp(&scratch, &ways->counters.sflow, sizeof scratch) == 0
		   ? NULL
		   : "sflow_next: counters";
}

const char *
two_ways_compare(struct two_ways *ways, const uint8_t *bytes, size_t length)
{
	static const struct addr from;
	struct glance_counters before = *glance_counters(ways->glance);
	ways->quick_count = ways->full_count = 0;
	memset(&ways->counters, 0, sizeof ways->counters);
	(void)glance_datagram(ways->glance, &ways->view, bytes, length, &from, (struct instant){0});
	glance_settle(ways->glance);
	const char *wrong = full_datagram(ways, bytes, length);
	if (wrong != NULL)
		return wrong;
	uint64_t was[sizeof before / 8], is[sizeof before / 8], wanted[sizeof before / 8];
	memcpy(was, &before, sizeof was);
	memcpy(is, glance_counters(ways->glance), sizeof is);
	memcpy(wanted, &ways->counters, sizeof wanted);
	for (size_t i = 0; i < sizeof before / 8; i++) {
		if (is[i] - was[i] != wanted[i])
			return "glance: a counter";
	}
	if (ways->quick_count != ways->full_count)
		return "glance: how many sightings";
	for (unsigned i = 0; i < ways->full_count && i < SIGHTINGS_MAX; i++) {
		const struct found *a = &ways->quick[i], *b = &ways->full[i];
		if (!addr_equal(&a->local, &b->local) || !addr_equal(&a->remote, &b->remote) ||
		    a->outbound != b->outbound || a->inner != b->inner)
			return "glance: a sighting";
	}
	return NULL;
}
