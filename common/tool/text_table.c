/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/tool/text_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 32
#define INDENT 4      /* of what goes below a row */
#define WRAP_LEAST 30 /* columns that a text needs to be readable */

struct cell {
	char *text;
	size_t width;
	enum text_table_colour colour;
};

struct text_table {
	bool colour, ascii;
	size_t width;
	size_t columns;
	struct cell titles[COLUMNS_MAX];
	bool right[COLUMNS_MAX];
	struct cell *cells;
	size_t count, room;
};

struct text_table *
text_table_new(bool colour)
{
	struct text_table *table = calloc(1, sizeof *table);

	if (table)
		table->colour = colour;
	return table;
}

void
text_table_free(struct text_table **table)
{
	if (*table == NULL)
		return;
	for (size_t i = 0; i < (*table)->columns; i++)
		free((*table)->titles[i].text);
	for (size_t i = 0; i < (*table)->count; i++)
		free((*table)->cells[i].text);
	free((*table)->cells);
	free(*table);
	*table = NULL;
}

void
text_table_width(struct text_table *table, size_t width)
{
	table->width = width;
}

void
text_table_ascii(struct text_table *table)
{
	table->ascii = true;
}

void
text_table_to_ascii(char *text)
{
	static const struct {
		const char *from, *to;
	} known[] = {{"\xc2\xb1", "+-"}, {"\xe2\x80\xa6", "..."}, {"\xe2\x86\x92", "->"}};
	char *to = text;

	for (const char *from = text; *from;) {
		size_t i = 0, size = 1;

		if (((unsigned char)*from & 0x80) == 0) {
			*to++ = *from++;
			continue;
		}
		while (i < sizeof known / sizeof *known &&
		       strncmp(from, known[i].from, strlen(known[i].from)) != 0)
			i++;
		if (i < sizeof known / sizeof *known) {
			size = strlen(known[i].from);
			memcpy(to, known[i].to, strlen(known[i].to));
			to += strlen(known[i].to);
		} else {
			while (((unsigned char)from[size] & 0xc0) == 0x80)
				size++;
			*to++ = '?';
		}
		from += size;
	}
	*to = '\0';
}

/* Code points stand for columns: right for all that names here are written in. */
static int
cell_set(struct cell *cell, const char *text, enum text_table_colour colour, bool ascii)
{
	cell->text = strdup(text[0] ? text : "-");
	if (cell->text == NULL)
		return -ENOMEM;
	if (ascii)
		text_table_to_ascii(cell->text);
	cell->width = 0;
	cell->colour = colour;
	for (char *c = cell->text; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (byte < 0x20 || byte == 0x7f)
			*c = '?';
		cell->width += (byte & 0xc0) != 0x80;
	}
	return 0;
}

int
text_table_column(struct text_table *table, const char *title, bool right)
{
	int r;

	if (table->columns == COLUMNS_MAX)
		return -E2BIG;
	r = cell_set(&table->titles[table->columns], title, TEXT_TABLE_PLAIN, table->ascii);
	if (r == 0)
		table->right[table->columns++] = right;
	return r;
}

int
text_table_cell(struct text_table *table, const char *text, enum text_table_colour colour)
{
	int r;

	if (table->count == table->room) {
		size_t room = table->room ? 2 * table->room : 64;
		struct cell *cells = reallocarray(table->cells, room, sizeof *cells);

		if (cells == NULL)
			return -ENOMEM;
		table->cells = cells;
		table->room = room;
	}
	r = cell_set(&table->cells[table->count], text, colour, table->ascii);
	table->count += r == 0;
	return r;
}

static void
print_cell(const struct text_table *table, const struct cell *cell, FILE *file)
{
	static const char *const codes[] = {"", "\033[32m", "\033[33m", "\033[31m", "\033[2m"};

	if (table->colour && cell->colour != TEXT_TABLE_PLAIN)
		fprintf(file, "%s%s\033[0m", codes[cell->colour], cell->text);
	else
		fputs(cell->text, file);
}

