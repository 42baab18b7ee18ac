/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the captures held to the kernel's tables: under the lock read, plan, commit, read again,
 * compare. What was seen is written into the captures; what is hoped for is not. Owns the lock and
 * what is remembered of our own rules where they carry no tag.
 */
#ifndef AGENT_RULES_COMMIT_H
#define AGENT_RULES_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/rules/held.h"
#include "agent/rules/iptable.h"
#include "agent/rules/lock.h"
#include "agent/rules/state.h"

#define COMMIT_TEXT_MAX (ENTRY_TEXT_MAX + 64)

/* Makes the target of a capture's rule. 0, or a negative errno and words in `error`. */
typedef int (*commit_target)(void *user, const struct held *held, unsigned rule,
    struct entry_target *ret_target, char error[120]);

struct commit {
	const struct wire_config *config;
	struct held_set *set;
	commit_target target;
	void *user;
	struct lock lock;
	bool comments;              /* rules carry a tag */
	bool deep;                  /* the kernel shows no private pointers */
	struct state state;         /* of our own rules without a tag; boot id */
	bool used4, used6;          /* families that may hold rules of ours */
	bool stopped;               /* a foreign rule was lost or came back: nothing is added */
	char text[COMMIT_TEXT_MAX]; /* about the last error or the foreign rule */
	uint64_t commits, foreign_lost, retries, strays;
};

/* Opens the lock, reads the state file, probes. 0, or a negative errno with words in text. */
int commit_open(struct commit *commit, const struct wire_config *config, struct held_set *set,
    commit_target target, void *user);
void commit_close(struct commit *commit);

/*
 * Makes the tables what the captures want. Without `adds` only removals are done. 0; -EAGAIN: the
 * lock is somebody else's, try again; another errno with words in text (captures that cannot be
 * installed are FAILED by themselves and are no error of the whole).
 */
int commit_run(struct commit *commit, struct instant now, bool adds);

/*
 * Reads tables and counters, without the lock, and compares contents: captures in force of which a
 * rule is not there exactly as it should be get `missing`, and INSTALLING ones that are all there
 * are IN_KERNEL. Returns how many are missing, or a negative errno; in *ret_strays rules of ours
 * that should not be there.
 */
int commit_look(struct commit *commit, struct instant now, unsigned *ret_strays);

/* How many rules bear our mark, whatever table they are in. 0 or a negative errno. */
int commit_ours(struct commit *commit, unsigned *ret_n);

/* Takes out everything of ours, whatever table of the kernel it is in. 0, -EAGAIN (the lock),
 * errno. */
int commit_clean(struct commit *commit, unsigned *ret_removed);

#endif
