/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/entry.h"

#include <errno.h>
#include <inttypes.h>
#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>
#include <libiptc/libxtc.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_dccp.h>
#include <linux/netfilter/xt_sctp.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the two families' entries keep the same things. */
struct shape {
	unsigned family;
	size_t size, ip, ip_size, nfcache, target_offset, next_offset, comefrom, counters;
	size_t src, dst, smsk, dmsk, addr_size, iniface, outiface, iniface_mask, proto;
};

#define SHAPE(entry, ip_member, ip_type, addr_type, fam)                                           \
	{                                                                                          \
		.family = (fam), .size = sizeof(struct entry),                                     \
		.ip = offsetof(struct entry, ip_member), .ip_size = sizeof(struct ip_type),        \
		.nfcache = offsetof(struct entry, nfcache),                                        \
		.target_offset = offsetof(struct entry, target_offset),                            \
		.next_offset = offsetof(struct entry, next_offset),                                \
		.comefrom = offsetof(struct entry, comefrom),                                      \
		.counters = offsetof(struct entry, counters),                                      \
		.src = offsetof(struct entry, ip_member.src),                                      \
		.dst = offsetof(struct entry, ip_member.dst),                                      \
		.smsk = offsetof(struct entry, ip_member.smsk),                                    \
		.dmsk = offsetof(struct entry, ip_member.dmsk), .addr_size = sizeof(addr_type),    \
		.iniface = offsetof(struct entry, ip_member.iniface),                              \
		.outiface = offsetof(struct entry, ip_member.outiface),                            \
		.iniface_mask = offsetof(struct entry, ip_member.iniface_mask),                    \
		.proto = offsetof(struct entry, ip_member.proto),                                  \
	}

static const struct shape shape4 = SHAPE(ipt_entry, ip, ipt_ip, struct in_addr, 4);
static const struct shape shape6 = SHAPE(ip6t_entry, ipv6, ip6t_ip6, struct in6_addr, 6);

static const struct shape *
shape_of(unsigned family)
{
	return family == 6 ? &shape6 : &shape4;
}

static uint16_t
get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static void
put16(uint8_t *p, size_t v)
{
	uint16_t v16 = (uint16_t)v;

	memcpy(p, &v16, sizeof v16);
}

char *
entry_tag(uint64_t capture, unsigned rule, char tag[ENTRY_TAG_MAX])
{
	snprintf(tag, ENTRY_TAG_MAX, "finderscope:%" PRIu64 ":%u", capture, rule);
	return tag;
}

bool
entry_read_tag(const char *text, size_t size, uint64_t *ret_capture, unsigned *ret_rule)
{
	static const char head[] = "finderscope:";
	char copy[ENTRY_TAG_MAX], back[ENTRY_TAG_MAX], *end;
	size_t len = strnlen(text, size);

	if (len < sizeof head || len >= sizeof copy || memcmp(text, head, sizeof head - 1) != 0)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	errno = 0;
	unsigned long long capture = strtoull(copy + sizeof head - 1, &end, 10);
	if (errno || *end != ':' || capture == 0)
		return false;
	unsigned long rule = strtoul(end + 1, &end, 10);
	if (errno || *end != '\0' || rule > UINT8_MAX)
		return false;
	/* Exactly what entry_tag writes: signs, blanks and leading zeros are somebody else's. */
	if (strcmp(copy, entry_tag(capture, (unsigned)rule, back)) != 0)
		return false;
	*ret_capture = capture;
	*ret_rule = (unsigned)rule;
	return true;
}

static void
mask_bytes(uint8_t *mask, size_t size, unsigned len)
{
	for (size_t i = 0; i < size; i++) {
		unsigned bits = len >= 8 ? 8 : len;
		mask[i] = (uint8_t)(0xFF00U >> bits);
		len -= bits;
	}
}

/* Appends one match or target header (both have the same layout) and its data, aligned. */
static int
append(struct entry *e, const char *name, uint8_t revision, const void *data, size_t size)
{
	size_t total = XT_ALIGN(sizeof(struct xt_entry_match)) + XT_ALIGN(size);

	if (e->size + total > sizeof e->bytes)
		return -E2BIG;
	struct xt_entry_match head;
	memset(&head, 0, sizeof head);
	head.u.user.match_size = (uint16_t)total;
	snprintf(head.u.user.name, sizeof head.u.user.name, "%s", name);
	head.u.user.revision = revision;
	memcpy(e->bytes + e->size, &head, sizeof head);
	memcpy(e->bytes + e->size + XT_ALIGN(sizeof head), data, size);
	e->size = (uint16_t)(e->size + total);
	return 0;
}