static bool
is_empty(const struct cell *cell)
{
	return strcmp(cell->text, "-") == 0;
}

/* Which columns are shown beside each other, and how wide; those below[] go to lines of their own.
 */
struct layout {
	size_t widths[COLUMNS_MAX];
	bool shown[COLUMNS_MAX], below[COLUMNS_MAX];
	bool any_below;
};

static size_t
width_of(const struct text_table *table, const struct layout *layout)
{
	size_t width = 0;

	for (size_t i = 0; i < table->columns; i++)
		if (layout->shown[i])
			width += layout->widths[i] + (width ? 2 : 0);
	return width;
}

/* Where all but the last column leave enough room for a text, it is broken there. */
static bool
wraps_last(const struct text_table *table, const struct layout *layout)
{
	size_t last = table->columns;

	while (last-- > 1)
		if (layout->shown[last])
			break;
	return last > 0 && !table->right[last] &&
	       width_of(table, layout) - layout->widths[last] + WRAP_LEAST <= table->width;
}

static void
lay_out(const struct text_table *table, struct layout *layout)
{
	bool said[COLUMNS_MAX] = {false};

	*layout = (struct layout){.any_below = false};
	for (size_t i = 0; i < table->columns; i++) {
		layout->widths[i] = table->titles[i].width;
		layout->shown[i] = true;
	}
	for (size_t i = 0; i < table->count; i++) {
		size_t column = i % table->columns;

		if (table->cells[i].width > layout->widths[column])
			layout->widths[column] = table->cells[i].width;
		said[column] |= !is_empty(&table->cells[i]);
	}
	if (table->width == 0 || width_of(table, layout) <= table->width)
		return;
	for (size_t i = 0; i < table->columns; i++)
		layout->shown[i] = said[i];
	/* The first column stays: it names the row. */
	layout->shown[0] = true;
	if (wraps_last(table, layout))
		return;
	for (size_t i = table->columns; i-- > 1 && width_of(table, layout) > table->width;)
		if (layout->shown[i]) {
			layout->shown[i] = false;
			layout->below[i] = layout->any_below = true;
		}
}

/* Words of a text on lines of at most `width`, the second and later ones behind `indent` blanks;
 * `at`: the column where it begins. A word longer than a line is not broken. Its last column. */
