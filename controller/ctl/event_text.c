/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/ctl/event_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clk.h"
#include "common/base/text.h"
#include "common/tool/text_table.h"

static const char *
text_of(const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));

	return text ? text : "";
}

static json_int_t
number_of(const json_t *event, const char *key)
{
	return json_integer_value(json_object_get(event, key));
}

int64_t
event_text_wall(const json_t *event)
{
	struct tm tm = {0};
	const char *rest = strptime(text_of(event, "time"), "%Y-%m-%dT%H:%M:%S", &tm);

	if (rest == NULL)
		return 0;
	return (int64_t)timegm(&tm) * CLK_S + (*rest == '.' ? atoi(rest + 1) * CLK_MS : 0);
}

char *
event_text_time(int64_t wall_ns, char text[EVENT_TEXT_TIME_MAX])
{
	time_t seconds = (time_t)(wall_ns / CLK_S);
	struct tm tm;
	size_t n = 0;

	if (localtime_r(&seconds, &tm) != NULL)
		n = strftime(text, EVENT_TEXT_TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(text + n, EVENT_TEXT_TIME_MAX - n, ".%03d", (int)(wall_ns % CLK_S / CLK_MS));
	return text;
}

static void
put_time(const json_t *event, FILE *file)
{
	int64_t wall = event_text_wall(event);
	char text[EVENT_TEXT_TIME_MAX];

	fprintf(file, "%s  ", wall ? event_text_time(wall, text) : text_of(event, "time"));
}

/* " LEAD TEXT" where there is one. */
static void
put(FILE *file, const char *lead, const char *text)
{
	if (text[0])
		fprintf(file, "%s%s", lead, text);
}

static void
put_names(const json_t *event, const char *key, const char *lead, FILE *file)
{
	json_t *names = json_object_get(event, key), *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);

		put(file, i ? ", " : lead, text ? text : "");
	}
}

/* "10.1.0.2 198.51.100.9:443 tcp", as explain takes them. */
static void
put_conversation(const json_t *event, FILE *file)
{
	json_int_t port = number_of(event, "remote_port");
	const char *remote = text_of(event, "remote");
	bool six = strchr(remote, ':') != NULL;

	put(file, " ", text_of(event, "local"));
	if (remote[0])
		fprintf(file, port && six ? " [%s]" : " %s", remote);
	if (port)
		fprintf(file, ":%" JSON_INTEGER_FORMAT, port);
	put(file, " ", text_of(event, "proto"));
}

static void
put_listed(const json_t *event, FILE *file)
{
	json_int_t line = number_of(event, "line");

	if (text_of(event, "feed")[0] == '\0')
		return;
	fprintf(file, "; feed %s lists %s", text_of(event, "feed"), text_of(event, "entry"));
	if (line)
		fprintf(file, ", line %" JSON_INTEGER_FORMAT, line);
}

/* What the switches said that have a complaint. */
static void
put_complaints(const json_t *event, FILE *file)
{
	json_t *holders = json_object_get(event, "holders"), *holder;
	size_t i;

	json_array_foreach(holders, i, holder)
	{
		if (text_of(holder, "text")[0])
			fprintf(
			    file, "; %s: %s", text_of(holder, "switch"), text_of(holder, "text"));
		else if (text_of(holder, "reason")[0])
			fprintf(
			    file, "; %s: %s", text_of(holder, "switch"), text_of(holder, "reason"));
	}
}

static void
put_capture(const json_t *event, FILE *file)
{
	const char *to = text_of(event, "to"), *text = text_of(event, "text");
	bool begins = strcmp(to, "requested") == 0 && text_of(event, "from")[0] == '\0';
	bool over =
	    strcmp(to, "ended") == 0 || strcmp(to, "refused") == 0 || strcmp(to, "failed") == 0;
	char bytes[TEXT_TABLE_UNIT_MAX];

	fprintf(file, "capture %" JSON_INTEGER_FORMAT " %s: %s", number_of(event, "capture"), to,
	    text_of(event, "filter"));
	put_names(event, "switches", ", on ", file);
	if (begins) {
		put(file, ", by ", text_of(event, "by"));
		put(file, ": ", text_of(event, "why"));
	}
	put(file, "; ", text[0] ? text : over ? text_of(event, "reason") : "");
	if (over && number_of(event, "packets"))
		fprintf(file, "; %" JSON_INTEGER_FORMAT " packets, %s", number_of(event, "packets"),
		    text_table_bytes((uint64_t)number_of(event, "bytes"), bytes));
	put_complaints(event, file);
}

