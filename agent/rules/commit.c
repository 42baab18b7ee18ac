/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent/rules/commit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent/rules/target.h"
#include "common/base/result.h"

#define COMMIT_TRIES 8

static unsigned
family_of(const struct held *held)
{
	return held->order.filter.a.addr.family;
}

/* Since 4.11 the kernel copies out what user space put in and zeros for its own part. */
static bool
kernel_is_deep(void)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 4 || (major == 4 && minor >= 11));
}

int
commit_open(struct commit *commit, const struct wire_config *config, struct held_set *set,
    commit_target target, void *user)
{
	char boot[STATE_BOOT_MAX];
	unsigned line = 0;

	memset(commit, 0, sizeof *commit);
	commit->config = config;
	commit->set = set;
	commit->target = target;
	commit->user = user;
	commit->deep = kernel_is_deep();
	commit->lock = (struct lock){.fd = -1, .socket = -1};
	int r = lock_open(&commit->lock);
	if (r < 0) {
		snprintf(commit->text, sizeof commit->text, "the table lock cannot be opened");
		return r;
	}
	r = state_load(config->run_dir, &commit->state, &line);
	if (r == -EINVAL)
		/* Tagged rules are still found; the rest cannot be known. */
		snprintf(commit->text, sizeof commit->text,
		    "%s/agent.state, line %u: not a state file of ours; taken as empty",
		    config->run_dir, line);
	else if (r < 0)
		snprintf(commit->text, sizeof commit->text, "%s/agent.state cannot be read",
		    config->run_dir);
	if (state_boot_id(boot) < 0)
		boot[0] = '\0';
	/* Rules of another boot are gone with it. */
	if (strcmp(boot, commit->state.boot) != 0)
		state_done(&commit->state);
	snprintf(commit->state.boot, sizeof commit->state.boot, "%s", boot);
	return 0;
}

void
commit_close(struct commit *commit)
{
	state_done(&commit->state);
	lock_close(&commit->lock);
}

static int
read_table(struct commit *c, unsigned family, const char *table, struct iptable_reading **ret)
{
	int r = iptable_read(family, table, c->state.rules, c->state.n_rules, c->deep, ret);

	if (r < 0)
		snprintf(c->text, sizeof c->text, "the IPv%u table %s cannot be read%s", family,
		    table,
		    r == -ENOPROTOOPT || r == -ENOENT
			? "; is the kernel's ip_tables there (modprobe)?"
			: "");
	return r;
}

/* The rules wanted of one family, with their captures beside them. */
struct wants {
	struct planner_want *wants;
	struct held **held;
	size_t n;
	bool adds;    /* else what is there of a wanted rule is left as it is */
	bool replace; /* captures to be made anew are not the same as what is there */
	struct commit *commit;
	const struct iptable_row *rows;
};

static void
wants_done(struct wants *w)
{
	free(w->wants);
	free(w->held);
}

static int
collect(struct commit *c, unsigned family, bool adds, struct wants *w)
{
	size_t room = c->set->n * FILTER_RULES_MAX + 1;

	*w = (struct wants){.commit = c, .adds = adds};
	w->wants = calloc(room, sizeof *w->wants);
	w->held = calloc(room, sizeof *w->held);
	if (!w->wants || !w->held) {
		wants_done(w);
		return -ENOMEM;
	}
	for (struct held *held = c->set->head; held; held = held->hh.next) {
		if (!held->wanted || family_of(held) != family)
			continue;
		for (unsigned i = 0; i < held->n_rules; i++) {
			w->wants[w->n] = (struct planner_want){held->capture, i};
			w->held[w->n++] = held;
		}
	}
	return 0;
}

/* True when the row is that rule of the capture; `deep`: its target's data too. */
static bool
row_is(struct commit *c, const struct held *held, unsigned rule, const struct iptable_row *row,
    bool deep)
{
	struct filter_match matches[FILTER_RULES_MAX];
	struct entry_target target;
	struct entry entry;
	char tag[ENTRY_TAG_MAX], error[TARGET_ERROR_MAX];

	filter_expand(&held->order.filter, matches);
	return c->target(c->user, held, rule, &target, error) == 0 &&
	       entry_build(&matches[rule], c->config->iface,
		   c->comments ? entry_tag(held->capture, rule, tag) : NULL, &target,
		   &entry) == 0 &&
	       entry_same(family_of(held), entry.bytes, entry.size, row->bytes, row->size, deep);
}

