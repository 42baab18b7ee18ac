/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One value of a configuration file: its text, where it stood, and what it means. Shared by conf.c
 * and conf_load.c. */
#ifndef COMMON_BASE_CONF_VALUE_H
#define COMMON_BASE_CONF_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/addr.h"
#include "common/base/conf.h"

struct conf_value {
	char *text;
	char *file; /* NULL: the option's preset */
	unsigned line;
	int64_t number; /* CONF_BOOL, CONF_WORD (index), and those with units */
	struct addr addr;
	struct prefix prefix;
	uint16_t port;
};

/* All values of one option in one place of the tree, or all its sections. */
struct conf_item {
	const struct conf_option *option;
	struct conf_value *values;
	struct conf_section **sections;
	size_t count;
	bool is_set;
};

struct conf_section {
	char *title; /* NULL for those without */
	char *file;
	unsigned line;
	size_t item_count;
	struct conf_item *items;
};

struct conf {
	struct conf_section *root;
};

/* What no value and no title may be, as a static text of what is wrong; NULL when `text` is fine.
 */
const char *conf_value_text_wrong(const char *text);

/*
 * Reads value->text as `option` says, into value's other fields. 0, or -EINVAL and in `why` (of
 * `size` bytes) what is wrong and what would be right.
 */
int conf_value_read(
    const struct conf_option *option, struct conf_value *value, char *why, size_t size);

/* How many options a CONF_END-closed table has. */
size_t conf_value_options(const struct conf_option *options);

#endif
