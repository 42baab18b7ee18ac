/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happened: lines for people, or with --json as the controller tells them, of all events or of
 * those that are about something, of all time or of some.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "controller/ctl/ask.h"
#include "controller/ctl/cmd.h"
#include "controller/ctl/event_text.h"
#include "controller/ctl/list.h"

#define COUNT 20
#define COUNT_MAX 1000000

struct events {
	struct ctl *ctl;
	int64_t since, until; /* 0: not said */
	bool any;             /* came */
	int64_t oldest;       /* of all that came; 0: none did, or it has no time */
	char **kept; /* a ring of the last `room`, when they are not printed as they come */
	size_t room, next, seen;
};

static bool
is_wanted(const struct events *events, const json_t *event)
{
	const struct ctl *ctl = events->ctl;
	int64_t wall = event_text_wall(event);

	if ((events->since && wall < events->since) || (events->until && wall > events->until))
		return false;
	for (unsigned i = 0; i < ctl->arg_count; i++)
		if (!event_text_has(event, ctl->args[i]))
			return false;
	return true;
}

/* Each line at once: whoever reads a pipe wants events when they happen. */
static int
print_line(struct ctl *ctl, const char *line)
{
	fprintf(ctl->out.file, "%s\n", line);
	fflush(ctl->out.file);
	return ferror(ctl->out.file) ? CTL_EXIT_REFUSED : 0;
}

static int
print_event(struct events *events, const char *line, const json_t *event)
{
	struct ctl *ctl = events->ctl;
	char *text;
	int r;

	if (ctl->json)
		return print_line(ctl, line);
	text = event_text(event);
	if (text && ctl->out.ascii)
		text_table_to_ascii(text);
	r = print_line(ctl, text ? text : line);
	free(text);
	return r;
}

static int
keep(struct events *events, const char *line)
{
	char **place = &events->kept[events->next];

	free(*place);
	*place = strdup(line);
	events->next = (events->next + 1) % events->room;
	events->seen++;
	return *place ? 0 : CTL_EXIT_REFUSED;
}

static int
take_event(void *user, enum ctl_row kind, const void *row)
{
	struct events *events = user;
	json_t *event;
	int r = 0;

	if (kind != CTL_ROW_EVENT)
		return 0;
	event = json_loads(row, 0, NULL);
	if (events->oldest == 0)
		events->oldest = event_text_wall(event);
	events->any = true;
	if (is_wanted(events, event))
		r = events->kept ? keep(events, row) : print_event(events, row, event);
	json_decref(event);
	return r;
}

static int
print_kept(struct events *events)
{
	size_t count = events->seen < events->room ? events->seen : events->room;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		const char *line =
		    events->kept[(events->next + events->room - count + i) % events->room];
		json_t *event = json_loads(line, 0, NULL);

		r = print_event(events, line, event);
		json_decref(event);
	}
	return r;
}

/* Nothing found is no silence: how far back one could see. */
static void
say_reach(const struct events *events)
{
	char time[EVENT_TEXT_TIME_MAX];
	bool older = events->since && events->oldest > events->since;

	if (events->seen > 0 && !older)
		return;
	if (!events->any)
		fprintf(stderr, "finderscopectl: the controller remembers no event\n");
	else
		fprintf(stderr,
		    "finderscopectl: %sthe controller remembers events since %s; older ones are in "
		    "its file of events, if it keeps one\n",
		    events->seen ? "" : "nothing found; ", event_text_time(events->oldest, time));
}

static int
take_times(struct ctl *ctl, struct events *events)
{
	const struct {
		enum ctl_option option;
		int64_t *at;
	} times[] = {{CTL_OPT_SINCE, &events->since}, {CTL_OPT_UNTIL, &events->until}};

	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		const char *text = ctl->value[times[i].option];

		if (text && event_text_when(text, clk_wall_ns(), times[i].at) < 0)
			return ask_fail(ctl, CTL_EXIT_USAGE, RESULT_BAD_REQUEST,
			    "\"%.40s\" is no time: 02:10, \"2026-11-26 02:10\", or 2h for two "
			    "hours "
			    "ago",
			    text);
	}
	/* A minute that is named is meant to its end. */
	if (events->until && ctl->value[CTL_OPT_UNTIL][strcspn(ctl->value[CTL_OPT_UNTIL], ":")])
		events->until += 59 * CLK_S + 999 * CLK_MS;
	return CTL_EXIT_OK;
}

int
cmd_events(struct ctl *ctl)
{
	struct ctl_request request = {
	    .verb = CTL_EVENTS, .follow = ctl->value[CTL_OPT_FOLLOW] != NULL};
	struct events events = {.ctl = ctl};
	bool chosen = ctl->arg_count || ctl->value[CTL_OPT_SINCE] || ctl->value[CTL_OPT_UNTIL];
	uint64_t count = request.follow ? 0 : chosen ? COUNT_MAX : COUNT;
	int r = list_number(ctl, "--count", ctl->value[CTL_OPT_COUNT], COUNT_MAX, &count);

	if (r == CTL_EXIT_OK)
		r = take_times(ctl, &events);
	if (r != CTL_EXIT_OK)
		return r;
	request.count = (uint32_t)count;
	if (chosen && count) {
		/* The last `count` of those that are asked for, not those of the last `count`. */
		request.count = COUNT_MAX;
		events.room = count;
		events.kept = calloc(count, sizeof *events.kept);
		if (events.kept == NULL)
			return ask_fail(ctl, CTL_EXIT_REFUSED, RESULT_INTERNAL, "no memory");
	}
	r = ask(ctl, &request, take_event, &events, NULL);
	if (r == CTL_EXIT_OK && events.kept) {
		r = print_kept(&events);
		if (!request.follow)
			say_reach(&events);
	} else if (r == CTL_EXIT_OK && !events.any && !request.follow && !ctl->json)
		fputs("nothing has happened yet\n", ctl->out.file);
	for (size_t i = 0; i < events.room && i < events.seen; i++)
		free(events.kept[i]);
	free(events.kept);
	events.kept = NULL;
	return r == CTL_EXIT_OK && request.follow ? ask_follow(ctl, take_event, &events) : r;
}
