/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stand-in for switchd of Cumulus Linux, as far as the agent sees it. What is real: a FUSE tree
 * with nodes of root's, 0600; the sequence open, write "1", seek, read the verdict; the kernel's
 * tables that it reads. What is made up: the hardware, a table of its own that only a resync
 * changes, and its counters. It shows what FIELD-NOTES section 1 knows (one source), no more.
 *
 *     tool_switchd FOLDER [STATS_MS]     mounts there, in a mount namespace of the caller's own
 *
 *     switchd/ctrl/acl/{resync,stop_stats_sync}, switchd/run/acl_info/{ingress,egress}/…
 *     test/mode      good | refuse TEXT | half TEXT | stick TEXT | silent | late MS | entries N |
 *                    others N (ACL entries that are not from these tables)
 *     test/hardware  the hardware's table: "PACKETS BYTES TABLE RULE" a line
 *     test/traffic   "WORD PACKETS BYTES": hardware rules with that word copied so much more
 *     test/syncs     how many resyncs came, and how many of them without stop_stats_sync before
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libiptc/libiptc.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/rules/entry.h"
#include "common/base/clk.h"
#include "tests/support/fuse_tree.h"

#define RULES_MAX 20000
#define TEXT_MAX 200
#define SKIPPED 77

enum node {
	NODE_RESYNC,
	NODE_STOP,
	NODE_IN_USED,
	NODE_IN_TOTAL,
	NODE_OUT_USED,
	NODE_OUT_TOTAL,
	NODE_MODE,
	NODE_HARDWARE,
	NODE_TRAFFIC,
	NODE_SYNCS
};

static const struct fuse_tree_node nodes[] = {
    [NODE_RESYNC] = {"switchd/ctrl/acl/resync", 0600},
    [NODE_STOP] = {"switchd/ctrl/acl/stop_stats_sync", 0600},
    [NODE_IN_USED] = {"switchd/run/acl_info/ingress/entries", 0400},
    [NODE_IN_TOTAL] = {"switchd/run/acl_info/ingress/entries_total", 0400},
    [NODE_OUT_USED] = {"switchd/run/acl_info/egress/entries", 0400},
    [NODE_OUT_TOTAL] = {"switchd/run/acl_info/egress/entries_total", 0400},
    [NODE_MODE] = {"test/mode", 0600},
    [NODE_HARDWARE] = {"test/hardware", 0400},
    [NODE_TRAFFIC] = {"test/traffic", 0600},
    [NODE_SYNCS] = {"test/syncs", 0400},
};

struct rule {
	char text[ENTRY_TEXT_MAX + 16];
	uint64_t packets, bytes;
};

struct table {
	struct rule *rules;
	size_t n;
};

enum mode { GOOD, REFUSE, HALF, STICK, SILENT };

struct switchd {
	struct fuse_tree *tree;
	struct table hardware;
	enum mode mode;
	char words[TEXT_MAX];
	int64_t late_ms;
	unsigned entries, others, syncs, unstopped;
	bool stats_stopped;
	char verdict[TEXT_MAX];
	uint64_t waiting; /* a read that is answered later */
	struct instant answer_at, next_stats;
	int64_t stats_ms;
};

/* The chains that are programmed. */
static const struct {
	const char *table, *chain;
} chains[] = {{"filter", "FORWARD"}, {"mangle", "PREROUTING"}};

static bool
table_in_use(const char *table)
{
	char line[64];
	bool used = false;
	FILE *f = fopen("/proc/net/ip_tables_names", "re");

	while (f && fgets(line, sizeof line, f))
		used |= strncmp(line, table, strlen(table)) == 0;
	if (f)
		fclose(f);
	return used;
}

/* What the kernel's tables say now. */
static struct table
read_kernel(void)
{
	struct table t = {.rules = calloc(RULES_MAX, sizeof *t.rules)};
	char text[ENTRY_TEXT_MAX];

	for (size_t c = 0; c < sizeof chains / sizeof chains[0]; c++) {
		struct xtc_handle *h =
		    table_in_use(chains[c].table) ? iptc_init(chains[c].table) : NULL;
		const struct ipt_entry *e = h ? iptc_first_rule(chains[c].chain, h) : NULL;
		for (; e && t.n < RULES_MAX; e = iptc_next_rule(e, h)) {
			const char *verdict = iptc_get_target(e, h);
			struct rule *rule = &t.rules[t.n++];
			entry_describe(
			    4, (const uint8_t *)e, e->next_offset, verdict ? verdict : "", text);
			snprintf(rule->text, sizeof rule->text, "%s %s", chains[c].table, text);
		}
		if (h)
			iptc_free(h);
	}
	return t;
}

static struct rule *
find(struct table *t, const char *text)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->rules[i].text, text) == 0)
			return &t->rules[i];
	return NULL;
}