static size_t
print_wrapped(
    const struct text_table *table, const struct cell *cell, size_t at, size_t indent, FILE *file)
{
	struct cell part = *cell;
	char *text = strdup(cell->text), *rest = text, *word;
	bool first = true;

	if (text == NULL || table->width == 0 || at + cell->width <= table->width ||
	    indent + 8 > table->width) {
		print_cell(table, cell, file);
		free(text);
		return at + cell->width;
	}
	while ((word = strsep(&rest, " "))) {
		size_t width = 0;

		for (const char *c = word; *c; c++)
			width += ((unsigned char)*c & 0xc0) != 0x80;
		if (!first && at + 1 + width > table->width) {
			fprintf(file, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', file);
			at++;
		}
		part.text = word;
		print_cell(table, &part, file);
		at += width;
		first = false;
	}
	free(text);
	return at;
}

static void
print_below(const struct text_table *table, const struct cell *cells, const struct layout *layout,
    FILE *file)
{
	size_t at = 0;

	for (size_t i = 0; i < table->columns; i++) {
		/* A number needs its title, a text says what it is. */
		size_t title =
		    table->right[i] && cells != table->titles ? table->titles[i].width + 1 : 0;

		if (!layout->below[i] || is_empty(&cells[i]))
			continue;
		if (at && at + 2 + title + cells[i].width > table->width) {
			fputc('\n', file);
			at = 0;
		}
		fprintf(file, "%*s", at ? 2 : INDENT, "");
		at += at ? 2 : INDENT;
		if (title)
			fprintf(file, "%s ", table->titles[i].text);
		at = print_wrapped(table, &cells[i], at + title, INDENT, file);
	}
	if (at)
		fputc('\n', file);
}

static void
print_row(const struct text_table *table, const struct cell *cells, const struct layout *layout,
    FILE *file)
{
	size_t last = 0, at = 0;
	bool first = true;

	for (size_t i = 0; i < table->columns; i++)
		last = layout->shown[i] ? i : last;
	for (size_t i = 0; i < table->columns; i++) {
		int gap = (int)(layout->widths[i] - cells[i].width);

		if (!layout->shown[i])
			continue;
		if (!first)
			fputs("  ", file);
		at += first ? 0 : 2;
		first = false;
		if (table->right[i])
			fprintf(file, "%*s", gap, "");
		if (i == last && !table->right[i])
			(void)print_wrapped(table, &cells[i], at, at, file);
		else
			print_cell(table, &cells[i], file);
		at += layout->widths[i];
		if (!table->right[i] && i != last)
			fprintf(file, "%*s", gap, "");
	}
	fputc('\n', file);
	if (layout->any_below)
		print_below(table, cells, layout, file);
}

void
text_table_print(const struct text_table *table, FILE *file)
{
	struct layout layout;

	if (table->columns == 0 || table->count < table->columns)
		return;
	lay_out(table, &layout);
	print_row(table, table->titles, &layout, file);
	for (size_t i = 0; i + table->columns <= table->count; i += table->columns)
		print_row(table, table->cells + i, &layout, file);
}

void
text_table_print_down(const struct text_table *table, FILE *file)
{
	size_t width = 0;

	for (size_t i = 0; i < table->columns && i < table->count; i++)
		if (table->titles[i].width > width && !is_empty(&table->cells[i]))
			width = table->titles[i].width;
	for (size_t i = 0; i < table->columns && i < table->count; i++) {
		if (is_empty(&table->cells[i]))
			continue;
		fprintf(file, "%s%*s  ", table->titles[i].text,
		    (int)(width - table->titles[i].width), "");
		print_wrapped(table, &table->cells[i], width + 2, width + 2, file);
		fputc('\n', file);
	}
}

static char *
scaled(uint64_t number, const char *const units[7], char text[TEXT_TABLE_UNIT_MAX])
{
	uint64_t whole = number, rest = 0;
	unsigned i = 0;

	for (; whole >= 1000 && i < 6; i++) {
		rest = whole % 1000;
		whole /= 1000;
	}
	if (i && whole < 10)
		snprintf(text, TEXT_TABLE_UNIT_MAX, "%llu.%llu %s", (unsigned long long)whole,
		    (unsigned long long)(rest / 100), units[i]);
	else
		snprintf(text, TEXT_TABLE_UNIT_MAX, "%llu %s", (unsigned long long)whole, units[i]);
	return text;
}

char *
text_table_bytes(uint64_t bytes, char text[TEXT_TABLE_UNIT_MAX])
{
	static const char *const units[7] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};

	return scaled(bytes, units, text);
}

char *
text_table_rate(uint64_t bits, char text[TEXT_TABLE_UNIT_MAX])
{
	static const char *const units[7] = {
	    "bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s", "Ebit/s"};

	return scaled(bits, units, text);
}

char *
text_table_age(uint64_t ms, char text[TEXT_TABLE_UNIT_MAX])
{
	static const struct {
		uint64_t s;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint64_t s = ms / 1000;

	if (s == 0) {
		snprintf(text, TEXT_TABLE_UNIT_MAX, "%ums", (unsigned)ms);
		return text;
	}
	for (size_t i = 0; i < 3; i++)
		if (s >= units[i].s) {
			uint64_t more = s % units[i].s / units[i + 1].s;
			int n = snprintf(text, TEXT_TABLE_UNIT_MAX, "%llu%c",
			    (unsigned long long)(s / units[i].s), units[i].unit);

			if (more)
				snprintf(text + n, TEXT_TABLE_UNIT_MAX - (size_t)n, "%llu%c",
				    (unsigned long long)more, units[i + 1].unit);
			return text;
		}
	snprintf(text, TEXT_TABLE_UNIT_MAX, "%us", (unsigned)s);
	return text;
}
