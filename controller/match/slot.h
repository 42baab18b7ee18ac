/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the table in force hangs: readers take it inside an RCU (QSBR) read section, the feed
 * thread swaps it whole and frees the old one after the grace period. Beside the table travels what
 * must change with it: the local networks.
 */
#ifndef CONTROLLER_MATCH_SLOT_H
#define CONTROLLER_MATCH_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "controller/match/table.h"

/* One load of the lists: immutable once published. Freed with slot_view_free. */
struct slot_view {
	struct table *table;  /* may be NULL: nothing listed */
	struct table *locals; /* the local networks, as a table of their own: any set is local; may
				 be NULL */
	uint32_t version;     /* counts up with each publication */
};

struct slot;

int slot_new(struct slot **ret_slot);
void slot_free(struct slot **slot);

/*
 * Publishes table and locals (both are the slot's from now on, and freed by it after a grace
 * period, in which this call waits: worker thread only, never a registered reader). 0 or -ENOMEM,
 * then nothing changed and both are the caller's still. A NULL locals or table keeps the one in
 * force.
 */
int slot_publish(struct slot *slot, struct table *table, struct table *locals);

/* In a registered QSBR reader thread, valid until that thread's next quiescent state. Never NULL.
 */
const struct slot_view *slot_read(const struct slot *slot);

#endif
