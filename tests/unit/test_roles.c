/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/main/roles.h"
#include "agent/wire/wire.h"
#include "common/base/clk.h"

static void
finds_who_to_be(void **state)
{
	struct roles_user user = {.uid = 7};

	(void)state;
	assert_int_equal(roles_find_user("root", &user), 0);
	assert_true(user.uid == 0 && user.gid == 0);
	/* Never root by accident: who is not there is nobody. */
	assert_int_equal(roles_find_user("no-such-user-here", &user), 0);
	assert_true(user.uid != 0);
}

/* A child in the place of rules, that ends with `status` when its socket does. */
static struct roles
pretend(int status)
{
	struct roles roles = {.mirror = -1};
	int pair[2];
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	roles.rules = fork();
	if (roles.rules == 0) {
		close(pair[0]);
		if (status >= 0)
			_exit(status);
		while (read(pair[1], &byte, 1) > 0)
			;
		_exit(0);
	}
	close(pair[1]);
	roles.rules_fd = pair[0];
	return roles;
}

static void
tells_how_rules_ended(void **state)
{
	struct roles roles = pretend(3);

	(void)state;
	assert_int_equal(roles_stop(&roles, 5000), 3);
	assert_int_equal(roles.rules_fd, -1);
}

/* It goes on taking its rules out, and hears by its socket that main has gone. */
static void
never_kills_rules(void **state)
{
	struct roles roles = pretend(-1);
	struct instant begin = clk_now();
	int status = -1;

	(void)state;
	assert_int_equal(roles_stop(&roles, 100), -1);
	assert_true(clk_diff(clk_now(), begin) >= 90 * CLK_MS);
	assert_int_equal(waitpid(roles.rules, &status, 0), roles.rules);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_who_to_be),
	    cmocka_unit_test(tells_how_rules_ended),
	    cmocka_unit_test(never_kills_rules),
	};

	return cmocka_run_group_tests_name("roles", tests, NULL, NULL);
}
