/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One look at a datagram; see glance.h. What a sample costs is memory and mispredicted branches,
 * not arithmetic. So datagrams are looked at some at a time, in short loops one behind the other,
 * of which each does one thing to all of them without a branch on what can't be foreseen: take the
 * samples apart (quick.h; what is unusual goes to the full decoders), find the packets' addresses,
 * which side is local, what the table's sieve says. What each needs from memory was asked for by
 * one before. The few whose remote side may be listed are searched then; a hit is rarer still, so
 * what a sighting tells beyond the pair is decoded again only then.
 */
#include "controller/receive/glance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/receive/cursor.h"
#include "controller/receive/quick.h"
#include "controller/receive/recent_part.h"

#define LOOKS_MAX 16
#define SAMPLES_MAX 64
#define PAIRS_MAX (SAMPLES_MAX * PACKET_LAYERS_MAX)

/* Where something stands: its look, offset of the sample and number of the layer, so that a later
 * one has a higher number; and what is known of it. */
#define WHERE_LOOK(number) ((uint32_t)(number) << 27)
#define WHERE_OFFSET(offset) ((uint32_t)(offset) << 7)
#define WHERE_LAYER(number) ((uint32_t)(number) << 5)
#define WHERE_ORDER(where) ((where) >> 5)
#define WHERE_OUTBOUND 1u
#define WHERE_RAW 2u    /* found the short way: an IP header is round it */
#define WHERE_LISTED 4u /* there was an entry */
_Static_assert(LOOKS_MAX <= 32 && PACKET_LAYERS_MAX <= 4, "bits in where");

/* A flow sample of the usual kind: its raw header. */
struct head {
	const uint8_t *header;
	uint32_t length; /* of the header */
	uint32_t where;
};

/* A pair of addresses: any, or one of which one side is local and the other is to be looked up. */
struct pair {
	const uint8_t *src; /* in the datagram, the destination behind it */
	uint32_t where;
	uint32_t top; /* first 32 bits of the remote one, host order */
};

enum { V4, V6, FAMILIES };

/* The pairs of one family: those that wait to be looked up, then those that are not judged yet. */
struct pairs {
	unsigned waiting, count;
	struct pair all[PAIRS_MAX + 1];
	uint32_t ports[PAIRS_MAX + 1]; /* src << 16 | dst, of those without WHERE_RAW */
};

/* A datagram under way. */
struct look {
	const struct slot_view *view;
	struct sflow_datagram datagram;
	struct addr from;
	struct instant now;
	size_t length;
	struct exporters_entry *entry; /* NULL as long as it isn't needed */
	uint64_t key;                  /* of that */
	uint32_t sampling_rate;        /* of the last flow sample */
	uint32_t samples, rejects, handed;
	unsigned note_first, note_count;
};

