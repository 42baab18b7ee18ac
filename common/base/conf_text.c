/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/conf_text.h"

#include <stdbool.h>
#include <string.h>

struct cursor {
	char *p;
	unsigned line;
};

static void
blank_line(struct cursor *at)
{
	while (*at->p && *at->p != '\n')
		*at->p++ = ' ';
}

static const char *
blank_block(struct cursor *at)
{
	char *end = strstr(at->p + 2, "*/");

	if (!end)
		return "the comment that begins here has no end; close it with */";
	for (; at->p < end + 2; at->p++)
		if (*at->p == '\n')
			at->line++;
		else
			*at->p = ' ';
	return NULL;
}

static const char *
skip_quoted(struct cursor *at)
{
	char quote = *at->p++;

	for (; *at->p != quote; at->p++) {
		if (*at->p == '\0' || *at->p == '\n')
			return "the quotation mark has no partner on this line";
		if (*at->p == '\\' && at->p[1] && at->p[1] != '\n')
			at->p++;
		if (at->p[0] == '$' && at->p[1] == '{')
			return "${ } is not expanded here; write the value itself";
	}
	at->p++;
	return NULL;
}

static const char *
plain(struct cursor *at, int *depth)
{
	unsigned char c = (unsigned char)*at->p;

	if (c == '{')
		++*depth;
	if (c == '}' && --*depth < 0)
		return "there is a closing brace too many";
	if (c == '$' && at->p[1] == '{')
		return "${ } is not expanded here; write the value itself";
	if (c == '+' && at->p[1] != '=')
		return "a + needs quotation marks: \"swp+\"";
	if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f)
		return "there is a control character; the file is text";
	if (c == '\n')
		at->line++;
	at->p++;
	return NULL;
}

const char *
conf_text_clean(char *text, unsigned *ret_line)
{
	struct cursor at = {text, 1};
	const char *wrong = NULL;
	unsigned open_line = 0;
	int depth = 0;

	/* A byte order mark that an editor left. */
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		memset(text, ' ', 3);
	while (*at.p && !wrong) {
		bool fresh = at.p == text || strchr(" \t\r\n{}=,", at.p[-1]) != NULL;
		int before = depth;

		if (*at.p == '#' || (fresh && at.p[0] == '/' && at.p[1] == '/'))
			blank_line(&at);
		else if (fresh && at.p[0] == '/' && at.p[1] == '*')
			wrong = blank_block(&at);
		else if (*at.p == '"' || *at.p == '\'')
			wrong = skip_quoted(&at);
		else
			wrong = plain(&at, &depth);
		if (depth > before && before == 0)
			open_line = at.line;
	}
	*ret_line = at.line;
	if (!wrong && depth > 0) {
		*ret_line = open_line;
		wrong = "the brace that is opened here is not closed";
	}
	return wrong;
}

/* Edit distance with swaps of neighbours counted as two; names here are short. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[65], m = strlen(a), n = strlen(b);

	if (m > 64 || n > 64)
		return 64;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; i <= m; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

const char *
conf_text_nearest(const char *wrong, const char *const *names, size_t count)
{
	const char *nearest = NULL;
	size_t least = strlen(wrong) / 3 + 1;

	for (size_t i = 0; i < count; i++) {
		size_t d = distance(wrong, names[i]);

		if (d <= least) {
			nearest = names[i];
			least = d ? d - 1 : 0;
			if (d == 0)
				break;
		}
	}
	return nearest;
}
