/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table lock that every well-behaved iptables takes: flock on /run/xtables.lock
 * (XTABLES_LOCKFILE where set, as iptables has it) and, for iptables before 1.6, the abstract
 * socket "xtables". Never waits: who finds it taken comes back. A file that was removed meanwhile
 * is nobody's lock: the one in its place is taken. Owns the file's descriptor.
 */
#ifndef AGENT_RULES_LOCK_H
#define AGENT_RULES_LOCK_H

struct lock {
	int fd;     /* the file; open between takings */
	int socket; /* -1 when not held */
};

/* Opens the file, root's, 0600, making it where it is missing. 0 or a negative errno. */
int lock_open(struct lock *ret_lock);
void lock_close(struct lock *lock);

/* The process that has the file's lock, as /proc/locks says; 0: nobody, or it cannot be told. */
int lock_holder(const struct lock *lock);

/* 0 or -EAGAIN (somebody else has it) or another errno. */
int lock_take(struct lock *lock);
void lock_give(struct lock *lock);

#endif
