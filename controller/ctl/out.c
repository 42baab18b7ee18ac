/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/ctl/out.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/addr.h"
#include "common/base/result.h"

static size_t
width_of(FILE *file)
{
	const char *said = getenv("COLUMNS");
	struct winsize size = {0};
	char *end;
	unsigned long width = said ? strtoul(said, &end, 10) : 0;

	if (said && *said >= '1' && *said <= '9' && *end == '\0' && width <= 10000)
		return width;
	return ioctl(fileno(file), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void
out_init(struct out *out, FILE *file, bool json)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	*out = (struct out){
	    .file = file,
	    .json = json,
	    .colour = isatty(fileno(file)) && !(no && *no) && term && strcmp(term, "dumb") != 0,
	    .width = width_of(file),
	    .ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
	};
}

static uint64_t
number(const struct out_column *column, const void *row)
{
	const uint8_t *at = (const uint8_t *)row + column->at;
	uint64_t n64;
	uint32_t n32;
	uint16_t n16;

	switch (column->size) {
	case 1:
		return *at;
	case 2:
		return memcpy(&n16, at, 2), n16;
	case 4:
		return memcpy(&n32, at, 4), n32;
	default:
		return memcpy(&n64, at, 8), n64;
	}
}

static void
text_of(const struct out_column *column, const void *row, char text[OUT_TEXT_MAX],
    enum text_table_colour *ret_colour)
{
	const char *at = (const char *)row + column->at;
	struct addr addr;

	text[0] = '\0';
	*ret_colour = TEXT_TABLE_PLAIN;
	switch (column->kind) {
	case OUT_SOME:
		if (number(column, row) == 0)
			return;
		/* fall through */
	case OUT_NUMBER:
		snprintf(text, OUT_TEXT_MAX, "%" PRIu64, number(column, row));
		return;
	case OUT_MS:
		text_table_age(number(column, row), text);
		return;
	case OUT_LEFT:
		if (number(column, row))
			text_table_age(number(column, row), text);
		return;
	case OUT_BYTES:
		text_table_bytes(number(column, row), text);
		return;
	case OUT_RATE:
		text_table_rate(number(column, row), text);
		return;
	case OUT_BOOL:
		snprintf(text, OUT_TEXT_MAX, "%s", number(column, row) ? "yes" : "no");
		return;
	case OUT_TEXT:
		snprintf(text, OUT_TEXT_MAX, "%s", at);
		return;
	case OUT_ADDR:
		memcpy(&addr, at, sizeof addr);
		addr_format(&addr, text);
		return;
	case OUT_CODE:
		if (number(column, row)) {
			snprintf(text, OUT_TEXT_MAX, "%s", result_text((int)number(column, row)));
			*ret_colour = TEXT_TABLE_WARN;
		}
		return;
	case OUT_MAKE:
	case OUT_JSON:
		column->make(row, text, ret_colour);
		return;
	case OUT_END:
		return;
	}
}

static json_t *
json_of(const struct out_column *column, const void *row)
{
	enum text_table_colour colour;
	char text[OUT_TEXT_MAX];
	uint64_t n;

	switch (column->kind) {
	case OUT_NUMBER:
	case OUT_SOME:
	case OUT_MS:
	case OUT_LEFT:
	case OUT_BYTES:
	case OUT_RATE:
		n = number(column, row);
		return json_integer((json_int_t)(n > INT64_MAX ? INT64_MAX : n));
	case OUT_BOOL:
		return json_boolean(number(column, row) != 0);
	case OUT_CODE:
		n = number(column, row);
		return n ? json_pack("{s:i,s:s,s:s}", "code", (int)n, "name", result_name((int)n),
			       "text", result_text((int)n))
			 : json_null();
	case OUT_ADDR:
		text_of(column, row, text, &colour);
		return strcmp(text, "-") == 0 ? json_null() : json_string(text);
	case OUT_TEXT:
	case OUT_MAKE:
		text_of(column, row, text, &colour);
		return json_string(text);
	case OUT_JSON:
		return column->json(row);
	case OUT_END:
		break;
	}
	return NULL;
}

json_t *
out_object(const struct out_column *columns, const void *row)
{
	json_t *object = json_object();

	for (const struct out_column *c = columns; object && c->kind != OUT_END; c++)
		if (c->key && json_object_set_new(object, c->key, json_of(c, row)) < 0) {
			json_decref(object);
			return NULL;
		}
	return object;
}

static struct text_table *
table_new(const struct out *out, const struct out_column *columns)
{
	struct text_table *table = text_table_new(out->colour);

	if (table)
		text_table_width(table, out->width);
	if (table && out->ascii)
		text_table_ascii(table);
	for (const struct out_column *c = columns; table && c->kind != OUT_END; c++)
		if (c->title)
			(void)text_table_column(
			    table, c->title, c->kind >= OUT_NUMBER && c->kind <= OUT_RATE);
	return table;
}

static void
table_row(struct text_table *table, const struct out_column *columns, const void *row)
{
	enum text_table_colour colour;
	char text[OUT_TEXT_MAX];

	for (const struct out_column *c = columns; c->kind != OUT_END; c++)
		if (c->title) {
			text_of(c, row, text, &colour);
			(void)text_table_cell(table, text, colour);
		}
}

void
out_begin(struct out *out, const struct out_column *columns)
{
	out->columns = columns;
	out->rows = out->json ? json_array() : NULL;
	out->table = out->json ? NULL : table_new(out, columns);
}

void
out_row(struct out *out, const void *row)
{
	if (out->rows)
		(void)json_array_append_new(out->rows, out_object(out->columns, row));
	if (out->table)
		table_row(out->table, out->columns, row);
}

void
out_end(struct out *out, const char *name, const char *none)
{
	struct text_table *table = out->table;
	char *text = NULL;
	size_t size = 0;
	FILE *memory;

	if (out->json) {
		out_print(out, json_pack("{s:o}", name, out_take(out)));
		return;
	}
	memory = table ? open_memstream(&text, &size) : NULL;
	if (memory) {
		text_table_print(table, memory);
		fclose(memory);
	}
	if (size)
		fputs(text, out->file);
	else if (none)
		fprintf(out->file, "%s\n", none);
	free(text);
	text_table_free(&out->table);
}

json_t *
out_take(struct out *out)
{
	json_t *rows = out->rows;

	out->rows = NULL;
	text_table_free(&out->table);
	return rows;
}

void
out_one(struct out *out, const struct out_column *columns, const void *row)
{
	struct text_table *table;

	if (out->json) {
		out_print(out, out_object(columns, row));
		return;
	}
	table = table_new(out, columns);
	if (table == NULL)
		return;
	table_row(table, columns, row);
	text_table_print_down(table, out->file);
	text_table_free(&table);
}

void
out_print(struct out *out, json_t *value)
{
	if (value == NULL) {
		fputs("finderscopectl: no memory\n", stderr);
		return;
	}
	(void)json_dumpf(value, out->file, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fputc('\n', out->file);
	json_decref(value);
}