/* The held that a want is of: wants of one capture stand together, in order. */
static bool
same_rule(void *user, const struct planner_want *want, const struct planner_have *have)
{
	struct wants *w = user;
	struct held *held = w->held[want - w->wants];

	if (!w->adds || held->deferred)
		return true;
	if (w->replace && held->remake)
		return false;
	return row_is(w->commit, held, want->rule, &w->rows[have->ref], held->exact);
}

static int
plan(struct wants *w, struct iptable_reading *reading, struct planner_plan *ret_plan)
{
	size_t n;
	const struct iptable_row *rows = iptable_ours(reading, &n);
	struct planner_have *haves = calloc(n + 1, sizeof *haves);

	if (!haves)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		haves[i] = rows[i].have;
	w->rows = rows;
	int r = planner_plan(w->wants, w->n, haves, n, same_rule, w, ret_plan);
	free(haves);
	if (r < 0)
		return r;
	/* What may not be added now waits. */
	size_t kept = 0;
	for (size_t i = 0; i < ret_plan->n_adds; i++)
		if (w->adds && !w->held[ret_plan->adds[i]]->deferred)
			ret_plan->adds[kept++] = ret_plan->adds[i];
	ret_plan->n_adds = kept;
	return 0;
}

/* Remembers a rule that carries no tag, before it is committed. */
static int
remember(struct commit *c, unsigned family, const struct held *held, unsigned rule,
    const struct entry *entry)
{
	struct iptable_known *more =
	    reallocarray(c->state.rules, c->state.n_rules + 1, sizeof *more);

	if (!more)
		return -ENOMEM;
	c->state.rules = more;
	more[c->state.n_rules++] = (struct iptable_known){held->capture, rule, family, *entry};
	return 0;
}

static int
add_one(struct commit *c, struct iptable_reading *reading, struct held *held, unsigned rule)
{
	struct filter_match matches[FILTER_RULES_MAX];
	struct entry_target target;
	struct entry entry;
	char tag[ENTRY_TAG_MAX], error[TARGET_ERROR_MAX] = "";

	filter_expand(&held->order.filter, matches);
	int r = c->target(c->user, held, rule, &target, error);
	if (r < 0) {
		held_fail(held, RESULT_NO_TARGET, error);
		return 0;
	}
	r = entry_build(&matches[rule], c->config->iface,
	    c->comments ? entry_tag(held->capture, rule, tag) : NULL, &target, &entry);
	if (r == 0 && iptable_has_chain(reading, target.name)) {
		/* libiptc would take the name for a jump. */
		held_fail(held, RESULT_KERNEL, "the table has a chain of the target's name");
		return 0;
	}
	if (r == 0 && !c->comments)
		r = remember(c, family_of(held), held, rule, &entry);
	if (r == 0)
		r = iptable_add(reading, c->config->chain, c->config->first, &entry);
	if (r < 0)
		return r;
	held->last[rule] = (struct entry_counters){0};
	held->fresh = true;
	held->exact = c->deep;
	return 0;
}

static int
apply(struct commit *c, struct wants *w, struct iptable_reading *reading,
    const struct planner_plan *p)
{
	int r = iptable_delete(reading, p->deletes, p->n_deletes);

	if (r < 0)
		return r;
	if (p->n_adds && !iptable_has_chain(reading, c->config->chain)) {
		for (size_t i = 0; i < p->n_adds; i++)
			held_fail(w->held[p->adds[i]], RESULT_KERNEL,
			    "the table does not have the configured chain");
		return 0;
	}
	for (size_t i = 0; i < p->n_adds && r == 0; i++) {
		/* First in the chain: put in backwards, they stand in their order. */
		size_t at = c->config->first ? p->n_adds - 1 - i : i;
		struct held *held = w->held[p->adds[at]];
		if (held->wanted)
			r = add_one(c, reading, held, w->wants[p->adds[at]].rule);
	}
	if (r == 0 && !c->comments && p->n_adds) {
		/* Who cannot write down what is his must not put it there. */
		r = state_save(c->config->run_dir, &c->state);
		if (r < 0)
			snprintf(c->text, sizeof c->text, "the state file cannot be written");
	}
	return r;
}

