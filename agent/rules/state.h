/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What survives this process: the state file in /run/finderscope-agent (boot id, table, and, where
 * rules cannot carry a tag, each rule's exact bytes) and the flag in /var/lib/finderscope-agent
 * that says "released"; and agent.lock, which says who lives here. Text, written whole beside the
 * old one and renamed. state_parse is pure.
 *
 *     finderscope-state 1
 *     boot 3f0c…
 *     rule <family> <capture> <rule> <bytes in hex>
 */
#ifndef AGENT_RULES_STATE_H
#define AGENT_RULES_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/rules/iptable.h"

#define STATE_BOOT_MAX 40
#define STATE_RULES_MAX 65536

struct state {
	char boot[STATE_BOOT_MAX];
	struct iptable_known *rules;
	size_t n_rules;
};

/* Reads the text of a state file. 0; -EINVAL and the number of the bad line; -ENOMEM. */
int state_parse(const char *text, size_t size, struct state *ret_state, unsigned *ret_line);
void state_done(struct state *state);

/* Reads DIR/agent.state. 0 (an empty state when there is no file), -EINVAL with the line, or an
 * errno.
 */
int state_load(const char *dir, struct state *ret_state, unsigned *ret_line);

/* Writes it. 0 or a negative errno; the old one stands then. */
int state_save(const char *dir, const struct state *state);

/* This boot's id. 0 or a negative errno. */
int state_boot_id(char boot[STATE_BOOT_MAX]);

/*
 * One agent at a time: takes DIR/agent.lock, for as long as the descriptor is open, waiting up to
 * wait_ms for one that takes its leave. The descriptor (the caller's, CLOEXEC); -EBUSY another
 * agent lives; another errno.
 */
int state_claim(const char *dir, unsigned wait_ms);

/* The marker in DIR that the hardware may hold something of ours: it outlives this process, not the
 * boot. */
bool state_hardware(const char *dir);
int state_set_hardware(const char *dir, bool on);

/* An operator's word for the running agent, in DIR: said once, taken once. */
int state_say_go_on(const char *dir);
bool state_take_go_on(const char *dir);

/* The released flag in DIR: there or not, set, lifted. */
bool state_released(const char *dir);
int state_set_released(const char *dir, bool on);

#endif
