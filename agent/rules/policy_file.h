/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Captures as the text of a policy file of Cumulus' cl-acltool: sections [iptables] and
 * [ip6tables], one rule a line, flat. Every word comes from typed fields; the interface's alphabet
 * is checked. Pure.
 */
#ifndef AGENT_RULES_POLICY_FILE_H
#define AGENT_RULES_POLICY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/rules/held.h"
#include "agent/wire/wire.h"

/* Policy files are taken by name: Cumulus' own are 00… and 99…. */
#define POLICY_FIRST "05finderscope.rules"
#define POLICY_LAST "95finderscope.rules"

/* The text of all captures that are `placed`; empty (not NULL) when there is none. The caller frees
 * it. 0 or -ENOMEM. */
int policy_file_text(const struct held_set *set, const struct wire_config *config, bool comments,
    char **ret_text, size_t *ret_size);

#endif
