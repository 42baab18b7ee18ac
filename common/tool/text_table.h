/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of text for people: columns as wide as their widest cell, numbers to the right. And the
 * units such cells are written in. Cells come from anywhere: control characters are shown as '?'.
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

/* One column; all come before the first cell. The title is copied. */
int text_table_column(struct text_table *table, const char *title, bool right);
/* The next cell, row by row; "" is shown as "-". -ENOMEM, or 0. */
int text_table_cell(struct text_table *table, const char *text, enum text_table_colour colour);
/* Heads and rows; a table without rows prints nothing. */
void text_table_print(const struct text_table *table, FILE *file);
/* Titles to the left, cells to the right, a line each: for one row. */
void text_table_print_down(const struct text_table *table, FILE *file);

/* Each writes into `text` and returns it. */
#define TEXT_TABLE_UNIT_MAX 32
/* "1.2 MB", powers of 1,000 */
char *text_table_bytes(uint64_t bytes, char text[TEXT_TABLE_UNIT_MAX]);
/* "1.2 Mbit/s" */
char *text_table_rate(uint64_t bits, char text[TEXT_TABLE_UNIT_MAX]);
/* The two largest units: "3h12m"; under a second "250ms" */
char *text_table_age(uint64_t ms, char text[TEXT_TABLE_UNIT_MAX]);

#endif
