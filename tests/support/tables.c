/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small prefix tables out of text; see tables.h. */
#include "tests/support/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 16

struct table *
tables_of(const char *const *prefixes)
{
	struct table_entry entries[ENTRIES_MAX];
	struct table *table;
	size_t count = 0;
	memset(entries, 0, sizeof entries);
	for (; prefixes[count] != NULL; count++) {
		if (count == ENTRIES_MAX ||
		    prefix_parse(prefixes[count], &entries[count].prefix, NULL) < 0) {
			fprintf(stderr, "tables: %s\n", prefixes[count]);
			abort();
		}
		entries[count].feed = 2;
		entries[count].line = (uint32_t)count + 1;
	}
	if (table_new(entries, count, &table) < 0)
		abort();
	return table;
}
