/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which hosts are attached to which switch, as the agents say (from their neighbour tables): a hash
 * from address to claims. A bounded number a switch. Owns its claims.
 */
#ifndef CONTROLLER_DECIDE_HOSTS_H
#define CONTROLLER_DECIDE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/addr.h"

#define HOSTS_VRF_MAX 16
#define HOSTS_SWITCH_MAX 16384

struct hosts_claim {
	struct addr addr;
	unsigned id;                  /* switch */
	uint32_t vni;                 /* 0: unknown or none */
	char vrf[HOSTS_VRF_MAX];      /* "": the default one, or unknown */
	struct hosts_claim *next;     /* same bucket */
	TAILQ_ENTRY(hosts_claim) own; /* of the same switch */
};

struct hosts;

/* 0 or -ENOMEM. */
int hosts_new(size_t switch_count, struct hosts **ret_hosts);
void hosts_free(struct hosts **hosts);

/* The host (an address within a VRF) is attached to the switch. 1, 0 (known already just so),
 * -ENOSPC (HOSTS_SWITCH_MAX), -ENOMEM. */
int hosts_add(
    struct hosts *hosts, unsigned id, const struct addr *addr, const char *vrf, uint32_t vni);
/* It is no longer; true when that was a change. */
bool hosts_remove(struct hosts *hosts, unsigned id, const struct addr *addr, const char *vrf);
/* The switch has none any more; returns how many it had. */
size_t hosts_clear(struct hosts *hosts, unsigned id);

/* The first claim on an address (`after` NULL) or the next; NULL: no more. */
const struct hosts_claim *hosts_find(
    const struct hosts *hosts, const struct addr *addr, const struct hosts_claim *after);
size_t hosts_count(const struct hosts *hosts);

/* Other ids: `new_ids` by old id, -1: gone with its hosts. 0 or -ENOMEM, then nothing changed. */
int hosts_renumber(struct hosts *hosts, const int *new_ids, size_t switch_count);

#endif
