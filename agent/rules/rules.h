/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The privileged process: uid 0 with CAP_NET_ADMIN and CAP_NET_RAW and nothing else. Takes typed
 * messages from main, owns deadlines and brakes, commits. Ends, taking its rules out, when main is
 * gone or asks for it.
 */
#ifndef AGENT_RULES_RULES_H
#define AGENT_RULES_RULES_H

#include "agent/wire/wire.h"

/* The process's life: descriptors WIRE_FD_MAIN and WIRE_FD_PEER are there, the first message is the
 * configuration. Returns the exit status. */
int rules_main(void);

/*
 * For `--release`, `--unrelease` and ExecStopPost's `--clean`, with nobody else alive: sets or
 * lifts the released flag, takes out everything of ours, waiting up to `wait_ms` for the table
 * lock. 0 or a negative errno; logs.
 */
enum rules_task { RULES_CLEAN, RULES_RELEASE, RULES_LIFT, RULES_GO_ON };
int rules_task(const struct wire_config *config, enum rules_task task, unsigned wait_ms);

#endif
