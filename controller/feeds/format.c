/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/feeds/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controller/feeds/format_part.h"

#define GUESS_LINES 20
#define PAGE_HEAD 1024

static const char *const names[] = {
    "auto", "plain", "ndjson", "csv", "dshield", "reputation", "json", "rules"};

const char *
format_name(enum format format)
{
	return (unsigned)format < sizeof names / sizeof *names ? names[format] : NULL;
}

int
format_parse_name(const char *name, enum format *ret_format)
{
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0) {
			*ret_format = (enum format)i;
			return 0;
		}
	return -EINVAL;
}

void
format_add(struct format_reading *reading, const struct prefix *prefix, uint16_t port)
{
	struct format_list *list = reading->list;

	if (reading->error)
		return;
	if (reading->limits->max_entries > 0 && list->count >= reading->limits->max_entries) {
		reading->error = -E2BIG;
		return;
	}
	if (list->count == reading->room) {
		size_t room = reading->room ? reading->room * 2 : 256;
		struct format_entry *more = realloc(list->entries, room * sizeof *more);

		if (!more) {
			reading->error = -ENOMEM;
			return;
		}
		list->entries = more;
		reading->room = room;
	}
	list->entries[list->count++] =
	    (struct format_entry){.prefix = *prefix, .port = port, .line = reading->line};
	if (prefix->addr.family == 4)
		list->count4++;
	else
		list->count6++;
}

void
format_bad(struct format_reading *reading, struct format_text text)
{
	struct format_list *list = reading->list;

	if (list->bad_lines < FORMAT_BAD_MAX) {
		char *bad = list->bad[list->bad_lines];
		int n = text.size > FORMAT_LINE_MAX
			    ? snprintf(bad, FORMAT_BAD_TEXT, "line %u (%zu bytes): ", reading->line,
				  text.size)
			    : snprintf(bad, FORMAT_BAD_TEXT,
				  "%s %u: ", list->format == FORMAT_JSON ? "item" : "line",
				  reading->line);

		for (size_t i = 0; i < text.size && n < FORMAT_BAD_TEXT - 1; i++)
			bad[n++] = text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '.';
		bad[n] = '\0';
	}
	list->bad_lines++;
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

struct format_text
format_trim(struct format_text text)
{
	while (text.size > 0 && blank(text.at[0])) {
		text.at++;
		text.size--;
	}
	while (text.size > 0 && blank(text.at[text.size - 1]))
		text.size--;
	return text;
}

/* The whole of the text as a NUL-terminated copy; false when it is longer than any address. */
static bool
copy(struct format_text text, char *to, size_t size)
{
	if (text.size == 0 || text.size >= size || memchr(text.at, '\0', text.size))
		return false;
	memcpy(to, text.at, text.size);
	to[text.size] = '\0';
	return true;
}

static bool
number(struct format_text text, unsigned max, unsigned *ret_number)
{
	unsigned n = 0;

	if (text.size == 0 || text.size > 9)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		n = n * 10 + (unsigned)(text.at[i] - '0');
	}
	*ret_number = n;
	return n <= max;
}

/* The widest prefix that begins at `first` and ends no later than `last`. */
static struct prefix
widest(const struct addr *first, const struct addr *last)
{
	unsigned bits = addr_bits(first), len = bits;

	for (; len > 0; len--) {
		struct prefix wider = prefix_make(first, len - 1);
		struct addr end = wider.addr;

		if (!addr_equal(&wider.addr, first))
			break;
		for (unsigned b = wider.len; b < bits; b++)
			end.bytes[b / 8] |= (uint8_t)(0x80 >> b % 8);
		if (addr_compare(&end, last) > 0)
			break;
	}
	return prefix_make(first, len);
}

/* Splits first..last into prefixes. */
static void
add_range(struct format_reading *reading, struct addr first, const struct addr *last, uint16_t port)
{
	while (addr_compare(&first, last) <= 0 && !reading->error) {
		struct prefix prefix = widest(&first, last);
		int b;

		format_add(reading, &prefix, port);
		if (prefix.len == 0)
			return;
		/* One step of the prefix's size; over the end of the address space is the end. */
		b = (prefix.len - 1) / 8;
		uint8_t step = (uint8_t)(0x80 >> (prefix.len - 1) % 8), was = first.bytes[b];

		first.bytes[b] = (uint8_t)(was + step);
		if (first.bytes[b] < was) {
			for (b--; b >= 0 && ++first.bytes[b] == 0; b--)
				;
			if (b < 0)
				return;
		}
	}
}

static bool
take_range(struct format_reading *reading, const char *text, const char *dash, uint16_t port)
{
	char head[ADDR_TEXT_MAX], tail[ADDR_TEXT_MAX];
	struct addr first, last;

	if (!copy(format_trim((struct format_text){text, (size_t)(dash - text)}), head,
		sizeof head) ||
	    !copy(
		format_trim((struct format_text){dash + 1, strlen(dash + 1)}), tail, sizeof tail) ||
	    addr_parse(head, &first) < 0 || addr_parse(tail, &last) < 0 ||
	    first.family != last.family || addr_compare(&first, &last) > 0)
		return false;
	add_range(reading, first, &last, port);
	return true;
}

