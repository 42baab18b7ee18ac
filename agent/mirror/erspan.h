/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ERSPAN headers, types I and II (draft-foschiano-erspan-03, sections 4.1 and 4.2; GRE: RFC 2784,
 * RFC 2890). Pure.
 */
#ifndef AGENT_MIRROR_ERSPAN_H
#define AGENT_MIRROR_ERSPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERSPAN_HEADER_MAX 16
#define ERSPAN_ETHERNET_MAX 32

struct erspan_frame {
	uint8_t type;      /* 1 or 2 */
	uint16_t session;  /* 10 bits */
	uint32_t sequence; /* type II */
	uint32_t index;    /* 20 bits: where it was mirrored */
	uint16_t vlan;     /* 12 bits of the frame's 802.1Q tag */
	uint8_t cos;       /* its priority */
	bool tagged;       /* the frame has a tag, and keeps it */
	bool truncated;
};

/* Writes GRE and ERSPAN headers; returns their size, 4 or 16 bytes. */
size_t erspan_header(const struct erspan_frame *frame, uint8_t out[ERSPAN_HEADER_MAX]);

/*
 * The frame's Ethernet header: the original one where there is one (tags and all; what it says of
 * VLAN goes to `frame`), else one made up of zeros, with the ethertype of `ip_version`. Returns its
 * size; *ret_made says which it was.
 */
size_t erspan_ethernet(const uint8_t *hw, size_t hw_size, unsigned ip_version,
    struct erspan_frame *frame, uint8_t out[ERSPAN_ETHERNET_MAX], bool *ret_made);

/* The length of an IP packet by its own word; at least `size`, the bytes that are here. Longer: the
 * kernel was asked for the first so many only. */
size_t erspan_total(const uint8_t *packet, size_t size);

#endif