static int
append_ports(struct entry *e, const struct filter_match *m)
{
	uint16_t src[2] = {m->src_port, m->src_port ? m->src_port : 0xFFFF};
	uint16_t dst[2] = {m->dst_port, m->dst_port ? m->dst_port : 0xFFFF};
	struct xt_tcp tcp = {.spts = {src[0], src[1]}, .dpts = {dst[0], dst[1]}};
	struct xt_udp udp = {.spts = {src[0], src[1]}, .dpts = {dst[0], dst[1]}};
	struct xt_sctp_info sctp = {.spts = {src[0], src[1]}, .dpts = {dst[0], dst[1]}};
	struct xt_dccp_info dccp = {.spts = {src[0], src[1]}, .dpts = {dst[0], dst[1]}};

	sctp.flags =
	    (m->src_port ? XT_SCTP_SRC_PORTS : 0U) | (m->dst_port ? XT_SCTP_DEST_PORTS : 0U);
	dccp.flags = (uint16_t)((m->src_port ? XT_DCCP_SRC_PORTS : 0U) |
				(m->dst_port ? XT_DCCP_DEST_PORTS : 0U));
	switch (m->proto) {
	case IPPROTO_TCP:
		return append(e, "tcp", 0, &tcp, sizeof tcp);
	case IPPROTO_UDP:
		return append(e, "udp", 0, &udp, sizeof udp);
	case IPPROTO_UDPLITE:
		return append(e, "udplite", 0, &udp, sizeof udp);
	case IPPROTO_SCTP:
		return append(e, "sctp", 0, &sctp, sizeof sctp);
	case IPPROTO_DCCP:
		return append(e, "dccp", 0, &dccp, sizeof dccp);
	default:
		return -EPROTONOSUPPORT;
	}
}

static void
put_iface(const struct shape *s, struct entry *e, const char *iface)
{
	size_t len = strlen(iface);

	memcpy(e->bytes + s->iniface, iface, len);
	/* A wildcard is stored with its '+' and compared up to it; a name, with its NUL. */
	memset(e->bytes + s->iniface_mask, 0xFF, iface[len - 1] == '+' ? len - 1 : len + 1);
}

int
entry_build(const struct filter_match *match, const char *iface, const char *tag,
    const struct entry_target *target, struct entry *ret_entry)
{
	unsigned family = match->src.addr.family;
	const struct shape *s = shape_of(family);
	struct entry e;
	int r;

	if ((family != 4 && family != 6) || match->dst.addr.family != family)
		return -EAFNOSUPPORT;
	if (target->size > sizeof target->data)
		return -E2BIG;
	memset(&e, 0, sizeof e);
	e.size = (uint16_t)XT_ALIGN(s->size);
	memcpy(e.bytes + s->src, match->src.addr.bytes, s->addr_size);
	memcpy(e.bytes + s->dst, match->dst.addr.bytes, s->addr_size);
	mask_bytes(e.bytes + s->smsk, s->addr_size, match->src.len);
	mask_bytes(e.bytes + s->dmsk, s->addr_size, match->dst.len);
	put_iface(s, &e, match->iface[0] ? match->iface : iface);
	if (match->has_proto) {
		put16(e.bytes + s->proto, match->proto);
		/* ip6tables looks at the protocol only when told to. */
		if (family == 6)
			e.bytes[offsetof(struct ip6t_entry, ipv6.flags)] |= IP6T_F_PROTO;
	}
	if (match->src_port || match->dst_port) {
		r = append_ports(&e, match);
		if (r < 0)
			return r;
	}
	if (tag) {
		struct xt_comment_info comment;
		memset(&comment, 0, sizeof comment);
		snprintf(comment.comment, sizeof comment.comment, "%s", tag);
		r = append(&e, "comment", 0, &comment, sizeof comment);
		if (r < 0)
			return r;
	}
	put16(e.bytes + s->target_offset, e.size);
	r = append(&e, target->name, target->revision, target->data, target->size);
	if (r < 0)
		return r;
	put16(e.bytes + s->next_offset, e.size);
	*ret_entry = e;
	return 0;
}