struct glance {
	struct glance_counters counters;
	struct table *nothing; /* an empty table, where there is none */
	struct exporters *exporters;
	struct glance_sink sink;
	struct recent_table *recent;        /* NULL: nothing is remembered */
	const struct table *table, *locals; /* of the looks' view, never NULL */
	unsigned look_count, sample_count, head_count, note_count;
	struct look
	    looks[LOOKS_MAX + 1]; /* the last one is opened and then found to have no room */
	struct head heads[SAMPLES_MAX];
	struct exporters_sample notes[SAMPLES_MAX]; /* for the exporters' rows */
	struct pairs pairs[FAMILIES];
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

/* A hit: reads the sample once more and tells all of it. */
static void
hand_out(struct glance *glance, const struct pair *pair, uint32_t set)
{
	struct look *look = &glance->looks[pair->where / WHERE_LOOK(1)];
	struct sighting *sighting = glance->sink.reserve(glance->sink.user);
	if (sighting == NULL)
		return;
	struct sflow_counters scratch = {0};
	struct sflow_datagram again = look->datagram;
	again.next = again.bytes + pair->where % WHERE_LOOK(1) / WHERE_OFFSET(1);
	again.left = 1;
	again.counters = &scratch;
	struct sflow_sample sample;
	struct packet packet;
	if (sflow_next(&again, &sample) != SFLOW_SAMPLE || !sample_packet(&sample, &packet))
		return;
	memset(sighting, 0, offsetof(struct sighting, header));
	sighting->when = look->now;
	sighting->exporter = look->datagram.agent;
	sighting->from = look->from;
	sighting->sub_agent = look->datagram.sub_agent;
	unsigned number = pair->where / WHERE_LAYER(1) % 4;
	const struct packet_layer *layer = &packet.layers[number];
	struct addr src = address(layer->family, layer->src);
	struct addr dst = address(layer->family, layer->dst);
	sighting->outbound = (pair->where & WHERE_OUTBOUND) != 0;
	sighting->local = sighting->outbound ? src : dst;
	sighting->remote = sighting->outbound ? dst : src;
	sighting_sample(sighting, &sample);
	sighting_packet(sighting, &packet, number);
	sighting_extended(sighting, &sample);
	sighting_entries(sighting, look->view, set);
	if (!glance->sink.commit(glance->sink.user))
		return;
	glance->counters.sightings++;
	look->handed++;
}

/* ---- the loops: heads to pairs, pairs to those that wait, and those looked up ---- */

/* The packet in a head: QUICK_…, and its outer pair unless that is QUICK_ODD. */
static inline __attribute__((always_inline)) unsigned
head_frame(const struct head *head, struct quick_pair *ret_outer)
{
	if (QUICK_UNLIKELY(quick_word(head->header - 16) != QUICK_WORD(PACKET_ETHERNET)))
		return QUICK_ODD;
	return quick_frame(head->header, head->length, ret_outer);
}

static inline void
put_pair(struct glance *glance, const struct quick_pair *pair, uint32_t where)
{
	struct pairs *pairs = &glance->pairs[pair->v6];
	pairs->all[pairs->count++] = (struct pair){pair->src, where | WHERE_RAW, 0};
}

/* What the full decoder found. */
static void
put_packet(struct glance *glance, const struct packet *packet, uint32_t where)
{
	struct packet_counters *counters = &glance->counters.packet;
	counters->outcomes[packet->outcome]++;
	counters->tunnels += packet->layer_count > 1;
	counters->deep += packet->deep;
	for (unsigned i = 0; i < packet->layer_count; i++) {
		const struct packet_layer *layer = &packet->layers[i];
		struct pairs *pairs = &glance->pairs[layer->family == 6];
		pairs->ports[pairs->count] =
		    layer->has_ports ? (uint32_t)layer->src_port << 16 | layer->dst_port : 0;
		pairs->all[pairs->count++] = (struct pair){layer->src, where | WHERE_LAYER(i), 0};
	}
}

/* Heads of which none is plain: tunnels, with the pair inside, and what is for the full decoder. */
static __attribute__((noinline)) void
other_packets(struct glance *glance, const uint8_t *numbers, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct head *head = &glance->heads[numbers[i]];
		struct quick_pair outer = {NULL, 0}, inner = outer;
		struct packet packet;
		unsigned kind = head_frame(head, &outer);
		if (quick_inner(head->header + head->length, &outer, kind, &inner)) {
			glance->counters.packet.outcomes[PACKET_IP]++;
			glance->counters.packet.tunnels++;
			put_pair(glance, &outer, head->where);
			put_pair(glance, &inner, head->where | WHERE_LAYER(1));
		} else {
			packet_decode(
			    head->header, head->length, quick_protocol(head->header), &packet);
			put_packet(glance, &packet, head->where);
		}
	}
}

static __attribute__((noinline)) void
packets(struct glance *glance)
{
	const struct head *heads = glance->heads;
	struct pairs *v4 = &glance->pairs[V4], *v6 = &glance->pairs[V6];
	struct pair *pairs4 = v4->all + v4->count, *pairs6 = v6->all + v6->count;
	uint8_t others[SAMPLES_MAX];
	unsigned count4 = 0, count6 = 0, other = 0, count = glance->head_count;
	for (unsigned i = 0; i < count; i++) {
		struct quick_pair pair = {NULL, 0};
		unsigned plain = head_frame(&heads[i], &pair) == QUICK_PLAIN;
		uint32_t where = heads[i].where | WHERE_RAW;
		QUICK_FORGET(plain);
		/* To both, and forgotten again in one of them. */
		pairs4[count4].src = pairs6[count6].src = pair.src;
		pairs4[count4].where = pairs6[count6].where = where;
		count6 += plain & pair.v6;
		count4 += plain & ~pair.v6;
		others[other] = (uint8_t)i;
		other += plain ^ 1;
	}
	v4->count += count4;
	v6->count += count6;
	glance->counters.packet.outcomes[PACKET_IP] += count4 + count6;
	other_packets(glance, others, other);
}

