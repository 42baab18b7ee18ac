/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hosts attached to this switch, from the kernel's neighbours and the bridges' forwarding
 * entries (linux/neighbour.h), and what of them the controller was told.
 *
 * A host is a neighbour that this switch learned by itself: on a bridge (or a VLAN of one) when the
 * bridge forwards to its MAC through a local port, else on a front port. What EVPN brought
 * (NTF_EXT_LEARNED) lives elsewhere and never counts, nor does anything behind a VXLAN device.
 *
 * Fed with messages, settled now and then: hosts_settle compares what the facts come to with what
 * was told and queues the difference. Owns its tables, all bounded. No socket of its own.
 */
#ifndef AGENT_MAIN_HOSTS_H
#define AGENT_MAIN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/main/links.h"
#include "common/msg/agent_msg.h"

#define HOSTS_MAX 4096        /* told to a controller */
#define HOSTS_FACTS_MAX 32768 /* neighbours, and forwarding entries, kept */

struct hosts;

/* 0 or -ENOMEM. */
int hosts_new(struct hosts **ret_hosts);
void hosts_free(struct hosts **hosts);

/* Takes RTM_NEWNEIGH and RTM_DELNEIGH, of IP neighbours and of bridges; others are skipped. True
 * when hosts_settle may find something. */
bool hosts_take(struct hosts *hosts, const struct nlmsghdr *message);

/* Forgets the facts, before all are read anew; not what was told. */
void hosts_clear(struct hosts *hosts);

/* Compares; `front` is the pattern of the ports that hosts may be behind without a bridge. True
 * when there is something to tell. */
bool hosts_settle(struct hosts *hosts, const struct links *links, const char *front);

/* Another session: all is told anew. */
void hosts_restart(struct hosts *hosts);

/* True when there is something that was not yet told. */
bool hosts_wait(const struct hosts *hosts);

/* Fills in the hosts of a poll; the same page again until hosts_told. */
void hosts_page(struct hosts *hosts, struct agent_poll *poll);

/* The page was taken. */
void hosts_told(struct hosts *hosts);

#endif
