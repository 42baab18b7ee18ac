/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule as the kernel's tables hold it: ipt_entry or ip6t_entry, matches, comment, target; made
 * from a filter's match and read back. IPv4 and IPv6 go one way; what differs is a table in the .c
 * file. Layouts: linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h,
 * linux/netfilter/xt_{tcpudp,sctp,dccp,comment}.h. Pure. Owns nothing.
 */
#ifndef AGENT_RULES_ENTRY_H
#define AGENT_RULES_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/filter.h"

#define ENTRY_MAX 1024
#define ENTRY_TARGET_DATA_MAX 384
#define ENTRY_TAG_MAX 48
#define ENTRY_TEXT_MAX 200

/* A target's name, revision and bytes, as its extension wrote them. */
struct entry_target {
	char name[30];
	uint8_t revision;
	uint16_t size; /* of data, bytes; not yet aligned */
	uint8_t data[ENTRY_TARGET_DATA_MAX];
};

struct entry {
	uint16_t size;
	_Alignas(8) uint8_t bytes[ENTRY_MAX];
};

struct entry_counters {
	uint64_t packets, bytes;
};

/* "finderscope:<capture>:<rule>"; returns `tag`. */
char *entry_tag(uint64_t capture, unsigned rule, char tag[ENTRY_TAG_MAX]);

/* Reads such a tag; true and the numbers when the text is exactly one. */
bool entry_read_tag(const char *text, size_t size, uint64_t *ret_capture, unsigned *ret_rule);

/*
 * Builds a rule of the match's family. `iface` is where the match names none; `tag` NULL leaves the
 * comment out. -EAFNOSUPPORT for a match without a family, -E2BIG for a target too large.
 */
int entry_build(const struct filter_match *match, const char *iface, const char *tag,
    const struct entry_target *target, struct entry *ret_entry);

/* The tag in a rule's comment match; false when it has none of ours. Checks every offset. */
bool entry_find_tag(
    unsigned family, const uint8_t *bytes, size_t size, uint64_t *ret_capture, unsigned *ret_rule);

/*
 * True when two rules match the same packets with the same comment and name the same target. A
 * target's data is left out unless `deep`: old kernels show private pointers there.
 */
bool entry_same(
    unsigned family, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, bool deep);

struct entry_counters entry_counters(unsigned family, const uint8_t *bytes, size_t size);

/* True when the target is a jump, a goto, or a verdict: its data is an offset that changes as rules
 * before it come and go. */
bool entry_is_standard(unsigned family, const uint8_t *bytes, size_t size);

/*
 * A fingerprint of a rule without its counters, seeded with `seed`; of a standard target the name
 * `verdict` is taken in place of the offset. Not `deep`: matches and targets count by name alone.
 */
uint64_t entry_hash(unsigned family, const uint8_t *bytes, size_t size, const char *verdict,
    bool deep, uint64_t seed);

/* The rule for people: "-s 10.0.0.0/8 -i swp1 -j DROP". Returns `text`. */
char *entry_describe(unsigned family, const uint8_t *bytes, size_t size, const char *verdict,
    char text[ENTRY_TEXT_MAX]);

#endif