/* What is seen now goes into the captures. */
static void
take_seen(struct commit *c, unsigned family, struct iptable_reading *reading)
{
	size_t n;
	const struct iptable_row *rows = iptable_ours(reading, &n);

	for (struct held *held = c->set->head; held; held = held->hh.next)
		if (family_of(held) == family)
			held->in_kernel = 0;
	for (size_t i = 0; i < n; i++) {
		struct held *held = held_find(c->set, rows[i].have.capture);
		if (!held || family_of(held) != family)
			continue;
		held->in_kernel++;
		held_count(
		    held, rows[i].have.rule, entry_counters(family, rows[i].bytes, rows[i].size));
	}
}

/* Forgets what is remembered of rules that are no longer there. */
static void
prune_known(struct commit *c, unsigned family, struct iptable_reading *reading)
{
	size_t n, kept = 0;
	const struct iptable_row *rows = iptable_ours(reading, &n);

	if (c->comments || !c->state.n_rules)
		return;
	for (size_t i = 0; i < c->state.n_rules; i++) {
		struct iptable_known *k = &c->state.rules[i];
		bool there = k->family != family;
		for (size_t j = 0; j < n && !there; j++)
			there = rows[j].have.capture == k->capture && rows[j].have.rule == k->rule;
		if (there)
			c->state.rules[kept++] = *k;
	}
	c->state.n_rules = kept;
}

/*
 * Looks whether the kernel gives back what it was sent, to the byte. Where it does, contents are
 * compared whole from now on; where a target keeps something of its own in there, without its data.
 */
static void
learn_exact(struct commit *c, struct iptable_reading *after)
{
	size_t n;
	const struct iptable_row *rows = iptable_ours(after, &n);

	for (size_t i = 0; i < n && c->deep; i++) {
		struct held *held = held_find(c->set, rows[i].have.capture);
		if (held && held->fresh && rows[i].have.rule < held->n_rules &&
		    !row_is(c, held, rows[i].have.rule, &rows[i], true))
			held->exact = false;
	}
}

/* Reads again after a commit and says what it came to. */
static int
verify(struct commit *c, unsigned family, struct iptable_reading *before)
{
	struct iptable_reading *after = NULL;
	char text[ENTRY_TEXT_MAX + 48];
	int r = read_table(c, family, c->config->table, &after);

	if (r < 0)
		return r;
	take_seen(c, family, after);
	learn_exact(c, after);
	if (!iptable_foreign_same(before, after, text)) {
		c->stopped = true;
		c->foreign_lost++;
		snprintf(c->text, sizeof c->text, "a foreign rule %s", text);
	}
	prune_known(c, family, after);
	iptable_free(&after);
	return 0;
}

/* Rules of ours to be taken out that no capture names: somebody put back what had been here. */
static unsigned
count_strays(struct commit *c, struct iptable_reading *reading, const struct planner_plan *p)
{
	size_t n;
	const struct iptable_row *rows = iptable_ours(reading, &n);
	unsigned strays = 0;

	if (!p->n_deletes)
		return 0;
	for (size_t i = 0; i < n; i++)
		strays += !held_find(c->set, rows[i].have.capture);
	return strays;
}