/* alert, shadow, refused, scanner, mitigate, sighting */
static void
put_seen(const json_t *event, FILE *file)
{
	const char *text = text_of(event, "text");

	fputs(text_of(event, "event"), file);
	if (text_of(event, "local")[0] || text_of(event, "remote")[0])
		put_conversation(event, file);
	else
		put(file, " ", text_of(event, "filter"));
	put(file, ": ", text[0] ? text : text_of(event, "reason"));
	put_listed(event, file);
	put(file, "; policy ", text_of(event, "policy"));
	put(file, "; sampled by ", text_of(event, "exporter"));
}

static void
put_agent(const json_t *event, FILE *file)
{
	const char *name = text_of(event, "switch");

	fprintf(file, "switch %s: %s", name[0] ? name : text_of(event, "fingerprint"),
	    text_of(event, "state"));
	put(file, ", calls itself ", name[0] ? "" : text_of(event, "name"));
	put(file, " by ", text_of(event, "who"));
	put(file, ", bound to ", text_of(event, "addresses"));
	put(file, ", version ", text_of(event, "version"));
	put(file, ", target ", text_of(event, "target"));
	put(file, ": ", text_of(event, "text"));
}

static void
put_stop(const json_t *event, FILE *file)
{
	const char *note = text_of(event, "note"), *name = text_of(event, "name");

	fprintf(file, "%s%s%s%s by %s", text_of(event, "event"), name[0] ? " " : "", name,
	    json_is_true(json_object_get(event, "on")) ? "" : " lifted", text_of(event, "who"));
	put(file, ": ", note[0] ? note : text_of(event, "text"));
}

static void
put_back(const json_t *event, FILE *file)
{
	fputs("looking back:", file);
	put_conversation(event, file);
	fprintf(file, ", %" JSON_INTEGER_FORMAT " samples", number_of(event, "samples"));
	put(file, " from ", text_of(event, "first"));
	put(file, " to ", text_of(event, "last"));
	put_listed(event, file);
}

static void
put_back_summary(const json_t *event, FILE *file)
{
	fprintf(file,
	    "looking back: %" JSON_INTEGER_FORMAT " conversations, %" JSON_INTEGER_FORMAT
	    " with an address that is listed now",
	    number_of(event, "conversations"), number_of(event, "listed"));
	put(file, "; known since ", text_of(event, "covered_from"));
}

/* Whatever it is: its keys. */
static void
put_keys(const json_t *event, FILE *file)
{
	const char *key;
	json_t *value;
	/* An iterator takes nothing away. */
	json_t *object = json_copy((json_t *)(uintptr_t)event);

	fputs(text_of(event, "event"), file);
	json_object_foreach(object, key, value)
	{
		char *text = json_is_string(value)
				 ? strdup(json_string_value(value))
				 : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		if (text && strcmp(key, "time") != 0 && strcmp(key, "event") != 0)
			fprintf(file, ", %s %s", key, text);
		free(text);
	}
	json_decref(object);
}

