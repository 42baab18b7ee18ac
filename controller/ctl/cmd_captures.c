/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "common/base/conf.h"
#include "common/tool/filter_text.h"
#include "controller/ctl/ask.h"
#include "controller/ctl/cmd.h"
#include "controller/ctl/headers.h"
#include "controller/ctl/list.h"

static enum text_table_colour
state_colour(enum ctl_capture_state state)
{
	switch (state) {
	case CTL_MIRRORING:
	case CTL_DELIVERED:
		return TEXT_TABLE_GOOD;
	case CTL_REFUSED:
	case CTL_FAILED:
	case CTL_STUCK:
		return TEXT_TABLE_BAD;
	case CTL_ENDED:
		return TEXT_TABLE_FAINT;
	case CTL_REQUESTED:
	case CTL_INSTALLING:
	case CTL_IN_KERNEL:
	case CTL_IN_HARDWARE:
	case CTL_REMOVING:
		break;
	}
	return TEXT_TABLE_PLAIN;
}

void
list_make_state(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_capture *capture = row;

	*ret_colour = state_colour(capture->state);
	snprintf(text, OUT_TEXT_MAX, "%s", ctl_msg_capture_state_name(capture->state));
}

void
list_make_filter(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	(void)ret_colour;
	filter_format(&((const struct ctl_capture *)row)->filter, text);
}

/* A switch that has not answered yet was asked. */
static const char *
hold_says(enum hold hold)
{
	return hold == 0 ? "asked" : order_hold_name(hold);
}

void
list_make_switches(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_capture *capture = row;
	size_t n = 0;

	(void)ret_colour;
	for (uint32_t i = 0; i < capture->holder_count && n < OUT_TEXT_MAX; i++)
		n += (size_t)snprintf(
		    text + n, OUT_TEXT_MAX - n, "%s%s", i ? "," : "", capture->holders[i].name);
}

static json_t *
json_code(enum result code)
{
	return code ? json_pack("{s:i,s:s,s:s}", "code", (int)code, "name", result_name((int)code),
			  "text", result_text((int)code))
		    : json_null();
}

static json_t *
json_holders(const void *row)
{
	const struct ctl_capture *capture = row;
	json_t *array = json_array();

	for (uint32_t i = 0; i < capture->holder_count; i++) {
		const struct ctl_holder *h = &capture->holders[i];

		json_array_append_new(
		    array, json_pack("{s:s,s:s,s:i,s:o,s:s,s:I,s:I,s:I,s:I}", "name", h->name,
			       "state", hold_says(h->hold), "rules", (int)h->rules, "code",
			       json_code(h->code), "text", h->text, "packets",
			       (json_int_t)h->packets, "bytes", (json_int_t)h->bytes, "copied",
			       (json_int_t)h->copied, "dropped", (json_int_t)h->dropped));
	}
	return array;
}

/* A capture that lives and does not copy: what the first switch with a complaint says. */
static const struct ctl_holder *
complaint(const struct ctl_capture *c)
{
	for (uint32_t i = 0; i < c->holder_count; i++)
		if (c->holders[i].text[0] && c->state != CTL_ENDED)
			return &c->holders[i];
	return NULL;
}

void
list_make_why(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_capture *c = row;
	const struct ctl_holder *h = complaint(c);
	const char *code = c->code ? result_text((int)c->code) : "";
	size_t n;

	snprintf(text, OUT_TEXT_MAX, "%s%s%s", c->text[0] ? c->text : code,
	    (c->text[0] || code[0]) && c->reason[0] ? "; " : "", c->reason);
	n = strlen(text);
	if (h == NULL)
		return;
	*ret_colour = TEXT_TABLE_WARN;
	snprintf(text + n, OUT_TEXT_MAX - n, "%s%s: %s", n ? "; " : "", h->name, h->text);
}

/* An estimate shows its error; the counters of the rules need none. */
static void
make_rate(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_capture *c = row;
	char rate[TEXT_TABLE_UNIT_MAX];

	(void)ret_colour;
	text_table_rate(c->est_bps, rate);
	if (c->measured)
		snprintf(text, OUT_TEXT_MAX, "%s", rate);
	else if (c->est_samples > 0)
		snprintf(text, OUT_TEXT_MAX, "%s ±%u%%", rate, c->est_error);
}

