/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Desired minus actual: which of the rules found go and which of the rules wanted come. A pure
 * function, done twice it changes nothing. Owns only the plan that it makes.
 */
#ifndef AGENT_RULES_PLANNER_H
#define AGENT_RULES_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct planner_want {
	uint64_t capture;
	unsigned rule;
};

/* A rule of ours that was found. */
struct planner_have {
	uint64_t capture;
	unsigned rule;
	unsigned chain; /* number of its chain in the reading */
	unsigned index; /* in its chain, from 0 */
	size_t ref;     /* the caller's */
};

struct planner_delete {
	unsigned chain, index;
};

struct planner_plan {
	struct planner_delete *deletes; /* chain by chain, in each from the highest index down */
	size_t n_deletes;
	size_t *adds; /* indices of wants, in their order */
	size_t n_adds;
	size_t *found; /* for each want the index of its have, or PLANNER_NONE */
	size_t n_wants;
};

#define PLANNER_NONE SIZE_MAX

/* True when the rule found is exactly the wanted one. */
typedef bool (*planner_same)(
    void *user, const struct planner_want *want, const struct planner_have *have);

/*
 * Plans. A rule found that no want names, that is not the same, or that is there twice (the first
 * in chain and index stays) goes. 0 or -ENOMEM; the plan is the caller's to free. Wants are
 * distinct.
 */
int planner_plan(const struct planner_want *wants, size_t n_wants, const struct planner_have *haves,
    size_t n_haves, planner_same same, void *user, struct planner_plan *ret_plan);

void planner_plan_done(struct planner_plan *plan);

#endif
