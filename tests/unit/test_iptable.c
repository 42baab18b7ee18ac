/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Against the kernel's own tables, in a network namespace; iptables-legacy puts in what is foreign.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rules/iptable.h"
#include "agent/rules/target.h"
#include "tests/support/rig.h"

static struct rig rig;

static struct entry
make(uint64_t capture, unsigned rule, const char *tag)
{
	struct filter_match m;
	struct entry_target target;
	struct entry e;

	memset(&m, 0, sizeof m);
	prefix_parse("10.1.0.2", &m.src, NULL);
	prefix_parse("198.51.100.9", &m.dst, NULL);
	m.dst.addr.bytes[3] = (uint8_t)(capture % 250);
	target_nflog(6343, "x", &target);
	(void)rule;
	assert_int_equal(entry_build(&m, "swp+", tag, &target, &e), 0);
	return e;
}

static struct iptable_reading *
read_it(void)
{
	struct iptable_reading *r;

	assert_int_equal(iptable_read(4, "filter", NULL, 0, true, &r), 0);
	return r;
}

static int
setup(void **state)
{
	(void)state;
	return rig_shell(
	    "iptables-legacy -F; iptables-legacy -X; iptables-legacy -N mine; "
	    "iptables-legacy -A FORWARD -s 203.0.113.1 -j DROP; "
	    "iptables-legacy -A FORWARD -s 203.0.113.2 -j mine; "
	    "iptables-legacy -A mine -p tcp -m tcp --dport 22 -j RETURN; "
	    "iptables-legacy -A INPUT -m comment --comment 'finderscope: not quite' -j "
	    "ACCEPT");
}

static void
put(struct iptable_reading *r, bool first, uint64_t capture, unsigned rule)
{
	char tag[ENTRY_TAG_MAX];
	struct entry e = make(capture, rule, entry_tag(capture, rule, tag));

	assert_int_equal(iptable_add(r, "FORWARD", first, &e), 0);
}

static void
tells_ours_from_foreign(void **state)
{
	const char *words = "";
	struct iptable_reading *r = read_it(), *after;
	const struct iptable_row *rows;
	char text[ENTRY_TEXT_MAX + 48];
	size_t n;

	(void)state;
	iptable_ours(r, &n);
	assert_int_equal(n, 0);
	assert_int_equal(iptable_foreign_count(r), 4);
	assert_true(iptable_has_chain(r, "mine"));
	assert_false(iptable_has_chain(r, "other"));
	put(r, true, 17, 0);
	put(r, false, 17, 1);
	put(r, false, 18, 0);
	assert_int_equal(iptable_commit(r, &words), 0);
	after = read_it();
	rows = iptable_ours(after, &n);
	assert_int_equal(n, 3);
	assert_true(
	    rows[0].have.capture == 17 && rows[0].have.rule == 0 && rows[0].have.index == 0);
	assert_true(
	    rows[1].have.capture == 17 && rows[1].have.rule == 1 && rows[1].have.index == 3);
	assert_true(rows[2].have.capture == 18 && rows[2].have.index == 4);
	assert_int_equal(iptable_foreign_count(after), 4);
	/* The jump's offset moved with our rules; the rule is the same. */
	assert_true(iptable_foreign_same(r, after, text));
	iptable_free(&r);
	/* From the highest index down. */
	struct planner_delete deletes[] = {{rows[2].have.chain, 4}, {rows[0].have.chain, 0}};
	assert_int_equal(iptable_delete(after, deletes, 2), 0);
	assert_int_equal(iptable_commit(after, &words), 0);
	iptable_free(&after);
	assert_null(after);
	iptable_free(&after);
	r = read_it();
	rows = iptable_ours(r, &n);
	assert_true(n == 1 && rows[0].have.rule == 1);
	assert_int_equal(iptable_foreign_count(r), 4);
	iptable_free(&r);
}

static void
differs(const char *command, const char *says)
{
	struct iptable_reading *before = read_it(), *after;
	char text[ENTRY_TEXT_MAX + 48] = "";

	assert_int_equal(rig_shell("%s", command), 0);
	after = read_it();
	if (iptable_foreign_same(before, after, text) || !strstr(text, says))
		fail_msg("%s: \"%s\"", command, text);
	iptable_free(&before);
	iptable_free(&after);
}

