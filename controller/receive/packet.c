/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sampled packet headers; see packet.h. */
#include "controller/receive/packet.h"

#include <netinet/in.h>

#include "controller/receive/cursor.h"
#include "controller/receive/quick.h"

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_TEB = 0x6558, /* Ethernet in GRE or Geneve */
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_MULTICAST = 0x8848,
	TYPE_PPPOE = 0x8864,
	TYPE_QINQ = 0x88a8,
	TYPE_QINQ_OLD = 0x9100, /* and 0x9200, 0x9300 */
	TYPE_ERSPAN = 0x88be,
	TYPE_ERSPAN3 = 0x22eb,
	TYPE_MIRROR_SPECTRUM = 0x8949,

	PORT_VXLAN = 4789,
	PORT_GENEVE = 6081,

	VLANS_READ_MAX = 8,
	LABELS_MAX = 16,
	EXTENSIONS_MAX = 8,
	PROTO_MOBILITY = 135,
	PROTO_UDPLITE = 136,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
};

/* The next thing to read. */
enum next {
	NEXT_STOP,
	NEXT_ETHERNET,
	NEXT_PPP,
	NEXT_TYPE, /* walk.type says what */
	NEXT_MPLS,
	NEXT_IPV4,
	NEXT_IPV6,
	NEXT_TRANSPORT,
};

struct walk {
	struct cursor cursor;
	struct packet *packet;
	struct packet_layer *layer; /* the last one begun */
	enum packet_outcome outcome;
	uint16_t type;
	uint8_t tunnel; /* what the next layer comes in */
	uint32_t vni;
};

static enum next
stop(struct walk *walk, enum packet_outcome outcome)
{
	walk->outcome = outcome;
	return NEXT_STOP;
}

static enum next
next_of_type(struct walk *walk, uint16_t type)
{
	walk->type = type;
	return type == TYPE_IPV4 ? NEXT_IPV4 : type == TYPE_IPV6 ? NEXT_IPV6 : NEXT_TYPE;
}

static inline enum next
read_ethernet(struct walk *walk)
{
	const uint8_t *frame = cursor_take(&walk->cursor, 14);
	if (frame == NULL)
		return stop(walk, PACKET_TRUNCATED);
	return next_of_type(walk, cursor_load16(frame + 12));
}

/* PPP, with or without address and control bytes (RFC 1661, 1662), the protocol of one or two
 * bytes. */
static enum next
read_ppp(struct walk *walk)
{
	struct cursor *cursor = &walk->cursor;
	if (cursor_left(cursor) >= 2 && (cursor->at[0] == 0xff || cursor->at[0] == 0x0f) &&
	    (cursor->at[1] == 0x03 || cursor->at[1] == 0x00)) {
		/* 0f 00 is Cisco's framing, with an ethertype behind. */
		bool cisco = cursor->at[0] == 0x0f;
		cursor->at += 2;
		if (cisco) {
			const uint8_t *type = cursor_take(cursor, 2);
			return type == NULL ? stop(walk, PACKET_TRUNCATED)
					    : next_of_type(walk, cursor_load16(type));
		}
	}
	const uint8_t *first = cursor_take(cursor, 1);
	if (first == NULL)
		return stop(walk, PACKET_TRUNCATED);
	uint16_t protocol = *first;
	if ((protocol & 1) == 0) {
		const uint8_t *second = cursor_take(cursor, 1);
		if (second == NULL)
			return stop(walk, PACKET_TRUNCATED);
		protocol = (uint16_t)(protocol << 8 | *second);
	}
	switch (protocol) {
	case 0x0021:
		return NEXT_IPV4;
	case 0x0057:
		return NEXT_IPV6;
	case 0x0281:
	case 0x0283:
		return NEXT_MPLS;
	default:
		return stop(walk, PACKET_OTHER);
	}
}

