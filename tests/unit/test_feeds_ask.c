/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Explained down to the line: feed, line, version, since when; also while versions come and go. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clk.h"
#include "tests/support/feeds_rig.h"

static enum feeds_verdict
look(const struct feeds_rig *rig, const char *text, uint16_t port, struct feeds_match *matches,
    size_t max, size_t *ret_count)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return feeds_lookup(rig->feeds, &addr, port, matches, max, ret_count);
}

static void
says_feed_line_version_and_since(void **state)
{
	struct feeds_rig *rig = *state;
	struct feeds_match m[8];
	char name[FEEDS_NAME_MAX];
	size_t count;
	int64_t now = clk_wall_ns();

	feeds_rig_file(rig, "one", "one");
	feeds_rig_file(rig, "two", "two");
	feeds_rig_file(rig, "good", "good")->allow = true;
	feeds_rig_put(rig, "one", "# head\n198.51.100.0/24\n\n198.51.100.9\n");
	feeds_rig_put(rig, "two", "198.51.100.9:443\n203.0.113.9\n");
	feeds_rig_put(rig, "good", "203.0.113.0/24\n");
	assert_int_equal(prefix_parse("10.0.0.0/8", &rig->locals[0], NULL), 0);
	assert_int_equal(prefix_parse("192.0.2.1", &rig->allow[0], NULL), 0);
	rig->local_count = rig->allow_count = 1;
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "203.0.113.9", FEEDS_ALLOWED);
	feeds_rig_await_verdict(rig, "198.51.100.9", FEEDS_LISTED);

	/* Longest first; with a port only what is listed for it. */
	assert_int_equal(look(rig, "198.51.100.9", 443, m, 8, &count), FEEDS_LISTED);
	assert_int_equal(count, 3);
	assert_string_equal(m[0].feed, "one");
	assert_int_equal(m[0].line, 4);
	assert_int_equal(m[0].prefix.len, 32);
	assert_string_equal(m[1].feed, "two");
	assert_int_equal(m[1].line, 1);
	assert_int_equal(m[1].port, 443);
	assert_int_equal(m[2].line, 2);
	assert_int_equal(m[2].prefix.len, 24);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(m[i].version, 1);
		assert_true(
		    m[i].since_wall_ns > now - 2 * CLK_S && m[i].since_wall_ns < now + 60 * CLK_S);
	}
	assert_int_equal(look(rig, "198.51.100.9", 80, m, 8, &count), FEEDS_LISTED);
	assert_int_equal(count, 2);
	assert_int_equal(look(rig, "198.51.100.9", 80, m, 1, &count), FEEDS_LISTED);
	assert_int_equal(count, 2);
	assert_int_equal(look(rig, "203.0.113.9", 0, m, 8, &count), FEEDS_ALLOWED);
	assert_int_equal(count, 2);
	assert_true(m[1].allow);
	assert_string_equal(m[1].feed, "good");
	assert_int_equal(look(rig, "192.0.2.1", 0, m, 8, &count), FEEDS_ALLOWED);
	assert_string_equal(m[0].feed, "allow");
	assert_int_equal(look(rig, "10.1.1.1", 0, m, 8, &count), FEEDS_NEVER);
	assert_string_equal(m[0].feed, "never");
	assert_string_equal(m[0].note, "local network");
	assert_int_equal(look(rig, "ff02::1", 0, m, 8, &count), FEEDS_NEVER);
	assert_string_equal(m[0].note, "multicast");
	assert_int_equal(look(rig, "192.0.2.2", 0, m, 8, &count), FEEDS_NOT_LISTED);
	assert_int_equal(count, 0);
	assert_int_equal(feeds_name(rig->feeds, m[0].id, name), 0);
	assert_string_equal(name, "never");
	assert_int_equal(feeds_name(rig->feeds, 1000, name), -ENOENT);
}

static void
age_outlives_restart_and_new_versions(void **state)
{
	struct feeds_rig *rig = *state;
	struct feeds_match first, m;
	size_t count;

	feeds_rig_web(rig, "l", "/l");
	feeds_rig_page(rig, "/l", "198.51.100.9\n198.51.100.10\n", "\"1\"");
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "198.51.100.9", FEEDS_LISTED);
	look(rig, "198.51.100.9", 0, &first, 1, &count);
	assert_true(first.since_wall_ns > 0);
	/* Seconds are what is kept: until the next one. */
	while (clk_wall_ns() < first.since_wall_ns + 11 * CLK_S / 10)
		usleep(20000);
	feeds_rig_page(rig, "/l", "# moved\n198.51.100.11\n198.51.100.9\n", "\"2\"");
	assert_int_equal(feeds_refresh(rig->feeds, "l", false), 0);
	feeds_rig_await_verdict(rig, "198.51.100.11", FEEDS_LISTED);
	for (int life = 0; life < 2; life++) {
		look(rig, "198.51.100.9", 0, &m, 1, &count);
		assert_int_equal(m.version, 2);
		assert_int_equal(m.line, 3);
		assert_true(m.since_wall_ns == first.since_wall_ns);
		look(rig, "198.51.100.11", 0, &m, 1, &count);
		assert_true(m.since_wall_ns > first.since_wall_ns);
		feeds_free(&rig->feeds);
		feeds_rig_start(rig);
		feeds_rig_await_verdict(rig, "198.51.100.11", FEEDS_LISTED);
		assert_true(feeds_rig_info(rig, "l").from_cache);
	}
}

#define MANY 20000

/* Versions alternate: in odd ones the address stands in line 1, in even ones in the last. */
static void
never_a_line_of_another_version(void **state)
{
	struct feeds_rig *rig = *state;
	char *hosts = feeds_rig_hosts(MANY), *odd = malloc(MANY * 16 + 32),
	     *even = malloc(MANY * 16 + 32);
	struct instant end = clk_add(clk_now(), FEEDS_RIG_PATIENCE_MS * CLK_MS);
	uint32_t seen = 0, last = 0;
	struct feeds_match m;
	size_t count;

	assert_true(odd && even);
	sprintf(odd, "203.0.113.9\n%s", hosts);
	sprintf(even, "%s203.0.113.9\n", hosts);
	feeds_rig_file(rig, "l", "l");
	feeds_rig_put(rig, "l", odd);
	feeds_rig_start(rig);
	feeds_rig_await_verdict(rig, "203.0.113.9", FEEDS_LISTED);
	while (seen < 8 && clk_before(clk_now(), end)) {
		assert_int_equal(look(rig, "203.0.113.9", 0, &m, 1, &count), FEEDS_LISTED);
		assert_int_equal(count, 1);
		if (m.line != (m.version % 2 ? 1 : MANY + 1))
			fail_msg("line %u of version %u", m.line, m.version);
		assert_true(m.since_wall_ns > 0);
		if (m.version == last)
			continue;
		assert_int_equal(m.version, last + 1);
		last = m.version;
		seen++;
		feeds_rig_put(rig, "new", last % 2 ? even : odd);
		char from[160], to[160];
		snprintf(from, sizeof from, "%s/new", rig->folder);
		snprintf(to, sizeof to, "%s/l", rig->folder);
		assert_int_equal(rename(from, to), 0);
	}
	assert_int_equal(seen, 8);
	free(hosts);
	free(odd);
	free(even);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, feeds_rig_setup, feeds_rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(says_feed_line_version_and_since),
	    WITH(age_outlives_restart_and_new_versions),
	    WITH(never_a_line_of_another_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