static void
put_event(const json_t *event, FILE *file)
{
	static const struct {
		const char *kind;
		void (*put)(const json_t *event, FILE *file);
	} kinds[] = {{"capture", put_capture}, {"moved", put_capture}, {"alert", put_seen},
	    {"shadow", put_seen}, {"refused", put_seen}, {"scanner", put_seen},
	    {"mitigate", put_seen}, {"sighting", put_seen}, {"freeze", put_stop},
	    {"release", put_stop}, {"retrospective", put_back},
	    {"retrospective_summary", put_back_summary}};
	const char *kind = text_of(event, "event");

	/* A switch that holds what nobody asked for has a name and no state. */
	if (strcmp(kind, "agent") == 0 && text_of(event, "state")[0]) {
		put_agent(event, file);
		return;
	}
	if (strcmp(kind, "feed") == 0) {
		fprintf(file, "feed %s: %s", text_of(event, "feed"), text_of(event, "state"));
		put(file, ", entries ", text_of(event, "entries"));
		put(file, ", from ", text_of(event, "from"));
		put(file, ": ", text_of(event, "text"));
		return;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kind, kinds[i].kind) == 0) {
			kinds[i].put(event, file);
			return;
		}
	put_keys(event, file);
}

char *
event_text(const json_t *event)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	if (file == NULL)
		return NULL;
	put_time(event, file);
	put_event(event, file);
	if (fclose(file) != 0)
		return NULL;
	/* It goes to a terminal, and holds what came from switches and lists. */
	text_one_line(text);
	return text;
}

/* A word, or one with punctuation round it: "(root," is root. */
static bool
text_has(const char *text, const char *word)
{
	static const char between[] = " ,;()\"";
	size_t size = strlen(word);

	if (strcmp(text, word) == 0)
		return true;
	while (*text) {
		size_t n = strcspn(text, between);

		if ((n == size || (n == size + 1 && strchr(":.", text[size]))) &&
		    strncmp(text, word, size) == 0)
			return true;
		text += n;
		text += strspn(text, between);
	}
	return false;
}

static bool
value_has(const json_t *value, const char *word)
{
	json_t *copy, *part;
	const char *key;
	bool has = false;
	size_t i;

	if (json_is_string(value))
		return text_has(json_string_value(value), word);
	if (json_is_array(value))
		json_array_foreach(value, i, part) has |= value_has(part, word);
	if (!json_is_object(value))
		return has;
	copy = json_copy((json_t *)(uintptr_t)value);
	json_object_foreach(copy, key, part) has |= value_has(part, word);
	json_decref(copy);
	return has;
}

bool
event_text_has(const json_t *event, const char *word)
{
	const json_t *capture = json_object_get(event, "capture");
	char *end;
	unsigned long long number = strtoull(word, &end, 10);

	if (*word >= '0' && *word <= '9' && *end == '\0')
		return capture && json_integer_value(capture) == (json_int_t)number;
	return value_has(event, word);
}

int
event_text_when(const char *text, int64_t now_wall_ns, int64_t *ret_wall_ns)
{
	static const char *const days[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
	    "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
	static const char *const times[] = {"%H:%M:%S", "%H:%M"};
	time_t now = (time_t)(now_wall_ns / CLK_S), at;
	struct tm tm;
	const char *rest;
	int64_t ago;

	if (clk_parse_duration(text, &ago) == 0) {
		*ret_wall_ns = now_wall_ns - ago;
		return 0;
	}
	for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
		tm = (struct tm){.tm_isdst = -1};
		rest = strptime(text, days[i], &tm);
		if (rest && *rest == '.')
			rest += 1 + strspn(rest + 1, "0123456789");
		if (rest == NULL || (*rest && strcmp(rest, "Z") != 0))
			continue;
		*ret_wall_ns = (int64_t)(*rest ? timegm(&tm) : mktime(&tm)) * CLK_S;
		return 0;
	}
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		if (localtime_r(&now, &tm) == NULL)
			break;
		tm.tm_sec = 0;
		tm.tm_isdst = -1;
		rest = strptime(text, times[i], &tm);
		if (rest == NULL || *rest)
			continue;
		at = mktime(&tm);
		if (at > now) {
			tm.tm_mday--;
			tm.tm_isdst = -1;
			at = mktime(&tm);
		}
		*ret_wall_ns = (int64_t)at * CLK_S;
		return 0;
	}
	return -EINVAL;
}