static void
names_what_differs(void **state)
{
	(void)state;
	differs("iptables-legacy -A FORWARD -s 203.0.113.9 -j ACCEPT", "203.0.113.9");
	differs("iptables-legacy -D FORWARD -s 203.0.113.1 -j DROP",
	    "lost: rule 2: FORWARD -s 203.0.113.1 -j DROP");
	differs("iptables-legacy -R FORWARD 1 -s 203.0.113.2 -j ACCEPT", "changed:");
	/* The same rules, another order. */
	differs("iptables-legacy -D FORWARD -s 203.0.113.9 -j ACCEPT && iptables-legacy -I FORWARD "
		"-s 203.0.113.9 -j ACCEPT",
	    "changed:");
	/* Another target of the same match; the same rule in another chain. */
	differs("iptables-legacy -R FORWARD 1 -s 203.0.113.9 -j DROP", "changed:");
	differs("iptables-legacy -D INPUT 1 && iptables-legacy -A OUTPUT -m comment --comment "
		"'finderscope: not quite' -j ACCEPT",
	    "changed:");
	/* The last of one chain becomes the first of the next: the same rules in the same order. */
	assert_int_equal(rig_shell("iptables-legacy -F && iptables-legacy -A FORWARD -s "
				   "203.0.113.9 -j ACCEPT"),
	    0);
	differs(
	    "iptables-legacy -D FORWARD 1 && iptables-legacy -A OUTPUT -s 203.0.113.9 -j ACCEPT",
	    "changed:");
}

static void
a_table_that_moved(void **state)
{
	struct iptable_reading *r = read_it();
	const char *words = "";

	(void)state;
	put(r, false, 17, 0);
	assert_int_equal(rig_shell("iptables-legacy -A OUTPUT -j ACCEPT"), 0);
	assert_int_equal(iptable_commit(r, &words), -EAGAIN);
	assert_true(words[0] != '\0');
	iptable_free(&r);
	size_t n;
	r = read_it();
	iptable_ours(r, &n);
	assert_int_equal(n, 0);
	iptable_free(&r);
}

static void
known_without_a_tag(void **state)
{
	struct iptable_known known = {.capture = 19, .rule = 2, .family = 4};
	struct iptable_reading *r = read_it();
	const struct iptable_row *rows;
	const char *words = "";
	size_t n;

	(void)state;
	known.entry = make(19, 2, NULL);
	assert_int_equal(iptable_add(r, "FORWARD", false, &known.entry), 0);
	assert_int_equal(iptable_commit(r, &words), 0);
	iptable_free(&r);
	r = read_it();
	iptable_ours(r, &n);
	assert_int_equal(n, 0);
	assert_int_equal(iptable_foreign_count(r), 5);
	iptable_free(&r);
	assert_int_equal(iptable_read(4, "filter", &known, 1, true, &r), 0);
	rows = iptable_ours(r, &n);
	assert_true(n == 1 && rows[0].have.capture == 19 && rows[0].have.rule == 2);
	assert_int_equal(iptable_foreign_count(r), 4);
	iptable_free(&r);
}

static void
no_such_table(void **state)
{
	struct iptable_reading *r;

	(void)state;
	assert_int_equal(iptable_read(4, "nosuchtable", NULL, 0, true, &r), -ENOENT);
	assert_int_equal(iptable_read(6, "filter", NULL, 0, true, &r), 0);
	assert_int_equal(iptable_foreign_count(r), 0);
	struct entry e = make(1, 0, NULL);
	assert_true(iptable_add(r, "nosuchchain", false, &e) < 0);
	iptable_free(&r);
}

int
main(void)
{
	if (!rig_isolate(&rig)) {
		printf("1..0 # SKIP needs root, to make a network namespace\n");
		return 0;
	}
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(tells_ours_from_foreign, setup),
	    cmocka_unit_test_setup(names_what_differs, setup),
	    cmocka_unit_test_setup(a_table_that_moved, setup),
	    cmocka_unit_test_setup(known_without_a_tag, setup),
	    cmocka_unit_test_setup(no_such_table, setup),
	};
	int failed = cmocka_run_group_tests_name("iptable", tests, NULL, NULL);

	rig_done(&rig);
	return failed;
}
