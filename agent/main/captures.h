/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The captures as main knows them: what the controller ordered, what rules last said, and whether
 * the way to the analyser stands. Pure but for the log: messages to rules go out through `tell`,
 * ways are asked of `path`.
 *
 * A capture whose analyser cannot be reached is parked: its rules are taken out (or never put in),
 * it is reported as INSTALLING with NO_ROUTE and words, and put in as soon as the way is back. A
 * change of the source address is put to rules again, which re-makes the rules. One that names a
 * port which is not there stays, for the port may come, and says so. A capture whose
 * lease ran out, and that is ordered or renewed again, is put in again.
 */
#ifndef AGENT_MAIN_CAPTURES_H
#define AGENT_MAIN_CAPTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/main/paths.h"
#include "agent/wire/wire.h"
#include "common/base/clk.h"
#include "common/base/order.h"

#define CAPTURES_MAX 8192

struct captures;

struct captures_ops {
	void (*tell)(void *user, const struct wire_msg *msg);
	/* NULL: nothing is known of the way; rules judge by themselves. */
	const struct paths_path *(*path)(void *user, const struct addr *analyser);
	/* Whether packets can come in by a port of that name, or that pattern ("swp+"); NULL: not
	 * known. */
	bool (*port)(void *user, const char *iface);
};

/* 0 or -ENOMEM. `ops` is copied. */
int captures_new(const struct captures_ops *ops, void *user, struct captures **ret_captures);
void captures_free(struct captures **captures);

/* The whole set that should be held; leases and remaining times count from `since`; `reported` is
 * link_reported. */
void captures_orders(struct captures *captures, const struct order *orders, size_t count,
    struct instant since, uint32_t lease_ms, uint64_t reported, struct instant now);

/* All may stay until `since` + lease. */
void captures_renew(
    struct captures *captures, struct instant since, uint32_t lease_ms, struct instant now);

/* What rules say of one; `reported` is link_reported. True when its state changed. */
bool captures_holding(struct captures *captures, const struct holding *holding, uint64_t reported,
    struct instant now);

/* Ways may have changed, or captures_deadline is over. True when there is something to report. */
bool captures_paths(struct captures *captures, struct instant now);

/* INT64_MAX: never. */
struct instant captures_deadline(const struct captures *captures);

/* Forgets those that are over and were reported. */
void captures_forget(struct captures *captures, uint64_t reported);

/* What is to be reported: a new array of the caller's; NULL when out of memory. */
struct holding *captures_list(const struct captures *captures, size_t *ret_count);

/* The analysers of wanted captures, each once; returns how many were written. */
size_t captures_analysers(const struct captures *captures, struct addr *ret_addrs, size_t room);

/* Wanted captures that wait for a way; what is wrong with the first of them. */
size_t captures_parked(const struct captures *captures, char text[ORDER_TEXT_MAX]);

#endif
