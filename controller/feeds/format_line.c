/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The forms that are read line by line. */
#include <string.h>
#include <strings.h>

#include "controller/feeds/format_part.h"

static bool
separator(char c)
{
	return c == ' ' || c == '\t' || c == ',' || c == ';' || c == '|' || c == '#';
}

/* Cuts the first word off. */
static struct format_text
word(struct format_text *rest)
{
	struct format_text text = format_trim(*rest);
	size_t n = 0;

	while (n < text.size && !separator(text.at[n]))
		n++;
	rest->at = text.at + n;
	rest->size = text.size - n;
	text.size = n;
	return text;
}

static bool
equals(struct format_text text, const char *what)
{
	return text.size == strlen(what) && strncasecmp(text.at, what, text.size) == 0;
}

/* Decimal, of the whole text. */
static bool
decimal(struct format_text text, unsigned max, unsigned *ret_value)
{
	unsigned value = 0;

	if (text.size == 0 || text.size > 9)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		value = value * 10 + (unsigned)(text.at[i] - '0');
	}
	*ret_value = value;
	return value <= max;
}

void
format_line_plain(struct format_reading *reading, struct format_text line)
{
	struct format_text rest = line, first = word(&rest), more, joined;

	/* What `ipset save` prints. */
	if (equals(first, "create") || equals(first, "-N"))
		return;
	if (equals(first, "add") || equals(first, "-A")) {
		word(&rest);
		first = word(&rest);
	}
	/* "first - last" */
	more = format_trim(rest);
	if (more.size > 1 && more.at[0] == '-' && (more.at[1] == ' ' || more.at[1] == '\t')) {
		struct format_text tail = {more.at + 1, more.size - 1}, last = word(&tail);

		joined.at = first.at;
		joined.size = (size_t)(last.at + last.size - first.at);
		if (format_take(reading, joined, 0))
			return;
	}
	if (!format_take(reading, first, 0))
		format_bad(reading, line);
}

void
format_line_dshield(struct format_reading *reading, struct format_text line)
{
	struct format_text rest = line, start = word(&rest), end = word(&rest), len = word(&rest);
	char text[PREFIX_TEXT_MAX];
	unsigned bits;

	(void)end;
	/* The columns' own heading. */
	if (equals(start, "Start"))
		return;
	if (!decimal(len, 32, &bits) || start.size + 1 + len.size >= sizeof text) {
		format_bad(reading, line);
		return;
	}
	memcpy(text, start.at, start.size);
	text[start.size] = '/';
	memcpy(text + start.size + 1, len.at, len.size);
	if (!format_take(reading, (struct format_text){text, start.size + 1 + len.size}, 0))
		format_bad(reading, line);
}

size_t
format_line_split(struct format_text line, struct format_text columns[FORMAT_COLUMNS_MAX])
{
	const char *p = line.at, *end = line.at + line.size;
	size_t n = 0;

	while (n < FORMAT_COLUMNS_MAX) {
		const char *start, *stop;

		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (p < end && *p == '"') {
			start = ++p;
			while (p < end && (*p != '"' || (p + 1 < end && p[1] == '"')))
				p += *p == '"' ? 2 : 1;
			if (p > end)
				p = end;
			stop = p;
			while (p < end && *p != ',')
				p++;
		} else {
			start = p;
			while (p < end && *p != ',')
				p++;
			stop = p;
		}
		columns[n++] = format_trim((struct format_text){start, (size_t)(stop - start)});
		if (p >= end)
			break;
		p++;
	}
	return n;
}

bool
format_line_header(struct format_text line, int *ret_column, int *ret_port)
{
	/* In order of preference: where several stand in one header, the first here is it. */
	static const char *const addresses[] = {"dst_ip", "dest_ip", "dstip", "ip_address",
	    "ipaddress", "ip", "cidr", "network", "prefix", "address", "src_ip", "ioc_value", "ioc",
	    "indicator"};
	static const char *const ports[] = {"dst_port", "dest_port", "dstport", "port"};
	struct format_text columns[FORMAT_COLUMNS_MAX];
	size_t n = format_line_split(line, columns);
	int column = -1, port = -1;

	if (n < 2)
		return false;
	for (size_t a = 0; a < sizeof addresses / sizeof *addresses && column < 0; a++)
		for (size_t i = 0; i < n && column < 0; i++)
			if (equals(columns[i], addresses[a]))
				column = (int)i;
	for (size_t a = 0; a < sizeof ports / sizeof *ports && port < 0; a++)
		for (size_t i = 0; i < n && port < 0; i++)
			if (equals(columns[i], ports[a]))
				port = (int)i;
	if (column < 0)
		return false;
	*ret_column = column;
	*ret_port = port;
	return true;
}

