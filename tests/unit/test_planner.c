/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The planner as a property: whatever stands in the tables and whatever is wanted, doing what the
 * plan says leaves exactly what is wanted, leaves every foreign rule where it was, and a second
 * plan is empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rules/planner.h"

enum { CHAINS = 3, ROOM = 200 };

/* A rule of a pretended table: ours with its version (what `same` compares), or foreign. */
struct row {
	bool ours;
	uint64_t capture; /* of a foreign one: its name */
	unsigned rule, version;
};

struct table {
	struct row rows[CHAINS][ROOM];
	unsigned n[CHAINS];
};

/* What `same` looks at: the version wanted of each, and the rows that the haves came from. */
struct wish {
	struct planner_want wants[ROOM];
	unsigned versions[ROOM];
	size_t n;
	const struct row *refs[CHAINS * ROOM];
};

static bool
same(void *user, const struct planner_want *want, const struct planner_have *have)
{
	struct wish *w = user;

	/* Only ever asked about a rule of the same name. */
	assert_true(want->capture == have->capture && want->rule == have->rule);
	return w->versions[want - w->wants] == w->refs[have->ref]->version;
}

static size_t
read_table(const struct table *t, struct wish *w, struct planner_have *haves)
{
	size_t n = 0;

	for (unsigned c = 0; c < CHAINS; c++)
		for (unsigned i = 0; i < t->n[c]; i++) {
			const struct row *row = &t->rows[c][i];

			if (!row->ours)
				continue;
			w->refs[n] = row;
			haves[n] = (struct planner_have){row->capture, row->rule, c, i, n};
			n++;
		}
	return n;
}

static void
apply(struct table *t, const struct wish *w, const struct planner_plan *plan)
{
	for (size_t i = 0; i < plan->n_deletes; i++) {
		const struct planner_delete *d = &plan->deletes[i];

		/* From the highest index down: an index named later is still the one it was. */
		if (i && plan->deletes[i - 1].chain == d->chain)
			assert_true(plan->deletes[i - 1].index > d->index);
		assert_true(d->chain < CHAINS && d->index < t->n[d->chain]);
		assert_true(t->rows[d->chain][d->index].ours);
		memmove(&t->rows[d->chain][d->index], &t->rows[d->chain][d->index + 1],
		    (t->n[d->chain] - d->index - 1) * sizeof(struct row));
		t->n[d->chain]--;
	}
	for (size_t i = 0; i < plan->n_adds; i++) {
		size_t at = plan->adds[i];

		assert_true(at < w->n && (i == 0 || plan->adds[i - 1] < at));
		t->rows[1][t->n[1]++] =
		    (struct row){true, w->wants[at].capture, w->wants[at].rule, w->versions[at]};
	}
}

static struct planner_plan
plan(const struct table *t, struct wish *w)
{
	struct planner_have haves[CHAINS * ROOM];
	struct planner_plan p;

	assert_int_equal(
	    planner_plan(w->wants, w->n, haves, read_table(t, w, haves), same, w, &p), 0);
	assert_int_equal(p.n_wants, w->n);
	return p;
}

/* How often exactly that rule stands in the table. */
static unsigned
count(const struct table *t, uint64_t capture, unsigned rule, unsigned version)
{
	unsigned n = 0;

	for (unsigned c = 0; c < CHAINS; c++)
		for (unsigned i = 0; i < t->n[c]; i++)
			n += t->rows[c][i].ours && t->rows[c][i].capture == capture &&
			     t->rows[c][i].rule == rule && t->rows[c][i].version == version;
	return n;
}

