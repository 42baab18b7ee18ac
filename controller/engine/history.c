/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/engine/history.h"

#define EVENT_USUAL 2048 /* bytes; there are as many rows as such ones fit */
#define CAPTURES 10000   /* that are over; more where more are remembered */
#define DAY (INT64_C(86400) * CLK_S)
#define COOLDOWN_MIN (30 * DAY)
#define FORGIVEN 2 /* times the longest cool-down decide/ forgets the returns */

static int64_t
cooldown_age(const struct policy_conf *conf)
{
	int64_t age = COOLDOWN_MIN;

	for (size_t i = 0; i < conf->policy_count; i++)
		for (size_t k = 0; k < conf->policies[i].cooldown_count; k++)
			if (FORGIVEN * conf->policies[i].cooldowns[k] > age)
				age = FORGIVEN * conf->policies[i].cooldowns[k];
	return age;
}

struct store_limits
history_limits(const struct settings *set)
{
	uint64_t events = set->history_bytes / EVENT_USUAL;
	uint32_t captures = set->policy.limits.history;

	return (struct store_limits){
	    .events_max = events > UINT32_MAX ? UINT32_MAX : (uint32_t)events,
	    .events_bytes = set->history_bytes,
	    .events_age_ns = set->history_ns,
	    .captures_max = captures > CAPTURES ? captures : CAPTURES,
	    .captures_age_ns = set->history_ns,
	    .sightings_age_ns = set->history_ns,
	    .cooldowns_age_ns = cooldown_age(&set->policy),
	};
}