/* What led to it: "3 samples: 30000 packets and 1.2 Mbit/s, ±113%". */
static void
make_seen(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_capture *c = row;
	char rate[TEXT_TABLE_UNIT_MAX];

	(void)ret_colour;
	if (c->est_samples > 0)
		snprintf(text, OUT_TEXT_MAX, "%u sample%s: %" PRIu64 " packets and %s, ±%u%%",
		    c->est_samples, c->est_samples == 1 ? "" : "s", c->est_packets,
		    text_table_rate(c->first_bps, rate), c->est_error);
}

static json_t *
json_from(const void *row)
{
	const struct ctl_capture *c = row;

	return c->measured          ? json_string("counters")
	       : c->est_samples > 0 ? json_string("samples")
	       : c->est_bps > 0     ? json_string("limit")
				    : json_null();
}

#define C(key, title, kind, name)                                                                  \
	{                                                                                          \
		key, title, kind, OUT_FIELD(ctl_capture, name), NULL, NULL                         \
	}
#define ESTIMATE                                                                                   \
	C("estimated_bps", NULL, OUT_NUMBER, est_bps),                                             \
	    {"estimate_from", NULL, OUT_JSON, 0, 0, make_rate, json_from},                         \
	    C("estimated_packets", NULL, OUT_NUMBER, est_packets),                                 \
	    C("estimate_samples", NULL, OUT_NUMBER, est_samples),                                  \
	    C("estimate_error_percent", NULL, OUT_NUMBER, est_error)
#define JSON_ONLY                                                                                  \
	C("manual", NULL, OUT_BOOL, manual), C("by", NULL, OUT_TEXT, by),                          \
	    C("reason", NULL, OUT_TEXT, reason), C("code", NULL, OUT_CODE, code),                  \
	    C("text", NULL, OUT_TEXT, text), C("analyser", NULL, OUT_TEXT, analyser),              \
	    C("to", NULL, OUT_ADDR, to), C("session", NULL, OUT_NUMBER, session),                  \
	    C("lease_ms", NULL, OUT_NUMBER, lease_ms), C("idle_ms", NULL, OUT_NUMBER, idle_ms),    \
	    C("max_packets", NULL, OUT_NUMBER, max_packets),                                       \
	    C("max_bytes", NULL, OUT_NUMBER, max_bytes)
static const struct out_column list_columns[] = {
    C("id", "ID", OUT_NUMBER, id),
    {"state", "STATE", OUT_MAKE, 0, 0, list_make_state, NULL},
    C("age_ms", "AGE", OUT_MS, age_ms),
    C("left_ms", "LEFT", OUT_LEFT, left_ms),
    {NULL, "RATE", OUT_MAKE, 0, 0, make_rate, NULL},
    C("packets", "PACKETS", OUT_NUMBER, packets),
    C("bytes", "BYTES", OUT_BYTES, bytes),
    ESTIMATE,
    {NULL, "SWITCHES", OUT_MAKE, 0, 0, list_make_switches, NULL},
    {"switches", NULL, OUT_JSON, 0, 0, list_make_switches, json_holders},
    C(NULL, "BY", OUT_TEXT, by),
    {"filter", "FILTER", OUT_MAKE, 0, 0, list_make_filter, NULL},
    {NULL, "WHY", OUT_MAKE, 0, 0, list_make_why, NULL},
    JSON_ONLY,
    {.kind = OUT_END},
};

static void
make_analyser(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_capture *c = row;
	char addr[ADDR_TEXT_MAX];

	(void)ret_colour;
	snprintf(text, OUT_TEXT_MAX, "%s (%s), session %u", c->analyser, addr_format(&c->to, addr),
	    c->session);
}

static void
make_limits(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_capture *c = row;
	char unit[TEXT_TABLE_UNIT_MAX];
	size_t n = 0;

	(void)ret_colour;
	if (c->idle_ms)
		n += (size_t)snprintf(
		    text, OUT_TEXT_MAX, "idle for %s", text_table_age(c->idle_ms, unit));
	if (c->max_packets)
		n += (size_t)snprintf(text + n, OUT_TEXT_MAX - n, "%s%" PRIu64 " packets",
		    n ? ", " : "", c->max_packets);
	if (c->max_bytes)
		snprintf(text + n, OUT_TEXT_MAX - n, "%s%s", n ? ", " : "",
		    text_table_bytes(c->max_bytes, unit));
}

