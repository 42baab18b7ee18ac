/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What it costs to put one mirror rule into a table with 10, 1,000 and 10,000 other rules: the
 * agent's road (its reading, planning, adding and committing; its checking apart; all of it as it
 * runs), a bare libiptc add and commit, the iptables programs, and a stand-in for a road that
 * writes a policy file and restores all tables. Prints "name value unit" lines, medians of rounds
 * in which all take turns. Needs root, for a network namespace.
 */
#include <libiptc/libiptc.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/rules/commit.h"
#include "agent/wire/lean.h"
#include "agent/rules/target.h"
#include "common/base/clk.h"
#include "tests/support/rig.h"

#define ROUNDS 21
#define SPAWN_ROUNDS 7
#define BATCH 100

extern char **environ;

static struct rig rig;

static void
need(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "bench_rules: %s\n", what);
	exit(1);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *values, unsigned n)
{
	qsort(values, n, sizeof *values, by_size);
	return values[n / 2];
}

static double
since(struct instant begin)
{
	return (double)clk_diff(clk_now(), begin) / 1e6;
}

/* ---- rules to add */

static int
make_target(void *user, const struct held *held, unsigned rule, struct entry_target *ret_target,
    char error[120])
{
	char tag[ENTRY_TAG_MAX];

	(void)user;
	(void)error;
	target_nflog(6343, entry_tag(held->capture, rule, tag), ret_target);
	return 0;
}

static struct order
make_order(uint64_t capture)
{
	char b[32];

	snprintf(b, sizeof b, "198.51.%u.%u", (unsigned)(capture / 250 % 250),
	    (unsigned)(capture % 250 + 1));
	struct order order = rig_order(capture, "10.1.0.2", b);
	/* One rule: what the rivals add as well. */
	order.filter.one_way = true;
	return order;
}

static struct entry
make_entry(uint64_t capture)
{
	struct order order = make_order(capture);
	struct filter_match match[FILTER_RULES_MAX];
	struct entry_target target;
	struct entry entry;
	char tag[ENTRY_TAG_MAX];

	filter_expand(&order.filter, match);
	entry_tag(capture, 0, tag);
	target_nflog(6343, tag, &target);
	need(entry_build(&match[0], "swp+", tag, &target, &entry) == 0, "no entry");
	return entry;
}

/* ---- the roads */

static double
bare(uint64_t capture)
{
	struct entry entry = make_entry(capture);
	xt_chainlabel chain = "FORWARD";
	struct instant begin = clk_now();
	struct xtc_handle *h = iptc_init("filter");

	need(h && iptc_append_entry(chain, (struct ipt_entry *)entry.bytes, h) && iptc_commit(h),
	    "a bare commit failed");
	iptc_free(h);
	return since(begin);
}

/* The agent's own add and commit, and in *ret_check what reading again and comparing costs. */
static double
add_commit(uint64_t capture, double *ret_check)
{
	struct entry entry = make_entry(capture);
	struct iptable_reading *before, *after;
	struct planner_want want = {capture, 0};
	struct planner_plan plan;
	const char *words;
	char text[ENTRY_TEXT_MAX + 48];
	struct instant begin = clk_now();

	need(iptable_read(4, "filter", NULL, 0, true, &before) == 0 &&
		 planner_plan(&want, 1, NULL, 0, NULL, NULL, &plan) == 0 &&
		 iptable_delete(before, plan.deletes, plan.n_deletes) == 0 &&
		 iptable_add(before, "FORWARD", false, &entry) == 0 &&
		 iptable_commit(before, &words) == 0,
	    "the agent's commit failed");
	double ms = since(begin);
	begin = clk_now();
	need(iptable_read(4, "filter", NULL, 0, true, &after) == 0 &&
		 iptable_foreign_same(before, after, text),
	    "the table is another one");
	*ret_check = since(begin);
	planner_plan_done(&plan);
	iptable_free(&before);
	iptable_free(&after);
	return ms;
}

/* `n` captures in one go, as rules does it: lock, read, plan, commit, read again, compare. */
static double
whole(struct commit *commit, struct held_set *set, uint64_t first, unsigned n)
{
	struct instant now = clk_now();

	for (unsigned i = 0; i < n; i++) {
		struct order order = make_order(first + i);
		struct held *held = held_add(set, &order, 60000, now);

		need(held != NULL, "no memory");
		held->target = WIRE_TARGET_NFLOG;
	}
	struct instant begin = clk_now();
	need(commit_run(commit, now, true) == 0, commit->text);
	double ms = since(begin);
	for (unsigned i = 0; i < n; i++)
		need(held_find(set, first + i)->in_kernel == 1, "a rule is not there");
	return ms;
}

static double
spawn(char *const argv[], const char *from)
{
	struct instant begin = clk_now();
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&actions);
	if (from)
		posix_spawn_file_actions_addopen(&actions, 0, from, 0, 0);
	need(posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) == 0 &&
		 waitpid(pid, &status, 0) == pid && status == 0,
	    argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	return since(begin);
}

