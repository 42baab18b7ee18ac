/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "controller/ctl/ask.h"
#include "controller/ctl/cmd.h"
#include "controller/ctl/list.h"

/* No turn of the controller's loop should be longer. */
#define SLOW_US 50000

static void
make_state(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	*ret_colour = s->frozen || s->released_all ? TEXT_TABLE_WARN : TEXT_TABLE_GOOD;
	snprintf(text, OUT_TEXT_MAX, "%s%s%s%s",
	    s->released_all ? "released: no switch holds a rule"
	    : s->frozen     ? "frozen: nothing new is captured"
			    : "running",
	    s->frozen_why[0] ? " (" : "", s->frozen_why, s->frozen_why[0] ? ")" : "");
}

static void
make_agents(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	if (s->agents_connected < s->agents_known || s->agents_waiting)
		*ret_colour = TEXT_TABLE_WARN;
	snprintf(text, OUT_TEXT_MAX, "%u of %u connected", s->agents_connected, s->agents_known);
	if (s->agents_waiting)
		snprintf(text + strlen(text), OUT_TEXT_MAX - strlen(text),
		    ", %u waiting to be accepted", s->agents_waiting);
}

static void
make_exporters(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	if (s->exporters_silent || s->exporters_unknown)
		*ret_colour = TEXT_TABLE_WARN;
	snprintf(text, OUT_TEXT_MAX, "%u heard, %u silent, %u unknown", s->exporters,
	    s->exporters_silent, s->exporters_unknown);
}

static void
make_captures(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	if (s->captures_max && s->captures >= s->captures_max)
		*ret_colour = TEXT_TABLE_WARN;
	snprintf(text, OUT_TEXT_MAX, "%u of at most %u; %u in the last minute of at most %u",
	    s->captures, s->captures_max, s->starts_minute, s->starts_minute_max);
}

static void
make_rate(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;
	char now[TEXT_TABLE_UNIT_MAX], max[TEXT_TABLE_UNIT_MAX];

	(void)ret_colour;
	snprintf(text, OUT_TEXT_MAX, "%s", text_table_rate(s->mirrored_bps, now));
	if (s->mirrored_bps_max)
		snprintf(text, OUT_TEXT_MAX, "%s of at most %s", now,
		    text_table_rate(s->mirrored_bps_max, max));
}

static void
make_feeds(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	if (s->feeds_failing)
		*ret_colour = TEXT_TABLE_BAD;
	snprintf(text, OUT_TEXT_MAX, "%u with %" PRIu64 " entries%s", s->feeds, s->entries,
	    s->feeds_failing ? "" : ", none failing");
	if (s->feeds_failing)
		snprintf(text + strlen(text), OUT_TEXT_MAX - strlen(text), ", %u failing",
		    s->feeds_failing);
}

static void
make_turns(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_status *s = row;

	if (s->loop_lately_held_us > SLOW_US)
		*ret_colour = TEXT_TABLE_WARN;
	snprintf(text, OUT_TEXT_MAX,
	    "%.1f ms in the last minute (%s), %.1f ms since the start (%s); with waits for a "
	    "processor %.1f and %.1f ms",
	    (double)s->loop_lately_held_us / 1000,
	    s->loop_lately_doing[0] ? s->loop_lately_doing : "nothing",
	    (double)s->loop_longest_held_us / 1000,
	    s->loop_longest_doing[0] ? s->loop_longest_doing : "nothing",
	    (double)s->loop_lately_us / 1000, (double)s->loop_longest_us / 1000);
}

#define N(name, title)                                                                             \
	{                                                                                          \
#name, title, OUT_NUMBER, OUT_FIELD(ctl_status, name), NULL, NULL                  \
	}
