/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The switches that are connected: one raw nanomsg REP socket, a sealed session for each key, and
 * for each switch the set of captures it should hold, told in numbered pages of a generation until
 * it is acknowledged (DESIGN.md, "The control channel"). Owned by the main thread; nothing here
 * blocks. The caller waits on agents_fd, calls agents_dispatch when it is readable and when
 * agents_deadline is over.
 */
#ifndef CONTROLLER_AGENTS_AGENTS_H
#define CONTROLLER_AGENTS_AGENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/clk.h"
#include "common/base/keys.h"
#include "common/base/order.h"
#include "common/msg/agent_msg.h"

struct agents;

/* A switch as the configuration (or the operator's acceptance) knows it. `id` is its index in the
 * array given. */
struct agents_switch {
	char name[AGENT_MSG_NAME_MAX];
	uint8_t key[KEYS_SIZE];
};

struct agents_conf {
	char url[128];                        /* "tcp://192.0.2.10:6344" */
	struct keys_pair keys;                /* the controller's own */
	const struct agents_switch *switches; /* copied */
	size_t switch_count;
	int64_t hold_ns;        /* how long a quiet poll is held; 0 is 7 s */
	uint32_t orders_a_page; /* 0 is AGENT_MSG_ORDERS_MAX */
};

/* Calls that agents_dispatch makes; any may be NULL. None may call agents_dispatch or agents_free.
 */
struct agents_events {
	/* A session stands (`again`: it replaced one). Before agents_want is called for it the
	 * switch is told nothing. */
	void (*hello)(void *user, size_t id, const struct agent_hello *hello, bool again);
	/* A report; what its holdings and hosts mean is told at agent_poll. */
	void (*report)(void *user, size_t id, const struct agent_poll *poll);
	/* A generation was applied, or could not be. */
	void (*acked)(void *user, size_t id, uint64_t generation, int code, const char *text);
	/* Not heard for 30 s, or cut. */
	void (*gone)(void *user, size_t id);
	/* Somebody with a key that nobody configured; at most once a minute a key. */
	void (*stranger)(void *user, const uint8_t key[KEYS_SIZE], const struct agent_hello *hello);
	/* What is wrong with the switch as a whole is something else now (both are enum result; 0:
	 * nothing), with a text that may be "". */
	void (*state)(void *user, size_t id, int before, int code, const char *text);
	/* It did what agents_go_on said. */
	void (*went_on)(void *user, size_t id);
	/* Two agents use one key at the same time. */
	void (*conflict)(void *user, size_t id);
	/* A message that says it is from that key (of switch `id`; SIZE_MAX: nobody's) was not
	 * sealed for us: its sender knows another controller's key, or is not the key's. At most
	 * once a minute a key. */
	void (*misled)(void *user, size_t id, const uint8_t key[KEYS_SIZE]);
};

/* 0, or negative errno and one line in `error` (the address is in use, is no address, …). */
int agents_new(const struct agents_conf *conf, const struct agents_events *events, void *user,
    struct agents **ret_agents, char *error, size_t error_size);
void agents_free(struct agents **agents);

int agents_fd(const struct agents *agents);
void agents_dispatch(struct agents *agents, struct instant now);

/* When agents_dispatch must be called at the latest. */
struct instant agents_deadline(const struct agents *agents);

/*
 * What switch `id` should hold from now on, all of it, and how long without hearing from us. An
 * equal set (ids, filters, targets; remaining times may differ) makes no new generation, only a
 * lease. -ENOENT, -ENOMEM, -E2BIG (over AGENTS_ORDERS_MAX).
 */
#define AGENTS_ORDERS_MAX 4096
int agents_want(struct agents *agents, size_t id, const struct order *orders, size_t count,
    uint32_t lease_ms, struct instant now);

/* An operator says that the switch may take what is new again, after a rule that is stuck in its
 * hardware or a writer without the lock; told until the agent has done it, or begins another life.
 * -ENOENT; -ENOTCONN. */
int agents_go_on(struct agents *agents, size_t id, struct instant now);

/* Frozen, told to every switch with each reply (for display there; what is held stays). */
void agents_freeze(struct agents *agents, bool frozen);

/* Another list of switches: a key that is gone loses its session at once; ids are those of the new
 * list. */
int agents_reload(
    struct agents *agents, const struct agents_switch *switches, size_t count, struct instant now);

/* What the last report counted: struct agent_poll says of what. */
struct agents_counts {
	uint32_t hosts;
	uint64_t commits, lock_waits, fights, foreign_lost, mirror_lost;
};

struct agents_info {
	const struct agents_switch *who;
	bool connected;
	struct instant heard;   /* last sealed message; 0: never */
	struct instant since;   /* of the session */
	struct instant misled;  /* last message in its name that was not sealed for us; 0: never */
	uint64_t wanted, acked; /* generations */
	int ack_code;
	const char *ack_text;
	size_t orders;                   /* captures wanted */
	uint64_t bps;                    /* of the last report: mirrored now */
	int code;                        /* of it: what is wrong with the switch; 0: nothing */
	const char *text;                /* about it, or a warning; "" */
	const struct agent_hello *hello; /* NULL before the first */
	struct agents_counts counts;
	uint64_t messages, repeats, stale, conflicts, sessions;
};

/* False when there is no such id. What it points at is valid until the next call that is not
 * agents_info. */
bool agents_info(const struct agents *agents, size_t id, struct agents_info *ret_info);

/* Messages dropped, by reason, since the start. */
struct agents_drops {
	uint64_t malformed, sealed_wrong, strangers, stale, flooded, unreadable, unsent;
};
void agents_drops(const struct agents *agents, struct agents_drops *ret_drops);

#endif
