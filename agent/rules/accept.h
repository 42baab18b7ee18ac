/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the switch takes: every order is judged here by the switch itself, whoever sent it. Pure but
 * for the two reads of the system's addresses and routes.
 */
#ifndef AGENT_RULES_ACCEPT_H
#define AGENT_RULES_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/rules/held.h"
#include "agent/rules/route.h"
#include "agent/wire/wire.h"

struct accept_facts {
	const struct wire_config *config;
	uint8_t target4, target6;     /* enum wire_target; AUTO: none */
	uint32_t slots;               /* rules that may stand here */
	uint32_t destinations;        /* ERSPAN pairs of source and analyser; 0: no limit */
	uint32_t acl_used, acl_total; /* the switch's ACL space; 0 of 0: not known */
	const struct route *route;    /* to the analyser; NULL: none */
	const struct addr *own;       /* the switch's addresses */
	size_t n_own;
};

/*
 * Judges an order: a new one, or, with `self` in the set, another analyser for one that is there.
 * `source` is what copies would be sent from (no family: no route). RESULT_OK or the code, with
 * words in `text`.
 */
int accept_order(const struct accept_facts *facts, const struct held_set *set,
    const struct held *self, const struct order *order, const struct addr *source,
    char text[ORDER_TEXT_MAX]);

/* Entries of the ACL space that may be taken: a fifth is left to the switch. */
uint32_t accept_acl_room(uint32_t used, uint32_t total);

/* Words when copies of full-size packets do not fit the way to the analyser, else "". */
void accept_mtu(const struct route *route, char text[ORDER_TEXT_MAX]);

/* The addresses of all interfaces, the caller's to free; returns how many. -ENOMEM or another errno
 * when they cannot be read. */
int accept_own_addresses(struct addr **ret_own);

/* True when the machine's iptables is the nft variant: it does not see the legacy tables that ours
 * are in. */
bool accept_nft_beside(void);

#endif
