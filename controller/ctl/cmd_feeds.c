/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/base/conf.h"
#include "common/base/result.h"
#include "controller/ctl/ask.h"
#include "controller/ctl/cmd.h"
#include "controller/ctl/list.h"

static void
make_state(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_feed *feed = row;

	*ret_colour = feed->failures ? TEXT_TABLE_BAD : TEXT_TABLE_GOOD;
	snprintf(text, OUT_TEXT_MAX, "%s", feed->state);
}

#define F(key, title, kind, name)                                                                  \
	{                                                                                          \
		key, title, kind, OUT_FIELD(ctl_feed, name), NULL, NULL                            \
	}
static const struct out_column list_columns[] = {
    F("name", "FEED", OUT_TEXT, name),
    {"state", "STATE", OUT_MAKE, 0, 0, make_state, NULL},
    F("entries", NULL, OUT_NUMBER, entries),
    F("entries4", "IPV4", OUT_NUMBER, entries4),
    F("entries6", "IPV6", OUT_NUMBER, entries6),
    F("bad_lines", "BAD LINES", OUT_NUMBER, bad_lines),
    F("sightings", "SIGHTINGS", OUT_NUMBER, sightings),
    F("age_ms", "AGE", OUT_LEFT, age_ms),
    F("next_ms", "NEXT", OUT_LEFT, next_ms),
    F("interval_ms", NULL, OUT_MS, interval_ms),
    F("failures", NULL, OUT_NUMBER, failures),
    F("revision", "VERSION", OUT_TEXT, revision),
    F("url", "FROM", OUT_TEXT, url),
    F("text", "SAYS", OUT_TEXT, text),
    {.kind = OUT_END},
};
static const struct out_column show_columns[] = {
    F("name", "feed", OUT_TEXT, name),
    F("url", "from", OUT_TEXT, url),
    {"state", "state", OUT_MAKE, 0, 0, make_state, NULL},
    F("text", "says", OUT_TEXT, text),
    F("failures", "failures in a row", OUT_NUMBER, failures),
    F("entries", "entries", OUT_NUMBER, entries),
    F("entries4", "of them IPv4", OUT_NUMBER, entries4),
    F("entries6", "of them IPv6", OUT_NUMBER, entries6),
    F("bad_lines", "bad lines", OUT_NUMBER, bad_lines),
    F("sightings", "sightings", OUT_NUMBER, sightings),
    F("revision", "version", OUT_TEXT, revision),
    F("age_ms", "age", OUT_LEFT, age_ms),
    F("next_ms", "next try in", OUT_LEFT, next_ms),
    F("interval_ms", "interval", OUT_LEFT, interval_ms),
    {.kind = OUT_END},
};
#undef F

int
cmd_feeds(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_FEEDS};

	return list_rows(ctl, &request, CTL_ROW_FEED, list_columns, "feeds",
	    "no feed is configured; add one to the controller's configuration");
}

int
cmd_feed(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_FEEDS};
	char missing[CTL_TEXT_MAX];
	int r = list_copy(ctl, "feed", ctl->args[0], request.name, sizeof request.name);

	if (r != CTL_EXIT_OK)
		return r;
	if (ctl->arg_count == 2) {
		request.all = strncmp("confirm", ctl->args[1], strlen(ctl->args[1])) == 0;
		if (!request.all && strncmp("refresh", ctl->args[1], strlen(ctl->args[1])) != 0)
			return ask_fail(ctl, CTL_EXIT_USAGE, RESULT_BAD_REQUEST,
			    "feed %s: \"%.40s\" is no word here; refresh and confirm are",
			    request.name, ctl->args[1]);
		request.verb = CTL_FEED_REFRESH;
		return list_do(ctl, &request, "it is fetched now");
	}
	snprintf(missing, sizeof missing,
	    "there is no feed \"%s\"; finderscopectl feeds lists them", request.name);
	return list_one(ctl, &request, CTL_ROW_FEED, show_columns, missing);
}

static void
make_entry(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_match *match = row;
	size_t n;

	(void)ret_colour;
	prefix_format(&match->prefix, text);
	n = strlen(text);
	if (match->port)
		snprintf(text + n, OUT_TEXT_MAX - n, " port %u", match->port);
}

static void
make_prefix(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	(void)ret_colour;
	prefix_format(&((const struct ctl_match *)row)->prefix, text);
}

