/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/engine/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_configured(const struct settings *settings, const struct fleet_accepted *a)
{
	for (size_t i = 0; i < settings->policy.switch_count; i++)
		if (strcmp(settings->policy.switches[i].name, a->name) == 0 ||
		    memcmp(settings->agents.switches[i].key, a->key, KEYS_SIZE) == 0)
			return true;
	return false;
}

static void
add(struct fleet *fleet, const struct fleet_accepted *a)
{
	struct policy_switch *place = &fleet->places[fleet->count];
	struct agents_switch *key = &fleet->keys[fleet->count++];

	snprintf(place->name, sizeof place->name, "%s", a->name);
	memcpy(place->exporters, a->addrs, a->addr_count * sizeof a->addrs[0]);
	place->exporter_count = a->addr_count;
	snprintf(key->name, sizeof key->name, "%s", a->name);
	memcpy(key->key, a->key, KEYS_SIZE);
}

void
fleet_take_agent(void *user, const struct store_agent *agent)
{
	struct fleet_accepted_list *list = user;
	struct fleet_accepted *rows = realloc(list->rows, (list->count + 1) * sizeof *list->rows),
			      *row;

	if (rows == NULL)
		return;
	list->rows = rows;
	row = &rows[list->count++];
	memset(row, 0, sizeof *row);
	snprintf(row->name, sizeof row->name, "%s", agent->name);
	memcpy(row->key, agent->key, KEYS_SIZE);
	for (size_t i = 0; i < agent->addr_count && i < POLICY_EXPORTERS_MAX; i++)
		row->addrs[row->addr_count++] = agent->addrs[i];
}

int
fleet_set(struct fleet *fleet, const struct settings *settings,
    const struct fleet_accepted *accepted, size_t accepted_count)
{
	size_t configured = settings->policy.switch_count, most = configured + accepted_count + 1;
	struct fleet fresh = {
	    .places = calloc(most, sizeof *fresh.places),
	    .keys = calloc(most, sizeof *fresh.keys),
	    .accepted = calloc(accepted_count + 1, sizeof *fresh.accepted),
	    .count = configured,
	    .configured = configured,
	    .accepted_count = accepted_count,
	};

	if (fresh.places == NULL || fresh.keys == NULL || fresh.accepted == NULL) {
		fleet_done(&fresh);
		return -ENOMEM;
	}
	for (size_t i = 0; i < configured; i++) {
		fresh.places[i] = settings->policy.switches[i];
		fresh.keys[i] = settings->agents.switches[i];
	}
	for (size_t i = 0; i < accepted_count; i++) {
		fresh.accepted[i] = accepted[i];
		if (!is_configured(settings, &accepted[i]))
			add(&fresh, &accepted[i]);
	}
	fleet_done(fleet);
	*fleet = fresh;
	return 0;
}

void
fleet_done(struct fleet *fleet)
{
	free(fleet->places);
	free(fleet->keys);
	free(fleet->accepted);
	memset(fleet, 0, sizeof *fleet);
}

int
fleet_find(const struct fleet *fleet, const char *name)
{
	for (size_t i = 0; i < fleet->count; i++)
		if (strcmp(fleet->places[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *
fleet_name(const struct fleet *fleet, unsigned id)
{
	return id < fleet->count ? fleet->places[id].name : "?";
}

int
fleet_claims(const struct fleet *fleet, const struct addr *addrs, size_t count)
{
	for (size_t i = 0; i < fleet->count; i++)
		for (size_t k = 0; k < fleet->places[i].exporter_count; k++)
			for (size_t a = 0; a < count; a++)
				if (addr_equal(&fleet->places[i].exporters[k], &addrs[a]))
					return (int)i;
	return -1;
}

bool
fleet_name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n < POLICY_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
		   n;
}
