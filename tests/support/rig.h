/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real `rules` and `mirror` processes of the agent, started as main starts them, with the test
 * in main's place: no controller, no channel. For lab tests, in a network namespace of their own.
 */
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/wire/wire.h"

struct rig {
	struct wire_config config;
	char dir[64];
	pid_t rules, mirror;
	int fd;                    /* to rules */
	struct wire_status status; /* the last that came */
};

/* A network namespace, a folder, a lock file of the test's own (XTABLES_LOCKFILE); lo and three
 * veths swp1 (10.1.0.1/24), swp2 (198.51.100.1/24), swp5 (192.0.2.65/26). False without the
 * privilege. */
bool rig_isolate(struct rig *rig);
void rig_done(struct rig *rig);

/* Starts both processes and waits for the first status. */
bool rig_start(struct rig *rig);

/* Closes the socket as a dead main would, waits for rules to end; its exit status, or -1 (killed).
 */
int rig_end(struct rig *rig);

struct order rig_order(uint64_t capture, const char *a, const char *b);
void rig_put(struct rig *rig, const struct order *order, uint32_t lease_ms);
void rig_send(struct rig *rig, struct wire_msg msg);

/* Long enough for any machine: only a failure waits for it. */
#define RIG_PATIENCE_MS 30000

/* Waits until the capture is reported in that state; false after `ms`. */
bool rig_wait(struct rig *rig, uint64_t capture, enum hold hold, int ms, struct holding *ret);

/* Takes whatever was said for `ms`. */
void rig_listen(struct rig *rig, int ms);

/* Runs a shell command; its exit status. */
int rig_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How many rules of ours iptables-legacy lists in all (IPv4). */
int rig_rules(void);

/* Waits until rig_rules is n. */
bool rig_wait_rules(int n, int ms);

/* The program under test: finderscope-agent beside the folder of this test. */
const char *rig_agent(void);

#endif
