/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sFlow version 5 datagrams; see sflow.h. */
#include "controller/receive/sflow.h"

#include "controller/receive/cursor.h"
#include "controller/receive/quick.h"

/* What stands on the wire before the records, in bytes. */
enum {
	HEADER_IPV4 = 28,
	HEADER_IPV6 = 40,
	TAG = 8, /* tag and length of a sample or record */
	FLOW = 32,
	EXPANDED_FLOW = 44,
	COUNTERS = 12,
	EXPANDED_COUNTERS = 16,
	DISCARD = 32,
	RECORD_HEADER = 16,
	RECORD_ETHERNET = 24,
	RECORD_IPV4 = 32,
	RECORD_IPV6 = 56,
};

/* Formats of flow records, enterprise 0. */
enum {
	FORMAT_HEADER = 1,
	FORMAT_ETHERNET = 2,
	FORMAT_IPV4 = 3,
	FORMAT_IPV6 = 4,
	FORMAT_SWITCH = 1001,
	FORMAT_ROUTER = 1002,
	FORMAT_GATEWAY = 1003,
	FORMAT_VLAN_TUNNEL = 1012,
	FORMAT_IPV4_TUNNEL_OUT = 1023,
	FORMAT_IPV4_TUNNEL_IN = 1024,
	FORMAT_IPV6_TUNNEL_OUT = 1025,
	FORMAT_IPV6_TUNNEL_IN = 1026,
	FORMAT_VNI_OUT = 1029,
	FORMAT_VNI_IN = 1030,
};

enum sflow_reject
sflow_open(const uint8_t *bytes, size_t length, struct sflow_counters *counters,
    struct sflow_datagram *ret_datagram)
{
	struct cursor cursor = {bytes, bytes + length};
	enum sflow_reject reject = SFLOW_OK;
	uint32_t offset = 0;

	const uint8_t *head = cursor_take(&cursor, 8);
	if (head == NULL) {
		reject = SFLOW_REJECT_SHORT;
	} else if (cursor_load32(head) != 5) {
		reject = SFLOW_REJECT_VERSION;
	} else if (cursor_load32(head + 4) == 1) {
		const uint8_t *rest = cursor_take(&cursor, HEADER_IPV4 - 8);
		if (rest != NULL) {
			memset(&ret_datagram->agent, 0, sizeof ret_datagram->agent);
			memcpy(ret_datagram->agent.bytes, rest, 4);
			ret_datagram->agent.family = 4;
			head = rest + 4;
		} else
			reject = SFLOW_REJECT_SHORT;
	} else if (cursor_load32(head + 4) == 2) {
		const uint8_t *rest = cursor_take(&cursor, HEADER_IPV6 - 8);
		if (rest != NULL) {
			ret_datagram->agent = addr_from_v6(rest);
			head = rest + 16;
		} else
			reject = SFLOW_REJECT_SHORT;
	} else {
		reject = SFLOW_REJECT_AGENT_TYPE;
		offset = 4;
	}
	if (reject != SFLOW_OK) {
		counters->rejects[reject]++;
		ret_datagram->reject = reject;
		ret_datagram->reject_offset = offset;
		return reject;
	}
	ret_datagram->sub_agent = cursor_load32(head);
	ret_datagram->sequence = cursor_load32(head + 4);
	ret_datagram->uptime_ms = cursor_load32(head + 8);
	ret_datagram->sample_count = cursor_load32(head + 12);
	ret_datagram->bytes = bytes;
	ret_datagram->next = cursor.at;
	ret_datagram->end = cursor.end;
	ret_datagram->left = ret_datagram->sample_count;
	ret_datagram->reject = SFLOW_OK;
	ret_datagram->reject_offset = 0;
	ret_datagram->counters = counters;
	return SFLOW_OK;
}

static enum sflow_got
reject_at(struct sflow_datagram *datagram, enum sflow_reject reject, const uint8_t *where)
{
	datagram->reject = reject;
	datagram->reject_offset = (uint32_t)(where - datagram->bytes);
	datagram->counters->rejects[reject]++;
	return SFLOW_REJECTED;
}

/* Interface words of a compact sample: 2 bits of format, 30 of value. */
static void
ports_compact(struct sflow_sample *sample, uint32_t input, uint32_t output)
{
	sample->input_format = (uint8_t)(input >> 30);
	sample->input = input & 0x3fffffff;
	sample->output_format = (uint8_t)(output >> 30);
	sample->output = output & 0x3fffffff;
}

