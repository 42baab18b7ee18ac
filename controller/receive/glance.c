/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One look at a datagram; see glance.h. Samples are decoded first, the short way where that goes
 * (quick.h), and looked up together after, in a loop that is short and has no branch on what can't
 * be foreseen, so that the loads of many are under way at once: memory and mispredicted branches,
 * not arithmetic, are what a sample costs. The few whose remote side may be listed are searched
 * then; a hit is rarer still, so what a sighting tells beyond the pair is decoded again only then.
 */
#include "controller/receive/glance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/receive/cursor.h"
#include "controller/receive/quick.h"
#include "controller/receive/recent_part.h"

#define WAITING_MAX 64
#define NOTES_MAX 32

/* A pair of which one side is local: the other is to be looked up. */
struct waiting {
	const uint8_t *remote; /* into the datagram */
	uint32_t where;        /* offset of the sample << 4, WHERE_…, number of the layer */
};
#define WHERE_V6 8u
#define WHERE_OUTBOUND 4u
#define WHERE_LAYER 3u

struct glance {
	struct glance_counters counters;
	struct table *nothing; /* an empty table, where there is none */
	struct exporters *exporters;
	struct glance_sink sink;
	struct recent_table *recent; /* NULL: nothing is remembered */
	unsigned waiting_count, note_count;
	struct waiting waiting[WAITING_MAX + 1];
	struct exporters_sample notes[NOTES_MAX]; /* for the exporter's row, once it is there */
};

/* What stays the same for all samples of a datagram. */
struct look {
	struct glance *glance;
	const struct slot_view *view;
	const struct table *table, *locals; /* of the view, never NULL */
	const struct sflow_datagram *datagram;
	const struct addr *from;
	struct instant now;
	size_t length;
	struct exporters_entry *entry; /* NULL as long as it isn't needed */
	uint64_t key;                  /* of that */
	uint32_t sampling_rate;        /* of the last flow sample */
	uint32_t samples, rejects, handed;
	uint32_t sides[3]; /* pairs by how many of their sides are local */
};

int
glance_new(struct exporters *exporters, const struct glance_sink *sink, struct glance **ret_glance)
{
	struct glance *glance = calloc(1, sizeof *glance);
	if (glance == NULL)
		return -ENOMEM;
	if (table_new(NULL, 0, &glance->nothing) < 0) {
		free(glance);
		return -ENOMEM;
	}
	glance->exporters = exporters;
	glance->sink = *sink;
	*ret_glance = glance;
	return 0;
}

void
glance_free(struct glance **glance)
{
	if (*glance != NULL)
		table_free(&(*glance)->nothing);
	free(*glance);
	*glance = NULL;
}

void
glance_remember(struct glance *glance, struct recent_table *table)
{
	glance->recent = table;
}

void
glance_settle(struct glance *glance)
{
	if (glance->recent != NULL)
		recent_settle(glance->recent);
}