/* Where the /16 of an address does not tell whether it is local. */
static __attribute__((noinline)) uint32_t
is_local(const struct table *locals, unsigned family, const uint8_t *addr)
{
	return (family == V6 ? table_find6(locals, addr)
			     : table_find4(locals, cursor_load32(addr))) != 0;
}

/* Which side is local? When one is, the other waits to be looked up, in a place that is written in
 * any case. */
static inline __attribute__((always_inline)) void
sides(struct glance *glance, unsigned family)
{
	const size_t size = family == V6 ? 16 : 4;
	const uint8_t *shades = table_shades(glance->locals, family);
	const uint64_t *bits = table_sieve(glance->table, family);
	struct pairs *pairs = &glance->pairs[family];
	struct pair *all = pairs->all;
	unsigned waiting = 0, local = 0, count = pairs->count;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *src = all[i].src;
		uint32_t where = all[i].where;
		uint32_t from = shades[quick_half(src)], to = shades[quick_half(src + size)];
		if (QUICK_UNLIKELY((from | to) > TABLE_ALL)) {
			from = is_local(glance->locals, family, src);
			to = is_local(glance->locals, family, src + size);
		}
		uint32_t top = cursor_load32(src + (size & -(size_t)from));
		table_sieve_prefetch(bits, top);
		all[waiting] = (struct pair){src, where | from * WHERE_OUTBOUND, top};
		pairs->ports[waiting] = pairs->ports[i];
		waiting += from ^ to;
		local += from + to;
	}
	unsigned both = (local - waiting) / 2;
	glance->counters.pairs += count;
	glance->counters.pairs_local += both;
	glance->counters.pairs_foreign += count - waiting - both;
	pairs->waiting = waiting;
}

/* A number of a pair that waits: which of them, and which family's. */
#define NUMBER_V6 0x8000u

static inline struct pair *
pair_at(struct glance *glance, uint16_t number)
{
	return &glance->pairs[number / NUMBER_V6].all[number % NUMBER_V6];
}

/* Which of those that wait may be listed; how many. */
static inline unsigned
sieve(const struct glance *glance, unsigned family, uint16_t *numbers)
{
	const uint64_t *bits = table_sieve(glance->table, family);
	const struct pairs *pairs = &glance->pairs[family];
	unsigned count = 0;
	for (unsigned i = 0; i < pairs->waiting; i++) {
		numbers[count] = (uint16_t)(i | family * NUMBER_V6);
		count += table_sieve_bit(bits, pairs->all[i].top);
	}
	return count;
}

/* Puts them in the order in which they came; there are few. */
static inline void
in_order(struct glance *glance, uint16_t *numbers, unsigned count)
{
	for (unsigned i = 1; i < count; i++) {
		uint16_t number = numbers[i];
		uint32_t order = WHERE_ORDER(pair_at(glance, number)->where);
		unsigned at = i;
		for (; at > 0; at--) {
			if (WHERE_ORDER(pair_at(glance, numbers[at - 1])->where) < order)
				break;
			numbers[at] = numbers[at - 1];
		}
		numbers[at] = number;
	}
}

static void
look_up(struct glance *glance)
{
	uint16_t numbers[FAMILIES * PAIRS_MAX + 1];
	unsigned count = sieve(glance, V4, numbers);
	count += sieve(glance, V6, numbers + count);
	in_order(glance, numbers, count);
	for (unsigned i = 0; i < count; i++) {
		struct pair *pair = pair_at(glance, numbers[i]);
		size_t outbound = pair->where & WHERE_OUTBOUND;
		uint32_t set = numbers[i] < NUMBER_V6
				   ? table_past4(glance->table, pair->top)
				   : table_past6(glance->table, pair->src + 16 * outbound);
		if (QUICK_UNLIKELY(set != 0)) {
			pair->where |= WHERE_LISTED;
			hand_out(glance, pair, set);
		}
	}
}

