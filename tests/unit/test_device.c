/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and targets; the devices themselves are made in a guest (tests/lab/71-uml-tee.sh), and here
 * what a kernel without ip_gre, or a user without the right, answers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/xt_TEE.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/rules/device.h"

static void
test_names(void **state)
{
	static const struct {
		uint64_t capture;
		const char *name;
	} cases[] = {{0, "fs0"}, {35, "fsz"}, {36, "fs10"}, {42, "fs16"},
	    {UINT64_C(4738381338321616895), "fszzzzzzzzzzzz"}, {UINT64_MAX, "fs3w5e11264sgsf"}};
	char name[FILTER_IFACE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_ptr_equal(device_name(cases[i].capture, name), name);
		assert_string_equal(name, cases[i].name);
		assert_true(strlen(name) < FILTER_IFACE_MAX);
	}
}

/* What the rule says is what the text of a policy file says. */
static void
test_target(void **state)
{
	struct entry_target target;
	struct xt_tee_tginfo info;
	struct in6_addr gateway6;
	struct in_addr gateway4;

	(void)state;
	assert_int_equal(inet_pton(AF_INET, DEVICE_GATEWAY4, &gateway4), 1);
	assert_int_equal(inet_pton(AF_INET6, DEVICE_GATEWAY6, &gateway6), 1);
	for (unsigned family = 4; family <= 6; family += 2) {
		device_target(42, family, &target);
		assert_string_equal(target.name, "TEE");
		assert_int_equal(target.revision, 1);
		assert_int_equal(target.size, sizeof info);
		memcpy(&info, target.data, sizeof info);
		assert_string_equal(info.oif, "fs16");
		assert_null(info.priv);
		if (family == 4)
			assert_memory_equal(&info.gw.ip, &gateway4, sizeof gateway4);
		else
			assert_memory_equal(&info.gw.in6, &gateway6, sizeof gateway6);
	}
}

static void
test_other_families(void **state)
{
	static const uint8_t v4[4] = {192, 0, 2, 2};
	struct analyser analyser = {.session = 7, .erspan_type = 2};
	struct addr four = addr_from_v4(v4), six;
	char error[DEVICE_ERROR_MAX] = "";

	(void)state;
	assert_int_equal(addr_parse("2001:db8::2", &six), 0);
	analyser.addr = six;
	assert_int_equal(device_make(42, 6, &analyser, &six, 0, error), -EAFNOSUPPORT);
	assert_string_equal(error, "the erspan device takes IPv4 analysers only");
	analyser.addr = four;
	assert_int_equal(device_make(42, 4, &analyser, &six, 0, error), -EAFNOSUPPORT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),
	    cmocka_unit_test(test_target), cmocka_unit_test(test_other_families)};

	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
