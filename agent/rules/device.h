/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copier that is all in the kernel: an erspan device for each capture (ip_gre; its key is the
 * session id), made through libnl, into which a TEE rule puts the copies. A device bears a name
 * that says the capture and a link group that says it is ours; it goes with the capture, and the
 * route that copies of IPv6 find it by goes with it. It asks for nobody and announces nothing: no
 * ARP, no address, no multicast.
 *
 * What TEE changes in a copy: DF is set, the TTL is one less; the Ethernet header is made up. So
 * that no copy ever brings an ICMP to the host that sent the original, the device takes packets of
 * any size and the outer header never forbids fragments. Needs CAP_NET_ADMIN. Owns nothing.
 */
#ifndef AGENT_RULES_DEVICE_H
#define AGENT_RULES_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/rules/entry.h"
#include "common/base/addr.h"
#include "common/base/filter.h"
#include "common/base/order.h"

#define DEVICE_ERROR_MAX 120
/* What TEE is told; nobody's. */
#define DEVICE_GATEWAY4 "169.254.77.1"
#define DEVICE_GATEWAY6 "fe80::77:1"

/* True when such a device can be made here for packets of that family (4 or 6); makes one, and
 * takes it away. */
bool device_can(unsigned family);

/* "fs" and the capture in base 36. Returns `name`. */
char *device_name(uint64_t capture, char name[FILTER_IFACE_MAX]);

/*
 * Makes the capture's device anew, for packets of `family`: ERSPAN type 2 or 1, over IPv4 only; the
 * outer header has this DSCP (0 to 63, RFC 2474). 0, or a negative errno (-EEXIST: another device
 * has the same ends and session id) and words in `error`.
 */
int device_make(uint64_t capture, unsigned family, const struct analyser *analyser,
    const struct addr *source, uint8_t dscp, char error[DEVICE_ERROR_MAX]);

/* 0 or a negative errno; one that is not there is gone. */
int device_drop(uint64_t capture);

/* Takes away every device of ours; returns how many there were, or a negative errno. */
int device_clean(void);

struct device_counters {
	uint64_t copied, bytes, dropped;
};

/* What left through it, and what could not. False when it is not there. */
bool device_count(uint64_t capture, struct device_counters *ret_counters);

/* The rule's target: TEE towards the device (linux/netfilter/xt_TEE.h). */
void device_target(uint64_t capture, unsigned family, struct entry_target *ret_target);

#endif
