/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internet addresses and prefixes, IPv4 and IPv6 in one plain value. Owns nothing, allocates
 * nothing. An IPv4 address sits in the first four bytes, network order, the rest zero, so that two
 * equal addresses are equal byte for byte and a hash may run over the whole struct.
 */
#ifndef COMMON_BASE_ADDR_H
#define COMMON_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* 0 in `family` is "no address"; 4 and 6 are the IP versions, not AF_ numbers (which differ between
 * systems). */
struct addr {
	uint8_t bytes[16];
	uint8_t family;
	uint8_t pad[7]; /* always zero */
};

struct prefix {
	struct addr addr; /* host bits are zero */
	uint8_t len;      /* bits: 0..32 or 0..128 */
};

/* Large enough for any text that addr_format or prefix_format write, NUL included. */
#define ADDR_TEXT_MAX 46
#define PREFIX_TEXT_MAX 50

/* Makes an address from 4 or 16 bytes in network order. An IPv4-mapped IPv6 address (RFC
 * 4291, 2.5.5.2) becomes IPv4. */
struct addr addr_from_v4(const void *bytes);
struct addr addr_from_v6(const void *bytes);

/* Reads an address literal; no names are resolved. 0, or -EINVAL when the text is anything else. */
int addr_parse(const char *text, struct addr *ret_addr);

/* Writes the address into `text` (RFC 5952 for IPv6; "-" for no address) and returns `text`. */
char *addr_format(const struct addr *addr, char text[ADDR_TEXT_MAX]);

bool addr_equal(const struct addr *a, const struct addr *b);

/* Total order: by family, then by bytes. Less than, equal to or greater than zero. */
int addr_compare(const struct addr *a, const struct addr *b);

/* 32 or 128; 0 for no address. */
unsigned addr_bits(const struct addr *addr);

/* AF_INET or AF_INET6; AF_UNSPEC for no address. */
int addr_af(const struct addr *addr);

/* Unspecified, loopback, link-local, multicast, broadcast: what can be no peer in a routed
 * conversation. */
bool addr_is_special(const struct addr *addr);

/* To and from a socket address; port in host order. addr_from_sockaddr gives -EAFNOSUPPORT for
 * other families. */
socklen_t addr_to_sockaddr(const struct addr *addr, uint16_t port, struct sockaddr_storage *ret_sa);
int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret_addr, uint16_t *ret_port);

/*
 * Reads "addr" or "addr/len". Host bits that are set are cleared, and *ret_masked (may be NULL)
 * says so. 0, or -EINVAL (no address, a length out of range, anything behind it).
 */
int prefix_parse(const char *text, struct prefix *ret_prefix, bool *ret_masked);

/* "addr/len", the length left out for a single host. Returns `text`. */
char *prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_MAX]);

/* The prefix of `len` bits that holds `addr`; a len over the address's size is cut to it. */
struct prefix prefix_make(const struct addr *addr, unsigned len);

bool prefix_contains(const struct prefix *prefix, const struct addr *addr);
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);
bool prefix_equal(const struct prefix *a, const struct prefix *b);

#endif