/* IEEE 802.2 behind a length: only SNAP carries an ethertype. */
static enum next
read_llc(struct walk *walk)
{
	cursor_limit(&walk->cursor, walk->type);
	const uint8_t *llc = cursor_take(&walk->cursor, 8);
	if (llc == NULL || llc[0] != 0xaa || llc[1] != 0xaa || llc[2] != 3 || llc[3] != 0 ||
	    llc[4] != 0 || llc[5] != 0)
		return stop(walk, PACKET_OTHER);
	return next_of_type(walk, cursor_load16(llc + 6));
}

static enum next
read_vlans(struct walk *walk)
{
	struct packet *packet = walk->packet;
	for (unsigned i = 0; i < VLANS_READ_MAX; i++) {
		const uint8_t *tag = cursor_take(&walk->cursor, 4);
		if (tag == NULL)
			return stop(walk, PACKET_TRUNCATED);
		uint16_t vlan = cursor_load16(tag) & 0xfff;
		if (packet->layer_count > 0) {
			if (packet->inner_count < PACKET_VLANS_MAX)
				packet->inner[packet->inner_count++] =
				    (struct packet_tag){packet->layer_count, vlan};
		} else if (packet->vlan_count < PACKET_VLANS_MAX) {
			packet->vlans[packet->vlan_count++] = vlan;
		}
		uint16_t type = cursor_load16(tag + 2);
		if (type != TYPE_VLAN && type != TYPE_QINQ && type != TYPE_QINQ_OLD &&
		    type != 0x9200 && type != 0x9300)
			return next_of_type(walk, type);
	}
	packet->deep = true;
	return stop(walk, PACKET_DEEP);
}

/* A label stack (RFC 3032). What is behind its bottom is told by the first nibble alone (RFC 4928).
 */
static enum next
read_mpls(struct walk *walk)
{
	for (unsigned i = 0; i < LABELS_MAX; i++) {
		const uint8_t *label = cursor_take(&walk->cursor, 4);
		if (label == NULL)
			return stop(walk, PACKET_TRUNCATED);
		if ((label[2] & 1) == 0)
			continue;
		if (cursor_left(&walk->cursor) == 0)
			return stop(walk, PACKET_TRUNCATED);
		switch (walk->cursor.at[0] >> 4) {
		case 4:
			return NEXT_IPV4;
		case 6:
			return NEXT_IPV6;
		default:
			return stop(walk, PACKET_OTHER);
		}
	}
	walk->packet->deep = true;
	return stop(walk, PACKET_DEEP);
}

static enum next
read_type(struct walk *walk)
{
	uint16_t type = walk->type;
	if (walk->packet->layer_count == 0)
		walk->packet->ethertype = type;
	switch (type) {
	case TYPE_IPV4:
		return NEXT_IPV4;
	case TYPE_IPV6:
		return NEXT_IPV6;
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_QINQ_OLD:
	case 0x9200:
	case 0x9300:
		return read_vlans(walk);
	case TYPE_MPLS:
	case TYPE_MPLS_MULTICAST:
		return NEXT_MPLS;
	case TYPE_PPPOE:
		return cursor_take(&walk->cursor, 6) == NULL ? stop(walk, PACKET_TRUNCATED)
							     : NEXT_PPP;
	case TYPE_ARP:
		return stop(walk, PACKET_ARP);
	default:
		return type < 1536 ? read_llc(walk) : stop(walk, PACKET_OTHER);
	}
}

/* A new layer; NULL when the cap is met. Everything that is not always written is set here. */
static inline struct packet_layer *
layer_begin(struct walk *walk, uint8_t family)
{
	struct packet *packet = walk->packet;
	if (__builtin_expect(packet->layer_count >= PACKET_LAYERS_MAX, 0)) {
		packet->deep = true;
		return NULL;
	}
	if (packet->layer_count == 0)
		packet->ethertype = walk->type;
	struct packet_layer *layer = &packet->layers[packet->layer_count++];
	memset(layer, 0, sizeof *layer);
	layer->family = family;
	layer->tunnel = walk->tunnel;
	layer->vni = walk->vni;
	walk->layer = layer;
	return layer;
}

