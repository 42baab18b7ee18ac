/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plain Linux: the kernel's tables are all there is. */
#include "agent/rules/backend.h"

static int
put(struct backend *b, struct instant now, bool adds)
{
	uint64_t before = b->commit->commits;
	int r = commit_run(b->commit, now, adds);

	b->changed |= b->commit->commits != before;
	for (struct held *held = b->commit->set->head; held; held = held->hh.next)
		held->placed = held->in_kernel > 0;
	return r;
}

static int
clean(struct backend *b, unsigned *ret_removed)
{
	return commit_clean(b->commit, ret_removed);
}

const struct backend_ops backend_none = {.name = "none", .put = put, .clean = clean};