#define M(key, title, kind, name)                                                                  \
	{                                                                                          \
		key, title, kind, OUT_FIELD(ctl_match, name), NULL, NULL                           \
	}
static const struct out_column match_columns[] = {
    M("list", "LIST", OUT_TEXT, list),
    M("kind", "KIND", OUT_TEXT, kind),
    {NULL, "ENTRY", OUT_MAKE, 0, 0, make_entry, NULL},
    {"prefix", NULL, OUT_MAKE, 0, 0, make_prefix, NULL},
    M("port", NULL, OUT_NUMBER, port),
    M("sightings", "SIGHTINGS", OUT_NUMBER, sightings),
    M("text", "SAYS", OUT_TEXT, text),
    {.kind = OUT_END},
};
#undef M

static void
make_passed(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_step *step = row;

	*ret_colour = step->passed ? TEXT_TABLE_GOOD : TEXT_TABLE_BAD;
	snprintf(text, OUT_TEXT_MAX, "%s", step->passed ? "yes" : "no");
}

/* Why, and what that comes to where the words do not say it. */
static void
make_because(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_step *step = row;
	const char *code = step->code ? result_text((int)step->code) : "";

	(void)ret_colour;
	if (strcmp(step->text, code) == 0)
		code = "";
	snprintf(
	    text, OUT_TEXT_MAX, "%s%s%s", step->text, step->text[0] && code[0] ? ": " : "", code);
}

#define S(key, title, kind, name)                                                                  \
	{                                                                                          \
		key, title, kind, OUT_FIELD(ctl_step, name), NULL, NULL                            \
	}
static const struct out_column step_columns[] = {
    S("step", "STEP", OUT_TEXT, name),
    {NULL, "PASSED", OUT_MAKE, 0, 0, make_passed, NULL},
    S("passed", NULL, OUT_BOOL, passed),
    {NULL, "BECAUSE", OUT_MAKE, 0, 0, make_because, NULL},
    S("text", NULL, OUT_TEXT, text),
    S("code", NULL, OUT_CODE, code),
    {.kind = OUT_END},
};
#undef S

static int
take_addr(struct ctl *ctl, const char *word, struct addr *ret_addr)
{
	if (word == NULL || addr_parse(word, ret_addr) == 0)
		return CTL_EXIT_OK;
	return ask_fail(ctl, CTL_EXIT_USAGE, RESULT_BAD_REQUEST,
	    "\"%.60s\" is no address: 192.0.2.1 or 2001:db8::1; names are not looked up", word);
}

/* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; --port says it as well. */
static int
take_remote(struct ctl *ctl, const char *word, struct addr *ret_addr, uint16_t *ret_port)
{
	uint64_t port = 0;
	int r = list_number(ctl, "--port", ctl->value[CTL_OPT_PORT], 65535, &port);

	*ret_port = (uint16_t)port;
	if (r != CTL_EXIT_OK || conf_parse_endpoint(word, ret_addr, ret_port) == 0)
		return r;
	return take_addr(ctl, word, ret_addr);
}

int
cmd_lookup(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_LOOKUP};
	int r = take_remote(ctl, ctl->args[0], &request.addr, &request.port);

	return r ? r
		 : list_rows_said(
		       ctl, &request, CTL_ROW_MATCH, match_columns, "matches", "verdict");
}

int
cmd_explain(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_EXPLAIN};
	const char *local = ctl->arg_count == 2 ? ctl->args[0] : ctl->value[CTL_OPT_WITH];
	int r =
	    take_remote(ctl, ctl->args[ctl->arg_count == 2 ? 1 : 0], &request.addr, &request.port);

	uint64_t vni = 0;

	if (r == CTL_EXIT_OK)
		r = take_addr(ctl, local, &request.other);
	if (r == CTL_EXIT_OK)
		r = list_copy(
		    ctl, "--from", ctl->value[CTL_OPT_FROM], request.name, sizeof request.name);
	if (r == CTL_EXIT_OK)
		r = list_number(ctl, "--vni", ctl->value[CTL_OPT_VNI], (1 << 24) - 1, &vni);
	request.vni = (uint32_t)vni;
	return r ? r
		 : list_rows(ctl, &request, CTL_ROW_STEP, step_columns, "steps",
		       "the controller had nothing to say");
}
