/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/feeds/safety.h"

#include <errno.h>
#include <stdio.h>

int
safety_judge(const struct safety_facts *facts, char why[SAFETY_WHY_MAX])
{
	if (facts->now == 0 && !facts->may_be_empty)
		snprintf(why, SAFETY_WHY_MAX, "the list is empty (may_be_empty would take it)");
	else if (facts->silenced > facts->max_silenced)
		snprintf(why, SAFETY_WHY_MAX,
		    "the allow-list would newly silence %zu block entries, over the limit of %zu "
		    "(feed NAME confirm would take it)",
		    facts->silenced, facts->max_silenced);
	else if (facts->first || facts->may_jump || facts->now == 0 || facts->before == 0)
		return 0;
	else if (facts->now < facts->before - facts->before / 2)
		snprintf(why, SAFETY_WHY_MAX,
		    "the list shrank from %zu to %zu entries, by more than half (feed NAME "
		    "confirm or may_jump would take it)",
		    facts->before, facts->now);
	else if (facts->now / 10 > facts->before ||
		 (facts->now / 10 == facts->before && facts->now % 10 > 0))
		snprintf(why, SAFETY_WHY_MAX,
		    "the list grew from %zu to %zu entries, more than tenfold (feed NAME "
		    "confirm or may_jump would take it)",
		    facts->before, facts->now);
	else
		return 0;
	return -EPERM;
}

bool
safety_is_short(const struct prefix *prefix)
{
	return prefix->len < (prefix->addr.family == 4 ? SAFETY_SHORT4 : SAFETY_SHORT6);
}

const char *
safety_never(size_t index, struct prefix *ret_prefix)
{
	static const struct {
		struct prefix prefix;
		const char *name;
	} ranges[] = {
	    {{{{0}, 4, {0}}, 8}, "this network"},                /* RFC 1122, 3.2.1.3 */
	    {{{{127}, 4, {0}}, 8}, "loopback"},                  /* RFC 1122 */
	    {{{{169, 254}, 4, {0}}, 16}, "link-local"},          /* RFC 3927 */
	    {{{{224}, 4, {0}}, 4}, "multicast"},                 /* RFC 5771 */
	    {{{{255, 255, 255, 255}, 4, {0}}, 32}, "broadcast"}, /* RFC 919 */
	    {{{{0}, 6, {0}}, 127}, "loopback"},                  /* RFC 4291, 2.5.2 and 2.5.3 */
	    {{{{0xfe, 0x80}, 6, {0}}, 10}, "link-local"},        /* RFC 4291, 2.5.6 */
	    {{{{0xff}, 6, {0}}, 8}, "multicast"},                /* RFC 4291, 2.7 */
	};

	if (index >= sizeof ranges / sizeof *ranges)
		return NULL;
	*ret_prefix = ranges[index].prefix;
	return ranges[index].name;
}
