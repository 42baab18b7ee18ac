/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct addr
addr_from_v4(const void *bytes)
{
	struct addr addr = {.family = 4};

	memcpy(addr.bytes, bytes, 4);
	return addr;
}

struct addr
addr_from_v6(const void *bytes)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct addr addr = {.family = 6};

	if (memcmp(bytes, mapped, sizeof mapped) == 0)
		return addr_from_v4((const uint8_t *)bytes + 12);
	memcpy(addr.bytes, bytes, 16);
	return addr;
}

int
addr_parse(const char *text, struct addr *ret_addr)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*ret_addr = addr_from_v4(bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*ret_addr = addr_from_v6(bytes);
	else
		return -EINVAL;
	return 0;
}

char *
addr_format(const struct addr *addr, char text[ADDR_TEXT_MAX])
{
	if (addr->family == 0 || !inet_ntop(addr_af(addr), addr->bytes, text, ADDR_TEXT_MAX))
		memcpy(text, "-", 2);
	return text;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

int
addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

unsigned
addr_bits(const struct addr *addr)
{
	return addr->family == 4 ? 32 : addr->family == 6 ? 128 : 0;
}

int
addr_af(const struct addr *addr)
{
	return addr->family == 4 ? AF_INET : addr->family == 6 ? AF_INET6 : AF_UNSPEC;
}

bool
addr_is_special(const struct addr *addr)
{
	static const struct prefix special[] = {
	    {{{0}, 4, {0}}, 8},                   /* this network */
	    {{{127}, 4, {0}}, 8},                 /* loopback */
	    {{{169, 254}, 4, {0}}, 16},           /* link-local */
	    {{{224}, 4, {0}}, 4},                 /* multicast */
	    {{{255, 255, 255, 255}, 4, {0}}, 32}, /* limited broadcast */
	    {{{0}, 6, {0}}, 127},                 /* unspecified and loopback */
	    {{{0xfe, 0x80}, 6, {0}}, 10},         /* link-local */
	    {{{0xff}, 6, {0}}, 8},                /* multicast */
	};

	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		if (prefix_contains(&special[i], addr))
			return true;
	return addr->family == 0;
}

socklen_t
addr_to_sockaddr(const struct addr *addr, uint16_t port, struct sockaddr_storage *ret_sa)
{
	memset(ret_sa, 0, sizeof *ret_sa);
	if (addr->family == 6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sa;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, addr->bytes, 16);
		return sizeof *in6;
	}
	struct sockaddr_in *in = (struct sockaddr_in *)ret_sa;

	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	memcpy(&in->sin_addr, addr->bytes, 4);
	return sizeof *in;
}

int
addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret_addr, uint16_t *ret_port)
{
	uint16_t port;

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

		*ret_addr = addr_from_v4(&in->sin_addr);
		port = in->sin_port;
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

		*ret_addr = addr_from_v6(&in6->sin6_addr);
		port = in6->sin6_port;
	} else {
		return -EAFNOSUPPORT;
	}
	if (ret_port)
		*ret_port = ntohs(port);
	return 0;
}

static void
mask(struct addr *addr, unsigned len)
{
	for (unsigned i = 0; i < sizeof addr->bytes; i++) {
		unsigned keep = len > i * 8 ? len - i * 8 : 0;

		if (keep < 8)
			addr->bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
}

int
prefix_parse(const char *text, struct prefix *ret_prefix, bool *ret_masked)
{
	char head[ADDR_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t size = slash ? (size_t)(slash - text) : strlen(text);
	struct addr addr;
	unsigned len;

	if (size >= sizeof head)
		return -EINVAL;
	memcpy(head, text, size);
	head[size] = '\0';
	if (addr_parse(head, &addr) < 0)
		return -EINVAL;
	len = addr_bits(&addr);
	if (slash) {
		unsigned value = 0;
		const char *p = slash + 1;

		for (; *p >= '0' && *p <= '9' && p - slash <= 3; p++)
			value = value * 10 + (unsigned)(*p - '0');
		if (p == slash + 1 || *p)
			return -EINVAL;
		/* ::ffff:a.b.c.d/n was written as IPv6: its length counts from there. */
		if (addr.family == 4 && strchr(head, ':')) {
			if (value < 96 || value > 128)
				return -EINVAL;
			value -= 96;
		}
		if (value > len)
			return -EINVAL;
		len = value;
	}
	*ret_prefix = prefix_make(&addr, len);
	if (ret_masked)
		*ret_masked = !addr_equal(&addr, &ret_prefix->addr);
	return 0;
}

char *
prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_MAX])
{
	size_t n;

	addr_format(&prefix->addr, text);
	if (prefix->len < addr_bits(&prefix->addr)) {
		n = strlen(text);
		snprintf(text + n, PREFIX_TEXT_MAX - n, "/%u", prefix->len);
	}
	return text;
}

struct prefix
prefix_make(const struct addr *addr, unsigned len)
{
	struct prefix prefix = {.addr = *addr};
	unsigned bits = addr_bits(addr);

	prefix.len = (uint8_t)(len > bits ? bits : len);
	mask(&prefix.addr, prefix.len);
	return prefix;
}

bool
prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
	unsigned whole = prefix->len / 8, rest = prefix->len % 8;

	if (prefix->addr.family != addr->family || addr->family == 0)
		return false;
	if (memcmp(prefix->addr.bytes, addr->bytes, whole) != 0)
		return false;
	return rest == 0 ||
	       ((prefix->addr.bytes[whole] ^ addr->bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

bool
prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return outer->len <= inner->len && prefix_contains(outer, &inner->addr);
}

bool
prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}