/* Every conversation, listed or not. */
static void
remember(struct glance *glance, unsigned family)
{
	const struct pairs *pairs = &glance->pairs[family];
	for (unsigned i = 0; i < pairs->waiting; i++) {
		uint32_t where = pairs->all[i].where, ports = 0;
		bool outbound = (where & WHERE_OUTBOUND) != 0, raw = (where & WHERE_RAW) != 0;
		unsigned how = outbound ? RECENT_IS_OUTBOUND : RECENT_IS_INBOUND;
		how |= (where & WHERE_LISTED) != 0 ? 0 : RECENT_IS_UNLISTED;
		how |= family * RECENT_IS_V6 | raw * RECENT_IS_RAW;
		if (!raw)
			ports = pairs->ports[i];
		recent_note(glance->recent, pairs->all[i].src, how,
		    (uint16_t)(outbound ? ports : ports >> 16));
	}
}

/* The exporter's row of a look, and what waits for it. */
static void
note(struct glance *glance, struct look *look, bool whole)
{
	const struct sflow_datagram *datagram = &look->datagram;
	if (look->entry == NULL)
		look->entry = exporters_datagram(glance->exporters, look->key, &datagram->agent,
		    datagram->sub_agent, &look->from, datagram->sequence, datagram->uptime_ms,
		    look->length, look->now);
	exporters_samples(glance->exporters, look->entry, glance->notes + look->note_first,
	    look->note_count, look->sampling_rate);
	if (whole)
		exporters_close(look->entry, look->samples, look->rejects, look->handed);
}

/* Looks up all that there is. A look that is not `whole` is alone, and goes on. */
static __attribute__((noinline)) void
finish(struct glance *glance, bool whole)
{
	packets(glance);
	sides(glance, V4);
	sides(glance, V6);
	look_up(glance);
	if (glance->recent != NULL) {
		/* What came before is written down first. */
		recent_settle(glance->recent);
		remember(glance, V4);
		remember(glance, V6);
	}
	for (unsigned i = 0; i < glance->look_count && glance->exporters != NULL; i++)
		note(glance, &glance->looks[i], whole);
	glance->pairs[V4].count = glance->pairs[V6].count = 0;
	glance->sample_count = glance->head_count = glance->note_count = 0;
	glance->looks[0].note_first = glance->looks[0].note_count = 0;
	glance->look_count = !whole;
}

void
glance_settle(struct glance *glance)
{
	if (glance->look_count > 0)
		finish(glance, true);
	if (glance->recent != NULL)
		recent_settle(glance->recent);
}

/* ---- taking datagrams apart ---- */

/* Samples of the usual kind, `most` at the most, up to the first of another. How many. */
static __attribute__((noinline)) unsigned
quick_samples(struct glance *glance, struct look *look, unsigned most)
{
	struct sflow_datagram *datagram = &look->datagram;
	struct exporters_sample *notes = glance->notes + glance->note_count;
	struct head *heads = glance->heads + glance->head_count;
	struct sflow_counters *counters = &glance->counters.sflow;
	struct quick quick = {datagram->next, datagram->end, 0};
	struct quick_sample sample = {0};
	uint32_t expanded = 0, where = WHERE_LOOK(look - glance->looks);
	unsigned count = 0;
	if (most > datagram->left)
		most = datagram->left;
	for (; count < most; count++) {
		uint32_t offset = (uint32_t)(quick.at - datagram->bytes);
		if (!quick_sample_next(&quick, &sample))
			break;
		notes[count] =
		    (struct exporters_sample){sample.source, sample.sequence, sample.drops};
		heads[count] = (struct head){
		    sample.header, sample.header_length, where | WHERE_OFFSET(offset)};
		expanded += sample.expanded;
	}
	if (count == 0)
		return 0;
	datagram->next = quick.at;
	datagram->left -= count;
	look->sampling_rate = quick_sampling_rate(&sample);
	look->samples += count;
	look->note_count += count;
	glance->note_count += count;
	glance->head_count += count;
	glance->sample_count += count;
	counters->types[SFLOW_FLOW] += count - expanded;
	counters->types[SFLOW_EXPANDED_FLOW] += expanded;
	counters->records_skipped += quick.skipped;
	return count;
}

