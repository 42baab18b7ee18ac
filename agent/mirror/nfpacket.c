/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/mirror/nfpacket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <net/if_arp.h>
#include <string.h>

/* "finderscope:<capture>:<rule>", as rules writes it. Called for each packet: no strtoull. */
static uint64_t
read_capture(const uint8_t *text, size_t size)
{
	static const char head[] = "finderscope:";
	uint64_t capture = 0;
	size_t at = sizeof head - 1;

	if (size <= at || memcmp(text, head, at) != 0)
		return 0;
	while (at < size && text[at] >= '0' && text[at] <= '9') {
		unsigned digit = text[at++] - '0';
		if (capture > (UINT64_MAX - digit) / 10)
			return 0;
		capture = capture * 10 + digit;
	}
	return at < size && text[at] == ':' ? capture : 0;
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return ntohl(v);
}

static uint16_t
get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return ntohs(v);
}

struct hardware {
	const uint8_t *header;
	size_t size, len;
	uint16_t type;
	bool has_len, has_type;
};

static void
take_attr(struct nfpacket *p, struct hardware *hw, uint16_t type, const uint8_t *value, size_t size)
{
	switch (type & NLA_TYPE_MASK) {
	case NFULA_PREFIX:
		p->capture = read_capture(value, size);
		break;
	case NFULA_PAYLOAD:
		p->payload = value;
		p->size = size;
		break;
	case NFULA_HWHEADER:
		hw->header = value;
		hw->size = size;
		break;
	case NFULA_HWTYPE:
		hw->has_type = size >= 2;
		hw->type = size >= 2 ? get16(value) : 0;
		break;
	case NFULA_HWLEN:
		hw->has_len = size >= 2;
		hw->len = size >= 2 ? get16(value) : 0;
		break;
	case NFULA_SEQ:
		p->has_sequence = size >= 4;
		p->sequence = size >= 4 ? get32(value) : 0;
		break;
	default:
		break;
	}
}

static int
take_attrs(const uint8_t *buf, size_t size, struct nfpacket *p)
{
	struct hardware hw = {.header = NULL};
	size_t at = 0;

	while (size - at >= NLA_HDRLEN) {
		struct nlattr attr;
		memcpy(&attr, buf + at, sizeof attr);
		if (attr.nla_len < NLA_HDRLEN || attr.nla_len > size - at)
			return -EBADMSG;
		take_attr(p, &hw, attr.nla_type, buf + at + NLA_HDRLEN,
		    attr.nla_len - (size_t)NLA_HDRLEN);
		size_t step = NLA_ALIGN((size_t)attr.nla_len);
		if (step > size - at)
			break;
		at += step;
	}
	size_t len = hw.has_len && hw.len < hw.size ? hw.len : hw.size;
	if (hw.header && len >= 14 && hw.has_type && hw.type == ARPHRD_ETHER) {
		p->hw = hw.header;
		p->hw_size = len;
	}
	return 0;
}

int
nfpacket_next(const uint8_t *buf, size_t size, size_t *at, struct nfpacket *ret_packet)
{
	struct nlmsghdr head;
	struct nfpacket p = {.capture = 0};

	if (*at >= size)
		return 0;
	if (size - *at < NLMSG_HDRLEN)
		return -EBADMSG;
	memcpy(&head, buf + *at, sizeof head);
	if (head.nlmsg_len < NLMSG_HDRLEN || head.nlmsg_len > size - *at)
		return -EBADMSG;
	const uint8_t *body = buf + *at + NLMSG_HDRLEN;
	size_t body_size = head.nlmsg_len - (size_t)NLMSG_HDRLEN;
	size_t step = NLMSG_ALIGN((size_t)head.nlmsg_len);
	*at = step > size - *at ? size : *at + step;
	if (head.nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
		return 2;
	if (body_size < sizeof(struct nfgenmsg))
		return -EBADMSG;
	int r = take_attrs(body + sizeof(struct nfgenmsg), body_size - sizeof(struct nfgenmsg), &p);
	if (r < 0)
		return r;
	if (!p.payload)
		return 2;
	*ret_packet = p;
	return 1;
}