static const struct out_column status_columns[] = {
    {"version", "version", OUT_TEXT, OUT_FIELD(ctl_status, version), NULL, NULL},
    {"pid", NULL, OUT_NUMBER, OUT_FIELD(ctl_status, pid), NULL, NULL},
    {"uptime_ms", "up for", OUT_MS, OUT_FIELD(ctl_status, uptime_ms), NULL, NULL},
    {NULL, "state", OUT_MAKE, 0, 0, make_state, NULL},
    {"frozen", NULL, OUT_BOOL, OUT_FIELD(ctl_status, frozen), NULL, NULL},
    {"released_all", NULL, OUT_BOOL, OUT_FIELD(ctl_status, released_all), NULL, NULL},
    {"frozen_why", NULL, OUT_TEXT, OUT_FIELD(ctl_status, frozen_why), NULL, NULL},
    {NULL, "agents", OUT_MAKE, 0, 0, make_agents, NULL},
    N(agents_connected, NULL),
    N(agents_known, NULL),
    N(agents_waiting, NULL),
    {NULL, "exporters", OUT_MAKE, 0, 0, make_exporters, NULL},
    N(exporters, NULL),
    N(exporters_silent, NULL),
    N(exporters_unknown, NULL),
    {NULL, "captures", OUT_MAKE, 0, 0, make_captures, NULL},
    N(captures, NULL),
    N(captures_max, NULL),
    N(starts_minute, NULL),
    N(starts_minute_max, NULL),
    {NULL, "mirrored", OUT_MAKE, 0, 0, make_rate, NULL},
    N(mirrored_bps, NULL),
    N(mirrored_bps_max, NULL),
    {NULL, "feeds", OUT_MAKE, 0, 0, make_feeds, NULL},
    N(feeds, NULL),
    N(feeds_failing, NULL),
    N(entries, NULL),
    N(datagrams, "datagrams"),
    N(samples, "samples"),
    N(sightings, "sightings"),
    N(mirror_copies, "mirror copies seen"),
    N(bad_datagrams, "bad datagrams"),
    N(lost_samples, "samples lost on the way"),
    N(ring_dropped, "sightings dropped"),
    {NULL, "longest turn of the loop", OUT_MAKE, 0, 0, make_turns, NULL},
    N(loop_lately_us, NULL),
    N(loop_lately_held_us, NULL),
    {"loop_lately_doing", NULL, OUT_TEXT, OUT_FIELD(ctl_status, loop_lately_doing), NULL, NULL},
    N(loop_longest_us, NULL),
    N(loop_longest_held_us, NULL),
    {"loop_longest_doing", NULL, OUT_TEXT, OUT_FIELD(ctl_status, loop_longest_doing), NULL, NULL},
    {.kind = OUT_END},
};
#undef N

static bool
is_said(const char *name)
{
	for (const struct out_column *c = status_columns; c->kind != OUT_END; c++)
		if (c->key && strcmp(c->key, name) == 0)
			return true;
	return false;
}

struct status {
	struct ctl_status row;
	bool seen;
	json_t *counters;
	struct text_table *more;
};

static int
take_status(void *user, enum ctl_row kind, const void *row)
{
	struct status *status = user;
	const struct ctl_counter *counter = row;
	char number[24];

	if (kind == CTL_ROW_STATUS) {
		status->row = *(const struct ctl_status *)row;
		status->seen = true;
	} else if (kind == CTL_ROW_COUNTER) {
		json_object_set_new(
		    status->counters, counter->name, json_integer((json_int_t)counter->value));
		/* For people, what happened and was not said above; a program gets all of them. */
		if (counter->value == 0 || is_said(counter->name))
			return 0;
		snprintf(number, sizeof number, "%" PRIu64, counter->value);
		(void)text_table_column(status->more, counter->name, true);
		(void)text_table_cell(status->more, number, TEXT_TABLE_PLAIN);
	}
	return 0;
}

int
cmd_status(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_STATUS};
	struct status status = {.counters = json_object(), .more = text_table_new(ctl->out.colour)};
	int r = CTL_EXIT_REFUSED;

	if (status.counters && status.more)
		r = ask(ctl, &request, take_status, &status, NULL);
	if (r == CTL_EXIT_OK && !status.seen)
		r = ask_fail(ctl, CTL_EXIT_PROTOCOL, RESULT_INTERNAL,
		    "the controller answered without a status");
	if (r == CTL_EXIT_OK && ctl->json) {
		json_t *object = out_object(status_columns, &status.row);

		json_object_set(object, "counters", status.counters);
		out_print(&ctl->out, object);
	} else if (r == CTL_EXIT_OK) {
		out_one(&ctl->out, status_columns, &status.row);
		text_table_print_down(status.more, ctl->out.file);
	}
	json_decref(status.counters);
	text_table_free(&status.more);
	return r;
}
