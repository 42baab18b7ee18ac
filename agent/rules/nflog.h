/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sockets that *mirror* works with, made where the privilege is: an NFLOG group
 * (nfnetlink_log, linux/netfilter/nfnetlink_log.h) and raw GRE. Owns nothing; descriptors are the
 * caller's.
 */
#ifndef AGENT_RULES_NFLOG_H
#define AGENT_RULES_NFLOG_H

#include <stdint.h>

/*
 * Binds the group in this network namespace: the first `snap` bytes of packets (0: all of them),
 * queue threshold 64, time-out 10 ms, sequence numbers, a socket buffer of 16 MiB. A descriptor, or
 * -EBUSY when somebody else listens to the group, -ENOENT without nfnetlink_log, another negative
 * errno.
 */
int nflog_open(uint16_t group, uint16_t snap);

/* A raw socket for GRE that takes nothing in and sends with this DSCP (0 to 63, RFC 2474). Family 4
 * or 6. A descriptor or a negative errno. */
int nflog_open_gre(unsigned family, uint8_t dscp);

#endif
