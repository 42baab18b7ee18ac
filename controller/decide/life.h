/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a capture (DESIGN.md): one enum of states, one transition function. Pure values.
 * Numbers of the states are those of the control protocol and of the store: never reused.
 */
#ifndef CONTROLLER_DECIDE_LIFE_H
#define CONTROLLER_DECIDE_LIFE_H

#include <stdbool.h>

enum life {
	LIFE_REQUESTED = 1,
	LIFE_INSTALLING = 2,
	LIFE_IN_KERNEL = 3,
	LIFE_IN_HARDWARE = 4,
	LIFE_MIRRORING = 5,
	LIFE_DELIVERED = 6,
	LIFE_REMOVING = 7,
	LIFE_STUCK = 8,
	LIFE_ENDED = 9,
	LIFE_REFUSED = 10,
	LIFE_FAILED = 11,
};
#define LIFE_STATES 12

/* What can happen to it. */
enum life_input {
	LIFE_INSTALL = 1, /* a switch works on it */
	LIFE_KERNEL,      /* every switch has its rules in the kernel */
	LIFE_HARDWARE,    /* … in the hardware */
	LIFE_MIRROR,      /* a rule's counter moved */
	LIFE_DELIVER,     /* the receiver saw a copy */
	LIFE_LOSE,        /* a switch is without it again; it is asked for anew */
	LIFE_END,         /* it is no longer wanted, or the back end tries the removal again */
	LIFE_GONE,        /* no switch holds it any more */
	LIFE_STICK,       /* a back end refused the removal */
	LIFE_FAIL,        /* the one switch could not hold it and holds nothing */
	LIFE_REFUSE,      /* a limit said no before anything was asked for */
};
#define LIFE_INPUTS 12

/*
 * The one way to change a state. True: *state is what comes next (it may be the same). False: an
 * illegal pair; nothing was changed, the caller counts it.
 */
bool life_step(enum life *state, enum life_input input);

/* Wanted on switches: from requested to delivered. */
bool life_is_live(enum life state);
/* Nothing ever happens to it again: ended, refused, failed. */
bool life_is_over(enum life state);

/* "in kernel"; and "in-kernel" style words are the tool's affair. */
const char *life_name(enum life state);

#endif