static const struct out_column show_columns[] = {
    C("id", "capture", OUT_NUMBER, id),
    {"filter", "filter", OUT_MAKE, 0, 0, list_make_filter, NULL},
    {"state", "state", OUT_MAKE, 0, 0, list_make_state, NULL},
    C(NULL, "because", OUT_CODE, code),
    C(NULL, "says", OUT_TEXT, text),
    C(NULL, "by", OUT_TEXT, by),
    C(NULL, "reason", OUT_TEXT, reason),
    {NULL, "analyser", OUT_MAKE, 0, 0, make_analyser, NULL},
    C("age_ms", "age", OUT_MS, age_ms),
    C("left_ms", "left", OUT_LEFT, left_ms),
    {NULL, "ends at", OUT_MAKE, 0, 0, make_limits, NULL},
    {NULL, "seen", OUT_MAKE, 0, 0, make_seen, NULL},
    {NULL, "rate", OUT_MAKE, 0, 0, make_rate, NULL},
    C("packets", "packets", OUT_NUMBER, packets),
    C("bytes", "bytes", OUT_BYTES, bytes),
    ESTIMATE,
    {"switches", NULL, OUT_JSON, 0, 0, list_make_switches, json_holders},
    JSON_ONLY,
    {.kind = OUT_END},
};
#undef JSON_ONLY
#undef ESTIMATE
#undef C

static void
make_hold(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_holder *holder = row;

	if (holder->hold == HOLD_FAILED || holder->hold == HOLD_STUCK)
		*ret_colour = TEXT_TABLE_BAD;
	if (holder->hold == HOLD_MIRRORING)
		*ret_colour = TEXT_TABLE_GOOD;
	snprintf(text, OUT_TEXT_MAX, "%s", hold_says(holder->hold));
}

#define H(title, kind, name)                                                                       \
	{                                                                                          \
		NULL, title, kind, OUT_FIELD(ctl_holder, name), NULL, NULL                         \
	}
static const struct out_column holder_columns[] = {
    H("SWITCH", OUT_TEXT, name),
    {NULL, "STATE", OUT_MAKE, 0, 0, make_hold, NULL},
    H("RULES", OUT_NUMBER, rules),
    H("PACKETS", OUT_NUMBER, packets),
    H("BYTES", OUT_BYTES, bytes),
    H("COPIED", OUT_NUMBER, copied),
    H("DROPPED", OUT_NUMBER, dropped),
    H("ERROR", OUT_CODE, code),
    H("SAYS", OUT_TEXT, text),
    {.kind = OUT_END},
};
#undef H

int
list_captures(struct ctl *ctl, bool all)
{
	struct ctl_request request = {.verb = CTL_CAPTURES, .all = all};

	return list_rows(ctl, &request, CTL_ROW_CAPTURE, list_columns, "captures",
	    all ? "nothing was captured yet"
		: "nothing is captured; finderscopectl captures --all shows what was");
}

int
cmd_captures(struct ctl *ctl)
{
	return list_captures(ctl, ctl->value[CTL_OPT_ALL] != NULL);
}

struct show {
	struct ctl *ctl;
	bool seen;
};

static int
take_show(void *user, enum ctl_row kind, const void *row)
{
	struct show *show = user;
	const struct ctl_capture *capture = row;

	if (kind != CTL_ROW_CAPTURE || show->seen)
		return 0;
	show->seen = true;
	out_one(&show->ctl->out, show_columns, capture);
	if (show->ctl->json || capture->holder_count == 0)
		return 0;
	fputc('\n', show->ctl->out.file);
	out_begin(&show->ctl->out, holder_columns);
	for (uint32_t i = 0; i < capture->holder_count; i++)
		out_row(&show->ctl->out, &capture->holders[i]);
	out_end(&show->ctl->out, "switches", NULL);
	return 0;
}

