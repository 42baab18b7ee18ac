/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `finderscope-agent --check`: what the agent finds on this machine, line by line, what is wrong
 * and how to mend it. Changes nothing but for a device that it makes and takes away (erspan), and
 * asks the next hops it looks at who they are. For people, at three in the morning.
 */
#ifndef AGENT_CHECK_H
#define AGENT_CHECK_H

#include <stddef.h>
#include <stdio.h>

#include "agent/main/agent_conf.h"
#include "common/base/addr.h"

/*
 * Checks, with the ways to these analysers. Writes to `out`:
 *
 *     ok     key          0123-4567-89ab-cdef, /etc/finderscope/agent.key
 *     note   tables       …
 *     WRONG  controller   …
 *                         mend: …
 *
 * Returns 0 when nothing is wrong, else 1. Notes are no wrong.
 */
int check_run(const struct agent_conf *conf, const struct addr *analysers, size_t count, FILE *out);

#endif
