/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking back: when lists change, the conversations of the last hours are held against them, and
 * those with an address that was not listed when it was seen are told. In slices, when the loop has
 * nothing else to do.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "controller/engine/engine_part.h"

#define SLICE 4096     /* places a turn: some milliseconds with their look-ups */
#define EVENTS_MAX 500 /* a walk; the rest is a number in its last event */

/* Instants as text: wall time moved by how long ago it was. */
static void
put_time(json_t *object, const char *key, struct instant at, struct instant now)
{
	char text[CLK_TEXT_MAX];

	(void)json_object_set_new(
	    object, key, json_string(clk_format_wall(clk_wall_ns() - clk_diff(now, at), text)));
}

static void
put_addr(json_t *object, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	(void)json_object_set_new(object, key, json_string(addr_format(addr, text)));
}

/* What the memory can vouch for. */
static void
put_cover(json_t *object, const struct recent_cover *cover, struct instant now)
{
	json_t *gaps = json_array();

	put_time(object, "covered_from", cover->from, now);
	for (unsigned i = 0; i < cover->gap_count; i++) {
		json_t *gap = json_object();

		put_time(gap, "from", cover->gaps[i].from, now);
		put_time(gap, "to", cover->gaps[i].to, now);
		(void)json_array_append_new(gaps, gap);
	}
	(void)json_object_set_new(object, "gaps", gaps);
	(void)json_object_set_new(object, "forgotten", json_integer((json_int_t)cover->lost));
	put_time(object, "complete_from", cover->complete, now);
}

/* One of several ports is kept: any may have been the entry's. */
static uint16_t
port_of(const struct recent_row *row)
{
	return row->several_ports ? 0 : row->remote_port;
}

static void
put_entry(struct engine *engine, json_t *object, const struct recent_row *row)
{
	struct feeds_match match;
	char prefix[PREFIX_TEXT_MAX];
	size_t count;

	(void)feeds_lookup(engine->feeds, &row->remote, port_of(row), &match, 1, &count);
	if (count == 0)
		return;
	(void)json_object_set_new(object, "feed", json_string(match.feed));
	(void)json_object_set_new(
	    object, "entry", json_string(prefix_format(&match.prefix, prefix)));
	(void)json_object_set_new(object, "line", json_integer(match.line));
}

static void
tell(struct engine *engine, const struct recent_row *row)
{
	json_t *object = engine_event_begin("retrospective");
	struct instant now = clk_now();

	put_addr(object, "local", &row->local);
	put_addr(object, "remote", &row->remote);
	if (row->remote_port != 0)
		(void)json_object_set_new(object, "remote_port", json_integer(row->remote_port));
	if (row->several_ports)
		(void)json_object_set_new(object, "several_ports", json_true());
	(void)json_object_set_new(object, "outbound", json_boolean(row->outbound));
	(void)json_object_set_new(object, "inbound", json_boolean(row->inbound));
	(void)json_object_set_new(object, "samples", json_integer(row->samples));
	put_time(object, "first", row->first, now);
	put_time(object, "last", row->last, now);
	put_entry(engine, object, row);
	put_cover(object, &engine->look_back.cover, now);
	engine_event_end(engine, object);
}

static bool
hold_against_lists(void *user, const struct recent_row *row)
{
	struct engine *engine = user;
	struct engine_look_back *l = &engine->look_back;
	bool listed = feeds_judge(engine->feeds, &row->remote, port_of(row)) == FEEDS_LISTED;

	l->looked_at++;
	if (listed && row->unlisted && !row->told && l->told++ < EVENTS_MAX)
		tell(engine, row);
	return listed;
}

static void
finish(struct engine *engine)
{
	struct engine_look_back *l = &engine->look_back;
	json_t *object;

	if (l->told == 0)
		return;
	log_notice("looking back: %" PRIu64 " conversations of the last hours are with addresses "
		   "that are listed now",
	    l->told);
	object = engine_event_begin("retrospective_summary");
	(void)json_object_set_new(object, "conversations", json_integer((json_int_t)l->looked_at));
	(void)json_object_set_new(object, "listed", json_integer((json_int_t)l->told));
	put_cover(object, &l->cover, clk_now());
	engine_event_end(engine, object);
}

static int
on_turn(sd_event_source *source, void *user)
{
	struct engine *engine = user;
	struct engine_look_back *l = &engine->look_back;

	engine->doing = "looking back";
	if (recent_walk(receiver_recent(engine->receiver, NULL), &l->cursor, SLICE, clk_now(),
		hold_against_lists, engine))
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	finish(engine);
	return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

int
engine_recent_init(struct engine *engine)
{
	const char *error = "";
	int r;

	if (receiver_recent(engine->receiver, &error) == NULL)
		return 0;
	if (error[0] != '\0')
		log_warning("looking back will not outlive this process: %s", error);
	r = sd_event_add_defer(engine->loop, &engine->look_back.source, on_turn, engine);
	if (r >= 0)
		r = sd_event_source_set_priority(engine->look_back.source, 20);
	return r < 0 ? r : sd_event_source_set_enabled(engine->look_back.source, SD_EVENT_OFF);
}

void
engine_recent_look_back(struct engine *engine)
{
	struct engine_look_back *l = &engine->look_back;
	struct recent *recent = receiver_recent(engine->receiver, NULL);

	if (recent == NULL || l->source == NULL)
		return;
	/* One that is under way begins anew: what it has told it does not tell again. */
	l->cursor = l->looked_at = l->told = 0;
	recent_cover(recent, clk_now(), &l->cover);
	(void)sd_event_source_set_enabled(l->source, SD_EVENT_ONESHOT);
}
