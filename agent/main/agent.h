/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The unprivileged process: channel, desired state, libnl, one event loop. Starts the helpers, then
 * gives up everything.
 */
#ifndef AGENT_MAIN_AGENT_H
#define AGENT_MAIN_AGENT_H

#include "agent/main/agent_conf.h"

/* The agent's life. Returns the exit status. */
int agent_main(const struct agent_conf *conf);

#endif
