/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The switches of a replay: they take every order at once, and their rules' counters move as the
 * samples of what they hold say. A plain value that owns its array.
 */
#ifndef CONTROLLER_ENGINE_REPLAY_FABRIC_H
#define CONTROLLER_ENGINE_REPLAY_FABRIC_H

#include "controller/decide/decide.h"

struct replay_held {
	uint64_t capture;
	unsigned id; /* of the switch */
	bool ordered;
	struct filter filter;
	uint64_t packets, bytes;
};

struct replay_fabric {
	struct replay_held *held; /* what all switches hold */
	size_t count, room;
	size_t switch_count;
};

/* All are connected. */
void replay_fabric_begin(struct replay_fabric *fabric, struct decide *decide,
    const struct policy_switch *switches, size_t count, struct instant now);
void replay_fabric_done(struct replay_fabric *fabric);

/* A sample went by: counters of rules that match it move. */
void replay_fabric_sample(struct replay_fabric *fabric, const struct sighting *sighting);

/* Orders that changed are taken and acknowledged. 0 or -ENOMEM. */
int replay_fabric_obey(struct replay_fabric *fabric, struct decide *decide, struct instant now);
/* Every switch reports its counters. */
void replay_fabric_report(struct replay_fabric *fabric, struct decide *decide, struct instant now);

#endif
