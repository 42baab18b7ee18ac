/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules_*.c share: the insides of the privileged process. Nobody else includes this. */
#ifndef AGENT_RULES_RULES_PART_H
#define AGENT_RULES_RULES_PART_H

#include "agent/rules/accept.h"
#include "agent/rules/backend.h"
#include "agent/rules/commit.h"
#include "agent/rules/held.h"
#include "agent/rules/route.h"
#include "agent/rules/state.h"
#include "agent/rules/sync.h"
#include "agent/rules/target.h"
#include "agent/wire/wire.h"
#include "common/base/addr.h"
#include "common/base/clk.h"

/* What an order is judged by; rules_orders.c's. */
struct rules_facts {
	struct instant at;
	struct addr *own;
	size_t n_own;
	bool has_own; /* they could be read */
	uint32_t acl_used, acl_total;
	struct addr analyser;
	struct route route; /* to that analyser */
	bool has_route;
};

struct rules {
	struct wire_config config;
	struct rules_facts facts;
	struct held_set set;
	struct commit commit;
	struct backend backend;
	struct sync sync;
	struct target_cache *cache;
	struct wire_status status;
	int signal_fd;
	int claim_fd;  /* open as long as we live */
	bool pending;  /* something to commit */
	bool waiting;  /* something new that has to wait for a verdict or the floor */
	bool helpless; /* the back end's helper is gone */
	bool stopping; /* everything goes, then the process ends */
	bool mirror_ready;
	bool status_dirty;
	int exit_status;
	struct instant retry_at, lock_since, stop_since, next_tick, quiet_at;
	int64_t retry_ns;
	bool blocked; /* main does not take reports at the moment */
	/* Said of the tables, so that it is not said ten times a second. */
	char told[ORDER_TEXT_MAX], lock_text[ORDER_TEXT_MAX];
	struct instant told_at;
};

/* rules_way.c: the way of the copies. A commit_target for commit_open; `user` is the rules. */
int rules_make_target(void *user, const struct held *held, unsigned rule,
    struct entry_target *ret_target, char error[120]);
/* What the machine can do for a family (4 or 6): enum wire_target, AUTO is nothing. */
uint8_t rules_probe_target(const struct rules *r, unsigned family);
/* In words, for the log. */
const char *rules_target_name(uint8_t target);
/* The target that an order's copies take. */
uint8_t rules_pick_target(const struct rules *r, const struct order *order);
/* Opens mirror's sockets and hands them over; sets mirror_ready. */
void rules_give_sockets(struct rules *r);
/* The session or the device of a capture, before its rules are there; refuses it when that fails.
 */
void rules_tell_mirror(struct rules *r, struct held *held);
/* Undoes rules_tell_mirror. */
void rules_forget_session(const struct held *held);
/* Takes the counters of a capture's erspan device, if it has one. */
void rules_count_device(struct held *held);

/* rules_report.c: the switch's state goes to main. */
void rules_send_status(struct rules *r);
/* Holdings that changed, then the state if it did; forgets what was reported at its end. */
void rules_flush(struct rules *r, struct instant now);
/* The capture fails for this (enum result, a text that may be ""); logged. */
void rules_refuse(struct rules *r, struct held *held, int code, const char *text);

/* rules_orders.c: takes or refuses an order. */
void rules_put(struct rules *r, const struct wire_put *put, struct instant now);

/* rules_messages.c: the operator's flags, --release and --go-on, are looked at. */
void rules_look_at_flags(struct rules *r);
/* All captures end, then the process does, with that status; the first call counts. */
void rules_stop(struct rules *r, int exit_status, struct instant now);
/* Takes what is there from main or mirror, a bounded number a turn. */
void rules_drain(struct rules *r, int fd, enum wire_side from, struct instant now);

/* rules_tables.c: commits what is pending, unless it is too early to try again. */
void rules_run_commit(struct rules *r, struct instant now);
/* The look at counters and contents. */
void rules_tick(struct rules *r, struct instant now);

/* rules_hardware.c: tells the hardware when that is due. */
void rules_start_sync(struct rules *r, struct instant now);
/* The back end has said something. */
void rules_on_verdict(struct rules *r, struct instant now);
/* True while the hardware is to be told something. */
bool rules_unsynced(const struct rules *r);

/* rules_task.c: takes out what bears our mark, waiting up to wait_ms for the table lock. 0 or a
 * negative errno; logs. *ret_sync: the hardware has to be told. */
int rules_clean(struct backend *backend, unsigned wait_ms, bool *ret_sync);

#endif