/* One read, plan, commit. -EAGAIN here: the table changed under us. */
static int
attempt(struct commit *c, unsigned family, bool adds)
{
	struct iptable_reading *before = NULL;
	struct planner_plan p = {.n_adds = 0};
	struct wants w;
	const char *words = "";
	int r = collect(c, family, adds, &w);

	if (r < 0)
		return r;
	w.replace = adds;
	r = read_table(c, family, c->config->table, &before);
	if (r < 0) {
		wants_done(&w);
		return r;
	}
	r = plan(&w, before, &p);
	if (r == 0 && (p.n_deletes || p.n_adds)) {
		c->strays += count_strays(c, before, &p);
		r = apply(c, &w, before, &p);
		if (r == 0) {
			r = iptable_commit(before, &words);
			c->commits++;
		}
		if (r < 0 && r != -EAGAIN)
			snprintf(c->text, sizeof c->text, "the kernel refused: %s",
			    words[0] ? words : strerror(-r));
		if (r != -EAGAIN) {
			/* After an error as well: EINVAL may mean installed. */
			int seen = verify(c, family, before);
			r = r < 0 ? r : seen;
		}
		for (size_t i = 0; i < w.n && r == 0; i++) {
			w.held[i]->fresh = false;
			w.held[i]->remake &= !adds;
			w.held[i]->missing &= !adds;
		}
	} else if (r == 0)
		take_seen(c, family, before);
	planner_plan_done(&p);
	iptable_free(&before);
	wants_done(&w);
	return r;
}

static int
run_family(struct commit *c, unsigned family, bool adds)
{
	int r = -EAGAIN;

	for (unsigned i = 0; i < COMMIT_TRIES && r == -EAGAIN; i++) {
		r = attempt(c, family, adds);
		c->retries += r == -EAGAIN;
	}
	/* Somebody without the lock writes faster than we do. */
	return r == -EAGAIN ? -EBUSY : r;
}

/* A batch was refused: each new capture by itself, so that one bad one costs the others nothing. */
static int
isolate(struct commit *c, unsigned family)
{
	char text[ORDER_TEXT_MAX];
	int r = 0;

	snprintf(text, sizeof text, "%.*s", (int)sizeof text - 1, c->text);
	for (struct held *held = c->set->head; held; held = held->hh.next)
		held->deferred =
		    held->wanted && family_of(held) == family && held->in_kernel < held->n_rules;
	for (struct held *held = c->set->head; held && r == 0; held = held->hh.next) {
		if (!held->deferred)
			continue;
		held->deferred = false;
		if (run_family(c, family, true) < 0 && held->in_kernel < held->n_rules) {
			held_fail(held, RESULT_KERNEL, c->text);
			/* Half of it may be there. */
			r = run_family(c, family, true);
		}
	}
	for (struct held *held = c->set->head; held; held = held->hh.next)
		held->deferred = false;
	return r;
}

static void
settle(struct commit *c, struct instant now)
{
	for (struct held *held = c->set->head; held; held = held->hh.next) {
		if (held->wanted && held->hold == HOLD_INSTALLING && held->n_rules &&
		    !held->missing && !held->remake && held->in_kernel == held->n_rules) {
			if (held->put_back)
				snprintf(held->text, sizeof held->text,
				    "put back; they were gone for %" PRId64 " ms at most",
				    clk_diff(now, held->seen) / CLK_MS);
			held->put_back = false;
			held_in_force(held, HOLD_IN_KERNEL);
			held->seen = now;
			if (!held->committed.ns)
				held->committed = held->moved = now;
		}
	}
}

static void
note_families(struct commit *c)
{
	for (struct held *held = c->set->head; held; held = held->hh.next) {
		c->used4 |= family_of(held) == 4;
		c->used6 |= family_of(held) == 6;
	}
}

int
commit_run(struct commit *commit, struct instant now, bool adds)
{
	int result = 0;
	int r = lock_take(&commit->lock);

	if (r < 0)
		return r;
	note_families(commit);
	adds = adds && !commit->stopped;
	for (unsigned family = 4; family <= 6; family += 2) {
		if (!(family == 4 ? commit->used4 : commit->used6))
			continue;
		r = run_family(commit, family, adds);
		if (r < 0 && r != -EBUSY && adds)
			r = isolate(commit, family);
		result = result < 0 ? result : r;
	}
	lock_give(&commit->lock);
	settle(commit, now);
	if (!commit->comments)
		(void)state_save(commit->config->run_dir, &commit->state);
	return result;
}

