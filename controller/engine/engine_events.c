/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened, as JSON lines: to the journal, to followers, a line of it to the log. */
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "controller/engine/engine_part.h"

static void
publish(struct engine *engine, uint64_t capture, json_t *object)
{
	char *line = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);

	if (line != NULL) {
		(void)journal_add(engine->journal, line);
		store_put_event(engine->store, clk_wall_ns(), capture, line);
		serve_publish(engine->serve, line);
	}
	free(line);
	json_decref(object);
}

static json_t *
begin(const char *kind)
{
	char time[CLK_TEXT_MAX];

	return json_pack("{s:s,s:s}", "time", clk_format_wall(clk_wall_ns(), time), "event", kind);
}

static void
put(json_t *object, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		(void)json_object_set_new(object, key, json_string(text));
}

void
engine_tell(struct engine *engine, const char *kind, ...)
{
	json_t *object = begin(kind);
	const char *key;
	va_list args;

	va_start(args, kind);
	while ((key = va_arg(args, const char *)) != NULL)
		put(object, key, va_arg(args, const char *));
	va_end(args);
	publish(engine, 0, object);
}

static void
put_capture(struct engine *engine, json_t *object, const struct decide_event *event)
{
	const struct decide_capture *c = event->capture;
	char filter[FILTER_TEXT_MAX];
	json_t *switches = json_array();

	(void)json_object_set_new(object, "capture", json_integer((json_int_t)c->id));
	put(object, "from", event->from != 0 ? life_name(event->from) : "");
	put(object, "to", life_name(event->to));
	put(object, "filter", filter_format(&c->filter, filter));
	put(object, "policy", c->policy);
	put(object, "by", c->by);
	put(object, "why", c->why);
	for (unsigned i = 0; i < c->holder_count; i++)
		(void)json_array_append_new(
		    switches, json_string(fleet_name(&engine->fleet, c->holders[i].id)));
	(void)json_object_set_new(object, "switches", switches);
	(void)json_object_set_new(object, "packets", json_integer((json_int_t)c->packets));
	(void)json_object_set_new(object, "bytes", json_integer((json_int_t)c->bytes));
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

void
engine_event(void *user, struct instant now, const struct decide_event *event)
{
	struct engine *engine = user;
	char addr[ADDR_TEXT_MAX];
	json_t *object;

	(void)now;
	if (engine->recalling)
		return;
	object = begin(event->kind);
	if (event->capture != NULL)
		put_capture(engine, object, event);
	if (event->code != RESULT_OK)
		put(object, "reason", result_name((int)event->code));
	put(object, "text", event->text);
	if (event->sighting != NULL) {
		put(object, "local", addr_format(&event->sighting->local, addr));
		put(object, "remote", addr_format(&event->sighting->remote, addr));
		put(object, "exporter", addr_format(&event->sighting->exporter, addr));
	}
	put(object, "who", event->who);
	put(object, "name", event->name);
	if (event->who != NULL)
		(void)json_object_set_new(object, "on", json_boolean(event->on));
	log_event(event);
	publish(engine, event->capture != NULL ? event->capture->id : 0, object);
	if (event->capture != NULL)
		engine_store_capture(engine, event->capture);
	else if (event->who != NULL && event->name == NULL ? strcmp(event->kind, "freeze") == 0
							   : strcmp(event->kind, "release") == 0)
		engine_store_stop(engine, event);
}
