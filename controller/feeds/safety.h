/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keeps a list that went mad out: pure judgements on a new version. */
#ifndef CONTROLLER_FEEDS_SAFETY_H
#define CONTROLLER_FEEDS_SAFETY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/addr.h"

#define SAFETY_WHY_MAX 200
#define SAFETY_SHORT4 8
#define SAFETY_SHORT6 19

struct safety_facts {
	bool first;         /* there is no version before */
	size_t before, now; /* entries; after none, any number is no jump */
	size_t silenced;    /* allow-lists: block entries that this version newly silences */
	size_t max_silenced;
	bool may_be_empty, may_jump;
};

/* 0, or -EPERM and one clause why the version before must stay. */
int safety_judge(const struct safety_facts *facts, char why[SAFETY_WHY_MAX]);

/* Shorter than /8 (IPv4) or /19 (IPv6). */
bool safety_is_short(const struct prefix *prefix);

/* The ranges that never match, whatever is listed: "loopback", …; NULL past the last. */
const char *safety_never(size_t index, struct prefix *ret_prefix);

#endif
