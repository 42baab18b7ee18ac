/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of text for people: columns as wide as their widest cell, numbers to the right. And the
 * units such cells are written in. Cells come from anywhere: control characters are shown as '?'.
 * Where a table is wider than the screen, columns that say nothing in any row are left out, and the
 * last ones go to lines of their own below each row.
 */
#ifndef COMMON_TOOL_TEXT_TABLE_H
#define COMMON_TOOL_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum text_table_colour {
	TEXT_TABLE_PLAIN,
	TEXT_TABLE_GOOD,
	TEXT_TABLE_WARN,
	TEXT_TABLE_BAD,
	TEXT_TABLE_FAINT,
};

struct text_table;

/* `colour` false: none is written whatever the cells say. NULL: no memory. */
struct text_table *text_table_new(bool colour);
void text_table_free(struct text_table **table);
/* Columns of the screen; 0, as it is at first: any number. */
void text_table_width(struct text_table *table, size_t width);
/* ASCII alone, for screens that show no UTF-8: before the first column. */
void text_table_ascii(struct text_table *table);

/* One column; all come before the first cell. The title is copied. */
int text_table_column(struct text_table *table, const char *title, bool right);
/* The next cell, row by row; "" is shown as "-". -ENOMEM, or 0. */
int text_table_cell(struct text_table *table, const char *text, enum text_table_colour colour);
/* Heads and rows; a table without rows prints nothing. */
void text_table_print(const struct text_table *table, FILE *file);
/* Titles to the left, cells to the right, a line each: for one row. Those that are empty are left
 * out, long ones go on below themselves. */
void text_table_print_down(const struct text_table *table, FILE *file);

/* In place: what has an ASCII form gets it, '?' stands for the rest. Never longer than before. */
void text_table_to_ascii(char *text);

/* Each writes into `text` and returns it. */
#define TEXT_TABLE_UNIT_MAX 32
/* "1.2 MB", powers of 1,000 */
char *text_table_bytes(uint64_t bytes, char text[TEXT_TABLE_UNIT_MAX]);
/* "1.2 Mbit/s" */
char *text_table_rate(uint64_t bits, char text[TEXT_TABLE_UNIT_MAX]);
/* The two largest units: "3h12m"; under a second "250ms" */
char *text_table_age(uint64_t ms, char text[TEXT_TABLE_UNIT_MAX]);

#endif