static void
ports_expanded(struct sflow_sample *sample, const uint8_t *words)
{
	uint32_t in = cursor_load32(words), out = cursor_load32(words + 8);
	sample->input_format = (uint8_t)(in > UINT8_MAX ? UINT8_MAX : in);
	sample->input = cursor_load32(words + 4);
	sample->output_format = (uint8_t)(out > UINT8_MAX ? UINT8_MAX : out);
	sample->output = cursor_load32(words + 12);
}

/* What this module reads, in the decoder or in sflow_extended. */
static bool
format_known(uint32_t tag)
{
	if (tag <= FORMAT_IPV6)
		return tag != 0;
	return (tag >= FORMAT_SWITCH && tag <= FORMAT_GATEWAY) || tag == FORMAT_VLAN_TUNNEL ||
	       (tag >= FORMAT_IPV4_TUNNEL_OUT && tag <= FORMAT_IPV6_TUNNEL_IN) ||
	       tag == FORMAT_VNI_OUT || tag == FORMAT_VNI_IN;
}

/* A record that says where the packet's addresses are. False: too short for its format. */
static inline bool
record_read(struct sflow_sample *sample, uint32_t tag, const uint8_t *body, uint32_t length)
{
	switch (tag) {
	case FORMAT_HEADER:
		if (length < RECORD_HEADER)
			return false;
		if (sample->header != NULL)
			return true;
		sample->header_protocol = cursor_load32(body);
		sample->frame_length = cursor_load32(body + 4);
		sample->stripped = cursor_load32(body + 8);
		/* Exporters were seen that announce more than the record holds. */
		uint32_t announced = cursor_load32(body + 12), held = length - RECORD_HEADER;
		sample->header_length = announced < held ? announced : held;
		sample->header = body + RECORD_HEADER;
		return true;
	case FORMAT_ETHERNET:
		if (length < RECORD_ETHERNET)
			return false;
		if (sample->frame_length == 0)
			sample->frame_length = cursor_load32(body);
		return true;
	case FORMAT_IPV4:
	case FORMAT_IPV6:
		if (length < (tag == FORMAT_IPV4 ? RECORD_IPV4 : RECORD_IPV6))
			return false;
		if (sample->addresses == NULL) {
			sample->addresses = body;
			sample->addresses_family = tag == FORMAT_IPV4 ? 4 : 6;
			if (sample->frame_length == 0)
				sample->frame_length = cursor_load32(body);
		}
		return true;
	default:
		return true;
	}
}

static enum sflow_got
records_read(struct sflow_datagram *datagram, struct sflow_sample *sample, struct cursor cursor,
    uint32_t count)
{
	sample->records = cursor.at;
	sample->record_count = count;
	sample->records_end = cursor.end;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *start = cursor.at;
		const uint8_t *head = cursor_take(&cursor, TAG);
		if (head == NULL)
			return reject_at(datagram, SFLOW_REJECT_RECORD_COUNT, start);
		uint32_t tag = cursor_load32(head), length = cursor_load32(head + 4);
		const uint8_t *body = cursor_take(&cursor, length);
		if (body == NULL)
			return reject_at(datagram, SFLOW_REJECT_RECORD_LENGTH, start);
		if (__builtin_expect(length & 3, 0)) {
			datagram->counters->unaligned++;
			size_t pad = 4 - (length & 3), left = cursor_left(&cursor);
			cursor.at += pad < left ? pad : left;
		}
		if (!record_read(sample, tag, body, length))
			return reject_at(datagram, SFLOW_REJECT_RECORD_SHORT, start);
		if (tag > FORMAT_IPV6 && !format_known(tag))
			datagram->counters->records_skipped++;
	}
	if (cursor.at != cursor.end)
		datagram->counters->padding++;
	if (sample->header == NULL && sample->addresses == NULL)
		datagram->counters->no_packet++;
	return SFLOW_SAMPLE;
}

