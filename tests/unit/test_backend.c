/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a switchd tree says of the ACL space; kernel and hardware are lab_backend's and
 * lab_acltool's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/rules/backend.h"

static struct wire_config config;

static int
setup(void **state)
{
	char command[2 * WIRE_PATH_MAX + 64];

	(void)state;
	snprintf(config.switchd_root, sizeof config.switchd_root, "/tmp/finderscope-acl.XXXXXX");
	if (!mkdtemp(config.switchd_root))
		return -1;
	snprintf(command, sizeof command,
	    "mkdir -p '%s/run/acl_info/ingress' '%s/run/acl_info/egress'", config.switchd_root,
	    config.switchd_root);
	return system(command);
}

static int
teardown(void **state)
{
	char command[WIRE_PATH_MAX + 16];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", config.switchd_root);
	return system(command);
}

static void
say(const char *file, const char *text)
{
	char path[WIRE_PATH_MAX + 64];

	snprintf(path, sizeof path, "%s/run/acl_info/%s", config.switchd_root, file);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
space_is(uint32_t used, uint32_t total)
{
	uint32_t u = 0, t = 0;

	assert_true(backend_acl_space(&config, &u, &t));
	assert_int_equal(u, used);
	assert_int_equal(t, total);
}

/* The side that is fuller counts, not the one with fewer entries left. */
static void
test_fuller_side(void **state)
{
	uint32_t u, t;

	(void)state;
	assert_false(backend_acl_space(&config, &u, &t));
	say("ingress/entries", "100\n");
	assert_false(backend_acl_space(&config, &u, &t));
	say("ingress/entries_total", "1000\n");
	space_is(100, 1000);
	say("egress/entries", "60");
	say("egress/entries_total", "256");
	space_is(60, 256);
	say("ingress/entries", "999\n");
	space_is(999, 1000);
	/* Near the end of 32 bits as well. */
	say("ingress/entries", "4294967294");
	say("ingress/entries_total", "4294967295");
	space_is(4294967294u, 4294967295u);
}

static void
test_nonsense(void **state)
{
	static const char *const values[] = {
	    "", "\n", "many", "-", "4294967296", "99999999999999999999"};
	uint32_t u, t;

	(void)state;
	say("ingress/entries", "1");
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		say("ingress/entries_total", values[i]);
		assert_false(backend_acl_space(&config, &u, &t));
	}
	/* A table without room for anything says nothing. */
	say("ingress/entries_total", "0");
	assert_false(backend_acl_space(&config, &u, &t));
	say("ingress/entries_total", "7");
	space_is(1, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_fuller_side, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown)};

	return cmocka_run_group_tests_name("backend", tests, NULL, NULL);
}