int
cmd_capture_show(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_CAPTURES};
	struct show show = {.ctl = ctl};
	const char *path = ctl->value[CTL_OPT_PCAP];
	int r = list_number(ctl, "capture", ctl->args[0], UINT64_MAX, &request.id), count;

	if (r == CTL_EXIT_OK && path) {
		count = headers_write(ctl, request.id, path);
		if (count < 0 || strcmp(path, "-") == 0)
			return count < 0 ? -count : CTL_EXIT_OK;
		fprintf(stderr, "%d sampled header%s in %s\n", count, count == 1 ? "" : "s", path);
	}
	if (r == CTL_EXIT_OK)
		r = ask(ctl, &request, take_show, &show, NULL);
	if (r == CTL_EXIT_OK && !show.seen)
		return ask_fail(ctl, CTL_EXIT_REFUSED, RESULT_NOT_FOUND,
		    "there is no capture %" PRIu64 "; finderscopectl captures --all lists them",
		    request.id);
	return r;
}

static void
make_rule(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_plan *plan = row;
	const struct filter_match *m = &plan->match;
	struct filter filter = {
	    .a = m->src,
	    .b = m->dst,
	    .a_port = m->src_port,
	    .b_port = m->dst_port,
	    .has_proto = m->has_proto,
	    .proto = m->proto,
	    .one_way = true,
	};

	(void)ret_colour;
	text[0] = '\0';
	if (plan->code == RESULT_OK && m->src.addr.family) {
		memcpy(filter.iface, m->iface, sizeof filter.iface);
		filter_format(&filter, text);
	}
}

static void
make_plan_rules(const void *row, char text[OUT_TEXT_MAX], enum text_table_colour *ret_colour)
{
	const struct ctl_plan *plan = row;

	(void)ret_colour;
	if (plan->rules_max)
		snprintf(text, OUT_TEXT_MAX, "%u of %u", plan->rules, plan->rules_max);
	else if (plan->code == RESULT_OK)
		snprintf(text, OUT_TEXT_MAX, "%u", plan->rules);
}

#define P(key, title, kind, name)                                                                  \
	{                                                                                          \
		key, title, kind, OUT_FIELD(ctl_plan, name), NULL, NULL                            \
	}
static const struct out_column plan_columns[] = {
    P("switch", "SWITCH", OUT_TEXT, name),
    {NULL, "RULES NOW", OUT_MAKE, 0, 0, make_plan_rules, NULL},
    P("rules", NULL, OUT_NUMBER, rules),
    P("rules_max", NULL, OUT_NUMBER, rules_max),
    {"rule", "NEW RULE", OUT_MAKE, 0, 0, make_rule, NULL},
    P("code", "REFUSED", OUT_CODE, code),
    P("text", "SAYS", OUT_TEXT, text),
    {.kind = OUT_END},
};
#undef P

static int
size_option(struct ctl *ctl, enum ctl_option option, int (*parse)(const char *, int64_t *),
    const char *right, uint64_t *ret_number)
{
	const char *text = ctl->value[option];
	int64_t number;

	if (text == NULL)
		return CTL_EXIT_OK;
	if (parse(text, &number) < 0 || number <= 0)
		return ask_fail(
		    ctl, CTL_EXIT_USAGE, RESULT_BAD_REQUEST, "\"%.40s\" is no %s", text, right);
	*ret_number = (uint64_t)number;
	return CTL_EXIT_OK;
}

