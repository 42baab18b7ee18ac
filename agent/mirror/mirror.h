/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copier for plain Linux: takes packets from the NFLOG socket that rules configured, puts the
 * Ethernet header they came with and an ERSPAN header before them, sends them through a raw GRE
 * socket. No capability, a user of its own. The inner TTL is as the FORWARD chain saw it, that is
 * one less than on the wire; in mangle PREROUTING it is the wire's.
 */
#ifndef AGENT_MIRROR_MIRROR_H
#define AGENT_MIRROR_MIRROR_H

#include <sys/types.h>

/* The process's life: WIRE_FD_PEER is there. Becomes uid and gid first. Returns the exit status. */
int mirror_main(uid_t uid, gid_t gid);

#endif
