/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "controller/decide/hosts.h"
#include "tests/support/decider.h"

static unsigned
claims(const struct hosts *h, const struct addr *addr)
{
	const struct hosts_claim *c = NULL;
	unsigned bits = 0;

	while ((c = hosts_find(h, addr, c)) != NULL)
		bits |= 1u << c->id;
	return bits;
}

static void
hosts_come_and_go(void **unused)
{
	struct addr a = decider_addr("10.1.0.5"), b = decider_addr("10.1.0.6");
	struct hosts *h;

	(void)unused;
	assert_int_equal(hosts_new(3, &h), 0);
	assert_int_equal(claims(h, &a), 0);
	assert_int_equal(hosts_add(h, 0, &a, "", 0), 1);
	assert_int_equal(hosts_add(h, 0, &a, "", 0), 0);
	assert_int_equal(hosts_add(h, 2, &a, "", 100), 1);
	assert_int_equal(hosts_add(h, 2, &b, "", 0), 1);
	assert_int_equal(claims(h, &a), 5);
	/* The VRF tells hosts apart, the VNI is one of their properties. */
	assert_int_equal(hosts_add(h, 2, &a, "", 101), 1);
	assert_int_equal(hosts_count(h), 3);
	assert_int_equal(hosts_add(h, 2, &a, "red", 0), 1);
	assert_int_equal(hosts_count(h), 4);
	assert_false(hosts_remove(h, 1, &a, ""));
	assert_true(hosts_remove(h, 2, &a, ""));
	assert_int_equal(claims(h, &a), 5);
	assert_true(hosts_remove(h, 2, &a, "red"));
	assert_int_equal(claims(h, &a), 1);
	assert_int_equal(hosts_clear(h, 0), 1);
	assert_int_equal(hosts_clear(h, 0), 0);
	assert_int_equal(claims(h, &a), 0);
	assert_int_equal(hosts_count(h), 1);
	hosts_free(&h);
}

static void
a_switch_has_so_many_at_most(void **unused)
{
	struct hosts *h;
	unsigned i;

	(void)unused;
	assert_int_equal(hosts_new(2, &h), 0);
	for (i = 0; i < HOSTS_SWITCH_MAX; i++) {
		uint8_t bytes[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
		struct addr a = addr_from_v4(bytes);

		assert_int_equal(hosts_add(h, 0, &a, "", 0), 1);
	}
	struct addr more = decider_addr("10.9.0.1");

	assert_int_equal(hosts_add(h, 0, &more, "", 0), -ENOSPC);
	assert_int_equal(hosts_add(h, 1, &more, "", 0), 1);
	assert_int_equal(claims(h, &more), 2);
	hosts_free(&h);
}

static void
other_ids(void **unused)
{
	struct addr a = decider_addr("10.1.0.5");
	int ids[] = {1, -1, 0};
	struct hosts *h;

	(void)unused;
	assert_int_equal(hosts_new(3, &h), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(hosts_add(h, i, &a, "", i), 1);
	assert_int_equal(hosts_renumber(h, ids, 2), 0);
	assert_int_equal(claims(h, &a), 3);
	assert_int_equal(hosts_count(h), 2);
	assert_int_equal(hosts_clear(h, 1), 1);
	assert_int_equal(hosts_find(h, &a, NULL)->vni, 2);
	hosts_free(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hosts_come_and_go),
	    cmocka_unit_test(a_switch_has_so_many_at_most),
	    cmocka_unit_test(other_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