static inline enum next
read_ipv4(struct walk *walk)
{
	const uint8_t *ip = cursor_take(&walk->cursor, 20);
	if (ip == NULL)
		return stop(walk, PACKET_TRUNCATED);
	size_t header = (size_t)(ip[0] & 15) * 4;
	if (ip[0] >> 4 != 4 || header < 20)
		return stop(walk, PACKET_MALFORMED);
	struct packet_layer *layer = layer_begin(walk, 4);
	if (layer == NULL)
		return NEXT_STOP;
	layer->src = ip + 12;
	layer->dst = ip + 16;
	layer->proto = ip[9];
	layer->length = cursor_load16(ip + 2);
	uint16_t fragment = cursor_load16(ip + 6);
	layer->fragment = (fragment & 0x3fff) != 0;
	/* A length of 0 is what segmentation offload leaves; one under the header's is nonsense. */
	if (layer->length != 0) {
		if (layer->length < header)
			return NEXT_STOP;
		cursor_limit(&walk->cursor, layer->length - 20u);
	}
	if ((fragment & 0x1fff) != 0 ||
	    (header > 20 && cursor_take(&walk->cursor, header - 20) == NULL))
		return NEXT_STOP;
	return NEXT_TRANSPORT;
}

/* Extension headers (RFC 8200, 4; 4302 for AH) up to what they carry. */
static enum next
read_extensions(struct walk *walk)
{
	struct packet_layer *layer = walk->layer;
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		const uint8_t *head;
		size_t more;
		switch (layer->proto) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case PROTO_MOBILITY:
		case PROTO_HIP:
		case PROTO_SHIM6:
			if ((head = cursor_take(&walk->cursor, 8)) == NULL)
				return NEXT_STOP;
			more = (size_t)head[1] * 8;
			break;
		case IPPROTO_AH:
			if ((head = cursor_take(&walk->cursor, 8)) == NULL)
				return NEXT_STOP;
			more = (size_t)head[1] * 4;
			break;
		case IPPROTO_FRAGMENT:
			if ((head = cursor_take(&walk->cursor, 8)) == NULL)
				return NEXT_STOP;
			more = 0;
			uint16_t fragment = cursor_load16(head + 2);
			if ((fragment & 0xfff9) != 0)
				layer->fragment = true;
			if ((fragment & 0xfff8) != 0) {
				layer->proto = head[0];
				return NEXT_STOP;
			}
			break;
		default:
			return NEXT_TRANSPORT;
		}
		layer->proto = head[0];
		if (more != 0 && cursor_take(&walk->cursor, more) == NULL)
			return NEXT_STOP;
	}
	walk->packet->deep = true;
	return NEXT_STOP;
}

static inline bool
is_extension(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		return true;
	default:
		return false;
	}
}

static inline enum next
read_ipv6(struct walk *walk)
{
	const uint8_t *ip = cursor_take(&walk->cursor, 40);
	if (ip == NULL)
		return stop(walk, PACKET_TRUNCATED);
	if (ip[0] >> 4 != 6)
		return stop(walk, PACKET_MALFORMED);
	struct packet_layer *layer = layer_begin(walk, 6);
	if (layer == NULL)
		return NEXT_STOP;
	layer->src = ip + 8;
	layer->dst = ip + 24;
	layer->proto = ip[6];
	uint16_t payload = cursor_load16(ip + 4);
	layer->length = (uint16_t)(payload > UINT16_MAX - 40 ? UINT16_MAX : payload + 40);
	if (payload != 0) /* 0: a jumbogram, or segmentation offload */
		cursor_limit(&walk->cursor, payload);
	return is_extension(layer->proto) ? read_extensions(walk) : NEXT_TRANSPORT;
}