/* The samples with records: flow, expanded flow, discard. */
static enum sflow_got
flow_read(struct sflow_datagram *datagram, struct sflow_sample *sample, struct cursor cursor)
{
	const uint8_t *start = cursor.at;
	size_t size = sample->type == SFLOW_EXPANDED_FLOW ? EXPANDED_FLOW : FLOW;
	const uint8_t *fixed = cursor_take(&cursor, size);
	if (fixed == NULL)
		return reject_at(datagram, SFLOW_REJECT_SAMPLE_SHORT, start);
	sample->sequence = cursor_load32(fixed);
	sample->reason = 0;
	sample->frame_length = 0;
	sample->header_length = 0;
	sample->header = NULL;
	sample->addresses = NULL;
	sample->addresses_family = 0;
	if (sample->type == SFLOW_FLOW) {
		uint32_t source = cursor_load32(fixed + 4);
		sample->source_type = source >> 24;
		sample->source_index = source & 0xffffff;
		sample->sampling_rate = cursor_load32(fixed + 8);
		sample->sample_pool = cursor_load32(fixed + 12);
		sample->drops = cursor_load32(fixed + 16);
		ports_compact(sample, cursor_load32(fixed + 20), cursor_load32(fixed + 24));
	} else {
		sample->source_type = cursor_load32(fixed + 4);
		sample->source_index = cursor_load32(fixed + 8);
		if (sample->type == SFLOW_EXPANDED_FLOW) {
			sample->sampling_rate = cursor_load32(fixed + 12);
			sample->sample_pool = cursor_load32(fixed + 16);
			sample->drops = cursor_load32(fixed + 20);
			ports_expanded(sample, fixed + 24);
		} else {
			sample->sampling_rate = 0;
			sample->sample_pool = 0;
			sample->drops = cursor_load32(fixed + 12);
			sample->input_format = sample->output_format = SFLOW_PORT_INDEX;
			sample->input = cursor_load32(fixed + 16);
			sample->output = cursor_load32(fixed + 20);
			sample->reason = cursor_load32(fixed + 24);
		}
	}
	return records_read(datagram, sample, cursor, cursor_load32(fixed + size - 4));
}

static enum sflow_got
counters_read(struct sflow_datagram *datagram, struct sflow_sample *sample, struct cursor cursor)
{
	const uint8_t *start = cursor.at;
	bool expanded = sample->type == SFLOW_EXPANDED_COUNTERS;
	const uint8_t *fixed = cursor_take(&cursor, expanded ? EXPANDED_COUNTERS : COUNTERS);
	if (fixed == NULL)
		return reject_at(datagram, SFLOW_REJECT_SAMPLE_SHORT, start);
	sample->sequence = cursor_load32(fixed);
	uint32_t source = cursor_load32(fixed + 4);
	sample->source_type = expanded ? source : source >> 24;
	sample->source_index = expanded ? cursor_load32(fixed + 8) : source & 0xffffff;
	return SFLOW_SAMPLE;
}

/* The usual sample by the short way of quick.h, and the rest of its fields. False: nothing done. */
static inline bool
next_usual(struct sflow_datagram *datagram, struct sflow_sample *ret_sample)
{
	struct quick quick = {datagram->next, datagram->end, 0};
	struct quick_sample sample;
	const uint8_t *at = datagram->next;
	if (datagram->left == 0 || !quick_sample_next(&quick, &sample))
		return false;
	size_t word = 4 * (size_t)sample.expanded;
	const uint8_t *fixed = sample.fixed;
	ret_sample->type = word != 0 ? SFLOW_EXPANDED_FLOW : SFLOW_FLOW;
	ret_sample->tag = ret_sample->type;
	ret_sample->offset = (uint32_t)(at - datagram->bytes);
	ret_sample->sequence = sample.sequence;
	uint32_t source = cursor_load32(fixed + 4);
	ret_sample->source_type = word != 0 ? source : source >> 24;
	ret_sample->source_index = word != 0 ? cursor_load32(fixed + 8) : source & 0xffffff;
	ret_sample->sampling_rate = quick_sampling_rate(&sample);
	ret_sample->sample_pool = cursor_load32(fixed + 12 + word);
	ret_sample->drops = sample.drops;
	if (word != 0)
		ports_expanded(ret_sample, fixed + 24);
	else
		ports_compact(ret_sample, cursor_load32(fixed + 20), cursor_load32(fixed + 24));
	ret_sample->reason = 0;
	ret_sample->header_protocol = quick_protocol(sample.header);
	ret_sample->frame_length = cursor_load32(sample.header - 12);
	ret_sample->stripped = cursor_load32(sample.header - 8);
	ret_sample->header_length = sample.header_length;
	ret_sample->header = sample.header;
	ret_sample->addresses = NULL;
	ret_sample->addresses_family = 0;
	ret_sample->records = fixed + FLOW + 3 * word;
	ret_sample->record_count = cursor_load32(ret_sample->records - 4);
	ret_sample->records_end = quick.at;
	datagram->next = quick.at;
	datagram->left--;
	datagram->counters->types[ret_sample->type]++;
	if (QUICK_UNLIKELY(quick.skipped != 0))
		datagram->counters->records_skipped += quick.skipped;
	return true;
}

