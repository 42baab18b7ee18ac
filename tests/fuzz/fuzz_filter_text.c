/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a filter: taken and the same after printing, or an error that points into it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/tool/filter_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct filter filter, back;
	struct filter_text_error error;
	char printed[FILTER_TEXT_MAX], *text = malloc(size + 1), out[300];

	memcpy(text, data, size);
	text[size] = '\0';
	if (filter_text_parse(text, &filter, &error) == 0) {
		must(filter_check(&filter, NULL) == NULL);
		must(filter_text_parse(filter_format(&filter, printed), &back, &error) == 0);
		must(filter_equal(&filter, &back));
	} else {
		must(error.at + error.len <= strlen(text));
		must(memchr(error.text, '\0', sizeof error.text) != NULL && error.text[0]);
		for (size_t room = 1; room <= sizeof out; room += 37)
			must(strlen(filter_text_caret(text, &error, out, room)) < room);
	}
	free(text);
	return 0;
}