/* The header at `at`, and the end of its data; false where it does not fit before `limit`. */
static bool
header_at(const uint8_t *bytes, size_t at, size_t limit, struct xt_entry_match *ret_head)
{
	if (at > limit || limit - at < sizeof *ret_head)
		return false;
	memcpy(ret_head, bytes + at, sizeof *ret_head);
	return ret_head->u.user.match_size >= sizeof *ret_head &&
	       ret_head->u.user.match_size <= limit - at &&
	       memchr(ret_head->u.user.name, '\0', sizeof ret_head->u.user.name) != NULL;
}

static bool
offsets_ok(const struct shape *s, const uint8_t *bytes, size_t size, size_t *ret_target)
{
	if (size < s->size)
		return false;
	*ret_target = get16(bytes + s->target_offset);
	return *ret_target >= s->size && *ret_target <= size;
}

bool
entry_find_tag(
    unsigned family, const uint8_t *bytes, size_t size, uint64_t *ret_capture, unsigned *ret_rule)
{
	const struct shape *s = shape_of(family);
	struct xt_entry_match head;
	size_t target;

	if (!offsets_ok(s, bytes, size, &target))
		return false;
	for (size_t at = s->size; header_at(bytes, at, target, &head); at += head.u.user.match_size)
		if (strcmp(head.u.user.name, "comment") == 0 &&
		    entry_read_tag((const char *)bytes + at + sizeof head,
			head.u.user.match_size - sizeof head, ret_capture, ret_rule))
			return true;
	return false;
}

/* The kernel copies a name out up to its NUL; what stands behind it is whatever the reader's memory
 * held before (xt_match_to_user). */
static bool
head_same(const struct xt_entry_match *a, const struct xt_entry_match *b)
{
	return a->u.user.match_size == b->u.user.match_size &&
	       a->u.user.revision == b->u.user.revision &&
	       strncmp(a->u.user.name, b->u.user.name, sizeof a->u.user.name) == 0;
}

bool
entry_same(
    unsigned family, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, bool deep)
{
	const struct shape *s = shape_of(family);
	struct xt_entry_match ha, hb;
	size_t ta, tb;

	if (!offsets_ok(s, a, a_size, &ta) || !offsets_ok(s, b, b_size, &tb) || ta != tb ||
	    memcmp(a + s->ip, b + s->ip, s->ip_size) != 0)
		return false;
	/* Matches: those that we build have no private part. */
	for (size_t at = s->size; header_at(a, at, ta, &ha); at += ha.u.user.match_size)
		if (!header_at(b, at, tb, &hb) || !head_same(&ha, &hb) ||
		    memcmp(a + at + sizeof ha, b + at + sizeof hb,
			ha.u.user.match_size - sizeof ha) != 0)
			return false;
	if (!header_at(a, ta, a_size, &ha) || !header_at(b, tb, b_size, &hb) ||
	    !head_same(&ha, &hb))
		return false;
	return !deep || memcmp(a + ta + sizeof ha, b + tb + sizeof hb,
			    ha.u.user.match_size - sizeof ha) == 0;
}

struct entry_counters
entry_counters(unsigned family, const uint8_t *bytes, size_t size)
{
	const struct shape *s = shape_of(family);
	struct xt_counters counters = {0};

	if (size >= s->size)
		memcpy(&counters, bytes + s->counters, sizeof counters);
	return (struct entry_counters){.packets = counters.pcnt, .bytes = counters.bcnt};
}

bool
entry_is_standard(unsigned family, const uint8_t *bytes, size_t size)
{
	struct xt_entry_match head;
	size_t target;

	return offsets_ok(shape_of(family), bytes, size, &target) &&
	       header_at(bytes, target, size, &head) && head.u.user.name[0] == '\0';
}

/* Eight bytes a step (splitmix64's mixing): a table of 10,000 rules is hashed twice a commit. */
static uint64_t
hash_bytes(uint64_t hash, const uint8_t *p, size_t size)
{
	while (size) {
		uint64_t word = size;
		size_t n = size < 8 ? size : 8;
		if (n == 8)
			memcpy(&word, p, 8);
		else
			for (size_t i = 0; i < n; i++)
				word = word << 8 | p[i];
		hash = (hash ^ word) * UINT64_C(0xBF58476D1CE4E5B9);
		hash ^= hash >> 29;
		p += n;
		size -= n;
	}
	return hash;
}

