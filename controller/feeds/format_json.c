/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The forms that are JSON: one document a line (Spamhaus), warning lists and plain arrays. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "controller/feeds/format_part.h"

/* Parsed, a document takes some ten times its size. */
#define DOCUMENT_MAX ((size_t)32 << 20)

static const char *const keys[] = {"cidr", "ip", "ip_address", "address", "prefix", "network"};

/* A string, or an object with an address in it. */
static bool
take_value(struct format_reading *reading, const json_t *value)
{
	const json_t *text = json_is_string(value) ? value : NULL, *port = NULL;
	json_int_t number = 0;

	for (size_t i = 0; !text && json_is_object(value) && i < sizeof keys / sizeof *keys; i++) {
		text = json_object_get(value, keys[i]);
		text = json_is_string(text) ? text : NULL;
	}
	if (json_is_object(value)) {
		port = json_object_get(value, "port");
		port = port ? port : json_object_get(value, "dst_port");
		number = json_is_integer(port) ? json_integer_value(port) : 0;
	}
	if (!text || number < 0 || number > 65535)
		return false;
	return format_take(reading,
	    (struct format_text){json_string_value(text), json_string_length(text)},
	    (uint16_t)number);
}

void
format_json_line(struct format_reading *reading, struct format_text line)
{
	json_t *value = json_loadb(line.at, line.size, 0, NULL);
	const char *type = json_string_value(json_object_get(value, "type"));

	if ((!type || strcmp(type, "metadata") != 0) && !take_value(reading, value))
		format_bad(reading, line);
	json_decref(value);
}

int
format_json_document(
    struct format_reading *reading, struct format_text body, char error[FORMAT_ERROR_MAX])
{
	json_error_t where;
	json_t *root, *list;

	if (body.size > DOCUMENT_MAX) {
		snprintf(error, FORMAT_ERROR_MAX,
		    "a JSON document of %zu bytes; at most %zu are read", body.size, DOCUMENT_MAX);
		return -EINVAL;
	}
	root = json_loadb(body.at, body.size, 0, &where);
	if (!root) {
		snprintf(error, FORMAT_ERROR_MAX, "line %d, column %d: %.120s", where.line,
		    where.column, where.text);
		for (char *p = error; *p; p++)
			if (*p < ' ' || *p > '~')
				*p = '.';
		return -EINVAL;
	}
	list = json_is_object(root) ? json_object_get(root, "list") : root;
	if (!json_is_array(list)) {
		snprintf(error, FORMAT_ERROR_MAX,
		    "JSON without a list: an array, or an object with an array \"list\", is "
		    "wanted");
		json_decref(root);
		return -EINVAL;
	}
	for (size_t i = 0; i < json_array_size(list) && !reading->error; i++) {
		const json_t *value = json_array_get(list, i);

		reading->line = (uint32_t)(i + 1);
		reading->list->lines++;
		if (!take_value(reading, value)) {
			const char *text = json_string_value(value);

			text = text ? text : "no text with an address in it";
			format_bad(reading, (struct format_text){text, strlen(text)});
		}
	}
	json_decref(root);
	return 0;
}
