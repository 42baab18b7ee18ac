/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Community ID version 1 with seed 0: the name of a flow that Suricata, Zeek, Arkime and Wireshark
 * give it as well (https://github.com/corelight/community-id-spec). Pure.
 */
#ifndef CONTROLLER_STORE_COMMUNITY_ID_H
#define CONTROLLER_STORE_COMMUNITY_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/addr.h"

#define COMMUNITY_ID_MAX 32 /* "1:", 28 characters of base64, NUL */

struct community_id_flow {
	struct addr src, dst;
	uint8_t proto; /* IP protocol number */
	bool has_ports;
	uint16_t src_port, dst_port;  /* host order */
	uint8_t icmp_type, icmp_code; /* of protocols 1 and 58 */
};

/* False, and "": a flow that has no such name: a TCP, UDP or SCTP fragment (no ports), addresses of
 * two families. */
bool community_id(const struct community_id_flow *flow, char text[COMMUNITY_ID_MAX]);

#endif