/* A match or target: its head without what stands behind the name's NUL, and its data when asked.
 */
static uint64_t
hash_part(uint64_t hash, const uint8_t *bytes, const struct xt_entry_match *head, bool deep)
{
	size_t name = strnlen(head->u.user.name, sizeof head->u.user.name);

	hash ^= (uint64_t)head->u.user.match_size << 32 | (uint64_t)head->u.user.revision << 16;
	hash = hash_bytes(hash, (const uint8_t *)head->u.user.name, name);
	return deep ? hash_bytes(hash, bytes + sizeof *head, head->u.user.match_size - sizeof *head)
		    : hash;
}

uint64_t
entry_hash(unsigned family, const uint8_t *bytes, size_t size, const char *verdict, bool deep,
    uint64_t seed)
{
	const struct shape *s = shape_of(family);
	struct xt_entry_match head;
	size_t target;

	if (!offsets_ok(s, bytes, size, &target))
		return hash_bytes(seed, bytes, size);
	seed = hash_bytes(seed, bytes + s->ip, s->ip_size);
	for (size_t at = s->size; header_at(bytes, at, target, &head); at += head.u.user.match_size)
		seed = hash_part(seed, bytes + at, &head, deep);
	if (!header_at(bytes, target, size, &head))
		return hash_bytes(seed, bytes + target, size - target);
	if (head.u.user.name[0] == '\0')
		return hash_bytes(seed, (const uint8_t *)verdict, strlen(verdict));
	return hash_part(seed, bytes + target, &head, deep);
}

static void
add_text(char *text, size_t *at, const char *word, const char *value)
{
	if (*at < ENTRY_TEXT_MAX)
		*at += (size_t)snprintf(
		    text + *at, ENTRY_TEXT_MAX - *at, "%s%s %s", *at ? " " : "", word, value);
}

static struct prefix
read_prefix(const struct shape *s, const uint8_t *addr, const uint8_t *mask)
{
	struct addr a = s->family == 4 ? addr_from_v4(addr) : (struct addr){.family = 6};
	unsigned len = 0;

	if (s->family == 6)
		memcpy(a.bytes, addr, sizeof a.bytes);
	for (size_t i = 0; i < s->addr_size; i++)
		for (unsigned bits = mask[i]; bits & 0x80; bits = bits << 1 & 0xFF)
			len++;
	return (struct prefix){.addr = a, .len = (uint8_t)len};
}

char *
entry_describe(unsigned family, const uint8_t *bytes, size_t size, const char *verdict,
    char text[ENTRY_TEXT_MAX])
{
	const struct shape *s = shape_of(family);
	struct xt_entry_match head;
	char word[PREFIX_TEXT_MAX], iface[FILTER_IFACE_MAX + 1] = "";
	size_t target, at = 0;

	text[0] = '\0';
	if (!offsets_ok(s, bytes, size, &target))
		return text;
	struct prefix src = read_prefix(s, bytes + s->src, bytes + s->smsk);
	struct prefix dst = read_prefix(s, bytes + s->dst, bytes + s->dmsk);
	if (src.len)
		add_text(text, &at, "-s", prefix_format(&src, word));
	if (dst.len)
		add_text(text, &at, "-d", prefix_format(&dst, word));
	memcpy(iface, bytes + s->iniface, FILTER_IFACE_MAX);
	if (iface[0])
		add_text(text, &at, "-i", iface);
	memcpy(iface, bytes + s->outiface, FILTER_IFACE_MAX);
	if (iface[0])
		add_text(text, &at, "-o", iface);
	if (get16(bytes + s->proto)) {
		snprintf(word, sizeof word, "%u", get16(bytes + s->proto));
		add_text(text, &at, "-p", word);
	}
	for (size_t m = s->size; header_at(bytes, m, target, &head); m += head.u.user.match_size) {
		add_text(text, &at, "-m", head.u.user.name);
		if (strcmp(head.u.user.name, "comment") == 0) {
			char comment[60];
			size_t room = head.u.user.match_size - sizeof head;
			snprintf(comment, sizeof comment, "\"%.*s\"", (int)(room < 56 ? room : 56),
			    (const char *)bytes + m + sizeof head);
			add_text(text, &at, "--comment", comment);
		}
	}
	if (header_at(bytes, target, size, &head))
		add_text(text, &at, "-j", head.u.user.name[0] ? head.u.user.name : verdict);
	return text;
}
