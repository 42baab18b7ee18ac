/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of finderscope-events(5) for people: a line each, and which of them one asks for. */
#ifndef CONTROLLER_CTL_EVENT_TEXT_H
#define CONTROLLER_CTL_EVENT_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The line, without newline, its time on this machine's clock and in its zone; what an event of
 * another release holds is shown by its keys. To be freed; NULL: no memory. */
char *event_text(const json_t *event);

/* Whether it is about that: the number of a capture, or a word of one of its texts (its kind, an
 * address, the name of a switch or of a list). */
bool event_text_has(const json_t *event, const char *word);

/* When it was, nanoseconds of 1970; 0: it does not say. */
int64_t event_text_wall(const json_t *event);

/* "2026-11-26 02:14:07.039", on this machine's clock and in its zone. */
#define EVENT_TEXT_TIME_MAX 40
char *event_text_time(int64_t wall_ns, char text[EVENT_TEXT_TIME_MAX]);

/*
 * A time that a person names, in the zone of this machine: "02:10" and "02:10:30" are the last such
 * time before `now`, "2026-11-26 02:10" and "2026-11-26T02:10" that one (with Z: in UTC), "2h" so
 * long before `now`. -EINVAL.
 */
int event_text_when(const char *text, int64_t now_wall_ns, int64_t *ret_wall_ns);

#endif