const struct glance_counters *
glance_counters(const struct glance *glance)
{
	return &glance->counters;
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
hand_out(const struct look *look, const struct waiting *waiting, uint32_t set)
{
	struct glance *glance = look->glance;
	struct sighting *sighting = glance->sink.reserve(glance->sink.user);
	if (sighting == NULL)
		return false;
	struct sflow_counters scratch = {0};
	struct sflow_datagram again = *look->datagram;
	again.next = again.bytes + (waiting->where >> 4);
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
	const struct packet_layer *layer = &packet.layers[waiting->where & WHERE_LAYER];
	struct addr src = address(layer->family, layer->src);
	struct addr dst = address(layer->family, layer->dst);
	sighting->outbound = (waiting->where & WHERE_OUTBOUND) != 0;
	sighting->local = sighting->outbound ? src : dst;
	sighting->remote = sighting->outbound ? dst : src;
	sighting_sample(sighting, &sample);
	sighting_packet(sighting, &packet, waiting->where & WHERE_LAYER);
	sighting_extended(sighting, &sample);
	sighting_entries(sighting, look->view, set);
	glance->sink.commit(glance->sink.user);
	glance->counters.sightings++;
	return true;
}

/* Where the /16 of an address does not tell whether it is local. */
static __attribute__((noinline)) uint32_t
is_local(const struct table *locals, bool v6, const uint8_t *addr)
{
	return (v6 ? table_find6(locals, addr) : table_find4(locals, cursor_load32(addr))) != 0;
}

/* What is remembered of it came while its remote side was listed. */
static void
listed(const struct look *look, const struct waiting *waiting)
{
	size_t size = (waiting->where & WHERE_V6) != 0 ? 16 : 4;
	bool outbound = (waiting->where & WHERE_OUTBOUND) != 0;
	if (look->glance->recent != NULL)
		recent_listed(look->glance->recent, waiting->remote - (outbound ? size : 0));
}

/* Which of those that wait may be listed; how many. One bit of the table each, all of them under
 * way at once: the loop is short and has no branch on what they say. */
static unsigned
sieve(const struct look *look, uint8_t *numbers)
{
	const struct glance *glance = look->glance;
	unsigned count = 0;
	for (unsigned i = 0; i < glance->waiting_count; i++) {
		const struct waiting *waiting = &glance->waiting[i];
		numbers[count] = (uint8_t)i;
		count += table_maybe(
		    look->table, (waiting->where & WHERE_V6) != 0, cursor_load32(waiting->remote));
	}
	return count;
}

/* Looks up what waits. */
static void
flush(struct look *look)
{
	struct glance *glance = look->glance;
	uint8_t numbers[WAITING_MAX + 1];
	unsigned count = sieve(look, numbers);
	for (unsigned i = 0; i < count; i++) {
		const struct waiting *waiting = &glance->waiting[numbers[i]];
		uint32_t set = (waiting->where & WHERE_V6) != 0
				   ? table_past6(look->table, waiting->remote)
				   : table_past4(look->table, cursor_load32(waiting->remote));
		if (QUICK_UNLIKELY(set != 0)) {
			listed(look, waiting);
			look->handed += hand_out(look, waiting, set);
		}
	}
	glance->waiting_count = 0;
}

/*
 * A pair of addresses, the destination right behind the source, as in every IP header: which side
 * is local? When one is, the other waits to be looked up, in a place that is written in any case.
 * `layer` is what the full decoder found round it, NULL after the short way. Returns how many wait.
 */
static inline __attribute__((always_inline)) unsigned
add_pair(struct look *look, bool v6, const uint8_t *src, uint32_t where, unsigned waiting,
    const struct packet_layer *layer)
{
	const uint8_t *dst = src + (v6 ? 16 : 4);
	uint32_t from = table_shade(look->locals, v6, src);
	uint32_t to = table_shade(look->locals, v6, dst);
	if (QUICK_UNLIKELY((from | to) > TABLE_ALL)) {
		from = is_local(look->locals, v6, src);
		to = is_local(look->locals, v6, dst);
	}
	look->sides[from + to]++;
	const uint8_t *remote = from != 0 ? dst : src;
	look->glance->waiting[waiting] =
	    (struct waiting){remote, where | (v6 ? WHERE_V6 : 0) | from * WHERE_OUTBOUND};
	if (look->glance->recent != NULL) {
		unsigned how = RECENT_IS_UNLISTED | (RECENT_IS_INBOUND - from) |
			       (v6 ? RECENT_IS_V6 : 0) | (layer == NULL ? RECENT_IS_RAW : 0);
		uint16_t port = 0;
		if (layer != NULL && layer->has_ports)
			port = from != 0 ? layer->dst_port : layer->src_port;
		recent_note(look->glance->recent, src, how, port, from ^ to);
	}
	table_prefetch(look->table, v6, cursor_load32(remote));
	return waiting + (from ^ to);
}

static void
add_packet(struct look *look, const struct packet *packet, uint32_t offset)
{
	struct glance *glance = look->glance;
	struct packet_counters *counters = &glance->counters.packet;
	counters->outcomes[packet->outcome]++;
	counters->tunnels += packet->layer_count > 1;
	counters->deep += packet->deep;
	for (unsigned i = 0; i < packet->layer_count; i++)
		glance->waiting_count =
		    add_pair(look, packet->layers[i].family == 6, packet->layers[i].src,
			offset << 4 | i, glance->waiting_count, &packet->layers[i]);
}

/* The exporter's row, and what waits for it. */
static void
note(struct look *look)
{
	struct glance *glance = look->glance;
	const struct sflow_datagram *datagram = look->datagram;
	if (look->entry == NULL && glance->exporters != NULL)
		look->entry = exporters_datagram(glance->exporters, look->key, &datagram->agent,
		    datagram->sub_agent, look->from, datagram->sequence, datagram->uptime_ms,
		    look->length, look->now);
	if (look->entry != NULL)
		exporters_samples(glance->exporters, look->entry, glance->notes, glance->note_count,
		    look->sampling_rate);
	glance->note_count = 0;
}

/* How many samples there is room for; makes some when there is none. */
static unsigned
room(struct look *look)
{
	struct glance *glance = look->glance;
	unsigned pairs = (WAITING_MAX - glance->waiting_count) / PACKET_LAYERS_MAX;
	unsigned notes = NOTES_MAX - glance->note_count;
	if (notes == 0) {
		note(look);
		notes = NOTES_MAX;
	}
	if (pairs == 0) {
		flush(look);
		pairs = WAITING_MAX / PACKET_LAYERS_MAX;
	}
	return pairs < notes ? pairs : notes;
}

/* The next sample by the full decoders. */
static enum sflow_got
full_sample(struct look *look, struct sflow_datagram *datagram)
{
	struct glance *glance = look->glance;
	struct sflow_sample sample;
	struct packet packet;
	enum sflow_got got = sflow_next(datagram, &sample);
	if (got == SFLOW_REJECTED)
		look->rejects++;
	if (got != SFLOW_SAMPLE)
		return got;
	look->samples++;
	if (sample.type != SFLOW_FLOW && sample.type != SFLOW_EXPANDED_FLOW &&
	    sample.type != SFLOW_DISCARD)
		return got;
	if (sample.type != SFLOW_DISCARD) {
		look->sampling_rate = sample.sampling_rate;
		glance->notes[glance->note_count++] = (struct exporters_sample){
		    (uint64_t)sample.source_type << 32 | sample.source_index, sample.sequence,
		    sample.drops};
	}
	if (sample_packet(&sample, &packet))
		add_packet(look, &packet, sample.offset);
	return got;
}

/* The packet of a flow sample of the usual kind, when that is a tunnel or unusual itself. */
static __attribute__((noinline)) void
quick_sample_rest(struct look *look, const struct quick_sample *sample,
    const struct quick_pair *outer, unsigned kind, uint32_t offset)
{
	struct glance *glance = look->glance;
	struct quick_pair inner;
	struct packet packet;
	if (kind != 0 && quick_inner(sample->header + sample->header_length, outer, kind, &inner)) {
		unsigned waiting = glance->waiting_count;
		waiting = add_pair(look, outer->v6, outer->src, offset << 4, waiting, NULL);
		waiting = add_pair(look, inner.v6, inner.src, offset << 4 | 1, waiting, NULL);
		glance->waiting_count = waiting;
		glance->counters.packet.outcomes[PACKET_IP]++;
		glance->counters.packet.tunnels++;
		return;
	}
	packet_decode(sample->header, sample->header_length, quick_protocol(sample), &packet);
	add_packet(look, &packet, offset);
}

/* Samples of the usual kind, `most` at the most, up to the first of another. How many. */
static inline unsigned
quick_samples(struct look *look, struct sflow_datagram *datagram, unsigned most)
{
	struct glance *glance = look->glance;
	struct exporters_sample *notes = glance->notes + glance->note_count;
	struct quick quick = {datagram->next, datagram->end, datagram->left, 0};
	struct quick_sample sample = {0};
	uint32_t expanded = 0, plain = 0;
	unsigned count = 0, waiting = glance->waiting_count;
	while (count < most) {
		uint32_t offset = (uint32_t)(quick.at - datagram->bytes);
		struct quick_pair pair;
		unsigned kind = 0;
		if (!quick_sample_next(&quick, &sample))
			break;
		notes[count++] =
		    (struct exporters_sample){sample.source, sample.sequence, sample.drops};
		expanded += sample.word;
		if (QUICK_LIKELY(quick_word(sample.header - 16) == QUICK_WORD(PACKET_ETHERNET)) &&
		    QUICK_LIKELY(
			quick_frame(sample.header, sample.header_length, &pair, &kind) == 1)) {
			waiting = add_pair(look, pair.v6, pair.src, offset << 4, waiting, NULL);
			continue;
		}
		plain--;
		glance->waiting_count = waiting;
		quick_sample_rest(look, &sample, &pair, kind, offset);
		waiting = glance->waiting_count;
	}
	glance->waiting_count = waiting;
	plain += count;
	datagram->next = quick.at;
	datagram->left = quick.left;
	if (count > 0)
		look->sampling_rate = quick_sampling_rate(&sample);
	look->samples += count;
	glance->note_count += count;
	glance->counters.packet.outcomes[PACKET_IP] += plain;
	glance->counters.sflow.types[SFLOW_FLOW] += count - expanded / 4;
	glance->counters.sflow.types[SFLOW_EXPANDED_FLOW] += expanded / 4;
	glance->counters.sflow.records_skipped += quick.skipped;
	return count;
}

enum sflow_reject
glance_datagram(struct glance *glance, const struct slot_view *view, const uint8_t *bytes,
    size_t length, const struct addr *from, struct instant now)
{
	struct sflow_datagram datagram;
	enum sflow_reject reject = sflow_open(bytes, length, &glance->counters.sflow, &datagram);
	if (reject != SFLOW_OK)
		return reject;
	struct look look = {.glance = glance,
	    .view = view,
	    .table = view->table != NULL ? view->table : glance->nothing,
	    .locals = view->locals != NULL ? view->locals : glance->nothing,
	    .datagram = &datagram,
	    .from = from,
	    .now = now,
	    .length = length};
	if (glance->recent != NULL) {
		recent_settle(glance->recent);
		recent_now(glance->recent, now);
	}
	if (QUICK_LIKELY(glance->exporters != NULL))
		look.key = exporters_key(glance->exporters, &datagram.agent, datagram.sub_agent);
	for (;;) {
		unsigned most = room(&look);
		if (quick_samples(&look, &datagram, most) == most)
			continue;
		if (full_sample(&look, &datagram) == SFLOW_END)
			break;
	}
	note(&look);
	flush(&look);
	glance->counters.pairs += look.sides[0] + look.sides[1] + look.sides[2];
	glance->counters.pairs_foreign += look.sides[0];
	glance->counters.pairs_local += look.sides[2];
	if (look.entry != NULL)
		exporters_close(look.entry, look.samples, look.rejects, look.handed);
	return SFLOW_OK;
}