static double
program(const char *name, bool wait, unsigned i)
{
	char to[32], path[64], w[] = "-w", a[] = "-A", chain[] = "FORWARD", d[] = "-d", in[] = "-i",
			       swp[] = "swp+", j[] = "-j", nflog[] = "NFLOG",
			       group[] = "--nflog-group", number[] = "6343";

	snprintf(to, sizeof to, "198.52.0.%u", i % 250 + 1);
	snprintf(path, sizeof path, "%s", name);
	char *with[] = {path, w, a, chain, d, to, in, swp, j, nflog, group, number, NULL},
	     *without[] = {path, a, chain, d, to, in, swp, j, nflog, group, number, NULL};
	return spawn(wait ? with : without, NULL);
}

/* ---- tables of a size */

static void
write_table(const char *path, unsigned n, bool one_more)
{
	FILE *f = fopen(path, "we");

	need(f != NULL, path);
	fprintf(f, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "-A FORWARD -s 203.%u.%u.%u/32 -p tcp -m tcp --dport %u -j ACCEPT\n",
		    i / 62500, i / 250 % 250, i % 250 + 1, i % 60000 + 1);
	if (one_more)
		fprintf(f, "-A FORWARD -d 198.52.0.1/32 -i swp+ -j NFLOG --nflog-group 6343\n");
	fprintf(f, "COMMIT\n");
	fclose(f);
}

/* Writes the policy anew and restores what it says, all of it. */
static double
restore_all(const char *path, unsigned n)
{
	char restore[] = "iptables-legacy-restore", restore6[] = "ip6tables-legacy-restore",
	     policy6[128];
	char *argv[] = {restore, NULL}, *argv6[] = {restore6, NULL};
	struct instant begin = clk_now();

	snprintf(policy6, sizeof policy6, "%s6", path);
	write_table(path, n, true);
	FILE *f = fopen(policy6, "we");
	need(f != NULL, policy6);
	fprintf(f, "*filter\nCOMMIT\n");
	fclose(f);
	spawn(argv, path);
	spawn(argv6, policy6);
	return since(begin);
}

static void
reset(const char *path, unsigned n)
{
	write_table(path, n, false);
	need(rig_shell("iptables-legacy-restore <'%s'", path) == 0, "the table cannot be loaded");
}

static void
say(const char *what, unsigned n, double value, const char *unit)
{
	printf("rules_%s_at_%u %.3f %s\n", what, n, value, unit);
}

static void
measure(unsigned n)
{
	char path[96];
	double t_bare[ROUNDS], t_add[ROUNDS], t_check[ROUNDS], t_whole[ROUNDS], t_batch[ROUNDS],
	    t_legacy[SPAWN_ROUNDS], t_nft[SPAWN_ROUNDS], t_restore[SPAWN_ROUNDS];
	struct held_set set = {.head = NULL};
	struct commit commit;
	uint64_t capture = 1;

	snprintf(path, sizeof path, "%s/table", rig.dir);
	need(commit_open(&commit, &rig.config, &set, make_target, NULL) == 0, commit.text);
	commit.comments = true;
	for (unsigned i = 0; i < ROUNDS; i++) {
		/* Each starts from the same table; who is first alternates. */
		for (unsigned k = 0; k < 4; k++) {
			reset(path, n);
			held_clear(&set);
			switch ((k + i) % 4) {
			case 0:
				t_bare[i] = bare(capture++);
				break;
			case 1:
				t_add[i] = add_commit(capture++, &t_check[i]);
				break;
			case 2:
				t_whole[i] = whole(&commit, &set, capture++, 1);
				break;
			default:
				t_batch[i] = whole(&commit, &set, capture, BATCH);
				capture += BATCH;
			}
		}
	}
	held_clear(&set);
	commit_close(&commit);
	reset(path, n);
	need(rig_shell("iptables-nft-restore <'%s'", path) == 0, "no nft table");
	for (unsigned i = 0; i < SPAWN_ROUNDS; i++) {
		t_legacy[i] = program("iptables-legacy", true, i);
		t_nft[i] = program("iptables-nft", false, i);
		t_restore[i] = restore_all(path, n);
	}
	rig_shell("iptables-nft -F");
	double b = median(t_bare, ROUNDS), a = median(t_add, ROUNDS), w = median(t_whole, ROUNDS);
	say("bare_libiptc", n, b, "ms");
	say("agent_add_commit", n, a, "ms");
	say("agent_add_commit_to_bare", n, a / b, "ratio");
	say("agent_checking", n, median(t_check, ROUNDS), "ms");
	say("agent_all", n, w, "ms");
	say("agent_batch_of_100", n, median(t_batch, ROUNDS), "ms");
	say("agent_batch_of_100_to_one", n, median(t_batch, ROUNDS) / w, "ratio");
	say("iptables_legacy", n, median(t_legacy, SPAWN_ROUNDS), "ms");
	say("iptables_nft", n, median(t_nft, SPAWN_ROUNDS), "ms");
	say("restore_all", n, median(t_restore, SPAWN_ROUNDS), "ms");
	fflush(stdout);
}

int
main(void)
{
	if (!rig_isolate(&rig)) {
		printf("# bench_rules needs root, to make a network namespace\n");
		return 0;
	}
	lean_begin(); /* as the agent's processes do */
	measure(10);
	measure(1000);
	measure(10000);
	rig_done(&rig);
	return 0;
}
