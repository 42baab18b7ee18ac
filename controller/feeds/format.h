/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The forms in which block lists are published, read from bytes: pure functions, nothing is kept,
 * nothing logged. A list is what one body held: entries in the order of its lines, counts, and the
 * first lines that were nothing.
 */
#ifndef CONTROLLER_FEEDS_FORMAT_H
#define CONTROLLER_FEEDS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

enum format {
	FORMAT_AUTO,
	FORMAT_PLAIN,   /* an address, prefix or range a line; # ; // comments; .netset and .ipset,
			   Spamhaus text */
	FORMAT_NDJSON,  /* Spamhaus: {"cidr":…} a line, a closing {"type":"metadata",…} */
	FORMAT_CSV,     /* a header names the columns (abuse.ch Feodo: dst_ip, dst_port) */
	FORMAT_DSHIELD, /* start, end, prefix length, between tabs */
	FORMAT_REPUTATION, /* Suricata: address,category,score */
	FORMAT_JSON,       /* MISP warning list {"list":[…]}, or a plain array of strings */
	FORMAT_RULES,      /* Snort and Suricata: alert ip [a,b,…] any -> … */
};

#define FORMAT_BAD_MAX 5
#define FORMAT_BAD_TEXT 120
#define FORMAT_ERROR_MAX 200
#define FORMAT_LINE_MAX (1024 * 1024) /* a longer line is a bad line */

/* "plain", "dshield", …; NULL for a number that is none. */
const char *format_name(enum format format);
/* 0, or -EINVAL: no such name. */
int format_parse_name(const char *name, enum format *ret_format);

struct format_entry {
	struct prefix prefix;
	uint16_t port; /* 0 is any */
	uint32_t line; /* from 1; in a JSON document: the element's number */
};

struct format_limits {
	size_t max_entries; /* 0 is no limit */
	int score;          /* FORMAT_REPUTATION: the least that counts */
	int category;       /* FORMAT_REPUTATION: this alone; 0 is any */
};

struct format_list {
	enum format format; /* what it was read as */
	struct format_entry *entries;
	size_t count, count4, count6;
	size_t lines;                              /* all, comments and empty ones, too */
	size_t bad_lines;                          /* no comment, and nothing usable on it */
	size_t masked;                             /* host bits were set and have been cleared */
	size_t filtered;                           /* below the score or of another category */
	char bad[FORMAT_BAD_MAX][FORMAT_BAD_TEXT]; /* "line 17: text"; unprintable bytes are dots */
};

/*
 * Reads a whole body (no NUL needed at its end). 0 and a list of the caller's, format_list_done; or
 * -EINVAL (HTML, binary, or lines and no usable one among them), -E2BIG (more entries than the
 * limit), -ENOMEM, with one clause in `error`. A body with nothing but comments is a list of none,
 * and 0.
 */
int format_read(enum format format, const void *body, size_t size,
    const struct format_limits *limits, struct format_list *ret_list, char error[FORMAT_ERROR_MAX]);
void format_list_done(struct format_list *list);

/* What a body looks like; FORMAT_PLAIN when it looks like nothing else. */
enum format format_guess(const void *body, size_t size);

#endif