/* The new image in place of the old, but only the first `most` of the rules that are new. */
static void
program(struct switchd *s, struct table *image, size_t most)
{
	struct table next = {.rules = calloc(RULES_MAX, sizeof *next.rules)};

	for (size_t i = 0; i < image->n; i++) {
		const struct rule *old = find(&s->hardware, image->rules[i].text);
		if (!old && most == 0)
			continue;
		most -= !old;
		next.rules[next.n++] = old ? *old : image->rules[i];
	}
	free(s->hardware.rules);
	s->hardware = next;
}

static size_t
count_missing(struct table *in, struct table *of)
{
	size_t n = 0;

	for (size_t i = 0; i < of->n; i++)
		n += !find(in, of->rules[i].text);
	return n;
}

static void
resync(struct switchd *s)
{
	struct table image = read_kernel();
	size_t added = count_missing(&s->hardware, &image);
	size_t removed = count_missing(&image, &s->hardware);

	s->syncs++;
	s->unstopped += !s->stats_stopped;
	s->verdict[0] = '\0';
	switch (s->mode) {
	case REFUSE:
		snprintf(s->verdict, sizeof s->verdict, "%s", s->words);
		break;
	case HALF:
		if (added) {
			program(s, &image, added / 2);
			snprintf(s->verdict, sizeof s->verdict, "%s", s->words);
		} else
			program(s, &image, added);
		break;
	case STICK:
		if (removed)
			snprintf(s->verdict, sizeof s->verdict, "%s", s->words);
		else
			program(s, &image, added);
		break;
	case GOOD:
	case SILENT:
		if (s->others + image.n > s->entries)
			snprintf(s->verdict, sizeof s->verdict,
			    "hw sync failed: %zu entries, room for %u\n", s->others + image.n,
			    s->entries);
		else
			program(s, &image, added);
		break;
	}
	s->stats_stopped = false;
	free(image.rules);
}

/* The hardware's counters into the kernel's, as switchd does every few seconds. */
static void
copy_counters(struct switchd *s)
{
	const char *path = getenv("XTABLES_LOCKFILE");
	int lock = open(path ? path : "/run/xtables.lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	char text[ENTRY_TEXT_MAX], whole[ENTRY_TEXT_MAX + 16];

	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return;
	for (size_t c = 0; c < sizeof chains / sizeof chains[0]; c++) {
		struct xtc_handle *h =
		    table_in_use(chains[c].table) ? iptc_init(chains[c].table) : NULL;
		unsigned number = 1, changed = 0; /* libiptc counts these from 1 */
		const struct ipt_entry *e = h ? iptc_first_rule(chains[c].chain, h) : NULL;
		for (; e; e = iptc_next_rule(e, h), number++) {
			const char *verdict = iptc_get_target(e, h);
			entry_describe(
			    4, (const uint8_t *)e, e->next_offset, verdict ? verdict : "", text);
			snprintf(whole, sizeof whole, "%s %s", chains[c].table, text);
			const struct rule *rule = find(&s->hardware, whole);
			if (!rule || rule->packets == e->counters.pcnt)
				continue;
			struct xt_counters counters = {.pcnt = rule->packets, .bcnt = rule->bytes};
			xt_chainlabel label = "";
			snprintf(label, sizeof label, "%s", chains[c].chain);
			changed += (unsigned)iptc_set_counter(label, number, &counters, h) != 0;
		}
		if (changed && !iptc_commit(h))
			fprintf(stderr, "switchd: counters: %s\n", iptc_strerror(errno));
		if (h)
			iptc_free(h);
	}
	close(lock);
}

static ssize_t
on_read(void *user, unsigned node, uint64_t request, char *text)
{
	struct switchd *s = user;
	size_t at = 0;

	switch ((enum node)node) {
	case NODE_RESYNC:
		if (s->mode == SILENT || s->late_ms) {
			s->waiting = request;
			s->answer_at = s->mode == SILENT ? (struct instant){INT64_MAX}
							 : clk_add(clk_now(), s->late_ms * CLK_MS);
			return FUSE_TREE_LATER;
		}
		return snprintf(text, FUSE_TREE_DATA_MAX, "%s", s->verdict);
	case NODE_IN_USED:
	case NODE_OUT_USED:
		return snprintf(text, FUSE_TREE_DATA_MAX, "%zu\n", s->others + s->hardware.n);
	case NODE_IN_TOTAL:
	case NODE_OUT_TOTAL:
		return snprintf(text, FUSE_TREE_DATA_MAX, "%u\n", s->entries);
	case NODE_HARDWARE:
		for (size_t i = 0; i < s->hardware.n && at < FUSE_TREE_DATA_MAX - 400; i++)
			at += (size_t)snprintf(text + at, FUSE_TREE_DATA_MAX - at,
			    "%" PRIu64 " %" PRIu64 " %s\n", s->hardware.rules[i].packets,
			    s->hardware.rules[i].bytes, s->hardware.rules[i].text);
		return (ssize_t)at;
	case NODE_SYNCS:
		return snprintf(text, FUSE_TREE_DATA_MAX, "%u %u\n", s->syncs, s->unstopped);
	case NODE_STOP:
	case NODE_MODE:
	case NODE_TRAFFIC:
		break;
	}
	return 0;
}

static int
set_mode(struct switchd *s, const char *text)
{
	static const struct {
		const char *word;
		enum mode mode;
	} words[] = {{"good", GOOD}, {"refuse", REFUSE}, {"half", HALF}, {"stick", STICK},
	    {"silent", SILENT}};
	long number = 0;

	if (sscanf(text, "late %ld", &number) == 1)
		s->late_ms = number;
	else if (sscanf(text, "entries %ld", &number) == 1)
		s->entries = (unsigned)number;
	else if (sscanf(text, "others %ld", &number) == 1)
		s->others = (unsigned)number;
	else
		for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
			size_t len = strlen(words[i].word);
			if (strncmp(text, words[i].word, len) != 0)
				continue;
			/* One that hung wakes up. */
			if (s->mode == SILENT)
				s->answer_at = clk_now();
			s->mode = words[i].mode;
			snprintf(s->words, sizeof s->words, "%s", text + len + (text[len] == ' '));
			return 0;
		}
	return number ? 0 : -EINVAL;
}

