/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/planner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One row of the merge: a want or a have, by capture and rule, wants before haves, haves in the
 * order of the table. */
struct row {
	uint64_t capture;
	unsigned rule;
	bool is_have;
	unsigned chain, index;
	size_t ref;
};

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

static int
row_compare(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;
	int r = ORDER(a->capture, b->capture);

	r = r ? r : ORDER(a->rule, b->rule);
	r = r ? r : ORDER(a->is_have, b->is_have);
	r = r ? r : ORDER(a->chain, b->chain);
	return r ? r : ORDER(a->index, b->index);
}

static int
delete_compare(const void *pa, const void *pb)
{
	const struct planner_delete *a = pa, *b = pb;
	int r = ORDER(a->chain, b->chain);

	return r ? r : ORDER(b->index, a->index);
}

static void
merge(const struct row *rows, size_t n, const struct planner_want *wants,
    const struct planner_have *haves, planner_same same, void *user, struct planner_plan *plan)
{
	const struct row *want = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!rows[i].is_have) {
			want = &rows[i];
			continue;
		}
		const struct planner_have *have = &haves[rows[i].ref];
		bool named = want && want->capture == have->capture && want->rule == have->rule;
		if (named && plan->found[want->ref] == PLANNER_NONE &&
		    same(user, &wants[want->ref], have))
			plan->found[want->ref] = rows[i].ref;
		else
			plan->deletes[plan->n_deletes++] =
			    (struct planner_delete){have->chain, have->index};
	}
}

int
planner_plan(const struct planner_want *wants, size_t n_wants, const struct planner_have *haves,
    size_t n_haves, planner_same same, void *user, struct planner_plan *ret_plan)
{
	struct planner_plan plan = {.n_wants = n_wants};
	struct row *rows = calloc(n_wants + n_haves + 1, sizeof *rows);

	plan.deletes = calloc(n_haves + 1, sizeof *plan.deletes);
	plan.adds = calloc(n_wants + 1, sizeof *plan.adds);
	plan.found = calloc(n_wants + 1, sizeof *plan.found);
	if (!rows || !plan.deletes || !plan.adds || !plan.found) {
		free(rows);
		planner_plan_done(&plan);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n_wants; i++) {
		rows[i] = (struct row){wants[i].capture, wants[i].rule, false, 0, 0, i};
		plan.found[i] = PLANNER_NONE;
	}
	for (size_t i = 0; i < n_haves; i++)
		rows[n_wants + i] = (struct row){
		    haves[i].capture, haves[i].rule, true, haves[i].chain, haves[i].index, i};
	qsort(rows, n_wants + n_haves, sizeof *rows, row_compare);
	merge(rows, n_wants + n_haves, wants, haves, same, user, &plan);
	qsort(plan.deletes, plan.n_deletes, sizeof *plan.deletes, delete_compare);
	for (size_t i = 0; i < n_wants; i++)
		if (plan.found[i] == PLANNER_NONE)
			plan.adds[plan.n_adds++] = i;
	free(rows);
	*ret_plan = plan;
	return 0;
}

void
planner_plan_done(struct planner_plan *plan)
{
	free(plan->deletes);
	free(plan->adds);
	free(plan->found);
	memset(plan, 0, sizeof *plan);
}
