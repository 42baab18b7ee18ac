/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Behind libc's own of the same names. */
#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_TEE.h>

#include <cmocka.h>

#include "agent/rules/target.h"

static void
nflog_bytes(void **state)
{
	struct entry_target t;
	struct xt_nflog_info info;

	(void)state;
	target_nflog(6343, "finderscope:18446744073709551615:3", &t);
	assert_string_equal(t.name, "NFLOG");
	assert_int_equal(t.size, sizeof info);
	memcpy(&info, t.data, sizeof info);
	assert_int_equal(info.group, 6343);
	assert_string_equal(info.prefix, "finderscope:18446744073709551615:3");
	/* The same bytes as the machine's own extension writes. */
	static const char *const options[] = {
	    "--nflog-group", "6343", "--nflog-prefix", "finderscope:18446744073709551615:3"};
	struct entry_target asked;
	char error[TARGET_ERROR_MAX] = "";
	int r = target_ask(4, "NFLOG", options, 4, &asked, error);
	if (r != 0)
		fail_msg("%d: %s", r, error);
	struct xt_nflog_info theirs;
	memcpy(&theirs, asked.data, sizeof theirs);
	assert_int_equal(asked.revision, t.revision);
	assert_int_equal(theirs.group, info.group);
	assert_string_equal(theirs.prefix, info.prefix);
	assert_int_equal(theirs.len, info.len);
}

/* TEE stands in for ERSPAN: an extension with addresses, in either family. */
static void
asks_the_extension(void **state)
{
	static const char *const four[] = {"--gateway", "192.0.2.1"}, *const six[] = {"--gateway",
									  "2001:db8::1"};
	struct entry_target t;
	struct xt_tee_tginfo info;
	char error[TARGET_ERROR_MAX] = "";

	(void)state;
	assert_int_equal(target_ask(4, "TEE", four, 2, &t, error), 0);
	assert_string_equal(t.name, "TEE");
	assert_true(t.size >= offsetof(struct xt_tee_tginfo, oif));
	memcpy(&info, t.data, sizeof info);
	assert_memory_equal(&info.gw, "\xc0\x00\x02\x01", 4);
	/* The other family in the same process: each is asked in a child of its own. */
	assert_int_equal(target_ask(6, "TEE", six, 2, &t, error), 0);
	memcpy(&info, t.data, sizeof info);
	assert_memory_equal(&info.gw, "\x20\x01\x0d\xb8", 4);
	assert_int_equal(target_ask(4, "TEE", four, 2, &t, error), 0);
}

static void
hears_a_refusal(void **state)
{
	static const char *const bad[] = {"--gateway", "nowhere"}, *const unknown[] = {
								       "--gatewax", "192.0.2.1"};
	struct entry_target t;
	char error[TARGET_ERROR_MAX] = "";

	(void)state;
	assert_int_equal(target_ask(4, "TEE", bad, 2, &t, error), -EINVAL);
	assert_true(error[0] != '\0');
	error[0] = '\0';
	assert_int_equal(target_ask(4, "TEE", unknown, 2, &t, error), -EINVAL);
	assert_true(error[0] != '\0');
	/* Missing what it needs. */
	assert_int_equal(target_ask(4, "TEE", bad, 0, &t, error), -EINVAL);
	assert_int_equal(target_ask(4, "NOSUCHTARGET", bad, 0, &t, error), -ENOENT);
	/* No child is left over. */
	assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void
an_empty_cache(void **state)
{
	struct target_cache *cache;
	const struct entry_target *t;
	struct addr a, b;
	char error[TARGET_ERROR_MAX] = "";

	(void)state;
	addr_parse("192.0.2.1", &a);
	addr_parse("192.0.2.2", &b);
	assert_int_equal(target_cache_new(&cache), 0);
	/* Without the extension, each time anew: it may be installed meanwhile. */
	for (int i = 0; i < 3; i++) {
		int r = target_erspan(cache, 4, &a, &b, 64, &t, error);
		assert_true(r == -ENOENT || r == 0);
	}
	target_cache_free(&cache);
	assert_null(cache);
}

static void
asks_the_kernel(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip();
	assert_true(target_in_kernel(4, "NFLOG"));
	assert_true(target_in_kernel(6, "NFLOG"));
	assert_false(target_in_kernel(4, "NOSUCHTARGET"));
	assert_true(target_match_in_kernel(4, "comment"));
	assert_true(target_match_in_kernel(6, "tcp"));
	assert_false(target_match_in_kernel(4, "nosuchmatch"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nflog_bytes),
	    cmocka_unit_test(asks_the_extension),
	    cmocka_unit_test(hears_a_refusal),
	    cmocka_unit_test(an_empty_cache),
	    cmocka_unit_test(asks_the_kernel),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
