/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small questions to a policy. */
#include "controller/decide/policy.h"

#include <string.h>

const char *
policy_mode_name(enum policy_mode mode)
{
	switch (mode) {
	case POLICY_CAPTURE:
		return "capture";
	case POLICY_ALERT:
		return "alert";
	case POLICY_SHADOW:
		return "shadow";
	}
	return "capture";
}

const char *
policy_where_name(enum policy_where where)
{
	switch (where) {
	case POLICY_EDGE:
		return "edge";
	case POLICY_SEEN:
		return "seen";
	case POLICY_ALL:
		return "all";
	}
	return "edge";
}

const char *
policy_scanner_name(enum policy_scanner scanner)
{
	switch (scanner) {
	case POLICY_SCANNER_CAPTURE:
		return "capture";
	case POLICY_SCANNER_ALERT:
		return "alert";
	}
	return "capture";
}

bool
policy_takes(const struct policy *policy, const char *feed)
{
	if (policy->feed_count == 0)
		return true;
	for (size_t i = 0; i < policy->feed_count; i++)
		if (strcmp(policy->feeds[i], feed) == 0)
			return true;
	return false;
}

int64_t
policy_cooldown(const struct policy *policy, unsigned returns)
{
	if (policy->cooldown_count == 0 || returns == 0)
		return 0;
	if (returns > policy->cooldown_count)
		returns = (unsigned)policy->cooldown_count;
	return policy->cooldowns[returns - 1];
}