/* The next sample by the full decoders. */
static enum sflow_got
full_sample(struct glance *glance, struct look *look)
{
	struct sflow_sample sample;
	struct packet packet;
	enum sflow_got got = sflow_next(&look->datagram, &sample);
	if (got == SFLOW_REJECTED)
		look->rejects++;
	if (got != SFLOW_SAMPLE)
		return got;
	look->samples++;
	if (sample.type != SFLOW_FLOW && sample.type != SFLOW_EXPANDED_FLOW &&
	    sample.type != SFLOW_DISCARD)
		return got;
	glance->sample_count++;
	if (sample.type != SFLOW_DISCARD) {
		look->sampling_rate = sample.sampling_rate;
		look->note_count++;
		glance->notes[glance->note_count++] =
		    (struct exporters_sample){quick_source(sample.source_type, sample.source_index),
			sample.sequence, sample.drops};
	}
	if (sample_packet(&sample, &packet))
		put_packet(glance, &packet,
		    WHERE_LOOK(look - glance->looks) | WHERE_OFFSET(sample.offset));
	return got;
}

/* Begins to fetch what the notes of a look are about. */
static inline void
hash_notes(struct glance *glance, const struct look *look)
{
	if (QUICK_LIKELY(glance->exporters != NULL))
		exporters_hash(glance->exporters, look->key, glance->notes + look->note_first,
		    look->note_count);
}

/* All samples of a datagram. */
static void
samples(struct glance *glance, struct look *look)
{
	for (;;) {
		unsigned most = SAMPLES_MAX - glance->sample_count;
		if (QUICK_UNLIKELY(most == 0)) {
			hash_notes(glance, look);
			finish(glance, false);
			most = SAMPLES_MAX;
		}
		unsigned count = quick_samples(glance, look, most);
		if (look->datagram.left == 0)
			break;
		if (count < most && full_sample(glance, look) == SFLOW_END)
			break;
	}
	hash_notes(glance, look);
}

enum sflow_reject
glance_datagram(struct glance *glance, const struct slot_view *view, const uint8_t *bytes,
    size_t length, const struct addr *from, struct instant now)
{
	if (glance->recent != NULL && QUICK_UNLIKELY(now.ns >= glance->recent->turn.ns)) {
		/* What came in the minute before belongs to that. */
		glance_settle(glance);
		recent_now(glance->recent, now);
	}
	struct look *look = &glance->looks[glance->look_count];
	struct sflow_datagram *datagram = &look->datagram;
	enum sflow_reject reject = sflow_open(bytes, length, &glance->counters.sflow, datagram);
	if (reject != SFLOW_OK)
		return reject;
	/* One that has no room beside the others is alone. */
	if (glance->look_count > 0 &&
	    (glance->look_count == LOOKS_MAX || glance->looks[0].view != view ||
		datagram->sample_count > SAMPLES_MAX - glance->sample_count)) {
		finish(glance, true);
		glance->looks[0].datagram = *datagram;
		look = &glance->looks[0];
		datagram = &look->datagram;
	}
	glance->look_count++;
	glance->table = view->table != NULL ? view->table : glance->nothing;
	glance->locals = view->locals != NULL ? view->locals : glance->nothing;
	look->view = view;
	look->from = *from;
	look->now = now;
	look->length = length;
	look->entry = NULL;
	look->sampling_rate = look->samples = look->rejects = look->handed = 0;
	look->note_first = glance->note_count;
	look->note_count = 0;
	if (QUICK_LIKELY(glance->exporters != NULL))
		look->key = exporters_key(glance->exporters, &datagram->agent, datagram->sub_agent);
	samples(glance, look);
	return SFLOW_OK;
}
