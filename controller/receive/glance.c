/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One look at a datagram; see glance.h. Samples are decoded first and looked up together after, in
 * loops of loads that don't wait for each other: memory, not arithmetic, is what a lookup costs. A
 * hit is rare, so what a sighting tells beyond the pair is decoded again only then.
 */
#include "controller/receive/glance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/receive/cursor.h"

#define PAIRS_MAX 64

/* An address pair that waits for its lookups. */
struct pair {
	const uint8_t *src, *dst; /* into the datagram */
	uint32_t offset;          /* of the sample in it */
	uint8_t family, layer;
	bool src_local, dst_local;
};

struct glance {
	struct glance_counters counters;
	struct exporters *exporters;
	struct glance_sink sink;
	unsigned pair_count;
	struct pair pairs[PAIRS_MAX];
};

/* What stays the same for all samples of a datagram. */
struct look {
	struct glance *glance;
	const struct slot_view *view;
	const struct sflow_datagram *datagram;
	const struct addr *from;
	struct instant now;
};

int
glance_new(struct exporters *exporters, const struct glance_sink *sink, struct glance **ret_glance)
{
	struct glance *glance = calloc(1, sizeof *glance);
	if (glance == NULL)
		return -ENOMEM;
	glance->exporters = exporters;
	glance->sink = *sink;
	*ret_glance = glance;
	return 0;
}

void
glance_free(struct glance **glance)
{
	free(*glance);
	*glance = NULL;
}

const struct glance_counters *
glance_counters(const struct glance *glance)
{
	return &glance->counters;
}

static inline uint32_t
find(const struct table *table, uint8_t family, const uint8_t *bytes)
{
	return family == 4 ? table_find4(table, cursor_load32(bytes)) : table_find6(table, bytes);
}

static struct addr
address(uint8_t family, const uint8_t *bytes)
{
	return family == 4 ? addr_from_v4(bytes) : addr_from_v6(bytes);
}

/* The packet of a sample, from its header or the record that stands for it. */
static inline bool
sample_packet(const struct sflow_sample *sample, struct packet *ret_packet)
{
	if (sample->header != NULL)
		packet_decode(
		    sample->header, sample->header_length, sample->header_protocol, ret_packet);
	else if (sample->addresses != NULL)
		packet_from_record(sample->addresses, sample->addresses_family, ret_packet);
	else
		return false;
	return true;
}

static void
sighting_sample(struct sighting *sighting, const struct sflow_sample *sample)
{
	sighting->sampling_rate = sample->type == SFLOW_DISCARD ? 1 : sample->sampling_rate;
	sighting->frame_length = sample->frame_length;
	if (sample->input_format == SFLOW_PORT_INDEX && sample->input != SFLOW_PORT_INTERNAL)
		sighting->input = sample->input;
	if (sample->output_format == SFLOW_PORT_INDEX && sample->output != SFLOW_PORT_INTERNAL)
		sighting->output = sample->output;
	if (sample->header == NULL)
		return;
	size_t length = sample->header_length < SIGHTING_HEADER_MAX ? sample->header_length
								    : SIGHTING_HEADER_MAX;
	sighting->header_length = (uint16_t)length;
	sighting->header_protocol = (uint8_t)sample->header_protocol;
	memcpy(sighting->header, sample->header, length);
}

static void
sighting_packet(struct sighting *sighting, const struct packet *packet, unsigned number)
{
	const struct packet_layer *layer = &packet->layers[number];
	sighting->proto = layer->proto;
	sighting->tcp_flags = layer->tcp_flags;
	sighting->icmp_type = layer->icmp_type;
	sighting->icmp_code = layer->icmp_code;
	sighting->has_ports = layer->has_ports;
	sighting->local_port = sighting->outbound ? layer->src_port : layer->dst_port;
	sighting->remote_port = sighting->outbound ? layer->dst_port : layer->src_port;
	sighting->inner = number > 0;
	sighting->tunnel = layer->tunnel;
	sighting->vni = layer->vni;
	if (packet->outcome == PACKET_MIRROR && number + 1u == packet->layer_count)
		sighting->tunnel = PACKET_TUNNEL_MIRROR;
	if (packet->vlan_count > 0)
		sighting->vlan = packet->vlans[0];
}

static void
sighting_extended(struct sighting *sighting, const struct sflow_sample *sample)
{
	struct sflow_extended extended;
	sflow_extended(sample, &extended);
	if (sighting->vlan == 0 && extended.has_vlan)
		sighting->vlan = extended.in_vlan & 0xfff;
	/* A switch that strips or adds the tunnel itself tells the VNI beside the bare packet. */
	if (sighting->vni == 0 && (extended.has_vni_in || extended.has_vni_out))
		sighting->vni = extended.has_vni_in ? extended.vni_in : extended.vni_out;
}

static void
sighting_entries(struct sighting *sighting, const struct slot_view *view, uint32_t set)
{
	struct table_entry entries[SIGHTING_ENTRIES_MAX];
	size_t count = table_set(view->table, set, entries, SIGHTING_ENTRIES_MAX);
	if (count > SIGHTING_ENTRIES_MAX)
		count = SIGHTING_ENTRIES_MAX;
	sighting->entry_count = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		sighting->entries[i] = (struct sighting_entry){
		    .prefix = entries[i].prefix,
		    .port = entries[i].port,
		    .feed = entries[i].feed,
		    .line = entries[i].line,
		};
	}
	sighting->feed_version = view->version;
}

