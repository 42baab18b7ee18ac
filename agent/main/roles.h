/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting the two helpers: forked and executed anew, so that neither has main's memory (and its
 * keys), before main gives up its privileges and before the first nanomsg socket.
 */
#ifndef AGENT_MAIN_ROLES_H
#define AGENT_MAIN_ROLES_H

#include <sys/types.h>

struct roles {
	pid_t rules, mirror;
	int rules_fd; /* to rules */
};

/* Who main and mirror become. */
struct roles_user {
	uid_t uid;
	gid_t gid;
};

/* Finds the user, else "nobody" (and says so). 0 or -ENOENT. */
int roles_find_user(const char *name, struct roles_user *ret_user);

/* Starts both; the log level is passed on. 0 or a negative errno. */
int roles_start(const struct roles_user *user, struct roles *ret_roles);

/* Waits up to `wait_ms` for the helpers to end, then ends them. Returns rules' exit status, or -1.
 */
int roles_stop(struct roles *roles, unsigned wait_ms);

#endif
