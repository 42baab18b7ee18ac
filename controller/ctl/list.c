/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "controller/ctl/list.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "controller/ctl/ask.h"

struct list {
	struct ctl *ctl;
	enum ctl_row kind;
	const struct out_column *columns;
	bool one, seen;
};

static int
take_row(void *user, enum ctl_row kind, const void *row)
{
	struct list *list = user;

	if (kind != list->kind)
		return 0;
	if (!list->one)
		out_row(&list->ctl->out, row);
	else if (!list->seen)
		out_one(&list->ctl->out, list->columns, row);
	list->seen = true;
	return 0;
}

int
list_rows(struct ctl *ctl, struct ctl_request *request, enum ctl_row kind,
    const struct out_column *columns, const char *name, const char *none)
{
	struct list list = {.ctl = ctl, .kind = kind, .columns = columns};
	int r;

	out_begin(&ctl->out, columns);
	r = ask(ctl, request, take_row, &list, NULL);
	if (r == CTL_EXIT_OK)
		out_end(&ctl->out, name, none);
	else
		json_decref(out_take(&ctl->out));
	return r;
}

int
list_rows_said(struct ctl *ctl, struct ctl_request *request, enum ctl_row kind,
    const struct out_column *columns, const char *name, const char *key)
{
	struct list list = {.ctl = ctl, .kind = kind, .columns = columns};
	struct ctl_result result;
	int r;

	out_begin(&ctl->out, columns);
	r = ask(ctl, request, take_row, &list, &result);
	if (r != CTL_EXIT_OK)
		json_decref(out_take(&ctl->out));
	else if (ctl->json)
		out_print(
		    &ctl->out, json_pack("{s:o,s:s}", name, out_take(&ctl->out), key, result.text));
	else {
		out_end(&ctl->out, name, NULL);
		fprintf(ctl->out.file, "%s\n", result.text);
	}
	return r;
}

int
list_one(struct ctl *ctl, struct ctl_request *request, enum ctl_row kind,
    const struct out_column *columns, const char *missing)
{
	struct list list = {.ctl = ctl, .kind = kind, .columns = columns, .one = true};
	int r = ask(ctl, request, take_row, &list, NULL);

	if (r == CTL_EXIT_OK && !list.seen)
		return ask_fail(ctl, CTL_EXIT_REFUSED, RESULT_NOT_FOUND, "%s", missing);
	return r;
}

int
list_do(struct ctl *ctl, struct ctl_request *request, const char *done)
{
	struct ctl_result result;
	int r = ask(ctl, request, NULL, NULL, &result);

	if (r != CTL_EXIT_OK)
		return r;
	if (ctl->json)
		out_print(&ctl->out, json_pack("{s:s,s:s}", "result", "OK", "text",
					 result.text[0] ? result.text : done));
	else
		fprintf(ctl->out.file, "%s\n", result.text[0] ? result.text : done);
	return r;
}

int
list_copy(struct ctl *ctl, const char *what, const char *word, char *to, size_t size)
{
	if (word == NULL)
		return CTL_EXIT_OK;
	if (strlen(word) >= size || *word == '\0')
		return ask_fail(ctl, CTL_EXIT_USAGE, RESULT_BAD_REQUEST,
		    "%s: \"%.40s\" has 1 to %zu characters", what, word, size - 1);
	snprintf(to, size, "%s", word);
	return CTL_EXIT_OK;
}

int
list_number(struct ctl *ctl, const char *what, const char *word, uint64_t max, uint64_t *ret_number)
{
	uint64_t number;
	char *end;

	if (word == NULL)
		return CTL_EXIT_OK;
	errno = 0;
	number = strtoull(word, &end, 10);
	if (!isdigit((unsigned char)word[0]) || *end || errno || number == 0 || number > max)
		return ask_fail(ctl, CTL_EXIT_USAGE, RESULT_BAD_REQUEST,
		    "%s: \"%.40s\" is no number from 1 to %" PRIu64, what, word, max);
	*ret_number = number;
	return CTL_EXIT_OK;
}

int
list_duration(struct ctl *ctl, const char *what, const char *word, uint64_t *ret_ms)
{
	int64_t ns;

	if (word == NULL)
		return CTL_EXIT_OK;
	if (clk_parse_duration(word, &ns) < 0 || ns < CLK_MS)
		return ask_fail(ctl, CTL_EXIT_USAGE, RESULT_BAD_REQUEST,
		    "%s: \"%.40s\" is no duration: 90s, 10m, 1h30m", what, word);
	*ret_ms = (uint64_t)(ns / CLK_MS);
	return CTL_EXIT_OK;
}
