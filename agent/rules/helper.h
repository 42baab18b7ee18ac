/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that does one fixed thing each time it is told to, and is told nothing else: one byte
 * goes in, an answer of a fixed size comes out. Whoever speaks to it cannot choose what is done.
 * Each job runs in a child of the helper's own, which is killed when it takes too long, so that a
 * switchd or a tool that hangs never holds up a deadline. Life: helper_start while there are
 * privileges, any number of helper_go and helper_take, helper_stop. Owns one descriptor.
 */
#ifndef AGENT_RULES_HELPER_H
#define AGENT_RULES_HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HELPER_TEXT_MAX 256

/* Does the thing; words about a failure go to `text`. 0, or 1: it was refused, or a negative errno:
 * it could not be done. */
typedef int (*helper_job)(void *user, char text[HELPER_TEXT_MAX]);

struct helper_answer {
	int32_t result; /* the job's; -ETIMEDOUT: it took too long; -EIO: it ended without one */
	char text[HELPER_TEXT_MAX];
};

struct helper {
	int fd;
	pid_t pid;
	bool busy;
};

/* What the process keeps of root's privileges. */
enum helper_jail {
	HELPER_BARE, /* uid 0 without a capability, under the filter of rules */
	HELPER_EXEC, /* CAP_NET_ADMIN and CAP_NET_RAW, also in what it executes */
};

/* Forks it. `keep` are the descriptors that the job needs. 0 or a negative errno. */
int helper_start(helper_job job, void *user, enum helper_jail jail, const int *keep,
    unsigned n_keep, unsigned wait_ms, struct helper *ret_helper);

/* Tells it to go. 0; -EBUSY while it is at it; -EPIPE it is gone. */
int helper_go(struct helper *helper);

/* The answer. 0; -EAGAIN not yet; -EPIPE it is gone. Readable on `fd` when there is one. */
int helper_take(struct helper *helper, struct helper_answer *ret_answer);

/* Lets go of it: it ends after what it is at. */
void helper_stop(struct helper *helper);

/* Makes `text` fit a line of a report: printable, one blank where there were more. */
void helper_clean(char *text);

#endif
