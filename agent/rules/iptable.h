/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's legacy tables through libip4tc and libip6tc: read a whole table, tell ours from
 * foreign, change it in one commit, read it again and compare. Holds no lock by itself (lock.h). A
 * reading owns its libiptc handle and serves one commit; IPv4 and IPv6 share all code through a
 * table of operations. FIELD-NOTES section 2 is what this file knows.
 */
#ifndef AGENT_RULES_IPTABLE_H
#define AGENT_RULES_IPTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/rules/entry.h"
#include "agent/rules/planner.h"

struct iptable_reading;

/* A rule of ours as it was read; bytes live as long as the reading. */
struct iptable_row {
	struct planner_have have;
	const uint8_t *bytes;
	size_t size;
};

/* Where comments are not accepted: rules that the state file calls ours, exactly. */
struct iptable_known {
	uint64_t capture;
	unsigned rule;
	unsigned family;
	struct entry entry;
};

/*
 * Reads `table`. `known` may be NULL. `deep`: foreign rules are compared with all their bytes (a
 * kernel of 4.11 or later, which shows no private pointers). 0 or a negative errno (-ENOENT no such
 * table; -ENOPROTOOPT ip_tables is not loaded; -EPERM).
 */
int iptable_read(unsigned family, const char *table, const struct iptable_known *known,
    size_t n_known, bool deep, struct iptable_reading **ret_reading);

void iptable_free(struct iptable_reading **reading);

/* Ours, in the order of the table. */
const struct iptable_row *iptable_ours(const struct iptable_reading *reading, size_t *ret_n);

/* Rules of others, all chains. */
size_t iptable_foreign_count(const struct iptable_reading *reading);

bool iptable_has_chain(const struct iptable_reading *reading, const char *chain);

/* Takes the planned rules out of the reading. 0 or a negative errno. */
int iptable_delete(struct iptable_reading *reading, const struct planner_delete *deletes, size_t n);

/* Puts one rule in, at the end of the chain or at its start. 0 or a negative errno. */
int iptable_add(
    struct iptable_reading *reading, const char *chain, bool first, const struct entry *entry);

/* Commits, once. 0; -EAGAIN: the table changed meanwhile, read again; another errno with libiptc's
 * words in *ret_text (static). -EINVAL may mean installed: read again and look. */
int iptable_commit(struct iptable_reading *reading, const char **ret_text);

/*
 * Compares the foreign rules of two readings, one by one in their order. True when they are the
 * same; else the first that differs is told in `text` ("lost: FORWARD -s … -j DROP").
 */
bool iptable_foreign_same(
    struct iptable_reading *before, struct iptable_reading *after, char text[ENTRY_TEXT_MAX + 48]);

#endif
