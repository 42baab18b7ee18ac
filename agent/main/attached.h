/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hosts attached to this switch, from the kernel's neighbours and the bridges' forwarding
 * entries (linux/neighbour.h), and what of them the controller was told.
 *
 * A host is a neighbour that this switch learned by itself: on a bridge (or a VLAN of one) when the
 * bridge forwards to its MAC through a local port, else on a front port. What EVPN brought
 * (NTF_EXT_LEARNED) lives elsewhere and never counts, nor does anything behind a VXLAN device.
 *
 * Fed with messages, settled now and then: attached_settle compares what the facts come to with
 * what was told and queues the difference. Owns its tables, all bounded. No socket of its own.
 */
#ifndef AGENT_MAIN_ATTACHED_H
#define AGENT_MAIN_ATTACHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/main/links.h"
#include "common/msg/agent_msg.h"

#define ATTACHED_MAX 4096        /* told to a controller */
#define ATTACHED_FACTS_MAX 32768 /* neighbours, and forwarding entries, kept */

struct attached;

/* 0 or -ENOMEM. */
int attached_new(struct attached **ret_hosts);
void attached_free(struct attached **hosts);

/* Takes RTM_NEWNEIGH and RTM_DELNEIGH, of IP neighbours and of bridges; others are skipped. True
 * when attached_settle may find something. */
bool attached_take(struct attached *hosts, const struct nlmsghdr *message);

/* Forgets the facts, before all are read anew; not what was told. */
void attached_clear(struct attached *hosts);

/* Compares; `front` is the pattern of the ports that hosts may be behind without a bridge. True
 * when there is something to tell. */
bool attached_settle(struct attached *hosts, const struct links *links, const char *front);

/* Another session: all is told anew. */
void attached_restart(struct attached *hosts);

/* True when there is something that was not yet told. */
bool attached_wait(const struct attached *hosts);

/* Fills in the hosts of a poll; the same page again until attached_told. */
void attached_page(struct attached *hosts, struct agent_poll *poll);

/* The page was taken. */
void attached_told(struct attached *hosts);

#endif
