/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/store/community_id.h"

#include <sodium.h>
#include <string.h>

#include "controller/store/sha1.h"

/* What stands for ports in the hash. */
struct ends {
	bool any, one_way;
	uint16_t src, dst;
};

/* The other type of an exchange of two; -1 for messages that no answer belongs to. As in
 * pycommunityid's icmp.py and icmp6.py, which the specification names as its reference. */
static int
counterpart_of(uint8_t proto, uint8_t type)
{
	static const uint8_t icmp[][2] = {{8, 0}, {10, 9}, {13, 14}, {15, 16}, {17, 18}};
	static const uint8_t icmp6[][2] = {
	    {128, 129}, {130, 131}, {133, 134}, {135, 136}, {139, 140}, {144, 145}};
	const uint8_t(*pairs)[2] = proto == 1 ? icmp : icmp6;
	size_t count = proto == 1 ? sizeof icmp / 2 : sizeof icmp6 / 2;

	for (size_t i = 0; i < count; i++) {
		if (type == pairs[i][0])
			return pairs[i][1];
		if (type == pairs[i][1])
			return pairs[i][0];
	}
	return -1;
}

static bool
find_ends(const struct community_id_flow *flow, struct ends *ends)
{
	int counterpart;

	switch (flow->proto) {
	case 1:
	case 58:
		counterpart = counterpart_of(flow->proto, flow->icmp_type);
		ends->any = true;
		ends->one_way = counterpart < 0;
		ends->src = flow->icmp_type;
		ends->dst = counterpart < 0 ? flow->icmp_code : (uint16_t)counterpart;
		return true;
	case 6:
	case 17:
	case 132:
		ends->any = true;
		ends->src = flow->src_port;
		ends->dst = flow->dst_port;
		return flow->has_ports;
	default:
		return true;
	}
}

bool
community_id(const struct community_id_flow *flow, char text[COMMUNITY_ID_MAX])
{
	uint8_t bytes[2 + 16 + 16 + 2 + 4] = {0}, digest[SHA1_SIZE], *at = bytes + 2;
	size_t size = addr_bits(&flow->src) / 8;
	struct ends ends = {0};
	const struct addr *first = &flow->src, *second = &flow->dst;
	int order = addr_compare(first, second);

	text[0] = '\0';
	if (size == 0 || flow->src.family != flow->dst.family || !find_ends(flow, &ends))
		return false;
	if (!ends.one_way && (order > 0 || (order == 0 && ends.src > ends.dst))) {
		uint16_t port = ends.src;

		first = &flow->dst;
		second = &flow->src;
		ends.src = ends.dst;
		ends.dst = port;
	}
	memcpy(at, first->bytes, size);
	memcpy(at + size, second->bytes, size);
	at += 2 * size;
	*at = flow->proto;
	at += 2;
	if (ends.any) {
		*at++ = (uint8_t)(ends.src >> 8);
		*at++ = (uint8_t)ends.src;
		*at++ = (uint8_t)(ends.dst >> 8);
		*at++ = (uint8_t)ends.dst;
	}
	sha1(bytes, (size_t)(at - bytes), digest);
	memcpy(text, "1:", 2);
	(void)sodium_bin2base64(
	    text + 2, COMMUNITY_ID_MAX - 2, digest, sizeof digest, sodium_base64_VARIANT_ORIGINAL);
	return true;
}
