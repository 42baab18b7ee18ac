/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/match/slot.h"

#include <errno.h>
#include <stdlib.h>
#include <urcu-qsbr.h>

struct slot {
	struct slot_view *view;
};

int
slot_new(struct slot **ret_slot)
{
	struct slot *slot = calloc(1, sizeof *slot);

	if (slot)
		slot->view = calloc(1, sizeof *slot->view);
	if (!slot || !slot->view) {
		free(slot);
		return -ENOMEM;
	}
	*ret_slot = slot;
	return 0;
}

void
slot_free(struct slot **slot)
{
	if (!*slot)
		return;
	table_free(&(*slot)->view->table);
	table_free(&(*slot)->view->locals);
	free((*slot)->view);
	free(*slot);
	*slot = NULL;
}

int
slot_publish(struct slot *slot, struct table *table, struct table *locals)
{
	struct slot_view *old = slot->view, *view = calloc(1, sizeof *view);

	if (!view)
		return -ENOMEM;
	view->table = table ? table : old->table;
	view->locals = locals ? locals : old->locals;
	view->version = old->version + 1;
	rcu_assign_pointer(slot->view, view);
	synchronize_rcu();

	if (table)
		table_free(&old->table);
	if (locals)
		table_free(&old->locals);
	free(old);
	return 0;
}

const struct slot_view *
slot_read(const struct slot *slot)
{
	return rcu_dereference(slot->view);
}