bool
format_take(struct format_reading *reading, struct format_text text, uint16_t port)
{
	char buffer[2 * ADDR_TEXT_MAX + 8], *colon, *head = buffer, *end;
	struct prefix prefix;
	unsigned value;
	bool masked;

	if (!copy(format_trim(text), buffer, sizeof buffer))
		return false;
	if (prefix_parse(buffer, &prefix, &masked) == 0) {
		reading->list->masked += masked;
		format_add(reading, &prefix, port);
		return true;
	}
	if ((end = strchr(buffer, '-')))
		return take_range(reading, buffer, end, port);
	colon = strrchr(buffer, ':');
	if (buffer[0] == '[') {
		end = strchr(buffer, ']');
		if (!end || (end[1] != '\0' && end + 1 != colon))
			return false;
		colon = end[1] ? colon : NULL;
		*end = '\0';
		head++;
	} else if (!colon || strchr(buffer, ':') != colon)
		return false;
	if (colon) {
		*colon = '\0';
		if (!number((struct format_text){colon + 1, strlen(colon + 1)}, 65535, &value))
			return false;
		port = (uint16_t)value;
	}
	if (strchr(head, '/') || prefix_parse(head, &prefix, NULL) < 0)
		return false;
	format_add(reading, &prefix, port);
	return true;
}

/* ---- whole bodies ---- */

/* The next line, without its end; false at the end of the body. */
static bool
next_line(struct format_text *body, struct format_text *ret_line)
{
	const char *end;

	if (body->size == 0)
		return false;
	end = memchr(body->at, '\n', body->size);
	ret_line->at = body->at;
	ret_line->size = end ? (size_t)(end - body->at) : body->size;
	body->at += ret_line->size + (end != NULL);
	body->size -= ret_line->size + (end != NULL);
	return true;
}

static struct format_text
without_bom(const void *body, size_t size)
{
	struct format_text text = {body, size};

	if (size >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0) {
		text.at += 3;
		text.size -= 3;
	}
	return text;
}

static bool
comment(struct format_text line)
{
	return line.size == 0 || line.at[0] == '#' || line.at[0] == ';' ||
	       (line.size >= 2 && line.at[0] == '/' && line.at[1] == '/');
}

static bool
begins(struct format_text text, const char *with)
{
	size_t n = strlen(with);

	return text.size >= n && strncasecmp(text.at, with, n) == 0;
}

static bool
contains(struct format_text text, const char *what)
{
	return memmem(text.at, text.size, what, strlen(what)) != NULL;
}

/* What one line that is no comment looks like; FORMAT_PLAIN is "nothing special". */
static enum format
guess_line(struct format_text line)
{
	static const char *const actions[] = {
	    "alert ", "drop ", "reject ", "block ", "pass ", "log "};
	struct format_text columns[FORMAT_COLUMNS_MAX];
	char start[ADDR_TEXT_MAX], end[ADDR_TEXT_MAX], len[8];
	struct addr a, b;
	unsigned n;
	int column, port;

	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (begins(line, actions[i]))
			return FORMAT_RULES;
	if (line.size < 200 &&
	    sscanf(line.at, "%45[0-9.]\t%45[0-9.]\t%3[0-9]", start, end, len) == 3 &&
	    addr_parse(start, &a) == 0 && addr_parse(end, &b) == 0)
		return FORMAT_DSHIELD;
	if (format_line_header(line, &column, &port))
		return FORMAT_CSV;
	if (format_line_split(line, columns) == 3 && number(columns[1], 255, &n) &&
	    number(columns[2], 127, &n) && copy(columns[0], start, sizeof start) &&
	    addr_parse(start, &a) == 0)
		return FORMAT_REPUTATION;
	return FORMAT_PLAIN;
}

enum format
format_guess(const void *body, size_t size)
{
	struct format_text rest = without_bom(body, size), line;
	enum format guess = FORMAT_PLAIN;
	int column, port;

	for (unsigned i = 0; i < GUESS_LINES && guess == FORMAT_PLAIN && next_line(&rest, &line);) {
		char copied[512];

		line = format_trim(line);
		if (line.size == 0)
			continue;
		if (i == 0 && line.at[0] == '[' &&
		    !memchr(line.at, ']', line.size < 50 ? line.size : 50))
			return FORMAT_JSON;
		if (i == 0 && line.at[0] == '[' && contains(line, "\""))
			return FORMAT_JSON;
		if (i == 0 && line.at[0] == '{') {
			bool whole = line.at[line.size - 1] == '}';

			return whole && (contains(line, "\"cidr\"") ||
					    contains(line, "\"type\":\"metadata\""))
				   ? FORMAT_NDJSON
				   : FORMAT_JSON;
		}
		if (comment(line)) {
			/* abuse.ch has written its header as a comment, too. */
			if (line.at[0] == '#' &&
			    format_line_header(
				format_trim((struct format_text){line.at + 1, line.size - 1}),
				&column, &port))
				return FORMAT_CSV;
			continue;
		}
		/* Bounded and terminated, for the look at it only. */
		if (line.size >= sizeof copied)
			line.size = sizeof copied - 1;
		memcpy(copied, line.at, line.size);
		copied[line.size] = '\0';
		guess = guess_line((struct format_text){copied, line.size});
		i++;
	}
	return guess;
}

