/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a sampled header says: addresses, protocol, ports, for the outer packet and for those inside
 * tunnels. Pure: no allocation, no log; bytes in, a small struct of pointers into them out.
 * Truncated headers give what they hold. Sources: IEEE 802.1Q, RFC 791, 8200 (extension headers),
 * 3032 (MPLS), 1661/2615 (PPP, POS), 2784/2890 (GRE), 2003, 4213, 2473 (IP in IP), 7348 (VXLAN),
 * 8926 (Geneve); ERSPAN as in draft-foschiano-erspan.
 */
#ifndef CONTROLLER_RECEIVE_PACKET_H
#define CONTROLLER_RECEIVE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_LAYERS_MAX 3
#define PACKET_VLANS_MAX 4

/* How a layer is carried by the one before it; also in sightings. */
enum packet_tunnel {
	PACKET_TUNNEL_NONE = 0,
	PACKET_TUNNEL_GRE,
	PACKET_TUNNEL_IPIP, /* IPv4 or IPv6 in IPv4 or IPv6: protocols 4 and 41 */
	PACKET_TUNNEL_VXLAN,
	PACKET_TUNNEL_GENEVE,
	PACKET_TUNNEL_MIRROR, /* ERSPAN and its kin: seen, never entered */
};

/* header_protocol of a raw packet header record (sFlow version 5, "enum header_protocol"). */
enum packet_protocol {
	PACKET_ETHERNET = 1,
	PACKET_PPP = 7,
	PACKET_IPV4 = 11,
	PACKET_IPV6 = 12,
	PACKET_MPLS = 13,
	PACKET_POS = 14,
};

enum packet_outcome {
	PACKET_IP = 0, /* at least one address pair */
	PACKET_MIRROR, /* a mirror copy; layers before it are given */
	PACKET_ARP,
	PACKET_OTHER,       /* another ethertype or MPLS payload: nothing wrong with it */
	PACKET_UNSUPPORTED, /* a header protocol this does not read (token ring, 802.11, …) */
	PACKET_TRUNCATED,   /* ends before the first address pair is whole */
	PACKET_MALFORMED,   /* a version or a length that can't be */
	PACKET_DEEP, /* VLAN, MPLS or extension header stack over the cap, before an address pair */
	PACKET_OUTCOMES,
};

/* One IP header and what is behind it. src and dst point into the caller's bytes: 4 or 16 of them.
 */
struct packet_layer {
	const uint8_t *src, *dst;
	uint8_t family; /* 4 or 6 */
	uint8_t proto;  /* the last one found, behind extension headers */
	uint8_t tcp_flags;
	uint8_t icmp_type, icmp_code;
	uint8_t tunnel; /* enum packet_tunnel: what carries this layer; NONE for the first */
	bool has_ports;
	bool has_icmp;
	bool fragment;               /* any fragment, first or later: no ports then */
	uint16_t src_port, dst_port; /* host order */
	uint16_t length;             /* total length (IPv4), payload length + 40 (IPv6) */
	uint32_t vni; /* of what carries this layer: VXLAN, Geneve, GRE key; 0 is none */
};

/* A tag inside a tunnel: of the frame that holds layer `layer`. */
struct packet_tag {
	uint8_t layer;
	uint16_t vlan;
};

struct packet {
	uint8_t outcome;                  /* enum packet_outcome */
	uint8_t layer_count;              /* of layers that are filled; the others are undefined */
	uint8_t vlan_count;               /* before the first layer, outermost first */
	bool deep;                        /* something was left unread because of a cap */
	uint16_t ethertype;               /* the last one before the first layer; 0 is none */
	uint16_t vlans[PACKET_VLANS_MAX]; /* ids without priority bits */
	uint8_t inner_count;              /* tags inside tunnels, outermost first */
	struct packet_tag inner[PACKET_VLANS_MAX];
	struct packet_layer layers[PACKET_LAYERS_MAX];
};

struct packet_counters {
	uint64_t outcomes[PACKET_OUTCOMES];
	uint64_t tunnels; /* packets with an inner layer */
	uint64_t deep;    /* a cap was met */
};

/* Reads `length` bytes of a header of protocol `protocol` (enum packet_protocol; others are
 * PACKET_UNSUPPORTED). */
void packet_decode(
    const uint8_t *bytes, size_t length, uint32_t protocol, struct packet *ret_packet);

/* The same without the short way for usual packets (quick.h), which must not show. */
void packet_decode_full(
    const uint8_t *bytes, size_t length, uint32_t protocol, struct packet *ret_packet);

/*
 * The same from an IPv4 or IPv6 flow record (formats 3 and 4), which stands for the header where
 * there is none. `record` holds all of it: 32 or 56 bytes, by family (4 or 6).
 */
void packet_from_record(const uint8_t *record, unsigned family, struct packet *ret_packet);

/* "mirror", "truncated", …; for counters and JSON. */
const char *packet_outcome_name(unsigned outcome);
const char *packet_tunnel_name(unsigned tunnel);

#endif
