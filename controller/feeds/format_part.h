/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the readers of single forms share: the list being read and the line they are at. Between
 * format*.c alone.
 */
#ifndef CONTROLLER_FEEDS_FORMAT_PART_H
#define CONTROLLER_FEEDS_FORMAT_PART_H

#include "controller/feeds/format.h"

#define FORMAT_COLUMNS_MAX 64

struct format_reading {
	struct format_list *list;
	const struct format_limits *limits;
	size_t room;      /* entries that list->entries holds */
	uint32_t line;    /* where we are */
	int error;        /* -ENOMEM or -E2BIG: nothing more is taken */
	int column, port; /* FORMAT_CSV: which, from 0; -1 until a header named it */
};

/* A piece of the body; not NUL-terminated. */
struct format_text {
	const char *at;
	size_t size;
};

/* Takes an entry; a failure stands in reading->error. */
void format_add(struct format_reading *reading, const struct prefix *prefix, uint16_t port);

/* Notes that the line (or piece of it) is nothing. */
void format_bad(struct format_reading *reading, struct format_text text);

/* Without blanks at either end. */
struct format_text format_trim(struct format_text text);

/*
 * Reads "addr", "addr/len", "first-last", "v4:port", "[v6]:port" and adds what it is. `port` stands
 * where the text has none. False: it is none of these, and nothing was added.
 */
bool format_take(struct format_reading *reading, struct format_text text, uint16_t port);

/* Splits at commas, quotes taken off, at most FORMAT_COLUMNS_MAX; returns how many. */
size_t format_line_split(struct format_text line, struct format_text columns[FORMAT_COLUMNS_MAX]);

/* Is this line, which has no comment mark, a header that names an address column? Sets column and
 * port. */
bool format_line_header(struct format_text line, int *ret_column, int *ret_port);

/* Each reads one line that is neither empty nor a comment, and counts it when it is bad. */
void format_line_plain(struct format_reading *reading, struct format_text line);
void format_line_dshield(struct format_reading *reading, struct format_text line);
void format_line_reputation(struct format_reading *reading, struct format_text line);
void format_line_csv(struct format_reading *reading, struct format_text line);
void format_line_rule(struct format_reading *reading, struct format_text line);
void format_json_line(struct format_reading *reading, struct format_text line);

/* Reads a whole document; -EINVAL and a clause, else 0 (or reading->error). */
int format_json_document(
    struct format_reading *reading, struct format_text body, char error[FORMAT_ERROR_MAX]);

#endif