/* RFC 2784 and 2890. Enters what it carries but for mirror copies. */
static enum next
read_gre(struct walk *walk)
{
	const uint8_t *gre = cursor_take(&walk->cursor, 4);
	if (gre == NULL)
		return NEXT_STOP;
	uint16_t flags = cursor_load16(gre), type = cursor_load16(gre + 2);
	if (type == TYPE_ERSPAN || type == TYPE_ERSPAN3 || type == TYPE_MIRROR_SPECTRUM)
		return stop(walk, PACKET_MIRROR);
	/* Version 0 alone; source routes (RFC 1701) were never deployed. */
	if ((flags & 0x4007) != 0)
		return NEXT_STOP;
	walk->vni = 0;
	if ((flags & 0x8000) != 0 && cursor_take(&walk->cursor, 4) == NULL)
		return NEXT_STOP;
	if ((flags & 0x2000) != 0) {
		const uint8_t *key = cursor_take(&walk->cursor, 4);
		if (key == NULL)
			return NEXT_STOP;
		walk->vni = cursor_load32(key);
	}
	if ((flags & 0x1000) != 0 && cursor_take(&walk->cursor, 4) == NULL)
		return NEXT_STOP;
	walk->tunnel = PACKET_TUNNEL_GRE;
	if (type == TYPE_TEB)
		return NEXT_ETHERNET;
	return type == TYPE_IPV4 || type == TYPE_IPV6 || type == TYPE_MPLS ||
		       type == TYPE_MPLS_MULTICAST
		   ? next_of_type(walk, type)
		   : NEXT_STOP;
}

static enum next
read_vxlan(struct walk *walk)
{
	const uint8_t *vxlan = cursor_take(&walk->cursor, 8);
	if (vxlan == NULL || (vxlan[0] & 0x08) == 0)
		return NEXT_STOP;
	walk->tunnel = PACKET_TUNNEL_VXLAN;
	walk->vni = cursor_load32(vxlan + 4) >> 8;
	return NEXT_ETHERNET;
}

static enum next
read_geneve(struct walk *walk)
{
	const uint8_t *geneve = cursor_take(&walk->cursor, 8);
	if (geneve == NULL || geneve[0] >> 6 != 0)
		return NEXT_STOP;
	if (cursor_take(&walk->cursor, (size_t)(geneve[0] & 0x3f) * 4) == NULL)
		return NEXT_STOP;
	uint16_t type = cursor_load16(geneve + 2);
	walk->tunnel = PACKET_TUNNEL_GENEVE;
	walk->vni = cursor_load32(geneve + 4) >> 8;
	if (type == TYPE_TEB)
		return NEXT_ETHERNET;
	return type == TYPE_IPV4 || type == TYPE_IPV6 ? next_of_type(walk, type) : NEXT_STOP;
}

static enum next
read_udp(struct walk *walk)
{
	struct packet_layer *layer = walk->layer;
	if (layer->dst_port != PORT_VXLAN && layer->dst_port != PORT_GENEVE)
		return NEXT_STOP;
	if (cursor_take(&walk->cursor, 8) == NULL)
		return NEXT_STOP;
	return layer->dst_port == PORT_VXLAN ? read_vxlan(walk) : read_geneve(walk);
}

