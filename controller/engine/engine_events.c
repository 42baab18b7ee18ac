/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened, as JSON lines: to the journal, to followers, a line of it to the log. */
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "controller/engine/engine_part.h"
#include "controller/store/event_json.h"

static void
publish(struct engine *engine, uint64_t capture, const char *line)
{
	(void)journal_add(engine->journal, line);
	store_put_event(engine->store, clk_wall_ns(), capture, line);
	serve_publish(engine->serve, line);
}

json_t *
engine_event_begin(const char *kind)
{
	char time[CLK_TEXT_MAX];

	return json_pack("{s:s,s:s}", "time", clk_format_wall(clk_wall_ns(), time), "event", kind);
}

void
engine_event_end(struct engine *engine, json_t *object)
{
	char *line = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);

	if (line != NULL)
		publish(engine, 0, line);
	free(line);
	json_decref(object);
}

static void
put(json_t *object, const char *key, const char *text)
{
	char line[CTL_TEXT_MAX];

	if (text == NULL || text[0] == '\0')
		return;
	/* jansson takes nothing that is no UTF-8, and a cut may have gone through a character. */
	snprintf(line, sizeof line, "%s", text);
	text_one_line(line);
	(void)json_object_set_new(object, key, json_string(line));
}

void
engine_tell(struct engine *engine, const char *kind, ...)
{
	json_t *object = engine_event_begin(kind);
	const char *key;
	va_list args;

	va_start(args, kind);
	while ((key = va_arg(args, const char *)) != NULL)
		put(object, key, va_arg(args, const char *));
	va_end(args);
	engine_event_end(engine, object);
}

static void
log_event(const struct decide_event *event)
{
	char filter[FILTER_TEXT_MAX];

	if (event->capture != NULL)
		log_info("capture %" PRIu64 ": %s: %s%s%s", event->capture->id,
		    life_name(event->to), filter_format(&event->capture->filter, filter),
		    event->text != NULL && event->text[0] != '\0' ? ": " : "",
		    event->text != NULL ? event->text : "");
	else if (event->who != NULL)
		log_notice("%s %s%s by %s%s%s", event->kind, event->name != NULL ? event->name : "",
		    event->on ? "" : " lifted", event->who,
		    event->text != NULL && event->text[0] != '\0' ? ": " : "",
		    event->text != NULL ? event->text : "");
	else
		log_info("%s: %s", event->kind, event->text != NULL ? event->text : "");
}

static const char *
switch_name(void *user, unsigned id)
{
	const struct engine *engine = user;

	return fleet_name(&engine->fleet, id);
}

static const char *
feed_name(void *user, uint16_t id)
{
	struct engine *engine = user;

	if (id >= FEEDS_MAX || feeds_name(engine->feeds, id, engine->feed_name) < 0)
		return NULL;
	return engine->feed_name;
}

void
engine_event(void *user, struct instant now, const struct decide_event *event)
{
	struct engine *engine = user;
	const struct event_json_context context = {.wall_ns = clk_wall_ns(),
	    .switch_name = switch_name,
	    .feed_name = feed_name,
	    .user = engine};
	char line[EVENT_JSON_MAX];

	(void)now;
	if (engine->recalling)
		return;
	log_event(event);
	if (event_json(event, &context, line) > 0)
		publish(engine, event->capture != NULL ? event->capture->id : 0, line);
	if (strcmp(event->kind, "capture") == 0 || strcmp(event->kind, "moved") == 0)
		engine_store_capture(engine, event->capture);
	else if (strcmp(event->kind, "freeze") == 0 || strcmp(event->kind, "release") == 0)
		engine_store_stop(engine, event);
}