static void
check(const struct table *before, const struct table *after, const struct wish *w)
{
	unsigned ours = 0;

	for (size_t i = 0; i < w->n; i++)
		assert_int_equal(
		    count(after, w->wants[i].capture, w->wants[i].rule, w->versions[i]), 1);
	for (unsigned c = 0; c < CHAINS; c++) {
		unsigned k = 0;

		for (unsigned i = 0; i < before->n[c]; i++) {
			if (before->rows[c][i].ours)
				continue;
			while (k < after->n[c] && after->rows[c][k].ours)
				k++;
			assert_true(k < after->n[c]);
			assert_memory_equal(
			    &before->rows[c][i], &after->rows[c][k++], sizeof(struct row));
		}
		for (unsigned i = 0; i < after->n[c]; i++)
			ours += after->rows[c][i].ours;
		for (; k < after->n[c]; k++)
			assert_true(after->rows[c][k].ours);
	}
	assert_int_equal(ours, w->n);
}

static void
makes(unsigned *seed, struct table *t, struct wish *w)
{
	unsigned captures = (unsigned)rand_r(seed) % 12 + 1;

	memset(t, 0, sizeof *t);
	memset(w, 0, sizeof *w);
	for (unsigned c = 0; c < CHAINS; c++)
		for (unsigned i = (unsigned)rand_r(seed) % 40; i; i--) {
			bool ours = rand_r(seed) % 2;

			t->rows[c][t->n[c]++] = (struct row){ours,
			    ours ? (unsigned)rand_r(seed) % captures + 1 : (unsigned)rand_r(seed),
			    (unsigned)rand_r(seed) % 4, (unsigned)rand_r(seed) % 2};
		}
	for (unsigned capture = captures; capture; capture--)
		for (unsigned rule = 0; rule < 4; rule++)
			if (rand_r(seed) % 2) {
				w->wants[w->n] = (struct planner_want){capture, rule};
				w->versions[w->n++] = (unsigned)rand_r(seed) % 2;
			}
}

static void
any_table_any_wish(void **state)
{
	unsigned seed = 20261126;

	(void)state;
	for (unsigned round = 0; round < 5000; round++) {
		struct table before, t;
		struct wish w;

		makes(&seed, &before, &w);
		t = before;
		struct planner_plan p = plan(&t, &w);
		/* What is found is there; what is not found is added. */
		size_t missing = 0;
		for (size_t i = 0; i < w.n; i++)
			missing += p.found[i] == PLANNER_NONE;
		assert_int_equal(missing, p.n_adds);
		apply(&t, &w, &p);
		check(&before, &t, &w);
		planner_plan_done(&p);
		p = plan(&t, &w);
		assert_int_equal(p.n_deletes, 0);
		assert_int_equal(p.n_adds, 0);
		planner_plan_done(&p);
	}
}

static void
of_two_the_first_stays(void **state)
{
	struct table t = {.n = {2, 2, 0}};
	struct wish w = {.wants = {{7, 0}}, .n = 1};

	(void)state;
	t.rows[0][0] = (struct row){true, 7, 0, 1};
	t.rows[0][1] = t.rows[1][0] = t.rows[1][1] = (struct row){true, 7, 0, 0};
	struct planner_plan p = plan(&t, &w);
	assert_int_equal(p.n_adds, 0);
	assert_int_equal(p.n_deletes, 3);
	assert_int_equal(p.found[0], 1);
	assert_true(p.deletes[0].chain == 0 && p.deletes[0].index == 0);
	assert_true(p.deletes[1].chain == 1 && p.deletes[1].index == 1);
	assert_true(p.deletes[2].chain == 1 && p.deletes[2].index == 0);
	planner_plan_done(&p);
	planner_plan_done(&p);
}

static void
nothing_is_a_plan(void **state)
{
	struct table t = {.n = {0}};
	struct wish w = {.n = 0};
	struct planner_plan p = plan(&t, &w);

	(void)state;
	assert_int_equal(p.n_adds + p.n_deletes + p.n_wants, 0);
	planner_plan_done(&p);
	t.rows[2][0] = (struct row){true, 1, 0, 0};
	t.n[2] = 1;
	p = plan(&t, &w);
	assert_int_equal(p.n_deletes, 1);
	planner_plan_done(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_table_any_wish),
	    cmocka_unit_test(of_two_the_first_stays),
	    cmocka_unit_test(nothing_is_a_plan),
	};

	return cmocka_run_group_tests_name("planner", tests, NULL, NULL);
}
