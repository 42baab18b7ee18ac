/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as controller.conf: an error in one line, or settings that print, and parse, and print
 * the same again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controller/settings/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
	char *bytes;
	size_t size, room;
};

static void
append(void *user, const char *piece)
{
	struct text *text = user;
	size_t n = strlen(piece);

	while (text->size + n + 1 > text->room) {
		text->room = text->room ? 2 * text->room : 4096;
		text->bytes = realloc(text->bytes, text->room);
		if (!text->bytes)
			abort();
	}
	memcpy(text->bytes + text->size, piece, n + 1);
	text->size += n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text once = {NULL, 0, 0}, twice = {NULL, 0, 0};
	char error[CONF_ERROR_MAX], *source = malloc(size + 1);
	struct settings *settings;

	if (!source)
		return 0;
	memcpy(source, data, size);
	source[size] = '\0';
	if (settings_parse("f.conf", source, &settings, error) < 0) {
		if (strncmp(error, "f.conf:", 7) != 0 || strchr(error, '\n') ||
		    strlen(error) >= sizeof error)
			abort();
		free(source);
		return 0;
	}
	settings_print(settings, append, &once);
	settings_free(&settings);
	if (settings_parse("g.conf", once.bytes, &settings, error) < 0)
		abort();
	settings_print(settings, append, &twice);
	settings_free(&settings);
	if (strcmp(once.bytes, twice.bytes) != 0)
		abort();
	free(once.bytes);
	free(twice.bytes);
	free(source);
	return 0;
}