void
format_line_csv(struct format_reading *reading, struct format_text line)
{
	struct format_text columns[FORMAT_COLUMNS_MAX];
	unsigned port = 0;
	size_t n;

	if (format_line_header(line, &reading->column, &reading->port))
		return;
	n = format_line_split(line, columns);
	if (reading->column < 0 || (size_t)reading->column >= n ||
	    (reading->port >= 0 && ((size_t)reading->port >= n ||
				       (columns[reading->port].size > 0 &&
					   !decimal(columns[reading->port], 65535, &port)))) ||
	    !format_take(reading, columns[reading->column], (uint16_t)port))
		format_bad(reading, line);
}

void
format_line_reputation(struct format_reading *reading, struct format_text line)
{
	struct format_text columns[FORMAT_COLUMNS_MAX];
	const struct format_limits *limits = reading->limits;
	unsigned category, score;

	if (format_line_split(line, columns) != 3 || !decimal(columns[1], 255, &category) ||
	    !decimal(columns[2], 127, &score)) {
		format_bad(reading, line);
		return;
	}
	if ((int)score < limits->score ||
	    (limits->category != 0 && (int)category != limits->category))
		reading->list->filtered++;
	else if (!format_take(reading, columns[0], 0))
		format_bad(reading, line);
}

/* The next field of a rule's head: a word, or all of a [list]. */
static struct format_text
rule_field(struct format_text *rest)
{
	struct format_text text = format_trim(*rest);
	size_t n = 0;
	int depth = 0;

	for (; n < text.size; n++) {
		char c = text.at[n];

		depth += c == '[';
		depth -= c == ']';
		if (depth <= 0 && (c == ' ' || c == '\t' || c == '('))
			break;
	}
	rest->at = text.at + n;
	rest->size = text.size - n;
	text.size = n;
	return text;
}

/* Adds the addresses of a field; returns how many it took. */
static size_t
rule_addresses(struct format_reading *reading, struct format_text field, uint16_t port)
{
	/* Lists nest; from a "!" on to the end of what it stands before, nobody is named. */
	unsigned depth = 0, negated = 0;
	size_t taken = 0;

	for (size_t i = 0, n; i < field.size; i += n) {
		char c = field.at[i];

		for (n = 1; i + n < field.size && !strchr("[],! \t", c) &&
			    !strchr("[],! \t", field.at[i + n]);)
			n++;
		if (c == '!' && negated == 0)
			negated = depth + 1;
		else if (c == '[')
			depth++;
		else if (c == ']' || c == ',') {
			depth -= c == ']' && depth > 0;
			negated = negated > depth ? 0 : negated;
		} else if (negated == 0 && !strchr("$! \t", c) &&
			   format_take(reading, (struct format_text){field.at + i, n}, port))
			taken++;
	}
	return taken;
}

void
format_line_rule(struct format_reading *reading, struct format_text line)
{
	struct format_text rest = line, field[7];
	unsigned sport = 0, dport = 0;

	for (unsigned i = 0; i < 7; i++)
		field[i] = rule_field(&rest);
	/* action proto source port direction destination port */
	if ((!equals(field[4], "->") && !equals(field[4], "<>")) || field[6].size == 0) {
		format_bad(reading, line);
		return;
	}
	if (!decimal(field[3], 65535, &sport))
		sport = 0;
	if (!decimal(field[6], 65535, &dport))
		dport = 0;
	if (rule_addresses(reading, field[2], (uint16_t)sport) +
		rule_addresses(reading, field[5], (uint16_t)dport) ==
	    0)
		format_bad(reading, line);
}