enum sflow_got
sflow_next(struct sflow_datagram *datagram, struct sflow_sample *ret_sample)
{
	if (QUICK_LIKELY(next_usual(datagram, ret_sample)))
		return SFLOW_SAMPLE;
	return sflow_next_full(datagram, ret_sample);
}

enum sflow_got
sflow_next_full(struct sflow_datagram *datagram, struct sflow_sample *ret_sample)
{
	if (datagram->left == 0)
		return SFLOW_END;
	struct cursor cursor = {datagram->next, datagram->end};
	const uint8_t *start = cursor.at;
	ret_sample->offset = (uint32_t)(start - datagram->bytes);
	const uint8_t *head = cursor_take(&cursor, TAG);
	if (head == NULL) {
		datagram->left = 0;
		ret_sample->type = SFLOW_UNKNOWN;
		ret_sample->tag = ret_sample->sequence = 0;
		return reject_at(datagram, SFLOW_REJECT_SAMPLE_COUNT, start);
	}
	datagram->left--;
	uint32_t tag = cursor_load32(head), length = cursor_load32(head + 4);
	ret_sample->tag = tag;
	ret_sample->type = (uint8_t)(tag < SFLOW_TYPES ? tag : SFLOW_UNKNOWN);
	ret_sample->sequence = 0;
	datagram->counters->types[ret_sample->type]++;
	const uint8_t *body = cursor_take(&cursor, length);
	if (body == NULL) {
		/* Where the next one begins cannot be known. */
		datagram->left = 0;
		return reject_at(datagram, SFLOW_REJECT_SAMPLE_LENGTH, start);
	}
	struct cursor inside = {body, cursor.at};
	if (__builtin_expect(length & 3, 0)) {
		datagram->counters->unaligned++;
		size_t pad = 4 - (length & 3), left = cursor_left(&cursor);
		cursor.at += pad < left ? pad : left;
	}
	datagram->next = cursor.at;
	switch ((enum sflow_type)ret_sample->type) {
	case SFLOW_FLOW:
	case SFLOW_EXPANDED_FLOW:
	case SFLOW_DISCARD:
		return flow_read(datagram, ret_sample, inside);
	case SFLOW_COUNTERS:
	case SFLOW_EXPANDED_COUNTERS:
		return counters_read(datagram, ret_sample, inside);
	case SFLOW_UNKNOWN:
	case SFLOW_TYPES:
		break;
	}
	return SFLOW_SAMPLE;
}

/* "unsigned int type; opaque address": 4, 8 or 20 bytes. False: not there, or of another type. */
static bool
take_address(struct cursor *cursor, struct addr *ret_addr)
{
	const uint8_t *type = cursor_take(cursor, 4);
	if (type == NULL)
		return false;
	uint32_t kind = cursor_load32(type);
	const uint8_t *bytes = kind == 1   ? cursor_take(cursor, 4)
			       : kind == 2 ? cursor_take(cursor, 16)
					   : NULL;
	if (bytes == NULL)
		return false;
	*ret_addr = kind == 1 ? addr_from_v4(bytes) : addr_from_v6(bytes);
	return true;
}

static void
tunnel_endpoints(struct cursor body, bool v6, struct addr *src, struct addr *dst, bool *has)
{
	const uint8_t *fixed = cursor_take(&body, v6 ? RECORD_IPV6 : RECORD_IPV4);
	if (fixed == NULL)
		return;
	*src = v6 ? addr_from_v6(fixed + 8) : addr_from_v4(fixed + 8);
	*dst = v6 ? addr_from_v6(fixed + 24) : addr_from_v4(fixed + 12);
	*has = true;
}

