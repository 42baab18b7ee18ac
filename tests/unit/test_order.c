/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of what a switch says are those of the capture's own states, where there are such. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/order.h"
#include "controller/decide/life.h"

static void
names_are_the_same_everywhere(void **state)
{
	static const struct {
		enum hold hold;
		enum life life;
	} pairs[] = {{HOLD_INSTALLING, LIFE_INSTALLING}, {HOLD_IN_KERNEL, LIFE_IN_KERNEL},
	    {HOLD_IN_HARDWARE, LIFE_IN_HARDWARE}, {HOLD_MIRRORING, LIFE_MIRRORING},
	    {HOLD_REMOVING, LIFE_REMOVING}, {HOLD_STUCK, LIFE_STUCK}, {HOLD_FAILED, LIFE_FAILED},
	    {HOLD_ENDED, LIFE_ENDED}};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		assert_string_equal(order_hold_name(pairs[i].hold), life_name(pairs[i].life));
	/* Numbers come off the wire. */
	assert_string_equal(order_hold_name((enum hold)0), "");
	assert_string_equal(order_hold_name((enum hold)200), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_the_same_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
