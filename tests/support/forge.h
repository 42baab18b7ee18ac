/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes sFlow datagrams and packet headers by hand, right ones and wrong ones: bytes are appended
 * in the order they stand on the wire. A length or count that is left to forge_close is right;
 * whoever wants a wrong one writes it over with forge_patch32.
 */
#ifndef TESTS_SUPPORT_FORGE_H
#define TESTS_SUPPORT_FORGE_H

#include <stddef.h>
#include <stdint.h>

#define FORGE_MAX 65536

struct forge {
	size_t length;
	uint8_t bytes[FORGE_MAX];
};

/* What is appended at `length`; each ends the test program when it does not fit. */
void forge_bytes(struct forge *forge, const void *bytes, size_t length);
void forge_zero(struct forge *forge, size_t length);
void forge_8(struct forge *forge, unsigned value);
void forge_16(struct forge *forge, unsigned value);
void forge_32(struct forge *forge, uint32_t value);
void forge_patch16(struct forge *forge, size_t offset, unsigned value);
void forge_patch32(struct forge *forge, size_t offset, uint32_t value);
/* An address literal, 4 or 16 bytes. */
void forge_addr(struct forge *forge, const char *text);

/* Starts a datagram anew: version 5, agent (IPv4 or IPv6 literal), sub-agent 0. */
void forge_datagram(
    struct forge *forge, const char *agent, uint32_t sequence, uint32_t uptime, uint32_t samples);

/* A tag with a length that forge_close fills in; returns where it stands. For samples and records.
 */
size_t forge_open(struct forge *forge, uint32_t tag);
void forge_close(struct forge *forge, size_t mark);

/* A whole sample or record of 32-bit words: forge_words(forge, tag, word, …). */
#define forge_words(forge, tag, ...)                                                               \
	forge_word_list(forge, tag, (const uint32_t[]){__VA_ARGS__},                               \
	    sizeof(const uint32_t[]){__VA_ARGS__} / sizeof(uint32_t))
void forge_word_list(struct forge *forge, uint32_t tag, const uint32_t *words, size_t count);

/* The fixed fields of samples, the number of records last. Source 0:7, rate 1000, input 3,
 * output 4. */
void forge_flow(struct forge *forge, uint32_t sequence, uint32_t records);
void forge_expanded(struct forge *forge, uint32_t sequence, uint32_t records);
void forge_discard(struct forge *forge, uint32_t sequence, uint32_t reason, uint32_t records);

/* A whole raw header record around the bytes of `packet`. */
void forge_header(struct forge *forge, uint32_t protocol, const struct forge *packet);

/* A whole compact flow sample with one raw Ethernet header. */
void forge_sample(struct forge *forge, uint32_t sequence, const struct forge *packet);

/* Packet headers, outermost first. Lengths in IP headers are left 0 (segmentation offload leaves
 * them so too). */
void forge_ethernet(struct forge *forge, unsigned type);
void forge_vlan(struct forge *forge, unsigned id, unsigned type);
void forge_ipv4(struct forge *forge, const char *src, const char *dst, unsigned proto);
void forge_ipv6(struct forge *forge, const char *src, const char *dst, unsigned proto);
void forge_tcp(struct forge *forge, unsigned src_port, unsigned dst_port, unsigned flags);
void forge_udp(struct forge *forge, unsigned src_port, unsigned dst_port);

#endif