static void
extended_record(uint32_t tag, struct cursor body, struct sflow_extended *extended)
{
	const uint8_t *fixed;
	switch (tag) {
	case FORMAT_SWITCH:
		if ((fixed = cursor_take(&body, 16)) != NULL) {
			extended->in_vlan = cursor_load32(fixed);
			extended->out_vlan = cursor_load32(fixed + 8);
			extended->has_vlan = true;
		}
		break;
	case FORMAT_ROUTER:
		if (take_address(&body, &extended->next_hop))
			extended->has_router = true;
		break;
	case FORMAT_GATEWAY:
		/* The AS path and communities behind are bounded by nothing but their counts: left
		 * unread. */
		if (take_address(&body, &extended->gateway_next_hop) &&
		    (fixed = cursor_take(&body, 12)) != NULL) {
			extended->as = cursor_load32(fixed);
			extended->source_as = cursor_load32(fixed + 4);
			extended->source_peer_as = cursor_load32(fixed + 8);
			extended->has_gateway = true;
		}
		break;
	case FORMAT_VLAN_TUNNEL:
		if ((fixed = cursor_take(&body, 4)) != NULL) {
			uint32_t count = cursor_load32(fixed);
			for (uint32_t i = 0; i < count && extended->vlan_count < 4; i++) {
				if ((fixed = cursor_take(&body, 4)) == NULL)
					break;
				extended->vlans[extended->vlan_count++] =
				    (uint16_t)(cursor_load32(fixed) & 0xfff);
			}
		}
		break;
	case FORMAT_IPV4_TUNNEL_OUT:
	case FORMAT_IPV6_TUNNEL_OUT:
		tunnel_endpoints(body, tag == FORMAT_IPV6_TUNNEL_OUT, &extended->tunnel_out_src,
		    &extended->tunnel_out_dst, &extended->has_tunnel_out);
		break;
	case FORMAT_IPV4_TUNNEL_IN:
	case FORMAT_IPV6_TUNNEL_IN:
		tunnel_endpoints(body, tag == FORMAT_IPV6_TUNNEL_IN, &extended->tunnel_in_src,
		    &extended->tunnel_in_dst, &extended->has_tunnel_in);
		break;
	case FORMAT_VNI_OUT:
	case FORMAT_VNI_IN:
		if ((fixed = cursor_take(&body, 4)) != NULL) {
			*(tag == FORMAT_VNI_OUT ? &extended->vni_out : &extended->vni_in) =
			    cursor_load32(fixed);
			*(tag == FORMAT_VNI_OUT ? &extended->has_vni_out : &extended->has_vni_in) =
			    true;
		}
		break;
	default:
		break;
	}
}

void
sflow_extended(const struct sflow_sample *sample, struct sflow_extended *ret_extended)
{
	memset(ret_extended, 0, sizeof *ret_extended);
	struct cursor cursor = {sample->records, sample->records_end};
	for (uint32_t i = 0; i < sample->record_count; i++) {
		const uint8_t *head = cursor_take(&cursor, TAG);
		if (head == NULL)
			return;
		uint32_t tag = cursor_load32(head), length = cursor_load32(head + 4);
		const uint8_t *body = cursor_take(&cursor, length);
		if (body == NULL)
			return;
		extended_record(tag, (struct cursor){body, body + length}, ret_extended);
		size_t pad = (4 - (length & 3)) & 3, left = cursor_left(&cursor);
		cursor.at += pad < left ? pad : left;
	}
}

const char *
sflow_type_name(unsigned type)
{
	static const char *const names[SFLOW_TYPES] = {
	    [SFLOW_UNKNOWN] = "unknown",
	    [SFLOW_FLOW] = "flow",
	    [SFLOW_COUNTERS] = "counters",
	    [SFLOW_EXPANDED_FLOW] = "expanded_flow",
	    [SFLOW_EXPANDED_COUNTERS] = "expanded_counters",
	    [SFLOW_DISCARD] = "discard",
	};
	return type < SFLOW_TYPES ? names[type] : names[SFLOW_UNKNOWN];
}

const char *
sflow_reject_name(unsigned reject)
{
	static const char *const names[SFLOW_REJECTS] = {[SFLOW_OK] = "ok",
#define NAME(name, word, text) [SFLOW_REJECT_##name] = word,
	    SFLOW_REJECT_LIST(NAME)
#undef NAME
	};
	return reject < SFLOW_REJECTS ? names[reject] : "unknown";
}

const char *
sflow_reject_text(unsigned reject)
{
	static const char *const texts[SFLOW_REJECTS] = {[SFLOW_OK] = "read",
#define TEXT(name, word, text) [SFLOW_REJECT_##name] = text,
	    SFLOW_REJECT_LIST(TEXT)
#undef TEXT
	};
	return reject < SFLOW_REJECTS ? texts[reject] : "unknown";
}
