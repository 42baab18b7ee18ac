/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The output of finderscopectl: rows go in by tables of columns, and come out as an aligned table,
 * as lines "title value", or as JSON, with the same values in each. Owns what it has not printed
 * yet.
 */
#ifndef CONTROLLER_CTL_OUT_H
#define CONTROLLER_CTL_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/tool/text_table.h"

#define OUT_TEXT_MAX 1024

enum out_kind {
	OUT_END = 0,
	OUT_NUMBER, /* unsigned of 1 to 8 bytes */
	OUT_SOME,   /* the same, 0 is nothing to speak of; JSON: the number */
	OUT_MS,     /* an age or duration in ms; JSON: the number */
	OUT_LEFT,   /* the same, 0 is none */
	OUT_BYTES,
	OUT_RATE,
	OUT_BOOL, /* yes, no */
	OUT_TEXT, /* char[] */
	OUT_ADDR, /* struct addr; JSON: text, or null for none */
	OUT_CODE, /* enum result; text: its words, JSON: {"code", "name", "text"}, null for OK */
	OUT_MAKE, /* `make` writes the text; JSON: the same text */
	OUT_JSON, /* `json` makes the value, `make` the text */
};

struct out_column {
	const char *key;   /* in JSON; NULL: not there */
	const char *title; /* in text; NULL: not there */
	enum out_kind kind;
	size_t at, size;
	void (*make)(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour);
	json_t *(*json)(const void *row); /* NULL: no memory */
};

#define OUT_FIELD(S, name) .at = offsetof(struct S, name), .size = sizeof((struct S *)0)->name

struct out {
	bool json, colour, ascii;
	size_t width; /* columns of the screen; 0: any number */
	FILE *file;
	/* a list that is being made */
	const struct out_column *columns;
	struct text_table *table;
	json_t *rows;
};

/* `json` as --json said; colour where `file` is a terminal and NO_COLOR is not set; as wide as
 * COLUMNS says, else as the terminal is, else without end; ASCII where the locale is not UTF-8. */
void out_init(struct out *out, FILE *file, bool json);

void out_begin(struct out *out, const struct out_column *columns);
void out_row(struct out *out, const void *row);
/* Prints the list: as {"name": [...]}, or the table; `none` where it has no rows (NULL: nothing).
 */
void out_end(struct out *out, const char *name, const char *none);
/* The rows of the list as JSON, taken from it; the list is over, nothing printed. */
json_t *out_take(struct out *out);

/* One row: as a JSON object, or a line a column. */
void out_one(struct out *out, const struct out_column *columns, const void *row);
/* The same as a JSON value; NULL: no memory. */
json_t *out_object(const struct out_column *columns, const void *row);
/* Prints and takes over. */
void out_print(struct out *out, json_t *value);

#endif
