/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/result.h"

#include <stddef.h>

static const struct entry {
	int code;
	char name[24];
	const char *text;
} entries[] = {
#define RESULT_ENTRY(code, name, text) {(code), #name, (text)},
    RESULT_LIST(RESULT_ENTRY)
#undef RESULT_ENTRY
};

static const struct entry *
find(int code)
{
	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
		if (entries[i].code == code)
			return &entries[i];
	return NULL;
}

const char *
result_name(int code)
{
	const struct entry *entry = find(code);

	return entry ? entry->name : "UNKNOWN";
}

const char *
result_text(int code)
{
	const struct entry *entry = find(code);

	return entry ? entry->text : "a result this version does not know";
}
