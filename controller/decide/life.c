/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a capture: every pair of state and input, legal or not. */
#include "controller/decide/life.h"

#include <stddef.h>

/* Where an input leads, for states in which the capture is wanted. 0 is illegal. */
static enum life
step_live(enum life state, enum life_input input)
{
	switch (input) {
	case LIFE_INSTALL:
		return state <= LIFE_INSTALLING ? LIFE_INSTALLING : 0;
	case LIFE_KERNEL:
		return state <= LIFE_IN_KERNEL ? LIFE_IN_KERNEL : 0;
	case LIFE_HARDWARE:
		return state <= LIFE_IN_HARDWARE ? LIFE_IN_HARDWARE : 0;
	case LIFE_MIRROR:
		return state <= LIFE_MIRRORING ? LIFE_MIRRORING : 0;
	case LIFE_DELIVER:
		/* Copies that arrive prove a rule that moves, never one that nobody reported. */
		return state >= LIFE_MIRRORING ? LIFE_DELIVERED : 0;
	case LIFE_LOSE:
		return LIFE_REQUESTED;
	case LIFE_END:
		return LIFE_REMOVING;
	case LIFE_FAIL:
		return LIFE_FAILED;
	case LIFE_REFUSE:
		return state == LIFE_REQUESTED ? LIFE_REFUSED : 0;
	case LIFE_GONE:
	case LIFE_STICK:
		return 0;
	}
	return 0;
}

static enum life
step(enum life state, enum life_input input)
{
	switch (state) {
	case LIFE_REQUESTED:
	case LIFE_INSTALLING:
	case LIFE_IN_KERNEL:
	case LIFE_IN_HARDWARE:
	case LIFE_MIRRORING:
	case LIFE_DELIVERED:
		return step_live(state, input);
	case LIFE_REMOVING:
		return input == LIFE_GONE    ? LIFE_ENDED
		       : input == LIFE_STICK ? LIFE_STUCK
		       : input == LIFE_END   ? LIFE_REMOVING
					     : 0;
	case LIFE_STUCK:
		return input == LIFE_GONE    ? LIFE_ENDED
		       : input == LIFE_END   ? LIFE_REMOVING
		       : input == LIFE_STICK ? LIFE_STUCK
					     : 0;
	case LIFE_ENDED:
	case LIFE_REFUSED:
	case LIFE_FAILED:
		return 0;
	}
	return 0;
}

bool
life_step(enum life *state, enum life_input input)
{
	enum life next = step(*state, input);

	if (next == 0)
		return false;
	*state = next;
	return true;
}

bool
life_is_live(enum life state)
{
	return state >= LIFE_REQUESTED && state <= LIFE_DELIVERED;
}

bool
life_is_over(enum life state)
{
	return state >= LIFE_ENDED && state <= LIFE_FAILED;
}

const char *
life_name(enum life state)
{
	static const char *const names[LIFE_STATES] = {"none", "requested", "installing",
	    "in kernel", "in hardware", "mirroring", "delivered", "removing", "stuck in hardware",
	    "ended", "refused", "failed"};

	return (unsigned)state < LIFE_STATES ? names[state] : "none";
}
