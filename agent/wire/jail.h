/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving up privileges, for all three processes. To be started at all the agent needs, in
 * CapabilityBoundingSet, CAP_NET_ADMIN and CAP_NET_RAW (rules keeps these two and nothing else),
 * CAP_SETUID, CAP_SETGID (main and mirror change their user) and CAP_SETPCAP (to shrink the
 * bounding set; done without where it is missing). After jail_drop nothing comes back:
 * no-new-privileges.
 */
#ifndef AGENT_WIRE_JAIL_H
#define AGENT_WIRE_JAIL_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Becomes uid and gid with no supplementary groups and the capabilities of the mask `keep` (1 <<
 * CAP_…) alone, in every set; the others leave the bounding set; no new privileges from here on.
 * Before any thread. 0 or a negative errno, and then the process must end.
 */
int jail_drop(uid_t uid, gid_t gid, uint64_t keep);

/*
 * The same for a uid 0 that executes another program: that program gets `keep` and no more. Nothing
 * else comes back either. 0 or a negative errno, and then the process must end.
 */
int jail_drop_exec(uint64_t keep);

/* What a role may call; everything else gives EPERM (a counted error at worst, never a surprise).
 */
enum jail_role { JAIL_MAIN, JAIL_RULES, JAIL_MIRROR };

/* Loads the role's seccomp filter. 0 or a negative errno. */
int jail_seccomp(enum jail_role role);

#endif