/* The filter may be one argument or many: people forget the quotes. */
static int
take_filter(struct ctl *ctl, struct filter *ret_filter)
{
	char text[FILTER_TEXT_INPUT_MAX + 2] = "", message[1024];
	struct filter_text_error error;
	size_t n = 0;

	for (unsigned i = 0; i < ctl->arg_count && n < sizeof text; i++)
		n +=
		    (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", ctl->args[i]);
	if (filter_text_parse(text, ret_filter, &error) == 0)
		return CTL_EXIT_OK;
	filter_text_caret(text, &error, message, sizeof message);
	return ask_fail(
	    ctl, CTL_EXIT_USAGE, RESULT_BAD_FILTER, "the filter cannot be a rule\n%s", message);
}

static int
take_start(struct ctl *ctl, struct ctl_start *start)
{
	int r = take_filter(ctl, &start->filter);

	start->dry_run = ctl->value[CTL_OPT_DRY_RUN] != NULL;
	if (r == CTL_EXIT_OK)
		r = list_copy(ctl, "--on", ctl->value[CTL_OPT_ON], start->on, sizeof start->on);
	if (r == CTL_EXIT_OK)
		r = list_copy(ctl, "--to", ctl->value[CTL_OPT_TO], start->to, sizeof start->to);
	if (r == CTL_EXIT_OK)
		r = list_copy(ctl, "--why", ctl->value[CTL_OPT_WHY], start->why, sizeof start->why);
	if (r == CTL_EXIT_OK)
		r = list_duration(ctl, "--for", ctl->value[CTL_OPT_FOR], &start->for_ms);
	if (r == CTL_EXIT_OK)
		r = list_duration(ctl, "--idle", ctl->value[CTL_OPT_IDLE], &start->idle_ms);
	if (r == CTL_EXIT_OK)
		r = list_number(
		    ctl, "--packets", ctl->value[CTL_OPT_PACKETS], INT64_MAX, &start->max_packets);
	if (r == CTL_EXIT_OK)
		r = size_option(
		    ctl, CTL_OPT_BYTES, conf_parse_size, "size: 64K, 32M, 2G", &start->max_bytes);
	if (r == CTL_EXIT_OK)
		r = size_option(
		    ctl, CTL_OPT_RATE, conf_parse_rate, "rate: 500K, 20M, 1G", &start->max_bps);
	return r;
}

int
cmd_capture_start(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_CAPTURE_START};
	struct ctl_result result;
	int r = take_start(ctl, &request.start);

	if (r != CTL_EXIT_OK)
		return r;
	if (request.start.dry_run)
		return list_rows(ctl, &request, CTL_ROW_PLAN, plan_columns, "plan",
		    "no switch would hold a rule");
	r = ask(ctl, &request, NULL, NULL, &result);
	if (r != CTL_EXIT_OK)
		return r;
	if (ctl->json)
		out_print(&ctl->out,
		    json_pack("{s:I,s:s}", "id", (json_int_t)result.id, "text", result.text));
	else
		fprintf(ctl->out.file, "capture %" PRIu64 "%s%s\n", result.id,
		    result.text[0] ? ": " : "", result.text);
	return r;
}

int
cmd_capture_stop(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_CAPTURE_STOP};
	json_t *stopped = json_array();
	int r = CTL_EXIT_OK, worst = CTL_EXIT_OK;

	ctl->held = json_array();
	/* All are looked at before any is stopped; one that is refused does not spare the others.
	 */
	for (unsigned i = 0; r == CTL_EXIT_OK && i < ctl->arg_count; i++)
		r = list_number(ctl, "capture", ctl->args[i], UINT64_MAX, &request.id);
	for (unsigned i = 0; r == CTL_EXIT_OK && i < ctl->arg_count; i++) {
		(void)list_number(ctl, "capture", ctl->args[i], UINT64_MAX, &request.id);
		r = ask(ctl, &request, NULL, NULL, NULL);
		if (r == CTL_EXIT_OK && ctl->json)
			json_array_append_new(stopped, json_integer((json_int_t)request.id));
		else if (r == CTL_EXIT_OK)
			fprintf(ctl->out.file, "capture %" PRIu64 " stops\n", request.id);
		if (r == CTL_EXIT_REFUSED) {
			worst = r;
			r = CTL_EXIT_OK;
		}
	}
	if (ctl->json)
		out_print(
		    &ctl->out, json_array_size(ctl->held)
				   ? json_pack("{s:O,s:O}", "stopped", stopped, "errors", ctl->held)
				   : json_pack("{s:O}", "stopped", stopped));
	json_decref(stopped);
	json_decref(ctl->held);
	ctl->held = NULL;
	return r == CTL_EXIT_OK ? worst : r;
}

int
cmd_capture_extend(struct ctl *ctl)
{
	struct ctl_request request = {.verb = CTL_CAPTURE_EXTEND};
	int r = list_number(ctl, "capture", ctl->args[0], UINT64_MAX, &request.id);

	if (r == CTL_EXIT_OK)
		r = list_duration(ctl, "--for", ctl->value[CTL_OPT_FOR], &request.for_ms);
	return r ? r : list_do(ctl, &request, "extended");
}
