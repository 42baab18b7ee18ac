/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/ctl/headers.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/tool/pcapng.h"
#include "controller/ctl/ask.h"
#include "controller/ctl/event_text.h"

#define EVENTS_MOST 1000000
#define HEADER_MAX 2048
#define FCS 4 /* bytes of a frame that sFlow counts and nobody sees */

struct headers {
	uint64_t id;
	json_t *events; /* those with a header */
};

/* Each step of a capture repeats what it goes back to. */
static bool
is_new(const json_t *events, const json_t *event)
{
	json_t *other;
	size_t i;

	json_array_foreach(
	    events, i, other) if (json_equal(json_object_get(other, "header"),
				      json_object_get(event, "header"))) return false;
	return true;
}

/* A controller that does not know to choose sends the events of all. */
static int
take_event(void *user, enum ctl_row kind, const void *row)
{
	struct headers *headers = user;
	json_t *event = kind == CTL_ROW_EVENT ? json_loads(row, 0, NULL) : NULL;

	if (event && json_is_string(json_object_get(event, "header")) &&
	    json_integer_value(json_object_get(event, "capture")) == (json_int_t)headers->id &&
	    is_new(headers->events, event))
		(void)json_array_append(headers->events, event);
	json_decref(event);
	return 0;
}

static const char *
text_of(const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));

	return text ? text : "";
}

/* sFlow's header protocols (sFlow version 5, enum header_protocol). */
static uint16_t
link_of(json_int_t protocol)
{
	switch (protocol) {
	case 7:
		return PCAPNG_PPP;
	case 11:
	case 12:
		return PCAPNG_RAW;
	default:
		return PCAPNG_ETHERNET;
	}
}

static void
comment_on(const json_t *event, uint64_t id, char *text, size_t size)
{
	const char *why = text_of(event, "why"), *policy = text_of(event, "policy");
	json_int_t rate = json_integer_value(json_object_get(event, "sampling_rate"));
	json_int_t port = json_integer_value(json_object_get(event, "in_port"));
	size_t n = (size_t)snprintf(text, size, "capture %" PRIu64, id);

	if (*policy && n < size)
		n += (size_t)snprintf(text + n, size - n, ", policy %s", policy);
	if (*why && n < size)
		n += (size_t)snprintf(text + n, size - n, ": %s", why);
	if (n < size)
		n += (size_t)snprintf(
		    text + n, size - n, "; sampled by %s", text_of(event, "exporter"));
	if (port && n < size)
		n += (size_t)snprintf(text + n, size - n, " on port %" JSON_INTEGER_FORMAT, port);
	if (rate && n < size)
		snprintf(text + n, size - n, ", 1 in %" JSON_INTEGER_FORMAT, rate);
}

static int
put_header(struct pcapng *pcapng, const json_t *event, uint64_t id)
{
	const char *base64 = text_of(event, "header");
	json_int_t length = json_integer_value(json_object_get(event, "frame_length"));
	uint8_t bytes[HEADER_MAX];
	char comment[1024];
	size_t size;

	if (sodium_base642bin(bytes, sizeof bytes, base64, strlen(base64), NULL, &size, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0)
		return -EBADMSG;
	comment_on(event, id, comment, sizeof comment);
	return pcapng_packet(pcapng,
	    link_of(json_integer_value(json_object_get(event, "header_protocol"))),
	    event_text_wall(event), bytes, (uint32_t)size,
	    length > FCS ? (uint32_t)length - FCS : 0, comment);
}

static int
put_all(struct ctl *ctl, const struct headers *headers, const char *path)
{
	bool out = strcmp(path, "-") == 0;
	FILE *file = out ? stdout : fopen(path, "we");
	struct pcapng pcapng;
	json_t *event;
	size_t i;
	int count = 0;

	if (file == NULL)
		return -(int)ask_fail(
		    ctl, CTL_EXIT_REFUSED, RESULT_INTERNAL, "%s: %s", path, strerror(errno));
	pcapng_begin(&pcapng, file, "finderscopectl " FINDERSCOPE_VERSION);
	json_array_foreach(headers->events, i, event) count +=
	    put_header(&pcapng, event, headers->id) == 0;
	if ((out ? fflush(file) : fclose(file)) != 0)
		return -(int)ask_fail(ctl, CTL_EXIT_REFUSED, RESULT_INTERNAL,
		    "%s: could not be written whole: %s", path, strerror(errno));
	return count;
}

int
headers_write(struct ctl *ctl, uint64_t id, const char *path)
{
	struct ctl_request request = {.verb = CTL_EVENTS, .count = EVENTS_MOST, .id = id};
	struct headers headers = {.id = id, .events = json_array()};
	int r = -(int)ask(ctl, &request, take_event, &headers, NULL);

	if (r == 0 && json_array_size(headers.events) == 0)
		r = -(int)ask_fail(ctl, CTL_EXIT_REFUSED, RESULT_NOT_FOUND,
		    "no sampled header is remembered of capture %" PRIu64
		    "; one that was started by hand has none",
		    id);
	if (r == 0)
		r = put_all(ctl, &headers, path);
	json_decref(headers.events);
	return r;
}
