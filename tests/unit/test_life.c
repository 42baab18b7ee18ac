/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every pair of state and input against a table written down by hand from DESIGN.md's life of a
 * capture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/decide/life.h"

#define REQ LIFE_REQUESTED
#define INS LIFE_INSTALLING
#define KER LIFE_IN_KERNEL
#define HW LIFE_IN_HARDWARE
#define MIR LIFE_MIRRORING
#define DEL LIFE_DELIVERED
#define REM LIFE_REMOVING
#define STK LIFE_STUCK
#define END LIFE_ENDED
#define REF LIFE_REFUSED
#define FAI LIFE_FAILED

/* Rows are states, columns the inputs in their order; 0 is illegal. */
static const enum life table[LIFE_STATES][LIFE_INPUTS] = {
    /*       -  INSTALL KERNEL HARDWARE MIRROR DELIVER LOSE END  GONE STICK FAIL REFUSE */
    [REQ] = {0, INS, KER, HW, MIR, 0, REQ, REM, 0, 0, FAI, REF},
    [INS] = {0, INS, KER, HW, MIR, 0, REQ, REM, 0, 0, FAI, 0},
    [KER] = {0, 0, KER, HW, MIR, 0, REQ, REM, 0, 0, FAI, 0},
    [HW] = {0, 0, 0, HW, MIR, 0, REQ, REM, 0, 0, FAI, 0},
    [MIR] = {0, 0, 0, 0, MIR, DEL, REQ, REM, 0, 0, FAI, 0},
    [DEL] = {0, 0, 0, 0, 0, DEL, REQ, REM, 0, 0, FAI, 0},
    [REM] = {0, 0, 0, 0, 0, 0, 0, REM, END, STK, 0, 0},
    [STK] = {0, 0, 0, 0, 0, 0, 0, REM, END, STK, 0, 0},
    [END] = {0},
    [REF] = {0},
    [FAI] = {0},
};

static void
every_pair_of_state_and_input(void **unused)
{
	(void)unused;
	for (unsigned s = 0; s < LIFE_STATES; s++)
		for (unsigned i = 0; i < LIFE_INPUTS + 2; i++) {
			enum life expected = i < LIFE_INPUTS ? table[s][i] : 0;
			enum life state = (enum life)s;
			bool legal = life_step(&state, (enum life_input)i);

			if (legal != (expected != 0) ||
			    state != (expected != 0 ? expected : (enum life)s))
				fail_msg("state %s, input %u: %s, %s; expected %s", life_name(s), i,
				    legal ? "legal" : "illegal", life_name(state),
				    life_name(expected));
		}
}

static void
nothing_leaves_an_end_and_every_state_reaches_one(void **unused)
{
	(void)unused;
	for (unsigned s = 1; s < LIFE_STATES; s++) {
		enum life state = (enum life)s;

		assert_false(life_is_live(state) && life_is_over(state));
		if (life_is_over(state))
			continue;
		assert_true(life_step(&state, LIFE_END));
		assert_int_equal(state, LIFE_REMOVING);
		assert_true(life_step(&state, LIFE_GONE));
		assert_true(life_is_over(state));
	}
	assert_false(life_is_live(LIFE_REMOVING) || life_is_over(LIFE_REMOVING));
	assert_false(life_is_live(LIFE_STUCK) || life_is_over(LIFE_STUCK));
}

static void
every_state_has_a_name_of_its_own(void **unused)
{
	(void)unused;
	for (unsigned a = 0; a < LIFE_STATES; a++)
		for (unsigned b = 0; b < a; b++)
			assert_string_not_equal(life_name(a), life_name(b));
	assert_string_equal(life_name(LIFE_STUCK), "stuck in hardware");
	assert_string_equal(life_name((enum life)200), "none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_pair_of_state_and_input),
	    cmocka_unit_test(nothing_leaves_an_end_and_every_state_reaches_one),
	    cmocka_unit_test(every_state_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