static enum next
read_transport(struct walk *walk)
{
	struct packet_layer *layer = walk->layer;
	const struct cursor *cursor = &walk->cursor;
	switch (layer->proto) {
	case IPPROTO_TCP:
		if (cursor_left(cursor) >= 14)
			layer->tcp_flags = cursor->at[13];
		break;
	case IPPROTO_UDP:
	case PROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (!layer->fragment && cursor_left(cursor) >= 2) {
			layer->icmp_type = cursor->at[0];
			layer->icmp_code = cursor->at[1];
			layer->has_icmp = true;
		}
		return NEXT_STOP;
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		walk->tunnel = PACKET_TUNNEL_IPIP;
		walk->vni = 0;
		return layer->proto == IPPROTO_IPIP ? NEXT_IPV4 : NEXT_IPV6;
	case IPPROTO_GRE:
		return read_gre(walk);
	default:
		return NEXT_STOP;
	}
	if (cursor_left(cursor) < 4)
		return NEXT_STOP;
	layer->src_port = cursor_load16(cursor->at);
	layer->dst_port = cursor_load16(cursor->at + 2);
	enum next next = layer->proto == IPPROTO_UDP ? read_udp(walk) : NEXT_STOP;
	/* The later fragments have none, so that a filter with ports would miss them. */
	if (layer->fragment)
		layer->src_port = layer->dst_port = layer->tcp_flags = 0;
	layer->has_ports = !layer->fragment;
	return next;
}

static enum next
first_of(struct walk *walk, uint32_t protocol)
{
	switch (protocol) {
	case PACKET_ETHERNET:
		return NEXT_ETHERNET;
	case PACKET_PPP:
	case PACKET_POS:
		return NEXT_PPP;
	case PACKET_IPV4:
		return NEXT_IPV4;
	case PACKET_IPV6:
		return NEXT_IPV6;
	case PACKET_MPLS:
		return NEXT_MPLS;
	default:
		return stop(walk, PACKET_UNSUPPORTED);
	}
}

/*
 * The usual packet, without a turn of the machine below: an Ethernet frame, tagged once or not,
 * with whole TCP or UDP ports right behind an IP header without options, not a fragment and no
 * tunnel. False: nothing was written.
 */
static inline bool
decode_usual(const uint8_t *bytes, size_t length, struct packet *ret_packet)
{
	struct quick_pair pair;
	if (quick_frame(bytes, length, &pair) != QUICK_PLAIN)
		return false;
	const uint8_t *ip = pair.src - (pair.v6 ? 8 : 12), *ports = ip + (pair.v6 ? 40 : 20);
	uint8_t proto = ip[pair.v6 ? 6 : 9];
	uint32_t total = cursor_load16(ip + (pair.v6 ? 4 : 2));
	uint32_t behind = pair.v6 || total == 0 ? total : total - 20;
	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) || (total != 0 && behind - 14 > 65501) ||
	    (!pair.v6 && (cursor_load16(ip + 6) & 0x3fff) != 0) || ports + 14 > bytes + length)
		return false;
	bool tagged = ip != bytes + 14;
	ret_packet->outcome = PACKET_IP;
	ret_packet->layer_count = 1;
	ret_packet->vlan_count = tagged;
	ret_packet->deep = false;
	ret_packet->inner_count = 0;
	ret_packet->ethertype = pair.v6 ? TYPE_IPV6 : TYPE_IPV4;
	if (tagged)
		ret_packet->vlans[0] = cursor_load16(bytes + 14) & 0xfff;
	ret_packet->layers[0] = (struct packet_layer){
	    .src = pair.src,
	    .dst = pair.src + (pair.v6 ? 16 : 4),
	    .family = pair.v6 ? 6 : 4,
	    .proto = proto,
	    .tcp_flags = proto == IPPROTO_TCP ? ports[13] : 0,
	    .has_ports = true,
	    .src_port = cursor_load16(ports),
	    .dst_port = cursor_load16(ports + 2),
	    .length = (uint16_t)(!pair.v6                  ? total
				 : total + 40 > UINT16_MAX ? UINT16_MAX
							   : total + 40),
	};
	return true;
}

void
packet_decode(const uint8_t *bytes, size_t length, uint32_t protocol, struct packet *ret_packet)
{
	if (QUICK_LIKELY(protocol == PACKET_ETHERNET) && decode_usual(bytes, length, ret_packet))
		return;
	packet_decode_full(bytes, length, protocol, ret_packet);
}