static void
read_line(struct format_reading *reading, struct format_text line)
{
	line = format_trim(line);
	if (reading->list->format == FORMAT_CSV && line.size > 1 && line.at[0] == '#' &&
	    reading->column < 0)
		format_line_header(format_trim((struct format_text){line.at + 1, line.size - 1}),
		    &reading->column, &reading->port);
	if (comment(line))
		return;
	if (line.size > FORMAT_LINE_MAX) {
		format_bad(reading, line);
		return;
	}
	switch (reading->list->format) {
	case FORMAT_AUTO:
	case FORMAT_JSON:
	case FORMAT_PLAIN:
		format_line_plain(reading, line);
		break;
	case FORMAT_NDJSON:
		format_json_line(reading, line);
		break;
	case FORMAT_CSV:
		format_line_csv(reading, line);
		break;
	case FORMAT_DSHIELD:
		format_line_dshield(reading, line);
		break;
	case FORMAT_REPUTATION:
		format_line_reputation(reading, line);
		break;
	case FORMAT_RULES:
		format_line_rule(reading, line);
		break;
	}
}

/* A page that does not begin as one: behind a comment, or a server's own words. */
static bool
is_page(struct format_text head)
{
	static const char *const marks[] = {"<!doctype html", "<html"};

	head.size = head.size < PAGE_HEAD ? head.size : PAGE_HEAD;
	for (; head.size > 0; head.at++, head.size--)
		for (size_t i = 0; head.at[0] == '<' && i < sizeof marks / sizeof *marks; i++)
			if (begins(head, marks[i]))
				return true;
	return false;
}

/* What can be no list at all. */
static int
check_body(struct format_text body, char error[FORMAT_ERROR_MAX])
{
	struct format_text head = body;
	const char *nul = memchr(body.at, '\0', body.size);

	if (nul) {
		snprintf(error, FORMAT_ERROR_MAX,
		    "not a text: a zero byte at offset %zu; a list in one of the known forms is "
		    "wanted",
		    (size_t)(nul - body.at));
		return -EINVAL;
	}
	while (head.size > 0 && (blank(head.at[0]) || head.at[0] == '\n')) {
		head.at++;
		head.size--;
	}
	if (head.size > 0 && (head.at[0] == '<' || is_page(head))) {
		snprintf(error, FORMAT_ERROR_MAX,
		    "this is HTML or XML, no list (a login or error page, a moved address?)");
		return -EINVAL;
	}
	return 0;
}

int
format_read(enum format format, const void *body, size_t size, const struct format_limits *limits,
    struct format_list *ret_list, char error[FORMAT_ERROR_MAX])
{
	static const struct format_limits none = {0};
	struct format_text rest = without_bom(size ? body : "", size), line;
	struct format_list list = {.format = format};
	struct format_reading reading = {
	    .list = &list, .limits = limits ? limits : &none, .column = -1, .port = -1};
	int r = check_body(rest, error);

	if (r < 0)
		return r;
	if (format == FORMAT_AUTO)
		list.format = format_guess(rest.at, rest.size);
	if (list.format == FORMAT_JSON && rest.size > 0)
		r = format_json_document(&reading, rest, error);
	else
		while (!reading.error && next_line(&rest, &line)) {
			list.lines++;
			reading.line++;
			read_line(&reading, line);
		}
	if (r == 0 && reading.error) {
		r = reading.error;
		if (r == -E2BIG)
			snprintf(error, FORMAT_ERROR_MAX, "line %u: more than %zu entries",
			    reading.line, reading.limits->max_entries);
		else
			snprintf(
			    error, FORMAT_ERROR_MAX, "out of memory after %zu entries", list.count);
	}
	if (r == 0 && list.count == 0 && list.bad_lines > 0) {
		snprintf(error, FORMAT_ERROR_MAX, "no usable line as %s; %.*s",
		    format_name(list.format), FORMAT_BAD_TEXT, list.bad[0]);
		r = -EINVAL;
	}
	if (r < 0) {
		format_list_done(&list);
		return r;
	}
	*ret_list = list;
	return 0;
}

void
format_list_done(struct format_list *list)
{
	free(list->entries);
	list->entries = NULL;
	list->count = list->count4 = list->count6 = 0;
}
