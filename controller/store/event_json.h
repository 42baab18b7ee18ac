/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An event of the decider as one JSON line, with all its evidence: finderscope-events(5). Keys that
 * do not apply are left out. Pure; no log, no clock.
 */
#ifndef CONTROLLER_STORE_EVENT_JSON_H
#define CONTROLLER_STORE_EVENT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/decide/decide.h"

#define EVENT_JSON_MAX 8192 /* NUL included; what the control protocol carries */

#define EVENT_JSON_GAPS 16

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

/* A conversation of the past with an address that is listed only now; times by the wall. */
struct event_json_recent {
	struct addr local, remote;
	uint16_t remote_port; /* 0: not known */
	bool several_ports, outbound, inbound;
	uint32_t samples, samples_max; /* the latter: where counting stopped */
	int64_t first_ns, last_ns;
	const char *feed;
	struct prefix entry;
	uint16_t entry_port; /* 0: any */
	uint32_t line, feed_version;
	/* What was looked at: since when, without which times, and what that can't know of. */
	int64_t from_ns, complete_ns;
	unsigned gap_count;
	struct {
		int64_t from_ns, to_ns;
	} gaps[EVENT_JSON_GAPS];
	uint64_t lost;
};

/* Event "retrospective"; returns as event_json does. */
int event_json_recent(
    const struct event_json_recent *recent, int64_t wall_ns, char text[EVENT_JSON_MAX]);

#endif