void
packet_decode_full(
    const uint8_t *bytes, size_t length, uint32_t protocol, struct packet *ret_packet)
{
	struct walk walk = {
	    .cursor = {bytes, bytes + length},
	    .packet = ret_packet,
	    .outcome = PACKET_IP,
	};
	ret_packet->layer_count = 0;
	ret_packet->vlan_count = 0;
	ret_packet->inner_count = 0;
	ret_packet->deep = false;
	ret_packet->ethertype = 0;
	/* Each turn takes bytes off the cursor or stops. */
	enum next next = first_of(&walk, protocol);
	for (;;) {
		switch (next) {
		case NEXT_STOP:
			/* What could not be read within a tunnel takes nothing from what carries
			 * it. */
			ret_packet->outcome =
			    (uint8_t)(ret_packet->layer_count > 0 && walk.outcome != PACKET_MIRROR
					  ? PACKET_IP
					  : walk.outcome);
			return;
		case NEXT_ETHERNET:
			next = read_ethernet(&walk);
			break;
		case NEXT_PPP:
			next = read_ppp(&walk);
			break;
		case NEXT_TYPE:
			next = read_type(&walk);
			break;
		case NEXT_MPLS:
			next = read_mpls(&walk);
			break;
		case NEXT_IPV4:
			next = read_ipv4(&walk);
			break;
		case NEXT_IPV6:
			next = read_ipv6(&walk);
			break;
		case NEXT_TRANSPORT:
			next = read_transport(&walk);
			break;
		}
	}
}

void
packet_from_record(const uint8_t *record, unsigned family, struct packet *ret_packet)
{
	size_t size = family == 4 ? 4 : 16;
	const uint8_t *ports = record + 8 + 2 * size;
	memset(ret_packet, 0, offsetof(struct packet, layers));
	ret_packet->outcome = PACKET_IP;
	ret_packet->layer_count = 1;
	struct packet_layer *layer = &ret_packet->layers[0];
	memset(layer, 0, sizeof *layer);
	uint32_t length = cursor_load32(record);
	layer->family = (uint8_t)family;
	layer->length = (uint16_t)(length > UINT16_MAX ? UINT16_MAX : length);
	layer->proto = (uint8_t)cursor_load32(record + 4);
	layer->src = record + 8;
	layer->dst = record + 8 + size;
	switch (layer->proto) {
	case IPPROTO_TCP:
		layer->tcp_flags = (uint8_t)cursor_load32(ports + 8);
		break;
	case IPPROTO_UDP:
	case PROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		break;
	default:
		return;
	}
	layer->src_port = (uint16_t)cursor_load32(ports);
	layer->dst_port = (uint16_t)cursor_load32(ports + 4);
	layer->has_ports = true;
}

const char *
packet_outcome_name(unsigned outcome)
{
	static const char *const names[PACKET_OUTCOMES] = {
	    [PACKET_IP] = "ip",
	    [PACKET_MIRROR] = "mirror",
	    [PACKET_ARP] = "arp",
	    [PACKET_OTHER] = "other",
	    [PACKET_UNSUPPORTED] = "unsupported",
	    [PACKET_TRUNCATED] = "truncated",
	    [PACKET_MALFORMED] = "malformed",
	    [PACKET_DEEP] = "deep",
	};
	return outcome < PACKET_OUTCOMES ? names[outcome] : "unknown";
}

const char *
packet_tunnel_name(unsigned tunnel)
{
	static const char *const names[] = {
	    [PACKET_TUNNEL_NONE] = "none",
	    [PACKET_TUNNEL_GRE] = "gre",
	    [PACKET_TUNNEL_IPIP] = "ipip",
	    [PACKET_TUNNEL_VXLAN] = "vxlan",
	    [PACKET_TUNNEL_GENEVE] = "geneve",
	    [PACKET_TUNNEL_MIRROR] = "mirror",
	};
	return tunnel <= PACKET_TUNNEL_MIRROR ? names[tunnel] : "unknown";
}
