/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "controller/engine/fleet.h"

static struct addr
ip(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct fleet_accepted
accepted(const char *name, uint8_t key, const char *addr)
{
	struct fleet_accepted a = {.addrs = {ip(addr)}, .addr_count = 1};

	snprintf(a.name, sizeof a.name, "%s", name);
	memset(a.key, key, sizeof a.key);
	return a;
}

/* Two configured switches: leaf1 with key 1 1 …, leaf2 with key 2 2 …. */
static void
configure(struct settings *set, struct policy_switch places[2], struct agents_switch keys[2])
{
	memset(set, 0, sizeof *set);
	memset(places, 0, 2 * sizeof *places);
	memset(keys, 0, 2 * sizeof *keys);
	for (int i = 0; i < 2; i++) {
		snprintf(places[i].name, sizeof places[i].name, "leaf%d", i + 1);
		snprintf(keys[i].name, sizeof keys[i].name, "leaf%d", i + 1);
		memset(keys[i].key, i + 1, sizeof keys[i].key);
	}
	places[0].exporters[0] = ip("10.0.0.11");
	places[0].exporter_count = 1;
	set->policy.switches = places;
	set->agents.switches = keys;
	set->policy.switch_count = set->agents.switch_count = 2;
}

static void
test_together(void **state)
{
	struct policy_switch places[2];
	struct agents_switch keys[2];
	struct settings set;
	struct fleet fleet = {.count = 0};
	struct fleet_accepted list[] = {
	    accepted("spine1", 7, "10.0.0.77"),
	    accepted("leaf2", 8, "10.0.0.12"), /* the configuration has that name */
	    accepted("other", 1, "10.0.0.99"), /* and that key */
	    accepted("spine2", 9, "2001:db8::9"),
	};
	struct addr mine = ip("10.0.0.77"), leaf = ip("10.0.0.11"), none = ip("10.0.0.99");

	(void)state;
	configure(&set, places, keys);
	assert_int_equal(fleet_set(&fleet, &set, list, 4), 0);
	assert_int_equal(fleet.count, 4);
	assert_int_equal(fleet.configured, 2);
	assert_int_equal(fleet.accepted_count, 4);
	assert_int_equal(fleet_find(&fleet, "leaf2"), 1);
	assert_int_equal(fleet_find(&fleet, "spine1"), 2);
	assert_int_equal(fleet_find(&fleet, "spine2"), 3);
	assert_int_equal(fleet_find(&fleet, "other"), -1);
	assert_string_equal(fleet_name(&fleet, 3), "spine2");
	assert_string_equal(fleet_name(&fleet, 4), "?");
	/* Ids mean the same switch in both arrays. */
	for (size_t i = 0; i < fleet.count; i++)
		assert_string_equal(fleet.places[i].name, fleet.keys[i].name);
	assert_int_equal(fleet.keys[2].key[5], 7);
	assert_int_equal(fleet_claims(&fleet, &mine, 1), 2);
	assert_int_equal(fleet_claims(&fleet, &leaf, 1), 0);
	assert_int_equal(fleet_claims(&fleet, &none, 1), -1);
	/* From its own list to a shorter one, as forgetting a switch does. */
	assert_int_equal(fleet_set(&fleet, &set, fleet.accepted, 1), 0);
	assert_int_equal(fleet.count, 3);
	fleet_done(&fleet);
	assert_int_equal(fleet.count, 0);
}

static void
test_names(void **state)
{
	char longest[POLICY_NAME_MAX + 1];

	(void)state;
	memset(longest, 'a', sizeof longest);
	longest[POLICY_NAME_MAX - 1] = '\0';
	assert_true(fleet_name_ok("leaf-1.dc_2"));
	assert_true(fleet_name_ok(longest));
	longest[POLICY_NAME_MAX - 1] = 'a';
	longest[POLICY_NAME_MAX] = '\0';
	assert_false(fleet_name_ok(longest));
	assert_false(fleet_name_ok(""));
	assert_false(fleet_name_ok("leaf 1"));
	assert_false(fleet_name_ok("leaf\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_together),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