static int
on_write(void *user, unsigned node, const char *data, size_t size)
{
	struct switchd *s = user;
	char text[TEXT_MAX], word[80];
	uint64_t packets, bytes;

	if (size >= sizeof text)
		return -EINVAL;
	memcpy(text, data, size);
	text[size] = '\0';
	text[strcspn(text, "\n")] = '\0';
	switch ((enum node)node) {
	case NODE_STOP:
		s->stats_stopped = strcmp(text, "1") == 0;
		return 0;
	case NODE_RESYNC:
		if (strcmp(text, "1") != 0)
			return -EINVAL;
		resync(s);
		return 0;
	case NODE_MODE:
		return set_mode(s, text);
	case NODE_TRAFFIC:
		if (sscanf(text, "%79s %" SCNu64 " %" SCNu64, word, &packets, &bytes) != 3)
			return -EINVAL;
		for (size_t i = 0; i < s->hardware.n; i++)
			if (strstr(s->hardware.rules[i].text, word)) {
				s->hardware.rules[i].packets += packets;
				s->hardware.rules[i].bytes += bytes;
			}
		return 0;
	case NODE_IN_USED:
	case NODE_OUT_USED:
	case NODE_IN_TOTAL:
	case NODE_OUT_TOTAL:
	case NODE_HARDWARE:
	case NODE_SYNCS:
		break;
	}
	return -EACCES;
}

static int
wait_ms(const struct switchd *s, struct instant now)
{
	struct instant at = s->next_stats;

	if (s->waiting && clk_before(s->answer_at, at))
		at = s->answer_at;
	int64_t ms = clk_diff(at, now) / CLK_MS + 1;
	return ms < 0 ? 0 : ms > 1000 ? 1000 : (int)ms;
}

int
main(int argc, char **argv)
{
	static const struct fuse_tree_calls calls = {.read = on_read, .write = on_write};
	static struct switchd s = {.entries = 256, .stats_ms = 5000};

	if (argc < 2)
		return 2;
	if (argc > 2)
		s.stats_ms = atol(argv[2]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	s.hardware.rules = calloc(RULES_MAX, sizeof *s.hardware.rules);
	(void)mkdir(argv[1], 0755);
	int r = fuse_tree_new(argv[1], nodes, sizeof nodes / sizeof nodes[0], &calls, &s, &s.tree);
	if (r < 0) {
		fprintf(stderr, "switchd: FUSE cannot be used here: %s\n", strerror(-r));
		return SKIPPED;
	}
	s.next_stats = clk_add(clk_now(), s.stats_ms * CLK_MS);
	for (;;) {
		struct pollfd p = {.fd = fuse_tree_fd(s.tree), .events = POLLIN};
		int n = poll(&p, 1, wait_ms(&s, clk_now()));
		struct instant now = clk_now();
		if (n > 0 && fuse_tree_dispatch(s.tree) < 0)
			return 0;
		if (s.waiting && !clk_before(now, s.answer_at)) {
			fuse_tree_answer(s.tree, s.waiting, s.verdict, strlen(s.verdict));
			s.waiting = 0;
		}
		if (clk_before(now, s.next_stats))
			continue;
		s.next_stats = clk_add(now, s.stats_ms * CLK_MS);
		if (!s.stats_stopped)
			copy_counters(&s);
	}
}
