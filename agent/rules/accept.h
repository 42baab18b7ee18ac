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
#include "agent/wire/wire.h"

#define ACCEPT_OWN_MAX 256

struct accept_facts {
	const struct wire_config *config;
	uint8_t target4, target6; /* enum wire_target; AUTO: none */
	uint32_t slots;           /* rules that may stand here */
	const struct addr *own;   /* the switch's addresses */
	size_t n_own;
};

/*
 * Judges a new order; `source` is what copies would be sent from (no family: no route). RESULT_OK
 * or the code, with words in `text`.
 */
int accept_order(const struct accept_facts *facts, const struct held_set *set,
    const struct order *order, const struct addr *source, char text[ORDER_TEXT_MAX]);

/* The addresses of all interfaces; returns how many were written. */
size_t accept_own_addresses(struct addr *ret_own, size_t room);

/* The address the system would send from towards `to`; false when there is no route. */
bool accept_route_source(const struct addr *to, struct addr *ret_source);

#endif
