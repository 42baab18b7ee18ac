/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's end of the control channel: dials out, says hello, polls, and hands on what the
 * controller wants held. One raw nanomsg REQ socket; a new request replaces the open poll; 30 s of
 * silence reopen the socket. Owned by main's thread; the caller waits on link_fd and calls
 * link_dispatch when it is readable and when link_deadline is over.
 */
#ifndef AGENT_MAIN_LINK_H
#define AGENT_MAIN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/clk.h"
#include "common/base/keys.h"
#include "common/base/order.h"
#include "common/msg/agent_msg.h"

struct link;

#define LINK_CONTROLLER_KEYS_MAX 2

struct link_conf {
	char url[128]; /* "tcp://192.0.2.10:6344" */
	struct keys_pair keys;
	uint8_t controller_keys[LINK_CONTROLLER_KEYS_MAX][KEYS_SIZE]; /* pinned; tried in turn */
	size_t controller_key_count;
	int64_t silence_ns; /* 0 is 30 s */
};

/* Calls that link_dispatch makes; any may be NULL. None may call link_dispatch or link_free. */
struct link_events {
	/*
	 * The whole set that should be held, complete; every capture's lease ends `lease_ms` after
	 * `since` (when the poll was sent), and so count the orders' remaining times. To be
	 * acknowledged with link_ack when applied.
	 */
	void (*orders)(void *user, uint64_t generation, const struct order *orders, size_t count,
	    struct instant since, uint32_t lease_ms);
	/* All captures of the acknowledged generation may stay until `since` + lease_ms. */
	void (*renew)(void *user, struct instant since, uint32_t lease_ms);
	/* The first answer of a session. */
	void (*connected)(void *user);
	/* Nothing heard for the silence time; the socket was reopened. */
	void (*silent)(void *user);
	void (*refused)(void *user, int code, const char *text);
	/* Fills in the hosts of a poll that is about to be sent (never with a hello); the same ones
	 * again until hosts_told: a request that held them was answered. */
	void (*hosts)(void *user, struct agent_poll *poll);
	void (*hosts_told)(void *user);
	/* An operator says that what is taken no more may be taken again. */
	void (*go_on)(void *user);
};

/* 0 or negative errno (-EINVAL: the URL). `hello` is copied. */
int link_new(const struct link_conf *conf, const struct agent_hello *hello,
    const struct link_events *events, void *user, struct instant now, struct link **ret_link);
void link_free(struct link **link);

/* Readable when there is something to do; the same as long as the link lives. */
int link_fd(const struct link *link);
struct instant link_deadline(const struct link *link);
void link_dispatch(struct link *link, struct instant now);

/* Another hello (an interface came up): a new session says it soon. */
void link_set_hello(struct link *link, const struct agent_hello *hello, struct instant now);

/* The switch as a whole, as agent_poll has it. */
struct link_state {
	uint16_t rules;
	uint64_t bps;
	bool released;
	uint16_t code;
	char text[ORDER_TEXT_MAX];
	uint64_t commits, syncs, lock_waits, fights, foreign_lost, mirror_lost;
};

/*
 * What is held now, all of it, copied. `urgent` sends it at once (at most every 5 ms); else it goes
 * with the next request, within two seconds. ENDED and FAILED ones should stay in until
 * link_reported has counted up twice.
 */
int link_report(struct link *link, const struct holding *holdings, size_t count,
    const struct link_state *state, bool urgent, struct instant now);

/* There are hosts to tell: within two seconds. */
void link_has_hosts(struct link *link, struct instant now);

/* Counts up with each answer to a request that carried everything reported before it was sent. */
uint64_t link_reported(const struct link *link);

void link_ack(
    struct link *link, uint64_t generation, int code, const char *text, struct instant now);

bool link_is_connected(const struct link *link);

struct link_counters {
	uint64_t sent, received, reopened, hellos;
	uint64_t malformed, sealed_wrong, stale, unreadable;
};
void link_counters(const struct link *link, struct link_counters *ret_counters);

#endif
