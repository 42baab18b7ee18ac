/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a capture of the store: refused, or what is written of it reads the same again, and
 * is an event that fits. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/store/capture_json.h"
#include "controller/store/event_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct walltime now = {
    {UINT64_C(5000) * CLK_S}, INT64_C(1790000000) * CLK_S, {1, 2, 3}};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct decide_capture capture, again;
	static struct capture_json_names names, names_again;
	static char line[EVENT_JSON_MAX];
	struct decide_event event = {.kind = "capture", .capture = &capture, .to = LIFE_ENDED};
	const struct event_json_context context = {.wall_ns = now.wall_ns};
	const char *wrong;
	char *text = strndup((const char *)data, size), *written;

	if (text != NULL && capture_json_read(text, &now, &capture, &names, &wrong) == 0) {
		event.sighting = capture.has_sighting ? &capture.sighting : NULL;
		event.text = capture.text;
		event.from = capture.state;
		if (event_json(&event, &context, line) <= 0)
			abort();
		written = capture_json_write(&capture, &names, &now);
		if (written == NULL)
			abort();
		/* Times may saturate the first time; what was written then stays. */
		if (capture_json_read(written, &now, &again, &names_again, &wrong) < 0)
			abort();
		if (again.id != capture.id || again.state != capture.state ||
		    !filter_equal(&again.filter, &capture.filter) ||
		    again.holder_count != capture.holder_count ||
		    memcmp(&names, &names_again, sizeof names) != 0)
			abort();
		free(written);
	}
	free(text);
	return 0;
}
