/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An event of the decider as one JSON line, with all its evidence: finderscope-events(5). Keys that
 * do not apply are left out. Pure; no log, no clock.
 */
#ifndef CONTROLLER_STORE_EVENT_JSON_H
#define CONTROLLER_STORE_EVENT_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "controller/decide/decide.h"

#define EVENT_JSON_MAX 8192 /* NUL included; what the control protocol carries */

/* What the decider does not know. */
struct event_json_context {
	int64_t wall_ns;
	/* Names by index; NULL or "" when there is none. */
	const char *(*switch_name)(void *user, unsigned id);
	const char *(*feed_name)(void *user, uint16_t id);
	void *user;
};

/*
 * The length of the line, without newline; -ENOMEM. One that would be over EVENT_JSON_MAX loses,
 * one after another and until it fits, what the switches said, the steps of the decision, the
 * sampled header; "cut" then names what is missing.
 */
int event_json(const struct decide_event *event, const struct event_json_context *context,
    char text[EVENT_JSON_MAX]);

#endif
