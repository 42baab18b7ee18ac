/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parsed tree: asking, printing, freeing. Built by conf_load.c. */
#include "common/base/conf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/conf_value.h"
#include "common/base/text.h"

static void
section_free(struct conf_section *section)
{
	if (!section)
		return;
	for (size_t i = 0; i < section->item_count; i++) {
		struct conf_item *item = &section->items[i];

		for (size_t j = 0; j < item->count; j++) {
			if (item->sections) {
				section_free(item->sections[j]);
			} else {
				free(item->values[j].text);
				free(item->values[j].file);
			}
		}
		free(item->sections);
		free(item->values);
	}
	free(section->items);
	free(section->title);
	free(section->file);
	free(section);
}

void
conf_free(struct conf **conf)
{
	if (*conf) {
		section_free((*conf)->root);
		free(*conf);
	}
	*conf = NULL;
}

const struct conf_section *
conf_root(const struct conf *conf)
{
	return conf->root;
}

static const struct conf_item *
find(const struct conf_section *section, const char *name)
{
	for (size_t i = 0; i < section->item_count; i++)
		if (strcmp(section->items[i].option->name, name) == 0)
			return &section->items[i];
	assert(!"a setting that no option table holds");
	return NULL;
}

static const struct conf_value *
find_value(const struct conf_section *section, const char *name, size_t index)
{
	const struct conf_item *item = find(section, name);

	assert(item->option->type != CONF_SECTION);
	return index < item->count ? &item->values[index] : NULL;
}

size_t
conf_count(const struct conf_section *section, const char *name)
{
	return find(section, name)->count;
}

const struct conf_section *
conf_get_section(const struct conf_section *section, const char *name, size_t index)
{
	const struct conf_item *item = find(section, name);

	assert(item->option->type == CONF_SECTION);
	return index < item->count ? item->sections[index] : NULL;
}

const char *
conf_title(const struct conf_section *section)
{
	return section->title;
}

const char *
conf_get_text(const struct conf_section *section, const char *name, size_t index)
{
	const struct conf_value *value = find_value(section, name, index);

	return value ? value->text : NULL;
}

bool
conf_get_bool(const struct conf_section *section, const char *name)
{
	const struct conf_value *value = find_value(section, name, 0);

	return value && value->number;
}

int64_t
conf_get_number(const struct conf_section *section, const char *name, size_t index)
{
	const struct conf_value *value = find_value(section, name, index);

	return value ? value->number : 0;
}

int
conf_get_word(const struct conf_section *section, const char *name, size_t index)
{
	const struct conf_value *value = find_value(section, name, index);

	return value ? (int)value->number : -1;
}

struct addr
conf_get_addr(const struct conf_section *section, const char *name, size_t index)
{
	const struct conf_value *value = find_value(section, name, index);

	return value ? value->addr : (struct addr){.family = 0};
}

struct prefix
conf_get_prefix(const struct conf_section *section, const char *name, size_t index)
{
	const struct conf_value *value = find_value(section, name, index);

	return value ? value->prefix : (struct prefix){.len = 0};
}

struct addr
conf_get_endpoint(
    const struct conf_section *section, const char *name, size_t index, uint16_t *ret_port)
{
	const struct conf_value *value = find_value(section, name, index);

	*ret_port = value ? value->port : 0;
	return value ? value->addr : (struct addr){.family = 0};
}

int
conf_error_at(const struct conf_section *section, const char *name, size_t index,
    char error[CONF_ERROR_MAX], const char *format, ...)
{
	const struct conf_value *value = NULL;
	const char *file = section->file;
	unsigned line = section->line;
	va_list args;
	size_t n;

	if (name && find(section, name)->option->type == CONF_SECTION) {
		const struct conf_section *inner = conf_get_section(section, name, index);

		file = inner && inner->file ? inner->file : file;
		line = inner && inner->file ? inner->line : line;
	} else if (name) {
		value = find_value(section, name, index);
		file = value && value->file ? value->file : file;
		line = value && value->file ? value->line : line;
	}
	n = (size_t)snprintf(error, CONF_ERROR_MAX, "%s:%u: %s%s", file ? file : "default", line,
	    name ? name : "", name ? ": " : "");
	if (n < CONF_ERROR_MAX) {
		va_start(args, format);
		vsnprintf(error + n, CONF_ERROR_MAX - n, format, args);
		va_end(args);
	}
	text_one_line(error);
	return -EINVAL;
}

struct printer {
	void (*write)(void *user, const char *text);
	void *user;
};

static void
print_quoted(const struct printer *to, const char *text)
{
	char piece[2] = "";

	to->write(to->user, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			to->write(to->user, "\\");
		piece[0] = *text;
		to->write(to->user, piece);
	}
	to->write(to->user, "\"");
}

static void
print_item(const struct printer *to, const struct conf_item *item, const char *indent)
{
	to->write(to->user, indent);
	to->write(to->user, item->option->name);
	to->write(to->user, item->option->list ? " = {" : " = ");
	for (size_t i = 0; i < item->count; i++) {
		if (i)
			to->write(to->user, ", ");
		print_quoted(to, item->values[i].text);
	}
	to->write(to->user, item->option->list ? "}\n" : "\n");
}

static void
print_section(const struct printer *to, const struct conf_section *section, const char *indent)
{
	char deeper[32];

	snprintf(deeper, sizeof deeper, "%s\t", indent);
	for (size_t i = 0; i < section->item_count; i++) {
		const struct conf_item *item = &section->items[i];

		if (item->option->type != CONF_SECTION) {
			if (item->count || item->is_set)
				print_item(to, item, indent);
			continue;
		}
		for (size_t j = 0; j < item->count; j++) {
			to->write(to->user, indent);
			to->write(to->user, item->option->name);
			to->write(to->user, " ");
			if (item->sections[j]->title) {
				print_quoted(to, item->sections[j]->title);
				to->write(to->user, " ");
			}
			to->write(to->user, "{\n");
			print_section(to, item->sections[j], deeper);
			to->write(to->user, indent);
			to->write(to->user, "}\n");
		}
	}
}

void
conf_print(const struct conf *conf, void (*write)(void *user, const char *text), void *user)
{
	struct printer to = {write, user};

	print_section(&to, conf->root, "");
}
