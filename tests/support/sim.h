/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated fabric round a real controller program: leaves (some in MLAG pairs) and spines as
 * agents over the real control channel, in processes of their own, with hosts in their neighbour
 * tables; and as exporters of sFlow over UDP. Agents hold what they are told and say so.
 */
#ifndef TESTS_SUPPORT_SIM_H
#define TESTS_SUPPORT_SIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/keys.h"

#define SIM_SWITCHES_MAX 1024
#define SIM_CONVS_MAX 4096

struct sim_conf {
	unsigned leaves, spines;
	unsigned pairs; /* the first 2 * pairs leaves are MLAG pairs */
	unsigned hosts; /* of a leaf or pair; at most 1000 */
	unsigned processes;
	unsigned captures;  /* the controller's limit */
	const char *policy; /* more settings of the policy */
	const char
	    *flood; /* settings of a policy for floods alone; NULL: they fall under the same */
};

/* What all processes see. */
struct sim_board {
	struct keys_pair controller, keys[SIM_SWITCHES_MAX];
	atomic_uint connected;                 /* sessions that stand */
	atomic_uint told;                      /* switches whose hosts were all taken */
	atomic_llong sent[SIM_CONVS_MAX];      /* when its first datagram left, ns */
	atomic_llong got[SIM_CONVS_MAX];       /* when the first agent had its order */
	atomic_uint holders[SIM_CONVS_MAX];    /* agents that hold it now */
	atomic_uint misplaced;                 /* orders where the host is not */
	atomic_uint refuses[SIM_SWITCHES_MAX]; /* answers every new order with no */
	atomic_uint orders[SIM_SWITCHES_MAX];  /* it holds */
	atomic_uint orders_most;               /* any ever held */
	atomic_uint moved_host, moved_to;      /* that host (+ 1) is at that leaf's group now */
};

struct sim {
	struct sim_conf conf;
	struct sim_board *board;
	unsigned groups;
	char dir[64];
	uint16_t udp_port;
	int fd; /* of all exporters */
	uint32_t sequence;
	pid_t controller, agents[16];
};

/* Starts all and waits until every agent is connected and its hosts are taken. False after
 * `seconds`. */
bool sim_start(struct sim *sim, const struct sim_conf *conf, int seconds);
void sim_stop(struct sim *sim);

/* The controller is killed (SIGKILL) and started anew on the same state; waits until every agent is
 * connected again. */
bool sim_kill(struct sim *sim, int seconds);

/* Conversation `conv` (of conv % hosts in all) as the switch sees it, in a datagram of its own. */
void sim_sample(struct sim *sim, unsigned conv, unsigned seen, bool outbound);
/* A sample each of `count` distinct conversations with hosts of a listed /8, in few datagrams. */
void sim_flood(struct sim *sim, unsigned first, unsigned count);

/* The leaf that a conversation's local host is at (the first of a pair). */
unsigned sim_leaf(const struct sim *sim, unsigned conv);
unsigned sim_spine(const struct sim *sim, unsigned n);
/* How many switches are to hold it. */
unsigned sim_place_size(const struct sim *sim, unsigned conv);

/* Of `finderscopectl --json status`; -1: no answer or no such counter. */
int64_t sim_counter(const struct sim *sim, const char *name);
/* Resident memory of the controller, KiB. */
long sim_memory(const struct sim *sim);
/* CPU time it used, ms. */
long sim_cpu_ms(const struct sim *sim);

/* Waits until `conv` is held by `holders` switches; false after `ms`. */
bool sim_wait_held(struct sim *sim, unsigned conv, unsigned holders, int ms);

#endif
