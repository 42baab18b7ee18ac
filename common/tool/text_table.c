/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/tool/text_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 32

struct cell {
	char *text;
	size_t width;
	enum text_table_colour colour;
};

struct text_table {
	bool colour;
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

/* Code points stand for columns: right for all that names here are written in. */
static int
cell_set(struct cell *cell, const char *text, enum text_table_colour colour)
{
	cell->text = strdup(text[0] ? text : "-");
	if (cell->text == NULL)
		return -ENOMEM;
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
	r = cell_set(&table->titles[table->columns], title, TEXT_TABLE_PLAIN);
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
	r = cell_set(&table->cells[table->count], text, colour);
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

static void
print_row(
    const struct text_table *table, const struct cell *cells, const size_t *widths, FILE *file)
{
	for (size_t i = 0; i < table->columns; i++) {
		int gap = (int)(widths[i] - cells[i].width);
		bool last = i + 1 == table->columns;

		if (i)
			fputs("  ", file);
		if (table->right[i])
			fprintf(file, "%*s", gap, "");
		print_cell(table, &cells[i], file);
		if (!table->right[i] && !last)
			fprintf(file, "%*s", gap, "");
	}
	fputc('\n', file);
}

void
text_table_print(const struct text_table *table, FILE *file)
{
	size_t widths[COLUMNS_MAX];

	if (table->columns == 0 || table->count < table->columns)
		return;
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = table->titles[i].width;
	for (size_t i = 0; i < table->count; i++)
		if (table->cells[i].width > widths[i % table->columns])
			widths[i % table->columns] = table->cells[i].width;
	print_row(table, table->titles, widths, file);
	for (size_t i = 0; i + table->columns <= table->count; i += table->columns)
		print_row(table, table->cells + i, widths, file);
}

void
text_table_print_down(const struct text_table *table, FILE *file)
{
	size_t width = 0;

	for (size_t i = 0; i < table->columns; i++)
		if (table->titles[i].width > width)
			width = table->titles[i].width;
	for (size_t i = 0; i < table->columns && i < table->count; i++) {
		fprintf(file, "%s%*s  ", table->titles[i].text,
		    (int)(width - table->titles[i].width), "");
		print_cell(table, &table->cells[i], file);
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