/* A hit: reads the sample once more and tells all of it. True when there was room. */
static bool
hand_out(const struct look *look, const struct pair *pair, uint32_t set)
{
	struct glance *glance = look->glance;
	struct sighting *sighting = glance->sink.reserve(glance->sink.user);
	if (sighting == NULL)
		return false;
	struct sflow_counters scratch = {0};
	struct sflow_datagram again = *look->datagram;
	again.next = again.bytes + pair->offset;
	again.left = 1;
	again.counters = &scratch;
	struct sflow_sample sample;
	struct packet packet;
	if (sflow_next(&again, &sample) != SFLOW_SAMPLE || !sample_packet(&sample, &packet))
		return false;
	memset(sighting, 0, offsetof(struct sighting, header));
	sighting->when = look->now;
	sighting->exporter = look->datagram->agent;
	sighting->from = *look->from;
	sighting->sub_agent = look->datagram->sub_agent;
	sighting->outbound = pair->src_local;
	struct addr src = address(pair->family, pair->src), dst = address(pair->family, pair->dst);
	sighting->local = pair->src_local ? src : dst;
	sighting->remote = pair->src_local ? dst : src;
	sighting_sample(sighting, &sample);
	sighting_packet(sighting, &packet, pair->layer);
	sighting_extended(sighting, &sample);
	sighting_entries(sighting, look->view, set);
	glance->sink.commit(glance->sink.user);
	glance->counters.sightings++;
	return true;
}

/* Looks all waiting pairs up. Returns how many sightings that gave. */
static uint32_t
flush(const struct look *look)
{
	struct glance *glance = look->glance;
	const struct slot_view *view = look->view;
	unsigned count = glance->pair_count, local = 0, foreign = 0;
	uint32_t handed = 0;
	glance->pair_count = 0;
	glance->counters.pairs += count;
	if (view->locals == NULL || view->table == NULL) {
		if (view->locals == NULL)
			glance->counters.pairs_foreign += count;
		return 0;
	}
	for (unsigned i = 0; i < count; i++) {
		struct pair *pair = &glance->pairs[i];
		pair->src_local = find(view->locals, pair->family, pair->src) != 0;
		pair->dst_local = find(view->locals, pair->family, pair->dst) != 0;
	}
	for (unsigned i = 0; i < count; i++) {
		const struct pair *pair = &glance->pairs[i];
		if (__builtin_expect(pair->src_local == pair->dst_local, 0)) {
			local += pair->src_local;
			foreign += !pair->src_local;
			continue;
		}
		uint32_t set =
		    find(view->table, pair->family, pair->src_local ? pair->dst : pair->src);
		if (__builtin_expect(set != 0, 0))
			handed += hand_out(look, pair, set);
	}
	glance->counters.pairs_local += local;
	glance->counters.pairs_foreign += foreign;
	return handed;
}

static inline uint32_t
add_pairs(const struct look *look, const struct sflow_sample *sample, const struct packet *packet)
{
	struct glance *glance = look->glance;
	uint32_t handed = 0;
	for (uint8_t i = 0; i < packet->layer_count; i++) {
		const struct packet_layer *layer = &packet->layers[i];
		if (glance->pair_count == PAIRS_MAX)
			handed += flush(look);
		glance->pairs[glance->pair_count++] = (struct pair){
		    .src = layer->src,
		    .dst = layer->dst,
		    .offset = sample->offset,
		    .family = layer->family,
		    .layer = i,
		};
	}
	return handed;
}

enum sflow_reject
glance_datagram(struct glance *glance, const struct slot_view *view, const uint8_t *bytes,
    size_t length, const struct addr *from, struct instant now)
{
	struct sflow_datagram datagram;
	enum sflow_reject reject = sflow_open(bytes, length, &glance->counters.sflow, &datagram);
	if (reject != SFLOW_OK)
		return reject;
	struct look look = {glance, view, &datagram, from, now};
	struct exporters_entry *entry = NULL;
	if (glance->exporters != NULL)
		entry = exporters_datagram(glance->exporters, &datagram.agent, datagram.sub_agent,
		    from, datagram.sequence, datagram.uptime_ms, length, now);
	uint32_t samples = 0, rejects = 0, handed = 0;
	struct packet_counters *packets = &glance->counters.packet;
	struct sflow_sample sample;
	struct packet packet;
	enum sflow_got got;
	while ((got = sflow_next(&datagram, &sample)) != SFLOW_END) {
		if (__builtin_expect(got == SFLOW_REJECTED, 0)) {
			rejects++;
			continue;
		}
		samples++;
		if (sample.type != SFLOW_FLOW && sample.type != SFLOW_EXPANDED_FLOW &&
		    sample.type != SFLOW_DISCARD)
			continue;
		if (entry != NULL && sample.type != SFLOW_DISCARD)
			exporters_sample(glance->exporters, entry, sample.source_type,
			    sample.source_index, sample.sequence, sample.sampling_rate,
			    sample.drops);
		if (!sample_packet(&sample, &packet))
			continue;
		packets->outcomes[packet.outcome]++;
		packets->tunnels += packet.layer_count > 1;
		packets->deep += packet.deep;
		handed += add_pairs(&look, &sample, &packet);
	}
	if (glance->pair_count > 0)
		handed += flush(&look);
	if (entry != NULL)
		exporters_close(entry, samples, rejects, handed);
	return SFLOW_OK;
}