/* One family's part of a look: counters, then contents. */
static int
look_family(struct commit *c, unsigned family, unsigned *strays)
{
	struct iptable_reading *reading = NULL;
	struct planner_plan p;
	struct wants w;
	int r = collect(c, family, true, &w);

	if (r < 0)
		return r;
	r = read_table(c, family, c->config->table, &reading);
	if (r == 0) {
		take_seen(c, family, reading);
		r = plan(&w, reading, &p);
	}
	if (r == 0) {
		for (size_t i = 0; i < p.n_adds; i++)
			w.held[p.adds[i]]->missing = true;
		*strays += (unsigned)p.n_deletes;
		planner_plan_done(&p);
	}
	iptable_free(&reading);
	wants_done(&w);
	return r;
}

int
commit_look(struct commit *commit, struct instant now, unsigned *ret_strays)
{
	int missing = 0;

	*ret_strays = 0;
	note_families(commit);
	for (struct held *held = commit->set->head; held; held = held->hh.next)
		held->missing = false;
	for (unsigned family = 4; family <= 6; family += 2) {
		if (!(family == 4 ? commit->used4 : commit->used6))
			continue;
		int r = look_family(commit, family, ret_strays);
		if (r < 0)
			return r;
	}
	for (struct held *held = commit->set->head; held; held = held->hh.next) {
		if (held->wanted && held->missing)
			missing += held->committed.ns != 0;
		else if (held->in_kernel)
			held->seen = now;
	}
	settle(commit, now);
	return missing;
}

/* Takes out, or only counts, what is ours in one table. */
static int
clean_table(
    struct commit *c, unsigned family, const char *table, bool count_only, unsigned *removed)
{
	int r = -EAGAIN;

	for (unsigned i = 0; i < COMMIT_TRIES && r == -EAGAIN; i++) {
		struct iptable_reading *reading = NULL;
		struct wants none = {.commit = c};
		struct planner_plan p = {0};
		const char *words = "";
		size_t n = 0;
		r = read_table(c, family, table, &reading);
		if (r < 0)
			return r;
		(void)iptable_ours(reading, &n);
		if (n == 0 || count_only) {
			*removed += (unsigned)n;
			iptable_free(&reading);
			return 0;
		}
		r = plan(&none, reading, &p);
		if (r == 0)
			r = iptable_delete(reading, p.deletes, p.n_deletes);
		if (r == 0)
			r = iptable_commit(reading, &words);
		if (r == 0)
			*removed += (unsigned)p.n_deletes;
		else if (r != -EAGAIN)
			snprintf(c->text, sizeof c->text, "the kernel refused: %s", words);
		planner_plan_done(&p);
		iptable_free(&reading);
	}
	return r;
}

/* Tables the kernel has in use; reading another would make it. */
static int
clean_family(struct commit *c, unsigned family, bool count_only, unsigned *removed)
{
	FILE *f =
	    fopen(family == 6 ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names", "re");
	char table[40];
	int result = 0;

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(table, sizeof table, f)) {
		table[strcspn(table, "\n")] = '\0';
		int r = clean_table(c, family, table, count_only, removed);
		result = result < 0 ? result : r;
	}
	fclose(f);
	return result;
}

int
commit_clean(struct commit *commit, unsigned *ret_removed)
{
	unsigned removed = 0;
	int r = lock_take(&commit->lock);

	if (r < 0)
		return r;
	r = clean_family(commit, 4, false, &removed);
	int r6 = clean_family(commit, 6, false, &removed);
	lock_give(&commit->lock);
	r = r < 0 ? r : r6;
	if (r == 0) {
		free(commit->state.rules);
		commit->state.rules = NULL;
		commit->state.n_rules = 0;
		(void)state_save(commit->config->run_dir, &commit->state);
	}
	*ret_removed = removed;
	return r;
}

int
commit_ours(struct commit *commit, unsigned *ret_n)
{
	unsigned n = 0;
	int r = clean_family(commit, 4, true, &n);
	int r6 = clean_family(commit, 6, true, &n);

	*ret_n = n;
	return r < 0 ? r : r6;
}
