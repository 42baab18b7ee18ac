/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The switches: those of the configuration, and behind them those an operator accepted. Index is
 * the id that decide/ and agents/ call a switch by; both arrays are in the same order. A plain
 * value that owns its arrays.
 */
#ifndef CONTROLLER_ENGINE_FLEET_H
#define CONTROLLER_ENGINE_FLEET_H

#include "controller/agents/agents.h"
#include "controller/decide/policy.h"
#include "controller/settings/settings.h"
#include "controller/store/store.h"

/* Accepted by fingerprint; kept by the store. */
struct fleet_accepted {
	char name[POLICY_NAME_MAX];
	uint8_t key[KEYS_SIZE];
	struct addr addrs[POLICY_EXPORTERS_MAX]; /* bound to it when it was accepted */
	size_t addr_count;
};

struct fleet_accepted_list {
	struct fleet_accepted *rows; /* the caller's to free */
	size_t count;
};

/* For struct store_reader: what the store kept of one, into the fleet_accepted_list `list`. Without
 * memory it is left out. */
void fleet_take_agent(void *list, const struct store_agent *agent);

struct fleet {
	struct policy_switch *places;
	struct agents_switch *keys;
	size_t count;
	size_t configured; /* the first so many are the configuration's */
	struct fleet_accepted *accepted;
	size_t accepted_count;
};

/*
 * Puts the two together. An accepted switch whose name or key the configuration has as well is the
 * configuration's. Copies all. 0 or -ENOMEM; what *fleet held is freed on success.
 */
int fleet_set(struct fleet *fleet, const struct settings *settings,
    const struct fleet_accepted *accepted, size_t accepted_count);
void fleet_done(struct fleet *fleet);

/* Index by name; -1: none. */
int fleet_find(const struct fleet *fleet, const char *name);

/* The name of a switch by id; "?" when there is no such. */
const char *fleet_name(const struct fleet *fleet, unsigned id);

/* The switch that one of these addresses is bound to already; -1: none. */
int fleet_claims(const struct fleet *fleet, const struct addr *addrs, size_t count);

/* A name that a switch may have: 1 to 63 of letters, digits, '-', '_', '.'. */
bool fleet_name_ok(const char *name);

#endif
